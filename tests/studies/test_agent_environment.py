"""What stood between an agent and its campaign is done again, or refused by name."""

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import (
    NormalizeObservation,
    RecordEpisodeStatistics,
    RescaleAction,
    RescaleObservation,
    TimeLimit,
    TransformReward,
)
from stable_baselines3 import A2C
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

from xbopt.agents import CampaignVecEnv
from xbopt.core.errors import UsageError
from xbopt.studies.agent_environment import environment_of
from xbopt.studies.evaluate_agent import evaluate_agent
from xbopt.studies.scaled_actions import ScaledActions
from xbopt.studies.tasks import Task

TASK = Task(changes=("plan.discounts=[]", "horizon.days=14"), plan="greedy_roas", anchor="greedy_roas")
NUMBERS = Task(changes=TASK.changes, plan="greedy_roas", anchor="greedy_roas", encoding="continuous")
HALF = (np.float32(0.0), np.float32(1.0))


class Flip(gymnasium.ActionWrapper):
    """Turns levels round."""

    def action(self, action):
        return self.env.action_space.nvec - 1 - action


class Negated(gymnasium.ObservationWrapper):
    """Shows everything with the other sign, within the same bounds."""

    def observation(self, observation):
        return -observation


class Constant:
    """A model that always says the same and still has its environment."""

    def __init__(self, env, value):
        self.model = A2C("MlpPolicy", env, n_steps=2, device="cpu")
        self.value, self.action_space, self.observation_space = value, env.action_space, env.observation_space

    def get_env(self):
        return self.model.get_env()

    def predict(self, observation):
        return np.full((len(observation), *self.action_space.shape), self.value, dtype=self.action_space.dtype)


def env(task=TASK):
    return task.env(first_world=2**40)


def batch():
    return CampaignVecEnv(TASK.campaign(2, first_world=2**40))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda: Flip(env()), "Flip"),
        (lambda: Negated(env()), "Negated"),
        (lambda: Monitor(TimeLimit(Flip(env()), 9)), "Flip"),
        (lambda: NormalizeObservation(env()), "NormalizeObservation"),
        (lambda: RescaleObservation(env(), -1, 1), "RescaleObservation"),
        (lambda: RescaleAction(env(NUMBERS), *HALF), "RescaleAction"),
        (lambda: VecNormalize(VecFrameStack(batch(), 2)), "VecFrameStack"),
        (lambda: VecNormalize(VecNormalize(batch())), "VecNormalize"),
        (lambda: DummyVecEnv([env, lambda: Flip(env())]), "Flip"),
    ],
)
def test_a_wrapper_that_changes_what_is_seen_or_done_is_refused_by_name(
    made: Callable[[], gymnasium.Env[object, object]], name: str
) -> None:
    model = A2C("MlpPolicy", made(), n_steps=2, device="cpu")
    for told in ({}, {"encoding": "continuous"}):
        with pytest.raises(UsageError, match=f"behind {name}, which"):
            evaluate_agent(model, TASK, runs=2, **told)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Monitor(TimeLimit(RecordEpisodeStatistics(env()), 9)),
        lambda: TransformReward(env(), lambda reward: 2.0 * reward),
        lambda: gymnasium.make(env().spec),
        lambda: VecNormalize(VecMonitor(VecCheckNan(batch()))),
        lambda: VecNormalize(DummyVecEnv([env])),
    ],
)
def test_a_wrapper_that_watches_or_rewards_makes_no_difference(
    made: Callable[[], gymnasium.Env[object, object]],
) -> None:
    middle = env().campaign.encoding.neutral
    found = evaluate_agent(Constant(made(), middle), TASK, runs=2)
    assert (found.difference.mean, found.encoding) == (anchored_difference(found), "residual")


def anchored_difference(found):
    """What the anchor itself earns more than the re-planner."""
    frame = found.to_frame().to_pydict()
    return frame["difference"][frame["policy"].index("greedy_roas")]


def test_numbers_for_choices_are_known_by_the_wrapper_that_takes_them():
    found = evaluate_agent(Constant(ScaledActions(env()), 0.0), TASK, runs=2)
    assert found.difference.mean == anchored_difference(found)
    with pytest.raises(UsageError, match="behind RescaleAction"):
        evaluate_agent(Constant(RescaleAction(ScaledActions(env()), *HALF), 0.5), TASK, runs=2)


def test_bounds_are_part_of_a_space():
    """Numbers from 0 to 1 are not those from -1 to 1, whatever else fits."""

    class Loaded:
        observation_space = env(NUMBERS).observation_space
        action_space = gymnasium.spaces.Box(0.0, 1.0, env(NUMBERS).action_space.shape)

        def predict(self, observation):
            return np.full((len(observation), *self.action_space.shape), 0.5)

    for told in ({}, {"encoding": "continuous"}):
        with pytest.raises(UsageError, match="acts in"):
            evaluate_agent(Loaded(), TASK, runs=2, **told)
    Loaded.action_space = env().action_space
    Loaded.observation_space = gymnasium.spaces.Box(-1.0, 1.0, env().observation_space.shape)
    with pytest.raises(UsageError, match="behind a wrapper"):
        evaluate_agent(Loaded(), TASK, runs=2)


def flipped():
    return Flip(gymnasium.make(env().spec))


def made_again():
    return Monitor(gymnasium.make(env().spec))


def test_wrappers_in_other_processes_are_seen_too():
    class Model:
        def __init__(self, made):
            self.envs = SubprocVecEnv([made], start_method="fork")

        def get_env(self):
            return self.envs

    for made, is_refused in ((flipped, True), (made_again, False)):
        model = Model(made)
        try:
            if is_refused:
                with pytest.raises(UsageError, match="Flip"):
                    environment_of(model)
            else:
                assert environment_of(model) is not None
        finally:
            model.envs.close()
