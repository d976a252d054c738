"""Networks from a flat row of features to the parameters of the action distribution and to a value.

Running statistics of the features are part of a network, and are saved with its weights.
"""

from typing import cast

import numpy as np
import torch
from torch import nn

from xbopt.agents.ppo.credit import Credit
from xbopt.agents.ppo.layout import ActionLayout
from xbopt.env.features import FeatureLayout

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


class FlatNetwork(nn.Module):
    """One multilayer perceptron over the whole row: for small markets."""

    bias: torch.Tensor
    scale: torch.Tensor

    def __init__(self, features: FeatureLayout, layout: ActionLayout, width: int, credit: Credit) -> None:
        super().__init__()
        size = len(features.names)
        self.norm = RunningNorm(size)
        self.actor = _perceptron(size, width)
        self.head = _silent(width, layout.parameters)
        self.critic = _perceptron(size, width)
        self.value = _silent(width, credit.parts)
        self.register_buffer("bias", torch.tensor(layout.bias, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(layout.scale, dtype=torch.float32))

    def parameters_of(self, features: torch.Tensor, *, shallow: bool = False) -> torch.Tensor:
        """Parameters of the action distribution ``(B, P)``; there is no shallow part."""
        del shallow
        return self.bias + self.scale * self.head(self.actor(self.norm(features)))

    def values_of(self, features: torch.Tensor) -> torch.Tensor:
        """Value of the state, by part of the reward ``(B, P)``."""
        return self.value(self.critic(self.norm(features)))

    def take_in(self, features: torch.Tensor) -> None:
        """Update the normalisation."""
        self.norm.update(features)


class SharedNetwork(nn.Module):
    """The same small network reads every channel of every cell, with its cell, its region and the whole around it.

    The number of weights depends on the number of features, not on the size of the market. What a cell sees of others
    are means over its channels, over a region's cells, and over regions.
    """

    bias: torch.Tensor
    scale: torch.Tensor
    order: torch.Tensor
    mixes: torch.Tensor

    def __init__(self, features: FeatureLayout, layout: ActionLayout, width: int, credit: Credit) -> None:
        super().__init__()
        self._credit, self._width = credit.name, width
        self._shape, self._widths = layout.shape, layout.widths
        names = (features.whole_names, features.region_names, features.cell_names, features.channel_names)
        self._sizes = tuple(len(block) for block in names)
        self.norms = nn.ModuleList([RunningNorm(size) for size in self._sizes])
        whole, region, cell, channel = self._sizes
        self.whole, self.region = nn.Linear(whole, width), nn.Linear(region, width)
        self.cell, self.channel = nn.Linear(cell, width), nn.Linear(channel, width)
        self.deeper = nn.Linear(width, width)
        self.to_pair, self.to_cell = nn.Linear(width, width), nn.Linear(width, width)
        self.to_region, self.to_whole = nn.Linear(width, width), nn.Linear(width, width)
        # A head also reads the features themselves: a rule that is linear in them is learnt at once.
        # That of a channel reads its cell's too: what an order of the cell is worth says how much a visit is worth.
        inputs = (width + whole, width + region, width + channel, width + cell, width + channel + cell)
        self.heads = nn.ModuleList(
            [_silent(size, outputs) for size, outputs in zip(inputs, layout.widths, strict=True) if outputs]
        )
        # A mix is judged by its channels: pooled states cannot say which of them does well.
        self._has_mixes = layout.mixes is not None
        if layout.mixes is not None:
            self.score = _silent(inputs[4], 1)
            self.register_buffer("mixes", torch.tensor(layout.mixes, dtype=torch.float32))
        # The critic judges each part of the market alike: of what lies inside a part, means are enough.
        self.critic = _perceptron(sum(self._sizes), width)
        self.value = _silent(width, 1)
        self.register_buffer("bias", torch.tensor(layout.bias, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(layout.scale, dtype=torch.float32))
        self.register_buffer("order", torch.from_numpy(np.ascontiguousarray(layout.order)))

    def parameters_of(self, features: torch.Tensor, *, shallow: bool = False) -> torch.Tensor:
        """Parameters of the action distribution ``(B, P)``.

        Args:
            features: Flat rows ``(B, N)``.
            shallow: Leave the hidden layers out, so that heads are linear in the features of what they are about.
        """
        blocks = self._normalised(features)
        whole, regions, cells, channels = blocks
        around = cells[:, :, :, None].expand(-1, -1, -1, channels.shape[3], -1)
        seen = (whole, regions, channels.mean(dim=2), cells, torch.cat([channels, around], dim=4))
        hidden = None if shallow else self._hidden(*blocks)
        states = [
            torch.cat([part.new_zeros(*part.shape[:-1], self._width) if hidden is None else hidden[i], part], dim=-1)
            for i, part in enumerate(seen)
        ]
        heads = iter(self.heads)
        outputs = [
            next(heads)(state).reshape(len(features), -1)
            for state, width in zip(states, self._widths, strict=True)
            if width
        ]
        together = torch.cat(outputs, dim=1)[:, self.order]
        if self._has_mixes:
            scores = self.score(states[4])[..., 0]
            together = together + torch.einsum("brsc,wrsc->brsw", scores, self.mixes).flatten(1)
        return self.bias + self.scale * together

    def _hidden(
        self, whole: torch.Tensor, regions: torch.Tensor, cells: torch.Tensor, channels: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Hidden states of the whole, regions, pairs of region and channel, cells, and channels of cells."""
        w = self.whole(whole)
        r = self.region(regions) + w[:, None]
        c = self.cell(cells) + r[:, :, None]
        x = torch.tanh(self.channel(channels) + c[:, :, :, None])
        x = torch.tanh(self.deeper(x))
        by_cell = torch.tanh(c + self.to_cell(x.mean(dim=3)))
        by_pair = torch.tanh(r[:, :, None] + self.to_pair(x.mean(dim=2)))
        by_region = torch.tanh(r + self.to_region(by_cell.mean(dim=2)))
        return torch.tanh(w + self.to_whole(by_region.mean(dim=1))), by_region, by_pair, by_cell, x

    def cell_features(self, features: torch.Tensor) -> torch.Tensor:
        """What the head of cells reads beside their hidden state ``(B, R, S, E)``."""
        return self._normalised(features)[2]

    @torch.no_grad()
    def set_cell_head(self, weights: torch.Tensor, constant: float) -> None:
        """Make the only output of a cell a line in its features, in units of that output ``(E,)``."""
        head = cast("nn.Linear", self.heads[sum(width > 0 for width in self._widths[:3])])
        head.weight[0, : self._width] = 0.0
        head.weight[0, self._width :] = weights
        head.bias[0] = constant

    @property
    def widths(self) -> tuple[int, int, int, int, int]:
        """Outputs of the heads for each kind of entity; 0 where there is no head."""
        return self._widths

    def values_of(self, features: torch.Tensor) -> torch.Tensor:
        """Value of the state, by part of the reward ``(B, P)``."""
        whole, regions, cells, channels = self._normalised(features)
        if self._credit == "whole":
            blocks = [whole, regions.mean(dim=1), cells.mean(dim=(1, 2)), channels.mean(dim=(1, 2, 3))]
        elif self._credit == "region":
            wide = whole[:, None].expand(-1, regions.shape[1], -1)
            blocks = [wide, regions, cells.mean(dim=2), channels.mean(dim=(2, 3))]
        else:
            wide = whole[:, None, None].expand(-1, *cells.shape[1:3], -1)
            by_cell = regions[:, :, None].expand(-1, -1, cells.shape[2], -1)
            blocks = [wide, by_cell, cells, channels.mean(dim=3)]
        return self.value(self.critic(torch.cat(blocks, dim=-1))).flatten(1)

    def take_in(self, features: torch.Tensor) -> None:
        """Update the normalisation."""
        for norm, block in zip(self.norms, self._blocks(features), strict=True):
            cast("RunningNorm", norm).update(block)

    def _normalised(self, features: torch.Tensor) -> list[torch.Tensor]:
        return [norm(block) for norm, block in zip(self.norms, self._blocks(features), strict=True)]

    def _blocks(self, features: torch.Tensor) -> list[torch.Tensor]:
        regions, segments, channels = self._shape
        counts = (1, regions, regions * segments, regions * segments * channels)
        sizes = [count * size for count, size in zip(counts, self._sizes, strict=True)]
        whole, by_region, by_cell, by_channel = torch.split(features, sizes, dim=1)
        worlds = len(features)
        return [
            whole,
            by_region.reshape(worlds, regions, -1),
            by_cell.reshape(worlds, regions, segments, -1),
            by_channel.reshape(worlds, regions, segments, channels, -1),
        ]


def _perceptron(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())


def _silent(inputs: int, outputs: int) -> nn.Linear:
    """A last layer that says nothing before training: the untrained policy is the plan."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


Network = FlatNetwork | SharedNetwork
