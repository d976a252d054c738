"""The panel of real files: every order and every unit of money once, and unknown never 0."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.calibration.canonical_tables import table
from xbopt.core.errors import UsageError
from xbopt.core.panel import PANEL_COLUMNS, panel_schema
from xbopt.imports.panel import build_panel, write_panel

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)


def line(day: date, order: str, **columns: object) -> dict[str, object]:
    plain = {"country": "DE", "sku": "lamp", "quantity": 1.0, "unit_price": 20.0, "net_revenue": 20.0}
    return {"date": day, "order_id": order, "currency": "EUR", "status": "sold", **plain, **columns}


def paid(day: date, spend: float, **columns: object) -> dict[str, object]:
    return {"date": day, "spend": spend, "currency": "EUR", "platform": "meta_ads", "country": "DE", **columns}


def orders_of(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("channel").is_null())


def media_of(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("channel").is_not_null())


def test_orders_of_two_lines_count_once_and_days_without_any_stand_there_with_nothing() -> None:
    sold = table(
        "transactions",
        [
            line(MONDAY, "1", customer="a"),
            line(MONDAY, "1", customer="a", sku="shade", quantity=2.0, unit_price=5.0, net_revenue=10.0),
            line(WEDNESDAY, "2", customer="a"),
            line(WEDNESDAY, "3", customer="b", status="cancelled"),
        ],
    )
    rows = orders_of(build_panel({"transactions": sold}).frame)
    assert rows["date"].to_list() == [MONDAY, TUESDAY, WEDNESDAY]
    assert rows["orders"].to_list() == [1.0, 0.0, 1.0]
    assert rows["new_customers"].to_list() == [1.0, 0.0, 0.0]  # a's second order is no first one
    assert rows["units"].to_list() == [3.0, 0.0, 1.0]
    assert rows["net_revenue"].to_list() == [30.0, 0.0, 20.0]
    assert rows["visits"].null_count() == 3  # nobody counted sessions: unknown, not 0


def test_money_of_other_currencies_is_converted_by_the_data_s_own_rates_and_else_by_the_year_s_and_told() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(TUESDAY, "2", currency="USD", country="US")])
    rates = table("rates", [{"date": MONDAY, "currency": "USD", "per_euro": 1.25}])
    known = build_panel({"transactions": sold, "rates": rates}, currency="EUR")
    assert orders_of(known.frame)["net_revenue"].sum() == pytest.approx(20.0 + 20.0 / 1.25)
    assert not known.notes
    yearly = build_panel({"transactions": sold}, currency="EUR")
    assert [note.code for note in yearly.notes] == ["yearly_rates"]
    assert "USD" in yearly.notes[0].sentence


def test_orders_of_several_currencies_ask_which_one_to_count_in() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(MONDAY, "2", currency="USD")])
    with pytest.raises(UsageError, match=r"EUR, USD.*--currency"):
        build_panel({"transactions": sold})


def test_tables_by_country_and_by_hour_of_the_same_money_count_once() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(MONDAY, "2", country="FR")])
    media = table(
        "media",
        [
            paid(MONDAY, 30.0, margin="country"),
            paid(MONDAY, 10.0, margin="country", country="FR"),
            paid(MONDAY, 25.0, margin="hour", country=None, hour=9),
            paid(MONDAY, 15.0, margin="hour", country=None, hour=20),
        ],
    )
    rows = media_of(build_panel({"transactions": sold, "media": media}).frame)
    assert dict(zip(rows["region"], rows["spend"], strict=True)) == {"DE": 30.0, "FR": 10.0}


def test_channels_are_shared_over_the_countries_of_their_day_where_no_table_has_both() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(MONDAY, "2", country="FR")])
    media = table(
        "media",
        [
            paid(MONDAY, 30.0, margin="country"),
            paid(MONDAY, 10.0, margin="country", country="FR"),
            paid(MONDAY, 32.0, margin="campaign", country=None, channel="prospecting"),
            paid(MONDAY, 8.0, margin="campaign", country=None, channel="retargeting"),
        ],
    )
    built = build_panel({"transactions": sold, "media": media})
    rows = media_of(built.frame)
    found = {(r["region"], r["channel"]): r["spend"] for r in rows.iter_rows(named=True)}
    assert found[("DE", "prospecting")] == pytest.approx(32.0 * 0.75)
    assert found[("FR", "retargeting")] == pytest.approx(8.0 * 0.25)
    assert rows["spend"].sum() == pytest.approx(40.0)
    assert [note.code for note in built.notes] == ["margins_multiplied"]


def test_media_without_a_country_follow_the_orders_of_the_whole_period_and_that_is_told() -> None:
    sold = table("transactions", [line(MONDAY, str(n)) for n in range(3)] + [line(TUESDAY, "9", country="FR")])
    media = table("media", [paid(MONDAY, 40.0, country=None)])
    built = build_panel({"transactions": sold, "media": media})
    rows = media_of(built.frame)
    assert dict(zip(rows["region"], rows["spend"], strict=True)) == {"DE": 30.0, "FR": 10.0}
    assert rows["impressions"].null_count() == 2
    assert [(note.code, note.count) for note in built.notes] == [("without_country", 1)]
    assert built.shared == {"meta_ads": 1.0}


def test_how_much_of_a_channel_no_file_places_is_told_in_rows_of_the_files() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(TUESDAY, "9", country="FR")])
    rows = [
        paid(MONDAY, 30.0, country=None, campaign="a"),
        paid(MONDAY, 10.0, country=None, campaign="b"),
        paid(MONDAY, 60.0),
        paid(MONDAY, 5.0, platform="search"),
    ]
    built = build_panel({"transactions": sold, "media": table("media", rows)})
    (note,) = built.notes
    assert note.count == 2
    assert "38% of the spend" in note.sentence
    assert built.shared == {"meta_ads": pytest.approx(0.4)}
    alone = build_panel({"transactions": table("transactions", [line(MONDAY, "1")]), "media": table("media", rows)})
    assert alone.shared == {}
    assert alone.notes == ()


def test_the_price_index_is_free_of_the_mix_of_products() -> None:
    """Tuesday sells only the dear product, at its usual price; on Wednesday the cheap one costs 10 % less."""
    days = [(MONDAY, "a", 10.0), (TUESDAY, "b", 90.0), (WEDNESDAY, "a", 9.0), (MONDAY, "b", 90.0), (TUESDAY, "a", 10.0)]
    sold = table(
        "transactions",
        [line(day, str(n), sku=sku, unit_price=price, net_revenue=price) for n, (day, sku, price) in enumerate(days)],
    )
    rows = orders_of(build_panel({"transactions": sold}).frame)
    assert rows["price_index"].to_list() == pytest.approx([1.0, 1.0, 0.9])


def test_discounts_are_the_part_of_the_price_asked_that_was_not_paid() -> None:
    sold = table("transactions", [line(MONDAY, "1", discount=4.0, net_revenue=16.0), line(MONDAY, "2", discount=0.0)])
    assert orders_of(build_panel({"transactions": sold}).frame)["discount_frac"].to_list() == pytest.approx([0.1])


def test_row_order_does_not_matter_and_the_file_is_a_panel(tmp_path: Path) -> None:
    sold = table("transactions", [line(day, str(n)) for n, day in enumerate([MONDAY, MONDAY, WEDNESDAY, TUESDAY])])
    media = table("media", [paid(MONDAY, 5.0), paid(WEDNESDAY, 7.0, channel="search")])
    one = build_panel({"transactions": sold, "media": media}).frame
    other = build_panel({"transactions": sold.reverse(), "media": media.reverse()}).frame
    assert one.equals(other)
    assert one.columns == list(PANEL_COLUMNS)
    write_panel(one, tmp_path / "panel.parquet")
    import pyarrow.parquet as pq

    assert pq.read_schema(tmp_path / "panel.parquet").equals(panel_schema())


def test_no_orders_give_no_panel_but_a_refusal() -> None:
    with pytest.raises(UsageError, match="no panel"):
        build_panel({"transactions": table("transactions", [line(MONDAY, "1", status="cancelled")])})


def test_refunds_without_a_country_go_where_their_order_went_or_are_shared_and_told() -> None:
    sold = table("transactions", [line(MONDAY, "1"), line(MONDAY, "2", country="FR"), line(TUESDAY, "3", country="FR")])
    back = {"currency": "EUR", "dated_by": "refund", "date": TUESDAY}
    refunds = table(
        "refunds",
        [{**back, "order_id": "2", "amount": 4.0}, {**back, "amount": 3.0}, {**back, "amount": 5.0, "country": "DE"}],
    )
    built = build_panel({"transactions": sold, "refunds": refunds})
    by_region = dict(built.frame.group_by("region").agg(pl.col("refunds").sum()).iter_rows())
    # Order 2 went to FR; one of three orders went to DE.
    assert by_region == {"DE": pytest.approx(6.0), "FR": pytest.approx(6.0)}
    assert [(note.code, note.count) for note in built.notes] == [("refunds_shared", 1)]
