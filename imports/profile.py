"""A format profile: what a platform's file looks like, and which of its columns mean what. Profiles are data.

A profile stands in ``profiles/ID.yaml``. Expressions are SQL over the profile's fields, as ``item_price / quantity`` or
``case when status = 'sold' then 1 end``; numbers are already numbers in them, and an unknown value is null. Every field
of the profile can be named, also where the file lacks its column. Besides them there are ``currency`` and ``zone`` as
they were settled, and ``prices``: ``with-tax`` or ``without-tax`` where the user said so, else null.

A file's rows pass through: fields read, filled down; ``shares``; ``steps``; ``traps``; ``tables``.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from xbopt.core.documents.validation import DocumentProblems
from xbopt.core.scenario.fields import Section
from xbopt.imports.tables import TABLES
from xbopt.imports.traps import TRAPS

Evidence = Literal["doc", "code", "thread", "memory"]
EVIDENCE_MEANS: Mapping[Evidence, str] = {
    "doc": "the platform's own documentation",
    "code": "source code that reads or writes such files",
    "thread": "a public discussion of such files",
    "memory": "hearsay: try it on a file of your own before you rely on it",
}
FieldKind = Literal[
    "date", "time", "hour", "text", "id", "money", "number", "count", "flag", "country", "currency", "zone", "customer"
]
"""What a column holds. ``time`` is a day with a time of day; ``id`` a text that spreadsheets like to ruin; ``country``
is read from ISO codes and from names in several languages; ``customer`` identifies a person and is replaced by a keyed
hash before anything is kept. Columns that no field names are never read."""
Container = Literal["text", "workbook", "json", "parquet"]
TableKey = Literal["transactions", "refunds", "media", "sessions", "sends", "stock", "rates", "feedback"]
Words = Mapping[str, tuple[str, ...]]


class ProfileField(Section):
    """A column of the file. Named as a canonical column, it goes there by itself."""

    names: Words = Field(
        default={},
        description="headers by language (en, de, zh, ... or api), without regard to case and outer blanks; {currency} "
        "stands for a code of three letters, and is then the currency",
    )
    kind: FieldKind
    required: bool = Field(default=False, description="without this column there is nothing to import")
    without: str = Field(default="", description="what to do where the column is missing, as a sentence")
    factor: float = Field(default=1.0, description="what a number is multiplied by, as 1e-6 for micros")
    sign: Literal["as_written", "positive", "negated"] = Field(
        default="as_written", description="positive: -3 and 3 are both 3; negated: -3 is 3"
    )
    pattern: str = Field(default="", description="regex of which the group 'value' is read; else the whole cell")
    fill_down: str = Field(default="", description="an empty cell takes the value of rows that share this field")
    or_else: str = Field(
        default="",
        description="field that is taken where the cell is empty, of a marketplace its country; counted and told",
    )
    constant: str | None = Field(default=None, description="the value of every row where no header is named")
    values: Mapping[str, str | None] = Field(
        default={}, description="what values mean, without regard to case; others are unknown, counted and told"
    )
    missing: tuple[str, ...] = Field(default=(), description="texts that mean unknown, besides the usual ones")


class Anchors(Section):
    """How the file is recognised, by fields and headers."""

    required: tuple[str, ...] = Field(min_length=1, description="fields whose columns must all be there")
    supporting: tuple[str, ...] = Field(default=(), description="fields that speak for this profile where two fit")
    forbidden: tuple[str, ...] = Field(default=(), description="headers that such a file never has")


class Totals(Section):
    """Rows that sum up others. They are taken out and compared with the sums."""

    pattern: str = Field(
        default="",
        description="regex that the first column or one of `fields` matches from its start in a row without day",
    )
    fields: tuple[str, ...] = Field(default=(), description="fields to look in for `pattern`")
    empty: tuple[str, ...] = Field(default=(), description="or: fields that are all empty in a totals row")
    sums: tuple[str, ...] = Field(default=(), description="fields whose sum one of the totals rows must show")


class Remark(Section):
    """Lines above the header or below the rows."""

    pattern: str = Field(
        description="regex searched in a line's filled cells, joined by a blank. Groups are read: rows (how many there "
        "should be), currency, zone"
    )
    note: str = Field(default="", description="what it means for the reader of the import, as a sentence")


class Share(Section):
    """An amount of a whole order, divided over its lines."""

    field: str = Field(description="the amount, on one of the order's lines or repeated on each")
    within: tuple[str, ...] = Field(default=("order_id",), description="fields that identify the order")
    by: str = Field(description="expression in whose proportion it is divided")


class Trap(Section):
    """Something about the rows that a reader must know, or that makes the file useless."""

    code: str = Field(pattern="^[a-z][a-z0-9_]*$", description="for programs and for --accept")
    when: str = Field(description="expression that is true in a row it holds for")
    share: float = Field(default=0.0, ge=0.0, lt=1.0, description="more than this part of the rows must be so")
    refuse: bool = Field(default=False, description="refuse the file; --accept CODE reads it all the same")
    accepted: str = Field(
        default="",
        description="what happens where a refusal is accepted; empty: --accept mends nothing, and is not named",
    )
    message: str = Field(
        default="", description="what is the matter and what to do, in one or two sentences; empty: as in ``traps.py``"
    )

    @property
    def sentence(self) -> str:
        """The message, or that of the code."""
        return self.message or TRAPS[self.code]


class Target(Section):
    """A canonical table that is made of the rows."""

    where: str = Field(default="", description="expression; only rows for which it is true")
    dropped: str = Field(default="", description="rule under which the other rows are counted, as 'no refund'")
    columns: Mapping[str, str] = Field(default={}, description="canonical column: expression over the fields")
    once_per: tuple[str, ...] = Field(default=(), description="of rows that share these fields, only the first")
    group: tuple[str, ...] = Field(
        default=(), description="canonical columns: one row for each; the others' expressions aggregate, as sum(x)"
    )


class Profile(Section):
    """A format of files."""

    id: str = Field(pattern="^[a-z][a-z0-9_]*$", description="as the name of the YAML file")
    title: str = Field(description="name of the export, as its platform calls it")
    platform: str = Field(pattern="^[a-z][a-z0-9_]*$", description="short name, written to the platform column")
    place: str = Field(default="", description="place of sale of all orders, as own_shop or amazon_de; else a column")
    evidence: Evidence
    source: str = Field(description="where the format is described")
    looked_up: date
    grain: str = Field(description="what a row is, in words: 'one row a line item'")
    containers: tuple[Container, ...] = ("text", "workbook")
    encodings: tuple[str, ...] = Field(default=(), description="legacy encodings, tried after UTF-8 and UTF-16")
    delimiters: tuple[str, ...] = Field(default=(",", ";", "\t", "|"), description="of text files")
    sheet: str = Field(default="", description="regex of the sheet's name, where a workbook has several")
    rows: str = Field(default="", description="of a JSON object: the list whose entries are the rows, as line_items")
    anchors: Anchors
    fields: Mapping[str, ProfileField] = Field(min_length=1)
    decimal: Literal[".", ","] | None = Field(default=None, description="decimal sign, where the format fixes it")
    date_order: Literal["DMY", "MDY"] | None = Field(
        default=None, description="of 03/04/2026, where the format fixes it"
    )
    date_order_12h: Literal["DMY", "MDY"] | None = Field(
        default=None, description="the same for files whose times are written with AM and PM"
    )
    zone: str = Field(
        default="given",
        description="time zone of days and hours: 'UTC' or another IANA name; 'offset', each time carries its own; "
        "'given', the file does not say. A field of kind zone comes first",
    )
    zone_question: str = Field(default="", description="what to ask, and where the seller reads the answer")
    attribution: str = Field(default="", description="window of the conversions, where the format fixes it")
    remarks: tuple[Remark, ...] = Field(default=(), description="lines above the header or below the rows")
    noise: tuple[str, ...] = Field(
        default=(), description="regexes of rows that hold no data, matched against the first filled cell"
    )
    totals: Totals | None = None
    shares: Mapping[str, Share] = Field(default={}, description="new field: the amount that is divided over lines")
    alike_lines: Literal["sales", "copies"] = Field(
        default="sales",
        description="what lines of one order are that are alike in every column: 'sales', each is one; 'copies', they "
        "were written down twice, and cleaning counts them once",
    )
    steps: tuple[str, ...] = Field(
        default=(), description="what expressions cannot say: functions of `steps/` by name, called in this order"
    )
    traps: tuple[Trap, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="told with every import of the format")
    refuse: str = Field(default="", description="for files that are known and hold nothing to import: what to do")
    tables: Mapping[TableKey, Target] = Field(default={})

    @property
    def is_by_order(self) -> bool:
        """Whether rows can be read an order at a time, since nothing reaches over several."""
        over_orders = any(
            (target.group and "order_id" not in target.group) or (target.once_per and "order_id" not in target.once_per)
            for target in self.tables.values()
        )
        filled_over = any(field.fill_down not in ("", "order_id") for field in self.fields.values())
        return "order_id" in self.fields and not over_orders and not filled_over

    @property
    def names_prices(self) -> bool:
        """Whether an expression hangs on what the user says of prices."""
        expressions = (text for target in self.tables.values() for text in target.columns.values())
        return any(re.search(r"\bprices\b", text) for text in expressions)

    @model_validator(mode="after")
    def _names_hang_together(self) -> "Profile":
        problems: list[tuple[tuple[str | int, ...], str]] = []
        anchors = (*self.anchors.required, *self.anchors.supporting)
        problems += [
            (("anchors",), f"{name!r} is no field of this profile.") for name in anchors if name not in self.fields
        ]
        for name, field in self.fields.items():
            if not field.names and field.constant is None:
                problems.append((("fields", name), "Name its headers, or give it a constant."))
            problems += [(("fields", name, "pattern"), why) for why in _pattern_problems(field.pattern, "value")]
            if field.fill_down and field.fill_down not in self.fields:
                problems.append((("fields", name, "fill_down"), f"{field.fill_down!r} is no field of this profile."))
            if field.or_else and field.or_else not in self.fields:
                problems.append((("fields", name, "or_else"), f"{field.or_else!r} is no field of this profile."))
        for i, trap in enumerate(self.traps):
            if not trap.message and trap.code not in TRAPS:
                problems.append((("traps", i, "message"), f"Say what is the matter; {trap.code!r} is not known."))
        for i, remark in enumerate(self.remarks):
            problems += [(("remarks", i, "pattern"), why) for why in _pattern_problems(remark.pattern)]
        for i, pattern in enumerate(self.noise):
            problems += [(("noise", i), why) for why in _pattern_problems(pattern)]
        if self.totals is not None:
            problems += [(("totals", "pattern"), why) for why in _pattern_problems(self.totals.pattern)]
            named = (*self.totals.fields, *self.totals.empty, *self.totals.sums)
            problems += [
                (("totals",), f"{name!r} is no field of this profile.") for name in named if name not in self.fields
            ]
        if not self.tables and not self.refuse:
            problems.append((("tables",), "Name at least one table, or say under `refuse` why there is none."))
        for table, target in self.tables.items():
            unknown = [name for name in (*target.columns, *target.group) if name not in TABLES[table]]
            problems += [(("tables", table), f"{name!r} is no column of {table}.") for name in unknown]
        if problems:
            raise DocumentProblems(problems)
        return self


def _pattern_problems(pattern: str, *groups: str) -> list[str]:
    if not pattern:
        return []
    try:
        known = re.compile(pattern).groupindex
    except re.error as error:
        return [f"This is no regular expression: {error}."]
    return [f"The pattern needs a group (?P<{group}>...)." for group in groups if group not in known]
