"""The service behind HTTP: bundles that can be swapped, decisions that are stored before they are told."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import time_ns

import msgspec
import numpy as np

from xbopt.core.errors import XboptError
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, Outcome
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import ProblemError
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.entries import DecisionEntry, NewEntry, OutcomeEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError
from xbopt.service.store.recording import (
    allocation_of,
    answer_of,
    bundle_entry,
    decision_entry,
    decode_decision,
)

_KEPT_BUNDLES = 3
_encode = msgspec.msgpack.Encoder().encode
_ROW_SIGN = "/"


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
    ) -> None:
        self.allocator, self.commit, self.metrics = allocator, commit, metrics
        self._unproven, self._trusted_key = unproven, trusted_key
        self._earlier: list[Allocator] = []
        self.killed = False
        self.ready = False
        self._swapping = asyncio.Lock()
        self._loading = False
        self._shadow = None if shadow is None else ShadowRunner(shadow, commit, metrics)
        if shadow is not None:
            _same_requests(allocator, shadow)

    async def start(self) -> None:
        """Write down which bundle decides; the service is ready when that is stored.

        Raises:
            StoreError: The store does not take it.
        """
        await self.commit.append(bundle_entry(self.allocator))
        self._tell_bundle(1)
        self.ready = True

    async def stop(self) -> None:
        """Store what waits, and end."""
        self.ready = False
        if self._shadow is not None:
            await self._shadow.stop()
        await self.commit.close()

    async def allocate(self, requests: Sequence[AllocationRequest]) -> list[AllocationAnswer]:
        """Decide for each request by itself; all of them, or none, are answered.

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
                allocator, batch, decision_id, _encode(request), (request.episode_id,), (step,), killed=killed
            )
            made.append(allocation)
            entries.append(entry)
        stored = await self._store(entries)
        if stored is None:
            return [self._planned(allocation.batch, allocator) for allocation in made]
        answers: list[AllocationAnswer] = []
        for allocation, entry, one in zip(made, entries, stored, strict=True):
            told, address = allocation, allocator.address
            if one.state == "known" and one.payload != entry.payload:
                earlier = self._known(one, entry)
                told, address = allocation_of(earlier, allocator.bundle.schema), earlier.bundle
            elif self._shadow is not None:
                self._shadow.compare(allocation, entry.key, allocator)
            self.metrics.decided(told.source, told.guardrails)
            answers.append(answer_of(told, 0, allocator, bundle=address, currency=allocator.currency, stored=True))
        return answers

    async def allocate_batch(
        self, batch: Batch, *, key: str, body: bytes, episode_ids: Sequence[str], steps: Sequence[int]
    ) -> tuple[Allocation, str, bool]:
        """Decide for a batch that is stored as one entry.

        Args:
            batch: What is known.
            key: Name of the batch.
            body: The request's body, by which it is known again.
            episode_ids: ``(B,)``; each its own where empty.
            steps: ``(B,)``.

        Returns:
            The decisions, the content address of the bundle, and whether they are stored.

        Raises:
            RequestError: The guardrails refuse the inputs.
            ProblemError: The batch cannot be stored, or its id stands for another batch.
        """
        allocator, killed = self.allocator, self.killed
        loop = asyncio.get_running_loop()
        # A large batch must not hold up the others.
        allocation, entry = await loop.run_in_executor(
            None, lambda: _decide(allocator, batch, key, body, episode_ids, steps, killed=killed)
        )
        stored = await self._store([entry])
        if stored is None:
            return allocator.by_plan(batch, STORE_FAILURE), allocator.address, False
        address = allocator.address
        if stored[0].state == "known" and stored[0].payload != entry.payload:
            earlier = self._known(stored[0], entry)
            allocation, address = allocation_of(earlier, allocator.bundle.schema), earlier.bundle
        elif self._shadow is not None:
            self._shadow.compare(allocation, key, allocator)
        self.metrics.decided(allocation.source, allocation.guardrails)
        return allocation, address, True

    async def outcomes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Store outcomes; gives for each ``new`` or ``known``.

        Raises:
            ProblemError: An outcome has no decision, contradicts what is stored, or cannot be stored.
        """
        entries = [self._outcome(outcome) for outcome in outcomes]
        try:
            stored = await self.commit.append(*entries)
        except StoreError as error:
            self.metrics.store_failures.labels("refused").inc()
            raise ProblemError(503, f"The outcomes cannot be stored: {error}") from error
        for one in stored:
            self.metrics.outcomes.labels(one.state).inc()
        for outcome, entry, one in zip(outcomes, entries, stored, strict=True):
            if one.state == "orphan":
                raise ProblemError(404, f"There is no decision {outcome.decision_id!r}; other outcomes are stored.")
            if one.state == "known" and not _same_outcome(one.payload, entry.payload, outcome):
                raise ProblemError(
                    409,
                    f"The outcome of {outcome.decision_id!r} in {outcome.unit} is stored with other figures; send a "
                    "correction with a higher revision.",
                )
        return [one.state for one in stored]

    def _outcome(self, outcome: Outcome) -> NewEntry:
        if outcome.unit not in self.allocator.units:
            raise ProblemError(422, f"There is no unit {outcome.unit!r}; known: {', '.join(self.allocator.units[:8])}.")
        if not (np.isfinite(outcome.reward) and np.isfinite(outcome.cost)):
            raise ProblemError(422, "Reward and cost have to be finite numbers.")
        entry = OutcomeEntry(
            decision_id=outcome.decision_id,
            unit=outcome.unit,
            reward=outcome.reward,
            cost=outcome.cost,
            ready_us=time_ns() // 1000 if outcome.ready_at is None else _microseconds(outcome.ready_at),
            revision=outcome.revision,
        )
        key = f"{outcome.decision_id}|{outcome.unit}|{outcome.revision}"
        # A decision of a batch is named batch/row; the batch is what is stored.
        return NewEntry("outcome", key, msgspec.msgpack.encode(entry), requires=outcome.decision_id.split(_ROW_SIGN)[0])

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
                _same_requests(before, new)
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
        self.metrics.bundle.labels(self.allocator.address, manifest.name, manifest.version).set(value)

    async def _store(self, entries: list[NewEntry]) -> list[Stored] | None:
        """Store decisions; None where they cannot be stored and the plan is to answer.

        Raises:
            ProblemError: They cannot be stored and the guardrails say to refuse.
        """
        try:
            return await self.commit.append(*entries)
        except StoreError as error:
            if self.allocator.bundle.guardrails.on_store_failure == "fallback":
                self.metrics.store_failures.labels("fallback").inc(len(entries))
                return None
            self.metrics.store_failures.labels("refused").inc(len(entries))
            raise ProblemError(503, f"The decision cannot be stored, so it is not told: {error}") from error

    def _planned(self, batch: Batch, allocator: Allocator) -> AllocationAnswer:
        """The plan's answer, which is stored nowhere: it needs no propensity, because nothing was drawn."""
        planned = allocator.by_plan(batch, STORE_FAILURE)
        self.metrics.decided(planned.source, planned.guardrails)
        return answer_of(planned, 0, allocator, bundle=allocator.address, currency=allocator.currency, stored=False)

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
) -> tuple[Allocation, NewEntry]:
    allocation, request = allocator.decide(batch, kill=killed), sha256(body).digest()
    return allocation, decision_entry(
        allocation, allocator, key=key, request=request, episode_ids=episodes, steps=steps, killed=killed
    )


def _same_requests(one: Allocator, other: Allocator) -> None:
    """Requests written for one bundle have to fit the other.

    Raises:
        ProblemError: They do not.
    """
    left, right = one.bundle.schema, other.bundle.schema
    for axis in "RSCHFGE":
        if left.axes[axis] != right.axes[axis]:
            raise ProblemError(
                409, f"The bundles differ along the axis {axis}, so requests for one do not fit the other."
            )
    if [(field.name, field.axes) for field in left.asked] != [(field.name, field.axes) for field in right.asked]:
        raise ProblemError(409, "The bundles ask for other inputs, so requests for one do not fit the other.")


def _microseconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProblemError(422, f"ready_at is {text!r}; a time such as 2026-11-24T09:00:00Z is wanted.") from error
    if moment.tzinfo is None:
        raise ProblemError(422, f"ready_at is {text!r}, which has no time zone; add Z or an offset.")
    try:
        return int(moment.astimezone(UTC).timestamp() * 1_000_000)
    except (OverflowError, ValueError) as error:
        raise ProblemError(422, f"ready_at is {text!r}, which no calendar knows.") from error


def _same_outcome(stored: bytes, new: bytes, outcome: Outcome) -> bool:
    left = msgspec.msgpack.decode(stored, type=OutcomeEntry)
    right = msgspec.msgpack.decode(new, type=OutcomeEntry)
    if outcome.ready_at is None:
        right = msgspec.structs.replace(right, ready_us=left.ready_us)
    return left == right
