"""The one face of the decision store, and what all stores share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from itertools import takewhile
from typing import Protocol, TypeAlias

from xbopt.core.errors import XboptError
from xbopt.service.store.entries import Entry, EntryKind, Head, NewEntry, Stored, next_hash, request_of

Wanted: TypeAlias = Callable[[], Sequence[bool]]
"""Tells for each entry whether somebody still waits for it. The store asks when nothing but the writing is left."""
Place: TypeAlias = tuple[EntryKind, str]
"""Kind and name of an entry."""


class StoreError(XboptError):
    """Raised when the decision store cannot be read or written: not a store, down, full, locked or too slow."""

    exit_code = 2


class ChangedStoreError(StoreError):
    """Raised where somebody wrote to a file that was read without locks: what was read may be of two states."""


class UncertainStoreError(StoreError):
    """Raised where the writing had begun: whether the entries are on disk shows only when the store is asked again."""


class RefusedEntryError(StoreError):
    """Raised when the store takes no such entry, ever: too large, or a text that it cannot hold."""


class TamperedStoreError(XboptError):
    """Raised when the chain of a decision store is broken, or its file is damaged."""

    exit_code = 5


class Store(Protocol):
    """An append-only chain of entries; used by one thread at a time."""

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        """Store entries in one transaction; when this returns, they are on disk.

        Args:
            entries: What is to be stored; those of one unit stand in a row.
            wanted: Asked once the chain is locked, before the first row is written; all are wanted where None.

        Raises:
            StoreError: Nothing can be said to be stored. Asking again with the same names is safe.
            RefusedEntryError: One of them cannot be stored by its nature; none is.
            TamperedStoreError: The chain does not end as it was written.
        """
        ...

    def find(self, kind: EntryKind, key: str) -> Entry | None:
        """The entry of a kind and name.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """Those of the entries that there are, by kind and name.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def latest(self, kind: EntryKind) -> Entry | None:
        """The last entry of a kind.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def probe(self) -> None:
        """Write something to the disk that leaves no entry.

        Raises:
            StoreError: It cannot be written.
        """
        ...

    def entries(self, kind: str | None = None, *, after: int = 0) -> Iterator[Entry]:
        """The entries in the order of the chain.

        Args:
            kind: Of which kind; of all where None.
            after: Only those that come after this place.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def head(self) -> Head:
        """The end of the chain.

        Raises:
            StoreError: The store cannot be read.
            TamperedStoreError: There is none, or more than one.
        """
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """All reading inside sees the store at one moment, whoever writes meanwhile; one inside another is the same.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def check_form(self) -> None:
        """Whether tables, guards and pages are as the service makes them; inside a snapshot.

        Raises:
            StoreError: The store cannot be read.
            TamperedStoreError: They are not.
        """
        ...

    def doubt(self) -> str:
        """Why entries may be missing at the end of a chain that looks whole; empty where nothing speaks for it."""
        ...

    def interrupt(self) -> None:
        """Make a call that is under way end with an error; called from another thread."""
        ...

    def close(self) -> None:
        """Give the store back."""
        ...


def sought(entries: Sequence[NewEntry]) -> list[Place]:
    """What has to be looked up before entries can be chained: what stands under their names, or was told instead."""
    places: dict[Place, None] = {}
    for entry in entries:
        places[entry.kind, entry.key] = None
        if entry.kind == "decision":
            places["withdrawal", entry.key] = None
        elif entry.kind == "withdrawal":
            places["decision", entry.key] = None
    return list(places)


def required(entries: Sequence[NewEntry]) -> list[str]:
    """Names of the decisions that entries require."""
    return sorted({entry.requires for entry in entries if entry.requires})


def chained(
    entries: Sequence[NewEntry],
    head: Head,
    known: Mapping[Place, Entry],
    decisions: set[str],
    wanted: Wanted | None = None,
) -> tuple[list[Entry], list[Stored], Head]:
    """Put new entries at the end of the chain.

    Args:
        entries: What is to be stored.
        head: The end of the chain.
        known: What stands under the places of ``sought`` already.
        decisions: Which of the required decisions are there, or were withdrawn.
        wanted: As in ``Store.append``.

    Returns:
        The rows to write, what becomes of each entry, and the new end.
    """
    rows: list[Entry] = []
    results: list[Stored] = []
    there = dict(known)
    seq, chain = head.seq, head.hash
    still = [True] * len(entries) if wanted is None else wanted()
    unit, refused = 0, False
    for place, (entry, is_wanted) in enumerate(zip(entries, still, strict=True)):
        if entry.unit != unit:
            unit = entry.unit
            refused = bool(unit) and _conflicts(entries[place:], unit, there)
        earlier = _standing(entry, there)
        if earlier is not None:
            results.append(Stored("known", earlier.payload, earlier.seq, earlier.hash))
            continue
        if not is_wanted or refused:
            results.append(Stored("unwanted", b""))
            continue
        if entry.requires and entry.requires not in decisions:
            results.append(Stored("orphan", b""))
            continue
        seq += 1
        chain = next_hash(chain, seq, entry.kind, entry.key, entry.payload)
        row = Entry(seq, entry.kind, entry.key, entry.payload, chain)
        rows.append(row)
        results.append(Stored("new", entry.payload, seq, chain))
        there[entry.kind, entry.key] = row
        if entry.kind in {"decision", "withdrawal"}:
            decisions.add(entry.key)
    return rows, results, Head(seq, chain)


def _standing(entry: NewEntry, there: Mapping[Place, Entry]) -> Entry | None:
    """What stands under the name of a new entry, so that it is not stored."""
    if entry.kind == "decision":
        return there.get(("withdrawal", entry.key)) or there.get(("decision", entry.key))
    earlier = there.get((entry.kind, entry.key))
    if entry.kind == "withdrawal" and earlier is None:
        decided = there.get(("decision", entry.key))
        if decided is not None and not _withdraws(entry, decided):
            return decided
    return earlier


def _withdraws(withdrawal: NewEntry, decided: Entry) -> bool:
    """Whether a withdrawal is of a decision; one that it does not name was told by somebody else, or before."""
    digest, named = sha256(decided.payload).digest(), withdrawal.identity
    return any(named[at : at + len(digest)] == digest for at in range(0, len(named), len(digest)))


def _conflicts(entries: Sequence[NewEntry], unit: int, there: Mapping[Place, Entry]) -> bool:
    """Whether a name of a unit stands for something else: a decision's for another request, an event's for another."""
    for entry in takewhile(lambda entry: entry.unit == unit, entries):
        if entry.kind not in {"decision", "campaign"}:
            continue
        earlier = _standing(entry, there)
        if earlier is None:
            continue
        if entry.kind == "campaign" and earlier.payload != entry.payload:
            return True
        if entry.kind == "decision" and request_of(earlier.payload) != entry.identity:
            return True
    return False
