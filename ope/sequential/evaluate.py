"""Evaluate a policy over whole episodes: what it would have earned from the start to the end."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.row_keys import row_keys
from xbopt.ope.diagnostics.support import SupportSums, with_clusters, with_weights
from xbopt.ope.diagnostics.verdict import (
    SupportRules,
    judge_clusters,
    judge_mass,
    judge_mean_weight,
    judge_weights,
    name_what_is_lacking,
)
from xbopt.ope.diagnostics.weights import WeightedRows
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.intervals.anytime import with_anytime
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation, SupportDiagnostics
from xbopt.ope.results.findings import Finding, Findings, note
from xbopt.ope.sequential.action_values import ActionValues, fit_action_values
from xbopt.ope.sequential.episodes import LoggedEpisodes
from xbopt.ope.sequential.marginal import marginal_weights
from xbopt.ope.sequential.scores import SEQUENTIAL_ESTIMATORS, cumulative_weights, sequential_formulas
from xbopt.ope.sequential.state_test import state_p_value

_DIFFERENCE = " - logging"
_NO_CHANCE = 0.005
"""Share of logs with a state that holds the past in which the test may refuse."""


def evaluate_sequential(
    episodes: LoggedEpisodes,
    evaluation_probabilities: ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    rules: SupportRules | None = None,
    force: bool = False,
    cut: int = 0,
    findings: tuple[Finding, ...] = (),
    sequence: bool = False,
) -> PolicyEvaluation:
    """What the evaluation policy would have earned an episode, how sure that is, and whether the log can tell.

    Where the products of weights still cover the episode, ``dr`` is recommended. Where they do not, but marginal
    weights do, ``drl`` is, with CAUTION: it is right only if the state holds all of the past that matters. Where the
    log shows that it does not, the question is refused.

    Args:
        episodes: Logged episodes ``(n, T)``.
        evaluation_probabilities: Probability of every action under the evaluation policy ``(n, T, K)``.
        confidence: Of every interval.
        seed: Of the folds.
        rules: When to refuse; the default rules where None. They count episodes here.
        force: Show values even where the log cannot answer.
        cut: Episodes whose later rewards are not known; they are no part of ``episodes``, or were shortened with all
            others. Never pass them with a ``length`` that counts what is missing as nothing.
        findings: What whoever read the log has found beside.
        sequence: Also give intervals that hold at every size of a growing log, however often one looks; they count
            episodes, or clusters of them.

    Raises:
        DecisionLogError: An array is not as it should be.
        UsageError: The confidence is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence}; a number between 0 and 1 is wanted, such as 0.95.")
    rules = rules or SupportRules()
    evaluation = episodes.checked_probabilities(evaluation_probabilities)
    taken = np.take_along_axis(evaluation, episodes.action[:, :, None], axis=2)[:, :, 0]
    step_weights = np.where(episodes.alive, taken / episodes.propensity, 1.0)
    cumulative = cumulative_weights(step_weights)
    keys = row_keys(len(episodes), first_row=0, cluster=episodes.cluster, seed=seed)
    values = fit_action_values(episodes, evaluation, keys)
    marginal = marginal_weights(episodes, step_weights, keys)
    labels = np.arange(len(episodes)) if episodes.cluster is None else episodes.cluster
    cluster = np.unique(labels, return_inverse=True)[1].astype(np.int64)

    diagnostics = _diagnostics(episodes, evaluation, step_weights, cumulative, cluster)
    steps = _of_steps(episodes, diagnostics, step_weights, cluster)
    # Whether propensities are right and clusters are enough does not depend on how weights are multiplied.
    always = Findings(unit="rows")
    judge_mass(steps, rules, always)
    judged = Findings(unit="episodes")
    judge_weights(diagnostics, len(episodes), rules, judged)
    judge_clusters(diagnostics, rules, judged)
    if diagnostics.max_weight > 0.0:
        judge_mean_weight(diagnostics, rules, judged)
    marginal_support = _worst_step(episodes, diagnostics, marginal, cluster)
    recommended, lacks_support = "dr", True
    if judged.refuses and not always.refuses:
        anew = Findings(unit="episodes")
        _lean_on_the_state(episodes, diagnostics, marginal_support, anew)
        judge_weights(marginal_support, len(episodes), rules, anew)
        judge_clusters(marginal_support, rules, anew)
        if not anew.refuses:
            recommended = "drl"
            judged = anew
            lacks_support = False
            _judge_state(episodes, values, cluster, judged)
    reasons = [finding for finding in judged.items if finding.level != "advice"]
    judged.items = [
        *(finding for finding in always.items if finding.level == "refuse"),
        *reasons,
        *(finding for finding in always.items if finding.level != "refuse"),
        *(finding for finding in judged.items if finding.level == "advice"),
    ]
    if lacks_support:
        name_what_is_lacking(diagnostics, len(episodes), judged)
    judged.items.extend(findings)
    withheld = judged.refuses and not force
    formulas = sequential_formulas(episodes, cumulative=cumulative, marginal=marginal, values=values, cluster=cluster)

    def at(confidence: float) -> PolicyEvaluation:
        differences = {} if withheld else _estimates(formulas, _DIFFERENCE, confidence, recommended)
        return PolicyEvaluation(
            findings=tuple(judged.items),
            support=diagnostics,
            values={} if withheld else _estimates(formulas, "", confidence, recommended),
            withheld=withheld,
            estimand="sequential",
            rows=len(episodes),
            rows_censored=cut,
            confidence=confidence,
            recommended=None if withheld else recommended,
            logging_policy=with_interval(formulas["logging"], confidence=confidence),
            difference=None if withheld else differences[recommended],
            differences=differences,
            marginal_ess=marginal_support.ess,
        )

    influence = formulas[recommended].leave_one_out()
    return with_anytime(at(confidence), at, influence) if sequence else at(confidence)


def _diagnostics(
    episodes: LoggedEpisodes,
    evaluation: FloatArray,
    step_weights: FloatArray,
    cumulative: FloatArray,
    cluster: IntArray,
) -> SupportDiagnostics:
    """Support of single steps, with the weights of whole episodes in place of theirs; ``top_row`` is an episode."""
    alive = episodes.alive
    taken = np.take_along_axis(evaluation, episodes.action[:, :, None], axis=2)[:, :, 0]
    rows = WeightedRows(
        weight=step_weights[alive],
        propensity=episodes.propensity[alive],
        evaluation=evaluation[alive],
        taken=taken[alive],
    )
    sums = SupportSums(episodes.n_actions)
    sums.add(rows, episodes.action[alive], first_row=0, logging=None, segment=None)
    clusters = 0 if episodes.cluster is None else int(cluster.max()) + 1
    whole = _with_weights(sums.diagnostics(clusters), cumulative[:, -1], cluster)
    # The step whose weight did most for the greatest product.
    step = int(step_weights[whole.top_row].argmax())
    return replace(
        whole,
        top_action=int(episodes.action[whole.top_row, step]),
        top_propensity=float(episodes.propensity[whole.top_row, step]),
    )


def _of_steps(
    episodes: LoggedEpisodes, support: SupportDiagnostics, step_weights: FloatArray, cluster: IntArray
) -> SupportDiagnostics:
    """Support with the mean of all step weights: it is 1 however many steps there are, where propensities are right."""
    alive = episodes.alive
    return with_clusters(
        support,
        rows=np.bincount(cluster, weights=alive.sum(axis=1)).astype(np.float64),
        weight=np.bincount(cluster, weights=(step_weights * alive).sum(axis=1)).astype(np.float64),
        missing=None,
    )


def _with_weights(support: SupportDiagnostics, weight: FloatArray, cluster: IntArray) -> SupportDiagnostics:
    found = with_weights(support, weight, np.unique(cluster, return_inverse=True)[1].astype(np.int64))
    return found if support.clusters else replace(found, by_cluster=None)


def _worst_step(
    episodes: LoggedEpisodes, support: SupportDiagnostics, marginal: FloatArray, cluster: IntArray
) -> SupportDiagnostics:
    """Support by the marginal weights of the step at which they are worth the fewest episodes."""
    each = [
        _with_weights(support, marginal[here, step], cluster[here])
        for step, here in enumerate(episodes.alive.T)
        if int(here.sum()) > len(episodes) // 2  # what few episodes reach says little about the whole
    ]
    return min(each, key=lambda found: found.ess)


def _lean_on_the_state(
    episodes: LoggedEpisodes, support: SupportDiagnostics, marginal: SupportDiagnostics, findings: Findings
) -> None:
    """The reason for CAUTION where only marginal weights cover the episodes."""
    findings.add(
        "caution",
        "marginal_weights",
        steps=episodes.steps,
        episodes=len(episodes),
        ess=support.ess,
        marginal_ess=marginal.ess,
    )


def _judge_state(episodes: LoggedEpisodes, values: ActionValues, cluster: IntArray, findings: Findings) -> None:
    """Refuse where the past still predicts what follows, state and action given: marginal weights are wrong then."""
    p_value = state_p_value(episodes, values, cluster)
    if p_value is not None and p_value <= _NO_CHANCE:
        findings.add("refuse", "state_misses_past", p_value=p_value)
        findings.add("advice", "widen_state")
    findings.add("advice", "decide_less_often")


def _estimates(
    formulas: dict[str, ProjectedFormula], ending: str, confidence: float, recommended: str
) -> dict[str, Estimate]:
    estimates = {name: with_interval(formulas[name + ending], confidence=confidence) for name in SEQUENTIAL_ESTIMATORS}
    leaned_on, fqe = estimates[recommended], estimates["fqe"]
    estimates["fqe"] = replace(
        fqe,
        low=min(fqe.low, leaned_on.low),
        high=max(fqe.high, leaned_on.high),
        notes=(note("bias", bias=fqe.value - leaned_on.value),),
    )
    if recommended == "drl":
        for name in ("tis", "pdis", "snpdis", "dr"):
            estimates[name] = replace(estimates[name], covers=False, notes=(note("products_lack_support"),))
    return estimates
