"""Figures below 0 are told, and refused where a day cannot be so; those beyond all others are asked about."""

from pathlib import Path
from typing import Any

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError

ORDERS = {"order_id": "Order", "date": "Day", "quantity": "Pieces", "unit_price": "Price", "status": "State"}


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _media(*changes: tuple[int, str], days: int = 12, currency: str = "EUR") -> str:
    """Two campaigns that spend 100.00 a day; changes of the first by day."""
    spends = dict.fromkeys(range(1, days + 1), "100.00") | dict(changes)
    rows = [f"2026-09-{n:02},{name},{currency},{spends[n] if name == 'A' else '100.00'},1000,50"
            for n in spends for name in "AB"]  # fmt: skip
    return "\n".join(["Day,Campaign,Currency code,Cost,Impr.,Clicks", *rows, ""])


def _notes(made: Any, code: str) -> list[tuple[str, int]]:
    return [
        (note["message"], note["rows"])
        for each in made.provenance["files"]
        for note in each["notes"]
        if note["code"] == code
    ]


def test_a_correction_is_told_with_its_count_sum_and_first_day(importing: Importing) -> None:
    made = importing(_media((4, "-35.00"), (7, "-1.50")), zone="UTC")
    ((message, rows),) = _notes(made, "below_0")
    assert "'Cost' are below 0: 2, -36.50 in all, the first on 2026-09-04" in message
    assert rows == 2


def test_a_day_of_a_channel_that_is_below_0_is_refused(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match=r"google_ads spent -35\.00 on 2026-09-04") as caught:
        importing(_media((4, "-135.00")), zone="UTC")
    assert caught.value.code == "negative_days"
    assert importing(_media((4, "-135.00")), zone="UTC", accept=["negative_days"]).says("Accepted: google_ads spent")


@pytest.mark.parametrize("wrong", ["1000000000", "1e9", "1,000,000,000.00"])
def test_a_figure_beyond_all_others_is_refused(importing: Importing, wrong: str) -> None:
    text = _media((4, f'"{wrong}"'))
    with pytest.raises(RefusedFileError, match=r"1,000,000,000\.00, where 100\.00 is much") as caught:
        importing(text, zone="UTC")
    assert caught.value.code == "outlying_figures"
    assert len(importing(text, zone="UTC", accept=["outlying_figures"]).rows("media", "spend")) == 24


def test_two_figures_beyond_all_others_do_not_hide_each_other(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="in 2 of its rows"):
        importing(_media((4, "1000000000"), (5, "1000000000")), zone="UTC")


def test_a_large_day_is_no_outlier(importing: Importing) -> None:
    assert not importing(_media((4, "99999.00")), zone="UTC").says("outlying_figures")


def test_currencies_of_other_sizes_are_compared_with_themselves(importing: Importing) -> None:
    text = _media() + _media((1, "2600000"), days=2, currency="VND").split("\n", 1)[1].replace(",A,", ",C,")
    assert not importing(text, zone="UTC", accept=["mixed_currencies"]).says("outlying_figures")


def _orders(pieces: str, state: str = "paid") -> str:
    rows = [f"A{n},2026-09-{n:02},{pieces if n == 5 else 2},26.00,{state if n == 5 else 'paid'}" for n in range(1, 13)]
    return "\n".join(["Order,Day,Pieces,Price,State", *rows, ""])


def test_a_quantity_beyond_all_others_is_refused(importing: Importing) -> None:
    options: dict[str, Any] = {"columns": ORDERS, "currency": "EUR", "zone": "UTC"}
    with pytest.raises(RefusedFileError, match="Most of the sum of 'Pieces'"):
        importing(_orders("1000000"), **options)
    importing(_orders("1000000", "cancelled"), **options)


def test_a_sold_line_of_fewer_than_no_pieces_is_told(importing: Importing) -> None:
    head = (
        "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,Lineitem price"
    )
    rows = [f"#{n},a{n}@x.test,paid,EUR,52,0,0,52,2026-09-03 08:00:00 +0200,{2 if n else -2},26.00" for n in range(3)]
    made = importing("\n".join([head, *rows, ""]))
    assert any("'Lineitem quantity' are below 0: 1, -2.00 in all" in said for said, _ in _notes(made, "below_0"))


def test_days_without_a_row_are_told(importing: Importing) -> None:
    text = "".join(line for line in _media().splitlines(keepends=True) if "2026-09-05" not in line)
    ((message, _),) = _notes(importing(text, zone="UTC"), "days_without_rows")
    assert "without any row: 1, the first 2026-09-05" in message


def test_what_runs_on_few_days_lacks_none(importing: Importing) -> None:
    rows = "".join(f"2026-09-{n:02},A,EUR,5.00,9,1\n" for n in range(1, 29, 3))
    made = importing(f"Day,Campaign,Currency code,Cost,Impr.,Clicks\n{rows}", zone="UTC")
    assert not made.says("days_without_rows")
