"""Batches as bytes: a header in JSON, then arrays, little-endian, row by row.

===========  =============================================================
bytes        what
===========  =============================================================
0..3         ``XBB1``
4..7         length of the header, unsigned, little-endian
8..          header: JSON, padded with blanks to a multiple of 8 bytes
then         the arrays, one after the other, 8 bytes a number
===========  =============================================================

A request holds the inputs that the schema lists, in its order, with its types and shapes, but for those of the draw
(``uniform``, ``forced``, ``allowed``, ``default``). After them come the arrays that the header announces under
``beside``, in its order: ``previous_spend_base`` (float64, B R S C, NaN where unknown), ``held`` (int64, B R S, -1 to
draw; B A for a policy of factors), ``units`` (int64, B R S, 1 for a cell that is decided).

An answer holds the outputs in the schema's order, but for ``probabilities`` and ``allowed_mass``.
"""

import struct
from collections import Counter
from math import prod
from typing import Annotated, Literal

import msgspec
import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.service.bundle.graph_session import Arrays
from xbopt.service.bundle.schema import shape_of
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.reading import RequestError
from xbopt.service.deciding.requests import BatchId, Receipt, Text
from xbopt.service.http.json_limits import check_values

CONTENT_TYPE = "application/vnd.xbopt.batch"
"""What tells a batch from JSON on the route of single requests."""
MAGIC = b"XBB1"
_START = struct.Struct("<4sI")
MOST_ROWS = 65_536
_SMALL_HEADER = 64 << 10
_VALUES_OF_ROW = 8
"""What the header may hold for each row: a name, in which there may be commas, and a step."""


class BatchHeader(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a batch is.

    Attributes:
        batch_id: Its name; the decisions are called ``batch_id/0``, ``batch_id/1`` and so on.
        rows: Number of decisions.
        episode_ids: Campaign or customer of each row; each its own where empty.
        steps: Number of each decision in its episode; the day where empty.
        beside: Names of the arrays that come after the inputs, in their order.
        schema_sha256: Hash of the schema that the batch was written for.
    """

    batch_id: BatchId
    rows: Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)]
    episode_ids: list[Text] | None = None
    steps: list[Annotated[int, msgspec.Meta(ge=0, le=2**31)]] | None = None
    beside: list[Literal["previous_spend_base", "held", "units"]] = []
    schema_sha256: str | None = None


class BatchAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the header of an answer says; ``guardrails`` by row, only rows where one changed something.

    ``off`` is the number of rows in which a guardrail could not work, by its name. ``filled`` is the number of inputs
    that were missing and were filled in, by row, only rows where there were any. ``tactics`` and ``factors`` say
    whether what was drawn is told, and its propensity, by cell or by factor.
    ``receipt`` is where the batch stands in the store. ``axes`` are the names along the axes of the arrays, where the
    bundle that decided has others than the one that is served.
    """

    batch_id: str
    rows: int
    bundle: str
    stored: bool
    source: dict[str, int]
    guardrails: dict[int, list[str]]
    off: dict[str, int]
    filled: dict[int, int]
    tactics: bool
    factors: bool = False
    receipt: Receipt | None = None
    axes: dict[str, list[str]] | None = None


def pack(header: msgspec.Struct, arrays: "list[FloatArray | IntArray]") -> bytes:
    """A batch as bytes."""
    text = msgspec.json.encode(header)
    text += b" " * (-len(text) % 8)
    return b"".join((_START.pack(MAGIC, len(text)), text, *(array.tobytes() for array in arrays)))


def read_batch(body: bytes, allocator: Allocator) -> tuple[BatchHeader, Batch]:
    """A batch from bytes.

    Raises:
        ProblemError: Its header holds more than its arrays have rows for.
        RequestError: It is no batch, or does not fit the bundle.
    """
    if len(body) < _START.size or body[:4] != MAGIC:
        raise RequestError("The body does not begin with XBB1: it is no batch.")
    _, length = _START.unpack_from(body)
    start = _START.size + length
    if length % 8 or start > len(body):
        raise RequestError("The length of the batch's header does not fit.")
    schema, reader = allocator.bundle.schema, allocator.reader
    if length > _SMALL_HEADER:
        numbers = sum(prod(shape_of(field, schema, 1)) for field in schema.asked)
        check_values(memoryview(body)[_START.size : start], _VALUES_OF_ROW * (len(body) - start) // (8 * numbers))
    try:
        header = msgspec.json.decode(body[_START.size : start], type=BatchHeader)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"The header of the batch: {error}.") from error
    if header.schema_sha256 is not None and header.schema_sha256 != allocator.schema_sha256:
        raise RequestError(f"The batch is for another schema; that of this bundle is {allocator.schema_sha256}.")
    rows = header.rows
    for name, given in (("episode_ids", header.episode_ids), ("steps", header.steps)):
        if given is not None and len(given) != rows:
            raise RequestError(f"{name} has {len(given)} entries for {rows} rows.")
    if len(set(header.beside)) < len(header.beside):
        raise RequestError("beside names an array twice.")
    fields = [*schema.asked, *(reader.beside.fields[name] for name in header.beside)]
    shapes = [shape_of(field, schema, rows) for field in fields]
    sizes = [int(np.prod(shape)) for shape in shapes]
    if len(body) - start != 8 * sum(sizes):
        raise RequestError(f"The arrays have {len(body) - start} bytes; {rows} rows need {8 * sum(sizes)}.")
    words = (
        np.frombuffer(body, dtype="<f8", offset=start) if start % 8 == 0 else np.frombuffer(body[start:], dtype="<f8")
    )
    inputs: Arrays = {}
    used = 0
    for field, shape, size in zip(fields, shapes, sizes, strict=True):
        part = words[used : used + size].reshape(shape)
        inputs[field.name] = part.view("<i8") if field.dtype == "int64" else part
        used += size
    ids = [f"{header.batch_id}/{row}" for row in range(rows)]
    return header, reader.batch(ids, inputs, reader.beside.arrays(inputs, rows))


def count_off(allocation: Allocation) -> dict[str, int]:
    """Rows in which a guardrail could not work, by its name."""
    return dict(Counter(name for unable in allocation.off for name in unable))


def write_answer(
    header: BatchHeader,
    allocation: Allocation,
    address: str,
    *,
    receipt: Receipt | None,
    axes: dict[str, list[str]] | None = None,
) -> bytes:
    """The answer to a batch as bytes; without a receipt it is not stored."""
    answer = BatchAnswer(
        batch_id=header.batch_id,
        rows=header.rows,
        bundle=address,
        stored=receipt is not None,
        source={one: allocation.source.count(one) for one in sorted(set(allocation.source))},
        guardrails={row: fired for row, fired in enumerate(allocation.guardrails) if fired},
        off=count_off(allocation),
        filled={row: count for row, count in enumerate(allocation.batch.filled.tolist()) if count},
        tactics=allocation.tactic is not None,
        factors=allocation.levels is not None,
        receipt=receipt,
        axes=axes,
    )
    return pack(answer, [array for name, array in allocation.outputs.items() if name != "probabilities"])


def read_answer(body: bytes) -> "tuple[BatchAnswer, FloatArray]":
    """The header of an answer, and its arrays as one row of numbers; for clients in Python."""
    _, length = _START.unpack_from(body)
    start = _START.size + length
    return msgspec.json.decode(body[_START.size : start], type=BatchAnswer), np.frombuffer(body[start:], dtype="<f8")
