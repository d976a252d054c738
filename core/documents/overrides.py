"""Values from the command line: ``--set path=value``."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from pydantic import BaseModel

from xbopt.core.documents.document import MISSING, Document, Path, put_value, value_at
from xbopt.core.documents.model_fields import has_free_keys, known_fields
from xbopt.core.documents.problems import suggest
from xbopt.core.documents.validation import show_value
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError, UsageError

_STEP = re.compile(
    r"""\[(?P<index>[0-9]{1,9})\] | \[(?P<quoted>"(?:[^"\\]|\\.)*")\] | (?P<dot>\.?)(?P<name>[^\s.\[\]="']+)""",
    re.VERBOSE,
)


def with_overrides(document: Document, assignments: Sequence[str], *, model: type[BaseModel] | None = None) -> Document:
    """Change values by assignments such as ``market.regions[0].country=NO`` or ``market.regions.DE.country=NO``.

    Args:
        document: Stays as it is.
        assignments: ``path=value`` each, in order; values are read as YAML 1.2.
            An item of a list may be named by its ``id``.
        model: Fields of this model may be set where the document leaves them out, whole sections too; without it,
            only what is there.

    Raises:
        UsageError: An assignment that cannot be read, or a path that is not in the document.
    """
    for assignment in assignments:
        path, text = _target(document.data, assignment, model)
        try:
            value = parse_yaml(text).data if text.strip() else None
        except ScenarioError as error:
            raise UsageError(f"--set {assignment}: {error.problems[0].message}") from None
        changed = (*document.overrides, (path, assignment))
        document = replace(document, data=put_value(document.data, path, value), overrides=changed)
    return document


def _target(data: object, assignment: str, model: type[BaseModel] | None) -> tuple[Path, str]:
    path: list[str | int] = []
    at = 0
    here: object = data
    while match := _STEP.match(assignment, at):
        if match["name"] and bool(match["dot"]) != bool(path):
            break
        try:
            step = json.loads(match["quoted"]) if match["quoted"] else match["name"] or int(match["index"])
        except ValueError:  # an escape that JSON does not know
            break
        known = () if model is None else tuple(known_fields(model, data, tuple(path)))
        free = model is not None and has_free_keys(model, data, tuple(path))
        if (here is None or here is MISSING) and (known or free):  # an optional section that the file leaves out
            here = dict[str, object]()
        step = _existing(here, step, f"--set {assignment}", known, free=free)
        path.append(step)
        here = value_at(here, (step,))
        at = match.end()
    if not path or not assignment.startswith("=", at):
        raise UsageError(f"--set {assignment}: This is not of the form path=value, as in market.regions[0].country=NO.")
    return tuple(path), assignment[at + 1 :]


def _existing(here: object, step: str | int, where: str, known: Sequence[str], *, free: bool) -> str | int:
    """The step itself, or the index of the list's item that has it as ``id``.

    Args:
        here: The value below which the step leads.
        step: A key, an index, or an item's id.
        where: How messages begin.
        known: Keys that the model allows here, whether the document has them or not.
        free: Whether the model allows any key here.
    """
    if isinstance(here, dict):
        keys = cast("dict[str, object]", here)
        if step in keys or step in known or (free and isinstance(step, str)):
            return step
        raise UsageError(f"{where}: There is no {str(step)!r} here.{suggest(str(step), [*keys, *known])}")
    if isinstance(here, list):
        items = cast("list[object]", here)
        if isinstance(step, int):
            if step < len(items):
                return step
            raise UsageError(f"{where}: There is no item [{step}]; this list has {len(items)}, counted from 0.")
        ids = [str(cast("dict[str, object]", one).get("id", "")) if isinstance(one, dict) else "" for one in items]
        if ids.count(step) == 1:
            return ids.index(step)
        many = "more than one" if step in ids else "no"
        named = [name for name in dict.fromkeys(ids) if name]
        known = f" Its ids: {', '.join(named)}." if named else f" Its items have no ids; it has {len(items)}."
        counted = " Items are counted from 0, as in [0]." if step.isdecimal() or not named else ""
        hint = suggest(step, named)
        raise UsageError(f"{where}: This list has {many} item with the id {step!r}.{hint or known}{counted}")
    found = "a value that the file leaves out" if here is MISSING else show_value(here)
    raise UsageError(f"{where}: Nothing lies below {found}, so {str(step)!r} cannot be set.")
