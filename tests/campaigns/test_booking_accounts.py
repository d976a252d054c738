"""The account that sheets are for: its currency, and what its money is worth."""

import pytest

from tests.campaigns.test_booking_exports import EURO, SCENARIO, SEARCH, days_of
from xbopt.campaigns.booking.account import Account, account_of
from xbopt.campaigns.booking.booking import write_sheets
from xbopt.campaigns.booking.budget_lines import read_export
from xbopt.campaigns.booking.platform import booking_platform
from xbopt.core.errors import UsageError

POUND = Account(currency="GBP", base_per_unit=1.15)


@pytest.mark.parametrize(
    ("currency", "rate", "message"),
    [
        ("GBP", 0.87, "the scenario's is 1.15.*turned round: 1 / 0.87 is 1.149"),
        ("GBP", 0.0001, "the scenario's is 1.15"),
        ("GBP", 1.45, "the scenario's is 1.15"),
        ("USD", 0.0001, "the mean known of 2026 is about 0.86"),
        ("JPY", 183.0, "the mean known of 2026 is about 0.00.*turned round"),
    ],
)
def test_a_rate_far_from_the_one_known_is_refused_unless_it_is_sure(currency: str, rate: float, message: str):
    """A rate that is a third off books a third more than was approved."""
    with pytest.raises(UsageError, match=f"{message}.*--accept doubtful_rates"):
        account_of(SCENARIO, currency=currency, base_per_unit=rate)
    sure = account_of(SCENARIO, currency=currency, base_per_unit=rate, rate_is_sure=True)
    assert sure.base_per_unit == rate


@pytest.mark.parametrize(("currency", "rate"), [("GBP", 1.0), ("GBP", 1.4), ("USD", 1.2), ("QQQ", 0.0001)])
def test_rates_near_the_one_known_are_believed(currency: str, rate: float):
    """Within a quarter of the scenario's, twice a yearly mean; of other currencies nothing is known."""
    assert account_of(SCENARIO, currency=currency, base_per_unit=rate).base_per_unit == rate


def test_a_currency_is_a_code_in_capitals_or_small_letters():
    assert account_of(SCENARIO, currency=" gbp") == account_of(SCENARIO, currency="GBP")
    assert account_of(SCENARIO, currency="eur", told=["EUR"]).currency == "EUR"
    with pytest.raises(UsageError, match="'EURO' is no currency; write its code of three letters"):
        account_of(SCENARIO, currency="euro")


@pytest.mark.parametrize(
    "export",
    [
        "Campaign,Budget\nDE search,£50.00\nUK search,£50.00\n",
        "Campaign,Budget\nDE search,50.00\nUK search,GBP 50.00\n",
        "Campaign,Budget,Cost (GBP)\nDE search,50.00,1\nUK search,50.00,1\n",
        "Campaign,Budget,Cost (£)\nDE search,50.00,1\nUK search,50.00,1\n",
    ],
)
def test_a_sign_of_another_currency_in_the_export_is_refused(export: str):
    """The sheet's amounts would be read in the currency of the account that exported it."""
    with pytest.raises(UsageError, match=r"in GBP, the account is said|another currency than EUR"):
        write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export.encode(), SEARCH, account=EURO)
    made = write_sheets(days_of((11.5, 23)), SCENARIO, "google_editor", export.encode(), SEARCH, account=POUND)
    assert "DE search,10.00" in next(iter(made.sheets.values())).decode()


def test_headers_in_brackets_that_are_no_currency_say_nothing():
    """Percent, abbreviations and units."""
    export = b"Campaign,Budget,CTR (%),Return (ROI),Size (ft)\nDE search,5,1,1,1\nUK search,5,1,1,1\n"
    assert write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, SEARCH, account=EURO).sheets


def test_a_sign_that_means_one_currency_alone_tells_it():
    """A pound is one, a dollar is many."""
    for sign, told in (("£", {"GBP"}), ("$", set[str]())):
        export = f"Campaign,Budget\nDE search,{sign}50.00\n".encode()
        assert read_export(export, booking_platform("google_editor")).currencies == told
    with pytest.raises(UsageError, match=r"says \$50.00, which is another currency than EUR"):
        write_sheets(days_of((10, 20)), SCENARIO, "google_editor", export, SEARCH[:1], account=EURO)
