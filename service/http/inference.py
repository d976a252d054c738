"""The Open Inference Protocol, version 2, with tensors as JSON or as bytes, as clients of KServe and Triton send them.

An inference is a decision like any other: it passes the guardrails, is drawn by its id, and is stored.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, cast

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.bundle.schema import OUTPUTS, SHAPES, Field, Schema
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.reading import RequestError, read_numbers, refuse_nan
from xbopt.service.deciding.requests import BatchId, Receipt, Text
from xbopt.service.http.batches import MOST_ROWS, count_off
from xbopt.service.http.json_limits import check_values
from xbopt.service.http.tensor_bytes import DATATYPES, TensorBytes, datatype_of

SCHEMA_SHA256, BINARY_OUTPUT = "schema_sha256", "binary_data_output"
_MOST_LOOSE = 250_000
_SEQUENCE = ("sequence_id", "sequence_start", "sequence_end")
Parameters = dict[str, str | int | float | bool]
Leaf = float | bool | None


class TensorIn(msgspec.Struct, kw_only=True):
    """An input tensor.

    Attributes:
        name: Name of an input of the model.
        shape: Its shape; the first length is the number of decisions, the same for all inputs.
        datatype: ``FP64`` and ``INT64`` are what the model reads; other numbers are converted.
        data: The numbers in one row, or nested as the shape says; ``null`` for a missing one. Left out where they
            come as bytes behind the JSON.
        parameters: ``binary_data_size`` says how many bytes behind the JSON belong to this input.
    """

    name: Annotated[str, msgspec.Meta(max_length=64)]
    shape: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=MOST_ROWS)]], msgspec.Meta(max_length=6)]
    datatype: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(DATATYPES)})]
    data: list[Leaf | list[Leaf | list[Leaf | list[Leaf | list[Leaf]]]]] | msgspec.UnsetType = msgspec.UNSET
    parameters: Parameters = {}


class OutputWish(msgspec.Struct, kw_only=True):
    """An output that is asked for; the parameter ``binary_data`` says whether as bytes behind the JSON."""

    name: str
    parameters: Parameters = {}


class InferenceRequest(msgspec.Struct, kw_only=True):
    """The body of an inference request, or the JSON at its beginning.

    Attributes:
        inputs: What is known.
        id: Name of the batch; the decisions are called ``id/0``, ``id/1`` and so on. The same id with the same body
            gives the same answer again. The service makes one where it is left out.
        outputs: What is wished for; all where left out.
        parameters: ``binary_data_output``: outputs come as bytes where they do not say otherwise. ``schema_sha256``:
            hash of the schema that the request was written for. Others are not read.
    """

    inputs: list[TensorIn]
    id: BatchId | None = None
    outputs: list[OutputWish] | None = None
    parameters: Parameters = {}


class TensorOut(msgspec.Struct, kw_only=True):
    """An output tensor: its data in one row, or as ``binary_data_size`` bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: Sequence[float | int] | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, int] | msgspec.UnsetType = msgspec.UNSET


class InferenceAnswer(msgspec.Struct, kw_only=True):
    """The body of an answer, or the JSON at its beginning."""

    model_name: Text
    model_version: str
    id: str
    parameters: dict[str, str | bool | int]
    outputs: list[TensorOut]


def told_outputs(schema: Schema) -> dict[str, Field]:
    """The outputs that clients get, by name."""
    return {field.name: field for field in schema.outputs if field.name != "allowed_mass"}


def foreign_outputs(asked: InferenceRequest, schema: Schema) -> list[str]:
    """Wished outputs that a bundle does not give, and another one may have given.

    Raises:
        RequestError: One is given by no bundle.
    """
    own = told_outputs(schema)
    foreign = [wish.name for wish in asked.outputs or () if wish.name not in own]
    for name in foreign:
        if name == "allowed_mass" or not any(name in {*OUTPUTS, *shape.outputs} for shape in SHAPES.values()):
            raise no_output(name, schema)
    return foreign


def no_output(name: str, schema: Schema) -> RequestError:
    """What is told of an output that there is not."""
    return RequestError(f"There is no output {name!r}; known: {', '.join(told_outputs(schema))}.")


def decode_loosely(text: "bytes | memoryview", error: msgspec.DecodeError) -> InferenceRequest:
    """A request with ``NaN`` or ``Infinity`` in it, which JSON does not know and clients in Python write.

    Args:
        text: The request.
        error: Why it is no JSON; raised where it holds no such number, or is none for other reasons.

    Raises:
        msgspec.DecodeError: It is no JSON, or not what is wanted (``msgspec.ValidationError``).
        ProblemError: It is long; Python's own decoder would hold up everybody else.
        RequestError: A cap is NaN: that says nothing, and ``null`` would take the cap away.
    """
    check_values(text, _MOST_LOOSE)
    plain = bytes(text)
    if b"NaN" not in plain and b"Infinity" not in plain:
        raise error
    try:
        loose: object = json.loads(plain)
    except ValueError:
        raise error from None
    asked = msgspec.convert(loose, InferenceRequest)
    for tensor in asked.inputs:
        refuse_nan(tensor.name, tensor.data)
    return asked


def read_inference(asked: InferenceRequest, behind: "bytes | memoryview", allocator: Allocator) -> tuple[str, Batch]:
    """The name of the batch that an inference request holds, and the batch.

    Args:
        asked: The request.
        behind: The bytes behind its JSON.
        allocator: Whose schema it has to fit.

    Raises:
        RequestError: It does not fit the bundle, or asks for what is not there.
    """
    _check_parameters(asked, allocator)
    reader = allocator.reader
    fields = {field.name: field for field in allocator.bundle.schema.asked} | reader.beside.fields
    tensors = {tensor.name: tensor for tensor in asked.inputs}
    strange = sorted(tensors.keys() - fields.keys())
    if strange:
        raise RequestError(f"There is no input {strange[0]!r}; known: {', '.join(fields)}.")
    if len(tensors) != len(asked.inputs):
        raise RequestError("An input comes twice.")
    foreign_outputs(asked, allocator.bundle.schema)
    rows = tensors["day"].shape[0] if "day" in tensors and tensors["day"].shape else 0
    if not 1 <= rows <= MOST_ROWS:
        raise RequestError(f"A batch has 1 to {MOST_ROWS} rows, as many as 'day' has; this one has {rows}.")
    parts = TensorBytes(behind)
    # Bytes come in the order of the inputs.
    inputs = {tensor.name: _array(fields[tensor.name], tensor, parts) for tensor in asked.inputs}
    parts.end()
    key = asked.id or new_decision_id()
    return key, reader.batch([f"{key}/{row}" for row in range(rows)], inputs, reader.beside.arrays(inputs, rows))


def _check_parameters(asked: InferenceRequest, allocator: Allocator) -> None:
    """Refuse what would be answered otherwise than it was meant; other parameters are the client's own."""
    wanted = asked.parameters.get(SCHEMA_SHA256)
    if wanted is not None and wanted != allocator.schema_sha256:
        raise RequestError(f"The request is for another schema; that of this bundle is {allocator.schema_sha256}.")
    if any(name in asked.parameters for name in _SEQUENCE):
        raise RequestError("There are no sequences here: every decision stands for itself.")
    for one in (*asked.inputs, *(asked.outputs or ())):
        if "shared_memory_region" in one.parameters:
            raise RequestError(f"{one.name!r} names shared memory, which is not used here; send the data.")
        if "classification" in one.parameters:
            raise RequestError(f"{one.name!r} is no classification; leave that parameter out.")


def _array(field: Field, tensor: TensorIn, parts: TensorBytes) -> FloatArray | IntArray:
    name, datatype = tensor.name, tensor.datatype
    if datatype not in DATATYPES:
        raise RequestError(f"The input {name!r} has the type {datatype}; known: {', '.join(DATATYPES)}.")
    size, stated = math.prod(tensor.shape), tensor.parameters.get("binary_data_size")
    if tensor.data is not msgspec.UNSET:
        if stated is not None:
            raise RequestError(f"The data of {name!r} come both in the JSON and behind it.")
        array = read_numbers(field, tensor.data)
        if array.ndim > 1 and list(array.shape) != tensor.shape:
            raise RequestError(
                f"The data of {name!r} are nested as {list(array.shape)}; the shape says {tensor.shape}. Nest them so, "
                "or give them in one row."
            )
    elif stated is None:
        raise RequestError(f"The input {name!r} has no data, neither in the JSON nor behind it.")
    else:
        array = parts.take(name, datatype, size, stated)
        # A missing value has no spelling but null: NaN is one in a feature, and refused in a cap.
        array = array.astype(np.float64, copy=False) if field.dtype == "float64" else read_numbers(field, array)
    if array.size != size:
        raise RequestError(f"The data of {name!r} hold {array.size} numbers; the shape {tensor.shape} differs.")
    return array.reshape(tensor.shape)


def _counted(names: Iterable[str]) -> str:
    """In how many rows each comes, as ``name=rows``."""
    return ",".join(f"{name}={rows}" for name, rows in sorted(Counter(names).items()))


def write_inference(
    asked: InferenceRequest,
    key: str,
    allocation: Allocation,
    allocator: Allocator,
    *,
    address: str,
    receipt: Receipt | None,
) -> tuple[InferenceAnswer, list[bytes]]:
    """The answer to an inference request: its JSON, and the bytes behind it, none where no output was wished for so.

    Without a receipt it is not stored.
    """
    found = allocation.outputs
    wishes = asked.outputs or [OutputWish(name=name) for name in found]
    behind: list[bytes] = []
    outputs: list[TensorOut] = []
    for wish in wishes:
        array = found[wish.name]
        made = TensorOut(name=wish.name, shape=list(array.shape), datatype=datatype_of(array))
        if wish.parameters.get("binary_data", asked.parameters.get(BINARY_OUTPUT, False)):
            behind.append(array.tobytes())
            made.parameters = {"binary_data_size": len(behind[-1])}
        else:
            made.data = cast("Sequence[float]", array.ravel())
        outputs.append(made)
    manifest = allocator.bundle.manifest
    answer = InferenceAnswer(
        model_name=manifest.name,
        model_version=manifest.version,
        id=key,
        # Parameters of the protocol are plain values: the receipt is written as decisions verify --receipt takes it.
        parameters={
            "bundle": address,
            "filled": int(allocation.batch.filled.sum()),
            "guardrails": _counted(name for fired in allocation.guardrails for name in fired),
            "off": ",".join(count_off(allocation)),
            "source": _counted(allocation.source),
            "stored": receipt is not None,
            **({} if receipt is None else {"receipt": f"{receipt.seq}:{receipt.hash}"}),
        },
        outputs=outputs,
    )
    return answer, behind
