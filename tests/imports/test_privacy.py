"""Nothing about a person leaves the door: searched byte by byte in all that an import writes and says."""

import stat
from pathlib import Path

import polars as pl
import pytest

from tests.command_line import Answer, call
from xbopt.core.errors import UsageError
from xbopt.imports.data_folder import read_data_folder
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
    # A code that two customers have may be made out to one of them.
    assert orders["promotion"].to_list() == [None, None, None]


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


def test_regions_and_codes_that_few_share_are_emptied_and_no_sum_moves() -> None:
    orders = pl.DataFrame(
        {
            "country": ["DE"] * 6 + ["FR", None],
            "region": ["Saxony"] * 5 + ["Bavaria", "Paris", None],
            "customer": ["a", "b", "c", "d", "e", "a", "f", None],
            "order_id": list("12345678"),
            "promotion": ["SPRING"] * 5 + ["FOR-ANN", None, "SPRING"],
            "net_revenue": [1.0] * 8,
        }
    )
    found = coarsened(orders.lazy(), 5)
    rows = found.rows.collect()
    assert rows["region"].to_list() == ["Saxony"] * 5 + [None, None, None]
    assert rows["net_revenue"].sum() == orders["net_revenue"].sum()
    assert rows["promotion"].to_list() == ["SPRING"] * 5 + [None, None, "SPRING"]
    assert (found.emptied, found.small_countries) == (3, ("FR",))
