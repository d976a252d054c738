"""The service behind HTTP: bundles that can be swapped, decisions that are stored before they are told."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, KillMode, Outcome
from xbopt.service.http.bulk import SMALL_ROWS, BulkThread
from xbopt.service.http.decided import BatchAnswered, Decided, Told, answer, decide_batch, decide_each
from xbopt.service.http.kill_switch import KillSwitch
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.outcomes import check_subjects, outcome_entry, same_outcome
from xbopt.service.http.problems import OperatorLog, ProblemError, store_reason
from xbopt.service.http.schema_change import check_same_requests, check_schema
from xbopt.service.http.served_bundles import ServedBundles
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.entries import DecisionEntry, NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, StoreError, UncertainStoreError
from xbopt.service.store.recording import (
    administration_entry,
    allocation_of,
    bundle_entry,
    decision_entry,
    decode_decision,
    receipt_of,
)
from xbopt.service.store.subjects import Label, Subject, Subjects
from xbopt.service.store.withdrawals import Withdrawals

_to_json = msgspec.json.Encoder().encode
Item = TypeVar("Item")


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
        self.stored_at = float("-inf")
        """When a decision was stored last, by the clock of the loop."""
        self._shadow = None if shadow is None else ShadowRunner(shadow, commit, metrics)
        self._accept_schema = accept_schema
        self.subjects, self.withdrawals = Subjects(commit), Withdrawals(commit)
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
        await self.kill_switch.stop()
        await self.bundles.stop()
        self.bulk.close()
        if self._shadow is not None:
            await self._shadow.stop()
        await self.withdrawals.stop()
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
        own, told = await self._tell(decided, allocator)
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
        own, told = await self._tell(decided, allocator)
        texts = await self.bulk.each(told, lambda some: [_to_json([answer(one, own) for one in some])[1:-1]])
        return b"[" + b",".join(texts) + b"]"

    async def _tell(self, decided: Sequence[Decided], allocator: Allocator) -> tuple[Label, list[Told]]:
        """Store decisions; gives the names of the bundle that is served, and what is to be told of each."""
        entries = [one.entry for one in decided]
        stored = await self._store(entries)
        failure = stored if isinstance(stored, StoreError) else None
        states = [Stored("unwanted", b"")] * len(entries) if isinstance(stored, StoreError) else stored
        own = self.subjects.serve(allocator.address, allocator.bundle.schema)
        told: list[Told] = []
        for (allocation, entry), one in zip(decided, states, strict=True):
            done = allocation
            if failure is not None:
                done = self._planned(allocation, allocator, entry, failure)
            told.append(Told(*await self._told(done, allocator, own, entry, one), receipt_of(one)))
            if not len(told) % SMALL_ROWS:
                await asyncio.sleep(0)  # Others are answered in between.
        return own, told

    async def _told(
        self, allocation: Allocation, allocator: Allocator, own: Label, entry: NewEntry, stored: Stored
    ) -> tuple[Allocation, Label]:
        """What is told of an entry, and how it is to be read: what stands under the name, if that was there before.

        Raises:
            ProblemError: The id stands for another request.
            StoreError: The bundle that decided cannot be read.
        """
        label = own
        if stored.state == "known" and stored.payload != entry.payload:
            earlier = self._known(stored, entry)
            if earlier.bundle != own.address:
                label = await self.subjects.label(earlier.bundle)
            allocation = allocation_of(earlier, label.schema)
            self.subjects.remember(entry.key, Subject.of(entry.key, earlier))
            self.metrics.repeated(allocation)
            return allocation, label
        if stored.seq:
            batch = allocation.batch
            rows = None if batch.decision_ids == [entry.key] else len(batch)
            active = b"" if batch.active is None else batch.active.tobytes()
            self.subjects.remember(entry.key, Subject(bundle=own.address, rows=rows, active=active))
            if self._shadow is not None:
                self._shadow.compare(allocation, entry.key, allocator)
        self.metrics.decided(allocation, allocator)
        return allocation, label

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
        own, (told,) = await self._tell([decided], allocator)
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
            await check_subjects(self.subjects, outcomes)
            stored = await self.commit.append(*entries)
        except RefusedEntryError as error:
            self.log.note(str(error))
            raise ProblemError(422, "The store takes no entry with such a name or text, ever.") from error
        except StoreError as error:
            self.metrics.store_failures.labels("refused").inc()
            what = "The outcomes cannot be stored"
            if isinstance(error, UncertainStoreError):
                what = "Whether the outcomes are stored is not known yet (sent again they change nothing)"
            raise self._unstored(what, error) from error
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

    async def _store(self, entries: list[NewEntry]) -> list[Stored] | StoreError:
        """Store decisions; gives why not, where they cannot be stored and the plan is to answer.

        What the plan answered and no store knows yet is told again.

        Raises:
            ProblemError: They cannot be stored and the guardrails say to refuse.
        """
        told = [self.withdrawals.find(entry.key) for entry in entries] if len(self.withdrawals) else []
        if any(told):
            rest = [entry for entry, payload in zip(entries, told, strict=True) if payload is None]
            stored = await self._store(rest) if rest else []
            if isinstance(stored, StoreError):
                return stored
            others = iter(stored)
            return [next(others) if payload is None else Stored("known", payload) for payload in told]
        try:
            stored = await self.commit.append(*entries)
        except RefusedEntryError as error:
            self.log.note(str(error))
            raise ProblemError(422, "The store takes no entry with such a name or text, ever.") from error
        except StoreError as error:
            self.stored_at = float("-inf")
            if self.allocator.bundle.guardrails.on_store_failure == "fallback":
                self.metrics.store_failures.labels("fallback").inc(len(entries))
                self.log.note(f"The plan answers, because decisions cannot be stored: {error}")
                return error
            self.metrics.store_failures.labels("refused").inc(len(entries))
            raise self._unstored("The decision cannot be stored, so it is not told", error) from error
        if any(one.state == "new" for one in stored):
            self.stored_at = asyncio.get_running_loop().time()
        return stored

    def _unstored(self, what: str, error: StoreError) -> ProblemError:
        self.log.note(f"{what}: {error}")
        return ProblemError(503, f"{what}: the store refuses, because {store_reason(error)}.")

    def _planned(
        self, allocation: Allocation, allocator: Allocator, decided: NewEntry, failure: StoreError
    ) -> Allocation:
        """The plan's answer instead of a decision. It is stored as soon as the store takes it, and counts from then on.

        Raises:
            ProblemError: The id was given the plan's answer for another request before.
        """
        earlier = self.withdrawals.find(decided.key)
        if earlier is not None:
            self._known(Stored("known", earlier), decided)
        planned = allocator.by_plan(allocation.batch, STORE_FAILURE, kill=allocation.kill)
        asked = decode_decision(decided.payload)
        told = decision_entry(
            planned,
            allocator,
            key=decided.key,
            request=decided.identity,
            episode_ids=asked.episode_ids,
            steps=asked.steps,
            killed=False,
            reason=STORE_FAILURE,
            actor=asked.actor,
        )
        self.withdrawals.add(told, decided, uncertain=isinstance(failure, UncertainStoreError))
        return planned

    def _known(self, stored: Stored, entry: NewEntry) -> DecisionEntry:
        """What stands under an id that came again.

        Raises:
            ProblemError: It was given for another request.
        """
        earlier = decode_decision(stored.payload)
        if earlier.request != entry.identity:
            raise ProblemError(409, f"The id {entry.key!r} stands for another request; give every decision its own.")
        return earlier
