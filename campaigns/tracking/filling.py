"""From what was told of a day to a whole day: told totals keep, and the seller's own model splits them.

A total that is told without its split is spread in the proportions of the model on that day. Observed over modelled
results are then the same all over the total: it is a margin, and no guess of the split. What nobody told is what the
model expects, and is marked as not known, so that no comparison changes by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import OUTSIDE, ActualDay
from xbopt.campaigns.actuals.spreading import spread
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.env.day_results import DayResults, KnownResults, expected_counts
from xbopt.simulator.customers import next_customers
from xbopt.simulator.fulfilment import fill_orders
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState, OutsideState
from xbopt.simulator.step import DayOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledDay:
    """A whole day, one world.

    Attributes:
        results: Results, with what of them is known.
        visits_by_source: ``(1, R, S, C + 1)``.
        orders: Orders by bucket ``(1, R, S, L)``.
    """

    results: DayResults
    visits_by_source: FloatArray
    orders: FloatArray


def held(told: FloatArray | None, model: FloatArray) -> FloatArray:
    """Told levels, the same all along an axis of length 1, and the model's where nothing was told."""
    return model if told is None else np.where(np.isnan(told), model, told)


def fill_decision(committed: Decision, actual: ActualDay) -> Decision:
    """What was really done, one world: told spend and deals, and for the rest what was committed."""
    figures = actual.figures
    weights = held(figures.get("daypart_weights"), committed.daypart_weights[0])
    total = weights.sum(axis=2, keepdims=True)
    # A row that was told is told whole; the projection mends an empty one.
    weights = weights / np.where(total > 0.0, total, 1.0)
    mechanic = held(figures.get("mechanic"), committed.mechanic[0].astype(np.float64))
    return Decision(
        spend_base=spread(figures.get("spend_base"), committed.spend_base[0])[0][None],
        daypart_weights=weights[None],
        discount_frac=held(figures.get("discount_frac"), committed.discount_frac[0])[None],
        mechanic=mechanic.astype(np.int64)[None],
    )


def fill_results(decision: Decision, model: DayOutcome, actual: ActualDay) -> FilledDay:
    """A day's results, one world.

    Args:
        decision: What was carried out.
        model: What the seller's model expects of it.
        actual: What was told.
    """
    figures = actual.figures
    assumed = figures.get("regions_assumed")
    told_clicks = _told_once(figures.get("clicks"), assumed, expected_counts(model)[0])
    clicks, known_visits, visits = _visits(told_clicks, figures.get("visits"), model)
    told_impressions = _told_once(figures.get("impressions"), assumed, model.impressions[0])
    impressions, known_impressions = spread(told_impressions, model.impressions[0])
    by_bucket = model.orders[0]
    model_orders = by_bucket.sum(axis=2)
    orders, known_orders = spread(figures.get("orders"), model_orders)
    gross, net, known_revenue = _revenue(figures, model, orders)
    known = KnownResults(
        visits=known_visits[None],
        impressions=known_impressions[None],
        conversion=(known_orders & known_visits.all(axis=2))[None],
        order_value=(known_orders & known_revenue)[None],
    )
    results = DayResults(
        decision=decision,
        visits=visits[None],
        impressions=impressions[None],
        orders=orders[None],
        gross_revenue_base=gross[None],
        net_revenue_base=net[None],
        known=known,
    )
    first, known_first = spread(figures.get("first_orders"), by_bucket[..., 0])
    split = spread(orders[..., None], by_bucket)[0]
    first = np.minimum(first, orders)
    again = spread((orders - first)[..., None], by_bucket[..., 1:])[0]
    told_first = np.concatenate([first[..., None], again], axis=2)
    return FilledDay(
        results=results,
        visits_by_source=clicks[None],
        orders=np.where(known_first[..., None], told_first, split)[None],
    )


def fill_morning(
    market: MarketParameters,
    before: MarketState,
    day: FilledDay,
    modelled: tuple[DayOutcome, MarketState],
    actual: ActualDay,
) -> MarketState:
    """What the seller sees of the next morning, one world; nobody reads the hidden parts of it.

    Customers and stock that were not told move as the model's do, by the orders that really came.

    Args:
        market: The market as the scenario states it.
        before: The morning of the day, with the model's hidden parts.
        day: The day.
        modelled: What the model expected of it, and where that would have left it.
        actual: What was told.
    """
    model, evening = modelled
    moved = next_customers(market, before, day.orders, *model.attribution.sharing.details()).customers
    shelf = fill_orders(market, before, day.orders, whole=False)
    tomorrow = replace(
        evening,
        customers=moved,
        stock=shelf.stock,
        on_order=shelf.on_order,
        usual_demand=shelf.usual_demand,
        remaining=before.remaining.after(day.results.decision.spend_base),
    )
    return told_morning(market, tomorrow, actual)


def told_morning(market: MarketParameters, state: MarketState, actual: ActualDay) -> MarketState:
    """A morning's state, one world, with what was told of it in place of the model's."""
    figures = actual.figures
    # A total says nothing of regions whose stock has no limit.
    limited = np.array(market.fulfilment.limited)
    stock = spread(figures.get("stock"), np.where(limited, state.stock[0], 0.0))[0]
    outside = {name: held(figures.get(name), getattr(state.outside, name)[0])[None] for name in OUTSIDE}
    return replace(
        state,
        outside=OutsideState(**outside),
        customers=spread(figures.get("customers"), state.customers[0])[0][None],
        stock=np.where(limited, stock, state.stock[0])[None],
        on_order=spread(figures.get("on_order"), state.on_order[0])[0][None],
        usual_demand=spread(figures.get("usual_demand"), state.usual_demand[0])[0][None],
        satisfaction=held(figures.get("satisfaction"), state.satisfaction[0])[None],
    )


def _told_once(told: FloatArray | None, assumed: FloatArray | None, model: FloatArray) -> FloatArray | None:
    """Figures by region and channel; where the split over regions was an assumption, the model's stands in its place.

    So they are a total like any other: observed over modelled is the same in all regions, and no region looks changed.
    """
    if told is None or assumed is None or told.shape[0] == 1:
        return told
    is_assumed = np.zeros(told.shape[2], dtype=np.bool_)
    is_assumed[: len(assumed)] = assumed > 0.0
    expected = model.sum(axis=1, keepdims=True) if told.shape[1] == 1 else model
    return np.where(is_assumed, spread(told.sum(axis=0, keepdims=True), expected)[0], told)


def _visits(
    clicks: FloatArray | None, visits: FloatArray | None, model: DayOutcome
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Visits by source ``(R, S, C + 1)``, where they are known, and visits ``(R, S)``.

    What the told visits hold beyond the told sources came from the other sources.
    """
    expected = expected_counts(model)[0]
    by_source, known = spread(clicks, expected)
    if visits is None:
        return by_source, known, by_source.sum(axis=2)
    all_visits, known_visits = spread(visits, model.visits[0])
    over = tuple(axis for axis in (0, 1) if visits.shape[axis] == 1 or (clicks is not None and clicks.shape[axis] == 1))
    rest = np.maximum((all_visits - np.where(known, by_source, 0.0).sum(axis=2)).sum(axis=over, keepdims=True), 0.0)
    left = np.where(known, 0.0, expected)
    of_model = left.sum(axis=2).sum(axis=over, keepdims=True)
    ratio = rest / np.where(of_model > 0.0, of_model, 1.0)
    derived = ~known & np.logical_and.reduce(known_visits, axis=over, keepdims=True)[..., None]
    by_source = np.where(derived, left * ratio[..., None], by_source)
    return by_source, known | derived, np.where(known_visits, all_visits, by_source.sum(axis=2))


def _revenue(
    figures: Mapping[str, FloatArray], model: DayOutcome, orders: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Gross and net revenue ``(R, S)`` each, and where any is known; one follows from the other as in the model."""
    model_orders, money = model.orders[0].sum(axis=2), model.money
    model_gross, model_net = money.gross_revenue[0], money.net_revenue[0]
    model_sales = (money.gross_revenue + money.discount + money.tax + money.fx_effect)[0]
    value = model_gross / np.where(model_orders > 0.0, model_orders, 1.0)
    whole = np.where(model_gross > 0.0, model_gross, 1.0)
    sold, kept = (np.where(model_gross > 0.0, part / whole, 1.0) for part in (model_sales, model_net))
    filled, known = spread(figures.get("gross_revenue_base"), orders * value)
    sales, known_sales = spread(figures.get("net_sales_base"), np.maximum(filled * sold, 0.0))
    filled = np.where(known | ~known_sales | (sold <= 0.0), filled, sales / np.where(sold > 0.0, sold, 1.0))
    known = known | known_sales
    filled_net, known_net = spread(figures.get("net_revenue_base"), np.maximum(filled * kept, 0.0))
    filled = np.where(known | ~known_net | (kept <= 0.0), filled, filled_net / np.where(kept > 0.0, kept, 1.0))
    return filled, np.where(known_net, filled_net, filled * kept), known | known_net
