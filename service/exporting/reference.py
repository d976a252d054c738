"""What the policy itself gives, worked out with the project's own numpy code: the yardstick for every graph."""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, Observation, Policy, TacticPolicy
from xbopt.core.randomness import named_generator
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.market_run import MarketRun
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.bundle.schema import OUTPUTS
from xbopt.simulator.parameters import MarketParameters


def observe_policy(policy: Policy, market: MarketParameters, *, worlds: int, seed: int) -> list[Observation]:
    """What a policy sees when it is played, one observation a day: also of days on which it holds a tactic."""
    scenario = market.scenario
    run = MarketRun(market, worlds=np.arange(worlds, dtype=np.int64), seed=seed)
    generator = named_generator(seed, "observed policy")
    seen: list[Observation] = []
    held: IntArray = np.zeros((worlds, *scenario.shape[:2]), dtype=np.int64)
    for day in range(scenario.days):
        observation = run.observe()
        seen.append(observation)
        if isinstance(policy, DirectPolicy):
            run.play(policy.decide(observation))
            continue
        if isinstance(policy, FactoredPolicy):
            if day % scenario.document.tactics.decide_every_days == 0:
                held = drawn(policy.factor_probabilities(observation), generator.random((worlds, len(policy.factors))))
            run.play(policy.decode(held, observation))
            continue
        if day % scenario.document.tactics.decide_every_days == 0:
            held = drawn(policy.probabilities(observation), generator.random(held.shape))
        run.play(policy.menu.decode(held, observation))
    return seen


def drawn(probabilities: FloatArray, uniform: FloatArray) -> IntArray:
    """Which choice along the last axis a uniform number falls on ``(...,)``."""
    cumulative = np.cumsum(probabilities, axis=-1)
    return (cumulative < uniform[..., None] * cumulative[..., -1:]).sum(axis=-1)


def reference_outputs(policy: Policy, scenario: Scenario, sample: Observation, inputs: Arrays) -> Arrays:
    """Outputs for inputs of any days, from policy, menu and projection.

    Args:
        policy: The policy.
        scenario: The scenario.
        sample: An observation that lends the names of features.
        inputs: Inputs of the graph; policies that draw need the draws and masks too.
    """
    day = inputs["day"]
    made: Arrays = {}
    for one in np.unique(day).tolist():
        rows = np.flatnonzero(day == one)
        observation = _observation(scenario, sample, inputs, rows, one)
        found = (
            _direct(policy, scenario, observation)
            if isinstance(policy, DirectPolicy)
            else _factored(policy, scenario, observation, inputs, rows)
            if isinstance(policy, FactoredPolicy)
            else _tactic(policy, scenario, observation, inputs, rows)
        )
        for name, array in found.items():
            if name not in made:
                shape = (len(day), *array.shape[1:])
                whole = array.dtype.kind == "i"
                made[name] = np.zeros(shape, dtype=np.int64) if whole else np.zeros(shape, dtype=np.float64)
            made[name][rows] = array
    return made


def _observation(scenario: Scenario, sample: Observation, inputs: Arrays, rows: IntArray, day: int) -> Observation:
    def part(name: str) -> FloatArray:
        return floats_of(inputs, name)[rows]

    return replace(
        sample,
        day=day,
        days=scenario.days,
        date=scenario.date_of(day),
        remaining=Remaining(
            budget_base=part("budget_base"), region_base=part("region_base"), channel_base=part("channel_base")
        ),
        regions=part("regions"),
        cells=part("cells"),
        channels=part("channels") if "channels" in inputs else sample.channels[:1].repeat(len(rows), axis=0),
    )


def _direct(policy: DirectPolicy, scenario: Scenario, observation: Observation) -> Arrays:
    return _projected(policy.decide(observation), scenario, observation.remaining)


def _projected(decision: Decision, scenario: Scenario, remaining: Remaining) -> Arrays:
    done, _ = project(decision, scenario.limits, remaining)
    return {name: getattr(done, name) for name in OUTPUTS}


def _factored(
    policy: FactoredPolicy, scenario: Scenario, observation: Observation, inputs: Arrays, rows: IntArray
) -> Arrays:
    forced = inputs["forced"][rows][..., None]
    must: FloatArray = (forced == np.arange(policy.factors.most_levels)).astype(np.float64)
    final = np.where(forced < 0, policy.factor_probabilities(observation), must)
    own_draw = drawn(final, floats_of(inputs, "uniform")[rows])
    levels = inputs["levels"][rows].astype(np.int64) if "levels" in inputs else own_draw
    return {
        **_projected(policy.decode(levels, observation), scenario, observation.remaining),
        "levels": levels,
        "propensity": np.take_along_axis(final, levels[..., None], axis=2)[..., 0],
        "probabilities": final,
    }


def _tactic(
    policy: TacticPolicy, scenario: Scenario, observation: Observation, inputs: Arrays, rows: IntArray
) -> Arrays:
    own = policy.probabilities(observation) * inputs["allowed"]
    mass = own.sum(axis=3, keepdims=True)
    free: FloatArray = np.where(mass > 0.0, own / np.where(mass > 0.0, mass, 1.0), inputs["default"])
    forced = inputs["forced"][rows][..., None]
    every: IntArray = np.arange(len(policy.menu), dtype=np.int64)
    own_tactic: FloatArray = (forced == every).astype(np.float64)
    final = np.where(forced < 0, free, own_tactic)
    # The tactic that was drawn by the graph is given where it is known: a draw on an edge may fall to either side.
    own_draw = drawn(final, floats_of(inputs, "uniform")[rows])
    tactic = inputs["tactic"][rows].astype(np.int64) if "tactic" in inputs else own_draw
    decision = policy.menu.decode(tactic, observation)
    return {
        **_projected(decision, scenario, observation.remaining),
        "tactic": tactic,
        "propensity": np.take_along_axis(final, tactic[..., None], axis=3)[..., 0],
        "probabilities": final,
        "allowed_mass": mass,
    }
