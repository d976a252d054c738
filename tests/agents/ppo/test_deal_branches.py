"""Discounts are learnt by holding a depth from a morning on, and only where that pays."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from gymnasium import spaces

from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.branches import branch_rows
from xbopt.agents.ppo.credit import StepParts
from xbopt.agents.ppo.deal_branches import DealRows, fit_deals
from xbopt.agents.ppo.networks import SharedNetwork
from xbopt.agents.ppo.policy import PolicyParts, PpoResidualPolicy, as_policy, build_parts, load_policy, save_policy
from xbopt.agents.ppo.settings import PpoSettings, with_options
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.features import Float32Array
from xbopt.env.market_run import MarketRun
from xbopt.env.observation import CELL_FEATURES
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

SHORT = ["horizon.days=28", "plan.discounts[0].end=2026-09-27"]


@pytest.fixture(scope="module")
def market() -> MarketParameters:
    return build_market(load_scenario("outlet_deals", overrides=SHORT))


@pytest.fixture
def parts(market: MarketParameters) -> PolicyParts:
    """Notches around a plan with deals of a tenth from the second week on."""
    torch.manual_seed(0)
    settings = PpoSettings(width=8, exploration_spend=1.0, exploration_discount=0.5)
    return build_parts(market, built_in_policy("baseline", market), settings)


def encoding_of(parts: PolicyParts) -> ResidualActions:
    assert isinstance(parts.encoding, ResidualActions)
    return parts.encoding


def rows_of(parts: PolicyParts, run: MarketRun, worlds: int) -> tuple[Float32Array, DealRows]:
    neutral = encoding_of(parts).neutral
    rows = branch_rows(
        encoding_of(parts),
        parts.features,
        parts.plan,
        run,
        lambda row: np.tile(neutral, (len(row), 1)),
        np.random.default_rng(0),
        kinds=("discount",),
    )
    assert rows.deals is not None
    assert not rows.notches.any()  # nothing else is tried
    assert len(rows.features) == worlds * 4
    return rows.features, rows.deals


def test_what_is_not_moved_gains_nothing_and_less_than_full_price_is_not_tried(
    market: MarketParameters, parts: PolicyParts
) -> None:
    run = MarketRun(market, worlds=np.arange(30), seed=0)
    _, deals = rows_of(parts, run, 30)
    idle = (deals.squares == 0.0).all(axis=2)
    assert idle.any()
    assert deals.gain_base[idle] == pytest.approx(0.0, abs=1e-6)
    # Of 28 days seven have no deal: two notches less are two on the other 21 at the most.
    assert deals.notches.min() >= -2.0
    assert deals.notches[:30].min() == pytest.approx(-2.0 * 21 / 28)


def test_the_fit_finds_the_depth_that_was_best(parts: PolicyParts) -> None:
    """Gains made of parabolas whose top is a line in what cells show: the head says that line."""
    rng = np.random.default_rng(4)
    network = parts.network
    assert isinstance(network, SharedNetwork)
    features = rng.normal(size=(400, len(parts.features.names))).astype(np.float32)
    seen = network.cell_features(torch.from_numpy(features)).double().numpy()
    top = 0.4 + 0.8 * seen[..., CELL_FEATURES.index("deal_response")]
    notches = rng.integers(-2, 3, size=top.shape).astype(np.float64)
    revenue = rng.uniform(50.0, 150.0, size=top.shape)
    gain = (revenue * 0.01 * (notches * top - 0.5 * notches**2)).sum(axis=2)
    # No row is rare enough to be cut, so the line is found exactly, but for the ridge.
    deals = DealRows(notches=notches, squares=notches**2, gain_base=gain, revenue_base=revenue)
    assert fit_deals(network, features, deals, unit=0.5) < 0.05
    with torch.no_grad():
        said = network.parameters_of(torch.from_numpy(features)).numpy() - encoding_of(parts).neutral
    at = [kind == "discount" for kind in encoding_of(parts).factors.kinds]
    assert said[:, at].reshape(top.shape) == pytest.approx(top, abs=0.25)
    assert not said[:, np.logical_not(at)].any()


@pytest.mark.statistical
def test_deeper_deals_are_learnt_for_markets_that_answer(market: MarketParameters, parts: PolicyParts) -> None:
    """Fitted to 96 worlds: in 64 others the depth follows the elasticity that nobody told it."""
    features, deals = rows_of(parts, MarketRun(market, worlds=np.arange(96), seed=0), 96)
    assert isinstance(parts.network, SharedNetwork)
    fit_deals(parts.network, features, deals, unit=0.5)
    policy = as_policy(parts)
    assert isinstance(policy, PpoResidualPolicy)
    run = MarketRun(market, worlds=np.arange(500, 564), seed=0)
    for _ in range(21):
        run.play(parts.plan.decide(run.morning()))
    at = [kind == "discount" for kind in policy.factors.kinds]
    depth = policy.own_levels(run.observe())[:, at].reshape(64, 2, 2).mean(axis=2)
    truth = np.broadcast_to(run.world.elasticity, (64, 2, 2)).mean(axis=2)
    # Five standard errors of a correlation of 128 pairs that has no truth in it are 0.44.
    assert np.corrcoef(depth.ravel(), np.log(truth).ravel())[0, 1] > 0.44


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"learn": "spend,deals"}, "learn is 'spend,deals'; some of pace, timing, discount, spend"),
        ({"learn": ""}, "learn is ''"),
        ({"learn": "spend", "encoding": "continuous"}, "encoding=continuous does not have"),
    ],
)
def test_kinds_that_make_no_sense_are_refused(options: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        with_options(PpoSettings(), options)


def test_closed_kinds_stay_at_the_anchor_in_play_and_in_what_is_saved(
    market: MarketParameters, parts: PolicyParts, tmp_path: Path
) -> None:
    """A head that wants the deepest deal says nothing once its kind is closed, and all of it when it is open again."""
    policy = actor_critic(parts)
    assert isinstance(parts.network, SharedNetwork)
    parts.network.set_cell_head(torch.zeros(len(parts.features.cell_names)), 100.0)
    rows = parts.features.flat(MarketRun(market, worlds=np.arange(4), seed=0).observe())
    at = np.array([kind == "discount" for kind in encoding_of(parts).factors.kinds])
    neutral = encoding_of(parts).neutral
    policy.learn_only(("spend",))
    assert (policy.likeliest(rows) == neutral).all()
    drawn = policy(torch.from_numpy(rows))[0].numpy()
    assert (drawn[:, at] == neutral[at]).all()
    assert (drawn[:, np.array([kind == "spend" for kind in encoding_of(parts).factors.kinds])] != 4).any()
    assert not policy.learns_discounts
    save_policy(tmp_path / "policy", parts, parts.network.state_dict(), market.scenario.hash)
    loaded = load_policy(tmp_path / "policy", market)
    assert isinstance(loaded, PpoResidualPolicy)
    seen = MarketRun(market, worlds=np.arange(4), seed=0).observe()
    assert (loaded.own_levels(seen) == neutral).all()
    policy.learn_only(("spend", "discount"))
    assert (policy.likeliest(rows)[:, at] == 4).all()
    assert policy.learns_discounts


def actor_critic(parts: PolicyParts) -> CampaignActorCritic:
    size = len(parts.features.names)
    return CampaignActorCritic(
        spaces.Box(-5.0, 5.0, (size,), np.float32),
        cast("spaces.Space[Float32Array]", spaces.MultiDiscrete(encoding_of(parts).factors.levels)),
        lambda _: 1e-3,
        parts=parts,
        step=StepParts(),
    )
