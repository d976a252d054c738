"""A batch of campaigns as a stable-baselines3 ``VecEnv``."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from xbopt.agents.ppo.credit import Credit, StepParts
from xbopt.agents.ppo.soft_constraints import SoftConstraint
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.errors import UsageError
from xbopt.core.randomness import folded_seed
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.campaign import Campaign, CampaignStep
from xbopt.env.episodes import Episodes, cycle_of, first_seed, first_world_of, open_campaign
from xbopt.env.features import Float32Array
from xbopt.env.rendering import Frame
from xbopt.env.settings import CampaignSettings, Split
from xbopt.env.spaces import action_space, observation_space

Infos = list[dict[str, object]]
_BY_WORLD = ("action_masks",)
"""Methods that answer for every world on its own; what else is asked, is asked of the batch."""


class CampaignVecEnv(VecEnv):
    """All worlds of a campaign, reset together at the end of the horizon.

    ``seed``, and so ``PPO(seed=...)``, and ``set_options`` work from the next reset on, as in every ``VecEnv``. The
    first seed is that of all worlds, which differ by their number. Without ``seed`` it is the campaign's own.
    """

    def __init__(
        self,
        campaign: Campaign,
        constraints: Sequence[SoftConstraint] = (),
        credit: Credit | None = None,
        step: StepParts | None = None,
        *,
        render_mode: str | None = None,
    ) -> None:
        """Wrap a campaign.

        Args:
            campaign: The batch of worlds.
            constraints: Soft constraints; each costs its ``multipliers`` times its own cost.
            credit: Parts of the reward to keep; the whole where left out.
            step: Where the parts of each step's reward are left for a learner.
            render_mode: ``ansi``, ``rgb_array``, or None.
        """
        self.campaign, self.constraints = campaign, tuple(constraints)
        self._episodes = Episodes(campaign, render_mode=render_mode)
        self.render_mode = render_mode
        self.feature_names, self.action_names = campaign.features.names, campaign.encoding.names
        self._actions: NDArray[np.float64 | np.float32 | np.int64] | None = None
        self._earned: FloatArray = np.zeros(campaign.worlds)
        self.multipliers: dict[str, float] = {one.name: 0.0 for one in self.constraints}
        entries = np.zeros(len(campaign.encoding.names), dtype=np.int64)
        self.credit = credit or Credit(name="whole", parts=1, group=entries, reach=np.ones((1, 1)))
        self._step = step or StepParts()
        self.mean_reward = 0.0
        assert not self.constraints or self.credit.parts == 1, "a price on the whole campaign has no parts"
        super().__init__(campaign.worlds, observation_space(campaign.features), action_space(campaign.encoding))

    @classmethod
    def of(
        cls,
        scenario: str | Path | Scenario,
        num_envs: int = 1,
        *,
        plan: str | Path | DirectPolicy | None = None,
        settings: CampaignSettings | None = None,
        seed: int | None = None,
        split: Split = "train",
        first_world: int | None = None,
        cycle: int | None = None,
        render_mode: str | None = None,
    ) -> "CampaignVecEnv":
        """Open a batch as ``gymnasium.make_vec`` does.

        Args:
            scenario: Name of a shipped scenario, path or text of a file, or a loaded scenario.
            num_envs: Number of worlds.
            plan: What actions are relative to; the re-planner of the planner's plan where left out.
            settings: What else can be chosen. Its seed, first world and cycle are not read: they come from the options
                below.
            seed: Noise seed, of any size; from the system's entropy where left out.
            split: Which worlds are played: ``train``, ``validation`` or ``test``. They share none.
            first_world: Global number of the first world, in place of the split's.
            cycle: Number of worlds after which they begin again. Left out: 256 for validation and test, no end for
                training or with ``first_world``.
            render_mode: ``ansi``, ``rgb_array``, or None.

        Raises:
            ScenarioError: The scenario cannot be used.
            PolicyError: What actions are to be relative to cannot be used.
            UsageError: An option makes no sense.
        """
        given = first_seed(seed)
        chosen = replace(
            settings or CampaignSettings(),
            seed=secrets.randbits(63) if given is None else folded_seed(given),
            first_world=first_world_of(split, first_world),
            cycle=cycle_of(split, first_world, cycle),
        )
        return cls(open_campaign(scenario, worlds=num_envs, settings=chosen, plan=plan), render_mode=render_mode)

    @property
    def episode(self) -> int:
        """Number of the episode, from 0; -1 before the first. A learner that goes on sets it."""
        return self._episodes.episode

    @episode.setter
    def episode(self, episode: int) -> None:
        self._episodes.episode = episode

    def reset(self) -> Float32Array:
        """Begin the next episode, in new worlds; where they are a cycle, its first one: who evaluates resets first.

        Raises:
            UsageError: Options that make no sense, or that differ between worlds.
        """
        if self.campaign.settings.cycle is not None:
            self._episodes.episode = -1
        return self._next()

    def _next(self) -> Float32Array:
        seed, options = self._seeds[0], self._shared_options()
        self._reset_seeds()
        self._reset_options()
        observation = self._episodes.begin(seed, options)
        self._earned = np.zeros(self.num_envs)
        for one in self.constraints:
            one.begin()
        self.reset_infos = self._episodes.infos(0)
        return self.campaign.features.flat(observation)

    def _shared_options(self) -> Mapping[str, object]:
        given = cast("list[dict[str, object]]", self._options)
        if any(options != given[0] for options in given):
            raise UsageError("All worlds of a batch are reset together: give set_options one mapping for all of them.")
        return given[0]

    def step_async(self, actions: NDArray[np.float64 | np.float32 | np.int64]) -> None:
        """Keep the actions until ``step_wait``."""
        self._actions = actions

    def step_wait(  # pyright: ignore[reportUnknownParameterType] - the library's own type has gaps
        self,
    ) -> VecEnvStepReturn:
        """Hold the actions for some days; after the last day the next episode begins."""
        assert self._actions is not None, "step_async comes first"
        step = self._episodes.step(self._actions)
        reward = self._priced(step)
        # With constraints the reward has a price in it that has no parts.
        self._step.rewards = reward[:, None] if self.credit.parts == 1 else self.credit.split(step.cell_reward)
        self._earned = self._earned + step.reward
        infos: Infos = self._episodes.infos(step.observation.day, step.terms_base)
        features = self.campaign.features.flat(step.observation)
        if step.done:
            self.mean_reward = float(self._earned.mean())
            for world, info in enumerate(infos):
                info |= {"terminal_observation": features[world], "TimeLimit.truncated": False}
                info["episode"] = {"r": float(self._earned[world]), "l": self.campaign.steps}
            features = self._next()
        done = np.full(self.num_envs, step.done)
        return features, reward.astype(np.float32), done, infos  # pyright: ignore[reportReturnType]

    def _priced(self, step: CampaignStep) -> FloatArray:
        """The reward less the price of missed constraints, on the scale of the reward alone ``(B,)``."""
        reward, weight = step.reward, 1.0
        for one in self.constraints:
            multiplier = self.multipliers[one.name]
            reward = reward - multiplier * one.cost(step)
            weight += multiplier
        return reward / weight

    def missed(self) -> dict[str, float]:
        """By how much each constraint was missed since the last call; not above 0 where it was met."""
        return {one.name: one.missed() for one in self.constraints}

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[object]:
        """The same attribute for every world."""
        return [getattr(self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the batch.

        Raises:
            UsageError: Only some worlds are named: they share all attributes.
        """
        if set(self._rows(indices)) != set(range(self.num_envs)):
            raise UsageError(f"{attr_name} is one for all worlds of the batch; it cannot be set for some of them.")
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: object, indices: VecEnvIndices = None, **method_kwargs: object
    ) -> list[object]:
        """Call a method of the batch once; every world gets its own row of what has rows, else the one answer."""
        answer = getattr(self, method_name)(*method_args, **method_kwargs)
        rows = self._rows(indices)
        return [answer[row] for row in rows] if method_name in _BY_WORLD else [answer] * len(rows)

    def action_masks(self) -> BoolArray:
        """Which choices can be carried out this morning, one entry after the other ``(num_envs, sum(nvec))``.

        Raises:
            UsageError: Actions are numbers, or the episode is over.
        """
        return self.campaign.action_masks()

    def get_images(self) -> list[Frame | None]:
        """A picture of each campaign so far; None without ``render_mode="rgb_array"``."""
        course = self._episodes.course if self.render_mode == "rgb_array" else None
        return [None if course is None else course.picture(world) for world in range(self.num_envs)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[object, object, object, object]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """No world is wrapped in anything."""
        del wrapper_class
        return [False] * len(self._rows(indices))

    def _rows(self, indices: VecEnvIndices) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return list(indices) if isinstance(indices, Iterable) else [indices]
