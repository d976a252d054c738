"""Rows of totals that bear a day: told by arithmetic, so that a campaign that is called so stays."""

import pytest

from tests.imports.conftest import Importing

HEAD = "Day,Campaign,Campaign ID,Currency code,Cost,Impr.,Clicks\n"
DAYS = "".join(
    f"2026-09-{n:02d},{name},{code},EUR,{cost:.2f},{100 * n},{n}\n"
    for n in range(1, 10)
    for name, code, cost in (("Brand", "71", 10.0 + n), ("Search", "72", 20.0))
)
SPEND = sum(30.0 + n for n in range(1, 10))
SHOWN = 2 * 100 * 45


@pytest.mark.parametrize("word", ["TOTAL", "Total", "Grand total", "Gesamt:", "合计", "Summe"])
@pytest.mark.parametrize("place", ["above", "below"])
def test_a_dated_row_that_sums_up_all_others_is_no_campaign(importing: Importing, word: str, place: str) -> None:
    total = f"2026-09-09,{word},,EUR,{SPEND:.2f},{SHOWN},\n"
    found = importing(HEAD + (total + DAYS if place == "above" else DAYS + total), zone="UTC")
    assert found.table("media")["spend"].sum() == pytest.approx(SPEND)
    assert found.provenance["files"][0]["dropped"] == {"totals": 1}


def test_totals_of_each_day_are_no_campaign(importing: Importing) -> None:
    totals = "".join(f"2026-09-{n:02d},Total,,EUR,{30.0 + n:.2f},{200 * n},{2 * n}\n" for n in range(1, 10))
    found = importing(HEAD + DAYS + totals, zone="UTC")
    assert found.table("media")["spend"].sum() == pytest.approx(SPEND)
    assert found.provenance["files"][0]["dropped"] == {"totals": 9}


@pytest.mark.parametrize(
    ("row", "is_told"),
    [
        (f"2026-09-09,Total,73,EUR,{SPEND:.2f},{SHOWN},90\n", False),  # it has an id
        (f"2026-09-09,Total Rewards,,EUR,{SPEND:.2f},{SHOWN},90\n", False),  # it is called more than a total
        ("2026-09-09,Total,,EUR,55.00,900,9\n", True),  # it is not the sum
    ],
)
def test_a_campaign_called_total_stays(importing: Importing, row: str, is_told: bool) -> None:
    found = importing(HEAD + DAYS + row, zone="UTC")
    assert found.table("media").height == 19
    assert found.says("named_total") == is_told


def test_a_table_of_ones_own_without_ids_is_looked_at_too(importing: Importing) -> None:
    text = (
        "Day,Name,Money\n" + "".join(f"2026-09-{n:02d},A,{n}.50\n" for n in range(1, 10)) + "2026-09-09,Total,49.50\n"
    )
    roles = {"date": "Day", "campaign": "Name", "spend": "Money"}
    found = importing(text, columns=roles, currency="EUR", zone="UTC")
    assert found.table("media")["spend"].sum() == pytest.approx(49.5)
