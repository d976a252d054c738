"""Equal keys are one fact only where the rows agree: accounts and shops may have the same names and numbers."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from xbopt.calibration.scenario.folders import tables_of
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.run import ImportResult, import_files
from xbopt.imports.refusals import RefusedFileError

START = date(2026, 5, 1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _import(folder: Path, name: str, text: str, **more: object) -> ImportResult:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    into = more.pop("into", folder / "data")
    return import_files([path], into=into, zone="UTC", currency="EUR", k=0, **more)  # type: ignore[arg-type]


def _media(spends: list[float], first: date = START) -> str:
    """A report of one campaign, a row a day."""
    rows = [f"{first + timedelta(n)},Search,EUR,{spend:.2f},10,1" for n, spend in enumerate(spends)]
    return "\n".join(["Day,Campaign,Currency code,Cost,Impr.,Clicks", *rows, ""])


def _orders(buyer: str, *, country: str = "DE", first: date = START, sku: str = "L", numbers: int = 6) -> str:
    rows = [f"#{1000 + n},{first + timedelta(n)},{buyer}{n}@x.test,1,10.00,{sku},{country}" for n in range(numbers)]
    return "\n".join(["Order,Day,Buyer,Pieces,Price,Article,Land", *rows, ""])


ROLES = {
    "order_id": "Order", "date": "Day", "customer": "Buyer", "quantity": "Pieces", "unit_price": "Price",
    "sku": "Article", "country": "Land",
}  # fmt: skip


def _spend(folder: Path) -> float:
    table = read_data_folder(folder / "data").table("media")
    assert table is not None
    return float(table["spend"].sum())


def test_two_accounts_with_the_same_campaigns_are_refused_and_kept_apart_by_name(tmp_path: Path) -> None:
    a, b = _media([10.0, 20.0, 30.0, 40.0]), _media([25.0, 7.0, 90.0, 3.0])
    _import(tmp_path, "a.csv", a, account="west")
    with pytest.raises(RefusedFileError, match=r"a\.csv and in b\.csv.*--account NAME") as caught:
        _import(tmp_path, "b.csv", b, account="west")
    assert caught.value.code == "two_sources"
    _import(tmp_path, "b.csv", b, account="east")
    assert _spend(tmp_path) == 225.0


def test_a_later_export_may_correct_and_complete_an_earlier_one(tmp_path: Path) -> None:
    _import(tmp_path, "a.csv", _media([10.0, 20.0, 30.0, 4.0]))  # the last day had only begun
    _import(tmp_path, "b.csv", _media([19.5, 30.0, 40.0, 50.0], START + timedelta(1)))
    assert _spend(tmp_path) == 10.0 + 19.5 + 30.0 + 40.0 + 50.0


def test_what_is_accepted_counts_once(tmp_path: Path) -> None:
    _import(tmp_path, "a.csv", _media([10.0, 20.0, 30.0]))
    _import(tmp_path, "b.csv", _media([25.0, 7.0, 90.0]), accept=["two_sources"])
    assert _spend(tmp_path) == 122.0


@pytest.mark.parametrize(
    "other",
    [
        _orders("bob"),
        _orders("ann", country="FR"),
        _orders("ann", first=START + timedelta(90)),
        _orders("ann", sku="S"),
    ],
    ids=["customers", "countries", "days", "lines"],
)
def test_two_shops_with_the_same_numbers_are_refused_and_kept_apart_by_name(tmp_path: Path, other: str) -> None:
    _import(tmp_path, "a.csv", _orders("ann"), columns=ROLES)
    with pytest.raises(RefusedFileError, match="two shops") as caught:
        _import(tmp_path, "b.csv", other, columns=ROLES)
    assert caught.value.code == "two_sources"
    _import(tmp_path, "b.csv", other, columns=ROLES, account="second")
    orders = pl.read_parquet(tmp_path / "data" / "transactions.parquet")["order_id"]
    assert orders.n_unique() == orders.len() == 12
    assert orders.str.starts_with("second:").sum() == 6


def test_orders_that_two_exports_hold_count_once_where_they_agree(tmp_path: Path) -> None:
    _import(tmp_path, "a.csv", _orders("ann"), columns=ROLES)
    changed = _orders("ann", numbers=8).replace("ann2@x.test", "new@x.test")
    _import(tmp_path, "b.csv", changed, columns=ROLES)
    assert pl.read_parquet(tmp_path / "data" / "transactions.parquet").height == 8


def test_folders_of_two_shops_are_refused_as_files_are(tmp_path: Path) -> None:
    for name, buyer in (("a", "ann"), ("b", "bob")):
        _import(tmp_path, f"{name}.csv", _orders(buyer), columns=ROLES, into=tmp_path / name)
    with pytest.raises(RefusedFileError, match=r"a\.csv and in b\.csv"):
        tables_of(read_data_folder([tmp_path / "a", tmp_path / "b"]))


def test_another_key_makes_no_other_shop(tmp_path: Path) -> None:
    for name in ("a", "b"):
        text = _orders("ann") + "\n" * (name == "b")
        _import(tmp_path, f"{name}.csv", text, columns=ROLES, into=tmp_path / name, key=tmp_path / f"{name}.key")
    tables, left_out = tables_of(read_data_folder([tmp_path / "a", tmp_path / "b"]))
    assert (tables["transactions"].height, left_out) == (6, 6)
