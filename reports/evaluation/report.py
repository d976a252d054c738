"""The evaluation report: an evaluation, how its figures are written, and its rows in reading order."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xbopt.ope.logs.estimators import LABELS
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.evaluation.words import unit_of
from xbopt.reports.kit.figures import Fact


class EstimateRow(NamedTuple):
    """One estimator: its value, the same less what was done, and whether it is the one to quote."""

    name: str
    estimate: Estimate
    difference: Estimate | None
    is_quoted: bool


class SupportRow(NamedTuple):
    """Support of an action or segment: decisions, what they are worth, and shares of the log and of the policy.

    A segment has no share of the policy.
    """

    name: str
    rows: int
    ess: float
    logged_share: float
    policy_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What a planner reads about one evaluation.

    Attributes:
        evaluation: The evaluation.
        numbers: How its figures are written.
        title: Title of the page.
    """

    evaluation: LogEvaluation
    numbers: RewardNumbers
    title: str

    @property
    def result(self) -> PolicyEvaluation:
        """Verdict, support and values."""
        return self.evaluation.result

    @property
    def unit(self) -> str:
        """What a row is: ``decision`` or ``episode``."""
        return unit_of(self.result)

    @property
    def interval(self) -> str:
        """What an interval is called, as in 95% interval."""
        return f"{self.numbers.percent(self.result.confidence)} interval"

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Log, policy, rows, confidence."""
        result, log, numbers = self.result, self.evaluation.log, self.numbers.numbers
        texts = {
            "Log": log.path.name,
            "Policy": self.evaluation.policy,
            f"{self.unit.capitalize()}s": numbers.count(result.rows),
        }
        if result.rows_censored:
            texts["Left out, reward not ready"] = numbers.count(result.rows_censored)
        if log.profile.first is not None and log.profile.last is not None:
            first, last = (
                numbers.day(moment.astype("datetime64[D]").item()) for moment in (log.profile.first, log.profile.last)
            )
            texts["Decided"] = first if first == last else f"{first} to {last}"
        texts["Actions"] = numbers.count(len(self.evaluation.action_labels))
        texts["Intervals"] = self.numbers.percent(result.confidence)
        texts["Reward in"] = log.reward_unit
        texts["Log written by"] = ", ".join(log.logging_policies)
        return tuple(Fact(label=label, text=text) for label, text in texts.items() if text)

    @property
    def actions(self) -> tuple[SupportRow, ...]:
        """Support by action, what the policy does most first."""
        support = self.result.support.actions
        order: list[int] = np.lexsort((-support.logged_share, -support.policy_share)).tolist()
        return tuple(
            SupportRow(
                name=self.evaluation.action_labels[i],
                rows=int(support.rows[i]),
                ess=float(support.ess[i]),
                logged_share=float(support.logged_share[i]),
                policy_share=float(support.policy_share[i]),
            )
            for i in order
        )

    @property
    def segments(self) -> tuple[SupportRow, ...]:
        """Support by segment, the weakest first; empty where the log names none."""
        result = self.result
        return tuple(
            SupportRow(
                name=result.names.segment(part.segment),
                rows=part.rows,
                ess=part.ess,
                logged_share=part.rows / result.rows,
                policy_share=None,
            )
            for part in result.support.segments
        )

    @property
    def estimates(self) -> tuple[EstimateRow, ...]:
        """Estimators, the one to quote first; empty where values are withheld."""
        result = self.result
        rows = [
            EstimateRow(
                name=LABELS.get(name, name),
                estimate=result.values[name],
                difference=result.differences.get(name),
                is_quoted=name == result.recommended,
            )
            for name in (*LABELS, *(name for name in result.values if name not in LABELS))
            if name in result.values
        ]
        return tuple(sorted(rows, key=lambda row: not row.is_quoted))

    @property
    def notes(self) -> tuple[str, ...]:
        """How to read all this."""
        weight = (
            "A decision's weight is the probability of its action under the policy over its propensity: how many "
            "decisions of the policy it stands for. What it is worth: the number of equally weighted decisions that "
            "would be as exact."
        )
        percent = self.numbers.percent(self.result.confidence)
        interval = f"A {self.interval} is made so that it holds the true value in {percent} of all logs like this one."
        bias = (
            "Intervals of biased estimators (switch, shrunk weights, reward model alone) are widened until they "
            "include their estimated bias. Values outside the rewards that were logged are marked."
        )
        notes = [weight, interval, bias]
        if self.result.cross_validated_choice:
            best = ", ".join(LABELS.get(name, name) for name in self.result.cross_validated_choice[:3])
            notes.append(f"By cross-validated error (Cief et al. 2025) the best estimators on this log are: {best}.")
        return tuple(notes)


def build_evaluation_report(
    evaluation: LogEvaluation, *, title: str = "", locale: str = "en", is_for_terminal: bool = False
) -> EvaluationReport:
    """The report of an evaluation.

    Args:
        evaluation: The evaluation.
        title: Title of the page; it names the policy where left out.
        locale: How numbers are written, as in ``en`` or ``de_AT``. The words are English in any case.
        is_for_terminal: Whether minus is a hyphen, which every terminal can show.

    Raises:
        UsageError: There is no such locale.
    """
    result = evaluation.result
    errors = [result.logging_policy.se, *(estimate.se for estimate in result.values.values())]
    return EvaluationReport(
        evaluation=evaluation,
        numbers=RewardNumbers.fitting(
            errors, unit=evaluation.log.reward_unit, locale=locale, is_for_terminal=is_for_terminal
        ),
        title=title or f"What {evaluation.policy} would have earned",
    )
