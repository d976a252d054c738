"""Customer types of a market, from purchases: the market's own behaviour as the likelihood.

A type of a market orders with the same chance every day and drops out with the same chance every night, whether it
ordered or not. Of a customer of a type with purchase rate l and drop-out rate m, who bought again x times, last at t,
and was watched up to T, the likelihood is that of "buy till you die" for one customer (Schmittlein, Morrison and
Colombo, Management Science 33, 1987)

    l^x (m exp(-(l + m) t) + l exp(-(l + m) T)) / (l + m)

and of a customer of unknown type the mean over the types. Shares, rates and drop-out have wide normal priors in
logarithms, since three types are more than most data tell apart; intervals are those of the Laplace approximation.

BG/NBD is not translated into types: it lets nobody leave before a second purchase. Where customers leave silently, as a
market's do, its chance of a second order is off by a tenth, and its intervals do not cover.
"""

# scipy ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm

from xbopt.calibration.customers.intervals import need_repeaters
from xbopt.calibration.customers.purchases import RepeatSummary
from xbopt.calibration.intervals import Interval
from xbopt.core.arrays import FloatArray, IntArray

TypeId = Literal["frequent", "regular", "rare"]
TYPE_IDS: tuple[TypeId, ...] = ("frequent", "regular", "rare")
_KINDS = len(TYPE_IDS)
_SHARE_SD, _RATE_SD, _DROPOUT_SD = 1.0, 1.5, 1.2
_USUAL_STAY_DAYS = 400.0
"""Prior median of the days that a customer stays; a factor of ten either way is two standard deviations."""
_SPREAD = (6.0, 1.0, 0.15)
"""Prior medians of the types' rates, in multiples of the mean rate."""
_OFFER_PRIOR = 20.0
"""Customers won on an offer are drawn to the mix of all as if so many more had been like it."""
_STEP = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTypes:
    """Types of one segment, the most frequent buyers first; ``(K,)`` each.

    Attributes:
        share: Share among newly won customers.
        promotion_share: Share among those won on an offer; None where the data do not tell it apart.
        order_rate: Chance of an order a day while the customer is there.
        dropout: Chance a day to drop out.
    """

    share: FloatArray
    promotion_share: FloatArray | None
    order_rate: FloatArray
    dropout: FloatArray

    def second_order(self, days: int, share: FloatArray | None = None) -> float:
        """Chance of a second order within some days, by the types' shares or others ``(K,)``."""
        stay = (1.0 - self.order_rate) * (1.0 - self.dropout)
        chance = self.order_rate * (1.0 - stay**days) / (1.0 - stay)
        return float((self.share if share is None else share) @ chance)

    def expected_orders(self, days: int) -> float:
        """Orders after the first in some days of somebody newly won."""
        gone = -np.expm1(days * np.log1p(-self.dropout))
        return float(self.share @ (self.order_rate * gone / self.dropout))


@dataclass(frozen=True, slots=True, kw_only=True)
class TypesFit:
    """Types and how far the data tell them.

    Attributes:
        types: At the posterior mode.
        log_likelihood: There.
        covariance: Of the logits of shares against the last type's, log rates and log drop-out rates ``(8, 8)``.
        at: These parameters at the mode ``(8,)``.
        customers: Customers fitted.
        repeaters: Of these, the ones who bought again.
    """

    types: CustomerTypes
    log_likelihood: float
    covariance: FloatArray
    at: FloatArray
    customers: int
    repeaters: int

    def second_order(self, days: int, level: float = 0.95) -> Interval:
        """Chance of a second order within some days of the first, with its interval."""
        made = self._interval(lambda at: float(logit(_types_at(at).second_order(days))), level)
        return Interval(value=float(expit(made.value)), low=float(expit(made.low)), high=float(expit(made.high)))

    def expected_orders(self, days: int, level: float = 0.95) -> Interval:
        """Orders after the first in some days of somebody newly won, with their interval."""
        made = self._interval(lambda at: float(np.log(_types_at(at).expected_orders(days))), level)
        return Interval(value=float(np.exp(made.value)), low=float(np.exp(made.low)), high=float(np.exp(made.high)))

    def _interval(self, figure: Callable[[FloatArray], float], level: float) -> Interval:
        steps = _STEP * np.eye(len(self.at))
        slope = np.array([(figure(self.at + s) - figure(self.at - s)) / (2.0 * _STEP) for s in steps])
        half = float(norm.ppf(0.5 + level / 2.0) * np.sqrt(max(slope @ self.covariance @ slope, 0.0)))
        value = figure(self.at)
        return Interval(value=value, low=value - half, high=value + half)


def fit_types(summary: RepeatSummary) -> TypesFit:
    """Fit the types to newly won customers; those won on an offer get shares of their own where some were not.

    Args:
        summary: Times in days.

    Raises:
        CalibrationError: Too few customers, or too few who bought again.
    """
    people, repeaters = need_repeaters(summary.again)
    rows, weight = np.unique(
        np.stack([summary.again.astype(np.float64), summary.last, summary.age], axis=1), axis=0, return_counts=True
    )
    x, last, age = rows[:, 0], rows[:, 1], rows[:, 2]
    mean_rate = float(summary.again.sum() / max(summary.age.sum(), 1.0))
    centre = np.concatenate(
        [np.zeros(_KINDS - 1), np.log(mean_rate * np.array(_SPREAD)), np.full(_KINDS, -np.log(_USUAL_STAY_DAYS))]
    )
    sd = np.concatenate([np.full(_KINDS - 1, _SHARE_SD), np.full(_KINDS, _RATE_SD), np.full(_KINDS, _DROPOUT_SD)])

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        value, slope = _log_likelihood(at, x, last, age, weight)
        away = (at - centre) / sd
        return 0.5 * float(away @ away) - value, away / sd - slope

    starts = (centre, centre + np.concatenate([np.array([-1.0, 0.0]), np.zeros(_KINDS), np.array([-1.5, 0.0, 1.0])]))
    found = min(
        (minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}) for start in starts),
        key=lambda result: float(result.fun),
    )
    at = np.asarray(found.x, dtype=np.float64)
    information = np.array([(loss(at + s)[1] - loss(at - s)[1]) / (2.0 * _STEP) for s in _STEP * np.eye(len(at))])
    values, vectors = np.linalg.eigh(0.5 * (information + information.T))
    # A direction that the mode leaves flat is as wide as its prior.
    covariance = (vectors / np.maximum(values, 1.0 / _RATE_SD**2)) @ vectors.T
    types = _types_at(at)
    order = np.argsort(-types.order_rate, kind="stable")
    offers = _offer_share(at, summary) if summary.offer.any() and not summary.offer.all() else None
    return TypesFit(
        types=CustomerTypes(
            share=types.share[order],
            promotion_share=None if offers is None else offers[order],
            order_rate=types.order_rate[order],
            dropout=types.dropout[order],
        ),
        log_likelihood=_log_likelihood(at, x, last, age, weight)[0],
        covariance=covariance,
        at=at,
        customers=people,
        repeaters=repeaters,
    )


def _offer_share(at: FloatArray, summary: RepeatSummary) -> FloatArray:
    """Shares among customers won on an offer, the types given, by expectation-maximisation ``(K,)``."""
    share, rate, dropout = _unpacked(at)
    won = summary.of(summary.offer)
    each, _, _ = _by_type(rate, dropout, won.again.astype(np.float64), won.last, won.age)
    chance = np.exp(each - each.max(axis=1, keepdims=True))
    now = share
    for _ in range(200):
        weight = chance * now
        mine = (weight / weight.sum(axis=1, keepdims=True)).sum(axis=0)
        now = (mine + _OFFER_PRIOR * share) / (len(chance) + _OFFER_PRIOR)
    return now


def _types_at(at: FloatArray) -> CustomerTypes:
    share, rate, dropout = _unpacked(at)
    return CustomerTypes(share=share, promotion_share=None, order_rate=-np.expm1(-rate), dropout=-np.expm1(-dropout))


def _unpacked(at: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    free = np.append(at[: _KINDS - 1], 0.0)
    weight = np.exp(free - free.max())
    return weight / weight.sum(), np.exp(at[_KINDS - 1 : 2 * _KINDS - 1]), np.exp(at[2 * _KINDS - 1 :])


def _by_type(
    rate: FloatArray, dropout: FloatArray, x: FloatArray, last: FloatArray, age: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log-likelihood of each customer as each type, and its slopes in log rate and log drop-out; ``(N, K)`` each."""
    both = rate + dropout
    left = np.log(dropout) - both * last[:, None]
    stays = np.log(rate) - both * age[:, None]
    total = np.logaddexp(left, stays)
    gone = np.exp(left - total)
    here = 1.0 - gone
    time = gone * last[:, None] + here * age[:, None]
    by_rate = x[:, None] + here - rate * (time + 1.0 / both)
    by_dropout = gone - dropout * (time + 1.0 / both)
    return x[:, None] * np.log(rate) + total - np.log(both), by_rate, by_dropout


def _log_likelihood(
    at: FloatArray, x: FloatArray, last: FloatArray, age: FloatArray, weight: IntArray
) -> tuple[float, FloatArray]:
    """Log-likelihood of rows with weights, and its slope ``(8,)``."""
    share, rate, dropout = _unpacked(at)
    each, by_rate, by_dropout = _by_type(rate, dropout, x, last, age)
    each = each + np.log(share)
    top = each.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(each - top).sum(axis=1))
    mine = np.exp(each - total[:, None]) * weight[:, None]
    by_share = mine.sum(axis=0) - share * weight.sum()
    slope = np.concatenate([by_share[:-1], (mine * by_rate).sum(axis=0), (mine * by_dropout).sum(axis=0)])
    return float(weight @ total), slope
