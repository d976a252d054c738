"""Soft constraints: goals of a whole campaign that a projection of single days cannot secure.

Each has a cost on the scale of the reward, which a multiplier prices, and tells by how much it was missed since it was
last asked, which moves the multiplier. The same constraints judge a policy on the validation worlds.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.env.campaign import Campaign, CampaignStep
from xbopt.simulator.money import TERMS

# Of the slack: how far ahead a policy may be on average before pacing counts as missed.
_TOLERATED = 0.1


class SoftConstraint(Protocol):
    """A constraint on a whole campaign, at a price."""

    @property
    def name(self) -> str:
        """Name in figures of a run."""
        ...

    def begin(self) -> None:
        """An episode begins."""
        ...

    def cost(self, step: CampaignStep) -> FloatArray:
        """What a step costs at a multiplier of 1 ``(B,)``, in units of the reward; below 0 where it helps."""
        ...

    def missed(self) -> float:
        """By how much it was missed since the last call, relative to its scale; not above 0 where it was met."""
        ...


class ReturnFloor:
    """Margin that media add, per unit of media spend, is to be at least a floor, over all worlds together.

    What the same promotions bring without media is taken off, as the planner does.

    Args:
        campaign: The batch of worlds; it plays them without media as well from its next episode on.
        floor: Contribution margin that media add, media paid, per unit of media spend.
    """

    name = "roi_floor"

    def __init__(self, campaign: Campaign, floor: float) -> None:
        campaign.count_organic()
        self._floor, self._unit_base = floor, campaign.reward_unit_base
        self._added_base, self._media_base = 0.0, 0.0

    def begin(self) -> None:
        """Nothing is carried over from step to step."""

    def cost(self, step: CampaignStep) -> FloatArray:
        """What the added margin falls short of the floor by."""
        assert step.organic_margin_base is not None, "the campaign counts it"
        media = -step.terms_base["media"]
        margin = sum((step.terms_base[name] for name in TERMS), np.zeros(len(media)))
        added = margin - step.organic_margin_base
        self._added_base += float(added.sum())
        self._media_base += float(media.sum())
        return (self._floor * media - added) / self._unit_base

    def missed(self) -> float:
        """The floor less the return; 0 without media, where every floor is kept."""
        missed = 0.0 if self._media_base <= 0.0 else self._floor - self._added_base / self._media_base
        self._added_base, self._media_base = 0.0, 0.0
        return missed


class Pacing:
    """Spend so far is to be no more than some way ahead of the plan's, in every world.

    The hard limit on a day's spend does not prevent that a campaign which runs well has no money left at its end.

    Args:
        campaign: The batch of worlds, with its plan.
        slack: How far spend may run ahead, as a share of all that the plan spends.
    """

    name = "pacing"

    def __init__(self, campaign: Campaign, slack: float) -> None:
        by_day = campaign.plan.spend_base.sum(axis=(1, 2, 3))
        ends = np.minimum(np.arange(1, campaign.steps + 1) * campaign.hold_days, len(by_day))
        self._allowed_base = np.cumsum(by_day)[ends - 1] + slack * float(by_day.sum())
        self._slack_base = slack * float(by_day.sum())
        self._unit_base, self._worlds = campaign.reward_unit_base, campaign.worlds
        self._spent_base, self._step = np.zeros(self._worlds), 0
        self._ahead_base, self._seen = 0.0, 0

    def begin(self) -> None:
        """Nothing is spent yet."""
        self._spent_base, self._step = np.zeros(self._worlds), 0

    def cost(self, step: CampaignStep) -> FloatArray:
        """How far spend is ahead of what it may be."""
        self._spent_base = self._spent_base - step.terms_base["media"]
        ahead = np.maximum(self._spent_base - self._allowed_base[self._step], 0.0)
        self._step += 1
        self._ahead_base += float(ahead.sum())
        self._seen += len(ahead)
        return ahead / self._unit_base

    def missed(self) -> float:
        """The mean over worlds and steps of what is too far ahead, in units of the slack, less a tolerance."""
        mean = self._ahead_base / max(self._seen, 1)
        self._ahead_base, self._seen = 0.0, 0
        return mean / max(self._slack_base, 1e-9) - _TOLERATED


def soft_constraints(campaign: Campaign, *, pacing_slack: float) -> tuple[SoftConstraint, ...]:
    """The constraints of a scenario and a run.

    Args:
        campaign: The batch of worlds.
        pacing_slack: See ``Pacing``; 0 for no such constraint.
    """
    found: list[SoftConstraint] = []
    floor = campaign.market.scenario.document.budget.roi_floor
    if floor is not None:
        found.append(ReturnFloor(campaign, floor))
    if pacing_slack > 0.0:
        found.append(Pacing(campaign, pacing_slack))
    return tuple(found)


@dataclass(slots=True, kw_only=True)
class PidMultiplier:
    """A Lagrange multiplier under PID control (Stooke, Achiam, Abbeel 2020, algorithm 2).

    ``lambda = max(0, kp * error + ki * integral + kd * max(0, error - last error))``; the integral never falls below 0.
    The proportional part damps the swings that a multiplier moved by its integral alone falls into.

    Attributes:
        proportional: ``kp``.
        integral_gain: ``ki``.
        derivative: ``kd``.
        largest: The multiplier stays at or below this.
        integral: Sum of past errors.
        last_error: Error of the last update.
        value: The multiplier.
    """

    proportional: float = 1.0
    integral_gain: float = 0.1
    derivative: float = 0.5
    largest: float = 20.0
    integral: float = 0.0
    last_error: float = 0.0
    value: float = 0.0

    def update(self, error: float) -> float:
        """The multiplier after one more look.

        Args:
            error: By how much the constraint is missed, relative to its scale; negative where it is kept.
        """
        self.integral = max(self.integral + error, 0.0)
        rise = max(error - self.last_error, 0.0)
        self.last_error = error
        wanted = self.proportional * error + self.integral_gain * self.integral + self.derivative * rise
        self.value = min(max(wanted, 0.0), self.largest)
        return self.value
