"""From a repeat model's spread of customers to the few types of a market.

A type of a market orders with the same chance every day and drops out with the same chance every night. Shares, rates
and drop-out of up to three types are chosen so that the chance of a second order and the expected number of orders, at
several horizons, are those of the fitted BG/NBD model; the chances within 90 and 365 days come first.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq, least_squares

from xbopt.calibration.customers.bg_nbd import BgNbdFit
from xbopt.core.arrays import FloatArray

TypeId = Literal["frequent", "regular", "rare"]
TYPE_IDS: tuple[TypeId, ...] = ("frequent", "regular", "rare")
HORIZONS_DAYS: tuple[int, ...] = (30, 90, 180, 365)
_FIRST_HORIZONS = (90, 365)
_HEAVY = 50.0
"""Weight of the chances of a second order within `_FIRST_HORIZONS` against the other figures."""
LARGEST_RATE, SMALLEST_RATE = 0.5, 1e-6
LARGEST_DROPOUT, SMALLEST_DROPOUT = 0.2, 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTypes:
    """Types of one segment, the most frequent buyers first; ``(K,)`` each.

    Attributes:
        share: Share among newly won customers.
        promotion_share: Share among those whom only an offer won; None where the data do not tell it apart.
        order_rate: Chance of an order a day while the customer is there.
        dropout: Chance a day to drop out.
    """

    share: FloatArray
    promotion_share: FloatArray | None
    order_rate: FloatArray
    dropout: FloatArray

    def second_order(self, days: int, share: FloatArray | None = None) -> float:
        """Chance of a second order within some days, by the types' shares or others ``(K,)``."""
        return float((self.share if share is None else share) @ _second_orders(self.order_rate, self.dropout, days))

    def expected_orders(self, days: int) -> float:
        """Orders after the first in some days of somebody newly won."""
        return float(self.share @ _orders(self.order_rate, self.dropout, days))


def customer_types(fit: BgNbdFit, offer: BgNbdFit | None = None) -> CustomerTypes:
    """The types that repeat as a fitted model says.

    Args:
        fit: Of all newly won customers, in days.
        offer: Of those won on an offer, if they were many enough to be fitted by themselves.
    """
    wanted_second = np.array([fit.second_order(days).value for days in HORIZONS_DAYS])
    wanted_orders = np.array([fit.expected_purchases(days).value for days in HORIZONS_DAYS])
    weight = np.where(np.isin(HORIZONS_DAYS, _FIRST_HORIZONS), _HEAVY, 1.0)

    def misses(at: FloatArray) -> FloatArray:
        share, rate, dropout = _unpacked(at)
        second = np.array([share @ _second_orders(rate, dropout, days) for days in HORIZONS_DAYS])
        orders = np.array([share @ _orders(rate, dropout, days) for days in HORIZONS_DAYS])
        # The last figures hold what the horizons leave open near where it started.
        return np.concatenate(
            [weight * np.log(second / wanted_second), np.log(orders / wanted_orders), 0.01 * (at - begin)]
        )

    mean = wanted_orders[1] / HORIZONS_DAYS[1]
    rates = np.clip(mean * np.array([8.0, 1.0, 0.1]), SMALLEST_RATE * 2, LARGEST_RATE / 2)
    begin = np.concatenate([[-1.5, -0.5], np.log(rates), np.log([0.001, 0.002, 0.004])])
    low = [-6.0] * 2 + [np.log(SMALLEST_RATE)] * 3 + [np.log(SMALLEST_DROPOUT)] * 3
    high = [6.0] * 2 + [np.log(LARGEST_RATE)] * 3 + [np.log(LARGEST_DROPOUT)] * 3
    found = least_squares(misses, begin, bounds=(low, high), xtol=1e-12, ftol=1e-12)
    share, rate, dropout = _unpacked(np.asarray(found.x))
    order = np.argsort(-rate, kind="stable")
    types = CustomerTypes(share=share[order], promotion_share=None, order_rate=rate[order], dropout=dropout[order])
    if offer is None:
        return types
    tilted = _tilted(types, offer.second_order(90).value)
    return CustomerTypes(share=types.share, promotion_share=tilted, order_rate=types.order_rate, dropout=types.dropout)


def _tilted(types: CustomerTypes, wanted: float) -> FloatArray:
    """Shares with another chance of a second order within 90 days, the least changed ones in relative entropy."""
    chance = _second_orders(types.order_rate, types.dropout, 90)

    def shares(tilt: float) -> FloatArray:
        exponent = tilt * (chance - chance.mean())
        weight = types.share * np.exp(exponent - exponent.max())
        return weight / weight.sum()

    def miss(tilt: float) -> float:
        return float(shares(tilt) @ chance) - wanted

    reach = 200.0
    if miss(-reach) >= 0.0:
        return shares(-reach)
    return shares(reach) if miss(reach) <= 0.0 else shares(float(brentq(miss, -reach, reach)))


def _second_orders(rate: FloatArray, dropout: FloatArray, days: int) -> FloatArray:
    stay = (1.0 - rate) * (1.0 - dropout)
    return np.asarray(rate * (1.0 - stay**days) / (1.0 - stay), dtype=np.float64)


def _orders(rate: FloatArray, dropout: FloatArray, days: int) -> FloatArray:
    return np.asarray(rate * -np.expm1(days * np.log1p(-dropout)) / dropout, dtype=np.float64)


def _unpacked(at: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    weight = np.exp(np.append(at[:2], 0.0))
    return weight / weight.sum(), np.exp(at[2:5]), np.exp(at[5:])
