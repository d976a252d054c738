"""The operations of the service: from a body to an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest, Outcome
from xbopt.service.http.answers import BundleDescription, BundleName, KillSwitchState, Live, OutcomeCounts, Ready
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.batches import read_batch, write_answer
from xbopt.service.http.bodies import decoded
from xbopt.service.http.bodies import json_answer as _json
from xbopt.service.http.bodies import need_ready as _need_ready
from xbopt.service.http.engine import Engine
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.routes import JSON, MOST_REQUESTS, Answer, Call
from xbopt.service.http.tensor_bytes import CONTENT_TYPE as BYTES
from xbopt.service.store.interface import StoreError

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


class Operations:
    """What the routes do.

    Args:
        engine: Decides.
        bundles: Folder from which bundles may be swapped in.
    """

    def __init__(self, engine: Engine, bundles: Path) -> None:
        self._engine, self._bundles = engine, bundles
        self.describe: Callable[[Allocator], bytes] = lambda _allocator: b""
        self._described: tuple[Allocator, bytes] | None = None

    async def allocate(self, call: Call) -> Answer:
        """Decide for one market, for several, or for a batch as bytes."""
        if call.kind == BATCH:
            return await self.batch(call)
        engine = self._engine
        _need_ready(engine)
        _need_json(call, f" or {BATCH}")
        asked = _decoded(engine.allocator.reader.decoder, call.body)
        if isinstance(asked, AllocationRequest):
            return JSON, _encode((await engine.allocate((asked,)))[0])
        return JSON, _encode(await engine.allocate(_few(asked)))

    async def batch(self, call: Call) -> Answer:
        """Decide for a batch as bytes."""
        engine = self._engine
        _need_ready(engine)
        if call.kind not in {BATCH, BYTES}:
            raise ProblemError(415, f"Send {BYTES}, and say so in content-type.")
        header, batch = read_batch(call.body, engine.allocator)
        answered = await engine.allocate_batch(
            batch,
            key=header.batch_id,
            body=call.body,
            episode_ids=header.episode_ids or [""] * header.rows,
            steps=header.steps or batch.day.tolist(),
        )
        return call.kind, write_answer(
            header, answered.allocation, answered.bundle, receipt=answered.receipt, axes=answered.axes
        )

    async def outcomes(self, call: Call) -> Answer:
        """Store what decisions brought."""
        _need_ready(self._engine)
        _need_json(call)
        given = _decoded(_outcomes, call.body)
        states = await self._engine.outcomes((given,) if isinstance(given, Outcome) else _few(given))
        return _json(OutcomeCounts(len(states), states.count("new"), states.count("known")))

    async def live(self, _call: Call) -> Answer:
        """The process runs."""
        return _json(Live(live=True))

    async def ready(self, _call: Call) -> Answer:
        """Decisions can be made and stored."""
        _need_ready(self._engine)
        try:
            await self._engine.commit.check()
        except StoreError as error:
            raise ProblemError(503, f"The decision store cannot be used: {error}") from error
        return _json(Ready(ready=True, bundle=self._engine.allocator.address))

    async def metrics(self, call: Call) -> Answer:
        """All metrics."""
        metrics, commit = self._engine.metrics, self._engine.commit
        metrics.waiting.set(commit.waiting)
        metrics.tell_chain(commit.head)
        return metrics.page((call.header(b"accept") or b"").decode("latin-1"))

    async def openapi(self, _call: Call) -> Answer:
        """The OpenAPI document of the bundle that decides."""
        allocator = self._engine.allocator
        if self._described is None or self._described[0] is not allocator:
            self._described = (allocator, self.describe(allocator))
        return JSON, self._described[1]

    async def bundle(self, _call: Call) -> Answer:
        """The bundle that decides."""
        allocator = self._engine.allocator
        return _json(
            BundleDescription(
                manifest=allocator.bundle.manifest,
                schema=allocator.bundle.schema,
                schema_sha256=allocator.schema_sha256,
                guardrails=allocator.bundle.guardrails,
                units=allocator.units,
                proven=allocator.bundle.certificate is not None,
                kill_switch=self._engine.killed or allocator.bundle.guardrails.kill_switch,
            )
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
        return _json(BundleName(address, manifest.name, manifest.version))

    async def kill_switch(self, call: Call) -> Answer:
        """Let the plan answer everything, or not."""
        self._engine.kill(on=_decoded(_switch, call.body).on)
        return _json(KillSwitchState(self._engine.killed))


def _decoded(decoder: "msgspec.json.Decoder[Body]", body: bytes) -> Body:
    """A JSON body.

    Raises:
        ProblemError: 400 where it is not JSON, 422 where it is not what is asked for.
    """
    return decoded(decoder.decode, body)


def _need_json(call: Call, otherwise: str = "") -> None:
    if call.kind not in {JSON, ""}:
        raise ProblemError(415, f"Send {JSON}{otherwise}.")


def _few(items: list[Item]) -> list[Item]:
    if not 1 <= len(items) <= MOST_REQUESTS:
        raise ProblemError(422, f"1 to {MOST_REQUESTS} items are taken at once; there are {len(items)}.")
    return items
