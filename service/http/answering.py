"""What is told of decisions: stored first, and for an id always what it was told at first."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from xbopt.core.errors import BundleError
from xbopt.service.deciding.allocator import STORE_FAILURE, Allocation, Allocator
from xbopt.service.deciding.requests import AllocationAnswer, Receipt
from xbopt.service.http.bulk import SMALL_ROWS
from xbopt.service.http.decided import Decided, Told, answer
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.problems import OperatorLog, ProblemError, store_reason
from xbopt.service.http.shadow import ShadowRunner
from xbopt.service.store.entries import DecisionEntry, Entry, NewEntry, Stored, request_of
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.interface import Place, RefusedEntryError, StoreError, UncertainStoreError
from xbopt.service.store.recording import allocation_of, decision_entry, decode_decision, receipt_of
from xbopt.service.store.subjects import Label, Subject, Subjects
from xbopt.service.store.withdrawals import Withdrawals

_LOOK_SECONDS = 0.25
"""How long a store that took no decision may take to say what it knows of the id."""
_UNTOLD = Stored("unwanted", b"")


class Answering:
    """Stores decisions, and knows what was told for an id: by the store, or by the plan while the store failed.

    Args:
        commit: The store.
        metrics: Where to count.
        log: Where to say what only the operator may know.
        shadow: Decides beside what is stored.
    """

    def __init__(
        self, commit: GroupCommit, metrics: Metrics, log: OperatorLog, shadow: ShadowRunner | None = None
    ) -> None:
        self._commit, self._metrics, self._log, self._shadow = commit, metrics, log, shadow
        self.subjects = Subjects(commit)
        self.withdrawals = Withdrawals(commit, on_stored=self._remember)
        self.stored_at = float("-inf")
        """When a decision was stored last, by the clock of the loop."""

    async def tell(self, decided: Sequence[Decided], allocator: Allocator) -> tuple[Label, list[Told]]:
        """Store decisions; gives the names of the bundle that is served, and what is to be told of each.

        Args:
            decided: Decisions that are told together, or not at all.
            allocator: Who made them.

        Raises:
            ProblemError: An id stands for another request; none of them is stored. Or they cannot be stored, and the
                guardrails say to refuse, or it cannot be found out what was told for an id.
            StoreError: A bundle that decided cannot be read.
        """
        own = self.subjects.serve(allocator.address, allocator.bundle.schema)
        entries = [one.entry for one in decided]
        _check_ids(entries)
        told = [self._told_by_plan(entry) for entry in entries]
        rest = [one for one, before in zip(decided, told, strict=True) if before is None]
        found = iter(await self._store(rest, allocator) if rest else ())
        states = [
            next(found) if before is None else (one.allocation, before)
            for one, before in zip(decided, told, strict=True)
        ]
        read: list[tuple[Told, bool]] = []
        for entry, (allocation, stored) in zip(entries, states, strict=True):
            read.append(await self._read(entry, allocation, stored, own))
            if not len(read) % SMALL_ROWS:
                await asyncio.sleep(0)  # Others are answered in between.
        # All of it can be told: from here on it counts.
        for entry, (_, stored), (one, again) in zip(entries, states, read, strict=True):
            if again:
                self._metrics.repeated(one.allocation)
            else:
                self._count(one.allocation, entry.key, allocator, is_stored=bool(stored.seq))
        return own, [one for one, _ in read]

    async def tell_stored(self, entry: Entry, decided: Allocation | None, allocator: Allocator) -> AllocationAnswer:
        """What is told of a decision that somebody stored together with what it belongs to.

        Args:
            entry: The decision in the store.
            decided: The decision, where it was made just now; None where it was told before.
            allocator: Who decides now, and made it just now.

        Raises:
            StoreError: The bundle that decided cannot be read.
        """
        own = self.subjects.serve(allocator.address, allocator.bundle.schema)
        earlier = decode_decision(entry.payload)
        label = own if earlier.bundle == own.address else await self.subjects.label(earlier.bundle)
        told = Told(allocation_of(earlier, label.schema), label, Receipt(entry.seq, entry.hash.hex()))
        self.subjects.remember(entry.key, Subject.of(entry.key, earlier))
        if decided is None:
            self._metrics.repeated(told.allocation)
        else:
            self.stored_at = asyncio.get_running_loop().time()
            self._count(decided, entry.key, allocator, is_stored=True)
        return answer(told, own)

    def _count(self, allocation: Allocation, key: str, allocator: Allocator, *, is_stored: bool) -> None:
        """Count a decision that is told for the first time, and let the shadow decide beside."""
        if is_stored and self._shadow is not None:
            self._shadow.compare(allocation, key, allocator)
        self._metrics.decided(allocation, allocator)

    def unstored(self, what: str, error: StoreError) -> ProblemError:
        """What a client is told of a store that refuses; the operator hears more."""
        self._log.note(f"{what}: {error}")
        return ProblemError(503, f"{what}: the store refuses, because {store_reason(error)}.")

    def refused(self, error: RefusedEntryError) -> ProblemError:
        """What a client is told of an entry that no store takes; the operator hears more."""
        self._log.note(str(error))
        return ProblemError(422, "The store takes no entry with such a name or text, ever.")

    async def _store(self, decided: Sequence[Decided], allocator: Allocator) -> list[tuple[Allocation, Stored]]:
        """Store decisions, all of them or none; gives what is to be told of each, and where it stands."""
        entries = [one.entry for one in decided]
        self.withdrawals.begin(entries)
        is_told = late = False
        try:
            stored = await self._commit.append(*entries, together=True)
            settled = self._settle(decided, stored, allocator.address)
            is_told = True
            return [(one.allocation, state) for one, state in zip(decided, settled, strict=True)]
        except RefusedEntryError as error:
            raise self.refused(error) from error
        except StoreError as error:
            self.stored_at, late = float("-inf"), isinstance(error, UncertainStoreError)
            if allocator.bundle.guardrails.on_store_failure != "fallback":
                self._metrics.store_failures.labels("refused").inc(len(entries))
                raise self.unstored("The decision cannot be stored, so it is not told", error) from error
            told = await self._fall_back(decided, allocator, error)
            is_told = True
            return told
        finally:
            self.withdrawals.end(entries, told=is_told, late=late)

    def _settle(self, decided: Sequence[Decided], stored: Sequence[Stored], address: str) -> list[Stored]:
        """What counts of what the store says: the plan may have answered meanwhile."""
        for one, state in zip(decided, stored, strict=True):
            if state.state == "known":
                _check_request(one.entry, state.payload)
        settled = [self._told_by_plan(one.entry) or state for one, state in zip(decided, stored, strict=True)]
        for one, state in zip(decided, settled, strict=True):
            if state.state == "known" and state.payload != one.entry.payload:
                self._remember(one.entry.key, state)
            elif state.seq:
                batch = one.allocation.batch
                rows = None if batch.decision_ids == [one.entry.key] else len(batch)
                active = b"" if batch.active is None else batch.active.tobytes()
                self.subjects.remember(one.entry.key, Subject(bundle=address, rows=rows, active=active))
        if any(state.state == "new" for state in stored):
            self.stored_at = asyncio.get_running_loop().time()
        return settled

    async def _fall_back(
        self, decided: Sequence[Decided], allocator: Allocator, failure: StoreError
    ) -> list[tuple[Allocation, Stored]]:
        """The plan's answers instead of decisions, but for ids that were told something before.

        They are stored as soon as the store takes them, and count from then on.
        """
        found = await self._look([one.entry.key for one in decided])
        planned: list[Allocation] = []
        for one in decided:
            planned.append(allocator.by_plan(one.allocation.batch, STORE_FAILURE, kill=one.allocation.kill))
            if not len(planned) % SMALL_ROWS:
                await asyncio.sleep(0)
        # From here on nobody else is answered until it is known what was told for each.
        for one in decided:
            entry = one.entry
            state = self._told_by_plan(entry) or found.get(entry.key)
            if state is not None:
                _check_request(entry, state.payload)
            elif self.subjects.knows(entry.key):
                self._metrics.store_failures.labels("refused").inc(len(decided))
                raise self.unstored(f"The id {entry.key!r} is stored, and what was told cannot be read now", failure)
        self._log.note(f"The plan answers, because decisions cannot be stored: {failure}")
        uncertain = isinstance(failure, UncertainStoreError)
        told: list[tuple[Allocation, Stored]] = []
        for one, allocation in zip(decided, planned, strict=True):
            entry = one.entry
            state = self._told_by_plan(entry) or found.get(entry.key)
            if state is None:
                self.withdrawals.add(_as_told(allocation, allocator, entry), entry, uncertain=uncertain)
                self._metrics.store_failures.labels("fallback").inc()
            elif state.seq:
                self._remember(entry.key, state)
            told.append((allocation, _UNTOLD) if state is None else (one.allocation, state))
        return told

    async def _look(self, keys: Sequence[str]) -> dict[str, Stored]:
        """What the store holds under names, as far as it can be read: a full or locked one often can."""
        decisions: list[Place] = [("decision", key) for key in keys]
        withdrawals: list[Place] = [("withdrawal", key) for key in keys]
        places = decisions + withdrawals
        try:
            found = await asyncio.wait_for(self._commit.find_all(places), _LOOK_SECONDS)
        except (StoreError, TimeoutError):
            return {}
        # A withdrawal comes after, and counts in the decision's place.
        entries = {key: found[kind, key] for kind, key in places if (kind, key) in found}
        return {key: Stored("known", entry.payload, entry.seq, entry.hash) for key, entry in entries.items()}

    async def _read(self, entry: NewEntry, allocation: Allocation, stored: Stored, own: Label) -> tuple[Told, bool]:
        """What is told of an entry, and whether it was told before."""
        if stored.state != "known" or stored.payload == entry.payload:
            return Told(allocation, own, receipt_of(stored)), False
        earlier = decode_decision(stored.payload)
        label = own if earlier.bundle == own.address else await self.subjects.label(earlier.bundle)
        return Told(allocation_of(earlier, label.schema), label, receipt_of(stored)), True

    def _told_by_plan(self, entry: NewEntry) -> Stored | None:
        """What the plan answered under an id, if the store may not know of it yet."""
        payload = self.withdrawals.find(entry.key)
        if payload is None:
            return None
        _check_request(entry, payload)
        return Stored("known", payload)

    def _remember(self, key: str, stored: Stored) -> None:
        with suppress(BundleError):  # Whoever asks for it hears that it cannot be read.
            if stored.seq:
                self.subjects.remember(key, Subject.of(key, decode_decision(stored.payload)))


def _as_told(planned: Allocation, allocator: Allocator, decided: NewEntry) -> NewEntry:
    """The plan's answer instead of a decision, as an entry."""
    asked: DecisionEntry = decode_decision(decided.payload)
    return decision_entry(
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


def _check_ids(entries: Sequence[NewEntry]) -> None:
    """Whether ids stand for one request each.

    Raises:
        ProblemError: One does not.
    """
    requests: dict[str, bytes] = {}
    for entry in entries:
        if requests.setdefault(entry.key, entry.identity) != entry.identity:
            raise _conflict(entry.key)


def _check_request(entry: NewEntry, earlier: bytes) -> None:
    """Whether what stands under an id answers the same request.

    Raises:
        ProblemError: It does not.
    """
    if request_of(earlier) != entry.identity:
        raise _conflict(entry.key)


def _conflict(key: str) -> ProblemError:
    return ProblemError(409, f"The id {key!r} stands for another request; give every decision its own.")
