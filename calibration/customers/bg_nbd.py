"""Repeat purchases: the BG/NBD model by maximum likelihood.

Fader, Hardie and Lee, "Counting your customers the easy way", Marketing Science 24 (2005): while a customer is there,
purchases come at a rate that is gamma distributed over customers (shape r, rate alpha); after each purchase but the
first one leaves with a chance that is beta distributed (a, b).

Intervals: the observed information in the logarithms of the parameters, and the delta method, for chances on the logit
scale and for counts on the log scale.
"""

# scipy ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, gammaln, logit
from scipy.stats import norm

from xbopt.calibration.customers.intervals import inverse_information, need_repeaters
from xbopt.calibration.customers.purchases import RepeatSummary
from xbopt.calibration.intervals import Interval
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import CalibrationError

_LOG_BOUND = 8.0
"""Parameters lie within e^-8 .. e^8 of their starting unit; one that runs there is not told by the data."""
_STEP = 1e-4
_OPTIONS = {"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9}
_NAMES = ("r", "alpha", "a", "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbdFit:
    """A fit. Time is in days (or whatever the summary was in).

    Attributes:
        r: Shape of the purchase rates.
        alpha: Rate of the purchase rates, in units of time.
        a: Of the beta distribution of the chance to leave after a purchase.
        b: Likewise.
        log_likelihood: At the fit.
        covariance: Of the logarithms of the four ``(4, 4)``.
        loose: Those of the four that the data do not tell: they ran to a bound, and then count as known in intervals,
            or could be seven times as large or small.
        customers: Customers fitted.
        repeaters: Of these, the ones who bought again.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    covariance: FloatArray
    loose: tuple[str, ...]
    customers: int
    repeaters: int

    @property
    def parameters(self) -> FloatArray:
        """The four in their order ``(4,)``."""
        return np.array([self.r, self.alpha, self.a, self.b])

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Interval of one of ``r``, ``alpha``, ``a`` and ``b``."""
        place = _NAMES.index(name)
        half = float(norm.ppf(0.5 + level / 2.0) * np.sqrt(self.covariance[place, place]))
        value = float(self.parameters[place])
        return Interval(value=value, low=value * exp(-half), high=value * exp(half))

    def second_order(self, days: float, level: float = 0.95) -> Interval:
        """Chance of a second purchase within some days of the first: ``1 - (alpha / (alpha + days))**r``."""
        chance = _delta(self, lambda at: float(logit(_second_order(at, days))), level)
        return Interval(value=float(expit(chance.value)), low=float(expit(chance.low)), high=float(expit(chance.high)))

    def expected_purchases(self, days: float, level: float = 0.95) -> Interval:
        """Purchases after the first in some days of somebody newly won (equation 9)."""
        count = _delta(self, lambda at: float(np.log(_expected(at[:1], at[1:2], at[2], at[3], days)[0])), level)
        return Interval(value=exp(count.value), low=exp(count.low), high=exp(count.high))

    def alive(self, summary: RepeatSummary) -> FloatArray:
        """Chance that each customer is still there ``(N,)`` (Fader, Hardie and Lee 2008, a note on P(alive))."""
        r, alpha, a, b = self.parameters
        again, last, age = summary.again, summary.last, summary.age
        log_ratio = (r + again) * np.log((alpha + age) / (alpha + last)) + np.log(a / (b + np.maximum(again, 1) - 1.0))
        return np.where(again > 0, expit(-log_ratio), 1.0)

    def buys_within(self, summary: RepeatSummary, days: float) -> FloatArray:
        """Chance that each customer buys within the coming days, given what was seen ``(N,)``."""
        r, alpha = self.r, self.alpha
        silent = ((alpha + summary.age) / (alpha + summary.age + days)) ** (r + summary.again)
        return self.alive(summary) * (1.0 - silent)

    def expected_of(self, summary: RepeatSummary, days: float) -> FloatArray:
        """Purchases of each customer in the coming days, given what was seen ``(N,)`` (equation 10)."""
        r, alpha, a, b = self.parameters
        x = summary.again
        return self.alive(summary) * _expected(r + x, alpha + summary.age, a, b + x, days)


def fit_bg_nbd(summary: RepeatSummary) -> BgNbdFit:
    """Fit the model.

    Raises:
        CalibrationError: Too few customers, or too few who bought again, or customers whose purchases cannot be.
    """
    _need_possible(summary)
    people, repeaters = need_repeaters(summary.again)
    rows, weight = np.unique(
        np.stack([summary.again.astype(np.float64), summary.last, summary.age], axis=1), axis=0, return_counts=True
    )
    again, last, age = rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2]
    # In units of the mean age all four parameters are near 1.
    unit = float(np.average(age, weights=weight)) or 1.0

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        value, slope = _log_likelihood(np.exp(at), again, last / unit, age / unit, weight)
        return -value / people, -slope * np.exp(at) / people

    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * 4
    found = min(
        (
            minimize(loss, np.log(start), jac=True, bounds=bounds, method="L-BFGS-B", options=_OPTIONS)
            for start in ((0.3, 0.15, 0.8, 2.5), (1.0, 1.0, 0.2, 2.0))
        ),
        key=lambda result: float(result.fun),
    )
    at = np.asarray(found.x)
    held = np.abs(at) > _LOG_BOUND - 1e-3
    slopes = [loss(at + _STEP * along)[1] - loss(at - _STEP * along)[1] for along in np.eye(4)]
    information = np.array(slopes) * people / (2.0 * _STEP)
    covariance = inverse_information(0.5 * (information + information.T), ~held)
    loose = held | (np.diag(covariance) > 1.0)
    r, alpha, a, b = np.exp(at)
    value, _ = _log_likelihood(np.array([r, alpha * unit, a, b]), again, last, age, weight)
    return BgNbdFit(
        r=float(r),
        alpha=float(alpha * unit),
        a=float(a),
        b=float(b),
        log_likelihood=value,
        covariance=covariance,
        loose=tuple(name for name, is_loose in zip(_NAMES, loose, strict=True) if is_loose),
        customers=people,
        repeaters=repeaters,
    )


def _need_possible(summary: RepeatSummary) -> None:
    again, last, age = (np.asarray(part, dtype=np.float64) for part in (summary.again, summary.last, summary.age))
    is_number = np.isfinite(again) & np.isfinite(last) & np.isfinite(age)
    is_ordered = (again >= 0.0) & (last >= 0.0) & (last <= age) & ((again > 0.0) | (last == 0.0))
    if impossible := int((~(is_number & is_ordered)).sum()):
        raise CalibrationError(
            f"{impossible:,} of {len(again):,} customers have a count or time that is missing, below 0, or a last "
            "purchase after the end of what was seen; look at the dates of their orders"
        )


def _log_likelihood(
    parameters: FloatArray, again: IntArray, last: FloatArray, age: FloatArray, weight: IntArray
) -> tuple[float, FloatArray]:
    """Log-likelihood (equation 6) of rows with weights, and its slope in the four parameters ``(4,)``."""
    r, alpha, a, b = parameters
    x, repeats = again, again > 0
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stay = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    left_x = np.maximum(x, 1) - 1.0
    leave = betaln(a + 1.0, b + left_x) - betaln(a, b) - (r + x) * np.log(alpha + last)
    both = np.where(repeats, np.logaddexp(stay, leave), stay)
    share = np.where(repeats, np.exp(leave - both), 0.0)  # chance of having left after the last purchase
    keep = 1.0 - share
    rate = np.log(alpha) + digamma(r + x) - digamma(r) - keep * np.log(alpha + age) - share * np.log(alpha + last)
    time = r / alpha - (r + x) * (keep / (alpha + age) + share / (alpha + last))
    total = digamma(a + b) - digamma(a + b + x)  # leaving raises a by one and lowers b + x by one
    go = keep * digamma(a) + share * digamma(a + 1.0) - digamma(a) + total
    hold = keep * digamma(b + x) + share * digamma(b + left_x) - digamma(b) + total
    slope = np.array([weight @ rate, weight @ time, weight @ go, weight @ hold])
    return float(weight @ (common + both)), slope


def _second_order(parameters: FloatArray, days: float) -> float:
    r, alpha = parameters[0], parameters[1]
    return float(-np.expm1(-r * np.log1p(days / alpha)))


def _expected(shape: FloatArray, rate: FloatArray, a: float, b: FloatArray | float, days: float) -> FloatArray:
    """Purchases in some days of those who are there now ``(N,)``, with gamma(shape, rate) and beta(a, b).

    The j-th purchase is made when j would come in time, and the customer did not leave at one of those before:
    ``sum over j of P(N >= j) B(a, b + j - 1) / B(a, b)``. Unlike equation 9 it is exact for every a.
    """
    log_share = np.log(days) - np.log(rate + days)
    log_mass = shape * (np.log(rate) - np.log(rate + days))
    beyond = -np.expm1(log_mass)
    stays, total = np.ones_like(beyond), np.zeros_like(beyond)
    for j in range(1, 20_000):
        term = beyond * stays
        total += term
        if term.max() < 1e-10:
            break
        log_mass = log_mass + np.log((shape + j - 1.0) / j) + log_share
        beyond = np.maximum(beyond - np.exp(log_mass), 0.0)
        stays = stays * (b + j - 1.0) / (a + b + j - 1.0)
    return total


def _delta(fit: BgNbdFit, figure: Callable[[FloatArray], float], level: float) -> Interval:
    """A figure of the parameters with its interval by the delta method."""
    at = np.log(fit.parameters)
    slope = np.array([(figure(np.exp(at + s)) - figure(np.exp(at - s))) / (2.0 * _STEP) for s in _STEP * np.eye(4)])
    half = float(norm.ppf(0.5 + level / 2.0) * np.sqrt(max(slope @ fit.covariance @ slope, 0.0)))
    value = figure(fit.parameters)
    return Interval(value=value, low=value - half, high=value + half)
