"""Campaigns worked on in threads: what the routes ask for, in the words of the routes."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, tzinfo
from hashlib import sha256

import msgspec

from xbopt.campaigns.actuals.sources import named_as_before
from xbopt.campaigns.advice.status import Status, status_of
from xbopt.campaigns.booking.account import zone_named
from xbopt.campaigns.books.campaign_book import CampaignBook, EventStore, is_first, is_name
from xbopt.campaigns.books.events import (
    Closed,
    Event,
    PlanBytes,
    Proposed,
    RolledOut,
    ToldActuals,
    ToldFile,
    Withdrawn,
    read_event,
)
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.http.answers import campaign_stands, money_of, plan_arrays, proposal_stands
from xbopt.campaigns.http.asked import (
    Approve,
    AskDecision,
    AskProposal,
    Close,
    OpenCampaign,
    RollOut,
    TellActuals,
    Withdraw,
)
from xbopt.campaigns.http.bodies import CampaignListed, CampaignStands, CampaignStatus, Money, Proposal, Written
from xbopt.campaigns.http.deciding import DayDecided, DayDecisions, arm_propensity, check_bundle, check_served
from xbopt.campaigns.http.proposing import Proposer, ServedPolicy, proposed_as_stands
from xbopt.campaigns.http.reading import actual_day, day_of, plan_of, scenario_of
from xbopt.campaigns.http.rewards import Rewards
from xbopt.campaigns.mornings import Mornings
from xbopt.campaigns.opening import SERVED, DecidingPolicy, cut_sentences, opening
from xbopt.campaigns.rollout import roll_out_figures
from xbopt.campaigns.standing import Standing
from xbopt.core.errors import CampaignError, OverspendError, UsageError
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import KillMode, Receipt
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import CampaignEntry, Entry, Happened, campaign_key
from xbopt.service.store.interface import Place, StoreError
from xbopt.service.store.recording import decode_entry

_MOST_STATUSES = 64
_TIMES = 3
"""How often a proposal is worked out where its money goes elsewhere meanwhile."""


Clock = Callable[[tzinfo], date]
"""The day that it is in a time zone."""
StatusTeller = Callable[[Standing, Status], Mapping[str, object]]
"""A status as a JSON document."""


def by_the_clock(zone: tzinfo) -> date:
    """The day that it is in a time zone."""
    return datetime.now(zone).date()


class CampaignWork:
    """Does what the routes of campaigns ask for; several threads may, each campaign's writing by one at a time.

    Every method raises ``ProblemError`` (404) where there is no such campaign, ``CampaignError`` or ``OverspendError``
    where what is asked does not fit where it stands, and ``StoreError`` where the store fails.

    Args:
        store: The store.
        tell_status: Puts a status into words.
        propose: Proposes days.
        today: The day of asking.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        tell_status: StatusTeller,
        propose: Proposer = proposed_as_stands,
        today: Clock = by_the_clock,
    ) -> None:
        self._store, self._tell_status, self._propose, self._today = store, tell_status, propose, today
        self._book, self._mornings, self._rewards = CampaignBook(store), Mornings(), Rewards(store)
        self._decisions = DayDecisions(self._book, store, self._mornings)
        self._statuses: OrderedDict[tuple[str, int, int], CampaignStatus] = OrderedDict()
        self._listed: list[CampaignListed] = []
        self._listed_until = 0

    def open(self, asked: OpenCampaign, allocator: Allocator, actor: str) -> Written:
        """Begin a campaign.

        Raises:
            ScenarioError: The scenario cannot be used.
            CampaignError: The name is taken, or the bundle is for another scenario.
            XboptError: The plan cannot be used.
        """
        market = self._mornings.market(scenario_of(asked.scenario))
        policy = None
        if asked.decides == "policy":
            check_bundle(asked.name, market.scenario, allocator)
            manifest = allocator.bundle.manifest
            policy = DecidingPolicy(name=manifest.name, source=SERVED, address=manifest.content_address)
        event = opening(market, plan_of(asked.plan, market), policy=policy, four_eyes=asked.four_eyes)
        record = self._book.open(asked.name, event, actor=actor, request=asked.request, digest=_digest(asked))
        return msgspec.structs.replace(
            self._written(record, 1, "opened", _digest(asked)), notes=list(cut_sentences(record.opened))
        )

    def tell(self, name: str, asked: TellActuals, actor: str) -> Written:
        """Take what really came.

        Raises:
            UsageError: A figure does not fit the campaign.
        """
        record = self._known(name)
        # What answers a request already is not read again: days that were over then are over now by any clock.
        new = None if asked.request in record.requests else self._actuals(record, asked)

        def told(_: CampaignRecord) -> Event:
            assert new is not None, "the book does not ask again for what answers a request"
            return new

        record = self._book.add(name, told, actor=actor, request=asked.request, digest=_digest(asked))
        number = record.requests.get(asked.request, record.number)
        entry, stored = self._event(name, number, "actuals", _digest(asked))
        if number not in record.known.events:
            raise ProblemError(
                409,
                f"What the request {asked.request!r} told (event {number}) was withdrawn, so nothing of it counts. "
                "Where it is to count after all, tell it under another name of the request.",
            )
        event = read_event(stored)
        assert isinstance(event, ToldActuals), "it says so"
        return Written(
            campaign=name, event=number, receipt=_receipt(entry), money=self._money(record),
            notes=event.notes[len(asked.notes) :],
        )  # fmt: skip

    def _actuals(self, record: CampaignRecord, asked: TellActuals) -> ToldActuals:
        """What is told, as the event of it.

        Raises:
            UsageError: A figure does not fit the campaign.
        """
        market = self._mornings.market(record.scenario)
        today, zone = self._today(zone_named(asked.zone)), asked.zone
        days = [actual_day(record, one, market, today, zone) for one in asked.days]
        twice = [one for one, count in Counter((one.date, one.source) for one in asked.days).items() if count > 1]
        if twice:
            raise UsageError(f"{' by '.join(filter(None, twice[0]))} is told twice; tell each day of a source once.")
        days, same = named_as_before(days, record.known.tellings, record.name)
        files = [ToldFile(name=one.name, sha256=one.sha256, profile=one.profile, rows=one.rows) for one in asked.files]
        notes = [*asked.notes, *(note.sentence for note in same)]
        return ToldActuals(days=[one.to_bytes() for one in days], files=files, notes=notes)

    def withdraw(self, name: str, asked: Withdraw, actor: str) -> Written:
        """Take back what an event told."""
        return self._add(name, lambda _: Withdrawn(event=asked.event, reason=asked.reason), "withdrawn", actor, asked)

    def propose(self, name: str, asked: AskProposal, allocator: Allocator, kill: KillMode, actor: str) -> Proposal:
        """Propose days, and reserve their money.

        Raises:
            PolicyError: The bundle gives no answer.
        """
        record = self._known(name)
        for left in reversed(range(_TIMES)):
            if asked.request and asked.request in record.requests:
                break
            try:
                made = self._proposed(record, asked, allocator, kill)
                record = self._book.add(name, made, actor=actor, request=asked.request, digest=_digest(asked))
                break
            except OverspendError:
                # While it was worked out, others were granted money that it counted on.
                now = self._known(name)
                if not left or now.number == record.number:
                    raise
                record = now
        entry, told = self._event(name, record.requests.get(asked.request, record.number), "proposed", _digest(asked))
        event = read_event(told)
        assert isinstance(event, Proposed), "it says so"
        one = record.proposal(event.proposal)
        return Proposal(
            campaign=name, stands=proposal_stands(record, one), plan=plan_arrays(one.days), receipt=_receipt(entry)
        )

    def _proposed(
        self, record: CampaignRecord, asked: AskProposal, allocator: Allocator, kill: KillMode
    ) -> Callable[[CampaignRecord], Event]:
        """Work a proposal out; what is given makes the event of it."""
        this_day = self._this_day(record)
        first = record.open_from(this_day) if asked.first is None else day_of(record, asked.first)
        end = record.scenario.days if asked.until is None else day_of(record, asked.until) + 1
        record.check_days(first, end, this_day)
        policy = None
        if record.opened.decides == "policy":
            check_served(record, allocator)
            policy = ServedPolicy(allocator, record, first, kill)
        found = self._propose(Standing(record, mornings=self._mornings), first, end, policy)
        known = record.known_until

        def proposed(now: CampaignRecord) -> Event:
            return Proposed(
                proposal=now.next_proposal, days=PlanBytes.of(found.days), knows_until=known, figures=found.figures
            )

        return proposed

    def approve(self, name: str, asked: Approve, actor: str) -> Written:
        """Make a proposal the plan of its days."""
        self._known(name)
        record = self._book.approve(
            name, asked.proposal, actor=actor, request=asked.request, digest=_digest(asked), today=self._today(UTC)
        )
        return self._written(record, record.requests.get(asked.request, record.number), "approved", _digest(asked))

    def roll_out(self, name: str, asked: RollOut, actor: str) -> Written:
        """Let the policy take another share of the decisions."""

        def rolled(record: CampaignRecord) -> Event:
            if record.opened.decides == "plan":
                raise CampaignError(f"{name} is decided by its plan; there is no policy to share decisions with.")
            return RolledOut(share=asked.share, reason=asked.reason)

        return self._add(name, rolled, "rolled_out", actor, asked)

    def close(self, name: str, asked: Close, actor: str) -> Written:
        """End a campaign."""

        def closed(record: CampaignRecord) -> Event:
            if not asked.early:
                record.check_over(self._this_day(record))
            return Closed(reason=asked.reason)

        return self._add(name, closed, "closed", actor, asked)

    def decide(
        self, name: str, asked: AskDecision, allocator: Allocator, kill: KillMode, actor: str
    ) -> tuple[DayDecided, float, Money]:
        """Decide a day; see `DayDecisions.decide`. Gives the probability of its arm and the money beside it."""
        record = self._known(name)
        day, this_day = day_of(record, asked.date), self._this_day(record)
        done = self._decisions.decide(name, asked, day, allocator, this_day=this_day, kill=kill, actor=actor)
        return done, arm_propensity(done.event), money_of(done.record, this_day)

    def stands(self, name: str) -> CampaignStands:
        """Where a campaign stands."""
        record = self._known(name)
        if record.opened.decides == "plan":
            return campaign_stands(record, self._this_day(record), None)
        come = self._rewards.come(name)
        record = self._known(name)
        figures = roll_out_figures(record.decisions, self._rewards.of(record, come), record.share)
        return campaign_stands(record, self._this_day(record), figures)

    def status(self, name: str) -> CampaignStatus:
        """How a campaign does; worked out once for as long as nothing happens and the day is the same."""
        record = self._known(name)
        this_day = self._this_day(record)
        key = (name, record.number, this_day)
        if key not in self._statuses:
            standing = Standing(record, mornings=self._mornings)
            told = self._tell_status(standing, status_of(standing, this_day=this_day))
            self._statuses[key] = msgspec.convert(told, CampaignStatus)
            while len(self._statuses) > _MOST_STATUSES:
                self._statuses.popitem(last=False)
        return self._statuses[key]

    def names(self) -> list[CampaignListed]:
        """The campaigns of the store, in the order in which they began."""
        listed, until = list(self._listed), self._listed_until
        for entry in self._store.entries("campaign", after=until):
            until = entry.seq
            if is_first(entry.key):
                first = decode_entry(entry.payload, CampaignEntry)
                at = datetime.fromtimestamp(first.at_us / 1e6, UTC).isoformat(timespec="seconds")
                name = entry.key.rpartition("/")[0]
                listed.append(CampaignListed(campaign=name, opened=at, opened_by=first.actor))
        self._listed, self._listed_until = listed, until
        return listed

    def _this_day(self, record: CampaignRecord) -> int:
        """Today as a day of a campaign's horizon; below 0 before it."""
        return (self._today(UTC) - record.scenario.start).days

    def _money(self, record: CampaignRecord) -> Money:
        return money_of(record, self._this_day(record))

    def _known(self, name: str) -> CampaignRecord:
        record = self._book.find(name) if is_name(name) else None
        if record is None:
            raise ProblemError(404, f"There is no campaign {name[:100]!r}; GET /v1/campaigns lists what there is.")
        return record

    def _add(
        self,
        name: str,
        make: Callable[[CampaignRecord], Event],
        happened: Happened,
        actor: str,
        asked: Withdraw | RollOut | Close,
    ) -> Written:
        self._known(name)
        record = self._book.add(name, make, actor=actor, request=asked.request, digest=_digest(asked))
        return self._written(record, record.requests.get(asked.request, record.number), happened, _digest(asked))

    def _written(self, record: CampaignRecord, number: int, happened: Happened, digest: bytes) -> Written:
        entry, _ = self._event(record.name, number, happened, digest)
        return Written(campaign=record.name, event=number, receipt=_receipt(entry), money=self._money(record))

    def _event(self, name: str, number: int, happened: Happened, digest: bytes) -> tuple[Entry, CampaignEntry]:
        """An event that answered a request, as it stands in the store.

        Raises:
            ProblemError: The request was for something else (409).
        """
        place: Place = ("campaign", campaign_key(name, number))
        found = self._store.find_all([place])
        if place not in found:
            raise StoreError(f"Event {number} of {name} is not in the store any more.")
        told = decode_entry(found[place].payload, CampaignEntry)
        if told.happened != happened or (told.digest and told.digest != digest):
            raise ProblemError(
                409, f"The request {told.request!r} stands for another body; give every request a name of its own."
            )
        return found[place], told


def _digest(asked: msgspec.Struct) -> bytes:
    """What stands for a body: the same for the same content."""
    return sha256(msgspec.json.encode(asked, order="deterministic")).digest()


def _receipt(entry: Entry) -> Receipt:
    return Receipt(entry.seq, entry.hash.hex())
