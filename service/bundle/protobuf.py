"""Protobuf's wire format (https://protobuf.dev/programming-guides/encoding), as far as ONNX models use it."""

from collections.abc import Iterator
from typing import TypeAlias

from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import POLICY

VARINT, WORD, BYTES, HALF = 0, 1, 2, 5
"""How a value is written: a whole number, 8 bytes, so many bytes, 4 bytes."""
Value: TypeAlias = "int | memoryview"
Message: TypeAlias = dict[int, list[Value]]


def fields(data: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Number, wire type and value of every field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        length = {WORD: 8, HALF: 4}.get(wire, -1)
        if wire == BYTES:
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


def varints(data: memoryview) -> list[Value]:
    """Whole numbers that are packed together."""
    values: list[Value] = []
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        values.append(value)
    return values


def parts(message: Message, number: int) -> list[memoryview]:
    """The values of a field that are bytes."""
    return [value for value in message.get(number, []) if isinstance(value, memoryview)]


def one(message: Message, number: int) -> int:
    """The whole number of a field; 0 where it is left out."""
    return next((value for value in message.get(number, []) if isinstance(value, int)), 0)


def text(message: Message, number: int) -> str:
    """The text of a field; empty where it is left out."""
    return next((string(part) for part in parts(message, number)), "")


def string(data: memoryview) -> str:
    """Bytes as text.

    Raises:
        BundleError: They are none.
    """
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{POLICY} holds a name that is no text.") from error
