"""Fatigue: a head that has seen enough is moved less by one exposure more.

Repeated exposure lowers the *marginal* effect of an exposure, never the sum: with remembered frequency ``f`` and
limit ``f0`` an exposure counts ``min(1, (f0/f)^eta)``, ``eta <= 1``. The day's effective exposure is the integral of
that over the day's exposures, ``G(f + x) - G(f)``. With ``eta <= 1`` the product ``f G'(f)`` never falls, and so more
spend on any day never lowers the effective exposure summed over any horizon. The often quoted
``exp(-0.12 (f - 3))`` on the whole effect has not this property (it makes spend harmful beyond a point); the power
law is within 0.07 of it between 3 and 10 exposures a week at ``eta = 0.6``.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.core.scenario.media import Fatigue


@dataclass(frozen=True, slots=True, kw_only=True)
class FatigueBank:
    """The fatigue of all channels together.

    Attributes:
        limit: Remembered exposures a head up to which nobody tires ``(C,)``: the weekly limit in units of the memory.
        exponent: ``eta`` ``(C,)``.
        retention: Share of remembered exposures left after a day ``(C,)``.
    """

    limit: FloatArray
    exponent: FloatArray
    retention: FloatArray

    def remembered(self, frequency: FloatArray) -> FloatArray:
        """What is left today of yesterday's remembered exposures a head ``(..., C)``."""
        return self.retention * frequency

    def effective(self, remembered: FloatArray, exposure: FloatArray) -> FloatArray:
        """Effective exposures a head of today ``(..., C)``, given remembered and new exposures a head."""
        after = remembered + exposure
        fresh = after <= self.limit
        if bool(fresh.all()):
            return exposure
        # Below the limit the answer is the exposure itself, to the bit: one world must not depend on whether its
        # neighbours in the batch are tired.
        return np.where(fresh, exposure, self._counted(after) - self._counted(remembered))

    def _counted(self, frequency: FloatArray) -> FloatArray:
        """``G(f)``: the integral of the marginal effect from 0 to ``f``."""
        ratio = np.maximum(frequency / self.limit, 1.0)
        log_ratio = np.log(ratio)
        rest = 1.0 - self.exponent
        logarithmic = rest < 1e-9
        beyond = np.expm1(rest * log_ratio) / np.where(logarithmic, 1.0, rest)
        if logarithmic.any():
            beyond = np.where(logarithmic, log_ratio, beyond)
        return np.minimum(frequency, self.limit) + self.limit * beyond


def fatigue_bank(curves: list[Fatigue]) -> FatigueBank:
    """Gather the fatigue of all channels, one curve a channel.

    The memory of exposures fades by ``rho = 2^(-1/half_life)`` a day, so a steady ``x`` a day is remembered as
    ``x / (1 - rho)``; the weekly limit is translated with the same factor.
    """
    half_life = np.array([curve.half_life_days for curve in curves])
    retention = 0.5 ** (1.0 / half_life)
    weekly = np.array([curve.weekly_frequency for curve in curves])
    return FatigueBank(
        limit=weekly / 7.0 / (1.0 - retention),
        exponent=np.array([curve.exponent for curve in curves]),
        retention=retention,
    )
