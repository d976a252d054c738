"""What a learner is worth: policies learnt on ever more of a log, each valued on rows that it has not seen.

A policy valued on the rows that it was learnt on takes their luck for its own merit. Plain cross-validation does not
mend it: where actions hardly differ, the policy of one fold leans on the luck of the others, and theirs on its own,
so that fold values move together and their interval is far too narrow (in logs without any effect, 95 % intervals
missed in 15 %). What holds is to go forward: rows stand in an order of chance, the first half is for learning alone,
and each of the blocks after it judges the policy that was learnt on all rows before the block. Given those rows, a
score is unbiased for its policy, so that the scores are a martingale whatever the learner does (Luedtke, van der Laan
2016, "Statistical inference for the mean outcome under a possibly non-unique optimal treatment strategy", section 4):

    estimand = mean over the judged rows of V(policy learnt on all rows before their block)

It is the value of what the learner makes of 50 % to 90 % of such a log, and not that of one policy: the policy that
is learnt on all rows is none of them, and usually a little better.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import folds_of, row_keys
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.diagnostics.weights import checked_probabilities
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.logs.evaluation_log import EvaluationLog
from xbopt.ope.logs.rows import together
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.ope.results.findings import Finding
from xbopt.ope.results.words import Names
from xbopt.ope.reward_models.fitting import ModelName

_BLOCKS = 10
_FIRST_JUDGED = 5

Learner = Callable[[LoggedBanditData], Callable[[FloatArray], ArrayLike]]
"""Given logged decisions, the policy learnt from them: probabilities ``(m, K)`` for contexts ``(m, d)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerEvaluation:
    """The value of a learner.

    Attributes:
        evaluation: Verdict, support and values on the judged rows; the value is the mean of those of all policies.
        judged: The rows that judged, in the order of the evaluation ``(m,)``.
        rows_learnt_from: Rows with a complete reward that the policy of each block was learnt on, ever more.
        probabilities: Probability of every action in each judged row ``(m, K)``, by the policy that has not seen it.
    """

    evaluation: PolicyEvaluation
    judged: IntArray
    rows_learnt_from: tuple[int, ...]
    probabilities: FloatArray

    def __repr__(self) -> str:
        """Verdict and the value to quote."""
        result, sizes = self.evaluation, self.rows_learnt_from
        quoted = "" if result.recommended is None else f", {result.recommended}={result.values[result.recommended]}"
        return f"LearnerEvaluation({result.verdict}, learnt on {sizes[0]:,} to {sizes[-1]:,} rows{quoted})"


def evaluate_learner(
    data: LoggedBanditData | EvaluationLog,
    learner: Learner,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    reward_model: ModelName | None = "linear",
    rules: SupportRules | None = None,
    force: bool = False,
) -> LearnerEvaluation:
    """What the policies that a learner makes from such a log earn, and whether the log can tell.

    Args:
        data: Logged decisions ``(n,)``, or an opened log, which is read into memory. Rows of one cluster stay together.
        learner: Learns a policy from decisions with a complete reward. It may look at all that it is given, and must
            look at nothing else: a learner that was tuned on the whole log has seen the rows that judge it.
        confidence: Of every interval.
        seed: Of the order of the rows, of folds and bootstrap.
        reward_model: Name of the reward model; None for IPS and SNIPS alone.
        rules: When to refuse; the default rules where None.
        force: Show values even where the log cannot answer.

    Raises:
        DecisionLogError: A policy's answer is no distribution, or there are too few clusters to learn from some and to
            judge on others.
    """
    log = data if isinstance(data, EvaluationLog) else None
    if isinstance(data, EvaluationLog):
        data = decisions_of(data)
    block = folds_of(row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed), _BLOCKS)
    complete = np.ones(len(data), dtype=np.bool_) if data.observed is None else data.observed
    judged: list[IntArray] = []
    answers: list[FloatArray] = []
    sizes: list[int] = []
    for number in range(_FIRST_JUDGED, _BLOCKS):
        rows, before = np.flatnonzero(block == number), np.flatnonzero((block < number) & complete)
        if not rows.size:
            continue
        if not before.size:
            raise _too_few()
        policy = learner(data.rows(before))
        answers.append(
            checked_probabilities(policy(data.context[rows].copy()), rows=rows.size, n_actions=data.n_actions)
        )
        judged.append(rows)
        sizes.append(before.size)
    if not judged or not complete[np.concatenate(judged)].any():
        raise _too_few()
    rows, probabilities = np.concatenate(judged), np.concatenate(answers)
    evaluation = evaluate_policy(
        data.rows(rows),
        probabilities,
        confidence=confidence,
        seed=seed,
        reward_model=reward_model,
        rules=rules,
        force=force,
    )

    def placed(finding: Finding) -> Finding:
        if finding.row is None:
            return finding
        row = int(rows[finding.row])
        file, row = ("", row) if log is None else log.place_of(row)
        return replace(finding, file=file, row=row)

    findings = tuple(placed(finding) for finding in evaluation.findings)
    names = Names() if log is None else Names(actions=log.action_labels, segments=log.segments, files=len(log.files))
    evaluation = replace(evaluation, findings=findings, names=names)
    return LearnerEvaluation(
        evaluation=evaluation, judged=rows, rows_learnt_from=tuple(sizes), probabilities=probabilities
    )


def decisions_of(log: EvaluationLog) -> LoggedBanditData:
    """All decisions of a log in memory: actions by their position in its labels, the context as its columns say.

    Raises:
        DecisionLogError: A row is wrong; the message names file, row and column.
    """
    return together([rows for part in log.parts() for rows in log.rows(part)]).data


def _too_few() -> DecisionLogError:
    return DecisionLogError(
        "A learner is judged on other clusters than it learnt from, and here one side is empty. Log more clusters, or "
        "name smaller ones."
    )
