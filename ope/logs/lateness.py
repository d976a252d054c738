"""Rewards that take different times to be ready: who is quick may be a selection, so that a whole stretch is left out.

A purchase is often known the day it happens; that nobody bought, only when the window ends. Of the last decisions of a
log the ready ones are then mostly purchases. Where reward and time to be ready go together within days, decisions later
than the log's end less the longest time that any ready reward took are left out, ready or not. Before that, being ready
does not depend on the reward. Where they do not go together, being ready is no selection: every ready reward counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decision_log.schema import TimeArray
from xbopt.ope.logs.conversion import numbers, times
from xbopt.ope.logs.files import LogPart, RawBatch, read_part
from xbopt.ope.results.findings import Figure, Finding

_DAY = np.timedelta64(1, "D")
_FAR = 3.0
"""Standard errors of the correlation within days from which on rewards and their times go together."""
_MOST_DAYS = 40_000
_FEW, _MANY = 0.01, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """When rewards of a log are ready.

    Attributes:
        decided_until: Later decisions are left out; None where being ready is no selection.
        days: The longest time to be ready, of rewards that were, in days.
        overdue: Share of the decisions before that are not ready all the same.
    """

    decided_until: np.datetime64 | None = None
    days: float = 0.0
    overdue: float = 0.0

    @classmethod
    def of(
        cls,
        parts: Sequence[LogPart],
        *,
        decided: str,
        due: str,
        reward: str,
        as_of: np.datetime64,
        first: np.datetime64,
    ) -> "Lateness":
        """Read the columns named; once where every reward takes the same time to the day, else twice.

        Args:
            parts: Parts of the log.
            decided: Column of the time of the decision.
            due: Column of the time when the reward is ready.
            reward: Column of the reward.
            as_of: When the rewards were collected.
            first: The first decision.
        """
        spans: list[np.timedelta64] = []
        longest: list[np.timedelta64] = []
        for _, made, known in _moments(parts, decided, due):
            lag = known - made
            spans = [min([*spans, lag.min()]), max([*spans, lag.max()])]
            of_ready = lag[known <= as_of]
            longest = [max([*longest, of_ready.max()])] if of_ready.size else longest
        if not longest or spans[1] - spans[0] <= _DAY:
            return cls()
        until, before, overdue = as_of - longest[0], 0, 0
        sums: FloatArray = np.zeros((6, 1 + min(max(int((as_of - first) / _DAY), 0), _MOST_DAYS)))
        for batch, made, known in _moments(parts, decided, due, reward):
            early, late = made <= until, known > as_of
            before += int(early.sum())
            overdue += int((early & late).sum())
            rewards = numbers(batch, reward, may_be_empty=True)
            ready = ~late & ~np.isnan(rewards)
            days = np.clip(((made[ready] - first) / _DAY).astype(np.int64), 0, sums.shape[1] - 1)
            x, y = (known - made)[ready] / _DAY, rewards[ready]
            for place, values in enumerate((np.ones(len(x)), x, y, x * y, x * x, y * y)):
                sums[place] += np.bincount(days, weights=values, minlength=sums.shape[1])
        if abs(_correlation_z(sums)) <= _FAR:
            return cls()
        return cls(decided_until=until, days=float(longest[0] / _DAY), overdue=overdue / max(before, 1))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Decisions of which nobody knows what they brought, though others of their time are ready."""
        if self.overdue <= _FEW:
            return ()
        figures: dict[str, Figure] = {"share": self.overdue, "days": self.days, "bound": _MANY}
        return (Finding(code="overdue", level="refuse" if self.overdue > _MANY else "caution", figures=figures),)


def _correlation_z(sums: FloatArray) -> float:
    """Correlation within days over its standard error, from the sums of 1, x, y, xy, xx, yy by day ``(6, m)``."""
    count, x, y, xy, xx, yy = sums[:, sums[0] > 0.0]
    covariance = float((xy - x * y / count).sum())
    variances = float((xx - x * x / count).sum()) * float((yy - y * y / count).sum())
    return covariance / variances**0.5 * float(count.sum()) ** 0.5 if variances > 0.0 else 0.0


def _moments(
    parts: Sequence[LogPart], decided: str, due: str, *more: str
) -> Iterator[tuple[RawBatch, TimeArray, TimeArray]]:
    for part in parts:
        for batch in read_part(part, [decided, due, *more]):
            if batch.rows:
                yield batch, times(batch, decided), times(batch, due)
