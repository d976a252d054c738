"""The same plan without media: what the worlds would have earned anyway."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutMedia:
    """A plan's discounts without its spend. Locks and minimums are still paid: the limits see to that.

    Attributes:
        plan: The plan.
    """

    plan: DirectPolicy

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"{self.plan.name}, no media"

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    def decide(self, observation: Observation) -> Decision:
        """The plan's decision with no spend."""
        decision = self.plan.decide(observation)
        return replace(decision, spend_base=np.zeros_like(decision.spend_base))
