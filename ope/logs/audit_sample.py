"""The audit of stated propensities on a log of any size: of many rows, every so-manieth is looked at."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.audit import propensity_calibration, propensity_drift
from xbopt.ope.logs.rows import LogRows

MOST_NUMBERS = 250_000
"""Numbers in memory: one a row, and one an action where all probabilities are known."""
_FAR = 5.0
_UNITS = 86_400_000_000  # microseconds of a day


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSample:
    """Some rows ``(m,)``: all of them, or every so-manieth by their number in the log.

    Attributes:
        number: Number of the row in the log ``(m,)``.
        day: Day of the decision ``(m,)``; 0 everywhere in a log without timestamps.
        action: ``(m,)``.
        propensity: Of the logged action ``(m,)``.
        table: Of every action ``(m, K)``; K is 0 where they are not known.
        share: One row in so many is kept; a power of two.
    """

    number: IntArray
    day: IntArray
    action: IntArray
    propensity: FloatArray
    table: FloatArray
    share: int = 1

    @classmethod
    def of(cls, rows: LogRows, first_row: int) -> "AuditSample | None":
        """Some rows, of which the first has that number; None without propensities."""
        if rows.propensity is None:
            return None
        size = len(rows)
        table = rows.action_probabilities
        return cls(
            number=np.arange(first_row, first_row + size, dtype=np.int64),
            day=np.zeros(size, dtype=np.int64) if rows.decided is None else rows.decided.astype(np.int64) // _UNITS,
            action=rows.action,
            propensity=rows.propensity,
            table=np.zeros((size, 0)) if table is None else table,
        )

    def plus(self, other: "AuditSample") -> "AuditSample":
        """Both together, thinned to what fits."""
        share = max(self.share, other.share)
        parts = [self.thinned(share), other.thinned(share)]
        while sum(len(part.number) for part in parts) * (1 + self.table.shape[1]) > MOST_NUMBERS:
            share *= 2
            parts = [part.thinned(share) for part in parts]
        names = [name for name in AuditSample.__dataclass_fields__ if name != "share"]
        return AuditSample(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}, share=share
        )

    def thinned(self, share: int) -> "AuditSample":
        """One row in so many."""
        if share == self.share:
            return self
        kept = self.number % share == 0
        names = [name for name in AuditSample.__dataclass_fields__ if name != "share"]
        return AuditSample(**{name: getattr(self, name)[kept] for name in names}, share=share)

    def doubts(self, n_actions: int) -> tuple[str, ...]:
        """Reasons to doubt the stated propensities, in sentences; none where all is as it should be."""
        known = self.table.shape[1] > 0
        actions = self.table.shape[1] if known else n_actions
        data = LoggedBanditData(
            context=np.zeros((len(self.action), 0)),
            action=self.action,
            reward=np.zeros(len(self.action)),
            propensity=self.propensity,
            n_actions=actions,
            action_probabilities=self.table if known else None,
        )
        return (*self._drift(data), *(_calibration(data) if known else ()))

    def _drift(self, data: LoggedBanditData) -> tuple[str, ...]:
        found = propensity_drift(data, self.day)
        if not found.suspicious or len(found.days) < 2:  # of one day the mean weight speaks already
            return ()
        day = found.suspicious[0]
        mean = float(found.means[int(np.flatnonzero(found.days == day)[0])])
        overall = float((found.means * np.bincount(np.searchsorted(found.days, self.day))).sum() / len(self.day))
        more = f" ({len(found.suspicious)} such days)" if len(found.suspicious) > 1 else ""
        return (
            (
                f"On {np.datetime64(day, 'D')} the mean of 1 / (actions x propensity) is {mean:.2f} where the "
                f"whole log has {overall:.2f}: "
                f"other propensities held that day than the log states{more}."
            ),
        )


def _calibration(data: LoggedBanditData) -> tuple[str, ...]:
    found = propensity_calibration(data)
    worst = int(np.argmax(np.abs(found.z)))
    stated, taken, far = (float(values[worst]) for values in (found.stated, found.taken, found.z))
    if abs(far) <= _FAR:
        return ()
    words = f"Actions with a stated probability near {stated:.3g} were taken with {taken:.3g}, {abs(far):.0f} standard"
    return (f"{words} errors off: the stated propensities are not those of the draw.",)
