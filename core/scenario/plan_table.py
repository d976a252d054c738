"""Plans as tables: out for spreadsheets and other programs, and in again as a policy.

One row a day, region, segment and channel, with everything that holds there. What belongs to a wider unit stands on
each of its rows: discount and mechanic belong to a region and segment on a day, daypart weights to a region and
channel. Numbers are written with all their digits, so that a plan comes back bit for bit.

What comes back may have been through a spreadsheet (``core/spreadsheets``): other dates and numbers, names for ids,
rows without spend left out, totals, columns of one's own. What is read otherwise than it stands there is noted.
"""

import csv
from collections.abc import Iterator
from datetime import datetime, time
from itertools import product
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.core.scenario.plan_filling import PlanFilling
from xbopt.core.scenario.plan_head import KEYS, is_plan_column, plan_columns
from xbopt.core.scenario.plan_problems import PlanProblems
from xbopt.core.scenario.plan_sheet import understood
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.reading import read_sheet

_WORKBOOK_WIDTH = 14
_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def is_plan_file(name: str | Path) -> bool:
    """Whether a name is that of a plan's table, by how it ends."""
    return str(name).lower().endswith(_SUFFIXES)


def account_rates(scenario: Scenario) -> FloatArray:
    """Base currency for one unit of each region's currency on the first day ``(R,)``."""
    currencies = scenario.document.market.currencies
    return np.array([currencies[region.currency].rate for region in scenario.document.market.regions])


def write_plan(
    plan: ScheduledPolicy, scenario: Scenario, path: Path | str, *, in_account_currency: bool = False
) -> None:
    """Write a plan as CSV, or as a workbook where the name ends in .xlsx; a file that is there is replaced at the end.

    Discounts are written as they would be given: never deeper than the scenario's ceiling. For booking, the spend can
    stand there in the region's currency as well, at first-day rates; readers pass these columns over.

    Raises:
        UsageError: The file cannot be written there.
    """
    if Path(path).suffix.lower() == ".xlsx":
        _write_workbook(plan, scenario, Path(path), in_account_currency=in_account_currency)
        return
    account = _Account(scenario) if in_account_currency else None
    with replace_file(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*plan_columns(scenario), *(_BOOKED if account else ())))
        for day, keys, numbers, mechanic, weights in _plan_rows(plan, scenario):
            when = scenario.date_of(day).isoformat()
            booked = () if account is None else account.booked(keys[0], numbers[0])
            writer.writerow((when, *keys, *map(repr, numbers), mechanic, *map(repr, weights), *booked))


_BOOKED = ("booked_amount", "booked_currency")
# Amounts are whole units but for the rounding of rates.
_AMOUNT_DIGITS = 6


class _Account:
    """Spend in the currency in which a region's accounts are kept."""

    def __init__(self, scenario: Scenario) -> None:
        self._currency = {region.id: region.currency for region in scenario.document.market.regions}
        self._rate = dict(zip(scenario.regions, account_rates(scenario).tolist(), strict=True))

    def booked(self, region: str, spend_base: float) -> tuple[float, str]:
        """Amount and currency of a row."""
        return round(spend_base / self._rate[region], _AMOUNT_DIGITS), self._currency[region]


_PlanRow = tuple[int, tuple[str, str, str], tuple[float, float], str, list[float]]


def _plan_rows(plan: ScheduledPolicy, scenario: Scenario) -> Iterator[_PlanRow]:
    """Day, ids, spend and discount, mechanic, daypart weights of each row."""
    given = np.minimum(plan.discount_frac, scenario.limits.discount_ceiling)
    cells = list(product(*(enumerate(names) for names in (scenario.regions, scenario.segments, scenario.channels))))
    for day in range(scenario.days):
        for (r, region), (s, segment), (c, channel) in cells:
            numbers = float(plan.spend_base[day, r, s, c]), float(given[day, r, s])
            mechanic = MECHANICS[int(plan.mechanic[day, r, s])]
            yield day, (region, segment, channel), numbers, mechanic, plan.daypart_weights[r, c].tolist()


def _write_workbook(
    plan: ScheduledPolicy, scenario: Scenario, path: Path, *, in_account_currency: bool = False
) -> None:
    import xlsxwriter  # only those who want a workbook wait for its writer

    with replace_file(path) as temporary:
        book = xlsxwriter.Workbook(temporary, {"in_memory": True})
        sheet = book.add_worksheet("Plan")
        form = {name: book.add_format({"num_format": text}) for name, text in _NUMBER_FORMS.items()}
        account = _Account(scenario) if in_account_currency else None
        columns = (*plan_columns(scenario), *(_BOOKED if account else ()))
        sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
        sheet.set_column(0, len(columns) - 1, _WORKBOOK_WIDTH)
        sheet.freeze_panes(1, len(KEYS))
        row = 0
        for row, (day, keys, (spend, discount), mechanic, weights) in enumerate(_plan_rows(plan, scenario), start=1):
            sheet.write_datetime(row, 0, datetime.combine(scenario.date_of(day), time()), form["date"])
            sheet.write_row(row, 1, keys)
            sheet.write_number(row, len(KEYS), spend, form["money"])
            sheet.write_number(row, len(KEYS) + 1, discount, form["share"])
            sheet.write_string(row, len(KEYS) + 2, mechanic)
            sheet.write_row(row, len(KEYS) + 3, weights, form["share"])
            if account is not None:
                amount, currency = account.booked(keys[0], spend)
                sheet.write_number(row, len(columns) - 2, amount, form["money"])
                sheet.write_string(row, len(columns) - 1, currency)
        sheet.autofilter(0, 0, row, len(columns) - 1)
        book.close()


_NUMBER_FORMS = {"date": "yyyy-mm-dd", "money": "#,##0.00", "share": "0.0%"}


def read_plan(path: Path | str, scenario: Scenario) -> ScheduledPolicy:
    """Read a plan from CSV or a workbook; its name is that of the file, its notes say what was read otherwise.

    Raises:
        PlanTableError: The table is no plan of this scenario; each cause is told once, with its first line and column.
    """
    problems = PlanProblems(str(path))
    try:
        sheet = read_sheet(path, is_plan_column)
    except UsageError as error:
        problems.note(str(error))
        raise problems.error() from None
    table = understood(sheet, scenario, problems)
    if problems.found or table is None:
        raise problems.error()
    filling = PlanFilling(scenario, table, problems)
    for row in table.rows:
        filling.take(row)
    if not problems.found:  # a row that could not be read would seem to be missing
        filling.complete()
    if problems.found:
        raise problems.error()
    return ScheduledPolicy(
        name=Path(path).name,
        kind="planner",
        spend_base=filling.spend,
        daypart_weights=filling.weights,
        discount_frac=filling.discount,
        mechanic=filling.mechanic,
        notes=tuple(f"{Path(path).name}: {note}" for note in (*table.notes, *filling.notes)),
    )
