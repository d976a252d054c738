"""What the service does when its store is down, full or slow: what the guardrails say, and it says so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.service.conftest import Command, Exported, export_to
from tests.service.test_http import body
from xbopt.agents.policies import BUILT_IN
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http import server
from xbopt.service.http.app import build_app
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.entries import NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError, Wanted
from xbopt.service.store.sqlite import SqliteStore
from xbopt.simulator.parameters import MarketParameters


class TroubledStore(SqliteStore):
    """A store that can be told to fail, or to take its time."""

    trouble: str = ""
    seconds: float = 0.0

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        if self.seconds:
            import threading

            threading.Event().wait(self.seconds)
        if self.trouble:
            raise StoreError(self.trouble)
        return super().append(entries, wanted)


@asynccontextmanager
async def service(
    exported: Exported, store: TroubledStore, *, wait: float = 5.0, body_seconds: float = 10.0
) -> AsyncGenerator[tuple[httpx.AsyncClient, Gateway]]:
    metrics = Metrics()
    engine = Engine(Allocator.load(exported.path), GroupCommit(store, wait_seconds=wait), metrics)
    app = build_app(engine, bundles=exported.path.parent, body_seconds=body_seconds)
    await engine.start()
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client, app
    await engine.stop()


@pytest.fixture
def falling_back(tactic: Exported, tmp_path: Path) -> Exported:
    rules = msgspec.structs.replace(build_guardrails(tactic.market.scenario), on_store_failure="fallback")
    return export_to(tmp_path, tactic.policy, tactic.market, guardrails=rules)


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("PostgreSQL: connection to server at 10.0.0.7, port 5432 failed", "it cannot be used now"),
        ("/var/lib/shop/decisions.sqlite: database or disk is full.", "its disk is full"),
    ],
)
def test_a_decision_that_cannot_be_stored_is_not_told(
    tactic: Exported, tmp_path: Path, trouble: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client hears why in a few words; where the store lies is for the operator alone."""

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(tactic, store) as (client, _):
            store.trouble = trouble
            answer = await client.post("/v1/allocate", json=body(tactic))
            assert answer.status_code == 503
            assert told in answer.json()["detail"]
            assert not any(secret in answer.text for secret in ("10.0.0.7", "5432", "/var"))
            assert trouble in caplog.text
            assert answer.headers["retry-after"] == "1"
            outcome = {"decision_id": "x", "unit": "DE/families", "reward": 1.0}
            assert (await client.post("/v1/outcomes", json=outcome)).status_code == 503
            assert 'xbopt_store_failures_total{action="refused"} 2.0' in (await client.get("/metrics")).text
            store.trouble = ""
            assert (await client.post("/v1/allocate", json=body(tactic))).json()["stored"] is True

    asyncio.run(run())


def test_the_plan_answers_where_the_guardrails_say_so(falling_back: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(falling_back, store) as (client, _):
            store.trouble = "the server is down"
            answer = (await client.post("/v1/allocate", json=body(falling_back))).json()
            assert answer["stored"] is False
            assert answer["source"] == "plan"
            assert answer["guardrails"] == ["store_failure"]
            assert answer["policy"] == "calendar"  # the plan that the bundle explores around
            metrics = (await client.get("/metrics")).text
            assert 'xbopt_store_failures_total{action="fallback"} 1.0' in metrics
            assert 'xbopt_guardrails_fired_total{guardrail="store_failure"} 1.0' in metrics

    asyncio.run(run())


def test_a_slow_disk_is_a_failure_too(tactic: Exported, tmp_path: Path) -> None:
    """The client hears 503 in time; asking again meets the decision that was stored late."""

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(tactic, store, wait=0.1) as (client, _):
            store.seconds = 0.4
            answer = await client.post("/v1/allocate", json=body(tactic, decision_id="slow"))
            assert answer.status_code == 503
            assert "0.1 s" in answer.json()["detail"]
            ready = await client.get("/health/ready")
            assert ready.status_code == 503
            store.seconds = 0.0
            await asyncio.sleep(0.6)
            again = await client.post("/v1/allocate", json=body(tactic, decision_id="slow"))
            assert again.json()["stored"] is True

    asyncio.run(run())


def test_a_body_that_does_not_come_is_not_waited_for(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(tactic, store, body_seconds=0.1) as (_, app):
            sent: list[dict[str, object]] = []

            async def receive() -> dict[str, object]:
                if not sent and not receive.begun:  # type: ignore[attr-defined]
                    receive.begun = True  # type: ignore[attr-defined]
                    return {"type": "http.request", "body": b"{", "more_body": True}
                await asyncio.sleep(60)
                return {"type": "http.disconnect"}

            receive.begun = False  # type: ignore[attr-defined]

            async def send(message: dict[str, object]) -> None:
                sent.append(message)

            scope = {"type": "http", "path": "/v1/allocate", "method": "POST", "headers": [(b"content-length", b"100")]}
            await app(scope, receive, send)  # type: ignore[arg-type]
            assert sent[0]["status"] == 408

    asyncio.run(run())


def test_random_bodies_change_nothing(tactic: Exported, tmp_path: Path) -> None:
    """Cut, flipped and spliced bodies: an answer below 500 for each, and no memory kept."""
    import tracemalloc

    from tests.service.fuzz import mutated_bodies

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(tactic, store) as (client, _):
            engine_bodies = mutated_bodies(tactic, seed=1)
            tracemalloc.start()
            used: list[int] = []
            for number in range(1200):
                path, kind, content = next(engine_bodies)
                answer = await client.post(path, content=content, headers={"content-type": kind})
                assert answer.status_code < 500, (path, content[:200])
                if number in {399, 1199}:
                    used.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
            assert used[1] - used[0] < 2_000_000

    asyncio.run(run())


def test_a_service_whose_store_refuses_at_the_start_says_so(
    tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an exit as after a job well done."""
    store = TroubledStore(tmp_path / "s.sqlite")
    store.trouble = "the server is down"
    engine = Engine(tactic.allocator(), GroupCommit(store), Metrics())
    app = build_app(engine, bundles=tmp_path)
    monkeypatch.setattr(server, "build_service", lambda _settings: app)
    said: list[str] = []
    with pytest.raises(StoreError, match="the server is down"):
        server.run_service(server.ServiceSettings(bundle=tactic.path, store="", port=0), said.append)
    assert not engine.ready


def test_paths_and_methods_that_do_not_exist_are_told(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            # Clients of the inference protocol read errors from plain JSON only.
            for path, kind in (("/v2/models/demo/versions", "json"), ("/v1/models", "problem+json")):
                missing = await client.get(path)
                assert (missing.status_code, missing.headers["content-type"]) == (404, f"application/{kind}")
            for path, allowed in (
                ("/v1/allocate", "POST"),
                ("/v1/bundle", "GET, HEAD"),
                ("/v2/models/demo/infer", "POST"),
            ):
                wrong = await client.request("DELETE", path)
                assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed)

    asyncio.run(run())


def test_a_shadow_for_another_market_is_a_mistake_of_the_call(
    command: Command, tactic: Exported, tight_market: MarketParameters, tmp_path: Path
) -> None:
    other = export_to(tmp_path, BUILT_IN["calendar"](tight_market), tight_market)
    code, _, err = command("serve", tactic.path, "--shadow", other.path, "--store", tmp_path / "s.sqlite", "--port", 0)
    assert code == 2
    assert "axis R" in err
