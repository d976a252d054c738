"""The pull-forward ledger: where the extra orders of discounts come from."""

from dataclasses import dataclass

from xbopt.studies.kpis import WorldRange
from xbopt.studies.simulate import SimulationResult
from xbopt.studies.totals import CELL_COUNTS

_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionLedger:
    """Expected orders over the horizon, all cells; each a figure over worlds.

    Attributes:
        bump: Extra orders while discounts run.
        new: Part of the bump that is demand nobody else loses.
        switched: Part won from competitors and from the seller's other segments.
        borrowed: Part brought forward from coming weeks.
        repaid: Orders lost within the horizon to what was brought forward.
        owed: Brought forward and not yet paid back on the last evening.
        taken: Orders that segments lost to better offers of the seller's other segments.
    """

    bump: WorldRange
    new: WorldRange
    switched: WorldRange
    borrowed: WorldRange
    repaid: WorldRange
    owed: WorldRange
    taken: WorldRange

    @property
    def is_empty(self) -> bool:
        """Whether no discount brought any order."""
        return self.bump.mean <= _SMALLEST


def promotion_ledger(result: SimulationResult) -> PromotionLedger:
    """The ledger of a result."""
    sums = result.totals.cells.sum(axis=(1, 2))
    count = {name: sums[:, i] for i, name in enumerate(CELL_COUNTS)}
    return PromotionLedger(
        bump=WorldRange.of(count["bump"]),
        new=WorldRange.of(count["bump"] - count["switched"] - count["borrowed"]),
        switched=WorldRange.of(count["switched"]),
        borrowed=WorldRange.of(count["borrowed"]),
        repaid=WorldRange.of(count["repaid"]),
        owed=WorldRange.of(count["debt"]),
        taken=WorldRange.of(count["taken"]),
    )
