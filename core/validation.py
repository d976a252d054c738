"""Checks documents against pydantic models, in sentences that a planner can act on.

Data goes through pydantic's JSON mode: there a strict model still reads dates, times, enum members, tuples and
sets from the text and lists that YAML has, while it refuses text for a number and true for a number.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from types import UnionType
from typing import Annotated, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from xbopt.core.document import MAX_PROBLEMS, Document, Path, parse_yaml, resolve_scalar, suggest
from xbopt.core.errors import Problem, ScenarioError, UsageError

M = TypeVar("M", bound=BaseModel)


class DocumentProblems(ValueError):  # noqa: N818 - it carries problems, and reads as such where it is raised
    """Raised by a model's validator to report several problems, each at its own place below the model."""

    def __init__(self, problems: Sequence[tuple[Path, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(message for _, message in self.problems))


def validate_document(model: type[M], document: Document) -> M:
    """Build a model from a document.

    Raises:
        ScenarioError: Every problem found in line order; at most 50, then one that says how many more there are.
    """
    try:
        return model.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        details = error.errors(include_url=False)
    findings = list(_merge_unions([_Finding(detail, document) for detail in details], 0))
    findings.sort(key=lambda one: (document.position(one.path).line, document.position(one.path).column))
    # Only what is shown is put into words: twenty thousand findings would take many seconds.
    problems = [problem for finding in findings[:MAX_PROBLEMS] for problem in finding.problems(model)]
    problems = sorted(dict.fromkeys(problems), key=lambda problem: (problem.line, problem.column))
    more = len(findings[MAX_PROBLEMS:]) + len(problems[MAX_PROBLEMS:])
    if more:
        problems = [*problems[:MAX_PROBLEMS], Problem(message=f"And {more} more.", file=document.file)]
    raise ScenarioError(problems)


# ---- from pydantic's location to a path in the document --------------------------------------------------------

Step: TypeAlias = tuple[str | int, bool]  # a part of pydantic's location, and whether it is a step in the data


_MISSING = object()


def _steps(data: object, loc: Sequence[str | int], detail: ErrorDetails) -> list[Step] | None:
    """Tell steps in the data from the union labels between them, by looking for pydantic's input at the end."""
    if not loc:
        same = type(data) is type(detail["input"]) and (data == detail["input"] or data != data)  # noqa: PLR0124
        return [] if same or detail["type"] in {"value_error", "assertion_error"} else None
    first, rest = loc[0], loc[1:]
    if not rest and detail["type"] == "missing":
        return [(first, True)] if _steps(data, (), detail) is not None else None
    if rest == ("[key]",):
        return [(first, True)] if isinstance(data, dict) and first in data else None
    inside = _value_at(data, (first,))
    if inside is not _MISSING and (below := _steps(inside, rest, detail)) is not None:
        return [(first, True), *below]
    if isinstance(first, str) and (below := _steps(data, rest, detail)) is not None:
        return [(first, False), *below]
    return None


def _value_at(data: object, path: Path) -> object:
    for step in path:
        if isinstance(data, dict) and step in data:
            data = cast("dict[object, object]", data)[step]
        elif isinstance(data, list) and isinstance(step, int) and 0 <= step < len(cast("list[object]", data)):
            data = cast("list[object]", data)[step]
        else:
            return _MISSING
    return data


class _Finding:
    """One of pydantic's errors, with its place in the document."""

    def __init__(self, detail: ErrorDetails, document: Document) -> None:
        self.detail = detail
        self.document = document
        loc = [step for step in detail["loc"] if step != "[key]"]
        self.on_key = len(loc) < len(detail["loc"])
        self.steps = _steps(document.data, detail["loc"], detail) or [(step, True) for step in loc]
        self.path: Path = tuple(step for step, real in self.steps if real)
        self.wanted: str | None = None  # set where the branches of a union were joined

    def site(self, start: int) -> int | None:
        """Where the next union label stands."""
        return next((n for n in range(start, len(self.steps)) if not self.steps[n][1]), None)

    def problems(self, model: type[BaseModel]) -> list[Problem]:
        """The problems as a planner reads them."""
        error = self.detail.get("ctx", {}).get("error")
        if isinstance(error, DocumentProblems):
            return [self.document.problem((*self.path, *path), text) for path, text in error.problems]
        return [_describe(self, model)]


def _merge_unions(findings: Sequence[_Finding], start: int) -> Iterator[_Finding]:
    """Keep, of the branches of a union, the one that was meant; join the sentences where none fits."""

    def site(finding: _Finding) -> tuple[str | int, ...]:
        at = finding.site(start)
        return () if at is None else (at, *(step for step, _ in finding.steps[:at]))

    for key, together in groupby(findings, key=site):
        group = list(together)
        if not key:
            yield from group
            continue
        at = cast("int", key[0])
        branches: dict[str | int, list[_Finding]] = {}
        for finding in group:
            branches.setdefault(finding.steps[at][0], []).append(finding)
        deep = [branch for branch in branches.values() if all(len(one.steps) > at + 1 for one in branch)]
        if len(branches) == 1:
            yield from _merge_unions(group, at + 1)
            continue
        if deep:
            mismatched = [[one for one in branch if _is_tag(one, at)] for branch in deep]
            meant = [branch for branch, tags in zip(deep, mismatched, strict=True) if not tags]
            if meant:
                yield from _merge_unions(min(meant, key=len), at + 1)
                continue
            group = [tags[0] for tags in mismatched]
            at += 1
        first = group[0]
        phrases = dict.fromkeys(_wanted(one.detail, ()) for one in group if len(one.steps) == at + 1)
        first.wanted = ", or ".join(phrases)
        yield first


def _is_tag(finding: _Finding, at: int) -> bool:
    """Whether a literal just below a branch, such as its ``type``, says that another branch was meant."""
    return finding.detail["type"] == "literal_error" and len(finding.steps) == at + 2


# ---- what the model has at a place -----------------------------------------------------------------------------


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


def _fields(kind: object) -> dict[str, FieldInfo]:
    """The fields of a model by the names that a document uses."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {info.alias or name: info for name, info in kind.model_fields.items()}
    return {}


def _literals(info: FieldInfo) -> tuple[object, ...]:
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()


def _literals_fit(kind: object, data: object) -> bool:
    if not isinstance(data, dict):
        return True
    values = cast("dict[str, object]", data)
    return all(
        values[name] in allowed
        for name, info in _fields(kind).items()
        if (allowed := _literals(info)) and name in values
    )


def _kinds(model: object, data: object, path: Path) -> list[tuple[object, tuple[object, ...]]]:
    """The types that a model allows at a path, with their metadata."""
    here = list(_unwrap(model, data))
    for step in path:
        data = _value_at(data, (step,))
        below: list[tuple[object, tuple[object, ...]]] = []
        for kind, _ in here:
            arguments = [argument for argument in get_args(kind) if argument is not ...]
            if isinstance(step, str) and (info := _fields(kind).get(step)):
                below += [(k, (*more, *info.metadata)) for k, more in _unwrap(info.annotation, data)]
            elif isinstance(step, str) and len(arguments) == 2:
                below += _unwrap(arguments[1], data)
            elif isinstance(step, int) and arguments:
                fits = len(arguments) > step and get_origin(kind) is tuple
                below += _unwrap(arguments[step] if fits else arguments[0], data)
        here = below
    return here


def _known_fields(model: object, data: object, path: Path) -> dict[str, FieldInfo]:
    found: dict[str, FieldInfo] = {}
    for kind, _ in _kinds(model, data, path):
        found |= _fields(kind)
    return found


# ---- sentences -------------------------------------------------------------------------------------------------

_NUMBER = "a number"
_WHOLE = "a whole number"
_TEXT = "text"
_WANTED = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "string_type": _TEXT,
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text of the form {pattern}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "none_required": "null",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "too_short": "a list of at least {min_length} items",
    "too_long": "a list of at most {max_length} items",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
    "date_type": "a date such as 2026-03-02",
    "date_parsing": "a date such as 2026-03-02 ({error})",
    "date_from_datetime_parsing": "a date such as 2026-03-02 ({error})",
    "date_from_datetime_inexact": "a date without a time of day",
    "time_type": "a time such as 12:30",
    "time_parsing": "a time such as 12:30 ({error})",
    "datetime_type": "a date and time such as 2026-03-02T12:30:00Z",
    "datetime_parsing": "a date and time such as 2026-03-02T12:30:00Z ({error})",
    "datetime_from_date_parsing": "a date and time such as 2026-03-02T12:30:00Z ({error})",
    "timezone_aware": "a date and time with a time zone, such as 2026-03-02T12:30:00Z",
    "timezone_naive": "a date and time without a time zone",
}
_LIMITS = {"gt": "greater than {}", "ge": "at least {}", "lt": "less than {}", "le": "at most {}"}
_RANGES = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def _wanted(detail: ErrorDetails, metadata: Iterable[object]) -> str:
    """What is allowed, as a phrase that follows "Must be"."""
    context = {name: _number(value) for name, value in detail.get("ctx", {}).items()}
    if detail["type"] in _RANGES:
        limits = {n: x for m in metadata for n in _LIMITS if (x := getattr(m, n, None)) is not None}
        both = " and ".join(text.format(_number(limits[n])) for n, text in _LIMITS.items() if n in limits)
        if both:
            return both
    if detail["type"] in _WANTED:
        phrase = _WANTED[detail["type"]].format(**context)
        return re.sub(r"\b1 (item|character)s", r"1 \1", phrase)
    return re.sub(r"^(Input|Value|Data|String|Object) (should|must) (be )?", "", detail["msg"])


def _number(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _show(value: object) -> str:
    """The value found, at most 60 characters of it."""
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        count = len(cast("list[object]", value))
        what = "list" if isinstance(value, list) else "mapping"
        return f"a {what} of {count} item{'' if count == 1 else 's'}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _describe(finding: _Finding, model: type[BaseModel]) -> Problem:
    detail, document, path = finding.detail, finding.document, finding.path
    kind, value = detail["type"], detail["input"]
    parent = path[:-1]
    if kind == "missing":
        if path and isinstance(path[-1], int):
            return document.problem(path, f"Item {path[-1] + 1} of this list is missing.")
        info = _known_fields(model, document.data, parent).get(str(path[-1]))
        meaning = f" It means: {info.description.rstrip('.')}." if info and info.description else ""
        return document.problem(path, f"The key '{path[-1]}' is missing.{meaning}")
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown_key(document, path, _known_fields(model, document.data, parent))
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _bad_tag(finding, model)
    if kind in {"value_error", "assertion_error"}:
        return document.problem(path, str(detail.get("ctx", {}).get("error", detail["msg"])))
    if kind not in _WANTED and not detail["msg"].startswith("Input should"):
        return document.problem(path, f"{detail['msg']}: {_show(value)}.", key=finding.on_key)
    metadata = [item for _, more in _kinds(model, document.data, path) for item in more]
    wanted = finding.wanted or _wanted(detail, () if finding.on_key else metadata)
    subject = "The key must" if finding.on_key else "Must"
    return document.problem(
        path, f"{subject} be {wanted}, not {_show(value)}.{_hint(wanted, value)}", key=finding.on_key
    )


def _hint(wanted: str, value: object) -> str:
    names = [name.replace("\\'", "'") for name in re.findall(r"'((?:[^'\\]|\\.)*)'", wanted)]
    if isinstance(value, str):
        if (_NUMBER in wanted or _WHOLE in wanted) and _is_number(value):
            return " Remove the quotes."
        return suggest(value, names)
    if wanted == _TEXT and isinstance(value, int | float):
        return " Put quotes around it."
    return ""


def _is_number(text: str) -> bool:
    try:
        value = resolve_scalar(text)
    except ValueError:
        return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown_key(document: Document, path: Path, known: Iterable[str]) -> Problem:
    names = sorted(known)
    hint = suggest(str(path[-1]), names) or (f" Known keys: {', '.join(names)}." if names else "")
    return document.problem(path, f"The key {_show(path[-1])} is not known here.{hint}", key=True)


def _bad_tag(finding: _Finding, model: type[BaseModel]) -> Problem:
    detail, document, path = finding.detail, finding.document, finding.path
    name = str(detail.get("ctx", {}).get("discriminator", "")).strip("'")
    if not isinstance(detail["input"], dict):
        return document.problem(path, f"Must be a mapping of keys to values, not {_show(detail['input'])}.")
    found = cast("dict[str, object]", detail["input"])
    members = _kinds(model, {}, ()) if not path else _kinds(model, _without(document.data, path), path)
    tags = [tag for kind, _ in members if (info := _fields(kind).get(name)) for tag in _literals(info)]
    allowed = ", ".join(repr(tag) for tag in dict.fromkeys(tags)) or str(detail.get("ctx", {}).get("expected_tags", ""))
    if name not in found:
        return document.problem((*path, name), f"The key '{name}' is missing. It must be one of {allowed}.")
    hint = _hint(allowed, found[name])
    return document.problem((*path, name), f"Must be one of {allowed}, not {_show(found[name])}.{hint}")


def _without(data: object, path: Path) -> object:
    """The data with nothing at a path, so that no member of the union there is ruled out."""
    return _put(data, path, {})


# ---- values from the command line ------------------------------------------------------------------------------

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
        model: Fields of this model may be set where the document leaves them out; without it, only what is there.

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
        document = replace(document, data=_put(document.data, path, value), overrides=changed)
    return document


def _put(data: object, path: Path, value: object) -> object:
    """A copy of the data with one value changed; what lies beside the path is shared."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    inside = _put(_value_at(data, path[:1]), rest, value)
    if isinstance(data, list):
        items = cast("list[object]", data)
        return [inside if n == first else item for n, item in enumerate(items)]
    return {**cast("dict[str | int, object]", data), first: inside}


def _target(data: object, assignment: str, model: type[BaseModel] | None) -> tuple[Path, str]:
    path: list[str | int] = []
    at, here = 0, data
    while match := _STEP.match(assignment, at):
        if match["name"] and bool(match["dot"]) != bool(path):
            break
        try:
            step = json.loads(match["quoted"]) if match["quoted"] else match["name"] or int(match["index"])
        except ValueError:  # an escape that JSON does not know
            break
        rest = assignment[match.end() :]
        known = () if model is None else tuple(_known_fields(model, data, tuple(path)))
        step = _existing(here, step, f"--set {assignment}", known if rest.startswith("=") else ())
        path.append(step)
        here = _value_at(here, (step,))
        at = match.end()
    if not path or not assignment.startswith("=", at):
        raise UsageError(f"--set {assignment}: This is not of the form path=value, as in market.regions[0].country=NO.")
    return tuple(path), assignment[at + 1 :]


def _existing(here: object, step: str | int, where: str, known: Sequence[str]) -> str | int:
    """The step itself, or the index of the list's item that has it as ``id``."""
    if isinstance(here, dict):
        keys = cast("dict[str, object]", here)
        if step in keys or step in known:
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
        raise UsageError(f"{where}: This list has {many} item with the id {step!r}.{suggest(step, filter(None, ids))}")
    raise UsageError(f"{where}: Nothing lies below {_show(here)}, so {str(step)!r} cannot be set.")
