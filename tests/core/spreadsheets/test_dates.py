"""Dates as people write them: read where there is one reading, and in no other way."""

from datetime import date

import pytest

from xbopt.core.spreadsheets.date_words import is_weekday, month_named
from xbopt.core.spreadsheets.dates import possible_forms
from xbopt.core.spreadsheets.sheet import typed

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 30)


def read(text: str) -> list[date | None]:
    plain = typed(text) or ""
    return [form.read(plain) for form in possible_forms([plain], FIRST, LAST)]


@pytest.mark.parametrize(
    "text",
    [
        "5 Oct 2026",
        "5-Oct-26",
        "05. Oktober 2026",
        "5.okt.2026",
        "5 octobre 2026",
        "5 de octubre de 2026",
        "5 pa\u017adziernika 2026",
        "5th October 2026",
        "Oct 5, 2026",
        "October 5th 2026",
        "Monday, October 5, 2026",
        "Mon Oct 05 2026",
        "Montag, 5. Oktober 2026",
        "lundi 5 octobre 2026",
        "Mo 05.10.2026",
        "5. 10. 2026",
        "2026\u201110\u201105",  # unbreakable hyphens
        "\uff12\uff10\uff12\uff16/\uff11\uff10/\uff10\uff15",  # full-width digits
        "2026-10-05 13:45",
        "10/5/2026 12:00:00 AM",
        "2026-10-05T00:00:00.000Z",
        "2026-10-05T00:00+02:00",
    ],
)
def test_the_fifth_of_october_in_many_hands(text: str) -> None:
    assert read(text) == [date(2026, 10, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-04T22:00:00Z",  # midnight of the fifth in Berlin, and of no day in London
        "Tue 5 Oct 2026",  # it is a Monday
        "from 05.10.2026",
        "5 jui 2026",  # juin or juillet
        "31 September 2026",
        "10/2026",
        "KW 41",
    ],
)
def test_what_is_not_sure_is_no_date(text: str) -> None:
    assert read(text) == []


def test_a_month_needs_three_letters_that_fit_one_month() -> None:
    assert [month_named(word) for word in ("M\u00e4r", "mrz", "ao\u00fbt", "SEPT.", "dic")] == [3, 3, 8, 9, 12]
    assert [month_named(word) for word in ("ma", "ju", "jui", "mon", "x")] == [None] * 5


def test_a_weekday_may_be_short() -> None:
    wednesday = date(2026, 10, 7)
    assert all(is_weekday(word, wednesday) for word in ("Wed", "Mi.", "mercredi", "mi\u00e9rcoles", "\u015broda"))
    assert not any(is_weekday(word, wednesday) for word in ("Thu", "W", "do"))
