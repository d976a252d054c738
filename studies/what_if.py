"""What if: what a change does to a plan that is kept, and to one that is made anew, world by world.

A plan that is kept is set against itself without the change, and a plan made for the change against one made without
it: so both differences are the change's alone. What making it anew is worth under the change stands beside them. All
of it is played in the same worlds with the same luck, so hardly anything of it is chance's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xbopt.agents.planner.campaign import plan_campaign
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.policy import usual_resolution
from xbopt.agents.planner.search import Effort
from xbopt.agents.policies import policy_from
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.paired import PairedDifference, paired_differences
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.changed_plans import ChangedPolicy, changed_schedule
from xbopt.studies.changes import Change, read_change
from xbopt.studies.compare import CONFIDENCE
from xbopt.studies.edits import with_edits
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.kpis import WorldRange
from xbopt.studies.plan_cut import PlanCut
from xbopt.studies.simulate import Progress, SimulationResult, simulate
from xbopt.studies.totals import CELL_COUNTS, measured

MEASURES: tuple[str, ...] = ("contribution_margin", "reward", "orders")
"""What a change is measured by."""
# From today's plan for the same market but for one change, a round or two are enough.
_EFFORT = Effort.local(alternations=2, rounds=2, tolerance=1e-3)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A plan under a change.

    Attributes:
        values: By measure, world by world ``(B,)``.
        figures: By measure, over worlds.
        difference: By measure, less what the same kind of plan, kept or made anew, brings without the change.
        media_base: Mean media spend.
        plan_cut: What limits take from the plan; None where they take nothing.
    """

    values: dict[str, FloatArray] = field(repr=False)
    figures: dict[str, WorldRange]
    difference: dict[str, PairedDifference]
    media_base: float
    plan_cut: PlanCut | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """One change and what follows.

    Attributes:
        change: The change in words, and what it means.
        kept: The plan as it is, under the change.
        remade: A plan made anew under the change; None where no plan keeps the limits then.
        remaking: By measure, the plan made anew less the plan that is kept, both under the change; None likewise.
        note: Why there is no such plan; empty where there is one.
    """

    change: Change
    kept: Answer
    remade: Answer | None
    remaking: dict[str, PairedDifference] | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfResult:
    """Changes side by side.

    Attributes:
        scenario: The scenario as it is.
        plan: Name of the plan that is kept.
        runs: Number of worlds.
        seed: Noise seed.
        confidence: Of every interval.
        today: The plan as it is, without any change; its differences are 0.
        remade_today: A plan made anew without any change, less the plan as it is.
        changes: One entry a change.
    """

    scenario: Scenario = field(repr=False)
    plan: str
    runs: int
    seed: int
    confidence: float
    today: Answer = field(repr=False)
    remade_today: Answer = field(repr=False)
    changes: tuple[WhatIf, ...]

    @property
    def kpis(self) -> dict[str, WorldRange]:
        """The plan as it is, in the market as it is."""
        return self.today.figures

    def to_frame(self) -> Frame:
        """One row a ``change``, ``plan`` and ``measure``, with ``mean``, ``se``, ``low`` and ``high``."""
        answers = [
            (one.change.text, name, answer)
            for one in self.changes
            for name, answer in (("kept", one.kept), ("remade", one.remade))
            if answer is not None
        ]
        return frame_of(
            {
                "change": text,
                "plan": name,
                "measure": measure,
                "mean": difference.mean,
                "se": difference.se,
                "low": difference.low,
                "high": difference.high,
            }
            for text, name, answer in answers
            for measure, difference in answer.difference.items()
        )


def what_if(
    scenario: Scenario | str | Path,
    changes: Sequence[str] | str,
    *,
    plan: str | Policy = "baseline",
    runs: int = 64,
    seed: int = 0,
    world_seed: int | None = None,
    confidence: float = CONFIDENCE,
    on_progress: Progress | None = None,
) -> WhatIfResult:
    """Play a plan under changes, as it is and made anew, against the plan as it is in the market as it is.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        changes: Changes in words, as in ``EUR -5%``; see ``xbopt what-if --help``.
        plan: The plan that is kept: name of a policy, a plan's file, a training run's folder, or a policy object.
        runs: Number of worlds, at least 2.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.
        confidence: Of every interval, between 0 and 1.
        on_progress: Called with what is being done, how much of it is done, and how much there is in all.

    Raises:
        UsageError: A change is not understood, or a number makes no sense.
        PolicyError: The plan is unknown, or draws tactics and cannot be changed itself.
        ScenarioError: The scenario cannot be used.
    """
    if runs < 2:
        raise UsageError(f"runs is {runs}; at least 2 worlds are wanted for a difference.")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence:g}; a share between 0 and 1 is wanted.")
    texts = [changes] if isinstance(changes, str) else list(changes)
    if not texts:
        raise UsageError("Name at least one change, as in 'EUR -5%'.")
    scenario = scenario_of(scenario)
    read = [read_change(text, scenario) for text in texts]
    edited = [with_edits(scenario, each.edits, text=each.text) if each.edits else None for each in read]
    stages = len(texts) + 1
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    report("today", 0, stages)
    market = build_market(scenario)
    markets = [None if one is None else _from_now_on(build_market(one), market) for one in edited]
    own = policy_from(plan, market) if isinstance(plan, str) else plan
    asked = _Asked(market, own, runs, seed, world_seed, confidence)
    today = asked.answer(market, own, None)
    fresh = _made(market, own if isinstance(own, ScheduledPolicy) else None, None)
    remade_today = asked.answer(market, fresh, today)
    answers: list[WhatIf] = []
    for n, (change, changed) in enumerate(zip(read, markets, strict=True)):
        report(change.text, n + 1, stages)
        answers.append(asked.what_if(change, changed or market, fresh, today, remade_today))
    return WhatIfResult(
        scenario=scenario,
        plan=own.name,
        runs=runs,
        seed=seed,
        confidence=confidence,
        today=today,
        remade_today=remade_today,
        changes=tuple(answers),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all answers share."""

    market: MarketParameters
    own: Policy
    runs: int
    seed: int
    world_seed: int | None
    confidence: float

    def answer(self, market: MarketParameters, policy: Policy, before: Answer | None) -> Answer:
        result = simulate(market, policy, runs=self.runs, seed=self.seed, world_seed=self.world_seed)
        values = _measures(result)
        return Answer(
            values=values,
            figures={name: WorldRange.of(each) for name, each in values.items()},
            difference=self.less(values, values if before is None else before.values),
            media_base=result.kpis["media_spend"].mean,
            plan_cut=result.plan_cut,
        )

    def less(self, after: dict[str, FloatArray], before: dict[str, FloatArray]) -> dict[str, PairedDifference]:
        pairs = {name: [before[name], _but_for_rounding(after[name], before[name])] for name in MEASURES}
        return {
            name: paired_differences(pair, seed=self.seed, confidence=self.confidence)[1]
            for name, pair in pairs.items()
        }

    def what_if(
        self, change: Change, market: MarketParameters, fresh: ScheduledPolicy, today: Answer, remade_today: Answer
    ) -> WhatIf:
        own = self.own
        if change.plan is not None:
            if not isinstance(own, DirectPolicy):
                raise PolicyError(
                    f"The policy {own.name} draws tactics, so {change.text!r} cannot be done to its plan."
                )
            own = ChangedPolicy(plan=own, change=change.plan)
        kept = self.answer(market, own, today)
        held = change.plan is not None and change.plan.holds_promotions
        start, note = changed_schedule(fresh, change.plan) if held and change.plan is not None else fresh, ""
        try:
            made = _made(market, start, replace(_EFFORT, promotions=not held)) if change.edits or held else fresh
            remade = self.answer(market, made, remade_today)
        except InfeasiblePlanError as error:
            remade, note = None, str(error)
        return WhatIf(
            change=change,
            kept=kept,
            remade=remade,
            remaking=None if remade is None else self.less(remade.values, kept.values),
            note=note,
        )


def _from_now_on(changed: MarketParameters, market: MarketParameters) -> MarketParameters:
    """A changed market with the past that there was: a question changes the days to come, not those that went."""
    customers = replace(changed.customers, first_living=market.customers.first_living)
    return replace(changed, before=market, customers=customers)


def _made(market: MarketParameters, start: ScheduledPolicy | None, effort: Effort | None) -> ScheduledPolicy:
    return plan_campaign(market, resolution=usual_resolution(market), start=start, effort=effort).schedule


def _but_for_rounding(after: FloatArray, before: FloatArray) -> FloatArray:
    """Values that differ from those before in their last digits alone are those before."""
    return np.where(np.abs(after - before) <= _ROUNDING * np.abs(before), before, after)


def _measures(result: SimulationResult) -> dict[str, FloatArray]:
    """Each measure world by world ``(B,)``."""
    orders = result.totals.cells[..., CELL_COUNTS.index("orders")].sum(axis=(1, 2))
    return {**measured(result.totals), "orders": np.asarray(orders)}
