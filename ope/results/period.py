"""The coming period that a value is for, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingPeriod:
    """A period, and how much of the log speaks for it.

    Attributes:
        first: First day, as in 2026-12-01.
        last: Last day, itself included.
        days: Its days.
        unseen: Those that are like no day of the log; they are left out of the value.
        log_days: Days of the log.
        like_days: Those of them that are like a day of the period.
    """

    first: str
    last: str
    days: int
    unseen: int
    log_days: int
    like_days: int
