"""All that a one-step evaluation keeps of the rows that it saw: sums that chunks add to and workers merge."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.ope.data.blocks import BlockSums
from xbopt.ope.data.reward_range import RewardRange
from xbopt.ope.diagnostics.audit import AuditSample
from xbopt.ope.diagnostics.carry_over import CarryOverSums
from xbopt.ope.diagnostics.contributions import ContributionSums
from xbopt.ope.diagnostics.support import SupportSums, with_clusters
from xbopt.ope.estimators.bandit import ColumnLayout
from xbopt.ope.results.evaluation import SupportDiagnostics


@dataclass(slots=True, kw_only=True)
class EvaluationSums:
    """Sums over rows.

    Attributes:
        layout: Names of the score columns.
        blocks: Score columns by block.
        support: Weights.
        missing: By cluster: rows, and pi_e minus weight of each action; None where rows count as independent.
        rewards: Range of the rewards.
        contributions: Sizes of weight times reward.
        differences: Sizes of (weight - 1) times reward, for the difference to what was done.
        audit: Rows for the tests by day, segment and context column.
        carry_over: Moments for the test of carry-over; None where no row names a previous action.
        members: The policy's summed value in the eyes of each member of an ensemble ``(m,)``.
        predicted: Whether rewards were predicted.
        rows: Rows that count.
        censored: Rows whose reward was not complete.
    """

    layout: ColumnLayout
    blocks: BlockSums
    support: SupportSums
    missing: BlockSums | None
    rewards: RewardRange = field(default_factory=RewardRange)
    contributions: ContributionSums = field(default_factory=ContributionSums)
    differences: ContributionSums = field(default_factory=ContributionSums)
    audit: AuditSample = field(default_factory=AuditSample)
    carry_over: CarryOverSums | None = None
    members: FloatArray = field(default_factory=lambda: np.zeros(0))
    predicted: bool = False
    rows: int = 0
    censored: int = 0

    @classmethod
    def empty(cls, *, n_actions: int, clustered: bool, with_cost: bool) -> "EvaluationSums":
        """No row yet."""
        layout = ColumnLayout.of(cost=with_cost)
        return cls(
            layout=layout,
            blocks=BlockSums(len(layout.names)),
            support=SupportSums(n_actions),
            missing=BlockSums(1 + n_actions) if clustered else None,
        )

    def merge(self, other: "EvaluationSums") -> None:
        """Add what was gathered from other rows."""
        self.blocks.merge(other.blocks)
        self.support.merge(other.support)
        if self.missing is not None and other.missing is not None:
            self.missing.merge(other.missing)
        self.rewards.merge(other.rewards)
        self.contributions.merge(other.contributions)
        self.differences.merge(other.differences)
        self.audit.merge(other.audit)
        self.rows += other.rows
        self.censored += other.censored
        self.predicted |= other.predicted
        self.add_members(other.members)
        if self.carry_over is None:
            self.carry_over = deepcopy(other.carry_over)
        elif other.carry_over is not None:
            self.carry_over.merge(other.carry_over)

    def add_members(self, values: FloatArray) -> None:
        """Add the policy's summed value in the eyes of each member of an ensemble ``(m,)``."""
        if values.size:
            self.members = values + (self.members if self.members.size else 0.0)

    def diagnostics(self) -> SupportDiagnostics:
        """Support by row and by cluster."""
        if self.missing is None:
            return self.support.diagnostics(0)
        sums = self.missing.blocks()
        rows = sums[:, 0]
        # Probabilities of a row sum to 1, so the weights of a cluster are its rows less what is missing.
        return with_clusters(
            self.support.diagnostics(len(sums)),
            rows=rows,
            weight=np.maximum(rows - sums[:, 1:].sum(axis=1), 0.0),
            missing=sums[:, 1:],
        )
