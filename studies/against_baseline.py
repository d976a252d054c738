"""A result against a baseline, figure by figure."""

from dataclasses import dataclass

import numpy as np

from xbopt.studies.kpis import WorldRange, kpi_values
from xbopt.studies.simulate import SimulationResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much a KPI differs from the baseline's.

    Attributes:
        figure: The difference. Its range is over worlds where the runs are paired, and unknown (NaN) otherwise.
        ahead: Share of worlds in which the figure is above the baseline's; None where the runs are not paired.
    """

    figure: WorldRange
    ahead: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineComparison:
    """A result against a baseline.

    Attributes:
        baseline: Name of the baseline's policy.
        paired: Whether both played the same worlds with the same chances, so that differences can be taken world
            by world.
        same_scenario: Whether both played one scenario.
        worlds: Number of worlds of the result.
        differences: By KPI.
    """

    baseline: str
    paired: bool
    same_scenario: bool
    worlds: int
    differences: dict[str, Difference]


def against_baseline(result: SimulationResult, baseline: SimulationResult) -> BaselineComparison:
    """Compare the KPIs of two results. Equal seeds and equal numbers of worlds mean common random numbers."""
    same_luck = (result.seed, result.world_seed) == (baseline.seed, baseline.world_seed)
    paired = same_luck and result.runs == baseline.runs
    own = kpi_values(result.totals, budget_base=result.scenario.limits.total_base)
    other = kpi_values(baseline.totals, budget_base=baseline.scenario.limits.total_base)
    differences: dict[str, Difference] = {}
    for name, values in own.items():
        if paired:
            change = values - other[name]
            known = change[~np.isnan(change)]
            ahead = float((known > 0.0).mean()) if known.size else None
            differences[name] = Difference(figure=WorldRange.of(change), ahead=ahead)
        else:
            left, right = result.kpis[name], baseline.kpis[name]
            figure = WorldRange(
                mean=left.mean - right.mean, se=float(np.hypot(left.se, right.se)), low=float("nan"), high=float("nan")
            )
            differences[name] = Difference(figure=figure, ahead=None)
    return BaselineComparison(
        baseline=baseline.policy,
        paired=paired,
        same_scenario=result.scenario.hash == baseline.scenario.hash,
        worlds=result.runs,
        differences=differences,
    )
