"""Reference rates of currencies: yearly means of the ECB's euro rates; of other currencies, rates of one day.

Source: ECB; The Economist (Big Mac index) where the ECB gives none.
"""

from functools import cache
from pathlib import Path

from xbopt.core.tables.rows import TABLE_FOLDER, read_rows

COLUMNS = ("currency", "year", "units_per_eur", "evidence", "source")


def load_reference_rates(path: Path) -> dict[str, dict[int, float]]:
    """Read a table of reference rates: units of a currency for 1 EUR, by currency and year.

    Raises:
        TableError: A row is broken, or a year of a currency stands there twice.
    """
    rates: dict[str, dict[int, float]] = {}
    for row in read_rows(path, COLUMNS):
        row.evidence()
        row.text("source")
        year = row.integer("year", low=1999, high=2100)
        of_currency = rates.setdefault(row.text("currency"), {})
        if year in of_currency:
            raise row.error("year", f"{year} stands there twice.")
        of_currency[year] = row.number("units_per_eur", low=1e-6, high=1e9)
    return rates


@cache
def _table() -> dict[str, dict[int, float]]:
    return load_reference_rates(TABLE_FOLDER / "reference_rates.csv")


def reference_rate(currency: str, base_currency: str, year: int) -> float | None:
    """Units of the base currency for one unit of a currency, mean of a year; None where either is not in the table.

    A year outside the table takes the nearest one that the table has.
    """
    table = _table()
    if currency not in table or base_currency not in table:
        return None
    return _nearest(table[base_currency], year) / _nearest(table[currency], year)


def has_reference(currency: str) -> bool:
    """Whether a rate of a currency is known for some year; the euro is what others are counted in."""
    return currency == "EUR" or currency in _table()


def years_from_reference(currency: str, year: int) -> int:
    """Years between a year and the nearest of which a rate of a currency is known.

    Raises:
        KeyError: None is known.
    """
    return min(abs(known - year) for known in _table()[currency])


def _nearest(by_year: dict[int, float], year: int) -> float:
    return by_year[min(by_year, key=lambda known: abs(known - year))]


def rated_currencies() -> tuple[str, ...]:
    """ISO codes of the currencies of which a rate is known, sorted."""
    return tuple(sorted(_table()))
