"""Levels of organic visits and conversion at which the expected market brings the orders that were counted.

Orders are the product of visits and conversion, and of the two only the product is seen. So the conversion stays as
assumed, or as sessions tell it, and organic visits are what the counted orders need beyond what the media of these days
bring: those of prospects meet the first orders of a segment, those of its customer types, whose ratios are those of the
repeat model, its repeat orders; a region's conversion level meets the orders of the region.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np

from xbopt.agents.policies import built_in_policy
from xbopt.calibration.customers.lifecycle import KnownBucket
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Morning
from xbopt.core.documents.document import Document
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.loading import check_document
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

_PLAYS = 16
_NEAR = 0.002
_MOST_VISITS = 4000.0
"""Largest stated visits of a type; beyond, the regions' traffic level takes a part."""
_DROPOUT_STEPS = 8
_LEAST_DROPOUT, _MOST_DROPOUT = np.log(1e-3), np.log(30.0)
"""Bounds of the factor on the types' chance to drop out, in logs."""
_TOLD = 0.02
_LEVELS = (0.01, 100.0)
_VISITS = (0.0, 5000.0)
_TYPE_VISITS = (1e-5, 5000.0)
_DROPOUT = (0.0, 0.5)
_CART_RATE = (1e-6, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted on some days.

    Attributes:
        first: The first of these days.
        days: How many.
        first_orders: Orders of people who had not ordered before ``(R, S)``.
        repeat_orders: Orders of known customers ``(R, S)``.
        customers: Customers by bucket on the first morning, by region and segment.
        spend: Media spend ``(R, C)`` over the days.
        discount_frac: Mean discount ``(R,)``.
        visits: Visits of these days, all regions together; None where nobody counted them.
    """

    first: date
    days: int
    first_orders: FloatArray
    repeat_orders: FloatArray
    customers: Sequence[Sequence[Mapping[KnownBucket, int]]]
    spend: FloatArray
    discount_frac: FloatArray
    visits: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFit:
    """How near the expected market came.

    Attributes:
        first_orders, repeat_orders: Expected at the levels found ``(R, S)``.
        repeat_scale: What the repeat model's rates had to be multiplied by beyond that ``(S,)``; 1 where it fits.
        media_only: Segments whose media alone, as assumed, bring more orders than were counted.
    """

    first_orders: FloatArray
    repeat_orders: FloatArray
    repeat_scale: FloatArray
    media_only: tuple[str, ...]


def put_levels(draft: Draft, counted: Counted, type_rates: Sequence[FloatArray], period: str) -> LevelFit:
    """Fit the levels on the counted days, and write them.

    Args:
        draft: A whole document; its horizon, plan and customers are those of the counted days for the while.
        counted: What was counted.
        type_rates: Orders a day of a customer by type, by segment.
        period: The days in words.
    """
    replay = replayed(draft, counted)
    segments = cast("list[Plain]", draft.data["segments"])
    regions = cast("list[Plain]", cast("Plain", draft.data["market"])["regions"])
    known = np.ones(len(segments))
    start = [
        _per_visit(segment) * cast("float", segment.get("customer_conversion", 1.5)) / 1000.0 for segment in segments
    ]
    rates = [rates / per for rates, per in zip(type_rates, start, strict=True)]
    traffic = max(1.0, float(np.ceil(max(float(rate.max()) for rate in rates) / _MOST_VISITS)))
    prospect = np.array([cast("float", segment["visits_per_1000"]) for segment in segments])
    level = np.ones(len(regions))
    dropout = [_DropoutSearch() for _ in segments]
    stated = [[_number(kind, "daily_dropout") for kind in _types(segment)] for segment in segments]
    got_first, got_again = np.zeros_like(counted.first_orders), np.zeros_like(counted.repeat_orders)
    floor = np.zeros(len(segments), dtype=np.bool_)
    for _ in range(_PLAYS):
        for r in range(len(regions)):
            replay.put(("market", "regions", r, "traffic_level"), traffic, _BY_DEFINITION)
            replay.put_within(("market", "regions", r, "conversion_level"), level[r], _LEVELS, _FITTED)
        for s in range(len(segments)):
            replay.put_within(("segments", s, "visits_per_1000"), prospect[s] / traffic, _VISITS, _FITTED)
            for k, rate in enumerate(rates[s]):
                kind = ("segments", s, "customer_types", k)
                replay.put_within((*kind, "visits_per_1000"), known[s] * rate / traffic, _TYPE_VISITS, _FITTED)
                leaves = stated[s][k] * float(np.exp(dropout[s].at))
                replay.put_within((*kind, "daily_dropout"), leaves, _DROPOUT, _FITTED)
        got_first, got_again, bare = _play(replay, counted.days)
        ratio = _over(counted.first_orders.sum(axis=0), got_first.sum(axis=0))
        missing = counted.first_orders.sum(axis=0) - got_first.sum(axis=0)
        prospect = np.maximum(prospect + missing / np.maximum(bare, 1e-300), 0.0)
        floor = (prospect == 0.0) & (missing < 0.0)
        again = _over(counted.repeat_orders.sum(axis=0), got_again.sum(axis=0))
        for s, search in enumerate(dropout):
            if not search.goes_on(float(np.log(again[s]))):
                known[s] *= again[s]
        both = counted.first_orders + counted.repeat_orders
        region = _over(both.sum(axis=1), (got_first + got_again).sum(axis=1))
        level = level * region
        level = level / np.exp(np.average(np.log(level), weights=np.maximum(both.sum(axis=1), 1e-9)))
        if max(abs(np.log(part)).max() for part in (ratio, again, region)) < _NEAR:
            break
    _write(draft, replay, period)
    names = [str(segment["id"]) for segment in segments]
    return LevelFit(
        first_orders=got_first,
        repeat_orders=got_again,
        repeat_scale=known,
        media_only=tuple(name for name, at_floor in zip(names, floor, strict=True) if at_floor),
    )


@dataclass(slots=True)
class _DropoutSearch:
    """The factor on a segment's chances to drop out at which its old customers order as often as was counted.

    A repeat model sees the newly won. How many of the frequent buyers of long standing there are follows from how
    slowly customers leave, and the less they do, the more of those who are active order often.
    """

    at: float = 0.0
    step: int = 0
    last: tuple[float, float] | None = None
    is_done: bool = False

    def goes_on(self, miss: float) -> bool:
        """Move on a log ratio of counted over expected; False where what is left is not for drop-out to mend."""
        if self.is_done or abs(miss) < _TOLD or self.step >= _DROPOUT_STEPS:
            self.is_done = True
            return False
        before, self.last, self.step = self.last, (self.at, miss), self.step + 1
        move = -np.sign(miss) * 1.5
        if before is not None and before[0] != self.at:
            slope = (miss - before[1]) / (self.at - before[0])
            move = -miss / slope if slope > 1e-3 else move
        wanted = float(np.clip(self.at + np.clip(move, -3.0, 3.0), _LEAST_DROPOUT, _MOST_DROPOUT))
        self.is_done = wanted == self.at
        self.at = wanted
        return not self.is_done


_FITTED = Source(evidence="E", source="Fitted to the orders counted")
_BY_DEFINITION = Source(evidence="set", source="By definition: scales visits_per_1000")


def _write(draft: Draft, replay: Draft, period: str) -> None:
    note = "Orders are counted, and visits set to fit them at the conversion assumed and the media's assumed effect"
    fitted = Source(evidence="E", source=f"Orders of {period}", note=note)
    types = Source(
        evidence="E", source=f"Repeat orders of {period}", note=f"Ratios of types by the repeat model. {note}"
    )
    why = "How many frequent buyers of long standing there are tells how slowly customers leave"
    leaving = Source(evidence="E", source=f"Types of customers as fitted, and repeat orders of {period}", note=why)
    regions = cast("list[Plain]", cast("Plain", replay.data["market"])["regions"])
    for r, region in enumerate(regions):
        draft.put(("market", "regions", r, "traffic_level"), region["traffic_level"], _BY_DEFINITION)
        level = Source(evidence="E", source=f"Orders of {period}", note="Holds the answer to price_level as well")
        draft.put(("market", "regions", r, "conversion_level"), region["conversion_level"], level)
    for s, segment in enumerate(cast("list[Plain]", replay.data["segments"])):
        draft.put(("segments", s, "visits_per_1000"), segment["visits_per_1000"], fitted)
        for k, kind in enumerate(cast("list[Plain]", segment["customer_types"])):
            draft.put(("segments", s, "customer_types", k, "visits_per_1000"), kind["visits_per_1000"], types)
            draft.put(("segments", s, "customer_types", k, "daily_dropout"), kind["daily_dropout"], leaving)
    draft.held |= replay.held


def put_conversion(draft: Draft, counted: Counted, period: str) -> None:
    """Write the cart rate at which the visits counted bring the orders counted; the checkout rate stays.

    A customer's visit leads to an order ``customer_conversion`` times as often as a prospect's, so that visits are
    ``(first + repeat / customer_conversion) / (cart * checkout)``.
    """
    if not counted.visits:
        return
    first, again = counted.first_orders.sum(axis=0), counted.repeat_orders.sum(axis=0)
    segments = cast("list[Plain]", draft.data["segments"])
    gain = np.array([cast("float", segment.get("customer_conversion", 1.5)) for segment in segments])
    stated = np.array([_per_visit(segment) for segment in segments])
    # What each segment's orders need of visits at its own conversion tells how far all of them are off.
    scale = float(((first + again / gain) / stated).sum()) / counted.visits
    note = (
        "Orders a visit are counted; cart and checkout share them as assumed, and segments have one factor. Sessions "
        "are counted after consent"
    )
    source = Source(evidence="E", source=f"{counted.visits:,.0f} sessions and the orders of {period}", note=note)
    rates = [rounded(_number(segment, "cart_rate") * scale) for segment in segments]
    fits = all(_CART_RATE[0] <= rate <= _CART_RATE[1] for rate in rates)
    for s, (segment, rate) in enumerate(zip(segments, rates, strict=True)):
        if fits:
            draft.put(("segments", s, "cart_rate"), rate, source)
        else:  # sessions that cannot have brought these orders tell nothing of conversion
            draft.hold(("segments", s, "cart_rate"), rate, _number(segment, "cart_rate"))


def replayed(draft: Draft, counted: Counted) -> Draft:
    """The document as it was on the counted days: their first morning, their spend, their discount."""
    replay = Draft(data=draft.data, taken_over=draft.taken_over, sources=dict(draft.sources))
    data = dict(replay.data)
    regions = cast("list[Plain]", cast("Plain", data["market"])["regions"])
    segments = [str(segment["id"]) for segment in cast("list[Plain]", data["segments"])]
    channels = [str(channel["id"]) for channel in cast("list[Plain]", data["channels"])]
    ids = [str(region["id"]) for region in regions]
    total = float(counted.spend.sum())
    plan: Plain = {"spend_frac": 1.0 if total > 0.0 else 0.0, "pacing": "even"}
    if total > 0.0:
        by_region, by_channel = counted.spend.sum(axis=1), counted.spend.sum(axis=0)
        plan["regions"] = dict(zip(ids, map(float, by_region), strict=True))
        plan["channels"] = dict(zip(channels, map(float, by_channel), strict=True))
        plan["channel_overrides"] = [
            {"regions": [name], "channels": dict(zip(channels, map(float, counted.spend[r]), strict=True))}
            for r, name in enumerate(ids)
            if by_region[r] > 0.0
        ]
        plan["segments"] = cast("Plain", draft.data.get("plan", {})).get("segments", {})
    given = [
        {"discount_frac": rounded(depth, 3), "regions": [name]}
        for name, depth in zip(ids, counted.discount_frac, strict=True)
        if depth > 0.005
    ]
    if given:
        plan["discounts"] = given
    people: list[Plain] = []
    for r, region in enumerate(regions):
        own = cast("dict[str, dict[str, float]]", region["customers"])
        now = {name: sum(own[name].values()) for name in segments}
        then = {name: dict(counted.customers[r][s]) for s, name in enumerate(segments)}
        population = cast("dict[str, float]", region["population"])
        size = {name: population[name] - now[name] + sum(then[name].values()) for name in segments}
        people.append({**region, "customers": then, "population": size})
        people[-1].pop("stock", None)
    replay.data = data | {
        "horizon": {"start": counted.first.isoformat(), "days": counted.days},
        "market": {**cast("Plain", data["market"]), "regions": people},
        "budget": {"total_base": max(total, 1e-6), "max_daily_multiple": 1100.0},
        "plan": plan,
        "history": {"before": "steady"},
    }
    for name in ("tactics", "uncertainty", "shocks"):
        replay.data.pop(name, None)
    return replay


def _play(replay: Draft, days: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Play the days without chance.

    Returns:
        First orders and repeat orders ``(R, S)``, and first orders that one more stated visit would bring ``(S,)``.
    """
    market = build_market(build_scenario(check_document(Document(data=replay.data)), None))
    policy = built_in_policy("baseline", market)
    state = initial_state(market, 1)
    first, again = np.zeros(state.customers.shape[1:3]), np.zeros(state.customers.shape[1:3])
    prospect_days = np.zeros_like(first)
    for day in range(days):
        prospect_days += state.customers[0, ..., 0] * market.calendar.demand[day][:, None]
        morning = Morning(day=day, days=days, remaining=state.remaining)
        outcome, state = play_day(market, average_world(), state, policy.decide(morning), None)
        first += outcome.orders[0, ..., 0]
        again += outcome.orders[0, ..., 1:].sum(axis=-1)
    document = market.scenario.document
    prices = np.array([region.price_level for region in document.market.regions])
    elasticity = np.array([segment.elasticity for segment in document.segments])
    per_visit = market.demand.cart_rate * market.demand.checkout_rate * prices[:, None] ** elasticity
    return first, again, (prospect_days * per_visit).sum(axis=0) / 1000.0


def _per_visit(segment: Plain) -> float:
    return cast("float", segment["cart_rate"]) * cast("float", segment["checkout_rate"])


def _over(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Ratios; 1 where either is 0, since nothing can be set by it."""
    told = (top > 0.0) & (bottom > 0.0)
    return np.where(told, top / np.where(told, bottom, 1.0), 1.0)


def _types(segment: Plain) -> list[Plain]:
    return cast("list[Plain]", segment["customer_types"])


def _number(holder: Plain, name: str) -> float:
    return float(cast("float", holder[name]))
