"""Dates of both orders in one file, days that have not come yet, and currencies left out on some orders."""

from datetime import date, timedelta

import polars as pl
import pytest

from tests.imports.conftest import Importing
from xbopt.imports.engine.turned_days import turned_days
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

ROLES = {"order_id": "No", "date": "Day", "sku": "Sku", "quantity": "Pieces", "unit_price": "Price"}
FIRST = date(2026, 5, 3)
DAYS = [FIRST + timedelta(days=n // 2) for n in range(300)]


def turned(day: date) -> date:
    return date(day.year, day.day, day.month) if day.day <= 12 else day


def orders(days: list[date]) -> pl.DataFrame:
    return pl.DataFrame({"order_id": [f"#{1000 + n}" for n in range(len(days))], "date": days})


def test_days_turned_round_are_told_by_the_numbers_of_the_orders() -> None:
    wrong = [turned(day) for day in DAYS]
    found = turned_days(orders(wrong))
    far = sum(abs((a - b).days) > 25 for a, b in zip(wrong, DAYS, strict=True))
    assert far > 90
    assert abs(found - far) < 5
    assert turned_days(orders(wrong).sample(fraction=1.0, shuffle=True, seed=3)) == found


@pytest.mark.parametrize(
    "days",
    [
        DAYS,
        [*DAYS[:-2], *map(turned, DAYS[:2])],  # two are no kind
        DAYS[::-1],  # numbers that fall
        [DAYS[(n * 97) % 300] for n in range(300)],  # numbers without an order
        [*DAYS[:150], *(day - timedelta(days=70) for day in DAYS[150:160]), *DAYS[160:]],  # turning mends nothing
    ],
)
def test_sound_days_and_numbers_that_tell_nothing_pass(days: list[date]) -> None:
    assert turned_days(orders(days)) == 0


def test_a_file_with_dates_of_both_orders_is_refused(importing: Importing) -> None:
    rows = "".join(
        f"{n},{day:%m/%d/%Y},MUG,1,9.50\n" if day.day > 12 else f"{n},{day:%d/%m/%Y},MUG,1,9.50\n"
        for n, day in enumerate(DAYS)
    )
    with pytest.raises(RefusedFileError, match="dates of both orders") as caught:
        importing(
            "No,Day,Sku,Pieces,Price\n" + rows, columns=ROLES, currency="EUR", zone="UTC", today=date(2026, 12, 31)
        )
    assert caught.value.code == "mixed_dates"


def test_a_currency_left_out_on_some_orders_is_asked_for(importing: Importing) -> None:
    head = "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,"
    text = (
        head
        + "Lineitem name,Lineitem price,Lineitem sku,Shipping Country\n"
        + "".join(
            f"#{n},a{n}@example.test,paid,{'CHF' if n % 4 else ''},10.00,0.00,0.00,10.00,2026-09-03 10:00:00 +0200,1,"
            "Mug,10.00,MUG,CH\n"
            for n in range(1, 13)
        )
    )
    with pytest.raises(UnreadFileError, match=r"in which currency some of its amounts are.*--currency CHF") as caught:
        importing(text, zone="Europe/Berlin", prices="without-tax")
    assert caught.value.code == "missing_currency"
    found = importing(text, zone="Europe/Berlin", prices="without-tax", currency="CHF")
    assert found.table("transactions")["currency"].to_list() == ["CHF"] * 12
