"""The evaluation report as plain values: everything that its page shows."""

from dataclasses import dataclass

import numpy as np

from xbopt.ope.logs.estimators import LABELS
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.logs.weight_histogram import WeightHistogram
from xbopt.ope.results.evaluation import Estimate, SupportDiagnostics, Verdict
from xbopt.ope.simulated_coverage import CoverageTest
from xbopt.reports.evaluation.estimands import assumption_words, estimand_words
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.evaluation.words import (
    TONES,
    anytime_sentence,
    carry_over_sentence,
    coverage_sentence,
    difference_sentence,
    mean_weight_sentence,
    model_sentence,
    support_sentence,
    unit_of,
    verdict_sentence,
)
from xbopt.reports.kit.figures import Fact

_BUDGET_LABELS = {
    "cost": "Cost a decision",
    "reward_per_cost": "Reward per unit of cost",
    "cost_per_reward": "Cost per unit of reward",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRow:
    """One estimator.

    Attributes:
        name: Readable name.
        estimate: Its value with its interval.
        difference: The same less what was done; None for what was done.
        is_quoted: Whether it is the one to quote.
    """

    name: str
    estimate: Estimate
    difference: Estimate | None
    is_quoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRow:
    """Support of an action, or of a segment.

    Attributes:
        name: Its name.
        rows: Decisions in the log.
        ess: What they are worth for the policy.
        logged_share: Share of the log's decisions.
        policy_share: Share that the policy gives it; NaN for a segment.
    """

    name: str
    rows: int
    ess: float
    logged_share: float
    policy_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What a planner reads about one evaluation.

    Attributes:
        title: Title of the page.
        description: The log.
        facts: Log, policy, rows, confidence.
        verdict: ANSWER, CAUTION or REFUSE.
        sentence: The verdict in a sentence.
        tone: ``good``, ``even`` or ``bad``.
        reasons: Why it is no plain answer.
        next_steps: What to do about it.
        unit: What a row is: ``decision`` or ``episode``.
        rows: Rows that were used.
        support: Diagnostics.
        support_words: What they mean, in sentences.
        weights: Spread of the weights.
        actions: Support by action, what the policy does most first.
        segments: Support by segment, the weakest first.
        segment_title: What a segment is.
        estimates: Estimators, the one to quote first; empty where values are withheld.
        withheld: Whether values were withheld.
        logging: What was done.
        difference_words: How both compare; empty where values are withheld.
        model_words: How good the reward model was; empty without one.
        anytime_words: The interval that holds at every size of the log; empty if not asked for.
        budget: Further estimands with their names.
        coverage: What the self-test found; None if not asked for.
        coverage_words: The same in a sentence.
        carry_over: What the test for carry-over found.
        estimand: Which question was answered.
        assumptions: What has to be true.
        rules: What was left out or encoded how.
        notes: How to read all this.
        confidence: Of every interval.
        numbers: How rewards are written.
    """

    title: str
    description: str
    facts: tuple[Fact, ...]
    verdict: Verdict
    sentence: str
    tone: str
    reasons: tuple[str, ...]
    next_steps: tuple[str, ...]
    unit: str
    rows: int
    support: SupportDiagnostics
    support_words: tuple[str, ...]
    weights: WeightHistogram
    actions: tuple[SupportRow, ...]
    segments: tuple[SupportRow, ...]
    segment_title: str
    estimates: tuple[EstimateRow, ...]
    withheld: bool
    logging: Estimate
    difference_words: str
    model_words: str
    anytime_words: str
    budget: tuple[tuple[str, Estimate], ...]
    coverage: CoverageTest | None
    coverage_words: str
    carry_over: str
    estimand: tuple[str, ...]
    assumptions: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...]
    confidence: float
    numbers: RewardNumbers


def build_evaluation_report(evaluation: LogEvaluation, *, title: str = "", locale: str = "en") -> EvaluationReport:
    """Gather everything that the report shows.

    Args:
        evaluation: The evaluation.
        title: Title of the page; it names the policy where left out.
        locale: How numbers are written, as in ``en`` or ``de_AT``. The words are English in any case.

    Raises:
        UsageError: There is no such locale.
    """
    result, log = evaluation.result, evaluation.log
    errors = [result.logging_policy.se, *(one.se for one in result.estimates.values())]
    numbers = RewardNumbers.fitting(errors, unit=log.reward_unit, locale=locale)
    return EvaluationReport(
        title=title or f"What {evaluation.policy} would have earned",
        description=f"From the decisions in {log.path.name}.",
        facts=_facts(evaluation, numbers),
        verdict=result.verdict,
        sentence=verdict_sentence(evaluation),
        tone=TONES[result.verdict],
        reasons=result.reasons,
        next_steps=result.next_steps,
        unit=unit_of(result),
        rows=result.rows,
        support=result.support,
        support_words=(support_sentence(evaluation, numbers), mean_weight_sentence(result.support, numbers)),
        weights=evaluation.weights,
        actions=_actions(evaluation),
        segments=_segments(evaluation),
        segment_title=log.segment_name,
        estimates=_estimates(evaluation),
        withheld=result.withheld,
        logging=result.logging_policy,
        difference_words=difference_sentence(evaluation, numbers),
        model_words=model_sentence(evaluation, numbers),
        anytime_words=anytime_sentence(evaluation, numbers),
        budget=tuple((_BUDGET_LABELS.get(name, name), one) for name, one in result.budget.items()),
        coverage=evaluation.self_test,
        coverage_words=coverage_sentence(evaluation, numbers),
        carry_over=carry_over_sentence(evaluation, numbers),
        estimand=estimand_words(evaluation),
        assumptions=assumption_words(evaluation),
        rules=evaluation.rules,
        notes=_notes(evaluation, numbers),
        confidence=result.confidence,
        numbers=numbers,
    )


def _facts(evaluation: LogEvaluation, numbers: RewardNumbers) -> tuple[Fact, ...]:
    result, log = evaluation.result, evaluation.log
    count = numbers.numbers.count
    facts = [
        Fact(label="Log", text=log.path.name),
        Fact(label="Policy", text=evaluation.policy),
        Fact(label=f"{unit_of(result).capitalize()}s", text=count(result.rows)),
    ]
    if result.rows_censored:
        facts.append(Fact(label="Left out, reward not ready", text=count(result.rows_censored)))
    if log.profile.first is not None and log.profile.last is not None:
        days = [
            numbers.numbers.day(moment.astype("datetime64[D]").item())
            for moment in (log.profile.first, log.profile.last)
        ]
        facts.append(Fact(label="Decided", text=days[0] if days[0] == days[1] else f"{days[0]} to {days[1]}"))
    facts.append(Fact(label="Actions", text=count(len(evaluation.action_labels))))
    facts.append(Fact(label="Intervals", text=numbers.percent(result.confidence)))
    if log.reward_unit:
        facts.append(Fact(label="Reward in", text=log.reward_unit))
    if log.logging_policies:
        facts.append(Fact(label="Log written by", text=", ".join(log.logging_policies)))
    return tuple(facts)


def _actions(evaluation: LogEvaluation) -> tuple[SupportRow, ...]:
    found = evaluation.result.support.actions
    order: list[int] = np.lexsort((-found.logged_share, -found.policy_share)).tolist()
    return tuple(
        SupportRow(
            name=evaluation.action_labels[i],
            rows=int(found.rows[i]),
            ess=float(found.ess[i]),
            logged_share=float(found.logged_share[i]),
            policy_share=float(found.policy_share[i]),
        )
        for i in order
    )


def _segments(evaluation: LogEvaluation) -> tuple[SupportRow, ...]:
    result = evaluation.result
    return tuple(
        SupportRow(
            name=result.names.segment(part.segment),
            rows=part.rows,
            ess=part.ess,
            logged_share=part.rows / result.rows,
            policy_share=float("nan"),
        )
        for part in result.support.segments
    )


def _estimates(evaluation: LogEvaluation) -> tuple[EstimateRow, ...]:
    result = evaluation.result
    rows = [
        EstimateRow(
            name=LABELS.get(name, name),
            estimate=result.estimates[name],
            difference=result.differences.get(name),
            is_quoted=name == result.recommended,
        )
        for name in (*LABELS, *(name for name in result.estimates if name not in LABELS))
        if name in result.estimates
    ]
    return tuple(sorted(rows, key=lambda row: not row.is_quoted))


def _notes(evaluation: LogEvaluation, numbers: RewardNumbers) -> tuple[str, ...]:
    result = evaluation.result
    interval = numbers.percent(result.confidence)
    notes = [
        (
            "A decision's weight is the probability of its action under the policy over its propensity: how many "
            "decisions "
            "of the policy it stands for. What it is worth: the number of equally weighted decisions that would be as "
            "exact."
        ),
        f"A {interval} interval is made so that it holds the true value in {interval} of all logs like this one.",
        (
            "Intervals of biased estimators (switch, shrunk weights, reward model alone) are widened until they "
            "include their estimated bias. Values outside the rewards that were logged are marked."
        ),
    ]
    if result.cross_validated_choice:
        best = ", ".join(LABELS.get(name, name) for name in result.cross_validated_choice[:3])
        notes.append(f"By cross-validated error (Cief et al. 2025) the best estimators on this log are: {best}.")
    return tuple(notes)
