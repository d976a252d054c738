"""Tables that are no text: workbooks, JSON rows, Parquet. All become records of texts."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

import io
import json
import math
import re
import zipfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import cast

import polars as pl

from xbopt.core.spreadsheets.markup import Markup, ods_markup, xlsx_markup
from xbopt.imports.engine.containers import Source
from xbopt.imports.engine.text_rows import BATCH_ROWS
from xbopt.imports.refusals import UnreadFileError

Records = list[tuple[str | None, ...]]
# Beyond, a spreadsheet's number has lost digits of an id.
_EXACT = 1e15
FORMULA = "#FORMULA"
"""Stands in the place of a formula whose result was not saved."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KEYS = ("action_type", "key", "name")
_LISTS = ("results", "data", "rows", "orders", "elements")


def cell_text(value: object) -> str | None:
    """A typed cell as text that reads back as the same; a number too long to be exact as spreadsheets shorten it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if not value.is_integer():
            return repr(value)
        return f"{value:.0f}" if abs(value) < _EXACT else f"{value:.2E}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's records from its first row, and the positions of those that are hidden."""

    records: Records
    hidden: frozenset[int]


def workbook_sheets(source: Source) -> Mapping[str, Sheet]:
    """Each visible sheet of a workbook, by its name; `FORMULA` stands where a formula's result was not saved.

    Raises:
        UnreadFileError: The workbook is damaged or locked.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

    try:
        with source.open() as stream:
            content = stream.read()
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        visible = [each.name for each in book.sheets_metadata if each.visible == SheetVisibleEnum.Visible]
        return {
            name: _sheet(book.get_sheet_by_name(name).to_python(skip_empty_area=False), _markup(content, name))
            for name in visible
        }
    except PasswordError:
        raise UnreadFileError(
            source.name, "old_workbook", "The workbook is locked by a password; save it without."
        ) from None
    except (CalamineError, OSError) as error:
        raise UnreadFileError(
            source.name, "damaged", f"The workbook cannot be opened ({error}); save it again."
        ) from None


def _markup(content: bytes, sheet: str) -> Markup:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.namelist()
    try:
        if "xl/workbook.xml" in parts:
            return xlsx_markup(content, sheet, with_currencies=False)
        return ods_markup(content, sheet) if "content.xml" in parts else Markup()
    except (KeyError, StopIteration, SyntaxError):
        # The values were read; what only the markup says is not known.
        return Markup()


def _sheet(rows: Sequence[Sequence[object]], markup: Markup) -> Sheet:
    records = [tuple(cell_text(None if value == "" else value) for value in row) for row in rows]
    for (line, position), text in markup.broken.items():
        i = line - 1
        if text.startswith("=") and i < len(records) and position < len(records[i]):
            records[i] = (*records[i][:position], FORMULA, *records[i][position + 1 :])
    return Sheet(records, frozenset(line - 1 for line in markup.hidden))


def json_records(source: Source, rows: str) -> Records:
    """A head and the records of JSON rows: one object a line, a list, or an object that holds the list.

    Nested names are joined by dots and written with underscores: ``metrics.costMicros`` is ``metrics.cost_micros``. A
    list of objects that have ``action_type``, ``key`` or ``name`` gives one column each: ``actions.purchase`` is its
    ``value``, or the one of its ``..._value`` that is filled; other entries follow, as ``actions.purchase.7d_click``.

    Args:
        source: The file.
        rows: The list whose entries are the rows, as ``line_items``; empty where each object is a row.

    Raises:
        UnreadFileError: A line is no JSON object; it is cut off or damaged.
    """
    flat = [dict(_flattened(one)) for each in _objects(source) for one in _exploded(each, rows)]
    head = tuple(dict.fromkeys(name for each in flat for name in each))
    return [head, *(tuple(each.get(name) for name in head) for each in flat)]


def _objects(source: Source) -> list[Mapping[str, object]]:
    with source.open() as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadFileError(source.name, "encoding", "This JSON is not UTF-8. Export it again.") from None
    try:
        whole: object = json.loads(text)
        listed = _list_in(whole)
    except ValueError:
        listed = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    listed.append(json.loads(line))
                except ValueError:
                    message = f"Line {number} is no JSON object; the file is cut off or damaged. Export it again."
                    raise UnreadFileError(source.name, "cut_file", message) from None
    if not listed or not all(isinstance(each, dict) for each in listed):
        raise UnreadFileError(
            source.name,
            "no_table",
            "This JSON holds no list of objects, so there are no rows in it. Save the list itself.",
        )
    return cast("list[Mapping[str, object]]", listed)


def _list_in(whole: object) -> list[object]:
    if isinstance(whole, dict):
        held = cast("dict[str, object]", whole)
        inside = next((held[name] for name in _LISTS if isinstance(held.get(name), list)), None)
        return cast("list[object]", inside) if inside is not None else [held]
    return cast("list[object]", whole) if isinstance(whole, list) else [whole]


def _exploded(each: Mapping[str, object], rows: str) -> list[Mapping[str, object]]:
    entries = each.get(rows) if rows else None
    if not isinstance(entries, list) or not entries:
        return [each]
    return [{**each, rows: entry} for entry in cast("list[object]", entries)]


def _flattened(each: Mapping[str, object], above: str = "") -> Generator[tuple[str, str | None]]:
    for key, value in each.items():
        name = above + _CAMEL.sub("_", str(key)).lower()
        if isinstance(value, Mapping):
            yield from _flattened(cast("Mapping[str, object]", value), f"{name}.")
        elif isinstance(value, list) and (keyed := _keyed(cast("list[object]", value))):
            for entry, rest in keyed:
                yield from _entries(f"{name}.{entry}", rest)
        else:
            yield name, cell_text(value)


def _keyed(values: Sequence[object]) -> list[tuple[str, dict[str, object]]]:
    """Entries of a list of objects by their names; empty where they have none."""
    found: list[tuple[str, dict[str, object]]] = []
    for value in values:
        if not isinstance(value, dict):
            return []
        entry = cast("dict[str, object]", value)
        key = next((key for key in _KEYS if isinstance(entry.get(key), str)), None)
        if key is None or not any(name.endswith("value") for name in entry):
            return []
        found.append((str(entry[key]), {name: one for name, one in entry.items() if name != key}))
    return found


def _entries(name: str, rest: Mapping[str, object]) -> Iterable[tuple[str, str | None]]:
    value = rest.get("value")
    if isinstance(value, dict):
        inside = cast("dict[str, object]", value)
        yield name, cell_text(next((one for one in inside.values() if one is not None), None))
    elif value is not None:
        yield name, cell_text(value)
    for key, one in rest.items():
        if key != "value":
            yield f"{name}.{_CAMEL.sub('_', key).lower()}", cell_text(one)


def parquet_rows(source: Source, wanted: Sequence[str]) -> Generator[pl.DataFrame]:
    """Rows of a Parquet file in batches, all as text, one column a wanted name."""
    from pyarrow import parquet

    file = parquet.ParquetFile(source.path)
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(wanted)):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        yield frame.select(_as_text(name, kind) for name, kind in frame.schema.items())


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.String:
        return column
    if kind.is_float():
        whole = column.cast(pl.Int64, strict=False).cast(pl.String)
        return (
            pl.when((column == column.floor()) & (column.abs() < _EXACT))
            .then(whole)
            .otherwise(column.cast(pl.String))
            .alias(name)
        )
    if isinstance(kind, pl.Datetime):
        text = column.dt.to_string("%Y-%m-%d %H:%M:%S")
        # Arrow keeps instants with a zone in UTC.
        return (
            column.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%d %H:%M:%S+00:00") if kind.time_zone else text
        ).alias(name)
    return column.cast(pl.String, strict=False)


def parquet_head(source: Source) -> tuple[str, ...]:
    """The names of a Parquet file's columns.

    Raises:
        UnreadFileError: The file is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return tuple(parquet.read_schema(source.path).names)
    except (pa.ArrowInvalid, OSError):
        raise UnreadFileError(
            source.name, "damaged", "The Parquet file is cut off or damaged. Export it again."
        ) from None
