"""100,000 bodies that nobody would send, then five minutes of load: no crash, no answer of 500 and above, memory flat.

python -m benchmarks.bench_fuzz_service [--bodies 100000] [--minutes 5]
"""

import http.client
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import (
    exploring,
    free_port,
    json_of,
    make_bundle,
    market,
    request_of,
    resident_bytes,
    running,
)
from tests.service.conftest import Exported
from tests.service.fuzz import mutated_bodies

BARS = (
    Bar(name="answers of 500 and above", most=0.0),
    Bar(name="memory at the end of the bodies over that after a tenth", most=1.1),
    Bar(name="memory at the end of the load over that before", most=1.1),
)


def fuzz(connection: http.client.HTTPConnection, exported: Exported, bodies: int, process: int) -> dict[str, float]:
    statuses: Counter[int] = Counter()
    memory: list[int] = []
    source = mutated_bodies(exported, seed=7)
    for number in range(bodies):
        path, kind, content = next(source)
        connection.request("POST", path, content, {"content-type": kind})
        answer = connection.getresponse()
        answer.read()
        statuses[answer.status] += 1
        if answer.status >= 500:
            print(f"{path} answered {answer.status} to {content[:300]!r}")
        if (number + 1) % max(bodies // 10, 1) == 0:
            memory.append(resident_bytes(process) >> 20)
    print(f"{bodies:,} bodies: {dict(sorted(statuses.items()))}; memory in MB at every tenth: {memory}", flush=True)
    failed = sum(count for status, count in statuses.items() if status >= 500)
    return {BARS[0].name: failed, BARS[1].name: memory[-1] / memory[0]}


def load(connection: http.client.HTTPConnection, body: bytes, minutes: float, process: int) -> dict[str, float]:
    memory = [resident_bytes(process) >> 20]
    count = 0
    started = time.monotonic()
    while time.monotonic() - started < minutes * 60.0:
        connection.request("POST", "/v1/allocate", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"the service answered {answer.status}")
        count += 1
        if time.monotonic() - started > minutes * 6.0 * len(memory):
            memory.append(resident_bytes(process) >> 20)
    print(f"{minutes:g} minutes of load: {count:,} decisions; memory in MB at every tenth: {memory}", flush=True)
    return {BARS[2].name: memory[-1] / memory[0]}


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--bodies", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    asked = parser.parse_args()
    bodies, minutes = (20, 0.002) if asked.tiny else (asked.bodies, asked.minutes)
    where = market()
    policy = exploring(where)
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as folder:
        path = make_bundle(Path(folder), policy, where, "demo")
        exported = Exported(policy, where, {}, path)
        port = free_port()
        store = f"sqlite:///{folder}/decisions.sqlite"
        serve = ("-m", "xbopt", "serve", str(path), "--port", str(port), "--store", store)
        connection = closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60))
        with running(*serve, port=port) as process, connection as asking:
            figures = fuzz(asking, exported, bodies, process)
            figures |= load(asking, json_of(request_of(policy, where)), minutes, process)
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
