"""The return floor of a campaign that is under way: what media have brought so far, and what they are to bring.

A floor ``f`` asks that the margin that media add, media paid, is ``f`` per unit of spend: ``V >= (1 + f) S`` over the
whole horizon. What has been spent is known. What it has brought is told by the plan's own values, scaled by what is
observed: ratios are sums since the first day, so they speak of the past as they do of the days ahead.

At the best spend within the floor a unit brings ``(1 + t (1 + f)) / (1 + t) = 1 + p`` with ``0 <= p <= f`` (``t`` the
floor's multiplier): the floor has a price like a cap, and ``V - (1 + f) S`` is largest at ``p = f``.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, add_up

_KEPT = 1e-3
LEAST_VALUE = 1e-12
LEAST_FALL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAhead:
    """A floor on a morning.

    Attributes:
        rate: ``f``, above 0.
        value_base: Margin before media that the plan's cells ahead bring ``(K, R, S, C)``, base currency.
        past_value_base: What the days before brought ``(B,)``.
        past_spend_base: What was spent ``(B,)``.
    """

    rate: float
    value_base: FloatArray
    past_value_base: FloatArray
    past_spend_base: FloatArray

    def missing(self, value: FloatArray, spend: FloatArray) -> FloatArray:
        """Log of the value wanted over the value there is ``(B,)``, by cells ``(K, R, S, C, B)``; above 0 some misses.

        Both count what was before.
        """
        brought = self.past_value_base + _total(value)
        spent = self.past_spend_base + _total(spend)
        return np.log(np.maximum((1.0 + self.rate) * spent, LEAST_VALUE)) - np.log(np.maximum(brought, LEAST_VALUE))

    def falls(self, value: FloatArray, spend: FloatArray, gives: FloatArray, grows: FloatArray) -> FloatArray:
        """By how much ``missing`` falls per log of the cost of money ``(B,)``.

        Args:
            value: Of cells ``(K, R, S, C, B)``.
            spend: Of cells.
            gives: By how much the log of spend falls.
            grows: By how much the log of value grows with that of spend.
        """
        by_spend = _total(spend * gives) / np.maximum(self.past_spend_base + _total(spend), LEAST_VALUE)
        by_value = _total(value * grows * gives) / np.maximum(self.past_value_base + _total(value), LEAST_VALUE)
        return np.maximum(by_spend - by_value, LEAST_FALL)

    def kept(self, value: FloatArray, spend: FloatArray) -> BoolArray:
        """Whether the floor is kept ``(B,)``."""
        return self.missing(value, spend) <= _KEPT


def _total(cells: FloatArray) -> FloatArray:
    return add_up(np.moveaxis(cells, -1, 0), 1, 2, 3, 4)
