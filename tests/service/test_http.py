"""The service over HTTP, as its clients meet it."""

import json
import struct
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, Served, new_database, wait_until_ready
from xbopt.cli.main import main
from xbopt.service.http.tokens import add_token, read_tokens, remove_token
from xbopt.service.store.opening import open_store
from xbopt.service.store.verification import verify_chain

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


def body(exported: Exported, **changes: object) -> dict[str, object]:
    """A request as JSON."""
    import msgspec

    return json.loads(msgspec.json.encode(exported.request(**changes)))


def test_a_decision_is_the_allocator_s(served: Served, tactic: Exported) -> None:
    with served.client() as client:
        answer = client.post("/v1/allocate", json=body(tactic, decision_id="same"))
    assert answer.status_code == 200
    told = answer.json()
    made = tactic.allocator().allocate(tactic.request(decision_id="same"))
    assert told["spend_base"] == made.spend_base[0].tolist()
    assert told["propensity"] == made.propensity[0].tolist()  # type: ignore[index]
    assert told["stored"] is True
    assert told["currency"] == "EUR"
    assert told["units"] == ["DE/families", "DE/students", "UK/families", "UK/students"]


def test_the_same_id_gives_the_same_answer_once_stored(served: Served, tactic: Exported) -> None:
    with served.client() as client:
        first = client.post("/v1/allocate", json=body(tactic, decision_id="again")).json()
        assert client.post("/v1/allocate", json=body(tactic, decision_id="again")).json() == first
        other = client.post("/v1/allocate", json=body(tactic, decision_id="again", budget_base=1.0))
    assert other.status_code == 409
    assert other.headers["content-type"] == PROBLEM
    assert other.json()["status"] == 409


def test_many_requests_are_answered_together(served: Served, tactic: Exported) -> None:
    with served.client() as client:
        answer = client.post("/v1/allocate", json=[body(tactic, decision_id="") for _ in range(5)])
        assert client.post("/v1/allocate", json=[]).status_code == 422
    ids = [one["decision_id"] for one in answer.json()]
    assert len(set(ids)) == 5


def batch_bytes(exported: Exported, rows: int, batch_id: str, *, cut: int = 0) -> bytes:
    one = exported.allocator().reader.one(exported.request(), "x")
    header = json.dumps({"batch_id": batch_id, "rows": rows}).encode()
    header += b" " * (-len(header) % 8)
    data = b"".join(np.repeat(array, rows, axis=0).tobytes() for array in one.inputs.values())
    return struct.pack("<4sI", b"XBB1", len(header)) + header + data[: len(data) - cut]


def test_a_batch_of_bytes_decides_like_single_requests(served: Served, tactic: Exported) -> None:
    from xbopt.service.http.batches import CONTENT_TYPE, read_answer

    with served.client() as client:
        answer = client.post(
            "/v1/allocate", content=batch_bytes(tactic, 20, "b1"), headers={"content-type": CONTENT_TYPE}
        )
        assert answer.status_code == 200
        header, words = read_answer(answer.content)
        assert (header.rows, header.source, header.stored) == (20, {"policy": 20}, True)
        spend = words[: 20 * 12].reshape(20, 2, 2, 3)
        for row in (0, 7, 19):
            made = tactic.allocator().allocate(tactic.request(decision_id=f"b1-{row}"))
            assert made.spend_base.shape[1:] == spend.shape[1:]
            again = tactic.allocator()
            assert np.array_equal(
                again.decide(again.reader.batch([f"b1/{row}"], columns(tactic))).spend_base[0], spend[row]
            )
        outcome = {"decision_id": "b1/7", "unit": "DE/families", "reward": 1.0}
        assert client.post("/v1/outcomes", json=outcome).json() == {"accepted": 1, "new": 1, "known": 0}
        for broken in (batch_bytes(tactic, 20, "b2", cut=8), b"XBB1", b"XBB1\xff\xff\xff\xff", b"", b"ABCD" * 10):
            refused = client.post("/v1/allocate", content=broken, headers={"content-type": CONTENT_TYPE})
            assert refused.status_code == 422, broken[:8]


def columns(exported: Exported) -> dict[str, np.ndarray]:
    return exported.allocator().reader.one(exported.request(), "x").inputs


def test_outcomes_are_stored_once(served: Served, tactic: Exported) -> None:
    with served.client() as client:
        client.post("/v1/allocate", json=body(tactic, decision_id="o1"))
        outcome = {
            "decision_id": "o1",
            "unit": "UK/families",
            "reward": 12.5,
            "cost": 3,
            "ready_at": "2026-11-24T09:00:00Z",
        }
        assert client.post("/v1/outcomes", json=outcome).json()["new"] == 1
        assert client.post("/v1/outcomes", json=[outcome, outcome]).json() == {"accepted": 2, "new": 0, "known": 2}
        assert client.post("/v1/outcomes", json=outcome | {"reward": 13.0}).status_code == 409
        assert client.post("/v1/outcomes", json=outcome | {"reward": 13.0, "revision": 1}).json()["new"] == 1
        assert client.post("/v1/outcomes", json=outcome | {"decision_id": "nobody"}).status_code == 404
        for wrong in (
            {"unit": "FR/families"},
            {"ready_at": "yesterday"},
            {"ready_at": "2026-11-24T09:00:00"},
            {"cost": None},
        ):
            assert client.post("/v1/outcomes", json=outcome | wrong).status_code == 422, wrong


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"day": "x"}', "application/json", 422),
        (b'{"day": 1, "surprise": 2}', "application/json", 422),
        (b"day=1", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(served: Served, content: bytes, kind: str, status: int) -> None:
    with served.client() as client:
        answer = client.post("/v1/allocate", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["title"]


def test_pages_that_say_how_things_are(served: Served, tactic: Exported) -> None:
    with served.client() as client:
        assert client.get("/health/live").json() == {"live": True}
        assert client.get("/health/ready").json()["ready"] is True
        bundle = client.get("/v1/bundle").json()
        metrics = client.get("/metrics").text
        missing = client.get("/v1/nothing")
        wrong = client.get("/v1/allocate")
    assert bundle["manifest"]["content_address"] == tactic.allocator().address
    assert bundle["schema"]["axes"]["R"] == ["DE", "UK"]
    assert bundle["proven"] is True
    assert 'xbopt_decisions_total{source="policy"}' in metrics
    assert "xbopt_store_commit_seconds_count" in metrics
    assert (missing.status_code, missing.headers["content-type"]) == (404, PROBLEM)
    assert wrong.status_code in {404, 405}


def test_the_open_inference_protocol(served: Served, tactic: Exported) -> None:
    one = columns(tactic)
    kinds = {"day": "INT64"}
    inputs = [
        {"name": name, "shape": [2, *array.shape[1:]], "datatype": kinds.get(name, "FP64"), "data":
         np.repeat(array, 2, axis=0).ravel().tolist()}
        for name, array in one.items()
        if np.isfinite(array).all()
    ]  # fmt: skip
    with served.client() as client:
        assert client.get("/v2").json()["name"] == "xbopt"
        assert client.get("/v2/health/ready").status_code == 200
        model = client.get("/v2/models/demo").json()
        assert {entry["name"] for entry in model["inputs"]} >= {"regions", "cells", "day"}
        assert client.get("/v2/models/demo/ready").json()["ready"] is True
        assert client.get("/v2/models/other").status_code == 404
        answer = client.post("/v2/models/demo/infer", json={"id": "inf-1", "inputs": inputs})
        assert answer.status_code == 200, answer.text
        few = client.post(
            "/v2/models/demo/infer", json={"id": "inf-1", "inputs": inputs, "outputs": [{"name": "discount_frac"}]}
        ).json()
        assert client.post("/v2/models/demo/infer", json={"inputs": inputs[:2]}).status_code == 422
        assert client.post("/v2/models/demo/infer", content=b"{").status_code == 400
    outputs = {entry["name"]: entry for entry in answer.json()["outputs"]}
    assert outputs["spend_base"]["shape"] == [2, 2, 2, 3]
    assert answer.json()["parameters"]["stored"] is True
    assert [entry["name"] for entry in few["outputs"]] == ["discount_frac"]
    assert few["outputs"][0]["data"] == outputs["discount_frac"]["data"]


def test_tokens_decide_who_may_do_what(serve: Serve, tactic: Exported, tmp_path: Path) -> None:
    """Only hashes are on disk; a missing or wrong token gets 401, a token without the right 403."""
    file = tmp_path / "tokens.json"
    shop, reader, boss = (
        add_token(file, name, rights)  # type: ignore[arg-type]
        for name, rights in (("shop", ["allocate"]), ("reader", ["read"]), ("boss", ["admin", "read"]))
    )
    assert shop not in file.read_text()
    served = serve(tactic.path, "--tokens", str(file), "--max-body-mb", "1")
    request = body(tactic)

    def status(path: str, token: str | None, **more: object) -> int:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        with served.client(headers=headers) as client:
            return client.post(path, **more).status_code if more else client.get(path).status_code  # type: ignore[arg-type]

    assert status("/v1/allocate", shop, json=request) == 200
    for wrong in (None, "x", shop[:-1], shop + "x", shop.swapcase()):
        assert status("/v1/allocate", wrong, json=request) == 401
    assert status("/v1/allocate", reader, json=request) == 403
    assert status("/v1/outcomes", shop, json={}) == 403
    assert status("/metrics", None) == 401
    assert status("/metrics", reader) == 200
    assert status("/openapi.json", None) == 401
    assert status("/v1/admin/kill-switch", shop, json={"on": True}) == 403
    assert status("/v1/admin/kill-switch", boss, json={"on": True}) == 200
    assert status("/health/live", None) == 200
    assert status("/health/ready", None) == 200
    assert status("/v1/allocate", shop, content=b" " * (1 << 20) + b"{}") == 413
    assert status("/v1/admin/kill-switch", boss, content=b" " * (1 << 20) + b"{}") == 413

    def chunks() -> object:
        for _ in range(40):
            yield b" " * 50_000

    assert status("/v1/allocate", shop, content=chunks()) == 413
    remove_token(file, "shop")
    assert len(read_tokens(file)) == 2


def test_a_service_without_tokens_stays_on_its_machine(
    tactic: Exported, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{tmp_path}/s.sqlite"
    monkeypatch.setattr("sys.argv", ["xbopt", "serve", str(tactic.path), "--host", "0.0.0.0", "--store", store])  # noqa: S104 - it has to be refused
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--tokens" in capsys.readouterr().err


def test_bundles_are_swapped_and_rolled_back(serve: Serve, tactic: Exported, direct: Exported, tmp_path: Path) -> None:
    """Another bundle of the same market takes over at once; a broken one changes nothing."""
    from tests.service.conftest import export_to

    folder = tmp_path / "bundles"
    folder.mkdir()
    first = export_to(folder, tactic.policy, tactic.market, version="1.0.0")
    second = export_to(folder, direct.policy, direct.market, version="2.0.0")
    broken = folder / "broken.xbopt"
    broken.write_bytes(second.path.read_bytes()[:-1] + b"x")
    served = serve(first.path)
    with served.client() as client:
        assert client.post("/v1/admin/rollback", json={}).status_code == 409
        before = client.post("/v1/allocate", json=body(tactic, decision_id="s1")).json()
        swapped = client.post("/v1/admin/bundle", json={"file": second.path.name})
        assert swapped.json()["version"] == "2.0.0"
        after = client.post("/v1/allocate", json=body(tactic, decision_id="s2")).json()
        assert after["bundle"] != before["bundle"]
        assert "propensity" not in after
        # An id that was answered before the swap keeps its answer.
        assert client.post("/v1/allocate", json=body(tactic, decision_id="s1")).json() == before
        for wrong in ("broken.xbopt", "nothing.xbopt", "../demo.xbopt", "/etc/passwd"):
            assert client.post("/v1/admin/bundle", json={"file": wrong}).status_code == 422, wrong
        assert client.post("/v1/admin/rollback", json={}).json()["version"] == "1.0.0"
        assert client.post("/v1/allocate", json=body(tactic, decision_id="s3")).json()["bundle"] == before["bundle"]
        assert 'xbopt_bundle_swaps_total{result="refused"}' in client.get("/metrics").text


def test_a_shadow_bundle_decides_beside(serve: Serve, tactic: Exported, direct: Exported) -> None:
    served = serve(tactic.path, "--shadow", str(direct.path))
    with served.client() as client:
        for i in range(10):
            client.post("/v1/allocate", json=body(tactic, decision_id=f"h{i}"))
        deadline = time.monotonic() + 5.0
        counted = 0.0
        while counted < 10 and time.monotonic() < deadline:
            lines = [
                line
                for line in client.get("/metrics").text.splitlines()
                if line.startswith("xbopt_shadow_decisions_total")
            ]
            counted = sum(float(line.rpartition(" ")[2]) for line in lines)
        assert counted == 10
        # What the shadow says reaches neither the answer nor the store.
        assert client.post("/v1/allocate", json=body(tactic, decision_id="h0")).json()["source"] == "policy"
    with_store = open_store(served.store)
    assert verify_chain(with_store).decisions == 10
    with_store.close()


def test_a_service_that_is_told_to_stop_answers_first(serve: Serve, tactic: Exported) -> None:
    served = serve(tactic.path)
    with served.client() as client:
        client.post("/v1/allocate", json=body(tactic, decision_id="last"))
        served.process.terminate()
        assert served.process.wait(timeout=20) == 0
    store = open_store(served.store)
    assert verify_chain(store).decisions == 1
    store.close()


def test_replicas_share_a_store(serve: Serve, tactic: Exported, postgres_server: str) -> None:
    """Two services on one PostgreSQL: an id that one has answered, the other answers the same way."""
    url = new_database(postgres_server)
    one, two = serve(tactic.path, store=url), serve(tactic.path, store=url)
    with one.client() as left, two.client() as right:
        first = left.post("/v1/allocate", json=body(tactic, decision_id="shared")).json()
        assert right.post("/v1/allocate", json=body(tactic, decision_id="shared")).json() == first
        assert right.post("/v1/allocate", json=body(tactic, decision_id="shared", budget_base=2.0)).status_code == 409
        assert (
            right.post("/v1/outcomes", json={"decision_id": "shared", "unit": "DE/families", "reward": 1}).status_code
            == 200
        )
    store = open_store(url)
    assert verify_chain(store).decisions == 1
    store.close()


def test_kill_9_under_load_loses_nothing(serve: Serve, tactic: Exported, store_url: str) -> None:
    """Twice killed while eight clients ask: every acknowledged decision is there once, and the chain is whole."""
    from tests.service.load import ask_until_it_ends

    acknowledged: list[str] = []
    for life in range(2):
        served = serve(tactic.path, store=store_url)
        acknowledged += ask_until_it_ends(served, body(tactic), clients=8, seconds=0.7, name=f"life{life}")
    assert len(acknowledged) > 20
    assert len(set(acknowledged)) == len(acknowledged)
    store = open_store(store_url)
    verify_chain(store)
    stored = [entry.key for entry in store.entries("decision")]
    store.close()
    assert len(set(stored)) == len(stored)
    assert set(acknowledged) <= set(stored)


def test_the_waiting_helper_tells_what_went_wrong(serve: Serve, tmp_path: Path) -> None:
    """A bundle that is none ends the service with a message and the exit code for integrity."""
    path = tmp_path / "none.xbopt"
    path.write_bytes(b"nothing")
    served = serve(path, wait=False)
    assert served.process.wait(timeout=30) == 5
    assert served.process.stderr is not None
    assert b"none.xbopt" in served.process.stderr.read()
    with pytest.raises(pytest.fail.Exception):
        wait_until_ready(served)


def test_schemathesis_finds_no_server_error(served: Served) -> None:
    """Every documented operation under generated requests: no answer of 500 and above, and none undocumented."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

    document = httpx.get(f"{served.url}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served.url)
    checks = [not_a_server_error, status_code_conformance, content_type_conformance]
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/v1/admin"):
            continue  # the kill switch would change what other tests meet

        @given(case=operation.as_strategy())
        @settings(
            max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )  # fmt: skip
        def run(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=checks)

        run()
        tried += 1
    assert tried >= 12
