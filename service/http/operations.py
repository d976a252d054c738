"""The operations of the service: from a body to an answer."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.core.version import __version__
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationRequest, KillMode, Outcome
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.batches import read_batch, write_answer
from xbopt.service.http.bulk import SMALL_BYTES, SMALL_ROWS, is_list
from xbopt.service.http.engine import Engine
from xbopt.service.http.inference import InferenceRequest, model_metadata, read_inference, write_inference
from xbopt.service.http.large_tensors import decode_inference, encode_answer, encode_inputs
from xbopt.service.http.problems import ProblemError, store_reason
from xbopt.service.http.readiness import check_ready
from xbopt.service.http.routes import JSON, Answer, Call
from xbopt.service.store.interface import StoreError

MOST_REQUESTS = 1000
METRICS = "text/plain; version=0.0.4; charset=utf-8"
_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Body = TypeVar("Body")
Item = TypeVar("Item")
Done = TypeVar("Done")


class SwapRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A bundle beside the one that was served first."""

    file: Annotated[str, msgspec.Meta(pattern=_FILE, description="name of the folder or archive, without a path")]


class KillSwitch(msgspec.Struct, forbid_unknown_fields=True):
    """The kill switch."""

    on: Annotated[bool, msgspec.Meta(description="whether the policy may decide nothing")]
    mode: Annotated[
        Literal["plan", "zero"], msgspec.Meta(description="who answers instead: the plan, or nobody, with spend 0")
    ] = "plan"


class RollBack(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing has to be said: an empty object, or no body."""


_encode = msgspec.json.Encoder().encode
_outcomes = msgspec.json.Decoder(Outcome | list[Outcome])
_swap, _switch = msgspec.json.Decoder(SwapRequest), msgspec.json.Decoder(KillSwitch)
_rollback = msgspec.json.Decoder(RollBack)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


class Operations:
    """What the routes do.

    Args:
        engine: Decides.
        bundles: Folder from which bundles may be swapped in.
    """

    def __init__(self, engine: Engine, bundles: Path) -> None:
        self._engine, self._bundles = engine, bundles
        self.document = b""

    async def allocate(self, call: Call) -> Answer:
        """Decide for one market, for several, or for a batch as bytes."""
        engine = self._engine
        _need_ready(engine)
        if call.kind == BATCH:
            return await self._batch(call)
        reader = engine.allocator.reader
        if not is_list(call.body):
            asked = _decoded(reader.decoder.decode, call.body)
            if isinstance(asked, AllocationRequest):
                return JSON, _encode((await engine.allocate((asked,), actor=call.actor))[0])
            return JSON, _encode(await engine.allocate(_few(asked), actor=call.actor))
        if len(call.body) <= SMALL_BYTES:
            items = _few(_decoded(_raws.decode, call.body))
        else:
            items = _few(await engine.bulk.run(lambda: _decoded(_raws.decode, call.body)))
        if len(items) <= SMALL_ROWS:
            return JSON, _encode(await engine.allocate(_decoded(reader.decoder.decode, call.body), actor=call.actor))
        read = partial(_decoded_items, reader.one_decoder)
        return JSON, await engine.allocate_many([*enumerate(items)], read, actor=call.actor)

    async def _batch(self, call: Call) -> Answer:
        engine = self._engine
        allocator = engine.allocator
        header, batch = await engine.bulk.run(lambda: read_batch(call.body, allocator))
        while allocator is not engine.allocator:  # Whoever decides has to have read it.
            allocator = engine.allocator
            header, batch = await engine.bulk.run(lambda allocator=allocator: read_batch(call.body, allocator))
        told = await engine.allocate_batch(
            batch,
            key=header.batch_id,
            body=call.body,
            episode_ids=header.episode_ids or [""] * header.rows,
            steps=header.steps or batch.day.tolist(),
            actor=call.actor,
        )
        return BATCH, await engine.bulk.run(
            lambda: write_answer(header, told.allocation, told.bundle, receipt=told.receipt, axes=told.axes)
        )

    async def outcomes(self, call: Call) -> Answer:
        """Store what decisions brought."""
        _need_ready(self._engine)
        given = _decoded(_outcomes.decode, call.body)
        some = (given,) if isinstance(given, Outcome) else _few(given)
        states = await self._engine.outcomes(some, actor=call.actor)
        return _json({"accepted": len(states), "new": states.count("new"), "known": states.count("known")})

    async def live(self, _call: Call) -> Answer:
        """The process runs."""
        return _json({"live": True})

    async def ready(self, _call: Call) -> Answer:
        """Decisions can be made and stored."""
        await check_ready(self._engine)
        # A switch that is on keeps a service ready: it answers, and stores what it answers.
        return _json(
            {"ready": True, "bundle": self._engine.allocator.address, "kill_switch": self._engine.kill_switch.mode}
        )

    async def metrics(self, _call: Call) -> Answer:
        """All metrics."""
        self._engine.metrics.waiting.set(self._engine.commit.waiting)
        return METRICS, self._engine.metrics.page()

    async def openapi(self, _call: Call) -> Answer:
        """The OpenAPI document."""
        return JSON, self.document

    async def bundle(self, _call: Call) -> Answer:
        """The bundle that decides."""
        allocator = self._engine.allocator
        return _json(
            {
                "manifest": allocator.bundle.manifest,
                "schema": allocator.bundle.schema,
                "schema_sha256": allocator.schema_sha256,
                "guardrails": allocator.bundle.guardrails,
                "units": allocator.units,
                "proven": allocator.bundle.certificate is not None,
                "kill_switch": allocator.bundle.guardrails.kill_switch or self._engine.kill_switch.mode != "off",
                "kill_switch_mode": self._kill_mode(),
            }
        )

    async def swap(self, call: Call) -> Answer:
        """Decide with another bundle."""
        file = _decoded(_swap.decode, call.body).file
        before = self._engine.allocator
        try:
            now = await self._engine.swap(self._bundles / file, actor=call.actor)
        except (BundleError, UsageError) as error:
            self._engine.log.note(f"{file} was not swapped in: {error}")
            # Where the folder lies is nobody's business.
            raise ProblemError(422, str(error).replace(f"{self._bundles}/", "")) from error
        except StoreError as error:
            raise self._unwritten("so nothing was changed", error) from error
        return self._bundle_name(changed=now is not before)

    async def roll_back(self, call: Call) -> Answer:
        """Decide with the bundle before this one again."""
        if call.body:
            _decoded(_rollback.decode, call.body)
        try:
            await self._engine.roll_back(actor=call.actor)
        except StoreError as error:
            raise self._unwritten("so nothing was changed", error) from error
        return self._bundle_name(changed=True)

    def _bundle_name(self, *, changed: bool) -> Answer:
        manifest = self._engine.allocator.bundle.manifest
        address = self._engine.allocator.address
        return _json({"bundle": address, "name": manifest.name, "version": manifest.version, "changed": changed})

    async def kill_switch(self, call: Call) -> Answer:
        """Let the plan answer everything, or nothing be spent, or neither."""
        asked = _decoded(_switch.decode, call.body)
        try:
            await self._engine.kill(asked.mode if asked.on else "off", actor=call.actor)
        except StoreError as error:
            here = "here it is on all the same" if asked.on else "so it stays as it was"
            raise self._unwritten(here, error) from error
        mode = self._engine.kill_switch.mode
        return _json({"kill_switch": mode != "off", "mode": mode})

    def _kill_mode(self) -> KillMode:
        """What holds now, by the switch or by the bundle's guardrails."""
        mode = self._engine.kill_switch.mode
        return "plan" if mode == "off" and self._engine.allocator.bundle.guardrails.kill_switch else mode

    def _unwritten(self, so: str, error: StoreError) -> ProblemError:
        self._engine.log.note(f"A change cannot be written down: {error}")
        return ProblemError(
            503, f"The change cannot be written down, {so}: the store refuses, because {store_reason(error)}."
        )

    async def server(self, _call: Call) -> Answer:
        """About this server."""
        return _json({"name": "xbopt", "version": __version__, "extensions": []})

    async def inference_ready(self, _call: Call) -> Answer:
        """Inference works."""
        await check_ready(self._engine)
        return _json({"ready": True})

    async def model(self, call: Call) -> Answer:
        """Inputs and outputs of the model."""
        self._check_name(call.name)
        return _json(model_metadata(self._engine.allocator))

    async def model_ready(self, call: Call) -> Answer:
        """Whether the model is ready."""
        self._check_name(call.name)
        await check_ready(self._engine)
        return _json({"name": call.name, "ready": True})

    async def infer(self, call: Call) -> Answer:
        """Decide for a batch of markets."""
        self._check_name(call.name)
        engine = self._engine
        allocator = engine.allocator
        asked, key, batch, body = await self._aside(lambda: _read_inference(call.body, allocator), call.body)
        while allocator is not engine.allocator:  # Whoever decides has to have read it.
            allocator = engine.allocator
            asked, key, batch, body = await self._aside(
                lambda allocator=allocator: _read_inference(call.body, allocator), call.body
            )
        # Which outputs are wished for does not make it another request.
        told = await engine.allocate_batch(
            batch, key=key, body=body, episode_ids=[""] * len(batch), steps=batch.day.tolist(), actor=call.actor
        )
        if told.axes is not None:
            raise ProblemError(
                409,
                f"The decisions {key!r} were made by the bundle {told.bundle}, which has other axes than the one "
                "that is served; tensors cannot say so. Ask for them as a batch, or as JSON.",
            )

        def write() -> bytes:
            answer = write_inference(asked, key, told.allocation, allocator, address=told.bundle, receipt=told.receipt)
            return encode_answer(answer)

        return JSON, await self._aside(write, call.body)

    async def _aside(self, work: Callable[[], Done], body: bytes) -> Done:
        """Do something with a body; beside the loop where it is large."""
        return work() if len(body) <= SMALL_BYTES else await self._engine.bulk.run(work)

    def _check_name(self, name: str) -> None:
        own = self._engine.allocator.bundle.manifest.name
        if name != own:
            raise ProblemError(404, f"There is no model {name[:64]!r}; this service has {own!r}.")


def _json(value: object) -> Answer:
    return JSON, _encode(value)


def _decoded(decode: Callable[[bytes], Body], body: bytes) -> Body:
    """A JSON body.

    Raises:
        ProblemError: 400 where it is not JSON, 422 where it is not what is asked for.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A ValidationError is a DecodeError: the text is JSON, but not what is wanted.
        raise ProblemError(422 if isinstance(error, msgspec.ValidationError) else 400, f"{error}.") from error


def _need_ready(engine: Engine) -> None:
    if not engine.ready:
        raise ProblemError(503, "The service is starting or stopping; try again.")


def _read_inference(body: bytes, allocator: Allocator) -> tuple[InferenceRequest, str, Batch, bytes]:
    """The request, the name of its batch, the batch, and what makes it the same again."""
    asked = _decoded(decode_inference, body)
    key, batch = read_inference(asked, allocator)
    return asked, key, batch, encode_inputs(asked.inputs)


def _decoded_items(
    decoder: "msgspec.json.Decoder[AllocationRequest]", items: Sequence[tuple[int, msgspec.Raw]]
) -> list[AllocationRequest]:
    """Some items of a list, each with its place in it, in case it cannot be read."""
    requests: list[AllocationRequest] = []
    for place, item in items:
        try:
            requests.append(_decoded(decoder.decode, item))
        except ProblemError as error:
            raise ProblemError(error.status, f"In item {place} of the list: {error}") from error
    return requests


def _few(items: list[Item]) -> list[Item]:
    if not 1 <= len(items) <= MOST_REQUESTS:
        raise ProblemError(422, f"1 to {MOST_REQUESTS} items are taken at once; there are {len(items)}.")
    return items
