"""Fees on parcels that cross a border, beside duty: by destination, with a first and a last day."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.tables.duties import CHARGE_UNITS
from xbopt.core.tables.rows import TABLE_FOLDER, Row, read_rows

COLUMNS = (
    "fee_id",
    "duty_ids",
    "countries",
    "effective_from",
    "effective_to",
    "currency",
    "amount",
    "unit",
    "scope",
    "by_default",
    "certainty",
    "evidence",
    "source",
    "note",
)
_EVERYWHERE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFee:
    """A fee on parcels; consumption tax is not levied on it.

    Attributes:
        fee_id: Id such as ``ro_logistics_fee``; scenarios switch fees on and off by it.
        duty_ids: Duty rules at whose borders it is owed.
        countries: ISO 3166 codes of the destinations; empty for all behind these borders.
        effective_from: First day on which it is owed.
        effective_to: Last day on which it is owed; None where no end is known.
        currency: ISO 4217 currency of the amount.
        amount: The fee for one unit.
        unit: What it is owed for, one of `xbopt.core.tables.duties.CHARGE_UNITS`.
        low_value_only: Whether it is owed inside the low-value scheme only.
        by_default: Whether it is owed unless a scenario says otherwise; no for a fee that is not in force for certain.
        certainty: One of `xbopt.core.tables.rows.CERTAINTIES`.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where it was found.
        note: What is not known or assumed; may be empty.
    """

    fee_id: str
    duty_ids: tuple[str, ...]
    countries: frozenset[str]
    effective_from: date
    effective_to: date | None
    currency: str
    amount: float
    unit: str
    low_value_only: bool
    by_default: bool
    certainty: str
    evidence: str
    source: str
    note: str

    def holds_on(self, day: date) -> bool:
        """Whether it is owed on a day, where it is switched on."""
        return self.effective_from <= day and (self.effective_to is None or day <= self.effective_to)


def load_import_fees(path: Path) -> tuple[ImportFee, ...]:
    """Read a table of import fees.

    Raises:
        TableError: A row is broken, or an id stands twice; the message names file, row and column.
    """
    fees: list[ImportFee] = []
    for row in read_rows(path, COLUMNS):
        fee = _read(row)
        if any(fee.fee_id == other.fee_id for other in fees):
            raise row.error("fee_id", f"{fee.fee_id!r} stands in an earlier row.")
        fees.append(fee)
    return tuple(fees)


def _read(row: Row) -> ImportFee:
    first = row.day("effective_from")
    last = row.day("effective_to") if row.optional_text("effective_to") else None
    if last is not None and last < first:
        raise row.error("effective_to", f"lies before {first}.")
    countries = row.text("countries")
    return ImportFee(
        fee_id=row.text("fee_id"),
        duty_ids=tuple(row.text("duty_ids").split(";")),
        countries=frozenset() if countries == _EVERYWHERE else frozenset(countries.split(";")),
        effective_from=first,
        effective_to=last,
        currency=row.currency("currency"),
        amount=row.number("amount", low=0.0, high=1e6),
        unit=row.choice("unit", CHARGE_UNITS),
        low_value_only=row.choice("scope", ("low_value", "all")) == "low_value",
        by_default=row.flag("by_default"),
        certainty=row.certainty(),
        evidence=row.evidence(),
        source=row.text("source"),
        note=row.optional_text("note"),
    )


@cache
def _table() -> tuple[ImportFee, ...]:
    return load_import_fees(TABLE_FOLDER / "import_fees.csv")


def fee_ids() -> tuple[str, ...]:
    """Every known fee id, sorted."""
    return tuple(sorted(fee.fee_id for fee in _table()))


def import_fees(duty_id: str, country: str) -> tuple[ImportFee, ...]:
    """Every fee on parcels to a country behind a border, on whatever day, switched on or not."""
    return tuple(fee for fee in _table() if duty_id in fee.duty_ids and (not fee.countries or country in fee.countries))
