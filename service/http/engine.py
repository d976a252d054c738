"""The service behind HTTP: bundles that can be swapped, decisions that are stored before they are told."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import time_ns

import msgspec
import numpy as np

from xbopt.core.errors import XboptError
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.draws import new_decision_id
from xbopt.service.deciding.reading import Batch
from xbopt.service.deciding.requests import AllocationAnswer, AllocationRequest, KillMode, Outcome
from xbopt.service.http.bulk import SMALL_ROWS, BulkThread
from xbopt.service.http.kill_switch import KillSwitch
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import OperatorLog, ProblemError, store_reason
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.entries import DecisionEntry, NewEntry, OutcomeEntry, Stored
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import StoreError
from xbopt.service.store.recording import (
    administration_entry,
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
        trusted_key: Public key that must have signed bundles that are swapped in.
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
        trusted_key: str | None = None,
        shadow: Allocator | None = None,
    ) -> None:
        self.allocator, self.commit, self.metrics = allocator, commit, metrics
        self._unproven, self._trusted_key = unproven, trusted_key
        self._earlier: list[Allocator] = []
        self._loading, self._rollbacks = False, 0
        self._changing = asyncio.Lock()
        self.ready = False
        self.log = OperatorLog()
        self.bulk = BulkThread()
        self.kill_switch = KillSwitch(commit, metrics, self.log)
        self.stored_at = float("-inf")
        """When a decision was stored last, by the clock of the loop."""
        self._shadow = None if shadow is None else ShadowRunner(shadow, commit, metrics)
        if shadow is not None:
            _same_requests(allocator, shadow)

    async def start(self) -> None:
        """Write down which bundle decides, and read how the kill switch stands; the service is ready after that.

        Raises:
            StoreError: The store does not take it.
        """
        allocator = self.allocator
        await self.commit.append(
            bundle_entry(allocator), administration_entry("start", actor="", bundle=allocator.address)
        )
        await self.kill_switch.follow()
        self._tell_bundle(1)
        self.ready = True

    async def stop(self) -> None:
        """Store what waits, and end."""
        self.ready = False
        await self.kill_switch.stop()
        self.bulk.close()
        if self._shadow is not None:
            await self._shadow.stop()
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
        decide = partial(_decide_each, allocator, kill=self.kill_switch.mode, actor=actor)
        decided = decide(requests) if len(requests) <= SMALL_ROWS else await self.bulk.each(requests, decide)
        stored = await self._store([entry for _, entry in decided])
        if stored is None:
            return [self._planned(allocation.batch, allocator) for allocation, _ in decided]
        answers: list[AllocationAnswer] = []
        for (allocation, entry), one in zip(decided, stored, strict=True):
            told, address = allocation, allocator.address
            if one.state == "known" and one.payload != entry.payload:
                earlier = self._known(one, entry)
                told, address = allocation_of(earlier, allocator.bundle.schema), earlier.bundle
            elif self._shadow is not None:
                self._shadow.compare(allocation, entry.key, allocator)
            self.metrics.decided(told.source, told.guardrails)
            answers.append(answer_of(told, 0, allocator, bundle=address, currency=allocator.currency, stored=True))
            if not len(answers) % SMALL_ROWS:
                await asyncio.sleep(0)  # Others are answered in between.
        return answers

    async def allocate_batch(
        self, batch: Batch, *, key: str, body: bytes, episode_ids: Sequence[str], steps: Sequence[int], actor: str = ""
    ) -> tuple[Allocation, str, bool]:
        """Decide for a batch that is stored as one entry.

        Args:
            batch: What is known.
            key: Name of the batch.
            body: The request's body, by which it is known again.
            episode_ids: ``(B,)``; each its own where empty.
            steps: ``(B,)``.
            actor: Name of the token; empty for none.

        Returns:
            The decisions, the content address of the bundle, and whether they are stored.

        Raises:
            RequestError: The guardrails refuse the inputs.
            ProblemError: The batch cannot be stored, or its id stands for another batch.
        """
        allocator, kill = self.allocator, self.kill_switch.mode
        # A large batch must not hold up the others.
        allocation, entry = await self.bulk.run(
            lambda: _decide(allocator, batch, key, body, episode_ids, steps, kill=kill, actor=actor)
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

    async def outcomes(self, outcomes: Sequence[Outcome], *, actor: str = "") -> list[str]:
        """Store outcomes; gives for each ``new`` or ``known``.

        Args:
            outcomes: What decisions brought.
            actor: Name of the token; empty for none.

        Raises:
            ProblemError: An outcome has no decision, contradicts what is stored, or cannot be stored.
        """
        entries = [self._outcome(outcome, actor) for outcome in outcomes]
        try:
            stored = await self.commit.append(*entries)
        except StoreError as error:
            self.metrics.store_failures.labels("refused").inc()
            raise self._unstored("The outcomes cannot be stored", error) from error
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

    def _outcome(self, outcome: Outcome, actor: str) -> NewEntry:
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
            actor=actor,
        )
        key = f"{outcome.decision_id}|{outcome.unit}|{outcome.revision}"
        # A decision of a batch is named batch/row; the batch is what is stored.
        return NewEntry("outcome", key, msgspec.msgpack.encode(entry), requires=outcome.decision_id.split(_ROW_SIGN)[0])

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
                    self.metrics.swaps.labels("unchanged").inc()
                    return self.allocator
                _same_requests(self.allocator, new)
                entry = administration_entry("swap", actor=actor, bundle=new.address, detail=self.allocator.address)
                await self.commit.append(bundle_entry(new), entry)
                self._earlier = [*self._earlier, self.allocator][-_KEPT_BUNDLES:]
                self._set(new)
                self.metrics.swaps.labels("swapped").inc()
                return new
        except XboptError:
            self.metrics.swaps.labels("refused").inc()
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
        self._rollbacks += 1
        async with self._changing:
            if not self._earlier:
                raise ProblemError(409, "This process has decided with no earlier bundle; swap one in by its name.")
            earlier = self._earlier[-1]
            entry = administration_entry("rollback", actor=actor, bundle=earlier.address, detail=self.allocator.address)
            await self.commit.append(entry)
            self._earlier.pop()
            self._set(earlier)
            self.metrics.swaps.labels("rolled_back").inc()
            return earlier

    async def kill(self, mode: KillMode, *, actor: str = "") -> None:
        """Turn the kill switch: off, or the plan answers everything, or nothing is spent.

        Raises:
            StoreError: As ``KillSwitch.turn``.
        """
        await self.kill_switch.turn(
            mode, administration_entry("kill_switch", actor=actor, bundle=self.allocator.address, detail=mode)
        )

    async def note_tokens(self, number: int) -> None:
        """Write down that the tokens were read anew."""
        entry = administration_entry("tokens", actor="", bundle=self.allocator.address, detail=f"{number} tokens")
        try:
            await self.commit.append(entry)
        except StoreError as error:
            self.log.note(f"That the tokens were read anew cannot be written down: {error}")

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
            stored = await self.commit.append(*entries)
        except StoreError as error:
            self.stored_at = float("-inf")
            if self.allocator.bundle.guardrails.on_store_failure == "fallback":
                self.metrics.store_failures.labels("fallback").inc(len(entries))
                self.log.note(f"The plan answers, because decisions cannot be stored: {error}")
                return None
            self.metrics.store_failures.labels("refused").inc(len(entries))
            raise self._unstored("The decision cannot be stored, so it is not told", error) from error
        if any(one.state == "new" for one in stored):
            self.stored_at = asyncio.get_running_loop().time()
        return stored

    def _unstored(self, what: str, error: StoreError) -> ProblemError:
        self.log.note(f"{what}: {error}")
        return ProblemError(503, f"{what}: the store refuses, because {store_reason(error)}.")

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
    kill: KillMode,
    actor: str,
) -> tuple[Allocation, NewEntry]:
    allocation, request = allocator.decide(batch, kill=kill), sha256(body).digest()
    return allocation, decision_entry(
        allocation,
        allocator,
        key=key,
        request=request,
        episode_ids=episodes,
        steps=steps,
        killed=kill != "off",
        actor=actor,
    )


def _decide_each(
    allocator: Allocator, requests: Sequence[AllocationRequest], *, kill: KillMode, actor: str
) -> list[tuple[Allocation, NewEntry]]:
    decided: list[tuple[Allocation, NewEntry]] = []
    for request in requests:
        key = request.decision_id or new_decision_id()
        batch = allocator.reader.one(request, key)
        step = request.day if request.step is None else request.step
        decided.append(
            _decide(allocator, batch, key, _encode(request), (request.episode_id,), (step,), kill=kill, actor=actor)
        )
    return decided


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
    # Whoever tells it again need not be who told it first.
    right = msgspec.structs.replace(msgspec.msgpack.decode(new, type=OutcomeEntry), actor=left.actor)
    if outcome.ready_at is None:
        right = msgspec.structs.replace(right, ready_us=left.ready_us)
    return left == right
