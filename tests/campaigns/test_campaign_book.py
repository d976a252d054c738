"""Campaigns in a decision store: what was said stays, in one order, whoever says it at the same time."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.campaign_book import CampaignBook, WithEntries
from xbopt.campaigns.books.events import (
    Approved,
    Closed,
    Decided,
    Opened,
    PlanBytes,
    Proposed,
    RolledOut,
    ToldActuals,
    new_entry,
)
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.books.scenario_bytes import packed_scenario
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignConflictError, CampaignError, CampaignRecordError, OverspendError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.service.store.contents import Contents
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.interface import Store, TamperedStoreError
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain
from xbopt.simulator.build import build_market


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart")


@pytest.fixture(scope="module")
def plan(scenario: Scenario) -> ScheduledPolicy:
    return scenario_plan(build_market(scenario))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


def opening(scenario: Scenario, plan: ScheduledPolicy, **changed: object) -> Opened:
    text, draws = packed_scenario(scenario)
    made = {"decides": "plan", "policy": "baseline", **changed}
    return Opened(
        scenario=text, scenario_hash=scenario.hash, draws=draws, plan=PlanBytes.of(PlannedDays.of(plan)), **made
    )  # type: ignore[arg-type]


def proposing(record: CampaignRecord, factor: float = 0.9) -> Proposed:
    days = PlannedDays.of(record.plan, 10)
    cheaper = replace(days, spend_base=factor * days.spend_base)
    return Proposed(proposal=record.next_proposal, days=PlanBytes.of(cheaper), knows_until=0, figures=b"{}")


def told(day: int, spend_base: float, record: CampaignRecord) -> ToldActuals:
    shape = record.plan.spend_base.shape[1:]
    spend = np.full((1, 1, 1), spend_base)
    assert len(shape) == 3
    return ToldActuals(days=[ActualDay(day=day, figures={"spend_base": spend}).to_bytes()], files=[])


def test_planned_days_come_back_bit_for_bit(plan: ScheduledPolicy) -> None:
    days = PlannedDays.of(plan, 3, 9)
    back = PlanBytes.of(days).days()
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
        np.testing.assert_array_equal(getattr(back, name), getattr(days, name))
    assert (back.first_day, back.end_day) == (3, 9)
    broken = PlanBytes(3, (7, *PlanBytes.of(days).shape[1:]), PlanBytes.of(days).packed)
    with pytest.raises(CampaignRecordError):
        broken.days()


def test_a_campaign_is_what_its_events_add_up_to(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan), actor="ann")
    book.add("spring", lambda record: told(0, 100.0, record), actor="ann")
    book.add("spring", proposing, actor="ann")
    made = book.add("spring", lambda _: Approved(proposal="p1"), actor="bob")
    again = CampaignBook(store).load("spring")
    for record in (made, again):
        assert record.number == 4
        assert record.scenario.hash == scenario.hash
        assert record.proposals["p1"].state == "approved"
        assert record.proposals["p1"].approved_by == "bob"
        assert record.known_until == 1
        np.testing.assert_allclose(record.plan.spend_base[10:], 0.9 * plan.spend_base[10:])
        np.testing.assert_array_equal(record.plan.spend_base[:10], plan.spend_base[:10])
        assert record.ledger.counted_base[0].sum() == pytest.approx(100.0)
    assert CampaignBook(store).names() == ("spring",)
    contents = Contents()
    assert verify_chain(store, look=contents.look).campaign_events == 4


def test_a_request_that_comes_twice_is_done_once(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    event = opening(scenario, plan)
    assert book.open("spring", event, request="r0").number == book.open("spring", event, request="r0").number == 1
    with pytest.raises(CampaignError, match="already"):
        book.open("spring", event)
    for _ in range(3):
        assert CampaignBook(store).add("spring", proposing, request="r1").number == 2


def test_a_later_proposal_takes_the_place_of_an_open_one(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    book.add("spring", proposing)
    record = book.add("spring", lambda record: proposing(record, 0.5))
    assert [one.state for one in record.proposals.values()] == ["superseded", "open"]
    with pytest.raises(CampaignError, match="gave way"):
        book.add("spring", lambda _: Approved(proposal="p1"))
    book.add("spring", lambda _: Approved(proposal="p2"))
    with pytest.raises(CampaignError, match="approved already"):
        book.add("spring", lambda _: Approved(proposal="p2"))
    with pytest.raises(CampaignError, match="no proposal 'p9'"):
        book.add("spring", lambda _: Approved(proposal="p9"))


def test_four_eyes_are_two_people(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan, four_eyes=True), actor="ann")
    book.add("spring", proposing, actor="ann")
    for nobody in ("ann", ""):
        with pytest.raises(CampaignError, match="four eyes"):
            book.add("spring", lambda _: Approved(proposal="p1"), actor=nobody)
    assert book.add("spring", lambda _: Approved(proposal="p1"), actor="bob").number == 3


def test_days_whose_spend_is_known_are_over(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    book.add("spring", proposing)
    book.add("spring", lambda record: told(12, 10.0, record))
    with pytest.raises(CampaignError, match="day is over"):
        book.add("spring", lambda _: Approved(proposal="p1"))


def test_of_two_who_approve_at_once_one_does(tmp_path: Path, scenario: Scenario, plan: ScheduledPolicy) -> None:
    url = f"sqlite:///{tmp_path / 'two.sqlite'}"
    first = open_store(url, wait_seconds=20.0)
    CampaignBook(first).open("spring", opening(scenario, plan))
    CampaignBook(first).add("spring", proposing)
    first.close()
    barrier, outcomes = threading.Barrier(4), list[str]()

    def approve(who: str) -> None:
        mine = open_store(url, wait_seconds=20.0)
        book = CampaignBook(mine)
        book.load("spring")
        barrier.wait()
        try:
            book.add("spring", lambda _: Approved(proposal="p1"), actor=who)
            outcomes.append("done")
        except CampaignError as error:
            outcomes.append(str(error))
        mine.close()

    threads = [threading.Thread(target=approve, args=(f"person {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("done") == 1
    assert all("approved already" in said for said in outcomes if said != "done")
    last = open_store(url)
    assert CampaignBook(last).load("spring").number == 3
    last.close()


def test_replicas_cannot_spend_the_same_money(tmp_path: Path, scenario: Scenario, plan: ScheduledPolicy) -> None:
    """Each of many decisions asks for a fifth of what the day may cost: five of them get it."""
    url = f"sqlite:///{tmp_path / 'race.sqlite'}"
    first = open_store(url, wait_seconds=20.0)
    CampaignBook(first).open("spring", opening(scenario, plan, decides="policy", policy="some"))
    first.close()
    share = scenario.limits.daily_base / 5.0
    of_day = replace(PlannedDays.of(plan, 4, 5), spend_base=share * plan.spend_base[4:5] / plan.spend_base[4].sum())
    granted, refused = list[str](), list[str]()

    def decide(worker: int) -> None:
        mine = open_store(url, wait_seconds=20.0)
        book = CampaignBook(mine)
        for n in range(4):
            name = f"d{worker}-{n}"
            event = Decided(decision=name, days=PlanBytes.of(of_day), arm="policy", share=1.0)
            beside = (NewEntry("administration", f"9{worker}{n}-0123456789abcdef", b"beside"),)
            try:
                both = WithEntries(event, beside)
                book.add("spring", lambda _, both=both: both, tries=100)
                granted.append(name)
            except OverspendError:
                refused.append(name)
        mine.close()

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(granted), len(refused)) == (5, 7)
    last = open_store(url)
    record = CampaignBook(last).load("spring")
    assert {one.decision for one in record.decisions} == set(granted)
    assert record.ledger.committed_base[4].sum() == pytest.approx(scenario.limits.daily_base)
    # What stands beside an event is stored with it, or not at all.
    assert sum(1 for _ in last.entries("administration")) == 5
    last.close()


def test_an_event_whose_place_is_taken_takes_nothing_with_it(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    book, other = CampaignBook(store), CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    other.load("spring")
    book.add("spring", proposing)
    late = new_entry("spring", 2, RolledOut(share=0.5, reason="late"))
    beside = NewEntry("administration", "1-0123456789abcdef", b"beside")
    stored = store.append([NewEntry(one.kind, one.key, one.payload, unit=1) for one in (late, beside)])
    assert [one.state for one in stored] == ["known", "unwanted"]
    assert store.find("administration", "1-0123456789abcdef") is None
    with pytest.raises(CampaignConflictError):
        other._stored(other._kept["spring"], "spring", RolledOut(share=0.5, reason="late"), "", ("", b""), ())


def test_a_closed_campaign_takes_actuals_only(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    book.add("spring", lambda _: Closed(reason="season over"))
    with pytest.raises(CampaignError, match="season over"):
        book.add("spring", proposing)
    assert book.add("spring", lambda record: told(0, 1.0, record)).known_until == 1


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "ä", ".hidden", "a/000001"])
def test_names_that_no_campaign_can_have(store: Store, scenario: Scenario, plan: ScheduledPolicy, name: str) -> None:
    with pytest.raises(CampaignError, match="name"):
        CampaignBook(store).open(name, opening(scenario, plan))


def test_a_campaign_that_is_not_there_is_told_with_those_that_are(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    book = CampaignBook(store)
    with pytest.raises(CampaignError, match="xbopt campaign open"):
        book.load("spring")
    book.open("spring", opening(scenario, plan))
    with pytest.raises(CampaignError, match="there are: spring"):
        book.load("sprung")


@pytest.mark.parametrize("number", [1, 3])
def test_events_out_of_their_order_are_found(
    store: Store, scenario: Scenario, plan: ScheduledPolicy, number: int
) -> None:
    entry = new_entry("spring", number, RolledOut(share=0.5, reason=""))
    store.append([entry])
    with pytest.raises(TamperedStoreError, match="makes no sense"):
        verify_chain(store, look=Contents().look)


def test_forged_events_are_found_when_a_campaign_is_read(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    CampaignBook(store).open("spring", opening(scenario, plan))
    store.append([new_entry("spring", 2, Approved(proposal="p7"))])
    with pytest.raises(CampaignRecordError, match="does not follow"):
        CampaignBook(store).load("spring")


def test_what_cannot_be_is_refused_and_stays_readable_where_a_store_holds_it(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    for spend in (-500.0, 1e308):
        with pytest.raises(UsageError, match="spend_base"):
            book.add("spring", lambda record, spend=spend: told(0, spend, record))
    assert book.load("spring").number == 1
    event = told(0, -500.0, book.load("spring"))
    store.append([new_entry("spring", 2, event)])  # as an earlier version stored it
    record = CampaignBook(store).load("spring")
    assert (dict(record.known.unusable), record.ledger.known_spend_base) == ({0: ("spend_base",)}, 0.0)
    mended = CampaignBook(store).add("spring", lambda record: told(0, 50.0, record))
    assert not mended.known.unusable
    assert mended.ledger.known_spend_base == pytest.approx(50.0)


def test_a_day_of_nothing_known_is_no_known_day(store: Store, scenario: Scenario, plan: ScheduledPolicy) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan))
    empty = ActualDay(day=5, figures={"orders": np.full((1, 1), np.nan)})
    record = book.add("spring", lambda _: ToldActuals(days=[empty.to_bytes()], files=[]))
    assert (record.known_until, record.missing_days) == (0, ())


def test_four_eyes_are_of_two_people_however_a_name_is_written(
    store: Store, scenario: Scenario, plan: ScheduledPolicy
) -> None:
    book = CampaignBook(store)
    book.open("spring", opening(scenario, plan, four_eyes=True))
    book.add("spring", proposing, actor="Ann")
    for actor in ("ann", " ANN ", "", "  ", "ann\u200b", "a\u00adnn", "\ufeffAnn", "\uff41nn\x07"):
        with pytest.raises(CampaignError, match="four eyes"):
            book.approve("spring", "p1", actor=actor)
    assert book.approve("spring", "p1", actor=" bob").proposal("p1").approved_by == "bob"
