"""Connections that end in time: a protocol for uvicorn in which every wait for a client has a limit.

uvicorn itself waits for ever for the head of a request, for the rest of its body, and for a reader of its answers. A
sweep several times a second looks at all connections, so that no request costs a timer of its own.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from xbopt.service.http.problems import CONTENT_TYPE, problem_body

_MOST_HEAD_BYTES = 64 << 10
_HEADER_BYTES = 32
"""What a header counts beyond its letters, as in RFC 9113, section 6.5.2."""
_MOST_PIPELINED = 100
_GRACE_SECONDS = 1.0
_HEAD, _BODY, _ANSWER, _IDLE = range(4)
_Pipeline = deque[tuple[RequestResponseCycle, ASGI3Application]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one client may take.

    Attributes:
        header_seconds: How long the head of a request may take, from the opening of the connection at first.
        body_seconds: How long a body may take to come.
        idle_seconds: How long a connection may be silent between two requests.
        write_seconds: How long an answer may take to leave.
        most_connections: Connections at a time; more are told 503.
        most_bytes: Largest body.
    """

    header_seconds: float = 10.0
    body_seconds: float = 10.0
    idle_seconds: float = 30.0
    write_seconds: float = 30.0
    most_connections: int = 1000
    most_bytes: int = 32 << 20


class TimedProtocol(HttpToolsProtocol):
    """One connection; it awaits the head of a request, its body, our answer, or nothing."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    on_refused: ClassVar[Callable[[int], None]]
    """Called with the status of an answer that the application knows nothing of."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._state, self._since = _HEAD, self.loop.time()
        self._unsent_since: float | None = None
        self._bytes = self._head_bytes = 0
        self._has_begun = self._has_ended = False
        self._complaint = (400, "This is no request of HTTP/1.1.")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or say that there are too many."""
        super().connection_made(transport)
        self.flow = _BoundedFlow(transport, self.pipeline)
        if len(self.connections) > self.limits.most_connections:
            self._refuse(503, f"More than {self.limits.most_connections} connections are open; try again.")

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        if self.transport.is_closing():
            return
        self._has_begun = True
        self._bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(*self._complaint)
        if self._state == _HEAD and self._bytes > _MOST_HEAD_BYTES:
            self._refuse(431, f"The head of a request may have {_MOST_HEAD_BYTES} bytes.")
        elif self._state == _BODY and self._bytes > 2 * self.limits.most_bytes + _MOST_HEAD_BYTES:
            # Nobody reads this any more: the answer was 413 long ago.
            self.transport.abort()

    def _parse(self, data: bytes) -> None:
        """Parse what came. Where a request asks for another protocol, it is one of HTTP/1.1 all the same.

        The parser takes such a request for the last one and its body for that protocol (RFC 9110, section 7.8, lets us
        ignore the wish). So its head is read again without it, and what follows is its body.

        Raises:
            HttpParserError: It is no request that is taken.
        """
        while True:
            try:
                assert self.parser is not None, "it goes when the connection is lost"
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as wish:
                data = self._head_without_upgrade() + data[cast("int", wish.args[0]) :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """The head of the request that was read last, as it were without ``Upgrade``."""
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                options = (option.strip() for option in value.split(b","))
                value = b", ".join(option for option in options if option.lower() != b"upgrade")  # noqa: PLW2901
            if name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join((*lines, b"", b""))

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; whoever has sent a whole request is answered before the connection ends."""
        self._has_ended = True
        if self._state == _ANSWER or (self._state == _HEAD and self._is_answering):
            return True
        if self._state == _BODY and not self.pipeline and not self.cycle.response_started:
            # The application hears that the client has gone away, and counts that.
            self._write_problem(400, "The body ended before it was whole.")
        elif self._state == _HEAD and self._has_begun:
            self._refuse(400, "The request ended before its head was whole.")
        return False

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._state != _HEAD:
            self._state, self._since = _HEAD, self.loop.time()
        self._bytes = self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        self._head_bytes += len(name) + len(value) + _HEADER_BYTES
        if self._head_bytes > _MOST_HEAD_BYTES:
            self._stop_parsing(431, f"The head of a request may have {_MOST_HEAD_BYTES} bytes.")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop_parsing(429, "Too many requests were sent ahead.")
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._stop_parsing(501, "This is no proxy.")
            return
        self._check_framing()
        if not self.url.startswith(b"/"):
            self._take_host_from_target()
        self._state, self._since = _BODY, self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is there."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._state, self._since = (_IDLE if self.cycle.response_complete else _ANSWER), self.loop.time()

    def on_response_complete(self) -> None:
        """An answer was written; go on with the next request. Only then are more of them read."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._since = self.loop.time()
            self._start_asgi_task(cycle, app)
        elif self._state == _ANSWER:
            self._state, self._since = _IDLE, self.loop.time()
            if self._has_ended:
                self.transport.close()
                return
        elif self._has_ended or (self._state == _BODY and self.expect_100_continue):
            # Whoever waited for leave to send a body may not send it now: where would the next request begin?
            self.transport.close()
            return
        self.flow.resume_reading()

    def shutdown(self) -> None:
        """Answer what is under way, and wait a moment for what has begun to come."""
        super().shutdown()
        self.loop.call_later(_GRACE_SECONDS, self._cut_off)

    def close_if_overdue(self, now: float) -> None:
        """End the connection where its client has taken too long.

        Args:
            now: The time of the loop.
        """
        limits = self.limits
        if self.transport.get_write_buffer_size():
            self._unsent_since = now if self._unsent_since is None else self._unsent_since
            if now - self._unsent_since > limits.write_seconds:
                self.transport.abort()
            return
        self._unsent_since = None
        if self.transport.is_closing():
            return
        waited = now - self._since
        if self._state == _IDLE and waited > limits.idle_seconds:
            self.transport.close()
        elif self._state == _HEAD and waited > limits.header_seconds and not self._is_answering:
            if self._has_begun:
                self._refuse(408, f"The head of the request took longer than {limits.header_seconds:g} s.")
            self.transport.close()
        elif self._state == _BODY and waited > limits.body_seconds and not self.pipeline:
            if waited > limits.body_seconds + _GRACE_SECONDS:
                self.transport.abort()
            # The application looks at the clock when it is woken, and answers 408.
            self.cycle.message_event.set()

    @property
    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _cut_off(self) -> None:
        if self._state in {_HEAD, _BODY} or self.transport.get_write_buffer_size():
            self.transport.abort()

    def _stop_parsing(self, status: int, detail: str) -> NoReturn:
        """Give up on what came; the parser lets no error through, so what to say is kept.

        Raises:
            ValueError: Always.
        """
        self._complaint = (status, detail)
        raise ValueError(detail)

    def _check_framing(self) -> None:
        """Take only bodies whose end everybody before us sees where we see it, and no expectation that we do not know.

        Raises:
            ValueError: As ``_stop_parsing``.
        """
        for name, value in self.headers:
            if name == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    self._stop_parsing(501, "Of transfer codings only chunked is taken.")
                if self.parser.get_http_version() != "1.1":
                    self._stop_parsing(400, "Chunks came with HTTP/1.1.")
            elif name == b"expect" and value.strip().lower() != b"100-continue":
                self._stop_parsing(417, "Nothing but 100-continue can be expected here.")

    def _take_host_from_target(self) -> None:
        """A target with a host counts more than the header ``Host`` (RFC 9112, section 3.2.2)."""
        target = httptools.parse_url(self.url)
        host, port = cast("bytes | None", target.host), cast("int | None", target.port)
        if host is None:
            self._stop_parsing(400, "The target of a request is a path.")
        host = b"[%s]" % host if b":" in host else host
        host = host if port is None else b"%s:%d" % (host, port)
        self.headers[:] = [header for header in self.headers if header[0] != b"host"] + [(b"host", host)]

    def _refuse(self, status: int, detail: str) -> None:
        """Say no and close; where an answer is under way, this one would be taken for it, so only close."""
        if self.transport.is_closing():
            return
        if not self._is_answering:
            self._write_problem(status, detail)
        type(self).on_refused(status)
        self.transport.close()

    def _write_problem(self, status: int, detail: str) -> None:
        body = problem_body(status, detail)
        head = f"content-type: {CONTENT_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)


class _BoundedFlow(FlowControl):
    """Reads no further while requests wait that were sent ahead."""

    def __init__(self, transport: asyncio.Transport, pipeline: _Pipeline) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._pipeline:
            super().resume_reading()


def timed_protocol(limits: ConnectionLimits, on_refused: Callable[[int], None]) -> type[TimedProtocol]:
    """The protocol with limits of its own.

    Args:
        limits: What one client may take.
        on_refused: Called with the status of every answer that the application knows nothing of.
    """
    return type("TimedProtocol", (TimedProtocol,), {"limits": limits, "on_refused": staticmethod(on_refused)})
