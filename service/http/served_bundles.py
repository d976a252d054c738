"""The bundle that decides, and those that decided before it in this process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from xbopt.core.errors import XboptError
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.schema_change import check_same_requests
from xbopt.service.store.entries import NewEntry
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError, UncertainStoreError
from xbopt.service.store.recording import administration_entry, bundle_entry

_KEPT_BUNDLES = 3
_ASK_AGAIN_SECONDS = 1.0


class ServedBundles:
    """Swaps bundles and rolls back; each change is written down before it is made.

    Where the store does not say whether a change is written, it is asked until it does, and the change is made if so:
    the chain tells of no swap that was not. No other change is made before that is known.

    Args:
        allocator: The bundle that decides at first.
        commit: The store.
        metrics: Where to count.
        unproven: Whether bundles without a certificate may be swapped in.
        trusted_key: Public keys, one of which must have signed bundles that are swapped in.
    """

    def __init__(
        self, allocator: Allocator, commit: GroupCommit, metrics: Metrics, *, unproven: bool, trusted_key: TrustedKeys
    ) -> None:
        self.allocator = allocator
        self._commit, self._metrics = commit, metrics
        self._unproven, self._trusted_key = unproven, trusted_key
        self._earlier: list[Allocator] = []
        self._loading, self._rollbacks = False, 0
        self._changing = asyncio.Lock()
        self._unknown: tuple[str, Callable[[], None]] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def swap(self, path: Path, *, actor: str = "") -> Allocator:
        """Load another bundle and decide with it from now on; the one before can be rolled back to.

        Whatever decides meanwhile, decides as before. A bundle that decides already changes nothing.

        Raises:
            BundleError: It does not pass the checks, or is for another market.
            ProblemError: Another bundle is being loaded, or somebody rolled back meanwhile.
            StoreError: The change cannot be written down; nothing is changed.
            UncertainStoreError: Whether it is written shows later; then it is made.
        """
        if self._loading:
            raise ProblemError(409, "Another bundle is being loaded; ask again when that is done.")
        self._loading, rollbacks = True, self._rollbacks
        try:
            new = await asyncio.get_running_loop().run_in_executor(None, self._load, path)
            async with self._changing:
                await self._settle()
                if rollbacks != self._rollbacks:
                    raise ProblemError(409, "Somebody rolled back while the bundle was loaded, so it does not decide.")
                if new.address == self.allocator.address:
                    self._metrics.swaps.labels("unchanged").inc()
                    return self.allocator
                check_same_requests(self.allocator, new)
                entry = administration_entry("swap", actor=actor, bundle=new.address, detail=self.allocator.address)
                await self._change(lambda: self._put(new), entry, bundle_entry(new))
                return new
        except XboptError:
            self._metrics.swaps.labels("refused").inc()
            raise
        finally:
            self._loading = False

    def _load(self, path: Path) -> Allocator:
        return Allocator.load(path, unproven=self._unproven, trusted_key=self._trusted_key)

    async def roll_back(self, *, actor: str = "") -> Allocator:
        """Decide with the bundle before this one again; it waits for no bundle that is being loaded.

        Raises:
            ProblemError: There is none.
            StoreError: The change cannot be written down; nothing is changed.
            UncertainStoreError: Whether it is written shows later; then it is made.
        """
        async with self._changing:
            await self._settle()
            if not self._earlier:
                raise ProblemError(409, "This process has decided with no earlier bundle; swap one in by its name.")
            self._rollbacks += 1
            earlier = self._earlier[-1]
            entry = administration_entry("rollback", actor=actor, bundle=earlier.address, detail=self.allocator.address)
            await self._change(self._put_back, entry)
            return earlier

    async def stop(self) -> None:
        """Ask the store no more."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

    async def _change(self, make: Callable[[], None], entry: NewEntry, *before: NewEntry) -> None:
        """Write a change down, and make it.

        Raises:
            StoreError: As ``swap``.
        """
        try:
            await self._commit.append(*before, entry)
        except UncertainStoreError:
            self._unknown = entry.key, make
            self._asking = asyncio.create_task(self._ask())
            raise
        make()

    async def _ask(self) -> None:
        while self._unknown is not None:
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
            with suppress(StoreError):
                async with self._changing:
                    await self._settle()

    async def _settle(self) -> None:
        """Make the change before this one, if it was written down after all.

        Raises:
            StoreError: The store still does not say.
        """
        if self._unknown is None:
            return
        key, make = self._unknown
        # A write of our own waits for one that is under way, whoever's connection it came by; reading would not.
        await self._commit.probe()
        is_written = await self._commit.find("administration", key) is not None
        self._unknown = None
        if is_written:
            make()

    def _put(self, new: Allocator) -> None:
        self._earlier = [*self._earlier, self.allocator][-_KEPT_BUNDLES:]
        self._set(new)
        self._metrics.swaps.labels("swapped").inc()

    def _put_back(self) -> None:
        self._set(self._earlier.pop())
        self._metrics.swaps.labels("rolled_back").inc()

    def _set(self, allocator: Allocator) -> None:
        self.tell(0)
        self.allocator = allocator
        self.tell(1)

    def tell(self, value: int) -> None:
        """Tell the metrics whether the bundle decides.

        Args:
            value: 1 or 0.
        """
        self._metrics.expect_bundle(self.allocator)
        self._metrics.tell_bundle(self.allocator, value)
