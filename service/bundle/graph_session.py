"""Running a bundle's graph: onnxruntime with one thread, inputs and outputs by the schema."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import POLICY
from xbopt.service.bundle.graph_inspection import inspect_graph
from xbopt.service.bundle.schema import Field, Schema, shape_of

Arrays: TypeAlias = dict[str, FloatArray | IntArray]

ROWS_AT_ONCE = 256
_FLOAT64 = np.dtype(np.float64)


class _Options(Protocol):
    intra_op_num_threads: int
    inter_op_num_threads: int
    log_severity_level: int


class _Value(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> list[str | int]: ...


class _Session(Protocol):
    def get_inputs(self) -> Sequence[_Value]: ...
    def get_outputs(self) -> Sequence[_Value]: ...
    def run(
        self, output_names: list[str], input_feed: Mapping[str, FloatArray | IntArray]
    ) -> list[FloatArray | IntArray]: ...


class PolicyGraph(Protocol):
    """A policy's graph, whoever runs it."""

    def named(self, inputs: Mapping[str, FloatArray | IntArray]) -> Arrays:
        """The outputs by name."""
        ...


class GraphSession:
    """A policy's graph, ready to be run by onnxruntime.

    Args:
        model: The bytes of ``policy.onnx``.
        schema: What goes in and comes out.

    Raises:
        BundleError: It holds what no exported graph holds, onnxruntime cannot load it, or it has other inputs and
            outputs than the schema says.
    """

    def __init__(self, model: bytes, schema: Schema) -> None:
        import onnxruntime as ort

        options = cast("_Options", ort.SessionOptions())
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.inspected = inspect_graph(model)
        try:
            make = cast("Callable[..., _Session]", ort.InferenceSession)
            self._session = make(model, sess_options=options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BundleError(f"{POLICY} cannot be loaded: {str(error)[:300]}") from error
        _compare("inputs", self._session.get_inputs(), schema.inputs, schema)
        _compare("outputs", self._session.get_outputs(), schema.outputs, schema)
        self.outputs = [field.name for field in schema.outputs]
        self._by_row = [field.name for field in schema.inputs if field.axes[0] == "B"]

    def run(self, inputs: Mapping[str, FloatArray | IntArray]) -> list[FloatArray | IntArray]:
        """The outputs in the order of the schema.

        Large batches go through in parts: what is worked on then stays near the processor, and the memory that the
        runtime keeps does not grow with the largest batch that ever came.

        Raises:
            BundleError: The runtime failed.
        """
        rows = len(inputs["day"])
        if rows <= ROWS_AT_ONCE:
            return self._run(inputs)
        parts: list[list[FloatArray | IntArray]] = []
        for first in range(0, rows, ROWS_AT_ONCE):
            part = dict(inputs)
            for name in self._by_row:
                part[name] = inputs[name][first : first + ROWS_AT_ONCE]
            parts.append(self._run(part))
        return [joined([part[i] for part in parts]) for i in range(len(self.outputs))]

    def _run(self, inputs: Mapping[str, FloatArray | IntArray]) -> list[FloatArray | IntArray]:
        try:
            return self._session.run(self.outputs, inputs)
        except Exception as error:  # the runtime has no class for its errors that a caller could name
            raise BundleError(f"{POLICY} failed: {str(error)[:300]}") from error

    def named(self, inputs: Mapping[str, FloatArray | IntArray]) -> Arrays:
        """The outputs by name."""
        return dict(zip(self.outputs, self.run(inputs), strict=True))


def joined(parts: "list[FloatArray | IntArray]") -> "FloatArray | IntArray":
    """Arrays of one type, one after the other."""
    array = np.concatenate(parts)
    return array.astype(np.int64, copy=False) if array.dtype.kind == "i" else array.astype(np.float64, copy=False)


def _compare(what: str, values: Sequence[_Value], fields: Sequence[Field], schema: Schema) -> None:
    """The graph's own description against the schema's."""
    kinds = {"tensor(double)": "float64", "tensor(int64)": "int64"}
    found = [(value.name, kinds.get(value.type, value.type), [_length(x) for x in value.shape]) for value in values]
    wanted = [(field.name, field.dtype, list(shape_of(field, schema, -1))) for field in fields]
    if found != wanted:
        differing = next((pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]), (found, wanted))
        raise BundleError(f"{POLICY} has other {what} than schema.json: {differing[0]} against {differing[1]}.")


def _length(length: str | int) -> int:
    return length if isinstance(length, int) else -1


def largest_difference(left: FloatArray | IntArray, right: FloatArray | IntArray) -> float:
    """The largest absolute difference; infinite where the shapes differ or one of them is no number."""
    if left.shape != right.shape:
        return float("inf")
    if not left.size:
        return 0.0
    difference = float(np.abs(left.astype(np.float64) - right.astype(np.float64)).max())
    return difference if np.isfinite(difference) else float("inf")


def golden_difference(
    name: str, found: FloatArray | IntArray, wanted: FloatArray | IntArray, daily_base: float
) -> float:
    """How far an output lies from what the policy gave: money as a share of the day's limit, all else as it is.

    Export and loading measure alike, so that a bundle that was exported loads, whatever its currency.
    """
    unit = daily_base if name == "spend_base" and daily_base > 0.0 else 1.0
    return largest_difference(found, wanted) / unit


def floats_of(arrays: "Mapping[str, FloatArray | IntArray]", name: str) -> FloatArray:
    """One of the arrays, as float64."""
    array = arrays[name]
    if array.dtype is _FLOAT64:
        return array  # type: ignore[return-value]
    return array.astype(np.float64, copy=False)
