"""Twenty times kill -9 under load, on both stores: what was acknowledged is there, once, and the chain is whole.

python -m benchmarks.bench_kill [--kills 20]

python -m benchmarks.bench_kill --postgres postgresql://USER@HOST/EMPTY_DATABASE
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import httpx
import msgspec

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import REPOSITORY, exploring, free_port, make_bundle, market, request_of
from tests.service.conftest import Served
from tests.service.load import ask_until_it_ends
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain

CLIENTS, SECONDS = 8, 0.8
BARS = (Bar(name="acknowledged and lost", most=0.0), Bar(name="stored twice", most=0.0))


def start(bundle: Path, store: str, *options: str) -> Served:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "xbopt", "serve", str(bundle), "--port", str(port), "--store", store, *options],
        cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    served = Served(process, f"http://127.0.0.1:{port}", store)
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{served.url}/health/ready", timeout=1.0).status_code == 200:
                return served
        except httpx.TransportError:
            time.sleep(0.05)
    sys.exit("the service did not come up")


def run(bundle: Path, store: str, request: dict[str, object], kills: int, name: str) -> tuple[int, int]:
    acknowledged: list[str] = []
    for life in range(kills):
        served = start(bundle, store)
        acknowledged += ask_until_it_ends(served, request, clients=CLIENTS, seconds=SECONDS, name=f"life{life}")
    with closing(open_store(store)) as opened:
        report = verify_chain(opened)
        stored = [entry.key for entry in opened.entries("decision")]
    lost, doubled = set(acknowledged) - set(stored), len(stored) - len(set(stored))
    print(
        f"{name}: {kills} kills, {len(acknowledged):,} decisions acknowledged, {len(stored):,} stored, "
        f"{len(lost)} lost, {doubled} doubled, chain of {report.entries:,} entries whole",
        flush=True,
    )
    return len(lost), doubled


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--postgres", help="URL of an empty database; PostgreSQL is left out without it")
    asked = parser.parse_args()
    where = market()
    policy = exploring(where)
    request: dict[str, object] = json.loads(msgspec.json.encode(request_of(policy, where)))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as folder:
        bundle = make_bundle(Path(folder), policy, where)
        stores = {"SQLite": f"sqlite:///{folder}/decisions.sqlite"}
        stores |= {"PostgreSQL": asked.postgres} if asked.postgres else {}
        kills = 1 if asked.tiny else asked.kills
        found = [run(bundle, store, request, kills, name) for name, store in stores.items()]
    figures = {bar.name: sum(one[place] for one in found) for place, bar in enumerate(BARS)}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
