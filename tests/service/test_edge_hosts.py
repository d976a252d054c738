"""Pages of other sites reach nothing through a browser, by whatever name and origin they come."""

import http.client
import json
from collections.abc import Sequence

import pytest

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import body
from xbopt.core.errors import UsageError
from xbopt.service.http.hosts import HostRule, allowed_hosts
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.tokens import add_token

JSON = ("content-type", "application/json")


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


def send(
    served: Served, method: str, target: str, headers: Sequence[tuple[str, str]], content: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """A request with exactly these headers."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=10)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    if content:
        connection.putheader("content-length", str(len(content)))
    connection.endheaders(content)
    answer = connection.getresponse()
    told = answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


def status(served: Served, *headers: tuple[str, str], target: str = "/v1/admin/kill-switch") -> int:
    return send(served, "POST", target, [*headers, JSON], b'{"on": false}')[0]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "localhost.:80",
        "[::1]",
        "[0:0::1]:8080",
    ],
)
def test_the_machine_itself_may_ask(served: Served, host: str) -> None:
    assert status(served, ("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:8080", "[::2]", "127.0.0.2",
        "127.0.0.1@evil.example", "evil.example#127.0.0.1", "0x7f000001", "", "localhost localhost", "[::1", "::1",
        "localhost..",
    ],
)  # fmt: skip
def test_a_name_that_was_pointed_here_is_refused(served: Served, host: str) -> None:
    """DNS rebinding: the page's own name, whatever address it has now."""
    assert status(served, ("host", host)) == 421
    assert send(served, "GET", "/health/live", [("host", host)])[0] == 421


def test_one_host_is_wanted(served: Served) -> None:
    assert status(served) == 400
    assert status(served, ("host", "localhost"), ("host", "evil.example")) == 400


def test_a_host_in_the_target_counts_more_than_the_header(served: Served) -> None:
    path = "/v1/admin/kill-switch"
    assert status(served, ("host", "localhost"), target=f"http://evil.example{path}") == 421
    assert status(served, ("host", "evil.example"), target=f"http://localhost{path}") == 200
    assert status(served, ("host", "evil.example"), target=f"http://[::1]:80{path}") == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1", "http://localhost:8080", "file://",
     "chrome-extension://abc", "http://127.0.0.1:8080.evil.example", "http://127.0.0.1:8080@evil.example", ""],
)  # fmt: skip
def test_a_page_of_another_site_may_not_post(served: Served, tactic: Exported, origin: str) -> None:
    own, asks = ("host", "127.0.0.1:8080"), ("origin", origin)
    assert status(served, own, asks) == 403
    content = json.dumps(body(tactic, decision_id="forged")).encode()
    assert send(served, "POST", "/v1/allocate", [own, asks, JSON], content)[0] == 403
    assert send(served, "POST", "/v1/allocate", [own, asks], content)[0] == 403
    assert send(served, "POST", "/v1/admin/rollback", [own, asks])[0] == 403


def test_the_service_s_own_page_may_post(served: Served) -> None:
    assert status(served, ("host", "127.0.0.1:8080"), ("origin", "http://127.0.0.1:8080")) == 200
    assert status(served, ("host", "Localhost"), ("origin", "http://localhost:80")) == 200
    assert (
        status(served, ("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://evil.example")) == 403
    )


def test_a_body_says_what_it_is(served: Served) -> None:
    own = ("host", "localhost")
    for path in ("/v1/allocate", "/v1/outcomes", "/v1/admin/rollback", "/v1/admin/bundle", "/v1/admin/kill-switch"):
        assert send(served, "POST", path, [own], b"{}")[0] == 415, path
        assert send(served, "POST", path, [own])[0] == 415, path
        assert send(served, "POST", path, [own, ("content-type", "text/plain")], b"{}")[0] == 415, path
    for coding in ("gzip", "br", "deflate", "GZIP", "gzip, identity"):
        told, headers, _ = send(served, "POST", "/v1/allocate", [own, JSON, ("content-encoding", coding)], b"{}")
        assert (told, headers["accept-encoding"]) == (415, "identity")
    assert send(served, "POST", "/v1/allocate", [own, JSON, ("content-encoding", "identity")], b"{}")[0] == 422


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/v1/allocate", "/v1/outcomes", "/v1/admin/rollback", "/v2/models/demo/infer"])
def test_other_methods_are_told_which_one_is_taken(served: Served, method: str, path: str) -> None:
    told, headers, content = send(served, method, path, [("host", "localhost")])
    assert (told, headers["allow"]) == (405, "POST")
    assert bool(content) == (method != "HEAD")


def test_with_tokens_any_name_will_do_unless_some_are_given() -> None:
    """A forged request has no token; a proxy in front has its own name."""
    rule = HostRule(allowed_hosts("0.0.0.0", (), open_to_all=False))  # noqa: S104 - the address is not listened on
    rule.check([b"shop.example"], [b"https://shop.example"], posted=True, version="1.1")
    with pytest.raises(ProblemError):
        rule.check([b"shop.example"], [b"https://evil.example"], posted=True, version="1.1")
    some = HostRule(allowed_hosts("10.0.0.7", ("Shop.example.",), open_to_all=False))
    for host in (b"shop.example:443", b"10.0.0.7:8080", b"localhost"):
        some.check([host], [], posted=True, version="1.1")
    with pytest.raises(ProblemError):
        some.check([b"evil.example"], [], posted=False, version="1.1")
    with pytest.raises(UsageError):
        HostRule(["http://shop.example"])


def test_old_clients_need_not_name_a_host_but_pages_do() -> None:
    rule = HostRule(["localhost"])
    rule.check([], [], posted=False, version="1.0")
    with pytest.raises(ProblemError):
        rule.check([], [b"http://evil.example"], posted=True, version="1.0")


def test_a_token_does_not_make_up_for_a_forged_origin(
    serve: Serve, tactic: Exported, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("tokens") / "tokens.json"
    boss = add_token(file, "boss", ["admin"])
    served = serve(tactic.path, "--tokens", str(file))
    bearer = ("authorization", f"Bearer {boss}")
    assert status(served, ("host", "shop.example"), bearer) == 200
    assert status(served, ("host", "shop.example"), bearer, ("origin", "https://evil.example")) == 403
    assert status(served, ("host", "shop.example"), bearer, ("origin", "https://shop.example")) == 200
