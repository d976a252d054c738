"""From the nodes of a graph to steps of the native kernel (``simulator/kernel/program.h``), for one row.

A request may not say how long anything is, so all shapes are known here. A tensor is a place in the kernel's memory and
a stride an axis: what only names entries anew (reshaping, slices, expansion) costs no step. What depends on constants
alone is worked out once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.bundle.graph_inspection import Inspected, Node
from xbopt.service.bundle.layout import (
    LOOPS,
    Kind,
    NotNativeError,
    Shape,
    Tensor,
    changed,
    evenly_taken,
    loops_over,
    picked,
    runs_of,
    side_by_side,
    stretched,
    viewed,
)
from xbopt.service.bundle.schema import Field, Schema, shape_of

_LARGEST_INTEGER = 2.0**53
_MOST_NUMBERS = 1 << 22
_SCALARS = 64
"""Room for constants that steps need and the graph has not."""

_ONE = {"Neg": "NEGATIVE", "Abs": "ABSOLUTE", "Exp": "EXP", "Log": "LOG", "Sqrt": "ROOT", "Tanh": "TANH"}
_TWO = {"Add": "ADD", "Sub": "SUBTRACT", "Mul": "TIMES", "Div": "DIVIDE", "Min": "LEAST", "Max": "MOST"}
_TRUTHS = {
    "Greater": "GREATER", "GreaterOrEqual": "GREATER_OR_EQUAL", "Less": "LESS", "LessOrEqual": "LESS_OR_EQUAL",
    "Equal": "EQUAL", "And": "LEAST", "Or": "MOST",
}  # fmt: skip
_FOLDS = {"ReduceSum": "SUM", "ReduceMean": "SUM", "ReduceMin": "LOWEST"}
_PLACES = {"ArgMax": "PLACE_OF_MOST", "ArgMin": "PLACE_OF_LEAST"}
_SINGLE, _WHOLE, _TRUTH, _DOUBLE = 1, 7, 9, 11
_CAST: Mapping[int, Kind] = {_SINGLE: "s", _WHOLE: "i", _TRUTH: "b", _DOUBLE: "f"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A program.

    Attributes:
        steps: ``(N, 25)``, as ``struct step``; first those that depend on constants alone.
        fixed: How many these are.
        constants: What the memory begins with.
        tensors: Inputs and then outputs ``(N, 4)``, as ``struct tensor``.
        total: Numbers of the memory.
    """

    steps: IntArray
    fixed: int
    constants: FloatArray
    tensors: IntArray
    total: int


def lower(graph: Inspected, schema: Schema, operations: Sequence[str]) -> Lowered:
    """The program of a graph.

    Args:
        graph: The graph.
        schema: Its inputs and outputs.
        operations: Names of the kernel's operations, in the order of their numbers.

    Raises:
        NotNativeError: The kernel has no steps for it.
    """
    return _Lowering(graph, schema, operations).lowered()


class _Lowering:
    def __init__(self, graph: Inspected, schema: Schema, operations: Sequence[str]) -> None:
        self._numbers = {name: number for number, name in enumerate(operations)}
        self._schema = schema
        self._steps: list[list[int]] = []
        self._once: list[list[int]] = []
        held = sum(array.size for array in graph.constants.values())
        self._total = held + _SCALARS
        self._constants: FloatArray = np.zeros(self._total)
        self._used = 0
        self._known: dict[str, Tensor] = {name: self._constant(array) for name, array in graph.constants.items()}
        self._nodes = graph.nodes

    def lowered(self) -> Lowered:
        inputs = [self._input(field) for field in self._schema.inputs]
        for node in self._nodes:
            self._known[node.output] = self._lower(node)
        outputs = [self._row(field, self._dense(self._known[field.name])) for field in self._schema.outputs]
        return Lowered(
            steps=np.array(self._once + self._steps, dtype=np.int64),
            fixed=len(self._once),
            constants=self._constants,
            tensors=np.array(inputs + outputs, dtype=np.int64),
            total=self._total,
        )

    def _constant(self, array: "FloatArray | IntArray | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> Tensor:
        if array.dtype.kind == "i" and array.size and np.abs(array.astype(np.float64)).max() > _LARGEST_INTEGER:
            raise NotNativeError("it holds whole numbers beyond 2^53")
        at, self._used = self._used, self._used + array.size
        if self._used > len(self._constants):
            raise NotNativeError("it needs too many constants")
        self._constants[at : self._used] = array.ravel()
        kind: Kind = "s" if array.dtype == np.float32 else {"f": "f", "i": "i", "b": "b"}[array.dtype.kind]  # type: ignore[assignment]
        values = array.astype(np.int64) if kind == "i" else None
        return Tensor(at=at, shape=array.shape, strides=side_by_side(array.shape), kind=kind, fixed=True, values=values)

    def _input(self, field: Field) -> list[int]:
        shape = shape_of(field, self._schema, 1)
        bounded = field.low is not None and field.high is not None
        if field.dtype == "int64" and not (bounded and max(-field.low, field.high) <= _LARGEST_INTEGER):  # type: ignore[operator,type-var]
            raise NotNativeError(f"the input {field.name} holds whole numbers without bounds")
        tensor = self._room(shape, "i" if field.dtype == "int64" else "f")
        self._known[field.name] = tensor
        return self._row(field, tensor)

    def _row(self, field: Field, tensor: Tensor) -> list[int]:
        if tensor.shape != shape_of(field, self._schema, 1):
            raise NotNativeError(f"{field.name} depends on more than one row")
        return [tensor.at, prod(tensor.shape), int(field.axes[0] == "B"), int(field.dtype == "int64")]

    def _room(self, shape: Shape, kind: Kind, *, fixed: bool = False) -> Tensor:
        at, self._total = self._total, self._total + max(prod(shape), 1)
        if self._total > _MOST_NUMBERS:
            raise NotNativeError("it takes too much memory")
        return Tensor(at=at, shape=shape, strides=side_by_side(shape), kind=kind, fixed=fixed)

    def _step(self, name: str, lengths: Sequence[int], to: Tensor, *operands: tuple[int, Sequence[int]]) -> None:
        """One step; the first operand is what is written."""
        assert len(lengths) == LOOPS, "a step has four loops"
        if not prod(lengths):
            return
        encoded = [self._numbers[name], *lengths]
        for at, strides in operands:
            encoded += [at, *strides]
        encoded += [0] * (1 + LOOPS + 4 * (1 + LOOPS) - len(encoded))
        (self._once if to.fixed else self._steps).append(encoded)

    def _each(self, name: str, kind: Kind, *inputs: Tensor, to: Tensor | None = None) -> Tensor:
        """An operation entry by entry, whose inputs are stretched to one shape."""
        shape = np.broadcast_shapes(*(one.shape for one in inputs))
        made = to or self._room(shape, kind, fixed=all(one.fixed for one in inputs))
        every = [made.strides, *(stretched(one, shape) for one in inputs)]
        lengths, strides = loops_over(shape, every)
        self._step(name, lengths, made, *zip((made.at, *(one.at for one in inputs)), strides, strict=True))
        return made

    def _dense(self, tensor: Tensor) -> Tensor:
        """The same entries side by side."""
        lengths = zip(tensor.strides, side_by_side(tensor.shape), tensor.shape, strict=True)
        if all(own == wanted or length <= 1 for own, wanted, length in lengths):
            return replace(tensor, strides=side_by_side(tensor.shape))
        return self._each("COPY", tensor.kind, tensor)

    def _lower(self, node: Node) -> Tensor:
        operator = node.operator
        inputs = [self._known[name] for name in node.inputs if name]
        if operator != "Cast" and any(one.kind == "s" for one in inputs):
            raise NotNativeError(f"{operator} works in float32")
        if inputs[0].kind == "i" and operator in {*_ONE, "Div", "MatMul", "ReduceMean"}:
            raise NotNativeError(f"{operator} works on whole numbers")
        if operator in _ONE:
            return self._each(_ONE[operator], "f", inputs[0])
        if operator in _TWO or operator in _TRUTHS:
            made = inputs[0]
            kind: Kind = "b" if operator in _TRUTHS else made.kind
            for other in inputs[1:]:
                made = self._each({**_TWO, **_TRUTHS}[operator], kind, made, other)
            return made
        lowered: Mapping[str, Callable[[Node, list[Tensor]], Tensor]] = {
            "Cast": self._cast, "Clip": self._clip, "Concat": self._concat, "CumSum": self._running_sum,
            "Expand": self._expand, "Flatten": self._flatten, "Gather": self._gather,
            "GatherElements": self._gather_along, "MatMul": self._multiply, "Shape": self._shape,
            "Reshape": self._reshape, "Squeeze": self._squeeze, "Transpose": self._transpose,
            "Unsqueeze": self._unsqueeze, "Where": self._choose,
        }  # fmt: skip
        if operator in lowered:
            return lowered[operator](node, inputs)
        if operator in _FOLDS:
            return self._fold(node, inputs)
        if operator in _PLACES:
            return self._place(node, inputs)
        if operator == "Identity":
            return inputs[0]
        raise NotNativeError(f"there are no steps for {operator}")

    def _cast(self, node: Node, inputs: list[Tensor]) -> Tensor:
        (tensor,) = inputs
        kind = _CAST.get(node.attributes["to"][0])
        if kind is None:
            raise NotNativeError("it casts to a type of its own")
        if kind == "s":
            return self._each("FLOAT32", "s", tensor)
        if kind == "i" and tensor.kind in "fs":
            return self._each("WHOLE", "i", tensor)
        if kind == "b" and tensor.kind != "b":
            return self._each("TRUTH", "b", tensor)
        return replace(tensor, kind=kind)

    def _choose(self, _node: Node, inputs: list[Tensor]) -> Tensor:
        return self._each("CHOOSE", inputs[1].kind, *inputs)

    def _clip(self, node: Node, inputs: list[Tensor]) -> Tensor:
        low, high = (*node.inputs[1:], "", "")[:2]
        made = inputs[0]
        made = self._each("MOST", made.kind, made, self._known[low]) if low else made
        return self._each("LEAST", made.kind, made, self._known[high]) if high else made

    def _concat(self, node: Node, inputs: list[Tensor]) -> Tensor:
        axis = node.attributes["axis"][0] % len(inputs[0].shape)
        length = sum(one.shape[axis] for one in inputs)
        shape = changed(inputs[0].shape, axis, length)
        fixed = all(one.fixed for one in inputs)
        made, first = self._room(shape, inputs[0].kind, fixed=fixed), 0
        for one in inputs:
            at = made.at + first * made.strides[axis]
            self._each("COPY", one.kind, one, to=replace(made, at=at, shape=one.shape))
            first += one.shape[axis]
        values = [one.values for one in inputs if one.values is not None]
        return replace(made, values=np.concatenate(values, axis=axis)) if len(values) == len(inputs) else made

    def _shape(self, node: Node, inputs: list[Tensor]) -> Tensor:
        shape = inputs[0].shape
        part = slice(*(node.attributes.get(name, [None])[0] for name in ("start", "end")))
        return self._constant(np.array(shape[part], dtype=np.int64))

    def _reshape(self, node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, wanted = self._dense(inputs[0]), self._whole(inputs[1])
        if node.attributes.get("allowzero", [0]) != [0]:
            raise NotNativeError("it reshapes with allowzero")
        shape = [tensor.shape[i] if length == 0 else length for i, length in enumerate(wanted)]
        rest = prod(length for length in shape if length > 0)
        return viewed(tensor, tuple(prod(tensor.shape) // rest if length < 0 else length for length in shape))

    def _flatten(self, node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, axis = self._dense(inputs[0]), node.attributes.get("axis", [1])[0]
        axis %= len(tensor.shape) + 1
        return viewed(tensor, (prod(tensor.shape[:axis]), prod(tensor.shape[axis:])))

    def _unsqueeze(self, _node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, axes = inputs[0], self._whole(inputs[1])
        rank = len(tensor.shape) + len(axes)
        new = {axis % rank for axis in axes}
        own = iter(zip(tensor.shape, tensor.strides, strict=True))
        pairs = [(1, 0) if axis in new else next(own) for axis in range(rank)]
        return replace(tensor, shape=tuple(a for a, _ in pairs), strides=tuple(b for _, b in pairs), values=None)

    def _squeeze(self, _node: Node, inputs: list[Tensor]) -> Tensor:
        tensor = inputs[0]
        gone = {axis % len(tensor.shape) for axis in self._whole(inputs[1])}
        kept = [axis for axis in range(len(tensor.shape)) if axis not in gone]
        return picked(tensor, kept)

    def _transpose(self, node: Node, inputs: list[Tensor]) -> Tensor:
        return picked(inputs[0], node.attributes["perm"])

    def _expand(self, _node: Node, inputs: list[Tensor]) -> Tensor:
        tensor = inputs[0]
        shape = np.broadcast_shapes(tensor.shape, tuple(self._whole(inputs[1])))
        return replace(tensor, shape=shape, strides=stretched(tensor, shape), values=None)

    def _gather(self, node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, index = inputs
        axis = node.attributes.get("axis", [0])[0] % len(tensor.shape)
        length = tensor.shape[axis]
        shape = (*tensor.shape[:axis], *index.shape, *tensor.shape[axis + 1 :])
        if index.values is not None and index.values.ndim == 1 and (view := evenly_taken(tensor, axis, index.values)):
            return view
        tensor, index = self._dense(tensor), self._dense(index)
        outer, inner, count = prod(shape[:axis]), prod(tensor.shape[axis + 1 :]), prod(index.shape)
        made = self._room(shape, tensor.kind, fixed=tensor.fixed and index.fixed)
        if inner == 1:
            operands = (count, 0, 0, 1), (length, 0, 1, 0), (0, 0, 0, 1)
            lengths = outer, 1, length, count
        else:
            operands = (count * inner, inner, 0, 1), (length * inner, 0, inner, 1), (0, 1, 0, 0)
            lengths = outer, count, length, inner
        self._step("GATHER", lengths, made, *zip((made.at, tensor.at, index.at), operands, strict=True))
        return made

    def _gather_along(self, node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, index = self._dense(inputs[0]), self._dense(inputs[1])
        axis = node.attributes.get("axis", [0])[0] % len(tensor.shape)
        if changed(tensor.shape, axis, 1) != changed(index.shape, axis, 1):
            raise NotNativeError("it gathers along a part of its axes")
        outer, inner = prod(tensor.shape[:axis]), prod(tensor.shape[axis + 1 :])
        length, count = tensor.shape[axis], index.shape[axis]
        made = self._room(index.shape, tensor.kind, fixed=tensor.fixed and index.fixed)
        own = (count * inner, inner, 0, 1)
        operands = own, (length * inner, 0, inner, 1), own
        self._step(
            "GATHER", (outer, count, length, inner), made, *zip((made.at, tensor.at, index.at), operands, strict=True)
        )
        return made

    def _multiply(self, _node: Node, inputs: list[Tensor]) -> Tensor:
        tensor, weight = self._dense(inputs[0]), self._dense(inputs[1])
        if len(weight.shape) != 2:
            raise NotNativeError("it multiplies by more than one matrix")
        depth, columns = weight.shape
        made = self._room((*tensor.shape[:-1], columns), "f", fixed=tensor.fixed and weight.fixed)
        operands = (columns, 0, 0, 1), (depth, 0, 1, 0), (0, 0, columns, 1)
        lengths = prod(tensor.shape[:-1]), 1, depth, columns
        self._step("MULTIPLY", lengths, made, *zip((made.at, tensor.at, weight.at), operands, strict=True))
        return made

    def _running_sum(self, node: Node, inputs: list[Tensor]) -> Tensor:
        if any(node.attributes.get(name, [0]) != [0] for name in ("exclusive", "reverse")):
            raise NotNativeError("it sums backwards")
        tensor = self._dense(inputs[0])
        (axis,) = self._whole(inputs[1])
        axis %= len(tensor.shape)
        made = self._room(tensor.shape, tensor.kind, fixed=tensor.fixed)
        length, inner = tensor.shape[axis], prod(tensor.shape[axis + 1 :])
        own = (length * inner, 0, inner, 1)
        lengths = prod(tensor.shape[:axis]), 1, length, inner
        self._step("RUNNING_SUM", lengths, made, (made.at, own), (tensor.at, own))
        return made

    def _fold(self, node: Node, inputs: list[Tensor]) -> Tensor:
        tensor = inputs[0]
        rank = len(tensor.shape)
        axes = sorted({axis % rank for axis in self._whole(inputs[1])}) if len(inputs) > 1 else list(range(rank))
        count = prod(tensor.shape[axis] for axis in axes)
        if not count:
            raise NotNativeError("it adds up nothing")
        for run in reversed(runs_of(axes)):  # axes that follow each other are one loop
            tensor = self._along(_FOLDS[node.operator], self._dense(tensor), run[0], run[-1] + 1, tensor.kind)
        if node.operator == "ReduceMean":
            tensor = self._each("DIVIDE", "f", tensor, self._constant(np.array(float(count))))
        keep = node.attributes.get("keepdims", [1]) != [0]
        return tensor if keep else picked(tensor, [axis for axis in range(rank) if axis not in axes])

    def _place(self, node: Node, inputs: list[Tensor]) -> Tensor:
        if node.attributes.get("select_last_index", [0]) != [0]:
            raise NotNativeError("it looks for the last of equals")
        tensor = self._dense(inputs[0])
        rank = len(tensor.shape)
        axis = node.attributes.get("axis", [0])[0] % rank
        made = self._along(_PLACES[node.operator], tensor, axis, axis + 1, "i")
        keep = node.attributes.get("keepdims", [1]) != [0]
        return made if keep else picked(made, [other for other in range(rank) if other != axis])

    def _along(self, name: str, tensor: Tensor, first: int, end: int, kind: Kind) -> Tensor:
        """An operation along axes that follow each other, which keep the length 1."""
        shape = tensor.shape
        outer, length, inner = prod(shape[:first]), prod(shape[first:end]), prod(shape[end:])
        made = self._room((*shape[:first], *[1] * (end - first), *shape[end:]), kind, fixed=tensor.fixed)
        operands = (inner, 0, 0, 1), (length * inner, 0, inner, 1)
        self._step(name, (outer, 1, length, inner), made, *zip((made.at, tensor.at), operands, strict=True))
        return made

    def _whole(self, tensor: Tensor) -> list[int]:
        """The whole numbers of a constant that says a shape or axes."""
        if tensor.values is None:
            raise NotNativeError("a shape of it depends on values")
        return [int(value) for value in tensor.values.ravel().tolist()]
