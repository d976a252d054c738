"""The one face of the decision store, and what all stores share."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from xbopt.core.errors import XboptError
from xbopt.service.store.entries import Entry, Head, NewEntry, Stored, next_hash


class StoreError(XboptError):
    """Raised when the decision store cannot be read or written: not a store, down, full, locked or too slow."""

    exit_code = 2


class TamperedStoreError(XboptError):
    """Raised when the chain of a decision store is broken, or its file is damaged."""

    exit_code = 5


class Store(Protocol):
    """An append-only chain of entries; used by one thread at a time."""

    def append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        """Store entries in one transaction; when this returns, they are on disk.

        Raises:
            StoreError: Nothing can be said to be stored. Asking again with the same names is safe.
        """
        ...

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """The entries in the order of the chain.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def head(self) -> Head:
        """The end of the chain.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def close(self) -> None:
        """Give the store back."""
        ...


def chained(
    entries: Sequence[NewEntry], head: Head, known: dict[tuple[str, str], bytes], decisions: set[str]
) -> tuple[list[Entry], list[Stored], Head]:
    """Put new entries at the end of the chain.

    Args:
        entries: What is to be stored.
        head: The end of the chain.
        known: Payloads that stand under the kinds and names of ``entries`` already.
        decisions: Which of the required decisions are there.

    Returns:
        The rows to write, what becomes of each entry, and the new end.
    """
    rows: list[Entry] = []
    results: list[Stored] = []
    seq, chain = head.seq, head.hash
    for entry in entries:
        place = (entry.kind, entry.key)
        if place in known:
            results.append(Stored("known", known[place]))
            continue
        if entry.requires and entry.requires not in decisions:
            results.append(Stored("orphan", b""))
            continue
        seq += 1
        chain = next_hash(chain, seq, entry.kind, entry.key, entry.payload)
        rows.append(Entry(seq, entry.kind, entry.key, entry.payload, chain))
        results.append(Stored("new", entry.payload))
        known[place] = entry.payload
        if entry.kind == "decision":
            decisions.add(entry.key)
    return rows, results, Head(seq, chain)
