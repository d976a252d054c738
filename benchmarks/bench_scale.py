"""What it costs to play worlds by workers, and a small model of it from 1 worker to 1,000.

Run ``python -m benchmarks.bench_scale``; with ``--engine ray`` on a cluster (that of ``RAY_ADDRESS``, else one of this
machine). It prints what docs/scale.md explains:

- the work: processor time of a world-day, and what a worker does once for a market;
- what is moved: bytes of the work, of a part and of what comes back;
- the overhead: time of a part that does nothing, of a megabyte that comes back, and of the start of workers;
- scaling from 1 worker to ``--workers``, in turns: by the clock, beside that of plain arithmetic, which says what a
  machine with other tenants has to give; and by processor time, which others cannot take;
- the model: time of two jobs by number of workers, and what bounds it.

``--whole-runs`` measures the scaling of ``xbopt train --seeds`` and ``xbopt calibrate --self-test`` instead.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import math
import pickle
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.policies import policy_from
from xbopt.agents.training import TrainingSummary, train
from xbopt.calibration.fit.market_fit import WARM_UP_DAYS, fit_market
from xbopt.calibration.fit.recovery import known_market, planned_panel, varied_spend
from xbopt.calibration.fit.self_test import fit_again
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine, over_parts
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.chunks import Chunk, Played, play_chunks
from xbopt.studies.totals import merge_totals

POLICY, SEED = "baseline", 1
BARS = (
    Bar(name="more workers over one, by processor time"),
    Bar(name="more workers over one, by the clock"),
    Bar(name="plain arithmetic, the same by the clock"),
    Bar(name="cost of a part beside others"),
)
MODELLED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


@dataclass(frozen=True, kw_only=True)
class Constants:
    """What was measured; seconds and bytes.

    Attributes:
        part_seconds: Processor time of a chunk of worlds.
        once_seconds: Of what a worker works out once for a market.
        start_seconds: From the call to the first answer of workers that do nothing.
        empty_seconds: Processor time of the asker for a part that does nothing.
        byte_seconds: Its processor time for a byte that comes back.
        merge_seconds: The same to put a part's sums to the others.
        row_seconds: The same to keep a row of a sweep.
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


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that is cut into parts; seconds.

    Attributes:
        name: What it is.
        parts: How many parts.
        part_seconds: Of a worker for one.
        once_seconds: Of each worker before its first.
        asker_seconds: Of the process that asks for one.
    """

    name: str
    parts: int
    part_seconds: float
    once_seconds: float
    asker_seconds: float

    def seconds(self, workers: int, crowding: float) -> tuple[float, str]:
        """Its time without the start of workers, and what bounds it: work, the last round, or the process that asks."""
        each = self.part_seconds * (max(crowding, 1.0) if workers > 1 else 1.0)
        even, uneven = self.parts / workers * each, math.ceil(self.parts / workers) * each
        asker = self.parts * self.asker_seconds if workers > 1 else 0.0
        bound = "the asker" if asker > uneven else "work" if uneven <= 1.1 * even else "too few parts"
        return self.once_seconds + max(uneven, asker), bound


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
    """Processor time to write a line of 1 kB where a kill does not take it."""
    with tempfile.TemporaryFile() as file:

        def keep() -> None:
            file.write(b"x" * 1000)
            file.flush()

        return timed(keep, time.process_time)


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
    merge = timed(lambda: merge_totals(totals * 4), time.process_time) / 8
    days = chunk * market.scenario.days
    print(f"work: {part_seconds / days * 1e6:.1f} us a world-day; {part_seconds:.2f} s a part of {chunk} worlds")
    print(f"once a worker and market: {max(first - part_seconds, 0.0):.2f} s")
    print(
        f"moved: work {len(pickle.dumps(played)) / 1e3:.0f} kB a worker, part {len(pickle.dumps(chunks[0])) / 1e3:.1f} "
        f"kB, back {result_bytes / 1e6:.2f} MB a part ({result_bytes / chunk / 1e3:.1f} kB a world)"
    )

    def empty(size: int, count: int, clock: Callable[[], float]) -> float:
        work = partial(nothing, size)
        return timed(lambda: list(over_parts(work, range(count), engine=engine, workers=workers)), clock)

    cold, start = empty(0, 2, time.perf_counter), min(empty(0, 2, time.perf_counter) for _ in range(repeats))
    # By processor time of the asker: what others do on the machine must not count, nor what the workers do.
    few, many = (min(empty(0, count, time.process_time) for _ in range(repeats)) for count in (2, parts))
    each, large = max(many - few, 0.0) / parts, 32
    moved = min(empty(result_bytes, large, time.process_time) for _ in range(repeats)) - few - large * each
    byte, row = max(moved, 0.0) / large / result_bytes, statistics.median(kept_row() for _ in range(50))
    print(
        f"overhead of {engine}: start {cold:.2f} s at first, then {start:.2f} s; of the asker {each * 1e3:.2f} ms a "
        f"part and {byte * 1e9:.2f} s a GB that comes back; merging {merge * 1e3:.2f} ms a part, keeping a row "
        f"{row * 1e3:.3f} ms"
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


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """From one worker to more, medians over turns.

    Attributes:
        wall: How many times as fast by the clock.
        plain: The same of plain arithmetic: what the machine has to give.
        processor: The same by the processor time of the busiest worker: what it would be if nobody else used the
            machine.
        crowding: Processor time of a part while others are done beside it, over that of a part alone.
    """

    wall: float
    plain: float
    processor: float
    crowding: float


def played_chunk(played: Played, chunk: Chunk) -> None:
    """Play a chunk of worlds."""
    list(play_chunks(played, [chunk]))


def trained_run(scenario: Scenario, folder: str, seed: int) -> TrainingSummary:
    """Train a bandit from a seed, as ``xbopt train --seeds`` does, in a new folder."""
    options = {"worlds": 64, "validation_worlds": 64, "test_worlds": 64}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        run = Path(out) / "run"
        return train(scenario, "lin_ts", run, steps=1500, seed=seed, plan="greedy_roas", options=options)


def metered(work: Callable[[Any], object], part: object) -> tuple[int, float]:
    """Do a part; who did it, and with how much processor time."""
    return os.getpid(), timed(lambda: work(part), time.process_time)


def scaling(
    work: Callable[[Any], object],
    parts: Sequence[object],
    engine: Engine,
    workers: int,
    *,
    once_seconds: float = 0.0,
    tiny: bool,
    repeats: int,
) -> Scaling:
    """Measure and print how much faster more workers are than one, in turns.

    Args:
        work: What is done.
        parts: Its parts.
        engine: Where.
        workers: By how many.
        once_seconds: What a worker works out once, and this process has already.
        tiny: Whether nothing is to be measured.
        repeats: Turns.
    """
    rounds = 10 if tiny else max(1, int(1000 / timed(lambda: arithmetic(1000, 0))))

    def done_by(count: int) -> tuple[float, list[tuple[int, float]]]:
        began = time.perf_counter()
        who: Engine = engine if count > 1 else "local"
        done = list(over_parts(partial(metered, work), parts, engine=who, workers=count))
        return time.perf_counter() - began, done

    def plain(count: int) -> float:
        return timed(lambda: list(over_parts(partial(arithmetic, rounds), range(2 * workers), workers=count)))

    turns: list[Scaling] = []
    for _ in range(repeats):
        (alone, one), (beside, more) = done_by(1), done_by(workers)
        by_worker = defaultdict[int, float](float)
        for pid, seconds in more:
            by_worker[pid] += seconds
        alone_part, beside_part = (statistics.median(seconds for _, seconds in done) for done in (one, more))
        turn = Scaling(
            wall=(alone + once_seconds) / beside,
            plain=plain(1) / plain(workers),
            processor=(sum(seconds for _, seconds in one) + once_seconds) / max(by_worker.values()),
            crowding=beside_part / alone_part,
        )
        print(
            f"  1 -> {workers} workers: by the clock {turn.wall:.2f} x (plain arithmetic {turn.plain:.2f} x), by "
            f"processor time {turn.processor:.2f} x; a part takes {alone_part:.2f} s alone and {turn.crowding:.2f} "
            "times as much beside others",
            flush=True,
        )
        turns.append(turn)
    medians = {field.name: statistics.median(getattr(turn, field.name) for turn in turns) for field in fields(Scaling)}
    print("scaling, medians: " + ", ".join(f"{name} {value:.2f}" for name, value in medians.items()))
    return Scaling(**medians)


def whole_runs(engine: Engine, workers: int, *, repeats: int) -> None:
    """Print the scaling of parts that are a whole run of training, or a whole fit of a self-test."""
    scenario, days = load_scenario("quickstart"), WARM_UP_DAYS + 7 * 12
    planned = planned_panel(scenario.start, varied_spend(scenario, days, seed=SEED))
    fit = fit_market(scenario, known_market(scenario, planned, seed=SEED).panel, seed=SEED, worlds=64)
    with tempfile.TemporaryDirectory() as folder:
        works = {
            "runs of training": partial(trained_run, scenario, folder),
            "fits of a self-test": partial(fit_again, fit),
        }
        for name, work in works.items():
            moved = len(pickle.dumps(work)) / 1e3, len(pickle.dumps(work(0))) / 1e3
            print(f"{name}: moved {moved[0]:.1f} kB a worker, back {moved[1]:.1f} kB a part")
            scaling(work, range(2 * workers), engine, workers, tiny=False, repeats=repeats)


def model(found: Constants, crowding: float, *, worlds: int, points: int, chunk: int) -> None:
    """Print the time of two jobs by number of workers."""
    part, once = found.part_seconds, found.once_seconds
    jobs = (
        Job(
            name=f"simulate, {worlds:,} worlds",
            parts=math.ceil(worlds / chunk),
            part_seconds=part,
            once_seconds=once,
            asker_seconds=found.of_a_chunk,
        ),
        Job(  # each point is a market of its own
            name=f"sweep, {points:,} points of {chunk} worlds",
            parts=points,
            part_seconds=part + once,
            once_seconds=0.0,
            asker_seconds=found.of_a_row,
        ),
    )
    for job in jobs:
        print(f"{job.name}: {job.parts:,} parts, {job.asker_seconds * 1e3:.1f} ms of the asker a part")
        alone, _ = job.seconds(1, crowding)
        for workers in MODELLED:
            seconds, bound = job.seconds(workers, crowding)
            seconds += found.start_seconds if workers > 1 else 0.0
            print(f"  {workers:5} workers {seconds:10.1f} s {alone / seconds:7.1f} x   bound by {bound}")


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--scenario", default="us_eu_launch")
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--whole-runs", action="store_true", help="measure runs of training and fits alone")
    asked = parser.parse_args()
    if asked.whole_runs:
        whole_runs(asked.engine, asked.workers, repeats=asked.repeats)
        return 0
    market = build_market(load_scenario("quickstart" if asked.tiny else asked.scenario))
    chunk, repeats = (4, 1) if asked.tiny else (256, asked.repeats)
    days, cells = market.scenario.days, market.shape
    print(f"{market.scenario.name}: {days} days, cells {cells}, {asked.engine}, {os.cpu_count()} processors")
    found = measure(market, asked.engine, asked.workers, chunk=chunk, parts=20 if asked.tiny else 1000, repeats=repeats)
    parts = 2 if asked.tiny else 8
    played = Played(market=market, policies=(policy_from(POLICY, market),), seed=SEED, world_seed=None)
    more = scaling(
        partial(played_chunk, played),
        [Chunk(worlds=np.arange(n * chunk, (n + 1) * chunk)) for n in range(parts)],
        asked.engine,
        asked.workers,
        once_seconds=found.once_seconds,
        tiny=asked.tiny,
        repeats=repeats,
    )
    model(found, more.crowding, worlds=100_000, points=10_000, chunk=chunk)
    values = (more.processor, more.wall, more.plain, more.crowding)
    return told(__file__, BARS, {bar.name: value for bar, value in zip(BARS, values, strict=True)}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
