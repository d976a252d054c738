"""Rows of a plan's table that are subtotals though no word says so, as in ``,DE,,,6823,``.

Such a row names some of the keys and an amount, and the amount is the sum of the rows that it stands for. A row with a
blank key that is no such sum may as well mean the key of the row above, so only the planner can say what it is.
"""

from collections.abc import Mapping, Sequence

from xbopt.core.scenario.plan_head import KEYS, SPEND
from xbopt.core.spreadsheets.dates import as_text
from xbopt.core.spreadsheets.numbers import Decimal, decimal_sign, number_of
from xbopt.core.spreadsheets.sheet import Row

# A sum is shown in cents, or in whole units of money.
_OF_CENTS, _OF_UNITS = 0.006, 0.51
_ROUNDING = 1e-9


def subtotal_lines(rows: Sequence[Row], index: Mapping[str, int], separator: str | None) -> set[int]:
    """Lines of the rows that are sums of complete rows.

    Of the rows that leave the same keys blank, all are sums or none is taken for one.

    Args:
        rows: The rows that may belong to the plan.
        index: Position of each known column.
        separator: What separates the columns; None for a workbook.
    """
    if SPEND not in index:
        return set()
    whole = [row for row in rows if all(row.cells[index[key]] is not None for key in KEYS)]
    parts: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        given = tuple(key for key in KEYS if row.cells[index[key]] is not None)
        if 0 < len(given) < len(KEYS):
            parts.setdefault(given, []).append(row)
    decimal = decimal_sign((row.cells[index[SPEND]] for row in rows), separator=separator) if parts else None
    if decimal is None:
        return set()
    found: set[int] = set()
    for given, alike in parts.items():
        sums = _sums(whole, [index[key] for key in given], index[SPEND], decimal)
        if all(_is_sum(row, given, index, decimal, sums) for row in alike):
            found |= {row.line for row in alike}
    return found


_Key = tuple[str, ...]


def _sums(rows: Sequence[Row], columns: Sequence[int], spend: int, decimal: Decimal) -> dict[_Key, tuple[float, int]]:
    """Amount and number of the complete rows that share keys."""
    sums: dict[_Key, tuple[float, int]] = {}
    for row in rows:
        key = _key(row, columns)
        amount, count = sums.get(key, (0.0, 0))
        sums[key] = amount + (number_of(row.cells[spend], decimal) or 0.0), count + 1
    return sums


def _is_sum(
    row: Row, given: Sequence[str], index: Mapping[str, int], decimal: Decimal, sums: Mapping[_Key, tuple[float, int]]
) -> bool:
    held = {name for name, i in index.items() if row.cells[i] is not None}
    amount = number_of(row.cells[index[SPEND]], decimal)
    total, count = sums.get(_key(row, [index[key] for key in given]), (0.0, 0))
    if held != {*given, SPEND} or not amount or count < 2:
        return False
    shown = _OF_UNITS if amount.is_integer() else _OF_CENTS
    return abs(amount - total) <= shown + _ROUNDING * abs(total)


def _key(row: Row, columns: Sequence[int]) -> _Key:
    return tuple(as_text(row.cells[i]).casefold() for i in columns)
