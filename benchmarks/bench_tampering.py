"""Hundreds of random tamperings of every sort, on both stores: each is found, by the right exit code, without a trace.

python -m benchmarks.bench_tampering [--rounds 5] [--seed 1] [--only sqlite|postgres]

For PostgreSQL, ``XBOPT_POSTGRES`` names a server where databases may be made, as postgresql://xbopt@127.0.0.1:5432.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import exploring, make_bundle, market
from tests.service.conftest import Exported, new_database
from tests.service.file_tamperings import CLOSED_FILES, OPEN_FILES
from tests.service.tamperings import (
    POSTGRES,
    ROWS,
    SQLITE,
    WITH_HEAD,
    Chain,
    copy_files,
    head_of,
    read_chain,
    run_script,
    verify,
    write_chain,
)
from tests.service.test_store import store_of
from xbopt.service.store.opening import open_store

BARS = (Bar(name="tamperings that were not found", most=0.0), Bar(name="tamperings"))
Sorts = Counter[tuple[str, str]]


def expect(sort: str, url: str, codes: frozenset[int] | set[int], *options: object) -> None:
    """Verify a store; end the benchmark where it answers otherwise."""
    answer = verify(url, *options)
    if answer.code not in codes:
        sys.exit(f"{sort}: exit code {answer.code}, not {sorted(codes)}\n{answer.out}{answer.err}")


def tamper_with_tables(sort: str, chain: Chain, fresh: list[str], rng: np.random.Generator, found: Sorts) -> None:
    """Rows that verify finds alone, rows that it finds with a head, and changed tables; one fresh store for each."""
    head = head_of(chain)
    scripts = SQLITE if sort == "sqlite" else POSTGRES
    for how, change in ROWS.items():
        url = fresh.pop()
        write_chain(url, change(chain, rng))
        expect(how, url, {5})
        found[sort, "rows"] += 1
    for how, change in WITH_HEAD.items():
        url = fresh.pop()
        write_chain(url, change(chain, rng))
        expect(how, url, {0})
        expect(how, url, {5}, "--head", head)
        expect(how, url, {5}, "--receipt", head)
        found[sort, "ends, with a head"] += 1
    for how, script in scripts.items():
        url = fresh.pop()
        run_script(url, script)
        expect(how, url, {5})
        found[sort, "tables and guards"] += 1


def tamper_with_files(
    whole: Path, left: Path, heads: tuple[str, str], folder: Path, rng: np.random.Generator, found: Sorts
) -> None:
    """Files of a store at rest, and of one whose service was killed."""
    for sort, source, head in ((CLOSED_FILES, whole, heads[0]), (OPEN_FILES, left, heads[1])):
        for how, one in sort.items():
            path = copy_files(source, folder / f"{how}-{rng.integers(2**40)}")
            one.change(path, rng)
            expect(how, str(path), one.codes)
            expect(how, str(path), one.codes_with_head, "--head", head)
            found["sqlite", "files"] += 1


def run(folder: Path, *, rounds: int, seed: int, servers: list[str], exported: Exported) -> Sorts:
    """All sorts, several times over; gives how many of each were found.

    Args:
        folder: Room for copies.
        rounds: How often.
        seed: Of the draws.
        servers: ``sqlite``, and URLs of PostgreSQL servers.
        exported: The bundle that decided.
    """
    rng, found = np.random.default_rng(seed), Counter[tuple[str, str]]()
    whole = folder / "s.sqlite"
    with closing(open_store(str(whole))) as store:
        store_of(store, exported)
    chain = read_chain(f"sqlite:///{whole}")
    running = copy_files(whole, folder / "running")
    with closing(open_store(str(running))) as store:
        store_of(store, exported, first=100)
        end = store.head()
        left = copy_files(running, folder / "left")
    for number in range(rounds):
        for server in servers:
            count = len(ROWS) + len(WITH_HEAD) + max(len(SQLITE), len(POSTGRES))
            if server == "sqlite":
                fresh = [f"sqlite:///{copy_files(whole, folder / f'{number}-{i}')}" for i in range(count)]
                tamper_with_tables("sqlite", chain, fresh, rng, found)
                heads = (head_of(chain), f"{end.seq}:{end.hash.hex()}")
                tamper_with_files(whole, left, heads, folder / f"files-{number}", rng, found)
                continue
            fresh = [new_database(server) for _ in range(count)]
            for url in fresh:
                open_store(url).close()
                write_chain(url, chain)
                expect("nothing", url, {0}, "--head", head_of(chain))
            tamper_with_tables("postgres", chain, fresh, rng, found)
    return found


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    asked = parser.parse_args()
    server = os.environ.get("XBOPT_POSTGRES", "")
    servers = (["sqlite"] if asked.only != "postgres" else []) + ([server] if server and asked.only != "sqlite" else [])
    if not server:
        print("XBOPT_POSTGRES names no server: SQLite only", flush=True)
    where = market()
    policy = exploring(where)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as name:
        exported = Exported(policy, where, {}, make_bundle(Path(name), policy, where, "demo"))
        found = run(
            Path(name), rounds=1 if asked.tiny else asked.rounds, seed=asked.seed, servers=servers, exported=exported
        )
    for sort, count in sorted(found.items()):
        print(f"{', '.join(sort)}: {count} of {count} found", flush=True)
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    # The first that is not found ends the benchmark, with its sort and what verify said.
    figures = {BARS[0].name: 0, BARS[1].name: sum(found.values())}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
