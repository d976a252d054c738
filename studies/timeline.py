"""Contribution over time: a day or a week at a time, and added up."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.studies.kpis import HIGH_PERCENTILE, LOW_PERCENTILE
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.totals import DAILY

_DAYS_A_WEEK = 7
_MOST_DAYS_ONE_BY_ONE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A figure by period: mean and range over worlds."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, values: FloatArray) -> "Band":
        """From values ``(B, periods)``."""
        low, high = np.percentile(values, [LOW_PERCENTILE, HIGH_PERCENTILE], axis=0)
        return cls(mean=_plain(values.mean(axis=0)), low=_plain(low), high=_plain(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Contribution margin and media spend by period, base currency.

    Attributes:
        period: What one step is. Over a long horizon it is a week; the last one may be short.
        starts: First day of each period.
        each: Contribution margin of each period.
        added_up: Contribution margin from the first day to the end of each period.
        spend: Mean media spend of each period.
        baseline_each: The baseline's mean, where there is one on the same days.
        baseline_added_up: The same, added up.
        baseline: Name of the baseline.
        last_is_short: Whether the last period is shorter than the others.
    """

    period: Literal["day", "week"]
    starts: tuple[dt.date, ...]
    each: Band
    added_up: Band
    spend: tuple[float, ...]
    baseline_each: tuple[float, ...] | None = None
    baseline_added_up: tuple[float, ...] | None = None
    baseline: str = ""
    last_is_short: bool = False

    @property
    def in_profit_from(self) -> dt.date | None:
        """Start of the period from which the mean, added up, stays above zero; None where it ends below."""
        losses = [i for i, value in enumerate(self.added_up.mean) if value <= 0.0]
        first = losses[-1] + 1 if losses else 0
        return self.starts[first] if first < len(self.starts) else None


def build_timeline(result: SimulationResult, baseline: SimulationResult | None) -> Timeline:
    """The timeline of a result; the baseline's line is drawn where it has the same days."""
    scenario = result.scenario
    margin = _by_period(result, "contribution_margin")
    same_days = baseline is not None and (
        (baseline.scenario.start, baseline.scenario.days) == (scenario.start, scenario.days)
    )
    other = _by_period(baseline, "contribution_margin").mean(axis=0) if baseline is not None and same_days else None
    return Timeline(
        period="day" if _length(scenario.days) == 1 else "week",
        starts=tuple(scenario.date_of(day) for day in range(0, scenario.days, _length(scenario.days))),
        each=Band.of(margin),
        added_up=Band.of(np.cumsum(margin, axis=1)),
        spend=_plain(_by_period(result, "media_spend").mean(axis=0)),
        baseline_each=None if other is None else _plain(other),
        baseline_added_up=None if other is None else _plain(np.cumsum(other)),
        baseline=baseline.policy if baseline is not None and other is not None else "",
        last_is_short=scenario.days % _length(scenario.days) != 0,
    )


def _length(days: int) -> int:
    return 1 if days <= _MOST_DAYS_ONE_BY_ONE else _DAYS_A_WEEK


def _by_period(result: SimulationResult, name: str) -> FloatArray:
    daily = result.totals.daily[..., DAILY.index(name)]
    starts = list(range(0, daily.shape[1], _length(daily.shape[1])))
    return np.add.reduceat(daily, starts, axis=1)


def _plain(array: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in array)
