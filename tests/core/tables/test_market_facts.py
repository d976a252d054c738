"""The tables of facts: whole, in range, and refused where broken."""

from datetime import date
from math import log
from pathlib import Path

import pytest

from xbopt.core.errors import TableError
from xbopt.core.tables.market_facts import Fact, fact, facts, has_fact, load_facts
from xbopt.core.tables.market_names import channel_kinds, countries, named, trades, words_for
from xbopt.core.tables.public_holidays import country_codes
from xbopt.core.tables.reference_rates import rated_currencies
from xbopt.core.tables.taxes import tax_ids

HEAD = "id,fact,effective_from,value,low,high,evidence,source\n"
DAY = date(2026, 12, 1)


def _table(folder: Path, rows: str) -> Path:
    path = folder / "facts.csv"
    path.write_text(HEAD + rows, encoding="utf-8")
    return path


def test_every_name_has_the_same_facts():
    """A trade, channel or country with a gap would fail at the seller who asks for it."""
    for kind, names in (("trade", trades()), ("channel", channel_kinds()), ("country", countries())):
        by_name = {name: {key.split(".")[1] for key in facts(kind) if key.split(".")[0] == name} for name in names}
        optional = {"peak_days", "price_level"}
        (every,) = {frozenset(found - optional) for found in by_name.values()}
        assert len(every) >= 4, kind


def test_a_delayed_channel_has_a_peak():
    assert {name for name in channel_kinds() if has_fact("channel", name, "peak_days")} == {
        name for name, kind in channel_kinds().items() if kind.carry_over == "delayed"
    }


def test_every_country_with_a_tax_is_there_with_holidays_rate_and_volatility():
    assert {name for name in tax_ids() if len(name) == 2} <= set(countries())
    assert len(countries()) >= 40
    for country in countries().values():
        assert country.id in country_codes()
        assert country.currency in rated_currencies()
        assert has_fact("currency", country.currency, "volatility")
        assert has_fact("route", f"EA-{country.zone}", "parcel_usd")


def test_nobody_shares_a_word():
    for names in (trades(), channel_kinds(), countries()):
        words = [word for one in names.values() for word in {one.id.lower(), one.name.lower(), *one.aliases}]
        assert len(words) == len(set(words)) == len(words_for(names))


def test_prices_of_reach_that_nobody_published_follow_income():
    """(GDP per head against Germany)^0.42, GDP per head at most USD 90,000: what the rows say of themselves."""
    germany = fact("country", "DE", "gdp_per_head_usd", DAY).value
    for country in countries():
        level = fact("country", country, "media_price_level", DAY)
        if level.evidence == "E":
            income = min(fact("country", country, "gdp_per_head_usd", DAY).value, 90_000)
            assert level.value == pytest.approx((income / germany) ** 0.42, abs=0.011), country


def test_a_spread_is_that_of_a_log_normal_between_the_ends():
    known = Fact(effective_from=DAY, value=2, low=1, high=4, evidence="E", source="here")
    assert known.spread == pytest.approx(log(4) / (2 * 1.6449))
    below_zero = Fact(effective_from=DAY, value=-2, low=-4, high=-1, evidence="E", source="here")
    assert below_zero.spread == pytest.approx(known.spread)
    assert Fact(effective_from=DAY, value=0, low=0, high=1, evidence="E", source="here").spread == 0.0


def test_a_fact_before_its_first_day_is_the_first_one():
    first = fact("country", "DE", "population", DAY)
    assert fact("country", "DE", "population", date(2001, 1, 1)) == first


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,b,2025-01-01,3,1,2,E,here\n", "row 2, column value: 3 is not between 1 and 2"),
        ("a,b,2025-01-01,1,2,1,E,here\n", "row 2, column high"),
        ("a,b,2025-01-01,1,1,2,Z,here\n", "row 2, column evidence"),
        ("a,b,2025-01-01,1,1,2,E,\n", "row 2, column source: is empty"),
        ("a,b,01.01.2025,1,1,2,E,here\n", "row 2, column effective_from"),
        ("a,b,2025-01-01,1,1,2,E,here\na,b,2025-01-01,1,1,2,E,here\n", "row 3, column effective_from"),
    ],
)
def test_a_broken_row_is_refused_with_its_place(tmp_path, row, words):
    with pytest.raises(TableError, match=words):
        load_facts(_table(tmp_path, row))


def test_an_unknown_fact_names_near_ones():
    with pytest.raises(TableError, match=r"trade fact 'toys\.elasticty' is unknown. Did you mean toys\.elasticity"):
        fact("trade", "toys", "elasticty", DAY)
    assert named("  HOME   goods ", trades(), what="trade").id == "home"
