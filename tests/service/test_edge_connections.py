"""Every wait for a client ends: raw connections against a running service with short limits."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Generator

import pytest

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import body

HEAD = b"POST /v1/allocate HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
LIMITS = ("--header-timeout", "1", "--body-timeout", "1", "--idle-timeout", "1.5", "--write-timeout", "1.5")
CLOSED_WITHIN = 4.0
"""The longest limit, the second of grace for a body that nobody reads, and a sweep or two on a busy machine."""


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path, *LIMITS)


def connect(served: Served, *, buffer: int = 0) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(10.0)
    connection.connect((host, int(port)))
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def say_nothing(_: socket.socket) -> None:
    pass


def say_half_a_head(connection: socket.socket) -> None:
    connection.sendall(HEAD)


def send_no_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"content-length: 100\r\n\r\n")


def send_half_a_chunk(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n20\r\nabc")


def be_idle_after_an_answer(connection: socket.socket) -> None:
    connection.sendall(LIVE)
    told = b""
    while not told.endswith(b'{"live":true}'):
        told += connection.recv(4096)


def send_blank_lines_after_an_answer(connection: socket.socket) -> None:
    be_idle_after_an_answer(connection)
    connection.sendall(b"\r\n\r\n")


KINDS = {
    say_nothing: b"",
    say_half_a_head: b"HTTP/1.1 408",
    send_no_body: b"HTTP/1.1 408",
    send_half_a_chunk: b"HTTP/1.1 408",
    be_idle_after_an_answer: b"",
    send_blank_lines_after_an_answer: b"",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_fifty_connections_of_a_kind_are_closed_in_time_and_others_are_served(
    served: Served, kind: Callable[[socket.socket], None]
) -> None:
    """408 where a request has begun; nothing, where nothing was said."""
    connections = [connect(served) for _ in range(50)]
    for connection in connections:
        kind(connection)
    started = time.monotonic()
    with served.client() as client:
        assert client.get("/health/live", timeout=1.0).status_code == 200
    for connection in connections:
        told = read_to_end(connection)
        connection.close()
        assert told.startswith(KINDS[kind]) if KINDS[kind] else told == b""
        if told:
            assert json.loads(told.partition(b"\r\n\r\n")[2])["status"] == 408
    assert time.monotonic() - started < CLOSED_WITHIN


@pytest.mark.parametrize("start", [b"", HEAD + b"content-length: 100\r\n\r\n"], ids=["head", "body"])
def test_a_byte_now_and_then_does_not_hold_a_connection(served: Served, start: bytes) -> None:
    connection = connect(served)
    connection.sendall(start)
    text = HEAD if not start else b'{"day":' + b" " * 90
    started = time.monotonic()
    told = b""
    for i in range(60):
        with contextlib.suppress(OSError):
            connection.sendall(text[i : i + 1])
        connection.settimeout(0.1)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            told = connection.recv(4096)
            break
    assert time.monotonic() - started < CLOSED_WITHIN
    assert told.startswith(b"HTTP/1.1 408")
    connection.close()


def test_an_answer_that_nobody_reads_is_given_up(served: Served) -> None:
    """The kernel takes some megabytes of answers; then the service notices, and does not wait for ever."""
    connection = connect(served, buffer=4096)
    asked = b"GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" * 50
    connection.settimeout(0.5)
    started = time.monotonic()
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while time.monotonic() - started < 15.0:
            with contextlib.suppress(TimeoutError):
                connection.sendall(asked)
            time.sleep(0.05)
    assert time.monotonic() - started < 15.0
    connection.close()


def test_requests_that_are_sent_ahead_are_answered_in_turn_up_to_a_hundred(served: Served) -> None:
    connection = connect(served)
    connection.sendall(LIVE * 60)
    told = b""
    while told.count(b"HTTP/1.1 200") < 60 or not told.endswith(b"}"):
        told += connection.recv(65536)
    assert told.count(b'{"live":true}') == 60
    connection.close()
    connection = connect(served)
    connection.sendall(LIVE * 5000)
    assert read_to_end(connection).count(b"HTTP/1.1 200") < 300
    connection.close()


def test_a_head_without_end_is_refused(served: Served) -> None:
    for head in (b"GET /health/live HTTP/1.1\r\nx: " + b"a" * 400_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 30_000):
        connection = connect(served)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(head)
        told = read_to_end(connection)
        assert not told or told.startswith(b"HTTP/1.1 431")
        connection.close()


def test_what_is_no_http_is_told_so_in_a_problem_document(served: Served) -> None:
    connection = connect(served)
    connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
    told = read_to_end(connection)
    assert told.startswith(b"HTTP/1.1 400")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["status"] == 400
    connection.close()


def test_whoever_waits_for_leave_to_send_gets_it_or_a_refusal(served: Served, tactic: Exported) -> None:
    content = json.dumps(body(tactic, decision_id="leave")).encode()
    connection = connect(served)
    connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(content))
    assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(content)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()
    connection = connect(served)
    connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n")
    assert read_to_end(connection).startswith(b"HTTP/1.1 413")  # and it is closed: no body is waited for
    connection.close()


@pytest.fixture
def crowded(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path, "--max-connections", "20")


def test_more_connections_than_allowed_are_told_503(crowded: Served) -> None:
    connections = [connect(crowded) for _ in range(20)]
    time.sleep(0.2)
    one_more = connect(crowded)
    assert read_to_end(one_more).startswith(b"HTTP/1.1 503")
    one_more.close()
    connections.pop().close()
    time.sleep(0.2)
    with crowded.client() as client:
        assert client.get("/health/live").status_code == 200
        assert 'route="other",status="503"' in client.get("/metrics").text
    for connection in connections:
        connection.close()


@contextlib.contextmanager
def held(served: Served) -> Generator[list[socket.socket]]:
    """Three hundred connections, fifty of each kind."""
    connections: list[socket.socket] = []
    for kind in KINDS:
        for _ in range(50):
            connections.append(connect(served))
            kind(connections[-1])
    yield connections
    for connection in connections:
        connection.close()


def test_sigterm_ends_the_service_within_five_seconds_whoever_hangs_on(serve: Serve, tactic: Exported) -> None:
    """Also with half-sent bodies: no traceback, and exit code 0."""
    served = serve(tactic.path)
    with held(served):
        started = time.monotonic()
        served.process.terminate()
        assert served.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 5.0
    assert served.process.stderr is not None
    assert b"Traceback" not in served.process.stderr.read()


def test_sigterm_ends_the_service_within_five_seconds_when_its_store_hangs(serve: Serve, tactic: Exported) -> None:
    """Another program holds the store; whoever waits for it hears that the service stops."""
    import sqlite3
    import threading

    served = serve(tactic.path, "--store-timeout", "60")
    holder = sqlite3.connect(served.store.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    told: list[int] = []

    def ask() -> None:
        with served.client() as client:
            told.append(client.post("/v1/allocate", json=body(tactic, decision_id="hung")).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.5)
    started = time.monotonic()
    served.process.terminate()
    assert served.process.wait(timeout=10) == 0
    assert time.monotonic() - started < 5.5  # 4.5 s are ours; the rest is the machine's
    asking.join(timeout=5)
    holder.close()
    assert told == [503]
    assert served.process.stderr is not None
    assert b"Traceback" not in served.process.stderr.read()
