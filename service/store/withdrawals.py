"""What was told while the store failed: kept until the store has it.

A decision that took the store too long may reach the disk all the same, when the plan's answer has long been told. A
withdrawal under the decision's name then counts in its place. It is stored for every such answer, whether the decision
got there or not, so that the same id is told the same again. An id may be asked for several times at once, and every
attempt is another decision: the withdrawal names all of them that were not told.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256

from xbopt.service.store.entries import NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, StoreError

_TOGETHER = 256
_MOST_BYTES = 64 << 20
_AGAIN_SECONDS = 0.5
_MOST_LATE = 20_000
_log = logging.getLogger(__name__)


class Withdrawals:
    """Stores withdrawals as soon as the store takes them; a task of its own tries until it does.

    Args:
        commit: The store.
        most_bytes: Room for what waits. Beyond it the oldest are dropped whose decisions were surely not stored.
        on_stored: Called with the name and what became of each withdrawal that the store has.
    """

    def __init__(
        self,
        commit: GroupCommit,
        *,
        most_bytes: int = _MOST_BYTES,
        on_stored: Callable[[str, Stored], None] | None = None,
    ) -> None:
        self._commit, self._most_bytes, self._on_stored = commit, most_bytes, on_stored
        self._waiting: dict[str, tuple[NewEntry, bool]] = {}
        self._attempts: dict[str, list[NewEntry]] = {}
        self._stored: dict[str, bytes] = {}
        self._late: OrderedDict[str, set[bytes]] = OrderedDict()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        """How many were dropped: answers of the plan that no store knows."""

    def __len__(self) -> int:
        """How many wait for the store."""
        return len(self._waiting)

    def find(self, key: str) -> bytes | None:
        """What was told under a name, if it is not stored yet, or a decision under that name is still on its way."""
        found = self._waiting.get(key)
        return self._stored.get(key) if found is None else found[0].payload

    def begin(self, decided: Iterable[NewEntry]) -> None:
        """Note decisions that are on their way to the store."""
        for entry in decided:
            self._attempts.setdefault(entry.key, []).append(entry)

    def end(self, decided: Iterable[NewEntry], *, told: bool, late: bool) -> None:
        """Note that decisions are on their way no more.

        Args:
            decided: As in ``begin``.
            told: Whether their names were told something, so that nothing is left to be withdrawn.
            late: Whether they were not told, and may reach the disk all the same.
        """
        for entry in decided:
            attempts = [one for one in self._attempts.pop(entry.key) if one is not entry]
            if attempts:
                self._attempts[entry.key] = attempts
            else:
                self._stored.pop(entry.key, None)
            if told:
                self._late.pop(entry.key, None)
            elif late:
                self._late.setdefault(entry.key, set()).add(_digest(entry))
                if len(self._late) > _MOST_LATE:
                    self._late.popitem(last=False)

    def add(self, told: NewEntry, decided: NewEntry, *, uncertain: bool) -> None:
        """Keep what was told instead of a decision.

        Args:
            told: The answer, as an entry for a decision.
            decided: The decision that was not told. Another one under its name stands: it was told by somebody else.
            uncertain: Whether the decision may have been stored.
        """
        key = told.key
        untold = {_digest(one) for one in (decided, *self._attempts.get(key, ()))} | self._late.get(key, set())
        entry = NewEntry("withdrawal", key, told.payload, identity=b"".join(sorted(untold)))
        uncertain = uncertain or len(untold) > 1
        self._remove(key)
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
            stored = await self._commit.append(*entries)
        except RefusedEntryError:
            # Each by itself, so that one does not keep the others.
            for entry in entries:
                try:
                    self._settle(entry, (await self._commit.append(entry))[0])
                except RefusedEntryError as error:
                    _log.warning("The withdrawal of %s cannot be stored: %s", entry.key, error)
                    self._remove(entry.key)
                except StoreError:
                    return False
            return True
        except StoreError:
            return False
        for entry, one in zip(entries, stored, strict=True):
            self._settle(entry, one)
        return True

    def _settle(self, entry: NewEntry, stored: Stored) -> None:
        """The store has a withdrawal, or what somebody else told under its name."""
        self._remove(entry.key)
        self._late.pop(entry.key, None)
        if entry.key in self._attempts:
            self._stored[entry.key] = entry.payload
        if stored.payload != entry.payload:
            _log.warning(
                "The plan answered %s while the store failed, and another service told something else under that name "
                "before; the log holds that.",
                entry.key,
            )
        if self._on_stored is not None:
            self._on_stored(entry.key, stored)

    def _is_full(self) -> bool:
        return self._bytes > self._most_bytes

    def _remove(self, key: str) -> None:
        found = self._waiting.pop(key, None)
        if found is not None:
            self._bytes -= len(found[0].payload)


def _digest(decided: NewEntry) -> bytes:
    return sha256(decided.payload).digest()
