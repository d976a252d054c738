"""The OpenAPI document, from the table of routes and the msgspec types of their bodies."""

import re
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from xbopt.core.version import __version__
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import Outcome
from xbopt.service.http.problems import CONTENT_TYPE, TITLES, Problem
from xbopt.service.http.request_schemas import JsonSchema, example_request, fit_answers, fit_requests
from xbopt.service.http.routes import JSON, MOST_REQUESTS, Route

_REF = "#/components/schemas/{name}"
_TAGS = {
    "decisions": "Decisions, and what they brought",
    "health": "Whether the service works, and how well",
    "bundle": "The policy that decides",
    "administration": "Changing who decides",
    "inference": "The Open Inference Protocol, version 2",
    "campaigns": "Campaigns: their money, what really came, and what is proposed, approved and decided",
}
_PARTS = {
    "name": "name of the model, which is that of the bundle",
    "version": "version of the bundle",
    "campaign": "name of the campaign",
}
_ATTRIBUTES = "\n\n    Attributes:\n"
_ATTRIBUTE = re.compile(r" {8}(\w+): (.*)")


def describe(routes: Sequence[Route], allocator: Allocator, *, secured: bool) -> dict[str, object]:
    """The document; the same bytes for the same bundle.

    Args:
        routes: All routes.
        allocator: The bundle that decides: requests have its shapes and ranges.
        secured: Whether tokens are asked for.
    """
    bodies = [*(route.takes or {} for route in routes), *(route.gives or {} for route in routes)]
    types = {repr(kind): kind for body in bodies for kind in body.values() if not isinstance(kind, dict)}
    named = (allocator.reader.request_type, Outcome, Problem)
    made, components = msgspec.json.schema_components([*types.values(), *named], ref_template=_REF)
    schemas = {name: _with_attributes(schema) for name, schema in components.items()}
    fit_requests(schemas, allocator)
    fit_answers(schemas, allocator)
    by_type: dict[str, JsonSchema] = dict(zip(types, made, strict=False))
    paths: dict[str, dict[str, object]] = {}
    for route in routes:
        operation = _operation(route, allocator, by_type, secured=secured)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    parts: dict[str, object] = {"schemas": schemas}
    if secured:
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "xbopt allocation service",
            "version": __version__,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": about} for name, about in _TAGS.items()],
        "paths": paths,
        "components": parts,
    }


def reference(name: str) -> JsonSchema:
    """A schema by its name."""
    return {"$ref": _REF.format(name=name)}


def one_or_many(name: str) -> JsonSchema:
    """One body of a type, or a list of them."""
    many = {"type": "array", "items": reference(name), "minItems": 1, "maxItems": MOST_REQUESTS}
    return {"anyOf": [reference(name), many]}


def _operation(
    route: Route, allocator: Allocator, by_type: Mapping[str, JsonSchema], *, secured: bool
) -> dict[str, object]:
    def content(bodies: Mapping[str, object]) -> dict[str, dict[str, object]]:
        return {
            kind: {"schema": body if isinstance(body, dict) else by_type[repr(body)]} for kind, body in bodies.items()
        }

    asks_token = secured and route.right is not None
    statuses = {*route.problems, *((401, 403) if asks_token else ()), *((404,) if "{" in route.path else ())}
    if route.method == "POST":
        statuses |= {400, 408, 409, 413, 415, 422, 503}
    problem = {JSON if route.path.startswith("/v2") else CONTENT_TYPE: {"schema": reference("Problem")}}
    answer: dict[str, object] = {"description": route.summary, "content": content(route.gives or {})}
    parameters: list[object] = [
        {
            "name": part, "in": "path", "required": True, "description": _PARTS[part], "schema": {"type": "string"},
            "example": getattr(allocator.bundle.manifest, part, "spring"),
        }
        for part in re.findall(r"\{(\w+)\}", route.path)
    ]  # fmt: skip
    if route.header:
        length = {
            "description": "length of the JSON where bytes come behind it",
            "schema": {"type": "integer", "minimum": 0},
        }
        parameters.append({"name": route.header, "in": "header", "required": False, **length})
        answer["headers"] = {route.header: length}
    made: dict[str, object] = {
        "tags": [route.tag],
        "summary": route.summary,
        "operationId": route.operation_id,
        "responses": {
            "200": answer,
            **{str(status): {"description": TITLES[status], "content": problem} for status in sorted(statuses)},
        },
    }
    if route.description:
        made["description"] = route.description
    if parameters:
        made["parameters"] = parameters
    if route.takes:
        taken = content(route.takes)
        if route.operation_id == "allocate":
            taken[JSON]["example"] = example_request(allocator)
        made["requestBody"] = {"required": route.needs_body, "content": taken}
    if asks_token:
        made["security"] = [{"token": []}]
    return made


def _with_attributes(schema: JsonSchema) -> JsonSchema:
    """A schema whose properties are described by the lines of its type's docstring."""
    text, _, lines = str(schema.get("description", "")).partition(_ATTRIBUTES)
    about: dict[str, str] = {}
    name = ""
    for line in lines.splitlines():
        begins = _ATTRIBUTE.fullmatch(line)
        if begins is not None:
            name = begins[1]
            about[name] = begins[2]
        elif name:
            about[name] += f" {line.strip()}"
    if text:
        schema["description"] = _plain(text)
    properties: dict[str, JsonSchema] = schema.get("properties", {})
    _even(schema)
    for name, own in properties.items():
        # Generators take a default for a promise that the field is there, and then ask for it in requests.
        own.pop("default", None)
        if name in about:
            own["description"] = _plain(about[name])
    return schema


def _even(schema: object) -> None:
    """Say arrays for tuples whose parts are alike, in all that a schema holds: few generators know ``prefixItems``."""
    if isinstance(schema, list):
        for part in cast("list[object]", schema):
            _even(part)
    elif isinstance(schema, dict):
        own = cast("JsonSchema", schema)
        if "prefixItems" in own:
            own["items"] = own.pop("prefixItems")[0]
        for part in own.values():
            _even(part)


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
