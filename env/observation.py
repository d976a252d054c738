"""The one list of what a decision maker sees: features of regions, cells and channels, by name. No ground truth.

Seen: the calendar ahead, published rates and prices, the seller's own customers, spend, discounts and results, these
results against what the scenario's average market would have brought, and what is left of budget and time. Not seen:
elasticities and response curves of the world at hand, customers' remembered prices and the debt of borrowed orders,
carried-over exposure and fatigue, tomorrow's noise.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.policy import Observation
from xbopt.env.day_results import DayResults
from xbopt.env.nominal import PRIOR_ORDERS, PRIOR_VISITS, RECENT_KEEP, NominalRun, log_ratio
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import channel_margins
from xbopt.simulator.state import MarketState

REGION_FEATURES: tuple[str, ...] = (
    "weekday_sin",
    "weekday_cos",
    "demand_index",
    "demand_index_next_week",
    "media_price_index",
    "price_sensitivity",
    "event_strength",
    "days_to_event",
    "holiday",
    "fx_log",
    "competitor_log",
    "congestion_log",
    "sentiment",
    "stock_cover",
    "budget_left",
    "time_left",
    "pace",
)
"""Features of a region. ``stock_cover``: days of usual demand in stock over 30, at most 1; ``budget_left`` and
``time_left``: shares of the whole; ``pace``: their ratio, 1 when on an even course, at most 5."""

CELL_FEATURES: tuple[str, ...] = (
    "known_share",
    "new_share",
    "active_share",
    "at_risk_share",
    "satisfaction",
    "recent_discount",
    "recent_spend",
    "recent_visits_log",
    "recent_orders_log",
    "recent_return_on_spend_log",
    "organic_visits_log",
    "media_visits_log",
    "conversion_log",
    "order_value_log",
    "deal_response",
)
"""Features of a cell. ``known_share``: customers in the population; the next three: shares of the customers; ``recent``
is a moving average with a half-life of a week; ``recent_spend`` is relative to the cell's even share of the budget.
The four that end in ``_log`` after these are logs of observed over modelled results since the first day
(``env/nominal.py``), 0 where all is as on average: organic visits, visits that media brought, orders from the visits
that were counted, revenue from orders. ``deal_response``: by how much more than stated orders answer to deals, as a
share of it (``env/deal_response.py``)."""

CHANNEL_FEATURES: tuple[str, ...] = (
    "visits_log",
    "recent_visits_log",
    "visits_in_region_log",
    "visits_in_segment_log",
    "visits_in_channel_log",
    "impressions_log",
    "counted_log",
    "recent_spend",
    "saturation",
    "modelled_return_log",
)
"""Features of a channel in a cell. The first six are logs of observed over modelled results since the first day, or of
the last week or two (``recent``): visits of the cell, those of all segments of its region, of its segment in all
regions, of the channel everywhere; impressions. ``counted_log``: how many visits the first rests on, as a share of
10,000 on a log scale. ``recent_spend``: daily spend against an even share of the budget. ``saturation``: the share of
the channel's ceiling that its carried exposure reaches in the scenario's model. ``modelled_return_log``: log of 1 plus
margin before media over recent spend, in that model."""

_WEEK = 7
_COVER_DAYS = 30.0
_LARGEST_PACE = 5.0
_LARGEST_SPEND = 10.0
_MANY_VISITS = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentResults:
    """Moving averages of the seller's own results ``(B, R, S)``."""

    discount_frac: FloatArray
    spend_base: FloatArray
    visits: FloatArray
    orders: FloatArray
    net_revenue_base: FloatArray

    @classmethod
    def empty(cls, market: MarketParameters, worlds: int) -> "RecentResults":
        """Nothing has happened yet."""
        regions, segments, _, _ = market.shape
        zero = np.zeros((worlds, regions, segments))
        return cls(discount_frac=zero, spend_base=zero, visits=zero, orders=zero, net_revenue_base=zero)

    def after(self, results: DayResults) -> "RecentResults":
        """The averages after one more day."""

        def mixed(old: FloatArray, new: FloatArray) -> FloatArray:
            return RECENT_KEEP * old + (1.0 - RECENT_KEEP) * new

        return RecentResults(
            discount_frac=mixed(self.discount_frac, results.decision.discount_frac),
            spend_base=mixed(self.spend_base, add_up(results.decision.spend_base, 3)),
            visits=mixed(self.visits, results.visits),
            orders=mixed(self.orders, results.orders),
            net_revenue_base=mixed(self.net_revenue_base, results.net_revenue_base),
        )


def observe(
    market: MarketParameters,
    state: MarketState,
    recent: RecentResults,
    nominal: NominalRun | None = None,
    *,
    believed: MarketParameters | None = None,
) -> Observation:
    """What a decision maker sees on the morning of ``state``.

    Args:
        market: The market.
        state: Where it stands.
        recent: The seller's own moving averages.
        nominal: Results against the scenario's model; None as on the first morning, when there is nothing to compare.
        believed: The market that the seller believes in: its calendar, prices and model; the market where left out.
    """
    scenario, day = market.scenario, state.day
    believed = believed or market
    nominal = nominal or NominalRun.start(believed, len(state.stock))
    return Observation(
        day=day,
        days=scenario.days,
        date=scenario.date_of(day),
        remaining=state.remaining,
        regions=_region_features(market, state, believed),
        cells=_cell_features(believed, state, recent, nominal),
        channels=_channel_features(believed, nominal),
        region_names=REGION_FEATURES,
        cell_names=CELL_FEATURES,
        channel_names=CHANNEL_FEATURES,
    )


def _region_features(market: MarketParameters, state: MarketState, believed: MarketParameters) -> FloatArray:
    # What competitors ask today is there to be seen; what the calendar will bring is the seller's own idea.
    scenario, calendar = market.scenario, believed.calendar
    # On the evening of the last day the calendar ahead is over; its last day stands in.
    day = min(state.day, scenario.days - 1)
    worlds, regions = state.stock.shape
    angle = 2.0 * np.pi * scenario.date_of(day).weekday() / _WEEK
    budget_left = state.remaining.budget_base / scenario.limits.total_base
    time_left = (scenario.days - state.day) / scenario.days
    usual = np.where(state.usual_demand > 0.0, state.usual_demand, 1.0)
    limited = np.array(market.fulfilment.limited)
    cover = np.where(limited, np.minimum(np.where(limited, state.stock, 0.0) / usual / _COVER_DAYS, 1.0), 1.0)
    columns: dict[str, FloatArray | float] = {
        "weekday_sin": float(np.sin(angle)),
        "weekday_cos": float(np.cos(angle)),
        "demand_index": calendar.demand[day],
        "demand_index_next_week": calendar.demand[day : day + _WEEK].mean(axis=0),
        "media_price_index": calendar.cpm[day] * np.exp(state.outside.media_price_log),
        "price_sensitivity": calendar.price_sensitivity[day],
        "event_strength": calendar.event_strength[day],
        "days_to_event": calendar.days_to_event[day] / 60.0,
        "holiday": calendar.holiday[day].astype(np.float64),
        "fx_log": state.outside.fx_log[:, list(market.outside.region_currency)],
        "competitor_log": state.outside.competitor_log + market.shocks.competitor_log[day],
        "congestion_log": state.outside.congestion_log,
        "sentiment": state.outside.sentiment,
        "stock_cover": cover,
        "budget_left": budget_left[:, None],
        "time_left": time_left,
        "pace": np.minimum(budget_left / max(time_left, 1e-12), _LARGEST_PACE)[:, None],
    }
    features = np.empty((worlds, regions, len(REGION_FEATURES)))
    for i, name in enumerate(REGION_FEATURES):
        features[..., i] = columns[name]
    return features


def _cell_features(
    market: MarketParameters, state: MarketState, recent: RecentResults, nominal: NominalRun
) -> FloatArray:
    scenario, people = market.scenario, state.customers
    known = add_up(people[..., 1:4], 3)
    per_customer = np.where(known > 0.0, known, 1.0)
    even = np.maximum(scenario.limits.total_base / scenario.days * scenario.menu.cell_share, 1e-12)
    earned = recent.net_revenue_base / np.maximum(recent.spend_base, 1e-3 * even)
    seen, model, order_value = nominal.observed, nominal.modelled, market.orders.price_base
    media_seen, media_modelled = add_up(seen.visits[..., :-1], 3), add_up(model.visits[..., :-1], 3)
    columns: dict[str, FloatArray] = {
        "known_share": known / np.maximum(add_up(people, 3), 1.0),
        "new_share": people[..., 1] / per_customer,
        "active_share": people[..., 2] / per_customer,
        "at_risk_share": people[..., 3] / per_customer,
        "satisfaction": state.satisfaction,
        "recent_discount": recent.discount_frac,
        "recent_spend": np.minimum(recent.spend_base / even, _LARGEST_SPEND),
        "recent_visits_log": np.log1p(recent.visits),
        "recent_orders_log": np.log1p(recent.orders),
        "recent_return_on_spend_log": np.log1p(np.maximum(earned, 0.0)),
        "organic_visits_log": log_ratio(seen.visits[..., -1], model.visits[..., -1], PRIOR_VISITS),
        "media_visits_log": log_ratio(media_seen, media_modelled, PRIOR_VISITS),
        "conversion_log": log_ratio(seen.orders, nominal.expected_orders, PRIOR_ORDERS),
        "order_value_log": log_ratio(seen.revenue_base, nominal.expected_revenue_base, PRIOR_ORDERS * order_value),
        "deal_response": nominal.deals.response,
    }
    return np.stack([columns[name] for name in CELL_FEATURES], axis=3)


def _channel_features(market: MarketParameters, nominal: NominalRun) -> FloatArray:
    scenario = market.scenario
    seen, model = nominal.observed, nominal.modelled
    counted, expected = seen.visits[..., :-1], model.visits[..., :-1]

    def pooled(*axes: int) -> FloatArray:
        ratio = log_ratio(add_up(counted, *axes), add_up(expected, *axes), PRIOR_VISITS)
        return np.broadcast_to(np.expand_dims(ratio, axes), counted.shape)

    # A moving average whose weights sum to 1 needs the sum of the weights of the sums: 1/(1 - keep) in the long run.
    even = max(scenario.limits.total_base / scenario.days / counted[0].size, 1e-12)
    daily_spend = nominal.recent_spend_base * (1.0 - RECENT_KEEP)
    margin = np.maximum(channel_margins(market), 0.0) * nominal.order_rate[..., :-1]
    earned = margin * nominal.recent_expected_visits[..., :-1]
    columns: dict[str, FloatArray] = {
        "visits_log": log_ratio(counted, expected, PRIOR_VISITS),
        "recent_visits_log": log_ratio(seen.recent_visits[..., :-1], model.recent_visits[..., :-1], PRIOR_VISITS),
        "visits_in_region_log": pooled(2),
        "visits_in_segment_log": pooled(1),
        "visits_in_channel_log": pooled(1, 2),
        "impressions_log": log_ratio(seen.impressions, model.impressions, 1.0),
        "counted_log": np.minimum(np.log1p(counted) / np.log(_MANY_VISITS), 1.5),
        "recent_spend": np.minimum(daily_spend / even, _LARGEST_SPEND),
        "saturation": nominal.reached,
        "modelled_return_log": np.log1p(earned / np.maximum(nominal.recent_spend_base, 1e-3 * even)),
    }
    features = np.empty((*counted.shape, len(CHANNEL_FEATURES)))
    for i, name in enumerate(CHANNEL_FEATURES):
        features[..., i] = columns[name]
    return features
