"""The store behind PgBouncer, as many hosts offer PostgreSQL: whole sessions, or one transaction at a time."""

import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.service.conftest import Exported, Serve, free_port, new_database, unprivileged
from tests.service.test_http import body
from tests.service.test_store import entry
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 2
"""


@pytest.fixture(params=["transaction", "session"])
def pooled(request: pytest.FixtureRequest, postgres_server: str) -> Generator[str]:
    """URL of a new database behind PgBouncer."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian package pgbouncer)")
    name = new_database(postgres_server).rpartition("/")[2]
    port = free_port()
    who = unprivileged()
    with TemporaryDirectory(prefix="xbopt-pool-", dir="/tmp") as folder:
        settings = Path(folder) / "pgbouncer.ini"
        server = postgres_server.rpartition(":")[2]
        # With any user name taken, the database has to say who comes.
        text = _SETTINGS.format(server=f"{server} user=xbopt", port=port, mode=request.param)
        settings.write_text(text, encoding="utf-8")
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [program, settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who,  # type: ignore[call-overload]
        )  # fmt: skip
        try:
            url = f"postgresql://xbopt@127.0.0.1:{port}/{name}"
            _wait(url, process)
            yield url
        finally:
            process.kill()
            process.wait(timeout=10)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20.0
    while True:
        assert process.poll() is None
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_a_store_works_behind_a_pool(pooled: str) -> None:
    """More clients than the pool has sessions, in turns: each has to leave nothing behind for the next."""
    stores = [open_store(pooled) for _ in range(2)]
    for number in range(40):
        assert stores[number % 2].append([entry(number)])[0].seq == number + 1
    for store in stores:
        store.probe()
        assert store.latest("decision") == store.find("decision", "d39")
    stores[0].close()
    with closing(open_store(pooled, read_only=True)) as reader:
        assert verify_chain(reader).entries == 40
        assert len(list(reader.entries("decision"))) == 40
    stores[1].close()


def test_a_service_works_behind_a_pool(pooled: str, serve: Serve, tactic: Exported) -> None:
    served = serve(tactic.path, store=pooled)
    with served.client() as client:
        for i in range(10):
            assert client.post("/v1/allocate", json=body(tactic, decision_id=f"b{i}")).json()["stored"]
        outcome = {"decision_id": "b3", "unit": "DE/families", "reward": 1.0}
        assert client.post("/v1/outcomes", json=outcome).status_code == 200
    with closing(open_store(pooled, read_only=True)) as reader:
        report = verify_chain(reader)
        assert (report.decisions, report.outcomes) == (10, 1)
