"""The axis legend of the whole project: axes stand in this order, whichever of them an array has.

=====  =================================================================
``B``  worlds (independent copies of the market, one row a world)
``T``  days of the horizon
``R``  regions
``S``  customer segments
``L``  lifecycle buckets: prospect, new, active, at risk, lapsed
``C``  media channels
``H``  dayparts
``K``  currencies, or tactics where a docstring says so
=====  =================================================================
"""

from enum import IntEnum


class Bucket(IntEnum):
    """Lifecycle buckets, the positions along the ``L`` axis."""

    PROSPECT = 0
    NEW = 1
    ACTIVE = 2
    AT_RISK = 3
    LAPSED = 4


BUCKETS: tuple[str, ...] = tuple(bucket.name.lower() for bucket in Bucket)
