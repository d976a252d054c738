"""The OpenAPI document, from the table of routes and the msgspec types of their bodies."""

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from xbopt.core.version import __version__
from xbopt.service.bundle.schema import shape_of
from xbopt.service.deciding.reading import if_missing, is_featured
from xbopt.service.deciding.requests import AllocationAnswer, Outcome
from xbopt.service.http.engine import Engine
from xbopt.service.http.inference import InferenceAnswer, InferenceRequest
from xbopt.service.http.operations import MOST_REQUESTS
from xbopt.service.http.problems import CONTENT_TYPE, TITLES, Problem
from xbopt.service.http.routes import JSON, Route

_TYPES: tuple[type, ...] = (AllocationAnswer, Outcome, InferenceRequest, InferenceAnswer, Problem)
_REF = "#/components/schemas/{name}"


def describe(routes: Sequence[Route], types: Sequence[type], *, secured: bool) -> dict[str, object]:
    """The document.

    Args:
        routes: All routes.
        types: Types of bodies that depend on the bundle, or belong to single routes.
        secured: Whether tokens are asked for.
    """
    _, schemas = msgspec.json.schema_components((*types, *_TYPES), ref_template=_REF)
    components: dict[str, object] = {"schemas": schemas}
    if secured:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, secured=secured)
    return {
        "openapi": "3.1.0",
        "info": {"title": "xbopt allocation service", "version": __version__},
        "paths": paths,
        "components": components,
    }


def reference(name: str) -> dict[str, object]:
    """A schema by its name."""
    return {"$ref": _REF.format(name=name)}


def one_or_many(name: str) -> dict[str, object]:
    """One body of a type, or a list of them."""
    many = {"type": "array", "items": reference(name), "minItems": 1, "maxItems": MOST_REQUESTS}
    return {"anyOf": [reference(name), many]}


def _operation(route: Route, *, secured: bool) -> dict[str, object]:
    asks_token = secured and route.right is not None
    statuses = {*route.problems, *((401, 403) if asks_token else ()), *((404,) if "{" in route.path else ())}
    if route.method == "POST":
        statuses |= {400, 408, 409, 413, 422, 503}
    problem = {CONTENT_TYPE: {"schema": reference("Problem")}}
    given = route.gives or {JSON: {"type": "object"}}
    made: dict[str, object] = {
        "tags": [route.tag],
        "summary": route.summary,
        "operationId": route.operation_id or re.sub(r"\W", "_", f"{route.path[1:]}_{route.method.lower()}"),
        "responses": {
            "200": {"description": route.summary, "content": {kind: {"schema": one} for kind, one in given.items()}},
            **{str(status): {"description": TITLES[status], "content": problem} for status in sorted(statuses)},
        },
    }
    if route.description:
        made["description"] = route.description
    if "{name}" in route.path:
        about = {"name": "name", "in": "path", "required": True, "description": "name of the bundle"}
        made["parameters"] = [{**about, "schema": {"type": "string"}}]
    if route.takes:
        content = {kind: {"schema": one} for kind, one in route.takes.items()}
        if route.example is not None:
            content[JSON]["example"] = route.example
        made["requestBody"] = {"required": True, "content": content}
    if asks_token:
        made["security"] = [{"token": []}]
    return made


def example_request(engine: Engine) -> dict[str, object]:
    """A request that the bundle answers: the first day, all of the money, features at the mean of what was seen."""
    schema = engine.allocator.bundle.schema
    made: dict[str, object] = {}
    for field in schema.asked:
        if is_featured(field):
            value: object = [feature.mean for feature in schema.features[field.axes[-1]]]
        elif if_missing(field) is not None:
            continue
        else:
            value = int(field.low or 0) if field.dtype == "int64" else field.high or field.low or 0.0
        made[field.name] = np.broadcast_to(np.array(value), shape_of(field, schema, 1)[1:]).tolist()
    return made
