"""The days ahead as they can be carried out: within the limits, and within what the ledger leaves for them."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.books.record import CampaignRecord, carried_out
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.simulator import step
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What the limits changed, summed over days; base currency.

    Attributes:
        cut_base: Money taken away.
        raised_base: Money added, for locks and minimums.
        unmet_base: Locks and minimums that could not be paid.
        discounts: Number of discounts that were too deep.
    """

    cut_base: float = 0.0
    raised_base: float = 0.0
    unmet_base: float = 0.0
    discounts: int = 0


class DaysAhead:
    """Days put down one after the other, each within the limits and what is left.

    Args:
        market: The market.
        state: Any state, one world.
        first_day: The first of the days.
        remaining: What all of them may spend together.
    """

    def __init__(self, market: MarketParameters, state: MarketState, first_day: int, remaining: Remaining) -> None:
        self._market = market
        self._state = replace(state, day=first_day, remaining=remaining)
        self._first_day = first_day
        self._decisions: list[Decision] = []
        self._cut = np.zeros(4)

    @property
    def remaining(self) -> Remaining:
        """What is left for the next day and those after it."""
        return self._state.remaining

    def put(self, decision: Decision) -> Decision:
        """Put the next day down; gives what can be carried out of it, one world."""
        done, changed = step.carried_out(self._market, self._state, decision)
        self._cut += [
            float(part.sum())
            for part in (changed.cut_base, changed.raised_base, changed.unmet_base, changed.discounts_cut)
        ]
        self._decisions.append(done)
        left = self._state.remaining.after(done.spend_base)
        self._state = replace(self._state, day=self._state.day + 1, remaining=left)
        return done

    def made(self) -> tuple[PlannedDays, Cut]:
        """The days, and what the limits changed. Dayparts that differ between days are their mean by money."""
        spend = np.concatenate([decision.spend_base for decision in self._decisions])
        weights = np.concatenate([decision.daypart_weights for decision in self._decisions])
        days = PlannedDays(
            first_day=self._first_day,
            spend_base=spend,
            daypart_weights=_mean_weights(weights, spend.sum(axis=2)),
            discount_frac=np.concatenate([decision.discount_frac for decision in self._decisions]),
            mechanic=np.concatenate([decision.mechanic for decision in self._decisions]),
        )
        cut, raised, unmet, discounts = self._cut.tolist()
        return days, Cut(cut_base=cut, raised_base=raised, unmet_base=unmet, discounts=round(discounts))


def carried_on(record: CampaignRecord, market: MarketParameters, state: MarketState, first_day: int) -> PlannedDays:
    """The rest of the campaign as it is decided so far, cut by what is left."""
    planned = carried_out(record)
    days = market.scenario.days
    ahead = DaysAhead(market, state, first_day, free_ledger(record, first_day, days))
    for day in range(first_day, days):
        ahead.put(planned.decision(day))
    return ahead.made()[0]


def still_granted(record: CampaignRecord, carry: PlannedDays) -> PlannedDays:
    """What may still go out: what is committed for the days ahead, cut by what is left.

    Args:
        record: The campaign; once it is closed nothing goes out.
        carry: Its rest as `carried_on` gives it.
    """
    committed = record.ledger.committed_base[carry.first_day : carry.end_day]
    spend = np.minimum(committed, carry.spend_base) if record.closed is None else np.zeros(committed.shape)
    return replace(carry, spend_base=spend)


def may_go_out(record: CampaignRecord, carry: PlannedDays) -> FloatArray:
    """`still_granted` of all days of the campaign ``(T, R, S, C)``; 0 on those before."""
    days = np.zeros(record.plan.spend_base.shape)
    days[carry.first_day : carry.end_day] = still_granted(record, carry).spend_base
    return days


def free_ledger(record: CampaignRecord, first_day: int, end_day: int) -> Remaining:
    """What days may spend together if the proposal that waits gives way."""
    return record.ledger.without_reserved().remaining(first_day, end_day)


def whole_plan(record: CampaignRecord, *parts: PlannedDays) -> ScheduledPolicy:
    """The campaign's plan with some days in place of its own."""
    plan = record.plan
    for part in parts:
        plan = part.put_into(plan)
    return plan


def _mean_weights(weights: FloatArray, money: FloatArray) -> FloatArray:
    """Daypart weights of days ``(N, R, C, H)`` by money ``(N, R, C)`` as one ``(R, C, H)``; equal days stay as are."""
    if (weights == weights[0]).all():
        return weights[0]
    total = money.sum(axis=0)
    share = np.where(total > 0.0, money / np.where(total > 0.0, total, 1.0), 1.0 / len(money))
    return (share[..., None] * weights).sum(axis=0)
