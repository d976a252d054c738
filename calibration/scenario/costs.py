"""A seller's list of unit costs: a table with the columns sku and cost, saved by any office program."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from xbopt.calibration.scenario.findings import Finding
from xbopt.core.errors import CalibrationError, UsageError
from xbopt.core.spreadsheets.dates import as_text
from xbopt.core.spreadsheets.numbers import decimal_sign, number_of
from xbopt.core.spreadsheets.reading import read_sheet

_COLUMNS = ("sku", "cost")
_MOST_ABOVE = 0.5
"""Share of sales beyond which goods dearer to buy than to sell are no clearance."""
_TOLD_FROM = 0.01
"""Share of sales from which a list of costs is told to be odd or to lack goods."""


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


def check_costs(lines: pl.DataFrame, costs: Mapping[str, float]) -> tuple[Finding, ...]:
    """What is odd about a list of costs beside the prices asked: goods that it lacks, that cost nothing, or too much.

    Args:
        lines: Lines of orders: sku, quantity, list_value, in the currency of the costs.
        costs: Unit cost by sku; empty where nobody gave a list.

    Raises:
        CalibrationError: Most goods cost more than they sell for, so that the costs are of something else.
    """
    if not costs:
        return ()
    known = pl.DataFrame({"sku": list(costs), "cost": list(costs.values())})
    value = pl.col("list_value")
    told = lines.filter((pl.col("quantity") > 0.0) & (value > 0.0)).join(known, on="sku", how="left")
    above = pl.col("cost") * pl.col("quantity") > value
    whole, unlisted, dear, free = told.select(
        value.sum().alias("whole"),
        value.filter(pl.col("cost").is_null()).sum().alias("unlisted"),
        value.filter(above.fill_null(value=False)).sum().alias("above"),
        value.filter(pl.col("cost") == 0.0).sum().alias("free"),
    ).row(0)
    if not whole > 0.0:
        return ()
    if dear > _MOST_ABOVE * whole:
        raise CalibrationError(
            f"--costs: {dear / whole:.0%} of the sales are of goods that cost more than they sell for. See that the "
            "costs are of one piece and in the currency of the orders; --currency counts in another one."
        )
    found = {"unlisted": unlisted / whole, "above": dear / whole, "free": free / whole}
    figures = {name: float(share) for name, share in found.items() if share > _TOLD_FROM}
    return (Finding(code="costs_odd", figures=figures, is_loud=True),) if figures else ()
