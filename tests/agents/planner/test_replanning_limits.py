"""The re-planner within limits: on random markets, around any plan, and on a campaign that is under way."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.random_markets import documents, random_policy
from tests.worlds import scenario_of
from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import PolicyShelf, built_in_policy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.market_run import MarketRun
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.totals import TotalsRecorder

WORLDS = 4


@st.composite
def limited_markets(draw: Any) -> MarketParameters:
    """A random market whose caps cut its own plan by up to a half, with a minimum and a lock at zero."""
    doc = draw(documents())
    budget = doc["budget"]["total_base"]
    own = scenario_plan(build_market(scenario_of(doc))).spend_base
    share = st.floats(0.5, 1.3)
    doc["budget"] |= {
        "region_caps_base": {"north": draw(share) * float(own[:, 0].sum())},
        "channel_caps_base": {"search": draw(share) * float(own[..., 0].sum())},
        "maximums": [
            {
                "region": "island",
                "channel": "search",
                "spend_per_day_base": draw(share) * float(own[:, 1, :, 0].sum(axis=1).mean()),
            }
        ],
        "minimums": [
            {
                "region": "north",
                "channel": "social",
                "spend_per_day_base": draw(st.floats(0.0, 0.3)) * float(own[:, 0, :, 1].sum(axis=1).min()),
            }
        ],
        "locks": [{"region": "island", "segment": "youth", "channel": "email", "spend_per_day_base": 0.0}],
        "max_daily_multiple": max(1.0, draw(share) * float(own.sum(axis=(1, 2, 3)).max()) / (budget / len(own))),
    }
    return build_market(scenario_of(doc))


@given(limited_markets(), st.integers(0, 2**31))
@settings(max_examples=8)
def test_nothing_is_left_for_the_projection_to_do(market: MarketParameters, seed: int):
    """Whatever was done before: what is asked for may be spent. Minimums are owed on days on which there are ads."""
    own, limits = scenario_plan(market), market.scenario.limits
    promised = np.where(limits.locked, limits.lock_base, np.maximum(own.spend_base, limits.minimum_base))
    plan = replace(own, spend_base=promised * market.shocks.available[:, :, None, :])
    policy = replanning_around(market, plan)
    run = MarketRun(market, worlds=np.arange(WORLDS), seed=seed)
    before = random_policy(market.scenario, WORLDS, seed, spend=float(plan.spend_base.mean()))
    for day in range(market.scenario.days):
        seen = run.observe()
        decision = policy.decide(seen)
        _, changed = project(decision, limits, seen.remaining)
        asked = np.maximum(decision.spend_base.sum(axis=(1, 2, 3)), 1e-9)
        assert (changed.cut_base / asked).max() < 1e-5
        assert not decision.spend_base[:, 1, 1, 2].any()
        if market.shocks.available[day].all():
            assert (changed.raised_base / asked).max() < 1e-9
        run.play(before(day) if day < 2 else decision)


def quickstart(*overrides: str) -> MarketParameters:
    return build_market(load_scenario("quickstart", overrides=list(overrides)))


def half_way(market: MarketParameters, worlds: int = 3) -> tuple[MarketRun, Observation]:
    """Some worlds that were played by the scenario's own plan up to the middle."""
    run, plan = MarketRun(market, worlds=np.arange(worlds), seed=7), scenario_plan(market)
    for _ in range(market.scenario.days // 2):
        run.play(plan.decide(run.morning()))
    return run, run.observe()


@pytest.fixture(scope="module")
def scarce() -> MarketParameters:
    return quickstart("budget.total_base=6000")


def test_around_a_plan_of_ones_own_the_first_morning_is_that_plan(scarce: MarketParameters):
    plan = scenario_plan(scarce)
    policy = replanning_around(scarce, plan)
    run = MarketRun(scarce, worlds=np.arange(2), seed=0)
    assert np.allclose(policy.decide(run.observe()).spend_base, plan.spend_base[0], rtol=1e-9)
    saved = replanning_around(scarce, plan, budget_price=policy.budget_price)
    assert saved.log_worth == pytest.approx(policy.log_worth, rel=1e-12)


def test_the_shelf_has_the_re_planner_around_a_plans_file(scarce: MarketParameters, tmp_path: Any):
    path = tmp_path / "mine.csv"
    write_plan(scenario_plan(scarce), scarce.scenario, path)
    shelf = PolicyShelf(scarce)
    policy = shelf.policy(f"replan:{path}")
    assert policy.name == "replan:mine.csv"
    assert policy is shelf.policy(f"replan:{path}")
    with pytest.raises(PolicyError, match="no plan that is known before the first day"):
        shelf.policy(f"replan:replan:{path}")
    around = shelf.replanner(f"replan:{path}")
    assert np.array_equal(around.log_worth, shelf.replanner(str(path)).log_worth)


def test_where_a_plan_is_wanted_only_plans_are_suggested(scarce: MarketParameters):
    shelf = PolicyShelf(scarce)
    for name in ("replan", "replan:baseline"):
        with pytest.raises(
            PolicyError, match=f"^{name} is a policy that reacts to results.*Built in: baseline"
        ) as told:
            shelf.plan(name)
        assert "Did you mean" not in str(told.value)
    with pytest.raises(PolicyError, match=r"There is no plan 'replam'\. Built in"):
        shelf.plan("replam")
    with pytest.raises(PolicyError, match=r"no policy 'replam'\. Did you mean 'replan'"):
        shelf.policy("replam")


def test_a_campaign_that_runs_is_taken_over_on_any_day(scarce: MarketParameters):
    """The days left are today's decision and what follows; they use up what is left, and no more."""
    policy = replanning_around(scarce, scenario_plan(scarce))
    run, seen = half_way(scarce)
    ahead = policy.spend_ahead(seen)
    assert np.array_equal(ahead[:, 0], policy.decide(seen).spend_base)
    assert ahead.sum(axis=(1, 2, 3, 4)) == pytest.approx(seen.remaining.budget_base, rel=1e-9)
    for _ in range(seen.day, scarce.scenario.days):
        run.play(policy.decide(run.observe()))
    assert run.state.remaining.budget_base.max() < 1e-3 * scarce.scenario.limits.total_base


def test_a_morning_is_answered_alike_in_any_batch_to_the_bit(scarce: MarketParameters):
    """The same bytes whatever else stands in the batch: results do not depend on how worlds are chunked."""
    policy = replanning_around(scarce, scenario_plan(scarce))
    _, seen = half_way(scarce, worlds=9)
    together = policy.decide(seen).spend_base
    for world in range(9):
        _, alone = half_way(scarce, worlds=world + 1)
        assert np.array_equal(policy.decide(alone).spend_base, together[: world + 1])


def test_money_that_is_added_half_way_is_spent_and_money_taken_away_is_saved(scarce: MarketParameters):
    policy = replanning_around(scarce, scenario_plan(scarce))
    _, seen = half_way(scarce)
    for factor in (0.5, 1.2):
        left = replace(seen.remaining, budget_base=factor * seen.remaining.budget_base)
        ahead = policy.spend_ahead(replace(seen, remaining=left))
        assert ahead.sum(axis=(1, 2, 3, 4)) == pytest.approx(left.budget_base, rel=1e-9)


def test_a_channel_without_response_gives_its_money_to_the_others(scarce: MarketParameters):
    policy = replanning_around(scarce, scenario_plan(scarce))
    _, seen = half_way(scarce)
    channels = seen.channels.copy()
    channels[..., 1, seen.channel_names.index(policy.response_feature)] = -3.0
    dead, alive = policy.spend_ahead(replace(seen, channels=channels)), policy.spend_ahead(seen)
    assert dead[..., 1].sum() < 0.5 * alive[..., 1].sum()
    assert (dead[..., 0].sum(axis=(1, 2, 3)) > alive[..., 0].sum(axis=(1, 2, 3))).all()
    assert (dead.sum(axis=(1, 2, 3, 4)) <= seen.remaining.budget_base * (1.0 + 1e-9)).all()


class TakenOver:
    """A plan for the first half, the re-planner for the rest."""

    name, kind = "taken over", "planner"

    def __init__(self, market: MarketParameters) -> None:
        self._plan, self._half = scenario_plan(market), market.scenario.days // 2
        self._rest = replanning_around(market, self._plan)

    def decide(self, observation: Observation) -> Decision:
        return (self._plan if observation.day < self._half else self._rest).decide(observation)


def test_taking_over_half_way_earns_more_than_going_on(scarce: MarketParameters):
    """Paired over 64 worlds; the mean gain is more than three standard errors above zero."""

    def rewards(policy: Any) -> Any:
        recorder = TotalsRecorder(scarce, 64)
        play_worlds(scarce, policy, worlds=np.arange(64), seed=3, recorders=[recorder])
        return recorder.totals().reward

    gain = rewards(TakenOver(scarce)) - rewards(scenario_plan(scarce))
    assert gain.mean() > 3.0 * gain.std(ddof=1) / 8.0


def test_a_return_floor_is_asked_again_from_what_is_seen():
    """Better results may spend more than worse ones by far more than without the floor; some floors cannot be kept."""
    market = quickstart("budget.roi_floor=0.6")
    policy = replanning_around(market, scenario_plan(market))
    _, seen = half_way(market, worlds=1)
    at = seen.channel_names.index(policy.response_feature)

    def ahead(log_ratio: float, one: Any) -> tuple[float, bool]:
        channels = seen.channels.copy()
        channels[..., at] = log_ratio
        told = replace(seen, channels=channels)
        return float(one.spend_ahead(told).sum()), bool(one.keeps_return_floor(told)[0])

    free = replace(policy, roi_floor=0.0)
    (low, low_kept), (high, high_kept) = ahead(-0.8, policy), ahead(1.0, policy)
    assert not low_kept
    assert high_kept
    assert low < ahead(-0.8, free)[0]
    assert high / low > ahead(1.0, free)[0] / ahead(-0.8, free)[0]


@st.composite
def far_plans(draw: Any) -> tuple[MarketParameters, ScheduledPolicy]:
    """A random market whose limits can all be kept, and a plan up to a hundred times beyond or below them."""
    doc = draw(documents())
    days = doc["horizon"]["days"]
    day = float(doc["budget"]["total_base"]) / days
    minimum, lock = draw(st.floats(0.0, 0.05)) * day, draw(st.floats(0.0, 0.05)) * day
    doc["budget"] |= {
        "total_base": draw(st.floats(0.11, 1.0)) * day * days,
        "max_daily_multiple": draw(st.floats(1.0, 3.0)),
        "region_caps_base": {"north": days * (minimum + draw(st.floats(0.01, 1.0)) * day)},
        "channel_caps_base": {"search": draw(st.floats(0.001, 1.0)) * day * days},
        "maximums": [{"region": "north", "channel": "search", "spend_per_day_base": draw(st.floats(0.001, 1.0)) * day}],
        "minimums": [{"region": "north", "channel": "social", "spend_per_day_base": minimum}],
        "locks": [{"region": "island", "segment": "youth", "channel": "email", "spend_per_day_base": lock}],
    }
    market = build_market(scenario_of(doc))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    own = scenario_plan(market)
    return market, replace(own, spend_base=own.spend_base * 10.0 ** rng.uniform(-2.0, 2.0, own.spend_base.shape[1:]))


@given(far_plans(), st.integers(0, 2**31))
@settings(max_examples=15)
def test_around_a_plan_far_from_its_limits_all_are_kept_to_the_end(
    drawn: tuple[MarketParameters, ScheduledPolicy], seed: int
):
    """Each morning the whole proposal is within what is left, minimums and locks included."""
    market, plan = drawn
    limits, policy = market.scenario.limits, replanning_around(market, plan)
    run = MarketRun(market, worlds=np.arange(WORLDS), seed=seed)
    owed = np.where(limits.locked, limits.lock_base, limits.minimum_base)
    for day in range(market.scenario.days):
        seen = run.observe()
        decision, ahead, left = policy.decide(seen), policy.spend_ahead(seen), seen.remaining
        assert np.allclose(ahead[:, 0], decision.spend_base, rtol=1e-12)
        room = 1.0 + 1e-8
        assert (ahead.sum(axis=(1, 2, 3, 4)) <= left.budget_base * room).all()
        assert (ahead.sum(axis=(1, 3, 4)) <= left.region_base * room).all()
        assert (ahead.sum(axis=(1, 2, 3)) <= left.channel_base * room).all()
        open_now = market.shocks.available[day:, :, None, :]
        assert (ahead >= owed * open_now * (1.0 - 1e-6) - 1e-9).all()
        assert np.allclose(ahead[..., limits.locked], (owed * open_now)[..., limits.locked], rtol=1e-6)
        run.play(decision)


@pytest.mark.parametrize("cap", [900, 500])
def test_a_regions_cap_far_below_the_plan_lasts_to_the_last_day(cap: int):
    """The plan wants 6,944 for the region: more than e^2 times the cap."""
    market = quickstart(f"budget.region_caps_base={{DE: {cap}}}")
    policy = replanning_around(market, scenario_plan(market))
    run = MarketRun(market, worlds=np.arange(2), seed=1)
    spent: list[FloatArray] = []
    for _ in range(market.scenario.days):
        decision = policy.decide(run.observe())
        spent.append(decision.spend_base[:, 0].sum(axis=(1, 2)))
        run.play(decision)
    assert np.sum(spent, axis=0) == pytest.approx(np.full(2, cap), rel=1e-6)
    assert np.min(spent) > 0.5 * cap / market.scenario.days


def test_a_lock_replaces_what_the_plan_says():
    market = quickstart("budget.locks=[{region: DE, channel: search, spend_per_day_base: 90}]")
    plan = built_in_policy("greedy_roas", market)
    asked = replanning_around(market, plan).spend_ahead(MarketRun(market, worlds=np.arange(2), seed=1).observe())
    assert asked[:, :, 0, :, 0].sum(axis=2) == pytest.approx(np.full(asked.shape[:2], 90.0), rel=1e-9)


def test_minimums_come_before_everything_where_money_is_short():
    """3,000 in all, of which 28 days of 100 are owed."""
    market = quickstart(
        "budget.total_base=3000",
        "budget.minimums=[{region: UK, channel: email, spend_per_day_base: 40},"
        "{region: DE, channel: social, spend_per_day_base: 60}]",
    )
    policy = replanning_around(market, built_in_policy("greedy_roas", market))
    run = MarketRun(market, worlds=np.arange(2), seed=1)
    for _ in range(market.scenario.days):
        seen = run.observe()
        assert (policy.spend_ahead(seen).sum(axis=(1, 2, 3, 4)) <= seen.remaining.budget_base * (1.0 + 1e-8)).all()
        decision = policy.decide(seen)
        _, changed = project(decision, market.scenario.limits, seen.remaining)
        assert changed.unmet_base.max() == 0.0
        assert max(changed.cut_base.max(), changed.raised_base.max()) < 1e-6
        run.play(decision)


def test_a_plan_within_its_limits_stays_as_it_is_and_one_brought_there_is_found_there(scarce: MarketParameters):
    """What is saved is the plan within the limits and its price; made anew from them, the re-planner is the same."""
    plan = scenario_plan(scarce)
    assert replanning_around(scarce, plan).plan is plan
    capped = quickstart("budget.region_caps_base={DE: 500}")
    made = replanning_around(capped, scenario_plan(capped))
    again = replanning_around(capped, made.plan, budget_price=made.budget_price)
    assert made.budget_price > 0.0
    assert again.plan is made.plan
    assert np.allclose(again.plan.spend_base, made.plan.spend_base, rtol=1e-12)
