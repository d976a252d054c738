"""Consumption tax (VAT, GST, sales tax) by country and day."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.tables.rows import TABLE_FOLDER, Row, entry_on, group_by_id, read_rows

COLUMNS = ("tax_id", "effective_from", "rate_frac", "kind", "evidence", "source")
KINDS = ("vat", "gst", "sales_tax")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionTax:
    """The standard rate of one consumption tax from a day on.

    Attributes:
        tax_id: ISO 3166 country code, ``none``, or a country's special scheme such as ``CN-CBEC``.
        effective_from: First day on which the rate holds.
        rate_frac: Tax as a fraction of the price **without** tax, so 0.2 turns 100 into 120.
        kind: ``vat``, ``gst`` or ``sales_tax``.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where the rate was found, with what must be known to use it.
    """

    tax_id: str
    effective_from: date
    rate_frac: float
    kind: str
    evidence: str
    source: str


def load_taxes(path: Path) -> dict[str, tuple[ConsumptionTax, ...]]:
    """Read a table of consumption taxes: the rates of each id, oldest first.

    Raises:
        TableError: A row is broken; the message names file, row and column.
    """
    return group_by_id(((row, row.text("tax_id"), _read(row)) for row in read_rows(path, COLUMNS)), column="tax_id")


def _read(row: Row) -> ConsumptionTax:
    return ConsumptionTax(
        tax_id=row.text("tax_id"),
        effective_from=row.day("effective_from"),
        rate_frac=row.number("rate_frac", low=0.0, high=1.0),
        kind=row.choice("kind", KINDS),
        evidence=row.evidence(),
        source=row.text("source"),
    )


@cache
def _table() -> dict[str, tuple[ConsumptionTax, ...]]:
    return load_taxes(TABLE_FOLDER / "consumption_tax.csv")


def tax_ids() -> tuple[str, ...]:
    """Every known tax id, sorted."""
    return tuple(sorted(_table()))


def consumption_tax(tax_id: str, day: date) -> ConsumptionTax:
    """The tax that holds on ``day``, with its evidence and source.

    Raises:
        TableError: The id is unknown, or ``day`` lies before the first day known.
    """
    return entry_on(_table(), tax_id, day, what="tax")


def tax_rate(tax_id: str, day: date) -> float:
    """The standard rate on ``day``, as a fraction of the price without tax.

    Raises:
        TableError: The id is unknown, or ``day`` lies before the first day known; the message names id, day
            and the first day known.
    """
    return consumption_tax(tax_id, day).rate_frac
