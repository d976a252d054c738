"""Upload sheets read back into a plan, by code of its own: what a platform would make of them."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.booking import divided, in_units_of, lines_to_book
from xbopt.campaigns.booking.budget_lines import BudgetLine, Export
from xbopt.campaigns.booking.export_table import plain_header
from xbopt.campaigns.booking.hours import half_hours_as_percent, intervals_as_percent
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.campaigns.booking.platform import booking_platform
from xbopt.campaigns.booking.scheduling import weights_that_hold
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.text_files import decoded

_DAYS = re.compile(r"_(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)")
Rows = list[list[str]]


def read_back(
    sheets: Mapping[str, bytes],
    platform: str,
    template: bytes | Path | None,
    scenario: Scenario,
    mapping: Sequence[MappedCampaign] | None,
    *,
    account: Account,
    days: PlannedDays,
) -> PlannedDays:
    """What upload sheets say, as days of a plan: spend through this platform alone.

    Args:
        sheets: What each file holds, by name with its days in it.
        platform: Id of the format.
        template: The export that they were made from.
        scenario: The market.
        mapping: As they were made with.
        account: As they were made with.
        days: The plan: a campaign's money is divided over its cells as the plan divides it, discounts are its own.

    Raises:
        UsageError: A sheet differs from the export in more than budgets, hours and what asks for the update; a budget
            is missing or cannot be read; or a name tells no days.
    """
    form = booking_platform(platform)
    account = in_units_of(account, form)
    export, takes = lines_to_book(form, scenario, template, mapping, account)
    shape = (len(days.spend_base), len(takes.lines), *scenario.shape[:3])
    asked = np.einsum("nrsc,krsc->nkrsc", days.spend_base, takes.share)
    spend = np.zeros(shape)
    percent: list[tuple[FloatArray | None, ...]] = [(None,) * shape[1]] * shape[0]
    for name, content in sheets.items():
        found = _DAYS.search(name)
        if found is None:
            raise UsageError(f"{name}: the name tells no days; keep it as it was written.")
        first, end = ((date.fromisoformat(day) - scenario.start).days - days.first_day for day in found.groups())
        span = slice(first, end + 1)
        sheet = _Sheet(name, content, export)
        _check_others(sheet, export, takes.lines)
        money = np.array([sheet.budget(line) * account.base_per_unit if line.runs else 0.0 for line in takes.lines])
        spend[span] = divided(money, asked[span].mean(axis=0), takes.share)
        hours = tuple(sheet.percent(line, has_zone=bool(account.timezone)) for line in takes.lines)
        percent[span] = [hours] * (end + 1 - first)
    weights = weights_that_hold(days, scenario, account, spend.sum(axis=3), percent)
    return replace(days, spend_base=spend.sum(axis=1), daypart_weights=weights)


class _Sheet:
    """A sheet as rows of texts below a head."""

    def __init__(self, name: str, content: bytes, export: Export) -> None:
        self._name, self._form = name, export.platform
        self.rows = _workbook(content, export.platform.sheet) if content[:2] == b"PK" else _text(content, export)
        self.head = [plain_header(cell) for cell in self.rows[export.head]]
        self._below = self.rows[export.head + 1 :]
        self._index: dict[str, dict[tuple[str, str], Rows]] = {}

    def _cell(self, row: Sequence[str], names: Sequence[str]) -> str:
        places = [self.head.index(plain_header(each)) for each in names if plain_header(each) in self.head]
        return row[places[0]].strip() if places and places[0] < len(row) else ""

    def _rows_of(self, line: BudgetLine) -> Rows:
        """The rows that show a line with a budget."""
        level = line.level
        if level.noun not in self._index:
            index: dict[tuple[str, str], Rows] = {}
            for row in self._below:
                taken = all(self._cell(row, (name,)) in values for name, values in self._form.only.items())
                if taken and self._cell(row, level.budget):
                    identity = self._cell(row, level.id).lstrip("'").rpartition(":")[2]
                    key = self._cell(row, self._form.account), identity or self._cell(row, level.name)
                    index.setdefault(key, []).append(row)
            self._index[level.noun] = index
        return self._index[level.noun].get((line.account, line.id or line.name), [])

    def budget(self, line: BudgetLine) -> float:
        """Its daily budget, account currency."""
        texts = {self._cell(row, line.level.budget) for row in self._rows_of(line)}
        numbers = {float(text.replace(",", ".")) for text in texts if re.fullmatch(r"\d+([.,]\d{1,2})?", text)}
        if len(texts) != 1 or len(numbers) != 1:
            raise UsageError(f"{self._name}: no budget can be read for {line.name or line.id}; write the sheet anew.")
        return numbers.pop()

    def percent(self, line: BudgetLine, *, has_zone: bool) -> FloatArray | None:
        """Percent of the usual bid by quarter of the account's day; None where ads follow the audience."""
        form = self._form.schedule
        if form is None or form.noun != line.level.noun or not has_zone:
            return None
        row = self._rows_of(line)[0]
        text = self._cell(row, form.names)
        if form.kind == "half_hours":
            return half_hours_as_percent(text)
        found = intervals_as_percent(text)
        by_hand = self._cell(row, form.bidding).casefold() in {each.casefold() for each in form.by_hand}
        return found if found is None or by_hand else np.where(found > 0.0, 100.0, 0.0)


def _check_others(sheet: _Sheet, export: Export, lines: Sequence[BudgetLine]) -> None:
    """Nothing but budgets, hours and what asks for the update may differ from the export, and in our rows alone."""
    form = export.platform
    ours = {row for line in lines for row in line.rows}
    names = [
        *form.put,
        *(form.schedule.names if form.schedule else ()),
        *(n for each in form.levels for n in each.budget),
    ]
    free = {i for i, name in enumerate(sheet.head) if name in {plain_header(each) for each in names}}
    if len(sheet.rows) != len(export.table.rows):
        raise UsageError(f"The sheet has {len(sheet.rows)} rows, the export {len(export.table.rows)}. Write it anew.")
    for number, (own, theirs) in enumerate(zip(sheet.rows, export.table.rows, strict=True)):
        width = max(len(own), len(theirs))
        pairs = zip([*own, *[""] * (width - len(own))], [*theirs, *[""] * (width - len(theirs))], strict=True)
        changed = {i for i, (one, other) in enumerate(pairs) if one != other}
        if changed - (free if number in ours else set()):
            raise UsageError(
                f"Row {number + 1} of the sheet differs from the export in more than its budget. Write it anew."
            )


def _text(content: bytes, export: Export) -> Rows:
    text = decoded(content)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=export.table.separator or ","))
    # A blank line is no cells here, and one empty cell in the export's table.
    return [row or [""] for row in rows]


def _workbook(content: bytes, sheet: str) -> Rows:
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    name = next(each for each in book.sheet_names if not sheet or re.search(sheet, each.strip()))
    cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[_shown(cell) for cell in row] for row in cells]


def _shown(cell: object) -> str:
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)
