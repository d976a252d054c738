"""What a pydantic model has at a path of a document."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo

from xbopt.core.documents.document import Path, value_at


def _unwrap(annotation: object, data: object) -> Iterator[tuple[object, tuple[object, ...]]]:
    """The plain types of an annotation with their metadata; of a union, those whose literal keys fit the data."""
    origin = get_origin(annotation)
    if hasattr(annotation, "__value__"):
        yield from _unwrap(getattr(annotation, "__value__"), data)  # noqa: B009 - a `type` alias of Python 3.12
    elif origin is Annotated:
        inner, *metadata = get_args(annotation)
        extra = tuple(x for m in metadata for x in (m.metadata if isinstance(m, FieldInfo) else (m,)))
        for kind, more in _unwrap(inner, data):
            yield kind, (*more, *extra)
    elif origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from (one for one in _unwrap(member, data) if _literals_fit(one[0], data))
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _unwrap(cast("type[BaseModel]", annotation).model_fields["root"].annotation, data)
    else:
        yield annotation, ()


def fields_of(kind: object) -> dict[str, FieldInfo]:
    """The fields of a model by the names that a document uses."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {info.alias or name: info for name, info in kind.model_fields.items()}
    return {}


def literals_of(info: FieldInfo) -> tuple[object, ...]:
    """The values of a field that is a ``Literal``; empty for any other field."""
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def _literals_fit(kind: object, data: object) -> bool:
    if not isinstance(data, dict):
        return True
    values = cast("dict[str, object]", data)
    return all(
        values[name] in allowed
        for name, info in fields_of(kind).items()
        if (allowed := literals_of(info)) and name in values
    )


def kinds_at(model: object, data: object, path: Path) -> list[tuple[object, tuple[object, ...]]]:
    """The types that a model allows at a path, with their metadata."""
    here = list(_unwrap(model, data))
    for step in path:
        data = value_at(data, (step,))
        below: list[tuple[object, tuple[object, ...]]] = []
        for kind, _ in here:
            arguments = [argument for argument in get_args(kind) if argument is not ...]
            if isinstance(step, str) and (info := fields_of(kind).get(step)):
                below += [(k, (*more, *info.metadata)) for k, more in _unwrap(info.annotation, data)]
            elif isinstance(step, str) and len(arguments) == 2:
                below += _unwrap(arguments[1], data)
            elif isinstance(step, int) and arguments:
                fits = len(arguments) > step and get_origin(kind) is tuple
                below += _unwrap(arguments[step] if fits else arguments[0], data)
        here = below
    return here


def known_fields(model: object, data: object, path: Path) -> dict[str, FieldInfo]:
    """The fields that a document may have at a path; empty where free keys or plain values stand."""
    found: dict[str, FieldInfo] = {}
    for kind, _ in kinds_at(model, data, path):
        found |= fields_of(kind)
    return found


def has_free_keys(model: object, data: object, path: Path) -> bool:
    """Whether a mapping with keys of the document's own choice may stand at a path."""
    return any(get_origin(kind) is dict for kind, _ in kinds_at(model, data, path))
