"""What the average market would have brought for the same decisions, in lock step with the real one.

The seller's own model is the scenario: the parameters that it states, and no world's own. Each day it starts from what
the seller can see (customers, stock, the world outside, the budget left) and from its own idea of what nobody sees
(carried-over exposure, fatigue, remembered prices, debts of promotions), and plays the decision that was carried out,
in expected mode. Observed over modelled results then tell in which ways a world is not average.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.env.attribution_counts import visit_shares
from xbopt.env.deal_response import DealTally, deal_lift
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world

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
        self, *, visits: FloatArray, impressions: FloatArray, orders: FloatArray, revenue: FloatArray
    ) -> "Tallies":
        """The sums after one more day."""
        return Tallies(
            visits=self.visits + visits,
            recent_visits=RECENT_KEEP * self.recent_visits + visits,
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
        )

    def after(
        self, market: MarketParameters, morning: MarketState, outcome: DayOutcome, counted_visits: FloatArray | None
    ) -> "NominalRun":
        """The run after one more day.

        Args:
            market: The market as the scenario states it.
            morning: The real state before the day; only what the seller sees of it is used.
            outcome: What the day brought.
            counted_visits: Visits by source as counted ``(B, R, S, C + 1)``; in expected mode None: their means.
        """
        model, evening = play_day(market, average_world(), self.hidden.put_into(morning), outcome.decision, None)
        expected_visits = visit_shares(model) * model.visits[..., None]
        visits = visit_shares(outcome) * outcome.visits[..., None] if counted_visits is None else counted_visits
        orders, model_orders = add_up(outcome.orders, 3), add_up(model.orders, 3)
        rate = _orders_per_visit(model, model_orders, expected_visits)
        from_visits = add_up(rate * visits, 3)
        lift = deal_lift(market, morning.day, outcome.decision.discount_frac)
        model_value = model.money.gross_revenue / np.where(model_orders > 0.0, model_orders, 1.0)
        reached = market.media.saturation.reached(evening.carried / market.media.saturation.half)
        return NominalRun(
            hidden=HiddenParts.of(evening),
            observed=self.observed.plus(
                visits=visits, impressions=outcome.impressions, orders=orders, revenue=outcome.money.gross_revenue
            ),
            modelled=self.modelled.plus(
                visits=expected_visits,
                impressions=model.impressions,
                orders=model_orders,
                revenue=model.money.gross_revenue,
            ),
            expected_orders=self.expected_orders + from_visits,
            expected_revenue_base=self.expected_revenue_base + orders * model_value,
            deals=self.deals.plus(lift=lift, orders=orders, expected=from_visits),
            reached=reached,
            order_rate=rate,
            recent_spend_base=RECENT_KEEP * self.recent_spend_base + outcome.decision.spend_base,
        )


def log_ratio(observed: FloatArray, modelled: FloatArray, prior: FloatArray | float) -> FloatArray:
    """Log of observed over modelled with a prior count on both sides: 0 where nothing is known; bounded."""
    ratio = np.log((observed + prior) / (modelled + prior))
    return np.clip(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)


def _orders_per_visit(model: DayOutcome, orders: FloatArray, visits: FloatArray) -> FloatArray:
    by_channel = model.channel_orders
    organic = np.maximum(orders - add_up(by_channel, 3), 0.0)
    by_source = np.concatenate([by_channel, organic[..., None]], axis=3)
    return by_source / np.where(visits > 0.0, visits, 1.0)
