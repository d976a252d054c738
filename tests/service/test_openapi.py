"""The OpenAPI document: what it says is what is taken and answered."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import body, columns
from xbopt.campaigns.http.routes import campaign_routes
from xbopt.reports.campaign.document import status_json
from xbopt.service.http.app import build_app
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.sqlite import SqliteStore

_CAMPAIGN = "/v1/campaigns/{campaign}"


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path, "--today", str(tactic.market.scenario.start))


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    with served.client() as client:
        return client.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def check(document: dict[str, Any], path: str, method: str, status: int, kind: str, found: object) -> None:
    """Whether an answer is what the document says."""
    answers = document["paths"][path][method]["responses"]
    assert str(status) in answers, f"{method} {path} may not answer {status}"
    content = answers[str(status)]["content"]
    assert kind in content, f"{method} {path} {status} has {kind}"
    jsonschema.validate(found, {**content[kind]["schema"], "components": document["components"]})


def inference(tactic: Exported) -> dict[str, object]:
    return {
        "inputs": [
            {"name": name, "shape": list(array.shape), "datatype": "INT64" if name == "day" else "FP64",
             "data": array.ravel().tolist()}
            for name, array in columns(tactic).items()
            if np.isfinite(array).all()
        ]
    }  # fmt: skip


def test_every_answer_is_as_the_document_says(served: Served, document: dict[str, Any], tactic: Exported) -> None:
    """Every operation once or more; what is answered has no field that the document lacks."""
    strict = _closed(document)
    outcome = {"decision_id": "d-1", "unit": "DE/families", "reward": 1.0}
    start = str(tactic.market.scenario.start)
    asked: list[tuple[str, str, object]] = [
        ("post", "/v1/allocate", body(tactic, decision_id="d-1")),
        ("post", "/v1/allocate", [body(tactic, decision_id="d-2"), body(tactic, decision_id="d-3")]),
        ("post", "/v1/allocate", {"day": 1}),
        ("post", "/v1/batches", None),
        ("post", "/v1/outcomes", outcome),
        ("post", "/v1/outcomes", [outcome]),
        ("post", "/v1/outcomes", outcome | {"decision_id": "nobody"}),
        ("post", "/v1/outcomes", outcome | {"reward": 2.0}),
        ("post", "/v1/admin/bundle", {"file": "nothing.xbopt"}),
        ("post", "/v1/admin/bundle", {"file": tactic.path.name}),
        ("post", "/v1/admin/rollback", None),
        ("post", "/v1/admin/rollback", None),
        ("post", "/v1/admin/kill-switch", {"on": True}),
        ("post", "/v1/admin/kill-switch", {"on": False}),
        ("post", "/v2/models/{name}/infer", inference(tactic) | {"id": "d-4"}),
        ("post", "/v2/models/{name}/infer", {"inputs": []}),
        ("post", "/v2/models/{name}/versions/{version}/infer", inference(tactic)),
        ("post", "/v2/repository/index", None),
        ("post", "/v2/repository/index", {"ready": True}),
        ("post", "/v1/campaigns", {"name": "spring", "scenario": "quickstart"}),
        ("post", "/v1/campaigns", {"name": "spring"}),
        ("post", f"{_CAMPAIGN}/allocate", {"decision_id": "d-5", "date": start}),
        ("post", f"{_CAMPAIGN}/rollout", {"share": 0.5}),
        ("post", f"{_CAMPAIGN}/actuals", {"days": [{"date": start, "figures": {"orders": [[3.0, None]]}}]}),
        ("post", f"{_CAMPAIGN}/withdrawals", {"event": 4}),
        ("post", f"{_CAMPAIGN}/withdrawals", {"event": 1}),
        ("post", f"{_CAMPAIGN}/proposals", {}),
        ("post", f"{_CAMPAIGN}/approvals", {"proposal": "p1"}),
        ("post", f"{_CAMPAIGN}/approvals", {"proposal": "p1"}),
        *(("get", path, None) for path, method, _ in operations(document) if method == "get"),
        ("post", f"{_CAMPAIGN}/close", {"reason": "over", "early": True}),
    ]
    tried = set()
    with served.client() as client:
        for method, path, sent in asked:
            place = path.replace("{name}", "demo").replace("{version}", "1.0.0").replace("{campaign}", "spring")
            answer = client.request(method, place, json=sent) if sent is not None else client.request(method, place)
            kind = answer.headers["content-type"].partition(";")[0]
            found = answer.json() if kind.endswith("json") else answer.text
            check(strict, path, method, answer.status_code, kind, found)
            tried.add((path, method))
        nobody = client.get("/v2/models/nobody")
        check(strict, "/v2/models/{name}", "get", 404, "application/json", nobody.json())
    assert tried == {(path, method) for path, method, _ in operations(document)}


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every object's further fields forbidden, where it says which fields there are."""

    def close(part: Any) -> Any:
        if isinstance(part, list):
            return [close(one) for one in part]
        if isinstance(part, dict):
            closed = {key: close(one) for key, one in part.items()}
            return {**closed, "additionalProperties": False} if "properties" in part else closed
        return part

    schemas = {name: close(schema) for name, schema in document["components"]["schemas"].items()}
    return {**document, "components": {"schemas": schemas}}


def test_every_operation_has_a_name_a_group_and_types(document: dict[str, Any]) -> None:
    groups, names = {tag["name"] for tag in document["tags"]}, []
    for path, method, operation in operations(document):
        assert set(operation["tags"]) <= groups
        names.append(operation["operationId"])
        bodies = list(operation["responses"]["200"]["content"].values())
        if "requestBody" in operation:
            bodies += operation["requestBody"]["content"].values()
        for one in bodies:
            if path != "/openapi.json":
                assert set(one["schema"]) & {"$ref", "anyOf", "items", "format"} or path == "/metrics", (method, path)
    assert len(set(names)) == len(names)


def test_the_document_names_what_is_enumerated(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["AllocationAnswer"]["properties"]["source"]["enum"]) >= {"policy", "held", "plan"}
    assert schemas["Unit"]["enum"] == ["DE/families", "DE/students", "UK/families", "UK/students"]
    assert "error" in schemas["Problem"]["required"]
    assert schemas["AllocationAnswer"]["properties"]["spend_base"]["description"].startswith("Spend of the day")
    assert "Attributes:" not in json.dumps(document)


@pytest.mark.parametrize(
    "change",
    [
        {"regions": [[0.0]]},
        {"cells": []},
        {"day": -1},
        {"day": 10_000},
        {"day": 1.5},
        {"budget_base": -1.0},
        {"budget_base": None},
        {"region_base": [1.0]},
        {"channel_base": [1.0, -1.0, None]},
        {"units": []},
        {"units": ["FR/families"]},
        {"held": [[0, 99], [0, 0]]},
        {"held": [[0, 0]]},
        {"previous_spend_base": [[[1.0]]]},
        {"decision_id": "a b"},
        {"step": -1},
        {"surprise": 1},
    ],
)
def test_what_the_document_forbids_is_refused(
    served: Served, document: dict[str, Any], tactic: Exported, change: dict[str, object]
) -> None:
    """Shapes, ranges and units are those of the bundle."""
    request = body(tactic, decision_id="")
    schema = document["components"]["schemas"]["AllocationRequest"] | {"components": document["components"]}
    jsonschema.validate(request, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(request | change, schema)
    with served.client() as client:
        assert client.post("/v1/allocate", json=request | change).status_code == 422


def test_the_example_is_answered(served: Served, document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/allocate"]["post"]["requestBody"]["content"]["application/json"]
    jsonschema.validate(content["example"], {**content["schema"], "components": document["components"]})
    with served.client() as client:
        answer = client.post("/v1/allocate", json=content["example"]).json()
    assert answer["source"] == "policy"


def test_the_document_is_the_same_bytes_for_the_same_bundle(served: Served, tactic: Exported, tmp_path: Path) -> None:
    """Another process writes the same, and so does a document that is written a second time."""

    async def again() -> bytes:
        store = SqliteStore(tmp_path / "s.sqlite")
        engine = Engine(tactic.allocator(), GroupCommit(store), Metrics())
        app = build_app(engine, bundles=tmp_path, further=campaign_routes(engine, tell_status=status_json))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:  # type: ignore[arg-type]
            found = (await client.get("/openapi.json")).content
        store.close()
        return found

    with served.client() as client:
        first = client.get("/openapi.json").content
        assert client.get("/openapi.json").content == first
    assert asyncio.run(again()) == first


@pytest.mark.parametrize(
    ("mode", "possible"),
    [
        # An id may come again, and a hash of the schema is of a form that the document cannot pin down.
        ("positive", {200, 409, 422}),
        ("negative", {400, 415, 422}),
    ],
)
def test_requests_of_the_documented_form_are_answered_and_others_refused(
    served: Served, document: dict[str, Any], mode: str, possible: set[int]
) -> None:
    """schemathesis makes requests that fit the form, and requests that do not; all answers fit the document."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served.url)
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    statuses: set[int] = set()

    @given(case=schema["/v1/allocate"]["POST"].as_strategy(generation_mode=GenerationMode(mode)))
    @settings(
        max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    def run(case: schemathesis.Case) -> None:
        statuses.add(case.call_and_validate(checks=checks).status_code)

    run()
    assert statuses <= possible
    assert (200 in statuses) == (mode == "positive")
