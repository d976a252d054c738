"""The simulation report as plain values: everything that its page and its workbook show."""

from collections.abc import Sequence
from dataclasses import dataclass

from xbopt.core.errors import UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.kit.figures import BridgeStep, Fact, HeatMap, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.allocation import allocation_maps, daypart_map, discount_map, flighting_maps
from xbopt.reports.simulation.assumptions import AssumptionSheet, build_assumptions
from xbopt.reports.simulation.bridge import build_bridge
from xbopt.reports.simulation.notes import method_notes
from xbopt.reports.simulation.tables import LimitsReport, limits_report, result_tables
from xbopt.reports.simulation.tiles import Tile, build_other_kpis, build_tiles
from xbopt.reports.simulation.verdict import (
    carried_beyond_sentence,
    comparison_sentence,
    customer_value_sentence,
    media_sentence,
    plan_cut_sentence,
    verdict_sentence,
)
from xbopt.reports.simulation.vital_signs import warning_lines
from xbopt.studies.against_baseline import against_baseline
from xbopt.studies.kpis import WorldRange
from xbopt.studies.marginals import Marginals
from xbopt.studies.promotion import PromotionLedger, promotion_ledger
from xbopt.studies.response import ResponseCurve, response_curves
from xbopt.studies.rules_in_force import rules_in_force
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.timeline import Timeline, build_timeline
from xbopt.studies.vital_signs import vital_signs


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationReport:
    """What a planner reads about one simulation.

    Attributes:
        title: Title of the page.
        description: The scenario's own words.
        facts: Dates, policy, worlds, seed and currency.
        warnings: What must be read before any figure: no uncertainty stated, vital signs outside their ranges.
        verdict: What the simulation says: what the campaign earns, and what media add to it.
        comparison: How that compares with the baseline, in one sentence; empty without a baseline.
        tiles: KPIs with ranges and changes.
        other_kpis: KPIs that no tile shows.
        bridge: From gross revenue to contribution margin.
        beside_margin: What media add, where that is known, how the value of the customer base changes, and what is
            carried beyond the last day.
        timeline: Contribution over time.
        allocation: Spend by region, segment and channel.
        flighting: Spend by week and channel, one map a region.
        discounts: Discount calendar.
        dayparts: Spend over the day.
        response: Response curves, one a channel.
        marginals: What one per cent more or less of the plan's money brings; None where that is not known.
        results: By region, segment and channel.
        ledger: Where the extra orders of discounts come from.
        limits: What the limits changed.
        assumptions: Every number of the scenario.
        notes: How to read all this.
        numbers: How numbers are written.
        worlds: Number of worlds.
    """

    title: str
    description: str
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...]
    verdict: str
    comparison: str
    tiles: tuple[Tile, ...]
    other_kpis: tuple[Tile, ...]
    bridge: tuple[BridgeStep, ...]
    beside_margin: tuple[str, ...]
    timeline: Timeline
    allocation: tuple[HeatMap, ...]
    flighting: tuple[HeatMap, ...]
    discounts: HeatMap
    dayparts: HeatMap
    response: tuple[ResponseCurve, ...]
    marginals: Marginals | None
    results: tuple[Table, ...]
    ledger: PromotionLedger
    limits: LimitsReport
    assumptions: AssumptionSheet
    notes: tuple[str, ...]
    numbers: NumberFormat
    worlds: int


def build_simulation_report(
    result: SimulationResult,
    *,
    baseline: SimulationResult | None = None,
    without_media: WorldRange | None = None,
    marginals: Marginals | None = None,
    title: str = "",
    locale: str = "en",
) -> SimulationReport:
    """Gather everything that the report shows.

    Args:
        result: The simulation.
        baseline: Another one to compare it with, best of the same scenario with the same seed and worlds.
        without_media: Paired difference of the contribution margin: with media less that of the same worlds without.
            Without it the verdict says that organic orders are included.
        marginals: What one per cent more or less of the plan's money brings; left out, the report does not say.
        title: Title of the page; the scenario's where left out.
        locale: How numbers and dates are written, as in ``en`` or ``de_AT``. The words are English in any case.

    Raises:
        UsageError: There is no such locale, or the baseline is in another currency.
    """
    scenario = result.scenario
    if baseline is not None and baseline.scenario.base_currency != scenario.base_currency:
        raise UsageError(
            f"The baseline is in {baseline.scenario.base_currency}, the result in {scenario.base_currency}; "
            "compare results of one base currency."
        )
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    comparison = None if baseline is None else against_baseline(result, baseline)
    curves = response_curves(result, baseline)
    rules = rules_in_force(scenario, result.totals.dutiable_by_day / result.runs)
    cut = () if result.plan_cut is None else (plan_cut_sentence(result.plan_cut, numbers),)
    policy = "baseline, the scenario's own plan" if result.policy == "baseline" else result.policy
    return SimulationReport(
        title=title or scenario.title,
        description=scenario.document.description.strip(),
        facts=facts_of(scenario, numbers, [("Policy", policy)], runs=result.runs, seed=result.seed),
        warnings=(*cut, *warning_lines(vital_signs(result.market))),
        verdict=verdict_sentence(result, numbers, media_effect=without_media),
        comparison="" if comparison is None else comparison_sentence(comparison, numbers),
        tiles=build_tiles(result.kpis, comparison),
        other_kpis=build_other_kpis(
            result.kpis,
            comparison,
            customer_value=result.customer_value,
            carried_beyond=result.carried_beyond,
            media_effect=without_media,
        ),
        bridge=build_bridge(result.bridge),
        beside_margin=_beside_margin(result, numbers, without_media),
        timeline=build_timeline(result, baseline),
        allocation=allocation_maps(result),
        flighting=flighting_maps(result),
        discounts=discount_map(result),
        dayparts=daypart_map(result),
        response=curves,
        marginals=marginals,
        results=result_tables(result),
        ledger=promotion_ledger(result),
        limits=limits_report(result),
        assumptions=build_assumptions(scenario.document, scenario.changes, rules),
        notes=(*result.notes, *method_notes(result, comparison)),
        numbers=numbers,
        worlds=result.runs,
    )


def _beside_margin(result: SimulationResult, numbers: NumberFormat, media_effect: WorldRange | None) -> tuple[str, ...]:
    evening = (
        customer_value_sentence(result.customer_value, numbers),
        carried_beyond_sentence(result.carried_beyond, numbers),
    )
    if media_effect is None or result.kpis["media_spend"].mean <= 0.0:
        return evening
    return media_sentence(result.kpis["contribution_margin"].mean, media_effect, numbers), *evening


def facts_of(
    scenario: Scenario, numbers: NumberFormat, first: Sequence[tuple[str, str]], *, runs: int, seed: int
) -> tuple[Fact, ...]:
    """What stands at the head of a page: the days, what is special to the report, worlds, money, scenario."""
    last = scenario.date_of(scenario.days - 1)
    changes = "; ".join(assignment for _, assignment in scenario.changes)
    facts = [
        ("Days", f"{numbers.day(scenario.start)} to {numbers.day(last)} ({scenario.days})"),
        *first,
        ("Worlds", numbers.count(runs)),
        ("Seed", str(seed)),
        ("Money", scenario.base_currency),
        ("Scenario", f"{scenario.name} {scenario.hash}"),
        ("Changed with --set", changes),
    ]
    return tuple(Fact(label, text) for label, text in facts if text)
