"""The operations of the service: from a body to an answer."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.core.version import __version__
from xbopt.service.deciding.requests import AllocationRequest, Outcome
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.batches import read_batch, write_answer
from xbopt.service.http.engine import Engine
from xbopt.service.http.inference import InferenceRequest, model_metadata, read_inference, write_inference
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.routes import JSON, Answer, Call
from xbopt.service.store.interface import StoreError

MOST_REQUESTS = 1000
METRICS = "text/plain; version=0.0.4; charset=utf-8"
_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Body = TypeVar("Body")
Item = TypeVar("Item")


class SwapRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A bundle beside the one that was served first."""

    file: Annotated[str, msgspec.Meta(pattern=_FILE, description="name of the folder or archive, without a path")]


class KillSwitch(msgspec.Struct, forbid_unknown_fields=True):
    """The kill switch."""

    on: Annotated[bool, msgspec.Meta(description="whether the plan answers everything")]


_encode = msgspec.json.Encoder().encode
_outcomes = msgspec.json.Decoder(Outcome | list[Outcome])
_swap, _switch = msgspec.json.Decoder(SwapRequest), msgspec.json.Decoder(KillSwitch)
_inference = msgspec.json.Decoder(InferenceRequest)


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
            header, batch = read_batch(call.body, engine.allocator)
            answered = await engine.allocate_batch(
                batch,
                key=header.batch_id,
                body=call.body,
                episode_ids=header.episode_ids or [""] * header.rows,
                steps=header.steps or batch.day.tolist(),
            )
            return BATCH, write_answer(
                header, answered.allocation, answered.bundle, receipt=answered.receipt, axes=answered.axes
            )
        _need_json(call, f" or {BATCH}")
        asked = _decoded(engine.allocator.reader.decoder, call.body)
        if isinstance(asked, AllocationRequest):
            return JSON, _encode((await engine.allocate((asked,)))[0])
        return JSON, _encode(await engine.allocate(_few(asked)))

    async def outcomes(self, call: Call) -> Answer:
        """Store what decisions brought."""
        _need_ready(self._engine)
        _need_json(call)
        given = _decoded(_outcomes, call.body)
        states = await self._engine.outcomes((given,) if isinstance(given, Outcome) else _few(given))
        return _json({"accepted": len(states), "new": states.count("new"), "known": states.count("known")})

    async def live(self, _call: Call) -> Answer:
        """The process runs."""
        return _json({"live": True})

    async def ready(self, _call: Call) -> Answer:
        """Decisions can be made and stored."""
        _need_ready(self._engine)
        try:
            await self._engine.commit.check()
        except StoreError as error:
            raise ProblemError(503, f"The decision store cannot be used: {error}") from error
        return _json({"ready": True, "bundle": self._engine.allocator.address})

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
                "kill_switch": self._engine.killed or allocator.bundle.guardrails.kill_switch,
            }
        )

    async def swap(self, call: Call) -> Answer:
        """Decide with another bundle."""
        file = _decoded(_swap, call.body).file
        try:
            await self._engine.swap(self._bundles / file)
        except (BundleError, UsageError) as error:
            raise ProblemError(422, str(error)) from error
        except StoreError as error:
            raise ProblemError(503, f"The change cannot be written down, so nothing was changed: {error}") from error
        return self._bundle_name()

    async def roll_back(self, _call: Call) -> Answer:
        """Decide with the bundle before this one again."""
        await self._engine.roll_back()
        return self._bundle_name()

    def _bundle_name(self) -> Answer:
        manifest = self._engine.allocator.bundle.manifest
        address = self._engine.allocator.address
        return _json({"bundle": address, "name": manifest.name, "version": manifest.version})

    async def kill_switch(self, call: Call) -> Answer:
        """Let the plan answer everything, or not."""
        self._engine.kill(on=_decoded(_switch, call.body).on)
        return _json({"kill_switch": self._engine.killed})

    async def server(self, _call: Call) -> Answer:
        """About this server."""
        return _json({"name": "xbopt", "version": __version__, "extensions": []})

    async def inference_ready(self, _call: Call) -> Answer:
        """Inference works."""
        _need_ready(self._engine)
        return _json({"ready": True})

    async def model(self, call: Call) -> Answer:
        """Inputs and outputs of the model."""
        self._check_name(call.name)
        return _json(model_metadata(self._engine.allocator))

    async def model_ready(self, call: Call) -> Answer:
        """Whether the model is ready."""
        self._check_name(call.name)
        return _json({"name": call.name, "ready": self._engine.ready})

    async def infer(self, call: Call) -> Answer:
        """Decide for a batch of markets."""
        self._check_name(call.name)
        engine = self._engine
        asked = _decoded(_inference, call.body)
        key, batch = read_inference(asked, engine.allocator)
        # Which outputs are wished for does not make it another request.
        answered = await engine.allocate_batch(
            batch, key=key, body=_encode(asked.inputs), episode_ids=[""] * len(batch), steps=batch.day.tolist()
        )
        if answered.axes is not None:
            raise ProblemError(
                409,
                f"The decisions {key!r} were made by the bundle {answered.bundle}, which has other axes than the one "
                "that is served; tensors cannot say so. Ask for them as a batch, or as JSON.",
            )
        return _json(
            write_inference(
                asked, key, answered.allocation, engine.allocator, address=answered.bundle, receipt=answered.receipt
            )
        )

    def _check_name(self, name: str) -> None:
        own = self._engine.allocator.bundle.manifest.name
        if name != own:
            raise ProblemError(404, f"There is no model {name[:64]!r}; this service has {own!r}.")


def _json(value: object) -> Answer:
    return JSON, _encode(value)


def _decoded(decoder: "msgspec.json.Decoder[Body]", body: bytes) -> Body:
    """A JSON body.

    Raises:
        ProblemError: 400 where it is not JSON, 422 where it is not what is asked for.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A ValidationError is a DecodeError: the text is JSON, but not what is wanted.
        raise ProblemError(422 if isinstance(error, msgspec.ValidationError) else 400, f"{error}.") from error


def _need_ready(engine: Engine) -> None:
    if not engine.ready:
        raise ProblemError(503, "The service is starting or stopping; try again.")


def _need_json(call: Call, otherwise: str = "") -> None:
    if call.kind not in {JSON, ""}:
        raise ProblemError(415, f"Send {JSON}{otherwise}.")


def _few(items: list[Item]) -> list[Item]:
    if not 1 <= len(items) <= MOST_REQUESTS:
        raise ProblemError(422, f"1 to {MOST_REQUESTS} items are taken at once; there are {len(items)}.")
    return items
