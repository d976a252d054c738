"""From diagnostics to findings: what makes a log refuse, what needs care, and what to do about it."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.decision_log.reward_reach import RewardReach
from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.diagnostics.support import CERTAIN
from xbopt.ope.results.evaluation import CarryOver, SupportDiagnostics
from xbopt.ope.results.findings import Figure, Finding, Findings, Level

ANSWERING_ESS = 200.0  # twice the effective sample size at which the default rules call it near their bound
_SUPPORT = {
    "no_weight",
    "top_weight",
    "few_effective_rows",
    "heavy_tail",
    "unseen_actions",
    "one_cluster_carries",
    "top_cluster",
    "few_effective_clusters",
    "heavy_tail_of_clusters",
    "mean_weight_low",
}
"""Refusals that more rows of the policy's actions would mend."""
OVERALL = {"mean_weight_low", "mean_weight_high", "weights_of_action"}
_DOUBTS = OVERALL | {
    "calibration",
    "calibration_by_group",
    "calibration_along_column",
    "weights_by_group",
    "bias_by_group",
    "estimators_differ",
}
"""Findings that say that propensities, or the context, are not what the log says they are."""
_FEWEST_ROWS = 10  # of an action, for its standard error to mean something


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRules:
    """When a log cannot answer, and when an answer needs a warning.

    Attributes:
        top_weight_share: REFUSE when one weight holds more than this share of all weight.
        near_top_weight_share: Near the bound: CAUTION.
        ess: REFUSE below this effective sample size.
        near_ess: Near the bound: CAUTION.
        pareto_k: REFUSE above this shape when share or sample size is near its bound; CAUTION otherwise.
        unsupported_mass: REFUSE above this probability on actions that the log cannot speak about.
        negligible_mass: Up to this much of it is a note, and no caution.
        missing_z: How many standard errors the mean weight may be above 1, or a little below; beyond, REFUSE when the
            distance exceeds ``unsupported_mass``, else CAUTION.
        lacking_z: REFUSE when the mean weight is below 1 by more than ``unsupported_mass`` and by more standard errors
            than this: too little weight is what a lack of support looks like.
        near_lacking_z: Near the bound: CAUTION.
        false_alarms: Share of honest logs in which some action's weights may look wrong (Bonferroni over actions).
        contributions: REFUSE when rewards of unequal size are worth fewer equal ones than this.
        evenness: Rewards more even than this are judged by the weights and by the number of events alone. 1 for equal
            ones, 0.75 for uniform ones, 0.5 for exponential ones, exp(-sigma^2) for lognormal ones.
        nearly_equal: The same where few contributions are left to tell it from.
        near_contributions: CAUTION when they are worth fewer than this; than more where they are less even than
            ``evenness``, in proportion: the sample that lacks the great ones is the one that looks worth many.
        contribution_tail: CAUTION above this shape of the tail of contributions, whose variance is then infinite,
            unless they are more even than exponential ones, or the greatest is little of the sum of squares.
        negligible_square: So little.
        top_contribution: REFUSE when one decision holds more than this share of the sizes of weight times reward.
        differing_z: REFUSE when DR and SNIPS differ by more standard errors than this, and by more than the half-width.
        near_differing_z: CAUTION.
        differing_from: From this many standard errors on DR's intervals include those of SNIPS, and those that
            normalise weights within groups.
        rare_rewards: CAUTION with fewer rewards than this that differ from the usual one.
        clusters: CAUTION with fewer independent clusters than this, or when the weights are worth fewer.
        cluster_ess: REFUSE when the weights are worth fewer clusters than this and fewer than half of all.
        top_cluster_share: REFUSE when one cluster holds more than this share of all weight.
    """

    top_weight_share: float = 0.10
    near_top_weight_share: float = 0.05
    ess: float = 50.0
    near_ess: float = 100.0
    pareto_k: float = 0.7
    unsupported_mass: float = 0.05
    negligible_mass: float = 0.001
    missing_z: float = 5.0
    lacking_z: float = 3.0
    near_lacking_z: float = 2.0
    false_alarms: float = 0.001
    contributions: float = 10.0
    evenness: float = 0.4
    nearly_equal: float = 0.85
    near_contributions: float = 50.0
    contribution_tail: float = 0.5
    negligible_square: float = 0.03
    top_contribution: float = 0.2
    differing_z: float = 4.0
    near_differing_z: float = 2.6
    differing_from: float = 1.5
    rare_rewards: int = 10
    clusters: int = 20
    cluster_ess: float = 10.0
    top_cluster_share: float = 0.5


def judge_support(support: SupportDiagnostics, rows: int, rules: SupportRules, findings: Findings) -> None:
    """Add what the diagnostics say."""
    if not nothing_was_drawn(support, rules):  # which says it all
        judge_weights(support, rows, rules, findings)
    judge_mass(support, rules, findings)
    judge_clusters(support, rules, findings)


def nothing_was_drawn(support: SupportDiagnostics, rules: SupportRules) -> bool:
    """Whether every propensity is 1 though the policy would act otherwise."""
    return support.min_propensity >= CERTAIN and support.unsupported_mass > rules.unsupported_mass


def name_what_is_lacking(support: SupportDiagnostics, rows: int, findings: Findings) -> None:
    """Say what to do about it, by cause: what to log where support lacks, what to find out where something is wrong."""
    refused = {finding.code for finding in findings.items if finding.level == "refuse"}
    doubts = [finding for finding in findings.items if finding.code in _DOUBTS]
    if doubts:
        first = min(doubts, key=lambda finding: finding.level != "refuse")
        if "determines" not in first.figures:
            findings.items.append(replace(first, code="true_propensities", level="advice", action=None))
        if first.columns:
            findings.items.append(replace(first, code="leave_out", level="advice", action=None))
    if "one_cluster" in refused:
        findings.add("advice", "log_clusters")
    if "nothing_drawn" in refused or not refused & _SUPPORT:
        return
    if rows >= _FEWEST_ROWS:  # fewer say nothing of actions
        _advise_action(support, findings)
    _advise_exploration(support, rows, findings)


def judge_weights(support: SupportDiagnostics, rows: int, rules: SupportRules, findings: Findings) -> None:
    """Add what the size and the tail of the weights say."""
    share, ess, k = support.top_weight_share, support.ess, support.pareto_k
    if support.max_weight == 0.0:
        findings.add("refuse", "no_weight", rows=rows)
        return
    if share > rules.top_weight_share:
        findings.add(
            "refuse",
            "top_weight",
            action=support.top_action,
            row=support.top_row,
            share=share,
            bound=rules.top_weight_share,
            weight=support.max_weight,
            propensity=support.top_propensity,
        )
    if ess < rules.ess:
        findings.add("refuse", "few_effective_rows", rows=rows, ess=ess, bound=rules.ess)
    near = share > rules.near_top_weight_share or ess < rules.near_ess
    if k > rules.pareto_k:
        level: Level = "refuse" if near else "caution"
        findings.add(level, "heavy_tail", pareto_k=k, bound=rules.pareto_k, ess=ess, share=share)
    elif near and not findings.refuses:
        findings.add("caution", "thin_support", ess=ess, share=share)
        _advise_exploration(support, rows, findings)


def judge_clusters(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Add what the weights of whole clusters say: rows that share luck count once."""
    found, clusters = support.by_cluster, support.clusters
    if clusters == 1:
        findings.add("refuse", "one_cluster")
        return
    if found is None or support.max_weight == 0.0:
        return
    top = found.top_weight_share
    if found.carrying < 2:
        findings.add("refuse", "one_cluster_carries", clusters=clusters)
    elif top > rules.top_cluster_share:
        findings.add("refuse", "top_cluster", share=top, bound=rules.top_cluster_share)
    elif found.ess < rules.cluster_ess and found.ess < 0.5 * clusters:
        findings.add("refuse", "few_effective_clusters", clusters=clusters, ess=found.ess, bound=rules.cluster_ess)
    elif clusters < rules.clusters:
        findings.add("caution", "few_clusters", clusters=clusters)
    elif found.ess < rules.clusters:
        findings.add("caution", "few_effective_clusters", clusters=clusters, ess=found.ess, bound=rules.clusters)
    if found.pareto_k > max(rules.pareto_k, support.pareto_k):
        near = top > rules.near_top_weight_share or found.ess < rules.near_ess
        level: Level = "refuse" if near else "caution"
        findings.add(level, "heavy_tail_of_clusters", pareto_k=found.pareto_k, bound=rules.pareto_k)


def judge_mass(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Add what lacks support or is stated wrong: unsupported probability, mean weight, weights by action."""
    mass, bound = support.unsupported_mass, rules.unsupported_mass
    if nothing_was_drawn(support, rules):
        findings.add("refuse", "nothing_drawn", share=mass)
        enough, actions = _enough_uniform(support), len(support.actions.rows)
        share = min(max(enough / max(int(support.actions.rows.sum()), 1), 0.01), 1.0)
        findings.add("advice", "draw_at_random", share=share, actions=actions, worth=ANSWERING_ESS)
        return
    if mass > 0.0:
        negligible = mass <= rules.negligible_mass
        level: Level = "note" if negligible else "refuse" if mass > bound else "caution"
        stated = rules.negligible_mass if negligible else bound
        findings.add(level, "unseen_actions", unseen=_unseen(support), share=mass, bound=stated)
    if support.clusters == 1 or int(support.actions.rows.sum()) < _FEWEST_ROWS:
        return  # nothing has a standard error, and other reasons refuse
    # What an action without support lacks in weight is no second reason.
    if support.max_weight > 0.0 and (mass <= bound or support.mean_weight > 1.0):
        judge_mean_weight(support, rules, findings)
        _judge_actions(support, rules, findings)


def judge_mean_weight(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """The mean weight is 1 where propensities are right and nothing lacks support."""
    off, z = support.mean_weight - 1.0, support.mean_weight_z
    lacking = off < -rules.unsupported_mass and z < -student_bound(rules.near_lacking_z, support.clusters)
    if not lacking and (abs(z) <= student_bound(rules.missing_z, support.clusters) or abs(off) <= 1e-3):
        return
    beyond = z < -student_bound(rules.lacking_z, support.clusters) if lacking else abs(off) > rules.unsupported_mass
    findings.add(
        "refuse" if beyond else "caution",
        "mean_weight_low" if off < 0 else "mean_weight_high",
        mean_weight=support.mean_weight,
        z=abs(z),
    )


def student_bound(z: float, clusters: int) -> float:
    """What a z value of so many clusters is held against: as rare by Student's t as ``z`` by the normal distribution.

    A standard error that a few clusters tell is itself uncertain. 0 or 1 clusters leave ``z`` as it is: rows are
    independent, or there is no error at all.
    """
    from scipy.special import ndtr, stdtrit

    return z if clusters < 2 else -float(stdtrit(clusters - 1, ndtr(-z)))


def _judge_actions(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Each action's weights sum to the policy's share of it, whatever the rewards; too much of one can hide another."""
    from scipy.special import stdtrit

    actions = support.actions
    tested = (actions.policy_share > 0.0) & (actions.rows >= _FEWEST_ROWS)
    if not tested.any():
        return
    # Few effective rows hardly tell the spread of weights: Student's quantile with as many degrees of freedom.
    # The rows of a cluster count once.
    worth = np.minimum(actions.ess, support.clusters) if support.clusters > 1 else actions.ess
    bound = stdtrit(np.maximum(worth - 1.0, 1.0), 1.0 - rules.false_alarms / 2.0 / int(tested.sum()))
    missing = actions.policy_share - actions.weight_share
    wrong = np.flatnonzero(tested & (np.abs(actions.missing_z) > bound) & (np.abs(missing) > 1e-3))
    if not wrong.size:
        return
    worst = int(wrong[np.argmax(np.abs(missing[wrong]))])
    total = float(np.abs(missing[wrong]).sum())
    findings.add(
        "refuse" if total > rules.unsupported_mass else "caution",
        "weights_of_action",
        action=worst,
        weight_share=float(actions.weight_share[worst]),
        policy_share=float(actions.policy_share[worst]),
        z=float(abs(actions.missing_z[worst])),
        too_much=float(np.maximum(-missing[wrong], 0.0).sum()),
        total=total,
        bound=rules.unsupported_mass,
    )


def _unseen(support: SupportDiagnostics) -> tuple[tuple[int, float], ...]:
    """Actions that the policy would take and the log never has, with the policy's share; the largest first."""
    share = support.actions.policy_share
    never = np.flatnonzero((support.actions.rows == 0) & (share > 0.0))
    order = never[np.argsort(-share[never], kind="stable")]
    return tuple((int(action), float(share[action])) for action in order)


def _advise_action(support: SupportDiagnostics, findings: Findings) -> None:
    actions = support.actions
    leaned_on = np.flatnonzero(actions.policy_share >= min(0.05, float(actions.policy_share.max())))
    # Effective rows a unit of the policy's probability: the action that the answer leans on with the fewest rows.
    weakest = int(leaned_on[np.argmin(actions.ess[leaned_on] / actions.policy_share[leaned_on])])
    segment = support.segments[0] if support.segments else None
    figures: dict[str, Figure] = {
        "policy_share": float(actions.policy_share[weakest]),
        "logged_share": float(actions.logged_share[weakest]),
        "rows": int(actions.rows[weakest]),
        "ess": float(actions.ess[weakest]),
    }
    if segment is not None:
        figures |= {"segment_rows": segment.rows, "segment_ess": segment.ess}
    code = None if segment is None else segment.segment
    findings.items.append(Finding(code="log_action", level="advice", action=weakest, segment=code, figures=figures))


def _advise_exploration(support: SupportDiagnostics, rows: int, findings: Findings) -> None:
    """The exploration that suffices even where the logging policy avoids what the evaluation policy would do."""
    if findings.unit != "rows":
        episodes = findings.unit == "episodes"
        findings.add("advice", "explore_episodes" if episodes else "explore_near")
        return
    n_actions, enough = len(support.actions.rows), _enough_uniform(support)
    share = enough / rows
    if share <= 1.0:
        findings.add("advice", "explore", share=max(share, 0.01), actions=n_actions, worth=ANSWERING_ESS)
        return
    findings.add(
        "advice",
        "log_decisions",
        decisions_uniform=int(np.ceil(enough)),
        decisions_mixed=int(np.ceil(10 * enough)),
        actions=n_actions,
        worth=ANSWERING_ESS,
    )


def _enough_uniform(support: SupportDiagnostics) -> float:
    """Decisions drawn uniformly that answer: E[w^2] = K sum pi_e^2 then; a share epsilon of them needs 1 / epsilon."""
    return ANSWERING_ESS * len(support.actions.rows) * support.policy_concentration


def judge_carry_over(
    carry_over: CarryOver | None,
    findings: Findings,
    *,
    reach: RewardReach | None = None,
    sequential: bool = True,
    confidence: float = 0.99,
) -> None:
    """A one-step question deserves a warning where a test finds carry-over, or the log's maker knows of it.

    Args:
        carry_over: The test; None without one. One that finds nothing says nothing against what the maker knows.
        findings: Where the warning goes.
        reach: What the maker says; None where nobody says.
        sequential: Whether the sequential question has a rule for this log.
        confidence: Of the test.
    """
    late, reward_days = ((), 0) if reach is None else (reach.missed, reach.reward_days)
    for effect in late:
        findings.add("caution", "late_effect", source=effect.cause, days=effect.days, reward_days=reward_days)
    found = carry_over is not None and carry_over.p_value <= 1.0 - confidence and carry_over.relative_effect >= 0.01
    if carry_over is not None and found:
        findings.add("caution", "carry_over", p_value=carry_over.p_value, effect=carry_over.relative_effect)
    if late:
        findings.add("advice", "longer_rewards", days=float(np.ceil(late[0].days)))
    if sequential and (found or late) and not (reach is not None and reach.overlaps):
        findings.add("advice", "ask_sequential")


def judge_rewards(rewards: RewardRange, rules: SupportRules, findings: Findings) -> None:
    """Too few rewards that differ from the usual one say nothing about spread."""
    events, worth = rewards.events, rewards.weighted_events
    if events < rules.rare_rewards:
        findings.add("caution", "few_events", events=events, rows=rewards.rows)
    elif worth < rules.rare_rewards:
        findings.add("caution", "few_effective_events", events=events, worth=worth)
    if min(events, worth) < rules.rare_rewards:
        findings.add("advice", "log_events")
