"""Tensors of the inference protocol as JSON, read and written in slices: no call holds Python's lock for long.

What comes out is what msgspec would make of the whole at once, byte for byte.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.deciding.reading import RequestError
from xbopt.service.http.inference import InferenceAnswer, InferenceRequest, TensorIn, TensorOut, decode_loosely
from xbopt.service.http.json_limits import MOST_VALUES, check_values, items_of, short_list
from xbopt.service.http.problems import ProblemError

_SLICE_BYTES = 64 << 10
_SLICE_NUMBERS = 8192
_DATA = b'"data":[]'
_OUTPUTS = b'"outputs":[]'
_encode = msgspec.json.Encoder().encode
_MOST_INPUTS = 256
_MOST_ROW_BYTES = 1 << 20
_OVERLAP_BYTES = 1024
_BEGINNING = re.compile(rb"(?:\[\s*)+")


def _with(kind: type[msgspec.Struct], name: str, other: object) -> type[msgspec.Struct]:
    """A type like another, one field of which is of another type."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(kind):
        typed = other if field.name == name else field.type
        made: Any = field.default_factory
        otherwise = field.default if made is msgspec.NODEFAULT else made()
        fields.append((field.name, typed) if field.required else (field.name, typed, otherwise))
    return msgspec.defstruct(kind.__name__, fields, kw_only=True)


_Tensor = _with(TensorIn, "data", msgspec.Raw | msgspec.UnsetType)


class _OnlyData(msgspec.Struct):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_OnlyInputs: Any = msgspec.defstruct(
    "_OnlyInputs", [("inputs", short_list(_MOST_INPUTS, _OnlyData) | msgspec.UnsetType, msgspec.UNSET)]
)
_skeleton = msgspec.json.Decoder(_OnlyInputs)
_envelope = msgspec.json.Decoder(_with(InferenceRequest, "inputs", list[_Tensor]))
_data = msgspec.json.Decoder(next(field.type for field in msgspec.structs.fields(TensorIn) if field.name == "data"))


def decode_inference(text: "bytes | memoryview") -> InferenceRequest:
    """A request; the data of large tensors come as arrays.

    Raises:
        DecodeError: It is no JSON, or not what is wanted.
        ProblemError: There is too much of it.
        RequestError: A tensor has rows of unequal length.
    """
    try:
        if len(text) > _SLICE_BYTES:
            _check_envelope(text)
        found: Any = _envelope.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        return decode_loosely(text, error)
    inputs: list[TensorIn] = []
    for tensor in found.inputs:
        given = _fields(tensor)
        if tensor.data is not msgspec.UNSET:
            given["data"] = _numbers(bytes(tensor.data))
        inputs.append(TensorIn(**given))
    asked = _fields(found)
    asked["inputs"] = inputs
    return InferenceRequest(**asked)


def _check_envelope(text: "bytes | memoryview") -> None:
    """Refuse a request that is long beside its data; what comes twice counts as that.

    Raises:
        DecodeError: It is no JSON.
        ProblemError: 413.
    """
    check_values(text, MOST_VALUES)
    inputs: Any = _skeleton.decode(text).inputs
    tensors = [] if inputs is msgspec.UNSET else items_of(inputs)
    data = sum(memoryview(one.data).nbytes for one in tensors if one.data is not msgspec.UNSET)
    if len(text) - data > _SLICE_BYTES:
        raise ProblemError(413, f"All but the data of the inputs may have {_SLICE_BYTES} bytes.")


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _numbers(text: bytes) -> object:
    if len(text) <= _SLICE_BYTES or not text.startswith(b"["):
        return _data.decode(text)
    parts = _rows(text) if _depth(text) > 1 else _flat(text[1:-1])
    try:
        return np.concatenate([np.array(_data.decode(b"[%b]" % part), dtype=np.float64) for part in parts])
    except ValueError as error:
        if isinstance(error, msgspec.DecodeError):
            raise
        raise RequestError("A tensor has rows of unequal length, or holds something that is no number.") from error


def _flat(text: bytes) -> Iterator[bytes]:
    """Numbers with commas between, some at a time."""
    start = 0
    while True:
        end = text.find(b",", start + _SLICE_BYTES)
        if end < 0:
            # A comma at the end is none between.
            yield text[start:] if text[start:].strip() else b","
            return
        yield text[start:end]
        start = end + 1


def _depth(text: bytes) -> int:
    """Lists that begin before the first number."""
    beginning = _BEGINNING.match(text, 0, _OVERLAP_BYTES)
    return 0 if beginning is None else beginning[0].count(b"[")


def _rows(text: bytes) -> Iterator[bytes]:
    """Rows of a nested list, some at a time: a row ends where as many lists end together as began before its numbers.

    In a text that is no regular list this may be elsewhere; the pieces cannot be read then.

    Raises:
        ProblemError: A row is too long.
    """
    ends = re.compile(rb"(?:\]\s*){%d}," % (_depth(text) - 1))
    start, last = 1, len(text) - 1
    look = start + _SLICE_BYTES
    while start < last:
        # In short steps, because a search holds the lock.
        end = ends.search(text, look, min(look + _SLICE_BYTES, last))
        look += _SLICE_BYTES - _OVERLAP_BYTES
        if end is None and look < last:
            if look - start > _MOST_ROW_BYTES:
                raise ProblemError(413, f"A row of a tensor may have {_MOST_ROW_BYTES} bytes.")
            continue
        stop = last if end is None else end.end() - 1
        yield text[start:stop]
        start = stop + 1
        look = start + _SLICE_BYTES


def encode_inputs(inputs: Sequence[TensorIn]) -> bytes:
    """The inputs of a request as one text, by which it is known again."""
    return _joined([b"[", *_listed(inputs), b"]"])


def encode_answer(answer: InferenceAnswer) -> bytes:
    """An answer whose data are arrays."""
    start, _, end = _encode(msgspec.structs.replace(answer, outputs=[])).partition(_OUTPUTS)
    return _joined([start, _OUTPUTS[:-1], *_listed(answer.outputs), b"]", end])


def _joined(pieces: list[bytes]) -> bytes:
    """All pieces in a row; ``bytes.join`` would hold the lock for the length of all of them."""
    whole, start = bytearray(sum(map(len, pieces))), 0
    for piece in pieces:
        whole[start : start + len(piece)] = piece
        start += len(piece)
    # Whoever writes or hashes it does not mind that it could be changed.
    return cast("bytes", whole)


def _listed(tensors: Sequence[TensorIn | TensorOut]) -> Iterator[bytes]:
    for place, tensor in enumerate(tensors):
        yield b"," if place else b""
        array: Any = tensor.data
        if not isinstance(array, np.ndarray):
            yield _encode(tensor)
            continue
        start, _, end = _encode(msgspec.structs.replace(tensor, data=[])).partition(_DATA)
        yield start + _DATA[:-1]
        yield from _texts(cast("FloatArray", array))
        yield b"]" + end


def _texts(array: FloatArray | IntArray) -> Iterator[bytes]:
    rows = max(_SLICE_NUMBERS // max(int(np.prod(array.shape[1:])), 1), 1)
    for first in range(0, len(array), rows):
        yield (b"," if first else b"") + _encode(array[first : first + rows].tolist())[1:-1]
