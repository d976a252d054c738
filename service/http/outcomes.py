"""Outcomes: whether they are about something that was decided, and how they are stored."""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import time_ns

import msgspec

from xbopt.service.deciding.requests import Outcome
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import NewEntry, OutcomeEntry
from xbopt.service.store.subjects import ROW_SIGN, Subjects

_CENTURY = (2000, 2100)
_encode = msgspec.msgpack.Encoder().encode


async def check_subjects(subjects: Subjects, outcomes: Sequence[Outcome]) -> None:
    """Whether each outcome is about a cell that its decision's own bundle knows, and that was decided.

    Raises:
        ProblemError: One is not. Where there is no such decision, the store will say so.
        StoreError: The decisions cannot be read.
    """
    found = await subjects.of(outcome.decision_id.partition(ROW_SIGN)[0] for outcome in outcomes)
    for outcome in outcomes:
        subject = found.get(outcome.decision_id.partition(ROW_SIGN)[0])
        if subject is None:
            continue
        label = await subjects.label(subject.bundle)
        complaint = subject.complaint(outcome.decision_id, outcome.unit, label)
        if complaint:
            raise ProblemError(422, complaint)


def outcome_entry(outcome: Outcome, actor: str) -> NewEntry:
    """An outcome as an entry of the store.

    Raises:
        ProblemError: Its time cannot be read, or is of another century.
    """
    entry = OutcomeEntry(
        decision_id=outcome.decision_id,
        unit=outcome.unit,
        reward=outcome.reward,
        cost=outcome.cost,
        ready_us=time_ns() // 1000 if outcome.ready_at is None else _microseconds(outcome.ready_at),
        revision=outcome.revision,
        actor=actor,
    )
    key = f"{outcome.decision_id}|{outcome.unit}|{outcome.revision}"
    # A decision of a batch is named batch/row; the batch is what is stored.
    return NewEntry("outcome", key, _encode(entry), requires=outcome.decision_id.partition(ROW_SIGN)[0])


def same_outcome(stored: bytes, new: bytes, outcome: Outcome) -> bool:
    """Whether an outcome that came again says what is stored, whoever told it."""
    left = msgspec.msgpack.decode(stored, type=OutcomeEntry)
    right = msgspec.msgpack.decode(new, type=OutcomeEntry)
    right = msgspec.structs.replace(right, actor=left.actor)
    if outcome.ready_at is None:
        right = msgspec.structs.replace(right, ready_us=left.ready_us)
    return left == right


def _microseconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProblemError(422, f"ready_at is {text!r}; a time such as 2026-11-24T09:00:00Z is wanted.") from error
    if moment.tzinfo is None:
        raise ProblemError(422, f"ready_at is {text!r}, which has no time zone; add Z or an offset.")
    first, last = _CENTURY
    if not first <= moment.year < last:
        raise ProblemError(422, f"ready_at is {text!r}; years from {first} to {last - 1} are taken.")
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)
