"""Refunds against net revenue: the buyer got tax and shipping back as well, and neither is revenue."""

import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from xbopt.imports.net_refunds import with_net_amount

# Order 1: goods of 100 net, 20 % tax on 100 + 10 of shipping: 132 paid, of it 120 for goods. Order 2 is free of tax.
LINES = table(
    "transactions",
    [
        {"order_id": "1", "sku": "a", "net_revenue": 60.0, "tax": 13.2, "shipping": 6.0},
        {"order_id": "1", "sku": "b", "quantity": 2.0, "unit_price": 20.0, "tax": 8.8, "shipping": 4.0},
        {"order_id": "2", "sku": "a", "net_revenue": 100.0, "shipping": 8.0},
        {"order_id": "3", "sku": "c", "net_revenue": 0.0, "shipping": 5.0},
    ],
)


def net(*refunds: dict[str, object]) -> list[float]:
    return with_net_amount(table("refunds", refunds), LINES)["net_amount"].to_list()


@pytest.mark.parametrize(
    ("order", "amount", "wanted"),
    [
        ("1", 132.0, 100.0),  # the whole order
        ("1", 120.0, 100.0),  # all goods, and the shipping kept
        ("1", 60.0, 50.0),  # half the goods
        ("1", 264.0, 200.0),  # twice what was paid: no such order, and nothing to hide
        ("2", 108.0, 100.0),
        ("2", 50.0, 50.0),
        ("3", 5.0, 0.0),
    ],
)
def test_tax_and_shipping_go_off_at_the_orders_own_rates(order: str, amount: float, wanted: float) -> None:
    assert net({"order_id": order, "amount": amount}) == [pytest.approx(wanted)]


def test_two_refunds_of_an_order_pay_its_goods_back_once() -> None:
    assert net({"order_id": "1", "amount": 72.0}, {"order_id": "1", "amount": 60.0}) == [
        pytest.approx(100.0 * 72.0 / 132.0),
        pytest.approx(100.0 * 60.0 / 132.0),
    ]


def test_a_refund_of_an_article_holds_no_shipping() -> None:
    assert net({"order_id": "1", "sku": "a", "amount": 72.0}, {"order_id": "9", "sku": "a", "amount": 22.0}) == [
        pytest.approx(60.0),
        # Shop: 200 net and 23 of shipping bore 22 of tax.
        pytest.approx(22.0 / (1.0 + 22.0 / 223.0)),
    ]


@pytest.mark.parametrize("order", [None, "9"])
def test_an_unknown_order_takes_the_shares_of_the_shop(order: str | None) -> None:
    assert net({"order_id": order, "amount": 24.5}) == [pytest.approx(24.5 * 200.0 / 245.0)]


def test_without_tax_and_shipping_a_refund_is_what_it_is() -> None:
    lines = LINES.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("tax", "shipping"))
    refunds = table("refunds", [{"order_id": "1", "amount": 40.0}, {"order_id": "9", "amount": 7.0}])
    assert with_net_amount(refunds, lines)["net_amount"].to_list() == [40.0, 7.0]
    assert with_net_amount(refunds, lines.clear())["net_amount"].to_list() == [40.0, 7.0]


def test_what_the_source_says_is_net_stays() -> None:
    refunds = table(
        "refunds", [{"order_id": "1", "amount": 60.0, "net_amount": 55.0}, {"order_id": "1", "amount": 60.0}]
    )
    assert with_net_amount(refunds, LINES)["net_amount"].to_list() == [55.0, pytest.approx(50.0)]
