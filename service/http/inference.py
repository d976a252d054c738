"""The Open Inference Protocol, version 2, so that clients of KServe and Triton work unchanged.

An inference is a decision like any other: it passes the guardrails, is drawn by its id, and is stored.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.decision_ids import new_decision_id
from xbopt.service.deciding.reading import Batch, RequestError
from xbopt.service.deciding.requests import Text
from xbopt.service.http.batches import MOST_ROWS, BatchId

_DATATYPES = {"float64": "FP64", "int64": "INT64"}
_ASKED = ("regions", "cells", "channels", "day", "budget_base", "region_base", "channel_base")
_NO_CAP = {"region_base", "channel_base"}
_OPTIONAL = {"channels", *_NO_CAP}
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
    """An output tensor, its data in one row."""

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


def read_inference(body: bytes, allocator: Allocator) -> tuple[InferenceRequest, str, Batch]:
    """The batch that an inference request holds, and its name.

    Raises:
        RequestError: It does not fit the bundle.
        msgspec.DecodeError: It is no inference request.
    """
    asked = msgspec.json.decode(body, type=InferenceRequest)
    tensors = {tensor.name: tensor for tensor in asked.inputs}
    strange = sorted(set(tensors) - set(_ASKED))
    if strange:
        raise RequestError(f"There is no input {strange[0]!r}; known: {', '.join(_ASKED)}.")
    arrays: dict[str, FloatArray] = {}
    for name in _ASKED:
        if name not in tensors:
            if name in _OPTIONAL:
                continue
            raise RequestError(f"The input {name!r} is missing.")
        arrays[name] = _array(tensors[name])
    first = arrays["day"]
    rows = len(first) if first.ndim else 0
    if not 1 <= rows <= MOST_ROWS:
        raise RequestError(f"A batch has 1 to {MOST_ROWS} rows; this one has {rows}.")
    regions, _, channels, *_ = allocator.lengths
    day = arrays["day"]
    if not (np.isfinite(day).all() and (day == np.floor(day)).all() and (np.abs(day) < 2.0**31).all()):
        raise RequestError("The input 'day' has to hold whole numbers.")
    key = asked.id or new_decision_id()
    batch = allocator.reader.batch(
        [f"{key}/{row}" for row in range(rows)],
        regions=arrays["regions"],
        cells=arrays["cells"],
        channels=arrays.get("channels"),
        day=day.astype(np.int64),
        budget_base=arrays["budget_base"],
        region_base=arrays.get("region_base", np.full((rows, regions), np.inf)),
        channel_base=arrays.get("channel_base", np.full((rows, channels), np.inf)),
    )
    return asked, key, batch


def _array(tensor: TensorIn) -> FloatArray:
    if tensor.datatype not in {"FP64", "FP32", "INT64", "INT32"}:
        raise RequestError(f"The input {tensor.name!r} has the type {tensor.datatype}; send FP64 or INT64.")
    try:
        array = np.array(tensor.data, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(f"The data of {tensor.name!r} are no regular array.") from error
    if array.size != int(np.prod(tensor.shape)):
        raise RequestError(f"The data of {tensor.name!r} hold {array.size} numbers; the shape {tensor.shape} differs.")
    if tensor.name in _NO_CAP:
        # JSON has no infinity: null stands for no cap.
        array = np.where(np.isnan(array), np.inf, array)
    return array.reshape(tensor.shape)


def write_inference(
    asked: InferenceRequest, key: str, allocation: Allocation, allocator: Allocator, *, address: str, stored: bool
) -> InferenceAnswer:
    """The answer to an inference request.

    Raises:
        RequestError: An output is asked for that there is not.
    """
    found: dict[str, FloatArray | IntArray] = {
        "spend_base": allocation.spend_base,
        "daypart_weights": allocation.daypart_weights,
        "discount_frac": allocation.discount_frac,
        "mechanic": allocation.mechanic,
    }
    if allocation.tactic is not None and allocation.propensity is not None and allocation.probabilities is not None:
        found |= {
            "tactic": allocation.tactic,
            "propensity": allocation.propensity,
            "probabilities": allocation.probabilities,
        }
    wanted = [wish.name for wish in asked.outputs] if asked.outputs else list(found)
    strange = [name for name in wanted if name not in found]
    if strange:
        raise RequestError(f"There is no output {strange[0]!r}; known: {', '.join(found)}.")
    manifest = allocator.bundle.manifest
    return InferenceAnswer(
        model_name=manifest.name,
        model_version=manifest.version,
        id=key,
        parameters={"bundle": address, "stored": stored},
        outputs=[_tensor(name, found[name]) for name in wanted],
    )


def _tensor(name: str, array: FloatArray | IntArray) -> TensorOut:
    data: Sequence[float | int] = array.ravel().tolist()
    kind = "INT64" if array.dtype.kind == "i" else "FP64"
    return TensorOut(name=name, shape=list(array.shape), datatype=kind, data=data)


def model_metadata(allocator: Allocator) -> dict[str, object]:
    """The metadata of the model that decides."""
    schema, manifest = allocator.bundle.schema, allocator.bundle.manifest

    def tensors(*, asked: bool) -> list[dict[str, object]]:
        fields = schema.inputs if asked else schema.outputs
        return [
            {
                "name": field.name,
                "datatype": _DATATYPES[field.dtype],
                "shape": [-1 if axis == "B" else 1 if axis == "1" else len(schema.axes[axis]) for axis in field.axes],
            }
            for field in fields
            if (field.name in _ASKED if asked else field.name != "allowed_mass")
        ]

    return {
        "name": manifest.name,
        "versions": [manifest.version],
        "platform": PLATFORM,
        "inputs": tensors(asked=True),
        "outputs": tensors(asked=False),
    }
