"""Credit: every entry is judged by what it can move, and by all of it; a single part is the library's PPO."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.actor_critic import CellChoices
from xbopt.agents.ppo.credit import CREDITS, credit_by
from xbopt.agents.ppo.layout import entry_places
from xbopt.agents.ppo.learner import CreditPpo
from xbopt.agents.ppo.settings import PpoSettings, with_options
from xbopt.agents.ppo.trainer import PpoTraining
from xbopt.agents.training import TrainingSettings
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

ALL = [(encoding, form) for encoding in ("tactics", "continuous") for form in ("factored", "full")]
SMALL = {"worlds": 4, "width": 4, "validation_worlds": 2, "batch_size": 8, "epochs": 2}


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=["horizon.days=29"]))


@pytest.fixture(scope="module")
def plan(market):
    return built_in_policy("greedy_roas", market)


def training_of(market: MarketParameters, plan: ScheduledPolicy, **options: object) -> PpoTraining:
    settings = with_options(PpoSettings(), {**SMALL, **options})
    return PpoTraining(market, TrainingSettings(agent="ppo", steps=1, plan=plan.name), ppo=settings)


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_entries_stand_where_their_names_say(market, plan, encoding, form):
    campaign = Campaign(market, worlds=1, settings=CampaignSettings(encoding=encoding, form=form), plan=plan)
    places = entry_places(campaign.encoding)
    scenario = market.scenario
    assert len(places) == len(campaign.encoding.names)
    for name, (region, segment, channel) in zip(campaign.encoding.names, places, strict=True):
        words = name.split("/")
        assert (region >= 0) == any(word in scenario.regions for word in words), name
        assert (segment >= 0) == any(word in scenario.segments for word in words), name
        if region >= 0:
            assert scenario.regions[region] in words
        if segment >= 0:
            assert scenario.segments[segment] in words
        assert (channel >= 0) == any(word in scenario.channels for word in words), name
        if channel >= 0:
            assert scenario.channels[channel] in words


@pytest.mark.parametrize(("encoding", "form"), ALL)
@pytest.mark.parametrize("name", CREDITS)
def test_parts_add_up_and_every_entry_is_judged_by_its_own(market, plan, encoding, form, name):
    campaign = Campaign(market, worlds=3, settings=CampaignSettings(encoding=encoding, form=form), plan=plan)
    regions, segments, _ = campaign.features.shape
    credit = credit_by(name, campaign.encoding)
    cells = np.random.default_rng(0).normal(size=(3, regions, segments))
    parts = credit.split(cells)
    assert parts.shape == (3, credit.parts)
    assert parts.sum(axis=1) == pytest.approx(cells.sum(axis=(1, 2)))
    judged = parts @ credit.reach.T
    for entry, (region, segment, _) in enumerate(entry_places(campaign.encoding)):
        if name == "whole" or region < 0:
            own = cells.sum(axis=(1, 2))
        elif name == "region" or segment < 0:
            own = cells[:, region].sum(axis=1)
        else:
            own = cells[:, region, segment]
        assert judged[:, credit.group[entry]] == pytest.approx(own)


@pytest.mark.parametrize("relative", [False, True])
def test_rewards_of_cells_add_up_to_the_reward(market, plan, relative):
    settings = CampaignSettings(encoding="tactics", relative_to_anchor=relative, expected_reward=relative)
    campaign = Campaign(market, worlds=3, settings=settings, plan=plan)
    rng = np.random.default_rng(1)
    campaign.reset(0)
    for _ in range(campaign.steps):
        step = campaign.step(rng.integers(0, campaign.encoding.choices, size=(3, len(campaign.encoding.choices))))
        assert step.cell_reward.sum(axis=(1, 2)) == pytest.approx(step.reward, rel=1e-9, abs=1e-12)


def test_another_region_has_no_part_in_a_regions_reward():
    """Where the budget does not bind, what is decided in one region leaves the other's reward as it is."""
    market = build_market(load_scenario("quickstart", overrides=["horizon.days=29", "budget.total_base=60000"]))
    campaign = Campaign(
        market, worlds=4, settings=CampaignSettings(encoding="tactics"), plan=built_in_policy("planner", market)
    )
    neutral = np.tile(campaign.encoding.neutral, (4, 1))
    places, rng = entry_places(campaign.encoding), np.random.default_rng(2)
    other = neutral.copy()
    second = places[:, 0] == 1
    other[:, second] = rng.integers(0, campaign.encoding.choices[second], size=(4, int(second.sum())))
    rewards = []
    for actions in (neutral, other):
        campaign.reset(0)
        rewards.append(sum(campaign.step(actions).cell_reward for _ in range(campaign.steps)))
    assert rewards[1][:, 0] == pytest.approx(rewards[0][:, 0], rel=1e-9)
    assert not np.allclose(rewards[1][:, 1], rewards[0][:, 1])


def test_choices_are_those_of_one_categorical_an_entry():
    """Two cells of a component of three choices and one of two, against torch's own distributions."""
    torch.manual_seed(0)
    logits = torch.randn(5, 10)
    choices = CellChoices(logits, (3, 2))
    own = [torch.distributions.Categorical(logits=part) for part in torch.split(logits, [3, 2, 3, 2], dim=1)]
    actions = torch.stack([one.sample() for one in own], dim=1)
    wanted = torch.stack([one.log_prob(actions[:, i]) for i, one in enumerate(own)], dim=1)
    assert torch.allclose(choices.log_prob(actions.float()), wanted, atol=1e-6)
    assert torch.allclose(choices.entropy(), sum(one.entropy() for one in own), atol=1e-5)
    assert torch.equal(choices.mode(), torch.stack([one.probs.argmax(dim=1) for one in own], dim=1))
    wide = CellChoices(logits[:1].repeat(20_000, 1), (3, 2)).sample()
    for i, one in enumerate(own):
        share = np.bincount(wide[:, i].numpy(), minlength=one.probs.shape[1]) / 20_000
        p = one.probs[0].numpy()
        # Five standard errors of a share.
        assert (np.abs(share - p) <= 5.0 * np.sqrt(p * (1.0 - p) / 20_000)).all()


@pytest.mark.parametrize("encoding", ["tactics", "continuous"])
def test_log_probabilities_add_up_to_those_of_the_library(
    market: MarketParameters, plan: ScheduledPolicy, encoding: str
) -> None:
    policy = training_of(market, plan, encoding=encoding)._model.policy
    rows = torch.zeros(6, policy.observation_space.shape[0])
    actions, values, log_prob = policy(rows)
    assert log_prob == pytest.approx(policy.get_distribution(rows).log_prob(actions).detach().numpy(), abs=1e-4)
    assert values.shape == (6, 1)
    assert policy._step.log_probs.shape == (6, 3)  # the whole and two regions


def test_advantages_worked_by_hand(market: MarketParameters, plan: ScheduledPolicy) -> None:
    """Two steps, two parts: d_1 = r_1 - v_1, d_0 = r_0 + gamma v_1 - v_0, A_1 = d_1, A_0 = d_0 + gamma lambda d_1."""
    training = training_of(market, plan, encoding="continuous", worlds=1, discount=0.5, gae_lambda=0.8)
    buffer = training._model.rollout_buffer
    buffer.buffer_size = 2
    buffer.reset()
    shape = (1, buffer.obs_shape[0])
    for step in range(2):
        buffer._step.rewards = np.array([[1.0, 10.0]]) * (step + 1)
        buffer._step.values = np.array([[0.5, 2.0]], dtype=np.float32) * (step + 1)
        buffer._step.log_probs = np.zeros((1, 3), dtype=np.float32)
        action = np.zeros((1, buffer.action_dim))
        buffer.add(np.zeros(shape), action, np.zeros(1), np.array([step == 0]), torch.zeros(1), torch.zeros(1))
    buffer.compute_returns_and_advantage(torch.zeros(1), np.array([True]))
    last = np.array([2.0 - 1.0, 20.0 - 4.0])
    first = np.array([1.0 + 0.5 * 1.0 - 0.5, 10.0 + 0.5 * 4.0 - 2.0]) + 0.5 * 0.8 * last
    assert buffer._part_advantages[:, 0] == pytest.approx(np.stack([first, last]))
    values = np.array([[0.5, 2.0], [1.0, 4.0]])
    assert buffer._part_returns[:, 0] == pytest.approx(np.stack([first, last]) + values)
    batch = next(buffer.minibatches(2, np.random.default_rng(0)))
    assert sorted(batch.whole[:, 0].tolist()) == pytest.approx(sorted([first.sum(), last.sum()]))


@pytest.mark.parametrize("encoding", ["tactics", "continuous"])
def test_one_part_is_the_librarys_ppo(market: MarketParameters, plan: ScheduledPolicy, encoding: str) -> None:
    """The same rollout, the same order: weights after an update are those of stable-baselines3."""
    ours, theirs = (training_of(market, plan, encoding=encoding, credit="whole") for _ in range(2))
    weights = []
    for training, is_ours in ((ours, True), (theirs, False)):
        model, buffer = training._model, training._model.rollout_buffer
        rows = model.n_steps * model.n_envs
        if not is_ours:
            model.train = lambda model=model: PPO.train(model)
            buffer.get = lambda size, model=model: _library_batches(model, size)
        model.update(rows, np.random.default_rng(3))
        weights.append({name: tensor.clone() for name, tensor in model.policy.state_dict().items()})
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-6), name


def _library_batches(model: CreditPpo, size: int) -> Iterator[RolloutBufferSamples]:
    """The library's minibatches in the order of our shuffler."""
    buffer = model.rollout_buffer
    rows = buffer.buffer_size * buffer.n_envs
    flat = [
        torch.from_numpy(np.asarray(array, dtype=np.float32).reshape(rows, -1))
        for array in (
            buffer.observations,
            buffer.actions,
            buffer.values,
            buffer.log_probs,
            buffer.advantages,
            buffer.returns,
        )
    ]
    order = torch.from_numpy(model._shuffler.permutation(rows))
    for start in range(0, rows - size + 1, size):
        chosen = order[start : start + size]
        observations, actions, values, log_probs, advantages, returns = (array[chosen] for array in flat)
        yield RolloutBufferSamples(
            observations, actions, values[:, 0], log_probs[:, 0], advantages[:, 0], returns[:, 0]
        )


def test_a_floor_on_the_whole_is_learnt_from_the_whole(plan: ScheduledPolicy) -> None:
    floored = build_market(load_scenario("quickstart", overrides=["horizon.days=29", "budget.roi_floor=0.1"]))
    training = training_of(floored, plan, credit="cell")
    assert training._envs.credit.name == "whole"
    assert training._parts.settings.credit == "whole"


def test_an_unknown_credit_is_refused():
    with pytest.raises(UsageError, match="whole, region, cell"):
        PpoSettings(credit="channel")
