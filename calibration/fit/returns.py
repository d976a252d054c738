"""What channels add: net revenue of the scored days with a channel and without it, per unit of its spend.

It is what budgets are split by, and no single parameter: response, saturation, carry-over and the quality of visits
work together in it. So it is judged as a function of all of them.
"""

from dataclasses import dataclass, field

import numpy as np

from xbopt.calibration.fit.likelihood import Likelihood
from xbopt.calibration.fit.optimum import DIFFERENCE
from xbopt.calibration.fit.parameters import ParameterSpace
from xbopt.calibration.fit.replay import Replay
from xbopt.core.arrays import BoolArray, FloatArray, IntArray

_BATCH = 256
_TINY = 1e-9
WIDE = 1.96
"""Standard deviations to either end of a 95 % interval."""
FAR_BELOW = -2.0
"""Prior standard deviations from which on a return lies so low that it may be nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementalReturns:
    """Incremental return of each channel that was paid, on the scored days and what they leave for later ones.

    Attributes:
        channels: Their ids, ``D`` of them.
        log: Logs at the mode ``(D,)``.
        gradient: Derivatives of the logs in standardised coordinates ``(D, P)``: rows of ones of the prior.
        nothing_possible: Whether the mode lies two prior standard deviations or more below what was believed ``(D,)``.
            Returns are above 0 by their logs, so that only the prior keeps such a one from nothing.
    """

    channels: tuple[str, ...]
    log: FloatArray
    gradient: FloatArray = field(repr=False)
    nothing_possible: BoolArray

    def sd(self, covariance: FloatArray) -> FloatArray:
        """Standard deviations of the logs ``(D,)`` under a covariance in standardised coordinates ``(P, P)``."""
        return np.sqrt(np.einsum("dp,pq,dq->d", self.gradient, covariance, self.gradient))

    def interval(self, covariance: FloatArray) -> FloatArray:
        """95 % intervals, from and to ``(D, 2)``, under such a covariance; from 0 where nothing is possible."""
        reach = WIDE * self.sd(covariance)
        low, high = np.exp(self.log - reach), np.exp(self.log + reach)
        return np.stack([np.where(self.nothing_possible, 0.0, low), high], axis=1)


def incremental_returns(likelihood: Likelihood, z: FloatArray) -> IncrementalReturns:
    """Incremental returns at ``z`` ``(P,)``, with their derivatives."""
    replay = likelihood.replay
    spend = replay.panel.spend[likelihood.first :].sum(axis=(0, 1, 2))
    paid = np.flatnonzero(spend > 0.0)
    points = np.concatenate([z[None], z + DIFFERENCE * np.eye(len(z))])
    added = added_revenue(likelihood, points, paid)
    logs = np.log(np.maximum(added, _TINY) / spend[paid])
    gradient = (logs[1:] - logs[0]).T / DIFFERENCE
    return IncrementalReturns(
        channels=tuple(replay.market.scenario.channels[c] for c in paid),
        log=logs[0],
        gradient=gradient,
        nothing_possible=gradient @ z <= FAR_BELOW * np.linalg.norm(gradient, axis=1),
    )


def added_revenue(likelihood: Likelihood, z: FloatArray, channels: IntArray) -> FloatArray:
    """Net revenue of the scored days that each of ``D`` channels adds ``(B, D)`` in vectors ``(B, P)``."""
    space = likelihood.space
    factors = np.ones((1 + len(channels), space.market.shape[2]))
    factors[1 + np.arange(len(channels)), channels] = 0.0
    sold = sold_with(likelihood.replay, space, space.theta(z), likelihood.first, factors)[..., -1]
    return sold[:, :1] - sold[:, 1:]


def sold_with(replay: Replay, space: ParameterSpace, theta: FloatArray, first: int, factors: FloatArray) -> FloatArray:
    """Counts of the scored days by kind ``(B, F, K)`` of logs ``(B, P)``, at ``F`` levels of spend ``(F, C)``.

    All of it is one batch of markets, since a batch costs little more than one market.
    """
    each = np.repeat(theta, len(factors), axis=0)
    levels = np.tile(factors, (len(theta), 1))
    parts: list[FloatArray] = []
    for start in range(0, len(each), _BATCH):
        part = slice(start, start + _BATCH)
        played = replay.play(space.sampled(each[part]), factors=(first, levels[part]))
        parts.append(played[:, first:].sum(axis=(1, 2)))
    return np.concatenate(parts).reshape(len(theta), len(factors), -1)
