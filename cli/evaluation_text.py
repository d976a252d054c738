"""An evaluation on the terminal: verdict, support, values, what to do next."""

import textwrap
from typing import TYPE_CHECKING

from xbopt.cli.terminal import result_console, table

if TYPE_CHECKING:
    from rich.console import Console

    from xbopt.ope.logs.evaluation import LogEvaluation
    from xbopt.reports.evaluation.report import EvaluationReport
    from xbopt.reports.kit.page_parts import TableText

_MOST_ACTIONS, _MOST_SEGMENTS = 8, 6


def print_evaluation(evaluation: "LogEvaluation") -> None:
    """Print the evaluation; after a refusal, no value of the policy."""
    from xbopt.reports.evaluation import words
    from xbopt.reports.evaluation.confounding import confounding_sentence, confounding_table
    from xbopt.reports.evaluation.report import build_evaluation_report

    report = build_evaluation_report(evaluation, is_for_terminal=True)
    console, result, numbers = result_console(), evaluation.result, report.numbers
    console.print(
        f"{evaluation.log.path.name}: {result.rows:,} {report.unit}s, policy {evaluation.policy}, {result.estimand}",
        markup=False,
    )
    console.print()
    _paragraph(console, words.verdict_sentence(evaluation))
    for reason in result.reasons:
        _point(console, reason)
    _print_support(console, report)
    if not result.withheld:
        _print_estimates(console, report)
    for sentence in (
        words.difference_sentence,
        words.carry_over_sentence,
        words.anytime_sentence,
        words.coverage_sentence,
    ):
        _paragraph(console, sentence(evaluation, numbers))
    if result.hidden_confounding is not None:
        _print_table(console, confounding_table(report, result.hidden_confounding))
        _paragraph(console, confounding_sentence(report))
    if result.next_steps:
        console.print()
        console.print("Next:")
        for step in result.next_steps:
            _point(console, step)


def _print_support(console: "Console", report: "EvaluationReport") -> None:
    from xbopt.reports.evaluation.page import support_table, support_tiles

    figures = table("Support", "", "Figure", "", "Meaning")
    figures.columns[2].justify = figures.columns[3].justify = "left"
    for tile in support_tiles(report):
        figures.add_row(tile.name, tile.figure, tile.range, tile.meaning)
    console.print(figures)
    actions = [row for row in report.actions if row.rows or row.policy_share]
    title = f"Actions, what the policy does most first ({len(actions)})"
    _print_table(console, support_table(title, "", actions[:_MOST_ACTIONS], report))
    if report.segments:
        title = f"By {report.evaluation.log.segment_name}, weakest first"
        _print_table(console, support_table(title, "", report.segments[:_MOST_SEGMENTS], report))


def _print_table(console: "Console", content: "TableText") -> None:
    shown = table(content.title, *content.heads)
    for row in content.rows:
        shown.add_row(*(cell.text for cell in row))
    console.print(shown)


def _print_estimates(console: "Console", report: "EvaluationReport") -> None:
    from xbopt.reports.evaluation.words import each_of

    numbers, interval = report.numbers, report.interval
    unit = f", {numbers.unit}" if numbers.unit else ""
    shown = table(
        f"Value of {each_of(report.result)}{unit}", "Estimator", "Value", interval, "Less what was done", interval
    )
    for row in report.estimates:
        difference = row.difference
        shown.add_row(
            f"{row.name}{' *' if row.is_quoted else ''}",
            numbers.reward(row.estimate.value),
            numbers.range(row.estimate),
            "" if difference is None else numbers.signed(difference.value),
            "" if difference is None else numbers.range(difference, signed=True),
        )
    shown.caption = "* the one to quote"
    console.print(shown)
    for row in report.estimates:
        if row.estimate.notes and row.estimate.notes[0].code != "bias":  # a bias is part of the interval already
            _point(console, f"{row.name}: {row.estimate.note}.")


def _paragraph(console: "Console", text: str) -> None:
    if text:
        console.print("\n".join(textwrap.wrap(text, console.width, break_on_hyphens=False)), markup=False)


def _point(console: "Console", text: str) -> None:
    lines = textwrap.wrap(text, console.width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    console.print("\n".join(lines), markup=False)
