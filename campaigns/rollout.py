"""A policy against the plan that it is to take over from: what shared decisions brought, and when to stop.

Who decides is drawn by the decision's name, with a known probability, so a decision's reward tells of both arms. Its
score is the augmented inverse-propensity one,

    m1 - m0 + A / p (y - m1) - (1 - A) / (1 - p) (y - m0),

with reward y, arm A, share p, and the mean rewards m1 and m0 of the decisions before it. The mean of the scores is the
difference of the arms whatever the shares were on the way, and whatever the season did meanwhile; its interval is a
confidence sequence (`xbopt.ope.intervals.anytime`; Waudby-Smith and others 2024, section 3), so one may look at it
every day and stop when it leaves zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.campaigns.books.events import Decided
from xbopt.core.arrays import FloatArray
from xbopt.ope.intervals.anytime import anytime_mean

Advice = Literal["continue", "raise", "stop"]
CONFIDENCE = 0.95
_FIRST = 2
"""Rewards of each arm before the first score: what stands in for a reward is a mean of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOutFigures:
    """How the policy does against the plan.

    Attributes:
        decisions: Number of decisions, by arm.
        told: How many of them have all their outcomes, by arm.
        mean: Mean reward of those, by arm; NaN without any.
        units: Decisions that the difference rests on: those that either arm could have made.
        difference: Mean reward of the policy over the plan's; None where too little is known.
        low: Lower end of its interval, which holds at all looks together.
        high: Upper end.
        advice: ``stop`` where the policy is worse, ``raise`` its share where it is better, else ``continue``.
    """

    decisions: Mapping[str, int]
    told: Mapping[str, int]
    mean: Mapping[str, float]
    units: int
    difference: float | None
    low: float | None
    high: float | None
    advice: Advice


def roll_out_figures(decisions: Sequence[Decided], rewards: Mapping[str, float], share: float) -> RollOutFigures:
    """Compare the arms.

    Args:
        decisions: In their order.
        rewards: Reward of a decision over all of its cells, by its name; only decisions whose outcomes are all told.
        share: Share of decisions that the policy takes now.
    """
    arms = ("policy", "incumbent")
    made = {arm: [one for one in decisions if one.arm == arm] for arm in arms}
    told = {arm: [rewards[one.decision] for one in made[arm] if one.decision in rewards] for arm in arms}
    scores = _scores([one for one in decisions if one.decision in rewards and 0.0 < one.share < 1.0], rewards)
    found = anytime_mean(scores, confidence=CONFIDENCE)
    low, high = (None, None) if found is None else found
    advice: Advice = "continue"
    if high is not None and high < 0.0:
        advice = "stop"
    elif low is not None and low > 0.0 and share < 1.0:
        advice = "raise"
    return RollOutFigures(
        decisions={arm: len(made[arm]) for arm in arms},
        told={arm: len(told[arm]) for arm in arms},
        mean={arm: float(np.mean(told[arm])) if told[arm] else float("nan") for arm in arms},
        units=len(scores),
        difference=None if found is None else float(scores.mean()),
        low=low,
        high=high,
        advice=advice,
    )


def _scores(decisions: Sequence[Decided], rewards: Mapping[str, float]) -> FloatArray:
    """The score of each decision, as far as decisions before it tell what to expect ``(t,)``."""
    total, count = {"policy": 0.0, "incumbent": 0.0}, {"policy": 0, "incumbent": 0}
    found: list[float] = []
    for one in decisions:
        reward = rewards[one.decision]
        if min(count.values()) >= _FIRST:
            policy, incumbent = (total[arm] / count[arm] for arm in ("policy", "incumbent"))
            own = (reward - policy) / one.share if one.arm == "policy" else -(reward - incumbent) / (1.0 - one.share)
            found.append(policy - incumbent + own)
        total[one.arm] += reward
        count[one.arm] += 1
    return np.array(found, dtype=np.float64)
