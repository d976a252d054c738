"""Published ranges of a market's vital signs: what trade and research have measured elsewhere."""

from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Literal

from xbopt.core.tables.rows import TABLE_FOLDER, Row, read_rows

COLUMNS = ("sign_id", "name", "low", "high", "unit", "evidence", "cited", "source")
RangeUnit = Literal["share", "ratio", "count", "price", "number"]
_UNITS: tuple[RangeUnit, ...] = ("share", "ratio", "count", "price", "number")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRange:
    """What a vital sign is elsewhere.

    Attributes:
        sign_id: The sign.
        name: Readable name.
        low: Lower end; minus infinity where the table leaves it empty.
        high: Upper end; infinity where the table leaves it empty.
        unit: What the figure is.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        cited: Where the range comes from, in a few words.
        source: The same in full.
    """

    sign_id: str
    name: str
    low: float
    high: float
    unit: RangeUnit
    evidence: str
    cited: str
    source: str


def load_ranges(path: Path) -> dict[str, PublishedRange]:
    """Read a table of ranges, by sign, in the file's order.

    Raises:
        TableError: A row is broken, or a sign stands there twice; the message names file, row and column.
    """
    ranges: dict[str, PublishedRange] = {}
    for row in read_rows(path, COLUMNS):
        found = _read(row)
        if found.sign_id in ranges:
            raise row.error("sign_id", f"{found.sign_id!r} stands there twice.")
        ranges[found.sign_id] = found
    return ranges


def _read(row: Row) -> PublishedRange:
    low, high = _end(row, "low", -inf), _end(row, "high", inf)
    if low >= high:
        raise row.error("high", f"must be above {low:g}.")
    unit = row.choice("unit", _UNITS)
    return PublishedRange(
        sign_id=row.text("sign_id"),
        name=row.text("name"),
        low=low,
        high=high,
        unit=next(known for known in _UNITS if known == unit),
        evidence=row.evidence(),
        cited=row.text("cited"),
        source=row.text("source"),
    )


def _end(row: Row, column: str, open_end: float) -> float:
    return row.number(column, low=-1e12, high=1e12) if row.optional_text(column) else open_end


@cache
def published_ranges() -> dict[str, PublishedRange]:
    """The ranges that come with xbopt, by sign, in the order in which signs are shown."""
    return load_ranges(TABLE_FOLDER / "published_ranges.csv")
