"""Rules that say on which day an event starts, year by year.

===========================  =========================================================================
``fixed:11-11``              the same day every year
``nth_weekday:11:thu:4:+1``  the 4th Thursday of November, and one day later; ``-1`` for the last one
``easter:-21``               days from Easter Sunday of the western churches
``hijri:9:1``                a day of the Islamic calendar (Umm al-Qura), known from 1924 to 2077
``lunar_new_year:+0``        days from the Chinese new year, known from 1950 to 2099
===========================  =========================================================================
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Protocol

from xbopt.core.errors import TableError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HIJRI_KNOWN = (date(1924, 8, 1), date(2077, 11, 16))
_LUNAR_KNOWN = (1950, 2099)
_DECEMBER = 12
_LAST_HIJRI_DAY = 29


class EventRule(Protocol):
    """The days on which an event starts."""

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included, in order."""
        ...


def _years(first: date, last: date) -> range:
    # One more year on either side, since an offset may carry a day over the year's end.
    return range(max(first.year - 1, date.min.year), min(last.year + 1, date.max.year) + 1)


def _inside(days: Iterable[date], first: date, last: date) -> tuple[date, ...]:
    return tuple(sorted(day for day in days if first <= day <= last))


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedDay:
    """The same month and day every year."""

    month: int
    day: int

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included."""
        return _inside((date(year, self.month, self.day) for year in _years(first, last)), first, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class NthWeekday:
    """The n-th weekday of a month, moved by some days; ``n`` of -1 is the last one."""

    month: int
    weekday: int
    n: int
    offset_days: int

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included."""
        return _inside((self._in_year(year) for year in _years(first, last)), first, last)

    def _in_year(self, year: int) -> date:
        if self.n > 0:
            opening = date(year, self.month, 1)
            days = (self.weekday - opening.weekday()) % 7 + 7 * (self.n - 1)
            return opening + timedelta(days=days + self.offset_days)
        next_month = date(year + self.month // _DECEMBER, self.month % _DECEMBER + 1, 1)
        closing = next_month - timedelta(days=1)
        back = (closing.weekday() - self.weekday) % 7
        return closing + timedelta(days=self.offset_days - back)


@dataclass(frozen=True, slots=True, kw_only=True)
class EasterOffset:
    """Some days from Easter Sunday."""

    offset_days: int

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included."""
        days = (easter_sunday(year) + timedelta(days=self.offset_days) for year in _years(first, last))
        return _inside(days, first, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class HijriDay:
    """A day of the Islamic year; it may come twice in one civil year."""

    month: int
    day: int

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included.

        Raises:
            TableError: A day lies outside the years for which the Umm al-Qura calendar is known.
        """
        from hijridate import Gregorian, Hijri

        known_from, known_to = _HIJRI_KNOWN
        if first < known_from or last > known_to:
            raise TableError(
                f"The Islamic calendar is known from {known_from} to {known_to} only, not from {first} to {last}."
            )
        opening = Gregorian.fromdate(first).to_hijri().year
        closing = Gregorian.fromdate(last).to_hijri().year
        days = (Hijri(year, self.month, self.day).to_gregorian() for year in range(opening, closing + 1))
        return _inside((date(day.year, day.month, day.day) for day in days), first, last)

    def month_length(self, start: date) -> int:
        """Days from ``start`` to the end of its Islamic month: 29 or 30 from the month's first day."""
        from hijridate import Gregorian

        hijri = Gregorian.fromdate(start).to_hijri()
        return hijri.month_length() - hijri.day + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LunarNewYear:
    """Some days from the first day of the Chinese year."""

    offset_days: int

    def starts(self, first: date, last: date) -> tuple[date, ...]:
        """Every start between ``first`` and ``last``, both included.

        Raises:
            TableError: A year lies outside those that are known.
        """
        low, high = _LUNAR_KNOWN
        if first.year < low or last.year > high:
            raise TableError(f"The Chinese new year is known from {low} to {high} only, not {first} to {last}.")
        years = [year for year in _years(first, last) if low <= year <= high]
        return _inside((_lunar_new_year(year) + timedelta(days=self.offset_days) for year in years), first, last)


@cache
def _lunar_new_year(year: int) -> date:
    from holidays import country_holidays

    calendar = country_holidays("CN", years=year, observed=False, language="en_US")
    found = [day for day, name in calendar.items() if name.startswith("Chinese New Year (")]
    if not found:
        raise TableError(f"The library of holidays gives no Chinese new year for {year}.")
    return min(found)


def easter_sunday(year: int) -> date:
    """Easter Sunday of the western churches in the Gregorian calendar.

    Source: the anonymous algorithm of 1876, as given by J. Meeus, Astronomical Algorithms (1991), chapter 8.
    """
    golden = year % 19
    century, in_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    moon_shift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon_shift + 15) % 30
    leap_years, year_rest = divmod(in_century, 4)
    to_sunday = (32 + 2 * century_rest + 2 * leap_years - epact - year_rest) % 7
    late = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def parse_rule(text: str) -> EventRule:
    """Read a rule as the table of events writes it.

    Raises:
        ValueError: The text is no rule; the message says what is wanted.
    """
    kind, _, rest = text.partition(":")
    if kind == "fixed" and (found := re.fullmatch(r"(\d\d)-(\d\d)", rest)):
        month, day = int(found[1]), int(found[2])
        date(2001, month, day)  # a common year, so that 02-29 is refused: it does not come every year
        return FixedDay(month=month, day=day)
    if kind == "nth_weekday" and (
        found := re.fullmatch(r"([1-9]|1[0-2]):(mon|tue|wed|thu|fri|sat|sun):([1-4]|-1)(?::([+-]\d+))?", rest)
    ):
        return NthWeekday(
            month=int(found[1]),
            weekday=WEEKDAYS.index(found[2]),
            n=int(found[3]),
            offset_days=int(found[4] or 0),
        )
    if kind == "easter" and (found := re.fullmatch(r"[+-]\d+", rest)):
        return EasterOffset(offset_days=int(rest))
    if kind == "hijri" and (found := re.fullmatch(r"([1-9]|1[0-2]):(\d{1,2})", rest)):
        month, day = int(found[1]), int(found[2])
        if not 1 <= day <= _LAST_HIJRI_DAY:
            raise ValueError("the day of an Islamic month must lie between 1 and 29, which every month has")
        return HijriDay(month=month, day=day)
    if kind == "lunar_new_year" and (found := re.fullmatch(r"[+-]\d+", rest)):
        return LunarNewYear(offset_days=int(rest))
    raise ValueError(
        "a rule is fixed:MM-DD, nth_weekday:MONTH:DAY:N:+DAYS, easter:+DAYS, hijri:MONTH:DAY or lunar_new_year:+DAYS"
    )
