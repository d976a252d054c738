"""The Open Inference Protocol, version 2, so that clients of KServe and Triton work unchanged.

An inference is a decision like any other: it passes the guardrails, is drawn by its id, and is stored.
"""

from collections.abc import Sequence
from typing import Annotated, cast

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.bundle.schema import Field, shape_of
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.reading import Batch, RequestError, read_numbers
from xbopt.service.deciding.requests import BatchId, Receipt, Text
from xbopt.service.http.batches import MOST_ROWS

_DATATYPES = {"float64": "FP64", "int64": "INT64"}
PLATFORM = "onnxruntime_onnx"


class TensorIn(msgspec.Struct, kw_only=True):
    """An input tensor; ``data`` in one row, or nested as the shape says."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)]], msgspec.Meta(max_length=6)]
    datatype: str
    data: list[float | list[float | list[float | list[float | None] | None] | None] | None]
    parameters: dict[str, str | float | bool] = {}


class OutputWish(msgspec.Struct, kw_only=True):
    """An output that is asked for."""

    name: str
    parameters: dict[str, str | float | bool] = {}


class InferenceRequest(msgspec.Struct, kw_only=True):
    """The body of an inference request."""

    inputs: list[TensorIn]
    id: BatchId | None = None
    outputs: list[OutputWish] | None = None
    parameters: dict[str, str | float | bool] = {}


class TensorOut(msgspec.Struct, kw_only=True):
    """An output tensor, its data in one row; ``large_tensors`` writes it."""

    name: str
    shape: list[int]
    datatype: str
    data: Sequence[float | int]


class InferenceAnswer(msgspec.Struct, kw_only=True):
    """The body of an answer."""

    model_name: Text
    model_version: str
    id: str
    parameters: dict[str, str | bool]
    outputs: list[TensorOut]


def read_inference(asked: InferenceRequest, allocator: Allocator) -> tuple[str, Batch]:
    """The name of the batch that an inference request holds, and the batch.

    Raises:
        RequestError: It does not fit the bundle.
    """
    tensors = {tensor.name: tensor for tensor in asked.inputs}
    fields = {field.name: field for field in allocator.bundle.schema.asked}
    strange = sorted(tensors.keys() - fields.keys())
    if strange:
        raise RequestError(f"There is no input {strange[0]!r}; known: {', '.join(fields)}.")
    inputs = {name: _array(fields[name], tensor) for name, tensor in tensors.items()}
    rows = len(inputs["day"]) if "day" in inputs and inputs["day"].ndim else 0
    if not 1 <= rows <= MOST_ROWS:
        raise RequestError(f"A batch has 1 to {MOST_ROWS} rows, as many as 'day' has; this one has {rows}.")
    key = asked.id or new_decision_id()
    return key, allocator.reader.batch([f"{key}/{row}" for row in range(rows)], inputs)


def _array(field: Field, tensor: TensorIn) -> FloatArray | IntArray:
    if tensor.datatype not in {"FP64", "FP32", "INT64", "INT32"}:
        raise RequestError(f"The input {tensor.name!r} has the type {tensor.datatype}; send FP64 or INT64.")
    array = read_numbers(field, tensor.data)
    if array.size != int(np.prod(tensor.shape)):
        raise RequestError(f"The data of {tensor.name!r} hold {array.size} numbers; the shape {tensor.shape} differs.")
    return array.reshape(tensor.shape)


def write_inference(
    asked: InferenceRequest,
    key: str,
    allocation: Allocation,
    allocator: Allocator,
    *,
    address: str,
    receipt: Receipt | None,
) -> InferenceAnswer:
    """The answer to an inference request; without a receipt it is not stored.

    Raises:
        RequestError: An output is asked for that there is not.
    """
    found = allocation.outputs
    wanted = [wish.name for wish in asked.outputs] if asked.outputs else list(found)
    strange = [name for name in wanted if name not in found]
    if strange:
        raise RequestError(f"There is no output {strange[0]!r}; known: {', '.join(found)}.")
    manifest = allocator.bundle.manifest
    return InferenceAnswer(
        model_name=manifest.name,
        model_version=manifest.version,
        id=key,
        # Parameters of the protocol are plain values: the receipt is written as decisions verify --receipt takes it.
        parameters={
            "bundle": address,
            "stored": receipt is not None,
            **({} if receipt is None else {"receipt": f"{receipt.seq}:{receipt.hash}"}),
        },
        outputs=[_tensor(name, found[name]) for name in wanted],
    )


def _tensor(name: str, array: FloatArray | IntArray) -> TensorOut:
    kind = "INT64" if array.dtype.kind == "i" else "FP64"
    return TensorOut(name=name, shape=list(array.shape), datatype=kind, data=cast("Sequence[float]", array.ravel()))


def model_metadata(allocator: Allocator) -> dict[str, object]:
    """The metadata of the model that decides."""
    schema, manifest = allocator.bundle.schema, allocator.bundle.manifest

    def tensors(fields: list[Field]) -> list[dict[str, object]]:
        return [
            {"name": field.name, "datatype": _DATATYPES[field.dtype], "shape": shape_of(field, schema, -1)}
            for field in fields
            if field.name != "allowed_mass"
        ]

    return {
        "name": manifest.name,
        "versions": [manifest.version],
        "platform": PLATFORM,
        "inputs": tensors(schema.asked),
        "outputs": tensors(schema.outputs),
    }
