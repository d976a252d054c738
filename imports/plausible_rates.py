"""Whether exchange rates that somebody supplies can be such: against the yearly means that the program holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Literal

import polars as pl

from xbopt.core.tables.reference_rates import has_reference, reference_rate, years_from_reference

MOST_IN_A_YEAR = 2.0
"""The largest move of a yearly mean in the table, from one year to the next, is 1.66 (TRY, 2021 to 2022)."""
_FROM_ONE = 0.045
"""Logarithm from which on a rate is told from its reciprocal: the euro bought 0.9565 dollars on a day of 2022, when the
mean was 1.053 (ECB), so that nearer to 1 either may be right."""
_TURNED, _HUNDRED = "turned round", "100 times off"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateDoubt:
    """Rates of a currency and year that cannot be rates.

    Attributes:
        kind: ``not_positive``; ``far`` from the yearly mean known; or ``stray``, days far from the others of the year.
        currency, year: Whose.
        rows: How many rows.
        found: The median of the year, or the worst of the stray days; units for one euro.
        expected: The yearly mean known, or the median of the year.
    """

    kind: Literal["not_positive", "far", "stray"]
    currency: str
    year: int
    rows: int
    found: float
    expected: float

    @property
    def sentence(self) -> str:
        """What is the matter, in words."""
        head = f"{self.currency} in {self.year}"
        if self.kind == "not_positive":
            return f"{head}: {self.rows:,} rates are not above 0."
        if self.kind == "stray":
            return (
                f"{head}: {self.rows:,} days are far from the others, as {self.found:g} for one euro where "
                f"{self.expected:g} is usual."
            )
        why = {
            _TURNED: f" They are turned round: per_euro is how many {self.currency} one euro buys, as "
            f"{1.0 / self.found:g}.",
            _HUNDRED: " They are 100 times off, as of rates for 100 units or of cents.",
            "": "",
        }[self._slip()]
        return (
            f"{head}: it says {self.found:g} for one euro, and the mean known of that year is {self.expected:g}.{why}"
        )

    def _slip(self) -> str:
        """What brings the rate near the one known; nothing where nothing does."""
        if _near(1.0 / self.found, self.expected, MOST_IN_A_YEAR):
            return _TURNED
        hundred = any(_near(self.found * times, self.expected, MOST_IN_A_YEAR) for times in (0.01, 100.0))
        return _HUNDRED if hundred else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCheck:
    """Doubts about rates, and the currencies of which the program knows no rate."""

    doubts: tuple[RateDoubt, ...]
    unknown: tuple[str, ...]


def check_rates(rates: pl.DataFrame) -> RateCheck:
    """Compare a table ``rates`` (date, currency, per_euro) with the reference rates.

    The median of a year must lie within the largest move of a year for each year between it and the nearest mean
    known, and be nearer to that than its reciprocal is; a day within twice as many moves of its own year's median, so
    that a crash of a currency passes.
    """
    told = rates.filter(pl.col("currency").is_not_null() & pl.col("date").is_not_null())
    years = told.with_columns(pl.col("date").dt.year().alias("year"))
    groups = sorted(years.group_by("currency", "year"), key=lambda each: (str(each[0][0]), str(each[0][1])))
    doubts = [
        doubt
        for (currency, year), rows in groups
        for doubt in _doubts(str(currency), int(str(year)), rows["per_euro"].drop_nulls())
    ]
    currencies = [str(code) for code in told["currency"].unique().sort()]
    return RateCheck(doubts=tuple(doubts), unknown=tuple(code for code in currencies if not has_reference(code)))


def _doubts(currency: str, year: int, found: pl.Series) -> Iterator[RateDoubt]:
    bad = found.filter(~((found > 0.0) & found.is_finite()))
    if bad.len():
        yield RateDoubt(
            kind="not_positive", currency=currency, year=year, rows=bad.len(), found=float(bad[0]), expected=0.0
        )
        return
    if found.is_empty():
        return
    usual = float(str(found.median()))
    known = reference_rate("EUR", currency, year)
    if known is not None and not _fits(usual, known, years_from_reference(currency, year)):
        yield RateDoubt(kind="far", currency=currency, year=year, rows=found.len(), found=usual, expected=known)
        return
    far = found.to_frame("rate").with_columns(times=pl.max_horizontal(pl.col("rate") / usual, usual / pl.col("rate")))
    stray = far.filter(pl.col("times") > MOST_IN_A_YEAR**2).sort("times", "rate")
    if stray.height:
        worst = float(stray["rate"][-1])
        yield RateDoubt(kind="stray", currency=currency, year=year, rows=stray.height, found=worst, expected=usual)


def _fits(found: float, known: float, years: int) -> bool:
    """Whether a rate may be the one of so many years from a known one, and is not nearer to it turned round."""
    if not _near(found, known, MOST_IN_A_YEAR ** max(1, years)):
        return False
    # Farther off, a rate may well have crossed 1, as the dollar's did.
    told = years <= 1 and min(abs(log(found)), abs(log(known))) > _FROM_ONE
    return not told or abs(log(found / known)) <= abs(log(found * known))


def _near(one: float, other: float, times: float) -> bool:
    return max(one / other, other / one) <= times
