"""Time of a day of the market against numpy's Poisson sampler, measured in turns in the same run.

Run ``python -m benchmarks.bench_step``. It plays the baseline plan of ``us_eu_launch`` (6 regions, 4 segments,
6 channels, 90 days) in 256 worlds, sampled, one thread, in one batch as a simulation does. A day is
everything that the market needs: the random numbers, the projection of the decision and the step itself. The policy is
not counted.

The peer draws 414 Poisson counts a world and day with ``numpy.random.Generator.poisson``, and does nothing else. Its
rates are the market's own: the means that each day's counts have in the same worlds (orders by bucket, abandoned carts,
browsing visits, returns), repeated up to 414. A second peer draws rates of a fixed mix, whatever the scenario.

Both engines play, in turns: numpy and, where it is compiled, the native kernel; sampled and in expected mode; and the
kernel on two threads against one, by the clock.

The bar: a day of the engine that ``kernel/engine.py`` chooses costs at most 0.6 times the peer where it is native, and
1.5 times where it is numpy, over the whole horizon (numpy draws random numbers eight days at a time, so that a median
over days would leave their cost out), median of the repeats. Exit code 1 when it costs more.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.policies import built_in_policy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator import step
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import DayDraws, MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.kernel.engine import THREADS_VARIABLE, EngineName, chosen, native, playing_with
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, draw_worlds
from xbopt.studies.simulate import CHUNK_WORLDS

SCENARIO, WORLDS, PEER_DRAWS, SEED = "us_eu_launch", 256, 414, 1
BARS = (
    Bar(name="native, sampled", most=0.6),
    Bar(name="native, expected", most=0.3),
    Bar(name="numpy, sampled", most=1.5),
    Bar(name="two threads over one, by the clock", least=1.7),
)

P = ParamSpec("P")
Answer = TypeVar("Answer")

# The parts of a day and the functions of ``simulator/step.py`` that do them; what is left is "rest".
PARTS: dict[str, tuple[str, ...]] = {
    "projection": ("project",),
    "media": ("play_media",),
    "pricing": ("price_day",),
    "demand": ("expected_demand",),
    "counts": ("_counts",),
    "money": ("share_orders", "book_places", "basket_noise"),
    "fulfilment": ("fill_orders", "next_parcels", "delivery_days"),
    "customers": ("next_customers", "next_satisfaction"),
    "outside": ("next_outside",),
    "promotion": ("book_borrowing", "next_reference", "next_remembered_deal"),
}


@dataclass(slots=True)
class Batch:
    """Some worlds on their way through the horizon."""

    world: WorldParameters
    draws: MarketDraws | None
    state: MarketState


@dataclass(slots=True)
class Clock:
    """Processor time by part, in ns."""

    parts: dict[str, int] = field(default_factory=dict[str, int])

    def timed(self, part: str, function: Callable[P, Answer]) -> Callable[P, Answer]:
        """The function, with the time of each call added to a part."""

        def run(*args: P.args, **named: P.kwargs) -> Answer:
            start = time.process_time_ns()
            answer = function(*args, **named)
            self.parts[part] = self.parts.get(part, 0) + time.process_time_ns() - start
            return answer

        return run


def batches(market: MarketParameters, *, sampled: bool = True) -> list[Batch]:
    """All worlds on the first morning; without random numbers in expected mode."""
    made: list[Batch] = []
    for first in range(0, WORLDS, CHUNK_WORLDS):
        worlds = np.arange(first, min(first + CHUNK_WORLDS, WORLDS))
        made.append(
            Batch(
                world=draw_worlds(market.scenario, seed=SEED, worlds=worlds),
                draws=MarketDraws(market.scenario, seed=SEED, worlds=worlds) if sampled else None,
                state=initial_state(market, len(worlds)),
            )
        )
    return made


def decisions(market: MarketParameters) -> list[Decision]:
    """The baseline plan by day, for a full batch; it does not depend on what happens."""
    policy = built_in_policy("baseline", market)
    state, plan = initial_state(market, CHUNK_WORLDS), list[Decision]()
    recent = RecentResults.empty(market, CHUNK_WORLDS)
    world = draw_worlds(market.scenario, seed=SEED, worlds=np.arange(CHUNK_WORLDS))
    for _ in range(market.scenario.days):
        plan.append(policy.decide(observe(market, state, recent)))
        _, state = step.play_day(market, world, state, plan[-1], None)
    return plan


def count_means(market: MarketParameters, plan: list[Decision]) -> list[FloatArray]:
    """Mean of every count by day in the first batch's worlds, repeated to the peer's number of draws ``(B, 414)``."""
    world = draw_worlds(market.scenario, seed=SEED, worlds=np.arange(CHUNK_WORLDS))
    state, means = initial_state(market, CHUNK_WORLDS), list[FloatArray]()
    for decision in plan:
        outcome, state = step.play_day(market, world, state, decision, None)
        orders = outcome.orders.sum(axis=3)
        rows = [
            outcome.orders.reshape(CHUNK_WORLDS, -1),
            np.maximum(outcome.carts - orders, 0.0).reshape(CHUNK_WORLDS, -1),
            np.maximum(outcome.visits - outcome.carts, 0.0).reshape(CHUNK_WORLDS, -1),
            outcome.returns.reshape(CHUNK_WORLDS, -1),
        ]
        own = np.concatenate(rows, axis=1)
        means.append(np.ascontiguousarray(np.tile(own, -(-PEER_DRAWS // own.shape[1]))[:, :PEER_DRAWS]))
    return means


def fixed_means() -> FloatArray:
    """Rates of a fixed mix ``(B, 414)``: 19 of 20 from 0.001 to 30, the rest to 100,000, even in their logarithm."""
    generator, shape = named_generator(SEED, "mix"), (CHUNK_WORLDS, PEER_DRAWS)
    common = np.exp(generator.uniform(np.log(1e-3), np.log(30.0), shape))
    rare = np.exp(generator.uniform(np.log(30.0), np.log(1e5), shape))
    return np.where(generator.random(shape) < 0.05, rare, common)


def play(market: MarketParameters, batch: Batch, decision: Decision) -> None:
    """One day of one batch: what is measured."""
    draws: DayDraws | None = None if batch.draws is None else batch.draws.day(batch.state.day)
    _, batch.state = step.play_day(market, batch.world, batch.state, decision, draws)


@contextmanager
def instrumented(clock: Clock) -> Generator[None]:
    """The functions of a step, timed one by one."""
    names = {name: part for part, functions in PARTS.items() for name in functions}
    originals = {name: getattr(step, name) for name in names}
    for name, part in names.items():
        setattr(step, name, clock.timed(part, originals[name]))
    try:
        yield
    finally:
        for name, function in originals.items():
            setattr(step, name, function)


def shares(market: MarketParameters, plan: list[Decision]) -> dict[str, float]:
    """Share of a day's time by part, largest first."""
    clock, running, steps = Clock(), batches(market), 0
    with instrumented(clock):
        for decision in plan:
            for batch in running:
                assert batch.draws is not None, "sampled days have random numbers"
                draws = clock.timed("draws", batch.draws.day)(batch.state.day)
                start = time.process_time_ns()
                _, batch.state = step.play_day(market, batch.world, batch.state, decision, draws)
                steps += time.process_time_ns() - start
    total = steps + clock.parts["draws"]
    clock.parts["rest"] = total - sum(clock.parts.values())
    return {part: ns / total for part, ns in sorted(clock.parts.items(), key=lambda item: -item[1])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Processor time in ns by repeat ``(N,)``: of the market by engine and mode, of the peer, of its fixed mix."""

    market: dict[tuple[EngineName, bool], FloatArray]
    peer: FloatArray
    mix: FloatArray


def measure(market: MarketParameters, plan: list[Decision], repeats: int, engines: list[EngineName]) -> Times:
    """Play all engines and peers in turns, a horizon each, so that each finds in the cache what it left there."""
    own, fixed, generator = count_means(market, plan), fixed_means(), named_generator(SEED, "peer")
    modes = [(engine, sampled) for engine in engines for sampled in (True, False)]
    ours = {mode: np.zeros(repeats) for mode in modes}
    peer, mix, clock = np.zeros(repeats), np.zeros(repeats), time.process_time_ns
    for n in range(repeats):
        for mode in modes:
            with playing_with(mode[0]):
                running, start = batches(market, sampled=mode[1]), clock()
                for decision in plan:
                    for batch in running:
                        play(market, batch, decision)
                ours[mode][n] = clock() - start
        for means in own * (WORLDS // CHUNK_WORLDS):
            start = clock()
            generator.poisson(means)
            middle = clock()
            generator.poisson(fixed)
            peer[n] += middle - start
            mix[n] += clock() - middle
    return Times(market=ours, peer=peer, mix=mix)


def gain_of_two_threads(market: MarketParameters, plan: list[Decision], repeats: int) -> float:
    """Time by the clock on one thread over that on two, median of runs in turns."""
    times: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(repeats):
        for threads, taken in times.items():
            os.environ[THREADS_VARIABLE] = threads
            with playing_with("native"):
                running, start = batches(market), time.perf_counter()
                for decision in plan:
                    for batch in running:
                        play(market, batch, decision)
                taken.append(time.perf_counter() - start)
    os.environ.pop(THREADS_VARIABLE)
    return statistics.median(one / two for one, two in zip(times["1"], times["2"], strict=True))


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    repeats: int = 1 if asked.tiny else asked.repeats
    market = build_market(load_scenario(SCENARIO))
    plan, best = decisions(market)[: 3 if asked.tiny else None], chosen()
    engines: list[EngineName] = ["numpy"] if native() is None else ["native", "numpy"]
    if not asked.tiny:
        measure(market, plan[:8], 1, engines)  # warm up
    times = measure(market, plan, repeats, engines)
    world_days = WORLDS * len(plan)
    print(f"{SCENARIO}: {WORLDS} worlds, {len(plan)} days, batches of {CHUNK_WORLDS}, {repeats} repeats, one thread")
    print(f"the peer: {statistics.median(times.peer.tolist()) / (world_days * PEER_DRAWS):.0f} ns a draw")
    print(f"a day against {PEER_DRAWS} numpy Poisson draws a world, the market's own rates:")
    ratios: dict[tuple[EngineName, bool], float] = {}
    for (engine, sampled), ours in times.market.items():
        by_repeat = ours / times.peer
        ratios[engine, sampled] = statistics.median(by_repeat.tolist())
        us = statistics.median(ours.tolist()) / world_days / 1000.0
        print(
            f"  {engine:6} {'sampled' if sampled else 'expected':8} {ratios[engine, sampled]:.2f} "
            f"({by_repeat.min():.2f} to {by_repeat.max():.2f}), against a fixed mix "
            f"{statistics.median((ours / times.mix).tolist()):.2f}; {us:.1f} us a world and day"
        )
    figures = {
        f"{engine}, {'sampled' if sampled else 'expected'}": ratio for (engine, sampled), ratio in ratios.items()
    }
    if "native" in engines:
        figures["numpy over native, sampled"] = ratios["numpy", True] / ratios["native", True]
        figures["numpy over native, expected"] = ratios["numpy", False] / ratios["native", False]
        figures["two threads over one, by the clock"] = gain_of_two_threads(market, plan, repeats)
    with playing_with("numpy"):
        parts = ", ".join(f"{name} {share:.0%}" for name, share in shares(market, plan).items())
    print(f"share of numpy's time by part: {parts}")
    print(f"chosen here: {best.name} {best.level}. {best.reason}")
    # numpy's day is held to its bar where it plays.
    bars = [bar for bar in BARS if best.name == "numpy" or bar.name != "numpy, sampled"]
    bars += [Bar(name=name) for name in figures.keys() - {bar.name for bar in bars}]
    return told(__file__, bars, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
