"""What hidden causes of the choice could do to an evaluation, in words and figures."""

from xbopt.ope.results.confounding import Bounds, HiddenConfounding
from xbopt.reports.evaluation.report import EvaluationReport
from xbopt.reports.kit.page_parts import CellText, Section, TableText

TITLE = "If the log does not hold all that moved the choice"


def confounding_sentence(report: EvaluationReport) -> str:
    """How strong a hidden cause takes the sign of the difference; empty where propensities were stated."""
    found = report.result.hidden_confounding
    if found is None:
        return ""
    decimal = report.numbers.numbers.decimal
    lost = found.sign_lost_at
    if lost is None:
        return (
            "The propensities were estimated. The sign of the difference to what was done holds even if something that "
            f"the log does not hold moves the odds of an action by a factor of {decimal(found.strongest, digits=0)}."
        )
    if lost == 1.0:
        return (
            "The propensities were estimated. The self-normalised difference to what was done cannot be told from "
            "chance, whatever else moved the choice."
        )
    return (
        "The propensities were estimated. If something that the log does not hold moves the odds of an action by a "
        f"factor of {decimal(lost)} or more, the sign of the difference to what was done is no longer sure."
    )


def confounding_table(report: EvaluationReport, found: HiddenConfounding) -> TableText:
    """Bounds of value and difference by the strength of the hidden cause, with the sampling of rows in them."""
    numbers = report.numbers

    def cells(bounds: Bounds, *, signed: bool) -> tuple[CellText, CellText]:
        write = numbers.signed if signed else numbers.reward
        return (
            CellText(text=f"{write(bounds.low)} to {write(bounds.high)}"),
            CellText(text=f"{write(bounds.interval_low)} to {write(bounds.interval_high)}"),
        )

    interval = f"With {report.interval}"
    return TableText(
        title=TITLE,
        heads=("Odds moved by up to", "Value", interval, "Less what was done", interval),
        numeric=(True, True, True, True, True),
        rows=tuple(
            (
                CellText(text=numbers.numbers.decimal(one.strength)),
                *cells(one.value, signed=False),
                *cells(one.difference, signed=True),
            )
            for one in found.bounds
        ),
        note="Self-normalised value, in the marginal sensitivity model (Tan 2006).",
    )


def confounding_section(report: EvaluationReport) -> Section | None:
    """The section of the page; None where propensities were stated."""
    found = report.result.hidden_confounding
    if found is None:
        return None
    return Section(
        key="confounding",
        title=TITLE,
        takeaway=confounding_sentence(report),
        tables=(confounding_table(report, found),),
    )
