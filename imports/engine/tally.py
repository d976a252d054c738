"""What happened to the rows of a file: counted by rule, told by code."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from xbopt.imports.traps import TRAPS


@dataclass(slots=True)
class Tally:
    """Counts of one file.

    Attributes:
        read: Rows below the head that hold anything.
        kept: Rows that went into a table.
        dropped: Rows that did not, by rule.
        notes: Rows that a note holds for, by code and sentence; 0 where it is about the whole file.
        traps: Rows of each trap of the profile.
        unread: Cells that could not be read, by field.
        other_sign: Of these, numbers by the other decimal sign.
        unsaved: Formulas without a result in rows of data, by field.
        placed: Rows of media whose country is that of a word in their campaign, as the user says, and
        unplaced: those whose campaign has no such word.
        money_rows: Rows of tables of money, and
        no_money: how many of these do not tell it.
        fractions: Counts that are no whole numbers, by field.
        unknown_values: Cells whose value the profile's list does not have, by field.
        totals: Figures of each row of totals, by field.
        sums: Sums of the rows, by field.
        declared: How many rows the file says that it has.
        short_at_end: Whether the last row has fewer cells than the head.
        short: How many rows have fewer.
        contacts: Texts that were emptied, and ids replaced, because an address or telephone number stood in them.
        streets: Regions that were emptied, because they look like a street with its number.
        long_numbers: Texts in which a long number got another name, since it may be a telephone number.
        damaged: Texts whose letters were damaged by a wrong encoding.
        alike: Rows of media that are alike in every column that is read, and say something.
        first: First day.
        last: Last day.
        currencies: Currencies of the rows.
        zones: Zones of the rows.
        stated: What lines above or below the table say: currency, zone.
        twins: Rows in which a column has another figure than a further one of its header, by field.
        beside: Numbers in columns without a header, by the field right beside.
        seen: Whether any row was there.
        has_second_head: Whether the first row has words where numbers should be, and no day.
        asked: Options of the command line whose answer was taken.
    """

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])
    notes: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    traps: Counter[int] = field(default_factory=Counter[int])
    unread: Counter[str] = field(default_factory=Counter[str])
    cells: Counter[str] = field(default_factory=Counter[str])
    other_sign: Counter[str] = field(default_factory=Counter[str])
    unsaved: Counter[str] = field(default_factory=Counter[str])
    placed: int = 0
    unplaced: int = 0
    money_rows: Counter[str] = field(default_factory=Counter[str])
    no_money: Counter[str] = field(default_factory=Counter[str])
    fractions: Counter[str] = field(default_factory=Counter[str])
    unknown_values: Counter[str] = field(default_factory=Counter[str])
    totals: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    sums: dict[str, float] = field(default_factory=dict[str, float])
    declared: int | None = None
    short_at_end: bool = False
    short: int = 0
    contacts: int = 0
    streets: int = 0
    long_numbers: int = 0
    damaged: int = 0
    alike: int = 0
    first: date | None = None
    last: date | None = None
    currencies: set[str] = field(default_factory=set[str])
    zones: set[str] = field(default_factory=set[str])
    stated: dict[str, str] = field(default_factory=dict[str, str])
    twins: Counter[str] = field(default_factory=Counter[str])
    beside: Counter[str] = field(default_factory=Counter[str])
    seen: bool = False
    has_second_head: bool = False
    asked: set[str] = field(default_factory=set[str])

    def drop(self, rule: str, rows: int) -> None:
        """Count rows that are left out."""
        if rows:
            self.dropped[rule] += rows

    def note(self, code: str, sentence: str = "", rows: int = 0) -> None:
        """Tell something; the same in several batches is told once, with the rows added up."""
        key = (code, sentence or TRAPS[code])
        self.notes[key] = self.notes.get(key, 0) + rows

    def span(self, first: date | None, last: date | None) -> None:
        """Widen the period."""
        self.first = min(filter(None, (self.first, first)), default=None)
        self.last = max(filter(None, (self.last, last)), default=None)
