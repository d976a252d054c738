"""The value for a coming period: days like those to come count, and a period that the log never saw is refused."""

from datetime import date

import numpy as np
import pytest

from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, evaluate_period
from xbopt.ope.coming_period import day_weights
from xbopt.ope.logs.period import events_by_day, parse_period

START = np.datetime64("2026-05-04")  # a Monday


def days(first, number):
    return np.datetime64(first) + np.arange(number)


def world(seed, weeks=8, a_day=40, shock=0.0, **more):
    """Action 1 earns 2 more at weekends and 1 less on other days; weekends are rich. No trend."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(7 * weeks), a_day)
    weekend = day % 7 >= 5
    action = rng.integers(0, 2, len(day))
    reward = 3.0 * weekend + action * np.where(weekend, 2.0, -1.0) + rng.normal(size=len(day))
    reward += shock * rng.normal(size=7 * weeks)[day]
    data = LoggedBanditData(
        context=weekend[:, None].astype(float), action=action, reward=reward, propensity=np.full(len(day), 0.5),
        n_actions=2, **more,
    )  # fmt: skip
    return data, (START + day).astype("datetime64[us]") + np.timedelta64(9, "h")


def always(rows):
    return np.tile([0.0, 1.0], (rows, 1))


def test_day_weights_by_hand():
    # Logged: two Mondays (1 and 3 rows) and a Tuesday (4 rows). To come: a Monday and two Tuesdays. A row of a Monday
    # counts 1/2, one of the Tuesday 2: sum 4 / 2 + 8 = 10 over 8 rows, so divided by 10 / 8.
    logged = np.array([START] + [START + 7] * 3 + [START + 1] * 4)
    to_come = np.array([START + 14, START + 15, START + 22])
    times, unseen, like = day_weights(logged, to_come, {})
    np.testing.assert_allclose(times, np.array([0.5] * 4 + [2.0] * 4) * 0.8)
    assert (unseen.tolist(), like) == ([False] * 3, 3)
    # A sale on one Monday is like no ordinary one, and a Wednesday like no day of the log.
    event = {date(2026, 5, 11): "sale", date(2026, 5, 18): "sale"}
    times, unseen, like = day_weights(logged, np.array([START + 14, START + 16]), event)
    assert times.tolist() == [0.0] + [8.0 / 3.0] * 3 + [0.0] * 4
    assert (unseen.tolist(), like) == ([False, True], 1)


@pytest.mark.parametrize(
    ("first", "unseen"),
    [("2026-06-01", 0), ("2027-05-03", 0), ("2026-12-01", 14), ("2025-12-29", 14), ("2026-03-20", 0)],
)
def test_a_season_is_45_days_around_in_any_year(first, unseen):
    # Logged: all May. 45 days before 1 May is 17 March; of other years it is the day of the year that counts.
    found = day_weights(days("2026-05-01", 31), days(first, 14), {})[1]
    assert found.sum() == unseen


@pytest.mark.statistical
def test_the_value_of_a_weekend_is_that_of_weekends():
    # At a weekend action 1 earns 3 + 2 = 5, half of the log's rows took it: what was done earned 4. With 16 weekend
    # days as clusters a 95 % interval may miss in 5 %: of 40 logs 2, with a deviation of 1.4; 4 more are 7.6.
    missed = wrong = 0
    for seed in range(40):
        data, decided = world(seed, shock=0.5)
        found = evaluate_period(data, always(len(data)), decided, "2026-07-04", "2026-07-05")
        assert found.verdict == "CAUTION"
        missed += not found.values["dr"].low <= 5.0 <= found.values["dr"].high
        wrong += not found.difference.low <= 1.0 <= found.difference.high
    assert missed <= 7
    assert wrong <= 7


def test_a_whole_week_is_the_mean_of_its_days_and_says_what_is_assumed():
    data, decided = world(1)
    found = evaluate_period(data, always(len(data)), decided, date(2026, 6, 29), date(2026, 7, 5))
    # 5 days of -1 and 2 of 5: 5/7; what was done: 5 of -1/2 and 2 of 4, 5.5/7.
    assert abs(found.values["dr"].value - 5.0 / 7.0) < 4 * found.values["dr"].se
    assert abs(found.difference.value + 0.5 / 7.0) < 4 * found.difference.se
    # Of each weekday the last 6 of 8 lie within 45 days: Mondays from 18 May to 29 June, Sundays from 24 May to 5 July.
    assert (found.period.days, found.period.unseen, found.period.log_days, found.period.like_days) == (7, 0, 56, 42)
    assert found.reasons[-1].startswith("The value is for 2026-06-29 to 2026-07-05: 42 of the log's 56 days count")
    assert {"dr", "snips", "ips"} == set(found.values)


def test_december_is_refused_from_a_log_of_may():
    data, decided = world(2, weeks=4)
    found = evaluate_period(data, always(len(data)), decided, "2026-12-01", "2026-12-31", force=True)
    assert (found.verdict, found.withheld) == ("REFUSE", True)
    assert "31 of the 31 days" in found.reasons[0]
    assert not found.values
    assert found.difference is None
    # A week into the unknown: the last days of a longer period are unseen, and so is its value.
    partly = evaluate_period(data, always(len(data)), decided, "2026-06-01", "2026-07-31")
    assert (partly.verdict, partly.period.unseen > 3) == ("REFUSE", True)
    assert not partly.values
    forced = evaluate_period(data, always(len(data)), decided, "2026-06-01", "2026-07-31", force=True)
    assert forced.values["dr"].low < forced.values["dr"].high


def test_what_the_log_refuses_is_refused_for_every_period():
    data, decided = world(3, weeks=2, a_day=2)
    assert evaluate_period(data, always(28), decided, "2026-05-18", "2026-05-24").verdict == "REFUSE"
    # One weekend day of two weeks: 4 days of 40 rows with action 1 in half of them are enough, one day's luck is not.
    few, when = world(3, weeks=2, a_day=200)
    one = evaluate_period(few, always(len(few)), when, "2026-05-23", "2026-05-23")
    assert "few_clusters" in [finding.code for finding in one.findings] or one.verdict == "REFUSE"


def test_rows_that_share_a_customer_are_never_narrower():
    data, decided = world(4, shock=0.0)
    alone = evaluate_period(data, always(len(data)), decided, "2026-07-06", "2026-07-12")
    shared, _ = world(4, shock=0.0, cluster=np.arange(len(data)) % 40)
    found = evaluate_period(shared, always(len(data)), decided, "2026-07-06", "2026-07-12")
    assert found.values["dr"].low <= alone.values["dr"].low + 1e-9
    assert found.values["dr"].high >= alone.values["dr"].high - 1e-9


def test_periods_and_moments_are_checked():
    data, decided = world(5, weeks=1)
    for first, last in (("2026-05-02", "2026-05-01"), ("2026-01-01", "2046-01-01"), ("May", "June")):
        with pytest.raises(UsageError, match="period"):
            evaluate_period(data, always(len(data)), decided, first, last)
    with pytest.raises(DecisionLogError, match="a moment a row"):
        evaluate_period(data, always(len(data)), np.arange(len(data)), "2026-05-01", "2026-05-02")
    assert parse_period("2026-12-01..2026-12-31") == (date(2026, 12, 1), date(2026, 12, 31))
    for text in ("2026-12-01", "2026-12-31..2026-12-01", "a..b"):
        with pytest.raises(UsageError, match="--for"):
            parse_period(text)


def test_events_of_a_country_name_their_days_and_the_days_around_them():
    named = events_by_day("US", date(2026, 11, 1), date(2026, 11, 30))
    assert "black_friday" in named[date(2026, 11, 27)].split(", ")
    assert "before black_friday" in named[date(2026, 11, 24)]
