"""The OpenAPI document: FastAPI's own for its routes, and the hot routes from their msgspec types."""

from typing import TYPE_CHECKING, cast

import msgspec
from fastapi.openapi.utils import get_openapi

from xbopt.service.deciding.requests import AllocationAnswer, Outcome
from xbopt.service.http.batches import CONTENT_TYPE as BATCH_TYPE
from xbopt.service.http.gateway import ALLOCATE, MOST_REQUESTS, OUTCOMES
from xbopt.service.http.inference import InferenceAnswer, InferenceRequest
from xbopt.service.http.problems import CONTENT_TYPE, TITLES, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

    from xbopt.service.http.engine import Engine

_TYPES = (AllocationAnswer, Outcome, InferenceRequest, InferenceAnswer, Problem)
_REF = "#/components/schemas/{name}"
_OPEN = ("/health/", "/v2/health/")


def describe(app: "FastAPI", engine: "Engine", *, secured: bool) -> dict[str, object]:
    """The document for a bundle: its examples fit the bundle that decides now."""
    document = cast(
        "dict[str, dict[str, object]]", get_openapi(title=app.title, version=app.version, routes=app.routes)
    )
    _, components = msgspec.json.schema_components((engine.allocator.reader.request_type, *_TYPES), ref_template=_REF)
    schemas = cast("dict[str, object]", document.setdefault("components", {}).setdefault("schemas", {}))
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= components
    paths = cast("dict[str, dict[str, dict[str, object]]]", document["paths"])
    paths[ALLOCATE] = {"post": _allocate(engine)}
    paths[OUTCOMES] = {"post": _outcomes()}
    for path, methods in paths.items():
        for method, operation in methods.items():
            _finish(path, method, operation, secured=secured)
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return cast("dict[str, object]", document)


def _ref(name: str) -> dict[str, object]:
    return {"$ref": _REF.format(name=name)}


def _one_or_many(name: str) -> dict[str, object]:
    return {"anyOf": [_ref(name), {"type": "array", "items": _ref(name), "minItems": 1, "maxItems": MOST_REQUESTS}]}


def _allocate(engine: "Engine") -> dict[str, object]:
    bytes_only = {"schema": {"type": "string", "format": "binary"}}
    return {
        "tags": ["decisions"],
        "summary": "Spend, timing and discounts for one market day, or for several",
        "description": (
            "One request or a list of requests as JSON; or a batch as bytes, which is many times faster. The decision "
            "is on disk before the answer leaves. The same decision_id gives the same answer again."
        ),
        "operationId": "allocate",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _one_or_many("AllocationRequest"), "example": _example(engine)},
                BATCH_TYPE: bytes_only,
            },
        },
        "responses": {
            "200": {
                "description": "What is to be done",
                "content": {
                    "application/json": {"schema": _one_or_many("AllocationAnswer")},
                    BATCH_TYPE: bytes_only,
                },
            }
        },
    }


def _outcomes() -> dict[str, object]:
    return {
        "tags": ["decisions"],
        "summary": "What decisions brought",
        "description": "Sending the same outcome again changes nothing. A correction carries a higher revision.",
        "operationId": "outcomes",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _one_or_many("Outcome")}}},
        "responses": {
            "200": {
                "description": "How many are stored",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "properties": {name: {"type": "integer"} for name in ("accepted", "new", "known")},
                            "required": ["accepted", "new", "known"],
                        }
                    }
                },
            }
        },
    }


def _finish(path: str, method: str, operation: dict[str, object], *, secured: bool) -> None:
    responses = cast("dict[str, object]", operation.setdefault("responses", {}))
    if path.endswith("/infer"):
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref("InferenceRequest")}},
        }
        responses["200"] = {
            "description": "The decisions",
            "content": {"application/json": {"schema": _ref("InferenceAnswer")}},
        }
    elif path == "/metrics":
        responses["200"] = {"description": "Metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}
    responses.pop("422", None)
    for status in _statuses(path, method, secured=secured):
        responses[str(status)] = {"description": TITLES[status], "content": {CONTENT_TYPE: {"schema": _ref("Problem")}}}
    if secured and not path.startswith(_OPEN):
        operation["security"] = [{"token": []}]


def _statuses(path: str, method: str, *, secured: bool) -> list[int]:
    found = [401, 403] if secured and not path.startswith(_OPEN) else []
    if "{" in path:
        found.append(404)
    if method == "post":
        found += [400, 408, 409, 413, 422, 503]
    if path in {ALLOCATE, OUTCOMES}:
        found += [404, 415]
    if path.startswith(_OPEN) or path == "/health/ready":
        found.append(503)
    return sorted(set(found))


def _example(engine: "Engine") -> dict[str, object]:
    """A request that the bundle answers: every feature at the mean of what was seen."""
    allocator = engine.allocator
    schema = allocator.bundle.schema
    regions, segments, channels = allocator.lengths[:3]
    wide = [feature.mean for feature in schema.features["F"]]
    deep = [feature.mean for feature in schema.features["G"]]
    fine = [feature.mean for feature in schema.features["E"]]
    by_channel = [[[fine for _ in range(channels)] for _ in range(segments)] for _ in range(regions)]
    return {
        "day": 0,
        "budget_base": allocator.bundle.plan.limits.total_base,
        "regions": [wide for _ in range(regions)],
        "cells": [[deep for _ in range(segments)] for _ in range(regions)],
        **({"channels": by_channel} if fine else {}),
    }
