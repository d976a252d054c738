"""Fatigue: a head that has seen enough is moved less by one exposure more.

Fatigue works on the share ``x`` of its ceiling that a channel reaches on a day, after carry-over and saturation.
Repeated contact lowers the *marginal* effect, never the sum: with remembered share ``f`` and limit ``f0`` a further bit
counts ``min(1, (f0/f)^eta)``, ``eta <= 1``. The day's effective share is the integral of that over the day,
``G(f + x) - G(f)``. With ``eta <= 1`` the product ``f G'(f)`` never falls, and so more on any day never lowers the
effective share summed over any horizon. This is why fatigue comes last: before saturation, a day flooded far beyond
its half-saturation would tire people for later days and bring next to nothing itself. The often quoted
``exp(-0.12 (f - 3))`` on the whole effect makes spend harmful beyond a point even on its own day.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray, every
from xbopt.core.scenario.media import Fatigue
from xbopt.simulator.curves.saturation import SaturationBank

# The power law with eta = 1 is a logarithm; nearer to it than this the power would divide by almost nothing.
_LOGARITHMIC = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class FatigueBank:
    """The fatigue of all channels together.

    Attributes:
        limit: Remembered share up to which nobody tires ``(C,)``, or ``(B, R, S, C)`` where worlds differ: the weekly
            limit in units of the memory.
        exponent: ``eta`` ``(C,)``.
        retention: Share of the memory left after a day ``(C,)``.
    """

    limit: FloatArray
    exponent: FloatArray
    retention: FloatArray

    def remembered(self, frequency: FloatArray) -> FloatArray:
        """What is left today of yesterday's memory ``(..., C)``."""
        return self.retention * frequency

    def tolerating(self, factor: FloatArray) -> "FatigueBank":
        """The same curves with a limit that is ``factor`` times as high ``(B, R, S, C)``."""
        return self if every(factor == 1.0) else replace(self, limit=self.limit * factor)

    def effective(self, remembered: FloatArray, exposure: FloatArray) -> FloatArray:
        """Effective share of today ``(..., C)``, given the memory and the share reached today (``exposure``)."""
        fresh = remembered + exposure <= self.limit
        effective = exposure.copy(order="K")
        for channel in range(exposure.shape[-1]):
            # Few channels tire anybody, so they are done one by one. Below the limit the answer is the argument
            # itself, to the bit: one world must not depend on whether its neighbours in the batch are tired.
            if not every(fresh[..., channel]):
                limit, eta = self.limit[..., channel], float(self.exponent[channel])
                memory, today = remembered[..., channel], exposure[..., channel]
                below = np.minimum(np.maximum(limit - memory, 0.0), today)
                tired = below + _beyond(np.maximum(memory, limit), today - below, limit, eta)
                effective[..., channel] = np.where(fresh[..., channel], today, tired)
        return effective


def _beyond(start: FloatArray, exposure: FloatArray, limit: FloatArray, eta: float) -> FloatArray:
    """The integral of ``(limit/f)^eta`` from ``start``, at or beyond the limit, over the exposures that follow.

    Written with the step itself, not as a difference of two large integrals: a small exposure of a tired head must
    neither vanish nor turn negative by rounding.
    """
    step = np.log1p(exposure / start)
    rest = 1.0 - eta
    if rest < _LOGARITHMIC:
        return limit * step
    return limit / rest * np.expm1(rest * step) * np.exp(rest * np.log(start / limit))


def fatigue_bank(curves: list[Fatigue], saturation: SaturationBank) -> FatigueBank:
    """Gather the fatigue of all channels, one curve a channel.

    The memory fades by ``rho = 2^(-1/half_life)`` a day, so a steady share ``x`` a day is remembered as
    ``x / (1 - rho)``. The limit is the memory of a steady seventh of the weekly frequency a day.
    """
    half_life = np.array([curve.half_life_days for curve in curves])
    retention = 0.5 ** (1.0 / half_life)
    daily = np.array([curve.weekly_frequency for curve in curves]) / 7.0
    return FatigueBank(
        limit=saturation.reached(daily / saturation.half) / (1.0 - retention),
        exponent=np.array([curve.exponent for curve in curves]),
        retention=retention,
    )
