"""Order values: the gamma-gamma model by maximum likelihood.

Fader and Hardie, "The gamma-gamma model of monetary value", 2013 (brucehardie.com/notes/025).

Values of a customer's purchases are gamma distributed with shape p, around a mean that differs by customer: its rate is
gamma distributed with shape q and rate gamma. Value and frequency must not go together; ``frequency_correlation`` says
how far they do.
"""

# scipy ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from xbopt.calibration.customers.intervals import inverse_information
from xbopt.calibration.customers.purchases import Purchases, RepeatSummary, repeat_summary
from xbopt.calibration.intervals import Interval
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CalibrationError

LEAST_REPEATERS = 25
FAR_CORRELATION = 0.3
"""A correlation of order value and frequency beyond which the model's independence is not to be believed."""
_LOG_BOUND = 9.0
_STEP = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGammaFit:
    """A fit; ``p`` and ``q`` have no unit, ``gamma`` is money.

    Attributes:
        p: Shape of the values of one customer.
        q: Shape of the customers' rates.
        gamma: Rate of the customers' rates.
        log_likelihood: At the fit.
        covariance: Of the logarithms of the three ``(3, 3)``.
        mean_value: Mean value of a purchase over customers with a finite mean, with its interval; infinite for q <= 1.
        customers: Customers who bought again, on whom it rests.
        frequency_correlation: Of the logarithms of mean value and number of purchases.
    """

    p: float
    q: float
    gamma: float
    log_likelihood: float
    covariance: FloatArray
    mean_value: Interval
    customers: int
    frequency_correlation: float

    @property
    def is_independent(self) -> bool:
        """Whether value and frequency go together so little that the model may be used."""
        return abs(self.frequency_correlation) <= FAR_CORRELATION

    def value_of(self, summary: RepeatSummary) -> FloatArray:
        """Expected value of a purchase of each customer ``(N,)``: its own mean, drawn to that of all (equation 5)."""
        top = self.p * (self.gamma + summary.again * summary.mean_value)
        return np.asarray(top / (self.p * summary.again + self.q - 1.0), dtype=np.float64)


def fit_gamma_gamma(summary: RepeatSummary) -> GammaGammaFit:
    """Fit the model to the purchases after the first.

    Raises:
        CalibrationError: Fewer than `LEAST_REPEATERS` customers bought again for a positive amount.
    """
    kept: BoolArray = (summary.again > 0) & (summary.mean_value > 0.0)
    x, mean = summary.again[kept].astype(np.float64), summary.mean_value[kept]
    if len(x) < LEAST_REPEATERS:
        raise CalibrationError(
            f"{len(x)} customers bought again: at least {LEAST_REPEATERS} are needed to tell how order values differ. "
            "Give a longer period of orders."
        )
    unit = float(np.exp(np.log(mean).mean()))

    def loss(at: FloatArray) -> float:
        return -_log_likelihood(np.exp(at), x, mean / unit) / len(x)

    bounds = [(-_LOG_BOUND, _LOG_BOUND)] * 3
    found = min(
        (
            minimize(loss, np.log(start), bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14, "gtol": 1e-8})
            for start in ((5.0, 4.0, 0.6), (1.0, 5.0, 4.0), (10.0, 2.0, 0.1))
        ),
        key=lambda result: float(result.fun),
    )
    at = np.asarray(found.x)
    information = _curvature(lambda place: loss(place) * len(x), at)
    covariance = inverse_information(information, np.abs(at) < _LOG_BOUND - 1e-3)
    p, q, gamma = np.exp(at)
    correlation = float(np.corrcoef(np.log(mean), np.log(x))[0, 1]) if x.std() > 0.0 and mean.std() > 0.0 else 0.0
    return GammaGammaFit(
        p=float(p),
        q=float(q),
        gamma=float(gamma * unit),
        log_likelihood=_log_likelihood(np.array([p, q, gamma * unit]), x, mean),
        covariance=covariance,
        mean_value=_mean_value(at, covariance, unit),
        customers=len(x),
        frequency_correlation=correlation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueScore:
    """How well the order values of last days were told by the days before them.

    Attributes:
        customers: Customers who had bought again before these days, and bought in them.
        wmape: Sum of absolute errors of their mean values over the sum of the values.
        naive: The same of the naive forecast: what each spent a purchase before.
    """

    customers: int
    wmape: float
    naive: float

    @property
    def beats_naive(self) -> bool:
        """Whether the model was nearer than each customer's own mean so far."""
        return self.wmape < self.naive


def value_score(purchases: Purchases, days: int) -> ValueScore | None:
    """Fit to all but the last days, and judge on them; None where fewer than `LEAST_REPEATERS` can be judged."""
    split = purchases.days - days
    if not (purchases.day < split).any():
        return None
    before = purchases.until(purchases.end_date - timedelta(days=days))
    # A mean value needs no first purchase that was seen, so that nobody is left out.
    summary = repeat_summary(before, burn_in_days=0)
    early, late = purchases.day < split, purchases.day >= split
    known = np.bincount(purchases.customer[early], minlength=len(purchases.names)) > 0
    count, value = (
        np.bincount(purchases.customer[late], weights, minlength=len(purchases.names))[known]
        for weights in (None, purchases.value[late])
    )
    judged: BoolArray = (summary.again > 0) & (summary.mean_value > 0.0) & (count > 0) & (value > 0.0)
    if judged.sum() < LEAST_REPEATERS:
        return None
    fit = fit_gamma_gamma(summary)
    if not np.isfinite(fit.mean_value.value):
        return None
    actual = value[judged] / count[judged]
    wmape, naive = (
        float(np.abs(told[judged] - actual).sum() / actual.sum())
        for told in (fit.value_of(summary), summary.mean_value)
    )
    return ValueScore(customers=int(judged.sum()), wmape=wmape, naive=naive)


def _log_likelihood(parameters: FloatArray, x: FloatArray, mean: FloatArray) -> float:
    """Log-likelihood of mean values (equation 1a)."""
    p, q, gamma = parameters
    shape = p * x
    rows = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma)
    rows += (shape - 1.0) * np.log(mean) + shape * np.log(x) - (shape + q) * np.log(gamma + x * mean)
    return float(rows.sum())


def _mean_value(at: FloatArray, covariance: FloatArray, unit: float) -> Interval:
    """``p gamma / (q - 1)`` with the delta method on its logarithm."""
    p, q, gamma = np.exp(at)
    if q <= 1.0:
        return Interval(value=np.inf, low=0.0, high=np.inf)
    slope = np.array([1.0, -q / (q - 1.0), 1.0])
    half = 1.96 * float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
    value = float(p * gamma / (q - 1.0)) * unit
    return Interval(value=value, low=value * float(np.exp(-half)), high=value * float(np.exp(half)))


def _curvature(loss: Callable[[FloatArray], float], at: FloatArray) -> FloatArray:
    """Second derivatives by central differences."""
    steps = _STEP * np.eye(len(at))
    return np.array(
        [
            [
                (loss(at + i + j) - loss(at + i - j) - loss(at - i + j) + loss(at - i - j)) / (4.0 * _STEP**2)
                for j in steps
            ]
            for i in steps
        ]
    )
