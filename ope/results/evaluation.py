"""What an evaluation says: the verdict first, then support, then numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.frames import Frame
from xbopt.ope.results.confounding import HiddenConfounding
from xbopt.ope.results.estimates import Estimate, Estimates
from xbopt.ope.results.findings import Finding, refuses
from xbopt.ope.results.frames import frame_of, html_of, line_of
from xbopt.ope.results.period import ComingPeriod
from xbopt.ope.results.words import Names, sentences

Verdict = Literal["ANSWER", "CAUTION", "REFUSE"]
Estimand = Literal["one-step", "sequential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSupport:
    """Support by action; every array has ``K`` entries.

    Attributes:
        rows: Rows in which the action was logged.
        logged_share: Share of the rows.
        policy_share: Mean probability under the evaluation policy.
        weight_share: Sum of weights over the number of rows; the policy's share where propensities are right.
        ess: Effective rows among those of the action.
        missing_z: (policy share - weight share) over its standard error, cluster-robust; far above 0 the action
            lacks support in some contexts, far below 0 its propensities are stated too low.
        inverse_propensity_mean: Mean over all rows of 1(action)/propensity; 1 where propensities are right and the
            action could be taken everywhere.
    """

    rows: IntArray
    logged_share: FloatArray
    policy_share: FloatArray
    weight_share: FloatArray
    ess: FloatArray
    missing_z: FloatArray
    inverse_propensity_mean: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentSupport:
    """Support of one segment.

    Attributes:
        segment: Code of the segment.
        rows: Rows of it.
        ess: Effective rows among them.
        mean_weight: Mean importance weight.
        max_weight: Greatest weight.
    """

    segment: int
    rows: int
    ess: float
    mean_weight: float
    max_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSupport:
    """Support by cluster, from the sums of weights of each; rows of one cluster may share luck and action.

    Attributes:
        ess: Effective number of clusters, (sum W)^2 / sum W^2.
        top_weight_share: Share of all weight that one cluster holds.
        pareto_k: Shape of the tail of the clusters' weights; 0 with too few clusters to tell.
        carrying: Clusters with weight above 0.
    """

    ess: float
    top_weight_share: float
    pareto_k: float
    carrying: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportDiagnostics:
    """How well the log covers what the evaluation policy would do.

    Attributes:
        ess: Effective sample size of the weights, (sum w)^2 / sum w^2 (Kish 1965).
        max_weight: Greatest importance weight.
        top_weight_share: Its share of the sum of all weights.
        pareto_k: Shape of the tail of the weights; above 0.7 their mean is not to be relied on.
        min_propensity: Smallest propensity in the log.
        unsupported_mass: Mean probability that the evaluation policy gives to actions that the log cannot speak about:
            never logged, or of probability 0 where the row tells so; or the share of the rows in segments without
            weight, where that is more.
        mean_weight: Mean weight; 1 in expectation where propensities are right and nothing lacks support.
        mean_weight_z: (mean weight - 1) over its standard error, cluster-robust.
        top_row: Row of the greatest weight, from 0.
        top_action: Action of that row.
        top_propensity: Propensity of that row.
        policy_concentration: Mean of sum_a pi_e(a | x)^2: 1 for a deterministic policy, 1/K for the uniform one.
        clusters: Distinct clusters, or 0 where rows count as independent.
        actions: Support by action.
        segments: Support by segment, the weakest first; empty where the log names none.
        by_cluster: Support by cluster; None where rows count as independent.
    """

    ess: float
    max_weight: float
    top_weight_share: float
    pareto_k: float
    min_propensity: float
    unsupported_mass: float
    mean_weight: float
    mean_weight_z: float
    top_row: int
    top_action: int
    top_propensity: float
    policy_concentration: float
    clusters: int
    actions: ActionSupport
    segments: tuple[SegmentSupport, ...] = ()
    by_cluster: ClusterSupport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver:
    """Whether the last action of the same unit still moves today's reward, context and today's action given.

    Attributes:
        rows: Rows with a previous action.
        statistic: Wald statistic divided by its degrees of freedom.
        p_value: Of no carry-over.
        effect: Root mean square effect of the previous action on the reward, in units of the reward.
        relative_effect: The same over the mean absolute reward; infinity where that is 0.
    """

    rows: int
    statistic: float
    p_value: float
    effect: float
    relative_effect: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuality:
    """How good the reward model was.

    Attributes:
        name: Name of the model.
        share_explained: Share of the logged reward's variance that cross-fitted predictions explain.
        disagreement: Standard deviation between the members of an ensemble in the policy's value; 0 for one model.
    """

    name: str
    share_explained: float
    disagreement: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a log can say of a policy: the verdict with its reasons, and the values unless they are withheld.

    Attributes:
        findings: Why it is no plain ANSWER, and what to do about it.
        support: The diagnostics behind the verdict.
        values: Estimates by name; empty after a refusal without force.
        withheld: Whether values were withheld.
        names: What the sentences call actions, segments and rows.
    """

    findings: tuple[Finding, ...]
    support: SupportDiagnostics
    values: Mapping[str, Estimate]
    withheld: bool
    names: Names = field(default_factory=Names, repr=False)

    @property
    def verdict(self) -> Verdict:
        """ANSWER, CAUTION (read the reasons first) or REFUSE (the log cannot answer): the gravest finding decides."""
        if refuses(self.findings):
            return "REFUSE"
        return "CAUTION" if any(finding.level == "caution" for finding in self.findings) else "ANSWER"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is no plain ANSWER, in sentences, reasons to refuse first; empty for ANSWER."""
        return sentences(self.findings, self.names, "refuse", "caution")

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What to do about it, in sentences."""
        return sentences(self.findings, self.names, "advice")

    @property
    def estimates(self) -> Estimates:
        """The values; asking for one that is withheld raises ``SupportError``."""
        refusal = " ".join(sentences(self.findings, self.names, "refuse")) if self.withheld else ""
        return Estimates(self.values, refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnytimeIntervals:
    """Intervals that hold at every size of a growing log at once; see ``xbopt.ope.intervals.anytime``.

    Attributes:
        units: Independent units so far: clusters, episodes, or rows where nothing is shared.
        values: Estimates by name, with the any-time interval in place of the ordinary one.
        differences: The same for each estimator less the logging policy.
    """

    units: int
    values: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluation(Judgement):
    """The answer to: what would the evaluation policy have earned a decision?

    Attributes:
        estimand: ``one-step`` or ``sequential``.
        rows: Decisions that were used.
        rows_censored: Decisions left out because their reward is not complete yet; of a sequential question the
            episodes that were cut for that reason.
        confidence: Of every interval.
        recommended: The estimator to quote; None where values are withheld.
        logging_policy: Mean logged reward.
        difference: The recommended estimate less the logging policy, on the same rows; None where withheld.
        differences: The same for every estimator; empty where withheld.
        cross_validated_choice: Estimators by their cross-validated error, the best first (Cief et al. 2025).
        model: Quality of the reward model; None where none was used.
        carry_over: The test for carry-over; None where the log names no previous action.
        budget: Further estimands by name, such as ``cost`` and ``reward_per_cost``.
        marginal_ess: Effective episodes of the marginal weights at the worst step; None for one-step.
        hidden_confounding: What hidden causes of the choice could do; None where propensities were stated.
        anytime: Intervals that hold however often one looks while the log grows; None where not asked for, after a
            refusal, and with too few units.
        period: The coming period that the value is for; None for the days of the log as they were.
        factors: Support of each factor by itself, of decisions made of factors; the actions of ``support`` are then
            the levels of all factors, one after another. Empty where a decision is one action.
    """

    estimand: Estimand
    rows: int
    rows_censored: int
    confidence: float
    recommended: str | None
    logging_policy: Estimate
    difference: Estimate | None
    differences: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    cross_validated_choice: tuple[str, ...] = ()
    model: ModelQuality | None = None
    carry_over: CarryOver | None = None
    budget: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    marginal_ess: float | None = None
    hidden_confounding: HiddenConfounding | None = None
    anytime: AnytimeIntervals | None = None
    period: ComingPeriod | None = None
    factors: Mapping[str, SupportDiagnostics] = field(default_factory=dict[str, SupportDiagnostics])

    def __repr__(self) -> str:
        return line_of(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(self)

    def to_frame(self) -> Frame:
        """One row an estimator, then one of what was done."""
        return frame_of(self)
