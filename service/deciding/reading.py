"""From requests to the arrays of the graph: shapes, missing values, ranges, and the check for drift."""

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import cast

import msgspec
import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.service.bundle.formats import Guardrails
from xbopt.service.bundle.graph_session import Arrays, floats_of
from xbopt.service.bundle.schema import CAPS, FEATURE_AXES, Feature, Field, Schema, shape_of
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.beside import NOTHING, Beside, BesideReader
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.plain_requests import PlainReader
from xbopt.service.deciding.requests import AllocationRequest, RequestError, request_type

_MARKET_WORDS = {"R": "regions", "S": "segments", "C": "channels", "H": "dayparts"}
_WORDS = {**_MARKET_WORDS, "K": "tactics", "A": "factors", "L": "levels"}
_TEXTS = attrgetter("episode_id", "schema_sha256")
_LARGEST_INTEGER = 2.0**53
_LARGEST_NUMBER = np.finfo(np.float64).max


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
        self.beside = BesideReader(schema)
        # All features of a row side by side, input after input. One comparison then finds every missing value, every
        # infinite one and every drift.
        featured = [field for field in self._asked if is_featured(field)]
        self._featured = [field.name for field in featured]
        self._features: list[Feature] = []
        for field in featured:
            self._features += schema.features[field.axes[-1]] * int(np.prod(self._shapes[field.name][:-1]))
        low = np.array([feature.low for feature in self._features])
        high = np.array([feature.high for feature in self._features])
        with np.errstate(over="ignore"):  # so wide a range is as wide as numbers go
            room = guardrails.drift_deviations * np.array([feature.deviation for feature in self._features])
        # A feature that never moved has no deviation to measure by; a tenth of its size is no drift.
        room = np.where(room > 0.0, room, 0.1 * np.maximum(np.abs(high), 1.0))
        self._centre = high / 2.0 + low / 2.0
        # Infinity is no number, however wide the range.
        self._reach = np.minimum(high / 2.0 - low / 2.0 + room, _LARGEST_NUMBER)
        # The share is of the numbers that a gap may be in: features, and further inputs with a value for one.
        self._stand_in = {
            field.name: value
            for field in self._asked
            if (value := if_missing(field)) is not None and field.name not in CAPS
        }
        numbers = sum(int(np.prod(self._shapes[name])) for name in (*self._featured, *self._stand_in))
        self._most_missing = guardrails.missing_allowed * numbers
        self._bounds = {
            field.name: (-np.inf if field.low is None else field.low, np.inf if field.high is None else field.high)
            for field in self._asked
            if not is_featured(field)
        }
        self._plain = PlainReader([(field, self._shapes[field.name], *self._usual(field)) for field in self._asked])

    def _usual(self, field: Field) -> tuple[FloatArray, FloatArray]:
        """Bounds within which the numbers of an input are surely fine, in its shape; for features that is no drift."""
        shape = self._shapes[field.name]
        if not is_featured(field):
            low, high = self._bounds[field.name]
            return np.full(shape, low), np.full(shape, high)
        first = 0
        for name in self._featured[: self._featured.index(field.name)]:
            first += int(np.prod(self._shapes[name]))
        part = slice(first, first + int(np.prod(shape)))
        centre, reach = self._centre[part].reshape(shape), self._reach[part].reshape(shape)
        # On the edge rounding decides, and does so where drift is looked for.
        edge = 1e-12 * (np.abs(centre) / 2.0 + reach / 2.0)
        low, high = centre / 2.0 - reach / 2.0 + edge, centre / 2.0 + reach / 2.0 - edge
        most = _LARGEST_NUMBER / 2.0
        return 2.0 * np.maximum(low, -most), 2.0 * np.minimum(high, most)

    def plain(self, request: AllocationRequest) -> Batch | None:
        """The inputs of a request made in Python; None where it has to be checked and read the long way."""
        given: object = getattr(request, "decision_id", None)
        if not isinstance(given, str) or request.step is not None:
            return None
        texts: tuple[object, object] = _TEXTS(request)
        episode, schema = texts
        if not isinstance(episode, str) or episode or not (schema is None or isinstance(schema, str)):
            return None
        return self._read_plainly(request, given or new_decision_id())

    def _read_plainly(self, request: AllocationRequest, decision_id: str) -> Batch | None:
        """The inputs of a request that has nothing beside them."""
        usual = (
            isinstance(request, self.request_type)
            and ("channels" in self._shapes or request.channels is None)
            and request.units is None
            and request.held is None
            and request.previous_spend_base is None
            and (request.schema_sha256 is None or request.schema_sha256 == self._hash)
        )
        return self._plain.batch(request, decision_id) if usual else None

    def checked(self, request: AllocationRequest) -> AllocationRequest:
        """A request made in Python, held to the types of the JSON body; arrays of numpy may stand for lists.

        Raises:
            RequestError: A number is a text or a truth value, a cap is NaN, a text holds half a character, or something
                else has the wrong type.
        """
        given: dict[str, object] = {name: getattr(request, name) for name in request.__struct_fields__}
        # A row of a batch is called id/row; bodies cannot ask for one, and whoever works it out again has to.
        decision_id = given.pop("decision_id")
        if not isinstance(decision_id, str):
            raise RequestError(f"decision_id is {decision_id!r}; a text is wanted.")
        given = {name: _listed(value) for name, value in given.items() if value is not None}
        try:
            made = msgspec.convert(given, self.request_type)
        except (msgspec.ValidationError, UnicodeEncodeError):
            # Numbers of numpy inside lists take longer to find.
            try:
                made = msgspec.convert(_listed_wholly(given), self.request_type)
            except (msgspec.ValidationError, UnicodeEncodeError) as error:
                raise RequestError(f"{error}.") from error
        for name in CAPS:
            refuse_nan(name, getattr(made, name))
        made.decision_id = decision_id
        return made

    def one(self, request: AllocationRequest, decision_id: str) -> Batch:
        """The inputs of one request.

        Raises:
            RequestError: It does not fit the schema.
        """
        plain = self._read_plainly(request, decision_id)
        if plain is not None:
            return plain
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
            self.beside.nested(request.previous_spend_base, request.held, request.units),
        )

    def batch(
        self,
        decision_ids: list[str],
        inputs: "Mapping[str, FloatArray | IntArray]",
        beside: Beside = NOTHING,
    ) -> Batch:
        """The inputs of a batch that came as arrays.

        Args:
            decision_ids: ``(B,)``.
            inputs: By name, with the shapes of the schema; NaN stands for a missing feature.
            beside: What stands beside them.

        Raises:
            RequestError: They do not fit the schema.
        """
        rows = len(decision_ids)
        arrays: Arrays = {}
        missing: dict[str, BoolArray] = {}
        for field in self._asked:
            shape = (rows, *self._shapes[field.name])
            given = inputs.get(field.name)
            array = self._absent(field, shape) if given is None else given
            if array.dtype != field.dtype:
                # The kernel takes an array for what the schema says it is.
                array = read_numbers(field, array)
            if field.name in self._stand_in and array.shape == shape:
                gaps = np.isnan(array)
                if gaps.any():
                    missing[field.name] = gaps
                    array = np.where(gaps, self._stand_in[field.name], array.astype(np.float64))
                if field.dtype == "int64":
                    array = array.astype(np.int64, copy=False)
            if given is not None and (array.shape != shape or not self._within(field, array)):
                raise RequestError(self._complaint(field, array, shape))
            arrays[field.name] = array
        flat = self._flat(arrays)
        inside = np.abs(flat - self._centre) <= self._reach
        drifted: BoolArray | None = None
        if not inside.all():
            flat, empty = self._without_missing(flat)
            outside: BoolArray = ~(np.abs(flat - self._centre) <= self._reach)
            strange = np.asarray(outside.any(axis=1))
            drifted = strange if strange.any() else None
            first = 0
            for name in self._featured:
                part = slice(first, first + int(np.prod(self._shapes[name])))
                shape = arrays[name].shape
                arrays[name] = flat[:, part].reshape(shape)
                if empty[:, part].any():
                    missing[name] = empty[:, part].reshape(shape)
                first = part.stop
        incumbent = beside.incumbent
        return Batch(
            decision_ids=decision_ids,
            inputs=arrays,
            held=beside.held,
            previous_base=beside.previous_base,
            active=beside.active,
            granted_base=beside.granted_base,
            incumbent_base=None if incumbent is None else incumbent.spend_base,
            incumbent_weights=None if incumbent is None else incumbent.daypart_weights,
            incumbent_discount=None if incumbent is None else incumbent.discount_frac,
            incumbent_mechanic=None if incumbent is None else incumbent.mechanic,
            drifted=drifted,
            missing=missing,
        )

    def _absent(self, field: Field, shape: tuple[int, ...]) -> FloatArray:
        """What stands for an input that was left out: no cap, or gaps that are filled in like any other."""
        if field.name in CAPS:
            return np.full(shape, np.inf)
        if field.name in self._stand_in:
            return np.full(shape, np.nan)
        raise RequestError(f"The input {field.name!r} is missing; its shape is {shape}.")

    def too_much_missing(self, batch: Batch) -> BoolArray | None:
        """Rows in which more is missing than the guardrails let pass ``(B,)``; None where there are none."""
        if not batch.missing:
            return None
        over: BoolArray = batch.filled > self._most_missing
        return over if over.any() else None

    def drifted_by_name(self, batch: Batch) -> dict[str, int]:
        """Rows in which a feature lies outside what was seen, in any place, by its name."""
        outside: BoolArray = ~(np.abs(self._flat(batch.inputs) - self._centre) <= self._reach)
        found: dict[str, BoolArray] = {}
        for i in np.flatnonzero(outside.any(axis=0)).tolist():
            name = self._features[i].name
            found[name] = found.get(name, False) | outside[:, i]
        return {name: int(rows.sum()) for name, rows in found.items()}

    def missing_by_name(self, batch: Batch) -> dict[str, int]:
        """Numbers that were missing, by the name of the feature or input."""
        found: dict[str, int] = {}
        for field in self._asked:
            if field.name in batch.missing:
                gaps = batch.missing[field.name]
                names = self._schema.axes[field.axes[-1]] if is_featured(field) else [field.name]
                for name, count in zip(names, gaps.reshape(-1, len(names)).sum(axis=0).tolist(), strict=True):
                    if count:
                        found[name] = found.get(name, 0) + count
        return found

    def drifted_features(self, batch: Batch) -> list[str]:
        """Names of the features that lie outside what was seen, in any row."""
        return sorted(self.drifted_by_name(batch))

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

    def _without_missing(self, flat: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Fill in missing values by the schema's rule, and say which; an infinite value is no value at all."""
        if np.isinf(flat).any():
            raise RequestError("A feature is infinite; give a number, or null where it is missing.")
        missing = np.isnan(flat)
        if not missing.any():
            return flat, missing
        filled = flat.copy()
        for position in np.flatnonzero(missing.any(axis=0)).tolist():
            feature = self._features[position]
            if feature.missing.rule == "refuse":
                raise RequestError(f"The feature {feature.name} is missing, and nothing stands in for it.")
            filled[missing[:, position], position] = feature.missing.value
        return filled, missing


def is_featured(field: Field) -> bool:
    """Whether an input holds features, whose ranges and rules stand in the schema one by one."""
    return field.axes[-1] in FEATURE_AXES


def if_missing(field: Field) -> float | None:
    """What stands for a missing value of an input; None where nothing does, or each feature has its own rule."""
    if field.name in CAPS:
        return np.inf
    return field.missing.value if field.missing.rule == "value" and not is_featured(field) else None


def _listed(value: object) -> object:
    return cast("object", value.tolist()) if isinstance(value, np.ndarray | np.generic) else value


def _listed_wholly(value: object) -> object:
    if isinstance(value, dict):
        return {name: _listed_wholly(inner) for name, inner in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_listed_wholly(inner) for inner in cast("list[object]", value)]
    return _listed(value)


def refuse_nan(name: str, data: object) -> None:
    """Refuse NaN in a cap: that says nothing, and as ``null`` it would take the cap away.

    Raises:
        RequestError: A cap is NaN.
    """
    if name in CAPS and _holds_nan(data):
        raise RequestError(f"{name} holds NaN; give an amount, Infinity, or null for no cap.")


def _holds_nan(data: object) -> bool:
    if isinstance(data, list):
        return any(map(_holds_nan, cast("list[object]", data)))
    return isinstance(data, float) and math.isnan(data)


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
    if field.name in CAPS:
        return np.where(np.isnan(array), np.inf, array)
    if field.dtype == "int64":
        may_be_missing = np.isnan(array) & (if_missing(field) is not None)
        if not ((np.abs(array) <= _LARGEST_INTEGER) & (array == np.floor(array)) | may_be_missing).all():
            raise RequestError(f"{field.name} has to hold whole numbers.")
        return array if may_be_missing.any() else array.astype(np.int64)
    return array
