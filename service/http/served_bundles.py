"""The bundle that decides, and those that decided before it in this process."""

import asyncio
from pathlib import Path

from xbopt.core.errors import XboptError
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.schema_change import check_same_requests
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.recording import administration_entry, bundle_entry

_KEPT_BUNDLES = 3


class ServedBundles:
    """Swaps bundles and rolls back; each change is written down before it is made.

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

    async def swap(self, path: Path, *, actor: str = "") -> Allocator:
        """Load another bundle and decide with it from now on; the one before can be rolled back to.

        Whatever decides meanwhile, decides as before. A bundle that decides already changes nothing.

        Raises:
            BundleError: It does not pass the checks, or is for another market.
            ProblemError: Another bundle is being loaded, or somebody rolled back meanwhile.
            StoreError: The change cannot be written down; nothing is changed.
        """
        if self._loading:
            raise ProblemError(409, "Another bundle is being loaded; ask again when that is done.")
        self._loading, rollbacks = True, self._rollbacks
        try:
            new = await asyncio.get_running_loop().run_in_executor(None, self._load, path)
            async with self._changing:
                if rollbacks != self._rollbacks:
                    raise ProblemError(409, "Somebody rolled back while the bundle was loaded, so it does not decide.")
                if new.address == self.allocator.address:
                    self._metrics.swaps.labels("unchanged").inc()
                    return self.allocator
                check_same_requests(self.allocator, new)
                entry = administration_entry("swap", actor=actor, bundle=new.address, detail=self.allocator.address)
                await self._commit.append(bundle_entry(new), entry)
                self._earlier = [*self._earlier, self.allocator][-_KEPT_BUNDLES:]
                self._set(new)
                self._metrics.swaps.labels("swapped").inc()
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
        """
        async with self._changing:
            if not self._earlier:
                raise ProblemError(409, "This process has decided with no earlier bundle; swap one in by its name.")
            self._rollbacks += 1
            earlier = self._earlier[-1]
            entry = administration_entry("rollback", actor=actor, bundle=earlier.address, detail=self.allocator.address)
            await self._commit.append(entry)
            self._earlier.pop()
            self._set(earlier)
            self._metrics.swaps.labels("rolled_back").inc()
            return earlier

    def _set(self, allocator: Allocator) -> None:
        self.tell(0)
        self.allocator = allocator
        self.tell(1)

    def tell(self, value: int) -> None:
        """Tell the metrics whether the bundle decides.

        Args:
            value: 1 or 0.
        """
        manifest = self.allocator.bundle.manifest
        self._metrics.expect_bundle(self.allocator)
        self._metrics.bundle.labels(self.allocator.address, manifest.name, manifest.version).set(value)
