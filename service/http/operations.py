"""The operations of the service: from a body to an answer."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest, KillMode, Outcome
from xbopt.service.http.answers import BundleDescription, BundleName, KillSwitchState, Live, OutcomeCounts, Ready
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.batches import read_batch, write_answer
from xbopt.service.http.bodies import decoded, decoded_order, json_answer, need_ready
from xbopt.service.http.bulk import SMALL_BYTES, SMALL_ROWS, is_list
from xbopt.service.http.engine import Engine
from xbopt.service.http.json_limits import MOST_VALUES, check_values, items_of, short_list, values_of_request
from xbopt.service.http.problems import ProblemError, store_reason
from xbopt.service.http.readiness import check_ready
from xbopt.service.http.routes import JSON, MOST_REQUESTS, Answer, Call
from xbopt.service.store.interface import StoreError, UncertainStoreError

_MOST_AT_ONCE = 4 << 20
_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Item = TypeVar("Item")


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
_raws = msgspec.json.Decoder(short_list(MOST_REQUESTS))


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
        need_ready(engine)
        allocator = engine.allocator
        reader, large = allocator.reader, len(call.body) > SMALL_BYTES
        if not is_list(call.body):
            asked = await engine.aside(lambda: _decoded_item(reader.decoder, call.body, allocator), large=large)
            if isinstance(asked, AllocationRequest):
                return JSON, _encode((await engine.allocate((asked,), actor=call.actor))[0])
            return JSON, _encode(await engine.allocate(_few(asked), actor=call.actor))
        items = await engine.aside(lambda: _items(call.body), large=large)
        if len(items) <= SMALL_ROWS and not large:
            return JSON, _encode(await engine.allocate(decoded(reader.decoder.decode, call.body), actor=call.actor))
        read = partial(_decoded_items, allocator)
        return JSON, await engine.allocate_many([*enumerate(items)], read, actor=call.actor)

    async def batch(self, call: Call) -> Answer:
        """Decide for a batch as bytes."""
        engine = self._engine
        need_ready(engine)
        _, (header, batch) = await engine.read(partial(read_batch, call.body), large=True)
        told = await engine.allocate_batch(
            batch,
            key=header.batch_id,
            body=call.body,
            episode_ids=header.episode_ids or [""] * header.rows,
            steps=header.steps or batch.day.tolist(),
            actor=call.actor,
        )
        return call.kind, await engine.bulk.run(
            lambda: write_answer(header, told.allocation, told.bundle, receipt=told.receipt, axes=told.axes)
        )

    async def outcomes(self, call: Call) -> Answer:
        """Store what decisions brought."""
        need_ready(self._engine)
        large = len(call.body) > SMALL_BYTES
        given = await self._engine.aside(lambda: _decoded_outcomes(call.body), large=large)
        some = (given,) if isinstance(given, Outcome) else _few(given)
        states = await self._engine.outcomes(some, actor=call.actor)
        return json_answer(OutcomeCounts(len(states), states.count("new"), states.count("known")))

    async def live(self, _call: Call) -> Answer:
        """The process runs."""
        return json_answer(Live(live=True))

    async def ready(self, _call: Call) -> Answer:
        """Decisions can be made and stored."""
        await check_ready(self._engine)
        # A switch that is on keeps a service ready: it answers, and stores what it answers.
        engine = self._engine
        allocator = engine.allocator
        decider = allocator.bundle.decider
        return json_answer(
            Ready(
                ready=True,
                bundle=allocator.address,
                kill_switch=engine.kill_switch.mode,
                decider=decider.name,
                decider_reason=decider.reason,
            )
        )

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
        return json_answer(
            BundleDescription(
                manifest=allocator.bundle.manifest,
                schema=allocator.bundle.schema,
                schema_sha256=allocator.schema_sha256,
                guardrails=allocator.bundle.guardrails,
                units=allocator.units,
                proven=allocator.bundle.certificate is not None,
                kill_switch=self._kill_mode() != "off",
                kill_switch_mode=self._kill_mode(),
            )
        )

    async def swap(self, call: Call) -> Answer:
        """Decide with another bundle."""
        file = decoded_order(_swap, call.body).file
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
            decoded_order(_rollback, call.body)
        try:
            await self._engine.roll_back(actor=call.actor)
        except StoreError as error:
            raise self._unwritten("so nothing was changed", error) from error
        return self._bundle_name(changed=True)

    def _bundle_name(self, *, changed: bool) -> Answer:
        manifest = self._engine.allocator.bundle.manifest
        address = self._engine.allocator.address
        return json_answer(BundleName(address, manifest.name, manifest.version, changed))

    async def kill_switch(self, call: Call) -> Answer:
        """Let the plan answer everything, or nothing be spent, or neither."""
        asked = decoded_order(_switch, call.body)
        try:
            await self._engine.kill(asked.mode if asked.on else "off", actor=call.actor)
        except StoreError as error:
            raise self._unwritten("so it stays as it was", error, is_made=asked.on) from error
        mode = self._engine.kill_switch.mode
        return json_answer(KillSwitchState(mode != "off", mode))

    def _kill_mode(self) -> KillMode:
        """What holds now, by the switch or by the bundle's guardrails."""
        mode = self._engine.kill_switch.mode
        return "plan" if mode == "off" and self._engine.allocator.bundle.guardrails.kill_switch else mode

    def _unwritten(self, so: str, error: StoreError, *, is_made: bool = False) -> ProblemError:
        """What is told of a change that the store does not acknowledge.

        Args:
            so: What follows where it is not written.
            error: What the store says.
            is_made: Whether it holds here all the same.
        """
        self._engine.log.note(f"A change cannot be written down: {error}")
        why = f"the store refuses, because {store_reason(error)}."
        if is_made:
            return ProblemError(503, f"The change cannot be written down, here it is on all the same: {why}")
        if isinstance(error, UncertainStoreError):
            return ProblemError(
                503,
                "Whether the change is written down is not known yet, and it may still come to pass; this service "
                f"follows the store as soon as that answers (GET /v1/bundle shows it): {why}",
            )
        return ProblemError(503, f"The change cannot be written down, {so}: {why}")


def _items(body: bytes) -> list[msgspec.Raw]:
    """The items of a list, not yet read.

    Raises:
        ProblemError: There are none, or too many.
    """
    if len(body) > SMALL_BYTES:
        check_values(body, MOST_VALUES)
    try:
        found = decoded(_raws.decode, body)
    except ProblemError as error:
        told = f"1 to {MOST_REQUESTS} items are taken at once; there are more."
        raise (ProblemError(422, told) if error.status == 422 else error) from None
    return _few(items_of(found))


def _decoded_items(allocator: Allocator, items: Sequence[tuple[int, msgspec.Raw]]) -> list[AllocationRequest]:
    """Some items of a list, each with its place in it, in case it cannot be read."""
    requests: list[AllocationRequest] = []
    for place, item in items:
        try:
            requests.append(_decoded_item(allocator.reader.one_decoder, memoryview(item), allocator))
        except ProblemError as error:
            raise ProblemError(error.status, f"In item {place} of the list: {error}") from error
    return requests


def _decoded_item(decoder: "msgspec.json.Decoder[Item]", text: bytes | memoryview, allocator: Allocator) -> Item:
    """A request by itself."""
    _check_size(len(text))
    if len(text) > SMALL_BYTES:
        check_values(text, values_of_request(allocator))
    return decoded(decoder.decode, text)


def _decoded_outcomes(body: bytes) -> Outcome | list[Outcome]:
    _check_size(len(body))
    if is_list(body):
        _items(body)
    return decoded(_outcomes.decode, body)


def _check_size(size: int) -> None:
    """One call of the decoder must not hold Python's lock for long.

    Raises:
        ProblemError: 413.
    """
    if size > _MOST_AT_ONCE:
        raise ProblemError(413, f"A single request, or a list of outcomes, may have {_MOST_AT_ONCE} bytes.")


def _few(items: list[Item]) -> list[Item]:
    if not 1 <= len(items) <= MOST_REQUESTS:
        raise ProblemError(422, f"1 to {MOST_REQUESTS} items are taken at once; there are {len(items)}.")
    return items
