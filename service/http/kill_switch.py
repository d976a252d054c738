"""The kill switch: it outlives the process, and all replicas on a store follow it."""

import asyncio
from contextlib import suppress

from xbopt.service.deciding.requests import KillMode
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import OperatorLog
from xbopt.service.store.entries import AdministrationEntry, Entry, NewEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError
from xbopt.service.store.recording import decode_entry

_POLL_SECONDS = 1.0
_KIND = "administration"
MODES: tuple[KillMode, ...] = ("off", "plan", "zero")
"""From the mildest to the strictest."""


class KillSwitch:
    """What the chain says about the switch, and what was asked of this replica and is not stored yet.

    The stricter of both holds: where the store does not take it, the switch is on all the same, here.

    Args:
        commit: The store.
        metrics: Where to tell the mode.
        log: Where to say that the store cannot be asked.
    """

    def __init__(self, commit: GroupCommit, metrics: Metrics, log: OperatorLog) -> None:
        self._commit, self._metrics, self._log = commit, metrics, log
        self._chain: KillMode = "off"
        self._seen = 0
        self._latest = 0
        self._unstored: tuple[KillMode, NewEntry] | None = None
        self._writing = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self.mode: KillMode = "off"

    async def turn(self, mode: KillMode, entry: NewEntry) -> None:
        """Turn the switch and write it down.

        Args:
            mode: Off, or who answers: the plan, or nobody, with spend 0.
            entry: What is written.

        Raises:
            StoreError: It cannot be written down. Turned on, it holds here all the same, and is written as soon as the
                store takes it; turned off, nothing has changed.
            UncertainStoreError: Whether it is written shows when the store is read again, and then it holds.
        """
        before = self._unstored
        if mode != "off":
            self._unstored = before = (mode, entry)
            self._tell()
        # One at a time: what still waits to be stored must not come behind what turned it off.
        async with self._writing:
            await self._write(mode, entry, before)

    async def _write(self, mode: KillMode, entry: NewEntry, done: tuple[KillMode, NewEntry] | None) -> None:
        """Write the switch down; what waited to be written is done with, unless the switch was turned again since."""
        stored = (await self._commit.append(entry))[0]
        if self._unstored is done:
            self._unstored = None
        self._take(stored.seq, mode)

    async def follow(self) -> None:
        """Take the switch from the store, now and from now on.

        Raises:
            StoreError: The store cannot be read.
        """
        await self._read()
        self._following = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                async with self._writing:
                    if self._unstored is not None:
                        await self._write(*self._unstored, self._unstored)
                await self._read()
            except StoreError as error:
                self._log.note(f"The kill switch of other replicas cannot be seen: {error}")

    async def _read(self) -> None:
        """Read what was written since the last time; mostly that is nothing."""
        last = await self._commit.latest(_KIND)
        if last is None or last.seq == self._latest:
            return
        found = _mode(last)
        if found is not None:
            self._take(last.seq, found)
        else:
            # Something else was administered last; the switch may have been turned before it.
            for entry in await self._commit.every(_KIND):
                found = _mode(entry)
                if found is not None:
                    self._take(entry.seq, found)
        self._latest = last.seq

    def _take(self, seq: int, mode: KillMode) -> None:
        if seq > self._seen:
            self._seen, self._chain = seq, mode
        self._tell()

    def _tell(self) -> None:
        pending: KillMode = "off" if self._unstored is None else self._unstored[0]
        self.mode = MODES[max(MODES.index(self._chain), MODES.index(pending))]
        self._metrics.kill_switch.set(MODES.index(self.mode))


def _mode(entry: Entry) -> KillMode | None:
    """The mode to which an entry turned the switch; None where it is about something else."""
    told = decode_entry(entry.payload, AdministrationEntry)
    if told.action != "kill_switch":
        return None
    # What a later version may write is on, and nobody here knows how: the strictest.
    return MODES[MODES.index(told.detail)] if told.detail in MODES else "zero"
