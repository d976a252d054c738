"""The operations of the inference protocol, under ``/v2``."""

from functools import partial
from time import perf_counter

import msgspec

from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.http.answers import InferenceReady, Live
from xbopt.service.http.bodies import decoded, decoded_order, json_answer, need_ready
from xbopt.service.http.bulk import SMALL_BYTES
from xbopt.service.http.engine import Engine
from xbopt.service.http.inference import (
    InferenceAnswer,
    InferenceRequest,
    foreign_outputs,
    no_output,
    read_inference,
    write_inference,
)
from xbopt.service.http.large_tensors import decode_inference, encode_answer, encode_inputs
from xbopt.service.http.model_repository import (
    IndexQuery,
    ModelReady,
    ModelUse,
    StatisticsAnswer,
    model_config,
    model_index,
    model_metadata,
    server_metadata,
)
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.readiness import check_ready
from xbopt.service.http.routes import JSON, Answer, Call
from xbopt.service.http.tensor_bytes import CONTENT_TYPE as BYTES
from xbopt.service.http.tensor_bytes import HEADER_LENGTH, split_body

_LARGE_ROWS = 64
"""From this many rows on an answer is written beside the loop."""
_index = msgspec.json.Decoder(IndexQuery)


class ModelOperations:
    """What the routes of the inference protocol do.

    Args:
        engine: Decides.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._use = engine, ModelUse()

    async def server(self, _call: Call) -> Answer:
        """About this server."""
        return json_answer(server_metadata())

    async def live(self, _call: Call) -> Answer:
        """The process runs."""
        return json_answer(Live(live=True))

    async def ready(self, _call: Call) -> Answer:
        """Inference works."""
        await check_ready(self._engine)
        return json_answer(InferenceReady(ready=True))

    async def model(self, call: Call) -> Answer:
        """Inputs and outputs of the model."""
        return json_answer(model_metadata(self._named(call)))

    async def model_ready(self, call: Call) -> Answer:
        """The model is ready."""
        self._named(call)
        await check_ready(self._engine)
        return json_answer(ModelReady(name=call.name, ready=True))

    async def model_config(self, call: Call) -> Answer:
        """How the model is set up."""
        return json_answer(model_config(self._named(call)))

    async def model_statistics(self, call: Call) -> Answer:
        """How the model was used since the service started."""
        return json_answer(StatisticsAnswer([self._use.of(self._named(call))]))

    async def statistics(self, _call: Call) -> Answer:
        """How all versions that served were used since the service started."""
        self._use.of(self._engine.allocator)
        return json_answer(StatisticsAnswer(self._use.all()))

    async def index(self, call: Call) -> Answer:
        """The models that there are."""
        only_ready = decoded_order(_index, call.body).ready if call.body.strip() else False
        models = model_index(self._engine.allocator, ready=self._engine.ready)
        return json_answer([one for one in models if one.state == "READY" or not only_ready])

    async def infer(self, call: Call) -> Answer:
        """Decide for a batch of markets."""
        use, started, rows = self._use.of(self._named(call)), perf_counter(), 0
        try:
            answer, rows = await self._infer(call)
        finally:
            use.count(rows, perf_counter() - started)
        return answer

    async def _infer(self, call: Call) -> tuple[Answer, int]:
        engine = self._engine
        need_ready(engine)
        large = len(call.body) > SMALL_BYTES
        allocator, (asked, key, batch, identity) = await engine.read(partial(_read, call), large=large)
        schema = allocator.bundle.schema
        foreign = foreign_outputs(asked, schema)
        if foreign and not await engine.answering.subjects.of([key]):
            raise no_output(foreign[0], schema)
        answered = await engine.allocate_batch(
            batch, key=key, body=identity, episode_ids=[""] * len(batch), steps=batch.day.tolist(), actor=call.actor
        )
        if answered.axes is not None:
            raise ProblemError(
                409,
                f"The decisions {key!r} were made by the bundle {answered.bundle}, which has other axes than the one "
                "that is served; tensors cannot say so. Ask for them as a batch, or as JSON.",
            )
        for wish in asked.outputs or ():
            if wish.name not in answered.allocation.outputs:
                raise ProblemError(
                    409,
                    f"The decisions {key!r} were made by the bundle {answered.bundle}, which gives no {wish.name!r}; "
                    "leave that output out.",
                )
        write = partial(
            write_inference, asked, key, answered.allocation, allocator, address=answered.bundle,
            receipt=answered.receipt,
        )  # fmt: skip
        told, tensors = await engine.aside(lambda: _written(*write()), large=len(batch) >= _LARGE_ROWS)
        if not tensors:
            return (JSON, told), len(batch)
        return (BYTES, b"".join((told, *tensors)), [(HEADER_LENGTH, str(len(told)))]), len(batch)

    def _named(self, call: Call) -> Allocator:
        """Who decides, if it has the name and version of the path."""
        allocator = self._engine.allocator
        own = allocator.bundle.manifest
        if call.name != own.name:
            raise ProblemError(404, f"There is no model {call.name[:64]!r}; this service has {own.name!r}.")
        if call.version not in {"", own.version}:
            raise ProblemError(
                404, f"There is no version {call.version[:64]!r} of {own.name!r}; this service has {own.version!r}."
            )
        return allocator


def _read(call: Call, allocator: Allocator) -> tuple[InferenceRequest, str, Batch, bytes]:
    """The request, the name of its batch, the batch, and what makes it the same again."""
    text, behind = split_body(call.body, call.header(HEADER_LENGTH.encode()))
    asked = decoded(decode_inference, text)
    key, batch = read_inference(asked, behind, allocator)
    # Which outputs are wished for does not make it another request.
    return asked, key, batch, encode_inputs(asked.inputs) + behind


def _written(answer: InferenceAnswer, tensors: list[bytes]) -> tuple[bytes, list[bytes]]:
    return encode_answer(answer), tensors
