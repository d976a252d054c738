"""Campaigns in the words of the routes."""

import msgspec
import numpy as np

from xbopt.campaigns.books.record import CampaignRecord, Proposal
from xbopt.campaigns.http.asked import PlanArrays
from xbopt.campaigns.http.bodies import ArmResults, CampaignStands, Money, PlaceMoney, ProposalStands, RollOutStands
from xbopt.campaigns.rollout import CONFIDENCE, RollOutFigures
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays


def money_of(record: CampaignRecord, this_day: int) -> Money:
    """The money of a campaign.

    Args:
        record: The campaign; once it is closed, what was granted for days ahead is not any more.
        this_day: Today by the clock, as a day of the horizon.
    """
    over = record.over_until(this_day)
    ledger, limits, axes = record.ledger, record.scenario.limits, axes_of(record)
    if record.closed is not None:
        ledger = ledger.until(over)
    counted = ledger.counted_base
    left = ledger.remaining(record.scenario.days, record.scenario.days)

    def places(names: list[str], caps: FloatArray, granted: FloatArray, rest: FloatArray) -> list[PlaceMoney]:
        return [
            PlaceMoney(
                name=name,
                cap_base=cap if np.isfinite(cap) else None,
                granted_base=own,
                left_base=over if np.isfinite(over) else None,
            )
            for name, cap, own, over in zip(names, caps.tolist(), granted.tolist(), rest.tolist(), strict=True)
        ]

    return Money(
        currency=record.scenario.base_currency,
        budget_base=float(limits.total_base),
        spent_base=ledger.known_spend_base,
        granted_base=float(counted.sum()),
        reserved_base=0.0 if ledger.reserved is None else float(ledger.reserved.spend_base.sum()),
        left_base=float(left.budget_base[0]),
        overspent_base=ledger.overspent_base(over),
        regions=places(axes["R"], limits.region_cap_base, counted.sum(axis=(0, 2, 3)), left.region_base[0]),
        channels=places(axes["C"], limits.channel_cap_base, counted.sum(axis=(0, 1, 2)), left.channel_base[0]),
    )


def proposal_stands(record: CampaignRecord, one: Proposal) -> ProposalStands:
    """A proposal, and what became of it."""
    return ProposalStands(
        proposal=one.id,
        first=_day(record, one.days.first_day),
        until=_day(record, one.days.end_day - 1),
        spend_base=float(one.days.spend_base.sum()),
        state=one.state,
        by=one.by,
        approved_by=one.approved_by,
        known_days=one.knows_until,
        figures=msgspec.json.decode(one.figures, type=dict[str, object]),
    )


def plan_arrays(days: PlannedDays) -> PlanArrays:
    """Days as arrays of a body."""
    return PlanArrays(
        spend_base=days.spend_base.tolist(),
        daypart_weights=days.daypart_weights.tolist(),
        discount_frac=days.discount_frac.tolist(),
        mechanic=days.mechanic.tolist(),
    )


def campaign_stands(record: CampaignRecord, this_day: int, figures: RollOutFigures | None) -> CampaignStands:
    """Where a campaign stands.

    Args:
        record: The campaign.
        this_day: Today by the clock, as a day of the horizon.
        figures: How its policy does against its plan; None for a campaign that its plan decides.
    """
    scenario = record.scenario
    return CampaignStands(
        campaign=record.name,
        events=record.number,
        scenario=scenario.name,
        scenario_hash=scenario.hash,
        first=_day(record, 0),
        until=_day(record, scenario.days - 1),
        axes=axes_of(record),
        decides=record.opened.decides,
        policy=record.opened.policy,
        four_eyes=record.opened.four_eyes,
        opened_by=record.opened_by,
        closed=record.closed,
        known_days=record.known_until,
        missing=[_day(record, day) for day in record.missing_days],
        money=money_of(record, this_day),
        proposals=[proposal_stands(record, one) for one in record.proposals.values()],
        decisions=len(record.decisions),
        rollout=None if figures is None else _rollout(record.share, figures),
    )


def axes_of(record: CampaignRecord) -> dict[str, list[str]]:
    """Names of regions, segments and channels."""
    scenario = record.scenario
    return {
        "R": list(scenario.regions), "S": list(scenario.segments), "C": list(scenario.channels),
    }  # fmt: skip


def _rollout(share: float, figures: RollOutFigures) -> RollOutStands:
    return RollOutStands(
        share=share,
        arms=[
            ArmResults(
                arm=arm,
                decisions=figures.decisions[arm],
                told=figures.told[arm],
                mean=figures.mean[arm] if figures.told[arm] else None,
            )
            for arm in ("policy", "incumbent")
        ],
        units=figures.units,
        difference=figures.difference,
        low=figures.low,
        high=figures.high,
        confidence=CONFIDENCE,
        advice=figures.advice,
    )


def _day(record: CampaignRecord, day: int) -> str:
    return str(record.scenario.date_of(day))
