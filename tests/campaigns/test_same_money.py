"""Money that is told a second time: under another channel, country or account, or from an export that is old by now."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.campaigns.seller import sixty_days
from tests.campaigns.test_actuals_from_files import TODAY, media
from tests.campaigns.test_sources import shop, spent, tell, week
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.from_tables import days_of_tables
from xbopt.campaigns.actuals.sources import named_as_before
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import Withdrawn
from xbopt.campaigns.told_files import ImportAnswers, NewActuals, compared, read_actuals
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.coverage import Span
from xbopt.reports.campaign.actuals import actuals_json, actuals_sentences, withdrawn_sentence
from xbopt.reports.kit.numbers import NumberFormat

EUR = NumberFormat(locale="en", currency="EUR")
BOTH: dict[str | None, float] = {"DE": 80.0, "GB": 50.0}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return sixty_days()


def google(folder: Path, scenario: Scenario, name: str, *rows: tuple[str, str, float], days: int = 7) -> Path:
    """A report of campaigns with their country and cost, the same every day."""
    lines = [
        "Campaign report",
        "days",
        "Day,Campaign,Country/Territory (User location),Currency code,Cost,Impr.,Clicks",
    ]
    lines += [
        f"{scenario.date_of(n)},{campaign},{land},EUR,{cost:.2f},{int(cost * 80)},{int(cost * 2)}"
        for n in range(days)
        for campaign, land, cost in rows
    ]
    made = folder / name
    made.write_text("\n".join(lines) + "\n")
    return made


def read(book: CampaignBook, *files: Path, channels: dict[str, str] | None = None, **answers: object) -> NewActuals:
    """Tell files, and store what is new of it."""
    given = ImportAnswers(zone="Europe/Berlin", **answers)  # type: ignore[arg-type]
    found = read_actuals(files, book.load("spring"), answers=given, channels=channels, today=TODAY)
    if found.event is not None:
        book.add("spring", lambda _: found.event)  # type: ignore[arg-type, return-value]
    return found


def total(book: CampaignBook) -> float:
    return book.load("spring").ledger.known_spend_base


# A country that is not known.


@pytest.mark.parametrize("land", ["", " --", "Other", "Deutschlandia", "unknown"])
def test_spend_whose_country_cannot_be_read_counts(book, scenario, tmp_path, land: str) -> None:
    found = read(book, google(tmp_path, scenario, "g.csv", ("de", land, 60.0), ("uk", "United Kingdom", 40.0)))
    assert total(book) == pytest.approx(700.0)
    assert ("shared_by_plan", 7) in [(note.code, note.count) for note in found.notes]
    uk = book.load("spring").days[2].figures["spend_base"][1, 0, 0]
    assert 40.0 < uk < 100.0


def test_a_total_that_is_more_than_its_countries_is_told_and_counts(book, scenario) -> None:
    row = {"date": scenario.start, "platform": "facebook_ads"}
    rows = media(
        {**row, "country": "DE", "spend": 100.0, "margin": "country", "source": "a"},
        {**row, "country": "GB", "spend": 60.0, "margin": "country", "source": "a"},
        {**row, "spend": 240.0, "source": "b"},
    )
    found = tell(book, rows)
    assert total(book) == pytest.approx(240.0)
    assert [(note.code, note.what, note.count) for note in found.notes] == [
        ("margins_differ", "facebook_ads", 33),
        ("shared_by_plan", "", 1),
    ]


# Another channel or country than before.


def test_a_newer_export_under_another_channel_is_refused_until_the_first_is_withdrawn(book, scenario, tmp_path) -> None:
    rows = (("de", "Germany", 60.0), ("uk", "United Kingdom", 40.0))
    first = google(tmp_path, scenario, "g1.csv", *rows)
    restated = [(name, land, cost * 1.04) for name, land, cost in rows]
    newer = google(tmp_path, scenario, "g2.csv", *restated, days=8)
    read(book, first)
    social = {"google_ads": "social"}
    for files in ((newer,), (first,), (first, newer)):
        with pytest.raises(CampaignError, match=r"count in both.*--channels.*withdraw spring"):
            read(book, *files, channels=social)
    assert total(book) == pytest.approx(700.0)
    book.add("spring", lambda _: Withdrawn(event=2))
    read(book, newer, channels=social)
    assert total(book) == pytest.approx(832.0)


def test_a_channel_that_goes_into_another_one_is_refused(book, scenario) -> None:
    def rows(brand: str) -> dict[str, pl.DataFrame]:
        row = {"date": scenario.start, "platform": "google_ads", "country": "DE"}
        return media({**row, "channel": brand, "spend": 30.0}, {**row, "channel": "social", "spend": 50.0})

    tell(book, rows("search"))
    with pytest.raises(CampaignError, match="count in both"):
        tell(book, rows("social"))
    # What no file names and no other channel took up stays as it was told.
    row = {"date": scenario.start, "platform": "google_ads", "country": "DE", "channel": "social", "spend": 55.0}
    tell(book, media(row))
    assert total(book) == pytest.approx(85.0)


def test_a_channel_that_named_no_country_moves_no_less(book, scenario) -> None:
    tell(book, week(scenario, "google_ads", {None: 100.0}))
    with pytest.raises(CampaignError, match="count in both"):
        tell(book, week(scenario, "google_ads", {None: 100.0}), channels={"google_ads": "social"})


def test_the_same_rows_under_another_country_are_refused_and_other_rows_add_up(book, scenario) -> None:
    row = {"platform": "google_ads", "spend": 50.0, "impressions": 900.0}
    days = [{**row, "date": scenario.date_of(n), "clicks": 10.0 + n} for n in range(4)]
    tell(book, media(*({**one, "country": "DE"} for one in days)))
    with pytest.raises(CampaignError, match="--country-map"):
        tell(book, media(*({**one, "country": "GB"} for one in days)))
    # Budgets of two countries may well be equal; their clicks are not.
    tell(book, media(*({**one, "country": "GB", "clicks": 9.0} for one in days)))
    assert spent(book) == [50.0, 50.0]


# Another account than before.


def test_an_account_is_known_however_it_is_written(book, scenario) -> None:
    tell(book, week(scenario, "google_ads", BOTH, "123-456-7890"))
    tell(book, week(scenario, "google_ads", {"DE": 81.0, "GB": 50.0}, "1234567890"))
    tell(book, week(scenario, "google_ads", BOTH, " 123 456 7890 ", first=7))
    assert spent(book) == [81.0, 50.0]
    assert book.load("spring").known.tellings.sources == {"google_ads/123-456-7890"}
    tell(book, week(scenario, "google_ads", {"DE": 1.0, "GB": 1.0}, "123-456-7891"))
    assert spent(book) == [82.0, 51.0]


def test_two_spellings_in_one_call_tell_no_day_twice(book, scenario) -> None:
    one, other = (week(scenario, "google_ads", BOTH, name)["media"] for name in ("1-2", "12"))
    with pytest.raises(CampaignError, match=r"google_ads/1-2 and google_ads/12 are one account"):
        tell(book, {"media": pl.concat([one, other])})
    later = week(scenario, "google_ads", BOTH, "12", first=7)["media"]
    tell(book, {"media": pl.concat([one, later])})
    assert total(book) == pytest.approx(14 * 130.0)


def test_another_account_with_the_same_figures_is_asked_about_once(book, scenario, tmp_path) -> None:
    file = google(tmp_path, scenario, "g.csv", ("de", "Germany", 60.0))
    longer = google(tmp_path, scenario, "h.csv", ("de", "Germany", 60.0), days=9)
    read(book, file, account="A")
    with pytest.raises(CampaignError, match=r"google_ads/B tells of 7 days what google_ads/A told.*same_figures"):
        read(book, file, account="B")
    assert total(book) == pytest.approx(420.0)
    read(book, file, account="B", accept=["same_figures"])
    assert total(book) == pytest.approx(840.0)
    for account in ("A", "B"):
        read(book, longer, account=account)
    assert total(book) == pytest.approx(1080.0)


def test_an_account_that_is_known_is_asked_about_on_new_days_as_well(book, scenario) -> None:
    tell(book, week(scenario, "google_ads", BOTH, "A"))
    tell(book, week(scenario, "google_ads", {"DE": 1.0}, "B", first=7))
    with pytest.raises(CampaignError, match="tells of 7 days what google_ads/A told"):
        tell(book, week(scenario, "google_ads", BOTH, "B"))


def test_a_file_that_names_its_account_and_one_that_does_not_are_asked_about_in_one_call(
    book, scenario, tmp_path
) -> None:
    file = google(tmp_path, scenario, "g.csv", ("de", "Germany", 60.0))
    named = tmp_path / "named.csv"
    lines = file.read_text().splitlines()
    named.write_text("\n".join([*lines[:2], f"Customer ID,{lines[2]}", *(f"7,{line}" for line in lines[3:])]) + "\n")
    without = tmp_path / "without.csv"
    without.write_text("\n".join([*lines[:2], *(",".join(c for n, c in enumerate(x.split(",")) if n != 2)
                                                for x in lines[2:])]) + "\n")  # fmt: skip
    with pytest.raises(CampaignError, match=r"tell the same of 7 days.*same_figures"):
        read(book, without, named)
    read(book, without, named, accept=["same_figures"])
    assert total(book) == pytest.approx(840.0)


def test_a_shop_under_another_name_is_asked_about_and_a_day_of_equal_orders_is_not(book, scenario) -> None:
    tell(book, shop(scenario, {"DE": 3}), shop="de")
    with pytest.raises(CampaignError, match="orders:shopify/dee tells of 7 days what orders:shopify/de told"):
        tell(book, shop(scenario, {"DE": 3}), shop="dee")
    other = shop(scenario, {"DE": 5})["transactions"]
    first = (pl.col("date") == scenario.start) & ~pl.col("order_id").is_in(["DE00", "DE01", "DE02"])
    tell(book, {"transactions": other.filter(~first)}, shop="nl")
    assert book.load("spring").days[0].figures["orders"].sum() == 6.0


def test_days_that_are_told_together_with_those_of_the_other_account_are_accepted(scenario) -> None:
    """Over HTTP there is no other answer."""
    from xbopt.campaigns.actuals.tellings import tellings_of

    def day(source: str) -> ActualDay:
        return ActualDay(day=0, figures={"spend_base": np.array([[[5.0]]])}, source=source)

    known = tellings_of([day("google_ads/1")])
    with pytest.raises(CampaignError, match="in one request"):
        named_as_before([day("google_ads/2")], known, "spring")
    both = [day("google_ads/1"), day("google_ads/2")]
    assert named_as_before(both, known, "spring") == (tuple(both), ())
    with pytest.raises(CampaignError, match="are one account"):
        named_as_before([day("google_ads/1"), day("google_ads/ 1")], known, "spring")


# An export that is old, and campaigns of an account in several files.


def test_an_export_that_was_told_since_is_not_taken_again(book, scenario, tmp_path) -> None:
    old = google(tmp_path, scenario, "old.csv", ("de", "Germany", 60.0))
    new = google(tmp_path, scenario, "new.csv", ("de", "Germany", 62.0), days=10)
    other = google(tmp_path, scenario, "other.csv", ("generic", "Germany", 7.0))
    read(book, old)
    read(book, new)
    for files in ((old,), (old, other)):
        with pytest.raises(CampaignError, match=r"old.csv was told before, and event 3 \(new.csv\).*together with new"):
            read(book, *files)
    assert total(book) == pytest.approx(620.0)
    assert read(book, old, new).event is None
    read(book, old, new, other)
    assert total(book) == pytest.approx(669.0)


def test_an_old_export_that_nobody_corrected_is_nothing_new(book, scenario, tmp_path) -> None:
    old = google(tmp_path, scenario, "old.csv", ("de", "Germany", 60.0))
    read(book, old)
    read(book, google(tmp_path, scenario, "new.csv", ("de", "Germany", 60.0), days=10))
    assert read(book, old).event is None


def test_what_was_shared_by_another_plan_is_nothing_new(book, scenario, tmp_path) -> None:
    """Nobody told of which country it is; the plan moved on, and the file says what it said."""
    file = google(tmp_path, scenario, "g.csv", ("all", "", 60.0))
    found = read(book, file)
    assert found.event is not None
    record = book.load("spring")
    told = [ActualDay.from_bytes(packed) for packed in found.event.days]
    other = []
    for one in told:
        spend = one.figures["spend_base"].copy()
        spend[:, 0, 0] = [spend[:, 0, 0].sum(), 0.0]
        other.append(replace(one, figures={**one.figures, "spend_base": spend}))
    assert compared(other, record, files=found.event.files).event is None
    less = [replace(one, figures={**one.figures, "spend_base": one.figures["spend_base"] * 0.9}) for one in told]
    with pytest.raises(CampaignError, match="reads otherwise"):
        compared(less, record, files=found.event.files)


def test_a_file_that_reads_otherwise_is_refused_whatever_is_told_with_it(book, scenario, tmp_path) -> None:
    file = google(tmp_path, scenario, "g.csv", ("de", "", 60.0), ("uk", "United Kingdom", 40.0))
    meta = tmp_path / "meta.csv"
    meta.write_text(
        "Reporting starts,Reporting ends,Campaign name,Country,Day,Impressions,Amount spent (EUR),Link clicks\n"
        + "".join(f"{day},{day},s,DE,{day},10,5.00,1\n" for day in (scenario.date_of(n) for n in range(7)))
    )
    read(book, file)
    for files in ((file,), (file, meta)):
        with pytest.raises(CampaignError, match=r"^g.csv was told before \(event 2\) and reads otherwise now, as with"):
            read(book, *files, countries={"de": "DE"})
    assert read(book, file, meta).completed == tuple(range(7))


def test_campaigns_of_an_account_that_come_in_several_files_add_up_in_one_call(book, scenario, tmp_path) -> None:
    brand = google(tmp_path, scenario, "brand.csv", ("brand", "Germany", 50.0))
    generic = google(tmp_path, scenario, "generic.csv", ("generic", "Germany", 120.0))
    read(book, brand)
    found = read(book, generic)
    (replaced,) = found.replaced
    assert (replaced.source, replaced.days) == ("google_ads", 7)
    assert (replaced.before["spend_base"], replaced.now["spend_base"]) == (350.0, 840.0)
    record = book.load("spring")
    said = " ".join(actuals_sentences(found, record, EUR))
    assert "google_ads (7 days: spend €350 is €840 now)" in said
    assert "tell all files of the account in one call" in said
    document = actuals_json(found, record)
    assert document["sources"] == ["google_ads"]
    assert document["replaced"] == [
        {"source": "google_ads", "days": 7, "before": {"spend_base": 350.0}, "now": {"spend_base": 840.0}}
    ]
    assert "took the place of" in str(document["warnings"])
    read(book, brand, generic)
    assert total(book) == pytest.approx(1190.0)
    with pytest.raises(CampaignError, match=r"reads otherwise now, without brand\.csv"):
        read(book, generic)


def test_only_what_told_before_is_said_to_have_been_replaced(book, scenario, tmp_path) -> None:
    read(book, google(tmp_path, scenario, "g1.csv", ("de", "Germany", 60.0)))
    tables = week(scenario, "google_ads", {"DE": 61.0}) | shop(scenario, {"DE": 3})
    found = tell(book, tables)
    assert found.sources == ("google_ads", "orders:shopify")
    assert [one.source for one in found.replaced] == ["google_ads"]
    assert actuals_json(tell(book, tables), book.load("spring"))["warnings"] == []


# What is near by.


def test_a_shop_that_is_said_to_be_closed_and_has_orders_is_told(book, scenario) -> None:
    off = [Span(source="orders", first=scenario.start, last=scenario.date_of(1))]
    orders = shop(scenario, {"DE": 3})
    together = days_of_tables(orders, scenario, np.zeros((scenario.days, *scenario.shape[:3])), off=off)
    assert [(note.code, note.count) for note in together.notes] == [("off_with_orders", 2)]
    tell(book, orders)
    later = read_actuals([], book.load("spring"), off=off, today=TODAY)
    assert [(note.code, note.what, note.count) for note in later.notes] == [("off_with_orders", "orders", 2)]


def test_withdrawing_says_what_counts_instead(book, scenario) -> None:
    tell(book, week(scenario, "google_ads", BOTH))
    tell(book, week(scenario, "google_ads", {"DE": 81.0, "GB": 50.0}))
    told = book.load("spring")
    one = book.add("spring", lambda _: Withdrawn(event=3))
    assert "what others told counts" in withdrawn_sentence(told, one, 3)
    none = book.add("spring", lambda _: Withdrawn(event=2))
    span = f"{scenario.start} to {scenario.date_of(6)}"
    assert f"granted for {span} counts again" in withdrawn_sentence(one, none, 2)
