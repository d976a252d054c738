"""Exports as the days of a campaign: what they tell, what they do not, and what of it is new."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.campaigns.seller import SimulatedSeller, sixty_days
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.from_tables import days_of_tables
from xbopt.campaigns.actuals.places import channels_by_name
from xbopt.campaigns.actuals.tellings import tellings_of
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import ToldActuals
from xbopt.campaigns.closing import plan_against_actual
from xbopt.campaigns.standing import Standing
from xbopt.campaigns.told_files import ImportAnswers, NewActuals, read_actuals
from xbopt.core.errors import CampaignError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.imports.coverage import Span
from xbopt.imports.tables import MEDIA, TRANSACTIONS
from xbopt.simulator.build import build_market

TODAY = date(2027, 1, 1)
KINDS = {"date": pl.Date, "text": pl.String, "hour": pl.Int64, "time": pl.String, "flag": pl.Boolean}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return sixty_days()


@pytest.fixture(scope="module")
def seller(scenario: Scenario) -> SimulatedSeller:
    made = SimulatedSeller(scenario)
    plan = scenario_plan(build_market(scenario))
    for _ in range(6):
        made.play(plan.decide(made.run.observe()))
    return made


def read(book: CampaignBook, files: list[Path], tmp_path: Path, **options: object) -> NewActuals:
    answers = ImportAnswers(currency="EUR", zone="Europe/Berlin", key=tmp_path / "key")
    return read_actuals(files, book.load("spring"), answers=answers, today=TODAY, **options)  # type: ignore[arg-type]


def told(found: NewActuals) -> dict[int, ActualDay]:
    assert found.event is not None
    return whole(map(ActualDay.from_bytes, found.event.days))


def whole(days: Iterable[ActualDay]) -> dict[int, ActualDay]:
    """Days as the sum of their sources."""
    tellings = tellings_of(days)
    return {day: known for day in tellings.by_day if (known := tellings.day(day)) is not None}


def frame(kinds: dict[str, str], *rows: dict[str, object]) -> pl.DataFrame:
    schema = {name: KINDS.get(kind, pl.Float64) for name, kind in kinds.items()}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def media(*rows: dict[str, object]) -> dict[str, pl.DataFrame]:
    usual = {"currency": "EUR", "margin": "campaign", "zone": "Europe/Berlin", "source": "s"}
    return {"media": frame(dict(MEDIA), *({**usual, **row} for row in rows))}


def test_exports_tell_totals_by_region_and_channel_to_the_cent(
    seller: SimulatedSeller, book: CampaignBook, tmp_path: Path
) -> None:
    days = told(read(book, seller.export(tmp_path, days=6), tmp_path))
    assert sorted(days) == list(range(6))
    for day, actual in days.items():
        true, figures = seller.told[day].figures, actual.figures
        paid = true["spend_base"].sum(axis=1)[:, :2]
        np.testing.assert_allclose(figures["spend_base"][:, 0, :2], paid, atol=0.0051)
        assert figures["spend_base"][:, 0, 2].sum() == pytest.approx(true["spend_base"][..., 2].sum(), abs=0.0051)
        np.testing.assert_array_equal(figures["clicks"][:, 0, :2], true["clicks"].sum(axis=1)[:, :2])
        assert np.isnan(figures["clicks"][..., -1]).all()  # nobody told organic visits
        np.testing.assert_array_equal(figures["orders"][:, 0], true["orders"].sum(axis=1))
        money = seller.outcomes[day].money
        sold = (money.gross_revenue + money.discount + money.tax + money.fx_effect)[0].sum(axis=1)
        np.testing.assert_allclose(figures["net_sales_base"][:, 0], sold, atol=0.0051)


def test_what_was_told_is_told_apart_from_what_is_new(
    seller: SimulatedSeller, book: CampaignBook, tmp_path: Path
) -> None:
    files = seller.export(tmp_path, days=6)
    first = read(book, files, tmp_path, until=seller.scenario.date_of(2))
    assert first.new == (0, 1, 2)
    assert {note.code for note in first.notes} >= {"not_finished"}
    assert first.event is not None
    book.add("spring", lambda _: first.event)  # type: ignore[arg-type, return-value]
    second = read(book, files, tmp_path)
    assert (second.new, second.unchanged, second.corrected) == ((3, 4, 5), (0, 1, 2), ())
    book.add("spring", lambda _: second.event)  # type: ignore[arg-type, return-value]
    assert read(book, files, tmp_path).event is None


def test_corrected_figures_take_the_place_of_those_before(
    seller: SimulatedSeller, book: CampaignBook, tmp_path: Path
) -> None:
    files = seller.export(tmp_path, days=2)
    first = read(book, files, tmp_path)
    book.add("spring", lambda _: first.event)  # type: ignore[arg-type, return-value]
    google = next(file for file in files if file.name.startswith("google"))
    lines = google.read_text().splitlines()
    day, campaign, country, currency, cost, *rest = lines[3].split(",")
    lines[3] = ",".join([day, campaign, country, currency, f"{float(cost) + 10.0:.2f}", *rest])
    google.write_text("\n".join(lines) + "\n")
    found = read(book, [google], tmp_path)
    assert [one.day for one in found.corrected] == [4]
    change = found.corrected[0]
    assert change.now["spend_base"] - change.before["spend_base"] == pytest.approx(10.0)
    record = book.add("spring", lambda _: found.event)  # type: ignore[arg-type, return-value]
    # Meta's and the orders' figures of the day are as they were.
    assert record.ledger.spent_base[4].sum() == pytest.approx(change.now["spend_base"])
    assert "orders" in record.days[4].figures


def test_a_platform_that_came_later_completes_its_days(
    seller: SimulatedSeller, book: CampaignBook, tmp_path: Path
) -> None:
    book_before = read(book, seller.export(tmp_path, days=2, without=("meta",)), tmp_path)
    record = book.add("spring", lambda _: book_before.event)  # type: ignore[arg-type, return-value]
    social = record.scenario.channels.index("social")
    # What Meta cost is not known; what was committed stands for it.
    np.testing.assert_allclose(record.ledger.counted_base[4, ..., social], record.ledger.committed_base[4, ..., social])
    later = read(book, seller.export(tmp_path, days=2, without=("google", "email", "orders")), tmp_path)
    assert (later.new, later.completed, later.corrected) == ((), (4, 5), ())


def test_media_of_no_country_are_shared_as_committed(scenario: Scenario) -> None:
    committed = np.zeros((scenario.days, *scenario.shape[:3]))
    committed[0, 0, :, 0], committed[0, 1, :, 0] = 30.0, 10.0
    found = days_of_tables(
        media({"date": scenario.start, "platform": "google_ads", "spend": 80.0, "clicks": 40.0}), scenario, committed
    )
    spend = found.days[0].figures["spend_base"]
    assert spend[:, 0, 0].tolist() == [60.0, 20.0]
    assert np.isnan(spend[:, 0, 1:]).all()
    assert "impressions" not in found.days[0].figures
    assert [note.code for note in found.notes] == ["shared_by_plan"]


def test_two_names_of_one_channel_add_up_and_another_region_is_told(scenario: Scenario) -> None:
    rows = media(
        {"date": scenario.start, "platform": "google_ads", "channel": "brand", "country": "DE", "spend": 5.0},
        {"date": scenario.start, "platform": "google_ads", "channel": "generic", "country": "DE", "spend": 7.0},
        {"date": scenario.start, "platform": "google_ads", "channel": "generic", "country": "JP", "spend": 9.0},
    )
    chosen = {"brand": "search", "generic": "search"}
    found = days_of_tables(rows, scenario, np.zeros((scenario.days, *scenario.shape[:3])), channels=chosen)
    assert found.days[0].figures["spend_base"][:, 0, 0].tolist() == [12.0, 0.0]
    assert [(note.code, note.what) for note in found.notes] == [("other_countries", "JP")]


def test_a_span_in_which_a_platform_was_off_is_a_span_without_spend(scenario: Scenario) -> None:
    rows = media({"date": scenario.start, "platform": "google_ads", "country": "DE", "spend": 5.0})
    off = [Span(source="google_ads", first=scenario.date_of(1), last=scenario.date_of(2))]
    found = days_of_tables(rows, scenario, np.zeros((scenario.days, *scenario.shape[:3])), off=off)
    assert [day.day for day in found.days] == [0, 1, 2]
    assert found.days[2].figures["spend_base"][:, 0, 0].tolist() == [0.0, 0.0]
    assert np.isnan(found.days[2].figures["spend_base"][:, 0, 1:]).all()


def test_files_that_tell_nothing_of_the_campaign_are_refused(scenario: Scenario) -> None:
    late = media({"date": date(2031, 1, 1), "platform": "google_ads", "country": "DE", "spend": 5.0})
    with pytest.raises(CampaignError, match=r"tell nothing of the campaign's days.*before or after"):
        days_of_tables(late, scenario, np.zeros((scenario.days, *scenario.shape[:3])))


def test_money_in_another_currency_needs_a_rate_and_a_name(scenario: Scenario) -> None:
    nothing = np.zeros((scenario.days, *scenario.shape[:3]))
    for currency, refused in (("GBP", True), (None, True), ("EUR", False)):
        row = {"date": scenario.start, "platform": "google_ads", "country": "DE", "spend": 5.0, "currency": currency}
        tables = media(row, {**row, "currency": "EUR"})
        if refused:
            with pytest.raises((CampaignError, UsageError)):
                days_of_tables(tables, scenario, nothing)
        else:
            days_of_tables(tables, scenario, nothing)


def test_days_between_orders_have_none_and_days_after_are_not_known(scenario: Scenario) -> None:
    usual = {"status": "sold", "country": "DE", "quantity": 1.0, "unit_price": 9.0, "currency": "EUR", "line": 1.0}
    orders = frame(
        dict(TRANSACTIONS),
        {**usual, "date": scenario.date_of(1), "order_id": "a", "net_revenue": 8.0, "discount": 1.0},
        {**usual, "date": scenario.date_of(4), "order_id": "b", "net_revenue": 9.0, "discount": 0.0},
    )
    found = days_of_tables({"transactions": orders}, scenario, np.zeros((scenario.days, *scenario.shape[:3])))
    assert [day.day for day in found.days] == [1, 2, 3, 4]
    assert [day.figures["orders"][:, 0].tolist() for day in found.days] == [
        [1.0, 0.0],
        [0.0, 0.0],
        [0.0, 0.0],
        [1.0, 0.0],
    ]
    assert found.days[0].figures["discount_frac"][0, 0] == pytest.approx(1.0 / 9.0)
    assert np.isnan(found.days[0].figures["discount_frac"][1, 0])
    assert "first_orders" not in found.days[0].figures


def test_a_channel_is_found_by_id_by_name_by_kind_or_said(scenario: Scenario) -> None:
    found = channels_by_name(scenario, ["search", "Paid social", "klaviyo", "facebook_ads"])
    assert found == {"search": 0, "Paid social": 1, "klaviyo": 2, "facebook_ads": 1}
    with pytest.raises(CampaignError, match="--channels billboard=search"):
        channels_by_name(scenario, ["billboard"])
    assert channels_by_name(scenario, ["billboard"], {"billboard": "none"}) == {}
    with pytest.raises(CampaignError, match="there is no such channel"):
        channels_by_name(scenario, ["billboard"], {"billboard": "serach"})


def nothing(scenario: Scenario) -> np.ndarray:
    return np.zeros((scenario.days, *scenario.shape[:3]))


def orders_of(scenario: Scenario, *rows: tuple[int, str, str | None]) -> dict[str, pl.DataFrame]:
    """Orders by day, source and country."""
    usual = {"status": "sold", "quantity": 1.0, "unit_price": 9.0, "currency": "EUR", "line": 1.0, "net_revenue": 9.0}
    lines = [
        {**usual, "date": scenario.date_of(day), "order_id": f"o{n}", "country": country, "source": source}
        for n, (day, source, country) in enumerate(rows)
    ]
    return {"transactions": frame(dict(TRANSACTIONS), *lines)}


def test_between_two_files_of_orders_nothing_is_known(scenario: Scenario) -> None:
    tables = orders_of(scenario, (0, "a", "DE"), (2, "a", "DE"), (6, "b", "GB"), (8, "b", "DE"))
    found = days_of_tables(tables, scenario, nothing(scenario))
    assert [day.day for day in found.days] == [0, 1, 2, 6, 7, 8]
    assert found.days[1].figures["orders"][:, 0].tolist() == [0.0, 0.0]


def test_an_order_of_no_country_leaves_a_total_or_nothing(scenario: Scenario) -> None:
    rows = ((0, "a", "DE"), (1, "a", "DE"), (1, "a", None))
    first, second = days_of_tables(orders_of(scenario, *rows), scenario, nothing(scenario)).days
    assert first.figures["orders"][:, 0].tolist() == [1.0, 0.0]
    assert second.figures["orders"].tolist() == [[2.0]]
    assert second.figures["net_sales_base"].tolist() == [[18.0]]
    found = days_of_tables(orders_of(scenario, *rows, (0, "a", "JP")), scenario, nothing(scenario))
    assert [day.day for day in found.days] == [0]
    assert {note.code for note in found.notes} == {"no_country_lost", "other_countries"}


def test_spend_below_nothing_is_refused_with_its_day(scenario: Scenario) -> None:
    row = {"date": scenario.start, "platform": "google_ads", "country": "DE", "spend": -500.0}
    with pytest.raises(CampaignError, match=rf"google_ads in DE spent -500.00 on {scenario.start}"):
        days_of_tables(media(row), scenario, nothing(scenario))
    found = days_of_tables(media(row, {**row, "spend": 700.0}), scenario, nothing(scenario))
    assert found.days[0].figures["spend_base"][0, 0, 0] == 200.0  # a correction within the day


def test_a_channel_that_only_a_word_speaks_for_is_told(scenario: Scenario) -> None:
    row = {"date": scenario.start, "platform": "google_ads", "country": "DE", "spend": 5.0}
    found = days_of_tables(media({**row, "channel": "google billboard"}), scenario, nothing(scenario))
    assert [note.sentence for note in found.notes] == [
        "google billboard is read as search, by a word in the name; --channels says otherwise."
    ]
    assert not days_of_tables(media({**row, "channel": "search"}), scenario, nothing(scenario)).notes


def test_no_day_that_is_not_over_is_taken_whatever_was_said(book: CampaignBook, scenario: Scenario) -> None:
    """`until` can only leave days out; what is said to be off tomorrow would give away tomorrow's money."""
    off = [Span(source="google_ads", first=scenario.start, last=scenario.date_of(scenario.days - 1))]
    record, today = book.load("spring"), scenario.date_of(10)
    with pytest.raises(UsageError, match="is not over yet"):
        read_actuals([], record, off=off, until=today, today=today)
    assert max(told(read_actuals([], record, off=off, today=today))) == 9
    assert max(told(read_actuals([], record, off=off, until=scenario.date_of(4), today=today))) == 4


def test_off_needs_no_file_and_tells_of_spend_on_its_days(
    scenario: Scenario, book: CampaignBook, tmp_path: Path
) -> None:
    off = [Span(source="google_ads", first=scenario.start, last=scenario.date_of(1))]
    alone = told(read(book, [], tmp_path, off=off))
    assert {day: actual.figures["spend_base"][:, 0, 0].tolist() for day, actual in alone.items()} == {
        0: [0.0, 0.0],
        1: [0.0, 0.0],
    }
    row = {"date": scenario.start, "platform": "google_ads", "country": "DE", "spend": 5.0}
    found = days_of_tables(media(row), scenario, nothing(scenario), off=off)
    assert [(note.code, note.count) for note in found.notes] == [("off_with_spend", 1)]
    assert found.days[0].figures["spend_base"][:, 0, 0].tolist() == [5.0, 0.0]


def test_a_split_that_was_assumed_is_marked_and_no_figure_of_a_region(scenario: Scenario, book: CampaignBook) -> None:
    rows = [{"date": scenario.start, "platform": "google_ads", "spend": 80.0, "clicks": 40.0}]
    rows.append({"date": scenario.start, "platform": "facebook_ads", "country": "DE", "spend": 9.0})
    (day,) = whole(days_of_tables(media(*rows), scenario, nothing(scenario)).days).values()
    np.testing.assert_array_equal(day.figures["regions_assumed"], [1.0, 0.0, np.nan])
    record = book.add("spring", lambda _: ToldActuals(days=[day.to_bytes()], files=[]))
    assert record.ledger.by_region[0].tolist() == [False, True, True]
    assert record.ledger.known_spend_base == pytest.approx(89.0)  # e-mail was granted, and nobody told it
    assert record.ledger.counted_base[0].sum() > 89.0
    assert np.isnan(plan_against_actual(Standing(record)).spend_by_region.came).all()
