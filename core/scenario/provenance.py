"""Where each number of a scenario comes from: which provenance entry speaks for which path.

A pattern is a path with its steps set apart by dots: ``segments.families.elasticity``. A step of a list is the ``id``
of the item there, or its index: ``segments.0.elasticity``. Paths that are given out name items by their ids. ``*``
stands for any one step, ``**`` for any number of steps, also none. A pattern has to cover the whole path: ``budget``
speaks for nothing below it, ``budget.**`` for all.

Numbers that a scenario states need an entry. Numbers that it leaves to the format do not: the format documents its
defaults. The format's version and the entries themselves are no numbers of the market.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import cast

from pydantic import BaseModel

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.schedule import Provenance

NOT_OF_THE_MARKET = frozenset({"version", "provenance"})
RECORDS = ("history", "before")
"""What was done before the first day is a record and no assumption: its rows need no source each."""

_Step = tuple[str, ...]
"""The spellings of one step: its key or index and, where the item of a list has one, its id."""


def numeric_paths(document: object) -> list[str]:
    """Dotted paths of all numbers that a scenario states, in its order; items of lists by id, or by index without one.

    Args:
        document: The edge model, or the plain data that it is read from. In a model, only fields that were given
            count.
    """
    return [_text(steps) for steps, _ in _numbers(document, ())]


def numbers_with_entries(document: ScenarioDocument) -> list[tuple[str, float, Provenance | None]]:
    """Dotted paths as of `numeric_paths`, each with its number and the entry that speaks for it, or None."""
    entries = _entries(document)
    return [(_text(steps), number, _best(entries, steps)) for steps, number in _numbers(document, ())]


def uncovered(document: ScenarioDocument) -> list[str]:
    """Dotted paths of the numbers that a scenario states and no provenance entry speaks for."""
    return [path for path, _, entry in numbers_with_entries(document) if entry is None]


def unused_patterns(document: ScenarioDocument) -> list[str]:
    """Patterns that reach nothing the scenario states: most often a path that was renamed or misspelt.

    An entry may speak for a date or a word as well; only numbers need one.
    """
    stated = [steps for steps, _ in _leaves(document, ())]
    return [
        entry.path for pattern, entry in _entries(document) if not any(_matches(pattern, steps) for steps in stated)
    ]


def provenance_of(document: ScenarioDocument, path: str) -> Provenance | None:
    """The entry that speaks for a number, or None.

    Where several do, the most specific one wins: the one with the most steps named by key, index or id; among those
    the one with the most ``*``, since a ``**`` says less; among those the last of the file.

    Args:
        document: The edge model.
        path: Path of the number, as in ``market.regions.DE.price_level`` or ``market.regions[0].price_level``.
    """
    return _best(_entries(document), _steps_with_ids(document, parse_pattern(path)))


@lru_cache(maxsize=65_536)
def parse_pattern(pattern: str) -> tuple[str, ...]:
    """The steps of a dotted path or pattern; an index may stand in brackets as well."""
    return tuple(step.strip("\"'") for step in re.split(r"[.\[\]]+", pattern) if step)


def _entries(document: ScenarioDocument) -> list[tuple[tuple[str, ...], Provenance]]:
    return [(parse_pattern(entry.path), entry) for entry in document.provenance]


def _best(entries: Sequence[tuple[tuple[str, ...], Provenance]], steps: tuple[_Step, ...]) -> Provenance | None:
    found = [(_specificity(pattern), n) for n, (pattern, _) in enumerate(entries) if _matches(pattern, steps)]
    return entries[max(found)[1]][1] if found else None


def _specificity(pattern: tuple[str, ...]) -> tuple[int, int]:
    wild = pattern.count("*")
    return len(pattern) - wild - pattern.count("**"), wild


@lru_cache(maxsize=65_536)
def _matches(pattern: tuple[str, ...], steps: tuple[_Step, ...]) -> bool:
    if not pattern:
        return not steps
    if pattern[0] == "**":
        return _matches(pattern[1:], steps) or (bool(steps) and _matches(pattern, steps[1:]))
    return bool(steps) and (pattern[0] == "*" or pattern[0] in steps[0]) and _matches(pattern[1:], steps[1:])


def _text(steps: tuple[_Step, ...]) -> str:
    return ".".join(step[-1] for step in steps)


def _numbers(value: object, steps: tuple[_Step, ...]) -> Iterator[tuple[tuple[_Step, ...], float]]:
    """Steps to each number of the market below a value, and the number."""
    for at, leaf in _leaves(value, steps):
        place = tuple(step[0] for step in at[:2])
        of_the_market = bool(place) and place[0] not in NOT_OF_THE_MARKET and place != RECORDS
        if of_the_market and isinstance(leaf, int | float) and not isinstance(leaf, bool):
            yield at, float(leaf)


def _leaves(value: object, steps: tuple[_Step, ...]) -> Iterator[tuple[tuple[_Step, ...], object]]:
    """Steps to everything stated below a value that holds nothing itself."""
    if isinstance(value, BaseModel | Mapping) or (isinstance(value, Sequence) and not isinstance(value, str | bytes)):
        for step, item in _items(cast("object", value)):
            yield from _leaves(item, (*steps, step))
    else:
        yield steps, value


def _items(value: object) -> Iterator[tuple[_Step, object]]:
    """What lies directly below a value, with its step."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield (name,), getattr(value, name)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            yield (str(key),), item
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for i, item in enumerate(cast("Sequence[object]", value)):
            name = _id_of(item)
            yield (str(i),) if name is None else (str(i), name), item


def _id_of(item: object) -> str | None:
    known = cast("Mapping[object, object]", item).get("id") if isinstance(item, Mapping) else getattr(item, "id", None)
    return known if isinstance(known, str) else None


def _steps_with_ids(document: object, path: tuple[str, ...]) -> tuple[_Step, ...]:
    """The steps of a path with every spelling of them, as far as the document knows the path."""
    steps: list[_Step] = []
    value = document
    for wanted in path:
        step, value = next(((step, item) for step, item in _items(value) if wanted in step), ((wanted,), None))
        steps.append(step)
    return tuple(steps)
