"""What a policy saw at a decision, as a decision log holds it, and back again.

``context`` holds the features of a row's region and cell. ``observation`` adds the rest: the day, the money left, and
the features of the cell's channels. The rows of all cells of one moment hold the whole observation. Numbers are kept in
full (float64), so that a policy asked from the log answers as it did on the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, Self, runtime_checkable

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.policy import FactoredPolicy, Observation, TacticPolicy
from xbopt.core.errors import PolicyError

_MONEY = ("day", "budget_base", "region_base")


def observation_names(channels: Sequence[str], channel_features: Sequence[str]) -> tuple[str, ...]:
    """Names of a row's observation ``(o,)``; money is in base currency, infinite where there is no cap."""
    return (
        *_MONEY,
        *(f"channel_base/{channel}" for channel in channels),
        *(f"{channel}/{name}" for channel in channels for name in channel_features),
    )


def observation_rows(day: IntArray, left: Remaining, channels: FloatArray) -> FloatArray:
    """The observation of each cell ``(B, R, S, o)``.

    Args:
        day: Day of the horizon ``(B,)``.
        left: What may still be spent.
        channels: Features of channels ``(B, R, S, C, E)``; E may be 0.
    """
    shape = channels.shape[:3]

    def by_cell(values: FloatArray) -> FloatArray:
        return np.broadcast_to(values, (*shape, values.shape[3]))

    return np.concatenate(
        [
            by_cell(day.astype(np.float64)[:, None, None, None]),
            by_cell(left.budget_base[:, None, None, None]),
            by_cell(left.region_base[:, :, None, None]),
            by_cell(left.channel_base[:, None, None, :]),
            channels.reshape(*shape, -1),
        ],
        axis=3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketAxes:
    """The names and days that give the rows of a log their places in an observation.

    Attributes:
        regions: ``(R,)``.
        segments: ``(S,)``.
        channels: ``(C,)``.
        start: First day of the horizon.
        days: Length of the horizon.
        region_features: Features of regions that the policy knows ``(F,)``.
        cell_features: Features of cells ``(G,)``.
        channel_features: Features of channels ``(E,)``; empty where the policy reads none.
    """

    regions: tuple[str, ...]
    segments: tuple[str, ...]
    channels: tuple[str, ...]
    start: date
    days: int
    region_features: tuple[str, ...]
    cell_features: tuple[str, ...]
    channel_features: tuple[str, ...]

    @property
    def cells(self) -> int:
        """Number of cells, ``R S``."""
        return len(self.regions) * len(self.segments)


@runtime_checkable
class StandsAlone(Protocol):
    """Brings all that is needed to ask a policy: no scenario has to be loaded."""

    @property
    def axes(self) -> MarketAxes:
        """The market it decides for."""
        ...

    @property
    def scenario_hash(self) -> str:
        """Hash of its scenario."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of what it was read from."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its evaluation should know."""
        ...


@runtime_checkable
class StandAlonePolicy(TacticPolicy, StandsAlone, Protocol):
    """A policy over a menu that stands alone."""


@runtime_checkable
class StandAloneFactoredPolicy(FactoredPolicy, StandsAlone, Protocol):
    """A policy of factors that stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedRows:
    """Rows of a log that can be put together to observations.

    Attributes:
        axes: The market.
        cell: Position of each row's cell, regions first ``(n,)``.
        moment: Number of the moment that each row belongs to, from 0 ``(n,)``.
        context: Features of region and cell ``(n, F + G)``.
        seen: Day, money and features of channels ``(n, o)``, as ``observation_names`` says.
    """

    axes: MarketAxes
    cell: IntArray
    moment: IntArray
    context: FloatArray
    seen: FloatArray

    @classmethod
    def of(
        cls,
        axes: MarketAxes,
        *,
        moment: IntArray,
        context: FloatArray,
        context_names: Sequence[str],
        observation: FloatArray,
        names: Sequence[str],
    ) -> Self:
        """Pick what the policy reads, by name.

        Args:
            axes: The market.
            moment: Number of the moment of each row ``(n,)``.
            context: ``(n, d)``.
            context_names: ``(d,)``.
            observation: ``(n, o)``.
            names: ``(o,)``.

        Raises:
            PolicyError: The log lacks something that the policy reads, or is of another market.
        """
        regions = _picked(context, context_names, [f"region_{name}" for name in axes.regions])
        segments = _picked(context, context_names, [f"segment_{name}" for name in axes.segments])
        if not bool(((regions == 1.0).sum(axis=1) == 1).all() and ((segments == 1.0).sum(axis=1) == 1).all()):
            raise PolicyError("The columns region_* and segment_* of the context should mark exactly one cell a row.")
        return cls(
            axes=axes,
            cell=regions.argmax(axis=1) * len(axes.segments) + segments.argmax(axis=1),
            moment=moment,
            context=_picked(context, context_names, [*axes.region_features, *axes.cell_features]),
            seen=_picked(observation, names, observation_names(axes.channels, axes.channel_features)),
        )

    def observations(self, *, own_cell_only: bool) -> "list[tuple[IntArray, Observation]]":
        """What was seen, one batch a day, and the rows ``(m,)`` in it, whose places are ``world`` and ``cell``.

        Args:
            own_cell_only: Whether the answer for a cell depends on that cell alone; the others may then be missing, and
                one that is there stands for them.

        Raises:
            PolicyError: The rows of one moment contradict each other.
        """
        found: list[tuple[IntArray, Observation]] = []
        day = self.seen[:, 0]
        for today in np.unique(day).tolist():
            if not (0 <= today < self.axes.days and today == int(today)):
                raise PolicyError(
                    f"The log's day {today:g} does not lie within the {self.axes.days} days of the market."
                )
            rows = np.flatnonzero(day == today)
            found.append((rows, self._observation(int(today), rows, own_cell_only=own_cell_only)))
        return found

    def world(self, rows: IntArray) -> IntArray:
        """Number of each row's moment among those of its batch ``(m,)``."""
        return np.unique(self.moment[rows], return_inverse=True)[1]

    def _observation(self, day: int, rows: IntArray, *, own_cell_only: bool) -> Observation:
        axes, world, cell = self.axes, self.world(rows), self.cell[rows]
        worlds, cells = int(world.max()) + 1, axes.cells
        row_of = np.full((worlds, cells), -1)
        row_of[world, cell] = rows
        if np.count_nonzero(row_of >= 0) != len(rows):
            raise PolicyError("Two rows of one decision are about the same cell; the log's decisions are mixed up.")
        if (row_of < 0).any():
            assert own_cell_only, "decisions that are about a part of the cells are not asked about"
            # A cell of the same region first: it knows the region's features.
            by_region = row_of.reshape(worlds, len(axes.regions), -1)
            near = np.where(by_region < 0, by_region.max(axis=2, keepdims=True), by_region).reshape(worlds, cells)
            row_of = np.where(near < 0, near.max(axis=1, keepdims=True), near)
        regions, segments, channels = len(axes.regions), len(axes.segments), len(axes.channels)
        shape = (worlds, regions, segments)
        context, seen = self.context[row_of].reshape(*shape, -1), self.seen[row_of].reshape(*shape, -1)
        known, money = len(axes.region_features), len(_MONEY)
        return Observation(
            day=day,
            days=axes.days,
            date=axes.start + timedelta(days=day),
            remaining=Remaining(
                budget_base=seen[:, 0, 0, 1],
                region_base=seen[:, :, 0, 2],
                channel_base=seen[:, 0, 0, money : money + channels],
            ),
            regions=context[:, :, 0, :known],
            cells=context[..., known:],
            channels=seen[..., money + channels :].reshape(*shape, channels, -1),
            region_names=axes.region_features,
            cell_names=axes.cell_features,
            channel_names=axes.channel_features,
        )


def _picked(values: FloatArray, names: Sequence[str], wanted: Sequence[str]) -> FloatArray:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise PolicyError(
            f"The log does not hold {missing[0]!r}, which the policy reads"
            + (f" ({len(missing)} such fields)" if len(missing) > 1 else "")
            + ": it is of another market, of another version of xbopt, or of a policy that was told less."
        )
    position = {name: place for place, name in enumerate(names)}
    return values[:, [position[name] for name in wanted]]
