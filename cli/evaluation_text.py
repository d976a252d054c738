"""An evaluation on the terminal: verdict, support, values, what to do next."""

import textwrap
from typing import TYPE_CHECKING

from xbopt.cli.terminal import result_console, table

if TYPE_CHECKING:
    from rich.console import Console

    from xbopt.ope.logs.evaluation import LogEvaluation
    from xbopt.reports.evaluation.report import EvaluationReport, SupportRow

_MOST_ACTIONS, _MOST_SEGMENTS = 8, 6


def print_evaluation(evaluation: "LogEvaluation") -> None:
    """Print the evaluation; after a refusal, no value of the policy."""
    from xbopt.reports.evaluation.report import build_evaluation_report

    report, console = build_evaluation_report(evaluation), result_console()
    console.print(
        f"{evaluation.log.path.name}: {report.rows:,} {report.unit}s, policy {evaluation.policy}, "
        f"{evaluation.result.estimand}",
        markup=False,
    )
    console.print()
    _paragraph(console, report.sentence)
    for reason in report.reasons:
        _point(console, reason)
    _print_support(console, report)
    if not report.withheld:
        _print_estimates(console, report)
    _paragraph(console, report.difference_words or _logging(report))
    for sentence in filter(None, [report.carry_over, report.anytime_words, report.coverage_words]):
        _paragraph(console, sentence)
    if report.next_steps:
        console.print()
        console.print("Next:")
        for step in report.next_steps:
            _point(console, step)


def _logging(report: "EvaluationReport") -> str:
    numbers = report.numbers
    return (
        f"What was done earned {numbers.reward(report.logging.value)} "
        f"{'a decision' if report.unit == 'decision' else 'an episode'} "
        f"({numbers.percent(report.confidence)} interval {numbers.range(report.logging)})."
    )


def _print_support(console: "Console", report: "EvaluationReport") -> None:
    from xbopt.reports.evaluation.page import support_tiles

    made = table("Support", "", "Figure", "", "Meaning")
    made.columns[2].justify = made.columns[3].justify = "left"
    for tile in support_tiles(report):
        made.add_row(tile.name, tile.figure, tile.range, tile.meaning)
    console.print(made)
    actions = [row for row in report.actions if row.rows or row.policy_share > 0.0]
    console.print(
        _support_table(f"Actions, what the policy does most first ({len(actions)})", actions[:_MOST_ACTIONS], report)
    )
    if report.segments:
        weakest = report.segments[:_MOST_SEGMENTS]
        console.print(_support_table(f"By {report.segment_title}, weakest first", weakest, report))


def _support_table(title: str, rows: "list[SupportRow] | tuple[SupportRow, ...]", report: "EvaluationReport") -> object:
    numbers = report.numbers.numbers
    by_action = any(row.policy_share == row.policy_share for row in rows)
    made = table(title, "", "Decisions", "In the log", *(("By the policy",) if by_action else ()), "Worth")
    for row in rows:
        made.add_row(
            row.name,
            numbers.count(row.rows),
            numbers.share(row.logged_share),
            *((numbers.share(row.policy_share),) if by_action else ()),
            numbers.count(row.ess),
        )
    return made


def _print_estimates(console: "Console", report: "EvaluationReport") -> None:
    numbers = report.numbers
    interval = f"{numbers.percent(report.confidence)} interval"
    unit = f", {numbers.unit}" if numbers.unit else ""
    made = table(
        f"Value of {'a decision' if report.unit == 'decision' else 'an episode'}{unit}",
        "Estimator",
        "Value",
        interval,
        "Less what was done",
        interval,
    )
    for row in report.estimates:
        difference = row.difference
        made.add_row(
            f"{row.name}{' *' if row.is_quoted else ''}",
            numbers.reward(row.estimate.value),
            numbers.range(row.estimate),
            "" if difference is None else numbers.signed(difference.value),
            "" if difference is None else numbers.range(difference, signed=True),
        )
    made.caption = "* the one to quote"
    console.print(made)
    for row in report.estimates:
        if row.estimate.notes and row.estimate.notes[0].code != "bias":  # a bias is part of the interval already
            _point(console, f"{row.name}: {row.estimate.note}.")


def _paragraph(console: "Console", text: str) -> None:
    if text:
        console.print("\n".join(textwrap.wrap(text, console.width, break_on_hyphens=False)), markup=False)


def _point(console: "Console", text: str) -> None:
    lines = textwrap.wrap(text, console.width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    console.print("\n".join(lines), markup=False)
