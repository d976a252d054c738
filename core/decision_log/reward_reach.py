"""How far the rewards of a log reach, and what decisions set off that comes later: what its maker knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Literal, cast, get_args

from xbopt.core.errors import DecisionLogError

Cause = Literal["deals"]
"""``deals``: orders that a promotion borrowed are missing for weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LateEffect:
    """What decisions set off and rewards may miss.

    Attributes:
        cause: What sets it off.
        days: Days after a decision until most of it has come.
    """

    cause: Cause
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardReach:
    """Which days a reward covers, and for how long a decision moves money.

    Attributes:
        reward_days: Days from the decision on that its reward covers.
        step_days: Days from one decision to the next.
        effects: What decisions set off that may come later; empty where nothing is known to.
    """

    reward_days: int
    step_days: int
    effects: tuple[LateEffect, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            DecisionLogError: A number of days is none.
        """
        days = (self.reward_days, self.step_days, *(effect.days for effect in self.effects))
        if not all(isfinite(one) and one > 0 for one in days):
            raise DecisionLogError("its reward_reach holds a number of days that is not above 0.")

    @property
    def missed(self) -> tuple[LateEffect, ...]:
        """Effects that rewards end before, the longest first."""
        late = [effect for effect in self.effects if effect.days > self.reward_days]
        return tuple(sorted(late, key=lambda effect: -effect.days))

    @property
    def overlaps(self) -> bool:
        """Whether a reward holds days of later decisions, so that the rewards of an episode cannot be added up."""
        return self.reward_days > self.step_days


def reach_from_plain(data: object) -> RewardReach:
    """The reach from JSON-ready data.

    Raises:
        DecisionLogError: The data says something else.
    """
    wrong = DecisionLogError("its reward_reach should hold reward_days, step_days and effects.")
    if not isinstance(data, dict):
        raise wrong
    values = cast("dict[str, object]", data)
    days = [values.get(name) for name in ("reward_days", "step_days")]
    effects = values.get("effects")
    if not (all(type(one) is int for one in days) and isinstance(effects, list)):
        raise wrong
    reward_days, step_days = (cast("int", one) for one in days)
    found = tuple(_effect(one, wrong) for one in cast("list[object]", effects))
    return RewardReach(reward_days=reward_days, step_days=step_days, effects=found)


def joined_reach(parts: Iterable[RewardReach | None]) -> RewardReach | None:
    """What holds for a log of several files: the shortest rewards, the longest effects; None where no file says."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    longest: dict[Cause, LateEffect] = {}
    for effect in sorted((one for part in known for one in part.effects), key=lambda one: one.days):
        longest[effect.cause] = effect
    return RewardReach(
        reward_days=min(part.reward_days for part in known),
        step_days=min(part.step_days for part in known),
        effects=tuple(longest.values()),
    )


def _effect(data: object, wrong: DecisionLogError) -> LateEffect:
    values = cast("dict[str, object]", data) if isinstance(data, dict) else {}
    cause, days = values.get("cause"), values.get("days")
    if cause not in get_args(Cause) or not isinstance(days, int | float) or isinstance(days, bool):
        raise wrong
    return LateEffect(cause=cast("Cause", cause), days=float(days))
