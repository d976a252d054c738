"""Forecasts from rolling origins: what would have been forecast from what was known, eight weeks ahead."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.calibration.backtest.forecast_scores import ForecastWindow, rolling_origins, window_of
from xbopt.calibration.backtest.held_out_days import WEEK, as_stated
from xbopt.calibration.backtest.records import days_of
from xbopt.calibration.fit.market_fit import MarketFit, fit_market
from xbopt.calibration.fit.noise import weekly
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.worlds import average_world

Refit = Literal["market", "level"]
"""Whether all of a market is fitted anew before each window, or the level of orders by region alone."""
WINDOW_WEEKS = 8
_LEVEL_WEEKS = 8
_DRAWS = 128
_FIRST_WORLD = 6_000_000
_NINETY = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingForecasts:
    """Windows of forecasts.

    Attributes:
        refit: What was fitted before each.
        reason: Why the market was not, where only the level was.
        windows: The windows, in order.
    """

    refit: Refit
    reason: str = ""
    windows: tuple[ForecastWindow, ...] = field(repr=False)


def rolling_forecasts(
    scenario: Scenario,
    panel: CalibrationPanel,
    *,
    refit: Refit,
    windows: int = 4,
    seed: int = 0,
    on_window: Callable[[int, int], None],
) -> RollingForecasts | None:
    """Forecast weekly orders by region; None where the records are too short for a single window.

    Forecasts know what was spent, asked and in stock in their weeks: they are about what the market makes of it.

    Args:
        scenario: The market's structure; its numbers are the prior of each fit.
        panel: The records.
        refit: What is fitted before each window. A market for which the days before the first window are too few
            leaves the level.
        windows: Most windows.
        seed: Seed of fits and noise.
        on_window: Called with the windows done and in all.
    """
    skipped = panel.days % WEEK
    known = days_of(panel, skipped, panel.days)
    starts = rolling_origins(known.days // WEEK, windows=windows, length=WINDOW_WEEKS)
    if not starts:
        return None
    orders = weekly(known.orders[..., None], 0)[..., 0]
    made: list[ForecastWindow] = []
    reason = ""
    if refit == "market":
        try:
            for done, start in enumerate(starts):
                on_window(done, len(starts))
                fit = fit_market(scenario, days_of(known, 0, start * WEEK), seed=seed)
                worlds = _market_worlds(fit, days_of(known, 0, (start + WINDOW_WEEKS) * WEEK), seed)
                low, high = np.percentile(worlds, [5.0, 95.0], axis=0)
                now = orders[start : start + WINDOW_WEEKS]
                made.append(window_of(orders[:start], now, worlds.mean(axis=0), low, high))
            return RollingForecasts(refit="market", windows=tuple(made))
        except CalibrationError as error:
            reason, made = str(error), []
    expected = _expected_orders(scenario, known)
    for done, start in enumerate(starts):
        on_window(done, len(starts))
        forecast, low, high = level_forecast(orders[:start], expected[: start + WINDOW_WEEKS])
        made.append(window_of(orders[:start], orders[start : start + WINDOW_WEEKS], forecast, low, high))
    return RollingForecasts(refit="level", reason=reason, windows=tuple(made))


def level_forecast(known: FloatArray, expected: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What a market expects, times the level that the last eight known weeks had against it, with a 90 % band.

    The band is that of counts whose relative error is the one that known weeks had against a level of the eight weeks
    before them.

    Args:
        known: Orders of known weeks ``(N, R)``.
        expected: What the market expects of these weeks and of those to be forecast ``(N + W, R)``.

    Returns:
        Forecast, low and high ``(W, R)``.
    """
    weeks = len(known)
    before, after = np.maximum(expected[:weeks], 1e-9), expected[weeks:]

    def level(end: int) -> FloatArray:
        part = slice(max(end - _LEVEL_WEEKS, 0), end)
        return known[part].sum(axis=0) / before[part].sum(axis=0)

    ratios = [known[w] / before[w] / np.maximum(level(w), 1e-9) - 1.0 for w in range(_LEVEL_WEEKS, weeks)]
    spread = np.std(ratios, axis=0, ddof=1) if len(ratios) > 1 else np.ones(known.shape[1])
    forecast = after * level(weeks)
    reach = _NINETY * np.sqrt((spread * forecast) ** 2 + forecast)
    return forecast, np.maximum(forecast - reach, 0.0), forecast + reach


def _market_worlds(fit: MarketFit, panel: CalibrationPanel, seed: int) -> FloatArray:
    """Weekly orders of the panel's last weeks in draws of the fitted market, each with its luck ``(B, W, R)``."""
    theta = fit.theta_draws(_DRAWS)
    replay = replay_of(fit.scenario, panel)
    counts = replay.play(fit.space.sampled(theta), seed=seed, worlds=_FIRST_WORLD + np.arange(_DRAWS))
    orders = replay.kinds.index("orders")
    worlds = weekly(counts[..., [orders]], panel.days - WINDOW_WEEKS * WEEK)[..., 0]
    mean = worlds.mean(axis=0)
    # Records that scatter more than the market's own noise go on doing so.
    wider = float(np.sqrt(fit.likelihood.noise.inflation[orders]))
    return np.maximum(mean + (worlds - mean) * wider, 0.0)


def _expected_orders(scenario: Scenario, panel: CalibrationPanel) -> FloatArray:
    """Weekly orders that the scenario's own market expects ``(W, R)``."""
    replay = replay_of(scenario, panel)
    counts = replay.play(as_stated(scenario, average_world(), 1))[0]
    return weekly(counts[..., [replay.kinds.index("orders")]], 0)[..., 0]
