"""The reference of scenario fields, docs/scenario.md, written from the edge model itself.

Write the page anew with ``python -m xbopt.core.scenario.reference > docs/scenario.md``.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.fields import Section
from xbopt.core.tables.duties import duty_ids
from xbopt.core.tables.events import event_ids
from xbopt.core.tables.import_fees import fee_ids
from xbopt.core.tables.published_ranges import published_ranges
from xbopt.core.tables.tariff_lists import tariff_list_ids
from xbopt.core.tables.taxes import tax_ids

_Schema = Mapping[str, object]

_INTRO = """\
# The scenario file

Every field of a scenario, in the order of the file. `xbopt scenario validate FILE` checks one, and names line, value
and what would be allowed. A field without a default is required; unknown fields are refused.

Written from the code by `python -m xbopt.core.scenario.reference > docs/scenario.md`; a test compares the two.

## How to read it

- **Weights are normalised.** `{de: 2, fr: 1}` and `{de: 200, fr: 100}` say the same. Where nothing is given all get the
  same; where something is given, a name left out gets nothing.
- **Fractions, not per cent.** A name that ends in `_frac`, a rate or a share of 0.1 is ten per cent. Levels and
  indices are multipliers: 1 changes nothing.
- **Money** is in the base currency, `market.base_currency`, and net of consumption tax: prices, costs, fees, spend.
- **Demand is calibrated at the usual price.** `cart_rate` and `checkout_rate` hold on the first day at the usual price:
  `usual_price_base`, price level 1, no discount, first-day currency rates, and the tax and duty tables without the
  scenario's rule changes. Discounts, price levels, taxes, duties and currencies move demand from there. Where
  `usual_price_base` is left out it is `price_base`, and then another `price_base` moves revenue but no demand.
- **Dates** are written `2026-11-27`.
- **Provenance.** Every number that a scenario states needs an entry under `provenance` whose `path` reaches it. A path
  has its steps set apart by dots; a step of a list is an index or the `id` of the item: `segments.families.elasticity`.
  `*` stands for any one step, `**` for any number of steps, also none. A pattern covers the whole path: `budget`
  reaches nothing below it, `budget.**` reaches all. Where several entries reach a number, the one with the most named
  steps speaks for it. Defaults need no entry.

## Ids from the tables

Taxes, duties and events are dated rows in `core/tables/`, each with its source. These ids are known:
"""


def scenario_reference() -> str:
    """The page, as Markdown: how to read a scenario, the ids of the tables, and one table of fields a section."""
    schema = cast("_Schema", ScenarioDocument.model_json_schema())
    known = cast("Mapping[str, _Schema]", schema["$defs"])
    places = dict(_places(schema, known, ""))
    parts = [
        _INTRO,
        f"- `market.regions.tax`: {_codes(tax_ids())}",
        f"- `market.regions.duty`: {_codes(duty_ids())}",
        f"- `market.regions.import_fees`: {_codes(fee_ids())}",
        f"- `products.tariff_list`: {_codes(tariff_list_ids())}",
        f"- `calendar.events`: {_codes(event_ids())}",
        "",
        f"The signs that `vital_signs.accepted` may name: {_codes(list(published_ranges()))}",
        "",
        "Some events have numbers for some countries only; validation says which.",
        "Public holidays follow from a region's `country`.",
        "",
        _section("The whole file", "ScenarioDocument", schema, places),
        *(_section(title, name, known[name], places) for name, title in places.items()),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _places(schema: _Schema, known: Mapping[str, _Schema], at: str) -> Iterator[tuple[str, str]]:
    """Each section's name and title in the order of the file; a section used twice stands at its first place."""
    seen: set[str] = set()
    for name, title in _walk(schema, known, at):
        if name not in seen:
            seen.add(name)
            yield name, title


def _walk(schema: _Schema, known: Mapping[str, _Schema], at: str) -> Iterator[tuple[str, str]]:
    for field, value in _properties(schema).items():
        path = f"{at}.{field}" if at else field
        names = list(_refs(value))
        for name in names:
            yield name, path if len(names) == 1 else f"{path}: {_variant(known[name])}"
            yield from _walk(known[name], known, path)


def _properties(schema: _Schema) -> Mapping[str, _Schema]:
    return cast("Mapping[str, _Schema]", schema.get("properties", {}))


def _refs(value: object) -> Iterator[str]:
    """Names of the sections that a field's schema speaks of."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            if key == "$ref":
                yield str(item).rsplit("/", 1)[1]
            elif key != "discriminator":
                yield from _refs(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in cast("Sequence[object]", value):
            yield from _refs(item)


def _variant(schema: _Schema) -> str:
    """The word by which a file says which of several sections is meant."""
    return next(str(field["const"]) for field in _properties(schema).values() if "const" in field)


def _section(title: str, name: str, schema: _Schema, places: Mapping[str, str]) -> str:
    about = " ".join(str(schema["description"]).split("\n\n")[0].split()).replace("``", "`")
    model = _models()[name]
    rows = [
        f"| `{field}` | {_type(value, places)} | {_default(model, field)} | {value['description']} |"
        for field, value in _properties(schema).items()
    ]
    return "\n".join(
        [f"## {title}", "", about, "", "| field | type and range | default | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _models() -> dict[str, type[BaseModel]]:
    """Every section's class by name."""
    found: dict[str, type[BaseModel]] = {}
    ahead: list[type[BaseModel]] = [Section]
    while ahead:
        model = ahead.pop()
        found[model.__name__] = model
        ahead += model.__subclasses__()
    return found


def _type(value: _Schema, places: Mapping[str, str]) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        return _link(next(_refs(value)), places)
    for union in ("anyOf", "oneOf"):
        if union in value:
            options = cast("Sequence[_Schema]", value[union])
            return " or ".join(_type(option, places) for option in options if option.get("type") != "null")
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return _codes(cast("Sequence[str]", value["enum"]))
    kind = str(value["type"])
    if kind == "array":
        return f"list{_count(value)} of {_type(cast('_Schema', value['items']), places)}"
    if kind == "object":
        keys, items = _entries(value)
        return f"mapping{_count(value)} of {keys} to {_type(items, places)}"
    if kind == "string":
        return _text_type(value)
    if kind == "boolean":
        return "`true` or `false`"
    return f"{'whole number' if kind == 'integer' else 'number'}, {_range(value)}"


def _entries(value: _Schema) -> tuple[str, _Schema]:
    """Keys of a mapping in words, and the schema of its values."""
    if "patternProperties" in value:
        pattern, items = next(iter(cast("Mapping[str, _Schema]", value["patternProperties"]).items()))
        return _text_type({"pattern": pattern}), items
    names = cast("_Schema", value["propertyNames"])
    return f"one of {_codes(cast('Sequence[str]', names['enum']))}", cast("_Schema", value["additionalProperties"])


def _text_type(value: _Schema) -> str:
    if value.get("format") == "date":
        return "date"
    words = {
        "^[A-Z]{3}$": "currency code",
        "^[A-Z]{2}$": "country code",
        "^([A-Z]{2}|any)$": "origin code",
        "^[A-Za-z][A-Za-z0-9_]{0,39}$": "id",
    }
    return words[str(value["pattern"])] if "pattern" in value else "text"


def _link(name: str, places: Mapping[str, str]) -> str:
    anchor = "".join(letter for letter in places[name].lower().replace(" ", "-") if letter.isalnum() or letter in "-_")
    return f"[{places[name]}](#{anchor})"


def _count(value: _Schema) -> str:
    low = value.get("minItems", value.get("minProperties"))
    high = value.get("maxItems", value.get("maxProperties"))
    if low is None and high is None:
        return ""
    if low == high:
        return f" ({low})"
    return f" ({low or 0} to {high})" if high is not None else f" (at least {low})"


def _range(value: _Schema) -> str:
    least = _plain(value["minimum"]) if "minimum" in value else f"above {_plain(value['exclusiveMinimum'])}"
    return f"{least} to {_plain(value['maximum'])}"


def _default(model: type[BaseModel], field: str) -> str:
    info = model.model_fields[field]
    value: object = info.get_default(call_default_factory=True, validated_data={})
    return "required" if value is PydanticUndefined else _plain(value)


def _plain(value: object) -> str:
    """A default or a bound, short enough for a table."""
    if isinstance(value, bool | int | float):
        if value == 0 or 1e-3 <= abs(value) < 1e6:
            return f"{value:.4g}" if abs(value) < 1e3 else f"{value:,.0f}"
        return f"{value:.0e}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-")
    if isinstance(value, BaseModel):
        given = cast("Mapping[str, object]", value.model_dump(exclude_defaults=True))
        return ", ".join(f"{key} {_plain(item)}" for key, item in given.items()) or "its defaults"
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return "; ".join(f"{key}: {_plain(item)}" for key, item in items) or "empty"
    if isinstance(value, Sequence) and not isinstance(value, str):
        texts = [_plain(item) for item in cast("Sequence[object]", value)]
        if len(texts) > 1 and len(set(texts)) == 1:
            return f"{len(texts)} times {texts[0]}"
        return ", ".join(texts) or "empty"
    return "none" if value is None else str(value) or "empty"


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(scenario_reference())
