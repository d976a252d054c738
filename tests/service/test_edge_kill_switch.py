"""The switch that stops everything outlives processes and reaches all of them; swaps and rollbacks are written down."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import Exported, Serve, Served, export_to, new_database
from tests.service.test_edge_ready import wait_for
from tests.service.test_http import body
from tests.service.test_trouble import TroubledStore, service
from xbopt.service.http.tokens import add_token
from xbopt.service.store.entries import AdministrationEntry
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import decode_entry

SWITCH = "/v1/admin/kill-switch"


def gauge(client: httpx.Client) -> float:
    line = next(line for line in client.get("/metrics").text.splitlines() if line.startswith("xbopt_kill_switch "))
    return float(line.split()[1])


def source(client: httpx.Client, tactic: Exported, name: str) -> str:
    answer = client.post("/v1/allocate", json=body(tactic, decision_id=name))
    return str(answer.json()["source"])


def administered(url: str) -> list[AdministrationEntry]:
    store = open_store(url, read_only=True)
    found = [decode_entry(entry.payload, AdministrationEntry) for entry in store.entries("administration")]
    store.close()
    return found


def test_the_switch_survives_kill_9_and_reaches_all_replicas(serve: Serve, tactic: Exported, store_url: str) -> None:
    one, two = serve(tactic.path, store=store_url), serve(tactic.path, store=store_url)
    with one.client() as left, two.client() as right:
        assert source(right, tactic, "before") == "policy"
        told = left.post(SWITCH, json={"on": True})
        assert told.json() == {"kill_switch": True, "mode": "plan"}
        assert source(left, tactic, "at-once") == "plan"
        assert wait_for(lambda: gauge(right) == 1.0, 2.0)
        assert source(right, tactic, "soon") == "plan"
        assert right.post(SWITCH, json={"on": True, "mode": "zero"}).json()["mode"] == "zero"
        assert wait_for(lambda: gauge(left) == 2.0, 2.0)
    for served in (one, two):
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait(timeout=10)
    again = serve(tactic.path, store=store_url)
    with again.client() as client:
        assert gauge(client) == 2.0
        bundle = client.get("/v1/bundle").json()
        assert (bundle["kill_switch"], bundle["kill_switch_mode"]) == (True, "zero")
        assert client.post(SWITCH, json={"on": False}).json() == {"kill_switch": False, "mode": "off"}
        assert source(client, tactic, "after") == "policy"
    last = serve(tactic.path, store=store_url)
    with last.client() as client:
        assert gauge(client) == 0.0
    told_of = [(entry.action, entry.detail) for entry in administered(store_url)]
    assert told_of == [
        ("start", ""), ("start", ""), ("kill_switch", "plan"), ("kill_switch", "zero"), ("start", ""),
        ("kill_switch", "off"), ("start", ""),
    ]  # fmt: skip


def test_a_switch_that_cannot_be_stored_is_on_all_the_same_and_is_stored_later(
    serve: Serve, tactic: Exported, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite"
    one, two = (serve(tactic.path, "--store-timeout", "0.3", store=url) for _ in range(2))
    holder = sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None)
    with one.client() as left, two.client() as right:
        holder.execute("BEGIN IMMEDIATE")
        refused = left.post(SWITCH, json={"on": True, "mode": "zero"})
        assert refused.status_code == 503
        assert "on all the same" in refused.json()["detail"]
        assert (gauge(left), gauge(right)) == (2.0, 0.0)
        holder.execute("ROLLBACK")
        assert wait_for(lambda: gauge(right) == 2.0, 5.0)
        holder.execute("BEGIN IMMEDIATE")
        refused = left.post(SWITCH, json={"on": False})
        assert refused.status_code == 503
        assert (gauge(left), gauge(right)) == (2.0, 2.0)
        holder.execute("ROLLBACK")
        assert left.post(SWITCH, json={"on": False}).status_code == 200
        assert wait_for(lambda: (gauge(left), gauge(right)) == (0.0, 0.0), 3.0)
    holder.close()
    modes = [entry.detail for entry in administered(url) if entry.action == "kill_switch"]
    assert modes[0] == "zero"
    assert modes[-1] == "off"


def test_other_administration_in_between_hides_no_switch(tactic: Exported, tmp_path: Path) -> None:
    """A replica that sees only the last entry, a start, looks back to the switch before it."""

    async def run() -> None:
        from xbopt.service.http.kill_switch import KillSwitch
        from xbopt.service.http.metrics import Metrics
        from xbopt.service.http.problems import OperatorLog
        from xbopt.service.store.recording import administration_entry

        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (_, app):
            commit = app.engine.commit
            await commit.append(administration_entry("kill_switch", actor="", bundle="b", detail="plan"))
            await commit.append(administration_entry("start", actor="", bundle="b"))
            other = KillSwitch(commit, Metrics(), OperatorLog())
            await other.follow()
            assert other.mode == "plan"
            await other.stop()
            await commit.append(administration_entry("kill_switch", actor="", bundle="b", detail="of a later version"))
            strange = KillSwitch(commit, Metrics(), OperatorLog())
            await strange.follow()
            assert strange.mode == "zero"
            await strange.stop()

    asyncio.run(run())


@pytest.fixture
def folder(tactic: Exported, direct: Exported, tmp_path: Path) -> Path:
    """Three bundles of one market."""
    for name, exported, version in (("a", tactic, "1.0.0"), ("b", direct, "2.0.0"), ("c", tactic, "3.0.0")):
        made = export_to(tmp_path, exported.policy, exported.market, version=version)
        made.path.rename(tmp_path / f"{name}.xbopt")
    return tmp_path


def test_swapping_to_what_is_served_changes_nothing(serve: Serve, folder: Path) -> None:
    """a, b, b and back is a. The chain says who did what, each time."""
    file = folder / "tokens.json"
    anna, bert = (add_token(file, name, ["admin"]) for name in ("anna", "bert"))
    served = serve(folder / "a.xbopt", "--tokens", str(file))

    def post(client: httpx.Client, path: str, token: str, **asked: object) -> httpx.Response:
        return client.post(path, json=asked, headers={"authorization": f"Bearer {token}"})

    with served.client() as client:
        assert post(client, "/v1/admin/rollback", anna).status_code == 409
        assert post(client, "/v1/admin/bundle", anna, file="a.xbopt").json()["changed"] is False
        first = post(client, "/v1/admin/bundle", anna, file="b.xbopt").json()
        assert (first["changed"], first["version"]) == (True, "2.0.0")
        assert post(client, "/v1/admin/bundle", bert, file="b.xbopt").json()["changed"] is False
        back = post(client, "/v1/admin/rollback", bert).json()
        assert (back["changed"], back["version"]) == (True, "1.0.0")
        assert post(client, "/v1/admin/rollback", bert).status_code == 409
        assert post(client, "/v1/admin/bundle", anna, file="b.xbopt").json()["version"] == "2.0.0"
        post(client, SWITCH, bert, on=True, mode="zero")
    written = administered(served.store)
    assert [(entry.action, entry.actor) for entry in written] == [
        ("start", ""), ("swap", "anna"), ("rollback", "bert"), ("swap", "anna"), ("kill_switch", "bert"),
    ]  # fmt: skip
    assert written[-1].detail == "zero"
    swaps = [entry for entry in written if entry.action == "swap"]
    assert {entry.bundle for entry in swaps} == {first["bundle"]}
    assert swaps[0].at_us <= swaps[1].at_us <= time.time_ns() // 1000


def test_a_restart_serves_what_the_command_line_says(serve: Serve, folder: Path) -> None:
    """A swap is of a process; the chain tells that there was one."""
    served = serve(folder / "a.xbopt")
    with served.client() as client:
        swapped = client.post("/v1/admin/bundle", json={"file": "b.xbopt"}).json()["bundle"]
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait(timeout=10)
    again = serve(folder / "a.xbopt", store=served.store)
    with again.client() as client:
        now = client.get("/health/ready").json()["bundle"]
        assert now != swapped
        refused = client.post("/v1/admin/rollback", json={})
        assert refused.status_code == 409
        assert "by its name" in refused.json()["detail"]
        assert client.post("/v1/admin/bundle", json={"file": "b.xbopt"}).json()["bundle"] == swapped
    assert [entry.bundle for entry in administered(served.store)] == [now, swapped, now, swapped]


def test_a_bundle_that_takes_for_ever_to_load_holds_up_no_rollback(folder: Path, tactic: Exported) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(folder / "s.sqlite")) as (client, app):
            engine, bundles = app.engine, app.engine.bundles
            started, go = threading.Event(), threading.Event()
            load = bundles._load

            def slowly(path: Path) -> object:
                if path.name == "c.xbopt":
                    started.set()
                    go.wait(10)
                return load(path)

            bundles._load = slowly  # type: ignore[method-assign, assignment]
            operations = app._table._exact["/v1/admin/bundle"]["POST"].handle.__self__  # type: ignore[attr-defined]
            operations._bundles = folder
            assert (await client.post("/v1/admin/bundle", json={"file": "b.xbopt"})).status_code == 200
            swapping = asyncio.create_task(client.post("/v1/admin/bundle", json={"file": "c.xbopt"}))
            await asyncio.to_thread(started.wait, 5)
            busy = await client.post("/v1/admin/bundle", json={"file": "b.xbopt"})
            assert (busy.status_code, "being loaded" in busy.text) == (409, True)
            back = await asyncio.wait_for(client.post("/v1/admin/rollback", json={}), 1.0)
            assert back.json()["bundle"] == tactic.allocator().address
            go.set()
            late = await swapping
            assert late.status_code == 409
            assert "rolled back" in late.json()["detail"]
            assert engine.allocator.address == tactic.allocator().address
            assert (await client.post("/v1/admin/bundle", json={"file": "c.xbopt"})).status_code == 200

    asyncio.run(run())


def test_replicas_on_postgres_follow_while_requests_come(serve: Serve, tactic: Exported, postgres_server: str) -> None:
    """The switch waits behind no queue of decisions."""
    url = new_database(postgres_server)
    one, two = serve(tactic.path, store=url), serve(tactic.path, store=url)
    stop = threading.Event()

    def load(served: Served, name: str) -> None:
        with served.client() as client:
            number = 0
            while not stop.is_set():
                client.post("/v1/allocate", json=[body(tactic, decision_id=f"{name}-{number}-{i}") for i in range(5)])
                number += 1

    threads = [threading.Thread(target=load, args=(two, f"t{i}")) for i in range(4)]
    for thread in threads:
        thread.start()
    with one.client() as left, two.client() as right:
        left.post(SWITCH, json={"on": True})
        followed = wait_for(lambda: gauge(right) == 1.0, 2.5)
    stop.set()
    for thread in threads:
        thread.join(timeout=20)
    assert followed
