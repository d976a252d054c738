"""What customers are for a market: types that repeat as the model says, buckets and ageing as walked day by day."""

from math import factorial

import numpy as np
import pytest

from tests.calibration.customers.orders import line, simulated_orders, simulated_types, table
from xbopt.calibration.customers.bg_nbd import fit_bg_nbd
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.customer_types import CustomerTypes, _by_type, _log_likelihood, fit_types
from xbopt.calibration.customers.lifecycle import BUCKETS, Spells, bucket_counts, bucket_rates, spell_days
from xbopt.calibration.customers.market_customers import cohorts, market_customers
from xbopt.calibration.customers.purchases import RepeatSummary, purchases_of, repeat_summary

TRUTH = CustomerTypes(
    share=np.array([0.2, 0.3, 0.5]),
    promotion_share=None,
    order_rate=np.array([0.02, 0.005, 0.001]),
    dropout=np.array([0.001, 0.003, 0.01]),
)

POORER = CustomerTypes(
    share=np.array([0.05, 0.25, 0.7]), promotion_share=None, order_rate=TRUTH.order_rate, dropout=TRUTH.dropout
)


@pytest.mark.statistical
def test_intervals_of_repeat_figures_cover_what_a_market_of_types_does():
    fits = [fit_types(simulated_types(TRUTH, 800, 365, seed)) for seed in range(40)]
    for figure in ("second_order", "expected_orders"):
        for days in (90, 365):
            truth = getattr(TRUTH, figure)(days)
            hits = sum(one.low <= truth <= one.high for one in (getattr(fit, figure)(days) for fit in fits))
            # Binomial(40, .95): mean 38, 4 standard errors are 5.5.
            assert hits >= 33, (figure, days)


@pytest.mark.statistical
def test_bg_nbd_is_off_where_customers_leave_silently_which_is_why_types_are_fitted_by_themselves():
    summary = simulated_types(TRUTH, 20_000, 365, 1)
    assert fit_bg_nbd(summary).second_order(90.0).high < 0.95 * TRUTH.second_order(90)
    # 20,000 customers: a standard error of the chance is about .004 of .29.
    assert fit_types(summary).second_order(90).value == pytest.approx(TRUTH.second_order(90), rel=0.05)


def test_the_likelihood_of_a_type_is_that_of_watching_it():
    # Over all x and last purchases the chances sum to 1: x = 0, and x = 1, 2, ... at each time, by quadrature.
    rate, dropout, age = np.array([0.03]), np.array([0.02]), 50.0
    never = np.exp(_by_type(rate, dropout, np.zeros(1), np.zeros(1), np.full(1, age))[0][0, 0])
    times = (np.arange(20_000) + 0.5) * age / 20_000
    total = never
    for x in range(1, 30):
        each = np.exp(_by_type(rate, dropout, np.full(20_000, float(x)), times, np.full(20_000, age))[0][:, 0])
        # The x - 1 purchases before the last lie anywhere before it: t^(x-1) / (x-1)! of room.
        total += float((each * times ** (x - 1) / factorial(x - 1)).sum()) * age / 20_000
    assert total == pytest.approx(1.0, abs=1e-6)


def test_slopes_are_those_of_the_likelihood():
    summary = simulated_types(TRUTH, 300, 365, 3)
    at = np.array([0.3, -0.4, -4.0, -5.0, -6.5, -6.0, -5.5, -5.0])
    rows = summary.again.astype(np.float64), summary.last, summary.age, np.ones(300, dtype=np.int64)
    slope = _log_likelihood(at, *rows)[1]
    step = 1e-5 * np.eye(8)
    by_steps = [(_log_likelihood(at + s, *rows)[0] - _log_likelihood(at - s, *rows)[0]) / 2e-5 for s in step]
    assert slope == pytest.approx(by_steps, rel=1e-4, abs=1e-4)


def test_customers_won_on_offers_have_shares_of_their_own():
    usual, poorer = simulated_types(TRUTH, 1500, 365, 5), simulated_types(POORER, 1500, 365, 6)
    both = RepeatSummary(
        **{
            name: np.concatenate([getattr(usual, name), getattr(poorer, name)])
            for name in RepeatSummary.__slots__
            if name not in ("offer", "burn_in_days")
        },
        offer=np.repeat([False, True], 1500),
        burn_in_days=0,
    )
    types = fit_types(both).types
    assert types.promotion_share is not None
    assert types.promotion_share.sum() == pytest.approx(1.0)
    # 1,500 customers: the chance of a second order within 90 days has a standard error of about .008.
    assert types.second_order(90, types.promotion_share) == pytest.approx(POORER.second_order(90), abs=0.03)


def test_a_type_by_hand():
    # Orders with chance 1/2, leaves with chance 1/2: .5 on the first day, .25 * .5 on the second.
    types = CustomerTypes(
        share=np.array([1.0, 0.0, 0.0]), promotion_share=None, order_rate=np.full(3, 0.5), dropout=np.full(3, 0.5)
    )
    assert types.second_order(2) == pytest.approx(0.5 + 0.25 * 0.5)
    assert types.expected_orders(2) == pytest.approx(0.5 + 0.5 * 0.5)


def test_buckets_and_rates_are_those_of_walking_day_by_day():
    generator = np.random.default_rng(2)
    rows = sorted({(int(generator.integers(8)), int(generator.integers(300))) for _ in range(60)})
    purchases = purchases_of(clean(table(*(line(f"{c}-{d}", f"c{c}", d) for c, d in rows))))
    spells, first = Spells.of(purchases), 40
    base = min(day for _, day in rows)
    found, counts = _walk([(c, d - base) for c, d in rows], first, purchases.days)
    rates = bucket_rates(spells, first)
    for bucket in BUCKETS:
        rate = rates[bucket]
        assert [rate.customer_days, rate.orders] == found[bucket][:2], bucket
        assert bucket == "lapsed" or rate.aged == found[bucket][2], bucket
    assert dict(bucket_counts(spells, purchases.days)) == counts[purchases.days]
    assert [int(n) for n in spell_days(spells)[:, 250]] == list(counts[250].values())


def test_pseudonyms_and_row_order_change_nothing_and_regions_are_counted_apart():
    orders = simulated_orders(500, 300, 4)
    other = orders.sample(fraction=1.0, shuffle=True, seed=1)
    found = [_market_of(rows) for rows in (orders, other)]
    assert found[0].segments[0].repeat.at == pytest.approx(found[1].segments[0].repeat.at, rel=1e-6)
    assert sum(found[0].segments[0].customers["DE"].values()) == 500
    assert sum(found[0].segments[0].customers["FR"].values()) == 0


def test_cohorts_are_named_by_their_first_month_and_small_ones_left_out():
    found = cohorts(repeat_summary(purchases_of(clean(simulated_orders(600, 300, 4))), burn_in_days=0))
    assert list(found) == ["2025-01", "2025-04", "2025-07"]


def _market_of(orders):
    purchases = purchases_of(clean(orders))
    return market_customers(purchases, ["all"], np.zeros(len(purchases.names), dtype=np.int64), ["DE", "FR"])


def _walk(rows, first_day, end_day):
    """Play the buckets day by day, the slow and plain way: customer-days, orders, age-outs, counts."""

    def bucket_of(past, today):
        age = today - past[-1]
        if age <= 90:
            return "new" if len(past) == 1 else "active"
        return "at_risk" if age <= 180 else "lapsed"

    found = {bucket: [0, 0, 0] for bucket in BUCKETS}
    days = {who: sorted({day for one, day in rows if one == who}) for who, _ in rows}
    counts = {}
    for today in range(end_day + 1):
        counts[today] = dict.fromkeys(BUCKETS, 0)
        for bought in days.values():
            past = [day for day in bought if day < today]
            if not past:
                continue
            bucket = bucket_of(past, today)
            counts[today][bucket] += 1
            if not first_day <= today < end_day:
                continue
            found[bucket][0] += 1
            if today in bought:
                found[bucket][1] += 1
            elif bucket_of(past, today + 1) != bucket:
                found[bucket][2] += 1
    return found, counts
