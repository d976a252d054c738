"""Bandits over notches around the re-planner: pay, the contract of policies, keeping the anchor, saving, resuming."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xbopt.agents.bandits.encodings import load_policy
from xbopt.agents.bandits.market_settings import AGENT_KINDS, CLOSED
from xbopt.agents.bandits.residual_bandits import ResidualBandits
from xbopt.agents.bandits.residual_context import LEARNT_KINDS, ResidualContext
from xbopt.agents.bandits.residual_play import Credit, ResidualExperience, play_residuals
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy, save_policy
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.saved_policy import read_policy
from xbopt.agents.training import train
from xbopt.core.arrays import IntArray
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import read_plan, write_plan
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

SHORT = ["horizon.days=21", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
QUICK = {"worlds": 4, "test_worlds": 4, "validation_worlds": 4, "evaluate_every": 1}
OPEN: dict[FactorKind, float] = dict.fromkeys(LEARNT_KINDS, 0.0)
SHUT: dict[FactorKind, float] = dict.fromkeys(LEARNT_KINDS, CLOSED)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def market(scenario: Scenario) -> MarketParameters:
    return build_market(scenario)


@pytest.fixture(scope="module")
def anchor(market: MarketParameters) -> ReplanningPolicy:
    return replanning_around(market, built_in_policy("baseline", market))


@pytest.fixture(scope="module")
def actions(market: MarketParameters, anchor: ReplanningPolicy) -> ResidualActions:
    return ResidualActions.of(market, anchor)


@pytest.fixture(scope="module")
def context(market: MarketParameters, anchor: ReplanningPolicy) -> ResidualContext:
    return ResidualContext.of(market, anchor.plan)


def bandits_for(context: ResidualContext, actions: ResidualActions, agent: str = "lin_ts") -> ResidualBandits:
    kind, settings = AGENT_KINDS[agent]
    return ResidualBandits.of_kind(actions.factors, kind, names=context.names, seed=0, settings=settings)


def played(
    market: MarketParameters,
    context: ResidualContext,
    actions: ResidualActions,
    bandits: ResidualBandits,
    *,
    worlds: IntArray,
    caution: Mapping[FactorKind, float] = SHUT,
    price: float = 0.0,
) -> list[ResidualExperience]:
    return list(
        play_residuals(
            market, context, actions, bandits, worlds=worlds, seed=1, caution=caution, price=price, window_days=14,
            customer_weight=1.0,
        )
    )  # fmt: skip


@pytest.fixture(scope="module", params=["lin_ts", "fast_cb"])
def policy(
    request: pytest.FixtureRequest, market: MarketParameters, context: ResidualContext, actions: ResidualActions
) -> ResidualBanditPolicy:
    bandits = bandits_for(context, actions, request.param)
    experience = played(market, context, actions, bandits, worlds=np.arange(1000, 1006))
    credit = Credit.of(experience, shares_money=False)
    for one in experience:
        credit.learn(bandits, one)
    return ResidualBanditPolicy(bandits=bandits, context=context, actions=actions, caution=OPEN)


class AlwaysDrawn:
    """Draws the same levels for everybody."""

    def __init__(self, levels: IntArray, neutral: IntArray) -> None:
        self.levels, self.neutral = levels, neutral

    def drawn(self, rows: object, uniforms: np.ndarray) -> IntArray:
        del rows
        return np.broadcast_to(self.levels, uniforms.shape)

    def best(self, rows: Mapping[str, np.ndarray], caution: object) -> IntArray:
        del caution
        return np.broadcast_to(self.neutral, (len(rows["pace"]), len(self.neutral)))


def test_notches_in_the_middle_bring_exactly_nothing(
    market: MarketParameters, context: ResidualContext, actions: ResidualActions
) -> None:
    neutral = AlwaysDrawn(actions.neutral, actions.neutral)
    for one in played(market, context, actions, neutral, worlds=np.arange(4), price=0.5):  # type: ignore[arg-type]
        np.testing.assert_array_equal(one.gain_base, 0.0)


def test_a_notch_in_one_cell_is_paid_to_that_cell(
    market: MarketParameters, context: ResidualContext, actions: ResidualActions
) -> None:
    levels = actions.neutral.copy()
    levels[actions.names.index("spend/UK/students/social")] -= 2
    drawn = AlwaysDrawn(levels, actions.neutral)
    first = played(market, context, actions, drawn, worlds=np.arange(4))[0].gain_base  # type: ignore[arg-type]
    own = np.abs(first[:, 1, 1])
    others = np.abs(first).sum(axis=(1, 2)) - own
    # The anchor gives the money that is saved to all cells later, but the cell itself feels the notch most.
    assert (own > others).all()


def test_experience_does_not_depend_on_the_batch(
    market: MarketParameters, context: ResidualContext, actions: ResidualActions
) -> None:
    bandits = bandits_for(context, actions)
    alone = played(market, context, actions, bandits, worlds=np.array([5]))
    together = played(market, context, actions, bandits, worlds=np.array([4, 5]))
    for one, both in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.levels[0], both.levels[1])
        np.testing.assert_allclose(one.gain_base[0], both.gain_base[1], rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("agent", AGENT_KINDS)
def test_nothing_learnt_is_the_anchor_to_the_last_bit(
    market: MarketParameters, context: ResidualContext, actions: ResidualActions, anchor: ReplanningPolicy, agent: str
) -> None:
    bandits = bandits_for(context, actions, agent)
    fresh = ResidualBanditPolicy(bandits=bandits, context=context, actions=actions, caution=SHUT)
    run = MarketRun(market, worlds=np.arange(3), seed=0)
    run.play(anchor.decide(run.observe()))
    observation = run.observe()
    decision, own = fresh.decode(fresh.own_levels(observation), observation), anchor.decide(observation)
    np.testing.assert_array_equal(decision.spend_base, own.spend_base)
    np.testing.assert_array_equal(decision.discount_frac, own.discount_frac)
    np.testing.assert_array_equal(decision.daypart_weights, own.daypart_weights)


def test_a_parabola_is_its_own_smoothing_and_the_middle_is_zero(
    context: ResidualContext, actions: ResidualActions
) -> None:
    notch = np.arange(9) - 4
    # 3 + 2 k - k^2 / 2 has its value at the middle, 3, taken off.
    smoothed = bandits_for(context, actions).smoothing("spend") @ (3.0 + 2.0 * notch - 0.5 * notch**2)
    np.testing.assert_allclose(smoothed, 2.0 * notch - 0.5 * notch**2, atol=1e-12)


def test_each_factor_goes_one_notch_at_most(policy: ResidualBanditPolicy, market: MarketParameters) -> None:
    observation = MarketRun(market, worlds=np.arange(3), seed=0).observe()
    own = policy.own_levels(observation)
    still, moved = (policy.exploring(share).factor_probabilities(observation) for share in (0.0, 0.2))
    np.testing.assert_array_equal(np.argmax(still, axis=2), own)
    np.testing.assert_array_equal(still.max(axis=2), 1.0)
    np.testing.assert_allclose(moved.sum(axis=2), 1.0)
    far = np.abs(np.arange(moved.shape[2]) - own[..., None]) > 1
    assert (moved[far] == 0.0).all()


def test_answers_do_not_depend_on_the_batch(policy: ResidualBanditPolicy, market: MarketParameters) -> None:
    both, alone = (MarketRun(market, worlds=worlds, seed=0) for worlds in (np.array([3, 4]), np.array([4])))
    np.testing.assert_array_equal(policy.own_levels(both.observe())[1:], policy.own_levels(alone.observe()))


def test_a_saved_policy_answers_the_same(
    policy: ResidualBanditPolicy, market: MarketParameters, anchor: ReplanningPolicy, tmp_path: Path
) -> None:
    save_policy(tmp_path, policy, anchor, scenario_hash=market.scenario.hash)
    loaded = load_policy(tmp_path, market)
    assert isinstance(loaded, ResidualBanditPolicy)
    run = MarketRun(market, worlds=np.arange(3), seed=0)
    run.play(anchor.decide(run.observe()))
    observation = run.observe()
    levels = policy.own_levels(observation)
    np.testing.assert_array_equal(loaded.own_levels(observation), levels)
    np.testing.assert_array_equal(
        loaded.decode(levels, observation).spend_base, policy.decode(levels, observation).spend_base
    )


@pytest.mark.parametrize("agent", ["lin_ucb", "neural_linear"])
def test_a_run_that_went_on_learns_what_an_unbroken_one_does(scenario: Scenario, agent: str, tmp_path: Path) -> None:
    steps = 2 * 4 * 3 * 2  # two batches of 4 worlds, 3 mornings, with notches and without
    options = {**QUICK, "test_worlds": 0, "validation_worlds": 2}
    train(scenario, agent, tmp_path / "whole", steps=steps, plan="baseline", options=options)
    train(scenario, agent, tmp_path / "parts", steps=steps // 2, plan="baseline", options=options)
    train(scenario, agent, tmp_path / "parts", steps=steps, plan="baseline", options=options, resume=True)
    whole, parts = (RunDirectory.open(tmp_path / name).checkpoints for name in ("whole", "parts"))
    for kind in LEARNT_KINDS:
        assert (whole / f"bandit_{kind}.npz").read_bytes() == (parts / f"bandit_{kind}.npz").read_bytes()


def test_what_is_not_shown_to_be_better_stays_the_anchor(
    scenario: Scenario, market: MarketParameters, tmp_path: Path
) -> None:
    """A first batch teaches too little; the run keeps the re-planner, or something that was better on every look."""
    summary = train(scenario, "lin_ts", tmp_path / "run", steps=1, plan="baseline", options=QUICK)
    kept = policy_from(str(tmp_path / "run"), market)
    assert isinstance(kept, ResidualBanditPolicy)
    assert (summary.plan, summary.anchor) == ("baseline", "replan")
    assert summary.test is not None
    assert set(summary.test.ahead) == {"baseline", "replan"}
    assert summary.gain_base - summary.gain_se_base >= 0.0
    if summary.gain_base == 0.0:
        assert all(degree >= CLOSED for degree in kept.caution.values())


@pytest.mark.parametrize("encoding", ["residual", "tactics"])
def test_a_plan_of_one_s_own_is_what_decisions_start_from(
    scenario: Scenario, market: MarketParameters, encoding: str, tmp_path: Path
) -> None:
    own = built_in_policy("greedy_roas", market)
    write_plan(own, scenario, tmp_path / "own.csv")
    options = {**QUICK, "test_worlds": 0, "encoding": encoding}
    train(scenario, "lin_ts", tmp_path / "run", steps=1, plan=str(tmp_path / "own.csv"), options=options)
    plan = read_policy(tmp_path / "run" / "policy", scenario, ()).plan
    np.testing.assert_array_equal(plan.spend_base, read_plan(tmp_path / "own.csv", scenario).spend_base)


def test_tactics_can_still_be_asked_for(scenario: Scenario, market: MarketParameters, tmp_path: Path) -> None:
    options = {**QUICK, "encoding": "tactics"}
    train(scenario, "lin_ts", tmp_path / "run", steps=1, plan="baseline", options=options)
    assert not isinstance(policy_from(str(tmp_path / "run"), market), ResidualBanditPolicy)
    with pytest.raises(UsageError, match=r"encoding is 'notches'; one of residual, tactics is wanted"):
        train(scenario, "lin_ts", tmp_path / "other", steps=1, plan="baseline", options={"encoding": "notches"})


def test_a_policy_of_another_market_is_refused(
    policy: ResidualBanditPolicy, market: MarketParameters, anchor: ReplanningPolicy, tmp_path: Path
) -> None:
    save_policy(tmp_path, policy, anchor, scenario_hash=market.scenario.hash)
    renamed = replace(market.scenario, segments=("families", "pupils"))
    with pytest.raises(PolicyError, match="knows other features"):
        load_policy(tmp_path, replace(market, scenario=renamed))
