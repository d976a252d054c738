"""Large action sets: weights of what an action is, instead of which one it is (MIPS).

Saito and Joachims 2022 ("Off-policy evaluation for large action spaces via embeddings") weigh a row by the
probabilities of the action's embedding. For an embedding that puts each action into one group this is the evaluation
of a policy over groups, with every estimator and diagnostic that a policy over actions has. It is unbiased if actions
of one group bring the same mean reward in the same context (their "no direct effect"), which no log of rare actions
can show.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.array_checks import check_between, whole_numbers
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.verdict import SupportRules
from xbopt.ope.diagnostics.weights import checked_probabilities
from xbopt.ope.evaluate import evaluate_policy
from xbopt.ope.results.evaluation import PolicyEvaluation
from xbopt.ope.results.findings import Finding

_ALIKE = Finding(code="grouped_actions", level="caution")


def evaluate_groups(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    groups: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    rules: SupportRules | None = None,
    force: bool = False,
) -> PolicyEvaluation:
    """Evaluate with weights of groups; ``ips`` is then MIPS, and the verdict is CAUTION at best.

    Args:
        data: Decisions with ``action_probabilities``.
        evaluation_probabilities: Probability of every action ``(n, K)``.
        groups: Group of each action ``(K,)``, from 0.
        confidence: Of every interval.
        seed: Of folds and bootstrap.
        rules: When to refuse; the default rules where None.
        force: Show values even where the log cannot answer.

    Raises:
        DecisionLogError: The log lacks the probabilities of all actions, or an array is not as it should be.
    """
    if data.action_probabilities is None:
        raise DecisionLogError(
            "Groups of actions need action_probabilities: the propensity of one action is not enough."
        )
    group = whole_numbers("groups", groups, axes=("K",), lengths=(data.n_actions,))
    check_between("groups", group, 0, data.n_actions - 1, f"groups run from 0 to at most {data.n_actions - 1}")
    evaluation = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    logging = _by_group(data.action_probabilities, group)
    chosen = group[data.action]
    before = data.previous_action
    grouped = replace(
        data,
        action=chosen,
        n_actions=logging.shape[1],
        action_probabilities=logging,
        propensity=logging[np.arange(len(data)), chosen],
        previous_action=None if before is None else np.where(before >= 0, group[before], -1),
        policy=None,
        policy_propensities=None,
        checked=True,
    )
    chances = _by_group(evaluation, group)
    return evaluate_policy(
        grouped, chances, confidence=confidence, seed=seed, rules=rules, force=force, findings=(_ALIKE,)
    )


def _by_group(probabilities: FloatArray, group: IntArray) -> FloatArray:
    member = np.zeros((len(group), int(group.max()) + 1))
    member[np.arange(len(group)), group] = 1.0
    summed: FloatArray = probabilities @ member
    return np.minimum(summed, 1.0)
