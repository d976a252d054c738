"""The first look at a log: how many rows, which actions, which names in the context, and no decision twice."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.logs.clusters import paired
from xbopt.ope.logs.conversion import count_names, plain, refuse, texts, times
from xbopt.ope.logs.duplicates import RepeatFinder, hashed
from xbopt.ope.logs.encoding import Field, FieldFinder
from xbopt.ope.logs.files import LogPart, RawBatch, read_part
from xbopt.ope.logs.roles import ColumnRoles

MOST_ACTIONS = 10_000
MOST_SEGMENTS = 40
_ENOUGH_EPISODES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProfile:
    """What the first look found.

    Attributes:
        rows: Number of rows.
        rows_of_parts: The same by part.
        actions: Rows by action label, labels in order: numbers by size, names by letter. Empty if not looked for.
        segments: Rows by segment, in order; empty where there are none, or too many.
        too_many_segments: Whether there were more than can be shown.
        fields: How each context column becomes numbers.
        first: The earliest timestamp; None without timestamps.
        last: The latest.
        episodes: Number of episodes, as far as was counted; 0 without episodes.
        units: Number of units, as far as was counted; 0 without units.
        units_share_episodes: Whether several units run in one episode.
    """

    rows: int
    rows_of_parts: tuple[int, ...]
    actions: dict[str, int]
    segments: dict[str, int]
    too_many_segments: bool
    fields: tuple[Field, ...]
    first: np.datetime64 | None
    last: np.datetime64 | None
    episodes: int
    units: int = 0
    units_share_episodes: bool = False

    @property
    def first_day(self) -> np.datetime64 | None:
        """Midnight before the first decision; None without timestamps."""
        return None if self.first is None else self.first.astype("datetime64[D]").astype("datetime64[us]")


def look_at(parts: Sequence[LogPart], roles: ColumnRoles) -> LogProfile:
    """Read the whole log once, a few columns of it: actions, decisions, moments, episodes, segments and context.

    Raises:
        DecisionLogError: The log is empty or broken, a decision stands there twice, or there are too many actions.
    """
    counts: list[int] = []
    actions: Counter[str] = Counter()
    segments: Counter[str] = Counter()
    action, decision, moment, episode, segment, unit = map(
        roles.one, ("action", "decision_id", "timestamp", "episode_id", "segment", "unit")
    )
    finders = [
        FieldFinder(name, is_name=role == "category")
        for role in ("context", "category")
        for name in roles.several(role)
    ]
    singles = (name for name in (action, decision, moment, episode, segment, unit) if name is not None)
    columns = tuple(dict.fromkeys([*singles, *(finder.column for finder in finders)]))
    repeats = RepeatFinder()
    span: list[np.datetime64] = []
    episodes: set[int] = set()
    units: set[int] = set()
    runs: set[int] = set()  # one an episode and unit
    for part in parts:
        counts.append(0)
        for batch in read_part(part, columns):
            counts[-1] += batch.rows
            if action is not None:
                _count_actions(batch, action, actions)
            if segment is not None and len(segments) <= MOST_SEGMENTS:
                count_names(texts(batch, segment, may_be_empty=True).fill_null(""), segments)
            if decision is not None:
                repeats.add(hashed(texts(batch, decision)))
            if moment is not None:
                moments = times(batch, moment)
                span = [min([*span, moments.min()]), max([*span, moments.max()])]
            run = None if episode is None else hashed(texts(batch, episode))
            who = None if unit is None else hashed(texts(batch, unit))
            if run is not None and max(len(episodes), len(runs)) < _ENOUGH_EPISODES:
                episodes.update(np.unique(run).tolist())
                if who is not None:
                    runs.update(np.unique(paired(run, who)).tolist())
            if who is not None and len(units) < _ENOUGH_EPISODES:
                units.update(np.unique(who).tolist())
            for finder in finders:
                finder.look(batch)
    if sum(counts) == 0:
        raise DecisionLogError(f"{parts[0].file.path}: the log holds no rows; there is nothing to evaluate.")
    suspects = repeats.repeated()
    if decision is not None and len(suspects):
        _refuse_repeated(parts, decision, suspects)
    too_many = len(segments) > MOST_SEGMENTS
    return LogProfile(
        rows=sum(counts),
        rows_of_parts=tuple(counts),
        actions=dict(sorted(actions.items(), key=lambda item: _order(item[0]))),
        segments={} if too_many else dict(sorted(segments.items(), key=lambda item: _order(item[0]))),
        too_many_segments=too_many,
        fields=tuple(finder.found() for finder in finders),
        first=span[0] if span else None,
        last=span[1] if span else None,
        episodes=len(episodes),
        units=len(units),
        units_share_episodes=len(runs) > len(episodes),
    )


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels in the order that everyone tells them in: numbers by size, then names by letter."""
    return sorted(labels, key=_order)


def _order(label: str) -> tuple[int, float, str]:
    """Whole numbers first, by size; then names."""
    return (0, float(label), "") if label.isascii() and label.isdecimal() else (1, 0.0, label)


def _count_actions(batch: RawBatch, name: str, into: Counter[str]) -> None:
    import pyarrow as pa
    from pyarrow import compute

    labels = texts(batch, name)
    if pa.types.is_integer(plain(batch, name).type) or pa.types.is_string(labels.type):
        negative = compute.match_substring_regex(labels, r"^-\d+$")
        refuse(
            batch,
            name,
            np.asarray(negative.to_numpy(zero_copy_only=False)),
            lambda row: f"is {labels[row].as_py()}; a name or a whole number from 0 is wanted",
        )
    count_names(labels, into)
    if len(into) > MOST_ACTIONS:
        raise DecisionLogError(
            f"{batch.place}: column {name} holds more than {MOST_ACTIONS:,} different actions; is it the right column?"
        )


def _refuse_repeated(parts: Sequence[LogPart], name: str, suspects: IntArray) -> None:
    """Compare the texts of the decisions whose hashes repeat; raise for the first that stands there twice."""
    seen: dict[str, str] = {}
    for part in parts:
        for batch in read_part(part, [name]):
            column = texts(batch, name)
            for row in np.flatnonzero(np.isin(hashed(column), suspects)).tolist():
                text = str(column[row].as_py())
                place = f"{batch.place}: row {batch.first_row + row + 1}"
                if text in seen:
                    raise DecisionLogError(
                        f"{place}, column {name}: {text!r} stands in an earlier row too ({seen[text]})."
                    )
                seen[text] = place
