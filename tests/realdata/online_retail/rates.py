"""Exchange rates against the pound, from the ECB's euro reference rates."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.realdata.online_retail.transactions import FloatArray

TRADING_DAYS = 252
"""Days a year by which daily volatility is scaled, the markets' custom."""
CURRENCIES: tuple[str, ...] = (
    "EUR",
    "AUD",
    "CAD",
    "CHF",
    "DKK",
    "HKD",
    "JPY",
    "NOK",
    "PLN",
    "SEK",
    "USD",
)


def value_on(dates: np.ndarray, rate: FloatArray, day: str) -> float:
    """Rate of the last quoted day up to ``day`` (ISO date).

    Raises:
        ValueError: Nothing was quoted in the ten days up to ``day``.
    """
    limit = np.datetime64(day, "D")
    good = np.flatnonzero((dates <= limit) & (dates > limit - 10) & np.isfinite(rate))
    if len(good) == 0:
        raise ValueError(f"no rate was quoted in the ten days up to {day}")
    return float(rate[good[-1]])


def annual_volatility(dates: np.ndarray, rate: FloatArray, start: str, end: str) -> float:
    """Standard deviation of daily log changes times sqrt(252), over quoted days in ``[start, end]``."""
    chosen = (dates >= np.datetime64(start, "D")) & (dates <= np.datetime64(end, "D")) & np.isfinite(rate)
    return float(np.diff(np.log(rate[chosen])).std(ddof=1) * np.sqrt(TRADING_DAYS))


def rate_figures(folder: Path) -> dict[str, object]:
    """GBP per unit of each currency on four days, and volatility of its rate against GBP in two windows."""
    table = pq.read_table(folder / "eurofxref-hist.parquet")
    dates = table["Date"].to_numpy().astype("datetime64[D]")
    pound = table["GBP"].to_numpy().astype(np.float64)
    last = str(dates.max())
    years_back = f"{int(last[:4]) - 5}{last[4:]}"
    figures: dict[str, object] = {}
    for currency in CURRENCIES:
        per_euro = np.ones(len(pound)) if currency == "EUR" else table[currency].to_numpy().astype(np.float64)
        rate = pound / per_euro
        figures[currency] = {
            "gbp_per_unit": {
                "2010-12-01": value_on(dates, rate, "2010-12-01"),
                "2011-09-01": value_on(dates, rate, "2011-09-01"),
                "2011-12-01": value_on(dates, rate, "2011-12-01"),
                last: value_on(dates, rate, last),
            },
            "annual_log_volatility": {
                "2010-12-01..2011-12-09": annual_volatility(dates, rate, "2010-12-01", "2011-12-09"),
                f"{years_back}..{last}": annual_volatility(dates, rate, years_back, last),
            },
        }
    return figures
