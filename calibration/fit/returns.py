"""What channels add: net revenue of the scored days with a channel and without it, per unit of its spend.

It is what budgets are split by, and no single parameter: response, saturation, carry-over and the quality of visits
work together in it. So it is judged as a function of all of them.
"""

from dataclasses import dataclass, field

import numpy as np

from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.optimum import DIFFERENCE
from xbopt.core.arrays import FloatArray

_BATCH = 128
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementalReturns:
    """Incremental return of each channel that was paid, on the scored days and what they leave for later ones.

    Attributes:
        channels: Their ids, ``D`` of them.
        log: Logs at the mode ``(D,)``.
        gradient: Derivatives of the logs in standardised coordinates ``(D, P)``: rows of ones of the prior.
    """

    channels: tuple[str, ...]
    log: FloatArray
    gradient: FloatArray = field(repr=False)

    def sd(self, covariance: FloatArray) -> FloatArray:
        """Standard deviations of the logs ``(D,)`` under a covariance in standardised coordinates ``(P, P)``."""
        return np.sqrt(np.einsum("dp,pq,dq->d", self.gradient, covariance, self.gradient))

    @property
    def prior_sd(self) -> FloatArray:
        """The same under the prior ``(D,)``, as far as a first-order expansion holds."""
        return np.sqrt((self.gradient**2).sum(axis=1))


def incremental_returns(likelihood: Likelihood, z: FloatArray) -> IncrementalReturns:
    """Incremental returns at ``z`` ``(P,)``, with their derivatives."""
    replay, first = likelihood.replay, likelihood.first
    spend = replay.panel.spend[first:].sum(axis=(0, 1, 2))
    paid = np.flatnonzero(spend > 0.0)
    points = np.concatenate([z[None], z + DIFFERENCE * np.eye(len(z))])
    own = revenue(likelihood, points, None)
    logs = (
        np.stack(
            [np.log(np.maximum(own - revenue(likelihood, points, int(c)), _TINY) / spend[c]) for c in paid], axis=1
        )
        if len(paid)
        else np.zeros((len(points), 0))
    )
    return IncrementalReturns(
        channels=tuple(replay.market.scenario.channels[c] for c in paid),
        log=logs[0],
        gradient=(logs[1:] - logs[0]).T / DIFFERENCE,
    )


def revenue(likelihood: Likelihood, z: FloatArray, without: int | None) -> FloatArray:
    """Net revenue of the scored days ``(B,)`` of vectors ``(B, P)``, without the spend of one channel, if any."""
    replay, space, first = likelihood.replay, likelihood.space, likelihood.first
    spend = replay.panel.spend
    if without is not None:
        spend = spend.copy()
        spend[first:, ..., without] = 0.0
    parts: list[FloatArray] = []
    for start in range(0, len(z), _BATCH):
        played = replay.play(space.sampled(space.theta(z[start : start + _BATCH])), spend=spend)
        parts.append(played[:, first:, :, -1].sum(axis=(1, 2)))
    return np.concatenate(parts)
