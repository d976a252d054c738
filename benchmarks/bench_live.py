"""How long ``/health/live`` takes while clients post the largest bodies: lists of 1,000 requests, or /v2 of 4,000 rows.

python -m benchmarks.bench_live [--scenario us_eu_launch] [--rows 1000] [--tensor-rows 4000] [--clients 4]
"""

import http.client
import json
import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import exploring, free_port, json_of, make_bundle, market, request_of, running
from xbopt.service.deciding.allocator import Allocator

BARS = (
    Bar(name="idle, p99 in ms"),
    Bar(name="under lists, p99 in ms", most=50.0),
    Bar(name="under /v2, p99 in ms"),
)
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Delays:
    """Percentiles of the answers of ``/health/live`` in milliseconds, and how many large answers came meanwhile."""

    median: float
    p99: float
    longest: float
    probes: int
    answers: int

    def __str__(self) -> str:
        return (
            f"live ms p50 {self.median:.1f}, p99 {self.p99:.1f}, max {self.longest:.1f} of {self.probes} probes; "
            f"{self.answers} large answers"
        )


def probe(port: int, seconds: float) -> list[float]:
    """Ask every five milliseconds; a late answer delays the next question, so it counts once."""
    delays: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        started = time.perf_counter()
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"/health/live answered {answer.status}")
        delays.append((time.perf_counter() - started) * 1e3)
        time.sleep(0.005)
    connection.close()
    return delays


def post(port: int, path: str, body: bytes, ends: "Event", count: "Synchronized[int]") -> None:
    """Post a body, again and again."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while not ends.is_set():
        connection.request("POST", path, body, _JSON)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {told[:300]!r}")
        with count.get_lock():
            count.value += 1
    connection.close()


def under_load(port: int, path: str, body: bytes, clients: int, seconds: float) -> Delays:
    """Probe while clients post, each in a process of its own: what they do must not delay the probes here."""
    processes = multiprocessing.get_context("fork")
    ends, count = processes.Event(), processes.Value("i", 0)
    posting = [processes.Process(target=post, args=(port, path, body, ends, count)) for _ in range(clients)]
    for process in posting:
        process.start()
    delays = probe(port, seconds)
    ends.set()
    for process in posting:
        process.join()
    p50, p99 = np.percentile(delays, [50, 99])
    return Delays(float(p50), float(p99), max(delays), len(delays), count.value)


def measure(scenario: str, *, rows: int, tensor_rows: int, clients: int, seconds: float) -> dict[str, Delays]:
    """Delays by kind of load."""
    where = market(scenario)
    policy = exploring(where)
    request = request_of(policy, where)
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as folder:
        path = make_bundle(Path(folder), policy, where, "demo")
        listed = b"[" + b",".join([json_of(request)] * rows) + b"]"
        one = Allocator.load(path).reader.one(request, "x").inputs
        tensors = [
            {
                "name": name,
                "shape": [tensor_rows, *array.shape[1:]],
                "datatype": "INT64" if array.dtype.kind == "i" else "FP64",
                "data": np.repeat(array, tensor_rows, axis=0).ravel().tolist(),
            }
            for name, array in one.items()
            if np.isfinite(array).all()
        ]
        inferred = json.dumps({"inputs": tensors}).encode()
        port = free_port()
        store = f"sqlite:///{folder}/decisions.sqlite"
        with running(
            "-m", "xbopt", "serve", str(path), "--port", str(port), "--store", store, "--store-timeout", "60", port=port
        ):
            loads = {
                "idle": under_load(port, "/v1/allocate", b"", 0, seconds),
                f"{clients} clients, lists of {rows} ({len(listed) >> 10} kB)": under_load(
                    port, "/v1/allocate", listed, clients, seconds
                ),
                f"{clients} clients, /v2 of {tensor_rows} rows ({len(inferred) >> 10} kB)": under_load(
                    port, "/v2/models/demo/infer", inferred, clients, seconds
                ),
            }
    return loads


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--scenario", default="us_eu_launch")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--tensor-rows", type=int, default=4000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    loads = (
        measure("quickstart", rows=10, tensor_rows=10, clients=1, seconds=0.3)
        if asked.tiny
        else measure(
            asked.scenario, rows=asked.rows, tensor_rows=asked.tensor_rows, clients=asked.clients, seconds=asked.seconds
        )
    )
    for load, delays in loads.items():
        print(f"{load}: {delays}", flush=True)
    figures = {bar.name: delays.p99 for bar, delays in zip(BARS, loads.values(), strict=True)}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
