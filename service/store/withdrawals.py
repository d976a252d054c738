"""What was told while the store failed: kept until the store has it.

A decision that took the store too long may reach the disk all the same, when the plan's answer has long been told. A
withdrawal under the decision's name then counts in its place. It is stored for every such answer, whether the decision
got there or not, so that the same id is told the same again.
"""

import asyncio
import logging
from hashlib import sha256

from xbopt.service.store.entries import NewEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, StoreError

_TOGETHER = 256
_MOST_BYTES = 64 << 20
_AGAIN_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Withdrawals:
    """Stores withdrawals as soon as the store takes them; a task of its own tries until it does.

    Args:
        commit: The store.
        most_bytes: Room for what waits. Beyond it the oldest are dropped whose decisions were surely not stored.
    """

    def __init__(self, commit: GroupCommit, *, most_bytes: int = _MOST_BYTES) -> None:
        self._commit, self._most_bytes = commit, most_bytes
        self._waiting: dict[str, tuple[NewEntry, bool]] = {}
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """How many were dropped: answers of the plan that no store knows."""

    def __len__(self) -> int:
        """How many wait for the store."""
        return len(self._waiting)

    def find(self, key: str) -> bytes | None:
        """What was told under a name and is not stored yet."""
        found = self._waiting.get(key)
        return None if found is None else found[0].payload

    def add(self, told: NewEntry, decided: NewEntry, *, uncertain: bool) -> None:
        """Keep what was told instead of a decision.

        Args:
            told: The answer, as an entry for a decision.
            decided: The decision that was not told. Another one under its name stands: it was told by somebody else.
            uncertain: Whether the decision may have been stored.
        """
        entry = NewEntry("withdrawal", told.key, told.payload, identity=sha256(decided.payload).digest())
        self._remove(told.key)
        self._waiting[told.key] = (entry, uncertain)
        self._bytes += len(entry.payload)
        for key in [key for key, (_, kept) in self._waiting.items() if not kept] if self._is_full() else ():
            if not self._is_full():
                break
            self._remove(key)
            self.dropped += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_trying())

    async def stop(self) -> None:
        """Store what waits, if the store takes it now, and say what could not be stored."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        while self._waiting and await self._try():
            pass
        if self._waiting:
            _log.warning(
                "%d answers that the plan gave while the store failed could not be stored, of which %d may stand there "
                "with another answer: %s",
                len(self._waiting),
                sum(uncertain for _, uncertain in self._waiting.values()),
                ", ".join(list(self._waiting)[:100]),
            )

    async def _keep_trying(self) -> None:
        while self._waiting:
            if not await self._try():
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _try(self) -> bool:
        entries = [entry for entry, _ in list(self._waiting.values())[:_TOGETHER]]
        try:
            await self._commit.append(*entries)
        except RefusedEntryError:
            # Each by itself, so that one does not keep the others.
            for entry in entries:
                try:
                    await self._commit.append(entry)
                except RefusedEntryError as error:
                    _log.warning("The withdrawal of %s cannot be stored: %s", entry.key, error)
                except StoreError:
                    return False
                self._remove(entry.key)
            return True
        except StoreError:
            return False
        for entry in entries:
            if self._waiting.get(entry.key, (None, False))[0] is entry:
                self._remove(entry.key)
        return True

    def _is_full(self) -> bool:
        return self._bytes > self._most_bytes

    def _remove(self, key: str) -> None:
        found = self._waiting.pop(key, None)
        if found is not None:
            self._bytes -= len(found[0].payload)
