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

from xbopt.agents.ppo.credit import StepParts
from xbopt.agents.ppo.ordinal_choices import OrdinalChoices
from xbopt.agents.ppo.policy import PolicyParts
from xbopt.core.decisions.factors import FactorKind
from xbopt.env.actions import Actions
from xbopt.env.features import Float32Array
from xbopt.env.residual_actions import ResidualActions
from xbopt.env.tactic_actions import TacticActions


class CellChoices:
    """Independent categorical choices in every cell: ``(B, A)`` from logits ``(B, P)``, in the order cells, components.

    stable-baselines3 keeps one distribution an entry. A menu of four components in 24 cells is 96 of them, and each is
    several small tensor operations. Cells have the same components, so one operation a component does.

    Args:
        logits: ``(B, P)``, for each cell the components' logits one after the other.
        sizes: Number of choices of each component of a cell ``(D,)``.
    """

    def __init__(self, logits: torch.Tensor, sizes: tuple[int, ...]) -> None:
        by_cell = logits.reshape(len(logits), -1, sum(sizes))
        self._log = [torch.log_softmax(part, dim=2) for part in torch.split(by_cell, list(sizes), dim=2)]

    def sample(self) -> torch.Tensor:
        """Draws."""
        rows, cells, _ = self._log[0].shape
        drawn = [torch.multinomial(log.exp().flatten(0, 1), 1).reshape(rows, cells) for log in self._log]
        return torch.stack(drawn, dim=2).flatten(1)

    def mode(self) -> torch.Tensor:
        """The likeliest choices; the first of equals."""
        return torch.stack([log.argmax(dim=2) for log in self._log], dim=2).flatten(1)

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """Log probability of each entry ``(B, A)``."""
        chosen = actions.long().reshape(len(actions), -1, len(self._log))
        own = [log.gather(2, chosen[:, :, d : d + 1])[:, :, 0] for d, log in enumerate(self._log)]
        return torch.stack(own, dim=2).flatten(1)

    def entropy(self) -> torch.Tensor:
        """Entropy of all entries together ``(B,)``."""
        return -torch.stack([(log.exp() * log).sum(dim=(1, 2)) for log in self._log]).sum(dim=0)


class CampaignActorCritic(ActorCriticPolicy):
    """An actor-critic whose exploration has one scale a group of entries."""

    group: torch.Tensor
    entry_group: torch.Tensor
    first_scale: torch.Tensor
    exists: torch.Tensor

    def __init__(
        self,
        observation_space: spaces.Space[np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
        action_space: spaces.Space[np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
        lr_schedule: Schedule,
        *,
        parts: PolicyParts,
        step: StepParts,
        use_sde: bool = False,
    ) -> None:
        """See ``ActorCriticPolicy``.

        Args:
            observation_space: The library's.
            action_space: The library's.
            lr_schedule: The library's.
            parts: The policy that is trained.
            step: Where values and log probabilities by part are left for the buffer.
            use_sde: The library's.
        """
        assert not use_sde, "exploration is Gaussian with one scale a group"
        self._parts, self._step = parts, step
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], ortho_init=False)

    def _build(self, lr_schedule: Schedule) -> None:
        parts = self._parts
        self.network = parts.network
        self._sizes = parts.encoding.components.sizes if isinstance(parts.encoding, TacticActions) else None
        self.register_buffer("entry_group", torch.from_numpy(parts.credit.group))
        self._ordinal = isinstance(parts.encoding, ResidualActions)
        if isinstance(parts.encoding, ResidualActions):
            self.register_buffer("exists", torch.from_numpy(parts.encoding.factors.exists))
        if self._sizes is None:
            self.log_scale = nn.Parameter(torch.log(torch.tensor(parts.settings.exploration, dtype=torch.float32)))
            self.register_buffer("group", torch.from_numpy(parts.layout.groups))
            self.register_buffer("first_scale", torch.tensor(parts.layout.scale, dtype=torch.float32))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1.0), eps=1e-5)

    @torch.no_grad()
    def learn_only(self, kinds: tuple[FactorKind, ...]) -> None:
        """Hold all factors of other kinds at neutral, in play and in what is saved; for residual encodings."""
        encoding = self._parts.encoding
        assert isinstance(encoding, ResidualActions), "the other encodings have no neutral level of a kind"
        factors = encoding.factors
        is_open = torch.tensor([kind in kinds for kind in factors.kinds])
        neutral = torch.from_numpy(np.arange(self.exists.shape[1]) == factors.neutral[:, None])
        self.network.scale.copy_(torch.where(is_open, self.first_scale, 0.0))
        self.exists.copy_(torch.where(is_open[:, None], torch.from_numpy(factors.exists), neutral))

    @property
    def learns_discounts(self) -> bool:
        """Whether discounts may leave the neutral level, where there is one."""
        places = self.group == self._parts.layout.group_names.index("discount")
        return bool(self.network.scale[places].any())

    def _choices(self, features: torch.Tensor) -> CellChoices | OrdinalChoices | Normal:
        parameters = self.network.parameters_of(features)
        if self._ordinal:
            return OrdinalChoices(parameters, self.log_scale.exp()[self.group], self.exists)
        if self._sizes is None:
            return Normal(parameters, self.log_scale[self.group].exp().expand_as(parameters), validate_args=False)
        return CellChoices(parameters, self._sizes)

    def _by_group(self, log_probs: torch.Tensor) -> torch.Tensor:
        """Log probabilities of groups ``(B, G)`` from those of entries ``(B, A)``."""
        grouped = torch.zeros(len(log_probs), len(self._parts.credit.reach), dtype=log_probs.dtype)
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
        values = self.network.values_of(obs).detach()
        log_probs = self._by_group(choices.log_prob(actions)).detach()
        self._step.values, self._step.log_probs = values.numpy(), log_probs.numpy()
        return actions, values.sum(dim=1, keepdim=True), log_probs.sum(dim=1)

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
        if not isinstance(choices, Normal):
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
        assert isinstance(self.action_dist, MultiCategoricalDistribution), "all other entries are choices"
        choices = self._choices(obs)
        return self.action_dist.proba_distribution(
            choices.library_logits if isinstance(choices, OrdinalChoices) else parameters
        )

    def predict_values(self, obs: PyTorchObs) -> torch.Tensor:
        """Values."""
        assert isinstance(obs, torch.Tensor), "observations are flat rows"
        return self.network.values_of(obs).sum(dim=1, keepdim=True)
