"""The validation worlds: which policy is kept is decided on worlds that training never plays.

The anchor policy is the one to beat, and it stays unless a candidate is **shown** to be better: its mean gain over the
worlds has to pass a paired t test at a level that is spent over the looks. Look ``e`` has the level
``a / (e (e + 1))``; over all looks to come these sum to ``a``, so a run whose candidates are all no better keeps the
anchor with probability ``1 - a`` at least, however often it looks (Bonferroni; spending as in Lan, DeMets 1983,
Biometrika 70, 659-663).

Where worlds are very uncertain, a world in hundreds can gain more than all others together, and its own spread hides
what it gains. The test therefore counts gains beyond their 98th percentile as that: ``E min(g, c) > 0`` implies
``E g > 0``, so what is shown of capped gains holds for whole ones. Losses are never capped.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.special import stdtrit

from xbopt.agents.ppo.settings import PpoSettings
from xbopt.agents.ppo.soft_constraints import soft_constraints
from xbopt.agents.training import VALIDATION_WORLDS
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.env.actions import Actions
from xbopt.env.campaign import REWARD_TERMS, Campaign
from xbopt.env.features import Float32Array
from xbopt.simulator.parameters import MarketParameters

LEVEL = 0.05
"""Probability, over all looks together, of keeping a candidate that is no better than the anchor."""
_ROUNDING = 2.0**-53
_CAP = 0.98


class Actor(Protocol):
    """What gives the likeliest actions."""

    def likeliest(self, features: Float32Array) -> Actions:
        """The likeliest action for each row of features ``(B, A)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Mean reward on the validation worlds, base currency, above that of others in the same worlds with the same luck.

    Attributes:
        gain_base: Above the anchor policy: the re-planner, or the plan where the run begins with another plan.
        gain_se_base: Standard error of that mean over worlds.
        capped_base: Mean above the anchor policy with the largest gains capped, for the test.
        capped_se_base: Its standard error.
        over_plan_base: Above the plan.
        over_plan_se_base: Its standard error.
        worlds: Number of worlds.
        tolerance_base: Gains up to this are rounding.
        missed: By how much soft constraints are missed, all of them together; 0 where they are met.
    """

    gain_base: float
    gain_se_base: float
    capped_base: float = float("nan")
    capped_se_base: float = float("nan")
    over_plan_base: float = float("nan")
    over_plan_se_base: float = float("nan")
    worlds: int = 2
    tolerance_base: float = 0.0
    missed: float = 0.0

    @classmethod
    def of(
        cls, gain: FloatArray, over_plan: FloatArray, *, tolerance_base: float = 0.0, missed: float = 0.0
    ) -> "Score":
        """The score of gains above the anchor policy and above the plan, world by world ``(B,)``."""
        capped = np.minimum(gain, np.quantile(gain, _CAP))
        figures = [(float(one.mean()), float(one.std(ddof=1) / np.sqrt(len(one)))) for one in (gain, capped, over_plan)]
        return cls(
            gain_base=figures[0][0],
            gain_se_base=figures[0][1],
            capped_base=figures[1][0],
            capped_se_base=figures[1][1],
            over_plan_base=figures[2][0],
            over_plan_se_base=figures[2][1],
            worlds=len(gain),
            tolerance_base=tolerance_base,
            missed=missed,
        )

    @classmethod
    def nothing(cls) -> "Score":
        """Nothing has been looked at yet."""
        return cls(gain_base=float("-inf"), gain_se_base=float("nan"), missed=float("inf"))

    def is_better_than(self, other: "Score") -> bool:
        """Whether it meets constraints better, or as well with more reward."""
        if self.missed != other.missed:
            return self.missed < other.missed
        return self.gain_base > other.gain_base + self.tolerance_base

    def beats_anchor(self, look: int) -> bool:
        """Whether it is shown, at the level of this look (from 1), that it earns more than the anchor policy."""
        quantile = float(stdtrit(self.worlds - 1, 1.0 - LEVEL / (look * (look + 1))))
        return self.capped_base > quantile * self.capped_se_base + self.tolerance_base


class Validation:
    """Plays the likeliest action of a policy in the validation worlds, as often as the finished policy will decide."""

    def __init__(
        self,
        market: MarketParameters,
        plan: ScheduledPolicy,
        anchor_policy: DirectPolicy,
        ppo: PpoSettings,
        *,
        seed: int,
    ) -> None:
        self._ppo = ppo
        # Both have been played once before anything is compared with them: their course needs no second time.
        settings = replace(ppo.as_played(), seed=seed, first_world=VALIDATION_WORLDS, relative_to_anchor=False)
        self._campaign = Campaign(
            market, worlds=ppo.validation_worlds, settings=settings, plan=plan, anchor_policy=anchor_policy
        )
        neutral = replace(settings, encoding="residual", form="factored", days_per_step=None)
        self._own: dict[str, tuple[FloatArray, float]] = {}
        for policy in (plan, anchor_policy):
            if policy.name not in self._own:
                campaign = Campaign(
                    market, worlds=ppo.validation_worlds, settings=neutral, plan=plan, anchor_policy=policy
                )
                self._own[policy.name] = self._played(campaign, None)
        self._plan, self._anchor = plan.name, anchor_policy.name
        scale = float(np.abs(self._own[self._anchor][0]).mean())
        cells = market.shape[0] * market.shape[1]
        self.tolerance_base = market.scenario.days * cells * len(REWARD_TERMS) * _ROUNDING * scale

    @property
    def decisions(self) -> int:
        """How often a finished policy decides in a campaign."""
        return self._campaign.steps

    @property
    def plan_reward_base(self) -> float:
        """Mean reward of the plan."""
        return float(self._own[self._plan][0].mean())

    @property
    def anchor_reward_base(self) -> float:
        """Mean reward of the anchor policy."""
        return float(self._own[self._anchor][0].mean())

    def anchor(self) -> Score:
        """The anchor policy's own score."""
        reward, missed = self._own[self._anchor]
        return self._compared(reward, missed)

    def rewards(self, policy: Actor) -> FloatArray:
        """Reward of each world ``(B,)``, base currency."""
        return self._played(self._campaign, policy)[0]

    def score(self, policy: Actor) -> Score:
        """Play the worlds once."""
        return self._compared(*self._played(self._campaign, policy))

    def _compared(self, reward: FloatArray, missed: float) -> Score:
        gain, over_plan = reward - self._own[self._anchor][0], reward - self._own[self._plan][0]
        return Score.of(gain, over_plan, tolerance_base=self.tolerance_base, missed=missed)

    def _played(self, campaign: Campaign, policy: Actor | None) -> tuple[FloatArray, float]:
        """Reward of each world ``(B,)``, and by how much soft constraints are missed; without a policy, neutral."""
        constraints = soft_constraints(campaign, pacing_slack=self._ppo.pacing_slack)
        neutral = np.tile(campaign.encoding.neutral, (campaign.worlds, 1))
        observation = campaign.reset(0)
        for one in constraints:
            one.begin()
        reward: FloatArray = np.zeros(campaign.worlds)
        for _ in range(campaign.steps):
            actions = neutral if policy is None else policy.likeliest(campaign.features.flat(observation))
            step = campaign.step(actions)
            reward = reward + step.reward * campaign.reward_unit_base
            for one in constraints:
                one.cost(step)
            observation = step.observation
        return reward, sum(max(one.missed(), 0.0) for one in constraints)
