"""Tables of media that tell the same money, and rows of one table that only lack their country."""

from datetime import date

import polars as pl
import pytest

from xbopt.imports.media_cells import MediaCells, media_cells
from xbopt.imports.tables import MEDIA

MONDAY, TUESDAY = date(2026, 11, 9), date(2026, 11, 10)
KINDS = {"date": pl.Date, "text": pl.String, "hour": pl.Int64}


def cells_of(*rows: dict[str, object]) -> MediaCells:
    usual = {"date": MONDAY, "platform": "meta", "margin": "country", "source": "meta_ads:1"}
    schema = {name: KINDS.get(kind, pl.Float64) for name, kind in MEDIA.items()}
    whole = [{**usual, **row} for row in rows]
    return media_cells(pl.DataFrame([{name: row.get(name) for name in schema} for row in whole], schema=schema))


def spend(cells: MediaCells) -> dict[object, float]:
    """Spend by region; None is no country."""
    found: dict[object, float] = {}
    for row in cells.frame.iter_rows(named=True):
        found[row["region"]] = found.get(row["region"], 0.0) + row["spend"]
    return found


def test_rows_whose_country_is_not_known_count_beside_those_of_their_file() -> None:
    unknown = {"spend": 60.0, "margin": "campaign"}
    told = {"country": "GB", "spend": 40.0}
    found = cells_of(unknown, told, {**unknown, "date": TUESDAY})
    assert spend(found) == {"GB": 40.0, None: 120.0}
    assert found.notes == ()
    # Of another account of the file they are a table of its own, and alone.
    assert spend(cells_of({**unknown, "account": "b"}, {**told, "account": "a"})) == {"GB": 40.0, None: 60.0}


def test_rows_whose_country_is_that_of_a_name_count_beside_those_that_have_one() -> None:
    found = cells_of({"country": "DE", "spend": 60.0, "margin": "campaign"}, {"country": "GB", "spend": 40.0})
    assert spend(found) == {"DE": 60.0, "GB": 40.0}


def test_totals_within_a_file_by_country_are_no_money_of_their_own() -> None:
    parts = [
        {"country": land, "spend": cost, "clicks": 2.0, "date": day}
        for land, cost in (("DE", 60.0), ("GB", 40.0))
        for day in (MONDAY, TUESDAY)
    ]
    whole = [{"spend": 100.0, "clicks": 4.0, "margin": "campaign", "date": day} for day in (MONDAY, TUESDAY)]
    assert spend(cells_of(*parts, *whole)) == {"DE": 120.0, "GB": 80.0}
    # One click less, and they are rows like the others.
    whole[1]["clicks"] = 3.0
    assert spend(cells_of(*parts, *whole)) == {"DE": 120.0, "GB": 80.0, None: 200.0}
    # Two equal costs say nothing where nobody counted clicks.
    assert spend(cells_of({"country": "DE", "spend": 50.0}, {"spend": 50.0, "margin": "campaign"})) == {
        "DE": 50.0,
        None: 50.0,
    }


@pytest.mark.parametrize(("total", "rest", "notes"), [
    (240.0, 80.0, [("margins_differ", "meta", 33)]),
    (163.0, 0.0, []),  # 1.9 per cent: made at another hour
    (100.0, 0.0, [("margins_differ", "meta", 38)]),
])  # fmt: skip
def test_what_a_total_has_more_than_the_countries_counts_as_of_no_country(total, rest, notes) -> None:
    found = cells_of(
        {"country": "DE", "spend": 100.0, "clicks": 10.0},
        {"country": "GB", "spend": 60.0, "clicks": 5.0},
        {"spend": total, "clicks": 24.0, "margin": "campaign", "source": "meta_ads:2"},
    )
    assert spend(found) == {"DE": 100.0, "GB": 60.0} | ({None: rest} if rest else {})
    assert list(found.notes) == notes
    if rest:
        assert found.frame.filter(pl.col("region").is_null())["clicks"].to_list() == [9.0]


def test_one_day_of_many_on_which_tables_differ_is_not_lost() -> None:
    days = [date(2026, 11, day) for day in range(1, 29)]
    parts = [{"country": "DE", "spend": 50.0 if day == days[3] else 100.0, "date": day} for day in days]
    whole = [{"spend": 100.0, "margin": "campaign", "source": "meta_ads:2", "date": day} for day in days]
    found = cells_of(*parts, *whole)  # 1.8 per cent in all
    assert spend(found) == {"DE": 2750.0, None: 50.0}
    assert list(found.notes) == [("margins_differ", "meta", 2)]


def test_channels_that_are_shared_over_countries_lose_nothing_either() -> None:
    channels = [
        {"spend": cost, "channel": name, "margin": "campaign", "source": "meta_ads:2"}
        for name, cost in (("new", 30.0), ("again", 10.0))
    ]
    found = cells_of({"country": "DE", "spend": 45.0}, {"country": "FR", "spend": 15.0}, *channels)
    assert spend(found) == {"DE": 30.0, "FR": 10.0, None: 20.0}
    assert found.frame.filter(pl.col("region").is_null()).select("channel", "spend").sort("channel").rows() == [
        ("again", 5.0),
        ("new", 15.0),
    ]
    assert [note[0] for note in found.notes] == ["margins_differ", "margins_multiplied"]


def test_what_hours_have_more_than_campaigns_counts() -> None:
    hours = [{"spend": 40.0, "hour": hour, "margin": "hour", "source": "meta_ads:2"} for hour in (9, 20)]
    found = cells_of({"spend": 50.0, "margin": "campaign"}, *hours)
    assert spend(found) == {None: 80.0}
    assert list(found.notes) == [("margins_differ", "meta", 38)]
