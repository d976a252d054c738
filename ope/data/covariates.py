"""What a log knows of a decision beside the context: when it was, and in which segment, as columns for reward models.

A policy is asked about the context alone. The reward model may know more: DR stays right under propensities that err by
day or segment as long as the model knows what the reward does by day and segment (double robustness), and under a
season its residuals, and so the intervals, become smaller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.logged import LoggedBanditData

MOST_COLUMNS = 40
_ROWS_A_COLUMN = 50
_MOST_DAYS, _MOST_KNOTS, _MOST_SEGMENTS = 31, 12, 8
_LARGE = 250_000  # rows from which a column a day would cost more than reading the log
_BLOCKS_A_DAY = 6  # of four hours
_WEEKS = 3.0  # shorter logs have too few of each weekday


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """How time and segment become columns; the same for every chunk of a log.

    Attributes:
        first: Time at the first knot, in days.
        last: Time at the last knot.
        knots: Hat functions between them, which sum to 1 and follow any broken line; 0 for none.
        by_day: Whether each knot is a day of its own: a reward may jump from day to day.
        weekdays: Whether there is a column a weekday.
        hours: Whether there is a column for every four hours of the day.
        segments: Codes of the segments with a column of their own.
    """

    first: float
    last: float
    knots: int
    by_day: bool
    weekdays: bool
    hours: bool
    segments: tuple[int, ...]

    @classmethod
    def of(cls, rows: int, *, span: tuple[float, float] | None, segments: Mapping[int, int]) -> "Covariates | None":
        """Columns for a log of so many rows; None where it is too short, or knows neither time nor segments.

        Args:
            rows: Rows of the whole log.
            span: Time of its first and last decision, in days; None without timestamps.
            segments: Rows by segment.
        """
        budget = min(rows // _ROWS_A_COLUMN, MOST_COLUMNS)
        named = sorted(segments, key=lambda code: (-segments[code], code))
        own = tuple(named[1 : 1 + min(_MOST_SEGMENTS, budget // 2)])  # the greatest one is what the others differ from
        left = budget - len(own)
        first, last = span or (0.0, 0.0)
        days = int(np.floor(last) - np.floor(first)) + 1
        by_day = 1 < days <= min(_MOST_DAYS if rows < _LARGE else _MOST_KNOTS, left)
        knots = days if by_day else min(_MOST_KNOTS, left)
        if last <= first or knots < 2:
            knots = 0
        weekdays = not by_day and last - first >= 7.0 * _WEEKS and left - knots >= 7
        # Times that are dates, or always the same time of the day, have no hours.
        apart = abs(first % 1.0 - last % 1.0) * 24.0 >= 0.01
        hours = apart and last - first > 1.0 and left - knots - 7 * weekdays >= _BLOCKS_A_DAY
        if not knots and not own:
            return None
        if by_day:
            first, last = float(np.floor(first)), float(np.floor(last))
        return cls(first=first, last=last, knots=knots, by_day=by_day, weekdays=weekdays, hours=hours, segments=own)

    @property
    def width(self) -> int:
        """Number of columns ``c``."""
        return self.knots + 7 * self.weekdays + _BLOCKS_A_DAY * self.hours + len(self.segments)

    def columns(self, time: FloatArray | None, segment: IntArray | None) -> FloatArray:
        """The columns of rows ``(n, c)``, from their time in days and their segment ``(n,)``."""
        parts: list[FloatArray] = []
        if self.knots and time is not None:
            when = np.floor(time) if self.by_day else time
            place = (when - self.first) * ((self.knots - 1) / (self.last - self.first))
            parts.append(np.maximum(1.0 - np.abs(place[:, None] - np.arange(self.knots)), 0.0))
        if self.weekdays and time is not None:
            parts.append(np.equal.outer(np.floor(time) % 7.0, np.arange(7.0)).astype(np.float64))
        if self.hours and time is not None:
            block = np.floor((time - np.floor(time)) * _BLOCKS_A_DAY + 1e-6)
            parts.append(np.equal.outer(block, np.arange(_BLOCKS_A_DAY)).astype(np.float64))
        if self.segments and segment is not None:
            parts.append(np.equal.outer(segment, np.array(self.segments)).astype(np.float64))
        return np.concatenate(parts, axis=1)


def with_covariates(data: LoggedBanditData) -> LoggedBanditData:
    """The whole log's decisions with columns made of their time and segment, unless they have some already."""
    if data.covariates is not None or (data.time is None and data.segment is None):
        return data
    counts: dict[int, int] = {}
    if data.segment is not None:
        codes, rows = np.unique(data.segment, return_counts=True)
        counts = dict(zip(codes.tolist(), rows.tolist(), strict=True))
    span = None if data.time is None else (float(data.time.min()), float(data.time.max()))
    made = Covariates.of(len(data), span=span, segments=counts)
    if made is None:
        return data
    return replace(data, covariates=made.columns(data.time, data.segment), checked=True)
