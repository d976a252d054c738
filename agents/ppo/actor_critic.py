"""The policy class that stable-baselines3 trains: our networks, its distributions."""

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    DiagGaussianDistribution,
    Distribution,
    MultiCategoricalDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import nn

from xbopt.agents.ppo.layout import ActionLayout
from xbopt.agents.ppo.networks import FlatNetwork, SharedNetwork
from xbopt.env.actions import Actions
from xbopt.env.features import FeatureLayout, Float32Array


class CampaignActorCritic(ActorCriticPolicy):
    """An actor-critic whose exploration has one scale a group of entries."""

    group: torch.Tensor

    def __init__(
        self,
        observation_space: spaces.Space[np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
        action_space: spaces.Space[np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
        lr_schedule: Schedule,
        *,
        features: FeatureLayout,
        layout: ActionLayout,
        network: str,
        width: int,
        exploration: tuple[float, ...],
        use_sde: bool = False,
    ) -> None:
        assert not use_sde, "exploration is Gaussian with one scale a group"
        self._make = (features, layout, network, width, exploration)
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], ortho_init=False)

    def _build(self, lr_schedule: Schedule) -> None:
        features, layout, network, width, exploration = self._make
        kind = {"flat": FlatNetwork, "shared": SharedNetwork}[network]
        self.network: FlatNetwork | SharedNetwork = kind(features, layout, width)
        if isinstance(self.action_dist, DiagGaussianDistribution):
            self.log_scale = nn.Parameter(torch.log(torch.tensor(exploration, dtype=torch.float32)))
            self.register_buffer("group", torch.from_numpy(layout.groups))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1.0), eps=1e-5)

    def _distribution(self, features: torch.Tensor) -> Distribution:
        parameters = self.network.parameters_of(features)
        if isinstance(self.action_dist, DiagGaussianDistribution):
            return self.action_dist.proba_distribution(parameters, self.log_scale[self.group])
        assert isinstance(self.action_dist, MultiCategoricalDistribution), "there are two encodings"
        return self.action_dist.proba_distribution(parameters)

    def forward(
        self,
        obs: torch.Tensor,
        deterministic: bool = False,  # noqa: FBT001, FBT002 - the library passes it by position
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions, values and log probabilities."""
        distribution = self._distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.network.value_of(obs), distribution.log_prob(actions)

    @torch.no_grad()
    def likeliest(self, features: Float32Array) -> Actions:
        """The likeliest action for each row of features ``(B, A)``."""
        actions: Actions = self._distribution(torch.from_numpy(features)).mode().numpy()
        return np.clip(actions, -1.0, 1.0) if isinstance(self.action_space, spaces.Box) else actions

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values, log probabilities and entropy of given actions."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        distribution = self._distribution(obs)
        return self.network.value_of(obs), distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """The action distribution."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        return self._distribution(obs)

    def predict_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Values."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        return self.network.value_of(obs)
