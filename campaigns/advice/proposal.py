"""What to do next: today's decision of a policy, or the rest of a plan re-planned from where the campaign stands."""

from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.advice.gain import Gain, Gains, gains_of
from xbopt.campaigns.advice.moves import Move, Reason, moves_between, reasons_of_all
from xbopt.campaigns.days_ahead import Cut, DaysAhead, free_ledger, whole_plan
from xbopt.campaigns.standing import Standing
from xbopt.campaigns.tracking.tracker import Tracked
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.decisions.policy import DrawsItself, Policy
from xbopt.core.randomness import named_generator
from xbopt.env.rollout import Choice, Chooser

ProposalKind = Literal["replanned", "decided", "carry_on"]
_ROUNDING = 1e-6
"""Share of the money that is left below which a gain is what rounding makes of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbookable:
    """What of a proposal cannot be booked as it stands, by ``budget.bookable``.

    Attributes:
        cells: Channels in regions on days that spend something, and less than must be spent.
        money_base: What they spend.
        least_base: What must be spent a day, or nothing.
    """

    cells: int
    money_base: float
    least_base: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFigures:
    """What there is to say of a proposal; money in base currency.

    Attributes:
        kind: ``replanned``: the plan was solved again. ``decided``: a policy decided. ``carry_on``: what was found is
            not better than carrying on, so that is proposed; never in place of what a policy drew.
        policy: The policy; empty where a plan was re-planned.
        anew: Whether the market was planned from nothing first, deals with it; else money was moved around the plan
            that the campaign has.
        first_day: First day that is proposed.
        end_day: The day after the last one.
        knows_until: Number of days that were known.
        planned_base: What carrying on spends on these days.
        proposed_base: What is proposed.
        left_base: What these days may spend at most.
        gains: Of what was found over carrying on, to the end of the campaign; where carrying on is proposed this is
            what was found wanting.
        worlds: Worlds that it was compared in.
        moves: Largest first.
        reasons: What holds for all of it.
        cut: What the limits changed of what was found.
        unbookable: None where all can be booked as far as least amounts go.
    """

    kind: ProposalKind
    policy: str
    first_day: int
    end_day: int
    knows_until: int
    planned_base: float
    proposed_base: float
    left_base: float
    gains: Gains
    worlds: int
    moves: tuple[Move, ...]
    reasons: tuple[Reason, ...]
    cut: Cut
    unbookable: Unbookable | None
    anew: bool = False

    def to_json(self) -> bytes:
        """As JSON; the same figures have the same bytes."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, content: bytes) -> "ProposalFigures":
        """Read what ``to_json`` wrote.

        Raises:
            msgspec.DecodeError: It is something else.
        """
        return msgspec.json.decode(content, type=cls)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedDays:
    """What is proposed.

    Attributes:
        days: The decisions.
        figures: What there is to say of them.
        choice: What the policy drew for the first day, with propensities; None where nothing is drawn, or carrying on
            is proposed.
        around: The new plan that it was found from, all days; None where that is the campaign's own.
    """

    days: PlannedDays
    figures: ProposalFigures
    choice: Choice | None = None
    around: PlannedDays | None = None


def propose(
    standing: Standing,
    *,
    first_day: int,
    end_day: int,
    policy: Policy | None = None,
    seed: int = 0,
    this_day: int | None = None,
    anew: bool = False,
) -> ProposedDays:
    """Propose some days.

    Without a policy the rest of the plan is solved again with all the money that is left for it, and these days are
    taken from it; later ones stay as they are. It is solved around the plan that the campaign began with, or was
    planned from anew: around a plan that holds what was learnt before, the same would count again. A policy decides the
    first day as it would in the simulator, and the days after by playing it forward in the seller's model. What comes
    out is brought within the limits, and compared with carrying on in the worlds of the posterior.

    Args:
        standing: Where the campaign stands.
        first_day: First day that is proposed, from 0.
        end_day: The day after the last one.
        policy: Decides; None solves the plan again.
        seed: Seed of what a policy draws; its stream is named by campaign and proposal.
        this_day: Today by the calendar, as a day of the horizon; days before it are over. None asks no clock.
        anew: Plan the whole market from nothing, and solve around that plan; takes as long as ``xbopt plan``.

    Raises:
        CampaignError: The campaign is closed, or the days are over, none, or none of the campaign's.
        PolicyError: The policy's probabilities are no distribution.
        DecisionError: The policy's decision does not fit the campaign.
    """
    record, market = standing.record, standing.market
    record.check_days(first_day, end_day, this_day)
    carry = standing.carry
    before = _followed(standing.tracked, carry, first_day)
    left = free_ledger(record, first_day, end_day)
    ahead = DaysAhead(market, before.state, first_day, left)
    choice: Choice | None = None
    around = record.around
    if policy is None:
        if anew:
            # Parts of the day hold for all days of a campaign, those that are over too.
            around = replace(built_in_policy("planner", market), daypart_weights=record.plan.daypart_weights)
        for decision in _replanned(standing, before, end_day, around):
            ahead.put(decision)
    else:
        stream = f"campaign/{record.name}/{record.next_proposal}"
        chooser = Chooser(
            market, policy, seed=int(named_generator(seed, stream).integers(2**62)), worlds=np.zeros(1, dtype=np.int64)
        )
        choice = _played_forward(before, chooser, ahead, end_day)
    found, cut = ahead.made()
    planned = _part(carry, first_day, end_day)
    base, other = whole_plan(record, carry), whole_plan(record, carry, found)
    gains = gains_of(standing, base, [other])[0]
    # What was drawn is not thrown away for what was drawn: a log of what is left would lie about the chances.
    drawn = choice is not None or (isinstance(policy, DrawsItself) and policy.draws_itself)
    worse = not drawn and not _brings_something(gains.reward, float(left.budget_base[0]))
    proposed = planned if worse else found
    figures = ProposalFigures(
        kind="carry_on" if worse else "replanned" if policy is None else "decided",
        policy="" if policy is None else policy.name,
        first_day=first_day,
        end_day=end_day,
        knows_until=record.known_until,
        planned_base=float(planned.spend_base.sum()),
        proposed_base=float(proposed.spend_base.sum()),
        left_base=float(left.budget_base[0]),
        gains=gains,
        worlds=len(standing.posterior.state.stock),
        moves=moves_between(standing, planned, proposed),
        reasons=reasons_of_all(standing, proposed, float(left.budget_base[0] - planned.spend_base.sum())),
        cut=Cut() if worse else cut,
        unbookable=_unbookable(standing, proposed),
        anew=anew,
    )
    return ProposedDays(
        days=proposed,
        figures=figures,
        choice=None if worse else choice,
        around=PlannedDays.of(around) if anew and not worse else None,
    )


def _brings_something(gain: Gain, left_base: float) -> bool:
    """Whether more is gained than rounding, and in most worlds: a few lucky ones are no reason to move money."""
    return gain.mean > _ROUNDING * left_base and gain.better > 0.5


def _followed(tracked: Tracked, carry: PlannedDays, first_day: int) -> Tracked:
    """The campaign on the first morning that is proposed; days before it of which nothing is known go as granted."""
    for day in range(len(tracked.days), first_day):
        tracked = tracked.after(carry.decision(day), None)
    return tracked


def _replanned(standing: Standing, before: Tracked, end_day: int, around: ScheduledPolicy) -> list[Decision]:
    """The decisions of a plan that is solved again for all days that are left."""
    first_day, days = len(before.days), standing.scenario.days
    left = free_ledger(standing.record, first_day, days)
    replanner = replanning_around(standing.market, around)
    spend = replanner.spend_ahead(replace(before.observe(), remaining=left))[0]
    planned = replace(PlannedDays.of(around, first_day), spend_base=spend)
    return [planned.decision(day) for day in range(first_day, end_day)]


def _played_forward(before: Tracked, chooser: Chooser, ahead: DaysAhead, end_day: int) -> Choice | None:
    """Put down what a policy decides, each day seen as the model expects it; gives what it drew for the first day."""
    tracked, first = before, None
    for day in range(len(before.days), end_day):
        decision, choice = chooser.decide(replace(tracked.observe(), remaining=ahead.remaining))
        if day == len(before.days):
            first = choice
        tracked = tracked.after(ahead.put(decision), None)
    return first


def _part(days: PlannedDays, first_day: int, end_day: int) -> PlannedDays:
    rows = slice(first_day - days.first_day, end_day - days.first_day)
    return PlannedDays(
        first_day=first_day,
        spend_base=days.spend_base[rows],
        daypart_weights=days.daypart_weights,
        discount_frac=days.discount_frac[rows],
        mechanic=days.mechanic[rows],
    )


def _unbookable(standing: Standing, proposed: PlannedDays) -> Unbookable | None:
    asked, limits = standing.scenario.document.budget.bookable, standing.scenario.limits
    of_place = proposed.spend_base.sum(axis=2)
    small = (of_place > 0.0) & (of_place < asked.least_per_day_base) & ~limits.locked.all(axis=1)
    if not small.any():
        return None
    return Unbookable(
        cells=int(small.sum()), money_base=float(of_place[small].sum()), least_base=asked.least_per_day_base
    )
