"""How orders answer to deals, against what the scenario says: days with a deal told apart from days without.

With a deal of log depth ``l = -log(1 - discount)`` and a stated elasticity ``e`` the model expects ``exp(|e| l)`` times
the orders. Where a world's elasticity is ``1 + k`` times the stated one, orders from the visits that were counted are
``exp(k |e| l)`` times those expected. So ``k`` is the log of observed over expected orders, days weighted by their lift
``|e| l``, over the mean lift; what days without a deal show of conversion is taken off, and a normal prior draws it
to 0.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.parameters import MarketParameters

LARGEST_RESPONSE = 3.0
_PRIOR_INFORMATION = 4.0  # a standard deviation of a half
_PRIOR_LIFT = 0.5  # of three orders with a deal of a tenth, as for other ratios
_PRIOR_ORDERS = 100.0  # conversion is known within a tenth
_DEEPEST = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class DealTally:
    """Sums over days since the first ``(B, R, S)``; ``lift`` is ``|e| l`` of a day.

    Attributes:
        orders: Orders on days without a deal.
        expected: Orders that the model expects on them from the visits that were counted.
        lift_orders: Orders times lift.
        lift_expected: Expected orders times lift.
        information: Expected orders times squared lift.
    """

    orders: FloatArray
    expected: FloatArray
    lift_orders: FloatArray
    lift_expected: FloatArray
    information: FloatArray

    @classmethod
    def empty(cls, cells: tuple[int, int, int]) -> "DealTally":
        """Nothing has happened yet."""
        zero = np.zeros(cells)
        return cls(orders=zero, expected=zero, lift_orders=zero, lift_expected=zero, information=zero)

    def plus(self, *, lift: FloatArray, orders: FloatArray, expected: FloatArray) -> "DealTally":
        """The sums after one more day."""
        full_price = lift == 0.0
        return DealTally(
            orders=self.orders + np.where(full_price, orders, 0.0),
            expected=self.expected + np.where(full_price, expected, 0.0),
            lift_orders=self.lift_orders + lift * orders,
            lift_expected=self.lift_expected + lift * expected,
            information=self.information + lift**2 * expected,
        )

    @property
    def response(self) -> FloatArray:
        """``k``: by how much more than stated orders answer, as a share of it ``(B, R, S)``; 0 with nothing known."""
        conversion = (self.orders + _PRIOR_ORDERS) / (self.expected + _PRIOR_ORDERS)
        ratio = (self.lift_orders + _PRIOR_LIFT) / (conversion * self.lift_expected + _PRIOR_LIFT)
        response = np.log(ratio) * self.lift_expected / (self.information + _PRIOR_INFORMATION)
        return np.clip(response, -LARGEST_RESPONSE, LARGEST_RESPONSE)


def deal_lift(market: MarketParameters, day: int, discount_frac: FloatArray) -> FloatArray:
    """Log of what a new deal does to orders at the stated elasticity ``(B, R, S)``, at least 0.

    On events the calendar's demand holds the response to the usual deal already: only what lies beyond it counts.
    """
    beyond = np.clip(discount_frac - market.calendar.deal_in_lift[day][:, None], 0.0, _DEEPEST)
    return market.demand.elasticity * np.log1p(-beyond)
