"""An answer of the user counts where a file asks for it; where none does, that is said."""

from pathlib import Path
from typing import Any

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.profile_files import load_profiles

ORDERS = """\
Order,Day,Buyer,Pieces,Price,Land
A1,2026-09-03,ann,2,11.90,DE
A2,2026-09-04,bob,1,12.00,FR
"""
ROLES = {"order_id": "Order", "date": "Day", "quantity": "Pieces", "unit_price": "Price", "country": "Land"}
SHOP: dict[str, Any] = {"columns": ROLES, "currency": "EUR", "zone": "Europe/Berlin", "k": 0}
GOOGLE = "Day,Campaign,Currency code,Cost,Impr.,Clicks\n2026-09-03,DE Search,EUR,5.00,10,1\n"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XBOPT_HOME", str(tmp_path / "home"))


def _unread(provenance: dict[str, Any]) -> str:
    return " ".join(note["message"] for note in provenance["notes"] if note["code"] == "options_unread")


def test_prices_with_tax_lose_the_standard_rate_in_a_table_of_ones_own(importing: Importing) -> None:
    made = importing(ORDERS, prices="with-tax", **SHOP)
    # Germany 19 %: 23.80 / 1.19 = 20.00; France 20 %: 12.00 / 1.20 = 10.00.
    assert [round(net, 2) for (net,) in made.rows("transactions", "net_revenue")] == [20.0, 10.0]
    assert [round(tax, 2) for (tax,) in made.rows("transactions", "tax")] == [3.8, 2.0]
    assert made.says("tax_taken_off")
    assert made.says("Prices are with tax.")


def test_a_saved_profile_reads_the_answer_as_well(importing: Importing) -> None:
    importing(ORDERS, save_as="till", **SHOP)
    assert load_profiles()["till"].steps == ("tax_by_answer",)
    again = importing(
        ORDERS + "A3,2026-09-05,cy,1,1.19,DE\n", name="b.csv", prices="with-tax", **{**SHOP, "columns": None}
    )
    assert round(sum(net for (net,) in again.rows("transactions", "net_revenue")), 2) == 31.0


def test_without_an_answer_revenue_is_as_charged_and_that_is_noted(importing: Importing) -> None:
    made = importing(ORDERS, **SHOP)
    assert made.rows("transactions", "net_revenue") == [(23.8,), (12.0,)]
    assert made.says("tax_not_in_file")


def test_a_country_that_is_not_known_leaves_revenue_open(importing: Importing) -> None:
    roles = {role: name for role, name in ROLES.items() if role != "country"}
    made = importing(ORDERS, prices="with-tax", **{**SHOP, "columns": roles})
    assert made.rows("transactions", "net_revenue") == [(None,), (None,)]
    assert made.says("tax_rate_missing")


def test_a_column_of_tax_is_on_top_unless_the_user_says_otherwise(importing: Importing) -> None:
    text = ORDERS.replace("Land", "Land,Tax").replace("DE", "DE,3.80").replace("FR", "FR,2.00")
    options = {**SHOP, "columns": {**ROLES, "tax": "Tax"}}
    made = importing(text, **options)
    assert made.rows("transactions", "net_revenue") == [(23.8,), (12.0,)]
    assert made.says("tax_said_on_top")
    made = importing(text + "A3,2026-09-05,cy,1,1.19,DE,0.19\n", name="b.csv", prices="with-tax", **options)
    assert round(sum(net for (net,) in made.rows("transactions", "net_revenue")), 2) == 31.0


def test_net_revenue_needs_no_answer_on_prices(importing: Importing) -> None:
    roles = {"order_id": "Order", "date": "Day", "net_revenue": "Price", "country": "Land"}
    made = importing(ORDERS, prices="with-tax", **{**SHOP, "columns": roles})
    assert "--prices" in _unread(made.provenance)
    assert not made.says("Prices are with tax.")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"currency": "EUR"}, "--currency"),
        ({"prices": "with-tax"}, "--prices"),
        ({"channels": {"Brand": "brand"}}, "--channel-map"),
        ({"decimal": ","}, "--decimal"),
        ({"dates": "DMY"}, "--dates"),
        ({"accept": ["cut_file"]}, "--accept cut_file"),
    ],
)
def test_an_option_that_no_file_asks_for_is_named(importing: Importing, option: dict[str, Any], said: str) -> None:
    made = importing(GOOGLE, zone="UTC", **option)
    assert f"asked for {said}:" in _unread(made.provenance)
    assert not any(
        each["by"] == "flag" and "UTC" not in each["what"] for each in made.provenance["files"][0]["assumptions"]
    )


@pytest.mark.parametrize("option", [{"countries": {"DE": "DE"}}, {"channels": {"DE": "brand"}}, {"account": "one"}])
def test_an_option_that_a_file_asks_for_is_not(importing: Importing, option: dict[str, Any]) -> None:
    assert not _unread(importing(GOOGLE, zone="UTC", **option).provenance)


def test_countries_by_campaign_say_nothing_to_orders(importing: Importing) -> None:
    made = importing(ORDERS, countries={"DE": "DE"}, **SHOP)
    assert "--country-map" in _unread(made.provenance)


def test_a_head_that_names_the_currency_is_no_word_of_the_user(importing: Importing) -> None:
    text = "Day,Campaign name,Amount spent (EUR),Impressions\n2026-09-03,A,5.00,10\n"
    made = importing(text, zone="UTC", currency="EUR")
    assert "--currency" in _unread(made.provenance)
    assert not made.says("where the file does not say it")


def test_ids_that_were_accepted_are_told(importing: Importing) -> None:
    text = ORDERS.replace("A1,", "5.76E+17,")
    assert importing(text, accept=["ruined_ids"], **SHOP).says("Accepted: The ids in column")
