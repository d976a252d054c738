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
    log_theta = -np.log(2.0) / half_life_days**2
    return _normalised(log_theta * (np.arange(window_days) - peak_days) ** 2)


def weibull_weights(shape: float, scale_days: float, window_days: int) -> FloatArray:
    """Weibull density at ``lag + 1``, normalised over the window (the density form used by Robyn)."""
    lag = np.arange(1, window_days + 1) / scale_days
    return _normalised((shape - 1.0) * np.log(lag) - lag**shape)


def _normalised(log_weights: FloatArray) -> FloatArray:
    """Weights that sum to 1, from their logs.

    A narrow curve is smaller than any float at every whole day; against the largest entry it still has a shape.
    """
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


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
    """

    retention: FloatArray
    windowed: tuple[int, ...]
    weights: FloatArray

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

        A half-life is multiplied by the factor. Curves with a window are stretched in time, peak and all, between their
        days linearly; what leaves the window is lost to the days within it.
        """
        if every(factor == 1.0):
            return self
        longer = replace(self, retention=self.retention ** (1.0 / factor))
        if not self.windowed:
            return longer
        lags = np.arange(self.window_days, dtype=np.float64)
        by_channel: list[FloatArray] = []
        for position, channel in enumerate(self.windowed):
            own = factor[..., channel if factor.shape[-1] > 1 else 0]  # (B, R, S)
            at = lags.reshape(-1, 1, 1, 1) / own
            weights = np.interp(at.ravel(), lags, self.weights[:, position], right=0.0).reshape(at.shape)
            by_channel.append(weights / add_up(weights, 0))
        return replace(longer, weights=np.stack(by_channel, axis=-1))


def adstock_bank(curves: list[Adstock]) -> AdstockBank:
    """Gather the carry-over of all channels, one curve a channel."""
    retention = np.zeros(len(curves))
    rows: dict[int, FloatArray] = {}
    for c, curve in enumerate(curves):
        if isinstance(curve, GeometricAdstock):
            retention[c] = geometric_retention(curve.half_life_days)
        elif isinstance(curve, DelayedAdstock):
            rows[c] = delayed_weights(curve.half_life_days, curve.peak_days, curve.window_days)
        elif isinstance(curve, WeibullAdstock):
            rows[c] = weibull_weights(curve.shape, curve.scale_days, curve.window_days)
    length = max((len(row) for row in rows.values()), default=0)
    weights = np.zeros((length, len(rows)))
    for w, row in enumerate(rows.values()):
        weights[: len(row), w] = row
    return AdstockBank(retention=retention, windowed=tuple(rows), weights=weights)
