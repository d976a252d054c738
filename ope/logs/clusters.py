"""Which rows of a log share luck, and count as one cluster in every interval.

What was said counts first: a column of the role ``cluster``, or blocks of days. Otherwise, of a log of ours the
episode, and of a foreign one

1. the ``unit`` (customer, market), since arms are often drawn by it and its rewards are alike;
2. where several units run in one episode, the ``episode_id``: they share a market and a budget;
3. without a unit, the ``episode_id``;
4. the next finer group, if these are fewer than ``ENOUGH_CLUSTERS`` and actions within them are seen to be drawn anew:
   of units the episode, then the step of an episode, then the day.

Rule 4 is that of a log of ours with few episodes: there every decision is drawn by itself, so that the step is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import IntArray
from xbopt.core.decision_log.schema import TimeArray
from xbopt.core.errors import DecisionLogError

ENOUGH_CLUSTERS = 30
"""With fewer of them, a finer group of rows is taken where draws are seen to be independent."""

ClusterKind = Literal["rows", "column", "unit", "episode", "step of an episode", "days"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRule:
    """How the cluster of a row is found.

    Attributes:
        kind: ``rows`` where all rows are independent.
        days: Length of a block of days.
        origin: Midnight before the log's first decision, where blocks of days begin.
    """

    kind: ClusterKind = "rows"
    days: int = 1
    origin: np.datetime64 | None = None

    def codes(
        self,
        *,
        column: IntArray | None = None,
        unit: IntArray | None = None,
        run: IntArray | None = None,
        step: IntArray | None = None,
        decided: TimeArray | None = None,
    ) -> IntArray | None:
        """A number for the cluster of each row ``(n,)``, from what the log says of the row; None for ``rows``."""
        match self.kind:
            case "rows":
                return None
            case "column":
                found = column
            case "unit":
                found = unit
            case "episode":
                found = run
            case "step of an episode":
                found = None if run is None or step is None else paired(run, step)
            case "days":
                found = None if decided is None else self._blocks(decided)
        if found is None:
            raise DecisionLogError(f"The log lacks what clusters by {self.kind} need.")
        return found

    def _blocks(self, decided: TimeArray) -> IntArray:
        since = decided - (decided.min() if self.origin is None else self.origin)
        return np.floor_divide(since, np.timedelta64(self.days, "D")).astype(np.int64)

    def name(self, *, column: str = "", unit: str = "unit") -> str:
        """What rows of one cluster share, given the names of the columns; empty for ``rows``."""
        if self.kind == "days":
            return "day" if self.days == 1 else f"block of {self.days} days"
        return {"rows": "", "column": column, "unit": unit}.get(self.kind, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCounts:
    """What a foreign log names that rows may share, and how many there are.

    Attributes:
        units: Number of units; 0 where none is named.
        episodes: Number of episodes; 0 where none is named.
        has_steps: Whether the log names steps.
        days: Days from the first decision to the last; 0 without timestamps.
        units_share_episodes: Whether several units run in one episode.
        origin: Midnight before the first decision.
    """

    units: int
    episodes: int
    has_steps: bool
    days: int
    units_share_episodes: bool
    origin: np.datetime64 | None

    def candidates(self) -> Iterator[tuple[ClusterRule, int]]:
        """Rules by rank, with the number of clusters of each; none where the log names nothing that rows share."""
        if self.units and not self.units_share_episodes:
            yield ClusterRule(kind="unit"), self.units
        if self.episodes:
            yield ClusterRule(kind="episode"), self.episodes
        if self.episodes and self.has_steps:
            yield ClusterRule(kind="step of an episode"), ENOUGH_CLUSTERS  # not counted; as in a log of ours
        if (self.units or self.episodes) and self.days:
            yield ClusterRule(kind="days", origin=self.origin), self.days


def paired(first: IntArray, second: IntArray) -> IntArray:
    """One number for each pair of numbers ``(n,)``."""
    with np.errstate(over="ignore"):
        mixed = first.view(np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + second.astype(np.int64).view(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    return mixed.view(np.int64)
