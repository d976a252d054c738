"""Fits the volumes of a draft to what is known of a whole market: orders, visits, what media bring, who comes back.

Facts of single numbers do not add up by themselves. The market is played in expected mode on average days, and a few
numbers that nobody can look up are moved until the sums hold: own visits, carts a visit, conversion of media visits by
channel, and how often customers come by. What could not be met is told.
"""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.defaults.channels import price_of_1000
from xbopt.core.defaults.ledger import figures
from xbopt.core.defaults.market import Fields
from xbopt.core.scenario.build import build_scenario
from xbopt.simulator.lifetime import repeat_probability
from xbopt.studies.new_for.answers import DAYS_OF_A_MONTH
from xbopt.studies.new_for.average_days import (
    COUNTED_DAYS,
    Counts,
    arms_of,
    average_market,
    count,
    customers_after_a_year,
)
from xbopt.studies.new_for.document import Draft

_ROUNDS, _SETTLED, _CLOSE = 12, 4, 0.02
_STEP = 0.05
_BUCKETS = ("new", "active", "at_risk", "lapsed")
_MEDIA_SHARE = (0.01, 0.9)
_MOST_OF_VISITS = 0.6
"""Media bring at most this share of the visits; where they would bring more, visits convert worse than was said."""
_MOST_HELD = 0.5
_MOST_CUSTOMERS = 0.99
_LEAST_COST = 0.25
_LARGEST_MOVE = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """What the fitted market implies on average days.

    Attributes:
        orders_a_month: Orders of an average month.
        media_share: Share of orders that media bring.
        incremental_roas: Net revenue that media bring, by unit of spend.
        conversion: Orders a visit.
        conversion_wanted: What was stated, or is usual in the trade.
        repeat_frac: First buyers who order again within a year.
        unit_margin_frac: Margin of an order before media, a share of its net revenue, by country.
        marginal_return: Margin of the next unit of spend.
        held: Channels whose conversion met the end of what is believed.
        miss: Largest relative miss of what was wanted.
    """

    orders_a_month: float
    media_share: float
    incremental_roas: float
    conversion: float
    conversion_wanted: float
    repeat_frac: float
    unit_margin_frac: dict[str, float]
    marginal_return: float
    held: tuple[str, ...]
    miss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    conversion: float
    repeat_by_segment: FloatArray  # (S,)
    media_share: float
    orders: float  # over the counted days, where stated
    orders_stated: bool
    most_orders: float
    by_channel: FloatArray  # (C,), sums to 1


def fit_volumes(made: Draft) -> Volumes:
    """Move the draft's volumes until its sums hold; gives what they then are.

    What media bring is wanted to be the usual share of orders. Where the facts of most channels would have to lie
    outside their ranges, something gives way: the orders, or their share where these were stated.
    """
    wanted = _wanted(made)
    factors = arms_of(len(made.items("channels")), _STEP)
    counts: Counts | None = None
    held: tuple[str, ...] = ()
    miss = np.inf
    for n in range(_ROUNDS):
        moved = _fit_repeats(made, wanted)
        _fill_customers(made)
        _fit_exposure(made)
        counts = count(average_market(made.document()), factors)
        if n == 0 and made.answers.gross_margin_frac is None:
            _take_duty_out(made, counts)
            continue
        if n >= _SETTLED and sum(made.defaults.plan_share[channel] for channel in held) > _MOST_HELD:
            wanted = _given_way(counts, wanted)
        orders = _orders_wanted(made, counts, wanted)
        miss = max(moved, _miss(counts, wanted, orders))
        if miss < _CLOSE:
            break
        held = _move(made, counts, wanted, orders)
    assert counts is not None, "there is at least one round"
    return _volumes(made, counts, wanted, held, miss)


def _wanted(made: Draft) -> _Wanted:
    facts, answers, trade = made.defaults.ledger, made.answers, made.defaults.trade.id
    repeat = answers.repeat_frac or facts.look_up("trade", trade, "repeat_frac").value
    share = np.array(list(made.defaults.segment_share.values()))
    factor = np.array([facts.general("repeat_factor", segment) for segment in made.defaults.segments])
    by_channel = np.array(
        [
            made.defaults.plan_share[channel] * facts.look_up("channel", channel, "relative_return").value
            for channel in made.defaults.channels
        ]
    )
    month = answers.orders_a_month
    return _Wanted(
        conversion=answers.conversion or facts.look_up("trade", trade, "conversion_rate").value,
        repeat_by_segment=np.minimum(repeat * factor / (factor * share).sum(), 0.95),
        media_share=facts.general("media_share"),
        orders=0.0 if month is None else month * COUNTED_DAYS / DAYS_OF_A_MONTH,
        orders_stated=month is not None,
        most_orders=np.inf,
        by_channel=by_channel / by_channel.sum(),
    )


def _take_duty_out(made: Draft, counts: Counts) -> None:
    """Lower the cost of goods by an order's mean duty: the margins of a trade count it among the cost of goods."""
    product, trade = made.items("products")[0], made.defaults.trade.id
    items = made.defaults.ledger.look_up("trade", trade, "items_per_order").value
    duty = float(counts.duty[0] / counts.orders[0].sum()) / items
    if duty <= 0.0:
        return
    price, cost = cast("float", product["price_base"]), cast("float", product["unit_cost_base"])
    path = f"products.{product['id']}.unit_cost_base"
    product["unit_cost_base"] = made.within(path, cost - duty, _LEAST_COST * price, price)
    known = made.sources[path]
    note = f"{known.note}, less {duty:.3g} of duty an item: margins of a trade count it among the cost of goods"
    made.state(path, known.evidence, known.source, note)


def _given_way(counts: Counts, wanted: _Wanted) -> _Wanted:
    """What can be wanted where the channels bring all that is believed of them."""
    found = counts.orders.sum(axis=1)
    brought = max(float(found[0] - found[1]), 1e-9)
    if wanted.orders_stated:
        return replace(wanted, media_share=float(np.clip(brought / wanted.orders, *_MEDIA_SHARE)))
    return replace(wanted, most_orders=brought / wanted.media_share)


def _orders_wanted(made: Draft, counts: Counts, wanted: _Wanted) -> float:
    """Orders over the counted days: those stated, else those at which the next unit of spend brings its cost.

    The margin of the next unit is ``elasticity * margin of all orders / spend`` (Dorfman, Steiner 1954), so it grows
    with the orders. Sales by unit of spend stay within what campaigns have brought elsewhere.
    """
    if wanted.orders_stated:
        return wanted.orders
    facts = made.defaults.ledger
    orders = counts.orders.sum(axis=1)
    marginal = _marginal(counts)
    spend = counts.spend[0]
    per_order = counts.revenue[0].sum() / orders[0]
    sales = facts.look_up("general", "any", "incremental_roas")
    low, high = (ratio * spend / (wanted.media_share * per_order) for ratio in (sales.low, sales.high))
    aim = facts.general("marginal_return")
    best = float(np.clip(orders[0] * aim / marginal, low, high)) if marginal > 0.0 else float(high)
    return min(best, wanted.most_orders)


def _marginal(counts: Counts) -> float:
    return float((counts.margin[-1] - counts.margin[-2]).sum() / (counts.spend[-1] - counts.spend[-2]))


def _visits_wanted(counts: Counts, wanted: _Wanted, orders: float) -> tuple[float, float]:
    """All visits, and those without media."""
    by_media = counts.visits[0] - counts.visits[1]
    every = max(orders / wanted.conversion, by_media / _MOST_OF_VISITS)
    return every, every - by_media


def _miss(counts: Counts, wanted: _Wanted, orders: float) -> float:
    found = counts.orders.sum(axis=1)
    _, own = _visits_wanted(counts, wanted, orders)
    ratios = (found[0] / orders, found[1] / (orders * (1.0 - wanted.media_share)), counts.visits[1] / own)
    return float(max(abs(np.log(ratio)) for ratio in ratios))


def _move(made: Draft, counts: Counts, wanted: _Wanted, orders: float) -> tuple[str, ...]:
    """Move visits, carts and the conversion of media visits towards what is wanted; the channels that are held."""
    found = counts.orders.sum(axis=1)  # (A,)
    _, own = _visits_wanted(counts, wanted, orders)
    visits = _bounded(own / counts.visits[1])
    carts = _bounded((1.0 - wanted.media_share) * orders / found[1] / visits)
    brought = np.maximum(found[0] - found[2:-2], 1e-9 * found[0])
    of_all = wanted.media_share * orders / max(found[0] - found[1], 1e-9 * found[0])
    quality = wanted.by_channel / (brought / brought.sum()) * of_all / carts
    for segment in made.items("segments"):
        for name, factor, most in (("visits_per_1000", visits, 5000.0), ("cart_rate", carts, 0.85)):
            wanted_of = cast("float", segment[name]) * factor
            segment[name] = made.within(f"segments.{segment['id']}.{name}", wanted_of, 1e-6, most)
    return tuple(
        str(channel["id"])
        for channel, factor in zip(made.items("channels"), quality, strict=True)
        if not _move_channel(made, channel, _bounded(float(factor)))
    )


def _move_channel(made: Draft, channel: Fields, factor: float) -> bool:
    """Let a channel's money bring ``factor`` times as much; whether each of its facts stays within its range.

    What was wanted and the facts disagree by the factor. It is shared out over the numbers that decide it, price,
    clicks and conversion, which are uncertain alike: the likeliest point that fits both.
    """
    facts, name, price = made.defaults.ledger, str(channel["id"]), cast("Fields", channel["price"])
    paid_by_click = price["model"] == "cpc"
    part = factor ** (1.0 / (2.0 if paid_by_click else 3.0))
    places = [
        (price, "price.amount_base", "price_usd", 1.0 / part, facts.usd(1.0)),
        (channel, "visit_quality", "visit_quality", part, 1.0),
    ]
    if not paid_by_click:
        places.append((channel, "visits_per_1000_impressions", "clicks_per_1000", part, 1.0))
    inside = True
    for holder, path, fact_name, times, unit in places:
        key = path.rpartition(".")[2]
        known = facts.look_up("channel", name, fact_name)
        wanted = cast("float", holder[key]) * times
        holder[key] = made.within(f"channels.{name}.{path}", wanted, known.low * unit, known.high * unit)
        inside = inside and known.low * unit <= wanted <= known.high * unit
    return inside


def _fit_repeats(made: Draft, wanted: _Wanted) -> float:
    """Move how often customers come by until as many order again as wanted; the move before the last."""
    market = average_market(made.document(), 1)
    found = (repeat_probability(market, 365).by_cell * market.scenario.population).sum(axis=0)
    found = found / market.scenario.population.sum(axis=0)
    odds = wanted.repeat_by_segment / (1.0 - wanted.repeat_by_segment) / (found / (1.0 - found))
    for segment, factor in zip(made.items("segments"), odds, strict=True):
        for kind in cast("list[Fields]", segment["customer_types"]):
            path = f"segments.{segment['id']}.customer_types.{kind['id']}.visits_per_1000"
            visits = cast("float", kind["visits_per_1000"]) * _bounded(factor)
            kind["visits_per_1000"] = made.within(path, visits, 1e-3, 5000.0)
    return float(np.abs(np.log(odds)).max())


def _fill_customers(made: Draft) -> None:
    document = made.document()
    people = build_scenario(document).population
    customers = customers_after_a_year(document)
    most = _MOST_CUSTOMERS * people / np.maximum(customers.sum(axis=2), 1e-9)  # rounding must leave somebody to win
    for region, row in zip(made.items("regions"), customers * np.minimum(most, 1.0)[..., None], strict=True):
        region["customers"] = {
            segment: {bucket: figures(float(people)) for bucket, people in zip(_BUCKETS, cell, strict=True)}
            for segment, cell in zip(made.defaults.segments, row, strict=True)
        }


def _fit_exposure(made: Draft) -> None:
    """Reference spend and half-saturation of each channel from what the plan buys a head that it reaches."""
    market = average_market(made.document(), 1)
    scenario = market.scenario
    level = np.array([region.media_price_level for region in scenario.document.market.regions])
    spend = made.answers.spend_per_day_base * (scenario.plan.share / level[:, None, None]).sum(axis=(0, 1))  # (C,)
    heads = np.einsum("rsl,cl->c", scenario.customers, market.media.reach)
    ratio = made.defaults.ledger.general("half_saturation_ratio")
    for channel, per_head in zip(made.items("channels"), spend / np.maximum(heads, 1.0), strict=True):
        exposure = per_head * 1000.0 / price_of_1000(made.defaults.ledger, str(channel["id"]))
        path, price, bend = f"channels.{channel['id']}", "price.reference_per_1000", "saturation.half_saturation"
        cast("Fields", channel["price"])["reference_per_1000"] = made.within(
            f"{path}.{price}", 1000.0 * per_head, 1e-9, 1e13
        )
        cast("Fields", channel["saturation"])["half_saturation"] = made.within(
            f"{path}.{bend}", ratio * exposure, 1e-4, 100.0
        )


def _volumes(made: Draft, counts: Counts, wanted: _Wanted, held: tuple[str, ...], miss: float) -> Volumes:
    orders = counts.orders.sum(axis=1)
    again = repeat_probability(average_market(made.document(), 1), 365).weighted
    return Volumes(
        orders_a_month=float(orders[0]) * DAYS_OF_A_MONTH / COUNTED_DAYS,
        media_share=float(1.0 - orders[1] / orders[0]),
        incremental_roas=float((counts.revenue[0] - counts.revenue[1]).sum() / counts.spend[0]),
        conversion=float(orders[0] / counts.visits[0]),
        conversion_wanted=wanted.conversion,
        repeat_frac=again,
        unit_margin_frac={
            code: float(margin / revenue)
            for code, margin, revenue in zip(made.defaults.regions, counts.margin[0], counts.revenue[0], strict=True)
        },
        marginal_return=_marginal(counts),
        held=held,
        miss=float(miss),
    )


def _bounded(factor: float) -> float:
    return float(np.clip(factor, 1.0 / _LARGEST_MOVE, _LARGEST_MOVE))
