"""Events and public holidays: known dates, and which numbers hold in which country."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.core.errors import TableError
from xbopt.core.tables.event_rules import easter_sunday, parse_rule
from xbopt.core.tables.events import DatedEvent, check_event_ids, event_ids, events_between, load_events
from xbopt.core.tables.public_holidays import country_codes, public_holidays
from xbopt.core.tables.rows import EVIDENCE_MARKS, TABLE_FOLDER


def days_of(event_id: str, country: str, year: int, name: str = "") -> list[tuple[date, date]]:
    found = events_between(date(year, 1, 1), date(year, 12, 31), country)
    return [(e.start, e.end) for e in found if e.event_id == event_id and name in ("", e.name)]


def the_day(event_id: str, country: str, year: int) -> date:
    ((start, end),) = days_of(event_id, country, year)
    assert start == end
    return start


@pytest.mark.parametrize(
    ("event_id", "country", "day"),
    [
        ("black_friday", "US", date(2026, 11, 27)),
        ("black_friday", "DE", date(2025, 11, 28)),
        ("black_friday", "SA", date(2024, 11, 29)),
        ("cyber_monday", "US", date(2026, 11, 30)),
        ("cyber_monday", "US", date(2024, 12, 2)),
        ("singles_day", "SG", date(2026, 11, 11)),
        ("double_12", "TH", date(2026, 12, 12)),
        ("mid_year_618", "CN", date(2027, 6, 18)),
        ("mothers_day", "US", date(2026, 5, 10)),
        ("mothers_day", "GB", date(2026, 3, 15)),
        ("mothers_day", "GB", date(2027, 3, 7)),
        ("mothers_day", "ES", date(2026, 5, 3)),
        ("mothers_day", "SE", date(2026, 5, 31)),
        ("valentines_day", "JP", date(2027, 2, 14)),
    ],
)
def test_an_event_falls_on_its_known_day(event_id: str, country: str, day: date) -> None:
    assert the_day(event_id, country, day.year) == day


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2027, 2, 8), date(2027, 3, 8)),
        (date(2028, 1, 28), date(2028, 2, 25)),
    ],
)
def test_ramadan_lasts_its_whole_month(first: date, last: date) -> None:
    assert days_of("ramadan", "AE", first.year, "Ramadan") == [(first, last)]


def test_ramadan_comes_twice_in_2030() -> None:
    starts = [start for start, _ in days_of("ramadan", "TR", 2030)]
    assert starts == [date(2030, 1, 5), date(2030, 12, 26)]


def test_the_third_week_of_ramadan_lies_inside_the_month() -> None:
    assert days_of("ramadan", "AE", 2027, "Ramadan, third week") == [(date(2027, 2, 22), date(2027, 2, 28))]


def test_the_mean_of_ramadan_is_the_measured_one() -> None:
    """Of 29 days 22 have the base and 7 the peak; the source says +51 % of sales on average, +66 % at the peak.

    Orders are sales over what is left of the price at the usual deal of 10 %.
    """
    base, peak = (e for e in events_between(date(2027, 2, 1), date(2027, 3, 31), "SA") if e.event_id == "ramadan")
    assert 0.9 * peak.peak_demand == pytest.approx(1.66, abs=0.005)
    assert 0.9 * (22 * base.peak_demand + 7 * peak.peak_demand) / 29 == pytest.approx(1.51, abs=0.005)
    assert (base.lead_in_days, base.lead_in_demand) == (14, 1.18)


def test_the_night_share_of_ramadan_turns_27_into_36_percent() -> None:
    (ramadan, _) = (e for e in events_between(date(2027, 2, 1), date(2027, 3, 31), "SA") if e.event_id == "ramadan")
    night = 0.27 * ramadan.night_share
    assert night / (night + 0.73) == pytest.approx(0.36, abs=0.001)


@pytest.mark.parametrize(
    "day", [date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26)]
)
def test_the_lunar_new_year_falls_on_its_known_day(day: date) -> None:
    assert [start for start, _ in days_of("lunar_new_year", "CN", day.year)] == [day]


@pytest.mark.parametrize(
    ("event_id", "country", "sales"),
    [
        ("singles_day", "MY", 2.4),
        ("singles_day", "HK", 3.37),
        ("singles_day", "AU", 1.46),
        ("double_12", "VN", 2.12),
        ("black_friday", "PH", 1.43),
    ],
)
def test_sales_at_the_usual_deal_have_the_measured_strength_of_the_country(
    event_id: str, country: str, sales: float
) -> None:
    """Against an ordinary day at list price, as the source counts: so many orders, each at the price of that day."""
    (event,) = (e for e in events_between(date(2026, 11, 1), date(2026, 12, 31), country) if e.event_id == event_id)
    assert event.peak_demand * (1 - event.usual_deal_frac) == pytest.approx(sales, abs=0.005)


@pytest.mark.parametrize(
    ("year", "day"),
    [(1818, (3, 22)), (1943, (4, 25)), (2000, (4, 23)), (2024, (3, 31)), (2026, (4, 5)), (2038, (4, 25))],
)
def test_easter_falls_on_its_known_day(year: int, day: tuple[int, int]) -> None:
    assert easter_sunday(year) == date(year, *day)


@given(st.integers(1600, 3000))
def test_easter_is_a_sunday_between_march_22_and_april_25(year: int) -> None:
    easter = easter_sunday(year)
    assert easter.weekday() == 6
    assert date(year, 3, 22) <= easter <= date(year, 4, 25)


def test_the_last_weekday_of_a_december_and_an_offset_over_the_year_s_end() -> None:
    rule = parse_rule("nth_weekday:12:thu:-1:+2")
    assert rule.starts(date(2025, 12, 27), date(2027, 1, 2)) == (date(2025, 12, 27), date(2027, 1, 2))
    assert rule.starts(date(2027, 1, 3), date(2027, 12, 31)) == ()


@given(st.dates(date(1990, 1, 1), date(2050, 1, 1)), st.integers(0, 500), st.sampled_from(["US", "AE", "CN", "GB"]))
def test_events_touch_the_days_asked_for_and_a_longer_stretch_loses_none(
    start: date, length: int, country: str
) -> None:
    end = start + timedelta(days=length)
    found = events_between(start, end, country)
    assert all(e.start <= end and e.end >= start for e in found)
    wider = events_between(start - timedelta(days=40), end + timedelta(days=40), country)
    assert set(found) == {e for e in wider if e.start <= end and e.end >= start}


def test_an_event_that_began_before_the_days_asked_for_is_found() -> None:
    found = events_between(date(2027, 3, 8), date(2027, 3, 8), "KW")
    assert [e.name for e in found] == ["Ramadan"]
    assert events_between(date(2027, 3, 9), date(2027, 3, 9), "KW") == ()


def test_every_row_of_the_events_has_an_evidence_mark_and_a_source() -> None:
    rows = load_events(TABLE_FOLDER / "retail_events.csv")
    assert len(rows) > 30
    for row in rows:
        assert row.evidence in EVIDENCE_MARKS
        assert len(row.source) > 5
        assert row.countries <= set(country_codes())


def test_ids_by_country_are_those_with_numbers() -> None:
    assert "singles_day" in event_ids()
    assert "singles_day" not in event_ids("US")
    assert "valentines_day" in event_ids("ZW")
    with pytest.raises(TableError, match=r"'singles_day' has no numbers for US. Known there: .*black_friday"):
        check_event_ids(("singles_day",), "US")
    with pytest.raises(TableError, match=r"event 'black_fryday' is unknown. Did you mean black_friday"):
        check_event_ids(("black_fryday",), "US")
    check_event_ids(("black_friday", "cyber_monday"), "US")


@pytest.mark.parametrize("country", ["us", "USA", "", "*"])
def test_what_is_no_country_code_is_refused(country: str) -> None:
    with pytest.raises(TableError, match="country code"):
        events_between(date(2026, 1, 1), date(2026, 1, 2), country)


def test_days_outside_a_calendar_are_refused() -> None:
    with pytest.raises(TableError, match="Islamic calendar is known"):
        events_between(date(2090, 1, 1), date(2090, 12, 31), "AE")
    with pytest.raises(TableError, match="Chinese new year is known"):
        events_between(date(2120, 1, 1), date(2120, 12, 31), "CN")
    with pytest.raises(TableError, match="ends before it starts"):
        events_between(date(2026, 1, 2), date(2026, 1, 1), "US")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": date(2026, 5, 4)}, "before it starts"),
        ({"dip_days": -1}, "negative number of days"),
        ({"peak_demand": -0.1}, "negative or not finite"),
        ({"cpm": float("nan")}, "negative or not finite"),
        ({"price_sensitivity": 0.5}, "price_sensitivity below 1"),
        ({"usual_deal_frac": 1.0}, "is no share"),
        ({"deal_seekers_frac": 0.5}, "seekers of deals, but no usual_deal_frac"),
    ],
)
def test_an_event_of_one_s_own_is_checked(changes: dict[str, object], said: str) -> None:
    fields: dict[str, object] = {"event_id": "fair", "name": "Fair", "start": date(2026, 5, 5), "end": date(2026, 5, 5)}
    with pytest.raises(TableError, match=said):
        DatedEvent(**(fields | changes))  # pyright: ignore[reportArgumentType]


def test_public_holidays_lie_in_the_days_asked_for_and_in_order() -> None:
    found = public_holidays("US", date(2026, 11, 1), date(2027, 1, 1))
    assert found[date(2026, 11, 26)] == "Thanksgiving Day"
    assert found[date(2027, 1, 1)] == "New Year's Day"
    assert list(found) == sorted(found)
    assert date(2026, 10, 12) not in found


def test_a_holiday_of_the_next_year_that_is_kept_in_this_one_counts_once_on_each_day() -> None:
    """New Year's Day 2028 is a Saturday; the United States keep the Friday before, in 2027."""
    assert date(2027, 12, 31) in public_holidays("US", date(2027, 12, 1), date(2027, 12, 31))


def test_an_unknown_country_has_no_holidays_to_give() -> None:
    with pytest.raises(TableError, match="country 'UK' is unknown"):
        public_holidays("UK", date(2026, 1, 1), date(2026, 12, 31))
    with pytest.raises(TableError, match="ends before it starts"):
        public_holidays("GB", date(2026, 1, 2), date(2026, 1, 1))


def test_every_country_code_is_known_to_the_library() -> None:
    from holidays import list_supported_countries

    assert set(country_codes()) <= set(list_supported_countries(include_aliases=False))
    assert len(country_codes()) >= 200
    assert list(country_codes()) == sorted(country_codes())


def test_the_tables_import_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from xbopt.core.tables import duties, events, public_holidays, taxes\n"
        "taxes.tax_ids(); duties.duty_ids(); events.event_ids('AE'); public_holidays.country_codes()\n"
        "print([name for name in ('holidays', 'hijridate', 'numpy', 'pandas', 'dateutil') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert run.stdout.strip() == "[]"
