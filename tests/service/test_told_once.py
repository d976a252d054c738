"""An id is told one thing: whoever asks again, in whatever form, whatever the store does meanwhile."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, export_to
from tests.service.test_http import batch_bytes, body
from tests.service.test_inference import INFER, rows_of
from tests.service.test_inference import asked as inference
from tests.service.test_store import entry
from tests.service.test_trouble import TroubledStore, service
from tests.service.test_withdrawals import ask, told, until
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.store.entries import Entry, NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Place, RefusedEntryError, StoreError, Wanted
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import decode_decision
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.withdrawals import Withdrawals


class HangingStore(TroubledStore):
    """A store whose disk hangs within the commit, or that cannot be read."""

    within: float = 0.0
    unreadable: bool = False

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        def slowly() -> Sequence[bool]:
            still = [True] * len(entries) if wanted is None else wanted()
            threading.Event().wait(self.within)
            return still

        return super().append(entries, slowly)

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        if self.unreadable:
            raise StoreError("down")
        return super().find_all(places)


@pytest.fixture(scope="module")
def falling_back(tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    rules = msgspec.structs.replace(build_guardrails(tactic.market.scenario), on_store_failure="fallback")
    return export_to(tmp_path_factory.mktemp("fallback"), tactic.policy, tactic.market, guardrails=rules)


def log_of(path: Path) -> dict[str, list[str]]:
    """Who decided what counts, by the name of its entry."""
    with closing(open_store(str(path), read_only=True)) as store:
        found = [*store.entries("decision"), *store.entries("withdrawal")]
    return {one.key: list(decode_decision(one.payload).source) for one in found}


async def counted(client: httpx.AsyncClient) -> dict[str, float]:
    """Decisions and money so far."""
    page = (await client.get("/metrics")).text
    wanted = "xbopt_decisions_total", "xbopt_spend"
    lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith(wanted)]
    return {name: float(value) for name, value in lines}


def test_a_withdrawal_holds_against_every_attempt(falling_back: Exported, tmp_path: Path) -> None:
    """Each id is asked for twice before the first attempt is given up: alone, in lists, as batches, as inferences."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        store = HangingStore(path)
        async with service(falling_back, store, wait=0.3) as (client, app):
            store.within = 0.8
            single, other = body(falling_back, decision_id="one"), body(falling_back, decision_id="two")

            async def after(seconds: float, path: str, **sent: object) -> httpx.Response:
                await asyncio.sleep(seconds)
                answer = await client.post(path, **sent)  # type: ignore[arg-type]
                assert answer.status_code == 200, answer.text
                return answer

            raw = {"content": batch_bytes(falling_back, 2, "raw"), "headers": {"content-type": CONTENT_TYPE}}
            tensors = {"json": inference(rows_of(falling_back, 2), "tensors")}
            asked = [("/v1/allocate", {"json": single}), ("/v1/allocate", {"json": [single, other]}),
                     ("/v1/allocate", raw), (INFER, tensors)]  # fmt: skip
            twice = [after(0.1 * again, where, **sent) for again in range(2) for where, sent in asked]
            answers = await asyncio.gather(*twice)
            store.within = 0.0
            await until(lambda: not len(app.engine.answering.withdrawals), 10.0)
            answers += [await after(0.0, where, **sent) for where, sent in asked]
            alone = [told(answers[at].json()) for at in (0, 4, 8)]
            lists = [[told(one) for one in answers[at].json()] for at in (1, 5, 9)]
            assert alone[0] == alone[1] == alone[2] == lists[0][0]
            assert lists[0] == lists[1] == lists[2]
            numbers = [read_answer(answers[at].content)[1] for at in (2, 6, 10)]
            assert np.array_equal(numbers[0], numbers[1])
            assert np.array_equal(numbers[0], numbers[2])
            outputs = [answers[at].json()["outputs"] for at in (3, 7, 11)]
            assert outputs[0] == outputs[1] == outputs[2]

    asyncio.run(run())
    log = log_of(path)
    assert log == {"one": ["plan"], "two": ["plan"], "raw": ["plan"] * 2, "tensors": ["plan"] * 2}
    with closing(open_store(str(path), read_only=True)) as store:
        assert [one.key for one in store.entries("decision")], "some of it has to reach the disk too late"


@pytest.mark.parametrize("unreadable", [False, True])
def test_a_stored_id_is_never_told_otherwise_while_the_store_fails(
    falling_back: Exported, tmp_path: Path, *, unreadable: bool
) -> None:
    """What stands in the store is told where it can be read; otherwise nobody knows, and the whole list hears so."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        store = HangingStore(path)
        async with service(falling_back, store) as (client, app):
            before = await ask(client, falling_back, "known")
            assert before["source"] == "policy"
            store.trouble, store.unreadable = "the disk is full", unreadable
            counts = await counted(client)
            both = [body(falling_back, decision_id=name) for name in ("new", "known")]
            for sent in (both[1], both):
                answer = await client.post("/v1/allocate", json=sent)
                if unreadable:
                    assert answer.status_code == 503
                    assert "'known' is stored" in answer.json()["detail"]
                else:
                    given = answer.json()[1] if isinstance(sent, list) else answer.json()
                    assert given == before
            other = body(falling_back, decision_id="known", budget_base=1.0)
            assert (await client.post("/v1/allocate", json=other)).status_code == (503 if unreadable else 409)
            if unreadable:
                assert len(app.engine.answering.withdrawals) == 0
                assert await counted(client) == counts
            store.trouble, store.unreadable = "", False
            await until(lambda: not len(app.engine.answering.withdrawals))
            assert await ask(client, falling_back, "known") == before

    asyncio.run(run())
    assert log_of(path) == {"known": ["policy"]} | ({} if unreadable else {"new": ["plan"]})


def test_a_decision_that_was_stored_after_all_is_told(falling_back: Exported, tmp_path: Path) -> None:
    """The connection is lost behind the commit: the store is asked, and nothing has to be withdrawn."""

    class Lost(TroubledStore):
        is_lost = False

        def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
            stored = super().append(entries, wanted)
            if self.is_lost:
                raise StoreError("the connection is lost")
            return stored

    async def run() -> None:
        store = Lost(tmp_path / "s.sqlite")
        async with service(falling_back, store) as (client, app):
            store.is_lost = True
            many = [body(falling_back, decision_id=name) for name in "xyx"]
            first = (await client.post("/v1/allocate", json=many)).json()
            assert [(one["source"], one["stored"]) for one in first] == [("policy", True)] * 3
            assert len(app.engine.answering.withdrawals) == 0
            store.is_lost = False
            assert (await client.post("/v1/allocate", json=many)).json() == first

    asyncio.run(run())
    assert log_of(tmp_path / "s.sqlite") == {"x": ["policy"], "y": ["policy"]}


def test_what_the_plan_answered_is_told_again_with_others_and_after_a_kill(
    falling_back: Exported, tmp_path: Path
) -> None:
    """Also when the store had it, and fails again; money that was told once is granted once."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        store = HangingStore(path)
        async with service(falling_back, store) as (client, app):
            store.trouble = "down"
            first = await ask(client, falling_back, "x")
            assert np.sum(first["spend_base"]) > 0.0
            spent = await counted(client)
            switched = await client.post("/v1/admin/kill-switch", json={"on": True, "mode": "zero"})
            assert switched.status_code == 503
            both = [body(falling_back, decision_id=name) for name in "xyy"]
            again, other, same = (await client.post("/v1/allocate", json=both)).json()
            assert told(again) == told(first)
            assert told(other) == told(same)
            assert (other["source"], np.sum(other["spend_base"])) == ("stopped", 0.0)
            money = {name: value for name, value in (await counted(client)).items() if "spend" in name}
            assert money.items() <= spent.items()
            store.trouble = ""
            await until(lambda: not len(app.engine.answering.withdrawals))
            store.trouble, store.unreadable = "down", True
            assert (await client.post("/v1/allocate", json=both[0])).status_code == 503
            store.unreadable = False
            assert told(await ask(client, falling_back, "x")) == told(first)

    asyncio.run(run())
    assert log_of(path) == {"x": ["plan"], "y": ["stopped"]}


def test_a_list_with_a_conflict_leaves_nothing(tactic: Exported, tmp_path: Path) -> None:
    """An id of another request, stored before or in the same list, last in it or first, alone or in a long list."""
    path = tmp_path / "s.sqlite"

    async def run() -> None:
        async with service(tactic, TroubledStore(path)) as (client, _):
            await ask(client, tactic, "a")
            counts = await counted(client)
            other = body(tactic, decision_id="a", budget_base=5.0)
            new, unnamed = body(tactic, decision_id="n"), body(tactic)
            twice = [body(tactic, decision_id="z"), body(tactic, decision_id="z", budget_base=5.0)]
            many = [body(tactic, decision_id=f"m{i}") for i in range(600)]
            for asked in ([new, unnamed, other], [other, new], twice, [*many, other]):
                refused = await client.post("/v1/allocate", json=asked)
                assert refused.status_code == 409
                assert ("'z'" if asked is twice else "'a'") in refused.json()["detail"]
            assert await counted(client) == counts
            # The same request twice is no conflict.
            fine = await client.post("/v1/allocate", json=[new, new, body(tactic, decision_id="a")])
            one, same, known = fine.json()
            assert one == same
            assert known["stored"]

    asyncio.run(run())
    assert log_of(path) == {"a": ["policy"], "n": ["policy"]}


def asked(key: str, request: bytes, **more: object) -> NewEntry:
    """A decision as far as the store reads it."""
    payload = msgspec.msgpack.encode([1, 0, "bundle", request])
    return NewEntry("decision", key, payload, identity=request, **more)  # type: ignore[arg-type]


def test_a_unit_is_stored_as_a_whole_or_not_at_all(store_url: str) -> None:
    """In one transaction: the second list meets a name of the first, the third one of itself, the fourth is well."""
    first = [asked("a", b"1", unit=1), asked("b", b"1", unit=1)]
    second = [asked("c", b"1", unit=2), asked("b", b"2", unit=2)]
    fourth = [asked("e", b"1", unit=4), asked("b", b"1", unit=4)]
    with closing(open_store(store_url)) as store:
        states = [one.state for one in store.append([*first, *second, asked("d", b"1"), *fourth])]
        assert states == ["new", "new", "unwanted", "known", "new", "new", "known"]
        assert [one.key for one in store.entries()] == ["a", "b", "d", "e"]


def test_a_list_with_a_refused_entry_leaves_nothing(tmp_path: Path) -> None:
    """Others of the same transaction are stored, and lists are never cut by a transaction's size."""

    class Picky(SqliteStore):
        def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
            if any(one.key == "guilty" for one in entries):
                raise ValueError("a name that nobody can hold")
            return super().append(entries, wanted)

    async def run() -> None:
        commit = GroupCommit(Picky(tmp_path / "s.sqlite"), most_together=4)
        lists = [[entry(10 * i + j) for j in range(7)] for i in range(4)]
        lists[2][3] = NewEntry("decision", "guilty", b"")
        calls = [commit.append(*one, together=True) for one in lists]
        done = await asyncio.gather(*calls, commit.append(entry(99)), return_exceptions=True)
        assert [isinstance(one, RefusedEntryError) for one in done] == [False, False, True, False, False]
        await commit.close()

    asyncio.run(run())
    with closing(open_store(str(tmp_path / "s.sqlite"), read_only=True)) as store:
        assert sorted(int(one.key[1:]) for one in store.entries()) == [
            *range(7), *range(10, 17), *range(30, 37), 99,
        ]  # fmt: skip


def test_a_withdrawal_names_what_was_refused_before(tmp_path: Path) -> None:
    """An attempt that ended in doubt counts, one whose name was told something does not."""

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        commit = GroupCommit(store)
        kept = Withdrawals(commit)
        attempts = [NewEntry("decision", "d", text) for text in (b"late", b"lost", b"on its way", b"last")]
        for one, late in zip(attempts[:2], (True, False), strict=True):
            kept.begin([one])
            kept.end([one], told=False, late=late)
        kept.begin(attempts[2:])
        store.trouble = "down"
        kept.add(NewEntry("decision", "d", b"plan"), attempts[3], uncertain=False)
        named = kept._waiting["d"][0].identity
        wanted = sorted(sha256(text).digest() for text in (b"late", b"on its way", b"last"))
        assert [named[at : at + 32] for at in range(0, len(named), 32)] == wanted
        store.trouble = ""
        await kept.stop()
        # It is stored; until the last attempt has ended it is told from here.
        assert kept.find("d") == b"plan"
        kept.end(attempts[2:], told=True, late=False)
        assert kept.find("d") is None
        await commit.close()

    asyncio.run(run())


def test_a_switch_that_was_turned_off_stays_off(tactic: Exported, tmp_path: Path) -> None:
    """The store did not take ``zero``; it recovers, and the switch is turned off while ``zero`` is tried again."""

    async def run() -> None:
        store = TroubledStore(tmp_path / "s.sqlite")
        async with service(tactic, store) as (client, app):
            switch = "/v1/admin/kill-switch"
            store.trouble = "down"
            assert (await client.post(switch, json={"on": True, "mode": "zero"})).status_code == 503
            store.trouble, store.seconds = "", 1.2
            off = asyncio.create_task(client.post(switch, json={"on": False}))
            await asyncio.sleep(1.1)  # The replica looks at the store once a second.
            assert (await off).status_code == 200
            store.seconds = 0.0
            await asyncio.sleep(1.3)
            assert app.engine.kill_switch.mode == "off"
            # Turned on while it is being turned off, it is on.
            store.seconds = 0.2
            off = asyncio.create_task(client.post(switch, json={"on": False}))
            await asyncio.sleep(0.05)
            assert (await client.post(switch, json={"on": True})).status_code == 200
            assert (await off).status_code == 200
            assert app.engine.kill_switch.mode == "plan"

    asyncio.run(run())
