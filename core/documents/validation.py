"""Checks documents against pydantic models, in sentences that a planner can act on.

Data goes through pydantic's JSON mode: there a strict model still reads dates, times, enum members, tuples and
sets from the text and lists that YAML has, while it refuses text for a number and true for a number.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from xbopt.core.documents.document import MISSING, Document, Path, put_value, value_at
from xbopt.core.documents.model_fields import fields_of, kinds_at, known_fields, literals_of
from xbopt.core.documents.problems import MAX_PROBLEMS, ProblemList, suggest
from xbopt.core.documents.yaml_text import resolve_scalar
from xbopt.core.errors import Problem, ScenarioError

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
    found = ProblemList(document.file, more=len(findings[MAX_PROBLEMS:]))
    found.add(*dict.fromkeys(p for finding in findings[:MAX_PROBLEMS] for p in finding.problems(model)))
    raise ScenarioError(found.in_order())


# ---- from pydantic's location to a path in the document --------------------------------------------------------

Step: TypeAlias = tuple[str | int, bool]  # a part of pydantic's location, and whether it is a step in the data


def _steps(data: object, loc: Sequence[str | int], detail: ErrorDetails) -> list[Step] | None:
    """Tell steps in the data from the union labels between them, by looking for pydantic's input at the end."""
    if not loc:
        given = detail["input"]
        # A NaN equals nothing, nor does what holds one; its text does.
        same = type(data) is type(given) and (data == given or repr(data) == repr(given))
        return [] if same or detail["type"] in {"value_error", "assertion_error"} else None
    first, rest = loc[0], loc[1:]
    if not rest and detail["type"] == "missing":
        return [(first, True)] if _steps(data, (), detail) is not None else None
    if rest == ("[key]",):
        return [(first, True)] if isinstance(data, dict) and first in data else None
    inside = value_at(data, (first,))
    if inside is not MISSING and (below := _steps(inside, rest, detail)) is not None:
        return [(first, True), *below]
    if isinstance(first, str) and (below := _steps(data, rest, detail)) is not None:
        return [(first, False), *below]
    return None


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
# Patterns that planners meet, in words.
_FORMS = {
    "^[A-Z]{2}$": "two capital letters, as in DE",
    "^([A-Z]{2}|any)$": "two capital letters, as in CN, or any",
    "^[A-Z]{3}$": "three capital letters, as in EUR",
    "^[A-Za-z][A-Za-z0-9_]{0,39}$": "a name of letters, digits and _ that begins with a letter, at most 40 long",
}
_LIMITS = {"gt": "greater than {}", "ge": "at least {}", "lt": "less than {}", "le": "at most {}"}
_RANGES = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


def _wanted(detail: ErrorDetails, metadata: Iterable[object]) -> str:
    """What is allowed, as a phrase that follows "Must be"."""
    context = {name: _number(value) for name, value in detail.get("ctx", {}).items()}
    if detail["type"] in _RANGES:
        limits = _limits(metadata)
        both = " and ".join(text.format(_number(limits[n])) for n, text in _LIMITS.items() if n in limits)
        if both:
            return both
    if detail["type"] in {"too_short", "too_long"}:
        bounds = {
            n: x for m in metadata for n in ("min_length", "max_length") if (x := getattr(m, n, None)) is not None
        }
        if bounds.get("min_length") == bounds.get("max_length", 0):
            return f"a list of exactly {bounds['min_length']} items"
    if detail["type"] == "string_pattern_mismatch" and context["pattern"] in _FORMS:
        return _FORMS[context["pattern"]]
    if detail["type"] in _WANTED:
        phrase = _WANTED[detail["type"]].format(**context)
        return re.sub(r"\b1 (item|character)s", r"1 \1", phrase)
    return re.sub(r"^(Input|Value|Data|String|Object) (should|must) (be )?", "", detail["msg"])


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) >= 1e6 and value == int(value):
        return f"{int(value):,}"
    if 0.0 < abs(value) < 1e-4:
        return f"{value:.12f}".rstrip("0")
    return f"{value:.12g}"


def show_value(value: object) -> str:
    """A value as messages show it, at most 60 characters of it."""
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
        info = known_fields(model, document.data, parent).get(str(path[-1]))
        meaning = f" It means: {info.description.rstrip('.')}." if info and info.description else ""
        return document.problem(path, f"The key '{path[-1]}' is missing.{meaning}")
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown_key(document, path, known_fields(model, document.data, parent))
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _bad_tag(finding, model)
    if kind in {"value_error", "assertion_error"}:
        return document.problem(path, str(detail.get("ctx", {}).get("error", detail["msg"])))
    if kind not in _WANTED and not detail["msg"].startswith("Input should"):
        return document.problem(path, f"{detail['msg']}: {show_value(value)}.", key=finding.on_key)
    metadata = [item for _, more in kinds_at(model, document.data, path) for item in more]
    wanted = finding.wanted or _wanted(detail, () if finding.on_key else metadata)
    subject = "The key must" if finding.on_key else "Must"
    hint = _hint(wanted, value) or (_range_hint(_limits(metadata), value) if kind in _RANGES else "")
    return document.problem(path, f"{subject} be {wanted}, not {show_value(value)}.{hint}", key=finding.on_key)


def _hint(wanted: str, value: object) -> str:
    names = [name.replace("\\'", "'") for name in re.findall(r"'((?:[^'\\]|\\.)*)'", wanted)]
    if isinstance(value, str):
        if _NUMBER in wanted or _WHOLE in wanted:
            return _number_hint(value) or suggest(value, names)
        return suggest(value, names)
    if wanted == _TEXT and isinstance(value, int | float):
        return " Put quotes around it."
    return ""


def _number_hint(text: str) -> str:
    """How to write a number that stands as text: quoted, as a percentage, or with signs that YAML does not know."""
    if _is_number(text):
        return " Remove the quotes."
    if match := re.fullmatch(r"\s*([-+]?[0-9]+(?:\.[0-9]+)?)\s*%\s*", text[:60]):
        return f" Shares are fractions: write {_number(float(match[1]) / 100)}."
    if re.search(r"\d\s*(#|//)", text):
        return " A comment begins with ' #': a blank, then #."
    bare = re.sub(r"[\s$€£¥_'\u2018\u2019\u201c\u201d\u201e\u00a0]|\b[A-Za-z]{3}\b", "", text[:60])
    if thousands := re.fullmatch(r"([-+]?[0-9]+(?:\.[0-9]+)?)k", bare, re.IGNORECASE):
        bare = _number(float(thousands[1]) * 1000.0)
    if re.fullmatch(r"[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", bare):
        bare = bare.replace(",", "")
    elif re.fullmatch(r"[-+]?[0-9]+,[0-9]+", bare):
        bare = bare.replace(",", ".")
    return f" Write the bare number: {bare}." if _is_number(bare) else ""


def _range_hint(limits: dict[str, float], value: object) -> str:
    """What a number outside its limits was probably meant to be: a percentage, or the same with a minus."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    high, low = limits.get("le", limits.get("lt", math.inf)), limits.get("ge", limits.get("gt", -math.inf))
    if low >= 0.0 and high <= 1.0 < value <= 100.0 and low <= value / 100.0 <= high:
        return f" Shares are fractions, not percent: {_number(float(value))} % is {_number(value / 100.0)}."
    if high <= 0.0 < value and low <= -value <= high:
        return f" Write it with a minus: {_number(-float(value))}."
    return ""


def _limits(metadata: Iterable[object]) -> dict[str, float]:
    return {n: x for m in metadata for n in _LIMITS if (x := getattr(m, n, None)) is not None}


def _is_number(text: str) -> bool:
    try:
        value = resolve_scalar(text)
    except ValueError:
        return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown_key(document: Document, path: Path, known: Iterable[str]) -> Problem:
    names = sorted(known)
    hint = suggest(str(path[-1]), names) or (f" Known keys: {', '.join(names)}." if names else "")
    return document.problem(path, f"The key {show_value(path[-1])} is not known here.{hint}", key=True)


def _bad_tag(finding: _Finding, model: type[BaseModel]) -> Problem:
    detail, document, path = finding.detail, finding.document, finding.path
    name = str(detail.get("ctx", {}).get("discriminator", "")).strip("'")
    if not isinstance(detail["input"], dict):
        return document.problem(path, f"Must be a mapping of keys to values, not {show_value(detail['input'])}.")
    found = cast("dict[str, object]", detail["input"])
    members = kinds_at(model, {}, ()) if not path else kinds_at(model, _without(document.data, path), path)
    tags = [tag for kind, _ in members if (info := fields_of(kind).get(name)) for tag in literals_of(info)]
    allowed = ", ".join(repr(tag) for tag in dict.fromkeys(tags)) or str(detail.get("ctx", {}).get("expected_tags", ""))
    if name not in found:
        return document.problem((*path, name), f"The key '{name}' is missing. It must be one of {allowed}.")
    hint = _hint(allowed, found[name])
    return document.problem((*path, name), f"Must be one of {allowed}, not {show_value(found[name])}.{hint}")


def _without(data: object, path: Path) -> object:
    """The data with nothing at a path, so that no member of the union there is ruled out."""
    return put_value(data, path, {})
