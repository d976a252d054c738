"""Cleaning: every row is accounted for, under one rule, whatever the order of the rows."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calibration.customers.online_retail import SHOP_RULES, online_retail
from tests.calibration.customers.orders import FIRST, line, table
from xbopt.calibration.customers.cleaning import clean
from xbopt.calibration.customers.cleaning_rules import CleaningRules
from xbopt.core.errors import CalibrationError

RULE_ROWS = {
    "missing_order_id": line("", "a", 1),
    "missing_date": line("1", "a", 1) | {"date": None},
    "future_date": line("2", "a", 900),
    "not_goods": line("3", "a", 1, sku="POST", product="POSTAGE"),
    "pending": line("4", "a", 1, status="pending"),
    "cancelled": line("5", "a", 1, status="cancelled", quantity=0.0),
    "reversal": line("6", "a", 5, status="cancelled", quantity=-1.0),
    "quantity_missing_or_not_positive": line("7", "a", 1, quantity=0.0),
    "price_missing_or_not_positive": line("8", "a", 1, unit_price=0.0),
    "missing_customer": line("9", None, 1),
}


def test_each_rule_takes_its_own_row_and_nothing_else():
    rows = table(*RULE_ROWS.values(), line("10", "a", 1), line("10", "a", 1))
    cleaned = clean(rows, rules=CleaningRules(as_of=FIRST + timedelta(days=365)))
    for rule in RULE_ROWS:
        assert cleaned.rows_of(rule) == 1, rule
    assert cleaned.rows_of("exact_duplicate") == 1
    assert cleaned.transactions["order_id"].to_list() == ["10"]
    assert cleaned.rows_in == 12


def test_a_rule_that_is_switched_off_leaves_its_rows():
    rows = table(line("1", "a", 1, sku="POST"), line("2", "a", 1))
    assert clean(rows, rules=CleaningRules(off=frozenset({"not_goods"}))).transactions.height == 2


def test_a_sale_undone_on_its_day_is_gone_with_what_undid_it_and_a_later_return_is_a_refund():
    rows = table(
        line("1", "a", 1, quantity=5.0),
        line("2", "a", 1, quantity=-5.0, status="cancelled"),
        line("3", "a", 1, sku="mug", quantity=2.0),
        line("4", "a", 9, sku="mug", quantity=-2.0, status="cancelled"),
    )
    cleaned = clean(rows)
    assert cleaned.rows_of("voided_same_day") == 1
    assert cleaned.voiding_refunds == 1
    assert cleaned.transactions["sku"].to_list() == ["mug"]
    # Two mugs at 10 came back eight days later.
    assert cleaned.refunds.select("sku", "amount", "quantity").rows() == [("mug", 20.0, 2.0)]


def test_a_cancellation_before_the_sale_undoes_nothing():
    morning, evening = (datetime.fromisoformat(f"2025-01-02T{hour}:00:00") for hour in ("09", "18"))
    rows = table(line("1", "a", 1, time=evening), line("2", "a", 1, quantity=-1.0, status="cancelled", time=morning))
    assert clean(rows).rows_of("voided_same_day") == 0


def test_a_lost_decimal_point_is_an_outlier_and_a_dear_product_is_not():
    usual = [line(f"u{i}", "a", i, unit_price=9.0 + i % 3) for i in range(20)]
    dear = [line(f"d{i}", "a", i, sku="piano", unit_price=9000.0) for i in range(20)]
    cleaned = clean(table(*usual, *dear, line("x", "a", 30, unit_price=1000.0)))
    assert cleaned.rows_of("price_outlier") == 1
    assert cleaned.transactions["unit_price"].max() == 9000.0


def test_several_currencies_are_refused():
    with pytest.raises(CalibrationError, match="EUR, GBP"):
        clean(table(line("1", "a", 1), line("2", "a", 1, currency="GBP")))


def test_orders_that_only_say_what_they_brought_are_sales():
    unknown = {"quantity": None, "unit_price": None}
    rows = [line("1", "a", 1, net_revenue=30.0) | unknown, line("2", "a", 1, net_revenue=None) | unknown]
    cleaned = clean(table(*rows))
    assert cleaned.transactions["net_revenue"].to_list() == [30.0]
    assert cleaned.rows_of("quantity_missing_or_not_positive") == 1


def test_figures_that_are_no_numbers_are_unknown():
    rows = [line("1", "a", 1, unit_price=float("inf")), line("2", "a", 1, net_revenue=float("nan"))]
    cleaned = clean(table(*rows))
    assert cleaned.rows_of("price_missing_or_not_positive") == 1
    assert cleaned.transactions["net_revenue"].to_list() == [10.0]


def test_samples_name_nobody():
    rows = table(*(row | {"customer": "hash-of-a-person"} for row in RULE_ROWS.values()))
    for count in clean(rows).counts:
        assert "hash-of-a-person" not in repr(count)


def test_no_rows_are_no_error():
    cleaned = clean(table(line("1", "a", 1)).clear())
    assert cleaned.rows_in == 0
    assert cleaned.transactions.is_empty()


def test_revenue_that_is_not_given_is_asked_price_less_discount():
    cleaned = clean(table(line("1", "a", 1, quantity=3.0, discount=4.0), line("2", "a", 1, net_revenue=7.0)))
    assert sorted(cleaned.transactions["net_revenue"].to_list()) == [7.0, 26.0]
    assert cleaned.computed_revenue == 1


_ROWS = st.lists(
    st.builds(
        lambda o, c, d, q, p, s: line(o, c, d, quantity=q, unit_price=p, status=s),
        st.sampled_from(["", "1", "2", "3"]),
        st.sampled_from([None, "a", "b"]),
        st.integers(0, 3),
        st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]),
        st.sampled_from([-1.0, 0.0, 5.0, 10.0]),
        st.sampled_from(["sold", "cancelled", "pending", None]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=30)
@given(_ROWS, st.randoms(use_true_random=False))
def test_rows_in_are_rows_kept_and_rows_by_rule_in_any_order(rows, random):
    cleaned = clean(table(*rows))
    assert cleaned.transactions.height + sum(count.rows for count in cleaned.counts) == len(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    again = clean(table(*shuffled))
    assert again.to_frame().equals(cleaned.to_frame())
    assert again.refunds["amount"].sum() == cleaned.refunds["amount"].sum()


@pytest.mark.realdata
def test_online_retail_is_accounted_for_to_the_row(data_folder):
    cleaned = clean(online_retail(data_folder), rules=SHOP_RULES)
    assert cleaned.rows_in == 541_909
    assert cleaned.transactions.height + sum(count.rows for count in cleaned.counts) == 541_909
    # The counts that an independent reader of the same file reaches (tests/realdata/online_retail).
    known = {
        "exact_duplicate": 5268,
        "not_goods": 2940,
        "reversal": 8668,
        "quantity_missing_or_not_positive": 1336,
        "price_missing_or_not_positive": 1157,
        "voided_same_day": 564,
        "missing_customer": 131_387,
    }
    assert {rule: cleaned.rows_of(rule) for rule in known} == known
    assert cleaned.transactions.height == 390_589
    assert cleaned.transactions["date"].max() == date(2011, 12, 9)
