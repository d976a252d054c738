"""When no plan keeps all limits: the smallest set of limits in conflict, and the cheapest way out.

Every limit on money is an upper bound on a sum of spends, and every promise (minimum, lock) a lower bound on one of
them. Such a set can be kept exactly when the promises alone keep every upper bound. So a conflict is one upper bound
and the promises below it, and the smallest one holds the largest of these promises.
"""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.constraints import Constraints
from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import BudgetError
from xbopt.core.scenario.scenario import Scenario

_TOLERANCE = 1e-9


class InfeasiblePlanError(BudgetError):
    """Raised when no plan keeps all limits.

    Args:
        conflict: Names of the limits in conflict, the fewest that are.
        cheapest_relaxation: The smallest change that makes a plan possible, in words.
    """

    def __init__(self, conflict: tuple[str, ...], cheapest_relaxation: str) -> None:
        self.conflict = conflict
        self.cheapest_relaxation = cheapest_relaxation
        super().__init__(f"No plan keeps {_listed(conflict)} together. {cheapest_relaxation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A lower bound on spend.

    Attributes:
        name: As planners say it.
        cells: Cells and channels that it is made of ``(R, S, C)``.
    """

    name: str
    cells: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conflict:
    row: int
    promises: tuple[str, ...]
    missing_base: float


def check_feasible(scenario: Scenario, blocks: Blocks, constraints: Constraints) -> None:
    """Check that some plan keeps all limits on money.

    Raises:
        InfeasiblePlanError: None does.
    """
    used = constraints.matrix @ constraints.least
    excess = used - constraints.bound
    broken = np.flatnonzero(excess > _TOLERANCE * np.maximum(constraints.bound, _TOLERANCE))
    if not broken.size:
        return
    found = [_conflict(scenario, blocks, constraints, int(row), float(excess[row])) for row in broken]
    smallest = min(found, key=lambda one: (len(one.promises), one.row))
    widest = max(found, key=lambda one: one.missing_base)
    money, currency = widest.missing_base, scenario.base_currency
    raise InfeasiblePlanError(
        (constraints.names[smallest.row], *smallest.promises),
        f"Raise {_listed(tuple(dict.fromkeys(constraints.names[one.row] for one in found)))} or lower these promises, "
        f"by {money:,.2f} {currency} at the most.",
    )


def _conflict(scenario: Scenario, blocks: Blocks, constraints: Constraints, row: int, excess: float) -> _Conflict:
    cells, share = constraints.matrix.of_row(row)
    least = np.zeros(blocks.cells)
    least[cells] = share * constraints.least[cells]
    promised = least.reshape(blocks.level_days.shape).sum(axis=0)  # (R, S, C)
    made = promises(scenario, promised)
    amounts = np.array([float(promised[one.cells].sum()) for one in made])
    order: IntArray = np.argsort(-amounts, kind="stable").astype(np.int64)
    running: FloatArray = np.cumsum(amounts[order])
    enough = int(np.searchsorted(running, float(constraints.bound[row]), side="right")) + 1
    return _Conflict(
        row=row,
        promises=tuple(made[int(i)].name for i in order[:enough]),
        missing_base=excess * scenario.limits.total_base,
    )


def promises(scenario: Scenario, promised: FloatArray) -> tuple[Promise, ...]:
    """What the scenario promises to spend: minimums by region and channel, locks by cell and channel.

    Args:
        scenario: The scenario.
        promised: What is promised to each cell and channel ``(R, S, C)``; those with nothing are left out.
    """
    locked = scenario.limits.locked
    found: list[Promise] = []
    for r, region in enumerate(scenario.regions):
        for c, channel in enumerate(scenario.channels):
            open_cells = np.zeros(promised.shape, dtype=np.bool_)
            open_cells[r, :, c] = ~locked[r, :, c] & (promised[r, :, c] > 0.0)
            if open_cells.any():
                found.append(Promise(name=f"minimum {region}/{channel}", cells=open_cells))
            for s, segment in enumerate(scenario.segments):
                if locked[r, s, c] and promised[r, s, c] > 0.0:
                    cell = np.zeros(promised.shape, dtype=np.bool_)
                    cell[r, s, c] = True
                    found.append(Promise(name=f"lock {region}/{segment}/{channel}", cells=cell))
    return tuple(found)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
