"""Episodes that were cut: their later rewards exist but are not known, which is not the same as having ended."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, IntArray
from xbopt.ope.results.findings import Figure, Finding

MOST_CUT = 0.2
"""Share of cut episodes that may be dropped; of more, those that are left are another population."""
_SHORTEST = 0.5  # share of the longest episode that a common horizon has to keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Censoring:
    """What was cut, and what is done about it.

    Few cut episodes are dropped. Where many are cut, but late, all are shortened to the steps that every one of them
    has. Otherwise the log cannot answer: counting what is missing as 0 would pull the value toward 0.

    Attributes:
        episodes: Episodes in the log.
        longest: Steps of the longest one, those that are not ready included.
        broken: Whether each episode was cut ``(m,)``.
        horizon: Steps that all episodes are shortened to; None where whole episodes count.
    """

    episodes: int
    longest: int
    broken: BoolArray
    horizon: int | None

    @classmethod
    def of(cls, place: IntArray, kept: BoolArray) -> "Censoring":
        """From the episode of each row, and whether it comes before the episode's cut ``(n,)``."""
        sizes, known = np.bincount(place), np.bincount(place, weights=kept).astype(np.int64)
        broken = known < sizes
        longest, horizon = int(sizes.max()), None
        if float(broken.mean()) > MOST_CUT:
            common = int(known[broken].min())
            horizon = common if common >= max(1.0, _SHORTEST * longest) else None
        return cls(episodes=len(sizes), longest=longest, broken=broken, horizon=horizon)

    @property
    def cut(self) -> int:
        """Cut episodes."""
        return int(self.broken.sum())

    def used(self, place: IntArray, step: IntArray, kept: BoolArray) -> BoolArray:
        """Which rows count ``(n,)``."""
        return kept & ~self.broken[place] if self.horizon is None else kept & (step < self.horizon)

    def findings(self, *, by_time: bool = False) -> tuple[Finding, ...]:
        """What the cut episodes give reason to: nothing, caution, or a refusal.

        Args:
            by_time: Whether the calendar alone says which are cut: they began too late for their rewards to be ready,
                whatever these are. Those that began earlier are no selection then; leaving out few needs no caution.
        """
        if not self.cut or (by_time and self.horizon is None and self.cut <= MOST_CUT * self.episodes):
            return ()
        figures: dict[str, Figure] = {"cut": self.cut, "episodes": self.episodes}
        if self.horizon is not None:
            code, level = "common_horizon", "caution"
            figures |= {"horizon": self.horizon, "longest": self.longest}
        elif self.cut > MOST_CUT * self.episodes:
            code, level = "too_many_cut", "refuse"
            figures["bound"] = MOST_CUT
        else:
            code, level = "cut_episodes_dropped", "caution"
        return (Finding(code=code, level=level, figures=figures),)
