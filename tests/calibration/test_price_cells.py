"""Weeks, days on sale, and list prices behind quantity breaks."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from xbopt.calibration.price_cells import price_cells
from xbopt.calibration.price_lines import price_lines, quantity_breaks, without_breaks

MONDAY = date(2024, 1, 1)


def lines_of(rows: list[tuple[int, float, float]]) -> pl.DataFrame:
    """Usable lines with weeks, from rows of day, quantity and price of one product in one country."""
    frame = pl.DataFrame(
        {
            "date": [MONDAY + timedelta(days=day) for day, _, _ in rows],
            "order_id": [f"o{i}" for i in range(len(rows))],
            "sku": ["a"] * len(rows),
            "country": ["DE"] * len(rows),
            "quantity": [quantity for _, quantity, _ in rows],
            "unit_price": [price for _, _, price in rows],
        }
    )
    return price_lines(frame).lines.with_columns(pl.col("date").dt.truncate("1w").alias("week"))


def test_a_week_without_a_sale_counts_zero_at_the_last_price() -> None:
    lines = lines_of([(7 * week, 1.0, 10.0 if week < 4 else 12.0) for week in range(10) if week != 6])
    cells = price_cells(lines, lines)
    assert cells.orders.tolist() == [1.0] * 6 + [0.0] + [1.0] * 3
    np.testing.assert_allclose(np.exp(cells.log_price), [10.0] * 4 + [12.0] * 6)
    assert cells.price_changes == 1


def test_days_without_stock_are_out_unless_something_was_sold() -> None:
    lines = lines_of([(7 * week, 1.0, 10.0) for week in range(10)])
    empty = [MONDAY + timedelta(days=day) for day in (0, 1, 2)]  # on day 0 something was sold all the same
    stock = pl.DataFrame({"date": empty, "sku": ["a"] * 3, "on_hand": [0.0] * 3})
    cells = price_cells(lines, lines, stock)
    assert cells.days.tolist() == [5.0] + [7.0] * 8 + [1.0]  # the data end on the Monday of the last week


def test_weeks_wholly_out_of_stock_are_left_out_and_counted() -> None:
    lines = lines_of([(7 * week, 1.0, 10.0) for week in range(10) if week != 5])
    days = [MONDAY + timedelta(days=35 + day) for day in range(7)]
    stock = pl.DataFrame({"date": days, "sku": ["a"] * 7, "on_hand": [0.0] * 7, "country": ["DE"] * 7})
    cells = price_cells(lines, lines, stock)
    assert len(cells) == 9
    assert cells.left_out["out_of_stock_weeks"] == 1


def test_a_product_that_stops_for_weeks_was_hardly_for_sale() -> None:
    busy = [(7 * week, 1.0, 10.0) for week in range(20) if not 8 <= week < 11 for _ in range(5)]
    cells = price_cells(lines_of(busy), lines_of(busy))
    # Five a week in 17 of 20 weeks: chance e^(-4.25 x 3) of three weeks without any.
    assert cells.left_out["suspected_out_of_stock_weeks"] == 3


def test_products_that_sell_rarely_are_left_out_and_counted() -> None:
    lines = lines_of([(7 * week, 1.0, 10.0) for week in range(0, 40, 5)])
    cells = price_cells(lines, lines)
    assert len(cells) == 0
    assert cells.left_out["sold_too_rarely"] == 1


def test_quantity_breaks_are_taken_out_to_the_cent() -> None:
    """A dozen costs 20 % less; weeks with dozens only still show the list price's own move of 10 %."""
    rows = []
    for week in range(12):
        price = 10.0 if week < 6 else 11.0
        rows += (
            [(7 * week, 12.0, 0.8 * price)]
            if week % 3 == 2
            else [(7 * week, 1.0, price), (7 * week, 12.0, 0.8 * price)]
        )
    lines = lines_of(rows)
    price = price_cells(without_breaks(lines), lines).log_price
    np.testing.assert_allclose(price - price[0], [0.0] * 6 + [np.log(1.1)] * 6, atol=1e-6)


def test_slopes_within_a_day_are_worked_by_hand() -> None:
    # On each of 20 days one piece at 10 and two at 8: the slope is ln .8 / ln 2, on all days at two prices, falling.
    lines = lines_of([(day, quantity, price) for day in range(20) for quantity, price in ((1.0, 10.0), (2.0, 8.0))])
    breaks = quantity_breaks(lines)
    assert breaks.found
    assert (breaks.pairs, breaks.at_two_prices, breaks.falling) == (20, 1.0, 1.0)
    assert breaks.slope == pytest.approx(np.log(0.8) / np.log(2.0))


def test_guests_and_known_customers_have_price_lists_of_their_own() -> None:
    known = lines_of([(7 * week, 1.0, 10.0) for week in range(10)])
    both = pl.concat([known, lines_of([(7 * week, 1.0, 20.0) for week in range(10)]).with_columns(guest=pl.lit(True))])
    cells = price_cells(both, both)
    assert len(np.unique(cells.series)) == 2
    assert cells.price_changes == 0
