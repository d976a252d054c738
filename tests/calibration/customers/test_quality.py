"""The quality report, sessions of robots, and the index of mood: bad data give a message or the right result."""

from datetime import date, timedelta
from typing import get_args

import polars as pl
import pytest

from tests.calibration.customers.orders import FIRST, line, simulated_orders, table
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.cleaning_rules import CleaningRules
from xbopt.calibration.customers.cleaning_sessions import clean_sessions
from xbopt.calibration.customers.quality import FindingCode, data_quality
from xbopt.calibration.customers.sentiment import sentiment_index
from xbopt.reports.calibration.quality_words import SENTENCES, quality_sentence
from xbopt.reports.kit.numbers import NumberFormat

NUMBERS = NumberFormat(locale="en", currency="EUR", is_for_terminal=True)


def codes(orders: pl.DataFrame, rules: CleaningRules | None = None) -> set[str]:
    quality = data_quality(clean(orders, rules=rules))
    assert all(quality_sentence(finding, NUMBERS) for finding in quality.findings)
    return {finding.code for finding in quality.findings}


def test_good_data_are_only_short_of_what_they_lack():
    assert codes(simulated_orders(300, 300, 1)) == {"no_refunds", "no_discounts", "revenue_computed"}


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        (table(line("1", "a", 1)).clear(), "no_sales"),
        (table(line("1", "a", 1, status="cancelled")), "no_sales"),
        (table(line("1", "a", 1, unit_price=0.0)), "no_sales"),
        (table(line("1", "a", 1), line("2", "b", 1)), "one_day"),
        (table(line("1", "a", 1), line("2", "a", 9)), "one_customer_holds_much"),
        (table(line("1", None, 1), line("2", None, 9)), "no_customers"),
        (table(line("1", "a", 1), line("2", "a", 99)), "days_missing"),
        (table(line("1", "a", 1), line("2", "a", 9, country=None), line("3", "b", 9)), "few_customers"),
        (table(line("1", "a", 1, country=None), line("2", "a", 9, country=None)), "no_country"),
        (
            table(*(line(str(i), f"c{i}", i, unit_price=-1.0 if i % 3 == 0 else 5.0) for i in range(90))),
            "much_left_out",
        ),
    ],
)
def test_bad_data_are_told(orders, code):
    assert code in codes(orders)


def test_future_orders_are_told_and_left_out():
    orders = table(line("1", "a", 1), line("2", "a", 900))
    rules = CleaningRules(as_of=FIRST + timedelta(days=30))
    assert "future_dates" in codes(orders, rules)


def test_every_code_has_a_sentence():
    assert set(SENTENCES) == set(get_args(FindingCode))


def session(day: int, sessions: int, engaged: int, **other: object) -> dict:
    when = FIRST + timedelta(days=day)
    return {"date": when, "country": "DE", "channel": "direct", "sessions": sessions, "engaged": engaged} | other


def test_a_spike_of_idle_sessions_is_robots_and_a_busy_day_is_not():
    usual = [session(day, 100 + day % 5, 60) for day in range(30)]
    rows = pl.DataFrame([*usual, session(40, 5000, 70), session(41, 1200, 800)])
    cleaned = clean_sessions(rows)
    assert cleaned.rows["robots"] == 1
    assert cleaned.sessions_of["robots"] == 5000
    assert cleaned.sessions.height + sum(cleaned.rows.values()) == cleaned.rows_in == 32


def test_sessions_that_contradict_themselves_are_out():
    rows = pl.DataFrame([session(1, 10, 5, orders=11), session(2, -3, 0, orders=0), session(3, 10, 5, orders=1)])
    cleaned = clean_sessions(rows)
    assert cleaned.rows["more_orders_than_sessions"] == 1
    assert cleaned.rows["sessions_missing_or_negative"] == 1
    assert cleaned.sessions.height == 1


def test_a_bad_month_of_reviews_and_returns_shows_and_few_scores_say_little():
    months = [date(2025, month, 15) for month in range(1, 13)]
    rows = [(day, "DE", "review", 0.6 if n < 11 else -0.6) for n, day in enumerate(months) for _ in range(200)]
    rows += [(day, "FR", "review", -0.6) for day in months[-1:]]
    feedback = pl.DataFrame(rows, schema=["date", "country", "kind", "score"], orient="row")
    german, french = sentiment_index(feedback)
    assert german.start < -1.5
    assert german.volatility is not None
    assert (german.index[:11] > 0.0).all()
    # One score against a prior of twenty.
    assert -0.2 < french.start < 0.0
    assert french.volatility is None
    orders = pl.DataFrame(
        [{"order_id": f"{m}-{i}", "date": d, "country": "DE"} for m, d in enumerate(months) for i in range(50)]
    )
    returns = pl.DataFrame([{"date": months[3], "country": "DE"} for _ in range(40)])
    with_returns = sentiment_index(feedback, orders, returns)[0]
    assert with_returns.index[3] < german.index[3] - 0.5
