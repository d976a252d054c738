"""Money that was spent beside money that was granted: whether platforms spend what they are told to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from xbopt.core.arrays import BoolArray, FloatArray

CAMPAIGN_LEVEL = 0.025
RECENT_DAYS = 14
LEAST_SHARE = 0.05
"""A pace that is off by less than this is nobody's concern, however sure it is."""
LEAST_DAYS = 7
"""So many days of a place have to be told before anything can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a place spends, over the days whose spend was told.

    Of a region, or a channel, only that counts whose split over regions, or channels, was told as well.

    Attributes:
        region: None for all regions together.
        channel: None for all channels together.
        planned_base: Granted for these days, base currency.
        spent_base: Spent on them.
        ahead_base: Granted for the days ahead.
        recent: Spent over granted on the last of them; None where nothing was granted.
        se: Standard error of ``recent``, from how single days scatter.
        is_off: Whether ``recent`` is further from 1 than scatter shows anywhere in a campaign, and than
            ``LEAST_SHARE``.
    """

    region: str | None
    channel: str | None
    planned_base: float
    spent_base: float
    ahead_base: float
    recent: float | None
    se: float | None
    is_off: bool

    @property
    def to_date(self) -> float | None:
        """Spent over granted on all told days; None where nothing was granted."""
        return self.spent_base / self.planned_base if self.planned_base > 0.0 else None


def paces(
    granted_base: FloatArray,
    spent_base: FloatArray,
    told: BoolArray,
    ahead_base: FloatArray,
    regions: Sequence[str],
    channels: Sequence[str],
    *,
    by_region: BoolArray | None = None,
    by_channel: BoolArray | None = None,
) -> tuple[Pace, ...]:
    """The pace of everything together, of regions, of channels, and of channels in regions, in this order.

    Days of a place scatter around its pace; a t-test over the last days says whether the pace is 1, at a level that
    holds for all places and mornings of a campaign together (Bonferroni).

    Args:
        granted_base: By day, region and channel ``(T, R, C)``.
        spent_base: The same as it was told ``(T, R, C)``.
        told: Whose spend was told ``(T, R, C)``.
        ahead_base: Granted for the days ahead, by region and channel ``(R, C)``.
        regions: Their ids.
        channels: Their ids.
        by_region: Where the split over regions was told as well ``(T, C)``; wherever spend was where left out.
        by_channel: Days on which the split over channels was ``(T,)``; likewise.
    """
    days = len(granted_base)
    regional = told if by_region is None else told & by_region[:, None, :]
    own = told if by_channel is None else told & by_channel[:, None, None]
    places: list[tuple[int | None, int | None]] = [(None, None)]
    places += [(r, None) for r in range(len(regions))] + [(None, c) for c in range(len(channels))]
    places += [(r, c) for r in range(len(regions)) for c in range(len(channels))]
    level = CAMPAIGN_LEVEL / days / len(places)
    found: list[Pace] = []
    for r, c in places:
        rows = slice(None) if r is None else slice(r, r + 1)
        columns = slice(None) if c is None else slice(c, c + 1)
        known = (told if r is None else regional) & (told if c is None else own)
        on = known[:, rows, columns].any(axis=(1, 2))
        planned, came = (
            np.where(known, array, 0.0)[on][:, rows, columns].sum(axis=(1, 2)) for array in (granted_base, spent_base)
        )
        recent, se, is_off = _recent(planned, came, level)
        found.append(
            Pace(
                region=None if r is None else regions[r],
                channel=None if c is None else channels[c],
                planned_base=float(planned.sum()),
                spent_base=float(came.sum()),
                ahead_base=float(ahead_base[rows, columns].sum()),
                recent=recent,
                se=se,
                is_off=is_off,
            )
        )
    return tuple(found)


def _recent(planned: FloatArray, came: FloatArray, level: float) -> tuple[float | None, float | None, bool]:
    """Pace of the last days, its standard error, and whether it is clearly off."""
    last_planned, last_came = planned[-RECENT_DAYS:], came[-RECENT_DAYS:]
    total = float(last_planned.sum())
    if total <= 0.0:
        return None, None, False
    pace = float(last_came.sum()) / total
    on = planned > 0.0
    if on.sum() < LEAST_DAYS:
        return pace, None, False
    scatter = float((came[on] / planned[on]).std(ddof=1))
    se = scatter * float(np.sqrt((last_planned**2).sum())) / total
    clear = float(-stdtrit(float(on.sum() - 1), 0.5 * level))
    return pace, se, abs(pace - 1.0) > max(clear * se, LEAST_SHARE)
