"""From diagnostics to a verdict, with reasons and next steps in plain words."""

from dataclasses import dataclass, field

import numpy as np

from xbopt.ope.planning import ANSWERING_ESS
from xbopt.ope.results import CarryOver, SupportDiagnostics, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRules:
    """When a log cannot answer, and when an answer needs a warning.

    Attributes:
        top_weight_share: REFUSE when one weight holds more than this share of all weight.
        near_top_weight_share: Counts as near the bound.
        ess: REFUSE below this effective sample size.
        near_ess: Counts as near the bound.
        pareto_k: REFUSE above this shape when share or sample size is near its bound; CAUTION otherwise.
        unsupported_mass: REFUSE above this probability on actions that the log cannot speak about.
        missing_z: How many standard errors the mean weight may be from 1; beyond, REFUSE when the distance exceeds
            ``unsupported_mass``, else CAUTION.
        rare_rewards: CAUTION with fewer rewards than this that differ from the usual one.
        clusters: CAUTION with fewer independent clusters than this.
    """

    top_weight_share: float = 0.10
    near_top_weight_share: float = 0.05
    ess: float = 50.0
    near_ess: float = 100.0
    pareto_k: float = 0.7
    unsupported_mass: float = 0.05
    missing_z: float = 5.0
    rare_rewards: int = 10
    clusters: int = 20


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
    _judge_mass(support, rules, findings)
    if support.clusters == 1:
        findings.refusals.append("All rows belong to one cluster, so nothing tells how much the value could vary.")
    elif 0 < support.clusters < rules.clusters:
        findings.cautions.append(
            f"Only {support.clusters} clusters are independent of each other; intervals are wide and rough."
        )
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
    if k > rules.pareto_k:
        near = share > rules.near_top_weight_share or ess < rules.near_ess
        words = f"The weights have a heavy tail (Pareto k {k:.2f}, bound {rules.pareto_k:g})"
        if near:
            findings.refusals.append(
                f"{words}, with an effective sample size of {ess:,.0f} and a top weight of {share:.1%}."
            )
        else:
            findings.cautions.append(f"{words}: rare rows of large weight that were not logged may move the value.")


def _judge_mass(support: SupportDiagnostics, rules: SupportRules, findings: Findings) -> None:
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
    off = support.mean_weight - 1.0
    if support.max_weight > 0.0 and abs(support.mean_weight_z) > rules.missing_z and abs(off) > 1e-3:
        words = (
            f"The mean weight is {support.mean_weight:.3f}, {abs(support.mean_weight_z):.0f} standard errors from 1: "
            + ("actions lack support in some contexts, or propensities are stated too high" if off < 0 else
               "propensities are stated too low")
        )  # fmt: skip
        if abs(off) > rules.unsupported_mass and mass <= rules.unsupported_mass:
            findings.refusals.append(words + ".")
        else:
            findings.cautions.append(words + ".")


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


def judge_rewards(*, rows: int, events: int, rules: SupportRules, findings: Findings) -> None:
    """Too few rewards that differ from the usual one say nothing about spread.

    Args:
        rows: Rows with a reward.
        events: Rows whose reward differs from the usual one, the more frequent end of the range.
        rules: The thresholds.
        findings: Where the reasons go.
    """
    if events < rules.rare_rewards:
        findings.cautions.append(
            f"Only {events} of {rows:,} rewards differ from the usual one; the spread of rewards is hardly known."
        )
        findings.next_steps.append("Log until some hundred rewards differ from the usual one.")
