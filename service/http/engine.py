"""The service behind HTTP: bundles that can be swapped, decisions that are stored before they are told."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, KillMode, Outcome
from xbopt.service.http.answering import Answering
from xbopt.service.http.bulk import BulkThread
from xbopt.service.http.decided import BatchAnswered, answer, decide_batch, decide_each
from xbopt.service.http.kill_switch import KillSwitch
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.outcomes import check_subjects, outcome_entry, same_outcome
from xbopt.service.http.problems import OperatorLog, ProblemError
from xbopt.service.http.schema_change import check_same_requests, check_schema
from xbopt.service.http.served_bundles import ServedBundles
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, StoreError, UncertainStoreError
from xbopt.service.store.recording import administration_entry, bundle_entry

_to_json = msgspec.json.Encoder().encode
Item = TypeVar("Item")
Done = TypeVar("Done")


class Engine:
    """Decides, stores, and answers.

    Args:
        allocator: The bundle that decides at first.
        commit: The store.
        metrics: Where to count.
        unproven: Whether bundles without a certificate may be swapped in.
        trusted_key: Public keys, one of which must have signed bundles that are swapped in.
        shadow: A bundle that decides beside, without anybody acting on it. Where it chooses from the same menu, its
            probabilities are stored beside the decision.
        accept_schema: Whether the bundle may have other axes and inputs than the one that decided last in the store.
    """

    def __init__(
        self,
        allocator: Allocator,
        commit: GroupCommit,
        metrics: Metrics,
        *,
        unproven: bool = False,
        trusted_key: TrustedKeys = None,
        shadow: Allocator | None = None,
        accept_schema: bool = False,
    ) -> None:
        self.commit, self.metrics = commit, metrics
        self.bundles = ServedBundles(allocator, commit, metrics, unproven=unproven, trusted_key=trusted_key)
        self.ready = False
        self.log = OperatorLog()
        self.bulk = BulkThread()
        self.kill_switch = KillSwitch(commit, metrics, self.log)
        self._shadow = None if shadow is None else ShadowRunner(shadow, commit, metrics)
        self._accept_schema = accept_schema
        self.answering = Answering(commit, metrics, self.log, self._shadow)
        self.before_stop: list[Callable[[], Awaitable[None]]] = []
        """What ends before the store is given back."""
        if shadow is not None:
            check_same_requests(allocator, shadow, tactics=False)

    async def start(self) -> None:
        """Write down which bundle decides, and read how the kill switch stands; the service is ready after that.

        Raises:
            StoreError: The store does not take it.
            UsageError: The bundle that decided last in the store has other axes or inputs.
        """
        allocator = self.allocator
        await check_schema(self.commit, allocator, accept=self._accept_schema)
        began = administration_entry("start", actor="", bundle=allocator.address)
        await self.commit.append(bundle_entry(allocator), began)
        await self.kill_switch.follow()
        self.bundles.tell(1)
        self.ready = True

    async def stop(self) -> None:
        """Store what waits, and end."""
        self.ready = False
        for end in self.before_stop:
            await end()
        await self.kill_switch.stop()
        await self.bundles.stop()
        self.bulk.close()
        if self._shadow is not None:
            await self._shadow.stop()
        await self.answering.withdrawals.stop()
        await self.commit.close()

    async def allocate(self, requests: Sequence[AllocationRequest], *, actor: str = "") -> list[AllocationAnswer]:
        """Decide for each request by itself; all of them, or none, are answered.

        Args:
            requests: What is asked.
            actor: Name of the token; empty for none.

        Raises:
            RequestError: A request does not fit the bundle.
            ProblemError: A decision cannot be stored, or its id stands for another request.
        """
        allocator = self.allocator
        decided = decide_each(allocator, requests, kill=self.kill_switch.mode, actor=actor)
        own, told = await self.answering.tell(decided, allocator)
        return [answer(one, own) for one in told]

    async def allocate_many(
        self,
        items: Sequence[Item],
        read: Callable[[Sequence[Item]], Sequence[AllocationRequest]],
        *,
        actor: str = "",
    ) -> bytes:
        """As ``allocate``, in slices beside the loop; gives the answers as a list in JSON.

        Args:
            items: What is asked, not yet read. All of it as objects would keep the garbage collector busy.
            read: Reads some of it.
            actor: Name of the token; empty for none.

        Raises:
            RequestError: A request does not fit the bundle.
            ProblemError: A request cannot be read, a decision cannot be stored, or its id stands for another request.
        """
        allocator = self.allocator
        decide = partial(decide_each, allocator, kill=self.kill_switch.mode, actor=actor)
        decided = await self.bulk.each(items, lambda some: decide(read(some)))
        own, told = await self.answering.tell(decided, allocator)
        texts = await self.bulk.each(told, lambda some: [_to_json([answer(one, own) for one in some])[1:-1]])
        return b"[" + b",".join(texts) + b"]"

    async def aside(self, work: Callable[[], Done], *, large: bool) -> Done:
        """Do something; beside the loop where it is large."""
        return await self.bulk.run(work) if large else work()

    async def read(self, read: Callable[[Allocator], Done], *, large: bool) -> tuple[Allocator, Done]:
        """Read a batch for the bundle that decides, anew where another one decides meanwhile.

        Args:
            read: Reads it for a bundle.
            large: Whether that is done beside the loop.

        Returns:
            The bundle that decides, and what was read for it.
        """
        while True:
            allocator = self.allocator
            found = await self.aside(partial(read, allocator), large=large)
            if allocator is self.allocator:
                return allocator, found

    async def allocate_batch(
        self, batch: Batch, *, key: str, body: bytes, episode_ids: Sequence[str], steps: Sequence[int], actor: str = ""
    ) -> BatchAnswered:
        """Decide for a batch that is stored as one entry.

        Args:
            batch: What is known.
            key: Name of the batch.
            body: The request's body, by which it is known again.
            episode_ids: ``(B,)``; each its own where empty.
            steps: ``(B,)``.
            actor: Name of the token; empty for none.

        Raises:
            RequestError: The guardrails refuse the inputs.
            ProblemError: The batch cannot be stored, or its id stands for another batch.
        """
        allocator, kill = self.allocator, self.kill_switch.mode
        # A large batch must not hold up the others.
        decided = await self.bulk.run(
            lambda: decide_batch(allocator, batch, key, body, episode_ids, steps, kill=kill, actor=actor)
        )
        own, (told,) = await self.answering.tell([decided], allocator)
        return BatchAnswered(
            allocation=told.allocation,
            bundle=told.label.address,
            receipt=told.receipt,
            axes=None if told.label is own else told.label.other_axes(own),
        )

    async def outcomes(self, outcomes: Sequence[Outcome], *, actor: str = "") -> list[str]:
        """Store outcomes; gives for each ``new`` or ``known``.

        Args:
            outcomes: What decisions brought.
            actor: Name of the token; empty for none.

        Raises:
            ProblemError: An outcome has no decision, contradicts what is stored, or cannot be stored.
        """
        entries = [outcome_entry(outcome, actor) for outcome in outcomes]
        try:
            await check_subjects(self.answering.subjects, outcomes)
            stored = await self.commit.append(*entries)
        except RefusedEntryError as error:
            raise self.answering.refused(error) from error
        except StoreError as error:
            self.metrics.store_failures.labels("refused").inc()
            what = "The outcomes cannot be stored"
            if isinstance(error, UncertainStoreError):
                what = "Whether the outcomes are stored is not known yet (sent again they change nothing)"
            raise self.answering.unstored(what, error) from error
        for one in stored:
            self.metrics.outcomes.labels(one.state).inc()
        for outcome, entry, one in zip(outcomes, entries, stored, strict=True):
            if one.state == "orphan":
                raise ProblemError(404, f"There is no decision {outcome.decision_id!r}; other outcomes are stored.")
            if one.state == "known" and not same_outcome(one.payload, entry.payload, outcome):
                raise ProblemError(
                    409,
                    f"The outcome of {outcome.decision_id!r} in {outcome.unit} is stored with other figures; send a "
                    "correction with a higher revision.",
                )
        return [one.state for one in stored]

    @property
    def allocator(self) -> Allocator:
        """The bundle that decides now."""
        return self.bundles.allocator

    async def swap(self, path: Path, *, actor: str = "") -> Allocator:
        """As ``ServedBundles.swap``."""
        return await self.bundles.swap(path, actor=actor)

    async def roll_back(self, *, actor: str = "") -> Allocator:
        """As ``ServedBundles.roll_back``."""
        return await self.bundles.roll_back(actor=actor)

    async def kill(self, mode: KillMode, *, actor: str = "") -> None:
        """Turn the kill switch: off, or the plan answers everything, or nothing is spent.

        Raises:
            StoreError: As ``KillSwitch.turn``.
        """
        await self.kill_switch.turn(
            mode, administration_entry("kill_switch", actor=actor, bundle=self.allocator.address, detail=mode)
        )
