"""A batch of campaigns as a stable-baselines3 ``VecEnv``."""

from collections.abc import Iterable, Sequence

import gymnasium
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from xbopt.core.axes import FloatArray
from xbopt.env.campaign import Campaign, CampaignStep
from xbopt.env.features import Float32Array
from xbopt.env.spaces import action_space, observation_space
from xbopt.simulator.money import TERMS

Infos = list[dict[str, object]]


class CampaignVecEnv(VecEnv):
    """All worlds of a campaign, reset together at the end of the horizon."""

    def __init__(self, campaign: Campaign, roi_floor: float | None = None) -> None:
        """Wrap a campaign.

        Args:
            campaign: The batch of worlds.
            roi_floor: Margin per unit of media spend to aim for; missing it costs ``multiplier`` times the gap.
        """
        self.campaign, self.roi_floor = campaign, roi_floor
        self.episode = -1
        self.render_mode = None
        self._actions: NDArray[np.float64 | np.float32 | np.int64] | None = None
        self._earned: FloatArray = np.zeros(campaign.worlds)
        self._margin_base, self._media_base = 0.0, 0.0
        self.multiplier, self.mean_reward = 0.0, 0.0
        super().__init__(campaign.worlds, observation_space(campaign.features), action_space(campaign.encoding))

    def reset(self) -> Float32Array:
        """Begin the next episode, in new worlds."""
        self.episode += 1
        self._earned = np.zeros(self.num_envs)
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
        """The reward less the price of missing the ROI floor, on the scale of the reward alone ``(B,)``."""
        if self.roi_floor is None:
            return step.reward
        media = -step.terms_base["media"]
        margin = sum((step.terms_base[name] for name in TERMS), np.zeros(self.num_envs))
        self._margin_base += float(margin.sum())
        self._media_base += float(media.sum())
        missed = (self.roi_floor * media - margin) / self.campaign.reward_unit_base
        return (step.reward - self.multiplier * missed) / (1.0 + self.multiplier)

    def floor_missed(self) -> float:
        """By how much the return on media spend fell short of the floor since the last call; negative where kept."""
        missed = (self.roi_floor or 0.0) - self._margin_base / max(self._media_base, 1e-9)
        self._margin_base, self._media_base = 0.0, 0.0
        return missed

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
