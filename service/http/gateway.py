"""The outermost layer: tokens, sizes, time limits, and the two hot routes; everything else goes to FastAPI.

The hot routes are plain ASGI decoded with msgspec: on their way they meet no router, no middleware and no pydantic.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import perf_counter
from typing import Any, TypeAlias

import msgspec

from xbopt.core.errors import XboptError
from xbopt.service.deciding.reading import RequestError
from xbopt.service.deciding.requests import AllocationRequest, Outcome
from xbopt.service.http.batches import CONTENT_TYPE as BATCH_TYPE
from xbopt.service.http.batches import read_batch, write_answer
from xbopt.service.http.engine import Engine
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from xbopt.service.http.problems import ProblemError, problem_body
from xbopt.service.http.tokens import Right, Tokens

# ASGI's own types: what a server and an application hand each other is a mapping of anything.
Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

ALLOCATE, OUTCOMES = "/v1/allocate", "/v1/outcomes"
OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
MOST_REQUESTS = 1000
_JSON = b"application/json"

_outcomes = msgspec.json.Decoder(Outcome | list[Outcome])
_encode = msgspec.json.Encoder().encode


class Gateway:
    """An ASGI application around another.

    Args:
        app: Takes what is not hot.
        engine: Decides.
        tokens: Who may do what; None where everybody who reaches the port may do everything.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
    """

    def __init__(
        self, app: App, engine: Engine, *, tokens: Tokens | None, most_bytes: int, body_seconds: float
    ) -> None:
        self._app, self._engine, self._tokens = app, engine, tokens
        self._most_bytes, self._body_seconds = most_bytes, body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = str(scope["path"]), str(scope["method"])
        hot = method == "POST" and path in {ALLOCATE, OUTCOMES}
        started = perf_counter()
        try:
            kind, length = self._admit(scope, path)
            if not hot:
                await self._cold(scope, receive, send, path, length)
                return
            body = await self._body(receive, length)
            status, kind, answer = 200, *(await self._hot(path, kind, body))
        except ProblemError as problem:
            status, kind, answer = problem.status, PROBLEM_TYPE.encode(), problem_body(problem.status, problem.detail)
        except RequestError as error:
            status, kind, answer = 422, PROBLEM_TYPE.encode(), problem_body(422, str(error))
        except XboptError as error:
            status, kind, answer = 503, PROBLEM_TYPE.encode(), problem_body(503, str(error))
        if path == ALLOCATE and hot:
            self._engine.metrics.seconds.observe(perf_counter() - started)
        self._engine.metrics.answered(path if hot else "other", status)
        await _respond(send, status, kind, answer)

    def _admit(self, scope: Scope, path: str) -> tuple[bytes, int]:
        """Check the token and the stated length; gives content type and length, -1 where it is not stated.

        Raises:
            ProblemError: 401, 403 or 413.
        """
        kind, length, authorization = b"", -1, b""
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        for name, value in headers:
            if name == b"content-type":
                kind = value
            elif name == b"content-length":
                length = int(value) if value.isdigit() and len(value) < 16 else self._most_bytes + 1
            elif name == b"authorization":
                authorization = value
        if self._tokens is not None and path not in OPEN_PATHS:
            rights = self._tokens.rights(authorization)
            if rights is None:
                raise ProblemError(401, "Send a known token: Authorization: Bearer TOKEN.")
            if right_of(path) not in rights:
                raise ProblemError(403, f"This token lacks the right {right_of(path)!r}.")
        if length > self._most_bytes:
            raise ProblemError(413, f"At most {self._most_bytes} bytes are taken; send smaller batches.")
        return kind, length

    async def _body(self, receive: Receive, length: int) -> bytes:
        """The whole body, within size and time.

        Raises:
            ProblemError: 413 or 408, or 400 where the client went away.
        """
        message = await receive() if length >= 0 else await self._in_time(receive)
        if not message.get("more_body", False) and message["type"] == "http.request":
            body: bytes = message.get("body", b"")
            if len(body) > self._most_bytes:
                raise ProblemError(413, f"At most {self._most_bytes} bytes are taken; send smaller batches.")
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
                raise ProblemError(413, f"At most {self._most_bytes} bytes are taken; send smaller batches.")
            if not message.get("more_body", False):
                return b"".join(parts)
            left = deadline - asyncio.get_running_loop().time()
            message = await self._in_time(receive, left)

    async def _in_time(self, receive: Receive, seconds: float | None = None) -> Message:
        try:
            return await asyncio.wait_for(receive(), self._body_seconds if seconds is None else max(seconds, 0.0))
        except TimeoutError as error:
            raise ProblemError(408, f"The body took longer than {self._body_seconds:g} s.") from error

    async def _hot(self, path: str, kind: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Content type and body of the answer to a hot route."""
        kind = kind.split(b";", 1)[0].strip().lower()
        if not self._engine.ready:
            raise ProblemError(503, "The service is starting or stopping; try again.")
        if path == ALLOCATE and kind == BATCH_TYPE.encode():
            header, batch = read_batch(body, self._engine.allocator)
            days: list[int] = batch.day.tolist()
            allocation, address, stored = await self._engine.allocate_batch(
                batch,
                key=header.batch_id,
                body=body,
                episode_ids=header.episode_ids or [""] * header.rows,
                steps=header.steps or days,
            )
            return BATCH_TYPE.encode(), write_answer(header, allocation, address, stored=stored)
        if kind not in {_JSON, b""}:
            raise ProblemError(415, f"Send application/json{f' or {BATCH_TYPE}' if path == ALLOCATE else ''}.")
        try:
            if path == ALLOCATE:
                asked = self._engine.allocator.reader.decoder.decode(body)
                if isinstance(asked, AllocationRequest):
                    return _JSON, _encode((await self._engine.allocate((asked,)))[0])
                return _JSON, _encode(await self._engine.allocate(_few(asked)))
            told = _outcomes.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # A ValidationError is a DecodeError: the text is JSON, but not what is wanted.
            status = 422 if isinstance(error, msgspec.ValidationError) else 400
            raise ProblemError(status, f"{error}.") from error
        states = await self._engine.outcomes((told,) if isinstance(told, Outcome) else _few(told))
        return _JSON, _encode({"accepted": len(states), "new": states.count("new"), "known": states.count("known")})

    async def _cold(self, scope: Scope, receive: Receive, send: Send, path: str, length: int) -> None:
        """Let FastAPI answer, with the body read and measured here."""
        has_body = length > 0 or str(scope["method"]) in {"POST", "PUT", "PATCH"}
        body = await self._body(receive, length) if has_body else b""
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._engine.metrics.answered(path if path in OPEN_PATHS else "other", int(message["status"]))
            await send(message)

        await self._app(scope, replay, counted)


def right_of(path: str) -> Right:
    """The right that a path asks for."""
    if path == ALLOCATE or path.endswith("/infer"):
        return "allocate"
    if path == OUTCOMES:
        return "outcomes"
    return "admin" if path.startswith("/v1/admin") else "read"


def _few(items: "list[Any]") -> "list[Any]":
    if not 1 <= len(items) <= MOST_REQUESTS:
        raise ProblemError(422, f"1 to {MOST_REQUESTS} items are taken at once; there are {len(items)}.")
    return items


async def _respond(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    elif status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
