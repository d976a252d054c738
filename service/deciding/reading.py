"""From requests to the arrays of the graph: shapes, missing values, ranges, and the check for drift."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.limits import Remaining
from xbopt.core.errors import UsageError
from xbopt.service.bundle.formats import Guardrails
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.bundle.schema import CAPS, FEATURE_AXES, Feature, Field, Schema, shape_of
from xbopt.service.deciding.requests import BESIDE, AllocationRequest, request_type

_WORDS = {"R": "regions", "S": "segments", "C": "channels", "H": "dayparts", "K": "tactics"}
_LARGEST_INTEGER = 2.0**53


class RequestError(UsageError):
    """Raised when a request does not fit the schema of the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Inputs of a batch of decisions.

    Attributes:
        decision_ids: ``(B,)``.
        inputs: What the schema asks of a request, by name and in its order; the schema gives shapes.
        held: ``(B, R, S)``; -1 where a tactic is to be drawn. None where all are.
        previous_base: Spend of the day before ``(B, R, S, C)``, NaN where unknown; None where nobody says.
        active: Which cells are decided ``(B, R, S)``; None for all.
        drifted: Rows whose inputs lie outside what was seen ``(B,)``; None where none do.
    """

    decision_ids: list[str]
    inputs: Arrays
    held: IntArray | None = None
    previous_base: FloatArray | None = None
    active: BoolArray | None = None
    drifted: BoolArray | None = None

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

    def beside(self) -> "Iterator[tuple[str, FloatArray | IntArray | BoolArray]]":
        """Name and array of what the graph does not read, where there is any."""
        for name in BESIDE:
            array: FloatArray | IntArray | BoolArray | None = getattr(self, name)
            if array is not None:
                yield name, array


class RequestReader:
    """Reads requests for one bundle.

    Args:
        schema: The schema.
        guardrails: Say how far beyond what was seen is too far.
        schema_sha256: Hash of the schema.

    Raises:
        BundleError: No request can hold the inputs of the schema.
    """

    def __init__(self, schema: Schema, guardrails: Guardrails, *, schema_sha256: str) -> None:
        self._schema, self._hash = schema, schema_sha256
        self.request_type = request_type(schema)
        self.decoder = msgspec.json.Decoder(self.request_type | list[self.request_type])
        self.one_decoder = msgspec.json.Decoder(self.request_type)
        self._asked = schema.asked
        self._shapes = {field.name: shape_of(field, schema, 1)[1:] for field in self._asked}
        self._tactics = len(schema.axes.get("K", []))
        self._cells = (len(schema.axes["R"]), len(schema.axes["S"]))
        self.units = [f"{region}/{segment}" for region in schema.axes["R"] for segment in schema.axes["S"]]
        self._unit_position = {unit: i for i, unit in enumerate(self.units)}
        # All features of a row side by side, input after input. One comparison then finds every missing value, every
        # infinite one and every drift.
        featured = [field for field in self._asked if is_featured(field)]
        self._featured = [field.name for field in featured]
        self._features: list[Feature] = []
        for field in featured:
            self._features += schema.features[field.axes[-1]] * int(np.prod(self._shapes[field.name][:-1]))
        low = np.array([feature.low for feature in self._features])
        high = np.array([feature.high for feature in self._features])
        room = guardrails.drift_deviations * np.array([feature.deviation for feature in self._features])
        # A feature that never moved has no deviation to measure by; a tenth of its size is no drift.
        room = np.where(room > 0.0, room, 0.1 * np.maximum(np.abs(high), 1.0))
        self._centre = (high + low) / 2.0
        self._reach = (high - low) / 2.0 + room
        self._bounds = {
            field.name: (-np.inf if field.low is None else field.low, np.inf if field.high is None else field.high)
            for field in self._asked
            if not is_featured(field)
        }

    def one(self, request: AllocationRequest, decision_id: str) -> Batch:
        """The inputs of one request.

        Raises:
            RequestError: It does not fit the schema.
        """
        if request.schema_sha256 is not None and request.schema_sha256 != self._hash:
            raise RequestError(f"The request is for another schema; that of this bundle is {self._hash}.")
        if request.channels and "channels" not in self._shapes:
            raise RequestError("The policy reads no features of channels; leave channels out.")
        given: Arrays = {}
        for field in self._asked:
            value: object = getattr(request, field.name, None)
            if value is not None:
                given[field.name] = read_numbers(field, [value])
        return self.batch(
            [decision_id],
            given,
            held=self._held(request.held),
            previous_base=self._previous(request.previous_spend_base),
            active=self._active(request.units),
        )

    def batch(
        self,
        decision_ids: list[str],
        inputs: "Mapping[str, FloatArray | IntArray]",
        *,
        held: IntArray | None = None,
        previous_base: FloatArray | None = None,
        active: BoolArray | None = None,
    ) -> Batch:
        """The inputs of a batch that came as arrays.

        Args:
            decision_ids: ``(B,)``.
            inputs: By name, with the shapes of the schema; NaN stands for a missing feature.
            held: As in ``Batch``.
            previous_base: As in ``Batch``.
            active: As in ``Batch``.

        Raises:
            RequestError: They do not fit the schema.
        """
        rows = len(decision_ids)
        arrays: Arrays = {}
        for field in self._asked:
            shape = (rows, *self._shapes[field.name])
            array = inputs.get(field.name)
            if array is None:
                otherwise = if_missing(field)
                if otherwise is None:
                    raise RequestError(f"The input {field.name!r} is missing; its shape is {shape}.")
                filled = np.full(shape, otherwise)
                array = filled.astype(np.int64) if field.dtype == "int64" else filled
            elif array.shape != shape or not self._within(field, array):
                raise RequestError(self._complaint(field, array, shape))
            arrays[field.name] = array
        flat = self._flat(arrays)
        inside = np.abs(flat - self._centre) <= self._reach
        drifted: BoolArray | None = None
        if not inside.all():
            flat = self._without_missing(flat)
            outside: BoolArray = ~(np.abs(flat - self._centre) <= self._reach)
            strange = np.asarray(outside.any(axis=1))
            drifted = strange if strange.any() else None
            first = 0
            for name in self._featured:
                width = int(np.prod(self._shapes[name]))
                arrays[name] = flat[:, first : first + width].reshape(arrays[name].shape)
                first += width
        return Batch(
            decision_ids=decision_ids,
            inputs=arrays,
            held=held,
            previous_base=previous_base,
            active=active,
            drifted=drifted,
        )

    def drifted_features(self, batch: Batch) -> list[str]:
        """Names of the features that lie outside what was seen, in any row."""
        outside = (~(np.abs(self._flat(batch.inputs) - self._centre) <= self._reach)).any(axis=0)
        return sorted({self._features[i].name for i in np.flatnonzero(outside).tolist()})

    def _flat(self, arrays: Arrays) -> FloatArray:
        """All features of a row side by side ``(B, N)``."""
        rows = len(arrays["day"])
        return np.concatenate([floats_of(arrays, name).reshape(rows, -1) for name in self._featured], axis=1)

    def _within(self, field: Field, array: "FloatArray | IntArray") -> bool:
        """Whether all numbers lie in the range of the schema; for features that is the business of the drift check."""
        if field.name not in self._bounds:
            return True
        low, high = self._bounds[field.name]
        return low <= array.item() <= high if array.size == 1 else bool(((array >= low) & (array <= high)).all())

    def _complaint(self, field: Field, array: "FloatArray | IntArray", shape: tuple[int, ...]) -> str:
        """What is wrong with an array that has another shape or range."""
        name, axes = field.name, [_WORDS.get(axis, "features") for axis in field.axes[1:]]
        if name not in self._bounds:
            return f"{name} has the shape {array.shape[1:]}; {shape[1:]} is wanted: {', '.join(axes)}."
        low, high = self._bounds[name]
        allowed = f"{low:g} or more" if high == np.inf else f"{low:g} to {high:g}"
        if axes:
            numbers = " x ".join(map(str, shape[1:]))
            cap = "; null for no cap" if name in CAPS else ""
            return f"{name} needs {numbers} numbers ({', '.join(axes)}) of {allowed}{cap}."
        if array.shape != shape:
            return f"{name} has the shape {array.shape}; {shape} is wanted."
        wrong = array[~((array >= low) & (array <= high))].ravel()[0]
        return f"{name} is {wrong:g}; {allowed} is possible."

    def _without_missing(self, flat: FloatArray) -> FloatArray:
        """Fill in missing values by the schema's rule; an infinite value is no value at all."""
        if np.isinf(flat).any():
            raise RequestError("A feature is infinite; give a number, or null where it is missing.")
        missing = np.isnan(flat)
        if not missing.any():
            return flat
        filled = flat.copy()
        for position in np.flatnonzero(missing.any(axis=0)).tolist():
            feature = self._features[position]
            if feature.missing.rule == "refuse":
                raise RequestError(f"The feature {feature.name} is missing, and nothing stands in for it.")
            filled[missing[:, position], position] = feature.missing.value
        return filled

    def _held(self, held: list[list[int]] | None) -> IntArray | None:
        if held is None:
            return None
        shape, tactics = self._cells, self._tactics
        try:
            array = np.array(held, dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise RequestError("held has rows of unequal length, or no tactics.") from error
        if array.shape != shape or not ((array >= -1) & (array < tactics)).all():
            raise RequestError(f"held needs one tactic from 0 to {tactics - 1} a cell, shape {shape}; -1 to draw.")
        return array[None]

    def _previous(self, spend: list[list[list[float]]] | None) -> FloatArray | None:
        if spend is None:
            return None
        try:
            array = np.array(spend, dtype=np.float64)
        except ValueError as error:
            raise RequestError("previous_spend_base has rows of unequal length.") from error
        shape = (*self._cells, len(self._schema.axes["C"]))
        if array.shape != shape or not (np.isfinite(array) & (array >= 0.0)).all():
            raise RequestError(f"previous_spend_base needs amounts of 0 or more, shape {shape}.")
        return array[None]

    def _active(self, units: list[str] | None) -> BoolArray | None:
        if units is None:
            return None
        active = np.zeros((1, len(self.units)), dtype=np.bool_)
        for unit in units:
            if unit not in self._unit_position:
                raise RequestError(f"There is no unit {unit!r}; known: {', '.join(self.units[:8])}.")
            active[0, self._unit_position[unit]] = True
        if not units:
            raise RequestError("units is empty; name cells, or leave it out for all of them.")
        return active.reshape(1, *self._cells)


def is_featured(field: Field) -> bool:
    """Whether an input holds features, whose ranges and rules stand in the schema one by one."""
    return field.axes[-1] in FEATURE_AXES


def if_missing(field: Field) -> float | None:
    """What stands for a missing value of an input; None where nothing does, or each feature has its own rule."""
    if field.name in CAPS:
        return np.inf
    return field.missing.value if field.missing.rule == "value" and not is_featured(field) else None


def read_numbers(field: Field, data: object) -> "FloatArray | IntArray":
    """Numbers as JSON has them, as an array of the field's type; null is a missing value.

    Raises:
        RequestError: They are not a regular array, or not whole where they have to be.
    """
    try:
        array = np.array(data, dtype=np.float64 if field.dtype == "float64" else None)
        if array.dtype == np.int64:
            return array
        array = array.astype(np.float64, copy=False)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(f"{field.name} has rows of unequal length, or holds something that is no number.") from error
    otherwise = if_missing(field)
    if otherwise is not None:
        array = np.where(np.isnan(array), otherwise, array)
    if field.dtype == "int64":
        if not ((np.abs(array) <= _LARGEST_INTEGER) & (array == np.floor(array))).all():
            raise RequestError(f"{field.name} has to hold whole numbers.")
        return array.astype(np.int64)
    return array
