"""What it costs to play worlds by workers, and a small model of it from 1 worker to 1,000.

Run ``python -m benchmarks.bench_scale``; with ``--engine ray`` on a cluster (that of ``RAY_ADDRESS``, else one of this
machine). It prints what docs/scale.md explains:

- the work: processor time of a world-day, and what a worker does once for a market;
- what is moved: bytes of the work, of a part and of what comes back;
- the overhead: time of a part that does nothing, of a megabyte that comes back, and of the start of workers;
- scaling from 1 worker to ``--workers``, in turns, beside that of plain arithmetic: a machine with other tenants has
  less than its processors to give, and the yardstick says how much less;
- the model: time of two jobs by number of workers, and what bounds it.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import math
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from xbopt.agents.policies import policy_from
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.workers import Engine, over_parts
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.chunks import Chunk, Played, play_chunks
from xbopt.studies.totals import merge_totals

POLICY, SEED = "baseline", 1
MODELLED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What was measured; seconds and bytes.

    Attributes:
        part_seconds: Processor time of a chunk of worlds.
        once_seconds: Of what a worker works out once for a market.
        start_seconds: From the call to the first answer of workers that do nothing.
        empty_seconds: Of the asker for a part that does nothing.
        byte_seconds: Of the asker for a byte that comes back.
        merge_seconds: Of the asker to put a part's sums to the others.
        row_seconds: Of the asker to keep a row of a sweep, so that no kill takes it.
        result_bytes: What comes back of a part.
    """

    part_seconds: float
    once_seconds: float
    start_seconds: float
    empty_seconds: float
    byte_seconds: float
    merge_seconds: float
    row_seconds: float
    result_bytes: int

    @property
    def of_a_chunk(self) -> float:
        """What a chunk of worlds costs the process that asks; no number of workers takes that off it."""
        return self.empty_seconds + self.result_bytes * self.byte_seconds + self.merge_seconds

    @property
    def of_a_row(self) -> float:
        """The same of a point of a sweep."""
        return self.empty_seconds + self.row_seconds

    def wall_seconds(self, parts: int, workers: int, asker_seconds: float) -> tuple[float, str]:
        """Time of a job, and what bounds it: work, the last round of parts, or the process that asks."""
        rounds = math.ceil(parts / workers)
        even, uneven = parts / workers * self.part_seconds, rounds * self.part_seconds
        asker = parts * asker_seconds
        bound = "the asker" if asker > uneven else "work" if uneven <= 1.1 * even else "too few parts"
        return self.start_seconds + self.once_seconds + max(uneven, asker), bound


def nothing(size: int, part: int) -> bytes:
    """A part that does nothing, and sends so many bytes back."""
    del part
    return bytes(size)


def arithmetic(rounds: int, part: int) -> float:
    """Plain arithmetic that stays in the cache."""
    numbers = np.linspace(0.0, 1.0, 4096) + part
    for _ in range(rounds):
        numbers = np.sqrt(numbers * numbers + 1e-9)
    return float(numbers[0])


def kept_row() -> float:
    """Seconds until a line of 1 kB is on the disk."""
    with tempfile.TemporaryFile(dir=Path.cwd()) as file:

        def keep() -> None:
            file.write(b"x" * 1000)
            file.flush()
            os.fsync(file.fileno())

        return timed(keep)


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that something takes."""
    began = clock()
    work()
    return clock() - began


def measure(
    market: MarketParameters, engine: Engine, workers: int, *, chunk: int, parts: int, repeats: int
) -> Constants:
    """Measure all constants, and print them."""
    played = Played(market=market, policies=(policy_from(POLICY, market),), seed=SEED, world_seed=None)
    chunks = [Chunk(worlds=np.arange(n * chunk, (n + 1) * chunk)) for n in range(2)]
    first = timed(lambda: list(play_chunks(played, chunks[:1])), time.process_time)
    again = [timed(lambda: list(play_chunks(played, chunks[:1])), time.process_time) for _ in range(repeats)]
    totals = list(play_chunks(played, chunks))
    result_bytes, part_seconds = len(pickle.dumps(totals[0])), statistics.median(again)
    merge = timed(lambda: merge_totals(totals * 4)) / 8
    days = chunk * market.scenario.days
    print(f"work: {part_seconds / days * 1e6:.1f} us a world-day; {part_seconds:.2f} s a part of {chunk} worlds")
    print(f"once a worker and market: {max(first - part_seconds, 0.0):.2f} s")
    print(
        f"moved: work {len(pickle.dumps(played)) / 1e3:.0f} kB a worker, part {len(pickle.dumps(chunks[0])) / 1e3:.1f} "
        f"kB, back {result_bytes / 1e6:.2f} MB a part ({result_bytes / chunk / 1e3:.1f} kB a world)"
    )

    def empty(size: int, count: int) -> float:
        work = partial(nothing, size)
        return timed(lambda: list(over_parts(work, range(count), engine=engine, workers=workers)))

    cold, start = empty(0, 2), min(empty(0, 2) for _ in range(repeats))
    each = max(min(empty(0, parts) for _ in range(repeats)) - start, 0.0) / parts
    large = 32
    moved = min(empty(result_bytes, large) for _ in range(repeats)) - start - large * each
    row = statistics.median(kept_row() for _ in range(20))
    byte = max(moved, 0.0) / large / result_bytes
    print(
        f"overhead of {engine}: start {cold:.2f} s at first, then {start:.2f} s; {each * 1e3:.2f} ms a part; "
        f"{byte * 1e9:.2f} s a GB that comes back; merging {merge * 1e3:.2f} ms a part; "
        f"keeping a row {row * 1e3:.2f} ms"
    )
    return Constants(
        part_seconds=part_seconds,
        once_seconds=max(first - part_seconds, 0.0),
        start_seconds=start,
        empty_seconds=each,
        byte_seconds=byte,
        merge_seconds=merge,
        row_seconds=row,
        result_bytes=result_bytes,
    )


def scaling(
    market: MarketParameters, engine: Engine, workers: int, *, chunk: int, parts: int, repeats: int
) -> list[tuple[float, float]]:
    """Speed-up of worlds and of plain arithmetic from one worker to more, in turns ``[(worlds, arithmetic), ...]``."""
    played = Played(market=market, policies=(policy_from(POLICY, market),), seed=SEED, world_seed=None)
    chunks = [Chunk(worlds=np.arange(n * chunk, (n + 1) * chunk)) for n in range(parts)]
    rounds = max(1, int(1.0 / timed(lambda: arithmetic(1000, 0)) * 1000)) if chunk > 8 else 10

    def worlds(count: int) -> float:
        return timed(lambda: list(play_chunks(played, chunks, engine=engine, workers=count)))

    def plain(count: int) -> float:
        work = partial(arithmetic, rounds)
        return timed(lambda: list(over_parts(work, range(2 * workers), engine=engine, workers=count)))

    found = [(worlds(1) / worlds(workers), plain(1) / plain(workers)) for _ in range(repeats)]
    for one, other in found:
        print(f"  1 -> {workers} workers: worlds {one:.2f} x, plain arithmetic {other:.2f} x")
    one, other = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"scaling, medians: worlds {one:.2f} x, plain arithmetic {other:.2f} x, of it {one / other:.0%}")
    return found


def model(constants: Constants, *, worlds: int, points: int, chunk: int) -> None:
    """Print the time of two jobs by number of workers."""
    rows = {
        f"simulate, {worlds:,} worlds": (math.ceil(worlds / chunk), constants.of_a_chunk),
        f"sweep, {points:,} points of {chunk} worlds": (points, constants.of_a_row),
    }
    for name, (parts, asker) in rows.items():
        alone = parts * (constants.part_seconds + asker)
        print(f"{name}: {parts:,} parts, {asker * 1e3:.1f} ms of the asker a part")
        for workers in MODELLED:
            seconds, bound = constants.wall_seconds(parts, workers, asker)
            print(f"  {workers:5} workers {seconds:10.1f} s {alone / seconds:7.1f} x   bound by {bound}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="us_eu_launch")
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a size that measures nothing, for the tests")
    asked = parser.parse_args()
    market = build_market(load_scenario("quickstart" if asked.tiny else asked.scenario))
    chunk, repeats = (4, 1) if asked.tiny else (256, asked.repeats)
    days, cells = market.scenario.days, market.shape
    print(f"{market.scenario.name}: {days} days, cells {cells}, {asked.engine}, {os.cpu_count()} processors")
    found = measure(market, asked.engine, asked.workers, chunk=chunk, parts=20 if asked.tiny else 1000, repeats=repeats)
    scaling(market, asked.engine, asked.workers, chunk=chunk, parts=2 if asked.tiny else 8, repeats=repeats)
    model(found, worlds=100_000, points=10_000, chunk=chunk)


if __name__ == "__main__":
    main()
