"""The service as an ASGI application: tokens, sizes, time limits, dispatch, and one place for errors.

Routes are looked up in a dictionary and decoded with msgspec: a request meets no framework.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

from xbopt.core.errors import UsageError, XboptError
from xbopt.service.deciding.reading import RequestError
from xbopt.service.http.engine import Engine
from xbopt.service.http.hosts import HostRule
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from xbopt.service.http.problems import ProblemError, problem_body
from xbopt.service.http.routes import JSON, Answer, Call, Route, RouteTable
from xbopt.service.http.tokens import Right, Tokens, read_tokens
from xbopt.service.store.interface import StoreError
from xbopt.service.store.recording import administration_entry

# ASGI's own types: what a server and an application hand each other is a mapping of anything.
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


_HELD_BODIES = 8
"""Bodies of the largest size that may be held in memory at a time, all clients together."""


class _Admitted(NamedTuple):
    """What the headers say: content type, stated length (-1 where there is none), and whose token it is."""

    kind: str
    length: int
    actor: str


class Gateway:
    """An ASGI application.

    Args:
        routes: What is answered.
        engine: Decides; it starts and stops with the application.
        tokens: Who may do what; None where everybody who reaches the port may do everything.
        hosts: For whom requests may be.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
        stop_seconds: How long the engine may take to stop.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        engine: Engine,
        *,
        tokens: Tokens | None,
        hosts: HostRule,
        most_bytes: int,
        body_seconds: float,
        stop_seconds: float,
    ) -> None:
        self._table, self.engine, self._tokens, self._hosts = RouteTable(routes), engine, tokens, hosts
        self._most_bytes, self._body_seconds, self._stop_seconds = most_bytes, body_seconds, stop_seconds
        self._held = 0
        self.has_stopped = False
        """Whether the engine has ended, and not only been given up on."""
        self.failure: XboptError | None = None
        """Why the service did not start."""

    @property
    def metrics(self) -> Metrics:
        """What the application counts."""
        return self.engine.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        started, metrics = perf_counter(), self.metrics
        is_head = scope["method"] == "HEAD"
        route, parts, problem = self._table.find("GET" if is_head else str(scope["method"]), str(scope["path"]))
        status = 200
        metrics.in_flight += 1
        try:
            kind, answer, *more = await self._answer(scope, receive, route, parts, problem)
            headers = more[0] if more else ()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - one request's fault is nobody else's
            said = self._problem(error, "" if route is None else route.path)
            status, headers = said.status, said.headers
            # Clients of the inference protocol read an error from plain JSON only.
            kind = JSON if str(scope["path"]).startswith("/v2") else PROBLEM_TYPE
            answer = problem_body(status, str(said))
            # A traceback holds this frame: if this frame held the error, both would keep the body for a long time.
            del said
        finally:
            metrics.in_flight -= 1
        if route is not None and route.timed:
            metrics.timed(route.label, kind if status == 200 else PROBLEM_TYPE, perf_counter() - started)
        metrics.answered("other" if route is None else route.label, status)
        sent = [("content-type", kind), ("content-length", str(len(answer))), *headers]
        encoded = [(key.encode(), value.encode()) for key, value in sent]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if is_head else answer})

    def _problem(self, error: BaseException, path: str) -> ProblemError:
        """What a client is told of an error; what only the operator may know goes to the log."""
        if isinstance(error, ProblemError):
            return error
        if isinstance(error, RequestError):
            return ProblemError(422, str(error))
        if isinstance(error, asyncio.CancelledError):
            # Only a server that stops cancels requests.
            return ProblemError(503, "The service is stopping; ask another one, or again with the same names.")
        if isinstance(error, XboptError):
            self.engine.log.note(f"{path}: {error}")
            return ProblemError(503, "The service cannot answer this now; its log says why.")
        self.engine.log.note(f"{path}: {type(error).__name__}: {error}", error)
        return ProblemError(500, "Something went wrong that nobody foresaw; the log of the service says what.")

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        route: Route | None,
        parts: Mapping[str, str],
        problem: ProblemError | None,
    ) -> Answer:
        posted = scope["method"] not in {"GET", "HEAD"}
        admitted = self._admit(scope, "read" if route is None else route.right, posted=posted)
        if route is None or problem is not None:
            raise problem or ProblemError(404, "There is nothing here.")
        body = b""
        if posted:
            body = await self._body(receive)
            takes = (*(route.takes or ()), *route.also)
            if admitted.kind not in takes:
                raise ProblemError(415, f"Send {' or '.join(filter(None, takes))}, and say so in content-type.")
        name, version = parts.get("name", parts.get("campaign", "")), parts.get("version", "")
        return await route.handle(
            Call(
                body=body, kind=admitted.kind, name=name, version=version, headers=scope["headers"],
                actor=admitted.actor,
            )
        )  # fmt: skip

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the engine, and stop it when the server says so."""
        await receive()
        try:
            await self.engine.start()
        except XboptError as error:
            self.failure = error
            await self._stop()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _stop(self) -> None:
        try:
            await asyncio.wait_for(self.engine.stop(), self._stop_seconds)
            self.has_stopped = True
        except TimeoutError:
            late = f"The store did not end within {self._stop_seconds:g} s."
            self.engine.log.note(f"{late} What it has not acknowledged was told to nobody.")

    async def reload_tokens(self, path: Path) -> None:
        """Take the tokens from a file anew; where it is broken, the ones before stay."""
        try:
            tokens = await asyncio.get_running_loop().run_in_executor(None, read_tokens, path)
        except UsageError as error:
            self.engine.metrics.token_reloads.labels("refused").inc()
            self.engine.log.note(f"The tokens stay as they were: {error}")
            return
        self._tokens = tokens
        self.engine.metrics.token_reloads.labels("loaded").inc()
        self.engine.log.note(f"{len(tokens)} tokens were read from {path}.")
        bundle = self.engine.allocator.address
        entry = administration_entry("tokens", actor="", bundle=bundle, detail=f"{len(tokens)} tokens")
        try:
            await self.engine.commit.append(entry)
        except StoreError as error:
            self.engine.log.note(f"That the tokens were read anew cannot be written down: {error}")

    def _admit(self, scope: Scope, right: Right | None, *, posted: bool) -> _Admitted:
        """Check for whom a request is, the token, and the stated length.

        Raises:
            ProblemError: 400, 401, 403, 413, 415 or 421.
        """
        kind, length = b"", -1
        authorizations: list[bytes] = []
        hosts: list[bytes] = []
        origins: list[bytes] = []
        coding = b""
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        for name, value in headers:
            if name == b"host":
                hosts.append(value)
            elif name == b"content-type":
                kind = value
            elif name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 16 else self._most_bytes + 1
            elif name == b"authorization":
                authorizations.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"content-encoding":
                coding = value
        self._hosts.check(hosts, origins, posted=posted, version=str(scope.get("http_version", "1.0")))
        actor = ""
        if self._tokens is not None and right is not None:
            if len(authorizations) > 1:
                raise ProblemError(400, "Send the header Authorization once.")
            holder = self._tokens.holder(authorizations[0]) if authorizations else None
            if holder is None:
                raise ProblemError(401, "Send a known token: Authorization: Bearer TOKEN.")
            if right not in holder.rights:
                raise ProblemError(403, f"This token lacks the right {right!r}.")
            actor = holder.name
        if coding.strip().lower() not in {b"", b"identity"}:
            raise ProblemError(
                415, "Send the body as it is, without content-encoding.", headers=[("accept-encoding", "identity")]
            )
        if length > self._most_bytes:
            raise self._too_large()
        return _Admitted(kind.split(b";", 1)[0].strip().lower().decode("latin-1"), length, actor)

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"At most {self._most_bytes} bytes are taken; send smaller batches.")

    async def _body(self, receive: Receive) -> bytes:
        """The whole body, within size and time.

        Raises:
            ProblemError: 413 or 408, 400 where the client went away, or 503 where too many large bodies are under way.
        """
        # Mostly all of it is there, and no timer is needed. Where it is not, the protocol wakes this when time is up.
        end = asyncio.get_running_loop().time() + self._body_seconds
        message = await receive()
        if not message.get("more_body", False) and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if len(body) > self._most_bytes:
                raise self._too_large()
            return body
        try:
            async with asyncio.timeout_at(end):
                return await self._parts(receive, message)
        except TimeoutError as error:
            told = f"The body took longer than {self._body_seconds:g} s."
            raise ProblemError(408, told, headers=[("connection", "close")]) from error

    async def _parts(self, receive: Receive, message: Message) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise ProblemError(400, "The client went away.")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._held += len(parts[-1])
                if size > self._most_bytes:
                    raise self._too_large()
                if self._held > _HELD_BODIES * self._most_bytes:
                    raise ProblemError(503, "Too many large bodies come at the same time; try again.")
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._held -= size
