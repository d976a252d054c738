"""Learning from branches: the network's locations are where the notches bring most.

Near its best level a notch's gain is a parabola, ``g(n) = k (n mu - n^2 / 2)`` with its top at ``mu``. A cell's gain is
the sum of those of its channels and of its region's timing, each in proportion to the money that it is about.
The network says ``mu`` from what is seen, and small models beside it say the curvature ``k``; both are fitted to
measured gains by least squares. Worlds that look alike differ in what they hide, so ``mu`` comes to say what is best on
average over them: how far a reading is to be trusted is learnt with it.
"""

import numpy as np
import torch
from torch import nn

from xbopt.agents.ppo.branches import BranchRows
from xbopt.agents.ppo.networks import Network
from xbopt.core.decisions.factors import Factors

_BATCH = 256
_LARGEST_NORM = 1.0
_FIRST_CURVATURE = {"timing": 0.02, "spend": 0.03}
_LEAST_SHARE = 0.01
_DECAY = 1e-4


class _Curvature(nn.Module):
    """The curvature of a kind: one number, and one a factor that is drawn towards none."""

    def __init__(self, kind: str, factors: int) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(float(np.log(_FIRST_CURVATURE[kind]))))
        self.own = nn.Parameter(torch.zeros(factors))

    def forward(self) -> torch.Tensor:
        """By factor, above 0."""
        return torch.exp(self.level + torch.tanh(self.own))


class BranchLearner:
    """Fits a network's locations to branches.

    Args:
        network: The network.
        factors: What its locations are of.
        shape: ``(R, S, C)``.
    """

    def __init__(self, network: Network, factors: Factors, shape: tuple[int, int, int]) -> None:
        self._network, self._shape = network, shape
        self._neutral = torch.from_numpy(factors.neutral.astype(np.float32))
        self._at = {kind: [i for i, own in enumerate(factors.kinds) if own == kind] for kind in _FIRST_CURVATURE}
        self._curvatures = nn.ModuleDict({kind: _Curvature(kind, len(at)) for kind, at in self._at.items()})

    @property
    def curvatures(self) -> dict[str, torch.Tensor]:
        """The curvatures as they stand; with the network's weights all that is learnt."""
        return self._curvatures.state_dict()

    def go_on_with(self, curvatures: dict[str, torch.Tensor]) -> None:
        """Take curvatures from before a break.

        Raises:
            RuntimeError: They are of other factors.
        """
        self._curvatures.load_state_dict(curvatures)

    def _explained(self, features: torch.Tensor, notches: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
        """Gain of cells over the money that the anchor spends in them ``(N, R, S)``."""
        mu = self._network.parameters_of(features, shallow=True) - self._neutral
        parabola = notches * mu - 0.5 * notches**2
        rows = len(features)
        by_kind = {kind: parabola[:, at] * self._curvatures[kind]() for kind, at in self._at.items()}
        spend = by_kind["spend"].reshape(rows, *self._shape)
        gain = (spend * shares).sum(dim=3)
        return gain + by_kind["timing"].reshape(rows, self._shape[0], 1)

    def fit(self, rows: BranchRows, *, steps: int, learning_rate: float, generator: np.random.Generator) -> float:
        """Fit to all rows.

        Args:
            rows: The branches.
            steps: Gradient steps; the learning rate falls to 0 over them (cosine).
            learning_rate: The first learning rate.
            generator: Of the order of rows.

        Returns:
            The share of the gains' squares that is not explained, over the last tenth of the steps.
        """
        money = rows.money_base.sum(axis=3)
        # A cell counts as its money: errors of large ones cost most. Those with next to none say nothing.
        weight = np.where(money > _LEAST_SHARE * money.mean(), money / money.mean(), 0.0)
        safe = np.where(weight > 0.0, money, 1.0)
        arrays = (rows.features, rows.notches, rows.money_base / safe[..., None], rows.gain_base / safe, weight)
        tensors = [torch.from_numpy(np.asarray(array, dtype=np.float32)) for array in arrays]
        network = list(self._network.parameters())
        weights = [*network, *self._curvatures.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        unexplained: list[float] = []
        for _ in range(steps):
            chosen = torch.from_numpy(generator.integers(0, len(rows.features), size=min(_BATCH, len(rows.features))))
            features, notches, shares, gain, counts = (tensor[chosen] for tensor in tensors)
            square = (counts * (self._explained(features, notches, shares) - gain) ** 2).sum()
            share = square / torch.clamp((counts * gain**2).sum(), min=1e-12)
            optimizer.zero_grad()
            share.backward()
            torch.nn.utils.clip_grad_norm_(weights, _LARGEST_NORM)
            optimizer.step()
            schedule.step()
            unexplained.append(float(share.detach()))
        return float(np.mean(unexplained[-max(steps // 10, 1) :]))
