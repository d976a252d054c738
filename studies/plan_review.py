"""A plan from all sides: in many worlds, without media, and under other assumptions. The figures of its report."""

from dataclasses import dataclass, field

from xbopt.studies.kpis import WorldRange
from xbopt.studies.plan import PlanningResult
from xbopt.studies.sensitivity import Swing, plan_swings
from xbopt.studies.simulate import Progress, SimulationResult, simulate
from xbopt.studies.value_of_information import ValueOfInformation, value_of_information
from xbopt.studies.without_media import media_gain


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReview:
    """What a plan does where chance has its way.

    Attributes:
        result: The plan.
        simulated: The plan in many worlds.
        baseline: The scenario's own plan in the same worlds.
        media_effect: What media add to the contribution margin of the plan.
        swings: What other parameters would do to the plan, the widest first.
        worth_knowing: What knowing a parameter would be worth; None where nothing is uncertain.
    """

    result: PlanningResult
    simulated: SimulationResult
    baseline: SimulationResult
    media_effect: WorldRange = field(repr=False)
    swings: tuple[Swing, ...] = field(repr=False)
    worth_knowing: ValueOfInformation | None = field(repr=False)


def review_plan(
    result: PlanningResult, *, runs: int = 64, seed: int = 0, on_progress: Progress | None = None
) -> PlanReview:
    """Play the plan and the scenario's own in the same worlds, take its media away, and change what it rests on.

    Args:
        result: The plan.
        runs: Worlds to play.
        seed: Noise seed.
        on_progress: Called with what is being done, how much of it is done, and how much there is in all.
    """
    plan = result.campaign.schedule
    simulated = simulate(result.market, plan, runs=runs, seed=seed, on_progress=on_progress)
    return PlanReview(
        result=result,
        simulated=simulated,
        baseline=simulate(result.market, result.baseline.plan, runs=runs, seed=seed, on_progress=on_progress),
        media_effect=media_gain(simulated, plan, on_progress=on_progress),
        swings=plan_swings(result, on_progress=on_progress),
        worth_knowing=value_of_information(result, seed=seed, on_progress=on_progress),
    )
