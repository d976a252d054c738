"""A market and its worlds as the native kernel reads them: arrays by the names of ``fields.h``."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from xbopt.core.arrays import FloatArray, every
from xbopt.core.axes import BUCKETS
from xbopt.core.decisions.limits import Limits
from xbopt.simulator.fulfilment import return_rate
from xbopt.simulator.media import bid_up_of
from xbopt.simulator.outside import centring
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.pricing import DEAL_STAGES, usual_price
from xbopt.simulator.promotion import DEAL_KEEP, weeks_left
from xbopt.simulator.worlds import WorldParameters, is_certain

MONEY_TERMS = 11
"""Terms of a place's bridge; media belong to no place."""
_KEPT = 8
Packed = TypeVar("Packed")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedMarket:
    """A market as the kernel holds it.

    Attributes:
        handle: The kernel's own copy.
        sizes: Length of each axis by its letter in ``fields.h``.
        axes: The same as pairs.
        all_open: By day, whether every channel can be bought.
        wishes: What was asked for of earlier days, beyond what every day tells.
    """

    handle: object
    sizes: dict[str, int]
    axes: tuple[tuple[str, int], ...]
    all_open: tuple[bool, ...]
    wishes: set[str] = field(default_factory=set[str])


class _Recent:
    """What was packed last, by the identity of what it was packed from."""

    def __init__(self) -> None:
        self._packed: OrderedDict[Hashable, tuple[object, Any]] = OrderedDict()

    def get(self, key: Hashable, parts: object, pack: Callable[[], Packed]) -> Packed:
        """The pack of a key; ``parts`` are kept with it, so that no other object takes their place in memory."""
        # Other threads pack and forget meanwhile, so each step stands for itself.
        found = self._packed.pop(key, None) or (parts, pack())
        self._packed[key] = found
        while len(self._packed) > _KEPT:
            self._packed.popitem(last=False)
        return found[1]


_objects, _markets, _worlds, _limits = _Recent(), _Recent(), _Recent(), _Recent()


def packed_market(native: ModuleType, market: MarketParameters) -> PackedMarket:
    """The market for the kernel; packed once for markets that differ in limits only."""
    return _objects.get(id(market), market, lambda: _packed_parts(native, market))


def _packed_parts(native: ModuleType, market: MarketParameters) -> PackedMarket:
    parts = tuple(getattr(market, own.name) for own in fields(market) if own.name not in _NOT_READ)
    key = (*map(id, parts), market.scenario.segments)
    return _markets.get(key, parts, lambda: _pack_market(native, market))


def packed_worlds(native: ModuleType, packed: PackedMarket, market: MarketParameters, world: WorldParameters) -> object:
    """What differs by world for the kernel, packed once for a market and its worlds."""
    parts = (packed, world)
    return _worlds.get((id(packed), id(world)), parts, lambda: _pack_worlds(native, packed, market, world))


def packed_limits(market: MarketParameters) -> FloatArray:
    """The limits as one row of numbers, in the order of ``limits.h``."""
    limits = market.scenario.limits
    return _limits.get(id(limits), limits, lambda: _pack_limits(limits))


def _pack_limits(limits: Limits) -> FloatArray:
    least = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    most = np.where(limits.locked, limits.lock_base, np.inf)
    parts = (np.array(limits.daily_base), limits.maximum_base, least, most, limits.discount_ceiling)
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


_NOT_READ = ("scenario", "before", "shape")


def _pack_market(native: ModuleType, market: MarketParameters) -> PackedMarket:
    regions, segments, channels, dayparts = market.shape
    media, kinds, bank = market.media, market.customers, market.media.adstock
    places = len(market.places)
    sizes = {
        "T": len(market.calendar.demand),
        "R": regions,
        "S": segments,
        "L": len(BUCKETS),
        "C": channels,
        "H": dayparts,
        "K": market.outside.fx_sd.size,
        "G": kinds.dropout.shape[1],
        "J": len(BUCKETS) - 1,
        "M": market.promotion.uptake.size,
        "P": len(media.synergies),
        "Q": places,
        "F": len(market.rules.fees),
        "I": len(market.rules.items),
        "W": len(bank.windowed),
        "A": bank.window_days,
        "N": max(market.fulfilment.lead_days),
        "D": DEAL_STAGES,
        "V": MONEY_TERMS,
        "O": places if places > 1 else 0,
        "E": 2,
    }
    arrays = (
        _calendar_and_shocks(market)
        | _rules(market)
        | _outside(market, sizes["T"])
        | _media(market)
        | _demand(market)
        | _orders(market)
        | _places(market)
        | _people(market)
    )
    ordered = tuple(np.ascontiguousarray(arrays[name], dtype=np.float64) for name, _ in native.MARKET_FIELDS)
    handle = native.market(tuple(sizes[letter] for letter in native.SIZES), ordered)
    return PackedMarket(
        handle=handle,
        sizes=sizes,
        axes=tuple(sizes.items()),
        all_open=tuple(every(day > 0.0) for day in market.shocks.available),
    )


Arrays = dict[str, Any]


def _named(source: object, *names: str) -> Arrays:
    return {name: getattr(source, name) for name in names}


def _calendar_and_shocks(market: MarketParameters) -> Arrays:
    shocks = market.shocks
    tomorrow = {
        name: np.concatenate([getattr(shocks, field)[1:], np.zeros_like(getattr(shocks, field)[:1])])
        for name, field in (("fx_shock", "fx_log"), ("sentiment_shock", "sentiment"))
    }
    return tomorrow | {
        "competitor_shock": shocks.competitor_log,
        "delay_days": shocks.delay_days,
        **_named(
            market.calendar,
            "demand",
            "cpm",
            "price_sensitivity",
            "event_strength",
            "usual_deal",
            "deal_share",
            "deal_in_lift",
            "daypart_activity",
        ),
    }


def _rules(market: MarketParameters) -> Arrays:
    rules = market.rules
    none = np.zeros((0, *rules.threshold_base.shape))
    return {
        "rule_currency": rules.currency,
        "fee_base": np.stack([fee.amount_base for fee in rules.fees]) if rules.fees else none,
        "fee_is_low_value": [fee.low_value_only for fee in rules.fees],
        "fee_currency": [fee.currency for fee in rules.fees],
        "item_price_ratio": [kind.price_ratio for kind in rules.items],
        "item_share": [kind.share for kind in rules.items],
        **_named(
            rules,
            "tax_frac",
            "tax_free_base",
            "tax_on_duty",
            "untaxed_duty_base",
            "threshold_base",
            "shipping_counts",
            "by_item",
            "flat_duty_base",
            "ad_valorem_frac",
            "surcharge_frac",
            "shipping_dutiable",
            "refunds_shipping",
            "dutiable",
        ),
    }


def _outside(market: MarketParameters, days: int) -> Arrays:
    p, day = market.outside, np.arange(days)

    def noise(sd: FloatArray | float, keep: FloatArray | float) -> FloatArray:
        return np.asarray(sd * np.sqrt(1.0 - np.square(keep)))

    # Days beyond the horizon are played in expected mode only, which takes no part of the centring.
    centre = np.full((days + 1, p.fx_sd.size), np.nan)
    known = min(days + 1, len(p.fx_centre))
    centre[:known] = p.fx_centre[:known]
    return {
        "fx_shift": centre[1:] - p.fx_keep * centre[:-1],
        "competitor_noise": noise(p.competitor_sd, p.competitor_keep),
        "congestion_noise": noise(p.congestion_sd, p.congestion_keep),
        "congestion_shift": centring(p.congestion_sd, p.congestion_keep, day[:, None]),
        "sentiment_noise": noise(p.sentiment_sd, p.sentiment_keep),
        "media_price_noise": noise(p.media_price_sd, p.media_price_keep),
        "media_price_shift": centring(p.media_price_sd, p.media_price_keep, day),
        **_named(
            p,
            "fx_keep",
            "fx_sd",
            "jump_chance",
            "jump_log",
            "region_currency",
            "competitor_keep",
            "congestion_keep",
            "sentiment_keep",
            "sentiment_start",
            "media_price_keep",
        ),
    }


def _media(market: MarketParameters) -> Arrays:
    media = market.media
    pairs = np.array(media.synergies, dtype=np.int64).reshape(-1, 2)
    exponential = np.zeros(market.shape[2])
    exponential[list(media.saturation.exponential)] = 1.0
    return {
        "windowed": media.adstock.windowed,
        "slope": media.saturation.slope,
        "exponential": exponential,
        "half": media.saturation.half,
        "fatigue_limit": media.fatigue.limit,
        "fatigue_exponent": media.fatigue.exponent,
        "fatigue_keep": media.fatigue.retention,
        "pair_first": pairs[:, 0],
        "pair_second": pairs[:, 1],
        "pair_reach": np.sqrt(media.reach[pairs[:, 0]] * media.reach[pairs[:, 1]]),
        **_named(
            media,
            "price_base",
            "reference_base",
            "ceiling",
            "reach",
            "contact",
            "daypart_effect",
            "daypart_supply",
            "synergy",
        ),
    }


def _demand(market: MarketParameters) -> Arrays:
    p, promotion = market.demand, market.promotion
    return {
        "log_delay_keep": np.log1p(-p.delay_sensitivity),
        "surprise": (1.0 - p.surprise_duty) * p.customer_pays_duty,
        "shock_variance": np.log1p(p.shock_cv**2),
        "mechanic_basket": promotion.basket,
        "prospect_share": promotion.prospects,
        "weeks_left": weeks_left(promotion),
        "deal_keep": DEAL_KEEP,
        **_named(
            p,
            "visits_per_head",
            "cart_rate",
            "checkout_rate",
            "landed_elasticity",
            "competitor_elasticity",
            "deal_gain",
            "sentiment_sensitivity",
            "repurchase_effect",
            "customer_pays_duty",
        ),
        **_named(
            promotion,
            "uptake",
            "appeal",
            "borrowing",
            "borrowed_frac",
            "switched_frac",
            "own_frac",
            "payback",
            "largest_cut",
            "paid_in_time",
            "comes_again",
        ),
    }


def _orders(market: MarketParameters) -> Arrays:
    orders = market.orders
    return {
        "goods_price_base": orders.price_base,
        **_named(
            orders,
            "cost_base",
            "basket_cv",
            "log_sd",
            "return_days",
            "charged_base",
            "shipping_base",
            "handling_base",
            "resale_frac",
            "pass_through",
        ),
    }


def _places(market: MarketParameters) -> Arrays:
    places = market.places
    here = np.zeros((len(places), market.shape[2]))
    for place, row in zip(places, here, strict=True):
        row[list(place.channels)] = 1.0
    by_place = ("platform_frac", "fee_on_gross", "platform_fixed_base", "payment_frac", "payment_fixed_base")
    return {
        "sold_here": here,
        "organic_frac": [place.organic_frac for place in places],
        "place_basket": [place.basket for place in places],
        **{name: np.stack([getattr(place, name) for place in places]) for name in by_place},
    }


def _people(market: MarketParameters) -> Arrays:
    kinds, fulfilment = market.customers, market.fulfilment
    return {
        "customer_readiness": kinds.conversion,
        "any_limited": any(fulfilment.limited),
        "segment_by_id": np.argsort(np.array(market.scenario.segments)),
        **_named(
            kinds,
            "type_share",
            "promotion_share",
            "type_visits_per_head",
            "dropout",
            "ageing",
            "satisfaction_start",
            "satisfaction_keep",
            "late_day_penalty",
            "stock_out_penalty",
            "churn_effect",
            "contact_effect",
            "births",
        ),
        **_named(fulfilment, "usual_days", "accepted_days", "limited", "lead_days", "cover_days"),
    }


def _pack_worlds(native: ModuleType, packed: PackedMarket, market: MarketParameters, world: WorldParameters) -> object:
    media = market.media
    bank, bid_up = media.adstock.stretched(world.carry_over), bid_up_of(media, world)
    keep = market.demand.reference_keep
    weights = bank.weights if bank.windowed else np.ones((1, 1))
    own_weights = weights.ndim > 2  # (N, B, R, S, W), else (N, W)
    arrays = {
        "bid_up": media.bid_up[None] if bid_up is None else bid_up[:, 0, 0],
        "quality": media.quality * world.visit_quality,
        "retention": bank.retention if bank.retention.ndim > 1 else bank.retention[None, None, None],
        "synergy_factor": world.synergy,
        "deal_gain_factor": world.deal_gain,
        "reference_keep": keep[None] if is_certain(world.price_memory) else keep ** (1.0 / world.price_memory),
        "dropout_factor": world.dropout,
        "return_rate": return_rate(market, world).reshape(-1, *market.shape[:2]),
        "delivery": world.delivery_days,
        "usual_price": usual_price(market, world),
        "window_weight": weights.transpose(1, 2, 3, 0, 4) if own_weights else weights[None, None, None],
    }
    ordered = tuple(
        np.asfortranarray(arrays[name] if name in arrays else getattr(world, name), dtype=np.float64)
        for name, _ in native.WORLD_FIELDS
    )
    return native.worlds(packed.handle, ordered)
