"""Days that no row is about: holes of platforms and of orders, told apart from pauses, luck and what a seller says."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from xbopt.core.errors import UsageError
from xbopt.imports.coverage import (
    Hole,
    Span,
    covered_days,
    longest_covered,
    media_holes,
    order_holes,
    read_span,
)
from xbopt.imports.panel import build_panel

FIRST = date(2026, 1, 1)
LAST = date(2026, 6, 30)
APRIL = date(2026, 4, 1), date(2026, 5, 31)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def paid(days: Iterable[date], platform: str = "meta", spend: float = 10.0) -> list[dict[str, object]]:
    return [
        {"date": one, "platform": platform, "country": "DE", "spend": spend, "currency": "EUR", "impressions": 1000}
        for one in days
    ]


def every_day(*without: tuple[date, date]) -> list[date]:
    days = (day(n) for n in range((LAST - FIRST).days + 1))
    return [one for one in days if not any(a <= one <= b for a, b in without)]


def spans(holes: Iterable[Span]) -> list[tuple[str, date, date]]:
    return [(hole.source, hole.first, hole.last) for hole in holes]


def test_days_without_any_row_of_a_platform_are_a_hole_at_the_edges_too() -> None:
    media = table(
        "media",
        [
            *paid(every_day(APRIL)),
            *paid(every_day((FIRST, day(30))), "google"),
            *paid(every_day((day(170), LAST)), "tiktok"),
            *paid(every_day(), "bing"),
        ],
    )
    assert spans(media_holes(media, FIRST, LAST)) == [
        ("google", FIRST, day(30)),
        ("meta", *APRIL),
        ("tiktok", day(170), LAST),
    ]


def test_six_days_rows_of_zero_and_a_habit_of_pauses_are_no_hole() -> None:
    week = (day(50), day(55))
    flights = [day(n) for n in range((LAST - FIRST).days + 1) if n % 20 < 10]
    assert not media_holes(table("media", paid(every_day(week))), FIRST, LAST)
    zeros = [*paid(every_day(APRIL)), *paid((one for one in every_day() if APRIL[0] <= one <= APRIL[1]), spend=0.0)]
    assert not media_holes(table("media", zeros), FIRST, LAST)
    assert not media_holes(table("media", paid(flights)), FIRST, LAST)
    # Ten days off are usual here, forty are not.
    longer = [one for one in flights if not 75 <= (one - FIRST).days < 115]
    assert len(media_holes(table("media", paid(longer)), FIRST, LAST)) == 1


def test_a_seller_may_say_that_a_platform_was_off() -> None:
    media = table("media", paid(every_day(APRIL)))
    assert not media_holes(media, FIRST, LAST, [read_span("meta:2026-04-01..2026-05-31")])
    assert spans(media_holes(media, FIRST, LAST, [read_span("meta:2026-04-01..2026-04-30")])) == [
        ("meta", date(2026, 5, 1), APRIL[1])
    ]
    with pytest.raises(UsageError, match="facebook"):
        media_holes(media, FIRST, LAST, [read_span("facebook:2026-04-01..2026-05-31")])


@pytest.mark.parametrize("text", ["meta", "meta:2026-04-01", ":2026-04-01..2026-04-02", "meta:2026-05-01..2026-04-01"])
def test_a_span_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--off"):
        read_span(text)


def test_orders_have_a_hole_where_chance_makes_none() -> None:
    """At 2 orders a day, a quarter of the rate needs more than ln(181e3) / 0.5 = 24.2 days; at 1 a day, 48.4."""
    many = [one for one in every_day((day(60), day(84))) for _ in range(2)]
    assert spans(order_holes(many)) == [("orders", day(60), day(84))]
    assert not order_holes([one for one in every_day((day(60), day(83))) for _ in range(2)])
    assert not order_holes(every_day((day(60), day(84))))
    # A shop that closes over Christmas, however busy it is, is no file that is missing.
    assert not order_holes([one for one in every_day((day(60), day(72))) for _ in range(50)])
    assert not order_holes(many, [Span(source="orders", first=day(60), last=day(84))])


def test_the_longest_covered_run_is_what_all_sources_tell_about() -> None:
    holes = [Hole(source="meta", first=day(10), last=day(19)), Hole(source="google", first=day(25), last=day(30))]
    assert longest_covered(day(0), day(50), holes) == (day(31), day(50))
    assert longest_covered(day(0), day(40), holes) == (day(31), day(40))  # ten days each: the later ones
    assert longest_covered(day(12), day(18), holes) is None
    assert len(covered_days(day(0), day(50), holes)) == 51 - 16


def test_a_panel_has_no_media_rows_on_days_of_a_hole_and_zeros_where_a_platform_was_off() -> None:
    sold = table(
        "transactions",
        [
            {
                "date": one,
                "order_id": f"{one}",
                "country": "DE",
                "status": "sold",
                "net_revenue": 10.0,
                "quantity": 1.0,
                "currency": "EUR",
            }
            for one in every_day()
        ],
    )
    tables = {"transactions": sold, "media": table("media", [*paid(every_day(APRIL)), *paid(every_day(), "google")])}
    built = build_panel(tables)
    rows = built.frame.filter((pl.col("channel") == "meta") & pl.col("date").is_between(*APRIL))
    assert rows.is_empty()
    assert [(note.code, note.count) for note in built.notes] == [("media_hole", 61)]
    assert built.holes[0].channels == ("meta",)
    off = build_panel(tables, off=[read_span("meta:2026-04-01..2026-05-31")])
    assert not [note for note in off.notes if note.code == "off_has_rows"]
    wrong = build_panel(tables, off=[read_span("meta:2026-03-30..2026-05-31")])
    (note,) = [note for note in wrong.notes if note.code == "off_has_rows"]
    assert note.sentence == (
        "meta:2026-03-30..2026-05-31 was said to be off, and 2 days of that have rows: the rows count."
    )
    rows = off.frame.filter((pl.col("channel") == "meta") & pl.col("date").is_between(*APRIL))
    assert rows["spend"].to_list() == [0.0] * 61
    assert not off.notes
    with pytest.raises(UsageError, match="--off"):
        build_panel({"transactions": sold}, off=[read_span("meta:2026-04-01..2026-05-31")])
