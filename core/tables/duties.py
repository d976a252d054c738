"""Import duty and low-value schemes by destination, origin of the goods and day."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.core.tables.rows import EU_MEMBERS, TABLE_FOLDER, Row, entry_on, group_by_id, read_rows

COLUMNS = (
    "duty_id",
    "origin",
    "effective_from",
    "currency",
    "threshold",
    "threshold_basis",
    "threshold_unit",
    "flat_duty",
    "flat_duty_unit",
    "ad_valorem_frac",
    "surcharge_frac",
    "duty_base",
    "tax_threshold",
    "tax_below",
    "tax_above",
    "tax_on_duty",
    "certainty",
    "evidence",
    "source",
    "note",
)
ANY_ORIGIN = "any"
"""The origin that a scenario has stated nothing about, and the rows that hold for every origin without its own."""
BASES = ("CIF", "FOB")
"""What a duty or a limit is taken of: goods with what the customer pays for shipping, or goods alone."""
THRESHOLD_UNITS = ("order", "item")
CHARGE_UNITS = ("order", "parcel", "line", "item")
"""What a flat amount is owed for; an order travels as one parcel."""
TAX_PAYERS = ("seller", "importer", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """One order that crosses a border, as customs see it.

    Attributes:
        value: Goods without consumption tax, in the rule's currency.
        shipping: What the customer pays for shipping, without consumption tax.
        lines: Number of distinct tariff lines (HS6), at least 1.
        items: Number of items, above 0.
    """

    value: float
    shipping: float = 0.0
    lines: int = 1
    items: float = 1.0

    def __post_init__(self) -> None:
        """Check the consignment.

        Raises:
            UsageError: A value is negative, or there is no line or no item.
        """
        if not (self.value >= 0.0 and self.shipping >= 0.0 and self.lines >= 1 and self.items > 0.0):
            raise UsageError(
                "A consignment needs a value and shipping >= 0, at least one HS6 line and an item, not "
                f"{self.value}, {self.shipping}, {self.lines} and {self.items}."
            )

    def units(self, unit: str) -> float:
        """How many units of one of `CHARGE_UNITS` it holds."""
        return {"line": float(self.lines), "item": self.items}.get(unit, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """What a consignment owes at a border from a day on, and who owes consumption tax on it.

    Attributes:
        duty_id: Id such as ``eu_import``; ``none`` for domestic goods and goods inside a customs union.
        origin: Origin of the goods: an ISO 3166 code, ``EU``, or `ANY_ORIGIN`.
        effective_from: First day on which the rule holds.
        currency: ISO 4217 currency of the rule's amounts.
        threshold: Value up to which the low-value scheme holds, the value itself included; 0 for no scheme.
        threshold_basis: What both thresholds are a value of: ``FOB``: goods alone; ``CIF``: goods and what the customer
            pays for shipping.
        threshold_unit: Whether both thresholds hold for the ``order`` or for each ``item``.
        flat_duty: Flat duty inside the scheme.
        flat_duty_unit: What the flat duty is owed for, one of `CHARGE_UNITS`.
        ad_valorem_frac: Typical duty on consumer goods outside the scheme, as a fraction of the dutiable value. A
            scenario's products may override it.
        surcharge_frac: Extra duty as a fraction of the dutiable value, owed inside and outside the scheme.
        duty_base: ``CIF``: goods and what the customer pays for shipping; ``FOB``: goods alone.
        tax_threshold: Value up to which ``tax_below`` holds; 0 for none.
        tax_below: Who owes consumption tax up to that value: the ``seller`` at the sale, the ``importer`` at the
            border, or ``nobody``.
        tax_above: The same above it.
        tax_on_duty: Whether consumption tax is levied on duty too.
        certainty: One of `xbopt.core.tables.rows.CERTAINTIES`.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`.
        source: Where the rule was found.
        note: What the numbers leave out or assume; may be empty.
    """

    duty_id: str
    origin: str
    effective_from: date
    currency: str
    threshold: float
    threshold_basis: str
    threshold_unit: str
    flat_duty: float
    flat_duty_unit: str
    ad_valorem_frac: float
    surcharge_frac: float
    duty_base: str
    tax_threshold: float
    tax_below: str
    tax_above: str
    tax_on_duty: bool
    certainty: str
    evidence: str
    source: str
    note: str

    def is_low_value(self, goods: Consignment) -> bool:
        """Whether the low-value scheme holds for a consignment."""
        return self.threshold > 0.0 and self._measured(goods) <= self.threshold

    def duty_on(self, goods: Consignment) -> float:
        """Duty and surcharge on one consignment, in the rule's currency; consumption tax comes on top."""
        dutiable = goods.value + (goods.shipping if self.duty_base == "CIF" else 0.0)
        inside = self.is_low_value(goods)
        duty = self.flat_duty * goods.units(self.flat_duty_unit) if inside else self.ad_valorem_frac * dutiable
        return duty + self.surcharge_frac * dutiable

    def taxed_value(self, goods: Consignment, *, seller_pays_duty: bool) -> float:
        """What consumption tax is levied on: goods and shipping, and duty where the law taxes it.

        A seller who collects the tax in his price (IOSS and the like) and pays the duty himself owes no tax on duty
        that he does not charge on: an assumption of medium certainty, since the price paid is the base of the tax.
        """
        below = self.tax_threshold > 0.0 and self._measured(goods) <= self.tax_threshold
        payer = self.tax_below if below else self.tax_above
        if payer == "nobody":
            return 0.0
        in_price = below and payer == "seller" and seller_pays_duty
        duty = self.duty_on(goods) if self.tax_on_duty and not in_price else 0.0
        return goods.value + goods.shipping + duty

    def _measured(self, goods: Consignment) -> float:
        value = goods.value + (goods.shipping if self.threshold_basis == "CIF" else 0.0)
        return value / goods.items if self.threshold_unit == "item" else value


def load_duties(path: Path) -> dict[str, tuple[DutyRule, ...]]:
    """Read a table of duty rules: the rules of each id and origin (``us_import from CN``), oldest first.

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
        entries.append((row, _key(rule.duty_id, rule.origin), rule))
    return group_by_id(entries, column="duty_id")


def _key(duty_id: str, origin: str) -> str:
    return duty_id if origin == ANY_ORIGIN else f"{duty_id} from {origin}"


def _read(row: Row) -> DutyRule:
    threshold = row.number("threshold", low=0.0, high=1e7)
    flat_duty = row.number("flat_duty", low=0.0, high=1e6)
    if flat_duty > 0.0 and threshold == 0.0:
        raise row.error("flat_duty", "needs a threshold above 0: it is owed inside the low-value scheme only.")
    return DutyRule(
        duty_id=row.text("duty_id"),
        origin=row.text("origin"),
        effective_from=row.day("effective_from"),
        currency=row.currency("currency"),
        threshold=threshold,
        threshold_basis=row.choice("threshold_basis", BASES),
        threshold_unit=row.choice("threshold_unit", THRESHOLD_UNITS),
        flat_duty=flat_duty,
        flat_duty_unit=row.choice("flat_duty_unit", CHARGE_UNITS),
        ad_valorem_frac=row.number("ad_valorem_frac", low=0.0, high=2.0),
        surcharge_frac=row.number("surcharge_frac", low=0.0, high=2.0),
        duty_base=row.choice("duty_base", BASES),
        tax_threshold=row.number("tax_threshold", low=0.0, high=1e7),
        tax_below=row.choice("tax_below", TAX_PAYERS),
        tax_above=row.choice("tax_above", TAX_PAYERS[:2]),
        tax_on_duty=row.flag("tax_on_duty"),
        certainty=row.certainty(),
        evidence=row.evidence(),
        source=row.text("source"),
        note=row.optional_text("note"),
    )


@cache
def _table() -> dict[str, tuple[DutyRule, ...]]:
    return load_duties(TABLE_FOLDER / "duty_rules.csv")


def duty_ids() -> tuple[str, ...]:
    """Every known duty id, sorted."""
    return tuple(sorted({group[0].duty_id for group in _table().values()}))


def duty_rule(duty_id: str, day: date, origin: str = ANY_ORIGIN) -> DutyRule:
    """The duty rule that holds on ``day`` for goods of an origin.

    Rows of the origin go before those of the European Union where it is a member, and these before the rows for any
    origin.

    Raises:
        TableError: The id is unknown, or ``day`` lies before the first day known; the message names id, day
            and the first day known.
    """
    table = _table()
    for place in (origin, "EU") if origin in EU_MEMBERS else (origin,):
        rows = table.get(_key(duty_id, place), ())
        if rows and rows[0].effective_from <= day:
            return entry_on(table, _key(duty_id, place), day, what="duty rule")
    return entry_on(table, duty_id, day, what="duty rule")
