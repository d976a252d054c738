"""What is asked, as the arrays of a batch: the graph's inputs, and what stands beside them."""

from collections.abc import Iterator

import msgspec
import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.deciding.requests import BESIDE

MISSING = "missing."
"""Before the name of an input: which of its numbers were missing, as an array beside the batch."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Inputs of a batch of decisions.

    Attributes:
        decision_ids: ``(B,)``.
        inputs: What the schema asks of a request, by name and in its order; the schema gives shapes.
        held: Tactics ``(B, R, S)`` or levels ``(B, A)``; -1 where one is to be drawn. None where all are.
        previous_base: Spend of the day before ``(B, R, S, C)``, NaN where unknown; None where nobody says.
        active: Which cells are decided ``(B, R, S)``; None for all.
        granted_base: Spend that was granted for the same day before ``(B, R, S, C)``; it shares the day's limits. None
            where nobody says.
        incumbent_base: Spend of what is done in place of the policy's decision ``(B, R, S, C)``; None where the policy
            decides.
        incumbent_weights: Its dayparts ``(B, R, C, H)``.
        incumbent_discount: Its discounts ``(B, R, S)``.
        incumbent_mechanic: Its mechanics ``(B, R, S)``.
        drifted: Rows whose inputs lie outside what was seen ``(B,)``; None where none do.
        missing: Which numbers of an input were missing and are filled in by the rule of the schema, in its shape; only
            inputs in which any were.
    """

    decision_ids: list[str]
    inputs: Arrays
    held: IntArray | None = None
    previous_base: FloatArray | None = None
    active: BoolArray | None = None
    granted_base: FloatArray | None = None
    incumbent_base: FloatArray | None = None
    incumbent_weights: FloatArray | None = None
    incumbent_discount: FloatArray | None = None
    incumbent_mechanic: IntArray | None = None
    drifted: BoolArray | None = None
    missing: dict[str, BoolArray] = msgspec.field(default_factory=dict[str, BoolArray])

    def __len__(self) -> int:
        """Number of decisions, ``B``."""
        return len(self.decision_ids)

    @property
    def day(self) -> IntArray:
        """Day of the horizon ``(B,)``."""
        return self.inputs["day"].astype(np.int64, copy=False)

    @property
    def remaining(self) -> Remaining:
        """What may still be spent."""
        budget, region, channel = (
            floats_of(self.inputs, name) for name in ("budget_base", "region_base", "channel_base")
        )
        return Remaining(budget_base=budget, region_base=region, channel_base=channel)

    @property
    def incumbent(self) -> Decision | None:
        """What is done in place of the policy's decision."""
        if self.incumbent_base is None:
            return None
        weights, discount, mechanic = self.incumbent_weights, self.incumbent_discount, self.incumbent_mechanic
        assert weights is not None, "an incumbent is a whole decision"
        assert discount is not None, "an incumbent is a whole decision"
        assert mechanic is not None, "an incumbent is a whole decision"
        return Decision(
            spend_base=self.incumbent_base, daypart_weights=weights, discount_frac=discount, mechanic=mechanic
        )

    def beside(self) -> "Iterator[tuple[str, FloatArray | IntArray | BoolArray]]":
        """Name and array of what the graph does not read, where there is any."""
        for name in BESIDE:
            array: FloatArray | IntArray | BoolArray | None = getattr(self, name)
            if array is not None:
                yield name, array
        for name, gaps in self.missing.items():
            yield MISSING + name, gaps

    @property
    def filled(self) -> IntArray:
        """Number of inputs that were missing and are filled in ``(B,)``."""
        counts: IntArray = np.zeros(len(self), dtype=np.int64)
        for gaps in self.missing.values():
            counts += gaps.reshape(len(self), -1).sum(axis=1)
        return counts

    def observed(self) -> Arrays:
        """The inputs as they were given: NaN where a number was missing. Whole numbers stay filled in."""
        return {
            name: np.where(self.missing[name], np.nan, array)
            if name in self.missing and array.dtype.kind == "f"
            else array
            for name, array in self.inputs.items()
        }
