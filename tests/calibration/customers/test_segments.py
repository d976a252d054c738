"""The customer table and segments: by hand, and whatever the order of rows, the pseudonyms and the currency."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.calibration.customers.orders import FIRST, line, simulated_orders, table
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.profiles import CUSTOMER_COLUMNS, TRAITS, customer_table, table_by_first_order
from xbopt.calibration.customers.purchases import purchases_of, repeat_summary
from xbopt.calibration.customers.second_orders import second_orders
from xbopt.calibration.customers.segment_names import segment_names
from xbopt.calibration.customers.segments import learn_segments, segment_drift


def test_one_customer_by_hand():
    orders = table(
        line("1", "a", 0, quantity=2.0),
        line("1", "a", 0, sku="mug", discount=4.0),
        line("2", "a", 10, country="FR"),
        line("3", "a", 12, country="FR"),
        line("4", "b", 20),
    )
    refunds = pl.DataFrame({"date": [FIRST + timedelta(days=5)], "customer": ["a"], "amount": [9.2]})
    row = customer_table(clean(orders, refunds)).row(0, named=True)
    assert list(row) == list(CUSTOMER_COLUMNS)
    # 20 + 6 on day 0, 10 and 10 later; the data end on the evening of day 20.
    assert (row["recency_days"], row["tenure_days"], row["frequency"], row["orders"]) == (9, 21, 3, 3)
    assert row["order_value"] == pytest.approx(46.0 / 3.0)
    assert row["monetary"] == pytest.approx(46.0 - 9.2)
    assert row["return_share"] == pytest.approx(0.2)
    assert row["discount_share"] == pytest.approx(1.0 / 3.0)
    assert (row["region"], row["first_offer"], row["bucket"]) == ("FR", True, "active")


def test_a_customer_who_got_tax_and_shipping_back_keeps_the_net_revenue_of_the_rest():
    money = {"net_revenue": 10.0, "tax": 2.4, "shipping": 2.0}
    orders = table(line("1", "a", 0, **money), line("2", "a", 10, **money))
    refunds = pl.DataFrame({"date": [FIRST], "order_id": ["1"], "customer": ["a"], "amount": [14.4]})
    row = customer_table(clean(orders, refunds)).row(0, named=True)
    assert (row["monetary"], row["return_share"]) == pytest.approx((10.0, 0.5))


def test_two_kinds_of_customers_are_found_named_and_stable():
    cleaned = clean(simulated_orders(500, 360, 1))
    customers = customer_table(cleaned)
    segments = learn_segments(customers)
    label = segments.of(customers)
    is_large = np.array([int(name[1:]) % 2 == 0 for name in customers["customer"]])
    assert len(segments.segments) == 2
    assert not segments.is_weak
    assert {frozenset(label[is_large].tolist()), frozenset(label[~is_large].tolist())} == {
        frozenset({0}),
        frozenset({1}),
    }
    large = segments.segments[int(label[is_large][0])]
    assert "large_orders" in large.id or "dear_goods" in large.id
    assert large.study_group == "high_end"
    assert sum(one.customers for one in segments.segments) == customers.height
    drift = segment_drift(cleaned, segments)
    assert drift.shares.sum(axis=1) == pytest.approx(1.0)
    assert drift.population_stability[0] == 0.0


@pytest.mark.statistical
def test_segments_do_not_differ_in_repeat_orders_by_how_they_are_cut():
    """Customers are all alike, and every order is cheap or dear, on a deal or not, by the same chance."""
    generator = np.random.default_rng(4)
    rows = []
    for who in range(2000):
        day = int(generator.integers(0, 300))
        number = 0
        while day < 300 and number < 12:
            price = float(generator.choice([8.0, 80.0])) * float(generator.lognormal(0.0, 0.2))
            deal = 0.1 * price * float(generator.random() < 0.3)
            rows.append(line(f"{who}-{number}", f"c{who}", day, unit_price=price, discount=deal))
            day, number = day + int(generator.exponential(120.0)) + 1, number + 1
    cleaned = clean(table(*rows))
    purchases = purchases_of(cleaned)

    def apart(customers: pl.DataFrame) -> float:
        """The largest difference of a segment's second orders within 90 days from those of all, in standard errors."""
        segments = learn_segments(customers)
        assert len(segments.segments) > 1
        label = segments.of(customers)
        whole = second_orders(repeat_summary(purchases), 90)
        parts = [second_orders(repeat_summary(purchases.of(label == k)), 90) for k in range(len(segments.segments))]
        return max(abs(part.value - whole.value) / part.se for part in parts)

    assert apart(customer_table(cleaned)) > 4.0
    # Of five segments or fewer, one is three and a half standard errors off in 1 of 400.
    assert apart(table_by_first_order(cleaned)) < 3.5


def test_traits_are_those_of_the_first_order_and_of_what_came_back_of_it():
    orders = table(
        line("1", "a", 0, unit_price=30.0, discount=3.0), line("2", "a", 9, unit_price=10.0), line("3", "b", 20)
    )
    day = FIRST + timedelta(days=12)
    refunds = pl.DataFrame({"date": [day, day], "order_id": ["1", "2"], "customer": ["a", "a"], "amount": [13.5, 10.0]})
    cleaned = clean(orders, refunds)
    (every, first) = (made(cleaned).row(0, named=True) for made in (customer_table, table_by_first_order))
    assert (first["order_value"], first["unit_value"]) == pytest.approx((27.0, 27.0))
    assert (first["discount_share"], first["return_share"]) == pytest.approx((1.0, 0.5))
    assert {name: value for name, value in every.items() if name not in TRAITS} == {
        name: value for name, value in first.items() if name not in TRAITS
    }


def test_row_order_pseudonyms_and_currency_change_no_segment():
    orders = simulated_orders(400, 360, 2)
    renamed = orders.with_columns(pl.col("customer").replace({f"c{i}": f"z{(i * 37) % 400}" for i in range(400)}))
    dearer = orders.with_columns(pl.col("unit_price") * 7.0)
    usual, other, scaled = (
        learn_segments(customer_table(clean(rows)))
        for rows in (orders, renamed.sample(fraction=1.0, shuffle=True, seed=3), dearer)
    )
    for segments in (other, scaled):
        assert [one.id for one in segments.segments] == [one.id for one in usual.segments]
        assert [one.customers for one in segments.segments] == [one.customers for one in usual.segments]


def test_few_customers_are_one_segment_and_it_says_why():
    segments = learn_segments(customer_table(clean(simulated_orders(40, 200, 3))))
    assert [one.id for one in segments.segments] == ["all"]
    assert segments.reason == "too_few_customers"


def test_customers_who_do_not_differ_are_one_segment():
    orders = table(*(line(str(i), f"c{i}", i % 300) for i in range(300)))
    assert learn_segments(customer_table(clean(orders))).reason == "no_differences"


def test_customers_of_two_kinds_exactly_are_two_segments_without_a_warning():
    prices = (10.0, 90.0)
    orders = table(*(line(str(i), f"c{i}", i % 300, unit_price=prices[i % 2]) for i in range(300)))
    segments = learn_segments(customer_table(clean(orders)))
    assert [one.customers for one in segments.segments] == [150, 150]


def test_names_say_what_differs_most_and_are_never_the_same():
    names = segment_names(("order_value", "frequency"), np.array([[1.5, 0.0], [1.4, 1.0], [-1.0, 0.1], [-1.0, 0.1]]))
    assert names == ("large_orders", "large_orders_frequent", "small_orders", "small_orders_4")
