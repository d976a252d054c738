"""A bundle to measure with, and services to measure."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from tests.service.conftest import certificate_for
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.policy import Policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.bundle.archive import write_files
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.export import ExportSettings, export_policy
from xbopt.service.exporting.policies import reads_channels
from xbopt.service.exporting.reference import observe_policy
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

REPOSITORY = Path(__file__).resolve().parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


def market(name: str = "quickstart") -> MarketParameters:
    return build_market(load_scenario(name))


def exploring(where: MarketParameters) -> Policy:
    return ExploringPolicy(plan=BUILT_IN["calendar"](where), scenario=where.scenario, exploration=0.2)


def network(where: MarketParameters, name: str, encoding: str) -> Policy:
    """A policy of PPO as it is before its first update; it takes as long as a trained one."""
    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    settings = PpoSettings(network=name, encoding=encoding)  # type: ignore[arg-type]
    return as_policy(build_parts(where, BUILT_IN["calendar"](where), settings))


def make_bundle(folder: Path, policy: Policy, where: MarketParameters, name: str = "bench") -> Path:
    path = folder / f"{name}.xbopt"
    settings = ExportSettings(name=name, certificate=certificate_for(policy, where))
    write_files(export_policy(policy, where, settings), path)
    return path


def request_of(policy: Policy, where: MarketParameters) -> AllocationRequest:
    """What the simulator sees on the first decision day."""
    seen = observe_policy(policy, where, worlds=1, seed=3)[0]
    return AllocationRequest(
        day=seen.day,
        budget_base=float(seen.remaining.budget_base[0]),
        regions=seen.regions[0].tolist(),
        cells=seen.cells[0].tolist(),
        channels=seen.channels[0].tolist() if reads_channels(policy) else None,
    )


def json_of(request: AllocationRequest) -> bytes:
    return json.dumps(json.loads(msgspec.json.encode(request))).encode()


def cpu_seconds(process: int) -> float:
    """CPU time of a process, all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*command: str, port: int, engine: str = "auto") -> Generator[int]:
    """A server in a process of its own; gives its process id once it answers."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "XBOPT_ENGINE": engine}
    process = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60.0
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield process.pid
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def repeated(array: np.ndarray, rows: int) -> bytes:
    return np.repeat(array, rows, axis=0).tobytes()
