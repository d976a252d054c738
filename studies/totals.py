"""What a simulation adds up, world by world: the raw material of KPIs, tables and reports."""

from dataclasses import dataclass, fields

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, worlds_innermost
from xbopt.env.rollout import Choice
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import customer_value, customer_value_change
from xbopt.simulator.money import TERMS
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome
from xbopt.simulator.worlds import WorldParameters

CELL_COUNTS: tuple[str, ...] = (
    "visits",
    "carts",
    "orders",
    "new_customers",
    "repeat_orders",
    "won_back",
    "lost_orders",
    "returns_arrived",
    "returns_expected",
    "known_customer_days",
    "discount_cost",
    "bump",
    "borrowed",
    "switched",
    "repaid",
    "taken",
    "debt",
)
"""Sums over the horizon per cell. ``debt`` is that of the last evening; ``discount_cost`` is net of tax."""

PLACE_COUNTS: tuple[str, ...] = ("orders", "net_revenue")
CHANNEL_COUNTS: tuple[str, ...] = ("spend", "impressions", "visits", "orders")
DAILY: tuple[str, ...] = ("net_revenue", "contribution_margin", "media_spend", "visits", "orders")
ADJUSTMENTS: tuple[str, ...] = ("cut_base", "raised_base", "unmet_base", "discounts_cut", "dayparts_mended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the horizon, world by world.

    Attributes:
        cells: By ``CELL_COUNTS`` ``(B, R, S, len)``.
        money: By money term ``(B, R, S, len)``, signed, base currency.
        places: By place of sale and ``PLACE_COUNTS`` ``(B, R, S, P, len)``, the own shop first.
        channels: By ``CHANNEL_COUNTS`` ``(B, R, S, C, len)``.
        daily: By ``DAILY`` ``(B, T, len)``.
        repurchase_rate: Mean over the days that began with customers ``(B, 1 + R + S)``: of the whole market, of each
            region, of each segment; NaN where no day did.
        satisfaction: Mean over days and people ``(B,)``.
        customer_value: Value of the customer base at the end less that at the start ``(B,)``, base currency.
        carried_beyond: What the days after the last one earn by what it leaves behind ``(B,)``, base currency.
        budget_left: What is left of the budget after the last day ``(B,)``, base currency.
        adjustments: By ``ADJUSTMENTS`` ``(B, len)``.
        capped_cell_days: Days on which a cell's cart rate met its cap ``(B,)``.
        spend_by_day: Spend ``(T, R, C)``, summed over worlds.
        discount_by_day: Discount ``(T, R, S)``, summed over worlds.
        spend_by_daypart: Spend ``(R, C, H)``, summed over worlds.
        dutiable_by_day: What duty is taken of ``(T, R)``, at first-day rates, summed over worlds: goods after discount,
            and shipping where customs count it.
    """

    cells: FloatArray
    money: FloatArray
    places: FloatArray
    channels: FloatArray
    daily: FloatArray
    repurchase_rate: FloatArray
    satisfaction: FloatArray
    customer_value: FloatArray
    carried_beyond: FloatArray
    budget_left: FloatArray
    adjustments: FloatArray
    capped_cell_days: FloatArray
    spend_by_day: FloatArray
    discount_by_day: FloatArray
    spend_by_daypart: FloatArray
    dutiable_by_day: FloatArray

    @property
    def reward(self) -> FloatArray:
        """Contribution margin, change of customer value and what is carried beyond the last day ``(B,)``."""
        return self.money.sum(axis=(1, 2, 3)) + self.customer_value + self.carried_beyond

    @property
    def worlds(self) -> int:
        """Number of worlds."""
        return self.cells.shape[0]

    def spend_by_cell(self) -> FloatArray:
        """Mean media spend over the horizon ``(R, S, C)``, base currency."""
        return self.channels[..., CHANNEL_COUNTS.index("spend")].mean(axis=0)

    def mean_spend_by_day(self) -> FloatArray:
        """Mean media spend ``(T, R, C)``, base currency."""
        return self.spend_by_day / self.worlds


MEASURES: tuple[str, ...] = ("contribution_margin", "reward")
"""What policies are compared by: the margin, and the margin with the change of customer value."""


def measured(totals: Totals) -> dict[str, FloatArray]:
    """Each measure world by world ``(B,)``."""
    margin = totals.money.sum(axis=(1, 2, 3))
    return {"contribution_margin": margin, "reward": totals.reward}


_SUMMED = ("spend_by_day", "discount_by_day", "spend_by_daypart", "dutiable_by_day")


def merge_totals(parts: list[Totals]) -> Totals:
    """Put the worlds of several batches together, in order."""
    return Totals(
        **{
            field.name: np.sum([getattr(part, field.name) for part in parts], axis=0)
            if field.name in _SUMMED
            else np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Totals)
        }
    )


class TotalsRecorder:
    """Adds up a batch of worlds."""

    def __init__(self, market: MarketParameters, worlds: int) -> None:
        scenario = market.scenario
        regions, segments, channels, dayparts = market.shape
        self._market, self._days = market, scenario.days
        self._value = customer_value(market)
        # Worlds innermost, as the arrays of a day lie: a sum is then one pass.
        cells = (worlds, regions, segments)
        self._cells = np.zeros((*cells, len(CELL_COUNTS)), order="F")
        self._money = np.zeros((*cells, len(TERMS)), order="F")
        self._places = np.zeros((*cells, len(market.places), len(PLACE_COUNTS)), order="F")
        self._channels = np.zeros((*cells, channels, len(CHANNEL_COUNTS)), order="F")
        self._daily = np.zeros((worlds, scenario.days, len(DAILY)))
        self._satisfaction, self._capped = np.zeros(worlds), np.zeros(worlds)
        groups = 1 + regions + segments
        self._repurchase, self._customer_days = np.zeros((worlds, groups)), np.zeros((worlds, groups))
        self._adjustments = np.zeros((worlds, len(ADJUSTMENTS)))
        self._spend_by_day = np.zeros((scenario.days, regions, channels))
        self._discount_by_day = np.zeros((scenario.days, regions, segments))
        self._spend_by_daypart = np.zeros((regions, channels, dayparts))
        self._dutiable_by_day = np.zeros((scenario.days, regions))
        self._customer_value, self._carried_beyond, self._budget_left = (np.zeros(worlds) for _ in range(3))
        self._people = np.maximum(scenario.population, 1e-9)

    def record(self, day: int, outcome: DayOutcome, choice: Choice | None) -> None:
        """Add one day."""
        del choice
        # numpy's sums over worlds hang on how an array lies in memory, and a decision may be one world's for all.
        spend, dayparts, discount = (
            worlds_innermost(array)
            for array in (
                outcome.decision.spend_base,
                outcome.decision.daypart_weights,
                outcome.decision.discount_frac,
            )
        )
        orders, money = add_up(outcome.orders, 3), outcome.money
        repeat = add_up(outcome.orders[..., 1:4], 3)
        # The discount's line in the bridge is with tax, at the rate of what was paid.
        paid = money.gross_revenue + money.discount
        discount_net = -money.discount * (1.0 + money.tax / np.where(paid > 0.0, paid, 1.0))
        by_cell = {
            "visits": outcome.visits,
            "carts": outcome.carts,
            "orders": orders,
            "new_customers": outcome.orders[..., 0],
            "repeat_orders": repeat,
            "won_back": outcome.orders[..., 4],
            "lost_orders": outcome.lost_orders,
            "returns_arrived": outcome.returns,
            "returns_expected": outcome.returns_due,
            "known_customer_days": outcome.known_customers,
            "discount_cost": discount_net,
            "bump": outcome.ledger.bump,
            "borrowed": outcome.ledger.borrowed,
            "switched": outcome.ledger.switched,
            "repaid": outcome.ledger.repaid,
            "taken": outcome.ledger.taken,
        }
        for i, name in enumerate(CELL_COUNTS):
            if name != "debt":
                self._cells[..., i] += by_cell[name]
        self._cells[..., CELL_COUNTS.index("debt")] = outcome.ledger.debt
        for i, term in enumerate(TERMS):
            self._money[..., i] += getattr(money, term)
        for p, place in enumerate(outcome.places):
            self._places[..., p, 0] += add_up(place.orders, 3)
            self._places[..., p, 1] += place.money.net_revenue
        for i, array in enumerate((spend, outcome.impressions, outcome.channel_visits, outcome.channel_orders)):
            self._channels[..., i] += array
        daily = (money.net_revenue, money.contribution_margin, -money.media, outcome.visits, orders)
        for i, array in enumerate(daily):
            self._daily[:, day, i] = add_up(array, 1, 2)
        known = _grouped(outcome.known_customers)
        self._repurchase += _grouped(repeat) / np.where(known > 0.0, known, 1.0)
        self._customer_days += known > 0.0
        weighted = add_up(outcome.satisfaction * self._people, 1, 2) / self._people.sum()
        self._satisfaction += weighted
        for i, name in enumerate(ADJUSTMENTS):
            self._adjustments[:, i] += getattr(outcome.adjustments, name)
        self._capped += add_up(outcome.capped, 1, 2)
        self._spend_by_day[day] = spend.sum(axis=(0, 2))
        shipping = self._market.orders.charged_base * (1.0 - self._market.rules.shipping_dutiable[day])
        self._dutiable_by_day[day] = (paid + money.tax - shipping[:, None] * orders).sum(axis=(0, 2))
        self._discount_by_day[day] = discount.sum(axis=0)
        self._spend_by_daypart += np.einsum("brsc,brch->rch", spend, dayparts)

    def finish(self, state: MarketState, world: WorldParameters) -> None:
        """Value the customer base of the last evening and what it leaves behind; see what is left of the budget."""
        self._budget_left = state.remaining.budget_base
        self._customer_value = customer_value_change(self._market, state, self._value)
        self._carried_beyond = add_up(carried_beyond(self._market).by_cell(state, world), 1, 2)

    def totals(self) -> Totals:
        """The sums."""
        return Totals(
            cells=np.ascontiguousarray(self._cells),
            money=np.ascontiguousarray(self._money),
            places=np.ascontiguousarray(self._places),
            channels=np.ascontiguousarray(self._channels),
            daily=self._daily,
            repurchase_rate=np.where(
                self._customer_days > 0.0, self._repurchase / np.maximum(self._customer_days, 1.0), np.nan
            ),
            satisfaction=self._satisfaction / self._days,
            customer_value=self._customer_value,
            carried_beyond=self._carried_beyond,
            budget_left=self._budget_left,
            adjustments=self._adjustments,
            capped_cell_days=self._capped,
            spend_by_day=self._spend_by_day,
            discount_by_day=self._discount_by_day,
            spend_by_daypart=self._spend_by_daypart,
            dutiable_by_day=self._dutiable_by_day,
        )


def _grouped(by_cell: FloatArray) -> FloatArray:
    """Sums ``(B, 1 + R + S)`` of a cell array ``(B, R, S)``: the market, each region, each segment."""
    return np.concatenate([add_up(by_cell, 1, 2)[:, None], add_up(by_cell, 2), add_up(by_cell, 1)], axis=1)
