"""What is proposed over HTTP: the rest of a campaign planned again from where it stands."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from xbopt.agents.planner.replanning import replanning_around
from xbopt.campaigns.planned_days import PlannedDays
from xbopt.campaigns.record import CampaignRecord
from xbopt.campaigns.tracking.tracker import Tracked
from xbopt.core.decisions.feasibility import project


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposing:
    """Days that are proposed, and what is said of them.

    Attributes:
        days: The days.
        figures: As JSON.
    """

    days: PlannedDays
    figures: bytes


Proposer = Callable[[CampaignRecord, Tracked, int, int], Proposing]
"""Proposes days from one up to another that is left out, by the record and the morning of the first of them."""


def planned_again(record: CampaignRecord, tracked: Tracked, first_day: int, end_day: int) -> Proposing:
    """The plan moved to where results say it should be, within what is left; prices and dayparts stay as planned.

    Args:
        record: The campaign.
        tracked: Where it stands on the morning of the first day.
        first_day: The first day.
        end_day: The day after the last one.
    """
    limits, left = record.scenario.limits, record.ledger.remaining(first_day, end_day)
    planned = PlannedDays.of(record.plan, first_day, end_day)
    observation = replace(tracked.observe(), remaining=record.ledger.remaining(first_day, record.scenario.days))
    wanted = replanning_around(tracked.market, record.plan).spend_ahead(observation)[0][: end_day - first_day]
    spend = np.empty_like(planned.spend_base)
    cut = 0.0
    for n in range(len(spend)):
        asked = PlannedDays(
            first_day=first_day + n,
            spend_base=wanted[[n]],
            daypart_weights=planned.daypart_weights,
            discount_frac=planned.discount_frac[[n]],
            mechanic=planned.mechanic[[n]],
        )
        done, changes = project(asked.decision(first_day + n), limits, left)
        left, spend[n] = left.after(done.spend_base), done.spend_base[0]
        cut += float(changes.cut_base[0])
    days = PlannedDays(
        first_day=first_day,
        spend_base=spend,
        daypart_weights=planned.daypart_weights,
        discount_frac=planned.discount_frac,
        mechanic=planned.mechanic,
    )
    figures = {
        "planned_base": float(planned.spend_base.sum()),
        "proposed_base": float(spend.sum()),
        "cut_base": cut,
        "moved_base": float(np.abs(spend - planned.spend_base).sum()) / 2.0,
    }
    return Proposing(days=days, figures=msgspec.json.encode(figures))
