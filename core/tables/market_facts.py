"""Facts of markets as numbers: by trade, channel, country, route, currency, and of all markets.

Each fact has a value, the range that it lies in nine times of ten, an evidence mark and a source. They are what a
scenario starts from where a seller has no data of his own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import log
from pathlib import Path
from typing import Literal

from xbopt.core.errors import TableError
from xbopt.core.tables.rows import TABLE_FOLDER, Row, entry_on, group_by_id, read_rows, unknown_id

COLUMNS = ("id", "fact", "effective_from", "value", "low", "high", "evidence", "source")
FactKind = Literal["trade", "channel", "country", "route", "currency", "general"]
EVERY_MARKET = "any"
"""The id of facts that hold for every market."""
_LIMIT = 1e12
_NINE_OF_TEN = 2 * 1.6449  # standard deviations between the ends of a normal's middle nine tenths


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number of the market.

    Attributes:
        effective_from: The first day on which it holds.
        value: What to take.
        low: Lower end of the range in which it lies nine times of ten.
        high: Upper end of that range.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where it comes from.
    """

    effective_from: date
    value: float
    low: float
    high: float
    evidence: str
    source: str

    @property
    def spread(self) -> float:
        """Relative standard deviation: that of a log-normal whose middle nine tenths are the range; 0 at a zero end."""
        ends = sorted((abs(self.low), abs(self.high)))
        return log(ends[1] / ends[0]) / _NINE_OF_TEN if ends[0] > 0.0 else 0.0


def load_facts(path: Path) -> dict[str, tuple[Fact, ...]]:
    """Read a table of facts: the rows of each ``id.fact``, oldest first.

    Raises:
        TableError: A row is broken; the message names file, row and column.
    """
    rows = ((row, f"{row.text('id')}.{row.text('fact')}", _read(row)) for row in read_rows(path, COLUMNS))
    return group_by_id(rows, column="fact")


def _read(row: Row) -> Fact:
    low = row.number("low", low=-_LIMIT, high=_LIMIT)
    high = row.number("high", low=low, high=_LIMIT)
    return Fact(
        effective_from=row.day("effective_from"),
        value=row.number("value", low=low, high=high),
        low=low,
        high=high,
        evidence=row.evidence(),
        source=row.text("source"),
    )


@cache
def facts(kind: FactKind) -> Mapping[str, tuple[Fact, ...]]:
    """The table of a kind that comes with xbopt, by ``id.fact``."""
    return load_facts(TABLE_FOLDER / f"{kind}_facts.csv")


def fact(kind: FactKind, name: str, fact_name: str, day: date) -> Fact:
    """What is known of something on a day; on an earlier day than the first known, the first.

    A fact of another year is better than none; its row says which year it is of.

    Raises:
        TableError: There is no such fact.
    """
    table, key = facts(kind), f"{name}.{fact_name}"
    if key not in table:
        raise TableError(unknown_id(key, table, what=f"{kind} fact"))
    return entry_on(table, key, max(day, table[key][0].effective_from), what=f"{kind} fact")


def has_fact(kind: FactKind, name: str, fact_name: str) -> bool:
    """Whether a table knows a fact of something."""
    return f"{name}.{fact_name}" in facts(kind)
