"""Tariff lists: duty on top of the ordinary rate by product and origin, such as Section 301 of the United States."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.tables.rows import TABLE_FOLDER, Row, entry_on, group_by_id, read_rows

COLUMNS = (
    "list_id",
    "duty_id",
    "origin",
    "effective_from",
    "ad_valorem_frac",
    "assumed",
    "certainty",
    "evidence",
    "source",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffList:
    """What goods on a list owe on top of the ordinary rate, outside low-value schemes, from a day on.

    Attributes:
        list_id: Id such as ``us_301_list_4a``; products name it.
        duty_id: The duty rule that it comes on top of.
        origin: ISO 3166 code of the goods' origin.
        effective_from: First day on which the rate holds.
        ad_valorem_frac: Fraction of the dutiable value.
        assumed: Whether it is taken for a product of this origin that names no list.
        certainty: One of `xbopt.core.tables.rows.CERTAINTIES`.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where it was found.
        note: What else to know; may be empty.
    """

    list_id: str
    duty_id: str
    origin: str
    effective_from: date
    ad_valorem_frac: float
    assumed: bool
    certainty: str
    evidence: str
    source: str
    note: str


def load_tariff_lists(path: Path) -> dict[str, tuple[TariffList, ...]]:
    """Read a table of tariff lists: the rows of each id, oldest first.

    Raises:
        TableError: A row is broken; the message names file, row and column.
    """
    rows = ((row, row.text("list_id"), _read(row)) for row in read_rows(path, COLUMNS))
    return group_by_id(rows, column="list_id")


def _read(row: Row) -> TariffList:
    return TariffList(
        list_id=row.text("list_id"),
        duty_id=row.text("duty_id"),
        origin=row.text("origin"),
        effective_from=row.day("effective_from"),
        ad_valorem_frac=row.number("ad_valorem_frac", low=0.0, high=2.0),
        assumed=row.flag("assumed"),
        certainty=row.certainty(),
        evidence=row.evidence(),
        source=row.text("source"),
        note=row.optional_text("note"),
    )


@cache
def _table() -> dict[str, tuple[TariffList, ...]]:
    return load_tariff_lists(TABLE_FOLDER / "tariff_lists.csv")


def tariff_list_ids(origin: str | None = None) -> tuple[str, ...]:
    """Every known list id, sorted; with an origin, those of its goods."""
    return tuple(sorted(name for name, rows in _table().items() if origin is None or rows[0].origin == origin))


def tariff_list(duty_id: str, origin: str, day: date, list_id: str | None) -> TariffList | None:
    """The list that holds for a product of an origin at a border on a day.

    Args:
        duty_id: The border's duty rule.
        origin: Origin of the product.
        day: Day.
        list_id: The list that the product names; None takes the list that the table says to assume.

    Returns:
        The row, or None where no list of this border and origin holds on that day.
    """
    for name, rows in _table().items():
        first = rows[0]
        wanted = first.assumed if list_id is None else name == list_id
        if wanted and (first.duty_id, first.origin) == (duty_id, origin) and first.effective_from <= day:
            return entry_on(_table(), name, day, what="tariff list")
    return None
