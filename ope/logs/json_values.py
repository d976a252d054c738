"""Values of a JSON object as columns: keys within keys are joined by points."""

from typing import TypeAlias, cast

JsonObject: TypeAlias = "dict[str, object]"
Value: TypeAlias = "str | int | float | bool | list[float] | None"
"""What a column may hold in one row."""


def flattened(line: JsonObject) -> dict[str, Value]:
    """Columns of an object: ``{"user": {"age": 3}}`` has the column ``user.age``.

    A list of numbers stays a list. Of other lists each element gets its number, from 0; a list of one object is that
    object.

    Raises:
        ValueError: Two keys give the same column.
    """
    found: dict[str, Value] = {}
    _add(found, "", line)
    return found


def object_of(value: object, name: str) -> JsonObject:
    """A value that has to be an object; nothing counts as an empty one.

    Raises:
        TypeError: It is something else; the message begins with ``name``.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{name} is no object")
    return cast("JsonObject", value)


def list_of(value: object, name: str) -> list[object]:
    """A value that has to be a list; nothing counts as an empty one.

    Raises:
        TypeError: It is something else; the message begins with ``name``.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    return cast("list[object]", value)


def number_of(value: object, name: str) -> float:
    """A value that has to be a number.

    Raises:
        TypeError: It is something else; the message begins with ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}, which is no number")
    return float(value)


def _add(found: dict[str, Value], name: str, value: object) -> None:
    if isinstance(value, dict):
        for key, inner in cast("JsonObject", value).items():
            _add(found, f"{name}.{key}" if name else key, inner)
        return
    if isinstance(value, list):
        items = cast("list[object]", value)
        if len(items) == 1 and isinstance(items[0], dict):
            _add(found, name, cast("JsonObject", items[0]))
            return
        if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in items):
            for place, inner in enumerate(items):
                _add(found, f"{name}.{place}", inner)
            return
    if name in found:
        raise ValueError(f"two keys give the column {name!r}")
    found[name] = cast("Value", value)
