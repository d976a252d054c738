"""Bodies of few bytes and many values, uncertain answers of the store, and requests for another protocol."""

import asyncio
import gc
import json
import shutil
import struct
import subprocess
import time
import weakref
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import Exported, Serve, Served, export_to
from tests.service.test_edge_connections import HEAD, connect, read_to_end
from tests.service.test_http import body
from tests.service.test_trouble import TroubledStore, service
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import AdministrationEntry, NewEntry, Stored
from xbopt.service.store.interface import UncertainStoreError, Wanted
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import decode_entry

INFER = "/v2/models/demo/infer"
SWITCH = b'{"on":true}'
WITHIN_MB = 300
"""Three bodies of 32 MB in different hands, and five million values, eight bytes each, twice."""


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


def batch_of_names(count: int) -> bytes:
    head = b'{"batch_id":"a","rows":1,"episode_ids":[' + b'"",' * count + b'""]}'
    head += b" " * (-len(head) % 8)
    return struct.pack("<4sI", b"XBB1", len(head)) + head + b"\0" * 4096


MANY = 6_000_000
CROWDED = {
    "items": ("/v1/allocate", b"[" + b"{}," * MANY + b"{}]"),
    "items that are numbers": ("/v1/allocate", b"[{}" + b",1" * MANY + b"]"),
    "items after blanks": ("/v1/allocate", b" " * 100 + b"[" + b" " * 100 + b"{}," * MANY + b"{}]"),
    "one request": ("/v1/allocate", b'{"day":1,"regions":[' + b"[]," * 1_300_000 + b"[]]}"),
    "outcomes": ("/v1/outcomes", b"[" + b'{"decision_id":"a","unit":"b","reward":1},' * 90_000 + b"{}]"),
    "inputs": (INFER, b'{"inputs":[' + b'{"name":"","shape":[],"datatype":""},' * 800_000 + b"{}]}"),
    "parameters": (INFER, b'{"parameters":{' + b",".join(b'"%d":1' % i for i in range(900_000)) + b'},"inputs":[]}'),
    "outputs": (INFER, b'{"outputs":[' + b'{"name":"a"},' * 900_000 + b'{"name":"a"}],"inputs":[]}'),
    "shape": (INFER, b'{"inputs":[{"name":"a","datatype":"FP64","shape":[' + b"1," * MANY + b'1],"data":[1]}]}'),
    "inputs twice": (INFER, b'{"inputs":[' + b'{"name":"","shape":[],"datatype":""},' * 90_000 + b'{}],"inputs":[]}'),
    "data": (INFER, b'{"inputs":[{"name":"a","datatype":"FP64","shape":[1],"data":[' + b"[]," * MANY + b"[]]}]}"),
    "loose": (INFER, b'{"inputs":[NaN,' + b"{}," * MANY + b"{}]}"),
    "a batch's header": ("/v1/batches", batch_of_names(MANY)),
    "an order": ("/v1/admin/kill-switch", b'{"on":[' + b"[]," * MANY + b"[]]}"),
    "a query": ("/v2/repository/index", b'{"x":[' + b"[]," * MANY + b"[]]}"),
}


def highest_mb(served: Served) -> int:
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


@pytest.mark.parametrize("kind", CROWDED)
def test_values_are_counted_before_they_become_objects(served: Served, kind: str) -> None:
    """Memory stays; what such a body asks for is refused."""
    path, content = CROWDED[kind]
    told = "application/octet-stream" if path == "/v1/batches" else "application/json"
    with served.client() as client:
        answer = client.post(path, content=content, headers={"content-type": told})
    assert answer.status_code in {413, 422}
    assert highest_mb(served) < WITHIN_MB


def test_an_error_keeps_no_body(tactic: Exported, tmp_path: Path) -> None:
    """What was decoded goes with the answer, and waits for no garbage collector."""

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            errors: list[weakref.ref[BaseException]] = []
            said = app._problem

            def seen(error: BaseException, path: str) -> ProblemError:
                errors.append(weakref.ref(error))
                return said(error, path)

            app._problem = seen  # type: ignore[method-assign]
            gc.disable()
            try:
                for content in (b"[{},{}]", b"[" + b"{}," * 500 + b"{}]", json.dumps([{"x": "y" * 99_000}]).encode()):
                    answer = await client.post(
                        "/v1/allocate", content=content, headers={"content-type": "application/json"}
                    )
                    assert answer.status_code == 422
                await asyncio.sleep(0.05)
                assert len(errors) == 3
                assert [one() for one in errors] == [None] * 3
            finally:
                gc.enable()

    asyncio.run(run())


@pytest.mark.parametrize("wish", [b"h2c", b"websocket", b"foo"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_the_body_of_a_request_for_another_protocol_is_no_request(
    served: Served, wish: bytes, chunked: bool, apart: bool
) -> None:
    inner = b"POST /v1/admin/kill-switch HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    inner += b"content-length: %d\r\n\r\n" % len(SWITCH) + SWITCH
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner) if chunked else inner
    length = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(inner)
    head = HEAD + b"connection: upgrade, close\r\nupgrade: %b\r\n%b\r\n\r\n" % (wish, length)
    connection = connect(served)
    connection.sendall(head if apart else head + framed)
    if apart:
        time.sleep(0.1)
        connection.sendall(framed)
    told = read_to_end(connection)
    connection.close()
    assert told.startswith(b"HTTP/1.1 400")
    assert told.count(b"HTTP/1.1") == 1
    with served.client() as client:
        assert client.get("/health/ready").json()["kill_switch"] == "off"


def test_a_wish_for_another_protocol_is_ignored(served: Served, tactic: Exported) -> None:
    """Two requests on one connection, with bodies, as Java's client and curl --http2 send them."""
    connection = connect(served)
    for name in ("up-1", "up-2"):
        content = json.dumps(body(tactic, decision_id=name)).encode()
        connection.sendall(
            HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
            b"content-length: %d\r\n\r\n" % len(content) + content
        )
        told = b""
        while not told.endswith(b"}"):
            more = connection.recv(1 << 20)
            assert more, told
            told += more
        assert told.startswith(b"HTTP/1.1 200")
        assert name.encode() in told
    connection.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_may_prefer_http_2(served: Served, tactic: Exported) -> None:
    content = json.dumps(body(tactic, decision_id="curl"))
    told = subprocess.run(
        ["curl", "-sS", "--http2", "-H", "content-type: application/json", "-d", content, f"{served.url}/v1/allocate"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert json.loads(told.stdout)["decision_id"] == "curl"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"transfer-encoding: gzip, chunked\r\n", b"501"),
        (b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n", b"501"),
        (b"expect: 200-maybe\r\ncontent-length: 2\r\n", b"417"),
    ],
)
def test_what_others_may_read_otherwise_is_refused(served: Served, headers: bytes, status: bytes) -> None:
    connection = connect(served)
    connection.sendall(HEAD + headers + b"\r\n2\r\n{}\r\n0\r\n\r\n")
    told = read_to_end(connection)
    connection.close()
    assert told.startswith(b"HTTP/1.1 " + status)
    assert told.count(b"HTTP/1.1") == 1


def test_whoever_sends_no_more_is_answered(served: Served, tactic: Exported) -> None:
    """As ``nc -N`` does; and whoever stops in the middle is told so."""
    content = json.dumps(body(tactic, decision_id="half-closed")).encode()
    whole = HEAD + b"content-length: %d\r\n\r\n" % len(content) + content
    for sent, status in ((whole, b"200"), (whole[:-1], b"400"), (whole[:30], b"400"), (whole + b"POST /", b"200")):
        connection = connect(served)
        connection.sendall(sent)
        connection.shutdown(1)
        told = read_to_end(connection)
        connection.close()
        assert told.startswith(b"HTTP/1.1 " + status)


def test_heads_are_answered_and_tokens_come_once(serve: Serve, tactic: Exported, tmp_path: Path) -> None:
    from xbopt.service.http.tokens import add_token

    token = add_token(tmp_path / "tokens.json", "shop", ["read", "admin"])
    served = serve(tactic.path, "--tokens", str(tmp_path / "tokens.json"))
    with served.client() as client:
        for path in ("/health/live", "/health/ready", "/v2/health/ready"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == got.headers["content-length"]
        assert client.head("/v1/allocate").status_code == 401
        bearer = ("authorization", f"Bearer {token}")
        assert client.head("/v1/bundle", headers=[bearer]).status_code == 200
        assert client.get("/v1/bundle", headers=[("authorization", "Bearer x"), bearer]).status_code == 400
        client.post("/v1/admin/kill-switch", json={"on": False}, headers=[bearer])
        page = client.get("/metrics", headers=[bearer]).text
    assert 'xbopt_http_responses_total{route="/v1/admin/kill-switch",status="200"} 1.0' in page


@pytest.mark.parametrize("content", [b'"\\ud800"', b'{"decision_id":"\\uDBFF"}'])
def test_half_a_character_is_called_so(served: Served, content: bytes) -> None:
    with served.client() as client:
        answer = client.post("/v1/outcomes", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert "surrogate" in answer.json()["detail"]


class UncertainStore(TroubledStore):
    """A store whose writes of administration go through, or not, without a word."""

    goes_through: bool | None = None

    def append(self, entries: "list[NewEntry]", wanted: Wanted | None = None) -> list[Stored]:  # type: ignore[override]
        if self.goes_through is None or all(entry.kind != "administration" for entry in entries):
            return super().append(entries, wanted)
        if self.goes_through:
            super().append(entries, wanted)
        elif wanted is not None:
            wanted()
        self.goes_through = None
        raise UncertainStoreError("did not answer within 5 s; it was writing.")


@pytest.mark.parametrize("goes_through", [True, False])
def test_a_change_that_is_uncertain_is_told_so_and_follows_the_store(
    tactic: Exported, direct: Exported, tmp_path: Path, goes_through: bool
) -> None:
    """Kill switch, swap and rollback: 503, then what the chain says, and nothing else."""
    one = export_to(tmp_path, tactic.policy, tactic.market, version="1.0.0")
    other = export_to(tmp_path, direct.policy, direct.market, version="2.0.0")

    async def settled(client: httpx.AsyncClient) -> tuple[str, str]:
        await asyncio.sleep(2.5)  # it asks once a second
        told = (await client.get("/v1/bundle")).json()
        return told["manifest"]["version"], told["kill_switch_mode"]

    async def run() -> None:
        store = UncertainStore(tmp_path / "s.sqlite")
        async with service(one, store) as (client, _):

            async def asked(path: str, content: object) -> None:
                store.goes_through = goes_through
                answer = await client.post(f"/v1/admin/{path}", json=content)
                assert answer.status_code == 503
                assert "may still come to pass" in answer.json()["detail"]

            swap = {"file": other.path.name}
            await asked("bundle", swap)
            assert await settled(client) == (("2.0.0" if goes_through else "1.0.0"), "off")
            assert (await client.post("/v1/admin/bundle", json=swap)).json()["changed"] is not goes_through
            await asked("rollback", {})
            # The next change waits for the one before.
            again = await client.post("/v1/admin/rollback", json={})
            assert again.status_code == (409 if goes_through else 200)
            assert (await settled(client))[0] == "1.0.0"
            assert (await client.post("/v1/admin/kill-switch", json={"on": True})).status_code == 200
            await asked("kill-switch", {"on": False})
            assert (await settled(client))[1] == ("off" if goes_through else "plan")

    asyncio.run(run())
    store = open_store(f"sqlite:///{tmp_path}/s.sqlite", read_only=True)
    told = [decode_entry(entry.payload, AdministrationEntry) for entry in store.entries("administration")]
    store.close()
    actions = [one.action for one in told]
    assert (actions.count("swap"), actions.count("rollback")) == (1, 1)
