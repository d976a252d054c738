"""A plan in sampled worlds: its mean, its worst tenth, and how often it loses money; the expected path shows none."""

from dataclasses import dataclass, field

import numpy as np

from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.risk import WORST_SHARE, tail_mean
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Policy
from xbopt.env.rollout import play_worlds
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.kpis import WorldRange, kpi_values
from xbopt.studies.totals import Totals, TotalsRecorder, merge_totals

WORLDS = 64
"""Worlds of a plan's headline: the standard error of the mean is an eighth of the spread between worlds."""
_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a plan brought in some worlds, each with its own parameters and chances.

    Attributes:
        goal: Name of the goal.
        seed: Seed of worlds and chances.
        values: The goal by world ``(B,)``.
        margins: Contribution margin by world ``(B,)``, base currency.
    """

    goal: str
    seed: int
    values: FloatArray = field(repr=False)
    margins: FloatArray = field(repr=False)

    @property
    def worlds(self) -> int:
        """Number of worlds."""
        return len(self.values)

    @property
    def range(self) -> WorldRange:
        """Mean of the goal with its standard error, and the 5th and 95th percentile over worlds."""
        return WorldRange.of(self.values)

    @property
    def loss_probability(self) -> float:
        """Share of the worlds with a contribution margin below 0."""
        return float(np.mean(self.margins < 0.0))

    @property
    def worst_decile(self) -> float:
        """Mean of the goal over the worst tenth of the worlds: its conditional value at risk at 10 %.

        Rockafellar and Uryasev (2000), for equally likely worlds: where a tenth is no whole number of worlds, the last
        one counts in part.
        """
        return tail_mean(self.values, WORST_SHARE)


def played(
    market: MarketParameters, plan: Policy, *, goal: str = "reward", worlds: int = WORLDS, seed: int = 0
) -> Played:
    """Play a plan in sampled worlds 0..worlds-1, within the scenario's limits.

    Two plans that are played with the same seed meet the same worlds and the same luck, so their values can be
    compared world by world.

    Raises:
        UsageError: There is no such goal.
    """
    wanted = goal_named(goal)
    parts: list[Totals] = []
    for first in range(0, worlds, _BATCH):
        numbers = np.arange(first, min(first + _BATCH, worlds), dtype=np.int64)
        adder = TotalsRecorder(market, len(numbers))
        play_worlds(market, plan, worlds=numbers, seed=seed, recorders=[adder])
        parts.append(adder.totals())
    totals = merge_totals(parts)
    kpis = kpi_values(totals, budget_base=market.scenario.limits.total_base)
    margins = kpis["contribution_margin"]
    values = totals.reward if wanted.name == "reward" else kpis[wanted.name]
    return Played(goal=goal, seed=seed, values=values, margins=margins)
