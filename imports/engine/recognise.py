"""Which format a file is of: exactly one profile may fit best, and its columns are bound to the file's headers."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile

from xbopt.imports.engine.cells import NUMBER_KINDS
from xbopt.imports.profile import Profile, ProfileField
from xbopt.imports.refusals import UnreadFileError

HEAD_AMONG = 30
_EVERYDAY = frozenset({"date", "time", "country", "currency", "zone"})
_PLACEHOLDER = re.compile(r"\\\{currency\\\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A profile that fits a record as its head.

    Attributes:
        profile: The format.
        record: Position of the head among the file's records.
        head: The headers as they stand.
        columns: Position of each field's column in the file.
        score: How many of the profile's anchors are there.
        currency: What a header says about the currency.
        attribution: What a header says about the window of conversions.
        repeated: Headers of wanted columns that stand there more than once; the first is read.
        twins: Field of numbers by the position of a further column of its header.
        beside: Field of numbers by the position of a column right beside its own that has no header.
    """

    profile: Profile
    record: int
    head: tuple[str, ...]
    columns: Mapping[str, int]
    score: int
    currency: str | None = None
    attribution: str | None = None
    repeated: tuple[str, ...] = ()
    twins: Mapping[int, str] = field(default_factory=dict[int, str])
    beside: Mapping[int, str] = field(default_factory=dict[int, str])

    @property
    def further(self) -> tuple[int, ...]:
        """Positions of columns that no field reads, and that may hold a part of one's figures."""
        return (*self.twins, *self.beside)


@dataclass(slots=True)
class _Names:
    """The headers of a record, ready to be compared."""

    head: tuple[str, ...]
    positions: dict[str, int] = field(default_factory=dict[str, int])
    repeated: set[int] = field(default_factory=set[int])

    @classmethod
    def of(cls, cells: Sequence[str | None]) -> "_Names":
        made = cls(tuple((cell or "").strip().strip("\ufeff") for cell in cells))
        for i, cell in enumerate(made.head):
            name = header_name(cell)
            if name in made.positions:
                made.repeated.add(made.positions[name])
            elif name:
                made.positions[name] = i
        return made

    def find(self, column: ProfileField) -> tuple[int, Mapping[str, str]] | None:
        """Position of a field's column and what its header says; None where the record has none of its names."""
        for name in (name for names in column.names.values() for name in names):
            pattern = _pattern(name)
            if pattern is None:
                if (position := self.positions.get(header_name(name))) is not None:
                    return position, {}
                continue
            for header, position in self.positions.items():
                if match := pattern.fullmatch(header):
                    return position, {key: value for key, value in match.groupdict().items() if value}
        return None


@lru_cache(maxsize=8192)
def header_name(text: str) -> str:
    """A header as it is compared: without regard to case, width of letters, and blanks around or doubled."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().strip().strip('"').split())


@lru_cache(maxsize=8192)
def _pattern(name: str) -> re.Pattern[str] | None:
    if len(name) > 2 and name.startswith("/") and name.endswith("/"):
        return re.compile(name[1:-1], re.IGNORECASE)
    if "{currency}" not in name:
        return None
    return re.compile(_PLACEHOLDER.sub(r"(?P<currency>[a-z]{3})", re.escape(header_name(name))))


def fit(profile: Profile, record: int, cells: Sequence[str | None], chosen: Mapping[str, str]) -> Fit | None:
    """How a profile fits a record as head; None where it does not.

    Args:
        profile: The profile.
        record: Position of the record.
        cells: Its cells.
        chosen: Headers that the user names for fields.
    """
    names = _Names.of(cells)
    if any(header_name(header) in names.positions for header in profile.anchors.forbidden):
        return None
    columns, said = _bound(profile, names, chosen)
    if any(name not in columns for name in (*profile.anchors.required, *chosen)):
        return None
    anchors = (*profile.anchors.required, *profile.anchors.supporting)
    twins, beside = _further(profile, names, columns)
    return Fit(
        profile=profile,
        record=record,
        head=names.head,
        columns=columns,
        score=sum(name in columns for name in dict.fromkeys(anchors)),
        currency=said["currency"].upper() if "currency" in said else None,
        attribution=said.get("attribution"),
        repeated=tuple(names.head[i] for i in sorted(names.repeated & set(columns.values()))),
        twins=twins,
        beside=beside,
    )


def _further(profile: Profile, names: _Names, columns: Mapping[str, int]) -> tuple[dict[int, str], dict[int, str]]:
    """Columns of the same header, and those without one right beside, of each field of numbers."""
    heads = [header_name(cell) for cell in names.head]
    twins: dict[int, str] = {}
    beside: dict[int, str] = {}
    for name, position in columns.items():
        if profile.fields[name].kind in NUMBER_KINDS:
            twins.update((i, name) for i, head in enumerate(heads) if i != position and head == heads[position])
            empty = takewhile(lambda i: not heads[i], range(position + 1, len(heads)))
            beside.update((i, name) for i in empty)
    return twins, beside


def _bound(profile: Profile, names: _Names, chosen: Mapping[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    columns: dict[str, int] = {}
    said: dict[str, str] = {}
    for name, column in profile.fields.items():
        if name in chosen:
            position = names.positions.get(header_name(chosen[name]))
            if position is not None:
                columns[name] = position
        elif (found := names.find(column)) is not None:
            columns[name] = found[0]
            said.update(found[1])
    return columns, said


def best_fit(fits: Iterable[Fit], file: str) -> Fit | None:
    """The fit of the one profile that fits best; None without any.

    Raises:
        UnreadFileError: Two profiles fit alike.
    """
    best: dict[str, Fit] = {}
    for each in fits:
        if each.profile.id not in best or each.score > best[each.profile.id].score:
            best[each.profile.id] = each
    ranked = sorted(best.values(), key=lambda each: -each.score)
    if len(ranked) > 1 and ranked[0].score == ranked[1].score:
        names = " and ".join(each.profile.id for each in ranked if each.score == ranked[0].score)
        raise UnreadFileError(
            file, "several_formats", f"It fits {names} alike; say which it is, as in --as {ranked[0].profile.id}."
        )
    return ranked[0] if ranked else None


def nearest(
    profiles: Iterable[Profile], records: Iterable[Sequence[str | None]]
) -> tuple[Profile, tuple[str, ...]] | None:
    """The profile most of whose required columns some record has, and the names of those it lacks.

    Days, places and currencies stand in every table, and make none like another.
    """
    best: tuple[float, Profile, tuple[str, ...]] | None = None
    profiles = list(profiles)
    # One common word, as Date, is no likeness, unless the user says which it is.
    least = -1 if len(profiles) == 1 else 1
    listed = [_Names.of(cells) for cells in records]
    for profile in profiles:
        required = profile.anchors.required
        telling = {name for name in required if profile.fields[name].kind not in _EVERYDAY}
        for names in listed:
            columns, _ = _bound(profile, names, {})
            missing = tuple(first_name(profile.fields[name]) for name in required if name not in columns)
            share = 1.0 - len(missing) / len(required)
            is_like = least < 0 or not telling.isdisjoint(columns)
            if is_like and len(required) - len(missing) > least and (best is None or share > best[0]):
                best = (share, profile, missing)
    return None if best is None else best[1:]


def first_name(column: ProfileField) -> str:
    """What the column is called first in its profile."""
    return next((name for names in column.names.values() for name in names), "")
