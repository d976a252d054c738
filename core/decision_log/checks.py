"""What every row of a decision log must keep, on its way in and out."""

from collections.abc import Callable, Iterator

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decision_log.schema import (
    FLOAT_COLUMNS,
    INT_COLUMNS,
    TEXT_COLUMNS,
    TIME_COLUMNS,
    DecisionColumns,
    DecisionLogSchema,
    TextArray,
    TimeArray,
)
from xbopt.core.errors import DecisionLogError

PROBABILITY_TOLERANCE = 1e-6


def check_columns(columns: DecisionColumns, schema: DecisionLogSchema, *, where: str = "", first_row: int = 0) -> None:
    """Check shapes and values of decisions.

    Args:
        columns: The decisions.
        schema: Names of context fields and actions.
        where: How messages begin, such as the file's name.
        first_row: Number of rows before these; messages count rows from 1.

    Raises:
        DecisionLogError: The message names row and column.
    """
    begin = f"{where}: " if where else ""
    _check_shapes(columns, schema, begin)
    for column, bad, what in _value_checks(columns, schema):
        rows = np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=1))
        if len(rows):
            row = int(rows[0])
            also = f" ({len(rows):,} rows in all)" if len(rows) > 1 else ""
            identity = str(columns.decision_id[row]) if column != "decision_id" else ""
            of = f" (decision {identity!r})" if identity else ""
            raise DecisionLogError(f"{begin}row {first_row + row + 1}{of}, column {column}: {what(row)}{also}.")


def _check_shapes(columns: DecisionColumns, schema: DecisionLogSchema, begin: str) -> None:
    rows = len(columns.decision_id) if columns.decision_id.ndim else 0
    for kinds, names, what in (
        ("U", TEXT_COLUMNS, "text"),
        ("M", TIME_COLUMNS, "times (datetime64)"),
        ("iu", INT_COLUMNS, "whole numbers"),
        ("f", FLOAT_COLUMNS, "numbers"),
    ):
        for name in names:
            array = getattr(columns, name)
            if array.dtype.kind not in kinds:
                raise DecisionLogError(f"{begin}column {name} holds {array.dtype}; wanted: {what}.")
            wanted = (rows, len(schema.factors)) if schema.factors and name == "action" else (rows,)
            if array.shape != wanted:
                raise DecisionLogError(f"{begin}column {name} has shape {array.shape}; {wanted} is wanted.")
    if schema.factors:
        if columns.action_probabilities is None:
            raise DecisionLogError(f"{begin}column action_probabilities is missing; it holds those of every factor.")
        for name in ("exploration", "allowed"):
            if getattr(columns, name) is not None:
                raise DecisionLogError(f"{begin}column {name} has no meaning for decisions that are made of factors.")
    actions = sum(schema.levels)
    for name, array, *lengths in (
        ("context", columns.context, len(schema.context_names)),
        ("action_probabilities", columns.action_probabilities, actions),
        ("exploration", columns.exploration),
        ("allowed", columns.allowed, actions),
        ("observation", columns.observation, len(schema.observation_names)),
        ("shadows", columns.shadows, len(schema.shadows), actions),
        ("filled", columns.filled),
        ("missing", columns.missing, len(schema.context_names)),
    ):
        if array is None:
            continue
        kind = {"allowed": "b", "missing": "b", "filled": "i"}.get(name, "f")
        if array.dtype.kind != kind:
            wanted = {"b": "truth values", "i": "whole numbers", "f": "numbers"}[kind]
            raise DecisionLogError(f"{begin}column {name} holds {array.dtype}; wanted: {wanted}.")
        if array.shape != (rows, *lengths):
            raise DecisionLogError(f"{begin}column {name} has shape {array.shape}; {(rows, *lengths)} is wanted.")


def _value_checks(
    columns: DecisionColumns, schema: DecisionLogSchema
) -> Iterator[tuple[str, BoolArray, Callable[[int], str]]]:
    """Column, which entries are wrong ``(n,)`` or ``(n, width)``, and the sentence for a row."""
    for name in ("decision_id", "episode_id", "policy_id"):
        texts: TextArray = getattr(columns, name)
        yield name, texts == "", lambda _row: "is empty"
    yield "decision_id", repeated(columns.decision_id), lambda _row: "stands in an earlier row too"
    for name in TIME_COLUMNS:
        times: TimeArray = getattr(columns, name)
        yield name, np.isnat(times), lambda _row: "is empty"
    late = columns.reward_ready_at < columns.timestamp
    yield "reward_ready_at", late, lambda _row: "lies before the decision's own timestamp"
    yield "step", columns.step < 0, lambda row: f"is {columns.step[row]}; 0 or more is wanted"
    yield from _outside(columns, schema)
    for name in FLOAT_COLUMNS:
        numbers: FloatArray = getattr(columns, name)
        # A reward that is not complete yet is NaN here and empty in the file; nothing else may be.
        bad = np.isinf(numbers) if name == "reward" else ~np.isfinite(numbers)
        yield name, bad, lambda row, numbers=numbers: f"is {numbers[row]}, which is no finite number"
    yield "context", ~np.isfinite(columns.context), lambda _row: "holds a value that is no finite number"
    small_or_large = ~((columns.propensity > 0.0) & (columns.propensity <= 1.0))
    yield (
        "propensity",
        small_or_large,
        lambda row: f"is {columns.propensity[row]:g}; a probability above 0 and at most 1 is wanted",
    )
    table = columns.action_probabilities
    if table is not None:
        yield "action_probabilities", ~((table >= 0.0) & (table <= 1.0)), lambda _row: "holds a value outside 0..1"
        for factor, part in enumerate(schema.by_factor(table)):
            sums = part.sum(axis=1)
            uneven = np.abs(sums - 1.0) > PROBABILITY_TOLERANCE
            about = f", factor {schema.factors[factor].name}" if schema.factors else ""
            yield f"action_probabilities{about}", uneven, lambda row, sums=sums: f"sums to {sums[row]:g}; 1 is wanted"
        own = chosen_probabilities(table, columns.action, schema)
        product = own.prod(axis=1)
        # A product of many factors is small: what it may be off by is a share of it.
        scale = np.maximum(product, columns.propensity) if schema.factors else 1.0
        differs = np.abs(product - columns.propensity) > PROBABILITY_TOLERANCE * scale
        yield (
            "propensity",
            differs,
            lambda row: (
                f"is {columns.propensity[row]:g}, but action_probabilities says {product[row]:g} for this action"
            ),
        )
    yield from _choice_checks(columns)
    if columns.filled is not None:
        yield "filled", columns.filled < -1, lambda _row: "is below 0"
        if columns.missing is not None:
            unsaid = columns.missing.any(axis=1) & (columns.filled <= 0)
            yield "missing", unsaid, lambda _row: "names a field of the context, but filled is 0 or empty"
    if columns.observation is not None:
        yield "observation", np.isnan(columns.observation), lambda _row: "holds a value that is no number"
    if columns.shadows is not None:
        for shadow, one in zip(schema.shadows, np.moveaxis(columns.shadows, 1, 0), strict=True):
            known = np.stack([is_distribution(part) for part in schema.by_factor(one)]).all(axis=0)
            yield shadow.column, ~(known | np.isnan(one).all(axis=1)), lambda _row: NO_DISTRIBUTION


def _outside(
    columns: DecisionColumns, schema: DecisionLogSchema
) -> Iterator[tuple[str, BoolArray, Callable[[int], str]]]:
    """Actions, or levels of factors, that are none."""
    chosen = columns.action.reshape(len(columns), len(schema.levels))
    for place, size in enumerate(schema.levels):
        one = chosen[:, place]
        about = f", factor {schema.factors[place].name}" if schema.factors else ""
        wanted = f"positions 0..{size - 1} are wanted"
        yield (
            f"action{about}",
            (one < 0) | (one >= size),
            lambda row, one=one, wanted=wanted: f"is {one[row]}; {wanted}",
        )


def chosen_probabilities(table: FloatArray, action: IntArray, schema: DecisionLogSchema) -> FloatArray:
    """Probability of what was chosen, factor by factor ``(n, N)``; of one action of a list ``(n, 1)``.

    Args:
        table: Of every action, or of every level, factor after factor ``(n, K)``.
        action: ``(n,)`` or ``(n, N)``.
        schema: Says what the table holds.
    """
    first = np.cumsum([0, *schema.levels[:-1]])
    return np.take_along_axis(table, action.reshape(len(table), len(first)) + first, axis=1)


def _choice_checks(columns: DecisionColumns) -> Iterator[tuple[str, BoolArray, Callable[[int], str]]]:
    """How the action was chosen: the mask, the share of exploration, and the probabilities fit each other."""
    table, allowed, share = columns.action_probabilities, columns.allowed, columns.exploration
    if allowed is not None:
        forbidden = ~allowed[np.arange(len(columns)), columns.action]
        yield "allowed", forbidden, lambda row: f"forbids the action {columns.action[row]}, which was taken"
        if table is not None:
            yield "allowed", (table > 0.0) & ~allowed, lambda _row: "forbids an action that has a probability above 0"
    if share is not None:
        yield "exploration", (share < 0.0) | (share > 1.0), lambda row: f"is {share[row]:g}; 0 to 1 is wanted"
        if table is not None:
            yield "exploration", more_than_drawn(share, table, allowed), lambda row: MORE_THAN_DRAWN.format(share[row])


NO_DISTRIBUTION = "holds no probabilities from 0 to 1 that sum to 1"
MORE_THAN_DRAWN = "is {:g}, but an allowed action has a smaller probability than this share gives it"


def is_distribution(table: FloatArray) -> BoolArray:
    """Which rows ``(n, K)`` hold probabilities that sum to 1."""
    inside = (table >= 0.0).all(axis=1) & (table <= 1.0 + PROBABILITY_TOLERANCE).all(axis=1)
    return inside & (np.abs(table.sum(axis=1) - 1.0) <= PROBABILITY_TOLERANCE)


def more_than_drawn(share: FloatArray, table: FloatArray, allowed: BoolArray | None) -> BoolArray:
    """Rows in which an allowed action has less than its part ``e / (number allowed)`` of the exploration ``(n,)``."""
    count = table.shape[1] if allowed is None else allowed.sum(axis=1)
    least: FloatArray = (table if allowed is None else np.where(allowed, table, 1.0)).min(axis=1)
    return least < share / count - PROBABILITY_TOLERANCE  # never where the share is NaN


def repeated(ids: TextArray) -> BoolArray:
    """Which entries ``(n,)`` stand in an earlier row too."""
    again = np.ones(len(ids), dtype=np.bool_)
    again[np.unique(ids, return_index=True)[1]] = False
    return again
