"""Time of a day of the market against numpy's Poisson sampler, measured in turns in the same run.

Run ``python benchmarks/bench_step.py``. It plays the baseline plan of ``us_eu_launch`` (6 regions, 4 segments,
6 channels, 90 days) in 256 worlds, sampled, one thread, in one batch as a simulation does. A day is
everything that the market needs: the random numbers, the projection of the decision and the step itself. The policy is
not counted.

The peer draws 414 Poisson counts a world and day with ``numpy.random.Generator.poisson``, and does nothing else. Its
rates are the market's own: the means that each day's counts have in the same worlds (orders by bucket, abandoned carts,
browsing visits, returns), repeated up to 414. A second peer draws rates of a fixed mix, whatever the scenario.

The bar: a day costs at most 1.5 times the peer, over the whole horizon (random numbers are drawn eight days at a time,
so that a median over days would leave their cost out), median of the repeats. Exit code 1 when it costs more.
"""

# ruff: noqa: E402 - numeric libraries read the number of threads when they are first imported.
import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import numpy as np

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
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters, draw_worlds
from xbopt.studies.simulate import CHUNK_WORLDS

SCENARIO, WORLDS, PEER_DRAWS, BAR, SEED = "us_eu_launch", 256, 414, 1.5, 1

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
    draws: MarketDraws
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


def batches(market: MarketParameters) -> list[Batch]:
    """All worlds on the first morning."""
    made: list[Batch] = []
    for first in range(0, WORLDS, CHUNK_WORLDS):
        worlds = np.arange(first, min(first + CHUNK_WORLDS, WORLDS))
        made.append(
            Batch(
                world=draw_worlds(market.scenario, seed=SEED, worlds=worlds),
                draws=MarketDraws(market.scenario, seed=SEED, worlds=worlds),
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
    draws: DayDraws = batch.draws.day(batch.state.day)
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
                draws = clock.timed("draws", batch.draws.day)(batch.state.day)
                start = time.process_time_ns()
                _, batch.state = step.play_day(market, batch.world, batch.state, decision, draws)
                steps += time.process_time_ns() - start
    total = steps + clock.parts["draws"]
    clock.parts["rest"] = total - sum(clock.parts.values())
    return {part: ns / total for part, ns in sorted(clock.parts.items(), key=lambda item: -item[1])}


def measure(market: MarketParameters, plan: list[Decision], repeats: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Processor time in ns by repeat and day ``(N, T)``: of the market, of the peer, of the peer's fixed mix."""
    own, fixed, generator = count_means(market, plan), fixed_means(), named_generator(SEED, "peer")
    ours, peer, mix = (np.zeros((repeats, len(plan))) for _ in range(3))
    clock = time.process_time_ns
    for n in range(repeats):
        running = batches(market)
        for day, decision in enumerate(plan):
            for batch in running:
                a = clock()
                play(market, batch, decision)
                b = clock()
                generator.poisson(own[day])
                c = clock()
                generator.poisson(fixed)
                d = clock()
                ours[n, day] += b - a
                peer[n, day] += c - b
                mix[n, day] += d - c
    return ours, peer, mix


def main() -> int:
    parser = argparse.ArgumentParser(description="Time of a day of the market against numpy's Poisson sampler.")
    parser.add_argument("--repeats", type=int, default=7)
    repeats: int = parser.parse_args().repeats
    market = build_market(load_scenario(SCENARIO))
    plan = decisions(market)
    measure(market, plan[:8], 1)  # warm up
    ours, peer, mix = measure(market, plan, repeats)
    ratios = ours.sum(axis=1) / peer.sum(axis=1)
    ratio = statistics.median(ratios.tolist())
    fixed = statistics.median((ours.sum(axis=1) / mix.sum(axis=1)).tolist())
    a_day = statistics.median((ours / peer).ravel().tolist())
    seconds = statistics.median(ours.sum(axis=1).tolist()) / 1e9
    us = seconds / (WORLDS * len(plan)) * 1e6
    print(f"{SCENARIO}: {WORLDS} worlds, {len(plan)} days, batches of {CHUNK_WORLDS}, {repeats} repeats, one thread")
    print(f"a day against {PEER_DRAWS} numpy Poisson draws a world, the market's own rates: {ratio:.2f} (bar {BAR})")
    print(f"  range over repeats {ratios.min():.2f} to {ratios.max():.2f}; median over single days {a_day:.2f}")
    print(f"  against rates of a fixed mix: {fixed:.2f}")
    peer_ns = statistics.median(peer.sum(axis=1).tolist()) / (WORLDS * len(plan) * PEER_DRAWS)
    print(f"  the peer: {peer_ns:.0f} ns a draw; the market: {us:.0f} us a world and day")
    print(f"env-days per CPU second: {WORLDS * len(plan) / seconds:,.0f}")
    print("share of time by part: " + ", ".join(f"{name} {share:.0%}" for name, share in shares(market, plan).items()))
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
