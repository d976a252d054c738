"""Reports of analytics and mail programs."""

from datetime import date

import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

DAY = date(2026, 9, 3)


def test_a_report_that_compares_two_periods_is_refused(importing: Importing) -> None:
    text = (
        "# ----\n# Start date: 20260801\n# ----\nSession primary channel group (Default Channel Group),"
        "Date,Date range,Sessions,Total revenue\n"
        "Direct,20260801,Aug 1 - Aug 31,100,50.0\nDirect,20250801,Aug 1 - Aug 31,90,40.0\n"
    )
    with pytest.raises(RefusedFileError, match="two periods"):
        importing(text, currency="EUR", zone="Europe/Berlin")


def test_sessions_without_a_date_are_refused_and_with_one_are_read(importing: Importing) -> None:
    head = (
        "# ----\n# Traffic acquisition\n# Start date: 20260903\n# ----\n"
        "Session primary channel group (Default Channel Group),"
    )
    with pytest.raises((RefusedFileError, UnreadFileError), match="Date"):
        importing(head + "Sessions,Total revenue\nDirect,100,50.0\n", currency="EUR", zone="Europe/Berlin")
    text = (
        head + "Date,Sessions,Engaged sessions,Total revenue\n,,150,90,70.0\n"
        "Direct,20260903,100,60,50.0\n(not set),20260903,50,30,20.0\n"
    )
    made = importing(text, currency="EUR", zone="Europe/Berlin")
    assert made.rows("sessions", "channel", "date", "sessions", "revenue") == [
        ("Direct", DAY, 100, 50.0),
        (None, DAY, 50, 20.0),
    ]


def test_a_session_past_midnight_belongs_to_its_first_day_and_an_order_counts_once(importing: Importing) -> None:
    def event(day: str, micros: int, name: str, more: str = "") -> str:
        return (
            f'{{"event_date":"{day}","event_timestamp":{micros},"event_name":"{name}","user_pseudo_id":"a.person",{more}'
            '"event_params":[{"key":"ga_session_id","value":{"int_value":"77"}},'
            '{"key":"currency","value":{"string_value":"EUR"}}]}\n'
        )

    order = '"ecommerce":{"transaction_id":"9","purchase_revenue":54.0},'
    text = (
        event("20260904", 3, "purchase", order)
        + event("20260903", 1, "session_start", '"geo":{"country":"Germany"},')
        + event("20260904", 2, "purchase", order)
    )
    made = importing(text, name="events.jsonl", zone="Europe/Berlin")
    assert made.rows("sessions", "date", "country", "sessions", "orders", "revenue", "currency") == [
        (DAY, "DE", 1, 1, 54.0, "EUR")
    ]
    assert made.says("order_twice")
    assert not made.says("a.person")


def test_the_table_below_a_long_chart_is_the_one_that_is_read(importing: Importing) -> None:
    chart = "# ----\n# Traffic acquisition\n# Start date: 20260803\n# ----\nNth day,Direct\n"
    chart += "".join(f"{day:04d},5\n" for day in range(90))
    table = "\n# Start date: 20260803\nSession primary channel group (Default Channel Group),Date,Sessions\n"
    table += "Direct,20260903,100\n"
    made = importing(chart + table, zone="Europe/Berlin")
    assert made.rows("sessions", "date", "sessions") == [(DAY, 100)]


def test_key_events_are_no_orders(importing: Importing) -> None:
    text = "Session primary channel group (Default Channel Group),Date,Sessions,Key events\nDirect,20260903,100,12\n"
    made = importing(text, zone="Europe/Berlin")
    assert made.rows("sessions", "sessions", "orders") == [(100, None)]
    assert made.says("key_events_are_no_orders")


def test_mailings_of_mailchimp_tell_clicks_and_say_that_this_rests_on_hearsay(importing: Importing) -> None:
    text = (
        "Title,Subject,List,Send Date,Total Recipients,Successful Deliveries,Unique Opens,Total Clicks,Unsubscribes,"
        "Total Orders,Total Gross Sales\n"
        'Autumn,Light,All,"Sep 03, 2026 09:00 am","12,000","11,970","5,400",210,18,31,"2,410.50"\n'
    )
    made = importing(text, currency="EUR", zone="Europe/Berlin")
    assert made.rows("sends", "date", "recipients", "clicks", "orders", "revenue", "platform") == [
        (DAY, 12000, 210, 31, 2410.5, "mailchimp")
    ]
    assert made.provenance["files"][0]["evidence"] == "memory"
    assert made.says("opens_are_inflated")
