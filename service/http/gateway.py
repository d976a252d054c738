"""The service as an ASGI application: tokens, sizes, time limits, dispatch, and one place for errors.

Routes are looked up in a dictionary and decoded with msgspec: a request meets no framework.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from time import perf_counter
from typing import Any, TypeAlias

from xbopt.core.errors import XboptError
from xbopt.service.deciding.reading import RequestError
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from xbopt.service.http.problems import ProblemError, problem_body
from xbopt.service.http.routes import JSON, Answer, Call, Route, RouteTable
from xbopt.service.http.tokens import Right, Tokens

# ASGI's own types: what a server and an application hand each other is a mapping of anything.
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Gateway:
    """An ASGI application.

    Args:
        routes: What is answered.
        engine: Decides; it starts and stops with the application.
        tokens: Who may do what; None where everybody who reaches the port may do everything.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
    """

    def __init__(
        self, routes: Sequence[Route], engine: Engine, *, tokens: Tokens | None, most_bytes: int, body_seconds: float
    ) -> None:
        self._table, self._engine, self._tokens = RouteTable(routes), engine, tokens
        self._most_bytes, self._body_seconds = most_bytes, body_seconds
        self.failure: XboptError | None = None
        """Why the service did not start."""

    @property
    def metrics(self) -> Metrics:
        """What the application counts."""
        return self._engine.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        started, metrics = perf_counter(), self.metrics
        route, parts, problem = self._table.find(str(scope["method"]), str(scope["path"]))
        status = 200
        metrics.in_flight += 1
        try:
            kind, answer, *more = await self._answer(scope, receive, route, parts, problem)
            headers = more[0] if more else ()
        except XboptError as error:
            if not isinstance(error, ProblemError):
                error = ProblemError(422 if isinstance(error, RequestError) else 503, str(error))
            status, headers = error.status, error.headers
            # Clients of the inference protocol read an error from plain JSON only.
            kind = JSON if str(scope["path"]).startswith("/v2") else PROBLEM_TYPE
            answer = problem_body(status, str(error))
        finally:
            metrics.in_flight -= 1
        if route is not None and route.timed:
            metrics.timed(route.label, kind if status == 200 else PROBLEM_TYPE, perf_counter() - started)
        metrics.answered("other" if route is None else route.label, status)
        sent = [("content-type", kind), ("content-length", str(len(answer))), *headers]
        encoded = [(key.encode(), value.encode()) for key, value in sent]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        route: Route | None,
        parts: Mapping[str, str],
        problem: ProblemError | None,
    ) -> Answer:
        kind, length = self._admit(scope, "read" if route is None else route.right)
        if route is None or problem is not None:
            raise problem or ProblemError(404, "There is nothing here.")
        body = await self._body(receive, length) if route.method == "POST" else b""
        name, version = parts.get("name", ""), parts.get("version", "")
        return await route.handle(Call(body=body, kind=kind, name=name, version=version, headers=scope["headers"]))

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the engine, and stop it when the server says so."""
        await receive()
        try:
            await self._engine.start()
        except XboptError as error:
            self.failure = error
            await self._engine.stop()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._engine.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _admit(self, scope: Scope, right: Right | None) -> tuple[str, int]:
        """Check the token and the stated length; gives content type and length, -1 where it is not stated.

        Raises:
            ProblemError: 401, 403, 413 or 415.
        """
        kind, length, authorization, coding = b"", -1, b"", b""
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        for name, value in headers:
            if name == b"content-type":
                kind = value
            elif name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 16 else self._most_bytes + 1
            elif name == b"authorization":
                authorization = value
            elif name == b"content-encoding":
                coding = value
        if self._tokens is not None and right is not None:
            rights = self._tokens.rights(authorization)
            if rights is None:
                raise ProblemError(401, "Send a known token: Authorization: Bearer TOKEN.")
            if right not in rights:
                raise ProblemError(403, f"This token lacks the right {right!r}.")
        if coding.strip().lower() not in {b"", b"identity"}:
            raise ProblemError(
                415, "Send the body as it is, without content-encoding.", headers=[("accept-encoding", "identity")]
            )
        if length > self._most_bytes:
            raise self._too_large()
        return kind.split(b";", 1)[0].strip().lower().decode("latin-1"), length

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"At most {self._most_bytes} bytes are taken; send smaller batches.")

    async def _body(self, receive: Receive, length: int) -> bytes:
        """The whole body, within size and time.

        Raises:
            ProblemError: 413 or 408, or 400 where the client went away.
        """
        message = await receive() if length >= 0 else await self._in_time(receive)
        if not message.get("more_body", False) and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if len(body) > self._most_bytes:
                raise self._too_large()
            return body
        parts: list[bytes] = []
        size = 0
        deadline = asyncio.get_running_loop().time() + self._body_seconds
        while True:
            if message["type"] == "http.disconnect":
                raise ProblemError(400, "The client went away.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return b"".join(parts)
            left = deadline - asyncio.get_running_loop().time()
            message = await self._in_time(receive, left)

    async def _in_time(self, receive: Receive, seconds: float | None = None) -> Message:
        try:
            return await asyncio.wait_for(receive(), self._body_seconds if seconds is None else max(seconds, 0.0))
        except TimeoutError as error:
            raise ProblemError(408, f"The body took longer than {self._body_seconds:g} s.") from error
