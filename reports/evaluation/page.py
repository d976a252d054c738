"""The evaluation report laid out for its page: verdict, support, and only then values."""

import math
from collections.abc import Sequence

from xbopt.ope.logs.estimators import LABELS
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.simulated_coverage import CoverageTest
from xbopt.reports.evaluation.chart_forest import forest_chart
from xbopt.reports.evaluation.chart_overlap import BAR_HEIGHT, LINE_HEIGHT, overlap_chart, weight_chart
from xbopt.reports.evaluation.confounding import confounding_section
from xbopt.reports.evaluation.report import EvaluationReport, SupportRow
from xbopt.reports.evaluation.words import (
    TONES,
    anytime_sentence,
    assumption_words,
    carry_over_sentence,
    coverage_sentence,
    difference_sentence,
    each_of,
    estimand_words,
    mean_weight_sentence,
    model_sentence,
    small_share,
    support_sentence,
    verdict_sentence,
)
from xbopt.reports.kit.chart_intervals import ROW_HEIGHT
from xbopt.reports.kit.page_parts import CellText, ChartPart, PageContent, Section, TableText, TileText

_MOST_ACTIONS = 20
_MOST_ROWS = 60
_SHOWN_SHARE = 0.01
_BUDGET_LABELS = {
    "cost": "Cost a decision",
    "reward_per_cost": "Reward per unit of cost",
    "cost_per_reward": "Cost per unit of reward",
}


def evaluation_content(report: EvaluationReport) -> PageContent:
    """The whole page."""
    result = report.result
    forced = ("The values below are shown because that was forced. Do not bet on them.",)
    return PageContent(
        kind="Evaluation from logged decisions",
        title=report.title,
        description=f"From the decisions in {report.evaluation.log.path.name}.",
        facts=report.facts,
        verdict=verdict_sentence(report.evaluation),
        tone=TONES[result.verdict],
        below_verdict=(*result.reasons, *(forced if result.verdict == "REFUSE" and not result.withheld else ())),
        tiles=support_tiles(report),
        tiles_legend="How much of the log speaks about this policy. Values come after.",
        sections=evaluation_sections(report),
        notes=report.notes,
        numbers=report.numbers.numbers,
    )


def evaluation_sections(report: EvaluationReport) -> tuple[Section, ...]:
    """All sections, in reading order."""
    result = report.result
    refused, coverage = result.verdict == "REFUSE", report.evaluation.self_test
    following = Section(key="next", title="What to log next", lines=result.next_steps)
    sections = [
        following if refused else None,
        _support(report),
        _estimates(report),
        None if result.withheld else _difference(report),
        confounding_section(report),
        _budget(report) if result.budget else None,
        None if coverage is None else _coverage(report, coverage),
        None if refused or not result.next_steps else following,
        Section(
            key="question",
            title="What was asked, and what has to be true",
            takeaway=" ".join(estimand_words(report.evaluation)),
            lines=(*assumption_words(report.evaluation), *report.evaluation.rules),
        ),
    ]
    return tuple(section for section in sections if section is not None)


def support_tiles(report: EvaluationReport) -> tuple[TileText, ...]:
    """How much of the log speaks about the policy, in figures."""
    support, numbers = report.result.support, report.numbers.numbers
    heavy = "infinite" if math.isinf(support.pareto_k) else numbers.decimal(support.pareto_k)
    return (
        TileText(
            name="Worth of the log",
            figure=numbers.count(support.ess),
            range=f"of {numbers.count(report.result.rows)} {report.unit}s",
            meaning="effective sample size for this policy; fewer than 50 are refused",
        ),
        TileText(
            name="Largest weight holds",
            figure=small_share(support.top_weight_share, numbers),
            range=f"weight {numbers.decimal(support.max_weight, digits=1 if support.max_weight < 100 else 0)}",
            meaning="share of all weight; more than 10% is refused",
        ),
        TileText(
            name="Beyond the log",
            figure=small_share(support.unsupported_mass, numbers),
            range="of the policy's choices",
            meaning="on actions that the log cannot speak about; more than 5% is refused",
        ),
        TileText(name="Smallest propensity", figure=f"{support.min_propensity:.3g}", range="of a logged action"),
        TileText(name="Mean weight", figure=numbers.decimal(support.mean_weight, digits=3), range="should be 1"),
        TileText(name="Tail of the weights", figure=heavy, range="Pareto k", meaning="above 0.7 is heavy"),
        *(
            (
                TileText(
                    name="Independent groups",
                    figure=numbers.count(support.clusters),
                    range=f"of {report.unit}s that share luck",
                ),
            )
            if support.clusters
            else ()
        ),
    )


def _support(report: EvaluationReport) -> Section:
    evaluation, numbers = report.evaluation, report.numbers.numbers
    rows, weight, segments = evaluation.weights.rows, evaluation.weights.weight, evaluation.log.segment_name
    total = float(weight.sum()) or 1.0
    positive = [i for i in range(1, len(rows)) if rows[i] > 0]
    shown = {*range(min(positive, default=1), max(positive, default=0) + 1), *([0] if rows[0] else [])}
    bins = [
        (name, float(rows[i] / rows.sum()), float(weight[i] / total))
        for i, name in enumerate(evaluation.weights.labels())
        if i in shown
    ]
    used = [row for row in report.actions if row.rows or row.policy_share]
    actions = [row for row in used if row.policy_share or row.logged_share >= _SHOWN_SHARE][:_MOST_ACTIONS]
    shares = [(row.name, row.logged_share, row.policy_share or 0.0, row.ess) for row in actions]
    left = len(used) - len(actions)
    words = f"How many {report.unit}s have a weight of that size, and how much of all weight they hold."
    overlap = "Share of each action in the log and by the policy; right: what its logged decisions are worth."
    return Section(
        key="support",
        title="Can the log speak about this policy?",
        takeaway=support_sentence(evaluation, report.numbers),
        charts=(
            ChartPart(
                key="chart-weights",
                title="Weights",
                description=words,
                spec=weight_chart(bins, f"{report.unit}s", numbers, words),
                table=TableText(
                    title="Weights",
                    heads=("Weight", f"{report.unit.capitalize()}s", f"Share of {report.unit}s", "Share of weight"),
                    numeric=(False, True, True, True),
                    rows=tuple(
                        _cells(
                            name,
                            numbers.count(round(share * int(rows.sum()))),
                            numbers.share(share),
                            numbers.share(held),
                        )
                        for name, share, held in bins
                    ),
                ),
                height=BAR_HEIGHT * len(bins),
            ),
            ChartPart(
                key="chart-overlap",
                title="Actions",
                description=overlap,
                spec=overlap_chart(shares, numbers, overlap),
                table=support_table("Actions", "Action", report.actions[:_MOST_ROWS], report),
                height=LINE_HEIGHT * len(actions),
            ),
        ),
        legend=f"A weight far above the others means that few {report.unit}s carry the answer."
        + (f" The {left} actions that the policy takes least are left out of the chart." if left else ""),
        lines=_said(
            mean_weight_sentence(report.result.support, report.numbers), carry_over_sentence(evaluation, report.numbers)
        ),
        tables=(
            (support_table(f"By {segments}", segments, report.segments[:_MOST_ROWS], report, note="Weakest first."),)
            if report.segments
            else ()
        ),
    )


def support_table(
    title: str, first: str, rows: Sequence[SupportRow], report: EvaluationReport, *, note: str = ""
) -> TableText:
    """Support of actions, or of segments, which have no share of the policy."""
    numbers = report.numbers.numbers
    policy = any(row.policy_share is not None for row in rows)
    heads = (first, "Decisions", "In the log", *(("By the policy",) if policy else ()), "Worth")
    return TableText(
        title=title,
        heads=heads,
        numeric=(False, *(True for _ in heads[1:])),
        rows=tuple(
            _cells(
                row.name,
                numbers.count(row.rows),
                numbers.share(row.logged_share),
                *(() if row.policy_share is None else (numbers.share(row.policy_share),)),
                numbers.count(row.ess),
            )
            for row in rows
        ),
        note=note,
    )


def _cells(*texts: str) -> tuple[CellText, ...]:
    return tuple(CellText(text=text) for text in texts)


def _estimates(report: EvaluationReport) -> Section:
    result, numbers, interval = report.result, report.numbers, report.interval
    title, what, logging = "What the policy would have earned", each_of(result), result.logging_policy
    if result.withheld:
        mean = f"{numbers.reward(logging.value)} {what} ({interval} {numbers.range(logging)})"
        return Section(
            key="estimates",
            title=title,
            takeaway="No value is shown: the log cannot answer. A number from it would be the luck of a few rows.",
            lines=(f"What was done earned {mean}, which the log can say.",),
        )
    quoted = report.estimates[0]
    words = f"Each line: the {interval}, with a dot at the estimate. Dashed: what was done."
    rows = [(row.name, row.estimate, row.is_quoted) for row in report.estimates]
    return Section(
        key="estimates",
        title=title,
        takeaway=f"{numbers.reward(quoted.estimate.value)} {what}, {interval} {numbers.range(quoted.estimate)} "
        f"({quoted.name.lower()}).",
        charts=(_forest(report, "estimates", "Estimates", "Value", rows, words),),
        legend=f"{words} The first is the one to quote.",
        lines=_said(model_sentence(report.evaluation, numbers), anytime_sentence(report.evaluation, numbers)),
    )


def _difference(report: EvaluationReport) -> Section:
    rows = [(row.name, row.difference, row.is_quoted) for row in report.estimates if row.difference is not None]
    words = "The policy less what was done, on the same decisions. Dashed: no difference."
    return Section(
        key="difference",
        title="Against what was done",
        takeaway=difference_sentence(report.evaluation, report.numbers),
        charts=(_forest(report, "difference", "Difference", "Difference", rows, words),),
        legend=f"{words} Both rest on the same rewards, so the interval of the difference is narrower than the "
        "two intervals apart.",
    )


def _forest(
    report: EvaluationReport, key: str, title: str, head: str, rows: list[tuple[str, Estimate, bool]], words: str
) -> ChartPart:
    """Estimates, or differences, with their intervals around what was done, or around 0."""
    numbers, signed = report.numbers, key == "difference"
    zero, named = (0.0, "no difference") if signed else (report.result.logging_policy.value, "what was done")
    write = numbers.signed if signed else numbers.reward
    table = TableText(
        title=head,
        heads=("Estimator", head, "Standard error", report.interval, "Note"),
        numeric=(False, True, True, True, False),
        rows=tuple(
            _cells(
                name,
                write(value.value),
                numbers.reward(value.se),
                numbers.range(value, signed=signed),
                value.note if value.covers else "; ".join(filter(None, ["does not cover", value.note])),
            )
            for name, value, _ in rows
        ),
    )
    return ChartPart(
        key=f"chart-{key}",
        title=title,
        description=words,
        spec=forest_chart(rows, zero, named, numbers, words, signed=signed),
        table=table,
        height=ROW_HEIGHT * len(rows),
    )


def _said(*sentences: str) -> tuple[str, ...]:
    return tuple(filter(None, sentences))


def _budget(report: EvaluationReport) -> Section:
    return Section(
        key="budget",
        title="Cost",
        takeaway="What the policy's decisions would have cost, and what they bring per unit of cost.",
        tables=(
            TableText(
                title="Cost and return",
                heads=("", "Value", report.interval),
                numeric=(False, True, True),
                rows=tuple(
                    _cost_cells(report, _BUDGET_LABELS.get(name, name), one)
                    for name, one in report.result.budget.items()
                ),
            ),
        ),
    )


def _cost_cells(report: EvaluationReport, name: str, value: Estimate) -> tuple[CellText, ...]:
    label, numbers = _BUDGET_LABELS.get(name, name), report.numbers
    if " per " in label:
        plain = numbers.numbers.decimal
        return _cells(label, plain(value.value), f"{plain(value.low)} to {plain(value.high)}")
    return _cells(label, numbers.reward(value.value), numbers.range(value))


def _coverage(report: EvaluationReport, found: CoverageTest) -> Section:
    numbers = report.numbers
    share = numbers.numbers.share
    return Section(
        key="coverage",
        title="Do the intervals hold at this overlap?",
        takeaway=coverage_sentence(report.evaluation, numbers),
        tables=(
            TableText(
                title="Coverage in simulated logs",
                heads=("Estimator", "Interval held", "Standard error", *(["Mean width"] if found.width else [])),
                numeric=(False, True, True, *([True] if found.width else [])),
                rows=tuple(
                    _cells(
                        LABELS.get(name, name),
                        share(found.coverage[name]),
                        share(found.coverage_error[name]),
                        *([numbers.reward(found.width[name])] if found.width else []),
                    )
                    for name in LABELS
                    if name in found.coverage
                ),
                note="What no such test can see is where the reward model is wrong about the world.",
            ),
        )
        if found.coverage
        else (),
    )
