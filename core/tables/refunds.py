"""What the law makes a seller refund when a customer withdraws, by destination and day."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.tables.rows import EU_MEMBERS, TABLE_FOLDER, Row, entry_on, group_by_id, read_rows

COLUMNS = ("country", "effective_from", "outbound_shipping", "certainty", "evidence", "source", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRule:
    """What a withdrawal refunds beside the goods, from a day on.

    Attributes:
        country: ISO 3166 code of the destination, or ``EU`` for its members.
        effective_from: First day on which the rule holds.
        outbound_shipping: Whether the standard shipping that the customer paid is refunded too.
        certainty: One of `xbopt.core.tables.rows.CERTAINTIES`.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: The law.
        note: What else to know; may be empty.
    """

    country: str
    effective_from: date
    outbound_shipping: bool
    certainty: str
    evidence: str
    source: str
    note: str


def load_refund_rules(path: Path) -> dict[str, tuple[RefundRule, ...]]:
    """Read a table of refund rules: the rules of each destination, oldest first.

    Raises:
        TableError: A row is broken; the message names file, row and column.
    """
    rows = ((row, row.text("country"), _read(row)) for row in read_rows(path, COLUMNS))
    return group_by_id(rows, column="country")


def _read(row: Row) -> RefundRule:
    return RefundRule(
        country=row.text("country"),
        effective_from=row.day("effective_from"),
        outbound_shipping=row.flag("outbound_shipping"),
        certainty=row.certainty(),
        evidence=row.evidence(),
        source=row.text("source"),
        note=row.optional_text("note"),
    )


@cache
def _table() -> dict[str, tuple[RefundRule, ...]]:
    return load_refund_rules(TABLE_FOLDER / "refund_rules.csv")


def refund_rule(country: str, day: date) -> RefundRule | None:
    """The refund rule of a destination on ``day``; None where the table knows none, so that shipping is kept."""
    for place in (country, "EU") if country in EU_MEMBERS else (country,):
        rows = _table().get(place, ())
        if rows and rows[0].effective_from <= day:
            return entry_on(_table(), place, day, what="refund rule")
    return None
