"""Planning for the worst worlds as well: mean less a multiple of the gap to the mean of the worst tenth.

With ``v_w`` what a plan brings in world ``w`` in expected mode, the plan makes

    ``mean(v) - L (mean(v) - CVaR(v))``,  ``CVaR`` the mean over the worst tenth of the worlds

as large as it can (Rockafellar, Uryasev 2000, J. Risk 2, 21-41). At a plan its gradient is that of a weighted mean of
worlds, ``(1 - L)/n`` each and ``L`` more on the worst tenth. So the search steps towards the plan for the market with
these weighted parameters, then scales single channels and regions; a step counts where the worlds confirm it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from xbopt.agents.planner.campaign import CampaignPlan, plan_campaign
from xbopt.agents.planner.constraints import floor_shortfall
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.kept_limits import keeps_limits
from xbopt.agents.planner.search import Effort
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import UsageError
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import WorldParameters, draw_worlds

WORLDS = 64
"""Worlds of parameters that a plan is made for."""
WORST_SHARE = 0.1
LARGEST_AVERSION = 10.0
_STEPS = (0.25, 0.5, 1.0)
_SCALES = (0.4, 0.6, 0.75, 0.85, 0.93, 1.07, 1.15)
_ROUNDS = 3
_EFFORT = Effort.local(alternations=2, rounds=2, tolerance=1e-3)
_GAIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What a plan brings over worlds of parameters, each in expected mode.

    Attributes:
        values: The goal by world ``(B,)``.
    """

    values: FloatArray = field(repr=False)

    @property
    def mean(self) -> float:
        """Mean over worlds."""
        return float(self.values.mean())

    @property
    def worst_decile(self) -> float:
        """Mean over the worst tenth of the worlds."""
        return tail_mean(self.values, WORST_SHARE)

    def worth(self, aversion: float) -> float:
        """``mean - L (mean - CVaR)``."""
        return self.mean - aversion * (self.mean - self.worst_decile)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPlan:
    """A plan for the worst worlds as well, beside the one for the average market.

    Attributes:
        aversion: ``L``.
        plan: The plan.
        spread: What it brings over the worlds.
        neutral: What the plan for the average market brings over them.
        neutral_media_base: What that plan spends.
    """

    aversion: float
    plan: CampaignPlan
    spread: Spread
    neutral: Spread
    neutral_media_base: float


def tail_mean(values: FloatArray, share: float) -> float:
    """Mean of the lowest ``share`` of equally likely values ``(B,)``; the last one counts in part.

    ``share`` is above 0 and at most 1.
    """
    wanted = share * len(values)
    weights = np.clip(wanted - np.arange(len(values)), 0.0, 1.0)
    return float(np.sort(values) @ weights / wanted)


def plan_for_risk(
    market: MarketParameters,
    campaign: CampaignPlan,
    aversion: float,
    *,
    worlds: int = WORLDS,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> RiskPlan:
    """Move a plan until no step that is tried is worth more over worlds of parameters.

    Args:
        market: The market.
        campaign: The plan for the average market.
        aversion: ``L``, 0..10. At 0 the plan stays as it is.
        worlds: Worlds of parameters, the same for every plan.
        seed: World seed.
        on_progress: Called with rounds done and rounds in all.

    Raises:
        UsageError: The aversion is out of range.
    """
    if not 0.0 <= aversion <= LARGEST_AVERSION:
        raise UsageError(f"--risk {aversion:g}: a number from 0 to {LARGEST_AVERSION:g} is wanted.")
    search = _Search(
        market, campaign, aversion, draw_worlds(market.scenario, seed=seed, worlds=np.arange(worlds)), worlds
    )
    best = search.spread(campaign.schedule)
    neutral, plan = best, campaign.schedule
    rounds = _ROUNDS if aversion > 0.0 and np.ptp(best.values) > 0.0 else 0
    for done in range(rounds):
        if on_progress is not None:
            on_progress(done, rounds)
        before = best.worth(aversion)
        for candidates in (search.towards_weighted(plan, best), search.scaled(plan)):
            plan, best = search.better(plan, best, candidates)
        if best.worth(aversion) - before <= 1e-4 * abs(before):
            break
    return RiskPlan(
        aversion=aversion,
        plan=campaign
        if plan is campaign.schedule
        else campaign.moved_to(ExpectedMarket(market, goal_named(campaign.goal)).play(plan)),
        spread=best,
        neutral=neutral,
        neutral_media_base=campaign.total_spend_base,
    )


@dataclass(slots=True)
class _Search:
    market: MarketParameters
    campaign: CampaignPlan
    aversion: float
    parameters: WorldParameters
    worlds: int

    def spread(self, plan: ScheduledPolicy) -> Spread:
        expected = ExpectedMarket(self.market, goal_named(self.campaign.goal), self.parameters)
        return Spread(values=expected.totals([plan] * self.worlds).sum(axis=1))

    def better(
        self, plan: ScheduledPolicy, best: Spread, candidates: Sequence[ScheduledPolicy]
    ) -> tuple[ScheduledPolicy, Spread]:
        """The best of a plan and those candidates that keep all limits."""
        limits, available = self.market.scenario.limits, self.market.shocks.available
        limits = replace(limits, total_base=self.campaign.budget_base)
        for candidate in candidates:
            if not keeps_limits(candidate.spend_base, available, limits) or not self._keeps_floor(candidate):
                continue
            spread = self.spread(candidate)
            if spread.worth(self.aversion) > best.worth(self.aversion) * (1.0 + _GAIN):
                plan, best = candidate, spread
        return plan, best

    def towards_weighted(self, plan: ScheduledPolicy, spread: Spread) -> list[ScheduledPolicy]:
        """Steps towards the plan for the market in which the worst worlds weigh more."""
        count, tail = self.worlds, WORST_SHARE * self.worlds
        rank = np.argsort(np.argsort(spread.values, kind="stable"), kind="stable")
        weight = (1.0 - self.aversion) / count + self.aversion * np.clip(tail - rank, 0.0, 1.0) / tail
        weight = np.maximum(weight, 0.0) / np.maximum(weight, 0.0).sum()
        made = plan_campaign(
            self.market,
            goal=self.campaign.goal,
            resolution=self.campaign.resolution,
            world=_weighted(self.parameters, weight),
            budget_base=self.campaign.budget_base,
            start=plan,
            effort=_EFFORT,
        ).schedule
        spends = [plan.spend_base + step * (made.spend_base - plan.spend_base) for step in _STEPS]
        return [*(replace(plan, spend_base=spend) for spend in spends), replace(made, name=plan.name, kind=plan.kind)]

    def scaled(self, plan: ScheduledPolicy) -> list[ScheduledPolicy]:
        """The plan with all spend, or that of a channel or a region, scaled."""
        _, _, channels = plan.spend_base.shape[1:]
        parts: list[tuple[slice | int, ...]] = [np.s_[:, :, :, :]]
        if channels > 1:
            parts += [np.s_[:, :, :, c] for c in range(channels)]
        if len(self.market.scenario.regions) > 1:
            parts += [np.s_[:, r] for r in range(len(self.market.scenario.regions))]
        found: list[ScheduledPolicy] = []
        for part in parts:
            if not plan.spend_base[part].any():
                continue
            for scale in _SCALES:
                spend = plan.spend_base.copy()
                spend[part] *= scale
                found.append(replace(plan, spend_base=spend))
        return found

    def _keeps_floor(self, plan: ScheduledPolicy) -> bool:
        floor = self.market.scenario.document.budget.roi_floor
        if floor is None:
            return True
        added = ExpectedMarket(self.market, goal_named(self.campaign.goal)).play(plan).by_days
        return bool(floor_shortfall(floor, np.array([added]), np.array([plan.spend_base.sum()]))[0] == 0.0)


def _weighted(parameters: WorldParameters, weight: FloatArray) -> WorldParameters:
    """One world with the weighted mean of each parameter; those that are certain stay."""
    arrays = {one.name: getattr(parameters, one.name) for one in fields(parameters)}
    return replace(
        parameters,
        **{
            name: np.tensordot(weight, array, axes=1)[None] if array.shape[0] == len(weight) else array
            for name, array in arrays.items()
        },
    )
