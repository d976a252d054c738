"""Whole episodes of a log, as many as fit: what the test for carry-over looks at.

The question is whether an action moves the *next* reward of its unit, on whatever path: by what carries over unseen,
and by what it changes in the situation that the next decision meets. A one-step value leaves out both. So the next
reward is held against the context *before* the action; the context after it is already the action's doing.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.carry_over import CarryOverSums
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.results import CarryOver

MOST_NUMBERS = 2_000_000
"""Numbers of context in memory; beyond, only a share of the episodes is kept, chosen by their names alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSample:
    """Rows of whole episodes ``(m,)``, in any order.

    Attributes:
        episode: A number for each episode of a unit ``(m,)``.
        step: Number of the decision in it ``(m,)``.
        context: What was known ``(m, d)``.
        action: ``(m,)``.
        reward: ``(m,)``; 0 where it is not ready.
        ready: Where the reward is complete ``(m,)``.
        share: One episode in so many is kept; a power of two.
    """

    episode: IntArray
    step: IntArray
    context: FloatArray
    action: IntArray
    reward: FloatArray
    ready: BoolArray
    share: int = 1

    @classmethod
    def of(cls, rows: LogRows) -> "EpisodeSample | None":
        """Some rows; None where the log knows no episodes and steps."""
        if rows.episode is None or rows.step is None:
            return None
        return cls(
            episode=rows.episode,
            step=rows.step,
            context=rows.context,
            action=rows.action,
            reward=np.where(rows.ready, rows.reward, 0.0),
            ready=rows.ready,
        )

    def plus(self, other: "EpisodeSample") -> "EpisodeSample":
        """Both together, thinned to what fits."""
        share = max(self.share, other.share)
        parts = [part.thinned(share) for part in (self, other)]
        while sum(len(part.episode) for part in parts) * max(self.context.shape[1], 1) > MOST_NUMBERS:
            share *= 2
            parts = [part.thinned(share) for part in parts]
        names = [name for name in EpisodeSample.__dataclass_fields__ if name != "share"]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return EpisodeSample(**joined, share=share)

    def thinned(self, share: int) -> "EpisodeSample":
        """One episode in so many."""
        if share == self.share:
            return self
        kept = (self.episode & (share - 1)) == 0
        names = [name for name in EpisodeSample.__dataclass_fields__ if name != "share"]
        return EpisodeSample(**{name: getattr(self, name)[kept] for name in names}, share=share)

    def test(self, n_actions: int) -> CarryOver | None:
        """Whether an action moves the next reward of its unit; None with too few pairs of steps."""
        order = np.lexsort((self.step, self.episode))
        episode, step = self.episode[order], self.step[order]
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
        )
        sums.add(pairs, counted=None)
        return sums.test()
