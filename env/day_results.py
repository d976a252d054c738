"""What a seller counts of a day, whether a simulated market brought it or a real one."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.env.attribution_counts import visit_shares
from xbopt.simulator.step import DayOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownResults:
    """Which comparisons with the seller's model a day allows; a simulated day allows all.

    Attributes:
        visits: Visits by source ``(B, R, S, C + 1)``.
        impressions: ``(B, R, S, C)``.
        conversion: Orders, and the visits of all sources that they came from ``(B, R, S)``.
        order_value: Orders, and the revenue that they brought ``(B, R, S)``.
    """

    visits: BoolArray
    impressions: BoolArray
    conversion: BoolArray
    order_value: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResults:
    """A day's results as the seller's books show them.

    Attributes:
        decision: What was carried out.
        visits: ``(B, R, S)``.
        impressions: ``(B, R, S, C)``.
        orders: ``(B, R, S)``.
        gross_revenue_base: ``(B, R, S)``, base currency.
        net_revenue_base: ``(B, R, S)``, base currency.
        known: What of it was counted; None where all was. The rest stands in for what nobody told.
    """

    decision: Decision
    visits: FloatArray
    impressions: FloatArray
    orders: FloatArray
    gross_revenue_base: FloatArray
    net_revenue_base: FloatArray
    known: KnownResults | None = None

    @classmethod
    def of(cls, outcome: DayOutcome) -> "DayResults":
        """Those of a simulated day."""
        return cls(
            decision=outcome.decision,
            visits=outcome.visits,
            impressions=outcome.impressions,
            orders=add_up(outcome.orders, 3),
            gross_revenue_base=outcome.money.gross_revenue,
            net_revenue_base=outcome.money.net_revenue,
        )


def expected_counts(outcome: DayOutcome) -> FloatArray:
    """Visits by source as they would be counted in the mean ``(B, R, S, C + 1)``; the last source is organic."""
    return visit_shares(outcome) * outcome.visits[..., None]


def where_known(known: BoolArray | None, amounts: FloatArray) -> FloatArray:
    """Amounts that may be compared, 0 for the others."""
    return amounts if known is None else np.where(known, amounts, 0.0)
