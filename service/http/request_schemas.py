"""JSON schemas of requests as a bundle takes them: shapes, ranges, units, and an example that it answers."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from xbopt.service.bundle.schema import CAPS, Field, shape_of
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.reading import if_missing, is_featured

# A JSON schema is a mapping of anything, as far as Python's types can say.
JsonSchema: TypeAlias = dict[str, Any]
_NULL: JsonSchema = {"type": "null"}


def fit_requests(schemas: Mapping[str, JsonSchema], allocator: Allocator) -> None:
    """Write shapes, ranges and units of a bundle into the schemas of its requests."""
    request, outcome = schemas["AllocationRequest"], schemas["Outcome"]
    schema = allocator.bundle.schema
    regions, segments, channels = (len(schema.axes[axis]) for axis in "RSC")
    properties: dict[str, JsonSchema] = request["properties"]
    needed: list[str] = request["required"]
    for field in schema.asked:
        shape = cast("Sequence[int]", shape_of(field, schema, 1)[1:])
        optional = not is_featured(field) and if_missing(field) is not None
        own = properties[field.name]
        properties[field.name] = _array(_number(field, allocator), shape) | _kept(own)
        if optional:
            properties[field.name] = {"anyOf": [_array(_number(field, allocator), shape), _NULL]} | _kept(own)
        elif field.name not in needed:
            needed.append(field.name)
    names = {field.name for field in schema.asked}
    if "channels" not in names:
        properties["channels"] = {"anyOf": [{"type": "array", "maxItems": 0}, _NULL]} | _kept(properties["channels"])
    unit: JsonSchema = {"type": "string", "enum": allocator.units}
    outcome["properties"]["unit"] = unit | _kept(outcome["properties"]["unit"])
    properties["units"] = {"anyOf": [{"type": "array", "items": unit, "minItems": 1}, _NULL]} | _kept(
        properties["units"]
    )
    tactic: JsonSchema = {"type": "integer", "minimum": -1, "maximum": len(schema.axes.get("K", [])) - 1}
    properties["held"] = {"anyOf": [_array(tactic, (regions, segments)), _NULL]} | _kept(properties["held"])
    _size(properties["previous_spend_base"], (regions, segments, channels))


def _kept(schema: JsonSchema) -> JsonSchema:
    """What stays where the form of a property is written anew."""
    return {key: schema[key] for key in ("default", "description") if key in schema}


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
        return number if rules == {"refuse"} else {"anyOf": [number, _NULL]}
    number = {"type": "integer" if field.dtype == "int64" else "number"}
    for bound, value in (("minimum", field.low), ("maximum", field.high)):
        if value is not None:
            number[bound] = int(value) if field.dtype == "int64" else value
    return {"anyOf": [number, _NULL]} if field.name in CAPS or if_missing(field) is not None else number


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
