"""Decisions made of factors that were drawn independently given the context: positions of a slate, parts of a tactic.

The weight of a whole decision is the product of its factors' weights, which loses its support within a few factors.
With pi_l and mu_l the probabilities of the logged value of factor l, and w_l = pi_l / mu_l:

=======  =============================================  ==========================================================
pi_dr    mean(V + w (r - q)), w = 1 + sum_l (w_l - 1)   PI weights on what an additive model q did not foresee
pi       mean(w r)                                      pseudo-inverse; Swaminathan et al. 2017, "Off-policy
                                                        evaluation for slate recommendation", for factored logging
snpi     sum(w r) / sum(w)                              the same, self-normalised
rips     sum_l sum(W_l r_l) / sum(W_l),                 McInerney et al. 2020, "Counterfactual evaluation of slate
         W_l = w_1 ... w_l                              recommendations with sequential reward interactions"
iips     sum_l mean(w_l r_l)                            Li et al. 2018: a factor's reward is its own doing
ips      mean(w_1 ... w_L r)                            assumes nothing; Horvitz, Thompson 1952
=======  =============================================  ==========================================================

PI is unbiased where the mean reward is a sum over factors, RIPS where a position's reward depends on it and those
before it. Cells that are decided at once and have a reward each need none of this: they are rows of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope.data.array_checks import check_distributions, finite_array
from xbopt.ope.data.blocks import sums_by
from xbopt.ope.data.factors import LoggedFactors
from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.data.row_keys import folds_of, row_keys
from xbopt.ope.diagnostics.factor_audit import factor_findings
from xbopt.ope.diagnostics.support import SupportSums, robust_error, with_clusters
from xbopt.ope.diagnostics.verdict import (
    SupportRules,
    judge_clusters,
    judge_mean_weight,
    judge_rewards,
    judge_support,
    judge_weights,
    student_bound,
)
from xbopt.ope.diagnostics.weights import WeightedRows
from xbopt.ope.estimators.ratios import Formula, Ratio, mean_of, project
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import Judgement, SupportDiagnostics
from xbopt.ope.results.findings import Figure, Finding, Findings, note
from xbopt.ope.results.frames import line_of
from xbopt.ope.reward_models.protocol import FOLDS

FACTOR_ESTIMATORS = ("pi_dr", "pi", "snpi", "ips")
"""Of decisions with one reward each."""
_THIN = {
    "top_weight",
    "top_decision",
    "few_effective_rows",
    "heavy_tail",
    "thin_support",
    "unseen_actions",
    "unseen_decisions",
    "no_weight",
}
_APART = 3.0  # standard errors to whole weights from which an assumption is not believed; those are right in any case
_ROUNDING = 1e-9
_COMMON = {"one_cluster", "few_clusters"}  # which no factor by itself can mend
_LOGGING: Formula = (mean_of(reward=1.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorEvaluation(Judgement):
    """What a policy over factors would have earned a decision.

    Attributes:
        rows: Decisions.
        confidence: Of every interval.
        recommended: The estimator to quote; None where values are withheld.
        logging_policy: Mean logged reward.
        difference: The recommended estimate less the logging policy, on the same rows; None where withheld.
        differences: The same for every estimator.
        factors: Support of each factor by itself ``(L,)``; ``support`` is that of the weights of the recommended value,
            and its unsupported mass that of decisions with any level that lacks support.
    """

    rows: int
    confidence: float
    recommended: str | None
    logging_policy: Estimate
    difference: Estimate | None
    differences: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    factors: tuple[SupportDiagnostics, ...] = ()

    def __repr__(self) -> str:
        return line_of(self, name="FactorEvaluation", about=f"factors={len(self.factors)}")


def evaluate_factors(
    data: LoggedFactors,
    evaluation_probabilities: Sequence[ArrayLike],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    rules: SupportRules | None = None,
    findings: Sequence[Finding] = (),
    force: bool = False,
) -> FactorEvaluation:
    """Evaluate a policy that draws its factors independently given the context, without forming their product.

    The verdict is CAUTION at best: that rewards are a sum over factors, or that a position's reward depends on no later
    one, is an assumption. Where the whole weights have support and contradict it, they are quoted instead.

    Args:
        data: The decisions ``(n,)``.
        evaluation_probabilities: For each factor the probability of every value ``(n, K_l)``.
        confidence: Of every interval.
        seed: Of the folds of the additive model.
        rules: When to refuse; the default rules where None.
        findings: What was found before any row was weighted.
        force: Show values even where the log cannot answer.

    Raises:
        DecisionLogError: An array is not as it should be.
        UsageError: The confidence is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence}; a number between 0 and 1 is wanted, such as 0.95.")
    limits, rows = rules or SupportRules(), len(data)
    policy = _checked(data, evaluation_probabilities)
    at = np.arange(rows)
    taken = np.stack([chances[at, data.action[:, place]] for place, chances in enumerate(policy)], axis=1)
    weight = taken / data.propensity
    by_position = data.reward.ndim == 2
    reward = data.reward.sum(axis=1) if by_position else data.reward
    columns = _columns(data, policy, weight, reward, seed=seed)
    position = {name: place for place, name in enumerate(columns)}
    blocks = _blocks(np.stack(list(columns.values())), data.cluster)
    known = _formulas(len(data.n_actions), by_position=by_position)

    factors = tuple(_factor_support(data, policy[place], weight[:, place], place) for place in range(len(policy)))
    # Factors are drawn independently: a decision has support where each of them has.
    unseen = 1.0 - float(np.prod([1.0 - one.unsupported_mass for one in factors]))
    found = Findings(items=list(findings))
    for support, name in zip(factors, data.names, strict=True):
        found.items.extend(_of_factor(support, name, rows, _among(limits, len(factors))))
    if unseen > limits.unsupported_mass >= max(one.unsupported_mass for one in factors):
        found.add("refuse", "unseen_decisions", share=unseen, bound=limits.unsupported_mass)
    assumed = "rips" if by_position else "pi_dr"
    error = project(known[assumed], blocks, position).standard_error()
    half_width = NormalDist().inv_cdf(0.5 + confidence / 2.0) * error if np.isfinite(error) else 0.0
    audit = {"half_width": half_width, "unsupported_mass": limits.unsupported_mass}
    found.items.extend(factor_findings(data, policy, weight, reward - columns["predicted"], **audit, seed=seed))
    # The whole weights assume nothing of rewards, but that every decision has support: without it their mean falls
    # short, and says nothing against the others.
    whole = _weight_support(data, columns["product"])
    whole_findings = Findings()
    judge_weights(whole, rows, limits, whole_findings)
    judge_clusters(whole, limits, whole_findings)
    mean_findings = Findings()
    judge_mean_weight(whole, limits, mean_findings)
    sound = unseen <= limits.negligible_mass and not mean_findings.refuses
    apart = project((*known[assumed], *_less(known["ips"])), blocks, position)
    least = _ROUNDING * float(np.abs(reward).mean())  # rounded sums differ by as much
    z = abs(apart.value()) / apart.standard_error() if apart.standard_error() > least else 0.0
    contradicted = sound and z > student_bound(_APART, whole.clusters) and not whole_findings.refuses
    recommended = "ips" if contradicted else assumed
    if contradicted:
        support, judged = whole, whole_findings
        found.add("caution", "factors_interact", estimator=assumed, z=z)
    else:
        support = _weight_support(data, columns["product"] if by_position else columns["pi_weight"])
        judged = Findings()
        judge_weights(support, rows, limits, judged)
        judge_clusters(support, limits, judged)
        figures: dict[str, Figure] = {"z": z} if sound else {}
        code = "cascading_rewards" if by_position else "additive_rewards"
        found.items.append(Finding(code=code, level="caution", figures=figures))
    found.items.extend(_of_whole(judged.items))
    rewards = RewardRange()
    size = np.abs(columns["pi_weight"])
    rewards.add(reward, size)
    judge_rewards(rewards, limits, found)
    if any(finding.code in _THIN for finding in found.items):
        found.add("advice", "explore_factors")

    withheld = found.refuses and not force
    notes = () if rewards.events else (note("no_spread"),)

    def estimate(formula: Formula) -> Estimate:
        value = with_interval(project(formula, blocks, position), confidence=confidence)
        return replace(value, covers=value.covers and not notes, notes=notes)

    values = {} if withheld else {name: estimate(formula) for name, formula in known.items()}
    differences = {name: estimate((*known[name], *_less(_LOGGING))) for name in values}
    return FactorEvaluation(
        findings=tuple(found.items),
        support=replace(support, unsupported_mass=unseen),
        values=values,
        withheld=withheld,
        rows=rows,
        confidence=confidence,
        recommended=None if withheld else recommended,
        logging_policy=estimate(_LOGGING),
        difference=None if withheld else differences[recommended],
        differences=differences,
        factors=factors,
    )


def _checked(data: LoggedFactors, policy: Sequence[ArrayLike]) -> list[FloatArray]:
    if len(policy) != len(data.n_actions):
        raise DecisionLogError(
            f"evaluation_probabilities has {len(policy)} entries; one array (n, K) for each of the "
            f"{len(data.n_actions)} factors is wanted."
        )
    checked: list[FloatArray] = []
    for chances, size, name in zip(policy, data.n_actions, data.names, strict=True):
        what = f"evaluation_probabilities, factor {name}"
        array = finite_array(what, chances, axes=("n", "K"), lengths=(len(data), size))
        check_distributions(what, array)
        checked.append(array)
    return checked


def _columns(
    data: LoggedFactors, policy: Sequence[FloatArray], weight: FloatArray, reward: FloatArray, *, seed: int
) -> dict[str, FloatArray]:
    """Per-row columns ``(n,)`` by name: all that the estimators sum."""
    pseudo = 1.0 + (weight - 1.0).sum(axis=1)
    running: FloatArray = np.multiply.accumulate(weight, axis=1)
    predicted, value = _additive_model(data, policy, reward, seed=seed)
    if bool((np.abs(weight - 1.0) <= _ROUNDING).all()):
        # The policy that wrote the log: its mean reward is the answer, to which a model adds noise alone.
        predicted, value = np.zeros(len(data)), np.zeros(len(data))
    columns: dict[str, FloatArray] = {
        "one": np.ones(len(data)),
        "reward": reward,
        "pi_weight": pseudo,
        "pi_reward": pseudo * reward,
        "product": running[:, -1],
        "product_reward": running[:, -1] * reward,
        "model_value": value,
        "residual": pseudo * (reward - predicted),
        "predicted": predicted,
    }
    if data.reward.ndim == 2:
        columns["own_reward"] = (weight * data.reward).sum(axis=1)
        for place in range(weight.shape[1]):
            columns[f"running_{place}"] = running[:, place]
            columns[f"running_reward_{place}"] = running[:, place] * data.reward[:, place]
    return columns


def _formulas(factors: int, *, by_position: bool) -> dict[str, Formula]:
    ips: dict[str, Formula] = {"ips": (mean_of(product_reward=1.0),)}
    if by_position:
        cascade = tuple(
            Ratio(numerator={f"running_reward_{place}": 1.0}, denominator=f"running_{place}")
            for place in range(factors)
        )
        return {"rips": cascade, "iips": (mean_of(own_reward=1.0),), "pi": (mean_of(pi_reward=1.0),), **ips}
    return {
        "pi_dr": (mean_of(model_value=1.0, residual=1.0),),
        "pi": (mean_of(pi_reward=1.0),),
        "snpi": (Ratio(numerator={"pi_reward": 1.0}, denominator="pi_weight"),),
        **ips,
    }


def _less(formula: Formula) -> Formula:
    return tuple(
        Ratio(numerator={name: -factor for name, factor in part.numerator.items()}, denominator=part.denominator)
        for part in formula
    )


def _blocks(columns: FloatArray, cluster: IntArray | None) -> FloatArray:
    """Sums by cluster ``(b, s)`` of columns ``(s, n)``; rows are their own clusters where None."""
    if cluster is None:
        return np.ascontiguousarray(columns.T)
    labels, place = np.unique(cluster, return_inverse=True)
    return np.ascontiguousarray(sums_by(place, len(labels), columns).T)


def _additive_model(
    data: LoggedFactors, policy: Sequence[FloatArray], reward: FloatArray, *, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Cross-fitted reward of the logged decision, and mean reward under the policy, of a linear model ``(n,)`` each.

    The model is a sum over factors, so that its mean under the policy needs no product either.
    """
    context = data.context
    assert context is not None, "checked decisions have one"
    spread = context.std(axis=0)
    known = (context - context.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    shared = np.concatenate([np.ones((len(data), 1)), known], axis=1)
    hot = [np.eye(size)[data.action[:, place]] for place, size in enumerate(data.n_actions)]
    logged = np.concatenate([shared, *hot], axis=1)
    expected = np.concatenate([shared, *policy], axis=1)
    fold = folds_of(row_keys(len(data), first_row=0, cluster=data.cluster, seed=seed), FOLDS)
    grams: FloatArray = np.stack([logged[fold == one].T @ logged[fold == one] for one in range(FOLDS)])
    products: FloatArray = np.stack([logged[fold == one].T @ reward[fold == one] for one in range(FOLDS)])
    # One pseudo-row for each coefficient: levels of a factor that are rarely seen stay near 0.
    ridge = np.eye(logged.shape[1])
    ridge[0, 0] = 1e-9
    predicted, value = np.empty(len(data)), np.empty(len(data))
    for one in range(FOLDS):
        inside: BoolArray = fold == one
        gram: FloatArray = grams.sum(axis=0) - grams[one]
        product: FloatArray = products.sum(axis=0) - products[one]
        line = np.linalg.solve(gram + ridge, product)
        predicted[inside], value[inside] = logged[inside] @ line, expected[inside] @ line
    return predicted, value


def _factor_support(data: LoggedFactors, policy: FloatArray, weight: FloatArray, place: int) -> SupportDiagnostics:
    """Support of one factor, as of a decision that has no other."""
    action = data.action[:, place]
    taken = policy[np.arange(len(data)), action]
    sums = SupportSums(policy.shape[1])
    some = WeightedRows(weight=weight, propensity=data.propensity[:, place], evaluation=policy, taken=taken)
    logging = None if data.probabilities is None else data.probabilities[place]
    sums.add(some, action, first_row=0, logging=logging, segment=data.segment)
    if data.cluster is None:
        return sums.diagnostics(0)
    missing = policy.copy()
    missing[np.arange(len(data)), action] -= weight
    by_cluster = _blocks(np.concatenate([np.stack([np.ones(len(data)), weight]), missing.T]), data.cluster)
    return with_clusters(
        sums.diagnostics(len(by_cluster)), rows=by_cluster[:, 0], weight=by_cluster[:, 1], missing=by_cluster[:, 2:]
    )


def _weight_support(data: LoggedFactors, weight: FloatArray) -> SupportDiagnostics:
    """How weights of whole decisions are spread.

    Those of PI may be negative; their size is what a row carries. The mean is that of the weights themselves.
    """
    size, ones = np.abs(weight), np.ones((len(data), 1))
    sums = SupportSums(1)
    some = WeightedRows(weight=size, propensity=data.propensity.prod(axis=1), evaluation=ones, taken=ones[:, 0])
    sums.add(some, np.zeros(len(data), dtype=np.int64), first_row=0, logging=None, segment=data.segment)
    by_cluster = _blocks(np.stack([ones[:, 0], size, weight]), data.cluster)
    support = sums.diagnostics(0 if data.cluster is None else len(by_cluster))
    if data.cluster is not None:
        support = with_clusters(support, rows=by_cluster[:, 0], weight=by_cluster[:, 1], missing=None)
    error = float(robust_error(by_cluster[:, 2:], by_cluster[:, 0])[0])
    off = float(weight.mean()) - 1.0
    return replace(support, mean_weight=1.0 + off, mean_weight_z=off / error if error > 0.0 else 0.0)


def _of_whole(findings: Sequence[Finding]) -> list[Finding]:
    """Findings about weights of whole decisions, which are no single action."""
    return [
        replace(one, code="top_decision", action=None) if one.code == "top_weight" else one
        for one in findings
        if one.level != "advice"
    ]


def _among(rules: SupportRules, tests: int) -> SupportRules:
    """The rules where so many factors share each chance of a false alarm (Bonferroni)."""
    normal = NormalDist()

    def further(z: float) -> float:
        return -normal.inv_cdf(normal.cdf(-z) / tests)

    return replace(
        rules,
        missing_z=further(rules.missing_z),
        lacking_z=further(rules.lacking_z),
        near_lacking_z=further(rules.near_lacking_z),
        false_alarms=rules.false_alarms / tests,
    )


def _of_factor(support: SupportDiagnostics, name: str, rows: int, rules: SupportRules) -> list[Finding]:
    findings = Findings()
    judge_support(support, rows, rules, findings)
    return [replace(finding, factor=name) for finding in findings.items if finding.code not in _COMMON]
