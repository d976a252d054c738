"""Repeat purchases: published figures, worked cases, and intervals that cover."""

from datetime import timedelta

import numpy as np
import pytest
from scipy.special import betaln, gammaln

from tests.calibration.customers.orders import FIRST, cdnow_summary, line, simulated_summary, summary_of, table
from xbopt.calibration.customers.bg_nbd import fit_bg_nbd
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.gamma_gamma import fit_gamma_gamma
from xbopt.calibration.customers.purchases import RepeatSummary, purchases_of, repeat_summary
from xbopt.calibration.customers.second_orders import second_orders
from xbopt.core.errors import CalibrationError


@pytest.fixture(scope="module")
def cdnow(data_folder) -> RepeatSummary:
    return cdnow_summary(data_folder)


@pytest.mark.realdata
def test_cdnow_gives_the_published_figures(cdnow):
    fit = fit_bg_nbd(cdnow)
    # Fader, Hardie and Lee (2005), table 2: .243, 4.414, .793, 2.426 and -9582.4.
    assert (round(fit.r, 3), round(fit.alpha, 3)) == (0.243, 4.414)
    assert (round(fit.a, 3), round(fit.b, 3)) == (0.793, 2.426)
    assert round(fit.log_likelihood, 1) == -9582.4
    # The worked customer of the authors' spreadsheet: x = 2, t_x = 30.43, T = 38.86 buys 1.226 times in 39 weeks.
    assert fit.expected_of(summary_of([2], [30.43], [38.86]), 39.0)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.realdata
def test_cdnow_gives_the_published_order_values(cdnow):
    # Fader and Hardie (2013): p 6.25, q 3.74, gamma 15.44.
    fit = fit_gamma_gamma(cdnow)
    assert (fit.p, fit.q, fit.gamma) == pytest.approx((6.25, 3.74, 15.44), rel=2e-3)
    assert fit.customers == 946
    assert fit.is_independent


def test_the_likelihood_is_that_of_the_formula_worked_by_hand():
    # One hundred customers alike in pairs: x = 0 at age 10, x = 1 last at 4 of 10.
    summary = summary_of([0] * 60 + [1] * 60, [0.0] * 60 + [4.0] * 60, [10.0] * 120)
    fit = fit_bg_nbd(summary)
    r, alpha, a, b = fit.parameters
    never = r * np.log(alpha / (alpha + 10.0))
    stays = np.exp(betaln(a, b + 1.0) - betaln(a, b)) * (alpha + 10.0) ** -(r + 1.0)
    leaves = np.exp(betaln(a + 1.0, b) - betaln(a, b)) * (alpha + 4.0) ** -(r + 1.0)
    once = gammaln(r + 1.0) - gammaln(r) + r * np.log(alpha) + np.log(stays + leaves)
    assert fit.log_likelihood == pytest.approx(60.0 * (never + once), rel=1e-9)


@pytest.mark.statistical
def test_intervals_of_the_second_order_and_of_the_rate_cover():
    truth = (0.8, 60.0, 0.9, 2.5)
    chance = 1.0 - (truth[1] / (truth[1] + 90.0)) ** truth[0]
    fits = [fit_bg_nbd(simulated_summary(600, truth, 365.0, seed)) for seed in range(60)]
    hits = sum(low.low <= chance <= low.high for low in (fit.second_order(90.0) for fit in fits))
    # Binomial(60, .95): mean 57, 4 standard errors are 6.8.
    assert hits >= 50
    hits = sum(one.low <= truth[0] <= one.high for one in (fit.interval("r") for fit in fits))
    assert hits >= 50
    orders = [fit.expected_purchases(365.0) for fit in fits]
    # The mean of many simulated customers, watched for a year each, is the truth to 2 percent, well inside an interval.
    many = simulated_summary(60_000, truth, 365.0 * 1.5, 1)
    mean = fit_bg_nbd(many).expected_purchases(365.0).value
    assert sum(one.low <= mean <= one.high for one in orders) >= 50


def test_where_nobody_leaves_the_drop_out_is_called_loose():
    fit = fit_bg_nbd(simulated_summary(400, (1.0, 60.0, 1e-9, 1.0), 365.0, 3))
    assert fit.loose
    assert fit.second_order(90.0).low < 1.0 - (60.0 / 150.0) < fit.second_order(90.0).high


def test_too_few_customers_are_refused_with_what_would_do():
    with pytest.raises(CalibrationError, match="longer period"):
        fit_bg_nbd(simulated_summary(50, (0.8, 60.0, 0.9, 2.5), 365.0, 0))


def test_the_unit_of_time_changes_nothing():
    summary = simulated_summary(500, (0.8, 60.0, 0.9, 2.5), 365.0, 5)
    weeks = summary_of(summary.again, summary.last / 7.0, summary.age / 7.0)
    in_days, in_weeks = fit_bg_nbd(summary), fit_bg_nbd(weeks)
    assert in_weeks.alpha * 7.0 == pytest.approx(in_days.alpha, rel=1e-4)
    assert in_weeks.second_order(90.0 / 7.0).value == pytest.approx(in_days.second_order(90.0).value, rel=1e-6)


def test_values_in_another_currency_scale_and_their_shape_stays():
    generator = np.random.default_rng(1)
    again = generator.integers(1, 6, 300)
    mean = generator.gamma(6.0, 1.0, 300) * 10.0
    usual = fit_gamma_gamma(summary_of(again, again, again + 1.0, mean))
    scaled = fit_gamma_gamma(summary_of(again, again, again + 1.0, 100.0 * mean))
    assert scaled.mean_value.value == pytest.approx(100.0 * usual.mean_value.value, rel=1e-3)
    assert scaled.p == pytest.approx(usual.p, rel=1e-2)


def test_kaplan_and_meier_by_hand():
    # Four customers watched 10, 10, 10 and 2 days; second purchases on day 3 and day 5.
    summary = summary_of([1, 1, 0, 0], [3.0, 5.0, 0.0, 0.0], [10.0, 10.0, 10.0, 2.0])
    seen = RepeatSummary(**{**{name: getattr(summary, name) for name in summary.__slots__}, "second": summary.last})
    # The one watched 2 days is gone before: 1 of 3 on day 3, 1 of 2 on day 5.
    # Greenwood: 2/3 sqrt(1 / (3 * 2)), which is .272.
    assert second_orders(seen, 4.0).se == pytest.approx(0.272, abs=1e-3)
    assert second_orders(seen, 4.0).value == pytest.approx(1.0 / 3.0)
    assert second_orders(seen, 10.0).value == pytest.approx(2.0 / 3.0)
    assert np.isnan(second_orders(seen, 30.0).value)


def test_two_orders_on_one_day_are_one_purchase_and_first_weeks_are_burnt_in():
    orders = table(
        line("1", "old", 0), line("2", "new", 60), line("3", "new", 60), line("4", "new", 70), line("5", "old", 99)
    )
    purchases = purchases_of(clean(orders))
    assert purchases.end_date == FIRST + timedelta(days=100)
    summary = repeat_summary(purchases)
    # A quarter of 100 days is burnt in: only the customer of day 60 is known to be new.
    assert summary.again.tolist() == [1]
    assert (summary.last.tolist(), summary.age.tolist()) == ([10.0], [39.0])


def test_orders_without_customers_are_refused():
    with pytest.raises(CalibrationError, match="column of customers"):
        purchases_of(clean(table(line("1", None, 1))))


@pytest.mark.parametrize(
    ("again", "last", "age"),
    [(1, np.nan, 200.0), (1, 300.0, 200.0), (1, -1.0, 200.0), (-1, 0.0, 200.0), (1, 20.0, np.inf), (0, 20.0, 200.0)],
)
def test_purchases_that_cannot_be_are_refused(again: int, last: float, age: float) -> None:
    good = 400
    summary = summary_of([1] * good + [again], [100.0] * good + [last], [200.0] * good + [age])
    with pytest.raises(CalibrationError, match="1 of 401 customers"):
        fit_bg_nbd(summary)
