"""The assumption sheet: every number of a scenario with its source and evidence mark."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from pydantic import BaseModel

from xbopt.core.documents.document import format_path
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.provenance import NOT_OF_THE_MARKET, RECORDS, provenance_of
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import SheetRow, SheetRows, SheetText
from xbopt.reports.simulation.trade_rules import rule_rows
from xbopt.studies.rules_in_force import NO_RULES, RulesInForce

EVIDENCE: dict[str, str] = {
    "S": "primary or peer-reviewed source",
    "S-": "vendor statistic seen second-hand",
    "W+": "better web source",
    "W": "weak web source",
    "M": "measured or computed",
    "stated": "stated by the seller",
    "set": "by choice or by definition",
    "E": "estimate",
    "mem": "from memory, not looked up",
    "src": "read in another program's source code",
}
"""Evidence marks and what they say, most solid first."""
DEFAULT_MARK = "default"
NO_MARK = "none"
SET_MARK = ""
"""Values set on the command line carry no evidence mark."""
SET_SOURCE = "set with --set"

_Step = tuple[str | int, ...]
"""The spellings of one step of a path: an index and, where the item has one, its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One number of the scenario.

    Attributes:
        section: Top-level section.
        group: Path of what holds it, as messages and ``--set`` write it, and in brackets the ids of the items on it.
        name: Its own key, or its position in a list, as in ``[0]``.
        value: The number.
        evidence: Evidence mark; ``default`` where the scenario leaves the number to the format, ``none`` where it
            states the number without a source; empty where it was set on the command line.
        source: Where it comes from; may be empty.
        note: More about it; may be empty.
    """

    section: str
    group: str
    name: str
    value: float
    evidence: str
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumptionSheet:
    """All numbers of a scenario, in its order, and the rules and events of its days that are looked up in tables."""

    numbers: tuple[Assumption, ...]
    rules: RulesInForce

    def count(self, mark: str) -> int:
        """How many numbers carry an evidence mark."""
        return sum(number.evidence == mark for number in self.numbers)

    @property
    def sourced(self) -> int:
        """How many numbers carry a source."""
        return sum(number.evidence in EVIDENCE for number in self.numbers)


def build_assumptions(
    document: ScenarioDocument, changes: Sequence[tuple[str, str]] = (), rules: RulesInForce = NO_RULES
) -> AssumptionSheet:
    """Every number of the document; a number that the scenario states carries the mark of its provenance entry.

    Args:
        document: The scenario's document.
        changes: What was set on the command line, path and assignment; the entries of the file say nothing about the
            numbers at these paths and below them.
        rules: The dated rules and events of the scenario's days.
    """
    numbers: list[Assumption] = []
    for steps, value, stated in _numbers(document, (), stated=True):
        path = tuple(step[0] for step in steps)
        ids = ", ".join(str(step[-1]) for step in steps if len(step) > 1)
        is_set = any(_is_at_or_below(format_path(path), changed) for changed, _ in changes)
        source = provenance_of(document, ".".join(map(str, path))) if stated and not is_set else None
        mark = SET_MARK if is_set else source.evidence if source else NO_MARK if stated else DEFAULT_MARK
        numbers.append(
            Assumption(
                section=str(path[0]),
                group=format_path(path[:-1] or path) + (f" ({ids})" if ids else ""),
                name=format_path(path[-1:]),
                value=value,
                evidence=mark,
                source=SET_SOURCE if is_set else source.source if source else "",
                note=source.note if source else "",
            )
        )
    return AssumptionSheet(numbers=tuple(numbers), rules=rules)


def _is_at_or_below(path: str, other: str) -> bool:
    return path == other or path.startswith((f"{other}.", f"{other}["))


def _numbers(
    value: object, steps: tuple[_Step, ...], *, stated: bool
) -> Iterator[tuple[tuple[_Step, ...], float, bool]]:
    """All numbers below a value: steps to each, the number, and whether the scenario states it."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield steps, float(value), stated
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            if (not steps and name in NOT_OF_THE_MARKET) or (*(step[0] for step in steps), name) == RECORDS:
                continue
            inside = stated and name in value.model_fields_set
            yield from _numbers(getattr(value, name), (*steps, (name,)), stated=inside)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            yield from _numbers(item, (*steps, (str(key),)), stated=stated)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for i, item in enumerate(cast("Sequence[object]", value)):
            own = getattr(item, "id", None)
            step = (i, own) if isinstance(own, str) else (i,)
            yield from _numbers(item, (*steps, step), stated=stated)


def sheet_text(sheet: AssumptionSheet, numbers: NumberFormat) -> SheetText:
    """The sheet as a page shows it: values grouped by place, mark and source."""
    total, defaults, bare = len(sheet.numbers), sheet.count(DEFAULT_MARK), sheet.count(NO_MARK)
    changed = sheet.count(SET_MARK)
    also = f", {numbers.count(changed)} set with --set" if changed else ""
    used = {number.evidence for number in sheet.numbers}
    marks = {**EVIDENCE, NO_MARK: "stated in the scenario, without a source", DEFAULT_MARK: "left to the format"}

    def rows(items: list[Assumption]) -> tuple[SheetRow, ...]:
        return tuple(
            SheetRow(
                group=group,
                values=tuple(
                    ("" if item.name.startswith("[") else item.name, numbers.exact(item.value)) for item in members
                ),
                evidence=evidence,
                source=source + (f" ({note})" if note else ""),
            )
            for (group, evidence, source, note), grouped in groupby(
                sorted(items, key=lambda item: order[item.group]),
                key=lambda item: (item.group, item.evidence, item.source, item.note),
            )
            for members in [list(grouped)]
        )

    order: dict[str, int] = {}
    for item in sheet.numbers:
        order.setdefault(item.group, len(order))
    looked_up = rule_rows(sheet.rules, numbers)
    of_tables = SheetRows(count=len(looked_up), rows=looked_up, what="row")
    used |= {row.evidence for row in looked_up} - {""}
    sections = [(name, list(items)) for name, items in groupby(sheet.numbers, key=lambda item: item.section)]
    return SheetText(
        takeaway=f"The scenario holds {numbers.count(total)} numbers: {numbers.count(sheet.sourced)} with a source, "
        f"{numbers.count(bare)} without one{also}, and {numbers.count(defaults)} left to the format's defaults.",
        marks=tuple((mark, words) for mark, words in marks.items() if mark in used),
        sections=(
            *((("rules and events from the dated tables", of_tables),) if of_tables.count else ()),
            *((name, SheetRows(count=len(items), rows=rows(items))) for name, items in sections),
        ),
    )
