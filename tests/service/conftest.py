"""What the tests of the service share: bundles, running services, and a PostgreSQL server of their own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.worlds import market_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.cli.main import main
from xbopt.core.decisions.policy import Observation, Policy
from xbopt.core.documents.seal import sealed
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.bundle.archive import write_files
from xbopt.service.bundle.evidence import FORMAT, FORMAT_VERSION
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.evidence import subject_of
from xbopt.service.exporting.export import ExportSettings, export_policy
from xbopt.service.exporting.reference import observe_policy
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters


def certificate_for(policy: Policy, market: MarketParameters, /, **changes: object) -> bytes:
    """A certificate that speaks for a policy, with some entries changed."""
    subject = subject_of(policy, market.scenario, None)
    document: dict[str, object] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "verdict": "ANSWER",
        "value": {"value": 12.5, "low": 11.0, "high": 14.0},
        "difference": {"value": 2.0, "low": 1.0, "high": 3.0},
        "policy": {"name": policy.name, "kind": "built in", "sha256": subject.policy_sha256},
        "log": {"sha256": "ab" * 32},
        "scenario_hash": subject.scenario_hash,
    }
    return json.dumps(sealed(document | changes)).encode()


Command = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Exported:
    """A policy and its bundle."""

    policy: Policy
    market: MarketParameters
    files: dict[str, bytes]
    path: Path

    def allocator(self) -> Allocator:
        return Allocator.load(self.path)

    @cached_property
    def observations(self) -> list[Observation]:
        return observe_policy(self.policy, self.market, worlds=4, seed=9)

    def request(self, *, step: int = 0, world: int = 0, **changes: object) -> AllocationRequest:
        """A request that the simulator could have sent."""
        seen = self.observations[step]
        fields: dict[str, object] = {
            "day": seen.day,
            "budget_base": float(seen.remaining.budget_base[world]),
            "regions": seen.regions[world].tolist(),
            "cells": seen.cells[world].tolist(),
            "decision_id": "a-1",
        }
        return AllocationRequest(**{**fields, **changes})  # type: ignore[arg-type]


def export_to(folder: Path, policy: Policy, market: MarketParameters, **settings: object) -> Exported:
    given = {"name": "demo", "certificate": certificate_for(policy, market), **settings}
    files = export_policy(policy, market, ExportSettings(**given))  # type: ignore[arg-type]
    path = folder / f"{policy.name}.xbopt"
    write_files(files, path)
    return Exported(policy, market, files, path)


def next_version(exported: Exported) -> dict[str, bytes]:
    """The same policy as another bundle."""
    certificate = certificate_for(exported.policy, exported.market)
    settings = ExportSettings(name="demo", version="2.0.0", certificate=certificate)
    return export_policy(exported.policy, exported.market, settings)


@pytest.fixture(scope="session")
def quickstart() -> MarketParameters:
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="session")
def tactic(bundles: Path, quickstart: MarketParameters) -> Exported:
    plan = BUILT_IN["calendar"](quickstart)
    return export_to(bundles, ExploringPolicy(plan=plan, scenario=quickstart.scenario, exploration=0.3), quickstart)


@pytest.fixture(scope="session")
def direct(bundles: Path, quickstart: MarketParameters) -> Exported:
    return export_to(bundles, BUILT_IN["calendar"](quickstart), quickstart)


TIGHT = {
    "budget": {
        "total_base": 20000,
        "max_daily_multiple": 1.3,
        "region_caps_base": {"north": 11000},
        "channel_caps_base": {"search": 9000},
        "minimums": [{"region": "north", "channel": "social", "spend_per_day_base": 120}],
        "maximums": [
            {"region": "north", "channel": "social", "spend_per_day_base": 200},
            {"region": "island", "channel": "search", "spend_per_day_base": 90},
        ],
        "locks": [{"region": "island", "segment": "youth", "channel": "email", "spend_per_day_base": 150}],
    }
}
"""Locks, minimums, maximums and caps of every kind for the small market."""


@pytest.fixture(scope="session")
def tight_market() -> MarketParameters:
    return market_of(TIGHT)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """A running service."""

    process: subprocess.Popen[bytes]
    url: str
    store: str

    def client(self, **settings: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20.0, **settings)  # type: ignore[arg-type]


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Generator[Serve]:
    """Start services in processes of their own; all are ended by their own id."""
    running: list[Served] = []

    def start(bundle: Path, *options: str, store: str | None = None, wait: bool = True) -> Served:
        url = store or f"sqlite:///{tmp_path_factory.mktemp('store')}/decisions.sqlite"
        port = free_port()
        command = [sys.executable, "-m", "xbopt", "serve", str(bundle), "--port", str(port), "--store", url, *options]
        environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=repository, env=environment, stderr=subprocess.PIPE)
        served = Served(process, f"http://127.0.0.1:{port}", url)
        running.append(served)
        if wait:
            wait_until_ready(served)
        return served

    yield start
    for served in running:
        if served.process.poll() is None:
            served.process.terminate()
            served.process.wait(timeout=20)
        if served.process.stderr is not None:
            served.process.stderr.close()


def wait_until_ready(served: Served, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if served.process.poll() is not None:
            assert served.process.stderr is not None
            pytest.fail(f"the service ended: {served.process.stderr.read().decode()}")
        try:
            if httpx.get(f"{served.url}/health/live", timeout=1.0).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the service did not come up")


def _postgres_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def unprivileged() -> dict[str, object]:
    """PostgreSQL refuses to run as root: take another user, who owns the data folder."""
    if os.getuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


@pytest.fixture(scope="session")
def postgres_server() -> Generator[str]:
    """A PostgreSQL server of the tests' own, on a free port of this machine; gives its URL without a database."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    import tempfile

    who = unprivileged()
    # Short path: the socket's name has a limit. The folder has to be reachable for the other user.
    with tempfile.TemporaryDirectory(prefix="xbopt-pg-", dir="/tmp") as name:
        folder = Path(name)
        if who:
            os.chown(folder, who["user"], who["group"])  # type: ignore[arg-type]
        data = folder / "data"
        run = {"cwd": folder, "capture_output": True, **who}
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "xbopt", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            **run,  # type: ignore[call-overload]
        )
        port = free_port()
        server = subprocess.Popen(
            [
                binaries / "postgres", "-D", data, "-p", str(port), "-k", folder,
                "-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off",
            ],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who,  # type: ignore[call-overload]
        )  # fmt: skip
        try:
            _wait_for_postgres(port, server)
            yield f"postgresql://xbopt@127.0.0.1:{port}"
        finally:
            # At once: other signals wait for clients to leave, or for data that nobody wants any more.
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=30)


def _wait_for_postgres(port: int, server: "subprocess.Popen[bytes]") -> None:
    import psycopg

    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"PostgreSQL ended with {server.returncode}")
        try:
            psycopg.connect(f"postgresql://xbopt@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("PostgreSQL did not come up")


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/decisions.sqlite"
    return new_database(request.getfixturevalue("postgres_server"))


def new_database(server: str) -> str:
    import uuid

    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    return f"{server}/{name}"


@pytest.fixture
def bundle_copy(tactic: Exported, tmp_path: Path) -> Path:
    """A bundle that a test may change."""
    return Path(shutil.copy(tactic.path, tmp_path / "bundle.xbopt"))


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run ``xbopt``; gives exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["xbopt", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
