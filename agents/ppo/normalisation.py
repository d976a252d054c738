"""Normalisation that belongs to the policy: running statistics inside the network, saved with its weights."""

import torch
from torch import nn

_LARGEST = 5.0
_SMALLEST_SD = 0.05


class RunningNorm(nn.Module):
    """``(x - mean) / sd`` by feature, with statistics over worlds, days and all cells alike.

    A feature that hardly varies is not blown up: its standard deviation counts as 0.05 at least. Results are held
    within 5.
    """

    mean: torch.Tensor
    variance: torch.Tensor
    count: torch.Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))
        self.register_buffer("count", torch.tensor(0.0))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise ``(..., features)``."""
        sd = torch.clamp(torch.sqrt(self.variance), min=_SMALLEST_SD)
        return torch.clamp((values - self.mean) / sd, -_LARGEST, _LARGEST)

    @torch.no_grad()
    def update(self, values: torch.Tensor) -> None:
        """Take in more values ``(..., features)``; parallel variance of Chan, Golub, LeVeque (1979), eq. 2.1."""
        rows = values.reshape(-1, values.shape[-1]).to(torch.float64)
        new_count = float(rows.shape[0])
        new_mean = rows.mean(dim=0)
        new_square = ((rows - new_mean) ** 2).sum(dim=0)
        old_count = float(self.count)
        total = old_count + new_count
        shift = new_mean - self.mean
        square = self.variance * old_count + new_square + shift**2 * (old_count * new_count / total)
        self.mean.copy_(self.mean + shift * (new_count / total))
        self.variance.copy_(square / total)
        self.count.fill_(total)
