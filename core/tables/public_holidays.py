"""Public holidays by country and day, from the ``holidays`` library.

The library is imported on first use: it costs more time than all tables together.
"""

from datetime import date
from functools import cache

from xbopt.core.errors import TableError
from xbopt.core.tables.rows import TABLE_FOLDER, read_rows, unknown_id


@cache
def country_codes() -> tuple[str, ...]:
    """ISO 3166 codes of the countries and territories whose public holidays are known, sorted."""
    return tuple(sorted(row.text("country") for row in read_rows(TABLE_FOLDER / "country_codes.csv", ("country",))))


def public_holidays(country: str, start: date, end: date) -> dict[date, str]:
    """Public holidays of the whole country between ``start`` and ``end``, both included, in order of days.

    Returns:
        Name of the holiday by day, in English where the library knows it; days off in lieu count too.

    Raises:
        TableError: The country is unknown, or ``end`` lies before ``start``.
    """
    if country not in country_codes():
        raise TableError(unknown_id(country, country_codes(), what="country"))
    if end < start:
        raise TableError(f"Public holidays were asked for from {start} to {end}, which ends before it starts.")
    found: dict[date, str] = {}
    for year in range(start.year, end.year + 1):
        found.update((day, name) for day, name in _of_year(country, year) if start <= day <= end)
    return dict(sorted(found.items()))


@cache
def _of_year(country: str, year: int) -> tuple[tuple[date, str], ...]:
    import holidays

    # Its list of all countries would load all of them.
    if not hasattr(holidays, country):
        raise TableError(f"The installed library of holidays does not know {country!r}.")
    calendar = holidays.country_holidays(country, years=year, language="en_US")
    return tuple((day, name) for day, name in calendar.items() if day.year == year)
