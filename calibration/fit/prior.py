"""How sure anybody is of a market before its own records are seen.

Every number is a standard deviation of a log. Where a published range stands in ``core/tables/published_ranges.csv`` it
is taken as the middle 95 % of a log-normal: ``ln(high / low) / 3.92``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from xbopt.core.errors import UsageError
from xbopt.core.tables.published_ranges import published_ranges

_MIDDLE_95 = 3.92


def range_sd(sign: str) -> float:
    """Standard deviation of the log of what a published range is about."""
    found = published_ranges()[sign]
    low, high = sorted((abs(found.low), abs(found.high)))
    return float(np.log(high / low) / _MIDDLE_95)


def _usual() -> dict[str, float]:
    return {
        "return": range_sd("incremental_roas"),
        "half_saturation": 0.5,  # 0.5 to 1.5 times median spend in public media-mix models, and that twice as wide
        "carry_over": 0.4,  # days of a channel by trade sources span a factor of 2 to 3
        # Conversion by source differs by a factor of 2 either way, 0.35; how many of a channel's visits would have come
        # without it no count tells: orders are to say what its visits are worth.
        "visit_quality": 1.0,
        "visit_carry_over": 1.5,
        "visit_half_saturation": 1.5,
        "organic_traffic": 0.5,
        "conversion": 0.5,
        "customer_conversion": range_sd("second_order_365") * 2.0,  # the rate moves by about half of it
        "elasticity": 0.35,
        "deal_gain": 0.4,
        "event_lift": 0.3,
        "customers": 0.4,
        "recent_customers": 0.4,
        "order_value": 0.2,
        "clicks": 0.2,  # platforms count 20 % more or less than shops do
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Standard deviations of logs around the scenario's own numbers.

    Attributes:
        sd: By kind of parameter, or by name for one of them, as ``half_saturation.search``.
        mean: Means of logs by name; 0, the scenario's own number, where left out.
        shared_frac: Share of the variance of a channel's return that all regions have in common.
    """

    sd: Mapping[str, float] = field(default_factory=_usual)
    mean: Mapping[str, float] = field(default_factory=dict[str, float])
    shared_frac: float = 0.8

    def __post_init__(self) -> None:
        for name, value in self.sd.items():
            if not 0.0 < value <= 3.0:
                raise UsageError(f"The prior's sd of {name} is {value}; a number above 0 and up to 3 is wanted.")

    def sd_of(self, kind: str, name: str) -> float:
        """Standard deviation of a parameter's log."""
        return self.sd.get(name, self.sd.get(kind, _usual()[kind]))

    def mean_of(self, name: str) -> float:
        """Mean of a parameter's log."""
        return self.mean.get(name, 0.0)
