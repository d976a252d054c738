"""Orders whose lines stand apart are put together, and orders that lack their first line are told from them."""

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError

HEAD = (
    "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,Lineitem price,"
    "Lineitem sku,Shipping Country"
)
FIRST = "#{n},a@x.test,paid,EUR,30.00,0.00,0.00,30.00,2026-09-03 10:00:00 +0200,1,20.00,LAMP,DE"
SECOND = "#{n},a@x.test,,,,,,,2026-09-03 10:00:00 +0200,1,10.00,SHADE,"
LINES = [line.format(n=n) for n in range(1, 9) for line in (FIRST, SECOND)]
Row = tuple[str, str, str, float]


def _rows(importing: Importing, lines: list[str], name: str) -> list[Row]:
    made = importing("\n".join([HEAD, *lines, ""]), name=name, k=0)
    return sorted(made.rows("transactions", "order_id", "sku", "currency", "net_revenue"))


@pytest.mark.parametrize("order", ["by product", "by product, backwards", "shuffled"])
def test_lines_of_an_order_may_stand_apart(importing: Importing, order: str) -> None:
    lines = sorted(LINES, key=lambda line: line.split(",")[-2], reverse=order.endswith("backwards"))
    if order == "shuffled":
        lines = [LINES[7 * i % len(LINES)] for i in range(len(LINES))]
    expected = [(f"#{n}", sku, "EUR", price) for n in range(1, 9) for sku, price in (("LAMP", 20.0), ("SHADE", 10.0))]
    assert _rows(importing, lines, "orders.csv") == expected


def test_a_file_whose_beginning_is_cut_off_is_refused_for_that(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match=r"1 of its rows lack the row .* beginning of the file") as caught:
        _rows(importing, LINES[1:], "orders.csv")
    assert caught.value.code == "cut_orders"
