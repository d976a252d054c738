"""Soft constraints of PPO: what missing a return floor or running ahead of the plan costs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.soft_constraints import Pacing, PidMultiplier, ReturnFloor
from xbopt.agents.ppo.validation import Score
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=15", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=SHORT))


def test_pid_multiplier_by_hand():
    pid = PidMultiplier(proportional=1.0, integral_gain=0.1, derivative=0.5)
    # Missed by 2: 1*2 + 0.1*2 + 0.5*2 = 3.2. Then by 1: 1 + 0.1*3 + 0 = 1.3. Then kept by 4: 0.
    assert pid.update(2.0) == pytest.approx(3.2)
    assert pid.update(1.0) == pytest.approx(1.3)
    assert pid.update(-4.0) == 0.0
    assert pid.integral == 0.0
    assert pid.update(1000.0) == pid.largest


def test_missing_the_roi_floor_costs_its_price(market):
    """It counts what media add: the same worlds with the same luck and no media are taken off."""
    plan = built_in_policy("greedy_roas", market)
    bare = MarketRun(market, worlds=np.arange(2), seed=0)
    organic = np.zeros(2)
    for day in range(7):
        decision = replace(plan.decide(bare.morning()), spend_base=np.zeros((2, *plan.spend_base.shape[1:])))
        organic += bare.play(decision).money.contribution_margin.sum(axis=(1, 2))
        assert bare.state.day == day + 1
    rewards = []
    for multiplier in (0.0, 2.0):
        settings = CampaignSettings(objective="margin", first_world=0)
        campaign = Campaign(market, worlds=2, settings=settings, plan=plan)
        envs = CampaignVecEnv(campaign, [ReturnFloor(campaign, 3.0)])
        envs.multipliers["roi_floor"] = multiplier
        envs.reset()
        reward = envs.step(np.tile(campaign.encoding.neutral, (2, 1)))[1]
        missed = envs.missed()["roi_floor"]
        rewards.append(reward)
        media = plan.spend_base[:7].sum() / campaign.reward_unit_base
    organic /= campaign.reward_unit_base
    # reward' = (reward - 2 * (3 * media - (reward - organic))) / 3, since the objective is the margin.
    assert rewards[1] == pytest.approx(rewards[0] - 2.0 * media - 2.0 / 3.0 * organic, rel=1e-5)
    assert missed == pytest.approx(3.0 - (rewards[0] - organic).mean() / media, rel=1e-5)


def test_without_media_every_return_floor_is_kept(market):
    """A plan without spend adds nothing, whatever comes by itself, also where a lock would make it spend."""
    plan = built_in_policy("greedy_roas", market)
    idle = replace(plan, spend_base=np.zeros_like(plan.spend_base))
    campaign = Campaign(market, worlds=2, settings=CampaignSettings(objective="margin"), plan=idle)
    floor = ReturnFloor(campaign, 3.0)
    campaign.reset(0)
    step = campaign.step(np.tile(campaign.encoding.neutral, (2, 1)))
    assert step.organic_margin_base == pytest.approx(step.cell_margin_base.sum(axis=(1, 2)))
    assert floor.cost(step) == pytest.approx(np.zeros(2), abs=1e-12)
    assert floor.missed() == 0.0


def test_pacing_counts_what_is_too_far_ahead(market):
    """Spend of the first step doubled: ahead by what the plan spends in it, less the slack, in every step after it."""
    plan = built_in_policy("greedy_roas", market)
    campaign = Campaign(market, worlds=2, settings=CampaignSettings(objective="margin"), plan=plan)
    pacing = Pacing(campaign, 0.01)
    total, first = plan.spend_base.sum(), plan.spend_base[: campaign.hold_days].sum()
    ahead = first - 0.01 * total
    assert ahead > 0.0
    days = len(plan.spend_base)
    for _ in range(2):
        pacing.begin()
        for step in range(campaign.steps):
            begins = step * campaign.hold_days
            spent = plan.spend_base[begins : min(begins + campaign.hold_days, days)].sum() * (2.0 if step == 0 else 1.0)
            cost = pacing.cost(SimpleNamespace(terms_base={"media": np.full(2, -spent)}))
            assert cost == pytest.approx(np.full(2, ahead / campaign.reward_unit_base))
        assert pacing.missed() == pytest.approx(ahead / (0.01 * total) - 0.1)
    assert pacing.missed() == pytest.approx(-0.1)


def test_the_plan_itself_is_never_ahead(market):
    plan = built_in_policy("greedy_roas", market)
    campaign = Campaign(market, worlds=2, settings=CampaignSettings(objective="margin"), plan=plan)
    envs = CampaignVecEnv(campaign, [Pacing(campaign, 1e-9)])
    envs.reset()
    for _ in range(campaign.steps):
        envs.step(np.tile(campaign.encoding.neutral, (2, 1)))
    assert envs.missed()["pacing"] <= 0.0


def test_a_policy_that_meets_its_constraints_is_kept_before_one_that_earns_more():
    kept = Score(gain_base=1.0, gain_se_base=0.1)
    missed = Score(gain_base=5.0, gain_se_base=0.1, missed=0.2)
    assert kept.is_better_than(missed)
    assert not missed.is_better_than(kept)
    assert missed.is_better_than(Score.nothing())
    assert not kept.is_better_than(kept)
