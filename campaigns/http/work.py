"""Campaigns worked on in threads: what the routes ask for, in the words of the routes."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256

import msgspec
import numpy as np

from xbopt.agents.policies import built_in_policy
from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.sources import named_as_before
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
from xbopt.campaigns.http.bodies import (
    Approve,
    AskDecision,
    AskProposal,
    CampaignListed,
    CampaignStands,
    Close,
    DayTold,
    Figure,
    Money,
    OpenCampaign,
    PlanArrays,
    Proposal,
    RollOut,
    TellActuals,
    Withdraw,
    Written,
)
from xbopt.campaigns.http.deciding import DayDecided, DayDecisions, arm_propensity, check_bundle
from xbopt.campaigns.http.proposing import Proposer, planned_again
from xbopt.campaigns.http.rewards import Rewards
from xbopt.campaigns.mornings import Mornings
from xbopt.campaigns.opening import SERVED, DecidingPolicy, cut_sentences, opening
from xbopt.campaigns.rollout import roll_out_figures
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.documents.document import MISSING, value_at
from xbopt.core.errors import CampaignError, OverspendError, UsageError
from xbopt.core.scenario.loading import load_scenario, read_document, shipped_scenarios
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import KillMode, Receipt
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import CampaignEntry, Entry, Happened, campaign_key
from xbopt.service.store.interface import Place, StoreError
from xbopt.service.store.recording import decode_entry
from xbopt.simulator.parameters import MarketParameters

_FILES = (("uncertainty", "draws"), ("history", "before", "file"))
"""Where a scenario names another file."""
_PLANNED = ("baseline", "uniform", "proportional", "calendar", "greedy_roas")
"""Built-in plans that are made at once."""
_TIMES = 3
"""How often a proposal is worked out where its money goes elsewhere meanwhile."""


def by_the_clock() -> date:
    """The day that it is, UTC."""
    return datetime.now(UTC).date()


class CampaignWork:
    """Does what the routes of campaigns ask for; several threads may, each campaign's writing by one at a time.

    Every method raises ``ProblemError`` (404) where there is no such campaign, ``CampaignError`` or ``OverspendError``
    where what is asked does not fit where it stands, and ``StoreError`` where the store fails.

    Args:
        store: The store.
        propose: Proposes days.
        today: The day of asking, UTC.
    """

    def __init__(
        self, store: EventStore, *, propose: Proposer = planned_again, today: Callable[[], date] = by_the_clock
    ) -> None:
        self._store, self._propose, self._today = store, propose, today
        self._book, self._mornings, self._rewards = CampaignBook(store), Mornings(), Rewards(store)
        self._decisions = DayDecisions(self._book, store, self._mornings)
        self._listed: list[CampaignListed] = []
        self._listed_until = 0

    def open(self, asked: OpenCampaign, allocator: Allocator, actor: str) -> Written:
        """Begin a campaign.

        Raises:
            ScenarioError: The scenario cannot be used.
            CampaignError: The name is taken, or the bundle is for another scenario.
            XboptError: The plan cannot be used.
        """
        market = self._mornings.market(_scenario(asked.scenario))
        policy = None
        if asked.decides == "policy":
            check_bundle(asked.name, market.scenario, allocator)
            manifest = allocator.bundle.manifest
            policy = DecidingPolicy(name=manifest.name, source=SERVED, address=manifest.content_address)
        event = opening(market, _plan(asked.plan, market), policy=policy, four_eyes=asked.four_eyes)
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
        market = self._mornings.market(record.scenario)
        days = [_actual_day(record, one, market, self._today()) for one in asked.days]
        twice = [one for one, count in Counter((one.date, one.source) for one in asked.days).items() if count > 1]
        if twice:
            raise UsageError(f"{' by '.join(filter(None, twice[0]))} is told twice; tell each day of a source once.")
        days, _ = named_as_before(days, record.known.tellings, name)
        files = [ToldFile(name=one.name, sha256=one.sha256, profile=one.profile, rows=one.rows) for one in asked.files]
        event = ToldActuals(days=[one.to_bytes() for one in days], files=files, notes=list(asked.notes))
        return self._add(name, lambda _: event, "actuals", actor, asked)

    def withdraw(self, name: str, asked: Withdraw, actor: str) -> Written:
        """Take back what an event told."""
        return self._add(name, lambda _: Withdrawn(event=asked.event, reason=asked.reason), "withdrawn", actor, asked)

    def propose(self, name: str, asked: AskProposal, actor: str) -> Proposal:
        """Propose days, and reserve their money."""
        record = self._known(name)
        for left in reversed(range(_TIMES)):
            if asked.request and asked.request in record.requests:
                break
            try:
                made = self._proposed(record, asked)
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

    def _proposed(self, record: CampaignRecord, asked: AskProposal) -> Callable[[CampaignRecord], Event]:
        """Work a proposal out; what is given makes the event of it."""
        this_day = self._this_day(record)
        first = record.open_from(this_day) if asked.first is None else _day(record, asked.first)
        end = record.scenario.days if asked.until is None else _day(record, asked.until) + 1
        record.check_days(first, end, this_day)
        found, known = self._propose(Standing(record), first, end), record.known_until

        def proposed(now: CampaignRecord) -> Event:
            return Proposed(
                proposal=now.next_proposal, days=PlanBytes.of(found.days), knows_until=known, figures=found.figures
            )

        return proposed

    def approve(self, name: str, asked: Approve, actor: str) -> Written:
        """Make a proposal the plan of its days."""
        self._known(name)
        record = self._book.approve(
            name, asked.proposal, actor=actor, request=asked.request, digest=_digest(asked), today=self._today()
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
        day, this_day = _day(record, asked.date), self._this_day(record)
        done = self._decisions.decide(name, asked, day, allocator, this_day=this_day, kill=kill, actor=actor)
        return done, arm_propensity(done.event), money_of(done.record)

    def stands(self, name: str) -> CampaignStands:
        """Where a campaign stands."""
        record = self._known(name)
        if record.opened.decides == "plan":
            return campaign_stands(record, None)
        come = self._rewards.come(name)
        record = self._known(name)
        figures = roll_out_figures(record.decisions, self._rewards.of(record, come), record.share)
        return campaign_stands(record, figures)

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
        return (self._today() - record.scenario.start).days

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
        asked: TellActuals | Withdraw | RollOut | Close,
    ) -> Written:
        self._known(name)
        record = self._book.add(name, make, actor=actor, request=asked.request, digest=_digest(asked))
        return self._written(record, record.requests.get(asked.request, record.number), happened, _digest(asked))

    def _written(self, record: CampaignRecord, number: int, happened: Happened, digest: bytes) -> Written:
        entry, _ = self._event(record.name, number, happened, digest)
        return Written(campaign=record.name, event=number, receipt=_receipt(entry), money=money_of(record))

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


@lru_cache(maxsize=16)
def _scenario(text: str) -> Scenario:
    """A scenario by its text, or the name of a shipped one; no other file is read for a client.

    Raises:
        UsageError: It is neither, or names a file.
        ScenarioError: It cannot be used.
    """
    if "\n" not in text:
        if text not in shipped_scenarios():
            raise UsageError(
                f"{text[:100]!r} is no shipped scenario ({', '.join(shipped_scenarios())}); send the text of the file."
            )
        return load_scenario(text)
    data = read_document(text).data
    for path in _FILES:
        if value_at(data, path) is not MISSING:
            raise UsageError(f"The scenario names a file under {'.'.join(path)}; over HTTP it has to hold all itself.")
    return load_scenario(text)


def _plan(asked: str | PlanArrays, market: MarketParameters) -> ScheduledPolicy:
    """A plan by its name or its arrays.

    Raises:
        UsageError: There is none of that name that is made at once, or the arrays are of another shape.
        DecisionError: An array holds what is no number.
    """
    if isinstance(asked, str):
        if asked not in _PLANNED:
            raise UsageError(f"{asked[:100]!r} is no plan that is made at once: {', '.join(_PLANNED)}; or send arrays.")
        return built_in_policy(asked, market)
    try:
        plan = ScheduledPolicy(
            name="plan",
            spend_base=np.array(asked.spend_base, dtype=np.float64),
            daypart_weights=np.array(asked.daypart_weights, dtype=np.float64),
            discount_frac=np.array(asked.discount_frac, dtype=np.float64),
            mechanic=np.array(asked.mechanic, dtype=np.int64),
        )
    except (ValueError, OverflowError) as error:
        raise UsageError(f"The plan has rows of unequal length, or numbers that are too large: {error}.") from error
    days = market.scenario.days
    regions, segments, channels, dayparts = market.shape
    weights = np.broadcast_to(plan.daypart_weights, (days, *plan.daypart_weights.shape))
    if len(plan.spend_base) != days or (plan.spend_base < 0.0).any():
        raise UsageError(f"The plan needs amounts of 0 or more for each of the {days} days.")
    if (plan.daypart_weights < 0.0).any() or (plan.discount_frac < 0.0).any() or (plan.discount_frac > 1.0).any():
        raise UsageError("The plan needs weights of 0 or more for parts of the day, and discounts from 0 to 1.")
    Decision(
        spend_base=plan.spend_base, daypart_weights=weights, discount_frac=plan.discount_frac, mechanic=plan.mechanic
    ).check(regions=regions, segments=segments, channels=channels, dayparts=dayparts)
    return plan


def _actual_day(record: CampaignRecord, told: DayTold, market: MarketParameters, today: date) -> ActualDay:
    day = ActualDay(
        day=_day(record, told.date),
        figures={name: _array(name, one) for name, one in told.figures.items()},
        source=told.source,
    )
    day.check(market)
    if not day.tells_something:
        raise UsageError(f"{told.date} has no figure that is known; leave the day out.")
    if record.scenario.date_of(day.day) > today:
        raise UsageError(
            f"{told.date} is still to come ({today} UTC is today); what it brings is told when it is over."
        )
    return day


def _array(name: str, figure: Figure) -> FloatArray:
    try:
        return np.array(figure, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name[:100]} has rows of unequal length: {error}.") from error


def _day(record: CampaignRecord, text: str) -> int:
    """A day of the campaign by its date.

    Raises:
        UsageError: It is none.
    """
    scenario = record.scenario
    try:
        day = (date.fromisoformat(text) - scenario.start).days
    except ValueError as error:
        raise UsageError(f"{text[:100]!r} is no date such as 2026-11-24.") from error
    if not 0 <= day < scenario.days:
        last = scenario.date_of(scenario.days - 1)
        raise UsageError(f"{text} is no day of {record.name}, which runs from {scenario.start} to {last}.")
    return day
