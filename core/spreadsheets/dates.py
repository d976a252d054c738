"""Dates as people write them: one form throughout a file, and never a guess between day and month."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from xbopt.core.spreadsheets.date_words import is_weekday, month_named
from xbopt.core.spreadsheets.sheet import Cell

# A moment with a zone is a date only at midnight: 22:00Z is another day where the plan was made.
_TIME = (
    r"(?:[T\s]+(?:0?0:00(?::00(?:\.0+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[AP]M)?))?"
)
_WEEKDAY = re.compile(r"(?P<word>[^\W\d_]+(?:-feira)?)\.?,?\s+(?=.*\d)")
_SERIAL = re.compile(r"\d{5}(?:\.0+)?")
# Spreadsheets count days from here; 1900 was no leap year, but they count its 29 February.
_EPOCHS = {"days since 1900": date(1899, 12, 30), "days since 1904": date(1904, 1, 1)}


def _ordered(order: str, separators: str) -> re.Pattern[str]:
    part = {"Y": r"(?P<Y>\d{4}|\d{2})", "L": r"(?P<Y>\d{4})", "M": r"(?P<M>\d{1,2})", "D": r"(?P<D>\d{1,2})"}
    return re.compile(
        rf"(?P<sep>[{separators}])\s*".join((part[order[0]], part[order[1]])) + rf"(?P=sep)\s*{part[order[2]]}{_TIME}",
        re.IGNORECASE,
    )


_MONTH, _OF = r"(?P<M>[^\W\d_]{3,}\.?)", r"(?:d[eo]\s+)?"
_FORMS: Mapping[str, re.Pattern[str]] = {
    "YYYY-MM-DD": _ordered("LMD", r"\-/."),
    "YYYYMMDD": re.compile(r"(?P<Y>20\d{2})(?P<M>\d{2})(?P<D>\d{2})"),
    "DD.MM.YYYY": _ordered("DMY", r"."),
    "MM/DD/YYYY": _ordered("MDY", r"/\-"),
    "DD/MM/YYYY": _ordered("DMY", r"/\-"),
    "YYYY年M月D日": re.compile(r"(?P<Y>\d{4})\s*年\s*(?P<M>\d{1,2})\s*月\s*(?P<D>\d{1,2})\s*日"),
    "D Month YYYY": re.compile(
        rf"(?P<D>\d{{1,2}})(?:st|nd|rd|th|er|º|o(?=\s))?[\s./\-]+{_OF}{_MONTH}[\s./\-,]+{_OF}(?P<Y>\d{{4}}|\d{{2}})",
        re.IGNORECASE,
    ),
    "Month D, YYYY": re.compile(rf"{_MONTH}\s+(?P<D>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<Y>\d{{4}})", re.IGNORECASE),
    "Mon-DD-YY": re.compile(r"(?P<M>[^\W\d_]{3,})-(?P<D>\d{1,2})-(?P<Y>\d{4}|\d{2})", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DateForm:
    """A way to write dates.

    Attributes:
        name: For messages.
        read: The date of a text, or None where it is not of this form.
    """

    name: str
    read: Callable[[str], date | None]


def _by_pattern(pattern: re.Pattern[str]) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        match, weekday = pattern.fullmatch(text), None
        if match is None:
            weekday = _WEEKDAY.match(text)
            match = None if weekday is None else pattern.fullmatch(text, weekday.end())
        if match is None:
            return None
        year = int(match["Y"]) + (2000 if len(match["Y"]) == 2 else 0)
        month = int(match["M"]) if match["M"].isdigit() else month_named(match["M"])
        try:
            day = date(year, month or 0, int(match["D"]))
        except ValueError:
            return None
        return day if weekday is None or is_weekday(weekday["word"], day) else None

    return read


def _by_serial(epoch: date) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        return epoch + timedelta(days=int(float(text))) if _SERIAL.fullmatch(text) else None

    return read


FORMS: Sequence[DateForm] = (
    *(DateForm(name=name, read=_by_pattern(pattern)) for name, pattern in _FORMS.items()),
    *(DateForm(name=name, read=_by_serial(epoch)) for name, epoch in _EPOCHS.items()),
)
"""Every form that is understood, by itself free of doubt but for day and month around a slash."""


def as_text(cell: Cell) -> str:
    """A cell of a date column as text; moments and whole numbers of a workbook too."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, str):
        return cell
    return "" if cell is None else f"{cell:.0f}" if float(cell).is_integer() else repr(cell)


def possible_forms(texts: Iterable[str], first: date, last: date) -> list[DateForm]:
    """The forms in which all of some texts are dates.

    Where several are possible, as for 05/06, those go that put a date outside ``first`` to ``last`` (a plan for October
    does not speak of May), as long as one is left.
    """
    distinct = list(dict.fromkeys(texts))
    readings = {form.name: [form.read(text) for text in distinct] for form in FORMS}
    fitting = [form for form in FORMS if distinct and all(day is not None for day in readings[form.name])]
    inside = [form for form in fitting if all(day is not None and first <= day <= last for day in readings[form.name])]
    forms = inside or fitting
    # Two forms that read every text alike are one.
    seen: list[list[date | None]] = []
    distinct_forms: list[DateForm] = []
    for form in forms:
        if readings[form.name] not in seen:
            seen.append(readings[form.name])
            distinct_forms.append(form)
    return distinct_forms


def main_form(texts: Iterable[str]) -> DateForm | None:
    """The form in which most of some texts are dates; None where none is."""
    listed = list(texts)
    counts = [sum(form.read(text) is not None for text in listed) for form in FORMS]
    best = max(range(len(FORMS)), key=counts.__getitem__)
    return FORMS[best] if counts[best] else None
