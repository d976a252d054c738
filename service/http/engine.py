"""The service behind HTTP: bundles that can be swapped, decisions that are stored before they are told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from xbopt.core.errors import XboptError
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, Outcome, Receipt
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.outcomes import check_subjects, outcome_entry, same_outcome
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.schema_change import check_same_requests, check_schema
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.entries import DecisionEntry, NewEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import RefusedEntryError, StoreError, UncertainStoreError
from xbopt.service.store.recording import (
    allocation_of,
    answer_of,
    bundle_entry,
    decision_entry,
    decode_decision,
    receipt_of,
)
from xbopt.service.store.subjects import Label, Subject, Subjects
from xbopt.service.store.withdrawals import Withdrawals

_KEPT_BUNDLES = 3
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswered:
    """What a batch is told.

    Attributes:
        allocation: The decisions.
        bundle: Content address of the bundle that made them.
        receipt: Where they stand in the store; None where they are not stored.
        axes: Names along the axes of the arrays, where the bundle has others than the one that is served.
    """

    allocation: Allocation
    bundle: str
    receipt: Receipt | None
    axes: dict[str, list[str]] | None = None


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
        self.allocator, self.commit, self.metrics = allocator, commit, metrics
        self._unproven, self._trusted_key = unproven, trusted_key
        self._earlier: list[Allocator] = []
        self.killed = False
        self.ready = False
        self._swapping = asyncio.Lock()
        self._loading = False
        self._shadow = None if shadow is None else ShadowRunner(shadow, commit, metrics)
        self._accept_schema = accept_schema
        self.subjects, self.withdrawals = Subjects(commit), Withdrawals(commit)
        if shadow is not None:
            check_same_requests(allocator, shadow, tactics=False)

    async def start(self) -> None:
        """Write down which bundle decides; the service is ready when that is stored.

        Raises:
            StoreError: The store does not take it.
            UsageError: The bundle that decided last in the store has other axes or inputs.
        """
        await check_schema(self.commit, self.allocator, accept=self._accept_schema)
        await self.commit.append(bundle_entry(self.allocator))
        self._tell_bundle(1)
        self.ready = True

    async def stop(self) -> None:
        """Store what waits, and end."""
        self.ready = False
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
        allocator, killed = self.allocator, self.killed
        made: list[Allocation] = []
        entries: list[NewEntry] = []
        for request in requests:
            decision_id = request.decision_id or new_decision_id()
            batch = allocator.reader.one(request, decision_id)
            step = request.day if request.step is None else request.step
            allocation, entry = _decide(
                allocator,
                batch,
                decision_id,
                _encode(request),
                (request.episode_id,),
                (step,),
                killed=killed,
                actor=actor,
            )
            made.append(allocation)
            entries.append(entry)
        stored = await self._store(entries)
        if isinstance(stored, StoreError):
            made = [
                self._planned(allocation, allocator, entry, stored)
                for allocation, entry in zip(made, entries, strict=True)
            ]
            stored = [Stored("unwanted", b"")] * len(entries)
        own = self.subjects.serve(allocator.address, allocator.bundle.schema)
        answers: list[AllocationAnswer] = []
        for allocation, entry, one in zip(made, entries, stored, strict=True):
            told, label = await self._told(allocation, allocator, own, entry, one)
            answer = answer_of(
                told,
                0,
                bundle=label.address,
                units=label.units,
                currency=label.currency,
                receipt=receipt_of(one),
                axes=None if label is own else label.other_axes(own),
            )
            answers.append(answer)
        return answers

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
        allocator, killed = self.allocator, self.killed
        loop = asyncio.get_running_loop()
        # A large batch must not hold up the others.
        allocation, entry = await loop.run_in_executor(
            None, lambda: _decide(allocator, batch, key, body, episode_ids, steps, killed=killed, actor=actor)
        )
        stored = await self._store([entry])
        if isinstance(stored, StoreError):
            allocation = self._planned(allocation, allocator, entry, stored)
            stored = [Stored("unwanted", b"")]
        own = self.subjects.serve(allocator.address, allocator.bundle.schema)
        allocation, label = await self._told(allocation, allocator, own, entry, stored[0])
        return BatchAnswered(
            allocation=allocation,
            bundle=label.address,
            receipt=receipt_of(stored[0]),
            axes=None if label is own else label.other_axes(own),
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
            raise ProblemError(422, str(error)) from error
        except StoreError as error:
            self.metrics.store_failures.labels("refused").inc()
            raise ProblemError(503, f"The outcomes cannot be stored: {error}") from error
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

    async def swap(self, path: Path) -> Allocator:
        """Load another bundle and decide with it from now on; the one before can be rolled back to.

        Raises:
            BundleError: It does not pass the checks.
            ProblemError: It is for another market, or another change is under way.
            StoreError: The change cannot be written down; nothing is changed.
        """
        if self._loading:
            raise ProblemError(409, "Another bundle is being loaded; try again when it has been.")
        before, loop = self.allocator, asyncio.get_running_loop()
        self._loading = True
        try:
            # Outside the lock: whoever rolls back waits for no graph.
            new = await loop.run_in_executor(None, self._load, path)
            async with self._swapping:
                if self.allocator is not before:
                    raise ProblemError(409, "The bundle was changed while this one was loaded, so it was left out.")
                check_same_requests(before, new)
                await self.commit.append(bundle_entry(new))
                self._earlier = [*self._earlier, before][-_KEPT_BUNDLES:]
                self._set(new)
        except XboptError:
            self.metrics.swaps.labels("refused").inc()
            raise
        finally:
            self._loading = False
        self.metrics.swaps.labels("swapped").inc()
        return new

    def _load(self, path: Path) -> Allocator:
        return Allocator.load(path, unproven=self._unproven, trusted_key=self._trusted_key)

    async def roll_back(self) -> Allocator:
        """Decide with the bundle before this one again.

        Raises:
            ProblemError: There is none.
        """
        async with self._swapping:
            if not self._earlier:
                raise ProblemError(409, "There is no earlier bundle to roll back to.")
            self._set(self._earlier.pop())
            self.metrics.swaps.labels("rolled_back").inc()
            return self.allocator

    def kill(self, *, on: bool) -> None:
        """Turn the kill switch: while it is on, the plan answers everything."""
        self.killed = on
        self.metrics.kill_switch.set(int(on))

    def _set(self, allocator: Allocator) -> None:
        self._tell_bundle(0)
        self.allocator = allocator
        self._tell_bundle(1)

    def _tell_bundle(self, value: int) -> None:
        manifest = self.allocator.bundle.manifest
        self.metrics.expect_bundle(self.allocator)
        self.metrics.bundle.labels(self.allocator.address, manifest.name, manifest.version).set(value)

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
            return await self.commit.append(*entries)
        except RefusedEntryError as error:
            raise ProblemError(422, str(error)) from error
        except StoreError as error:
            if self.allocator.bundle.guardrails.on_store_failure == "fallback":
                self.metrics.store_failures.labels("fallback").inc(len(entries))
                return error
            self.metrics.store_failures.labels("refused").inc(len(entries))
            raise ProblemError(503, f"The decision cannot be stored, so it is not told: {error}") from error

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


def _decide(
    allocator: Allocator,
    batch: Batch,
    key: str,
    body: bytes,
    episodes: Sequence[str],
    steps: Sequence[int],
    *,
    killed: bool,
    actor: str,
) -> tuple[Allocation, NewEntry]:
    allocation, request = allocator.decide(batch, kill="plan" if killed else "off"), sha256(body).digest()
    return allocation, decision_entry(
        allocation, allocator, key=key, request=request, episode_ids=episodes, steps=steps, killed=killed, actor=actor
    )
