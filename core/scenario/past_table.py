"""The file behind ``history.before.file``: CSV or Parquet rows, put into the document in place of its name.

From there on the document is whole: its hash holds the rows, and a copy of it needs no other file. Problems with a row
are told at its line of the file.
"""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import cast

from xbopt.core.documents.document import MISSING, Document, put_value, value_at
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import Problem, ScenarioError
from xbopt.core.scenario.history import MAX_PAST_ROWS, PastRow

_BEFORE = ("history", "before")
_ROW = re.compile(r"history\.before\.rows(?:\[([0-9]+)\](?:\.(\w+))?)?$")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SEPARATORS = (",", ";", "\t")
_COLUMNS: tuple[str, ...] = tuple(PastRow.model_fields)
_OF_PLANS = "daypart_"
"""Columns that a plan's table has and a history does not need: the plan's own dayparts hold."""

Cell = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFile:
    """Where the rows of a past table stand.

    Attributes:
        name: The file's name.
        lines: Line or row of each row.
        columns: Place of each column in its line, by name; empty where a file has none.
    """

    name: str
    lines: Sequence[int]
    columns: Sequence[Mapping[str, int]]

    def placed(self, error: ScenarioError) -> ScenarioError:
        """The same error; problems with the table's rows are told at their lines of the file."""
        return ScenarioError([self._placed(problem) for problem in error.problems])

    def _placed(self, problem: Problem) -> Problem:
        match = _ROW.match(problem.path)
        if match is None:
            return problem
        if match[1] is None:
            return replace(problem, path="", file=self.name, line=0, column=0)
        row, field = int(match[1]), match[2] or ""
        column = self.columns[row].get(field, 1) if self.columns else 0
        return replace(problem, path=field, file=self.name, line=self.lines[row], column=column)


def with_past_rows(document: Document) -> tuple[Document, PastFile | None]:
    """The document with the rows of ``history.before.file``, and where they stand; None where it names no file.

    A relative name is looked for beside the scenario, or where the command runs if ``--set`` gave it.

    Raises:
        ScenarioError: The file cannot be read, or is no such table.
    """
    name = value_at(document.data, (*_BEFORE, "file"))
    if not isinstance(name, str):
        return document, None
    if value_at(document.data, (*_BEFORE, "rows")) not in (MISSING, [], None):
        message = "A table has rows or a file, not both; take one of them away."
        raise ScenarioError([document.problem((*_BEFORE, "file"), message)])
    wanted = (*_BEFORE, "file")
    by_option = any(path == wanted[: len(path)] for path, _ in document.overrides)
    path = Path(name) if by_option else Path(document.file).parent / name
    try:
        rows, lines, columns = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except OSError as error:
        folder = "here" if by_option else "beside the scenario"
        message = f"The file {name!r} cannot be read {folder}: {error.strerror or error}."
        raise ScenarioError([document.problem(wanted, message)]) from None
    if not rows:
        message = f"The file {name!r} has no rows. For a launch without any history write `before: none`."
        raise ScenarioError([document.problem(wanted, message)])
    if len(rows) > MAX_PAST_ROWS:
        message = f"The file {name!r} has {len(rows):,} rows; at most {MAX_PAST_ROWS:,} are read. Keep the latest days."
        raise ScenarioError([document.problem(wanted, message)])
    whole = replace(document, data=put_value(document.data, _BEFORE, {"rows": rows}))
    return whole, PastFile(name=str(path), lines=lines, columns=columns)


def _csv(path: Path) -> tuple[list[dict[str, Cell]], list[int], list[Mapping[str, int]]]:
    def refuse(message: str, line: int, column: int) -> ScenarioError:
        return ScenarioError([Problem(message=message, file=str(path), line=line, column=column)])

    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"This is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.", 1, 1) from None
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise refuse("The file is empty; its first line has to name the columns.", 1, 1)
    separator = max(_SEPARATORS, key=lines[0].count)
    head = [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator))]
    _check_head(path, head)
    rows: list[dict[str, Cell]] = []
    numbers: list[int] = []
    columns: list[Mapping[str, int]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip(f" {separator}"):
            continue
        cells = next(csv.reader([line], delimiter=separator))
        if len(cells) != len(head):
            raise refuse(f"There are {len(cells)} entries for {len(head)} columns.", number, 1)
        rows.append({key: _cell(cell, decimal_comma=separator != ",") for key, cell in _known(head, cells)})
        numbers.append(number)
        starts = [1 + sum(len(cell) + 1 for cell in cells[:i]) for i in range(len(cells))]
        columns.append(dict(zip(head, starts, strict=True)))
    return [{key: cell for key, cell in row.items() if cell is not None} for row in rows], numbers, columns


def _parquet(path: Path) -> tuple[list[dict[str, Cell]], list[int], list[Mapping[str, int]]]:
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as source:
            names = cast("list[str]", source.schema_arrow.names)
            found = cast("list[dict[str, object]]", source.read().to_pylist())
    except ValueError as error:  # a file that is no Parquet, or damaged text in one
        message = f"This is no complete Parquet file ({str(error)[:200]}). Write or copy it again."
        raise ScenarioError([Problem(message=message, file=str(path))]) from None
    _check_head(path, names)
    rows: list[dict[str, Cell]] = []
    for row in found:
        known = {key: _plain(row[key]) for key in _COLUMNS if key in row}
        rows.append({key: value for key, value in known.items() if value is not None})
    return rows, list(range(1, len(rows) + 1)), []


def _check_head(path: Path, head: Sequence[str]) -> None:
    wanted = [name for name, field in PastRow.model_fields.items() if field.is_required()]
    problems = [f"The column {name} is missing." for name in wanted if name not in head]
    for i, name in enumerate(head):
        if name not in _COLUMNS and not name.startswith(_OF_PLANS):
            hint = suggest(name, _COLUMNS) or f" The columns are {', '.join(_COLUMNS)}."
            problems.append(f"There is no column {name[:60]!r}.{hint}")
        elif name in head[:i]:
            problems.append(f"The column {name} stands here twice.")
    if problems:
        raise ScenarioError([Problem(message=text, file=str(path), line=1, column=1) for text in problems])


def _known(head: Sequence[str], cells: Sequence[str]) -> list[tuple[str, str]]:
    return [(key, cell) for key, cell in zip(head, cells, strict=True) if key in _COLUMNS]


def _cell(text: str, *, decimal_comma: bool) -> Cell:
    """A number where the text is one; text otherwise, for the model to refuse or take; None where empty."""
    bare = text.strip()
    plain = bare.replace(",", ".") if decimal_comma and "." not in bare else bare
    if _NUMBER.fullmatch(plain) and math.isfinite(number := float(plain)):
        return number
    return bare or None


def _plain(value: object) -> Cell:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return None if value is None else str(value)
