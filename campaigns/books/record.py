"""Where a campaign stands: what its events add up to."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.events import (
    Approved,
    Booked,
    Closed,
    Decided,
    Event,
    Opened,
    Proposed,
    RolledOut,
    ToldActuals,
    ToldFile,
    Withdrawn,
    read_event,
)
from xbopt.campaigns.books.known_days import KnownDays
from xbopt.campaigns.books.ledger import Ledger
from xbopt.campaigns.books.proposals import Proposal
from xbopt.campaigns.books.scenario_bytes import unpacked_scenario
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignError, CampaignRecordError, OverspendError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.store.entries import CampaignEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecord:
    """A campaign after some events.

    Attributes:
        name: Its name.
        number: Number of its events.
        opened: How it began.
        opened_by: Who opened it.
        opened_us: When.
        scenario: What the seller believed when it began.
        plan: What is done on each day as far as nobody decides otherwise, with all approved proposals in it.
        around: The plan that days ahead are planned around: nothing that was learnt is in it, so nothing counts twice.
        ledger: Its money.
        discount_frac: Discounts as decided, and as planned where nothing is decided ``(T, R, S)``.
        mechanic: Mechanics likewise ``(T, R, S)``.
        proposals: By name, in their order.
        known: What is known of its days.
        files: Files that actuals came from.
        decisions: What a policy decided, in order.
        bookings: What was booked, in order.
        share: Share of decisions that the policy takes.
        closed: Why it ended; None while it runs.
        requests: Number of the event that answered a request, by its name.
    """

    name: str
    number: int
    opened: Opened
    opened_by: str
    opened_us: int
    scenario: Scenario
    plan: ScheduledPolicy
    around: ScheduledPolicy
    ledger: Ledger
    discount_frac: FloatArray
    mechanic: IntArray
    proposals: Mapping[str, Proposal] = field(default_factory=dict[str, Proposal])
    known: KnownDays = field(default_factory=KnownDays)
    files: tuple[ToldFile, ...] = ()
    decisions: tuple[Decided, ...] = ()
    bookings: tuple[Booked, ...] = ()
    share: float = 1.0
    closed: str | None = None
    requests: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def days(self) -> Mapping[int, ActualDay]:
        """What is known, by day."""
        return self.known.days

    @property
    def known_until(self) -> int:
        """Number of days up to the last one of which something is known."""
        return max(self.days, default=-1) + 1

    @property
    def missing_days(self) -> tuple[int, ...]:
        """Days before the last known one of which nothing is known."""
        return tuple(day for day in range(self.known_until) if day not in self.days)

    def open_from(self, this_day: int | None) -> int:
        """The first day that can still be decided: nothing is known of it, and by the clock it is not over.

        Args:
            this_day: Today by the calendar, as a day of the horizon; None asks no clock.
        """
        return max(self.known_until, this_day or 0)

    def over_until(self, this_day: int | None) -> int:
        """Number of days that are over: by what is known, and by the clock while the campaign runs.

        Args:
            this_day: As of `open_from`.
        """
        return self.known_until if self.closed is not None else min(self.open_from(this_day), self.scenario.days)

    def check_days(self, first_day: int, end_day: int, this_day: int | None) -> None:
        """Whether days can be proposed, from one up to another that is left out.

        Args:
            first_day: First of them, from 0.
            end_day: The day after the last one.
            this_day: As of `open_from`.

        Raises:
            CampaignError: The campaign is closed, or the days are over, none, or none of the campaign's.
        """
        scenario, opens = self.scenario, self.open_from(this_day)
        if self.closed is not None:
            raise CampaignError(f"The campaign {self.name} is closed ({self.closed}); nothing is proposed any more.")
        if opens >= scenario.days:
            raise CampaignError(f"All days of {self.name} are over; xbopt campaign close ends it.")
        if not opens <= first_day < end_day <= scenario.days:
            raise CampaignError(
                f"Days from {opens} to {scenario.days - 1} of {self.name} can be proposed ({scenario.date_of(opens)} "
                f"to {scenario.date_of(scenario.days - 1)}); asked were {first_day} to {end_day - 1} "
                f"({scenario.date_of(first_day)} to {scenario.date_of(end_day - 1)})."
            )

    def check_over(self, this_day: int) -> None:
        """Whether nothing is left to be decided, so that the campaign can end.

        Args:
            this_day: Today by the calendar, as a day of the horizon.

        Raises:
            CampaignError: Days are still to come.
        """
        first, days = self.open_from(this_day), self.scenario.days
        if self.closed is None and first < days:
            ahead = float(self.ledger.counted_base[first:].sum())
            raise CampaignError(
                f"{self.name} has {days - first} days to come, with {ahead:,.2f} granted for them; once it is closed "
                "nothing is granted any more, and it does not open again. Say that it ends early where it does."
            )

    @property
    def open_proposal(self) -> Proposal | None:
        """The proposal that waits for approval; None without one."""
        return next((one for one in self.proposals.values() if one.state == "open"), None)

    @property
    def next_proposal(self) -> str:
        """The name that the next proposal gets."""
        return f"p{len(self.proposals) + 1}"

    def proposal(self, name: str) -> Proposal:
        """A proposal by its name.

        Raises:
            CampaignError: There is none of that name.
        """
        if name not in self.proposals:
            known = ", ".join(self.proposals) or "none so far"
            raise CampaignError(f"The campaign {self.name} has no proposal {name!r}; there are: {known}.")
        return self.proposals[name]

    def after(self, entry: CampaignEntry) -> "CampaignRecord":
        """Where it stands after one more event.

        Raises:
            CampaignError: The event does not fit where the campaign stands.
            OverspendError: It grants money that there is not.
            CampaignRecordError: It cannot be read.
        """
        event = read_event(entry)
        if self.closed is not None and not isinstance(event, ToldActuals | Withdrawn):
            raise CampaignError(f"The campaign {self.name} is closed ({self.closed}); only actuals are taken.")
        made = self._after(event, entry)
        requests = {**self.requests, entry.request: self.number + 1} if entry.request else self.requests
        return replace(made, number=self.number + 1, requests=requests)

    def _after(self, event: Event, entry: CampaignEntry) -> "CampaignRecord":
        match event:
            case ToldActuals():
                return self._told(event)
            case Withdrawn():
                return self._withdrawn(event)
            case Proposed():
                return self._proposed(event, entry)
            case Approved():
                return self._approved(event, entry)
            case Booked():
                return replace(self, bookings=(*self.bookings, event))
            case Decided():
                return self._decided(event)
            case RolledOut():
                return replace(self, share=event.share)
            case Closed():
                return replace(self, closed=event.reason, ledger=self.ledger.without_reserved())
            case Opened():
                raise CampaignError(f"The campaign {self.name} is open already.")

    def _decided(self, event: Decided) -> "CampaignRecord":
        days = self._fitting(event.days.days())
        names = [f"{region}/{segment}" for region in self.scenario.regions for segment in self.scenario.segments]
        asked = np.array([not event.units or name in event.units for name in names])
        asked = asked.reshape(self.plan.discount_frac.shape[1:])
        there = slice(days.first_day, days.end_day)
        discount, mechanic = self.discount_frac.copy(), self.mechanic.copy()
        discount[there] = np.where(asked, days.discount_frac, discount[there])
        mechanic[there] = np.where(asked, days.mechanic, mechanic[there])
        return replace(
            self,
            decisions=(*self.decisions, event),
            ledger=self.ledger.with_added(days),
            discount_frac=discount,
            mechanic=mechanic,
        )

    def _told(self, event: ToldActuals) -> "CampaignRecord":
        days = [ActualDay.from_bytes(packed) for packed in event.days]
        wrong = next((one.day for one in days if not -1 <= one.day < self.scenario.days), None)
        if wrong is not None:
            raise CampaignError(f"Day {wrong} is none of the {self.scenario.days} days of {self.name}.")
        known = self.known.after(self.number + 1, days, [one.sha256 for one in event.files])
        return replace(
            self,
            known=known,
            ledger=self._reconciled(known, known.told_by(self.number + 1)),
            files=(*self.files, *event.files),
        )

    def _withdrawn(self, event: Withdrawn) -> "CampaignRecord":
        known = self.known.without(event.event)
        return replace(self, known=known, ledger=self._reconciled(known, self.known.told_by(event.event)))

    def _reconciled(self, known: KnownDays, days: Iterable[int]) -> Ledger:
        """The ledger as what is known of some days says, with what the open proposal reserves where it fits in the end.

        Between two days of one correction it may not fit, and after a withdrawal it may fit again.
        """
        ledger = self.ledger.without_reserved()
        for day in sorted(days):
            told = known.days.get(day)
            if told is not None and "spend_base" in told.figures and day >= 0:
                ledger = ledger.with_known(told)
            elif day >= 0 and ledger.has_spent[day]:
                ledger = ledger.without_spent(day)
        waits = self.open_proposal if self.closed is None else None
        return ledger if waits is None else ledger.with_reserved_if_it_fits(waits.days)

    def _proposed(self, event: Proposed, entry: CampaignEntry) -> "CampaignRecord":
        days = self._fitting(event.days.days())
        made = Proposal(
            id=event.proposal,
            days=days,
            by=entry.actor,
            at_us=entry.at_us,
            knows_until=event.knows_until,
            figures=event.figures,
            beside=tuple(event.beside),
            around=event.around,
        )
        if event.proposal in self.proposals:
            raise CampaignError(f"There is a proposal {event.proposal} of {self.name} already.")
        earlier = {
            name: replace(one, state="superseded") if one.state == "open" else one
            for name, one in self.proposals.items()
        }
        ledger = self.ledger.without_reserved().with_reserved(days)
        return replace(self, proposals={**earlier, event.proposal: made}, ledger=ledger)

    def _approved(self, event: Approved, entry: CampaignEntry) -> "CampaignRecord":
        proposal = self.proposal(event.proposal)
        self.check_approval(proposal, entry.actor)
        if event.digest and event.digest != proposal.digest:
            raise CampaignRecordError(f"{event.proposal} of {self.name} was approved, and is another proposal now.")
        try:
            ledger = self.ledger.without_reserved().with_committed(proposal.days)
        except OverspendError as error:
            raise OverspendError(f"The proposal {proposal.id} cannot be approved any more. {error}") from error
        approved = replace(proposal, state="approved", approved_by=entry.actor)
        days = slice(proposal.days.first_day, proposal.days.end_day)
        discount, mechanic = self.discount_frac.copy(), self.mechanic.copy()
        discount[days], mechanic[days] = proposal.days.discount_frac, proposal.days.mechanic
        return replace(
            self,
            discount_frac=discount,
            mechanic=mechanic,
            proposals={**self.proposals, proposal.id: approved},
            plan=proposal.days.put_into(self.plan),
            around=self.around if proposal.around is None else proposal.around.days().put_into(self.around),
            ledger=ledger,
        )

    def check_approval(self, proposal: Proposal, actor: str) -> None:
        """Whether a proposal can be approved by somebody.

        Raises:
            CampaignError: It is approved or superseded, its days are over, or the same person proposed it.
        """
        if proposal.state == "approved":
            by = f" by {proposal.approved_by}" if proposal.approved_by else ""
            raise CampaignError(f"The proposal {proposal.id} is approved already{by}; nothing was done twice.")
        if proposal.state == "superseded":
            raise CampaignError(f"The proposal {proposal.id} gave way to a later one; approve that, or propose again.")
        if self.opened.four_eyes and (not actor.strip() or same_person(actor, proposal.by)):
            raise CampaignError(
                f"{self.name} wants four eyes: {proposal.by or 'somebody without a name'} proposed {proposal.id}, "
                "somebody else has to approve it, under a name of their own."
            )
        over = [day for day in range(proposal.days.first_day, proposal.days.end_day) if self.ledger.has_spent[day]]
        if over:
            when = self.scenario.date_of(over[0])
            raise CampaignError(
                f"The spend of {when} was told since {proposal.id} was proposed, so that day is over. Propose again."
            )

    def _fitting(self, days: PlannedDays) -> PlannedDays:
        wanted = self.plan.spend_base.shape
        if days.spend_base.shape[1:] != wanted[1:] or days.first_day < 0 or days.end_day > wanted[0]:
            raise CampaignRecordError(
                f"An event of {self.name} is about days or cells that the campaign does not have."
            )
        return days


def same_person(one: str, other: str) -> bool:
    """Whether two names are of one person, however they are written: what nobody sees tells no two names apart."""

    def seen(name: str) -> str:
        plain = unicodedata.normalize("NFKC", name).casefold()
        return unicodedata.normalize("NFKC", "".join(sign for sign in plain if sign.isprintable()).strip())

    return seen(one) == seen(other)


def begin(name: str, entry: CampaignEntry) -> CampaignRecord:
    """A campaign after its first event.

    Raises:
        CampaignRecordError: The event does not open a campaign, or its scenario cannot be read.
        OverspendError: The plan spends more than there is.
    """
    event = read_event(entry)
    if not isinstance(event, Opened):
        raise CampaignRecordError(f"The first event of the campaign {name} does not open it.")
    scenario = unpacked_scenario(event.scenario, event.draws, event.scenario_hash)
    days = event.plan.days()
    ledger = Ledger.empty(scenario.limits, scenario.days)
    if event.decides == "plan":
        ledger = ledger.with_committed(days)
    plan = ScheduledPolicy(
        name=event.policy if event.decides == "plan" else "incumbent",
        spend_base=days.spend_base,
        daypart_weights=days.daypart_weights,
        discount_frac=days.discount_frac,
        mechanic=days.mechanic,
    )
    return CampaignRecord(
        name=name,
        number=1,
        opened=event,
        opened_by=entry.actor,
        opened_us=entry.at_us,
        scenario=scenario,
        plan=plan,
        around=plan,
        ledger=ledger,
        discount_frac=days.discount_frac,
        mechanic=days.mechanic,
        requests={entry.request: 1} if entry.request else {},
    )


def carried_out(record: CampaignRecord) -> PlannedDays:
    """What was done or is to be done on all days, as far as it is decided: money as committed, prices as decided."""
    plan = record.plan
    return PlannedDays(
        first_day=0,
        spend_base=np.where(
            (record.ledger.committed_base.sum(axis=(1, 2, 3)) > 0.0)[:, None, None, None],
            record.ledger.committed_base,
            plan.spend_base,
        ),
        daypart_weights=plan.daypart_weights,
        discount_frac=record.discount_frac,
        mechanic=record.mechanic,
    )
