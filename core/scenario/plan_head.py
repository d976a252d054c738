"""The head of a plan's table: which column is which, and which are the planner's own."""

import re
from collections.abc import Sequence

from xbopt.core.documents.problems import suggest
from xbopt.core.scenario.plan_problems import PlanProblems
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.spreadsheets.numbers import is_in_another_currency
from xbopt.core.spreadsheets.sheet import Sheet, column_letters

KEYS = ("date", "region", "segment", "channel")
DAYPART = "daypart_"
SPEND, DISCOUNT, MECHANIC = "spend_base", "discount_frac", "mechanic"
_OTHER_NAMES = {"spend": SPEND, "discount": DISCOUNT}
_UNIT = re.compile(r"\s*(?:[(\[](?P<in_brackets>[^)\]]*)[)\]]|in (?P<behind>\S+)|(?P<sign>[%€$£¥]))$", re.IGNORECASE)
_UNITS_OF_MONEY = re.compile(r"[^\W\d_]{3}|base|(per|a|/)?\s*day|daily|\W", re.IGNORECASE)


def plan_columns(scenario: Scenario) -> tuple[str, ...]:
    """The columns of a plan's table, in the order in which they are written."""
    return (*KEYS, SPEND, DISCOUNT, MECHANIC, *(DAYPART + part for part in scenario.dayparts))


def column_name(head: str) -> str:
    """The column that a head means: in any case, with blanks or hyphens, with a unit behind it."""
    name = re.sub(r"[\s\-]+", "_", _UNIT.sub("", head).lower())
    return _OTHER_NAMES.get(name, name)


def is_plan_column(head: str) -> bool:
    """Whether a text is the head of a column that plans of any scenario have."""
    return column_name(head) in (*KEYS, SPEND, DISCOUNT, MECHANIC)


def read_head(
    sheet: Sheet, wanted: Sequence[str], currency: str, problems: PlanProblems
) -> tuple[dict[str, int], list[str]]:
    """Where each known column stands, and notes on the others and on those that are missing.

    Args:
        sheet: The table.
        wanted: The columns of the scenario's plans.
        currency: The base currency; a head may state it, and no other.
        problems: Takes up what is wrong.
    """
    index: dict[str, int] = {}
    own: list[tuple[int, str]] = []
    for i, head in enumerate(sheet.head):
        place = sheet.place(sheet.head_line, i)
        name = column_name(head)
        if name not in wanted:
            own.append((i, head))
        elif name in index:
            problems.note(f"The column {name} stands here twice.", line=sheet.head_line, column=place)
        else:
            index[name] = i
            if not _unit_fits(name, head, currency):
                unit = f"amounts in {currency}" if name == SPEND else "shares, as 0.1 or 10%"
                message = f"{head!r} has another unit; this column holds {unit}. Name it {name}."
                problems.note(message, line=sheet.head_line, column=place)
    dayparts = [name for name in wanted if name.startswith(DAYPART)]
    optional = (DISCOUNT, MECHANIC, *(() if any(name in index for name in dayparts) else dayparts))
    missing = [name for name in wanted if name not in index and name not in optional]
    if not index.keys() - optional:
        rest = "".join(f" {note[0].upper()}{note[1:]}" for note in sheet.notes)
        problems.note(f"No line names the columns {', '.join(missing)}.{rest}", line=sheet.head_line, column=1)
        return index, []
    for i, head in own:
        # A column that looks like a missing one is a slip of the pen, no column of the planner's own.
        hint = suggest(head, [*missing, *(name for name in optional if name not in index)]) if head else ""
        if hint:
            place = sheet.place(sheet.head_line, i)
            problems.note(f"There is no column {head[:60]!r}.{hint}", line=sheet.head_line, column=place)
    for name in missing:
        problems.note(f"The column {name} is missing.", line=sheet.head_line, column=1)
    return index, [*_unread(sheet, own), *_absent(index, dayparts)]


def _unit_fits(name: str, head: str, currency: str) -> bool:
    """Whether the unit in a head's brackets is what the column holds."""
    unit = _UNIT.search(head)
    if unit is None:
        return True
    words = next(words for words in unit.groups() if words is not None)
    if name == SPEND:
        return not is_in_another_currency(words, currency) and not _UNITS_OF_MONEY.sub("", words)
    return not (name == DISCOUNT or name.startswith(DAYPART)) or "%" not in words


def _unread(sheet: Sheet, own: Sequence[tuple[int, str]]) -> list[str]:
    """Columns that hold something and are not read, by name; by letter or number where they have none."""
    names = [head for _, head in own if head]
    for i, head in own:
        if not head and any(row.cells[i] is not None for row in sheet.rows):
            names.append(f"{column_letters(i) if sheet.separator is None else i + 1} (without a name)")
    if not names:
        return []
    return [f"the column{'s' * (len(names) > 1)} {', '.join(names)} {'are' if len(names) > 1 else 'is'} not read."]


def _absent(index: dict[str, int], dayparts: Sequence[str]) -> list[str]:
    """What holds in place of columns that may be missing."""
    notes: list[str] = []
    if not any(name in index for name in dayparts):
        notes.append("no daypart columns: ads run through the day as in the scenario's own plan.")
    for name, instead in ((DISCOUNT, "no discounts are given"), (MECHANIC, "discounts are plain percent off")):
        if name not in index:
            notes.append(f"no column {name}: {instead}.")
    return notes
