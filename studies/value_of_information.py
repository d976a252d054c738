"""What is worth knowing: how much more a plan would bring if a parameter were known before it is made.

The expected value of partial perfect information of a parameter ``x`` is ``E max_d E[v_d | x] - max_d E[v_d]`` over the
plans ``d`` that one might choose. Plans are made for sampled worlds, and each is played in all worlds in expected mode.
The inner mean is a regression of what a plan gains over the present one on ``x`` (Strong, Oakley, Brennan 2014, Medical
Decision Making 34, 311-326). The choice of one half of the worlds is valued by the regression of the other half, so
that noise is not taken for knowledge.
"""

import itertools
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.search import Effort
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import GROUP_AXES
from xbopt.simulator.worlds import WorldParameters, draw_worlds, select_worlds
from xbopt.studies.plan import PlanningResult
from xbopt.studies.simulate import Progress

WORLDS = 192
"""Worlds of parameters in which plans are valued."""
# A large market takes long to plan, so fewer plans are made there: this many plan cells in all.
_PLANNED_CELLS = 1500
_FEWEST, _MOST = 6, 24
_EFFORT = Effort.local(alternations=1, rounds=2, tolerance=1e-3)
# Columns of one parameter, of which each has a linear and a square term; more are averaged.
_MOST_COLUMNS = 4
_RIDGE = 1e-3

Test = Literal["geo_holdout", "price_test", "conversion_test", "traffic_count", "own_books", "platform_quote"]
TESTS: dict[str, Test] = {
    "media_response": "geo_holdout",
    "half_saturation": "geo_holdout",
    "visit_quality": "geo_holdout",
    "carry_over": "geo_holdout",
    "fatigue": "geo_holdout",
    "synergy": "geo_holdout",
    "media_price": "platform_quote",
    "bid_up": "platform_quote",
    "elasticity": "price_test",
    "deal_gain": "price_test",
    "price_memory": "price_test",
    "pull_forward": "price_test",
    "event_lift": "price_test",
    "conversion": "conversion_test",
    "organic_traffic": "traffic_count",
}
"""Which test tells a group of parameters; what is not here stands in the seller's own books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthKnowing:
    """One parameter and what knowing it is worth.

    Attributes:
        group: Its group, as the scenario's ``uncertainty`` names it.
        place: Ids of region, segment and channel that it belongs to, as far as it belongs to one.
        value: What a plan made with that knowledge would bring more, in the mean over worlds.
        test: What tells it.
    """

    group: str
    place: dict[str, str]
    value: float
    test: Test


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueOfInformation:
    """What is worth knowing before a plan is made.

    Attributes:
        everything: What knowing all parameters at once would be worth.
        parameters: Single parameters, the dearest first.
        worlds: In how many worlds plans were valued.
        plans: How many plans there were to choose from, the present one among them.
    """

    everything: float
    parameters: tuple[WorthKnowing, ...] = field(repr=False)
    worlds: int
    plans: int


def value_of_information(
    result: PlanningResult, *, seed: int = 0, worlds: int = WORLDS, on_progress: Progress | None = None
) -> ValueOfInformation | None:
    """What knowing each uncertain parameter is worth to a plan's goal; None where nothing is uncertain.

    Args:
        result: The plan.
        seed: World seed.
        worlds: Worlds in which plans are valued.
        on_progress: Called with plans made and plans in all.
    """
    scenario, campaign = result.scenario, result.campaign
    if not scenario.document.uncertainty:
        return None
    parameters = draw_worlds(scenario, seed=seed, worlds=np.arange(worlds, dtype=np.int64))
    count = min(max(_PLANNED_CELLS // campaign.cells, _FEWEST), _MOST)
    plans = [campaign.schedule]
    for n in range(count):
        if on_progress is not None:
            on_progress("what is worth knowing", n, count)
        made = _plan_for(result, select_worlds(parameters, np.array([n])))
        plans += [] if made is None else [made]
    expected = ExpectedMarket(result.market, goal_named(campaign.goal), parameters)
    values = np.stack([expected.totals([plan] * worlds).sum(axis=1) for plan in plans])  # (plans, worlds)
    gains = values - values[0]
    known = [
        WorthKnowing(group=group, place=place, value=_worth(gains, features), test=TESTS.get(group, "own_books"))
        for group, place, features in _parameters(scenario, parameters)
    ]
    return ValueOfInformation(
        everything=float(np.maximum(gains.max(axis=0), 0.0).mean() - max(float(gains.mean(axis=1).max()), 0.0)),
        parameters=tuple(sorted(known, key=lambda one: -one.value)),
        worlds=worlds,
        plans=len(plans),
    )


def _plan_for(result: PlanningResult, world: WorldParameters) -> ScheduledPolicy | None:
    """The plan for one world, from the present one; None where no plan keeps the limits there."""
    campaign = result.campaign
    try:
        return plan_campaign(
            result.market,
            goal=campaign.goal,
            resolution=campaign.resolution,
            world=world,
            budget_base=campaign.budget_base,
            start=campaign.schedule,
            effort=_EFFORT,
        ).schedule
    except InfeasiblePlanError:
        return None


def _parameters(scenario: Scenario, parameters: WorldParameters) -> list[tuple[str, dict[str, str], FloatArray]]:
    """Group, place and draws ``(B, columns)`` of each parameter: one a channel, or else one a region or segment.

    A channel's parameters of all regions are told by one set of tests; they come one by one as well where they differ.
    """
    ids = {"region": scenario.regions, "segment": scenario.segments, "channel": scenario.channels}
    found: list[tuple[str, dict[str, str], FloatArray]] = []
    for group, axes in GROUP_AXES.items():
        draws = np.log(np.maximum(getattr(parameters, group), 1e-12))
        if draws.shape[0] == 1 or not np.ptp(draws, axis=0).any():
            continue
        differing = [axis for i, axis in enumerate(axes) if draws.shape[1 + i] > 1]
        singles = [axis for axis in ("channel", "region", "segment") if axis in differing][:2]
        for chosen in ([axis] for axis in singles[:1]) if singles else [[]]:
            found += _slices(group, draws, axes, chosen, ids)
        if len(singles) == 2:
            found += _slices(group, draws, axes, singles, ids)
    return found


def _slices(
    group: str, draws: FloatArray, axes: tuple[str, ...], chosen: list[str], ids: dict[str, tuple[str, ...]]
) -> list[tuple[str, dict[str, str], FloatArray]]:
    """The draws of a group for each combination of ids along the chosen axes."""
    position = [1 + axes.index(axis) for axis in chosen]
    found: list[tuple[str, dict[str, str], FloatArray]] = []
    for where in itertools.product(*(range(draws.shape[p]) for p in position)):
        index: list[slice | int] = [slice(None)] * draws.ndim
        for p, i in zip(position, where, strict=True):
            index[p] = i
        place: dict[str, str] = {axis: str(ids[axis][int(i)]) for axis, i in zip(chosen, where, strict=True)}
        found.append((group, place, draws[tuple(index)].reshape(len(draws), -1)))
    return found


def _worth(gains: FloatArray, draws: FloatArray) -> float:
    """The value of knowing a parameter: ``E max_d E[gain_d | draws] - max_d E[gain_d]``, at least 0.

    Args:
        gains: What each plan brings more than the present one ``(plans, B)``; the first is 0.
        draws: Logs of the parameter ``(B, columns)``.
    """
    columns = draws if draws.shape[1] <= _MOST_COLUMNS else draws.mean(axis=1, keepdims=True)
    spread = columns.std(axis=0)
    standard = (columns - columns.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    design = np.concatenate([np.ones((len(standard), 1)), standard, standard**2 - 1.0], axis=1)
    halves = np.arange(len(design)) % 2 == 0
    total = 0.0
    for half in (halves, ~halves):
        chosen = np.argmax(_fitted(design[~half], gains[:, ~half], design[half]), axis=0)
        total += float(np.take_along_axis(_fitted(design[half], gains[:, half], design[half]), chosen[None], 0).sum())
    return max(total / len(design) - max(float(gains.mean(axis=1).max()), 0.0), 0.0)


def _fitted(design: FloatArray, gains: FloatArray, at: FloatArray) -> FloatArray:
    """Ridge regression of each plan's gain ``(plans, n)``, evaluated at other rows ``(plans, m)``."""
    square = design.T @ design + _RIDGE * len(design) * np.eye(design.shape[1])
    return (at @ np.linalg.solve(square, design.T @ gains.T)).T
