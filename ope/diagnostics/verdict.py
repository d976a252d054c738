"""From diagnostics to findings: what makes a log refuse, what needs care, and what to do about it."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.results.evaluation import CarryOver, SupportDiagnostics
from xbopt.ope.results.findings import Figure, Finding, Findings, Level

ANSWERING_ESS = 200.0  # twice the effective sample size at which the default rules call it near their bound
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
        missing_z: How many standard errors the mean weight may be above 1, or a little below; beyond, REFUSE when the
            distance exceeds ``unsupported_mass``, else CAUTION.
        lacking_z: REFUSE when the mean weight is below 1 by more than ``unsupported_mass`` and by more standard errors
            than this: too little weight is what a lack of support looks like.
        near_lacking_z: Near the bound: CAUTION.
        false_alarms: Share of honest logs in which some action's weights may look wrong (Bonferroni over actions).
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
    missing_z: float = 5.0
    lacking_z: float = 3.0
    near_lacking_z: float = 2.0
    false_alarms: float = 0.001
    rare_rewards: int = 10
    clusters: int = 20
    cluster_ess: float = 10.0
    top_cluster_share: float = 0.5


def judge_support(support: SupportDiagnostics, rows: int, rules: SupportRules, findings: Findings) -> None:
    """Add what the diagnostics say."""
    judge_weights(support, rows, rules, findings)
    judge_mass(support, rules, findings)
    judge_clusters(support, rules, findings)
    name_what_is_lacking(support, rows, findings)


def name_what_is_lacking(support: SupportDiagnostics, rows: int, findings: Findings) -> None:
    """Say what to log next where the log cannot answer."""
    if findings.refuses:
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
    if mass > 0.0:
        level: Level = "refuse" if mass > bound else "caution"
        findings.add(level, "unseen_actions", unseen=_unseen(support), share=mass, bound=bound)
    if support.max_weight > 0.0:
        judge_mean_weight(support, rules, findings)
        _judge_actions(support, rules, findings)


def judge_mean_weight(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """The mean weight is 1 where propensities are right and nothing lacks support."""
    off, z = support.mean_weight - 1.0, support.mean_weight_z
    lacking = off < -rules.unsupported_mass and z < -rules.near_lacking_z
    if not lacking and (abs(z) <= rules.missing_z or abs(off) <= 1e-3):
        return
    beyond = z < -rules.lacking_z if lacking else abs(off) > rules.unsupported_mass
    findings.add(
        "refuse" if beyond and support.unsupported_mass <= rules.unsupported_mass else "caution",
        "mean_weight_low" if off < 0 else "mean_weight_high",
        mean_weight=support.mean_weight,
        z=abs(z),
    )


def _judge_actions(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Each action's weights sum to the policy's share of it, whatever the rewards; too much of one can hide another."""
    actions = support.actions
    tested = (actions.policy_share > 0.0) & (actions.rows >= _FEWEST_ROWS)
    if not tested.any():
        return
    bound = -NormalDist().inv_cdf(rules.false_alarms / 2.0 / int(tested.sum()))
    missing = actions.policy_share - actions.weight_share
    wrong = np.flatnonzero(tested & (np.abs(actions.missing_z) > bound) & (np.abs(missing) > 1e-3))
    if not wrong.size:
        return
    worst = int(wrong[np.argmax(np.abs(missing[wrong]))])
    total = float(np.abs(missing[wrong]).sum())
    refuse = total > rules.unsupported_mass and support.unsupported_mass <= rules.unsupported_mass
    findings.add(
        "refuse" if refuse else "caution",
        "weights_of_action",
        action=worst,
        weight_share=float(actions.weight_share[worst]),
        policy_share=float(actions.policy_share[worst]),
        z=float(abs(actions.missing_z[worst])),
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
    n_actions = len(support.actions.rows)
    worst = n_actions * support.policy_concentration  # E[w^2] under uniform logging; divided by epsilon it is a bound
    enough = ANSWERING_ESS * worst
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


def judge_carry_over(carry_over: CarryOver | None, findings: Findings, *, confidence: float = 0.99) -> None:
    """A one-step question about a log with carry-over deserves a warning."""
    if carry_over is None or carry_over.p_value > 1.0 - confidence or carry_over.relative_effect < 0.01:
        return
    findings.add("caution", "carry_over", p_value=carry_over.p_value, effect=carry_over.relative_effect)
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
