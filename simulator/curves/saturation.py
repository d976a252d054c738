"""Saturation: the share of a channel's ceiling that a level of exposure reaches."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.media import HillSaturation, Saturation

_TINY = 1e-300


def hill(ratio: FloatArray, slope: FloatArray | float) -> FloatArray:
    """Hill curve ``x^k / (x^k + K^k)`` of ``ratio = x / K`` (Jin et al. 2017, eq. 5). 0 at 0, 1/2 at ``x = K``."""
    powered = np.where(ratio > 0.0, np.exp(slope * np.log(np.maximum(ratio, _TINY))), 0.0)
    return powered / (1.0 + powered)


def exponential(ratio: FloatArray) -> FloatArray:
    """``1 - 2^(-x/K)`` of ``ratio = x / K``: 0 at 0, 1/2 at ``x = K``."""
    return -np.expm1(-np.log(2.0) * ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturationBank:
    """The saturation of all channels together.

    Attributes:
        slope: Hill slope by channel ``(C,)``; 1 for exponential channels, where it is not used.
        exponential: Positions of the exponential channels.
        half: Half-saturation by channel ``(C,)``, impressions a head and day.
    """

    slope: FloatArray
    exponential: tuple[int, ...]
    half: FloatArray

    @property
    def first_slope(self) -> FloatArray:
        """Rise of the share per ``x/K`` at 0 ``(C,)``: ``ln 2`` where exponential.

        It is 1 for Hill with slope 1; other Hill slopes start flat or steep, and 1 is their convention.
        """
        slope = np.ones(len(self.slope))
        slope[list(self.exponential)] = np.log(2.0)
        return slope

    def reached(self, ratio: FloatArray) -> FloatArray:
        """Share of the ceiling reached ``(..., C)`` at ``ratio = exposure / half-saturation`` ``(..., C)``."""
        share = ratio / (1.0 + ratio)  # Hill with slope 1; the others cost a power and are done one by one
        for channel in (self.slope != 1.0).nonzero()[0]:
            share[..., channel] = hill(ratio[..., channel], float(self.slope[channel]))
        for channel in self.exponential:
            share[..., channel] = exponential(ratio[..., channel])
        return share


def saturation_bank(curves: list[Saturation]) -> SaturationBank:
    """Gather the saturation of all channels, one curve a channel."""
    return SaturationBank(
        slope=np.array([curve.slope if isinstance(curve, HillSaturation) else 1.0 for curve in curves]),
        exponential=tuple(c for c, curve in enumerate(curves) if not isinstance(curve, HillSaturation)),
        half=np.array([curve.half_saturation for curve in curves]),
    )
