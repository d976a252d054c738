"""Foreign agents in test worlds: what they are asked, what they may answer, and whom they are compared with."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import A2C
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from xbopt.agents.policies import built_in_policy
from xbopt.core.errors import DecisionError, PolicyError, UsageError
from xbopt.core.scenario.plan_table import write_plan
from xbopt.studies.agent_policy import AgentPolicy
from xbopt.studies.evaluate_agent import TEST_WORLDS, evaluate_agent
from xbopt.studies.simulate import simulate
from xbopt.studies.tasks import Task

TASK = Task(changes=("plan.discounts=[]", "horizon.days=14"), plan="greedy_roas", anchor="greedy_roas")


@pytest.fixture(scope="module")
def campaign():
    return TASK.campaign(1, first_world=0)


def neutral(campaign):
    return lambda seen: np.broadcast_to(campaign.encoding.neutral, (len(seen), len(campaign.encoding.neutral)))


def test_the_neutral_answer_is_the_anchor_to_the_last_bit(campaign):
    found = evaluate_agent(neutral(campaign), TASK, runs=4, name="mine")
    policies = {one.name: one for one in found.comparison.policies}
    np.testing.assert_array_equal(policies["mine"].values["reward"], policies["greedy_roas"].values["reward"])
    assert found.comparison.first.name == "replan"
    assert found.first_world == TEST_WORLDS
    frame = found.to_frame().to_pydict()
    assert {"mine", "replan", "planner", "uniform", "baseline"} <= set(frame["policy"])
    assert frame["mean"] == sorted(frame["mean"], reverse=True)
    assert found.difference.mean == frame["difference"][frame["policy"].index("mine")]


def test_a_policy_of_ones_own_is_judged_by_name_file_or_object(campaign, tmp_path):
    market = TASK.opened().market
    plan = built_in_policy("calendar", market)
    write_plan(plan, market.scenario, tmp_path / "pl.csv")
    found = {
        what: evaluate_agent(agent, TASK, runs=4)
        for what, agent in (("name", "calendar"), ("file", tmp_path / "pl.csv"), ("object", plan))
    }
    assert [one.agent for one in found.values()] == ["calendar", "pl.csv", "calendar"]
    assert found["name"].encoding is None
    for one in found.values():
        np.testing.assert_allclose(one.row.values["reward"], found["name"].row.values["reward"], rtol=1e-9)
    assert evaluate_agent("replan", TASK, runs=4).difference.mean == 0.0
    with pytest.raises(UsageError, match="encoding is for agents that were trained elsewhere"):
        evaluate_agent("calendar", TASK, runs=4, encoding="tactics")
    with pytest.raises(PolicyError, match=r"no policy 'calender'\. Did you mean"):
        evaluate_agent("calender", TASK, runs=4)


def test_the_worlds_are_those_that_were_asked_for(campaign):
    market = TASK.opened().market
    agent = AgentPolicy(neutral(campaign), campaign, name="mine")
    far = simulate(market, agent, runs=3, first_world=50).totals.reward
    near = simulate(market, agent, runs=53).totals.reward
    np.testing.assert_array_equal(far, near[50:])


class Recurrent:
    """Answers with how often it was asked since the episode began, and remembers that in its state."""

    def __init__(self, campaign):
        self.entries, self.starts = len(campaign.encoding.neutral), []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        assert deterministic
        count = np.zeros(len(np.atleast_2d(observation)), dtype=np.int64) if state is None else state[0]
        count = np.where(episode_start, 0, count + 1)
        self.starts.append(bool(episode_start.all()))
        return np.repeat(count[:, None], self.entries, axis=1), (count,)


def test_a_recurrent_agent_keeps_its_state_for_an_episode(campaign):
    agent = Recurrent(campaign)
    policy = AgentPolicy(agent, campaign, name="mine")
    market = TASK.opened().market
    for _ in range(2):
        simulate(market, policy, runs=3)
    assert agent.starts == [True, False] * 2  # two decisions in a fortnight, and each roll-out begins anew


def test_an_agent_of_single_rows_earns_the_same(campaign):
    def one(seen):
        return (np.floor(10.0 * seen[..., :1]).astype(np.int64) % 2) + campaign.encoding.neutral

    market = TASK.opened().market
    together = simulate(market, AgentPolicy(one, campaign, name="a"), runs=3).totals.reward
    alone = simulate(market, AgentPolicy(one, campaign, name="a", batched=False), runs=3).totals.reward
    np.testing.assert_array_equal(together, alone)


def test_a_model_s_own_normalisation_and_encoding_are_read():
    task = replace(TASK, encoding="continuous")
    envs = VecNormalize(DummyVecEnv([lambda: task.env(first_world=2**40)]))
    model = A2C("MlpPolicy", envs, n_steps=4, seed=0)
    model.learn(4)
    found = evaluate_agent(model, TASK, runs=3)
    assert found.encoding == "continuous"
    given = evaluate_agent(model, TASK, runs=3, normalisation=envs.normalize_obs, encoding="continuous")
    np.testing.assert_array_equal(found.row.values["reward"], given.row.values["reward"])
    without = evaluate_agent(model, TASK, runs=3, normalisation=lambda seen: seen)
    assert (found.row.values["reward"] != without.row.values["reward"]).any()


def test_what_a_model_was_trained_around_is_read_from_its_environment():
    """Actions are relative to a plan: around another one the same answers would be other decisions."""
    trained = replace(TASK, plan="calendar", encoding="continuous")
    model = A2C("MlpPolicy", trained.env(first_world=2**40), n_steps=4, seed=0)
    found = evaluate_agent(model, TASK, runs=3)
    own = AgentPolicy(model, trained.campaign(1, first_world=0), name="own")
    wanted = simulate(TASK.opened().market, own, runs=3, first_world=TEST_WORLDS).totals.reward
    np.testing.assert_array_equal(found.row.values["reward"], wanted)
    told = evaluate_agent(model, TASK, runs=3, plan="calendar")
    np.testing.assert_array_equal(told.row.values["reward"], wanted)
    assert not found.notes


class Stranger:
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,))
    action_space = gymnasium.spaces.Discrete(2)

    def predict(self, observation):
        return np.zeros(len(observation))


def test_an_agent_of_other_spaces_is_refused_with_a_reason(campaign):
    with pytest.raises(UsageError, match="another scenario"):
        evaluate_agent(Stranger(), TASK, runs=2)
    stranger = Stranger()
    stranger.observation_space = gymnasium.spaces.Box(-5.0, 5.0, (len(campaign.features.names),))
    with pytest.raises(UsageError, match="no other encoding fits"):
        evaluate_agent(stranger, TASK, runs=2)


@pytest.mark.parametrize("answer", [7.5, 1000, np.nan])
def test_an_answer_that_is_no_action_is_refused(campaign, answer):
    agent = AgentPolicy(
        lambda seen: np.full((len(seen), len(campaign.encoding.neutral)), answer), campaign, name="mine"
    )
    with pytest.raises(DecisionError):
        simulate(TASK.opened().market, agent, runs=2)


def test_what_is_no_agent_or_bears_another_s_name_is_refused(campaign):
    with pytest.raises(UsageError, match="no agent"):
        AgentPolicy(3, campaign, name="mine")
    with pytest.raises(PolicyError, match="planner"):
        evaluate_agent(neutral(campaign), TASK, name="planner", runs=2)
