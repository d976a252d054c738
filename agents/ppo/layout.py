"""Which part of the market each entry of an action belongs to: what lets one small network read every cell alike."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.env.actions import Encoding
from xbopt.env.continuous_actions import ContinuousActions
from xbopt.env.features import FeatureLayout
from xbopt.env.residual_actions import ResidualActions
from xbopt.env.tactic_actions import TacticActions

_LEAST_EDGE = 0.05
ENTITIES: tuple[str, ...] = ("whole", "region", "region_channel", "cell", "channel")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLayout:
    """Outputs of the heads, and where they stand in the flat parameters of the action distribution.

    Attributes:
        shape: ``(R, S, C)``.
        widths: Outputs for each of ``ENTITIES``.
        order: Position, among all heads' outputs one after the other, of each parameter of the distribution ``(P,)``.
        groups: Group of each parameter, which shares one exploration scale ``(P,)``.
        group_names: ``(Q,)``.
        bias: Parameters of the untrained policy, which is the plan ``(P,)``.
        scale: What one unit of a head's output moves a parameter by ``(P,)``: its first exploration scale, so that one
            learning rate suits entries that are explored widely and those that are hardly moved.
        mixes: How much of each channel is in what a cell's output chooses ``(W, R, S, C)``, for tactics: a choice of a
            mix is as good as the channels in it. None where channels have outputs of their own.
    """

    shape: tuple[int, int, int]
    widths: tuple[int, int, int, int, int]
    order: IntArray
    groups: IntArray
    group_names: tuple[str, ...]
    bias: tuple[float, ...]
    scale: tuple[float, ...]
    mixes: FloatArray | None = None

    @property
    def parameters(self) -> int:
        """Number of parameters of the action distribution, ``P``."""
        return len(self.order)


def action_layout(
    encoding: Encoding, features: FeatureLayout, *, neutral_share: float, exploration: tuple[float, ...]
) -> ActionLayout:
    """The layout of an encoding.

    Args:
        encoding: The encoding.
        features: Names the market's shape.
        neutral_share: Probability of each component's neutral choice before any training, for tactics.
        exploration: First standard deviation of pace, spend, dayparts (timing) and discount, in units of an entry: its
            range for continuous actions, a level for residual ones.
    """
    if isinstance(encoding, TacticActions):
        return _tactic_layout(encoding, features.shape, neutral_share)
    if isinstance(encoding, ResidualActions):
        return _residual_layout(encoding, features.shape, exploration)
    assert isinstance(encoding, ContinuousActions), "there are three encodings"
    return _continuous_layout(encoding, exploration)


def _tactic_layout(encoding: TacticActions, shape: tuple[int, int, int], neutral_share: float) -> ActionLayout:
    """One vector of logits a cell, component after component."""
    cells, sizes = shape[0] * shape[1], encoding.components.sizes
    width = sum(sizes)
    neutral = encoding.components.choice[encoding.menu.neutral]
    row: list[float] = []
    for size, choice in zip(sizes, neutral, strict=True):
        # The log-odds at which one choice has its share and the others split the rest. The untrained policy is the
        # plan, so the neutral choice stays the likeliest whatever its share.
        edge = float(np.log(neutral_share * (size - 1) / (1.0 - neutral_share))) if size > 1 else 0.0
        edge = max(edge, _LEAST_EDGE)
        row += [edge if position == choice else 0.0 for position in range(size)]
    return ActionLayout(
        shape=shape,
        widths=(0, 0, 0, width, 0),
        order=np.arange(cells * width, dtype=np.int64),
        groups=np.zeros(cells * width, dtype=np.int64),
        group_names=("logits",),
        bias=tuple(row * cells),
        scale=(1.0,) * (cells * width),
        mixes=_channels_of_choices(encoding),
    )


def _channels_of_choices(encoding: TacticActions) -> FloatArray:
    """Channel weights of each output of a cell ``(W, R, S, C)``; 0 for outputs that choose no mix."""
    components, menu = encoding.components, encoding.menu.base
    parts: list[FloatArray] = []
    for position, (name, size) in enumerate(zip(components.names, components.sizes, strict=True)):
        part = np.zeros((size, *menu.mixes.shape[1:]))
        if name in ("mix", "tactic"):
            part[components.choice[:, position]] = menu.mixes[menu.mix]
        parts.append(part)
    return np.concatenate(parts)


def _residual_layout(
    encoding: ResidualActions, shape: tuple[int, int, int], exploration: tuple[float, ...]
) -> ActionLayout:
    """One location a factor: of the whole, of regions, of cells, of channels, the order in which factors stand."""
    factors = encoding.factors
    kinds = ("pace", "spend", "timing", "discount")
    groups = np.array([kinds.index(kind) for kind in factors.kinds], dtype=np.int64)
    return ActionLayout(
        shape=shape,
        widths=(1, 1, 0, 1, 1),
        order=np.arange(len(factors), dtype=np.int64),
        groups=groups,
        group_names=kinds,
        bias=tuple(float(level) for level in factors.neutral),
        scale=tuple(exploration[kinds.index(kind)] for kind in factors.kinds),
    )


def _continuous_layout(encoding: ContinuousActions, exploration: tuple[float, ...]) -> ActionLayout:
    regions, segments, channels, hours = encoding.shape
    full = encoding.form == "full"
    widths = (1, 0, hours, 1, 1) if full else (1, 1, 1, 2, 0)
    counts = (1, regions, regions * channels, regions * segments, regions * segments * channels)
    starts = np.concatenate([[0], np.cumsum([n * w for n, w in zip(counts, widths, strict=True)])])

    def outputs(entity: int) -> IntArray:
        return np.arange(starts[entity], starts[entity + 1], dtype=np.int64).reshape(counts[entity], widths[entity])

    pace, by_cell = outputs(0)[:, 0], outputs(3)
    if full:
        parts = [pace, outputs(4)[:, 0], outputs(2).ravel(), by_cell[:, 0]]
        sizes = [len(part) for part in parts]
    else:
        parts = [pace, outputs(2)[:, 0], by_cell[:, 0], outputs(1)[:, 0], by_cell[:, 1]]
        sizes = [1, len(parts[1]) + len(parts[2]), len(parts[3]), len(parts[4])]
    groups = np.repeat(np.arange(4), sizes)
    return ActionLayout(
        shape=(regions, segments, channels),
        widths=widths,
        order=np.concatenate(parts),
        groups=groups,
        group_names=("pace", "spend", "dayparts", "discount"),
        bias=(0.0,) * len(encoding.names),
        scale=tuple(exploration[group] for group in groups),
    )


def entry_places(encoding: Encoding) -> IntArray:
    """Region, segment and channel of each entry of an action ``(A, 3)``; -1 where an entry is about all of them."""
    if isinstance(encoding, TacticActions):
        regions, segments = encoding.menu.base.cell_share.shape
        return np.repeat(_grid(regions, segments, None), len(encoding.components.sizes), axis=0)
    if isinstance(encoding, ResidualActions):
        return encoding.factors.places
    assert isinstance(encoding, ContinuousActions), "there are three encodings"
    regions, segments, channels, hours = encoding.shape
    whole, region = _grid(None, None, None), _grid(regions, None, None)
    pair, cell = _grid(regions, None, channels), _grid(regions, segments, None)
    if encoding.form == "full":
        parts = [whole, _grid(regions, segments, channels), np.repeat(pair, hours, axis=0), cell]
    else:
        parts = [whole, pair, cell, region, cell]
    return np.concatenate(parts)


def _grid(regions: int | None, segments: int | None, channels: int | None) -> IntArray:
    """All places along the axes that are given, the last one fastest ``(n, 3)``; -1 along the others."""
    sizes = (regions, segments, channels)
    places = np.indices([1 if size is None else size for size in sizes]).reshape(3, -1).T
    return places.astype(np.int64) - np.array([size is None for size in sizes], dtype=np.int64)
