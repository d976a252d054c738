"""Requests per CPU second of the server, against the same endpoint written the usual way; and batches as bytes.

The bundle is one of PPO over tactics with a flat network. The usual endpoints decide by the same Allocator, once with
onnxruntime, as a service of one's own would, and once with the native kernel. Needs ``wrk``. All servers run one after
the other in this run, several times in turn; ratios of medians are printed. Then clients ask the service at an even
pace, half as often as it can answer, and note how long each answer takes.

    python -m benchmarks.bench_http [--tiny]
"""

import http.client
import json
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, left_out, told, words_of
from benchmarks.serving.bundles import (
    cpu_seconds,
    free_port,
    json_of,
    make_bundle,
    market,
    network,
    repeated,
    request_of,
    running,
)  # fmt: skip
from xbopt.service.deciding.allocator import Allocator

CONNECTIONS = 32
P99 = "p99 at half load over its median"
BARS = (
    Bar(name="CPU of a batch as JSON over bytes", least=10.0),
    Bar(name="requests per CPU second over FastAPI + pydantic on onnxruntime, a commit each", least=2.5),
    Bar(name="requests per CPU second over FastAPI + pydantic on the native kernel, a commit each"),
    Bar(name="requests per CPU second over FastAPI + pydantic on the native kernel, same group commit"),
    Bar(name=P99, most=3.0),
)


def wrk(url: str, body: Path, folder: Path, process: int, seconds: int) -> tuple[float, float]:
    """Requests per CPU second of the server, and per second of the clock."""
    script = folder / "post.lua"
    script.write_text(
        f'local f = io.open("{body}"); wrk.body = f:read("*a"); wrk.method = "POST"\n'
        'wrk.headers["content-type"] = "application/json"\n',
        encoding="utf-8",
    )
    before = cpu_seconds(process)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(script), url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    used = cpu_seconds(process) - before
    refused = next((int(line.split()[-1]) for line in done.splitlines() if "Non-2xx" in line), 0)
    if refused:
        print(f"  {refused} of the requests to {url} were refused")
    count = int(done.split(" requests in ")[0].split()[-1])
    return count / used, count / seconds


def single_requests(folder: Path, bundle: Path, body: Path, rounds: int, seconds: int) -> dict[str, float]:
    def usual(store: str, port: int, how: str) -> tuple[str, ...]:
        return ("-m", "benchmarks.serving.usual_way", str(bundle), store, str(port), how)

    servers = {
        "service": ("auto", lambda store, port: (
            "-m", "xbopt", "serve", str(bundle), "--port", str(port), "--store", store
        )),
        "FastAPI + pydantic on onnxruntime, a commit each": ("numpy", partial(usual, how="alone")),
        "FastAPI + pydantic on the native kernel, a commit each": ("auto", partial(usual, how="alone")),
        "FastAPI + pydantic on the native kernel, same group commit": ("auto", partial(usual, how="together")),
    }  # fmt: skip
    if find_spec("fastapi") is None:
        print("FastAPI is not installed (pip install -e '.[bench]'): the service is measured alone")
        servers = {"service": servers["service"]}
    by_cpu: dict[str, list[float]] = {name: [] for name in servers}
    by_clock: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(rounds):
        for number, (name, (engine, command)) in enumerate(servers.items()):
            port = free_port()
            store = f"sqlite:///{folder}/s{turn}-{number}.sqlite"
            with running(*command(store, port), port=port, engine=engine) as process:
                url = f"http://127.0.0.1:{port}/v1/allocate"
                if rounds > 1:
                    wrk(url, body, folder, process, seconds)
                cpu, clock = wrk(url, body, folder, process, seconds)
            by_cpu[name].append(cpu)
            by_clock[name].append(clock)
    own, figures = statistics.median(by_cpu["service"]), dict[str, float]()
    for name in servers:
        middle = statistics.median(by_cpu[name])
        print(f"{name}: {middle:,.0f} requests per CPU second of the server, "
              f"{statistics.median(by_clock[name]):,.0f} a second")  # fmt: skip
        if name != "service":
            figures[f"requests per CPU second over {name}"] = own / middle
    rate = statistics.median(by_clock["service"]) / 2.0
    figures[P99] = half_load(folder, bundle, body.read_bytes(), rate=rate, seconds=2 * seconds)
    return figures


def half_load(folder: Path, bundle: Path, body: bytes, *, rate: float, seconds: int) -> float:
    """p99 over the median of how long answers take at an even pace, from when each request was due."""
    port = free_port()
    store = f"sqlite:///{folder}/half.sqlite"
    with running("-m", "xbopt", "serve", str(bundle), "--port", str(port), "--store", store, port=port):
        delays: list[float] = []
        lock, due = threading.Lock(), count()
        started = time.perf_counter() + 0.1

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            while True:
                with lock:
                    at = started + next(due) / rate
                if at > started + seconds:
                    break
                time.sleep(max(at - time.perf_counter(), 0.0))
                connection.request("POST", "/v1/allocate", body, {"content-type": "application/json"})
                connection.getresponse().read()
                delays.append(time.perf_counter() - at)
            connection.close()

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    p50, p99 = np.percentile(delays, [50, 99])
    print(f"at half load ({rate:,.0f} a second): median {p50 * 1e3:.2f} ms, p99 {p99 * 1e3:.2f} ms, "
          f"{p99 / p50:.1f} times the median")  # fmt: skip
    return float(p99 / p50)


def batches(folder: Path, bundle: Path, body: bytes, rows: int) -> dict[str, float]:
    """A batch as bytes and as JSON: CPU seconds of the server."""
    one = Allocator.load(bundle)
    request = json.loads(body)
    from xbopt.service.deciding.requests import AllocationRequest

    batch = one.reader.one(AllocationRequest(**request), "x")
    data = b"".join(repeated(array, rows) for array in batch.inputs.values())
    port = free_port()
    store = f"sqlite:///{folder}/batch.sqlite"
    with running("-m", "xbopt", "serve", str(bundle), "--port", str(port), "--store", store, port=port) as process:

        def post(content: bytes, kind: str) -> None:
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/allocate", content, {"content-type": kind}, method="POST"
            )
            urllib.request.urlopen(asked, timeout=120).read()  # noqa: S310 - our own server

        def as_bytes(number: int) -> None:
            header = json.dumps({"batch_id": f"b{number}", "rows": rows}).encode()
            header += b" " * (-len(header) % 8)
            post(struct.pack("<4sI", b"XBB1", len(header)) + header + data, "application/vnd.xbopt.batch")

        def as_json(_number: int) -> None:
            post(b"[" + b",".join([body] * rows) + b"]", "application/json")

        used: dict[str, float] = {}
        for name, send in (("bytes", as_bytes), ("JSON", as_json)):
            send(-1 if name == "bytes" else 0)
            repeats = 20 if name == "bytes" else 5
            before, started = cpu_seconds(process), time.perf_counter()
            for number in range(repeats):
                send(number)
            used[name] = (cpu_seconds(process) - before) / repeats
            print(f"batch of {rows} rows as {name}: {used[name] * 1e3:.1f} ms of CPU, "
                  f"{(time.perf_counter() - started) / repeats * 1e3:.1f} ms of the clock")  # fmt: skip
    return {BARS[0].name: used["JSON"] / used["bytes"]}


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    if shutil.which("wrk") is None:
        left_out(__file__, "wrk is not installed (Debian package wrk)")
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as name:
        folder = Path(name)
        where = market()
        policy = network(where, "flat", "tactics")
        bundle = make_bundle(folder, policy, where)
        body = folder / "body.json"
        body.write_bytes(json_of(request_of(policy, where)))
        figures = batches(folder, bundle, body.read_bytes(), rows=10 if tiny else 1000)
        figures |= single_requests(folder, bundle, body, rounds=1 if tiny else 3, seconds=1 if tiny else 4)
    return told(__file__, BARS, figures, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
