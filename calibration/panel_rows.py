"""The rows of a panel's file, checked: ids by position, days counted from the first one."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import PanelError
from xbopt.core.panel import PANEL_COLUMNS
from xbopt.core.scenario.scenario import Scenario

if TYPE_CHECKING:
    import pyarrow as pa

_NEEDED = ("date", "region", "channel", "spend", "currency", "orders", "net_revenue")
_FIGURES = tuple(name for name, kind in PANEL_COLUMNS.items() if kind in ("money", "count", "share", "index"))
_SUMS = tuple(name for name, kind in PANEL_COLUMNS.items() if kind in ("money", "count"))
_LONGEST = 3660
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRows:
    """Rows of one world; ``-1`` stands for no segment or no channel.

    Attributes:
        name: The file's name, for messages.
        start: First day.
        day: Days from the first one ``(N,)``.
        region, segment, channel: Positions ``(N,)``.
        figures: Columns of numbers ``(N,)``; NaN where a row has none.
        notes: What was taken for granted, in sentences.
    """

    name: str
    start: date
    day: IntArray = field(repr=False)
    region: IntArray = field(repr=False)
    segment: IntArray = field(repr=False)
    channel: IntArray = field(repr=False)
    figures: Mapping[str, FloatArray] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """Number of days from the first to the last."""
        return int(self.day.max()) + 1

    @property
    def is_order(self) -> BoolArray:
        """Whether a row holds orders ``(N,)``; the others hold media of a channel."""
        return self.channel < 0

    def values(self, name: str) -> FloatArray:
        """A column ``(N,)``; NaN throughout where the file has none of that name."""
        found = self.figures.get(name)
        return np.full(len(self.day), np.nan) if found is None else found

    def sums(
        self,
        name: str,
        rows: BoolArray,
        shape: tuple[int, ...],
        places: tuple[IntArray, ...],
        absent: float = np.nan,
    ) -> FloatArray:
        """Sums of a column over some rows by place; ``absent`` where no row is, NaN where one has no number."""
        values = self.values(name)[rows]
        at = np.ravel_multi_index(tuple(place[rows] for place in places), shape)
        size = int(np.prod(shape))
        # Without a single row numpy counts in whole numbers, weights or not.
        total = np.bincount(at, weights=values, minlength=size).astype(np.float64)
        total[np.bincount(at, minlength=size) == 0] = absent
        return total.reshape(shape)


def read_rows(source: "Path | str | pa.Table", scenario: Scenario, *, world: int | None) -> PanelRows:
    """Read a panel's rows and check ids, currency, numbers, and that no row stands there twice.

    Raises:
        PanelError: Says where and what to do.
    """
    name, table = _table(source)
    missing = [column for column in _NEEDED if column not in table.column_names]
    if missing:
        raise PanelError(f"{name} has no column {', '.join(missing)}; a panel needs {', '.join(_NEEDED)}.")
    table = _one_world(name, table, world)
    if table.num_rows == 0:
        raise PanelError(f"{name} has no rows.")
    days, start = _days(name, table)
    table, days, notes = _by_day(name, table, days)
    region = _positions(name, table, "region", scenario.regions)
    if (region < 0).any():
        raise PanelError(f"{name} has no region in row {int(np.argmax(region < 0)) + 1}.")
    for r, region_id in enumerate(scenario.regions):
        if not (region == r).any():
            raise PanelError(
                f"{name} has no rows of the region {region_id!r}. Give them, or calibrate a scenario without it."
            )
    _one_currency(name, table, scenario.base_currency)
    rows = PanelRows(
        name=name,
        start=start,
        day=days,
        region=region,
        segment=_positions(name, table, "segment", scenario.segments),
        channel=_positions(name, table, "channel", scenario.channels),
        figures={column: _numbers(name, table, column) for column in _FIGURES if column in table.column_names},
        notes=notes,
    )
    _once_each(rows, scenario)
    return rows


def _table(source: "Path | str | pa.Table") -> "tuple[str, pa.Table]":
    import pyarrow as pa
    from pyarrow import parquet

    if isinstance(source, pa.Table):
        return "The panel", source
    path = Path(source)
    try:
        return path.name, parquet.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise PanelError(f"The panel {path} cannot be read: {error}. A Parquet file is wanted.") from error


def _one_world(name: str, table: "pa.Table", world: int | None) -> "pa.Table":
    if "world" not in table.column_names:
        return table
    column = table.column("world")
    found = sorted({value for value in column.unique().to_pylist() if value is not None})
    if world is None:
        if len(found) > 1:
            raise PanelError(f"{name} holds {len(found)} simulated worlds; say which one to take (--world {found[0]}).")
        return table
    if world not in found:
        raise PanelError(f"{name} has no world {world}; it holds {', '.join(map(str, found[:8])) or 'real records'}.")
    return table.filter(np.asarray(column.fill_null(-1).to_numpy()) == world)


def _days(name: str, table: "pa.Table") -> tuple[IntArray, date]:
    import pyarrow as pa

    column = table.column("date")
    try:
        days = column.cast(pa.date32()).cast(pa.int32())
    except pa.ArrowException as error:
        raise PanelError(f"The column date of {name} holds {column.type}; dates are wanted.") from error
    if days.null_count:
        raise PanelError(f"{name} has a row without a date.")
    numbers = np.asarray(days.to_numpy(), dtype=np.int64)
    first, last = int(numbers.min()), int(numbers.max())
    start = date.fromordinal(date(1970, 1, 1).toordinal() + first)
    if last - first >= _LONGEST:
        end = date.fromordinal(date(1970, 1, 1).toordinal() + last)
        raise PanelError(f"{name} runs from {start} to {end}; one of these dates is wrong: ten years at most.")
    return numbers - first, start


def _by_day(name: str, table: "pa.Table", days: IntArray) -> "tuple[pa.Table, IntArray, tuple[str, ...]]":
    """A table of days as it is; one of weeks with each sum shared evenly over the seven days from its date on."""
    import pyarrow as pa

    if not days.any() or (days % _WEEK != 0).any():
        return table, days, ()
    rows = np.repeat(np.arange(table.num_rows), _WEEK)
    by_day = table.take(rows)
    for column in (column for column in _SUMS if column in by_day.column_names):
        at = by_day.column_names.index(column)
        by_day = by_day.set_column(at, column, pa.array(_numbers(name, table, column)[rows] / _WEEK, from_pandas=True))
    note = (
        f"{name} has one row a week. Each was shared evenly over the seven days from its date on, so the days of a "
        "week tell nothing apart."
    )
    return by_day, days[rows] + np.tile(np.arange(_WEEK), table.num_rows), (note,)


def _positions(name: str, table: "pa.Table", column: str, ids: Sequence[str]) -> IntArray:
    """Position of each row's id among the scenario's; -1 where the row has none."""
    if column not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.int64)
    encoded = table.column(column).combine_chunks().dictionary_encode()
    named = encoded.dictionary.to_pylist()
    place: list[int] = []
    for one in named:
        if one not in ids:
            raise PanelError(
                f"{name} has the {column} {one!r}, which the scenario does not know.{suggest(str(one), list(ids))} "
                f"It has {', '.join(ids)}."
            )
        place.append(list(ids).index(one))
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    return np.where(codes < 0, -1, np.array([*place, -1], dtype=np.int64)[codes])


def _one_currency(name: str, table: "pa.Table", base: str) -> None:
    found = [value for value in table.column("currency").unique().to_pylist() if value not in (None, base)]
    if found:
        raise PanelError(
            f"{name} holds money in {', '.join(map(str, found))}; the scenario's base currency is {base}. Convert the "
            "money at each day's rate, or calibrate with --currency."
        )


def _numbers(name: str, table: "pa.Table", column: str) -> FloatArray:
    import pyarrow as pa

    found = table.column(column)
    try:
        values = np.asarray(found.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowException as error:
        raise PanelError(f"The column {column} of {name} holds {found.type}; numbers are wanted.") from error
    wrong = np.isinf(values) | (values < 0.0 if column != "net_revenue" else np.zeros(len(values), dtype=np.bool_))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise PanelError(f"{column} is {values[row]:g} in row {row + 1} of {name}; a number of 0 or more is wanted.")
    if column in ("discount_frac", "stock_out") and (values > 1.0).any():
        row = int(np.nanargmax(values))
        raise PanelError(f"{column} is {values[row]:g} in row {row + 1} of {name}; a share from 0 to 1 is wanted.")
    return values


def _once_each(rows: PanelRows, scenario: Scenario) -> None:
    """Refuse rows of the same day, region, segment and channel, and a region told both as a whole and by segment."""
    regions, segments, channels, _ = scenario.shape
    shape = (rows.days, regions, channels + 1, segments + 1)
    key = np.ravel_multi_index((rows.day, rows.region, rows.channel + 1, rows.segment + 1), shape)
    order = np.argsort(key, kind="stable")
    twice = np.flatnonzero(np.diff(key[order]) == 0)
    if twice.size:
        first, second = order[twice[0]] + 1, order[twice[0] + 1] + 1
        raise PanelError(
            f"Rows {first} and {second} of {rows.name} are of the same day, region, segment and channel. Add them up, "
            "or drop one."
        )
    whole = key[rows.segment < 0] // (segments + 1)
    split = key[rows.segment >= 0] // (segments + 1)
    both = np.intersect1d(whole, split)
    if both.size:
        raise PanelError(
            f"{rows.name} tells a day of a region both as a whole and by segment: that counts it twice. Keep one."
        )
