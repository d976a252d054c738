"""Services with campaigns for the tests: several replicas in one process, and what they hold against the store."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import httpx
import numpy as np

from tests.service.conftest import Exported, Served
from xbopt.campaigns.campaign_book import CampaignBook
from xbopt.campaigns.events import PlanBytes
from xbopt.campaigns.http.routes import campaign_routes
from xbopt.campaigns.record import CampaignRecord
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.app import build_app
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM
from xbopt.service.http.tokens import Tokens
from xbopt.service.store.contents import Contents
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Store
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import allocation_of, decode_decision
from xbopt.service.store.verification import replay_decisions, verify_chain

CENT = 0.005
Json = dict[str, Any]


@asynccontextmanager
async def replicas(
    exported: Exported,
    store: str | Store,
    *,
    count: int = 1,
    tokens: Tokens | None = None,
    shadow: Exported | None = None,
    wait: float = 10.0,
) -> AsyncGenerator[list[httpx.AsyncClient]]:
    """Clients of services on one store."""
    async with AsyncExitStack() as stack:
        clients: list[httpx.AsyncClient] = []
        for _ in range(count):
            opened = open_store(store, wait_seconds=wait) if isinstance(store, str) else store
            beside = None if shadow is None else Allocator.load(shadow.path)
            engine = Engine(
                Allocator.load(exported.path), GroupCommit(opened, wait_seconds=wait), Metrics(), shadow=beside
            )
            app = build_app(engine, bundles=exported.path.parent, tokens=tokens, further=campaign_routes(engine))
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
    schema = exported.allocator().bundle.schema
    told: set[str] = set()
    for name, record in records.items():
        limits, ledger = record.scenario.limits, record.ledger
        granted = np.zeros_like(ledger.committed_base)
        for event in record.decisions:
            assert event.decision not in told, "a decision belongs to one campaign, once"
            told.add(event.decision)
            stored = allocation_of(decisions[event.decision], schema)
            days = PlanBytes.days(event.days)
            np.testing.assert_array_equal(days.spend_base, stored.spend_base)
            assert decisions[event.decision].episode_ids == [name]
            granted[days.first_day] += days.spend_base[0]
        is_approved = any(one.state == "approved" for one in record.proposals.values())
        if record.opened.decides == "policy" and not is_approved:
            np.testing.assert_allclose(ledger.committed_base, granted, atol=CENT / 100)
        assert granted.sum() <= limits.total_base
        committed = ledger.committed_base
        assert committed.sum() <= limits.total_base + CENT
        assert (committed.sum(axis=(0, 2, 3)) <= limits.region_cap_base + CENT).all()
        assert (committed.sum(axis=(0, 1, 2)) <= limits.channel_cap_base + CENT).all()
        assert (committed.sum(axis=(1, 2, 3)) <= limits.daily_base + CENT).all()
        assert (committed.sum(axis=2) <= limits.maximum_base + CENT).all()
    campaign_ids = {key for key, entry in decisions.items() if entry.episode_ids[0] in records}
    assert campaign_ids == told, "no decision of a campaign without its event"
    return records


def ask_campaign_until_it_ends(
    served: Served, exported: Exported, campaign: str, *, seconds: float, name: str, clients: int = 4
) -> tuple[list[tuple[str, Json]], list[tuple[str, Json, Json]]]:
    """Let clients tell, propose and decide for some time, then kill the service with signal 9.

    Gives all requests that were sent, and those that were answered, with the answers.
    """
    sent: list[tuple[str, Json]] = []
    answered: list[tuple[str, Json, Json]] = []
    scenario = exported.market.scenario

    def work(client: int) -> None:
        with served.client() as http:
            for number in range(10_000):
                request = f"{name}-{client}-{number}"
                day = str(scenario.date_of(scenario.days - 1 - (number + client) % 5))
                spent = {"spend_base": [[[float(number % 7)]]], "orders": [[float(number)]]}
                path, body = (
                    (f"/{campaign}/allocate", {"decision_id": request, "date": day, "units": ["DE/families"]}),
                    (f"/{campaign}/actuals", {"days": [{"date": str(scenario.start), "figures": spent}]}),
                    (f"/{campaign}/proposals", {"first": str(scenario.date_of(scenario.days - 8)), "until": day}),
                )[(number + client) % 3]
                if "decision_id" not in body:
                    body["request"] = request
                sent.append((path, body))
                try:
                    answer = http.post(f"/v1/campaigns{path}", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                answered.append((path, body, answer.json()))

    with ThreadPoolExecutor(clients) as pool:
        working = [pool.submit(work, client) for client in range(clients)]
        time.sleep(seconds)
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


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())


def asking(decision: str, date: str, **more: object) -> Json:
    return {"decision_id": decision, "date": date, **more}


def first_day(exported: Exported) -> str:
    return str(exported.market.scenario.start)


def day(exported: Exported, number: int) -> str:
    return str(exported.market.scenario.date_of(number))
