"""The plan report as plain values: everything that its page and its workbook show."""

from dataclasses import dataclass

from xbopt.reports.kit.figures import BridgeStep, Column, Fact, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.plan.reallocation import build_reallocation, reallocation_table
from xbopt.reports.plan.words import (
    GOAL_WORDS,
    GROUP_WORDS,
    LimitLine,
    booking_sentence,
    lead_sentence,
    limit_lines,
    limits_sentence,
    plan_verdict,
    risk_sentence,
    sampled_sentence,
    spend_sentence,
    unpriced_reason,
)
from xbopt.reports.plan.worth_knowing import worth_knowing_sentence, worth_knowing_table
from xbopt.reports.simulation.report import SimulationReport, build_simulation_report
from xbopt.reports.simulation.tables import known
from xbopt.studies.labels import KPI_LABELS, axis_names
from xbopt.studies.plan import PlanningResult
from xbopt.studies.plan_review import PlanReview
from xbopt.studies.sensitivity import CHANGE, Swing

_SMALLER, _LARGER = f"\N{MINUS SIGN}{CHANGE * 100.0:.0f}%", f"+{CHANGE * 100.0:.0f}%"
_EXPECTED = (
    "contribution_margin",
    "customer_value",
    "carried_beyond",
    "net_revenue",
    "media_spend",
    "discount_cost",
    "orders",
    "new_customers",
    "visits",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What a planner reads about a plan.

    Attributes:
        review: The plan, played in many worlds and under other assumptions.
        simulation: The plan in many worlds, against the scenario's own plan.
        verdict: What the plan brings in expected mode.
        sampled_words: What it brings in sampled worlds, and what of its lead rests on estimates.
        spend_words: What it spends, and what is proven about it.
        facts: Goal, target, plan cells.
        limits_words: Which limits hold it back, in a sentence.
        limits: Limits that bind, and what more room would buy.
        reallocation: From the scenario's own plan to this one.
        moves: The same as a table.
        swing_table: What other parameters would do to the plan.
        worth_knowing_words: What is worth knowing before planning, in a sentence.
        worth_knowing: The parameters that are worth most to know.
    """

    review: PlanReview
    simulation: SimulationReport
    verdict: str
    sampled_words: str
    spend_words: str
    facts: tuple[Fact, ...]
    limits_words: str
    limits: Table
    reallocation: tuple[BridgeStep, ...]
    moves: Table
    swing_table: Table
    worth_knowing_words: str
    worth_knowing: Table

    @property
    def result(self) -> PlanningResult:
        """The plan."""
        return self.review.result

    @property
    def goal_words(self) -> str:
        """What is made as large as possible, in words."""
        return GOAL_WORDS[self.result.campaign.goal]


def build_plan_report(review: PlanReview, *, title: str = "", locale: str = "en") -> PlanReport:
    """Gather everything that the report shows.

    Args:
        review: The plan, played in many worlds and under other assumptions.
        title: Title of the page; the scenario's where left out.
        locale: How numbers and dates are written.
    """
    result = review.result
    numbers = NumberFormat(locale=locale, currency=result.scenario.base_currency)
    lines = limit_lines(result, numbers)
    return PlanReport(
        review=review,
        simulation=build_simulation_report(
            review.simulated,
            baseline=review.baseline,
            without_media=review.media_effect,
            marginals=result.marginals,
            title=title,
            locale=locale,
        ),
        verdict=plan_verdict(result, numbers),
        sampled_words=" ".join(filter(None, (sampled_sentence(result, numbers), lead_sentence(result, numbers)))),
        spend_words=" ".join(
            [
                spend_sentence(result, numbers),
                *([] if result.risk is None else [risk_sentence(result, numbers)]),
                *([] if result.booking is None else [booking_sentence(result, numbers)]),
            ]
        ),
        facts=_facts(result, numbers),
        limits_words=limits_sentence(lines, unpriced=unpriced_reason(result)),
        limits=limits_table(lines, result),
        reallocation=build_reallocation(result),
        moves=reallocation_table(result),
        swing_table=_swing_table(review.swings, result),
        worth_knowing_words=worth_knowing_sentence(review.worth_knowing, result, numbers),
        worth_knowing=worth_knowing_table(review.worth_knowing, result),
    )


def _facts(result: PlanningResult, numbers: NumberFormat) -> tuple[Fact, ...]:
    campaign = result.campaign
    length = {"day": "a day", "week": "a week", "four_weeks": "four weeks"}[campaign.resolution]
    facts = [
        Fact("Goal", GOAL_WORDS[campaign.goal]),
        Fact("Plan cells", f"{numbers.count(campaign.cells)}, each {length} long"),
    ]
    if result.target is not None:
        target = result.target.target
        facts.insert(1, Fact("Target", f"{target.kpi}={target.value:.15g}"))
    return tuple(facts)


def limits_table(lines: tuple[LimitLine, ...], result: PlanningResult) -> Table:
    """Limits that bind, with what they allow and what more room buys."""
    goal = GOAL_WORDS[result.campaign.goal]
    return Table(
        key="shadow_prices",
        title="Limits that bind, and what more room buys",
        columns=(
            Column("limit", "Limit", "text"),
            Column("allowed", "Allowed", "money"),
            Column("words", "One more buys", "text", f"Gain in {goal}, in words"),
            Column("percent", "1% looser buys", result.goal_unit, f"Gain in {goal} of 1 % more room"),
            Column(
                "price",
                "Shadow price",
                "ratio",
                f"Gain in {goal} per unit of base currency of room, borne out by planning again",
            ),
        ),
        rows=tuple(
            (
                line.name,
                known(line.limit.allowed_base),
                line.words,
                known(line.limit.one_percent),
                known(line.limit.worth),
            )
            for line in lines
        ),
    )


def expected_table(result: PlanningResult) -> Table:
    """What the plan and the scenario's own bring in expected mode; with a target, the best plan without it as well."""
    plan, before, unbound = result.planned.kpis, result.baseline.kpis, result.unbound
    best = (Column("best", "Without target", "number", "What the best plan without the target brings"),)
    return Table(
        key="expected",
        title="On the expected path",
        columns=(
            Column("kpi", "KPI", "text"),
            Column("plan", "This plan", "number"),
            *(() if unbound is None else best),
            Column("before", "Scenario's own", "number", "What the scenario's own plan brings"),
            Column("change", "Change", "number", "This plan less the scenario's own"),
        ),
        rows=tuple(
            (
                KPI_LABELS[key][0],
                plan[key],
                *(() if unbound is None else (unbound.kpis[key],)),
                before[key],
                plan[key] - before[key],
            )
            for key in _EXPECTED
        ),
        row_units=tuple(KPI_LABELS[key][1] for key in _EXPECTED),
    )


def swing_name(swing: Swing, result: PlanningResult) -> str:
    """As in ``Response to media: Paid search``."""
    if swing.channel is None:
        return GROUP_WORDS[swing.group]
    channel = axis_names(result.scenario)[2][result.scenario.channels.index(swing.channel)]
    return f"{GROUP_WORDS[swing.group]}: {channel}"


def _swing_table(swings: tuple[Swing, ...], result: PlanningResult) -> Table:
    unit = result.goal_unit
    rows = [
        (
            swing_name(swing, result),
            _SMALLER if side.factor < 1.0 else _LARGER,
            side.plan,
            side.plan - side.baseline,
            None if side.replanned is None else side.regret,
            None if side.replanned is None else side.replanned.spend_base,
            None if side.replanned is None else side.replanned.moved_frac,
        )
        for swing in swings
        for side in (swing.low, swing.high)
    ]
    return Table(
        key="swings",
        title="What would change this plan",
        columns=(
            Column("group", "Assumption", "text"),
            Column("change", "Change", "text", "All parameters of the group at once, of a channel where one is named"),
            Column("plan", "This plan then brings", unit, "The goal in expected mode"),
            Column("gain", "More than own plan", unit, "Less what the scenario's own plan brings"),
            Column("regret", "A new plan would add", unit, "What knowing would bring more"),
            Column("spend", "It would spend", "money", "Spend of the new plan"),
            Column("moved", "Money moved", "share", "Share of the money that lies elsewhere"),
        ),
        rows=tuple(rows),
    )
