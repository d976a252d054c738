"""The action before: what the same unit was given one step earlier, wherever in the log that stands."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import IntArray
from xbopt.ope.logs.rows import LogRows, paired

MOST_ROWS = 2_000_000
"""Beyond, only a share of the episodes is kept; which ones depends on their names alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousActions:
    """Actions by episode and step, of all episodes or of a share of them.

    Attributes:
        keys: A number for each episode and step ``(m,)``, ascending.
        episodes: The episode's number ``(m,)``.
        actions: The action ``(m,)``.
        share: One episode in so many is kept; a power of two.
    """

    keys: IntArray
    episodes: IntArray
    actions: IntArray
    share: int = 1

    @classmethod
    def empty(cls) -> "PreviousActions":
        """Nothing yet."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(keys=nothing, episodes=nothing, actions=nothing)

    def plus(self, rows: LogRows) -> "PreviousActions":
        """With some more rows; without episodes and steps in the log, nothing is kept."""
        if rows.episode is None or rows.step is None:
            return self
        new = PreviousActions(keys=paired(rows.episode, rows.step), episodes=rows.episode, actions=rows.action)
        return self.merged(new)

    def merged(self, other: "PreviousActions") -> "PreviousActions":
        """Both together."""
        share = max(self.share, other.share)
        keys, episodes, actions = (
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("keys", "episodes", "actions")
        )
        while True:
            kept = (episodes & (share - 1)) == 0
            if np.count_nonzero(kept) <= MOST_ROWS:
                break
            share *= 2
        return PreviousActions(keys=keys[kept], episodes=episodes[kept], actions=actions[kept], share=share)

    def sorted(self) -> "PreviousActions":
        """Ready to be asked."""
        order = np.argsort(self.keys, kind="stable")
        return PreviousActions(
            keys=self.keys[order], episodes=self.episodes[order], actions=self.actions[order], share=self.share
        )

    def of(self, rows: LogRows) -> IntArray | None:
        """The action one step before ``(n,)``; -1 where there is none; None where the log knows no steps."""
        if rows.episode is None or rows.step is None or not len(self.keys):
            return None
        wanted = paired(rows.episode, rows.step - 1)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((self.keys[at] == wanted) & (rows.step > 0), self.actions[at], -1)
