"""Worlds played by the planner that knows each of them: the yardstick of a comparison, planned by workers."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from xbopt.agents.planner.policy import usual_resolution
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.workers import Engine, OnParts, over_parts
from xbopt.env.rollout import play_worlds
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.kpis import WorldRange
from xbopt.studies.totals import MEASURES, Totals, TotalsRecorder, measured, merge_totals


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleQuestion:
    """What the oracle is asked about: all that worlds do not say.

    Attributes:
        market: The market.
        start: The plan for the average market, where each world's search begins.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters.
    """

    market: MarketParameters
    start: ScheduledPolicy
    seed: int
    world_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """The planner that knows each world's own parameters, in the first worlds.

    Attributes:
        worlds: How many worlds it played.
        below_floor: In how many of them no plan keeps the scenario's return floor.
        values: By measure, world by world.
        figures: By measure, mean and range over its worlds.
    """

    worlds: int
    below_floor: int
    values: dict[str, FloatArray] = field(repr=False)
    figures: dict[str, WorldRange]


def ask_oracle(
    asked: OracleQuestion,
    worlds: IntArray,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    on_progress: OnParts | None = None,
) -> Oracle:
    """What worlds bring under their own plans.

    A world's plan takes seconds and knows no other world, so each is a part of its own.

    Args:
        asked: The question.
        worlds: Global numbers of the worlds ``(B,)``.
        engine: Where worlds are planned; see ``over_parts``.
        workers: By how many.
        on_progress: Called with worlds done and worlds in all.
    """
    work = partial(_plan_and_play, asked)
    one_by_one = np.split(worlds, len(worlds))
    found = list(over_parts(work, one_by_one, engine=engine, workers=workers, on_progress=on_progress))
    values = measured(merge_totals([totals for totals, _ in found]))
    return Oracle(
        worlds=len(worlds),
        below_floor=sum(below for _, below in found),
        values=values,
        figures={measure: WorldRange.of(values[measure]) for measure in MEASURES},
    )


def _plan_and_play(asked: OracleQuestion, worlds: IntArray) -> tuple[Totals, int]:
    from xbopt.agents.planner.oracle import plan_worlds  # the solver takes a moment to load

    market, resolution = asked.market, usual_resolution(asked.market)
    oracle = plan_worlds(market, worlds, world_seed=asked.world_seed, resolution=resolution, start=asked.start)
    adder = TotalsRecorder(market, len(worlds))
    play_worlds(market, oracle, worlds=worlds, seed=asked.seed, world_seed=asked.world_seed, recorders=[adder])
    return adder.totals(), oracle.below_floor
