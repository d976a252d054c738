"""Nothing about a person leaves the door: searched byte by byte in all that an import writes and says."""

import json
import stat
from pathlib import Path

import polars as pl
import pytest

from tests.command_line import Answer, call
from xbopt.core.errors import UsageError
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.contacts import has_contact, is_contact, is_place, without_long_numbers
from xbopt.imports.engine.privacy import coarsened, pseudonyms

PERSONS = (
    "ann.secret@example.test", "Ann Secretive", "cust-777001", "Hidden Lane 5", "+49 170 5550001", "bobby@secret.test",
)  # fmt: skip
ORDERS = """\
Order,Day,Buyer,Full name,Street,Phone,Pieces,Price,Land,State,Coupon,Paid
A1,2026-09-03,ann.secret@example.test,Ann Secretive,Hidden Lane 5,+49 170 5550001,2,9.00,DE,Saxony,bobby@secret.test,x
A2,2026-09-04,cust-777001,Ann Secretive,Hidden Lane 5,+49 170 5550001,1,12.00,DE,Saxony,AUTUMN,paid
A3,2026-09-05,ann.secret@example.test,Ann Secretive,Hidden Lane 5,+49 170 5550001,1,9.00,DE,Bavaria,AUTUMN,Ann Secretive
"""
ROLES = (
    "order_id=Order,date=Day,customer=Buyer,quantity=Pieces,unit_price=Price,country=Land,region=State,promotion=Coupon"
)


def written(folder: Path, answer: Answer) -> bytes:
    """Every byte that was written or said, compressed columns read out."""
    said = (answer.out + answer.err).encode()
    files = [path for path in folder.rglob("*") if path.is_file()]
    raw = b"".join(path.read_bytes() for path in files)
    read = "".join(str(pl.read_parquet(path).rows()) for path in files if path.suffix == ".parquet").encode()
    return said + raw + read


def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *options: str) -> tuple[Answer, bytes]:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))
    source = tmp_path / "in"
    source.mkdir()
    (source / "orders.csv").write_text(text, encoding="utf-8")
    (tmp_path / "out").mkdir()
    arguments = ("import", source / "orders.csv", "-o", tmp_path / "out" / "data", "--currency", "EUR", "--zone", "UTC")
    answer = call(*arguments, "--report", tmp_path / "out" / "page.html", *options, folder=tmp_path)
    return answer, written(tmp_path / "out", answer)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_id_name_or_address_is_in_any_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    answer, everything = imported(tmp_path, monkeypatch, ORDERS, "--columns", ROLES, *form)
    assert answer.code == 0, answer.err
    assert [person for person in PERSONS if person.encode().lower() in everything.lower()] == []
    orders = read_data_folder(tmp_path / "out" / "data").table("transactions")
    assert orders is not None
    assert orders["customer"].n_unique() == 2
    # A code may be made out to somebody: an address is emptied, and which orders share one stays known.
    assert orders["promotion"].null_count() == 1
    assert orders["promotion"].drop_nulls().n_unique() == 1
    assert "AUTUMN" not in orders["promotion"].to_list()


@pytest.mark.parametrize(
    "options",
    [
        ("--columns", ROLES.replace("unit_price=Price", "unit_price=Full name")),
        ("--columns", ROLES.replace("date=Day", "date=Buyer")),
        ("--columns", ROLES.replace("country=Land", "country=Street")),
        ("--columns", ROLES + ",status=Paid"),
        ("--as", "shopify_orders"),
        (),
    ],
)
def test_no_message_quotes_a_person_even_where_columns_are_mixed_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    answer, everything = imported(tmp_path, monkeypatch, ORDERS, *options)
    assert answer.code in (0, 2, 3), answer.err
    assert [person for person in PERSONS if person.encode() in everything] == []


def test_a_pseudonym_needs_its_key(tmp_path: Path) -> None:
    names = pl.Series(["ann@example.test", "ANN@example.test", None])
    first = pseudonyms(tmp_path / "a.key", into=tmp_path / "data")
    again, other = (pseudonyms(tmp_path / name, into=tmp_path / "data") for name in ("a.key", "b.key"))
    assert first.is_new
    assert not again.is_new
    assert first.of(names).to_list() == again.of(names).to_list()
    assert first.of(names).n_unique() == 2
    assert set(first.of(names).drop_nulls()) & set(other.of(names).drop_nulls()) == set()
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600


def test_the_key_may_not_lie_with_the_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="apart from the data"):
        pseudonyms(tmp_path / "data" / "my.key", into=tmp_path / "data")


def test_a_folder_keeps_to_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, monkeypatch, ORDERS, "--columns", ROLES)
    more = tmp_path / "more.csv"
    more.write_text(ORDERS.replace("A1", "B1"), encoding="utf-8")
    arguments = (
        "import",
        more,
        "-o",
        tmp_path / "out" / "data",
        "--currency",
        "EUR",
        "--zone",
        "UTC",
        "--columns",
        ROLES,
    )
    answer = call(*arguments, "--key-file", tmp_path / "second.key", folder=tmp_path)
    assert answer.code == 2
    assert "another key" in answer.err


def test_regions_and_texts_that_few_share_are_gone_and_no_sum_moves() -> None:
    orders = pl.DataFrame(
        {
            "country": ["DE"] * 6 + ["FR", None],
            "region": ["Saxony"] * 5 + ["Bavaria", "Paris", None],
            "customer": ["a", "b", "c", "d", "e", "a", "f", None],
            "order_id": list("12345678"),
            "product": ["Mug"] * 5 + ["Mug for Ann", "Gift Voucher", None],
            "sku": ["MUG"] * 6 + [None, None],
            "net_revenue": [1.0] * 8,
        }
    )
    found = coarsened(orders.lazy(), 5)
    rows = found.rows.collect()
    assert rows["region"].to_list() == ["Saxony"] * 5 + [None, None, None]
    assert rows["net_revenue"].sum() == orders["net_revenue"].sum()
    # The article's number stands for what one customer bought; paperwork is known by its name.
    assert rows["product"].to_list() == ["Mug"] * 5 + ["MUG", "Gift Voucher", None]
    assert (found.emptied, found.renamed, found.small_countries) == (2, 1, ("FR",))


def test_a_text_that_varies_within_an_article_is_no_name_of_it() -> None:
    texts = ["Mug for Ann"] * 6 + ["Mug for Bob"] * 7 + ["Plate"] * 9 + ["Plate, new"]
    orders = pl.DataFrame(
        {
            "country": "DE", "region": None, "customer": [f"c{n}" for n in range(23)],
            "order_id": [f"o{n}" for n in range(23)], "product": texts, "sku": ["MUG"] * 13 + ["PLATE"] * 10,
        },
        schema_overrides={"region": pl.String},
    )  # fmt: skip
    # Bob's stands on just more than half of the mugs' lines.
    assert coarsened(orders.lazy(), 5).rows.collect()["product"].to_list() == [
        *["MUG"] * 6, *["Mug for Bob"] * 7, *["Plate"] * 9, "PLATE",
    ]  # fmt: skip
    assert coarsened(orders[:12].lazy(), 7).rows.collect()["product"].unique().to_list() == ["MUG"]


ENGRAVED = """\
Order,Day,Buyer,Article,Number,Pieces,Price,Money,Land
ann.secret@example.test-1,2026-09-03,cust-777001,Mug,MUG,1,9.00,EUR,DE
A2,2026-09-04,cust-777002,Mug for Ann Secretive,MUG,1,9.00,EUR,DE
A2,2026-09-04,cust-777002,Call +49 170 5550001,MUG,1,9.00,EUR,DE
A3,2026-09-05,cust-777003,Mug,MUG,1,9.00,EUR,DE
A4,2026-09-05,cust-777004,Mug,MUG,1,9.00,EUR,DE
A5,2026-09-06,cust-777005,Mug,MUG,1,9.00,EUR,DE
A6,2026-09-06,cust-777006,Mug,MUG,1,9.00,EUR,DE
"""
ENGRAVED_ROLES = (
    "order_id=Order,date=Day,customer=Buyer,product=Article,sku=Number,quantity=Pieces,unit_price=Price,currency=Money,"
    "country=Land"
)


def test_texts_of_goods_and_order_numbers_give_nobody_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, everything = imported(tmp_path, monkeypatch, ENGRAVED, "--columns", ENGRAVED_ROLES)
    assert answer.code == 0, answer.err
    assert [person for person in PERSONS if person.encode().lower() in everything.lower()] == []
    orders = read_data_folder(tmp_path / "out" / "data").table("transactions")
    assert orders is not None
    assert orders["product"].to_list() == ["Mug", "MUG", None, "Mug", "Mug", "Mug", "Mug"]
    assert orders["order_id"].null_count() == 0
    assert orders["net_revenue"].sum() == 63.0
    assert "ids with one got a pseudonym. (2 rows)" in " ".join(answer.out.split())
    # The same orders from a file that reaches further are the same, though texts of the first import are gone.
    more = tmp_path / "more.csv"
    more.write_text(ENGRAVED + "A7,2026-09-07,cust-777007,Mug,MUG,1,9.00,EUR,DE\n", encoding="utf-8")
    options = ("--columns", ENGRAVED_ROLES, "--zone", "UTC")
    assert call("import", more, "-o", tmp_path / "out" / "data", *options, folder=tmp_path).code == 0
    again = read_data_folder(tmp_path / "out" / "data").table("transactions")
    assert again is not None
    assert again["net_revenue"].sum() == 72.0


def test_a_name_under_currency_is_no_currency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ENGRAVED.replace("EUR", "Ann Secretive")
    answer, everything = imported(tmp_path, monkeypatch, text, "--columns", ENGRAVED_ROLES)
    assert b"secretive" not in everything.lower()
    assert answer.code == 0, answer.err


def test_the_key_s_place_is_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, _ = imported(tmp_path, monkeypatch, ORDERS, "--columns", ROLES)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"customer.key" not in kept
    assert b"customer.key" not in answer.out.encode()
    assert "customer.key" in answer.err


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Spring | ann@example.test", True),
        ("utm_term=ann%40example.test", True),
        ("ann (at) example.test", True),
        ("Call +49 (0)170 555-0001", True),
        ("0170/5550001", True),
        ("030 1234567", True),
        ("(212) 555-0100", True),
        ("\u5fae\u4fe1 13800138000", True),
        ("Anruf 01705550001", True),
        ("07700900123 UK", True),
        ("(020) 7946 0958", True),
        ("06 12 34 56 78 FR", True),
        ("06.12.34.56.78", True),
        ("DE_tel01705550001_2026", True),
        ("49 170 5550001", True),
        ("+49170\u200b5550001", True),
        ("\uff10\uff11\uff17\uff10\u2212\uff15\uff15\uff15\uff10\uff10\uff10\uff11", True),
        ("ann (at) example (dot) test", True),
        ("ann AT example DOT test", True),
        ("ann\uff20example.test", True),
        ("q4 2026-10-01 to 2026-12-31", False),
        ("Sale 2026/09/01 2026-09-30", False),
        ("A/B 2026.09.01-2026.10.31 v2", False),
        ("Sale 01.09.26-30.09.26", False),
        ("20260901-20260930 DE", False),
        ("KW 36-40 2026", False),
        ("Set 10 200 300 ml", False),
        ("Shop at amazon.de", False),
        ("ROAS 4.5 id 120210000000000123", False),
        ("Sale 01.09.2026 to 30.09.2026", False),
        ("2026-09-01 DE Brand", False),
        ("EAN 4006381333931", False),
        ("Set of 3 mugs, 250 ml + 500 ml", False),
        ("Bed 1400 x 2000 x 300", False),
        ("DE_Search_Generic_001", False),
    ],
)
def test_addresses_and_numbers_are_told_from_dates_and_sizes(text: str, is_one: bool) -> None:
    assert has_contact(pl.Series([text])).to_list() == [is_one]


def test_a_long_number_that_may_be_anybodys_gets_another_name(tmp_path: Path) -> None:
    key = pseudonyms(tmp_path / "a.key", into=tmp_path / "data")
    texts = pl.Series(
        ["WhatsApp 491705550001", "Search 12345678901", "Search 12345678902", "EAN 4006381333931", "120210000000000123"]
    )
    done, count = without_long_numbers(texts, key.of)
    assert count == 3
    assert done[3:].to_list() == texts[3:].to_list()
    assert done.n_unique() == 5
    assert done[1].startswith("Search ")
    assert [text for text in texts[:3] if text in done.to_list()] == []


def test_headers_of_columns_that_are_not_read_name_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ORDERS.replace("Street", "bobby@secret.test").replace("Phone", "Notes 7777123").replace("Paid", "Tax 1")
    answer, everything = imported(tmp_path, monkeypatch, text, "--columns", ROLES)
    assert answer.code == 0, answer.err
    assert b"7777123" not in everything
    assert b"bobby" not in everything
    record = json.loads((tmp_path / "out" / "data" / "provenance.json").read_text(encoding="utf-8"))["files"][0]
    assert record["ignored"] == ["Full name", "Tax 1"]
    assert [note["message"][:2] for note in record["notes"] if note["code"] == "headers_hidden"] == ["2 "]


def test_no_report_of_media_shows_an_address_or_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Day,Campaign,Cost\n2026-09-01,Brand,1.00\n2026-09-01,Leads ann.secret@example.test,2.00\n"
    text += "2026-09-02,Call +49 170 5550001,3.00\n"
    answer, everything = imported(tmp_path, monkeypatch, text, "--columns", "date=Day,campaign=Campaign,spend=Cost")
    assert answer.code == 0, answer.err
    assert [person for person in PERSONS if person.encode().lower() in everything.lower()] == []
    media = read_data_folder(tmp_path / "out" / "data").table("media")
    assert media is not None
    assert media["spend"].sum() == 6.0


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("+4915123456789", True),
        ("+49 (0)151 2345-6789", True),
        ("004915123456789", True),
        ("0151/23456789", True),
        ("(415) 555-0132", True),
        ("LAMP-ann@example.test", True),
        ("015123456789", False),  # goods are numbered so, and costs are joined by it
        ("4006381333931", False),
        ("0001234567", False),
        ("00012345678905", False),
        ("555-0132-100", False),
        ("A+B 12345678", False),
        ("LAMP 01/2026", False),
    ],
)
def test_an_id_is_replaced_where_its_form_says_telephone(text: str, is_one: bool) -> None:
    assert is_contact(pl.Series([text])).to_list() == [is_one]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Secretstr. 7, Hidden Town", False),
        ("7 Hidden Road", False),
        ("12b, Rue Cachee", False),
        ("Bavaria " * 6, False),
        ("BY", True),
        ("JP-13", True),
        ("75", True),
        ("Washington, D.C.", True),
        ("Newfoundland and Labrador", True),
        (None, True),
    ],
)
def test_a_street_is_no_region(text: str | None, is_one: bool) -> None:
    assert is_place(pl.Series([text], dtype=pl.String)).to_list() == [is_one]


def test_streets_and_telephones_in_columns_of_goods_are_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        ENGRAVED.replace("Land\n", "Land,Part\n")
        .replace("DE\n", "DE,Secretstr. 7\n")
        .replace(",MUG", ",+4915123456789")
    )
    answer, everything = imported(tmp_path, monkeypatch, text, "--columns", f"{ENGRAVED_ROLES},region=Part")
    assert answer.code == 0, answer.err
    assert b"secretstr" not in everything.lower()
    assert b"4915123456789" not in everything
    orders = read_data_folder(tmp_path / "out" / "data").table("transactions")
    assert orders is not None
    assert orders["sku"].n_unique() == 1
    assert orders["sku"].null_count() == 0
