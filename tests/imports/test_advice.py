"""What a refusal advises, followed to the letter, ends in the right table."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from xbopt.imports.engine.run import import_files
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

SHOP = "Order,Day,Pieces,Price\n" + "".join(f"A{n},2026-09-{n:02d},1,{n}.50\n" for n in range(1, 21))
ROLES = {"order_id": "Order", "date": "Day", "quantity": "Pieces", "unit_price": "Price"}
OPTIONS: Mapping[str, object] = {"columns": ROLES, "currency": "EUR", "zone": "UTC"}
WORTH = sum(range(1, 21)) + 10.0
SHOPIFY = """\
Name,Email,Financial Status,Created at,Currency,Subtotal,Shipping,Taxes,Total,Lineitem quantity,Lineitem name,\
Lineitem price,Lineitem sku,Shipping Country
#1,a@example.test,paid,2026-09-01 10:00:00 +0200,EUR,119.00,0.00,19.00,200.00,1,Mug,119.00,MUG,DE
"""
SPREADSHEET = SHOP.replace(",", ";").replace(".50", ",50")


def run(tmp_path: Path, content: str | bytes, **options: object) -> pl.DataFrame:
    """The orders of a file."""
    file = tmp_path / "shop.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    plain: dict[str, object] = {"key": tmp_path / "key", "today": date(2026, 11, 28)}
    import_files([file], into=tmp_path / "data", **{**plain, **options})  # type: ignore[arg-type]
    return pl.read_parquet(tmp_path / "data" / "transactions.parquet")


def flag(pattern: str, option: str) -> Callable[[str], dict[str, object]]:
    """Take the value of an option out of the message."""

    def follow(message: str) -> dict[str, object]:
        found = re.search(pattern, message)
        assert found is not None, message
        return {option: [found[1]] if option == "accept" else found[1]}

    return follow


def anew(_message: str) -> dict[str, object]:
    """Export the file again: the sound one is given."""
    return {"content": SHOP}


CASES = {
    "missing_currency": (SHOP, {"currency": None}, flag(r"--currency (\w+)", "currency"), WORTH),
    "missing_zone": (SHOP, {"zone": None}, flag(r"--zone ([\w/]+\w)", "zone"), WORTH),
    "open_dates": (
        "".join(SHOP.splitlines(keepends=True)[:12]).replace("2026-09-", "09/").replace(",1,", "/2026,1,"),
        {"currency": "CAD"}, flag(r"--dates (MDY)", "dates"), sum(range(1, 12)) + 5.5,
    ),
    "open_numbers": (
        SHOP.replace(",", ";").replace(".50", ".500"), {}, flag(r'--decimal "([.])"', "decimal"), WORTH,
    ),
    "mixed_numbers": (SPREADSHEET.replace("9,50", "9.50"), {}, anew, WORTH),
    "unreadable_numbers": (SHOP.replace("2.50", "two"), {}, anew, WORTH),
    "mixed_dates": (SHOP.replace("2026-09-03", "03/09/2026"), {}, anew, WORTH),
    "unreadable_days": (SHOP.replace("2026-09-0", "day "), {}, anew, WORTH),
    "future_dates": (SHOP.replace("2026-09-1", "2027-09-1"), {}, anew, WORTH),
    "ruined_ids": (SHOP.replace("A3,", "5.76E+17,"), {}, anew, WORTH),
    "cut_file": (SHOP[:-9], {}, flag(r"--accept (\w+)", "accept"), WORTH - 20.5),
    "shifted_cells": (SHOP.replace("A3,", "A3,3,"), {}, flag(r"--accept (\w+)", "accept"), WORTH - 3.5),
    "no_such_column": (SHOP.replace("Order", "No"), {}, anew, WORTH),
    "unknown_format": (
        SHOP.replace("Pieces", "Quantity"), {"columns": None},
        lambda _: {"columns": {**ROLES, "quantity": "Quantity"}}, WORTH,
    ),
    "tax_unknown": (
        SHOPIFY, {"columns": None, "currency": None, "zone": None}, flag(r"--prices (with-tax)", "prices"), 100.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_advice_followed_to_the_letter_ends_in_the_right_orders(tmp_path: Path, code: str) -> None:
    content, options, follow, worth = CASES[code]
    given = {**OPTIONS, **options}
    with pytest.raises((RefusedFileError, UnreadFileError)) as caught:
        run(tmp_path, content, **given)
    assert caught.value.code == code
    orders = run(tmp_path, **{"content": content, **given, **follow(str(caught.value))})  # type: ignore[arg-type]
    assert orders["net_revenue"].sum() == pytest.approx(worth)
    # The one row that was cut off is known to hold nothing.
    assert orders["net_revenue"].null_count() == (code == "cut_file")


@pytest.mark.parametrize("code", ["mixed_numbers", "tax_unknown", "mixed_dates", "ruined_ids"])
def test_nobody_is_led_to_accept_what_that_does_not_mend(tmp_path: Path, code: str) -> None:
    content, options, _, _ = CASES[code]
    with pytest.raises((RefusedFileError, UnreadFileError)) as caught:
        run(tmp_path, content, **{**OPTIONS, **options})
    assert "--accept" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("Bestellnummer,Datum,Kunde,Land,Artikelnummer,Menge,Preis", "unit_price=Price,quantity=Pieces for orders"),
        ("Order,Refund date,Refund amount,Currency,Email", "amount=Paid for refunds"),
    ],
)
def test_a_table_of_ones_own_is_like_no_format_for_its_days_and_countries(tmp_path: Path, head: str, said: str) -> None:
    (tmp_path / "own.csv").write_text(f"{head}\n" + ",".join("1" * (head.count(",") + 1)) + "\n", encoding="utf-8")
    with pytest.raises(UnreadFileError, match=said) as caught:
        import_files([tmp_path / "own.csv"], into=tmp_path / "data")
    assert "nearest" not in str(caught.value)


def test_a_column_of_texts_with_another_decimal_sign_is_read_by_its_own(tmp_path: Path) -> None:
    text = SPREADSHEET.replace("Price\n", "Price;Discount\n").replace(",50\n", ",50;0.25\n")
    orders = run(tmp_path, text, **{**OPTIONS, "columns": {**ROLES, "discount": "Discount"}})
    assert orders["unit_price"].sum() == pytest.approx(WORTH)
    assert orders["discount"].sum() == pytest.approx(20 * 0.25)


def test_a_file_that_turns_to_another_decimal_sign_further_down_is_refused(tmp_path: Path) -> None:
    many = "Order,Day,Pieces,Price\n" + "".join(
        f"B{n},2026-09-01,1,{'2.50' if n < 70_000 else chr(34) + '2,50' + chr(34)}\n" for n in range(90_000)
    )
    with pytest.raises(RefusedFileError) as caught:
        run(tmp_path, many, **OPTIONS)
    assert caught.value.code == "mixed_numbers"
