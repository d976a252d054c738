"""The same plan without media: what the worlds would have earned anyway, and what media add to it."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xbopt.agents.policies import policy_from
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import BlindPolicy, DirectPolicy, Observation, Policy, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.core.workers import Engine
from xbopt.studies.kpis import WorldRange, kpi_values, ratio
from xbopt.studies.simulate import Progress, SimulationResult, simulate


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutMedia:
    """A plan's discounts without its spend. Locks and minimums are still paid: the limits see to that.

    Attributes:
        plan: The plan.
    """

    plan: DirectPolicy

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"{self.plan.name}, no media"

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    def decide(self, observation: Observation) -> Decision:
        """The plan's decision with no spend."""
        decision = self.plan.decide(observation)
        return replace(decision, spend_base=np.zeros_like(decision.spend_base))


class BlindWithoutMedia(WithoutMedia):
    """The same of a plan that looks at nothing but the day: no features are worked out for it."""

    __slots__ = ()

    @property
    def reads_no_features(self) -> Literal[True]:
        """The plan's promise."""
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaEffect:
    """What media add, world by world against the same plan without them.

    Attributes:
        margin: Contribution margin, media paid.
        roas: Net revenue that is added, over the spend that is added; NaN where none is.
    """

    margin: WorldRange
    roas: WorldRange


def media_gain(result: SimulationResult, policy: str | Policy, *, on_progress: Progress | None = None) -> WorldRange:
    """What media add to the contribution margin, media paid; see ``media_effect``."""
    return media_effect(result, policy, on_progress=on_progress).margin


def media_effect(
    result: SimulationResult,
    policy: str | Policy,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> MediaEffect:
    """What media add: the plan against the same plan without media.

    The same worlds are played again with the plan's discounts and no spend but locks and minimums; the difference is
    taken world by world. Return on ad spend cannot say this, because organic orders are part of it.

    Args:
        result: A result of a policy that names its decisions outright.
        policy: That policy, or its name.
        engine: Where the worlds are played; see ``simulate``.
        workers: By how many.
        on_progress: Called as the worlds are played again.

    Raises:
        PolicyError: The policy is unknown, or draws tactics: it has no twin without media that draws the same ones.
    """
    plan = policy_from(policy, result.market) if isinstance(policy, str) else policy
    if not isinstance(plan, DirectPolicy):
        raise PolicyError(f"The policy {plan.name} draws tactics; what media add is known for plans only.")
    without = simulate(
        result.market,
        BlindWithoutMedia(plan=plan) if isinstance(plan, BlindPolicy) else WithoutMedia(plan=plan),
        runs=result.runs,
        seed=result.seed,
        world_seed=result.world_seed,
        engine=engine,
        workers=workers,
        on_progress=on_progress,
    )
    budget = result.scenario.limits.total_base
    kpis, bare = (kpi_values(each.totals, budget_base=budget) for each in (result, without))
    revenue, spend = (kpis[name] - bare[name] for name in ("net_revenue", "media_spend"))
    return MediaEffect(
        margin=WorldRange.of(result.margins - without.margins), roas=WorldRange.of(ratio(revenue, spend))
    )
