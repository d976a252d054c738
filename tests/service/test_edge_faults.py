"""What goes wrong in one request is that request's alone: a problem document, counted, and told to the operator."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.service.conftest import Exported
from tests.service.test_http import batch_bytes, body
from tests.service.test_trouble import TroubledStore, service
from xbopt.service.http.batches import CONTENT_TYPE as BATCH
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.routes import Call, Route

PROBLEM = "application/problem+json"


def every_route(app: Gateway) -> list[Route]:
    table = app._table
    groups = [*table._exact.values(), *(methods for _, methods in table._patterns)]
    return [route for methods in groups for route in methods.values()]


def broken(app: Gateway, route: Route, fault: Callable[[Call], object]) -> None:
    """Put a handler in place of a route's own."""
    table = app._table
    for methods in (*table._exact.values(), *(methods for _, methods in table._patterns)):
        for method, one in methods.items():
            if one is route:
                from dataclasses import replace

                methods[method] = replace(route, handle=fault)  # type: ignore[arg-type]


def test_an_exception_that_nobody_foresaw_is_a_problem_of_one_request(
    tactic: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On every route: 500 in JSON, counted, its traceback once on stderr; the next requests are answered."""

    async def fault(_call: Call) -> object:
        raise ZeroDivisionError("a secret of /etc/shop")

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            routes = every_route(app)
            assert len(routes) >= 16
            for route in routes:
                broken(app, route, fault)
            for _ in range(2):
                for route in routes:
                    told = await client.request(
                        route.method,
                        route.path.format(name="demo", version="1.0.0"),
                        content=b"{}" if route.method == "POST" else None,
                        headers={"content-type": next(iter(route.takes or {"": None}))},
                    )
                    assert (told.status_code, told.json()["status"]) == (500, 500), route.path
                    assert "secret" not in told.text
                    assert (await client.get("/nothing")).status_code == 404
            page = app.engine.metrics.page()[1].decode()
            assert 'xbopt_http_responses_total{route="/v1/allocate",status="500"} 2.0' in page
            tracebacks = [record for record in caplog.records if record.exc_info]
            assert len(tracebacks) == len({route.path for route in routes})

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())


@pytest.mark.parametrize("where", ["decide", "store"])
def test_faults_in_the_middle_of_a_request_leave_others_alone(
    tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """One poisoned request among fifty that are under way together."""

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            allocator, store = app.engine.allocator, app.engine.commit._store
            decide, append = allocator.decide, store.append

            def decides(batch: object, **settings: object) -> object:
                if "poison" in batch.decision_ids:  # type: ignore[attr-defined]
                    raise MemoryError("too large")
                return decide(batch, **settings)  # type: ignore[arg-type]

            def appends(entries: object, *more: object) -> object:
                if any(entry.key == "poison" for entry in entries):  # type: ignore[attr-defined]
                    raise ValueError("cannot be stored")
                return append(entries, *more)  # type: ignore[arg-type]

            if where == "decide":
                monkeypatch.setattr(allocator, "decide", decides)
            else:
                monkeypatch.setattr(store, "append", appends)
            names = [f"fine-{i}" for i in range(25)] + ["poison"] + [f"fine-{i}" for i in range(25, 50)]
            told = await asyncio.gather(
                *(client.post("/v1/allocate", json=body(tactic, decision_id=name)) for name in names)
            )
            statuses = {name: answer.status_code for name, answer in zip(names, told, strict=True)}
            assert statuses.pop("poison") == (500 if where == "decide" else 422)
            assert set(statuses.values()) == {200}

    asyncio.run(run())


def test_poisoned_outcomes_fail_alone(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            poisons = [
                {"decision_id": name, "unit": "DE/families", "reward": 1.0}
                for name in ("d1/\u0000", "x" * 161, "d1\n", "\ud7ff", "last/999999999999999999999/../x", "🦊" * 40)
            ]
            asked = [client.post("/v1/outcomes", json=poison) for poison in poisons for _ in range(5)]
            fine = [client.post("/v1/allocate", json=body(tactic, decision_id=f"f{i}")) for i in range(60)]
            told = await asyncio.gather(*asked, *fine)
            assert all(400 <= answer.status_code < 500 for answer in told[: len(asked)])
            assert all(answer.status_code == 200 for answer in told[len(asked) :])

    asyncio.run(run())


def test_a_long_list_decides_like_its_items_by_themselves(tactic: Exported, tmp_path: Path) -> None:
    """In slices beside the loop or at once: the same answers, and the same complaints."""

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            asked = [body(tactic, decision_id=f"many-{i}") for i in range(100)]
            many = await client.post("/v1/allocate", json=asked)
            assert many.status_code == 200
            for i in (0, 8, 50, 99):
                one = await client.post("/v1/allocate", json=asked[i])
                assert one.json() == many.json()[i]
            assert (await client.post("/v1/allocate", json=asked)).json() == many.json()
            asked[70]["day"] = "x"
            wrong = await client.post("/v1/allocate", json=asked)
            assert (wrong.status_code, wrong.headers["content-type"]) == (422, PROBLEM)
            assert "In item 70" in wrong.json()["detail"]
            asked[70]["day"] = 10**9
            assert (await client.post("/v1/allocate", json=asked)).status_code == 422
            asked[70]["day"] = 1
            long = json.dumps(asked[0]).encode()
            padded = long[:-1] + b" " * (4 << 20) + b"}"
            for content, status in (
                (padded, 413),
                (b"[" + padded + b"," + long + b"]", 413),
                (long[:-1] + b" " * (1 << 20) + b"}", 200),
                (b"[" + long[:-1] + b" " * (1 << 20) + b"}]", 200),
                (b"[" + b"{}," * 1001 + b"{}]", 422),
                (b"[{" * 50_000, 400),
                (b"[{} {}]", 400),
                (b'[{"day": 1}, 5]', 422),
                (json.dumps(asked[:20]).encode() + b"x", 400),
            ):
                told = await client.post("/v1/allocate", content=content, headers={"content-type": "application/json"})
                assert told.status_code == status, (content[:40], told.text)

    asyncio.run(run())


def test_large_requests_are_worked_on_in_bounded_number(tactic: Exported, tmp_path: Path) -> None:
    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, app):
            app.engine.bulk._most = 2
            told: list[httpx.Response] = await asyncio.gather(
                *(
                    client.post(
                        "/v1/allocate", content=batch_bytes(tactic, 50, f"b{i}"), headers={"content-type": BATCH}
                    )
                    for i in range(12)
                )
            )
            assert {answer.status_code for answer in told} == {200, 503}
            assert all("large requests" in answer.text for answer in told if answer.status_code == 503)
            app.engine.bulk._most = 64
            again = await client.post(
                "/v1/allocate", content=batch_bytes(tactic, 50, "b0"), headers={"content-type": BATCH}
            )
            assert again.status_code == 200

    asyncio.run(run())
