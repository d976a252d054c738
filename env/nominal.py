"""What the average market would have brought for the same decisions, in lock step with the real one.

The seller's own model is the scenario: the parameters that it states, and no world's own. Each day it starts from what
the seller can see (customers, stock, the world outside, the budget left) and from its own idea of what nobody sees
(carried-over exposure, fatigue, remembered prices, debts of promotions), and plays the decision that was carried out,
in expected mode. Observed over modelled results then tell in which ways a world is not average.
"""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.env.day_results import DayResults, KnownResults, expected_counts, where_known
from xbopt.env.deal_response import DealTally, deal_lift
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Part = TypeVar("Part", bound="DataclassInstance")
PRIOR_VISITS = 10.0
PRIOR_ORDERS = 3.0
LARGEST_LOG_RATIO = 3.0
"""Log ratios are held within this; a ratio of 20 either way says all there is to say."""
RECENT_KEEP = 0.5 ** (1.0 / 7.0)
"""Share of a recent sum that is left after a day: a half-life of a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """Sums since the first day, observed or modelled.

    Attributes:
        visits: Visits by source ``(B, R, S, C + 1)``; the last source is organic.
        recent_visits: The same with a half-life of a week.
        impressions: ``(B, R, S, C)``.
        orders: ``(B, R, S)``.
        revenue_base: Gross revenue ``(B, R, S)``, base currency.
    """

    visits: FloatArray
    recent_visits: FloatArray
    impressions: FloatArray
    orders: FloatArray
    revenue_base: FloatArray

    @classmethod
    def empty(cls, market: MarketParameters, worlds: int) -> "Tallies":
        """Nothing has happened yet."""
        regions, segments, channels, _ = market.shape
        cells = (worlds, regions, segments)
        return cls(
            visits=np.zeros((*cells, channels + 1)),
            recent_visits=np.zeros((*cells, channels + 1)),
            impressions=np.zeros((*cells, channels)),
            orders=np.zeros(cells),
            revenue_base=np.zeros(cells),
        )

    def plus(
        self,
        known: KnownResults | None,
        *,
        visits: FloatArray,
        impressions: FloatArray,
        orders: FloatArray,
        revenue: FloatArray,
    ) -> "Tallies":
        """The sums after one more day. Where nothing is known they stay, so that no comparison changes."""
        if known is None:
            known_visits = recent = None
        else:
            known_visits, recent = known.visits, np.where(known.visits, RECENT_KEEP, 1.0)
            impressions = where_known(known.impressions, impressions)
            orders, revenue = where_known(known.conversion, orders), where_known(known.order_value, revenue)
        counted = where_known(known_visits, visits)
        return Tallies(
            visits=self.visits + counted,
            recent_visits=(RECENT_KEEP if recent is None else recent) * self.recent_visits + counted,
            impressions=self.impressions + impressions,
            orders=self.orders + orders,
            revenue_base=self.revenue_base + revenue,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenParts:
    """The model's own idea of what nobody sees; shapes as in ``MarketState``.

    Attributes:
        living_share: Share of each known bucket that has not dropped out, by type ``(B, R, S, K, 4)``.
    """

    living_share: FloatArray
    carried: FloatArray
    window: FloatArray
    frequency: FloatArray
    reference_log: FloatArray
    remembered_deal: FloatArray
    borrowed: FloatArray
    in_transit: FloatArray
    returning: FloatArray

    @classmethod
    def of(cls, state: MarketState) -> "HiddenParts":
        """Take them from a state of the model."""
        customers = state.customers[..., None, 1:]
        share = state.living / np.where(customers > 0.0, customers, 1.0)
        same = {field.name: getattr(state, field.name) for field in fields(cls) if field.name != "living_share"}
        return cls(living_share=share, **same)

    def put_into(self, state: MarketState) -> MarketState:
        """What the seller sees of a state, with these in place of what nobody sees."""
        same = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "living_share"}
        return replace(state, living=self.living_share * state.customers[..., None, 1:], **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalRun:
    """The model's run so far, and the observed results beside it.

    Attributes:
        hidden: The model's idea of what nobody sees.
        observed: Sums of what the seller counted.
        modelled: Sums of what the model expected.
        expected_orders: Orders that the model expects from the visits that were counted ``(B, R, S)``, summed.
        expected_revenue_base: Revenue that it expects from the orders that were observed ``(B, R, S)``, summed.
        deals: Orders on days with and without deals, beside those that it expects.
        reached: Share of the ceiling that the model's carried exposure reaches ``(B, R, S, C)``, this morning.
        order_rate: Orders a visit by source on the last day, as the model expects ``(B, R, S, C + 1)``.
        recent_spend_base: Spend by channel with a half-life of a week ``(B, R, S, C)``, base currency, summed.
        recent_expected_visits: Visits by source that the model expects of it, counted or not ``(B, R, S, C + 1)``.
    """

    hidden: HiddenParts
    observed: Tallies
    modelled: Tallies
    expected_orders: FloatArray
    expected_revenue_base: FloatArray
    deals: DealTally
    reached: FloatArray
    order_rate: FloatArray
    recent_spend_base: FloatArray
    recent_expected_visits: FloatArray

    @classmethod
    def start(cls, market: MarketParameters, worlds: int) -> "NominalRun":
        """The first morning: nothing to compare."""
        empty = Tallies.empty(market, worlds)
        return cls(
            hidden=HiddenParts.of(initial_state(market, worlds)),
            observed=empty,
            modelled=empty,
            expected_orders=empty.orders,
            expected_revenue_base=empty.orders,
            deals=DealTally.empty(empty.orders.shape),
            reached=empty.impressions,
            order_rate=empty.visits,
            recent_spend_base=empty.impressions,
            recent_expected_visits=empty.visits,
        )

    def repeated(self, worlds: int) -> "NominalRun":
        """One world's run, ``worlds`` times over."""
        hidden = {
            # The window of earlier exposures carries its lags before its worlds.
            field.name: np.repeat(getattr(self.hidden, field.name), worlds, axis=1 if field.name == "window" else 0)
            for field in fields(HiddenParts)
        }
        return NominalRun(
            hidden=HiddenParts(**hidden),
            observed=repeat_worlds(self.observed, worlds),
            modelled=repeat_worlds(self.modelled, worlds),
            expected_orders=np.repeat(self.expected_orders, worlds, axis=0),
            expected_revenue_base=np.repeat(self.expected_revenue_base, worlds, axis=0),
            deals=repeat_worlds(self.deals, worlds),
            reached=np.repeat(self.reached, worlds, axis=0),
            order_rate=np.repeat(self.order_rate, worlds, axis=0),
            recent_spend_base=np.repeat(self.recent_spend_base, worlds, axis=0),
            recent_expected_visits=np.repeat(self.recent_expected_visits, worlds, axis=0),
        )

    def expect(
        self, market: MarketParameters, morning: MarketState, decision: Decision
    ) -> tuple[DayOutcome, MarketState]:
        """What the model expects of a day, and where it would leave the model.

        Args:
            market: The market as the scenario states it.
            morning: The real state before the day; only what the seller sees of it is used.
            decision: What is carried out.
        """
        return play_day(market, average_world(), self.hidden.put_into(morning), decision, None)

    def after(
        self,
        market: MarketParameters,
        results: DayResults,
        visits: FloatArray,
        expected: tuple[DayOutcome, MarketState],
    ) -> "NominalRun":
        """The run after one more day.

        Args:
            market: The market as the scenario states it.
            results: What the day brought.
            visits: Visits by source as counted ``(B, R, S, C + 1)``; in expected mode their means.
            expected: What the model expects of the decision that was carried out, from ``expect``.
        """
        (model, evening), known = expected, results.known
        expected_visits = expected_counts(model)
        orders, model_orders = results.orders, add_up(model.orders, 3)
        rate = _orders_per_visit(model, model_orders, expected_visits)
        from_visits = add_up(rate * visits, 3)
        lift = deal_lift(market, evening.day - 1, results.decision.discount_frac)
        model_value = model.money.gross_revenue / np.where(model_orders > 0.0, model_orders, 1.0)
        reached = market.media.saturation.reached(evening.carried / market.media.saturation.half)
        conversion = None if known is None else known.conversion
        orders_seen, from_visits = where_known(conversion, orders), where_known(conversion, from_visits)
        value = where_known(None if known is None else known.order_value, orders * model_value)
        return NominalRun(
            hidden=HiddenParts.of(evening),
            observed=self.observed.plus(
                known,
                visits=visits,
                impressions=results.impressions,
                orders=orders,
                revenue=results.gross_revenue_base,
            ),
            modelled=self.modelled.plus(
                known,
                visits=expected_visits,
                impressions=model.impressions,
                orders=model_orders,
                revenue=model.money.gross_revenue,
            ),
            expected_orders=self.expected_orders + from_visits,
            expected_revenue_base=self.expected_revenue_base + value,
            deals=self.deals.plus(lift=lift, orders=orders_seen, expected=from_visits),
            reached=reached,
            order_rate=rate,
            recent_spend_base=RECENT_KEEP * self.recent_spend_base + results.decision.spend_base,
            recent_expected_visits=RECENT_KEEP * self.recent_expected_visits + expected_visits,
        )


def repeat_worlds(part: Part, worlds: int) -> Part:
    """One world's sums or averages, ``worlds`` times over."""
    return replace(part, **{field.name: np.repeat(getattr(part, field.name), worlds, axis=0) for field in fields(part)})


def log_ratio(observed: FloatArray, modelled: FloatArray, prior: FloatArray | float) -> FloatArray:
    """Log of observed over modelled with a prior count on both sides: 0 where nothing is known; bounded."""
    ratio = np.log((observed + prior) / (modelled + prior))
    return np.clip(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)


def _orders_per_visit(model: DayOutcome, orders: FloatArray, visits: FloatArray) -> FloatArray:
    by_channel = model.channel_orders
    organic = np.maximum(orders - add_up(by_channel, 3), 0.0)
    by_source = np.concatenate([by_channel, organic[..., None]], axis=3)
    return by_source / np.where(visits > 0.0, visits, 1.0)
