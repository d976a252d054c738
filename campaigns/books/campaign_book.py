"""Campaigns in a decision store: read, and added to one event at a time.

An event has a number, and a number is taken once: whoever adds the next one has seen all before it. Where somebody else
was faster, nothing is stored, and the caller reads again and decides anew.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

import msgspec

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.events import Approved, Event, Opened, ToldActuals, new_entry, read_event
from xbopt.campaigns.books.record import CampaignRecord, Proposal, begin
from xbopt.core.errors import CampaignConflictError, CampaignError, CampaignRecordError, XboptError
from xbopt.service.store.entries import CampaignEntry, Entry, EntryKind, NewEntry, Stored, campaign_key
from xbopt.service.store.interface import Place
from xbopt.service.store.recording import decode_entry

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_CHUNK = 32


def is_name(text: str) -> bool:
    """Whether a campaign can have a name."""
    return bool(_NAME.fullmatch(text))


def check_name(name: str) -> None:
    """Whether a campaign can have a name.

    Raises:
        CampaignError: It cannot.
    """
    if not is_name(name):
        raise CampaignError(
            f"{name!r} cannot be the name of a campaign: up to 64 letters, digits, dots, dashes and underscores are "
            "taken, the first a letter or digit."
        )


def taken_entry(record: CampaignRecord | None, name: str, new: NewEntry) -> CampaignRecord:
    """Where a campaign stands once a new entry is stored; nothing is stored here.

    Raises:
        CampaignError: The event does not fit.
        OverspendError: It grants money that there is not.
        UsageError: It tells a figure that cannot be.
    """
    entry = decode_entry(new.payload, CampaignEntry)
    if entry.happened == "actuals" and record is not None:
        told = read_event(entry)
        assert isinstance(told, ToldActuals), "it says so"
        for packed in told.days:
            day = ActualDay.from_bytes(packed)
            day.check_ranges(str(record.scenario.date_of(day.day)))
    return begin(name, entry) if record is None else record.after(entry)


class EventStore(Protocol):
    """What a book asks of a store; see `xbopt.service.store.interface.Store`."""

    def append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        """Store entries in one transaction; those of one unit stand together, or not at all."""
        ...

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """Those of the entries that there are."""
        ...

    def entries(self, kind: EntryKind, *, after: int = 0) -> Iterator[Entry]:
        """Entries of a kind that come after a place, in the order of the chain."""
        ...


class WithEntries(NamedTuple):
    """An event, and other entries that are stored with it or not at all; they stand behind it."""

    event: Event
    beside: tuple[NewEntry, ...]


class CampaignBook:
    """The campaigns of a store. What was read is kept: a campaign is caught up with from where it stood.

    Args:
        store: The store. A store for one thread at a time makes this a book for one.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._kept: dict[str, CampaignRecord] = {}
        self._seen: dict[str, int] = {}

    def names(self) -> tuple[str, ...]:
        """Names of all campaigns, in the order in which they began."""
        return tuple(entry.key.rpartition("/")[0] for entry in self._store.entries("campaign") if is_first(entry.key))

    def find(self, name: str) -> CampaignRecord | None:
        """A campaign as it stands now; None where there is none of that name.

        Raises:
            StoreError: The store cannot be read.
            CampaignRecordError: What stands there cannot be read, or contradicts itself.
        """
        record, seq = self._kept.get(name), self._seen.get(name, 0)
        while True:
            number = 0 if record is None else record.number
            places: list[Place] = [("campaign", campaign_key(name, number + 1 + n)) for n in range(_CHUNK)]
            found = self._store.find_all(places)
            for n, place in enumerate(places[: len(found)]):
                # Events are added one after the other, so a gap or another order is the work of somebody else.
                if place not in found or found[place].seq <= seq:
                    raise CampaignRecordError(
                        f"Event {number + 1 + n} of {name} is {'gone' if place not in found else 'out of its place'}: "
                        "the store was changed. xbopt decisions verify says where."
                    )
                record, seq = _read(record, name, found[place]), found[place].seq
            if record is not None:
                self._kept[name], self._seen[name] = record, seq
            if len(found) < _CHUNK:
                return record

    def load(self, name: str) -> CampaignRecord:
        """The same, where it has to be there.

        Raises:
            CampaignError: There is none of that name.
        """
        check_name(name)
        record = self.find(name)
        if record is None:
            known = self.names()
            there = f"; there are: {', '.join(known[:20])}" if known else "; xbopt campaign open begins one"
            raise CampaignError(f"There is no campaign {name!r} in this store{there}.")
        return record

    def open(
        self, name: str, event: Opened, *, actor: str = "", request: str = "", digest: bytes = b""
    ) -> CampaignRecord:
        """Begin a campaign.

        Raises:
            CampaignError: The name cannot be taken, or is.
            OverspendError: The plan spends more than there is.
        """
        check_name(name)
        there = self.find(name)
        if there is not None:
            if request and there.requests.get(request) == 1:
                return there
            raise CampaignError(f"There is a campaign {name!r} already; give this one another name.")
        return self._stored(None, name, event, actor, (request, digest), ())

    def add(
        self,
        name: str,
        make: Callable[[CampaignRecord], Event | WithEntries],
        *,
        actor: str = "",
        request: str = "",
        digest: bytes = b"",
        tries: int = 5,
    ) -> CampaignRecord:
        """Add an event that is made from where the campaign stands; made anew where somebody else was faster.

        Args:
            name: The campaign.
            make: Makes the event, and what stands or falls with it; it may raise.
            actor: Who does it.
            request: Name of the request: where one of that name was answered before, nothing is added.
            digest: SHA-256 of what is asked under that name, which is stored with it.
            tries: How often it is made.

        Raises:
            CampaignConflictError: Others were faster every time.
            CampaignError: The event does not fit where the campaign stands.
            OverspendError: It grants money that there is not.
            StoreError: It could not be stored.
        """
        for attempt in range(tries):
            record = self.load(name)
            if request and request in record.requests:
                return record
            made = make(record)
            event, beside = made if isinstance(made, WithEntries) else (made, ())
            try:
                return self._stored(record, name, event, actor, (request, digest), beside)
            except CampaignConflictError:
                if attempt == tries - 1:
                    raise
        raise AssertionError("the last try returns or raises")

    def approve(
        self,
        name: str,
        proposal: str,
        *,
        actor: str = "",
        request: str = "",
        digest: bytes = b"",
        today: date | None = None,
    ) -> CampaignRecord:
        """Make a proposal the plan of its days; what a policy drew for it is stored in the same transaction.

        Args:
            name: The campaign.
            proposal: Its name.
            actor: Who approves.
            request: As of `add`.
            digest: As of `add`.
            today: Today by the calendar; None asks no clock.

        Raises:
            CampaignError: It cannot be approved, or not by this person, or its first day is over.
            OverspendError: Its money is not there any more.
        """

        def approved(record: CampaignRecord) -> WithEntries:
            asked = record.proposal(proposal)
            record.check_approval(asked, actor)
            _check_open(record, asked, today)
            beside = asked.beside
            entries = tuple(NewEntry(one.kind, one.key, one.payload, identity=one.identity) for one in beside)
            return WithEntries(Approved(proposal=proposal, digest=asked.digest), entries)

        return self.add(name, approved, actor=actor, request=request, digest=digest)

    def _stored(
        self,
        record: CampaignRecord | None,
        name: str,
        event: Event,
        actor: str,
        asked: tuple[str, bytes],
        beside: tuple[NewEntry, ...],
    ) -> CampaignRecord:
        number = 1 if record is None else record.number + 1
        new = new_entry(name, number, event, actor=actor.strip(), request=asked[0], digest=asked[1])
        made = taken_entry(record, name, new)
        unit = [new, *beside]
        if beside:
            unit = [msgspec.structs.replace(one, unit=1) for one in unit]
        stored = self._store.append(unit)
        if stored[0].payload != new.payload:
            raise CampaignConflictError(
                f"Somebody else did something with the campaign {name} at the same moment; nothing of this was "
                "stored. Look at its status, and ask again."
            )
        self._kept[name], self._seen[name] = made, stored[0].seq
        return made


def _check_open(record: CampaignRecord, asked: Proposal, today: date | None) -> None:
    """Whether the days of a proposal can still be granted.

    Raises:
        CampaignError: The first of them is over.
    """
    scenario = record.scenario
    first = record.open_from(None if today is None else (today - scenario.start).days)
    if asked.days.first_day < first:
        raise CampaignError(
            f"The proposal {asked.id} begins on {scenario.date_of(asked.days.first_day)}, and the days up to "
            f"{scenario.date_of(first - 1)} are over: what is granted for them cannot be changed any more. Propose "
            "again, from today on."
        )


def is_first(key: str) -> bool:
    """Whether an event begins a campaign."""
    return key.endswith("/000001")


def _read(record: CampaignRecord | None, name: str, entry: Entry) -> CampaignRecord:
    try:
        told = decode_entry(entry.payload, CampaignEntry)
        return begin(name, told) if record is None else record.after(told)
    except CampaignRecordError:
        raise
    except XboptError as error:
        raise CampaignRecordError(
            f"Event {entry.key} of the store (entry {entry.seq}) does not follow from those before it: {error}"
        ) from error
