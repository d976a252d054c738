"""From diagnostics to a verdict, with reasons and next steps in plain words."""

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from xbopt.ope.planning import ANSWERING_ESS
from xbopt.ope.results import CarryOver, SupportDiagnostics, Verdict

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


@dataclass(slots=True)
class Findings:
    """Collects reasons; the gravest decides.

    Attributes:
        refusals: Reasons for REFUSE.
        cautions: Reasons for CAUTION.
        next_steps: What to do.
    """

    refusals: list[str] = field(default_factory=list[str])
    cautions: list[str] = field(default_factory=list[str])
    next_steps: list[str] = field(default_factory=list[str])

    @property
    def verdict(self) -> Verdict:
        """The verdict that the reasons add up to."""
        return "REFUSE" if self.refusals else "CAUTION" if self.cautions else "ANSWER"

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons, refusals first."""
        return (*self.refusals, *self.cautions)


def judge_support(
    support: SupportDiagnostics, rows: int, rules: SupportRules, findings: Findings, *, what: str = "rows"
) -> None:
    """Add what the diagnostics say; ``what`` is what the weights belong to."""
    judge_weights(support, rows, rules, findings, what=what)
    judge_mass(support, rules, findings)
    judge_clusters(support, rules, findings)
    name_what_is_lacking(support, rows, findings, what=what)


def name_what_is_lacking(support: SupportDiagnostics, rows: int, findings: Findings, *, what: str) -> None:
    """Say what to log next where the log cannot answer."""
    if findings.refusals:
        findings.next_steps.append(_what_lacks_support(support))
        findings.next_steps.append(_how_much_exploration(support, rows, what))


def judge_weights(
    support: SupportDiagnostics, rows: int, rules: SupportRules, findings: Findings, *, what: str = "rows"
) -> None:
    """Add what the size and the tail of the weights say."""
    one = what.removesuffix("s")
    share, ess, k = support.top_weight_share, support.ess, support.pareto_k
    if support.max_weight == 0.0:
        logged = "decisions" if what == "rows" else what
        findings.refusals.append(f"The evaluation policy would have produced none of the {rows:,} logged {logged}.")
        return
    if share > rules.top_weight_share:
        findings.refusals.append(
            f"One {one} holds {share:.1%} of all weight (bound {rules.top_weight_share:.0%}): {one} "
            f"{support.top_row} has weight {support.max_weight:,.4g}, because action {support.top_action} "
            f"was logged there with propensity {support.top_propensity:.3g}."
        )
    if ess < rules.ess:
        findings.refusals.append(
            f"The {rows:,} {what} are worth {ess:,.1f} {what} of the evaluation policy (bound {rules.ess:g}): the "
            "policies differ too much."
        )
    near = share > rules.near_top_weight_share or ess < rules.near_ess
    if k > rules.pareto_k:
        words = f"The weights have a heavy tail (Pareto k {k:.2f}, bound {rules.pareto_k:g})"
        if near:
            findings.refusals.append(
                f"{words}, with an effective sample size of {ess:,.0f} and a top weight of {share:.1%}."
            )
        else:
            findings.cautions.append(f"{words}: rare rows of large weight that were not logged may move the value.")
    elif near and not findings.refusals:
        findings.cautions.append(
            f"Support is thin: the {what} are worth {ess:,.0f}, and the top weight holds {share:.1%} of all weight."
        )
        findings.next_steps.append(_how_much_exploration(support, rows, what))


def judge_clusters(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Add what the weights of whole clusters say: rows that share luck count once."""
    found = support.by_cluster
    if support.clusters == 1:
        findings.refusals.append("All rows belong to one cluster, so nothing tells how much the value could vary.")
        return
    if found is None or support.max_weight == 0.0:
        return
    if found.carrying < 2:
        findings.refusals.append(
            f"One of {support.clusters:,} clusters holds all the weight, so nothing tells how it could vary."
        )
    elif found.top_weight_share > rules.top_cluster_share:
        findings.refusals.append(
            f"One cluster holds {found.top_weight_share:.1%} of all weight (bound {rules.top_cluster_share:.0%}), and "
            "its rows share their luck."
        )
    elif found.ess < rules.cluster_ess and found.ess < 0.5 * support.clusters:
        findings.refusals.append(
            f"The {support.clusters:,} clusters are worth {found.ess:.1f} of the evaluation policy (bound "
            f"{rules.cluster_ess:g}): too few independent ones took its actions."
        )
    elif support.clusters < rules.clusters:
        findings.cautions.append(
            f"Only {support.clusters} clusters are independent of each other; intervals are wide and rough."
        )
    elif found.ess < rules.clusters:
        findings.cautions.append(
            f"The {support.clusters:,} clusters are worth {found.ess:.1f} of the evaluation policy; intervals are wide "
            "and rough."
        )
    if found.pareto_k > max(rules.pareto_k, support.pareto_k):
        words = f"The weights of clusters have a heavy tail (Pareto k {found.pareto_k:.2f}, bound {rules.pareto_k:g})"
        near = found.top_weight_share > rules.near_top_weight_share or found.ess < rules.near_ess
        (findings.refusals if near else findings.cautions).append(f"{words}.")


def judge_mass(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
    """Add what lacks support or is stated wrong: unsupported probability, mean weight, weights by action."""
    mass = support.unsupported_mass
    if mass > rules.unsupported_mass:
        findings.refusals.append(
            f"The evaluation policy puts {mass:.1%} of its probability on actions that the log cannot speak about "
            f"(bound {rules.unsupported_mass:.0%}){_never_logged(support)}."
        )
    elif mass > 0.0:
        findings.cautions.append(
            f"{mass:.2%} of the evaluation policy's probability is on actions that the log cannot speak about"
            f"{_never_logged(support)}; their reward counts as the model's guess, or as 0."
        )
    if support.max_weight > 0.0:
        judge_mean_weight(support, rules, findings)
        _judge_actions(support, rules, findings)


def judge_mean_weight(
    support: SupportDiagnostics, rules: SupportRules, findings: Findings, *, what: str = "weight"
) -> None:
    """The mean weight is 1 where propensities are right and nothing lacks support."""
    off, z = support.mean_weight - 1.0, support.mean_weight_z
    lacking = off < -rules.unsupported_mass and z < -rules.near_lacking_z
    if not lacking and (abs(z) <= rules.missing_z or abs(off) <= 1e-3):
        return
    words = (
        f"The mean {what} is {support.mean_weight:.3f}, {abs(z):.0f} standard errors from 1: "
        + ("actions lack support in some contexts, or propensities are stated too high" if off < 0 else
           "propensities are stated too low")
    )  # fmt: skip
    beyond = z < -rules.lacking_z if lacking else abs(off) > rules.unsupported_mass
    if beyond and support.unsupported_mass <= rules.unsupported_mass:
        findings.refusals.append(words + ".")
    else:
        findings.cautions.append(words + ".")


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
    words = (
        f"Action {worst} has {actions.weight_share[worst]:.1%} of the weight where the evaluation policy gives it "
        f"{actions.policy_share[worst]:.1%}, {abs(actions.missing_z[worst]):.0f} standard errors off: its propensities "
        "are not those of the draw, or it lacks support in some contexts"
    )
    if total > rules.unsupported_mass and support.unsupported_mass <= rules.unsupported_mass:
        findings.refusals.append(f"{words} ({total:.1%} over all such actions, bound {rules.unsupported_mass:.0%}).")
    else:
        findings.cautions.append(f"{words}.")


def _never_logged(support: SupportDiagnostics) -> str:
    actions = support.actions
    never = np.flatnonzero((actions.rows == 0) & (actions.policy_share > 0.0))
    if not never.size:
        return ""
    order = never[np.argsort(-actions.policy_share[never], kind="stable")]
    named = ", ".join(f"{int(action)} ({actions.policy_share[action]:.1%})" for action in order[:3])
    more = f" and {never.size - 3} more" if never.size > 3 else ""
    return f"; never logged: action {named}{more}"


def _what_lacks_support(support: SupportDiagnostics) -> str:
    actions = support.actions
    wanted = np.flatnonzero(actions.policy_share >= min(0.05, float(actions.policy_share.max())))
    # Effective rows a unit of the policy's probability: the action that the answer leans on with the fewest rows.
    weakest = int(wanted[np.argmin(actions.ess[wanted] / actions.policy_share[wanted])])
    words = (
        f"Log action {weakest} more often: the evaluation policy takes it with {actions.policy_share[weakest]:.1%}, "
        f"the log with {actions.logged_share[weakest]:.1%} ({int(actions.rows[weakest])} rows, worth "
        f"{actions.ess[weakest]:.1f})"
    )
    if support.segments:
        segment = support.segments[0]
        words += f"; weakest segment: {segment.segment} ({segment.rows} rows, worth {segment.ess:.1f})"
    return words + "."


def _how_much_exploration(support: SupportDiagnostics, rows: int, what: str) -> str:
    """The exploration that suffices even where the logging policy avoids what the evaluation policy would do."""
    if what == "episodes":
        return "Log with more exploration, or decide less often in an episode, so that weights multiply less."
    if what != "rows":
        return "Log with more exploration around the actions that the evaluation policy would take."
    n_actions = len(support.actions.rows)
    worst = n_actions * support.policy_concentration  # E[w^2] under uniform logging; divided by epsilon it is a bound
    wanted = ANSWERING_ESS * worst
    share = wanted / rows
    if share <= 1.0:
        return (
            f"Draw {max(share, 0.01):.0%} of decisions uniformly over the {n_actions} actions: as many rows as this "
            f"log has would then be worth at least {ANSWERING_ESS:.0f} of the evaluation policy."
        )
    return (
        f"Log {int(np.ceil(wanted)):,} decisions drawn uniformly over the {n_actions} actions, or "
        f"{int(np.ceil(10 * wanted)):,} with 10% of them drawn so: they are worth at least {ANSWERING_ESS:.0f} of "
        "the evaluation policy."
    )


def judge_carry_over(carry_over: CarryOver | None, findings: Findings, *, confidence: float = 0.99) -> None:
    """A one-step question about a log with carry-over deserves a warning."""
    if carry_over is None or carry_over.p_value > 1.0 - confidence or carry_over.relative_effect < 0.01:
        return
    findings.cautions.append(
        f"Yesterday's action still moves today's reward (p = {carry_over.p_value:.2g}, about "
        f"{carry_over.relative_effect:.0%} of the mean reward): a one-step value leaves out what an action does later."
    )
    findings.next_steps.append("Ask the sequential question: evaluate_sequential on episodes of this log.")


def judge_rewards(*, rows: int, events: int, worth: float, rules: SupportRules, findings: Findings) -> None:
    """Too few rewards that differ from the usual one say nothing about spread.

    Args:
        rows: Rows with a reward.
        events: Rows whose reward differs from the usual one, the more frequent end of the range.
        worth: What the events are worth for the evaluation policy.
        rules: The thresholds.
        findings: Where the reasons go.
    """
    if events < rules.rare_rewards:
        findings.cautions.append(
            f"Only {events} of {rows:,} rewards differ from the usual one; the spread of rewards is hardly known."
        )
    elif worth < rules.rare_rewards:
        findings.cautions.append(
            f"The {events:,} rewards that differ from the usual one are worth {worth:.1f} of the evaluation policy: "
            "the spread of its rewards is hardly known."
        )
    if min(events, worth) < rules.rare_rewards:
        findings.next_steps.append("Log until some hundred rewards differ from the usual one.")
