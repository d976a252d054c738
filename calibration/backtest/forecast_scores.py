"""Weekly forecasts against what came, and against forecasts that anybody can make without a model."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import named_generator

BAND = 0.9
"""Share of weeks that a band is to hold."""
YEAR_WEEKS = 52
RECENT_WEEKS = 4
_RESAMPLED = 2000
_BLOCK_WEEKS, _MOST_BLOCKS = 4, 1000
_FEWEST_BLOCKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastWindow:
    """Forecasts of some weeks, made from what was known on the morning of the first.

    Attributes:
        first_week: Number of the first week.
        actual: What came ``(W, R)``.
        forecast: What the model expects ``(W, R)``.
        low: Lower end of its 90 % band ``(W, R)``.
        high: Upper end ``(W, R)``.
        recent: Mean of the last four weeks known ``(W, R)``.
        year_before: The same weeks of the year before ``(W, R)``; NaN where they are not known.
    """

    first_week: int
    actual: FloatArray = field(repr=False)
    forecast: FloatArray = field(repr=False)
    low: FloatArray = field(repr=False)
    high: FloatArray = field(repr=False)
    recent: FloatArray = field(repr=False)
    year_before: FloatArray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDifference:
    """The model's error less that of a forecast without a model, over the same weeks.

    Attributes:
        model: The model's weighted mean absolute percentage error over these weeks.
        other: That of the other forecast.
        low: Lower end of the 95 % interval of ``model - other``; NaN where there are too few weeks and regions.
        high: Upper end.
        weeks: Weeks of regions that both forecast.
    """

    model: float
    other: float
    low: float
    high: float
    weeks: int

    @property
    def is_better(self) -> bool:
        """Whether the model is better beyond chance."""
        return self.high < 0.0

    @property
    def is_worse(self) -> bool:
        """Whether the model's error is the larger one, beyond chance or not."""
        return self.model > self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScores:
    """Scores of some windows.

    Attributes:
        wmape: Weighted mean absolute percentage error of the model, ``sum |actual - forecast| / sum actual``.
        bias: ``sum (forecast - actual) / sum actual``.
        covered: Share of weeks inside the 90 % band.
        width: Width of the bands, ``sum (high - low) / sum actual``.
        naive_width: Width that bands around the mean of the last four weeks need to hold as many weeks, chosen in
            hindsight: a band that is wider covers by being wide.
        by_region: The model's error by region ``(R,)``.
        naive: Against the mean of the last four weeks.
        seasonal_naive: Against the same weeks of the year before; None where no window knows them.
        windows: Number of windows.
        weeks: Weeks of regions in all.
    """

    wmape: float
    bias: float
    covered: float
    width: float
    naive_width: float
    by_region: tuple[float, ...]
    naive: ErrorDifference
    seasonal_naive: ErrorDifference | None
    windows: int
    weeks: int


def window_of(
    history: FloatArray, actual: FloatArray, forecast: FloatArray, low: FloatArray, high: FloatArray
) -> ForecastWindow:
    """A window with the forecasts that need no model.

    Args:
        history: All whole weeks before it ``(N, R)``.
        actual: What came ``(W, R)``.
        forecast: The model's forecast ``(W, R)``.
        low: Lower end of its band ``(W, R)``.
        high: Upper end ``(W, R)``.
    """
    weeks, known = len(actual), len(history)
    recent = history[-RECENT_WEEKS:].mean(axis=0) if known else np.full(actual.shape[1], np.nan)
    before = np.full_like(actual, np.nan)
    at = known + np.arange(weeks) - YEAR_WEEKS
    told = (at >= 0) & (at < known)
    before[told] = history[at[told]]
    return ForecastWindow(
        first_week=known,
        actual=actual,
        forecast=forecast,
        low=low,
        high=high,
        recent=np.broadcast_to(recent, actual.shape).copy(),
        year_before=before,
    )


def score(windows: Sequence[ForecastWindow], *, seed: int = 0) -> ForecastScores:
    """Score windows together. Weeks that hold a NaN are left out.

    Raises:
        ValueError: There is no window.
    """
    actual, forecast, low, high, recent, before = (
        np.concatenate([getattr(window, name) for window in windows])
        for name in ("actual", "forecast", "low", "high", "recent", "year_before")
    )
    blocks = np.concatenate(
        [i * _MOST_BLOCKS + np.arange(len(one.actual)) // _BLOCK_WEEKS for i, one in enumerate(windows)]
    )
    seen = np.isfinite(actual) & np.isfinite(forecast)
    total = float(actual[seen].sum())
    inside = (actual >= low) & (actual <= high)
    covered = float(inside[seen].mean()) if seen.any() else float("nan")
    return ForecastScores(
        wmape=_ratio(np.abs(actual - forecast)[seen].sum(), total),
        bias=_ratio((forecast - actual)[seen].sum(), total),
        covered=covered,
        width=_ratio((high - low)[seen].sum(), total),
        naive_width=_naive_width(actual, recent, covered),
        by_region=tuple(
            _ratio(np.abs(actual - forecast)[seen[:, r], r].sum(), actual[seen[:, r], r].sum())
            for r in range(actual.shape[1])
        ),
        naive=_difference(actual, forecast, recent, blocks, seed),
        seasonal_naive=_difference(actual, forecast, before, blocks, seed) if np.isfinite(before).any() else None,
        windows=len(windows),
        weeks=int(seen.sum()),
    )


def _naive_width(actual: FloatArray, recent: FloatArray, covered: float) -> float:
    """Width of bands of one relative reach around the naive forecast that hold a share of the weeks."""
    both = np.isfinite(actual) & (recent > 0.0)
    if not both.any() or not covered > 0.0:
        return float("nan")
    came, usual = actual[both], recent[both]
    reach = float(np.quantile(np.abs(came - usual) / usual, covered, method="inverted_cdf"))
    return _ratio(2.0 * reach * usual.sum(), came.sum())


def _difference(
    actual: FloatArray, forecast: FloatArray, other: FloatArray, blocks: IntArray, seed: int
) -> ErrorDifference:
    """Errors side by side; the interval resamples runs of four weeks of a region, which hang together."""
    both = np.isfinite(actual) & np.isfinite(forecast) & np.isfinite(other)
    regions = actual.shape[1]
    at = np.nonzero(both)
    block = _numbered(blocks[at[0]] * regions + at[1])
    size = int(block.max(initial=-1)) + 1
    own = np.bincount(block, np.abs(actual - forecast)[both], size)
    others = np.bincount(block, np.abs(actual - other)[both], size)
    came = np.bincount(block, actual[both], size)
    low = high = float("nan")
    if size >= _FEWEST_BLOCKS:
        drawn = named_generator(seed, "backtest/blocks").integers(0, size, (_RESAMPLED, size))
        sums = came[drawn].sum(axis=1)
        values = (own - others)[drawn].sum(axis=1)[sums > 0.0] / sums[sums > 0.0]
        low, high = (float(bound) for bound in np.quantile(values, [0.025, 0.975])) if len(values) else (low, high)
    total = float(came.sum())
    return ErrorDifference(
        model=_ratio(own.sum(), total), other=_ratio(others.sum(), total), low=low, high=high, weeks=int(both.sum())
    )


def rolling_origins(weeks: int, *, windows: int = 4, length: int = 8, least: int = 12) -> list[int]:
    """First weeks of windows that end with the last week and follow each other, as many as leave enough before them.

    Args:
        weeks: Whole weeks that are known.
        windows: Most windows.
        length: Weeks of each.
        least: Weeks that must be left before the first one.
    """
    starts = [weeks - length * (windows - i) for i in range(windows)]
    return [start for start in starts if start >= least]


def _numbered(values: IntArray) -> IntArray:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0.0 else float("nan")
