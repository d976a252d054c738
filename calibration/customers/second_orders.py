"""Second orders as they were seen, whatever a model says: the share of newly won customers by days since the first."""

from dataclasses import dataclass

import numpy as np

from xbopt.calibration.customers.purchases import RepeatSummary
from xbopt.calibration.intervals import Interval

_WIDE = 1.96
_APART = 2.58
"""Standard errors of a difference that chance passes once in a hundred times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOrders:
    """Share of newly won customers whom a second purchase followed within some days.

    Attributes:
        value: The share; not a number where nobody was followed so long.
        se: Its standard error.
    """

    value: float
    se: float

    @property
    def interval(self) -> Interval:
        """95 %, on the scale of ``log(-log)``, so that it stays between 0 and 1."""
        stay = 1.0 - self.value
        if not 0.0 < stay < 1.0:
            return Interval(value=self.value, low=self.value, high=self.value)
        half = _WIDE * self.se / (stay * abs(np.log(stay)))
        low, high = (float(1.0 - stay ** np.exp(sign * half)) for sign in (-1.0, 1.0))
        return Interval(value=self.value, low=low, high=high)

    def is_apart(self, other: "SecondOrders") -> bool:
        """Whether two groups differ beyond chance."""
        return abs(self.value - other.value) > _APART * float(np.hypot(self.se, other.se))


def second_orders(summary: RepeatSummary, days: float) -> SecondOrders:
    """Second orders within so many days, of customers some of whom were followed for less.

    Kaplan and Meier, JASA 53 (1958), with Greenwood's variance: customers without a second purchase are censored on the
    last day of the data.
    """
    seen = summary.again > 0
    time = np.where(seen, summary.second, summary.age)
    if len(time) == 0 or days > time.max():
        return SecondOrders(value=float("nan"), se=float("nan"))
    moments, events = np.unique(time[seen], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), moments)
    within = moments <= days
    events, at_risk = events[within], at_risk[within]
    stay = float(np.prod(1.0 - events / at_risk))
    variance = float((events / (at_risk * np.maximum(at_risk - events, 1))).sum())
    return SecondOrders(value=1.0 - stay, se=stay * float(np.sqrt(variance)))


def followed_days(summary: RepeatSummary) -> int:
    """Days after their first purchase for which half of the customers were followed at least."""
    return int(np.median(summary.age)) if len(summary.age) else 0
