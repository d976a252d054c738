"""Slack: what the model might get wrong, played as further unknowns before anything is called measured.

Spend that never moves tells nothing about curvature, yet a model with a fixed season of media prices reads some off it.
With slack in the price of reach and in the season of demand, such knowledge by functional form alone is gone.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.calibration.fit.noise import WEEK
from xbopt.core.arrays import FloatArray

SlackKind = Literal["media_price", "demand", "conversion"]
_YEAR = 365.25
_PRICE_SD = 0.15
DEMAND_SD = 0.05
"""Prior standard deviation of a slow movement of demand, in logs."""
SLOW = 3
"""Slow movements of one thing: a trend, and the two halves of a yearly wave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Slow movements that the model does not know, ``Q`` of them.

    Attributes:
        kinds: What each moves.
        place: Position of the channel or region that it moves ``(Q,)``.
        course: Its course in logs, one prior standard deviation large ``(Q, T)``.
    """

    kinds: tuple[SlackKind, ...]
    place: tuple[int, ...]
    course: FloatArray = field(repr=False)

    def moved(self, kind: SlackKind, amounts: FloatArray, length: int) -> FloatArray:
        """Log of what the channels' prices of reach, or regions' organic demand or conversion, are multiplied by.

        Args:
            kind: Which of them.
            amounts: ``(B, Q)``.
            length: Number of channels or regions.

        Returns:
            ``(B, T, length)``.
        """
        moved = np.zeros((len(amounts), self.course.shape[1], length))
        for q, (one, place) in enumerate(zip(self.kinds, self.place, strict=True)):
            if one == kind:
                moved[..., place] += amounts[:, q, None] * self.course[q]
        return moved


def slack_of(days: int, regions: int, channels: int) -> Slack:
    """A trend and a yearly wave in each channel's price of reach and, last, in each region's demand."""
    day = np.arange(days)
    shapes = [
        2.0 * day / max(days - 1, 1) - 1.0,
        np.sin(2.0 * np.pi * day / _YEAR),
        np.cos(2.0 * np.pi * day / _YEAR),
    ]
    moved: list[tuple[SlackKind, int, FloatArray]] = [
        *(("media_price", c, _PRICE_SD * shape) for c in range(channels) for shape in shapes),
        *(("demand", r, DEMAND_SD * shape) for r in range(regions) for shape in shapes),
    ]
    kinds, place, course = zip(*moved, strict=True)
    return Slack(kinds=kinds, place=place, course=np.stack(course))


def spend_course(spend: FloatArray) -> FloatArray:
    """Spend of each day's week against its mean, less 1 ``(T, R, C)``, of spend ``(T, R, S, C)``.

    Weeks end with the last day, as those that are scored.
    """
    days = len(spend)
    week = (np.arange(days) - days) // WEEK
    by_day = spend.sum(axis=2)
    by_week = np.stack([by_day[week == one].mean(axis=0) for one in np.unique(week)])
    mean = by_week.mean(axis=0)
    return (by_week / np.where(mean > 0.0, mean, 1.0) - (mean > 0.0))[week - week[0]]
