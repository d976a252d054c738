"""The tables behind the vital signs: published ranges, and the ECB's yearly mean rates."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from xbopt.core.errors import TableError
from xbopt.core.tables.published_ranges import load_ranges, published_ranges
from xbopt.core.tables.reference_rates import load_reference_rates, reference_rate

RANGE = "sign_id,name,low,high,unit,evidence,cited,source\nshare,Share,0.1,0.6,share,E,a guess,nobody measured it\n"
RATE = "currency,year,units_per_eur,evidence,source\nUSD,2026,1.16,M,ECB\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_ranges_load_and_say_where_they_come_from() -> None:
    ranges = published_ranges()
    assert (ranges["advertising_elasticity"].low, ranges["advertising_elasticity"].high) == (0.05, 0.3)
    assert ranges["advertising_elasticity"].evidence == "S"
    assert ranges["uncertainty"].high == float("inf")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.1,0.6", "0.6,0.1", "row 2, column high: must be above 0.6"),
        ("0.1", "a tenth", "column low: 'a tenth' is not a number"),
        (",share,E", ",percent,E", "column unit: 'percent' is not one of"),
        ("nobody measured it", "", "column source: is empty"),
        (
            "nobody measured it\n",
            "once\nshare,Share,0,1,share,E,again,again\n",
            "row 3, column sign_id: 'share' stands",
        ),
    ],
)
def test_a_broken_range_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert load_ranges(write(tmp_path, RANGE))
    with pytest.raises(TableError) as caught:
        load_ranges(write(tmp_path, RANGE.replace(old, new, 1)))
    assert said in str(caught.value)


def test_a_year_of_a_currency_stands_once(tmp_path: Path) -> None:
    assert load_reference_rates(write(tmp_path, RATE)) == {"USD": {2026: 1.16}}
    with pytest.raises(TableError, match="row 3, column year: 2026 stands there twice"):
        load_reference_rates(write(tmp_path, RATE + "USD,2026,1.2,M,ECB\n"))


def test_rates_are_crossed_over_the_euro() -> None:
    """In 2026 1 EUR was 1.1568 USD and 0.86121 GBP: 1 GBP was 1.3432 USD."""
    assert reference_rate("GBP", "USD", 2026) == pytest.approx(1.1568 / 0.86121, rel=1e-12)
    assert reference_rate("USD", "EUR", 2026) == pytest.approx(1 / 1.1568, rel=1e-12)
    assert reference_rate("XAF", "EUR", 2026) is None


def test_a_year_outside_the_table_takes_the_nearest_one() -> None:
    assert reference_rate("USD", "EUR", 2050) == reference_rate("USD", "EUR", 2026)
    assert reference_rate("USD", "EUR", 2000) == reference_rate("USD", "EUR", 2021)


@pytest.mark.realdata
def test_the_rates_are_the_means_of_the_ecbs_days(data_folder: Path) -> None:
    days = pq.read_table(data_folder / "ecb_fx" / "eurofxref-hist.parquet")
    years = pc.year(days["Date"])  # pyright: ignore[reportAttributeAccessIssue] - made when pyarrow is imported
    for currency, year in (("USD", 2021), ("GBP", 2025), ("JPY", 2024), ("TRY", 2026)):
        of_year = days.filter(pc.equal(years, year))[currency]  # pyright: ignore[reportAttributeAccessIssue]
        mean = pc.mean(of_year).as_py()  # pyright: ignore[reportAttributeAccessIssue]
        assert reference_rate("EUR", currency, year) == pytest.approx(mean, rel=1e-4)
