"""Customer types of a scenario whose market repeats as the sellers' customers do.

A scenario states how often a type visits, not how often it orders; how many of the visits become orders depends on the
market's prices, delivery and rules, and a few who left order again as strangers do. Visits and drop-out of a segment's
types are scaled until the market's own chances of a second order within 90 and 365 days, the vital signs of
``scenario check``, are the ones asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xbopt.calibration.customers.customer_types import TYPE_IDS, CustomerTypes
from xbopt.core.arrays import FloatArray
from xbopt.simulator.customer_types import order_chances
from xbopt.simulator.lifetime import repeat_probability
from xbopt.simulator.parameters import MarketParameters

HORIZONS_DAYS = (90, 365)
ROUNDS = 30
CLOSE = 1e-5
"""How far the market's chances may be from those asked for."""
_STEP = 0.02
_DROPOUTS = (1e-7, 0.5)
"""Bounds of a daily chance to drop out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledTypes:
    """Types of one segment in the terms of a scenario.

    Attributes:
        visits_per_1000: Organic visits a day per 1,000 customers of each type ``(K,)``.
        daily_dropout: ``(K,)``.
        types: The types they were made from.
        asked: Chances of a second order within `HORIZONS_DAYS`.
        reached: Those of the market.
    """

    visits_per_1000: FloatArray
    daily_dropout: FloatArray
    types: CustomerTypes
    asked: tuple[float, float]
    reached: tuple[float, float]

    @property
    def is_met(self) -> bool:
        """Whether the market repeats as asked, to a tenth of a percent point."""
        return max(abs(a - b) for a, b in zip(self.asked, self.reached, strict=True)) < 1e-3

    def rows(self) -> list[dict[str, object]]:
        """The section ``segments.customer_types`` of a scenario. Shares sum to 1 as written."""
        share = _rounded_shares(self.types.share)
        won = None if self.types.promotion_share is None else _rounded_shares(self.types.promotion_share)
        return [
            {
                "id": TYPE_IDS[k],
                "share": share[k],
                **({} if won is None else {"promotion_share": won[k]}),
                "visits_per_1000": float(f"{self.visits_per_1000[k]:.6g}"),
                "daily_dropout": float(f"{self.daily_dropout[k]:.6g}"),
            }
            for k in range(len(share))
        ]


def settle_types(
    market: MarketParameters,
    types: Mapping[str, CustomerTypes],
    first_orders: FloatArray | None = None,
    asked: Mapping[str, tuple[float, float]] | None = None,
) -> Mapping[str, SettledTypes]:
    """Scale types by segment until the market's second orders are those asked for.

    Args:
        market: The market, whatever types it states so far.
        types: By the id of each segment of the market that is to be settled; the others keep theirs.
        first_orders: Weights of the cells ``(R, S)``, as of first orders of the plan; organic ones where left out.
        asked: Chances of a second order within `HORIZONS_DAYS` by segment; those of the types where left out.
    """
    kinds, names = market.customers, list(types)
    places = [market.scenario.segments.index(name) for name in names]
    stated = kinds.type_share.shape[1]
    width = max(stated, len(TYPE_IDS))
    share, promotion, visits, dropout = (
        np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - stated)])
        for array in (kinds.type_share, kinds.promotion_share, kinds.type_visits_per_head, kinds.dropout)
    )
    living = np.pad(kinds.first_living, [(0, 0), (0, 0), (0, width - stated), (0, 0)])
    per_visit, traffic, weight = _orders_per_visit(market, first_orders)
    base_visits, base_dropout = np.zeros((len(names), len(TYPE_IDS))), np.zeros((len(names), len(TYPE_IDS)))
    wanted = np.zeros((len(names), 2))
    for i, (name, s) in enumerate(zip(names, places, strict=True)):
        share[s] = promotion[s] = 0.0
        share[s, : len(TYPE_IDS)] = types[name].share
        won = types[name].promotion_share
        promotion[s, : len(TYPE_IDS)] = types[name].share if won is None else won
        base_visits[i] = types[name].order_rate / (weight[:, s] @ (per_visit[:, s] * traffic))
        base_dropout[i] = types[name].dropout
        of_types = tuple(types[name].second_order(days) for days in HORIZONS_DAYS)
        wanted[i] = of_types if asked is None else asked[name]

    def scaled(at: FloatArray) -> tuple[FloatArray, FloatArray]:
        out = np.clip(base_dropout * np.exp(at[:, 1:]), *_DROPOUTS)
        return base_visits * np.exp(at[:, :1]), out

    def reached(at: FloatArray) -> FloatArray:
        by_head, out = scaled(at)
        now_visits, now_dropout = visits.copy(), dropout.copy()
        now_visits[:, places] = 0.0
        now_visits[:, places, : len(TYPE_IDS)] = traffic[:, None, None] * by_head
        now_dropout[places, : len(TYPE_IDS)] = out
        now = replace(
            kinds,
            type_share=share,
            promotion_share=promotion,
            type_visits_per_head=now_visits,
            dropout=now_dropout,
            first_living=living,
        )
        chances = [repeat_probability(replace(market, customers=now), days).by_cell for days in HORIZONS_DAYS]
        return np.stack([(chance * weight).sum(axis=0)[places] for chance in chances], axis=1)

    at = np.zeros((len(names), 2))
    got = reached(at)
    for _ in range(ROUNDS):
        if np.abs(got - wanted).max() < CLOSE:
            break
        slope = np.stack([(reached(at + _STEP * np.eye(2)[i]) - got) / _STEP for i in range(2)], axis=2)
        # A little damping, since drop-out may be at its bound and then moves nothing.
        square = slope.swapaxes(1, 2) @ slope + 1e-9 * np.eye(2)
        move = np.linalg.solve(square, slope.swapaxes(1, 2) @ (wanted - got)[..., None])[..., 0]
        at = at + np.clip(move, -1.0, 1.0)
        got = reached(at)
    by_head, out = scaled(at)
    return {
        name: SettledTypes(
            visits_per_1000=1000.0 * by_head[i],
            daily_dropout=out[i],
            types=types[name],
            asked=(float(wanted[i, 0]), float(wanted[i, 1])),
            reached=(float(got[i, 0]), float(got[i, 1])),
        )
        for i, name in enumerate(names)
    }


def _orders_per_visit(
    market: MarketParameters, first_orders: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Orders a customer's visit brings ``(R, S)``, level of traffic ``(R,)``, weights of cells ``(R, S)``."""
    kinds = market.customers
    probe = np.full((*kinds.type_visits_per_head.shape[:2], 1), 1e-6)
    stranger, _ = order_chances(market)
    _, customer = order_chances(replace(market, customers=replace(kinds, type_visits_per_head=probe)))
    traffic = np.array([region.traffic_level for region in market.scenario.document.market.regions])
    weight = market.scenario.customers[..., 0] * stranger[..., 0] if first_orders is None else first_orders
    total = weight.sum(axis=0)
    even = np.full(weight.shape, 1.0 / len(weight))
    return customer[..., 0, 0] / 1e-6, traffic, np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), even)


def _rounded_shares(shares: FloatArray) -> list[float]:
    """Shares to five digits that sum to 1 exactly as written."""
    digits = [round(float(share), 5) for share in shares]
    digits[int(np.argmax(shares))] = round(1.0 - (sum(digits) - max(digits)), 5)
    return digits
