"""Where the money goes: heat maps over regions, segments, channels, weeks and dayparts."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.figures import HeatMap
from xbopt.studies.labels import axis_names
from xbopt.studies.simulate import SimulationResult

_DAYS_A_WEEK = 7
_MOST_DAYS_ONE_BY_ONE = 42
_MOST_WEEKS = 60
_WEEKS_A_BLOCK = 4


def allocation_maps(result: SimulationResult) -> tuple[HeatMap, ...]:
    """Region by channel over all segments, region by segment, then region by channel for each segment."""
    regions, segments, channels = axis_names(result.scenario)
    spend = result.totals.spend_by_cell()

    def spend_map(key: str, title: str, of: str, column: str, columns: tuple[str, ...], values: FloatArray) -> HeatMap:
        return HeatMap(
            key=f"allocation{key}",
            title=title,
            description=f"Media spend {of}, mean over worlds.",
            row_title="Region",
            column_title=column,
            rows=regions,
            columns=columns,
            values=_rows(values),
            unit="money",
            sums=True,
        )

    whole = "over the whole horizon by region and"
    maps = [
        spend_map("", "Region by channel", f"{whole} channel", "Channel", channels, spend.sum(axis=1)),
        spend_map(
            "_segments", "Region by segment", f"{whole} customer segment", "Segment", segments, spend.sum(axis=2)
        ),
    ]
    for s, name in enumerate(segments if len(segments) > 1 else ()):
        title, of = f"Region by channel, {name}", f"on the segment {name} by region and channel"
        one = spend_map(f"_{result.scenario.segments[s]}", title, of, "Channel", channels, spend[:, s])
        maps.append(replace(one, top=float(spend.max())))
    return tuple(maps)


def flighting_maps(result: SimulationResult) -> tuple[HeatMap, ...]:
    """Week by channel, one map a region on one colour scale; longer blocks where there are very many weeks."""
    scenario = result.scenario
    regions, _, channels = axis_names(scenario)
    weeks = math.ceil(scenario.days / _DAYS_A_WEEK)
    length = _DAYS_A_WEEK if weeks <= _MOST_WEEKS else _DAYS_A_WEEK * _WEEKS_A_BLOCK
    starts = range(0, scenario.days, length)
    by_day = result.totals.mean_spend_by_day()
    blocks = np.add.reduceat(by_day, list(starts), axis=0)  # (W, R, C)
    block = "week" if length == _DAYS_A_WEEK else f"block of {_WEEKS_A_BLOCK} weeks"
    short = "" if scenario.days % length == 0 else f" The last {block} is cut short by the end of the horizon."
    return tuple(
        HeatMap(
            key=f"flighting_{scenario.regions[r]}",
            title=name,
            description=f"Media spend in {name} by {block} and channel, mean over worlds.{short}",
            row_title="Channel",
            column_title=f"First day of the {block}",
            rows=channels,
            columns=_day_names(scenario, starts),
            values=_rows(blocks[:, r].T),
            unit="money",
            top=float(blocks.max()),
            columns_are_days=True,
        )
        for r, name in enumerate(regions)
    )


def discount_map(result: SimulationResult) -> HeatMap:
    """Depth of the discount by cell: day by day over a short horizon, weekly means over a long one."""
    scenario = result.scenario
    regions, segments, _ = axis_names(scenario)
    depth = result.totals.discount_by_day / result.totals.worlds  # (T, R, S)
    length = 1 if scenario.days <= _MOST_DAYS_ONE_BY_ONE else _DAYS_A_WEEK
    starts = range(0, scenario.days, length)
    blocks = np.stack([depth[start : start + length].mean(axis=0) for start in starts])
    words = "Discount given on each day" if length == 1 else "Mean discount of each week, days without one included,"
    return HeatMap(
        key="discounts",
        title="Discount calendar",
        description=f"{words} by region and segment, mean over worlds.",
        row_title="Region and segment",
        column_title="Day" if length == 1 else "First day of the week",
        rows=tuple(f"{region} \N{MIDDLE DOT} {segment}" for region in regions for segment in segments),
        columns=_day_names(scenario, starts),
        values=_rows(blocks.reshape(len(blocks), -1).T),
        unit="share",
        columns_are_days=True,
    )


def daypart_map(result: SimulationResult) -> HeatMap:
    """Share of each channel's spend by daypart, below the audience's own day as a yardstick."""
    scenario = result.scenario
    _, _, channels = axis_names(scenario)
    spend = result.totals.spend_by_daypart.sum(axis=0)  # (C, H)
    total = spend.sum(axis=1, keepdims=True)
    shares = np.where(total > 0.0, spend / np.where(total > 0.0, total, 1.0), np.nan)
    weight = scenario.population.sum(axis=1)
    audience = scenario.audience.mean(axis=0) if weight.sum() <= 0.0 else weight @ scenario.audience / weight.sum()
    parts = scenario.document.calendar.dayparts
    return HeatMap(
        key="dayparts",
        title="Spend over the day",
        description="Share of each channel's spend by daypart, all regions, in each region's own time. "
        "The first row is the day of the audience itself.",
        row_title="Channel",
        column_title="Daypart",
        rows=("Audience online", *channels),
        columns=tuple(
            f"{part.id.replace('_', ' ').capitalize()} {part.from_hour:02d}\N{EN DASH}{part.to_hour:02d}"
            for part in parts
        ),
        values=_rows(np.vstack([audience, shares])),
        unit="share",
        reference_row=True,
    )


def _rows(array: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in array)


def _day_names(scenario: Scenario, starts: Sequence[int]) -> tuple[str, ...]:
    days: list[dt.date] = [scenario.date_of(start) for start in starts]
    return tuple(day.isoformat() for day in days)
