"""Orders that are not shipped belong to the country of the bill, and those without any country are told."""

import json

from tests.imports.conftest import Importing
from xbopt.imports.profile_files import load_profiles

HEAD = (
    "Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,Lineitem price,"
    "Lineitem sku,Shipping Country,Billing Country\n"
)


def _order(number: int, countries: str, *, lines: int = 1) -> str:
    first = f"#{number},a@x.test,paid,EUR,20.00,0.00,0.00,20.00,2026-09-03 10:00:00 +0200,1,20.00,L,{countries}\n"
    return first + f"#{number},a@x.test,,,,,,,2026-09-03 10:00:00 +0200,1,0.00,S,,\n" * (lines - 1)


def test_an_order_that_is_not_shipped_takes_the_country_of_the_bill(importing: Importing) -> None:
    made = importing(HEAD + _order(1, "DE,FR") + _order(2, ",AT", lines=2))
    assert made.rows("transactions", "order_id", "country") == [("#1", "DE"), ("#2", "AT"), ("#2", "AT")]
    notes = {note["code"]: note for note in made.provenance["files"][0]["notes"]}
    assert notes["taken_instead"]["rows"] == 2
    assert "'Billing Country'" in notes["taken_instead"]["message"]
    assert "no_country" not in notes


def test_orders_without_any_country_are_kept_and_told(importing: Importing) -> None:
    made = importing(HEAD + _order(1, "DE,DE") + _order(2, ",", lines=2))
    assert made.table("transactions").height == 3
    notes = {note["code"]: note["rows"] for note in made.provenance["files"][0]["notes"]}
    assert notes["no_country"] == 2


def test_an_order_of_woocommerce_falls_back_row_by_row(importing: Importing) -> None:
    def order(number: int, shipping: str) -> dict[str, object]:
        line = {"name": "Lamp", "sku": "L", "quantity": 1, "subtotal": "40", "total": "40", "total_tax": "0"}
        known = {"id": number, "status": "completed", "currency": "EUR", "date_created_gmt": "2026-09-04T03:30:00"}
        return {**known, "shipping": {"country": shipping}, "billing": {"country": "AT"}, "line_items": [line]}

    made = importing(json.dumps([order(1, "DE"), order(2, "")]), name="orders.json")
    assert made.rows("transactions", "country") == [("DE",), ("AT",)]


def test_no_format_takes_the_country_of_the_bill_for_the_whole_file_at_once() -> None:
    for profile in load_profiles([]).values():
        names = profile.fields["country"].names.values() if "country" in profile.fields else ()
        headers = [name.lower() for of_language in names for name in of_language]
        assert len({("bill" in name or "buyer" in name) for name in headers}) <= 1, profile.id
