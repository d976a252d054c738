"""The lines of an export that hold a daily budget: which rows and cells they are, and what stands there today."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xbopt.campaigns.booking.export_files import export_table
from xbopt.campaigns.booking.export_table import ExportTable, head_row, plain_header
from xbopt.campaigns.booking.platform import BookingPlatform, BudgetLevel
from xbopt.core.spreadsheets.numbers import (
    Decimal,
    currencies_of,
    decimal_sign,
    is_in_another_currency,
    number_of,
)
from xbopt.core.tables.reference_rates import has_reference
from xbopt.imports.refusals import RefusedFileError

_PREFIX = re.compile(r"[a-z]{1,3}:(?=\d)")
_TWICE = "It stands in the export more than once, with a budget each. Leave one of these rows."
_WHOLE_LIFE = "It has a budget for its whole life and none a day. Give it a daily budget first."
_NO_BUDGET = "No daily budget of it can be read in the export. Export it with its daily budget."
_IN_BRACKETS = re.compile(r"[(\[]([^\s()\[\]]{1,3})[)\]]")
_RUINED = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """A campaign, ad set or ad group with a daily budget of its own.

    Attributes:
        level: What it is.
        id: Its identifier without the platform's prefix; empty where the format has none.
        name: Its name.
        account: Its account, where the export tells several apart.
        rows: Rows of the export that show it, from 0.
        budget_column: Where its budget stands.
        today: Its budget in the export, account currency.
        runs: Whether it runs by the export.
        refused: Why its daily budget cannot be written; empty where it can.
    """

    level: BudgetLevel
    id: str
    name: str
    account: str
    rows: tuple[int, ...]
    budget_column: int
    today: float
    runs: bool
    refused: str = ""

    def is_called(self, key: str) -> bool:
        """Whether a mapping means this line: by identifier, with or without the prefix, or by name."""
        return key == self.name or (bool(self.id) and plain_id(key) == self.id)


def plain_id(text: str) -> str:
    """An identifier without a platform's prefix, as ``cg:`` of Meta, and without what guards it from spreadsheets."""
    return _PREFIX.sub("", text.strip().lstrip("'").strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export understood as a format.

    Attributes:
        platform: The format.
        table: Its cells.
        columns: Position of each header, as ``plain_header`` writes them.
        head: Row of the head, from 0.
        decimal: Decimal sign of its amounts.
        lines: Lines with a budget.
        file: Its name in messages.
    """

    platform: BookingPlatform
    table: ExportTable
    columns: Mapping[str, int]
    head: int
    decimal: Decimal
    lines: tuple[BudgetLine, ...]
    file: str

    def column(self, names: Sequence[str]) -> int | None:
        """The position of the first of some headers."""
        return next((self.columns[plain] for plain in map(plain_header, names) if plain in self.columns), None)

    def cell(self, row: int, names: Sequence[str]) -> str:
        """What a row has under the first of some headers; empty where there is no such column."""
        column = self.column(names)
        cells = self.table.rows[row]
        return cells[column].strip() if column is not None and column < len(cells) else ""

    @property
    def currencies(self) -> frozenset[str]:
        """Currencies that lines with a budget name, in a column of their own or with a sign that means no other."""
        rows = [row for line in self.lines for row in line.rows]
        signs = [currencies_of(text) or () for text in self._amounts]
        found = {self.cell(row, self.platform.currency).upper() for row in rows}
        return frozenset(found - {""} | {code for codes in signs if len(codes) == 1 for code in codes})

    def money_not_in(self, currency: str) -> str:
        """The first budget, or header of money, with the sign or code of another currency; empty where none has one."""
        heads = [text for head in self.table.rows[self.head] for text in _IN_BRACKETS.findall(head)]
        signs = [text for text in heads if not text.isalpha() or has_reference(text)]
        return next((text for text in [*self._amounts, *signs] if is_in_another_currency(text, currency)), "")

    @property
    def _amounts(self) -> list[str]:
        return [self.cell(row, line.level.budget) for line in self.lines for row in line.rows]


def read_export(template: bytes | Path, platform: BookingPlatform) -> Export:
    """Understand an export.

    Raises:
        UsageError: The file is not there.
        UnreadFileError: It is no table.
        RefusedFileError: It lacks columns, or its identifiers were ruined by a spreadsheet.
    """
    file = str(template) if isinstance(template, Path) else ""
    known = {plain_header(name) for name in _headers(platform)}
    table = export_table(template, lambda text: plain_header(text) in known, platform.sheet)
    head = head_row(table.rows, lambda text: plain_header(text) in known)
    columns: dict[str, int] = {}
    twice: list[str] = []
    if head is not None:
        for i, text in enumerate(table.rows[head]):
            twice += [text] if plain_header(text) in columns.keys() & known else []
            columns.setdefault(plain_header(text), i)
    _check_columns(platform, columns, file)
    _check_doubled(platform, columns, twice, file)
    assert head is not None, "columns were found, so there is a head"
    export = Export(platform=platform, table=table, columns=columns, head=head, decimal=".", lines=(), file=file)
    _check_orders(export)
    decimal = _decimal(export)
    return replace(export, decimal=decimal, lines=tuple(_lines(export, decimal)))


def _headers(platform: BookingPlatform) -> list[str]:
    found = [*platform.only, *platform.put, *platform.status, *platform.account, *platform.currency]
    for level in platform.levels:
        found += [*level.id, *level.name, *level.budget, *level.lifetime]
    for demand in platform.demands:
        found += demand.names
    if platform.schedule is not None:
        found += [*platform.schedule.names, *platform.schedule.bidding]
    return found


def _check_columns(platform: BookingPlatform, columns: Mapping[str, int], file: str) -> None:
    def has(names: Sequence[str]) -> bool:
        return any(plain_header(name) in columns for name in names)

    missing = [name for name in (*platform.only, *platform.put) if not has((name,))]
    if not any(has(level.budget) and has((*level.id, *level.name)) for level in platform.levels):
        level = next((each for each in platform.levels if has((*each.id, *each.name))), platform.levels[0])
        for names in ((*level.id, *level.name), level.budget):
            missing += [" or ".join(names)] if not has(names) else []
    if missing:
        raise RefusedFileError(
            file,
            "columns_missing",
            f"This is no export of {platform.title}: there is no column {'; no column '.join(missing)}. Export again "
            "with these columns.",
        )


def _check_doubled(platform: BookingPlatform, columns: Mapping[str, int], twice: Sequence[str], file: str) -> None:
    """Refuse several columns for one budget: one would be written, and the other would say what it said."""
    for level in platform.levels:
        there = [name for name in level.budget if plain_header(name) in columns]
        twice = [*twice, *(there if len(there) > 1 else [])]
    if twice:
        raise RefusedFileError(
            file,
            "columns_doubled",
            f"Which column counts is open: {', '.join(dict.fromkeys(twice))} stand for the same. Export again with one "
            "of each.",
        )


def _check_orders(export: Export) -> None:
    """Refuse an export that asks for something by itself: it would be carried out with our budgets."""
    for name, value in export.platform.put.items():
        for row in range(export.head + 1, len(export.table.rows)):
            there = export.cell(row, (name,))
            if there and there.casefold() != value.casefold():
                raise RefusedFileError(
                    export.file,
                    "holds_orders",
                    f"Row {row + 1} asks for {name} = {there}, and a sheet made from this export would do that too. "
                    "Export again, and change nothing in it.",
                )


def _decimal(export: Export) -> Decimal:
    cells = [
        export.cell(row, level.budget) or None
        for row in range(export.head + 1, len(export.table.rows))
        for level in export.platform.levels
    ]
    decimal = decimal_sign(cells, separator=export.table.separator)
    if decimal is None:
        raise RefusedFileError(
            export.file,
            "decimal_open",
            "Budgets such as 1.234 can mean a thousand or a little more than one. Write one of them with two decimals "
            "in the export, as 1.234,00 or 1,234.00.",
        )
    return decimal


def _lines(export: Export, decimal: Decimal) -> list[BudgetLine]:
    """All lines: those with a daily budget first, then those that have none and may spend all the same."""
    platform = export.platform
    names = [each for level in platform.levels for each in (level.budget, level.lifetime)]
    names += [(name,) for demand in platform.demands for name in demand.names]
    found: dict[tuple[str, str, str], BudgetLine] = {}
    without: dict[tuple[str, str, str], BudgetLine] = {}
    for row in range(export.head + 1, len(export.table.rows)):
        if any(export.cell(row, (name,)) not in values for name, values in platform.only.items()):
            continue
        if not any(export.cell(row, each) for each in names):
            continue  # a row of what lies below a campaign says nothing of budgets
        lines = [_line(export, row, level, decimal) for level in platform.levels]
        daily = next((line for line in lines if line.today or not line.refused), None)
        if daily is not None:
            held = found.get(_key(daily))
            found[_key(daily)] = daily if held is None else _with_row(held, daily)
        elif named := [line for line in lines if line.id or line.name]:
            line = next((each for each in named if each.refused == _WHOLE_LIFE), named[0])
            held = without.get(_key(line))
            without[_key(line)] = line if held is None else replace(held, runs=held.runs or line.runs)
    return [*found.values(), *(line for key, line in without.items() if key not in found)]


def _key(line: BudgetLine) -> tuple[str, str, str]:
    return line.level.noun, line.account, line.id or line.name


def _with_row(held: BudgetLine, line: BudgetLine) -> BudgetLine:
    """A line with one more row that shows it."""
    is_repeated = bool(line.id) and held.today == line.today
    return replace(
        held,
        rows=(*held.rows, *line.rows),
        runs=held.runs or line.runs,
        refused=held.refused or line.refused if is_repeated else _TWICE,
    )


def _line(export: Export, row: int, level: BudgetLevel, decimal: Decimal) -> BudgetLine:
    platform = export.platform
    column = export.column(level.budget)
    amount = number_of(export.cell(row, level.budget) or None, decimal)
    has_day = amount is not None and (amount > 0.0 or (amount == 0.0 and platform.zero_allowed))
    lifetime = number_of(export.cell(row, level.lifetime) or None, decimal)
    identity = plain_id(export.cell(row, level.id))
    if _RUINED.fullmatch(identity):
        raise RefusedFileError(
            export.file,
            "ids_ruined",
            f"Identifiers such as {identity} were ruined by a spreadsheet. Export again, and do not save it in one.",
        )
    refused = "" if has_day else _WHOLE_LIFE if lifetime else _NO_BUDGET
    for demand in platform.demands:
        values = {export.cell(row, (name,)).casefold() for name in demand.names} - {""}
        if values - {each.casefold() for each in demand.allowed} and refused != _WHOLE_LIFE:
            refused = demand.why
    states = {export.cell(row, (name,)).casefold() for name in platform.status} - {""}
    return BudgetLine(
        level=level,
        id=identity,
        name=export.cell(row, level.name),
        account=export.cell(row, platform.account),
        rows=(row,),
        budget_column=-1 if column is None else column,
        today=amount if has_day and amount is not None else 0.0,
        runs=states <= {each.casefold() for each in platform.running},
        refused=refused,
    )
