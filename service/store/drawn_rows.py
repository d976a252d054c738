"""What was drawn, as rows of a decision log: a tactic a cell, or the levels of all factors that a cell depends on."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.schema import LoggedFactor
from xbopt.core.decisions.cell_factors import CellFactors
from xbopt.service.bundle.schema import Schema
from xbopt.service.deciding.allocator import Allocation
from xbopt.service.store.entries import ShadowEntry
from xbopt.service.store.recording import shadow_probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRows:
    """The draws of a batch by row of the batch and cell.

    Attributes:
        action: Tactic ``(B, cells)``, or level of each factor of the cell ``(B, cells, N)``.
        propensity: Of the tactic, or of all those levels together ``(B, cells)``.
        probabilities: Of every tactic, or of every level, factor after factor ``(B, cells, K)``.
        held: Cells that carried on with what was drawn before, or with any part of it ``(B, cells)``.
    """

    action: IntArray
    propensity: FloatArray
    probabilities: FloatArray
    held: BoolArray


def cell_factors(schema: Schema) -> CellFactors | None:
    """The factors of each cell of a factored bundle; None for a bundle of tactics."""
    factors, axes = schema.decision_factors(), schema.axes
    if factors is None:
        return None
    return CellFactors.of(factors, regions=len(axes["R"]), segments=len(axes["S"]), channels=axes["C"])


def logged_factors(factors: CellFactors | None) -> tuple[LoggedFactor, ...]:
    """The factors as a log names them; none for a bundle of tactics."""
    if factors is None:
        return ()
    named = zip(factors.names, factors.labels, factors.neutral, strict=True)
    return tuple(LoggedFactor(name=name, labels=labels, neutral=neutral) for name, labels, neutral in named)


def drawn_rows(allocation: Allocation, factors: CellFactors | None) -> DrawnRows:
    """What a batch drew, by cell."""
    batch, table = allocation.batch, allocation.probabilities
    assert table is not None, "a bundle that draws stores all probabilities"
    rows, regions, segments = allocation.spend_base.shape[:3]
    cells = regions * segments
    # Probabilities are stored in half their digits, and the propensity in all of them. A log that mixed the two would
    # tell by the digits what was drawn, so it has the half ones throughout.
    if factors is None:
        tactic = allocation.tactic
        assert tactic is not None, "a bundle of tactics stores tactics"
        return DrawnRows(
            action=tactic.reshape(rows, cells),
            propensity=_taken(table, tactic).reshape(rows, cells),
            probabilities=table.reshape(rows, cells, -1),
            held=_held(batch.held, (rows, cells)),
        )
    levels = allocation.levels
    assert levels is not None, "a bundle of factors stores levels"
    held = None if batch.held is None else batch.held[:, factors.places] >= 0
    return DrawnRows(
        action=levels[:, factors.places],
        propensity=_taken(table, levels)[:, factors.places].prod(axis=2),
        probabilities=factors.probabilities(table),
        held=np.zeros((rows, cells), dtype=np.bool_) if held is None else np.asarray(held.any(axis=2)),
    )


def _taken(table: FloatArray, drawn: IntArray) -> FloatArray:
    """Of each draw its probability ``(...,)`` in a table ``(..., K)``; where nothing was drawn, any of them."""
    return np.take_along_axis(table, np.maximum(drawn, 0)[..., None], axis=-1)[..., 0]


def _held(held: IntArray | None, shape: tuple[int, int]) -> BoolArray:
    return np.zeros(shape, dtype=np.bool_) if held is None else (held >= 0).reshape(shape)


def shadow_rows(
    shadows: list[ShadowEntry | None], factors: CellFactors | None, schema: Schema, rows: int
) -> FloatArray:
    """Probabilities under each shadow ``(B, cells, J, K)``; NaN where it missed the decisions, or its plan answered."""
    regions, segments = (len(schema.axes[axis]) for axis in "RS")
    found: list[FloatArray] = []
    for one in shadows:
        if factors is None:
            shape = (rows, regions * segments, len(schema.axes["K"]))
            found.append(np.full(shape, np.nan) if one is None else shadow_probabilities(one, shape))
            continue
        shape = (rows, len(schema.axes["A"]), len(schema.axes["L"]))
        table = np.full(shape, np.nan) if one is None else shadow_probabilities(one, shape)
        silent = (table.sum(axis=2) == 0.0).any(axis=1)
        found.append(factors.probabilities(np.where(silent[:, None, None], np.nan, table)))
    return np.stack(found, axis=2)
