"""Signs of thousands and decimals: what a column means settles what its numbers leave open."""

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

HEAD = "Day,Campaign,Currency code,Cost,Impr.,Clicks\n"
COLUMNS = {"zone": "UTC"}


def google(cost: str, shown: str, clicks: str = "12", code: str = "JPY", days: int = 9) -> str:
    return HEAD + "".join(f'2026-09-{n:02d},Brand,{code},"{cost}","{shown}",{clicks}\n' for n in range(1, days + 1))


@pytest.mark.parametrize(
    ("cost", "shown", "code", "spend", "impressions"),
    [
        ("3.520", "1.775", "JPY", 3520.0, 1775),  # both whole
        ("3.520", "775", "KRW", 3520.0, 775),  # a currency without minor units
        ("3.520", "1.775", "EUR", 3520.0, 1775),  # impressions settle it for the file
        ("3,520", "1,775", "JPY", 3520.0, 1775),
        ("3.52", "1,775", "EUR", 3.52, 1775),
        ("3,52", "1.775", "EUR", 3.52, 1775),
        ("3.520", "1775", "KWD", 3.52, 1775),  # three decimals, and no sign that groups
    ],
)
def test_counts_and_currencies_without_minor_units_settle_the_sign(
    importing: Importing, cost: str, shown: str, code: str, spend: float, impressions: int
) -> None:
    found = importing(google(cost, shown, code=code), **COLUMNS).table("media")
    assert found["spend"].to_list() == [spend] * 9
    assert found["impressions"].to_list() == [impressions] * 9


def test_open_points_are_asked_for_and_each_answer_is_taken(importing: Importing) -> None:
    text = google("3.520", "775", code="EUR")
    with pytest.raises(UnreadFileError, match=r'--decimal "\." where 1\.234 is one and a bit, --decimal ","') as caught:
        importing(text, **COLUMNS)
    assert caught.value.code == "open_numbers"
    assert importing(text, decimal=".", **COLUMNS).table("media")["spend"][0] == 3.52


def test_whole_numbers_that_contradict_other_columns_are_refused(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match=r"impressions 1\.234 can only be a thousand") as caught:
        importing(google("12.50", "1.775", code="EUR"), **COLUMNS)
    assert caught.value.code == "mixed_numbers"


def test_counts_with_fractions_are_refused(importing: Importing) -> None:
    # A spreadsheet made 1.77 of 1.770.
    text = google("12.50", "1.77", clicks="1", code="EUR")
    with pytest.raises(RefusedFileError, match=r"'Impr\.' are no whole numbers") as caught:
        importing(text, **COLUMNS)
    assert caught.value.code == "broken_counts"
    importing(text, accept=["broken_counts"], **COLUMNS)


def test_more_clicks_than_impressions_are_refused(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="108 clicks of 27 impressions") as caught:
        importing(google("12.50", "3", code="EUR"), **COLUMNS)
    assert caught.value.code == "clicks_exceed_impressions"


def test_amounts_of_orders_settle_it_by_their_currency(importing: Importing) -> None:
    roles = {"order_id": "No", "date": "Day", "sku": "Sku", "quantity": "Pieces", "unit_price": "Price"}
    text = "No,Day,Sku,Pieces,Price\n" + "".join(f"{n},2026-09-{n:02d},MUG,1,4.900\n" for n in range(1, 9))
    orders = importing(text, columns=roles, currency="JPY", **COLUMNS).table("transactions")
    assert orders["unit_price"].to_list() == [4900.0] * 8
