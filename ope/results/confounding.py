"""What a hidden cause of the choice could do to a value, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a figure may lie.

    Attributes:
        low: Least figure that a hidden cause of the strength allows.
        high: Greatest one.
        interval_low: Lower end of the interval of ``low``, which allows for the sampling of rows too.
        interval_high: Upper end of the interval of ``high``.
    """

    low: float
    high: float
    interval_low: float
    interval_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfoundingBounds:
    """Bounds for one strength of hidden confounding.

    Attributes:
        strength: Lambda, 1 or more: the factor by which what the log leaves out may move the odds of an action.
        value: Self-normalised value of the policy.
        difference: The same less the mean logged reward.
    """

    strength: float
    value: Bounds
    difference: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenConfounding:
    """How far a value depends on the context holding all that moved the choice.

    Attributes:
        bounds: Bounds by strength, from 1 on.
        sign_lost_at: Least strength at which the interval of the difference holds 0: 1 where it does without any hidden
            cause, None where it does not up to ``strongest``.
        strongest: The greatest strength that was tried.
    """

    bounds: tuple[ConfoundingBounds, ...]
    sign_lost_at: float | None
    strongest: float
