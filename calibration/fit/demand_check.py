"""Does spend follow a demand that nothing else tells? A score test of what the fit takes for granted.

Where a seller spends more in weeks that would have sold more anyway, media are given what demand brought. The market
knows the calendar and conditions on the weeks before; a demand of the same week that only the seller saw is neither.
Organic visits show it: those that no click explains rise with the spend of their week.

The test is Rao's score test of one more parameter at 0, the elasticity of organic demand to the spend of its week.
With whitened residuals ``r`` at the mode, their derivatives ``J`` and ``d``, and ``M = I - J (J'J + I)^-1 J'``, the
score ``d' r`` has mean 0 and variance ``d' M d`` over noise and prior (to first order).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.optimum import DIFFERENCE, Optimum
from xbopt.calibration.fit.slack import Slack, spend_course
from xbopt.core.arrays import FloatArray
from xbopt.core.tables.published_ranges import published_ranges

_FALSE_ALARM = 0.001
_LAGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCheck:
    """How organic demand moves with the spend of its week, beyond what the market explains.

    Attributes:
        elasticity: By region, and of all regions together last ``(R + 1,)``: one step from 0.
        error: Its standard error ``(R + 1,)``.
        counted: Whether organic visits are known: all visits, and each channel's clicks.
    """

    elasticity: FloatArray
    error: FloatArray
    counted: bool

    @property
    def bound(self) -> float:
        """Standard errors beyond which it is no chance: one false alarm in a thousand fits, by Bonferroni."""
        return float(norm.ppf(1.0 - 0.5 * _FALSE_ALARM / len(self.error)))

    @property
    def follows(self) -> list[int]:
        """Positions of regions, and of all together, where both move as one; none where no organic visits say so."""
        if not self.counted:
            return []
        found: list[int] = np.flatnonzero(np.abs(self.elasticity) > self.bound * self.error).tolist()
        return found

    @property
    def least_seen(self) -> float:
        """The least elasticity of all regions together that would be seen; NaN where nothing would be."""
        return self.bound * float(self.error[-1]) if self.counted else float("nan")

    @property
    def can_tell(self) -> bool:
        """Whether an elasticity as large as the largest published one of advertising would be seen."""
        return self.least_seen <= published_ranges()["advertising_elasticity"].high


def check_demand(likelihood: Likelihood, optimum: Optimum, worlds: FloatArray) -> DemandCheck:
    """Test whether organic demand moves with the spend of its week.

    Args:
        likelihood: The records.
        optimum: The mode.
        worlds: Whitened residuals of the weekly counts of sampled worlds ``(B, N)``.
    """
    course = spend_course(likelihood.replay.panel.spend)
    regions = course.shape[1]
    slack = Slack(kinds=("demand",) * regions, place=tuple(range(regions)), course=course.T)
    by_region = likelihood.slack_derivatives(optimum.z, slack, DIFFERENCE)
    moves = np.concatenate([by_region, by_region.sum(axis=1, keepdims=True)], axis=1)
    jacobian = optimum.jacobian
    beyond = moves - jacobian @ np.linalg.solve(optimum.precision, jacobian.T @ moves)
    information = (moves * beyond).sum(axis=0)
    # Where sampled worlds, or the weeks themselves, scatter more than the whitening says, so does the score.
    scatter = (worlds @ beyond[: worlds.shape[1]]).var(axis=0, ddof=1) + ((jacobian.T @ beyond) ** 2).sum(axis=0)
    scatter = np.maximum(scatter, _scatter_by_week(likelihood, optimum.residuals[:, None] * beyond))
    known = np.maximum(information, 1e-12)
    panel, paid = likelihood.replay.panel, likelihood.replay.panel.spend.any(axis=(0, 1, 2))
    first = likelihood.first
    return DemandCheck(
        elasticity=-(moves.T @ optimum.residuals) / known,
        error=np.sqrt(np.maximum(information, scatter)) / known,
        counted=bool(
            np.isfinite(panel.visits[first:]).any()
            and np.isfinite(panel.clicks[first:][..., paid]).any(axis=(0, 1)).all()
        ),
    )


def _scatter_by_week(likelihood: Likelihood, parts: FloatArray) -> FloatArray:
    """Variance of sums of weekly parts ``(N, Q)`` that hang together for some weeks ``(Q,)`` (Newey and West 1987)."""
    weeks = len(likelihood.noise.used)
    counts = parts[: likelihood.noise.used.size].reshape(weeks, -1, parts.shape[1]).sum(axis=1)
    apart = counts - counts.mean(axis=0)
    found = (apart**2).sum(axis=0)
    for lag in range(1, min(_LAGS, weeks - 1) + 1):
        found = found + 2.0 * (1.0 - lag / (_LAGS + 1)) * (apart[lag:] * apart[:-lag]).sum(axis=0)
    return found
