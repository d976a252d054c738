"""The door to Clarabel, an interior-point solver for conic programs (Goulart, Chen 2024, arXiv 2405.12762)."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from scipy import sparse

from xbopt.agents.planner.triplets import Triplets, stacked
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import BudgetError, XboptError

_GOOD, _IMPOSSIBLE = "Solved", "PrimalInfeasible"
# Least step before the solver changes its scaling, and whether it equilibrates; from the fast to the patient.
_WAYS = ((0.1, False), (1e-2, False), (1e-3, True))
_MOST_STEPS = 400


class SolverError(XboptError):
    """Raised when the solver did not converge. Its last iterate is never a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConicAnswer:
    """An optimum.

    Attributes:
        x: ``(n,)``.
        dual: Multiplier of each row ``(m,)``.
        lower_bound: Value of the dual: no ``x`` costs less.
        seconds: Time in the solver.
    """

    x: FloatArray
    dual: FloatArray
    lower_bound: float
    seconds: float


@dataclass(slots=True)
class ConicProgram:
    """Minimise ``cost @ x`` where ``bound - matrix @ x`` lies in a product of cones, added part by part.

    Attributes:
        cost: ``(n,)``.
    """

    cost: FloatArray
    _parts: list[Triplets] = field(default_factory=list[Triplets])
    _bounds: list[FloatArray] = field(default_factory=list[FloatArray])
    _cones: list[object] = field(default_factory=list[object])

    @property
    def rows(self) -> int:
        """Rows so far."""
        return sum(len(bound) for bound in self._bounds)

    def equal(self, matrix: Triplets, bound: FloatArray) -> slice:
        """Add ``matrix @ x == bound``; gives the place of its duals."""
        return self._add(matrix, bound, [_clarabel().ZeroConeT(len(bound))] if len(bound) else [])

    def at_most(self, matrix: Triplets, bound: FloatArray) -> slice:
        """Add ``matrix @ x <= bound``; gives the place of its duals."""
        return self._add(matrix, bound, [_clarabel().NonnegativeConeT(len(bound))] if len(bound) else [])

    def second_order(self, matrix: Triplets, bound: FloatArray) -> slice:
        """Add second-order cones of three rows each: the first is at least the norm of the other two."""
        return self._add(matrix, bound, [_clarabel().SecondOrderConeT(3)] * (len(bound) // 3))

    def power(self, matrix: Triplets, bound: FloatArray, exponent: FloatArray) -> slice:
        """Add power cones of three rows each: ``first^a * second^(1-a) >= |third|``."""
        return self._add(matrix, bound, [_clarabel().PowerConeT(float(a)) for a in exponent])

    def solve(self, tolerance: float = 1e-8) -> ConicAnswer:
        """Solve; degenerate programs want other steps than easy ones, so up to three ways are tried.

        Args:
            tolerance: Relative gap and residual at which the solver has converged.

        Raises:
            BudgetError: No ``x`` keeps all conditions.
            SolverError: None of the ways converged.
        """
        whole = stacked(self._parts)
        columns = sparse.csc_matrix((whole.value, (whole.row, whole.column)), shape=(whole.height, whole.width))
        nothing = sparse.csc_matrix((whole.width, whole.width))
        bound, status = np.concatenate(self._bounds), ""
        for least_step, equilibrate in _WAYS:
            settings = _clarabel().DefaultSettings()
            settings.verbose = False
            settings.max_threads = 1
            settings.max_iter = _MOST_STEPS
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
            settings.min_switch_step_length = least_step
            settings.equilibrate_enable = equilibrate
            found = _clarabel().DefaultSolver(nothing, self.cost, columns, bound, self._cones, settings).solve()
            status = str(found.status)
            if status == _GOOD:
                return ConicAnswer(
                    x=np.array(found.x),
                    dual=np.array(found.z),
                    lower_bound=float(found.obj_val_dual),
                    seconds=float(found.solve_time),
                )
            if status == _IMPOSSIBLE:
                raise BudgetError("No plan keeps all limits.")
        raise SolverError(f"The solver did not converge ({status}). There is no plan; its last iterate is none.")

    def _add(self, matrix: Triplets, bound: FloatArray, cones: list[object]) -> slice:
        assert matrix.height == len(bound), "a bound for each row"
        start = self.rows
        self._parts.append(matrix)
        self._bounds.append(bound)
        self._cones.extend(cones)
        return slice(start, start + len(bound))


def _clarabel() -> Any:  # noqa: ANN401 - the library ships without types
    return import_module("clarabel")
