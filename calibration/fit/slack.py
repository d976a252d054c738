"""Slack: what the model might get wrong, played as further unknowns before anything is called measured.

Spend that never moves tells nothing about curvature, yet a model with a fixed season of media prices reads some off it.
With slack in the price of reach and in the season of demand, such knowledge by functional form alone is gone.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.stats import chi2

from xbopt.calibration.fit.noise import WEEK
from xbopt.core.arrays import FloatArray

SlackKind = Literal["media_price", "demand"]
_YEAR = 365.25
_PRICE_SD = 0.15
_DEMAND_SD = 0.05
_FALSE_ALARM = 0.001
_MATTERS = 0.1


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

    def media_price(self, amounts: FloatArray, channels: int) -> FloatArray:
        """Log of what the price of reach is multiplied by ``(B, T, C)``, for amounts ``(B, Q)``."""
        return self._of("media_price", amounts, channels)

    def demand(self, amounts: FloatArray, regions: int) -> FloatArray:
        """Log of what organic demand is multiplied by ``(B, T, R)``."""
        return self._of("demand", amounts, regions)

    def _of(self, kind: SlackKind, amounts: FloatArray, length: int) -> FloatArray:
        moved = np.zeros((len(amounts), self.course.shape[1], length))
        for q, (one, place) in enumerate(zip(self.kinds, self.place, strict=True)):
            if one == kind:
                moved[..., place] += amounts[:, q, None] * self.course[q]
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSlack:
    """What the records would move slowly in each region's demand, if they were free to.

    Attributes:
        amounts: Of trend and yearly wave by region, in prior standard deviations ``(R, 3)``.
        by_chance: Covariance that they have under a right season ``(R, 3, 3)``.
    """

    amounts: FloatArray = field(repr=False)
    by_chance: FloatArray = field(repr=False)

    @property
    def height(self) -> FloatArray:
        """How far demand moves from the scenario's season, about, a share ``(R,)``."""
        return _DEMAND_SD * np.sqrt((self.amounts**2).sum(axis=1))

    @property
    def beyond_belief(self) -> list[int]:
        """Regions that want a tenth or more, and more than a right season leaves to chance.

        Rao's score test: the amounts in units of their own noise are chi-square of 3; one false alarm in a thousand
        fits, by Bonferroni.
        """
        bound = chi2.ppf(1.0 - _FALSE_ALARM / len(self.amounts), 3)
        statistic = np.einsum(
            "rk,rk->r", self.amounts, np.linalg.solve(self.by_chance, self.amounts[..., None])[..., 0]
        )
        found: list[int] = np.flatnonzero((statistic > bound) & (self.height > _MATTERS)).tolist()
        return found


def slack_of(days: int, regions: int, channels: int) -> Slack:
    """A trend and a yearly wave in each channel's price of reach and in each region's demand."""
    day = np.arange(days)
    shapes = [
        2.0 * day / max(days - 1, 1) - 1.0,
        np.sin(2.0 * np.pi * day / _YEAR),
        np.cos(2.0 * np.pi * day / _YEAR),
    ]
    moved: list[tuple[SlackKind, int, FloatArray]] = [
        *(("media_price", c, _PRICE_SD * shape) for c in range(channels) for shape in shapes),
        *(("demand", r, _DEMAND_SD * shape) for r in range(regions) for shape in shapes),
    ]
    kinds, place, course = zip(*moved, strict=True)
    return Slack(kinds=kinds, place=place, course=np.stack(course))


def spend_course(spend: FloatArray) -> FloatArray:
    """Spend of each day's week against the region's mean, less 1 ``(T, R)``, of spend ``(T, R, S, C)``.

    Weeks end with the last day, as those that are scored.
    """
    days = len(spend)
    week = (np.arange(days) - days) // WEEK
    by_day = spend.sum(axis=(2, 3))
    by_week = np.stack([by_day[week == one].mean(axis=0) for one in np.unique(week)])
    mean = by_week.mean(axis=0)
    return (by_week / np.where(mean > 0.0, mean, 1.0) - (mean > 0.0))[week - week[0]]
