"""Too late is not undone: what was told instead of a decision is what counts, whatever the disk did meanwhile."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, export_to
from tests.service.test_http import batch_bytes, body
from tests.service.test_trouble import TroubledStore, service
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.store.contents import Contents
from xbopt.service.store.entries import NewEntry, Stored
from xbopt.service.store.interface import Wanted
from xbopt.service.store.log_export import export_log
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import replay_decisions, verify_chain


class SlowDisk(TroubledStore):
    """A store whose commits take their time, after the writing."""

    after: float = 0.0

    def append(self, entries: list[NewEntry], wanted: Wanted | None = None) -> list[Stored]:  # type: ignore[override]
        stored = super().append(entries, wanted)
        threading.Event().wait(self.after)
        return stored


@pytest.fixture(scope="module")
def falling_back(tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    rules = msgspec.structs.replace(build_guardrails(tactic.market.scenario), on_store_failure="fallback")
    return export_to(tmp_path_factory.mktemp("fallback"), tactic.policy, tactic.market, guardrails=rules)


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until something holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def ask(client: httpx.AsyncClient, exported: Exported, name: str, **changes: object) -> dict[str, Any]:
    answer = await client.post("/v1/allocate", json=body(exported, decision_id=name, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What is to be done, without where it is stored."""
    return {name: value for name, value in answer.items() if name not in {"stored", "receipt"}}


def test_a_decision_that_was_stored_too_late_does_not_count(falling_back: Exported, tmp_path: Path) -> None:
    """The disk was writing when the plan answered; log, replay, outcomes and the same id know only that."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        store = SlowDisk(path)
        async with service(falling_back, store, wait=0.1) as (client, app):
            in_time = await ask(client, falling_back, "in-time")
            assert in_time["source"] == "policy"
            store.after = 0.4
            late = await ask(client, falling_back, "late")
            assert (late["source"], late["stored"], late["guardrails"]) == ("plan", False, ["store_failure"])
            assert "receipt" not in late
            # While nothing is stored yet, and when it is, the same id is told the same; another request is refused.
            assert told(await ask(client, falling_back, "late")) == told(late)
            other = await client.post("/v1/allocate", json=body(falling_back, decision_id="late", budget_base=1.0))
            assert other.status_code == 409
            store.after = 0.0
            withdrawals = app.engine.answering.withdrawals
            await until(lambda: not len(withdrawals))
            again = await ask(client, falling_back, "late")
            assert told(again) == told(late)
            assert again["stored"] is True
            assert again["receipt"]["seq"] > in_time["receipt"]["seq"]
            outcome = {"decision_id": "late", "unit": "DE/families", "reward": 3.0}
            assert (await client.post("/v1/outcomes", json=outcome)).status_code == 200

    asyncio.run(run())
    with closing(open_store(str(path), read_only=True)) as store:
        contents = Contents()
        report = verify_chain(store, look=contents.look)
        assert (report.decisions, report.withdrawals, report.outcomes) == (2, 1, 1)
        # Two decisions, and the answer of the plan that stands for one of them.
        assert replay_decisions(store, falling_back.path).same == 3
        exported = export_log(store, tmp_path / "log.parquet")
    assert (exported.rows, exported.withdrawn, exported.strangers) == (8, 1, 0)
    columns = read_decision_log(tmp_path / "log.parquet").columns
    late = np.array([name.startswith("late/") for name in columns.decision_id.tolist()])
    assert late.sum() == 4
    assert set(columns.policy_id[late].tolist()) == {"calendar"}
    assert np.nanmax(np.where(late, columns.reward, np.nan)) == 3.0


def test_a_locked_store_is_told_of_what_the_plan_answered(falling_back: Exported, tmp_path: Path) -> None:
    """Another process holds the file for longer than the service waits: singles, lists and batches alike."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        store = TroubledStore(path, busy_seconds=0.2)
        async with service(falling_back, store, wait=0.2) as (client, app):
            before = await ask(client, falling_back, "before")
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                names = [f"x{i}" for i in range(5)]
                answers = await asyncio.gather(*(ask(client, falling_back, name) for name in names))
                assert {answer["source"] for answer in answers} == {"plan"}
                many = await client.post(
                    "/v1/allocate", json=[body(falling_back, decision_id=f"l{i}") for i in range(3)]
                )
                assert {one["stored"] for one in many.json()} == {False}
                raw = await client.post(
                    "/v1/allocate", content=batch_bytes(falling_back, 3, "b1"), headers={"content-type": CONTENT_TYPE}
                )
                header, numbers = read_answer(raw.content)
                assert (header.source, header.stored, header.receipt) == ({"plan": 3}, False, None)
                # The policy answered it before, and nothing unsays that, whether the store has time to be read or not.
                met = await client.post("/v1/allocate", json=body(falling_back, decision_id="before"))
                assert met.status_code == 503 or met.json() == before
                other.execute("ROLLBACK")
            await until(lambda: not len(app.engine.answering.withdrawals))
            for name, answer in zip(names, answers, strict=True):
                assert told(await ask(client, falling_back, name)) == told(answer)
            assert await ask(client, falling_back, "before") == before
            raw = await client.post(
                "/v1/allocate", content=batch_bytes(falling_back, 3, "b1"), headers={"content-type": CONTENT_TYPE}
            )
            again, same = read_answer(raw.content)
            assert again.stored
            assert np.array_equal(same, numbers)

    asyncio.run(run())
    with closing(open_store(str(path), read_only=True)) as store:
        report = verify_chain(store, look=Contents().look)
        assert (report.decisions, report.withdrawals) == (1, 5 + 3 + 1)
        assert replay_decisions(store, falling_back.path).same == 1 + 5 + 3 + 3


def test_a_refused_decision_is_stored_or_not_but_never_told_twice(tactic: Exported, tmp_path: Path) -> None:
    """With 503 nothing was told, so nothing is withdrawn; the same id meets what was stored late."""

    async def run() -> None:
        store = SlowDisk(tmp_path / "s.sqlite")
        async with service(tactic, store, wait=0.1) as (client, _):
            store.after = 0.4
            assert (await client.post("/v1/allocate", json=body(tactic, decision_id="late"))).status_code == 503
            await asyncio.sleep(0.5)
            store.after = 0.0
            met = await ask(client, tactic, "late")
            assert met["source"] == "policy"
            store.trouble = "the disk is full"
            assert (await client.post("/v1/allocate", json=body(tactic, decision_id="never"))).status_code == 503
            store.trouble = ""

    asyncio.run(run())
    with closing(open_store(str(tmp_path / "s.sqlite"), read_only=True)) as store:
        report = verify_chain(store)
        assert (report.decisions, report.withdrawals) == (1, 0)


def test_a_service_that_stops_says_what_it_could_not_store(
    falling_back: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(falling_back, store) as (client, _):
            store.trouble = "the disk is full"
            await ask(client, falling_back, "unheard")

    asyncio.run(run())
    assert "1 answers that the plan gave" in caplog.text
    assert "unheard" in caplog.text


def test_what_waits_for_the_store_takes_no_more_than_its_room(tmp_path: Path) -> None:
    """The oldest go first; those whose decision may be stored stay."""
    from xbopt.service.store.group_commit import GroupCommit
    from xbopt.service.store.withdrawals import Withdrawals

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        store.trouble = "down"
        commit = GroupCommit(store)
        kept = Withdrawals(commit, most_bytes=1000)
        for i in range(10):
            entry = NewEntry("decision", f"d{i}", bytes(300))
            kept.add(entry, entry, uncertain=i == 0)
        assert [i for i in range(10) if kept.find(f"d{i}")] == [0, 8, 9]
        assert kept.dropped == 7
        store.trouble = ""
        await kept.stop()
        assert len(kept) == 0
        await commit.close()

    asyncio.run(run())


def test_kill_9_while_the_store_is_locked(serve: Serve, falling_back: Exported, tmp_path: Path) -> None:
    """Nothing that the plan answered is found as the policy's decision afterwards."""
    path = tmp_path / "s.sqlite"
    served = serve(falling_back.path, "--store-timeout", "0.3", store=f"sqlite:///{path}")
    with served.client() as client, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers = [client.post("/v1/allocate", json=body(falling_back, decision_id=f"k{i}")).json() for i in range(3)]
        served.process.kill()
        served.process.wait(timeout=10)
        other.execute("ROLLBACK")
    assert {answer["source"] for answer in answers} == {"plan"}
    with closing(open_store(str(path), read_only=True)) as store:
        assert verify_chain(store).decisions == 0
