"""Logged episodes for offline reinforcement learning: what ``xbopt dataset`` records.

Episode ``e`` plays world ``first_world + e`` alone by its number, so neither batches nor the number of episodes change
what an episode holds. Choices are drawn as ``xbopt simulate`` draws them, and each has its exact probability.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import DirectPolicy, FactoredPolicy, TacticPolicy
from xbopt.core.errors import UsageError
from xbopt.env.features import Float32Array
from xbopt.env.rollout import Chooser, FactorChoice, TacticChoice
from xbopt.studies.behaviour import RANDOM, behaviour_of
from xbopt.studies.simulate import CHUNK_WORLDS, Progress
from xbopt.studies.tasks import Task

MAX_EPISODES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEpisodes:
    """Episodes with the probability of every choice.

    Attributes:
        task: Builds the environment in which the actions mean the same.
        policy: Name of the policy that acted.
        scenario_hash: Of the scenario.
        feature_names: ``(N,)``.
        action_names: ``(A,)``.
        choices: Number of choices of each entry of an action ``(A,)``.
        seed: Noise seed, and seed of the policy's draws.
        world: Global number of each episode's world ``(E,)``.
        day: Day before each action, and the last evening ``(T + 1,)``.
        observations: ``(E, T + 1, N)``.
        actions: ``(E, T, A)``.
        propensity: Probability with which each entry was drawn ``(E, T, A)``; that of an action is the product.
        rewards: ``(E, T)``, in units of ``reward_unit_base``.
        reward_terms: What they are made of, by name ``(E, T)`` each, base currency.
        reward_unit_base: The unit of rewards.
    """

    task: Task
    policy: str
    scenario_hash: str
    feature_names: tuple[str, ...] = field(repr=False)
    action_names: tuple[str, ...] = field(repr=False)
    choices: IntArray = field(repr=False)
    seed: int
    world: IntArray = field(repr=False)
    day: IntArray = field(repr=False)
    observations: Float32Array = field(repr=False)
    actions: IntArray = field(repr=False)
    propensity: FloatArray = field(repr=False)
    rewards: FloatArray = field(repr=False)
    reward_terms: dict[str, FloatArray] = field(repr=False)
    reward_unit_base: float

    @property
    def episodes(self) -> int:
        """Number of episodes, ``E``."""
        return len(self.world)


def record_episodes(
    task: Task,
    policy: str,
    *,
    episodes: int,
    exploration: float | None = None,
    seed: int = 0,
    first_world: int = 2**40,
    on_progress: Progress | None = None,
) -> LoggedEpisodes:
    """Play a policy and write down what it saw, chose and earned.

    Args:
        task: Scenario and objective; anchor and encoding become those of the policy.
        policy: Name of a built-in policy, a plan's file or a run's folder; ``random`` draws every notch around the
            task's anchor alike.
        episodes: Number of episodes, 1..100,000.
        exploration: Share of exploration; 0 is the policy itself. Left out, a policy that draws keeps its own share,
            and one that names decisions explores none.
        seed: Noise seed.
        first_world: Number of the first world; by default the first that is for training.
        on_progress: Called with the policy's name, episodes done and episodes in all.

    Raises:
        PolicyError: The policy is unknown, or cannot explore.
        UsageError: A number makes no sense.
    """
    if not 1 <= episodes <= MAX_EPISODES:
        raise UsageError(f"episodes is {episodes}; a number from 1 to {MAX_EPISODES:,} is wanted.")
    is_uniform = policy == RANDOM
    if is_uniform and exploration is not None:
        raise UsageError("random explores everything; leave exploration out.")
    opened = task.opened()
    anchor = task.anchor if is_uniform else policy
    acting = opened.policy(anchor)
    believed = opened.shelf.market
    behaviour = behaviour_of(acting, believed, exploration, is_uniform=is_uniform)
    own = replace(
        task,
        scenario_hash=believed.scenario.hash,
        truth_hash=opened.market.scenario.hash if task.truth else "",
        anchor=anchor,
        encoding="residual" if (names := isinstance(acting, DirectPolicy)) else task.encoding,
        form="factored" if names else task.form,
    )
    parts: list[LoggedEpisodes] = []
    for start in range(0, episodes, CHUNK_WORLDS):
        count = min(CHUNK_WORLDS, episodes - start)
        parts.append(_played(own, behaviour, count, first_world=first_world + start, seed=seed))
        if on_progress is not None:
            on_progress(behaviour.name, start + count, episodes)
    first = parts[0]
    return replace(
        first,
        world=np.concatenate([part.world for part in parts]),
        observations=np.concatenate([part.observations for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        propensity=np.concatenate([part.propensity for part in parts]),
        rewards=np.concatenate([part.rewards for part in parts]),
        reward_terms={name: np.concatenate([part.reward_terms[name] for part in parts]) for name in first.reward_terms},
    )


def _played(
    task: Task, behaviour: FactoredPolicy | TacticPolicy, worlds: int, *, first_world: int, seed: int
) -> LoggedEpisodes:
    """One batch of worlds, each an episode."""
    campaign = task.campaign(worlds, first_world=first_world, seed=seed)
    numbers = campaign.numbers(0)
    chooser = Chooser(campaign.market, behaviour, seed=seed, worlds=numbers)
    entries = campaign.encoding.choices
    assert entries is not None, "what is drawn is a choice"
    observation = campaign.reset(0)
    seen, days = [campaign.features.flat(observation)], [0]
    actions: list[IntArray] = []
    propensity: list[FloatArray] = []
    rewards: list[FloatArray] = []
    terms: dict[str, list[FloatArray]] = {}
    done = False
    while not done:
        choice = chooser.decide(observation)[1]
        drawn = choice.levels if isinstance(choice, FactorChoice) else None
        if isinstance(choice, TacticChoice):
            drawn = choice.tactic.reshape(worlds, -1)
        assert choice is not None, "every step of the environment is a decision period"
        assert drawn is not None, "levels or tactics"
        step = campaign.step(drawn)
        observation, done = step.observation, step.done
        seen.append(campaign.features.flat(observation))
        days.append(observation.day)
        actions.append(drawn)
        propensity.append(choice.propensity.reshape(worlds, -1))
        rewards.append(step.reward)
        for name, values in step.terms_base.items():
            terms.setdefault(name, []).append(values)
    return LoggedEpisodes(
        task=task,
        policy=behaviour.name,
        scenario_hash=campaign.believed.scenario.hash,
        feature_names=campaign.features.names,
        action_names=campaign.encoding.names,
        choices=entries,
        seed=seed,
        world=numbers,
        day=np.array(days, dtype=np.int64),
        observations=np.stack(seen, axis=1),
        actions=np.stack(actions, axis=1),
        propensity=np.stack(propensity, axis=1),
        rewards=np.stack(rewards, axis=1),
        reward_terms={name: np.stack(values, axis=1) for name, values in terms.items()},
        reward_unit_base=campaign.reward_unit_base,
    )
