"""The plan report laid out in sections."""

from xbopt.reports.kit.chart_bridge import bridge_chart
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, TableText, table_text
from xbopt.reports.plan.chart_tornado import ROW_HEIGHT, tornado_chart
from xbopt.reports.plan.report import PlanReport, expected_table, swing_name
from xbopt.reports.simulation.page import simulation_content

_MINUS = "\N{MINUS SIGN}"


def plan_content(report: PlanReport) -> PageContent:
    """The whole page: the plan and its reasons first, then how it goes in many worlds."""
    base = simulation_content(report.simulation)
    own = {section.key: section for section in base.sections}
    swings = _swings(report)
    before_response = ("bridge", "time", "allocation", "flighting", "discounts", "dayparts", "marginals", "response")
    after = [section for key, section in own.items() if key not in before_response]
    return PageContent(
        kind="Plan",
        title=base.title,
        description=base.description,
        facts=(*report.facts, *base.facts),
        verdict=" ".join((*report.simulation.warnings, report.verdict)),
        below_verdict=(report.sampled_words, report.spend_words, report.simulation.verdict, *base.below_verdict),
        tiles=base.tiles,
        tiles_legend=base.tiles_legend,
        sections=(
            _limits(report),
            _reallocation(report),
            *(own[key] for key in before_response if key in own),
            swings,
            _worth_knowing(report),
            *after,
        ),
        sheet=base.sheet,
        notes=(*report.result.notes, *base.notes),
        numbers=base.numbers,
    )


def _limits(report: PlanReport) -> Section:
    shown = () if not report.limits.rows else (table_text(report.limits, report.simulation.numbers),)
    return Section(
        key="prices",
        title="What holds the plan back",
        takeaway=report.limits_words,
        tables=shown,
        legend=""
        if not report.limits.rows
        else f"What more room buys, in {report.goal_words}, for small changes. Each price was checked "
        "by planning again with 2% more and less.",
    )


def _reallocation(report: PlanReport) -> Section:
    numbers = report.simulation.numbers
    steps = report.reallocation
    before, after = steps[0].amount, steps[-1].amount
    taken = -sum(step.amount for step in steps if step.kind == "amount" and step.amount < 0.0)
    added = sum(step.amount for step in steps if step.kind == "amount" and step.amount > 0.0)
    description = "From the spend of the scenario's own plan to that of this one, move by move."
    shown = Table(
        key="reallocation_steps",
        title="Moves",
        columns=(
            Column("move", "Region and channel", "text"),
            Column("amount", "Amount", "money"),
            Column("share", "Of the scenario's own plan", "share"),
        ),
        rows=tuple((step.name, step.amount, step.of_revenue) for step in steps),
        last_is_total=True,
    )
    chart = ChartPart(
        key="chart-reallocation",
        title="Where the money moves",
        description=description,
        spec=bridge_chart(steps, numbers, description, whole="the scenario's own plan", head="of before"),
        table=table_text(shown, numbers),
        height=26 * len(steps) + 30,
    )
    return Section(
        key="reallocation",
        title="Where the money moves",
        takeaway=f"From {numbers.money(before)} to {numbers.money(after)}: "
        f"{numbers.money(taken) if taken > 0.0 else 'nothing'} is taken away and "
        f"{numbers.money(added) if added > 0.0 else 'nothing'} is added.",
        charts=(chart,),
        tables=(table_text(expected_table(report.result), numbers),),
        legend="Media spend over the horizon in expected mode, by region and channel; orange is less, blue is more.",
    )


def _swings(report: PlanReport) -> Section:
    numbers, expected = report.simulation.numbers, report.result.objective
    rows = [
        (swing_name(swing, report.result), swing.low.plan - expected, swing.high.plan - expected)
        for swing in report.review.swings
    ]

    def written(change: float) -> str:
        return numbers.signed(change, report.result.goal_unit, short=True)

    description = f"Change of the plan's {report.goal_words} where one assumption after the other is 20 percent off."
    table: TableText = table_text(report.swing_table, numbers)
    chart = ChartPart(
        key="chart-swings",
        title="What would change this plan",
        description=description,
        spec=tornado_chart(rows, written, f"{_MINUS}20%", "+20%", description),
        table=table,
        height=ROW_HEIGHT * len(rows) + 30,
        is_open=True,
    )
    return Section(
        key="swings",
        title="What would change this plan",
        takeaway=_swing_takeaway(report),
        charts=(chart,) if rows else (),
        legend=f"Change of {report.goal_words} in expected mode where a group of parameters is 20% smaller (pale) or "
        "20% larger (dark) everywhere, and the plan stays as it is. Where the lead over the scenario's own plan "
        "changes most, a new plan was made as well.",
    )


def _worth_knowing(report: PlanReport) -> Section:
    shown = () if not report.worth_knowing.rows else (table_text(report.worth_knowing, report.simulation.numbers),)
    return Section(
        key="worth-knowing",
        title="What is worth knowing",
        takeaway=report.worth_knowing_words,
        tables=shown,
        legend=""
        if not shown
        else "The expected value of knowing one parameter before the plan is made, by regression over sampled worlds "
        "of parameters. Values of several parameters do not add up.",
    )


def _swing_takeaway(report: PlanReport) -> str:
    numbers = report.simulation.numbers
    sides = [(swing, side) for swing in report.review.swings for side in (swing.low, swing.high)]
    if not sides:
        return "No assumption moves this plan."
    worst, at = min(sides, key=lambda pair: pair[1].plan - pair[1].baseline)
    word = "larger" if at.factor > 1.0 else "smaller"
    name = swing_name(worst, report.result)
    name = f"{name[0].lower()}{name[1:]}"
    lead = at.plan - at.baseline
    if lead <= 0.0:
        return f"With {name} 20% {word}, the scenario's own plan would bring more than this one."
    asked = [pair for pair in sides if pair[1].replanned is not None]
    more = numbers.number(lead, report.result.goal_unit)
    text = (
        f"In each of these markets the plan brings more than the scenario's own; least, {more}, with {name} 20% {word}."
    )
    if not asked:
        return text
    most, side = max(asked, key=lambda pair: pair[1].regret)
    word = "larger" if side.factor > 1.0 else "smaller"
    gain, name = numbers.number(side.regret, report.result.goal_unit), swing_name(most, report.result)
    return f"{text} A plan made for another market would add most, {gain}, with {name[0].lower()}{name[1:]} 20% {word}."
