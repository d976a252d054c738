"""The pull-forward ledger: where the extra orders of discounts come from."""

from dataclasses import dataclass

from xbopt.reports.kit.figures import Column, Table
from xbopt.studies.kpis import Estimate
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

    bump: Estimate
    new: Estimate
    switched: Estimate
    borrowed: Estimate
    repaid: Estimate
    owed: Estimate
    taken: Estimate

    @property
    def is_empty(self) -> bool:
        """Whether no discount brought any order."""
        return self.bump.mean <= _SMALLEST


def build_ledger(result: SimulationResult) -> PromotionLedger:
    """The ledger of a result."""
    sums = result.totals.cells.sum(axis=(1, 2))
    count = {name: sums[:, i] for i, name in enumerate(CELL_COUNTS)}
    return PromotionLedger(
        bump=Estimate.of(count["bump"]),
        new=Estimate.of(count["bump"] - count["switched"] - count["borrowed"]),
        switched=Estimate.of(count["switched"]),
        borrowed=Estimate.of(count["borrowed"]),
        repaid=Estimate.of(count["repaid"]),
        owed=Estimate.of(count["debt"]),
        taken=Estimate.of(count["taken"]),
    )


def ledger_table(ledger: PromotionLedger) -> Table:
    """The ledger as a table."""
    rows = (
        ("New demand", ledger.new, "would not have been bought elsewhere, or later"),
        ("Switched", ledger.switched, "won from competitors and from the seller's other segments"),
        ("Brought forward", ledger.borrowed, "borrowed from the coming weeks"),
        ("Bump in all", ledger.bump, "extra orders while discounts run"),
        ("Paid back", ledger.repaid, "orders lost within the horizon to what was brought forward"),
        ("Still owed", ledger.owed, "orders that the weeks after the horizon will miss"),
        ("Taken from own segments", ledger.taken, "orders that other segments lost to the better offer"),
    )
    return Table(
        key="pull_forward",
        title="Pull-forward ledger",
        columns=(
            Column(key="item", name="Orders", unit="text"),
            Column(key="orders", name="Expected", unit="count", meaning="Expected orders, mean and range over worlds"),
            Column(key="meaning", name="Meaning", unit="text"),
        ),
        rows=rows,
    )
