"""JSON schemas of requests and answers as a bundle has them: shapes, ranges, units, and an example that it answers."""

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from xbopt.service.bundle.schema import Field, shape_of
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.beside import HELD
from xbopt.service.deciding.reading import if_missing, is_featured

# A JSON schema is a mapping of anything, as far as Python's types can say.
JsonSchema: TypeAlias = dict[str, Any]


def fit_requests(schemas: dict[str, JsonSchema], allocator: Allocator) -> None:
    """Write shapes, ranges and units of a bundle into the schema of its requests."""
    request = schemas["AllocationRequest"]
    properties: dict[str, JsonSchema] = request["properties"]
    schema = allocator.bundle.schema
    regions, segments, channels = (len(schema.axes[axis]) for axis in "RSC")
    needed: list[str] = []
    for field in schema.asked:
        form = _array(_number(field, allocator), cast("Sequence[int]", shape_of(field, schema, 1)[1:]))
        if is_featured(field) or if_missing(field) is None:
            needed.append(field.name)
        else:
            form = _or_null(form)
        _put(properties, field.name, form)
    request["required"] = needed
    if "channels" not in needed:
        properties["channels"]["anyOf"][0]["maxItems"] = 0
    about = "A cell, as `region/segment`."
    schemas["Unit"] = {"title": "Unit", "description": about, "type": "string", "enum": allocator.units}
    unit: JsonSchema = {"$ref": "#/components/schemas/Unit"}
    held = allocator.reader.beside.fields[HELD]
    choice: JsonSchema = {"type": "integer", "minimum": -1, "maximum": int(held.high or 0)}
    _put(properties, "units", _or_null({"type": "array", "items": unit, "minItems": 1}))
    _put(properties, "held", _or_null(_array(choice, cast("Sequence[int]", shape_of(held, schema, 1)[1:]))))
    _size(properties["previous_spend_base"], (regions, segments, channels))


def fit_answers(schemas: dict[str, JsonSchema], allocator: Allocator) -> None:
    """Say how deep propensities are nested in the answers of a bundle: one a factor, or one a cell."""
    number: JsonSchema = {"type": "number"}
    form = number if allocator.bundle.schema.shape == "factored" else {"type": "array", "items": number}
    properties: dict[str, JsonSchema] = schemas["AllocationAnswer"]["properties"]
    _put(properties, "propensity", _or_null({"type": "array", "items": form}))


def _put(properties: dict[str, JsonSchema], name: str, form: JsonSchema) -> None:
    """Give a property another form; its description stays."""
    about = properties[name].get("description")
    properties[name] = form if about is None else {**form, "description": about}


def _or_null(form: JsonSchema) -> JsonSchema:
    return {"anyOf": [form, {"type": "null"}]}


def _array(leaf: JsonSchema, shape: Sequence[int]) -> JsonSchema:
    for length in reversed(shape):
        leaf = {"type": "array", "items": leaf, "minItems": length, "maxItems": length}
    return leaf


def _size(schema: JsonSchema, shape: Sequence[int]) -> None:
    """Write lengths into nested arrays, whatever they hold."""
    for part in schema.get("anyOf", [schema]):
        if part.get("type") == "array" and shape:
            part |= {"minItems": shape[0], "maxItems": shape[0]}
            _size(part["items"], shape[1:])


def _number(field: Field, allocator: Allocator) -> JsonSchema:
    """One number of an input; null where something stands in for a missing one."""
    if is_featured(field):
        rules = {feature.missing.rule for feature in allocator.bundle.schema.features[field.axes[-1]]}
        number: JsonSchema = {"type": "number"}
        return number if rules == {"refuse"} else _or_null(number)
    number = {"type": "integer" if field.dtype == "int64" else "number"}
    for bound, value in (("minimum", field.low), ("maximum", field.high)):
        if value is not None:
            number[bound] = int(value) if field.dtype == "int64" else value
    return number if if_missing(field) is None else _or_null(number)


def example_request(allocator: Allocator) -> dict[str, object]:
    """A request that the bundle answers: the first day, all of the money, features at the mean of what was seen."""
    schema = allocator.bundle.schema
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
