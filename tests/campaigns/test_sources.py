"""Files that are told one after the other: accounts and shops add up, and what was told wrongly can be taken back."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tests.campaigns.seller import sixty_days
from tests.campaigns.test_actuals_from_files import frame, media
from xbopt.campaigns.actuals.from_tables import days_of_tables
from xbopt.campaigns.actuals.sources import named_as_before
from xbopt.campaigns.advice.money_alarms import spending_nothing
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import ToldFile, Withdrawn
from xbopt.campaigns.standing import Standing
from xbopt.campaigns.told_files import NewActuals, compared, read_actuals
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.coverage import Span
from xbopt.imports.tables import TRANSACTIONS
from xbopt.service.store.opening import open_store

DAYS = 7


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return sixty_days()


def tell(book: CampaignBook, tables: dict[str, pl.DataFrame], off: Sequence[Span] = (), **more: object) -> NewActuals:
    record = book.load("spring")
    found = days_of_tables(tables, record.scenario, record.ledger.committed_base, off=off, **more)  # type: ignore[arg-type]
    days, _ = named_as_before(found.days, record.known.tellings, "spring")
    made = compared(days, record, notes=found.notes)
    if made.event is not None:
        book.add("spring", lambda _: made.event)  # type: ignore[arg-type, return-value]
    return made


def week(scenario: Scenario, platform: str, cost: dict[str | None, float], account: str | None = None, first: int = 0):
    rows = [
        {"date": scenario.date_of(first + n), "platform": platform, "country": land, "spend": spend, "account": account}
        for n in range(DAYS)
        for land, spend in cost.items()
    ]
    return media(*rows)


def shop(scenario: Scenario, orders: dict[str, int], profile: str = "shopify_orders"):
    rows = [
        {
            "date": scenario.date_of(n), "order_id": f"{land}{n}{k}", "country": land, "net_revenue": 10.0,
            "currency": "EUR", "source": f"{profile}:{'0' * 8}", "zone": "Europe/Berlin",
        }
        for n in range(DAYS)
        for land, count in orders.items()
        for k in range(count)
    ]  # fmt: skip
    return {"transactions": frame(dict(TRANSACTIONS), *rows)}


def spent(book: CampaignBook) -> list[float]:
    """Spend of search on the third day, by region."""
    return np.nansum(book.load("spring").days[2].figures["spend_base"], axis=1)[:, 0].tolist()


def test_two_platforms_of_a_channel_add_up(book: CampaignBook, scenario: Scenario) -> None:
    tell(book, week(scenario, "google_ads", {"DE": 50.0, "GB": 20.0}))
    later = tell(book, week(scenario, "microsoft_ads", {"DE": 3.0}))
    assert (len(later.completed), later.corrected) == (DAYS, ())
    assert spent(book) == [53.0, 20.0]
    assert tell(book, week(scenario, "google_ads", {"DE": 50.0, "GB": 20.0})).event is None
    corrected = tell(book, week(scenario, "google_ads", {"DE": 40.0, "GB": 20.0}))
    assert [one.now["spend_base"] - one.before["spend_base"] for one in corrected.corrected] == [-10.0] * DAYS
    assert spent(book) == [43.0, 20.0]


@pytest.mark.parametrize("accounts", [("eu", "uk"), (None, None)])
def test_files_of_one_country_each_add_up(book: CampaignBook, scenario: Scenario, accounts) -> None:
    tell(book, week(scenario, "google_ads", {"DE": 80.0}, accounts[0]))
    tell(book, week(scenario, "google_ads", {"GB": 50.0}, accounts[1]))
    assert spent(book) == [80.0, 50.0]


def test_an_account_of_other_countries_says_nothing_of_the_campaigns(book: CampaignBook, scenario: Scenario) -> None:
    tell(book, week(scenario, "google_ads", {"DE": 80.0, "GB": 50.0}))
    with pytest.raises(CampaignError, match="tell nothing of the campaign's days"):
        tell(book, week(scenario, "google_ads", {"FR": 7.0}))
    assert spent(book) == [80.0, 50.0]


def test_orders_of_two_files_or_two_shops_add_up(book: CampaignBook, scenario: Scenario) -> None:
    def orders() -> list[float]:
        return book.load("spring").days[2].figures["orders"][:, 0].tolist()

    tell(book, shop(scenario, {"DE": 3}))
    tell(book, shop(scenario, {"GB": 2}))
    assert orders() == [3.0, 2.0]
    tell(book, shop(scenario, {"DE": 1}, "amazon_all_orders"))
    assert orders() == [4.0, 2.0]
    tell(book, shop(scenario, {"DE": 2, "GB": 2}))
    assert orders() == [3.0, 2.0]


def test_what_was_off_takes_nothing_back(book: CampaignBook, scenario: Scenario) -> None:
    off = [Span(source="microsoft_ads", first=scenario.start, last=scenario.date_of(DAYS - 1))]
    tell(book, week(scenario, "google_ads", {"DE": 50.0, "GB": 20.0}))
    tell(book, {}, off)
    assert spent(book) == [50.0, 20.0]
    tell(book, week(scenario, "microsoft_ads", {"DE": 3.0, "GB": 1.0}))
    assert spent(book) == [53.0, 21.0]
    tellings = book.load("spring").known.tellings
    assert not tellings.is_off(2, 0)


def test_a_channel_of_which_only_what_was_off_tells_is_told(book: CampaignBook, scenario: Scenario) -> None:
    """Somebody else may spend on it; where that platform did before, or another one tells, nothing is to be said."""

    def alone(days: int) -> list[tuple[str, int]]:
        day = Span(source="microsoft_ads", first=scenario.date_of(days), last=scenario.date_of(days))
        found = read_actuals([], book.load("spring"), off=[day], today=scenario.date_of(20))
        return [(note.code, note.count) for note in found.notes]

    assert alone(9) == [("off_alone", 1)]
    tell(book, week(scenario, "google_ads", {"DE": 50.0, "GB": 20.0}))
    assert alone(2) == [("off_with_spend", 1)]
    assert alone(9) == [("off_alone", 1)]
    tell(book, week(scenario, "microsoft_ads", {"DE": 3.0, "GB": 1.0}))
    assert alone(9) == []


def test_a_channel_that_was_said_to_be_off_raises_no_alarm(book: CampaignBook, scenario: Scenario) -> None:
    off = [Span(source="google_ads", first=scenario.start, last=scenario.date_of(DAYS - 1))]
    tell(book, week(scenario, "facebook_ads", {"DE": 9.0, "GB": 5.0}), off)
    standing = Standing(book.load("spring"))
    assert standing.record.known.tellings.is_off(2, 0)
    assert spending_nothing(standing) == []


def test_nobody_says_that_days_to_come_were_off(book: CampaignBook, scenario: Scenario) -> None:
    tomorrow = scenario.date_of(DAYS)
    span = Span(source="google_ads", first=tomorrow, last=tomorrow + timedelta(days=3))
    with pytest.raises(CampaignError, match="days that are not over"):
        tell(book, {}, [span], last_day=scenario.date_of(DAYS - 1))
    begun = Span(source="orders", first=scenario.start, last=tomorrow)
    found = tell(book, {}, [begun], last_day=scenario.date_of(DAYS - 1))
    assert [note.code for note in found.notes] == ["off_to_come"]
    assert book.load("spring").known_until == DAYS


def test_a_day_is_over_where_the_account_is(scenario: Scenario) -> None:
    def last_day(zone: str) -> date:
        return scenario.date_of(2 if zone == "America/New_York" else 3)

    rows = [
        {"date": scenario.date_of(3), "platform": name, "country": "DE", "spend": 5.0, "zone": zone}
        for name, zone in (("google_ads", "America/New_York"), ("facebook_ads", "Europe/Berlin"))
    ]
    found = days_of_tables(media(*rows), scenario, np.zeros((scenario.days, *scenario.shape[:3])), last_day=last_day)
    assert [one.source for one in found.days] == ["facebook_ads/"]
    assert [(note.code, note.what) for note in found.notes] == [("not_finished", str(scenario.date_of(3)))]


def test_an_account_may_be_named_later_or_not_at_all(book: CampaignBook, scenario: Scenario) -> None:
    both: dict[str | None, float] = {"DE": 80.0, "GB": 50.0}
    tell(book, week(scenario, "google_ads", both, "123"))
    tell(book, week(scenario, "google_ads", both))
    assert spent(book) == [80.0, 50.0]
    tell(book, week(scenario, "google_ads", {"DE": 1.0, "GB": 1.0}, "456"))
    assert spent(book) == [81.0, 51.0]
    with pytest.raises(CampaignError, match="--account"):
        tell(book, week(scenario, "google_ads", both))
    tell(book, week(scenario, "facebook_ads", both))
    tell(book, week(scenario, "facebook_ads", {"DE": 81.0, "GB": 51.0}, "me"))  # restated by a percent
    social = book.load("spring").days[2].figures["spend_base"][:, 0, 1]
    assert social.tolist() == [81.0, 51.0]
    with pytest.raises(CampaignError, match="may be the one that told before"):
        tell(book, week(scenario, "facebook_ads", {"DE": 7.0, "GB": 9.0}, "other"))


def test_no_account_is_taken_for_another_without_a_sign_of_it(book: CampaignBook, scenario: Scenario) -> None:
    """Neither an unnamed file that tells otherwise, nor a name that appears on days that nobody told."""
    both: dict[str | None, float] = {"DE": 80.0, "GB": 50.0}
    tell(book, week(scenario, "google_ads", both, "123"))
    with pytest.raises(CampaignError, match="may be the one that told before"):
        tell(book, week(scenario, "google_ads", {"DE": 30.0, "GB": 20.0}))
    tell(book, week(scenario, "facebook_ads", both))
    with pytest.raises(CampaignError, match="may be the one that told before"):
        tell(book, week(scenario, "facebook_ads", both, "me", first=DAYS))
    tell(book, week(scenario, "facebook_ads", both, first=DAYS))
    assert book.load("spring").known_until == 2 * DAYS


def test_a_share_by_plan_is_not_kept_beside_what_is_told_by_country(book: CampaignBook, scenario: Scenario) -> None:
    tell(book, week(scenario, "google_ads", {None: 100.0}))
    assert sum(spent(book)) == pytest.approx(100.0)
    tell(book, week(scenario, "google_ads", {"DE": 100.0}))
    assert spent(book) == [100.0, 0.0]


def test_the_same_file_read_otherwise_is_refused(book: CampaignBook, scenario: Scenario) -> None:
    record = book.load("spring")
    file = ToldFile(name="g.csv", sha256="a" * 64, profile="google_ads", rows=7)

    def found(channel: str) -> NewActuals:
        now = book.load("spring")
        tables = week(scenario, "google_ads", {"DE": 100.0, "GB": 1.0})
        days = days_of_tables(tables, scenario, record.ledger.committed_base, channels={"google_ads": channel}).days
        return compared(days, now, files=[file])

    first = found("search")
    book.add("spring", lambda _: first.event)  # type: ignore[arg-type, return-value]
    assert found("search").event is None
    with pytest.raises(CampaignError, match=r"reads otherwise now.*withdraw spring 2"):
        found("social")
    book.add("spring", lambda _: Withdrawn(event=2))
    assert found("social").event is not None


def test_what_was_told_wrongly_is_taken_back(book: CampaignBook, scenario: Scenario, tmp_path) -> None:
    untold = book.load("spring")
    tell(book, week(scenario, "google_ads", {"DE": 80.0, "GB": 50.0}))
    right = book.load("spring")
    tell(book, week(scenario, "google_ads", {"DE": 8.0, "GB": 5.0}))
    tell(book, week(scenario, "google_ads", {"DE": 1.0}, None) | shop(scenario, {"DE": 3}))
    with pytest.raises(CampaignError, match="Events that did: 2, 3, 4"):
        book.add("spring", lambda _: Withdrawn(event=1))
    for event in (3, 4):
        back = book.add("spring", lambda _, event=event: Withdrawn(event=event, reason="of another shop"))
    np.testing.assert_array_equal(back.ledger.spent_base, right.ledger.spent_base)
    assert "orders" not in back.days[2].figures
    back = book.add("spring", lambda _: Withdrawn(event=2))
    assert (dict(back.days), back.known_until) == ({}, 0)
    np.testing.assert_array_equal(back.ledger.counted_base, untold.ledger.counted_base)
    assert not back.ledger.has_spent.any()
    with pytest.raises(CampaignError, match="there is none"):
        book.add("spring", lambda _: Withdrawn(event=2))
    # The store says the same to whoever reads it anew.
    again = CampaignBook(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"))
    assert dict(again.load("spring").days) == {}


def test_yesterday_is_that_of_the_zone(monkeypatch) -> None:
    from xbopt.campaigns import told_files

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 10, 13, 1, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(told_files, "datetime", Clock)
    yesterday = told_files._yesterday_in
    assert str(yesterday("America/New_York")) == "2026-10-11"
    assert [str(yesterday(zone)) for zone in ("", "Europe/Berlin", "Mars/Base")] == ["2026-10-12"] * 3
