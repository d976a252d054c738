"""A decision that is known from the first day on: the common ground of the plans that do not react."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning, PolicyKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledPolicy:
    """A fixed plan by day. It does not react; what it cannot spend because of a limit is not made up for.

    Attributes:
        name: Name in reports.
        spend_base: ``(T, R, S, C)``, base currency.
        daypart_weights: ``(R, C, H)``.
        discount_frac: ``(T, R, S)``.
        mechanic: ``(T, R, S)``.
        kind: What sort of policy it is.
        notes: What a reader must know of where it came from, in sentences.
    """

    name: str
    spend_base: FloatArray
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray
    kind: PolicyKind = "baseline"
    notes: tuple[str, ...] = ()

    @property
    def reads_no_features(self) -> Literal[True]:
        """A fixed plan looks at the day only."""
        return True

    def decide(self, observation: Morning) -> Decision:
        """The plan of the day, the same in every world."""
        worlds, day = observation.worlds, observation.day

        def everywhere(array: FloatArray) -> FloatArray:
            return np.broadcast_to(array, (worlds, *array.shape))

        return Decision(
            spend_base=everywhere(self.spend_base[day]),
            daypart_weights=everywhere(self.daypart_weights),
            discount_frac=everywhere(self.discount_frac[day]),
            mechanic=np.broadcast_to(self.mechanic[day], (worlds, *self.mechanic[day].shape)),
        )
