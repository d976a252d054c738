"""Steps that make money of lines from money of orders, on orders worked by hand."""

from datetime import date

import polars as pl
import pytest

from xbopt.imports.profile_files import load_profiles
from xbopt.imports.steps.json_rows import sessions_of_events, sum_of_refunds
from xbopt.imports.steps.shopify import shopify_order_money
from xbopt.imports.steps.step import Prices, StepContext
from xbopt.imports.steps.taxes import tax_by_answer, tax_by_rate
from xbopt.imports.steps.wide import unpivot_currencies

DAY = date(2026, 9, 3)


def _context(prices: Prices | None = None) -> StepContext:
    return StepContext(profile=load_profiles()["shopify_orders"], prices=prices)


def _shopify_order(total: float, *, duties: float = 0.0) -> pl.DataFrame:
    """Two lines of 40 and 20, 6 off, 4.90 shipping, 9.40 taxes."""
    return pl.DataFrame(
        {
            "order_id": ["#1", "#1"],
            "quantity": [2.0, 1.0],
            "unit_price": [20.0, 20.0],
            "line_discount": [0.0, 0.0],
            "subtotal": [54.0, 54.0],
            "shipping": [4.9, 4.9],
            "taxes": [9.4, 9.4],
            "total": [total, total],
            "order_discount": [6.0, 6.0],
            "duties": [duties, duties],
        }
    )


def test_taxes_are_inside_where_the_total_is_goods_and_shipping() -> None:
    made = shopify_order_money(_shopify_order(58.9), _context())
    # 6 off, by 40 : 20. Tax is 9.40 of 58.90, so 36 holds 36 x 9.40 / 58.90 of it.
    assert made["tax_inside"].to_list() == [True, True]
    assert made["discount"].to_list() == pytest.approx([4.0, 2.0])
    assert made["net_revenue"].to_list() == pytest.approx([36 * (1 - 9.4 / 58.9), 18 * (1 - 9.4 / 58.9)])
    assert made["tax"].to_list() == pytest.approx([9.4 * 2 / 3, 9.4 / 3])


@pytest.mark.parametrize("duties", [0.0, 3.5])
@pytest.mark.parametrize("inside", [True, False])
def test_the_parts_of_an_order_sum_to_its_total(inside: bool, duties: float) -> None:
    total = 58.9 + duties + (0.0 if inside else 9.4)
    made = shopify_order_money(_shopify_order(total, duties=duties), _context())
    parts = made.select(pl.sum_horizontal("net_revenue", "shipping_net", "tax", "duty").sum()).item()
    assert parts == pytest.approx(total)
    assert made["tax_inside"].to_list() == [inside, inside]


def test_an_order_that_leaves_the_tax_open_has_no_revenue_until_someone_says() -> None:
    unsettled = _shopify_order(77.0)
    assert shopify_order_money(unsettled, _context())["net_revenue"].to_list() == [None, None]
    assert shopify_order_money(unsettled, _context("without-tax"))["net_revenue"].to_list() == pytest.approx([36, 18])


def test_a_discount_of_a_line_is_not_taken_off_twice() -> None:
    order = _shopify_order(58.9).with_columns(line_discount=pl.Series([6.0, 0.0]))
    made = shopify_order_money(order, _context())
    assert made["discount"].to_list() == pytest.approx([6.0, 0.0])


def test_an_order_that_was_changed_is_counted() -> None:
    context = _context()
    made = shopify_order_money(_shopify_order(58.9).with_columns(subtotal=pl.lit(30.0)), context)
    assert context.trapped == {"order_changed": 1}
    assert made["discount"].sum() == pytest.approx(6.0)


def test_a_free_order_has_its_shipping_shared_evenly() -> None:
    free = _shopify_order(4.9).with_columns(
        unit_price=pl.lit(0.0), subtotal=pl.lit(0.0), taxes=pl.lit(0.0), order_discount=pl.lit(0.0)
    )
    assert shopify_order_money(free, _context())["shipping_net"].to_list() == pytest.approx([2.45, 2.45])


def _line(country: str, price: float, tax: float, discount: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {"date": [DAY], "country": [country], "line_price": [price], "tax": [tax], "discount": [discount]}
    )


@pytest.mark.parametrize(
    ("country", "price", "tax", "discount", "share"),
    [
        ("DE", 119.0, 19.0, 0.0, 19 / 119),
        ("DE", 100.0, 19.0, 0.0, 0.0),
        # The tax of the price before the discount, and of what was paid: 19 % of either.
        ("DE", 119.0, 19.0, 11.9, 19 / 119),
        ("DE", 119.0, 17.1, 11.9, 17.1 / 107.1),
        ("US", 100.0, 8.875, 0.0, 0.0),
        ("DE", 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_the_standard_rate_tells_where_the_tax_is(
    country: str, price: float, tax: float, discount: float, share: float
) -> None:
    made = tax_by_rate(_line(country, price, tax, discount), _context())
    assert made["tax_share"].item() == pytest.approx(share)


def test_a_reduced_rate_follows_the_law_and_that_is_told() -> None:
    context = _context()
    assert tax_by_rate(_line("DE", 107.0, 7.0), context)["tax_share"].item() == pytest.approx(7 / 107)
    assert context.trapped == {"tax_by_law": 1}
    assert tax_by_rate(_line("DE", 100.0, 7.0), _context("without-tax"))["tax_share"].item() == 0.0


def test_a_row_is_judged_without_regard_to_others() -> None:
    rows = pl.concat(
        [_line("DE", 119.0, 19.0), _line("DE", 107.0, 7.0), _line("US", 100.0, 8.0), _line("FR", 120.0, 20.0)]
    )
    together = tax_by_rate(rows, _context())["tax_share"].to_list()
    alone = [tax_by_rate(rows[i], _context())["tax_share"].item() for i in range(rows.height)]
    assert together == alone


def test_tax_is_taken_off_only_when_someone_says_that_it_is_there() -> None:
    rows = pl.concat([_line("GB", 120.0, 0.0), _line("US", 100.0, 0.0)])
    context = _context()
    assert tax_by_answer(rows, context)["tax_share"].to_list() == [0.0, 0.0]
    assert context.trapped == {"tax_not_in_file": 2}
    assert tax_by_answer(rows, _context("with-tax"))["tax_share"].to_list() == pytest.approx([20 / 120, 0.0])


def test_revenue_is_unknown_where_the_rate_is() -> None:
    context = _context("with-tax")
    assert tax_by_answer(_line("AQ", 120.0, 0.0), context)["tax_share"].to_list() == [None]
    assert context.trapped["tax_rate_missing"] == 1


def test_refunds_in_a_list_are_summed() -> None:
    frame = pl.DataFrame({"refunds": ['[{"id":1,"total":"-10.00"},{"id":2,"total":"-2.5"}]', "[]", None]})
    assert sum_of_refunds(frame, _context())["refunded"].to_list() == [12.5, None, None]


def test_an_order_that_is_reported_again_counts_once() -> None:
    events = pl.DataFrame(
        {
            "date": [DAY] * 4,
            "micros": [4.0, 1.0, 2.0, 3.0],
            "event": ["purchase", "purchase", "page_view", "purchase"],
            "order_id": ["9", "9", None, "8"],
            "revenue": [54.0, 54.0, None, 31.0],
            "visitor": ["v", "v", "w", "w"],
            "session": ["1", "1", "1", "1"],
            "country": ["DE", None, None, "FR"],
            "source": [None] * 4,
            "medium": [None] * 4,
            "order_currency": ["eur", None, None, None],
        }
    )
    context = _context()
    made = sessions_of_events(events, context)
    assert made["order_revenue"].sum() == pytest.approx(85.0)
    assert made["counted_order"].n_unique() - 1 == 2
    assert context.trapped == {"order_twice": 1}
    assert made.select("visit", "country").unique().sort("visit").rows() == [("v.1", "DE"), ("w.1", "FR")]
    assert set(made["order_currency"]) == {"EUR"}


def test_currencies_in_columns_become_rows() -> None:
    wide = pl.DataFrame({"date": [DAY], "USD": [1.1], "CYP": pl.Series([None], dtype=pl.Float64)})
    made = unpivot_currencies(wide, _context())
    assert made.select("date", "rate_currency", "per_euro").rows() == [(DAY, "USD", 1.1)]
