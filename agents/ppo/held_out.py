"""The held-out worlds: which policy is best is decided on worlds that training never plays."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.settings import PpoSettings
from xbopt.agents.ppo.soft_constraints import soft_constraints
from xbopt.agents.training import HELD_OUT_WORLDS
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.env.campaign import ANCHOR_REWARD, Campaign
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Reward on the held-out worlds, base currency, above that of the plan in the same worlds with the same luck.

    Attributes:
        gain_base: Mean over worlds.
        gain_se_base: Standard error of that mean.
        missed: By how much soft constraints are missed, all of them together; 0 where they are met.
    """

    gain_base: float
    gain_se_base: float
    missed: float = 0.0

    @classmethod
    def nothing(cls) -> "Score":
        """Nothing has been looked at yet."""
        return cls(gain_base=float("-inf"), gain_se_base=float("nan"), missed=float("inf"))

    def is_better_than(self, other: "Score") -> bool:
        """Whether it meets constraints better, or as well with more reward."""
        return (-self.missed, self.gain_base) > (-other.missed, other.gain_base)


class HeldOut:
    """Plays the likeliest action of a policy in the held-out worlds, as often as the finished policy will decide."""

    def __init__(self, market: MarketParameters, plan: ScheduledPolicy, ppo: PpoSettings, *, seed: int) -> None:
        settings = replace(ppo.as_played(), seed=seed, first_world=HELD_OUT_WORLDS)
        self._campaign = Campaign(market, worlds=ppo.held_out_worlds, settings=settings, plan=plan)
        self._constraints = soft_constraints(self._campaign, pacing_slack=ppo.pacing_slack)
        self.plan_reward_base = float("nan")

    @property
    def decisions(self) -> int:
        """How often a finished policy decides in a campaign."""
        return self._campaign.steps

    def score(self, policy: CampaignActorCritic) -> Score:
        """Play the worlds once."""
        campaign = self._campaign
        observation = campaign.reset(0)
        for one in self._constraints:
            one.begin()
        gain: FloatArray = np.zeros(campaign.worlds)
        planned: FloatArray = np.zeros(campaign.worlds)
        for _ in range(campaign.steps):
            step = campaign.step(policy.likeliest(campaign.features.flat(observation)))
            gain = gain + step.reward * campaign.reward_unit_base
            planned = planned - step.terms_base[ANCHOR_REWARD]
            for one in self._constraints:
                one.cost(step)
            observation = step.observation
        self.plan_reward_base = float(planned.mean())
        return Score(
            gain_base=float(gain.mean()),
            gain_se_base=float(gain.std(ddof=1) / np.sqrt(len(gain))),
            missed=sum(max(one.missed(), 0.0) for one in self._constraints),
        )
