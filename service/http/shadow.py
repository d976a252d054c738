"""A bundle that decides beside the one that is served; nobody acts on it, and nobody waits for it."""

import asyncio
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from xbopt.core.arrays import BoolArray
from xbopt.core.errors import XboptError
from xbopt.service.bundle.schema import Schema, same_choices
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.beside import Beside
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError
from xbopt.service.store.recording import shadow_entry

_BACKLOG = 256
_CROWDED = 5000
"""Entries that wait for the store, from which on it takes no shadows: a quarter of what may wait, so that they never
keep out a decision."""


class ShadowRunner:
    """Asks a shadow in a thread of its own, counts what it does otherwise, and stores its probabilities.

    Args:
        shadow: The shadow.
        commit: The store.
        metrics: Where to count.
    """

    def __init__(self, shadow: Allocator, commit: GroupCommit, metrics: Metrics) -> None:
        self._shadow, self._commit, self._metrics = shadow, commit, metrics
        self._work: deque[tuple[str, Allocation, Schema, bool]] = deque(maxlen=_BACKLOG)
        self._keeping: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xbopt-shadow")
        self._lock = threading.Lock()
        self._busy = False

    async def stop(self) -> None:
        """Decide and store what waits."""
        await asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        await asyncio.gather(*self._keeping)

    def compare(self, allocation: Allocation, key: str, allocator: Allocator) -> None:
        """Let the shadow decide too; where it cannot keep up, it misses some.

        Args:
            allocation: What was decided.
            key: Name of the entry in the store that holds it.
            allocator: Who decided it.
        """
        if len(self._work) == _BACKLOG:
            self._metrics.shadow.labels("missed").inc()
        # Probabilities over another menu, or none at all, say nothing about the actions of the log; what is carried on
        # with is in no log.
        schema, held = allocator.bundle.schema, allocation.batch.held
        is_drawn = schema.shape != "direct" and (held is None or bool((held < 0).any()))
        is_kept = is_drawn and same_choices(schema, self._shadow.bundle.schema)
        with self._lock:
            self._work.append((key, allocation, schema, is_kept))
            start, self._busy = not self._busy, True
        if start:
            self._thread.submit(self._run, asyncio.get_running_loop())

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        shadow = self._shadow
        while True:
            with self._lock:
                work = list(self._work)
                self._work.clear()
                if not work:
                    self._busy = False
                    return
            entries: list[NewEntry] = []
            for key, allocation, schema, is_kept in work:
                batch = allocation.batch
                try:
                    other = shadow.decide(_read_by(shadow, batch, schema))
                except XboptError:
                    self._metrics.shadow.labels("failed").inc(len(batch))
                    continue
                if is_kept:
                    entries.append(shadow_entry(other, shadow, key=key))
                same = _same_decisions(allocation, other)
                self._metrics.shadow.labels("same").inc(int(same.sum()))
                self._metrics.shadow.labels("different").inc(int((~same).sum()))
            if entries:
                loop.call_soon_threadsafe(self._keep, entries)

    def _keep(self, entries: list[NewEntry]) -> None:
        """Store what a shadow said, behind the decisions; nobody waits for it."""
        task = asyncio.get_running_loop().create_task(self._store(entries))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _store(self, entries: list[NewEntry]) -> None:
        if self._commit.waiting > _CROWDED:
            self._metrics.shadow.labels("missed").inc(len(entries))
            return
        try:
            await self._commit.append(*entries)
        except StoreError:
            self._metrics.shadow.labels("unstored").inc(len(entries))


def _read_by(allocator: Allocator, batch: Batch, schema: Schema) -> Batch:
    """The batch as another bundle reads it: what counts as drift, and what stands for a gap, is its own matter.

    Levels that are held mean something only where the factors are the same.
    """
    has_factors = "factored" in {schema.shape, allocator.bundle.schema.shape}
    held = None if has_factors and not same_choices(schema, allocator.bundle.schema) else batch.held
    beside = Beside(held=held, previous_base=batch.previous_base, active=batch.active)
    return allocator.reader.batch(batch.decision_ids, batch.observed(), beside)


def _same_decisions(one: Allocation, other: Allocation) -> BoolArray:
    """Which decisions spend and discount alike ``(B,)``."""
    total = one.spend_base.sum(axis=(1, 2, 3))
    close = np.abs(other.spend_base - one.spend_base).sum(axis=(1, 2, 3)) <= 0.01 * total
    return close & (np.abs(other.discount_frac - one.discount_frac) <= 1e-9).all(axis=(1, 2))
