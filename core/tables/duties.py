"""Import duty and low-value schemes by destination and day."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.core.tables.rows import TABLE_FOLDER, Row, entry_on, group_by_id, read_rows

COLUMNS = (
    "duty_id",
    "effective_from",
    "currency",
    "threshold",
    "line_duty",
    "ad_valorem_frac",
    "surcharge_frac",
    "parcel_fee",
    "evidence",
    "source",
    "note",
)
_ISO_CURRENCY_LENGTH = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """What a consignment owes at a border, apart from consumption tax, from a day on.

    Attributes:
        duty_id: Id such as ``eu_import``; ``none`` for domestic goods and goods inside a customs union.
        effective_from: First day on which the rule holds.
        currency: ISO 4217 currency of ``threshold``, ``line_duty`` and ``parcel_fee``.
        threshold: Consignment value up to which the low-value scheme holds, the value itself included; 0 means
            that there is no scheme.
        line_duty: Flat duty for each distinct HS6 line of a consignment inside the scheme.
        ad_valorem_frac: Typical duty on consumer goods outside the scheme, as a fraction of the value. A
            scenario's products may override it.
        surcharge_frac: Extra duty as a fraction of the value, owed inside and outside the scheme.
        parcel_fee: Fixed public fee on every parcel, inside and outside the scheme.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where the rule was found.
        note: What the numbers leave out; may be empty.
    """

    duty_id: str
    effective_from: date
    currency: str
    threshold: float
    line_duty: float
    ad_valorem_frac: float
    surcharge_frac: float
    parcel_fee: float
    evidence: str
    source: str
    note: str

    def duty_on(self, value: float, hs6_lines: int) -> float:
        """Duty, surcharge and fee on one consignment, in the rule's currency; consumption tax comes on top.

        Args:
            value: Value of the consignment without consumption tax, in the rule's currency.
            hs6_lines: Number of distinct HS6 lines in it, at least 1.

        Raises:
            UsageError: The value is negative, or there is no line.
        """
        if not value >= 0.0 or hs6_lines < 1:
            raise UsageError(
                f"A consignment needs a value >= 0 and at least one HS6 line, not {value} and {hs6_lines}."
            )
        inside = self.threshold > 0.0 and value <= self.threshold
        duty = self.line_duty * hs6_lines if inside else self.ad_valorem_frac * value
        return duty + self.surcharge_frac * value + self.parcel_fee


def load_duties(path: Path) -> dict[str, tuple[DutyRule, ...]]:
    """Read a table of duty rules: the rules of each id, oldest first.

    Raises:
        TableError: A row is broken; the message names file, row and column.
    """
    currencies: dict[str, str] = {}
    entries: list[tuple[Row, str, DutyRule]] = []
    for row in read_rows(path, COLUMNS):
        rule = _read(row)
        # One id in one currency, so that a horizon across a change needs one exchange rate.
        if rule.currency != currencies.setdefault(rule.duty_id, rule.currency):
            raise row.error("currency", f"differs from {currencies[rule.duty_id]} in the rows before.")
        entries.append((row, rule.duty_id, rule))
    return group_by_id(entries, column="duty_id")


def _read(row: Row) -> DutyRule:
    currency = row.text("currency")
    if not (len(currency) == _ISO_CURRENCY_LENGTH and currency.isascii() and currency.isupper()):
        raise row.error("currency", f"{currency!r} is not an ISO 4217 code such as EUR.")
    threshold = row.number("threshold", low=0.0, high=1e7)
    line_duty = row.number("line_duty", low=0.0, high=1e6)
    if line_duty > 0.0 and threshold == 0.0:
        raise row.error("line_duty", "needs a threshold above 0: it is owed inside the low-value scheme only.")
    return DutyRule(
        duty_id=row.text("duty_id"),
        effective_from=row.day("effective_from"),
        currency=currency,
        threshold=threshold,
        line_duty=line_duty,
        ad_valorem_frac=row.number("ad_valorem_frac", low=0.0, high=2.0),
        surcharge_frac=row.number("surcharge_frac", low=0.0, high=2.0),
        parcel_fee=row.number("parcel_fee", low=0.0, high=1e6),
        evidence=row.evidence(),
        source=row.text("source"),
        note=row.optional_text("note"),
    )


@cache
def _table() -> dict[str, tuple[DutyRule, ...]]:
    return load_duties(TABLE_FOLDER / "duty_rules.csv")


def duty_ids() -> tuple[str, ...]:
    """Every known duty id, sorted."""
    return tuple(sorted(_table()))


def duty_rule(duty_id: str, day: date) -> DutyRule:
    """The duty rule that holds on ``day``.

    Raises:
        TableError: The id is unknown, or ``day`` lies before the first day known; the message names id, day
            and the first day known.
    """
    return entry_on(_table(), duty_id, day, what="duty rule")
