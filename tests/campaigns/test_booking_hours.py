"""Hours of a plan on the clock of an account: zones, changed clocks, and what platforms take."""

from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.campaigns.booking_exports import Campaign, google_editor, tiktok
from xbopt.campaigns.booking.account import Account
from xbopt.campaigns.booking.booking import Booking, write_sheets
from xbopt.campaigns.booking.hours import (
    MOST_INTERVALS,
    as_intervals,
    bid_levels,
    bid_schedule,
    half_hours,
    half_hours_as_percent,
    intervals_as_percent,
    lag_quarters,
    moves_within,
    on_account_clock,
    weights_by,
)
from xbopt.campaigns.booking.mapping import MappedCampaign
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.scenario.loading import load_scenario

SCENARIO = load_scenario("quickstart")
NEW_YORK = Account(currency="EUR", base_per_unit=1.0, timezone="America/New_York")
BERLIN = replace(NEW_YORK, timezone="Europe/Berlin")
MAPPING = (MappedCampaign(campaign="DE search", region="DE", channel="search"),)
PARTS = np.repeat([0, 1, 2, 3], [28, 20, 24, 24])  # quickstart: night to 7, morning to 12, afternoon to 18, evening


def days_of(weights: tuple[float, ...], first: int = 0, count: int = 1) -> PlannedDays:
    """Ten euros a day and cell, with these dayparts everywhere."""
    r, s, c, _ = SCENARIO.shape
    return PlannedDays(
        first_day=first,
        spend_base=np.full((count, r, s, c), 10.0),
        daypart_weights=np.broadcast_to(np.array(weights), (r, c, 4)).copy(),
        discount_frac=np.zeros((count, r, s)),
        mechanic=np.zeros((count, r, s), dtype=np.int64),
    )


def booked(campaign: Campaign, days: PlannedDays, account: Account = BERLIN) -> Booking:
    """A campaign of the Editor, booked."""
    return write_sheets(days, SCENARIO, "google_editor", google_editor([campaign]), MAPPING, account=account)


def schedules(made: Booking) -> list[str]:
    """What stands in the schedule of the one campaign, sheet by sheet."""
    return [content.decode("utf-16").split("\r\n")[1].split("\t")[5] for content in made.sheets.values()]


def codes(made: Booking) -> set[str]:
    """Why something is not as planned."""
    return {row.code for row in made.check}


def test_bids_are_planned_spend_over_usual_spend():
    """By hand: 40 % of the spend where 10 % of the people are is four times the bid; the mean is one."""
    audience = np.array([0.1, 0.24, 0.34, 0.32])
    levels = bid_levels(np.array([0.4, 0.2, 0.2, 0.2]), audience)
    assert levels[0] == pytest.approx(4.0)
    assert audience @ levels == pytest.approx(1.0)


def test_the_evening_of_berlin_is_the_afternoon_of_new_york():
    """Six hours: 18 to 24 in Berlin is 12 to 18 in New York; the night from 0 to 7 is 18 to 1."""
    made = booked(Campaign(id="1", name="DE search"), days_of((0.0, 0.3, 0.3, 0.4)), NEW_YORK)
    assert schedules(made)[0].startswith(
        "(Monday@125%[01:00-06:00]);(Monday@88%[06:00-12:00]);(Monday@125%[12:00-18:00]);"
    )
    assert "18:00-24:00" not in schedules(made)[0]
    assert ("other_day", "+6") in {(row.code, row.detail) for row in made.check}


def test_a_sheet_is_cut_where_one_clock_changes_before_the_other():
    """Europe changes on 25 October, America on 1 November: six hours, five for a week, six again."""
    days = days_of((0.0, 0.3, 0.3, 0.4), first=17, count=11)
    made = booked(Campaign(id="1", name="DE search"), days, NEW_YORK)
    assert [name[14:35] for name in made.sheets] == [
        "2026-10-22_2026-10-24",
        "2026-10-25_2026-10-31",
        "2026-11-01_2026-11-01",
    ]
    first, week, last = schedules(made)
    assert first == last
    assert "12:00-18:00" in first
    assert "13:00-19:00" in week
    moved = {row.first for row in made.check if row.code == "clock_change"}
    # At 1:00 UTC on the 25th it is still the 24th in New York; at 6:00 UTC on the 1st it is 1:00 there.
    assert moved == {date(2026, 10, 24), date(2026, 11, 1)}
    assert np.allclose(made.booked.daypart_weights[0, 0], [0.0, 0.3, 0.3, 0.4], atol=0.005)


def test_both_clocks_change_together_in_one_zone():
    """Berlin and Paris change at the same moment: no cut, and nothing to tell."""
    berlin, paris = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Paris")
    assert not moves_within(berlin, paris, date(2026, 10, 25))
    assert moves_within(berlin, ZoneInfo("America/New_York"), date(2026, 10, 25))


@pytest.mark.parametrize(
    ("zone", "quarters"),
    [("Asia/Kolkata", 22), ("Asia/Kathmandu", 23), ("Australia/Adelaide", 42), ("America/St_Johns", -14)],
)
def test_zones_of_half_and_quarter_hours(zone: str, quarters: int):
    """Against London in winter."""
    assert lag_quarters(ZoneInfo("Europe/London"), ZoneInfo(zone), date(2026, 12, 1)) == quarters


def test_a_schedule_survives_its_way_to_any_zone_and_back():
    """The spend by part of the region's day comes back to the rounding of whole percents, whatever the zones."""
    audience = SCENARIO.audience[0]
    wanted = np.array([0.05, 0.35, 0.25, 0.35])
    for lag in range(-56, 57):
        bids = on_account_clock([bid_levels(wanted, audience)], [lag], PARTS, np.ones(1))
        schedule = bid_schedule(bids, on_off=False)
        text = as_intervals(schedule)
        read = intervals_as_percent(text)
        assert read is not None
        np.testing.assert_allclose(read, schedule.percent)
        np.testing.assert_allclose(weights_by(read, lag, PARTS, audience), wanted, atol=0.005)
        assert max(text.count(day) for day in ("Monday", "Sunday")) <= MOST_INTERVALS


def test_a_day_has_no_more_intervals_than_the_platform_takes():
    """24 parts of the day become six intervals whose bids are the nearest to each other; pauses stay pauses."""
    bids = np.repeat(np.linspace(0.5, 1.5, 24), 4)
    bids[:8] = 0.0
    schedule = bid_schedule(bids, on_off=False)
    assert as_intervals(schedule).count("Monday") <= MOST_INTERVALS
    assert np.array_equal(schedule.percent == 0, bids == 0.0)
    assert schedule.merged
    comb = np.tile([0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0], 12)
    assert as_intervals(bid_schedule(comb, on_off=False)).count("Monday") == MOST_INTERVALS


def test_bids_beyond_the_platform_are_moved_to_its_bounds_and_counted():
    """A tenth of the bid at least, ten times at most."""
    schedule = bid_schedule(np.repeat([0.01, 12.0, 1.0], 32), on_off=False)
    assert set(schedule.percent.tolist()) == {10, 1000, 100}
    assert schedule.clipped == 64


def test_a_smart_bid_strategy_takes_hours_on_or_off_alone():
    """Without pauses nothing is written and the audience's day holds; with them hours go off and bids stay."""
    smart = Campaign(id="1", name="DE search", bidding="Maximize conversions")
    made = booked(smart, days_of((0.1, 0.2, 0.3, 0.4)))
    assert schedules(made) == [""]
    assert "hours_only_on_off" in codes(made)
    np.testing.assert_allclose(made.booked.daypart_weights[0, 0], SCENARIO.audience[0])
    made = booked(smart, days_of((0.0, 0.2, 0.3, 0.5)))
    assert schedules(made)[0].startswith("(Monday[07:00-24:00]);(Tuesday[07:00-24:00])")
    on = SCENARIO.audience[0] * [0.0, 1.0, 1.0, 1.0]
    np.testing.assert_allclose(made.booked.daypart_weights[0, 0], on / on.sum())


def test_a_schedule_that_the_plan_says_nothing_of_stays():
    """Hours that somebody switched off are not switched on by a plan without a wish, and count in what is booked."""
    there = Campaign(id="1", name="DE search", schedule="(Monday[07:00-24:00]);(Tuesday[07:00-24:00])")
    made = booked(there, days_of(tuple(SCENARIO.audience[0])))
    assert schedules(made) == [there.schedule]
    assert "hours_left" in codes(made)
    assert made.booked.daypart_weights[0, 0, 0] == 0.0


def test_without_the_accounts_zone_no_hours_are_written():
    """A schedule on an unknown clock would be worse than none."""
    made = booked(Campaign(id="1", name="DE search"), days_of((0.0, 0.3, 0.3, 0.4)), replace(BERLIN, timezone=""))
    assert schedules(made) == [""]
    assert "hours_no_zone" in codes(made)


def test_half_hours_round_to_on_and_no_hours_at_all_mean_all():
    """A quarter of an hour on makes the half hour on; TikTok reads only zeros as always on."""
    bids = np.zeros(96)
    bids[3] = 1.0
    assert half_hours(bids).percent.tolist()[:6] == [0, 0, 100, 100, 0, 0]
    assert half_hours(bids).merged == 1
    everything = half_hours_as_percent("0" * 336)
    assert everything is not None
    assert np.all(everything == 100.0)
    assert half_hours_as_percent("01") is None


def test_tiktok_gets_one_digit_for_each_half_hour_of_the_week():
    """Night off in Berlin, on the clock of Berlin: 14 zeros and 34 ones a day."""
    export = tiktok([Campaign(id="1", name="DE search", budget="60")])
    made = write_sheets(days_of((0.0, 0.3, 0.3, 0.4)), SCENARIO, "tiktok", export, MAPPING, account=BERLIN)
    from python_calamine import CalamineWorkbook

    (content,) = made.sheets.values()
    import io

    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert rows[1][8] == ("0" * 14 + "1" * 34) * 7
