"""Services with campaigns for the tests: several replicas in one process, and what they hold against the store."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import numpy as np

from tests.service.conftest import Exported, Served
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.campaign_book import CampaignBook
from xbopt.campaigns.books.events import Approved, Decided, Opened, Proposed, ToldActuals, read_event
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.http.proposing import Proposer, Proposing
from xbopt.campaigns.http.routes import campaign_routes
from xbopt.campaigns.standing import Standing
from xbopt.campaigns.tracking.filling import spread
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.decisions.policy import Policy
from xbopt.reports.campaign.document import status_json
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.app import build_app
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM
from xbopt.service.http.tokens import Tokens
from xbopt.service.store.contents import Contents
from xbopt.service.store.entries import CampaignEntry, campaign_key
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Store
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import allocation_of, decode_decision, decode_entry
from xbopt.service.store.verification import replay_decisions, verify_chain

CENT = 0.005
Json = dict[str, Any]


def scaled_plan(standing: Standing, first_day: int, end_day: int, _policy: Policy | None) -> Proposing:
    """A proposal that takes no time: the plan's days with what is left, or less."""
    days = PlannedDays.of(standing.record.plan, first_day, end_day)
    left = standing.record.ledger.remaining(first_day, end_day)
    spend = days.spend_base.copy()
    for n in range(len(spend)):
        decision = replace(days, spend_base=1.2 * days.spend_base).decision(first_day + n)
        done, _ = project(decision, standing.scenario.limits, left)
        left, spend[n] = left.after(done.spend_base), done.spend_base[0]
    return Proposing(days=replace(days, spend_base=spend), figures=b"{}")


@asynccontextmanager
async def replicas(
    exported: Exported,
    store: str | Store,
    *,
    count: int = 1,
    tokens: Tokens | None = None,
    shadow: Exported | None = None,
    wait: float = 10.0,
    propose: Proposer | None = None,
    today: date | None = None,
) -> AsyncGenerator[list[httpx.AsyncClient]]:
    """Clients of services on one store; today is the first day of the scenario, unless it is said."""
    asked_on = exported.market.scenario.start if today is None else today
    async with AsyncExitStack() as stack:
        clients: list[httpx.AsyncClient] = []
        for _ in range(count):
            opened = open_store(store, wait_seconds=wait) if isinstance(store, str) else store
            beside = None if shadow is None else Allocator.load(shadow.path)
            engine = Engine(
                Allocator.load(exported.path), GroupCommit(opened, wait_seconds=wait), Metrics(), shadow=beside
            )
            app = build_app(
                engine,
                bundles=exported.path.parent,
                tokens=tokens,
                further=campaign_routes(engine, tell_status=status_json, propose=propose, today=lambda _zone: asked_on),
            )
            await engine.start()
            stack.push_async_callback(engine.stop)
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            client = httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60.0)
            clients.append(await stack.enter_async_context(client))
        yield clients


def opening(name: str, **changes: object) -> dict[str, object]:
    """A body that opens a campaign of the quickstart, which its bundle decides."""
    return {"name": name, "scenario": "quickstart", "plan": "calendar", **changes}


def check_store(url: str, exported: Exported) -> dict[str, CampaignRecord]:
    """Hold campaigns against the store to the cent: chain, events, limits, and decisions against their events."""
    with closing(open_store(url)) as store:
        verify_chain(store, look=Contents().look)
        book = CampaignBook(store)
        records = {name: book.load(name) for name in book.names()}
        decisions = {entry.key: decode_decision(entry.payload) for entry in store.entries("decision")}
        if decisions:
            replay_decisions(store, exported.path)
        for record in records.values():
            _check_money(store, record)
    schema = exported.allocator().bundle.schema
    told: set[str] = set()
    for name, record in records.items():
        for event in record.decisions:
            assert event.decision not in told, "a decision belongs to one campaign, once"
            told.add(event.decision)
            stored = allocation_of(decisions[event.decision], schema)
            np.testing.assert_array_equal(event.days.days().spend_base, stored.spend_base)
            assert decisions[event.decision].episode_ids == [name]
    campaign_ids = {key for key, entry in decisions.items() if entry.episode_ids[0] in records}
    assert campaign_ids == told, "no decision of a campaign without its event"
    return records


def _check_money(store: Store, record: CampaignRecord) -> None:
    """Count a campaign's money again, event by event, and hold every grant against the limits.

    What platforms spent beyond their grants may leave less than nothing; then nothing more is granted.
    """
    limits, cells = record.scenario.limits, record.ledger.committed_base.shape
    committed, spent = np.zeros(cells), np.full(cells, np.nan)
    proposed: dict[str, PlannedDays] = {}
    sums = ((), (0, 2, 3), (0, 1, 2))
    caps = (np.array(limits.total_base), limits.region_cap_base, limits.channel_cap_base)
    for number in range(1, record.number + 1):
        entry = store.find("campaign", campaign_key(record.name, number))
        assert entry is not None
        event = read_event(decode_entry(entry.payload, CampaignEntry))
        before = np.where(np.isnan(spent), committed, spent)
        granted: PlannedDays | None = None
        match event:
            case Opened() if event.decides == "plan":
                granted = event.plan.days()
                committed[:] = granted.spend_base
            case Proposed():
                proposed[event.proposal] = event.days.days()
            case Approved():
                granted = proposed[event.proposal]
                committed[granted.first_day : granted.end_day] = granted.spend_base
            case Decided():
                granted = event.days.days()
                committed[granted.first_day] += granted.spend_base[0]
            case ToldActuals():
                for told in map(ActualDay.from_bytes, event.days):
                    figure = told.figures.get("spend_base")
                    if figure is not None and told.day >= 0:
                        spent[told.day] = spread(figure, committed[told.day])[0]
            case _:
                pass
        if granted is None:
            continue
        after = np.where(np.isnan(spent), committed, spent)
        for axes, cap in zip(sums, caps, strict=True):
            own, was = (each.sum(axis=axes or None) for each in (after, before))
            assert (own <= np.maximum(cap, was) + CENT).all()
        days = committed[granted.first_day : granted.end_day]
        assert (days.sum(axis=(1, 2, 3)) <= limits.daily_base + CENT).all()
        assert (days.sum(axis=2) <= limits.maximum_base + CENT).all()
    np.testing.assert_allclose(record.ledger.committed_base, committed, rtol=0.0, atol=CENT / 100)
    np.testing.assert_allclose(record.ledger.counted_base, np.where(np.isnan(spent), committed, spent), atol=CENT / 100)


def ask_campaign_until_it_ends(
    served: Served, exported: Exported, campaign: str, *, name: str, clients: int = 4, answers: int = 12
) -> tuple[list[tuple[str, Json]], list[tuple[str, Json, Json]]]:
    """Let clients tell, propose and decide until so many were answered, then kill the service with signal 9.

    Gives all requests that were sent, and those that were answered, with the answers.
    """
    sent: list[tuple[str, Json]] = []
    answered: list[tuple[str, Json, Json]] = []
    scenario = exported.market.scenario

    def work(client: int) -> None:
        with served.client() as http:
            for number in range(10_000):
                request = f"{name}-{client}-{number}"
                date = str(scenario.date_of(scenario.days - 1 - (number + client) % 5))
                spent = {"spend_base": [[[float(number % 7)]]], "orders": [[float(number)]]}
                asked: tuple[tuple[str, Json], ...] = (
                    (f"/{campaign}/allocate", {"decision_id": request, "date": date, "units": ["DE/families"]}),
                    (
                        f"/{campaign}/actuals",
                        {"days": [{"date": str(scenario.start), "figures": spent}], "request": request},
                    ),
                    (
                        f"/{campaign}/proposals",
                        {"first": str(scenario.date_of(scenario.days - 8)), "until": date, "request": request},
                    ),
                )
                path, body = asked[(number + client) % 3]
                sent.append((path, body))
                try:
                    answer = http.post(f"/v1/campaigns{path}", json=body)
                except httpx.TransportError:
                    return
                # A proposal that lost its money to decisions meanwhile is asked for again later.
                assert answer.status_code == 200 or (answer.status_code, path) == (409, asked[2][0]), answer.text
                if answer.status_code == 200:
                    answered.append((path, body, answer.json()))

    with ThreadPoolExecutor(clients) as pool:
        working = [pool.submit(work, client) for client in range(clients)]
        deadline = time.monotonic() + 60.0
        while len(answered) < answers and time.monotonic() < deadline and not all(one.done() for one in working):
            time.sleep(0.02)
        os.kill(served.process.pid, signal.SIGKILL)
        for one in working:
            one.result(timeout=60)
    served.process.wait(timeout=10)
    return sent, answered


async def post(client: httpx.AsyncClient, path: str, body: object, status: int = 200) -> Json:
    answer = await client.post(f"/v1/campaigns{path}", json=body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["status"] == status
    return answer.json()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def asking(decision: str, date: str, **more: object) -> Json:
    return {"decision_id": decision, "date": date, **more}


def first_day(exported: Exported) -> str:
    return str(exported.market.scenario.start)


def day(exported: Exported, number: int) -> str:
    return str(exported.market.scenario.date_of(number))
