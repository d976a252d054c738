"""Carry-over of media: how much of an exposure still works days later.

Every curve is a row of non-negative weights over the days after an exposure; the weights sum to 1, so that under
steady spend the carried exposure equals the daily one and half-saturation keeps its meaning whatever the curve.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, every
from xbopt.core.scenario.media import Adstock, DelayedAdstock, GeometricAdstock, WeibullAdstock


def geometric_retention(half_life_days: float) -> float:
    """Share ``theta`` of the carried exposure that is left after a day: ``theta = 2^(-1/half_life)``."""
    return float(0.5 ** (1.0 / half_life_days))


def geometric_weights(half_life_days: float, window_days: int) -> FloatArray:
    """``(1 - theta) theta^lag`` for lags 0..window-1; sums to 1 only in the limit. For tests and plots."""
    theta = geometric_retention(half_life_days)
    return (1.0 - theta) * np.power(theta, np.arange(window_days, dtype=np.float64))


def delayed_weights(half_life_days: float, peak_days: float, window_days: int) -> FloatArray:
    """``theta^((lag - peak)^2)``, normalised (Jin, Wang, Sun, Chan, Koehler 2017, eq. 3).

    ``theta`` is set so that half of the peak's effect is left ``half_life_days`` after the peak.
    """
    return _normalised(_log_delayed(np.arange(window_days, dtype=np.float64), half_life_days, peak_days))


def weibull_weights(shape: float, scale_days: float, window_days: int) -> FloatArray:
    """Weibull density at ``lag + 1``, normalised over the window (the density form used by Robyn)."""
    return _normalised(_log_weibull(np.arange(window_days, dtype=np.float64), shape, scale_days))


def _log_delayed(lag: FloatArray, half_life_days: FloatArray | float, peak_days: FloatArray | float) -> FloatArray:
    return -np.log(2.0) * ((lag - peak_days) / half_life_days) ** 2


def _log_weibull(lag: FloatArray, shape: float, scale_days: FloatArray | float) -> FloatArray:
    age = (lag + 1.0) / scale_days
    return (shape - 1.0) * np.log(age) - age**shape


def _normalised(log_weights: FloatArray) -> FloatArray:
    """Weights that sum to 1 over the lags, the first axis, from their logs.

    A narrow curve is smaller than any float at every whole day; against the largest entry it still has a shape.
    """
    weights = np.exp(log_weights - log_weights.max(axis=0))
    return weights / (add_up(weights, 0) if weights.ndim > 1 else weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class AdstockBank:
    """The carry-over of all channels together.

    Geometric channels (and those without carry-over) need one number of memory:
    ``a_t = theta a_(t-1) + (1 - theta) x_t``. Channels with another shape keep their last exposures, which are
    summed with their weights.

    Attributes:
        retention: ``theta`` by channel ``(C,)``, or ``(B, R, S, C)`` where worlds differ; 0 for windowed channels and
            for those without carry-over.
        windowed: Positions of the channels with a window ``(W,)``.
        weights: Their weights by lag ``(N, W)`` or ``(N, B, R, S, W)``, lag 0 first; empty when there are none.
        curves: Their curves ``(W,)``.
    """

    retention: FloatArray
    windowed: tuple[int, ...]
    weights: FloatArray
    curves: tuple[DelayedAdstock | WeibullAdstock, ...]

    @property
    def window_days(self) -> int:
        """Length ``N`` of the window; 0 where no channel has one."""
        return self.weights.shape[0]

    def carry(self, carried: FloatArray, window: FloatArray, exposure: FloatArray) -> tuple[FloatArray, FloatArray]:
        """One day of carry-over.

        Args:
            carried: Yesterday's carried exposure ``(B, R, S, C)``.
            window: Exposures of the last ``N - 1`` days of the windowed channels, latest first ``(N-1, B, R, S, W)``.
            exposure: Today's exposure ``(B, R, S, C)``.

        Returns:
            Today's carried exposure, and tomorrow's window.
        """
        today = self.retention * carried + (1.0 - self.retention) * exposure
        if not self.windowed:
            return today, window
        fresh = np.stack([exposure[..., channel] for channel in self.windowed], axis=-1)
        for position, channel in enumerate(self.windowed):
            weights = self.weights[..., position]
            total = weights[0] * fresh[..., position]
            for lag in range(1, len(weights)):
                if weights[lag].any():
                    total += weights[lag] * window[lag - 1, ..., position]
            today[..., channel] = total
        return today, np.concatenate([fresh[None], window[:-1]]) if len(window) else window

    def stretched(self, factor: FloatArray) -> "AdstockBank":
        """The same curves on a time scale that is ``factor`` times as long ``(B, R, S, C)``; sums of weights stay 1.

        A half-life or time scale is multiplied by the factor, a peak too; what leaves the window is lost to the days
        within it. The weights are smooth in the factor, which fits need.
        """
        if every(factor == 1.0):
            return self
        longer = replace(self, retention=self.retention ** (1.0 / factor))
        if not self.windowed:
            return longer
        by_channel: list[FloatArray] = []
        for curve, channel in zip(self.curves, self.windowed, strict=True):
            own = factor[..., channel if factor.shape[-1] > 1 else 0]  # (B, R, S)
            lags = np.arange(curve.window_days, dtype=np.float64).reshape(-1, 1, 1, 1)
            if isinstance(curve, DelayedAdstock):
                log_weights = _log_delayed(lags, curve.half_life_days * own, curve.peak_days * own)
            else:
                log_weights = _log_weibull(lags, curve.shape, curve.scale_days * own)
            weights = np.zeros((self.window_days, *own.shape))
            weights[: curve.window_days] = _normalised(log_weights)
            by_channel.append(weights)
        return replace(longer, weights=np.stack(by_channel, axis=-1))


def adstock_bank(curves: list[Adstock]) -> AdstockBank:
    """Gather the carry-over of all channels, one curve a channel."""
    retention = np.zeros(len(curves))
    rows: dict[int, FloatArray] = {}
    windowed: list[DelayedAdstock | WeibullAdstock] = []
    for c, curve in enumerate(curves):
        if isinstance(curve, GeometricAdstock):
            retention[c] = geometric_retention(curve.half_life_days)
        elif isinstance(curve, DelayedAdstock):
            rows[c] = delayed_weights(curve.half_life_days, curve.peak_days, curve.window_days)
            windowed.append(curve)
        elif isinstance(curve, WeibullAdstock):
            rows[c] = weibull_weights(curve.shape, curve.scale_days, curve.window_days)
            windowed.append(curve)
    length = max((len(row) for row in rows.values()), default=0)
    weights = np.zeros((length, len(rows)))
    for w, row in enumerate(rows.values()):
        weights[: len(row), w] = row
    return AdstockBank(retention=retention, windowed=tuple(rows), weights=weights, curves=tuple(windowed))
