"""What an evaluation looks at beside the estimate, gathered in the first pass through a log of any size.

A sample is thinned to what fits into memory: of many rows it keeps one in 2, 4, 8, ..., chosen by a number that belongs
to the row or its episode, so that it does not depend on batches or workers.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.carry_over import CarryOverSums
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.results.evaluation import CarryOver

MOST_CONTEXT = 2_000_000
"""Numbers of context in memory for the test of carry-over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """Some rows ``(m,)``.

    Attributes:
        number: What chooses: the number of the row in the log, or of its episode ``(m,)``.
        share: One in so many is kept; a power of two.
    """

    number: IntArray
    share: int = 1

    def plus(self, other: Self, *, most: int) -> Self:
        """Both together, thinned until they have at most so many rows."""
        share = max(self.share, other.share)
        parts = [self.thinned(share), other.thinned(share)]
        while sum(len(part.number) for part in parts) > most:
            share *= 2
            parts = [part.thinned(share) for part in parts]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in self._arrays()}
        return type(self)(**arrays, share=share)

    def thinned(self, share: int) -> Self:
        """One row or episode in so many."""
        if share == self.share:
            return self
        kept = (self.number & (share - 1)) == 0
        return type(self)(**{name: getattr(self, name)[kept] for name in self._arrays()}, share=share)

    def _arrays(self) -> list[str]:
        return [field.name for field in fields(self) if field.name != "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSample(_Sample):
    """Rows of whole episodes, in any order, for the test of carry-over; ``number`` is that of the episode of a unit.

    The question is whether an action moves the *next* reward of its unit, on whatever path: by what carries over
    unseen, and by what it changes in the situation that the next decision meets. A one-step value leaves out both. So
    the next reward is held against the context *before* the action; the context after it is already the action's doing.

    Attributes:
        step: Number of the decision in its episode ``(m,)``.
        context: What was known ``(m, d)``.
        action: ``(m,)``.
        reward: ``(m,)``; 0 where it is not ready.
        ready: Where the reward is complete ``(m,)``.
    """

    step: IntArray
    context: FloatArray
    action: IntArray
    reward: FloatArray
    ready: BoolArray

    @classmethod
    def of(cls, rows: LogRows) -> "EpisodeSample | None":
        """Some rows; None where the log knows no episodes and steps."""
        if rows.episode is None or rows.step is None:
            return None
        data = rows.data
        return cls(
            number=rows.episode,
            step=rows.step,
            context=data.context,
            action=data.action,
            reward=data.reward,
            ready=rows.ready,
        )

    def test(self, n_actions: int) -> CarryOver | None:
        """Whether an action moves the next reward of its unit; None with too few pairs of steps."""
        order = np.lexsort((self.step, self.number))
        episode, step = self.number[order], self.step[order]
        follows = (episode[1:] == episode[:-1]) & (step[1:] == step[:-1] + 1) & self.ready[order][1:]
        before, after = order[:-1][follows], order[1:][follows]
        if not len(after):
            return None
        sums = CarryOverSums(n_actions=n_actions, n_features=self.context.shape[1])
        pairs = LoggedBanditData(
            context=self.context[before],
            action=self.action[after],
            reward=self.reward[after],
            propensity=np.ones(len(after)),
            n_actions=n_actions,
            previous_action=self.action[before],
            checked=True,
        )
        sums.add(pairs, counted=None)
        return sums.test()


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What the tests beside the estimate look at; None for what the log does not know.

    Attributes:
        episodes: Episodes, for the test of carry-over.
    """

    episodes: EpisodeSample | None = None

    @classmethod
    def of(cls, rows: LogRows) -> "Samples":
        """Some rows."""
        if rows.data.sampling is not None:
            return cls()  # what was kept may depend on the reward, so the rows do not show what follows an action
        return cls(episodes=EpisodeSample.of(rows))

    def plus(self, other: "Samples") -> "Samples":
        """Both together."""
        episodes = self.episodes or other.episodes
        if self.episodes is not None and other.episodes is not None:
            most = MOST_CONTEXT // max(self.episodes.context.shape[1], 1)
            episodes = self.episodes.plus(other.episodes, most=most)
        return Samples(episodes=episodes)
