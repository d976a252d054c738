"""Logs with one JSON object a line (NDJSON, JSON Lines), and dsjson among them."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs import dsjson
from xbopt.ope.logs.json_values import JsonObject, Value, flattened
from xbopt.ope.logs.roles import ROLES

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["bool", "int", "float", "text", "list"]
_LONG = 1 << 63
_FIRST_LINES = 50
_MARK = "\ufeff"  # of UTF-8, before the first line
MOST_COLUMNS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonColumns:
    """What the lines of a log hold, of all its files together.

    Attributes:
        kinds: What each column holds, in the order in which they came up.
        naming: What dsjson's actions are called; None for any other JSON.
        notes: What was left out, in sentences.
    """

    kinds: Mapping[str, Kind]
    naming: dsjson.Naming | None
    notes: tuple[str, ...]

    @property
    def roles(self) -> dict[str, list[str]]:
        """The patterns of the roles that the format itself assigns, as ``resolve_roles`` takes them."""
        if self.naming is None:
            return {}
        return {
            role: [pattern]
            for role, pattern in dsjson.ROLES.items()
            if role in ROLES
            and any(name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])) for name in self.kinds)
        }

    def empty(self, name: str) -> Value:
        """What a line without the column means: an action that was no choice, a feature that is 0, or nothing."""
        if self.naming is None:
            return None
        if name.startswith(dsjson.OFFERED):
            return False
        if self.kinds[name] not in ("int", "float"):
            return None
        if name == dsjson.KEPT:
            return 1.0
        return 0.0 if name.startswith((dsjson.PROBABILITY, dsjson.CONTEXT)) else None


@dataclass(frozen=True, slots=True)
class JsonRows:
    """The rows of one file.

    Attributes:
        path: The file, possibly zipped.
        columns: What the log holds.
    """

    path: Path
    columns: JsonColumns = field(repr=False)

    def batches(self, names: Sequence[str], *, rows: int) -> "Iterator[pa.RecordBatch]":
        """Some columns, in batches of so many rows.

        Raises:
            DecisionLogError: A line is broken; the message names it.
        """
        empty = {name: self.columns.empty(name) for name in names}
        held: list[list[Value]] = []
        for _, row in _rows(self.path, self.columns.naming, dsjson.LeftOut()):
            held.append([row.get(name, empty[name]) for name in names])
            if len(held) == rows:
                yield self._batch(held, names)
                held = []
        yield self._batch(held, names)

    def _batch(self, rows: Sequence[list[Value]], names: Sequence[str]) -> "pa.RecordBatch":
        import pyarrow as pa

        types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.large_string()}
        arrays: list[pa.Array] = []
        for place, name in enumerate(names):
            kind = self.columns.kinds[name]
            values: list[object] = [row[place] for row in rows]
            if kind == "text":
                values = [None if one is None or one == "" else _text(one) for one in values]
            elif kind == "float":
                values = [None if one is None else float(cast("float", one)) for one in values]
            arrays.append(pa.array(values, type=types.get(kind, pa.list_(pa.float64()))))
        return pa.RecordBatch.from_arrays(arrays, names=list(names))


def look_through(paths: Sequence[Path]) -> JsonColumns:
    """Read all lines once, to know their columns and what these hold.

    Raises:
        DecisionLogError: A line is broken; the message names it.
    """
    naming = _naming(paths)
    kinds: dict[str, set[Kind]] = {}
    seen: set[tuple[str, Kind | None]] = set()
    left_out = dsjson.LeftOut()
    for path in paths:
        for number, row in _rows(path, naming, left_out):
            for name, value in row.items():
                found = (name, None if value is None else _kind(value))
                if found in seen:
                    continue
                seen.add(found)
                kinds.setdefault(name, set()).update(() if found[1] is None else (found[1],))
                if "list" in kinds[name] and len(kinds[name]) > 1:
                    raise DecisionLogError(f"{path}: line {number}: {name} is a list in some lines and none in others.")
            if len(kinds) > MOST_COLUMNS:
                raise DecisionLogError(
                    f"{path}: line {number}: the log has more than {MOST_COLUMNS:,} different keys; are there names of "
                    "things among them? Those belong into values."
                )
    slots = dsjson.SLOT in kinds
    words = (
        "Every slot of an event is a row with its own reward, and slots of one event share a cluster; what one slot "
        "does to the reward of another is left out."
    )
    return JsonColumns(
        kinds={name: _joined(found) for name, found in kinds.items()},
        naming=naming,
        notes=left_out.notes() + ((words,) if slots else ()),
    )


def _naming(paths: Sequence[Path]) -> dsjson.Naming | None:
    """How dsjson names its actions; None for any other JSON."""
    lines = (line for path in paths for _, line in _lines(path))
    first = [line for line, _ in zip(lines, range(_FIRST_LINES), strict=False)]
    if not any(dsjson.is_dsjson(line) for line in first):
        return None
    events = (line for path in paths for _, line in _lines(path) if dsjson.is_dsjson(line))
    return dsjson.Naming(by_name=all(dsjson.has_names(line) for line in events))


def _rows(path: Path, naming: dsjson.Naming | None, left_out: dsjson.LeftOut) -> Iterator[tuple[int, dict[str, Value]]]:
    """Number of the line, and the columns of each of its rows."""
    for number, line in _lines(path):
        try:
            rows = [flattened(line)] if naming is None else dsjson.rows_of(line, naming, left_out)
            for row in rows:
                yield number, row
        except (ValueError, TypeError, RecursionError) as error:
            raise DecisionLogError(f"{path}: line {number}: {error}.") from error


def _lines(path: Path) -> Iterator[tuple[int, JsonObject]]:
    """Objects by the number of their line, from 1; empty lines are passed over."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
        for number, raw in enumerate(source, start=1):
            if not raw.strip():
                continue
            try:
                line: object = json.loads(raw.decode().removeprefix(_MARK) if number == 1 else raw.decode())
            except (ValueError, RecursionError) as error:
                raise DecisionLogError(
                    f"{path}: line {number} is no complete JSON object ({str(error)[:100]}). It may be cut off or "
                    "damaged; one object a line is wanted."
                ) from error
            if not isinstance(line, dict):
                raise DecisionLogError(f"{path}: line {number} holds no JSON object; one object a line is wanted.")
            yield number, cast("JsonObject", line)


def _kind(value: str | float | list[float]) -> Kind:
    if isinstance(value, str):
        return "text"
    if isinstance(value, float):
        return "float"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_LONG <= value < _LONG else "text"
    return "list"


def _joined(found: set[Kind]) -> Kind:
    if found == {"int", "float"}:
        return "float"
    return next(iter(found)) if len(found) == 1 else "text"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
