"""The calendar's arrays, against numbers worked by hand."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.core.errors import DecisionError, TableError, UsageError
from xbopt.core.tables.events import DatedEvent
from xbopt.simulator.calendar import CalendarArrays, CustomEvent, build_calendar, event_demand, seasonal_index

FAIR = DatedEvent(
    event_id="fair",
    name="Fair",
    start=date(2026, 5, 11),
    end=date(2026, 5, 12),
    lead_in_days=4,
    lead_in_demand=1.4,
    peak_demand=2.0,
    dip_days=4,
    dip_demand=0.8,
    cpm=1.5,
    price_sensitivity=1.3,
    night_share=2.0,
)


def calendar(**changes: object) -> CalendarArrays:
    """One flat region in a country without events, unless changed."""
    countries = changes.get("countries", ("SJ",))
    regions = len(countries)  # pyright: ignore[reportArgumentType]
    arguments: dict[str, object] = {
        "start": date(2026, 5, 4),
        "days": 16,
        "countries": countries,
        "weekday": np.ones((regions, 7)),
        "month": np.ones((regions, 12)),
        "cpm_month": np.ones((regions, 12)),
        "daypart_activity": np.tile([2.0, 1.0, 1.0], (regions, 1)),
        "night_dayparts": np.array([False, False, True]),
        "holiday_demand": 1.0,
        "event_ids": [()] * regions,
        "custom_events": (),
    }
    return build_calendar(**(arguments | changes))  # pyright: ignore[reportArgumentType]


def at(event: DatedEvent, *regions: int) -> CustomEvent:
    return CustomEvent(event=event, regions=regions or (0,))


def test_lead_in_peak_and_dip_worked_by_hand() -> None:
    found = calendar(custom_events=[at(FAIR)])
    expected = [1, 1, 1, 1.1, 1.2, 1.3, 1.4, 2, 2, 0.8, 0.85, 0.9, 0.95, 1, 1, 1]
    np.testing.assert_allclose(found.demand[:, 0], expected)
    np.testing.assert_allclose(found.event_strength[:, 0], np.array(expected) - 1)


def test_price_of_reach_price_sensitivity_and_distance_worked_by_hand() -> None:
    found = calendar(custom_events=[at(FAIR)])
    np.testing.assert_allclose(found.cpm[:, 0], [1] * 3 + [1.25] * 4 + [1.5] * 2 + [1] * 7)
    np.testing.assert_allclose(found.price_sensitivity[:, 0], [1] * 3 + [1.3] * 6 + [1] * 7)
    np.testing.assert_allclose(found.days_to_event[:, 0], [7, 6, 5, 4, 3, 2, 1, 0, 0] + [60] * 7)


def test_the_night_takes_a_greater_share_of_event_days_only() -> None:
    found = calendar(custom_events=[at(FAIR)])
    assert found.daypart_activity.shape == (16, 1, 3)
    np.testing.assert_allclose(found.daypart_activity[6, 0], [0.5, 0.25, 0.25])
    np.testing.assert_allclose(found.daypart_activity[7, 0], [0.4, 0.2, 0.4])
    np.testing.assert_allclose(found.daypart_activity[9, 0], [0.5, 0.25, 0.25])


def test_an_event_after_the_horizon_casts_its_lead_in_and_one_before_it_its_dip() -> None:
    after = calendar(start=date(2026, 5, 1), days=10, custom_events=[at(FAIR)])
    np.testing.assert_allclose(after.demand[:, 0], [1] * 6 + [1.1, 1.2, 1.3, 1.4])
    np.testing.assert_allclose(after.days_to_event[:, 0], np.arange(10, 0, -1))
    before = calendar(start=date(2026, 5, 13), days=5, custom_events=[at(FAIR)])
    np.testing.assert_allclose(before.demand[:, 0], [0.8, 0.85, 0.9, 0.95, 1])


def test_events_of_the_table_reach_into_the_horizon_from_outside() -> None:
    """Black Friday and Cyber Monday 2026 are on November 27 and 30."""
    ids = [("black_friday", "cyber_monday")]
    ahead = calendar(countries=("US",), event_ids=ids, start=date(2026, 11, 20), days=7)
    np.testing.assert_allclose(ahead.demand[:, 0], 1 + np.arange(1, 8) / 7)
    behind = calendar(countries=("US",), event_ids=ids, start=date(2026, 12, 1), days=8)
    np.testing.assert_allclose(behind.demand[:, 0], 1 - 0.15 * np.arange(7, -1, -1) / 7)
    season = calendar(countries=("US",), event_ids=ids, start=date(2026, 11, 27), days=4)
    np.testing.assert_allclose(season.demand[:, 0], [4.27, 1 + 0.8 / 3, 1.4, 5.16])


def test_of_overlapping_lifts_the_greatest_counts_and_dips_multiply() -> None:
    other = replace(
        FAIR, event_id="sale", start=date(2026, 5, 12), end=date(2026, 5, 13), lead_in_days=0, peak_demand=1.5, cpm=1.2
    )
    found = calendar(custom_events=[at(FAIR), at(other)])
    # May 11 to 18: fair; fair over sale; sale in the fair's first dip day; then both dips.
    expected = [2, 2, 1.5 * 0.8, 0.85 * 0.8, 0.9 * 0.85, 0.95 * 0.9, 0.95, 1]
    np.testing.assert_allclose(found.demand[7:15, 0], expected)
    np.testing.assert_allclose(found.cpm[7:10, 0], [1.5, 1.5, 1.2])
    np.testing.assert_allclose(found.price_sensitivity[7:11, 0], [1.3, 1.3, 1.3, 1])


def test_the_deal_of_the_day_is_that_of_the_greatest_lift_and_half_as_deep_before() -> None:
    deal = replace(FAIR, usual_deal_frac=0.3, deal_seekers_frac=0.5)
    sale = replace(
        FAIR,
        event_id="sale",
        start=date(2026, 5, 12),
        end=date(2026, 5, 13),
        lead_in_days=0,
        peak_demand=1.5,
        usual_deal_frac=0.1,
        deal_seekers_frac=0.9,
    )
    found = calendar(custom_events=[at(deal), at(sale)])
    # May 7 to 15: four days of lead-in, two of the fair, one of the sale in the fair's dip, dips.
    np.testing.assert_allclose(found.usual_deal[3:12, 0], [0.15] * 4 + [0.3] * 2 + [0.1] + [0] * 2)
    # The lead-in's lift is a quarter up on its first day, and so is the depth that it answers.
    np.testing.assert_allclose(found.deal_in_lift[3:12, 0], [0.0375, 0.075, 0.1125, 0.15, 0.3, 0.3, 0.1, 0, 0])
    # Of a lift of 2 half a day's visits are extra, of 1.5 a third.
    shares = [0.5 * 0.1 / 1.1, 0.5 * 0.2 / 1.2, 0.5 * 0.3 / 1.3, 0.5 * 0.4 / 1.4, 0.25, 0.25, 0.3, 0, 0]
    np.testing.assert_allclose(found.deal_share[3:12, 0], shares)
    np.testing.assert_allclose(found.demand_at_list_price[9, 0], 0.8 * (1 + 0.5 * 0.1))
    seen = np.array([[[0.0, 0.15, 0.3, 0.6]]])
    np.testing.assert_allclose(found.turnout(7, seen)[0, 0], [0.75, 0.875, 1, 1])
    assert (found.turnout(0, seen) == 1.0).all()


def test_an_event_that_keeps_buyers_away_lowers_demand() -> None:
    strike = DatedEvent(
        event_id="strike",
        name="Strike",
        start=date(2026, 5, 6),
        end=date(2026, 5, 7),
        peak_demand=0.5,
        cpm=0.8,
        night_share=0.5,
    )
    found = calendar(custom_events=[at(strike)])
    np.testing.assert_allclose(found.demand[:5, 0], [1, 1, 0.5, 0.5, 1])
    np.testing.assert_allclose(found.cpm[:5, 0], [1, 1, 0.8, 0.8, 1])
    np.testing.assert_allclose(found.daypart_activity[2, 0], np.array([4, 2, 1]) / 7)


def test_the_price_of_reach_of_two_events_is_no_product() -> None:
    found = calendar(custom_events=[at(FAIR), at(replace(FAIR, event_id="twin"))])
    np.testing.assert_allclose(found.demand[:9, 0], calendar(custom_events=[at(FAIR)]).demand[:9, 0])
    np.testing.assert_allclose(found.cpm, calendar(custom_events=[at(FAIR)]).cpm)


def test_weekdays_are_counted_from_monday_and_a_closed_day_has_no_demand() -> None:
    weekday = np.array([[1.1, 1.0, 1.0, 1.2, 1.3, 1.4, 0.0]])
    found = calendar(weekday=weekday)  # May 4, 2026 is a Monday
    np.testing.assert_allclose(found.demand[:7, 0], weekday[0])
    assert found.demand[:7, 0].mean() == pytest.approx(weekday.mean())
    np.testing.assert_allclose(found.cpm, 1.0)


def test_public_holidays_of_each_region_multiply_demand() -> None:
    """Christmas Day and Boxing Day of 2028 are a Monday and a Tuesday; Boxing Day is no holiday in the US."""
    found = calendar(countries=("US", "GB"), start=date(2028, 12, 24), days=4, holiday_demand=0.5)
    assert found.holiday.T.tolist() == [[False, True, False, False], [False, True, True, False]]
    np.testing.assert_allclose(found.demand.T, [[1, 0.5, 1, 1], [1, 0.5, 0.5, 1]])


def test_an_event_counts_only_in_its_regions_and_where_its_id_is_listed() -> None:
    found = calendar(
        countries=("US", "GB", "US"),
        event_ids=[("black_friday",), ("black_friday",), ()],
        start=date(2026, 11, 27),
        days=1,
        custom_events=[at(replace(FAIR, start=date(2026, 11, 27), end=date(2026, 11, 27), peak_demand=5.0), 1)],
    )
    np.testing.assert_allclose(found.demand, [[4.27, 5.0, 1.0]])


MONTHS = np.array([0.8, 0.85, 0.9, 0.95, 1.0, 1.0, 0.95, 0.9, 1.0, 1.1, 1.5, 1.7])


@given(
    st.lists(st.floats(0.05, 5.0), min_size=12, max_size=12),
    st.sampled_from([2024, 2025, 2026, 2100]),
)
def test_the_mean_of_a_whole_year_is_the_mean_of_the_months(values: list[float], year: int) -> None:
    month = np.array(values)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    curve = seasonal_index(month, days)
    assert curve.mean() == pytest.approx(month.mean(), rel=1e-12)
    assert (curve > 0).all()


def test_the_season_has_no_jump_at_the_end_of_a_month_or_of_a_year() -> None:
    """Between two middles that lie about 30 days apart a day moves by a thirtieth of the difference at most.

    The steepest neighbours differ by 0.9 (December to January); a month of 29.5 days and the scale of a year allow
    0.9 / 29.5 = 0.0305, and a little more where a leap year's scale meets that of a common year.
    """
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(4 * 365 + 1)]
    curve = seasonal_index(MONTHS, days)
    assert np.abs(np.diff(curve)).max() < 0.031


def test_a_month_s_middle_has_its_number_and_a_month_s_end_lies_between() -> None:
    """January 2027 has its middle on the 16th. Only the year's scale, near 1, stands between the two."""
    day = [date(2027, 1, 16), date(2027, 1, 31), date(2027, 2, 1)]
    curve = seasonal_index(MONTHS, day)
    assert curve[0] == pytest.approx(0.8, rel=0.01)
    assert curve[0] < curve[1] < curve[2] < 0.86


def test_a_flat_year_is_flat() -> None:
    np.testing.assert_allclose(calendar(month=np.full((1, 12), 0.7), days=800).demand, 0.7)


def test_season_moves_demand_and_price_of_reach_each_by_its_own_index() -> None:
    found = calendar(month=MONTHS[None], cpm_month=2 * MONTHS[None, ::-1])
    np.testing.assert_allclose(found.demand[:, 0], seasonal_index(MONTHS, found.dates))
    np.testing.assert_allclose(found.cpm[:, 0], seasonal_index(2 * MONTHS[::-1], found.dates))


def test_regions_can_be_permuted() -> None:
    rng = np.random.default_rng(5)
    order = [2, 0, 1]
    countries = ("US", "AE", "CN")
    ids = [("black_friday",), ("ramadan", "black_friday"), ("singles_day", "lunar_new_year")]
    weekday, month, price = rng.uniform(0.5, 2, (3, 7)), rng.uniform(0.5, 2, (3, 12)), rng.uniform(0.5, 2, (3, 12))
    one = calendar(
        countries=countries,
        event_ids=ids,
        weekday=weekday,
        month=month,
        cpm_month=price,
        start=date(2026, 11, 1),
        days=120,
    )
    two = calendar(
        countries=tuple(countries[r] for r in order),
        event_ids=[ids[r] for r in order],
        weekday=weekday[order],
        month=month[order],
        cpm_month=price[order],
        start=date(2026, 11, 1),
        days=120,
    )
    for name in ("demand", "cpm", "price_sensitivity", "event_strength", "days_to_event", "holiday", "deal_in_lift"):
        np.testing.assert_array_equal(getattr(one, name)[:, order], getattr(two, name))
    np.testing.assert_array_equal(one.daypart_activity[:, order], two.daypart_activity)


def test_ramadan_moves_the_day_into_the_night() -> None:
    found = calendar(
        countries=("SA",),
        event_ids=[("ramadan",)],
        start=date(2027, 2, 7),
        days=31,
        daypart_activity=np.array([[0.40, 0.33, 0.27]]),
    )
    np.testing.assert_allclose(found.daypart_activity[0, 0, 2], 0.27)
    np.testing.assert_allclose(found.daypart_activity[1:30, 0, 2], 0.36, atol=0.001)
    assert found.event_strength[0, 0] == pytest.approx(0.18)
    # Sales are up by 51 %; at the usual 10 % off they are nine tenths of the orders.
    assert 0.9 * (1 + found.event_strength[1:30, 0].mean()) == pytest.approx(1.51, abs=0.005)
    assert found.event_strength[30, 0] == pytest.approx(-0.2)


@given(
    st.dates(date(2015, 1, 1), date(2045, 1, 1)),
    st.integers(1, 100),
    st.sampled_from(["US", "AE", "CN", "GB", "SG", "TR", "BR"]),
)
def test_the_laws_of_every_calendar(start: date, days: int, country: str) -> None:
    from xbopt.core.tables.events import event_ids

    found = calendar(countries=(country,), start=start, days=days, event_ids=[event_ids(country)], holiday_demand=0.9)
    assert len(found.dates) == days
    assert (found.dates[0], found.dates[-1]) == (start, start + timedelta(days=days - 1))
    assert (found.demand > 0).all()
    assert (found.cpm > 0).all()
    assert (found.price_sensitivity >= 1).all()
    assert ((found.days_to_event >= 0) & (found.days_to_event <= 60)).all()
    np.testing.assert_allclose(found.daypart_activity.sum(axis=2), 1.0)
    half = calendar(countries=(country,), start=start, days=1, event_ids=[event_ids(country)], holiday_demand=0.9)
    np.testing.assert_array_equal(found.demand[:1], half.demand)
    np.testing.assert_array_equal(found.days_to_event[:1], half.days_to_event)


@given(st.integers(0, 20), st.floats(1, 4), st.integers(0, 20), st.floats(0, 1))
def test_a_ramp_rises_to_the_event_and_a_dip_recovers_after_it(lead: int, high: float, dip: int, low: float) -> None:
    event = replace(FAIR, lead_in_days=lead, lead_in_demand=high, dip_days=dip, dip_demand=low)
    demand = event_demand(event, event.start - timedelta(days=25), 52)
    assert (np.diff(demand[:25]) >= -1e-12).all()
    assert (np.diff(demand[27:]) >= -1e-12).all()
    assert demand[24] == pytest.approx(high if lead else 1.0)
    assert demand[27] == pytest.approx(low if dip else 1.0)
    assert demand[0] == demand[-1] == 1.0


def test_the_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        calendar().demand[0, 0] = 2.0


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"weekday": np.ones((1, 6))}, DecisionError, "weekday"),
        ({"month": np.ones((2, 12))}, DecisionError, "month"),
        ({"weekday": np.full((1, 7), -0.1)}, UsageError, "weekday holds"),
        ({"month": np.zeros((1, 12))}, UsageError, "month is 0 throughout"),
        ({"month": np.full((1, 12), np.nan)}, UsageError, "month holds"),
        ({"cpm_month": np.eye(12)[:1]}, UsageError, "cpm_month holds a 0"),
        ({"daypart_activity": np.zeros((1, 3))}, UsageError, "daypart_activity is 0"),
        ({"night_dayparts": np.array([True])}, UsageError, "night_dayparts"),
        ({"holiday_demand": -1.0}, UsageError, "holiday_demand"),
        ({"days": 0}, UsageError, "one day"),
        ({"event_ids": []}, UsageError, "event_ids has 0 lists for 1 regions"),
        ({"event_ids": [("carnival",)]}, TableError, "'carnival' is unknown"),
        ({"countries": ("UK",)}, TableError, "country 'UK' is unknown"),
        ({"custom_events": [at(FAIR, 1)]}, UsageError, "names region 1"),
        (
            {
                "custom_events": [at(replace(FAIR, night_share=0.0))],
                "daypart_activity": np.array([[0.0, 0.0, 1.0]]),
            },
            UsageError,
            "all night",
        ),
    ],
)
def test_what_makes_no_calendar_is_refused(changes: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        calendar(**changes)
