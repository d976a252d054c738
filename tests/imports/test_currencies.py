"""Money in several currencies: rates, or a refusal that says how to give them, in one file or over several."""

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from xbopt.calibration.scenario.calibrate import calibrate
from xbopt.calibration.scenario.folders import tables_of
from xbopt.core.errors import CalibrationError
from xbopt.core.tables.reference_rates import rated_currencies, reference_rate
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.engine.run import ImportResult, import_files
from xbopt.imports.plausible_rates import MOST_IN_A_YEAR, RateCheck, check_rates
from xbopt.imports.rates import converted
from xbopt.imports.refusals import RefusedFileError
from xbopt.reports.imports import next_step

ORDERS = "Order,Day,Sku,Pieces,Price,Money,Land\n" + "".join(
    f"{n},2026-09-{n:02d},MUG,1,10.00,{'EUR' if n % 3 else 'USD'},DE\n" for n in range(1, 29)
)
ROLES = {
    "order_id": "Order", "date": "Day", "sku": "Sku", "quantity": "Pieces", "unit_price": "Price", "country": "Land",
}  # fmt: skip
IN_FILE = {**ROLES, "currency": "Money"}
MEDIA = "Day,Campaign,Cost\n" + "".join(f"2026-09-{n:02d},Brand,2.00\n" for n in range(1, 29))
MEDIA_ROLES = {"date": "Day", "campaign": "Campaign", "spend": "Cost"}
BACK = "Day,Order,Paid back\n2026-09-20,5,10.00\n"
BACK_ROLES = {"date": "Day", "order_id": "Order", "amount": "Paid back"}
RATES = "date,currency,per_euro\n" + "".join(f"2026-09-{n:02d},USD,1.25\n" for n in range(1, 29))


def given(tmp_path: Path, text: str, roles: dict[str, str], **options: object) -> ImportResult:
    """Import a file into ``data``."""
    file = tmp_path / f"{abs(hash(text))}.csv"
    file.write_text(text, encoding="utf-8")
    plain: dict[str, object] = {"into": tmp_path / "data", "key": tmp_path / "key", "zone": "UTC", "columns": roles}
    return import_files([file], **{**plain, **options})  # type: ignore[arg-type]


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    file = tmp_path / "rates.csv"
    file.write_text(RATES, encoding="utf-8")
    return file


def test_orders_in_two_currencies_want_rates_and_are_added_up_by_them(tmp_path: Path, rates: Path) -> None:
    with pytest.raises(RefusedFileError, match=r"EUR, USD.*USD against EUR.*--rates") as caught:
        given(tmp_path, ORDERS, IN_FILE)
    assert caught.value.code == "mixed_currencies"
    assert not (tmp_path / "data").exists()
    given(tmp_path, ORDERS, IN_FILE, rates=rates)
    result = given(tmp_path, MEDIA, MEDIA_ROLES, currency="EUR")
    # 19 orders of 10 EUR, and 9 of 10 USD at 1.25.
    panel = pl.read_parquet(tmp_path / "data" / "panel.parquet")
    assert panel["net_revenue"].sum() == pytest.approx(190.0 + 90.0 / 1.25)
    assert "--currency EUR" in next_step(result)


@pytest.mark.parametrize(
    ("text", "roles"), [(MEDIA, MEDIA_ROLES), (BACK, BACK_ROLES), (ORDERS.replace("\n1", "\nB1"), ROLES)]
)
def test_a_second_file_in_another_currency_wants_rates(
    tmp_path: Path, rates: Path, text: str, roles: dict[str, str]
) -> None:
    given(tmp_path, ORDERS, ROLES, currency="EUR")
    with pytest.raises(RefusedFileError, match="--rates"):
        given(tmp_path, text, roles, currency="USD")
    given(tmp_path, text, roles, currency="USD", rates=rates)


def test_rates_that_end_too_early_are_no_rates(tmp_path: Path, rates: Path) -> None:
    rates.write_text("\n".join(RATES.splitlines()[:10]) + "\n", encoding="utf-8")
    # The last rate is of the 9th and holds for ten days.
    with pytest.raises(RefusedFileError, match="from 2026-09-21 to 2026-09-27"):
        given(tmp_path, ORDERS, IN_FILE, rates=rates)


def test_mean_rates_of_years_can_be_accepted_and_stay_so(tmp_path: Path) -> None:
    given(tmp_path, ORDERS, IN_FILE, accept=["mixed_currencies"])
    result = given(tmp_path, MEDIA, MEDIA_ROLES, currency="EUR")
    assert any(note.message.startswith("Accepted") for note in result.provenance.notes)


def test_cancelled_orders_of_another_currency_need_no_rate(tmp_path: Path) -> None:
    text = (
        ORDERS.replace(",Land", ",Land,State")
        .replace(",USD,DE", ",USD,DE,cancelled")
        .replace(",EUR,DE", ",EUR,DE,paid")
    )
    given(tmp_path, text, {**IN_FILE, "status": "State"})


def test_rows_that_two_folders_hold_count_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        given(tmp_path, MEDIA, MEDIA_ROLES, currency="EUR", into=tmp_path / name)
    # The second folder also holds an export that goes on for a day, and corrects the days before.
    given(
        tmp_path,
        MEDIA.replace("2.00", "2.10") + "2026-09-29,Brand,2.10\n",
        MEDIA_ROLES,
        currency="EUR",
        into=tmp_path / "b",
    )
    tables, left_out = tables_of(read_data_folder([tmp_path / "a", tmp_path / "b"]))
    assert tables["media"]["spend"].sum() == pytest.approx(29 * 2.1)
    assert left_out == 28
    alone, none = tables_of(read_data_folder(tmp_path / "a"))
    assert (alone["media"].height, none) == (28, 0)


def test_folders_in_two_currencies_want_rates_too(tmp_path: Path, rates: Path) -> None:
    given(tmp_path, ORDERS, ROLES, currency="EUR", into=tmp_path / "a")
    given(tmp_path, MEDIA, MEDIA_ROLES, currency="USD", into=tmp_path / "b")
    both = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(CalibrationError, match=r"eurofxref-hist.zip -o .*a .*per_euro"):
        calibrate(both)
    import_files([rates], into=tmp_path / "a", key=tmp_path / "key")
    assert read_data_folder(both).table("rates") is not None
    # Twenty-eight orders are too few for a market, and no longer for want of rates.
    with pytest.raises(CalibrationError, match="No country has"):
        calibrate(both)


def _rates(currency: str, per_euro: Callable[[int], str]) -> str:
    return "date,currency,per_euro\n" + "".join(f"2026-09-{n:02d},{currency},{per_euro(n)}\n" for n in range(1, 29))


def test_the_bound_is_beyond_every_move_of_a_yearly_mean() -> None:
    years = range(2021, 2027)
    known = [[reference_rate("EUR", code, year) or 1.0 for year in years] for code in rated_currencies()]
    moves = [max(b / a, a / b) for rates in known for a, b in pairwise(rates)]
    assert 1.6 < max(moves) < MOST_IN_A_YEAR


def test_rates_known_pass_and_the_same_turned_round_do_not() -> None:
    days = [date(2026, 9, n) for n in range(1, 29)]
    for currency in rated_currencies():
        rate = reference_rate("EUR", currency, 2026) or 1.0
        table = pl.DataFrame({"date": days, "currency": [currency] * 28, "per_euro": [rate] * 28})
        assert check_rates(table) == RateCheck(doubts=(), unknown=())
        if currency == "EUR":
            continue
        (doubt,) = check_rates(table.with_columns(per_euro=1.0 / pl.col("per_euro"))).doubts
        assert "turned round" in doubt.sentence
        if max(rate, 1.0 / rate) < 2.0:
            continue
        (doubt,) = check_rates(table.with_columns(per_euro=100.0 * pl.col("per_euro"))).doubts
        assert doubt.kind == "far"


@pytest.mark.parametrize(
    ("currency", "day", "rate"),
    [
        ("USD", date(2022, 9, 28), 0.9565),  # the lowest day, of a mean of 1.053
        ("USD", date(2000, 10, 26), 0.8252),  # long before the first mean known, which is above 1
        ("CHF", date(2023, 1, 3), 1.004),  # of a mean of 0.972
        ("CHF", date(2021, 3, 1), 1.11),
    ],
)
def test_a_rate_that_crossed_1_is_not_taken_for_a_turned_one(currency: str, day: date, rate: float) -> None:
    table = pl.DataFrame({"date": [day], "currency": [currency], "per_euro": [rate]})
    assert not check_rates(table).doubts


@pytest.mark.parametrize(
    ("currency", "per_euro", "code", "said"),
    [
        ("USD", lambda _: "0", "rates_not_positive", "not above 0"),
        ("USD", lambda n: "-1.25" if n == 3 else "1.25", "rates_not_positive", "1 rates"),
        ("JPY", lambda _: "0.00625", "doubtful_rates", r"turned round.*160.*--accept doubtful_rates"),
        ("USD", lambda _: "0.8", "doubtful_rates", r"turned round.*as 1\.25"),
        ("USD", lambda _: "110", "doubtful_rates", "100 times off"),
        ("USD", lambda n: "0.01" if n == 7 else "1.1", "doubtful_rates", "1 days are far from the others"),
    ],
)
def test_rates_that_cannot_be_are_refused(
    tmp_path: Path, rates: Path, currency: str, per_euro: Callable[[int], str], code: str, said: str
) -> None:
    rates.write_text(_rates(currency, per_euro), encoding="utf-8")
    with pytest.raises(RefusedFileError, match=said) as caught:
        given(tmp_path, ORDERS.replace("USD", currency), IN_FILE, rates=rates)
    assert caught.value.code == code
    assert not (tmp_path / "data").exists()


def test_doubtful_rates_can_be_accepted_and_rates_of_zero_cannot(tmp_path: Path, rates: Path) -> None:
    rates.write_text(_rates("USD", lambda _: "110"), encoding="utf-8")
    given(tmp_path, ORDERS, IN_FILE, rates=rates, accept=["doubtful_rates"])
    rates.write_text(_rates("USD", lambda _: "0"), encoding="utf-8")
    with pytest.raises(RefusedFileError, match="not above 0"):
        given(tmp_path, ORDERS, IN_FILE, rates=rates, into=tmp_path / "b", accept=["rates_not_positive"])


def test_a_currency_that_nobody_knows_passes_with_a_note(tmp_path: Path, rates: Path) -> None:
    rates.write_text(_rates("XPF", lambda _: "119.33"), encoding="utf-8")
    result = given(tmp_path, ORDERS.replace("USD", "XPF"), IN_FILE, rates=rates)
    assert any(note.code == "rates_unchecked" for record in result.files for note in record.notes)


def test_rates_of_zero_that_a_folder_holds_are_no_rates() -> None:
    day = pl.DataFrame({"date": [date(2026, 9, 1)], "currency": ["USD"], "spend": [5.0]})
    zero = pl.DataFrame({"date": [date(2026, 9, 1)], "currency": ["USD"], "per_euro": [0.0]})
    done = converted(day, ["spend"], to="EUR", rates=zero)
    assert done.by_year == ("USD",)
    assert 3.0 < done.frame["spend"].item() < 6.0
