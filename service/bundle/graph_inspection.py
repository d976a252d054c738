"""What the graph of a policy may hold, read from its bytes before a runtime parses them.

The file is an ONNX ``ModelProto`` in protobuf's wire format (https://protobuf.dev/programming-guides/encoding; field
numbers of ``onnx.proto``). Allowed is what ``service/exporting`` writes. Everything else is refused by its name or its
number: other operators, subgraphs, functions, data in other files, and shapes that depend on values. So no request can
make a graph that passed here work longer, or on larger arrays, than its shapes say.
"""

import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import POLICY

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
_BYTES_OF = {1: 4, 7: 8, 9: 1, 11: 8}
"""Bytes a number of the types of constants: float, int64, bool, double."""

_VARINT, _WORD, _BYTES, _HALF = 0, 1, 2, 5
Value: TypeAlias = "int | memoryview"
Message: TypeAlias = dict[int, list[Value]]

# Field number: wire types, and how often it may come.
_MODEL = {1: (_VARINT, 1), 2: (_BYTES, 1), 3: (_BYTES, 1), 7: (_BYTES, 1), 8: (_BYTES, 1), 14: (_BYTES, 64)}
_GRAPH = {1: (_BYTES, 8192), 2: (_BYTES, 1), 5: (_BYTES, 4096), 11: (_BYTES, 64), 12: (_BYTES, 64)}
_NODE = {1: (_BYTES, 64), 2: (_BYTES, 1), 3: (_BYTES, 1), 4: (_BYTES, 1), 5: (_BYTES, 8), 7: (_BYTES, 1)}
_ATTRIBUTE = {1: (_BYTES, 1), 3: (_VARINT, 1), 8: (_VARINT, 16), 20: (_VARINT, 1)}
_TENSOR = {1: (_VARINT, 8), 2: (_VARINT, 1), 8: (_BYTES, 1), 9: (_BYTES, 1)}
_OPERATOR_SET = {1: (_BYTES, 1), 2: (_VARINT, 1)}
_ENTRY = {1: (_BYTES, 1), 2: (_BYTES, 1)}
_VALUE = {1: (_BYTES, 1), 2: (_BYTES, 1)}

_REFUSED = {
    ("model", 20): "training", ("model", 25): "functions", ("graph", 15): "sparse constants",
    ("attribute", 4): "text", ("attribute", 5): "a constant inside a node", ("attribute", 6): "a graph inside a node",
    ("attribute", 9): "texts", ("attribute", 10): "constants inside a node", ("attribute", 11): "graphs inside a node",
    ("constant", 6): "texts", ("constant", 13): "data in another file", ("constant", 14): "data in another file",
}  # fmt: skip


def inspect_graph(model: bytes) -> dict[str, str]:
    """Check that a graph holds nothing but what exported graphs hold.

    Returns:
        The metadata of the model.

    Raises:
        BundleError: It holds something else; the message says what.
    """
    whole = _read(memoryview(model), _MODEL, "model")
    if _one(whole, 1) != IR_VERSION or 7 not in whole:
        raise BundleError(f"{POLICY} is no ONNX model of version {IR_VERSION}.")
    sets = [_read(data, _OPERATOR_SET, "operator set") for data in _parts(whole, 8)]
    if [(_text(one, 1), _one(one, 2)) for one in sets] != [("", OPSET)]:
        raise BundleError(f"{POLICY} uses other operators than those of ONNX, version {OPSET}.")
    _inspect_nodes(_read(_parts(whole, 7)[0], _GRAPH, "graph"))
    entries = [_read(data, _ENTRY, "metadata") for data in _parts(whole, 14)]
    return {_text(entry, 1): _text(entry, 2) for entry in entries}


def _inspect_nodes(graph: Message) -> None:
    known = {_text(_read(data, _VALUE, "input"), 1) for data in _parts(graph, 11)}
    for data in _parts(graph, 12):
        _read(data, _VALUE, "output")
    fixed: set[str] = set()
    for data in _parts(graph, 5):
        fixed.add(_new(_constant(data), known))
    for data in _parts(graph, 1):
        node = _read(data, _NODE, "node")
        operator, inputs = _text(node, 4), [_string(name) for name in _parts(node, 1)]
        if operator not in OPERATORS or _text(node, 7):
            raise BundleError(f"{POLICY} holds the operator {operator[:40]!r}, which no exported policy uses.")
        for attribute in _parts(node, 5):
            _read(attribute, _ATTRIBUTE, "attribute")
        if operator in _LENGTHS and not set(inputs[1:2]) <= fixed:
            raise BundleError(f"{POLICY}: the shape that {operator} gives depends on values, so it has no limit.")
        made = _new(_text(node, 2), known)
        if operator == "Shape" or (operator == "Concat" and set(inputs) <= fixed):
            fixed.add(made)


def _new(name: str, known: set[str]) -> str:
    """A tensor's name, which no other one may have: what is checked of a name is so of all that it names."""
    if not name or name in known:
        raise BundleError(f"{POLICY} names two tensors {name[:40]!r}.")
    known.add(name)
    return name


def _constant(data: memoryview) -> str:
    tensor = _read(data, _TENSOR, "constant")
    numbers = math.prod(value for value in tensor.get(1, []) if isinstance(value, int))
    held = sum(len(raw) for raw in _parts(tensor, 9))
    if held != numbers * _BYTES_OF.get(_one(tensor, 2), -1):
        raise BundleError(f"{POLICY}: the constant {_text(tensor, 8)[:40]!r} does not hold what its shape says.")
    return _text(tensor, 8)


def _read(data: memoryview, allowed: Mapping[int, tuple[int, int]], what: str) -> Message:
    """The fields of a message by number; a number that is not allowed, or comes too often, is refused."""
    message: Message = {}
    for number, wire, value in _fields(data):
        kind, most = allowed.get(number, (-1, 0))
        # Whole numbers of a list may come one by one or packed together.
        packed = kind == _VARINT and most > 1 and wire == _BYTES and isinstance(value, memoryview)
        if wire != kind and not packed:
            held = _REFUSED.get((what, number), f"field {number}")
            raise BundleError(f"{POLICY}: a {what} holds {held}, which no exported policy does.")
        values = message.setdefault(number, [])
        values.extend(_varints(value) if packed and isinstance(value, memoryview) else [value])
        if len(values) > most:
            raise BundleError(f"{POLICY}: a {what} holds field {number} more than {most} times; it is no policy.")
    return message


def _fields(data: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Number, wire type and value of every field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        length = {_WORD: 8, _HALF: 4}.get(wire, -1)
        if wire == _BYTES:
            length, position = _varint(data, position)
        if length < 0 or position + length > len(data):
            raise BundleError(f"{POLICY} is no ONNX model: it cannot be loaded.")
        yield number, wire, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise BundleError(f"{POLICY} is no ONNX model: it cannot be loaded.")


def _varints(data: memoryview) -> list[Value]:
    values: list[Value] = []
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        values.append(value)
    return values


def _parts(message: Message, number: int) -> list[memoryview]:
    return [value for value in message.get(number, []) if isinstance(value, memoryview)]


def _one(message: Message, number: int) -> int:
    return next((value for value in message.get(number, []) if isinstance(value, int)), 0)


def _text(message: Message, number: int) -> str:
    return next((_string(part) for part in _parts(message, number)), "")


def _string(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{POLICY} holds a name that is no text.") from error
