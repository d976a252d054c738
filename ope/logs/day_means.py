"""Do days share shocks? Then an interval from rows is right for the days of the log, and too narrow for others."""

from dataclasses import dataclass, field

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.logs.rows import LogRows
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.findings import Finding

_FEWEST_DAYS = 14
_WIDER = 2.0
"""Days are worth a word from where their means vary so many times as much as the log's own clusters allow for. With 14
days the F value is 4 on 13 degrees of freedom or more: below one in a hundred thousand by chance."""
_MOST_DAYS = 40_000
_DAY = np.timedelta64(1, "D")


@dataclass(slots=True)
class DayMeans:
    """Rewards by day.

    Attributes:
        origin: Midnight before the log's first decision; None without timestamps.
        sums: Rows and rewards of each day since then ``(2, m)``.
    """

    origin: np.datetime64 | None
    sums: FloatArray = field(default_factory=lambda: np.zeros((2, 0)))

    def add(self, rows: LogRows) -> None:
        """Add the rows with a complete reward."""
        if rows.decided is None or self.origin is None or not len(rows):
            return
        ready = rows.ready
        day = np.floor_divide(rows.decided[ready] - self.origin, _DAY).astype(np.int64)
        if day.size and day.min() >= 0 and day.max() < _MOST_DAYS:
            sampling = rows.data.sampling
            share = np.ones(len(day)) if sampling is None else 1.0 / sampling[ready]
            found: FloatArray = np.zeros((2, int(day.max()) + 1))
            found[0], found[1] = (
                np.bincount(day, weights=share),
                np.bincount(day, weights=share * rows.data.reward[ready]),
            )
            self._plus(found)

    def merge(self, other: "DayMeans") -> None:
        """Add what was gathered from other rows."""
        self._plus(other.sums)

    def findings(self, logged: Estimate) -> tuple[Finding, ...]:
        """Advice where the mean reward is much less certain by day than it is said to be."""
        rows, reward = self.sums[:, self.sums[0] > 0.0]
        days = len(rows)
        if days < _FEWEST_DAYS or not logged.se > 0.0:
            return ()
        off = reward - rows * (reward.sum() / rows.sum())
        error = float(np.sqrt(days / (days - 1) * (off @ off))) / float(rows.sum())
        if error < _WIDER * logged.se:
            return ()
        return (Finding(code="days_vary", level="advice", figures={"times": error / logged.se, "days": days}),)

    def _plus(self, more: FloatArray) -> None:
        wide = max(self.sums.shape[1], more.shape[1])
        grown = np.zeros((2, wide))
        grown[:, : self.sums.shape[1]] += self.sums
        grown[:, : more.shape[1]] += more
        self.sums = grown
