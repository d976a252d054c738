"""What the graph of a policy may hold, read from its bytes before a runtime parses them.

The file is an ONNX ``ModelProto`` in protobuf's wire format (https://protobuf.dev/programming-guides/encoding; field
numbers of ``onnx.proto``). Allowed is what ``service/exporting`` writes. Everything else is refused by its name or its
number: other operators, subgraphs, functions, data in other files, and shapes that depend on values. So no request can
make a graph that passed here work longer, or on larger arrays, than its shapes say.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import POLICY
from xbopt.service.bundle.protobuf import BYTES, VARINT, Message, fields, one, parts, string, text, varints

OPSET = 20
# The oldest intermediate representation that knows this operator set: older runtimes can read it too.
IR_VERSION = 10

OPERATORS = frozenset({
    "Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Clip", "Concat", "CumSum", "Div", "Equal", "Exp", "Expand",
    "Flatten", "Gather", "GatherElements", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log",
    "MatMul", "Max", "Min", "Mul", "Neg", "Or", "ReduceMean", "ReduceMin", "ReduceSum", "Reshape", "Shape", "Sqrt",
    "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""The operators that exported graphs use. None of them draws, repeats, or holds a graph of its own."""
_LENGTHS = frozenset({"Expand", "Reshape", "ReduceMean", "ReduceMin", "ReduceSum", "Squeeze", "Unsqueeze", "CumSum"})
"""Operators whose second input says a shape or axes."""
_TYPE_OF = {1: "<f4", 7: "<i8", 9: "?", 11: "<f8"}
"""Types of constants by their number: float, int64, bool, double."""

# Field number: wire types, and how often it may come.
_MODEL = {1: (VARINT, 1), 2: (BYTES, 1), 3: (BYTES, 1), 7: (BYTES, 1), 8: (BYTES, 1), 14: (BYTES, 64)}
_GRAPH = {1: (BYTES, 8192), 2: (BYTES, 1), 5: (BYTES, 4096), 11: (BYTES, 64), 12: (BYTES, 64)}
_NODE = {1: (BYTES, 64), 2: (BYTES, 1), 3: (BYTES, 1), 4: (BYTES, 1), 5: (BYTES, 8), 7: (BYTES, 1)}
_ATTRIBUTE = {1: (BYTES, 1), 3: (VARINT, 1), 8: (VARINT, 16), 20: (VARINT, 1)}
_TENSOR = {1: (VARINT, 8), 2: (VARINT, 1), 8: (BYTES, 1), 9: (BYTES, 1)}
_OPERATOR_SET = {1: (BYTES, 1), 2: (VARINT, 1)}
_ENTRY = {1: (BYTES, 1), 2: (BYTES, 1)}
_VALUE = {1: (BYTES, 1), 2: (BYTES, 1)}

_REFUSED = {
    ("model", 20): "training", ("model", 25): "functions", ("graph", 15): "sparse constants",
    ("attribute", 4): "text", ("attribute", 5): "a constant inside a node", ("attribute", 6): "a graph inside a node",
    ("attribute", 9): "texts", ("attribute", 10): "constants inside a node", ("attribute", 11): "graphs inside a node",
    ("constant", 6): "texts", ("constant", 13): "data in another file", ("constant", 14): "data in another file",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of a graph: its name, its inputs, its one output, and its attributes, all of them whole numbers."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A graph that holds nothing but what exported graphs hold.

    Attributes:
        metadata: What the model says of itself.
        constants: Constants by name.
        nodes: Its operators, in an order in which they can be worked out.
    """

    metadata: dict[str, str]
    constants: dict[str, FloatArray | IntArray | BoolArray]
    nodes: list[Node]


def inspect_graph(model: bytes) -> Inspected:
    """Check that a graph holds nothing but what exported graphs hold.

    Returns:
        What it holds.

    Raises:
        BundleError: It holds something else; the message says what.
    """
    whole = _read(memoryview(model), _MODEL, "model")
    if one(whole, 1) != IR_VERSION or 7 not in whole:
        raise BundleError(f"{POLICY} is no ONNX model of version {IR_VERSION}.")
    sets = [_read(data, _OPERATOR_SET, "operator set") for data in parts(whole, 8)]
    if [(text(entry, 1), one(entry, 2)) for entry in sets] != [("", OPSET)]:
        raise BundleError(f"{POLICY} uses other operators than those of ONNX, version {OPSET}.")
    graph = _read(parts(whole, 7)[0], _GRAPH, "graph")
    constants, nodes = _inspect_nodes(graph)
    entries = [_read(data, _ENTRY, "metadata") for data in parts(whole, 14)]
    metadata = {text(entry, 1): text(entry, 2) for entry in entries}
    return Inspected(metadata=metadata, constants=constants, nodes=nodes)


def _inspect_nodes(graph: Message) -> tuple[dict[str, FloatArray | IntArray | BoolArray], list[Node]]:
    known = {text(_read(data, _VALUE, "input"), 1) for data in parts(graph, 11)}
    for data in parts(graph, 12):
        _read(data, _VALUE, "output")
    constants = dict(_constant(data, known) for data in parts(graph, 5))
    nodes: list[Node] = []
    fixed = set(constants)
    for data in parts(graph, 1):
        node = _read(data, _NODE, "node")
        operator, inputs = text(node, 4), [string(name) for name in parts(node, 1)]
        if operator not in OPERATORS or text(node, 7):
            raise BundleError(f"{POLICY} holds the operator {operator[:40]!r}, which no exported policy uses.")
        attributes = dict(_attribute(attribute) for attribute in parts(node, 5))
        if operator in _LENGTHS and not set(inputs[1:2]) <= fixed:
            raise BundleError(f"{POLICY}: the shape that {operator} gives depends on values, so it has no limit.")
        made = _new(text(node, 2), known)
        if operator == "Shape" or (operator == "Concat" and set(inputs) <= fixed):
            fixed.add(made)
        nodes.append(Node(operator, inputs, made, attributes))
    return constants, nodes


def _attribute(data: memoryview) -> tuple[str, list[int]]:
    """Name and whole numbers of an attribute; negative ones are written as what is left to 2^64."""
    attribute = _read(data, _ATTRIBUTE, "attribute")
    numbers = [value for value in (*attribute.get(3, []), *attribute.get(8, [])) if isinstance(value, int)]
    return text(attribute, 1), [value - (value >> 63 << 64) for value in numbers]


def _new(name: str, known: set[str]) -> str:
    """A tensor's name, which no other one may have: what is checked of a name is so of all that it names."""
    if not name or name in known:
        raise BundleError(f"{POLICY} names two tensors {name[:40]!r}.")
    known.add(name)
    return name


def _constant(data: memoryview, known: set[str]) -> tuple[str, FloatArray | IntArray | BoolArray]:
    tensor = _read(data, _TENSOR, "constant")
    name = _new(text(tensor, 8), known)
    shape = [value for value in tensor.get(1, []) if isinstance(value, int)]
    raw, kind = parts(tensor, 9), _TYPE_OF.get(one(tensor, 2))
    if kind is None or sum(len(part) for part in raw) != math.prod(shape) * np.dtype(kind).itemsize:
        raise BundleError(f"{POLICY}: the constant {name[:40]!r} does not hold what its shape says.")
    if any(length >> 31 for length in shape):
        raise BundleError(f"{POLICY}: the constant {name[:40]!r} has the shape {shape}, which cannot be.")
    array: FloatArray | IntArray | BoolArray = np.frombuffer(b"".join(raw), dtype=kind).reshape(shape)
    return name, array


def _read(data: memoryview, allowed: Mapping[int, tuple[int, int]], what: str) -> Message:
    """The fields of a message by number; a number that is not allowed, or comes too often, is refused."""
    message: Message = {}
    for number, wire, value in fields(data):
        kind, most = allowed.get(number, (-1, 0))
        # Whole numbers of a list may come one by one or packed together.
        packed = kind == VARINT and most > 1 and wire == BYTES and isinstance(value, memoryview)
        if wire != kind and not packed:
            held = _REFUSED.get((what, number), f"field {number}")
            raise BundleError(f"{POLICY}: a {what} holds {held}, which no exported policy does.")
        values = message.setdefault(number, [])
        values.extend(varints(value) if packed and isinstance(value, memoryview) else [value])
        if len(values) > most:
            raise BundleError(f"{POLICY}: a {what} holds field {number} more than {most} times; it is no policy.")
    return message
