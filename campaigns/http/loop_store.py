"""The store of a service for work in a thread: every entry goes through the group commit of the event loop."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from xbopt.service.store.entries import Entry, EntryKind, NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Place, StoreError

_CHUNK = 500
_PATIENCE_SECONDS = 600.0
"""The commit gives up long before; this is for a loop that has died."""
Answer = TypeVar("Answer")


class LoopStore:
    """What `CampaignBook` asks of a store, from any thread but that of the loop.

    Args:
        commit: The store.
        loop: The loop that it works in.
    """

    def __init__(self, commit: GroupCommit, loop: asyncio.AbstractEventLoop) -> None:
        self._commit, self._loop = commit, loop

    def append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        """Store entries, all of them or none; when this returns, they are on disk.

        Raises:
            StoreError: As ``GroupCommit.append``.
        """
        return self._wait(self._commit.append(*entries, together=True))

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """Those of the entries that there are.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return self._wait(self._commit.find_all(places))

    def entries(self, kind: EntryKind, *, after: int = 0) -> Iterator[Entry]:
        """Entries of a kind that come after a place of the chain, in its order; others are served in between.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        while found := self._wait(self._commit.some(kind, after=after, most=_CHUNK)):
            yield from found
            after = found[-1].seq

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_SECONDS)
        except (CancelledError, TimeoutError, RuntimeError) as error:
            raise StoreError("The store is closing.") from error
