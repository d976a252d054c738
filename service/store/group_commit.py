"""Many decisions, one sync: whatever waits is stored in one transaction while the next decisions gather."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from time import perf_counter
from typing import Literal, TypeVar

import msgspec

from xbopt.core.errors import XboptError
from xbopt.service.store.entries import Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import (
    Place,
    RefusedEntryError,
    Store,
    StoreError,
    TamperedStoreError,
    UncertainStoreError,
)

OnCommit = Callable[[int, float], None]
Answer = TypeVar("Answer")
_PROBE_HOLDS_SECONDS = 1.0
_PATIENCE = 2.0
"""Times the waiting time after which a call to the store is cut off."""


class _Waiting:
    """An entry on its way to the disk; ``phase`` is read and written under the lock."""

    __slots__ = ("entry", "future", "phase")

    def __init__(self, entry: NewEntry, future: "asyncio.Future[Stored]") -> None:
        self.entry, self.future = entry, future
        self.phase: Literal["waiting", "writing", "given up"] = "waiting"


class GroupCommit:
    """Appends to a store from an event loop; an answer comes when the entry is on disk.

    Args:
        store: The store; only this object's one thread uses it from now on.
        most_waiting: Entries that may wait; more are refused at once, so that nobody waits for nothing.
        most_together: Entries of one transaction.
        wait_seconds: How long an entry may wait for the disk.
        on_commit: Called with the number of entries and the seconds of each transaction.
    """

    def __init__(
        self,
        store: Store,
        *,
        most_waiting: int = 20_000,
        most_together: int = 512,
        wait_seconds: float = 5.0,
        on_commit: OnCommit | None = None,
    ) -> None:
        self._store, self._most, self._together, self._wait = store, most_waiting, most_together, wait_seconds
        self._on_commit = on_commit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xbopt-store")
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False
        self._units = count(1)
        self._since: float | None = None
        self._watched: deque[tuple[float, list[_Waiting]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._probe: tuple[float, asyncio.Future[None]] | None = None
        self.head: Head | None = None
        """The end of the chain as last heard of; None until something was stored or met."""

    @property
    def most_waiting(self) -> int:
        """Number of entries that may wait."""
        return self._most

    @property
    def waiting(self) -> int:
        """Number of entries that wait."""
        return len(self._waiting)

    async def append(self, *entries: NewEntry, together: bool = False) -> list[Stored]:
        """Store entries; gives what became of each.

        Args:
            entries: What is to be stored.
            together: Whether all of them are stored, in one transaction, or none.

        Raises:
            StoreError: The store is down, full, too slow, or has too much to do. The entries are not stored, and will
                not be.
            UncertainStoreError: Writing had begun. Asking again with the same names is safe, and shows.
            RefusedEntryError: The store takes no such entry, ever. Others of the same call may be stored where they do
                not stand together.
        """
        if self._closed:
            raise StoreError("The store is closing.")
        if len(self._waiting) + len(entries) > self._most:
            raise StoreError(f"More than {self._most} entries wait for the store.")
        if together and len(entries) > 1:
            unit = next(self._units)
            entries = tuple(msgspec.structs.replace(entry, unit=unit) for entry in entries)
        loop = asyncio.get_running_loop()
        items = [_Waiting(entry, loop.create_future()) for entry in entries]
        with self._lock:
            self._waiting += items
            start, self._busy = not self._busy, True
        if start:
            self._thread.submit(self._work, loop)
        # One timer serves all who come before it runs out; each is looked at again at most once too early.
        self._watched.append((loop.time() + self._wait, items))
        if self._timer is None:
            self._timer = loop.call_later(self._wait, self._look, loop)
        return [await item.future for item in items]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up on entries that waited too long, and look again when the next one would have."""
        now = loop.time()
        self._timer = None
        late: list[_Waiting] = []
        while self._watched:
            due, items = self._watched[0]
            if all(item.future.done() for item in items):
                self._watched.popleft()
            elif due <= now:
                late += items
                self._watched.popleft()
            else:
                self._timer = loop.call_later(due - now, self._look, loop)
                break
        if late:
            self._give_up(late)
        since = self._since
        if since is not None:
            left = _PATIENCE * self._wait - (perf_counter() - since)
            if left <= 0.0:
                self._store.interrupt()
            if self._timer is None:
                self._timer = loop.call_later(max(left, 0.05), self._look, loop)

    def _give_up(self, late: list[_Waiting]) -> None:
        """Take entries out of the queue; those that are being written cannot be called back."""
        with self._lock:
            for item in late:
                if item.phase == "waiting":
                    item.phase = "given up"
            self._waiting = [item for item in self._waiting if item.phase == "waiting"]
        for item in late:
            said = f"The store did not answer within {self._wait:g} s"
            if item.phase == "writing":
                _fail(item, UncertainStoreError(f"{said}; it was writing, so the same name may be there later."))
            else:
                _fail(item, StoreError(f"{said}."))

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store a group of what waits, and come again; runs in the store's thread, and lets others use it between."""
        with self._lock:
            end = _boundary(self._waiting, self._together)
            batch, self._waiting = self._waiting[:end], self._waiting[end:]
            self._busy = bool(batch)
        if not batch:
            return
        self._since = perf_counter()
        outcomes = self._stored(batch)
        seconds, self._since = perf_counter() - self._since, None
        try:
            loop.call_soon_threadsafe(self._deliver, batch, outcomes, seconds)
            self._thread.submit(self._work, loop)
        except RuntimeError:  # the loop has ended: nobody waits any more
            return

    def _stored(self, batch: list[_Waiting]) -> list[Stored | StoreError]:
        """What became of each entry of a group. One that the store cannot take fails alone: the group is halved."""

        def wanted() -> Sequence[bool]:
            with self._lock:
                for item in batch:
                    if item.phase == "waiting":
                        item.phase = "writing"
                return [item.phase == "writing" for item in batch]

        try:
            return list(self._store.append([item.entry for item in batch], wanted))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, those who wait must hear of it
            trouble = error
        is_store = isinstance(trouble, XboptError) and not isinstance(trouble, RefusedEntryError)
        middle = _boundary(batch, len(batch) // 2)
        if middle == len(batch):  # the last unit may have begun in the first half
            middle = _boundary(batch, 1)
        if is_store or middle == len(batch):
            return [_told(trouble, item) for item in batch]
        with self._lock:
            for item in batch:
                if item.phase == "writing":
                    item.phase = "waiting"
        return self._stored(batch[:middle]) + self._stored(batch[middle:])

    def _deliver(self, batch: list[_Waiting], outcomes: list[Stored | StoreError], seconds: float) -> None:
        if self._on_commit is not None:
            self._on_commit(len(batch), seconds)
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, StoreError):
                _fail(item, outcome)
                continue
            if outcome.seq > (0 if self.head is None else self.head.seq):
                self.head = Head(outcome.seq, outcome.hash)
            if not item.future.done():
                item.future.set_result(outcome)

    async def find(self, kind: EntryKind, key: str) -> Entry | None:
        """The entry of a kind and name.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return await self._ask(lambda: self._store.find(kind, key))

    async def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """Those of the entries that there are.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return await self._ask(lambda: self._store.find_all(places))

    async def every(self, kind: EntryKind) -> list[Entry]:
        """All entries of a kind; for kinds of which there are few.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return await self._ask(lambda: list(self._store.entries(kind)))

    async def some(self, kind: EntryKind, *, after: int, most: int) -> list[Entry]:
        """Entries of a kind that come after a place of the chain, the next ones first.

        Args:
            kind: Their kind.
            after: The place.
            most: How many at most; whoever writes meanwhile waits for them.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return await self._ask(lambda: list(islice(self._store.entries(kind, after=after), most)))

    async def latest(self, kind: EntryKind) -> Entry | None:
        """The last entry of a kind.

        Raises:
            StoreError: The store cannot be read, or not in time.
        """
        return await self._ask(lambda: self._store.latest(kind))

    async def probe(self) -> None:
        """Whether decisions can be stored: a real write, at most one a second however many ask.

        Raises:
            StoreError: They cannot, or not in time.
        """
        now = asyncio.get_running_loop().time()
        at, probe = self._probe or (0.0, None)
        is_over = probe is not None and probe.done()
        if probe is None or (is_over and (at + _PROBE_HOLDS_SECONDS < now or probe.cancelled() or probe.exception())):
            probe = asyncio.ensure_future(self._ask(self._store.probe))
            # Whoever asked may have gone away, and that is no accident.
            probe.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._probe = now, probe
        await asyncio.shield(probe)

    async def check(self) -> None:
        """Whether the store can be read.

        Raises:
            StoreError: It cannot, or does not answer in time.
        """
        self.head = await self._ask(self._store.head)

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        if self._closed:
            raise StoreError("The store is closing.")

        def timed() -> Answer:
            self._since = perf_counter()
            try:
                return question()
            finally:
                self._since = None

        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._thread, timed), self._wait)
        except TimeoutError as error:
            raise StoreError(f"The store did not answer within {self._wait:g} s.") from error
        except TamperedStoreError as error:
            raise StoreError(str(error)) from error

    async def close(self) -> None:
        """Store what still waits, and give the store back."""
        self._closed = True
        loop = asyncio.get_running_loop()
        while self._busy:
            await asyncio.sleep(0.005)
        if self._timer is not None:
            self._timer.cancel()
        await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown(wait=True)


def _boundary(items: Sequence[_Waiting], least: int) -> int:
    """The first place from one on that cuts no unit in two."""
    for at in range(max(least, 1), len(items)):
        unit = items[at].entry.unit
        if not unit or unit != items[at - 1].entry.unit:
            return at
    return len(items)


def _fail(item: _Waiting, failure: StoreError) -> None:
    if not item.future.done():
        item.future.set_exception(failure)
        # Somebody who went away does not read it, and that is no accident.
        item.future.exception()


def _told(trouble: Exception, item: _Waiting) -> StoreError:
    """A failure in the words of the store, for one entry."""
    if isinstance(trouble, RefusedEntryError):
        return trouble
    if not isinstance(trouble, XboptError):
        return RefusedEntryError(f"The store cannot take the entry {item.entry.key[:200]!r}: {trouble}.")
    return (UncertainStoreError if item.phase == "writing" else StoreError)(str(trouble))
