"""Dated shocks as arrays over the days of the horizon."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import ChannelOutage, FxShock, PriceWar, StockDelay, ViralSentiment


@dataclass(frozen=True, slots=True, kw_only=True)
class ShockArrays:
    """Dated shocks by day.

    Attributes:
        fx_log: Sudden move of the log rate ``(T, K)``.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.
        competitor_log: Shift of the competitors' log price index ``(T, R)``.
        sentiment: Sudden move of sentiment ``(T, R)``.
        delay_days: Extra delivery days ``(T, R)``.
    """

    fx_log: FloatArray
    available: FloatArray
    competitor_log: FloatArray
    sentiment: FloatArray
    delay_days: FloatArray


def build_shocks(scenario: Scenario) -> ShockArrays:
    """Lay the dated shocks out over the days of the horizon; overlapping shocks of a kind add up."""
    document = scenario.document
    regions, _, channels, _ = scenario.shape
    currencies = list(document.market.currencies)
    fx = np.zeros((scenario.days, len(currencies)))
    available = np.ones((scenario.days, regions, channels))
    competitor, sentiment, delay = (np.zeros((scenario.days, regions)) for _ in range(3))
    for shock in document.shocks:
        if isinstance(shock, FxShock):
            fx[(shock.day - scenario.start).days, currencies.index(shock.currency)] += shock.log_size
        elif isinstance(shock, ChannelOutage):
            rows, columns = shock_window(scenario, shock.day, shock.days, shock.regions)
            available[rows, columns, scenario.channels.index(shock.channel)] = 0.0
        elif isinstance(shock, PriceWar):
            competitor[shock_window(scenario, shock.day, shock.days, shock.regions)] += shock.log_size
        elif isinstance(shock, ViralSentiment):
            sentiment[shock_window(scenario, shock.day, 1, shock.regions)] += shock.size
        elif isinstance(shock, StockDelay):
            delay[shock_window(scenario, shock.day, shock.days, shock.regions)] += shock.extra_days
    return ShockArrays(fx_log=fx, available=available, competitor_log=competitor, sentiment=sentiment, delay_days=delay)


def shock_window(scenario: Scenario, first: date, length: int | None, regions: list[str]) -> tuple[IntArray, ...]:
    """Index of the days and regions that a shock touches; days outside the horizon fall away."""
    start = max(0, (first - scenario.start).days)
    end = scenario.days if length is None else min(scenario.days, (first - scenario.start).days + length)
    columns = [scenario.regions.index(name) for name in regions] or list(range(len(scenario.regions)))
    return np.ix_(np.arange(start, max(start, end), dtype=np.int64), np.array(columns, dtype=np.int64))
