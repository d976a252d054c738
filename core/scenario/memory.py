"""How long a market remembers: the days until next to nothing is left of what was done."""

import math
from collections.abc import Collection, Iterator

from xbopt.core.decision_log.reward_reach import LateEffect, RewardReach
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.media import DelayedAdstock, GeometricAdstock, WeibullAdstock
from xbopt.core.scenario.scenario import Scenario

# Twice the half-life of pay-back: three quarters of what a promotion borrows has come back by then.
_PAYBACK_HALF_LIVES = 2.0
LEFT = 0.01
"""Share of a memory at which it counts as faded."""
MOST_DAYS_AFTER = 60


def memory_days(document: ScenarioDocument) -> int:
    """Days until 99 % of the longest memory has faded: carry-over, fatigue, remembered price, orders owed."""
    return max(0, *(math.ceil(days) for days in _memories(document)))


def days_after(document: ScenarioDocument) -> int:
    """Days after the last one that are counted; see ``horizon.after.days``."""
    asked = document.horizon.after.days
    return min(memory_days(document), MOST_DAYS_AFTER) if asked == "auto" else asked


def reward_reach(scenario: Scenario, factors: Collection[str] | None = None) -> RewardReach:
    """Which days the reward of a logged decision covers, and what decisions set off that comes later.

    Args:
        scenario: The scenario.
        factors: Names of the factors that a logged decision is made of; None where it is a tactic of the menu.
    """
    document = scenario.document
    tactics, pull = document.tactics, document.discounts.pull_forward
    deals = bool(scenario.menu.discount_frac.any()) if factors is None else "discount" in factors
    borrows = deals and document.discounts.ceiling_frac > 0.0 and pull.borrowed_frac > 0.0
    payback = LateEffect(cause="deals", days=_PAYBACK_HALF_LIVES * pull.half_life_days)
    return RewardReach(
        reward_days=tactics.window_days, step_days=tactics.decide_every_days, effects=(payback,) if borrows else ()
    )


def _memories(document: ScenarioDocument) -> Iterator[float]:
    for channel in document.channels:
        if isinstance(channel.adstock, GeometricAdstock):
            yield _faded(channel.adstock.half_life_days)
        elif isinstance(channel.adstock, DelayedAdstock | WeibullAdstock):
            yield channel.adstock.window_days - 1.0
        if channel.fatigue.exponent > 0.0:
            yield _faded(channel.fatigue.half_life_days)
    if document.discounts.ceiling_frac > 0.0:
        for segment in document.segments:
            if segment.price_memory.deal_gain > 0.0:
                yield _faded(segment.price_memory.half_life_days)
        if document.discounts.pull_forward.borrowed_frac > 0.0:
            yield _faded(document.discounts.pull_forward.half_life_days)


def _faded(half_life_days: float) -> float:
    return half_life_days * math.log2(1.0 / LEFT)
