"""Ready means that a decision would be stored now; live means that the loop turns."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import body
from tests.service.test_trouble import TroubledStore, service
from xbopt.service.store.interface import StoreError

PATHS = ("/health/ready", "/v2/health/ready", "/v2/models/demo/ready")


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


@pytest.fixture
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path, "--store-timeout", "0.5")


def test_a_full_disk_is_not_ready_and_says_so(served: Served, tactic: Exported) -> None:
    """Files of the process may not grow any more; then they may again."""
    process = served.process.pid
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    with served.client() as client:
        assert [client.get(path).status_code for path in PATHS] == [200, 200, 200]
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1, before[1]))
        assert wait_for(lambda: client.get("/health/ready").status_code == 503, 3.0)
        for path in PATHS:
            told = client.get(path)
            assert told.status_code == 503
            assert "the check 'store' failed" in told.json()["detail"]
            assert "sqlite" not in told.text
        assert client.post("/v1/allocate", json=body(tactic, decision_id="full")).status_code == 503
        assert client.get("/health/live").status_code == 200
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)
        assert wait_for(lambda: client.get("/health/ready").status_code == 200, 3.0)
        assert client.post("/v1/allocate", json=body(tactic, decision_id="full")).status_code == 200


def test_a_store_that_another_program_holds_is_not_ready_within_a_probe_s_second(served: Served) -> None:
    holder = sqlite3.connect(served.store.removeprefix("sqlite:///"), isolation_level=None)
    time.sleep(1.1)  # what was stored before proves nothing any more
    holder.execute("BEGIN IMMEDIATE")
    with served.client() as client:
        started = time.monotonic()
        assert wait_for(lambda: client.get("/health/ready").status_code == 503, 3.0)
        assert time.monotonic() - started < 1.5
        assert client.get("/health/live", timeout=0.5).status_code == 200
        holder.execute("ROLLBACK")
        assert wait_for(lambda: client.get("/health/ready").status_code == 200, 3.0)
    holder.close()


def test_a_database_that_is_down_is_not_ready(serve: Serve, tactic: Exported, postgres_server: str) -> None:
    """And neither host nor port of it is told."""
    import psycopg

    from tests.service.conftest import new_database

    url = new_database(postgres_server)
    served = serve(tactic.path, "--store-timeout", "0.5", store=url)
    name = url.rpartition("/")[2]
    with served.client() as client, psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as administrator:
        assert client.get("/health/ready").status_code == 200
        administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[call-overload]
        administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert wait_for(lambda: client.get("/health/ready").status_code == 503, 4.0)
        told = client.get("/health/ready")
        refused = client.post("/v1/allocate", json=body(tactic, decision_id="down"))
        assert refused.status_code == 503
        for secret in (name, "127.0.0.1", url.rpartition(":")[2].partition("/")[0], "PostgreSQL"):
            assert secret not in told.text + refused.text
        administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[call-overload]
        assert wait_for(lambda: client.get("/health/ready").status_code == 200, 4.0)


class ProbedStore(TroubledStore):
    """Counts its probes, and takes its time for them."""

    probes = 0

    def probe(self) -> None:
        self.probes += 1
        if self.seconds:
            import threading

            threading.Event().wait(self.seconds)
        if self.trouble:
            raise StoreError(self.trouble)
        super().probe()


def statuses(client: httpx.AsyncClient, times: int) -> "asyncio.Future[list[httpx.Response]]":
    return asyncio.gather(*(client.get("/health/ready") for _ in range(times)))


def test_many_probes_cost_the_store_one_write_a_second(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        store = ProbedStore(tmp_path / "s.sqlite")
        async with service(tactic, store) as (client, _):
            for answer in await statuses(client, 40):
                assert answer.status_code == 200
            assert store.probes == 1
            store.seconds = 1.5
            await asyncio.sleep(1.1)
            started = asyncio.get_running_loop().time()
            told: Sequence[httpx.Response] = await statuses(client, 40)
            assert asyncio.get_running_loop().time() - started < 1.0
            assert {answer.status_code for answer in told} == {503}
            assert "within 0.8 s" in told[0].json()["detail"]
            assert store.probes == 2

    asyncio.run(run())


def test_a_store_that_can_only_be_read_is_not_ready(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        store = ProbedStore(tmp_path / "s.sqlite")
        async with service(tactic, store) as (client, _):
            store.trouble = f"{tmp_path}/s.sqlite: attempt to write a readonly database."
            told = await client.get("/health/ready")
            assert told.status_code == 503
            assert told.json()["detail"] == "Not ready; the check 'store' failed: it can only be read."

    asyncio.run(run())


def test_a_queue_that_is_nearly_full_is_not_ready(
    tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            waiting = type(app.engine.commit)
            monkeypatch.setattr(waiting, "waiting", property(lambda _commit: 19_000))
            assert "the check 'queue' failed" in (await client.get("/health/ready")).json()["detail"]
            monkeypatch.setattr(waiting, "waiting", property(lambda _commit: 17_000))
            assert (await client.get("/health/ready")).status_code == 200

    asyncio.run(run())


def test_a_service_that_stops_is_not_ready(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            app.engine.ready = False
            assert "the check 'lifecycle' failed" in (await client.get("/health/ready")).json()["detail"]
            assert (await client.get("/health/live")).status_code == 200

    asyncio.run(run())


def test_a_kill_switch_keeps_a_service_ready(tactic: Exported, tmp_path: Path) -> None:
    """It answers, and stores what it answers; a probe that took it away would only move the requests elsewhere."""

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            assert (await client.get("/health/ready")).json()["kill_switch"] == "off"
            await client.post("/v1/admin/kill-switch", json={"on": True, "mode": "zero"})
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["kill_switch"]) == (200, "zero")

    asyncio.run(run())


def test_no_problem_document_names_a_path_a_host_or_a_port(
    serve: Serve, tactic: Exported, direct: Exported, tmp_path: Path
) -> None:
    """Every route, with every kind of fault that a client can make, beside a store that is held by somebody else."""
    import re
    import shutil

    folder = tmp_path / "secret-folder"
    folder.mkdir()
    shutil.copy(tactic.path, folder / "a.xbopt")
    shutil.copy(direct.path, folder / "b.xbopt")
    (folder / "broken.xbopt").write_bytes(direct.path.read_bytes()[:-1] + b"x")
    (folder / "empty").mkdir()
    (folder / "text.xbopt").write_text("no bundle")
    served = serve(folder / "a.xbopt", "--store-timeout", "0.2", store=f"sqlite:///{folder}/secret.sqlite")
    told: list[httpx.Response] = []
    outcome = b'{"decision_id": "x", "unit": "y", "reward": 1}'
    with served.client() as client:
        paths = client.get("/openapi.json").json()["paths"]

        def sweep() -> None:
            for path, methods in paths.items():
                for name in ("demo", "other"):
                    for method in ("GET", "POST", "PUT"):
                        for content in (b"", b"{", b"{}", b"[{}]", b"\xff", outcome):
                            kind = {"content-type": "application/json"}
                            told.append(
                                client.request(
                                    method,
                                    path.format(name=name, version="1.0.0", campaign=name),
                                    content=content,
                                    headers=kind,
                                )
                            )
                assert methods

        sweep()
        for file in ("broken.xbopt", "empty", "text.xbopt", "none.xbopt", "secret.sqlite"):
            told.append(client.post("/v1/admin/bundle", json={"file": file}))
            assert told[-1].status_code == 422, told[-1].text
        holder = sqlite3.connect(folder / "secret.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for path, asked in (
            ("/v1/allocate", body(tactic, decision_id="held")),
            ("/v1/outcomes", {"decision_id": "held", "unit": "DE/families", "reward": 1.0}),
            ("/v1/admin/bundle", {"file": "b.xbopt"}),
            ("/v1/admin/kill-switch", {"on": True}),
            ("/v1/admin/kill-switch", {"on": False}),
        ):
            told.append(client.post(path, json=asked))
            assert told[-1].status_code == 503, (path, told[-1].text)
        holder.close()
    problems = [answer for answer in told if answer.status_code >= 400]
    assert len(problems) > 100
    secret = re.compile(r"secret|/tmp|/home|/work|/usr|\.py\b|Traceback|127\.0\.0\.1|" + served.url.rpartition(":")[2])
    for answer in problems:
        kind = "application/json" if answer.request.url.path.startswith("/v2") else "application/problem+json"
        assert answer.headers["content-type"] == kind
        assert not secret.search(answer.text.replace("secret.sqlite", "named by the client")), answer.text
    # What clients are not told, the operator is.
    served.process.terminate()
    served.process.wait(timeout=10)
    assert served.process.stderr is not None
    assert f"{folder}" in served.process.stderr.read().decode()
