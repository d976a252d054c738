"""Many decisions, one sync: whatever waits is stored in one transaction while the next decisions gather."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from xbopt.service.store.entries import Head, NewEntry, Stored
from xbopt.service.store.interface import Store, StoreError

OnCommit = Callable[[int, float], None]
_Waiting = tuple[NewEntry, "asyncio.Future[Stored]"]


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
        self.head: Head | None = None
        """The end of the chain, as far as it is known here."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xbopt-store")
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False
        self._watched: deque[tuple[float, list[asyncio.Future[Stored]]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Number of entries that wait."""
        return len(self._waiting)

    async def append(self, *entries: NewEntry) -> list[Stored]:
        """Store entries; gives what became of each.

        Raises:
            StoreError: The store is down, full, too slow, or has too much to do. Entries may still reach the disk;
                asking again with the same names is safe.
        """
        if self._closed:
            raise StoreError("The store is closing.")
        if len(self._waiting) + len(entries) > self._most:
            raise StoreError(f"More than {self._most} entries wait for the store.")
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in entries]
        with self._lock:
            self._waiting += zip(entries, futures, strict=True)
            start, self._busy = not self._busy, True
        if start:
            self._thread.submit(self._work, loop)
        # One timer serves all who come before it runs out; each is looked at again at most once too early.
        self._watched.append((loop.time() + self._wait, futures))
        if self._timer is None:
            self._timer = loop.call_later(self._wait, self._look, loop)
        return [await future for future in futures]

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give up on entries that waited too long, and look again when the next one would have."""
        now = loop.time()
        self._timer = None
        while self._watched:
            due, futures = self._watched[0]
            if all(future.done() for future in futures):
                self._watched.popleft()
            elif due <= now:
                _give_up(futures, self._wait)
            else:
                self._timer = loop.call_later(due - now, self._look, loop)
                return

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Store what waits until nothing does; runs in the store's thread."""
        while True:
            with self._lock:
                batch, self._waiting = self._waiting[: self._together], self._waiting[self._together :]
                if not batch:
                    self._busy = False
                    return
            started = perf_counter()
            results: list[Stored] = []
            failure: StoreError | None = None
            try:
                results = self._store.append([entry for entry, _ in batch])
            except StoreError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - whatever went wrong, those who wait must hear of it
                failure = StoreError(f"{type(error).__name__}: {error}")
            seconds = perf_counter() - started
            try:
                loop.call_soon_threadsafe(self._deliver, batch, results, failure, seconds)
            except RuntimeError:  # the loop has ended: nobody waits any more
                return

    def _deliver(
        self, batch: list[_Waiting], results: list[Stored], failure: StoreError | None, seconds: float
    ) -> None:
        if self._on_commit is not None:
            self._on_commit(len(batch), seconds)
        for i, (_, future) in enumerate(batch):
            if future.done():
                continue
            if failure is None:
                future.set_result(results[i])
            else:
                future.set_exception(failure)
                # Somebody who went away does not read it, and that is no accident.
                future.exception()

    async def check(self) -> None:
        """Whether the store can be read.

        Raises:
            StoreError: It cannot, or does not answer in time.
        """
        loop = asyncio.get_running_loop()
        try:
            self.head = await asyncio.wait_for(loop.run_in_executor(self._thread, self._store.head), self._wait)
        except TimeoutError as error:
            raise StoreError(f"The store did not answer within {self._wait:g} s.") from error

    async def close(self) -> None:
        """Store what still waits, and give the store back."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown(wait=True)


def _give_up(futures: "list[asyncio.Future[Stored]]", seconds: float) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(StoreError(f"The store did not answer within {seconds:g} s."))
            future.exception()
