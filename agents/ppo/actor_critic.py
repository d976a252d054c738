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
from torch.distributions import Normal

from xbopt.agents.ppo.choices import CellChoices
from xbopt.agents.ppo.credit import Credit
from xbopt.agents.ppo.layout import ActionLayout
from xbopt.agents.ppo.networks import FlatNetwork, SharedNetwork
from xbopt.env.actions import Actions
from xbopt.env.features import FeatureLayout, Float32Array


class CampaignActorCritic(ActorCriticPolicy):
    """An actor-critic whose exploration has one scale a group of entries."""

    group: torch.Tensor
    entry_group: torch.Tensor
    first_scale: torch.Tensor

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
        credit: Credit,
        sizes: tuple[int, ...] | None,
        use_sde: bool = False,
    ) -> None:
        assert not use_sde, "exploration is Gaussian with one scale a group"
        self._make = (features, layout, network, width, exploration, credit, sizes)
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], ortho_init=False)

    def _build(self, lr_schedule: Schedule) -> None:
        features, layout, network, width, exploration, credit, sizes = self._make
        kind = {"flat": FlatNetwork, "shared": SharedNetwork}[network]
        self.network: FlatNetwork | SharedNetwork = kind(features, layout, width, credit)
        self._sizes, self._groups = sizes, len(credit.reach)
        self.register_buffer("entry_group", torch.from_numpy(credit.group))
        # What the last ``forward`` found, for the buffer: sums are all that the library passes on.
        self.part_values, self.group_log_probs = torch.zeros(0), torch.zeros(0)
        if sizes is None:
            self.log_scale = nn.Parameter(torch.log(torch.tensor(exploration, dtype=torch.float32)))
            self.register_buffer("group", torch.from_numpy(layout.groups))
            self.register_buffer("first_scale", torch.tensor(layout.scale, dtype=torch.float32))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1.0), eps=1e-5)

    def _choices(self, features: torch.Tensor) -> CellChoices | Normal:
        parameters = self.network.parameters_of(features)
        if self._sizes is None:
            return Normal(parameters, self.log_scale[self.group].exp().expand_as(parameters), validate_args=False)
        return CellChoices(parameters, self._sizes)

    def _by_group(self, log_probs: torch.Tensor) -> torch.Tensor:
        """Log probabilities of groups ``(B, G)`` from those of entries ``(B, A)``."""
        grouped = torch.zeros(len(log_probs), self._groups, dtype=log_probs.dtype)
        return grouped.index_add(1, self.entry_group, log_probs)

    def forward(
        self,
        obs: torch.Tensor,
        deterministic: bool = False,  # noqa: FBT001, FBT002 - the library passes it by position
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Actions, values and log probabilities."""
        choices = self._choices(obs)
        actions = choices.mode if isinstance(choices, Normal) else choices.mode()
        if not deterministic:
            actions = choices.sample()
        self.part_values = self.network.values_of(obs).detach()
        self.group_log_probs = self._by_group(choices.log_prob(actions)).detach()
        return actions, self.part_values.sum(dim=1, keepdim=True), self.group_log_probs.sum(dim=1)

    def judge(self, obs: torch.Tensor, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values by part ``(B, P)``, log probabilities by group ``(B, G)`` and entropy ``(B,)`` of given actions."""
        choices = self._choices(obs)
        entropy = choices.entropy()
        return (
            self.network.values_of(obs),
            self._by_group(choices.log_prob(actions)),
            entropy.sum(dim=1) if isinstance(choices, Normal) else entropy,
        )

    def imitation_loss(self, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """How far the likeliest actions are from given ones, by entry ``(B, A)``.

        Squared differences in units of exploration for numbers, negative log likelihood for choices.
        """
        choices = self._choices(obs)
        if isinstance(choices, CellChoices):
            return -choices.log_prob(actions)
        return ((choices.mean - actions) / self.first_scale) ** 2

    @torch.no_grad()
    def likeliest(self, features: Float32Array) -> Actions:
        """The likeliest action for each row of features ``(B, A)``."""
        choices = self._choices(torch.from_numpy(features))
        if isinstance(choices, Normal):
            return np.clip(choices.mode.numpy(), -1.0, 1.0)
        return choices.mode().numpy()

    def evaluate_actions(
        self, obs: PyTorchObs, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values, log probabilities and entropy of given actions."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        values, log_probs, entropy = self.judge(obs, actions)
        return values.sum(dim=1, keepdim=True), log_probs.sum(dim=1), entropy

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """The action distribution, as the library knows it."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        parameters = self.network.parameters_of(obs)
        if isinstance(self.action_dist, DiagGaussianDistribution):
            return self.action_dist.proba_distribution(parameters, self.log_scale[self.group])
        assert isinstance(self.action_dist, MultiCategoricalDistribution), "there are two encodings"
        return self.action_dist.proba_distribution(parameters)

    def predict_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Values."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        return self.network.values_of(obs).sum(dim=1, keepdim=True)
