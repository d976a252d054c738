"""Bandits over tactics in the market: what they see and are paid, the contract, training, saving, resuming."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xbopt.agents.bandits.encodings import load_policy
from xbopt.agents.bandits.factored import FactoredBandit
from xbopt.agents.bandits.market_context import MarketContext
from xbopt.agents.bandits.market_play import play_campaigns, price_of_money
from xbopt.agents.bandits.market_policy import MarketBanditPolicy, save_policy
from xbopt.agents.bandits.market_settings import AGENT_KINDS, MarketBanditSettings, settings_for
from xbopt.agents.policies import built_in_policy
from xbopt.agents.registry import AGENTS
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import train
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.components import MenuComponents
from xbopt.env.market_run import MarketRun
from xbopt.env.policy_contract import check_policy
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=21", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
QUICK = {"encoding": "tactics", "test_worlds": 0, "worlds": 4, "validation_worlds": 2, "evaluate_every": 1}


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def market(scenario):
    return build_market(scenario)


@pytest.fixture(scope="module")
def plan(market):
    return built_in_policy("baseline", market)


@pytest.fixture(scope="module")
def context(market, plan):
    return MarketContext.of(market, Anchor.of(plan, market.scenario.limits))


def bandit_for(market, context, kind="LinThompson", form="factored", **settings):
    return FactoredBandit.of_kind(
        MenuComponents.in_form(market.scenario.menu, form),
        kind,
        n_features=len(context.names),
        seed=0,
        settings=settings,
    )


def learned(market, context, plan, **kinds):
    bandit = bandit_for(market, context, **kinds)
    for one in play_campaigns(
        market, context, plan, bandit, worlds=np.arange(1000, 1016), seed=3, price=0.0, window_days=14,
        customer_weight=1.0,
    ):  # fmt: skip
        bandit.update(one.context, one.tactic, one.reward, np.ones(len(one.reward)))
    return MarketBanditPolicy(
        bandit=bandit, context=context, price=0.3, caution=(0.0,) * len(bandit.bandits), pacing=1.0, exploration=0.1
    )


@pytest.mark.parametrize("form", ["factored", "full"])
@pytest.mark.parametrize("kind", ["LinThompson", "NeuralLinear"])
def test_a_trained_policy_keeps_the_contract(market, context, plan, kind, form):
    check_policy(learned(market, context, plan, kind=kind, form=form), market, batch_sizes=(1, 7, 200))


def test_a_row_is_a_cell_with_its_own_features(market, context):
    observation = MarketRun(market, worlds=np.arange(3), seed=0).observe()
    rows = context.rows(observation)
    regions, segments, _, _ = market.shape
    assert rows.shape == (3 * regions * segments, len(context.names))
    assert (rows[:, 0] == 1.0).all()
    which = rows[:, 1 : 1 + regions * segments].reshape(3, regions * segments, -1)
    for world in which:
        np.testing.assert_array_equal(world, np.eye(regions * segments))


def test_the_neutral_tactic_earns_what_the_plan_earns(market, context, plan):
    bandit = bandit_for(market, context)
    # A bandit that only knows that its neutral choices are good always draws them.
    for one, own in zip(bandit.bandits, bandit.components.choice[context.menu.neutral], strict=True):
        one.models.theta[own, 0, 0] = 1e6
    rewards = [
        one.reward
        for one in play_campaigns(
            market, context, plan, bandit, worlds=np.arange(4), seed=1, price=0.5, window_days=7, customer_weight=1.0
        )
    ]
    np.testing.assert_allclose(np.concatenate(rewards), 0.0, atol=1e-9)


def test_the_price_is_charged_on_money_beyond_the_plans(market, context, plan):
    def rewards(price):
        return np.concatenate([
            one.reward
            for one in play_campaigns(
                market, context, plan, bandit_for(market, context), worlds=np.arange(4), seed=1, price=price,
                window_days=7, customer_weight=0.0,
            )
        ])  # fmt: skip

    def tactics():
        return np.concatenate([
            one.tactic
            for one in play_campaigns(
                market, context, plan, bandit_for(market, context), worlds=np.arange(4), seed=1, price=0.0,
                window_days=7, customer_weight=0.0,
            )
        ])  # fmt: skip

    change = rewards(2.0) - rewards(0.0)
    intensity = market.scenario.menu.intensity[tactics()]
    # The baseline spends the whole budget, so more money for a cell may be cut to what is left; less never is.
    assert (change[intensity < 1.0] > 0.0).all()
    assert change[intensity > 1.0].mean() < 0.0


def test_money_has_a_price_only_where_the_budget_binds(market, plan):
    small = replace(plan, spend_base=0.05 * plan.spend_base)
    assert price_of_money(market, plan, has_reserve=True, customer_weight=1.0) == 0.0
    # Response is concave: the less is spent, the more another unit brings.
    dear = price_of_money(market, small, has_reserve=False, customer_weight=1.0)
    assert dear > 0.3
    assert dear > price_of_money(market, plan, has_reserve=False, customer_weight=1.0) + 0.1


def test_experience_repeats_and_does_not_depend_on_the_batch(market, context, plan):
    def played(worlds):
        return list(
            play_campaigns(
                market, context, plan, bandit_for(market, context), worlds=worlds, seed=1, price=0.0, window_days=14,
                customer_weight=1.0,
            )
        )  # fmt: skip

    cells = market.shape[0] * market.shape[1]
    for alone, together in zip(played(np.array([5])), played(np.array([4, 5])), strict=True):
        np.testing.assert_array_equal(alone.tactic, together.tactic[cells:])
        np.testing.assert_allclose(alone.reward, together.reward[cells:], rtol=1e-9, atol=1e-12)


def test_caution_keeps_the_plan_where_little_is_known(market, context):
    bandit = bandit_for(market, context)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, len(context.names)))
    bandit.update(rows, rng.integers(len(context.menu), size=40), rng.normal(size=40), np.ones(40))
    neutral = context.menu.neutral
    bold = bandit.best(rows, neutral=neutral, caution=(0.0,) * 4)
    careful = bandit.best(rows, neutral=neutral, caution=(50.0,) * 4)
    assert (bold != neutral).any()
    assert (careful == neutral).all()


def test_dearer_money_moves_choices_to_less_of_it(market, context):
    bandit = bandit_for(market, context)
    rows = np.zeros((1, len(context.names)))
    extra = context.extra_cost(0)[0, 0][None, :]
    chosen = bandit.best(rows, neutral=context.menu.neutral, caution=(0.0,) * 4, extra=extra)
    menu = market.scenario.menu
    assert menu.intensity[chosen[0]] == menu.intensity.min()


@pytest.mark.parametrize("agent", AGENT_KINDS)
def test_every_agent_trains_saves_and_loads(scenario, market, agent, tmp_path):
    summary = train(scenario, agent, tmp_path / "run", steps=1, seed=2, plan="baseline", options=QUICK)
    assert summary.stopped == "steps"
    assert summary.steps == 4 * 3 * 2  # worlds, mornings, and with tactics and with the plan
    policy = load_policy(RunDirectory.open(tmp_path / "run").policy, market)
    assert policy.name == agent
    observation = MarketRun(market, worlds=np.arange(2), seed=0).observe()
    np.testing.assert_allclose(policy.probabilities(observation).sum(axis=3), 1.0)
    assert policy.exploring(0.5).probabilities(observation).min() >= 0.5 / len(market.scenario.menu) - 1e-12


def test_agents_of_the_registry_are_bandits_or_ppo():
    assert set(AGENTS) == {"ppo", *AGENT_KINDS}


@pytest.mark.parametrize("evaluate_every", [1, 2])
def test_a_run_that_goes_on_is_the_run_without_a_break(scenario, tmp_path, evaluate_every):
    """With a look every second batch the break, after one batch, comes between two looks."""
    options = {**QUICK, "evaluate_every": evaluate_every}

    def go(path, steps, *, resume=False):
        return train(scenario, "lin_ts", path, steps=steps, seed=2, plan="baseline", options=options, resume=resume)

    rows = go(tmp_path / "whole", 1).steps
    go(tmp_path / "whole2", 3 * rows)
    go(tmp_path / "whole", 3 * rows, resume=True)
    for name in ("bandit_0.npz", "bandit_1.npz"):
        with (
            np.load(tmp_path / "whole/checkpoints" / name) as one,
            np.load(tmp_path / "whole2/checkpoints" / name) as two,
        ):
            for array in ("gram", "inverse", "theta", "target"):
                np.testing.assert_array_equal(one[array], two[array])
    first, second = (
        json.loads((tmp_path / run / "checkpoints/standing.json").read_text()) for run in ("whole", "whole2")
    )
    if evaluate_every > 1:  # the look at the break may have found a better policy; nothing else may differ
        assert first.pop("best_gain_base") >= second.pop("best_gain_base")
        for one in (first, second):
            del one["best_se_base"], one["waited"]
    assert first.pop("seconds") > 0.0
    assert second.pop("seconds") > 0.0
    assert first == second


def test_a_checkpoint_of_two_moments_is_refused(scenario, tmp_path):
    for name in ("run", "other"):
        train(scenario, "lin_ts", tmp_path / name, steps=1, seed=len(name), plan="baseline", options=QUICK)
    stray = (tmp_path / "other/checkpoints/bandit_0.npz").read_bytes()
    (tmp_path / "run/checkpoints/bandit_0.npz").write_bytes(stray)
    with pytest.raises(PolicyError, match="not of one moment"):
        train(scenario, "lin_ts", tmp_path / "run", steps=10**6, seed=3, plan="baseline", options=QUICK, resume=True)


@pytest.mark.statistical
def test_training_beats_the_plan_on_worlds_it_never_saw(scenario, tmp_path):
    summary = train(
        scenario,
        "lin_ts",
        tmp_path / "run",
        steps=4 * 64 * 3 * 2,
        plan="baseline",
        options={"encoding": "tactics", "worlds": 64, "validation_worlds": 64, "evaluate_every": 1},
    )
    assert summary.gain_base > 3.0 * summary.gain_se_base


def test_a_policy_of_another_market_is_refused(market, context, plan, tmp_path):
    save_policy(
        tmp_path / "policy", learned(market, context, plan), plan, form="factored", scenario_hash=market.scenario.hash
    )
    other = build_market(load_scenario("quickstart", overrides=["horizon.days=28"]))
    with pytest.raises(PolicyError, match="another market"):
        load_policy(tmp_path / "policy", other)


@pytest.mark.parametrize("name", ["bandit_0.npz", "plan.npz"])
def test_a_flipped_byte_of_a_policy_is_noticed(market, context, plan, tmp_path, name):
    save_policy(tmp_path, learned(market, context, plan), plan, form="factored", scenario_hash=market.scenario.hash)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(bytes(content))
    with pytest.raises(PolicyError, match="damaged"):
        load_policy(tmp_path, market)


def test_a_missing_or_broken_description_is_named(market, tmp_path):
    with pytest.raises(PolicyError, match=r"policy.json is missing"):
        load_policy(tmp_path, market)
    (Path(tmp_path) / "policy.json").write_text("{}")
    with pytest.raises(PolicyError, match="damaged"):
        load_policy(tmp_path, market)


def test_a_nan_in_the_observation_is_named(market, context, plan):
    observation = MarketRun(market, worlds=np.arange(2), seed=0).observe()
    cells = observation.cells.copy()
    cells[1, 0, 0, 2] = np.nan
    with pytest.raises(PolicyError, match=r"world 1 holds no number for active_share"):
        learned(market, context, plan).probabilities(replace(observation, cells=cells))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": 1}, "lin_ucb has no setting 'colour'"),
        ({"worlds": "many"}, "worlds is 'many'"),
        ({"form": "loose"}, "form is 'loose'"),
        ({"validation_worlds": 1}, "at least 2"),
        ({"customer_weight": 2.0}, "customer_weight is 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        settings_for("lin_ucb", options)


def test_options_are_read_as_their_own_type():
    settings = settings_for("lin_ucb", {"worlds": "16", "alpha": "0.5", "ridge": "10"})
    assert settings == MarketBanditSettings(worlds=16, bandit={"alpha": 0.5, "epsilon": 0.3, "ridge": 10.0})
