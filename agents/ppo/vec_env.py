"""A batch of campaigns as a stable-baselines3 ``VecEnv``."""

from collections.abc import Iterable, Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from xbopt.agents.ppo.credit import Credit, StepParts, credit_by
from xbopt.agents.ppo.soft_constraints import SoftConstraint
from xbopt.core.arrays import FloatArray
from xbopt.env.campaign import Campaign, CampaignStep
from xbopt.env.features import Float32Array
from xbopt.env.spaces import action_space, observation_space

Infos = list[dict[str, object]]


class CampaignVecEnv(VecEnv):
    """All worlds of a campaign, reset together at the end of the horizon."""

    def __init__(
        self,
        campaign: Campaign,
        constraints: Sequence[SoftConstraint] = (),
        credit: Credit | None = None,
        step: StepParts | None = None,
    ) -> None:
        """Wrap a campaign.

        Args:
            campaign: The batch of worlds.
            constraints: Soft constraints; each costs its ``multipliers`` times its own cost.
            credit: Parts of the reward to keep; the whole where left out.
            step: Where the parts of each step's reward are left for a learner.
        """
        self.campaign, self.constraints = campaign, tuple(constraints)
        self.episode = -1
        self.render_mode = None
        self._actions: NDArray[np.float64 | np.float32 | np.int64] | None = None
        self._earned: FloatArray = np.zeros(campaign.worlds)
        self.multipliers: dict[str, float] = {one.name: 0.0 for one in self.constraints}
        self.credit = credit or credit_by("whole", campaign.encoding)
        self._step = step or StepParts()
        self.mean_reward = 0.0
        assert not self.constraints or self.credit.parts == 1, "a price on the whole campaign has no parts"
        super().__init__(campaign.worlds, observation_space(campaign.features), action_space(campaign.encoding))

    def reset(self) -> Float32Array:
        """Begin the next episode, in new worlds."""
        self.episode += 1
        self._earned = np.zeros(self.num_envs)
        for one in self.constraints:
            one.begin()
        return self.campaign.features.flat(self.campaign.reset(self.episode))

    def step_async(self, actions: NDArray[np.float64 | np.float32 | np.int64]) -> None:
        """Keep the actions until ``step_wait``."""
        self._actions = actions

    def step_wait(  # pyright: ignore[reportUnknownParameterType] - the library's own type has gaps
        self,
    ) -> VecEnvStepReturn:
        """Hold the actions for some days; after the last day the next episode begins."""
        assert self._actions is not None, "step_async comes first"
        step = self.campaign.step(self._actions)
        reward = self._priced(step)
        # With constraints the reward has a price in it that has no parts.
        self._step.rewards = reward[:, None] if self.credit.parts == 1 else self.credit.split(step.cell_reward)
        self._earned = self._earned + step.reward
        infos: Infos = [{} for _ in range(self.num_envs)]
        features = self.campaign.features.flat(step.observation)
        if step.done:
            self.mean_reward = float(self._earned.mean())
            for world, info in enumerate(infos):
                info["terminal_observation"] = features[world]
                info["episode"] = {"r": float(self._earned[world]), "l": self.campaign.steps}
            features = self.reset()
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
        """Set an attribute of the batch."""
        del indices
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: object, indices: VecEnvIndices = None, **method_kwargs: object
    ) -> list[object]:
        """Call a method of the batch once; every world gets its answer."""
        answer = getattr(self, method_name)(*method_args, **method_kwargs)
        return [answer] * len(self._rows(indices))

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
