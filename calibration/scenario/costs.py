"""A seller's list of unit costs: a table with the columns sku and cost, saved by any office program."""

from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.core.spreadsheets.dates import as_text
from xbopt.core.spreadsheets.numbers import decimal_sign, number_of
from xbopt.core.spreadsheets.reading import read_sheet

_COLUMNS = ("sku", "cost")


def read_costs(path: Path) -> dict[str, float]:
    """Unit cost by sku, from text with any usual separator, encoding and decimal sign, or from a workbook.

    Raises:
        UsageError: The file cannot be read, has other columns, states a sku twice at different costs, leaves open what
            its numbers mean, or a cost is no number from 0 on.
    """
    try:
        sheet = read_sheet(path, lambda name: name.casefold() in _COLUMNS)
    except UsageError as error:
        raise UsageError(f"--costs {path} cannot be read: {error}") from None
    head = [name.casefold() for name in sheet.head]
    if any(head.count(name) != 1 for name in _COLUMNS):
        raise UsageError(f"--costs {path} has the columns {', '.join(sheet.head)}; sku and cost are wanted, once each.")
    sku_at, cost_at = (head.index(name) for name in _COLUMNS)
    decimal = decimal_sign((row.cells[cost_at] for row in sheet.rows), separator=sheet.separator)
    if decimal is None:
        raise UsageError(
            f"--costs {path}: costs as 1.234 may be above a thousand or just above one. Write all with two decimals."
        )
    costs: dict[str, float] = {}
    for row in sheet.rows:
        sku, cost = as_text(row.cells[sku_at]), number_of(row.cells[cost_at], decimal)
        where = f"--costs {path}, row {row.line}"
        if not sku:
            raise UsageError(f"{where}: the sku is empty.")
        if cost is None or cost < 0.0:
            text = as_text(row.cells[cost_at])
            raise UsageError(f"{where}: the cost of {sku} is {text!r}; a number from 0 on is wanted.")
        if costs.setdefault(sku, cost) != cost:
            raise UsageError(f"{where}: {sku} costs {costs[sku]:g} above and {cost:g} here. Leave one of the two.")
    return costs
