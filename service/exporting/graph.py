"""Writing ONNX graphs node by node: no exporter, no tracing, float64 throughout."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.service.bundle.graph_inspection import IR_VERSION, OPSET

Constant = FloatArray | IntArray | BoolArray
_TYPES = {"float64": TensorProto.DOUBLE, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


class Graph:
    """An ONNX graph under construction; every method gives the name of a tensor.

    Equal constants are stored once.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def input(self, name: str, dtype: str, axes: Sequence[str | int]) -> str:
        """An input; a text among the axes is a dynamic length."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(axes)))
        return name

    def output(self, tensor: str, name: str, dtype: str, axes: Sequence[str | int]) -> None:
        """Give a tensor to the outside under a name."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(axes)))

    def constant(self, value: Constant | Sequence[int] | float) -> str:
        """A constant; whole numbers in a sequence become int64, a number becomes float64."""
        array = np.asarray(value, dtype=np.float64) if isinstance(value, float) else np.asarray(value)
        array = np.ascontiguousarray(array) if array.ndim else array
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = name = f"c{len(self._constants)}"
            self._constants.append(numpy_helper.from_array(array, name))
        return self._known[key]

    def whole(self, value: int) -> str:
        """A whole number without axes."""
        return self.constant(np.array(value, dtype=np.int64))

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """A node with one output."""
        # Attributes are whatever an operator takes; the library's own names come first in its signature.
        make = cast("Callable[..., onnx.NodeProto]", helper.make_node)
        name = f"n{len(self._nodes)}_0"
        self._nodes.append(make(operator, list(inputs), [name], **attributes))
        return name

    def expand(self, tensor: str, like: str, *shape: int) -> str:
        """The same entries for every row of another tensor's first axis, in the shape ``(B, *shape)``."""
        rows = self.add("Shape", like, start=0, end=1)
        return self.add("Expand", tensor, self.add("Concat", rows, self.constant(list(shape)), axis=0))

    def total(self, tensor: str, *axes: int, keep: bool = False) -> str:
        """Sum over axes."""
        return self.add("ReduceSum", tensor, self.constant(list(axes)), keepdims=int(keep))

    def at_least(self, tensor: str, bound: float | FloatArray) -> str:
        """Entry by entry, no less than the bound."""
        return self.add("Max", tensor, self.constant(bound))

    def at_most(self, tensor: str, bound: float | FloatArray) -> str:
        """Entry by entry, no more than the bound."""
        return self.add("Min", tensor, self.constant(bound))

    def reshape(self, tensor: str, *shape: int) -> str:
        """Another shape with the same entries; -1 for what is left over."""
        return self.add("Reshape", tensor, self.constant(list(shape)))

    def unsqueeze(self, tensor: str, *axes: int) -> str:
        """New axes of length 1."""
        return self.add("Unsqueeze", tensor, self.constant(list(axes)))

    def rows_of(self, table: Constant, index: str) -> str:
        """Rows of a constant table, by position along its first axis."""
        return self.add("Gather", self.constant(table), index, axis=0)

    def dense(self, tensor: str, weight: FloatArray, bias: FloatArray) -> str:
        """``tensor @ weight + bias`` along the last axis: weight ``(in, out)``, bias ``(out,)``."""
        return self.add("Add", self.add("MatMul", tensor, self.constant(weight)), self.constant(bias))

    def model(self, *, name: str, metadata: Mapping[str, str]) -> bytes:
        """The finished model, checked, as the bytes of one file."""
        model = helper.make_model(
            helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants),
            producer_name="xbopt",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        for key in sorted(metadata):
            model.metadata_props.add(key=key, value=metadata[key])
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def as_float(array: NDArray[np.generic]) -> FloatArray:
    """The array as float64, contiguous."""
    return np.ascontiguousarray(array, dtype=np.float64)
