"""Golden vectors: what the policy itself gave, compared with what the graph gives, alone and in batches.

Golden rows allow every tactic. What a mask, a forced tactic or level and the draw do follows from the probabilities,
and is checked as arithmetic.
"""

from collections.abc import Mapping

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import GOLDEN, POLICY, Golden
from xbopt.service.bundle.graph_session import ROWS_AT_ONCE, Arrays, PolicyGraph, floats_of, golden_difference
from xbopt.service.bundle.schema import Schema, shape_of
from xbopt.service.bundle.tensors import floats, integers

FEWEST_ROWS = 100
_FEWEST_FREE = 50


def check_golden(golden: Golden, session: PolicyGraph, schema: Schema, *, daily_base: float) -> None:
    """Run the golden inputs and compare with what the policy itself gave.

    Args:
        golden: Inputs and outputs.
        session: The graph.
        schema: Its inputs and outputs.
        daily_base: Most that a day may spend; spend is compared as a share of it.

    Raises:
        BundleError: The graph does not do here what the policy did where the bundle was made.
    """
    inputs, outputs = read_golden(golden, schema)
    compare(session.named(inputs), outputs, golden.tolerance, daily_base)


def check_graph(golden: Golden, session: PolicyGraph, schema: Schema, *, daily_base: float) -> None:
    """All that golden vectors can show: the same again, row by row, in larger batches, and under masks.

    Args:
        golden: Inputs and outputs.
        session: The graph.
        schema: Its inputs and outputs.
        daily_base: Most that a day may spend; spend is compared as a share of it.

    Raises:
        BundleError: The graph does otherwise.
    """
    inputs, outputs = read_golden(golden, schema)
    found = session.named(inputs)
    compare(found, outputs, golden.tolerance, daily_base)
    again = session.named(inputs)
    if any(found[name].tobytes() != again[name].tobytes() for name in found):
        raise BundleError(f"{POLICY} gives other numbers when it is asked again.")
    by_row = [field.name for field in schema.inputs if field.axes[0] == "B"]
    # Most requests ask for one decision, and large ones come in parts of this size.
    alone = [np.array([row]) for row in range(golden.rows)]
    for rows in (*alone, np.arange(ROWS_AT_ONCE) % golden.rows):
        part = inputs | {name: inputs[name][rows] for name in by_row}
        wanted = {name: outputs[name][rows] for name in outputs}
        compare(session.named(part), wanted, golden.tolerance, daily_base)
    if schema.shape == "tactic":
        _check_draws(inputs, session, golden.tolerance, daily_base)
    elif schema.shape == "factored":
        _check_levels(inputs, session, golden.tolerance, daily_base)


def read_golden(golden: Golden, schema: Schema) -> tuple[Arrays, Arrays]:
    """Inputs and outputs, of which the schema names every one.

    Raises:
        BundleError: They prove too little: too few rows, no number, an output less, a tolerance too wide.
    """
    if golden.rows < FEWEST_ROWS:
        raise BundleError(f"{GOLDEN} has {golden.rows} pairs; at least {FEWEST_ROWS} are wanted.")
    if not 0.0 <= golden.tolerance <= 1e-6:
        raise BundleError(f"{GOLDEN} has the tolerance {golden.tolerance:g}; at most 1e-6 is allowed.")
    if set(golden.inputs) != {field.name for field in schema.inputs} or set(golden.outputs) != {
        field.name for field in schema.outputs
    }:
        raise BundleError(f"{GOLDEN} has other inputs or outputs than the schema.")
    made: list[Arrays] = []
    for fields, tensors in ((schema.inputs, golden.inputs), (schema.outputs, golden.outputs)):
        arrays: Arrays = {}
        for field in fields:
            read = floats if field.dtype == "float64" else integers
            arrays[field.name] = read(tensors, field.name, shape_of(field, schema, golden.rows), GOLDEN)
            # Money left may be without a limit; nothing may be no number.
            if np.isnan(arrays[field.name]).any():
                raise BundleError(f"{GOLDEN}: {field.name} holds values that are no numbers.")
        made.append(arrays)
    inputs, outputs = made
    if schema.shape != "direct" and free_rows(inputs).sum() < _FEWEST_FREE:
        raise BundleError(f"{GOLDEN} leaves the policy its choice in fewer than {_FEWEST_FREE} rows.")
    return inputs, outputs


def free_rows(inputs: Arrays) -> BoolArray:
    """Rows in which all is drawn, and nothing forced ``(rows,)``."""
    return np.asarray((inputs["forced"] < 0).reshape(len(inputs["forced"]), -1).all(axis=1))


def compare(found: Arrays, wanted: Mapping[str, FloatArray | IntArray], tolerance: float, daily_base: float) -> None:
    """Check that outputs are those that are wanted.

    Raises:
        BundleError: One differs by more than the tolerance.
    """
    for name, array in wanted.items():
        difference = golden_difference(name, found[name], array, daily_base)
        # A difference that is no number is a difference.
        if not difference <= tolerance:
            raise BundleError(
                f"{POLICY} gives another {name} than the policy gave (difference {difference:.3g}, at most "
                f"{tolerance:g} allowed). What runs it on this machine computes otherwise."
            )


def _check_draws(inputs: Arrays, session: PolicyGraph, tolerance: float, daily_base: float) -> None:
    """Masks, draws and forced tactics against the arithmetic that they stand for."""
    every: FloatArray = np.ones(inputs["allowed"].shape)
    tactics = every.shape[-1]
    free = inputs | {"forced": np.full_like(inputs["forced"], -1), "allowed": every}
    own = floats_of(session.named(free), "probabilities")
    default: FloatArray = np.zeros(every.shape)
    default[..., -1] = 1.0
    alternate: FloatArray = np.zeros(every.shape)
    alternate[..., ::2] = 1.0
    for allowed in (every, alternate, every - alternate, np.zeros_like(every)):
        masked = free | {"allowed": allowed, "default": default}
        found = session.named(masked)
        mass = (own * allowed).sum(axis=3, keepdims=True)
        share: FloatArray = np.where(mass > 0.0, own * allowed / np.where(mass > 0.0, mass, 1.0), default)
        tactic = found["tactic"].astype(np.int64)
        inside = (tactic >= 0) & (tactic < tactics)
        if not inside.all():
            raise BundleError(f"{POLICY} draws a tactic that is not on the menu.")
        propensity = np.take_along_axis(share, tactic[..., None], axis=3)[..., 0]
        if not (propensity > 0.0).all() or not _is_drawn(tactic, share, floats_of(inputs, "uniform"), tolerance):
            raise BundleError(f"{POLICY} draws another tactic than its probabilities and the uniform number say.")
        compare(
            found,
            {"probabilities": share, "allowed_mass": mass, "propensity": propensity},
            tolerance,
            daily_base,
        )
        forced = session.named(masked | {"forced": tactic})
        must: FloatArray = np.zeros_like(share)
        np.put_along_axis(must, tactic[..., None], 1.0, axis=3)
        same = {name: found[name] for name in found if name not in {"probabilities", "propensity", "allowed_mass"}}
        compare(forced, same | {"probabilities": must, "propensity": np.ones_like(propensity)}, tolerance, daily_base)


def _check_levels(inputs: Arrays, session: PolicyGraph, tolerance: float, daily_base: float) -> None:
    """Draws and forced levels of factors against the arithmetic that they stand for."""
    found = session.named(inputs | {"forced": np.full_like(inputs["forced"], -1)})
    own, levels = floats_of(found, "probabilities"), found["levels"].astype(np.int64)
    if not ((levels >= 0) & (levels < own.shape[-1])).all():
        raise BundleError(f"{POLICY} draws a level that there is not.")
    propensity = np.take_along_axis(own, levels[..., None], axis=2)[..., 0]
    if not (propensity > 0.0).all() or not _is_drawn(levels, own, floats_of(inputs, "uniform"), tolerance):
        raise BundleError(f"{POLICY} draws another level than its probabilities and the uniform number say.")
    compare(found, {"propensity": propensity}, tolerance, daily_base)
    must: FloatArray = np.zeros_like(own)
    np.put_along_axis(must, levels[..., None], 1.0, axis=2)
    forced = session.named(inputs | {"forced": levels})
    same = {name: found[name] for name in found if name not in {"probabilities", "propensity"}}
    compare(forced, same | {"probabilities": must, "propensity": np.ones_like(propensity)}, tolerance, daily_base)


def _is_drawn(chosen: IntArray, probabilities: FloatArray, uniform: FloatArray, tolerance: float) -> bool:
    """Whether the uniform number lies in the choice's interval of the cumulated probabilities, but for rounding."""
    cumulative = np.cumsum(probabilities, axis=-1)
    at = uniform * cumulative[..., -1]
    high = np.take_along_axis(cumulative, chosen[..., None], axis=-1)[..., 0]
    low = high - np.take_along_axis(probabilities, chosen[..., None], axis=-1)[..., 0]
    return bool(((low - tolerance <= at) & (at <= high + tolerance)).all())
