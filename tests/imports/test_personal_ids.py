"""Names in order numbers and article numbers give nobody away, and rows are still joined by them."""

from pathlib import Path

import polars as pl
import pytest

from tests.imports.conftest import Importing
from xbopt.imports.engine.contacts import is_order_number
from xbopt.imports.engine.privacy import personal_skus

HEAD = "Order,Day,Buyer,Article,Number,Pieces,Price\n"
MUGS = "".join(f"#{n},2026-09-{n:02},c{n},Mug,MUG-BLUE,1,9.00\n" for n in range(1, 7))
ROLES = {
    "order_id": "Order", "date": "Day", "customer": "Buyer", "product": "Article", "sku": "Number",
    "quantity": "Pieces", "unit_price": "Price",
}  # fmt: skip
ENGRAVED = "#7,2026-09-07,c7,Mug for Ann Secretive,ENGRAVED-SECRETIVE-1,1,9.00\n"
OPTIONS = {"columns": ROLES, "currency": "EUR", "zone": "UTC"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _everything(folder: Path) -> bytes:
    tables = [pl.read_parquet(path).write_csv().encode() for path in folder.glob("*.parquet")]
    return b"".join([*tables, (folder / "provenance.json").read_bytes()]).lower()


@pytest.mark.parametrize(
    ("number", "stays"),
    [
        ("#1001", True), ("123-1234567-1234567", True), ("DE-2026-00077", True), ("ORDER-1001", True),
        ("C536379", True), ("Bestellung 17", True), ("12-34567-89012", True), (None, True),
        ("#geheim-erika-77", False), ("Ann", False), ("SMITH2026", False), ("李雷-7", False), ("Jürg-7", False),
    ],
)  # fmt: skip
def test_an_order_number_is_of_digits_and_short_groups(number: str | None, stays: bool) -> None:
    assert is_order_number(pl.Series([number], dtype=pl.String)).to_list() == [stays]


def test_an_order_number_with_a_name_is_a_pseudonym_by_which_refunds_find_their_order(importing: Importing) -> None:
    text = HEAD + MUGS.replace("#3", "secretive-3")
    importing(text, **OPTIONS)
    refunds = "Order,Day,Paid\nsecretive-3,2026-09-09,9.00\n"
    roles = {"order_id": "Order", "date": "Day", "amount": "Paid"}
    made = importing(refunds, name="back.csv", **{**OPTIONS, "columns": roles})
    assert b"secretive" not in _everything(made.folder)
    ((order,),) = made.rows("refunds", "order_id")
    assert made.table("transactions").filter(pl.col("order_id") == order).height == 1
    assert made.rows("transactions", "order_id")[0] == ("#1",)


def test_an_article_number_with_a_word_that_few_bought_is_a_pseudonym_in_every_table(importing: Importing) -> None:
    stock = "Day,Number,Left\n2026-09-07,ENGRAVED-SECRETIVE-1,3\n2026-09-07,MUG-BLUE,9\n"
    importing(stock, columns={"date": "Day", "sku": "Number", "on_hand": "Left"}, zone="UTC")
    made = importing(HEAD + MUGS + ENGRAVED + ENGRAVED.replace(",1,", ",-1,"), name="o.csv", **OPTIONS)
    assert b"secretive" not in _everything(made.folder)
    assert made.says("rare_article_words")
    (name,) = {sku for (sku,) in made.rows("transactions", "sku")} - {"MUG-BLUE"}
    assert len(name) == 32
    # The text of goods that few bought gives way to the article's number, which is that pseudonym.
    assert {product for (product,) in made.rows("transactions", "product")} == {"Mug", name}
    assert made.rows("refunds", "sku") == [(name,)]
    assert sorted(made.rows("stock", "sku")) == sorted([("MUG-BLUE",), (name,)])


def test_what_has_a_pseudonym_keeps_it_and_counts_once(importing: Importing) -> None:
    importing(HEAD + MUGS + ENGRAVED + ENGRAVED.replace(",1,", ",-1,"), **OPTIONS)
    more = "".join(ENGRAVED.replace("#7", f"#{n}").replace("c7", f"c{n}") for n in range(8, 16))
    made = importing(HEAD + MUGS + ENGRAVED + ENGRAVED.replace(",1,", ",-1,") + more, name="more.csv", **OPTIONS)
    orders = made.table("transactions")
    assert (orders.height, orders["sku"].n_unique()) == (15, 2)
    assert made.table("refunds").height == 1


def test_without_k_all_article_numbers_stay(importing: Importing) -> None:
    made = importing(HEAD + MUGS + ENGRAVED, k=0, **OPTIONS)
    assert ("ENGRAVED-SECRETIVE-1",) in made.rows("transactions", "sku")


def test_words_that_enough_customers_bought_name_nobody() -> None:
    skus = [*["MUG-BLUE"] * 5, "MUG-SMITH", "MUG-AB12", "BLUE-1", "POSTAGE", "0123456789abcdefabcd0123456789ab"]
    lines = pl.LazyFrame({"sku": skus, "customer": None, "order_id": [str(n) for n in range(len(skus))]})
    assert personal_skus(lines, 5).to_list() == ["MUG-SMITH"]
