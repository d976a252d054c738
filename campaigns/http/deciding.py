"""A day of a campaign decided by the bundle that is served: features from the tracker, money from the ledger.

It is a decision like any other: the same guardrails, draws and propensities, and it can be worked out again. What the
campaign adds comes in beside the features: what may be spent, what was granted for the same day, what still holds, and
the plan where the roll-out gives the decision to that.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

import msgspec
import numpy as np

from xbopt.campaigns.books.campaign_book import CampaignBook, EventStore, WithEntries
from xbopt.campaigns.books.events import Decided, PlanBytes
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.http.asked import Arm, AskDecision
from xbopt.campaigns.mornings import Mornings
from xbopt.core.arrays import IntArray
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle_policy import observed_batch
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.draws import arm_uniform
from xbopt.service.deciding.requests import KillMode
from xbopt.service.http.problems import ProblemError
from xbopt.service.store.entries import Entry, request_of
from xbopt.service.store.interface import Place, StoreError
from xbopt.service.store.recording import allocation_of, bundle_entry, decision_entry, decode_decision

_TRIES = 50
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDecided:
    """A decision that is stored.

    Attributes:
        record: The campaign with it.
        event: The campaign's own word of it.
        entry: The decision in the store.
        made: The decision where it was made just now; None where it was stored before.
        conflicts: How often it was made anew, because somebody else was faster.
    """

    record: CampaignRecord
    event: Decided
    entry: Entry
    made: Allocation | None
    conflicts: int


class DayDecisions:
    """Decides days of campaigns.

    Args:
        book: The campaigns.
        store: Their store.
        mornings: Follows them.
    """

    def __init__(self, book: CampaignBook, store: EventStore, mornings: Mornings) -> None:
        self._book, self._store, self._mornings = book, store, mornings

    def decide(
        self,
        name: str,
        asked: AskDecision,
        day: int,
        allocator: Allocator,
        *,
        this_day: int,
        kill: KillMode,
        actor: str,
    ) -> DayDecided:
        """Decide a day, or find what was decided under the same name.

        Args:
            name: The campaign.
            asked: What is asked.
            day: The day, from 0.
            allocator: Decides.
            this_day: Today, UTC, as a day of the horizon. West of Greenwich the day before it may still be going on.
            kill: How the kill switch stands.
            actor: Name of the token; empty for none.

        Raises:
            CampaignError: The campaign is not for this bundle, is closed, or the day is over.
            CampaignConflictError: Others were faster every time.
            ProblemError: The name of the decision stands for another request.
            RequestError: There is no such unit, or the guardrails refuse the inputs.
            StoreError: It cannot be stored, and then no money is granted; or what stands there cannot be read.
        """
        key, request = asked.decision_id, sha256(_encode((name, asked))).digest()
        tries = 0
        made: Allocation | None = None

        def decided(record: CampaignRecord) -> WithEntries:
            nonlocal tries, made
            if tries:
                self._check_name(key, request)
            tries += 1
            check_served(record, allocator)
            if record.ledger.has_spent[day]:
                raise CampaignError(
                    f"What {record.name} spent on {asked.date} was told already, so that day is over; nothing is "
                    "granted for it any more."
                )
            arm: Arm = "policy" if arm_uniform(key) < record.share else "incumbent"
            if day < this_day - 1:
                raise CampaignError(
                    f"{asked.date} is over by the clock, {record.scenario.date_of(this_day)} UTC; nothing is granted "
                    "for it any more. Tell what was spent as actuals."
                )
            batch = self._batch(record, asked, day, allocator, arm)
            made = allocator.decide(batch, kill=kill)
            event = Decided(
                decision=key, days=PlanBytes.of(_day_of(made, day)), arm=arm, share=record.share,
                units=[] if asked.units is None else list(asked.units),
            )  # fmt: skip
            entry = decision_entry(
                made, allocator, key=key, request=request, episode_ids=(name,), steps=(day,), killed=kill != "off",
                actor=actor,
            )  # fmt: skip
            return WithEntries(event, (bundle_entry(allocator), entry))

        record = self._book.add(name, decided, actor=actor, request=f"decision/{key}", tries=_TRIES)
        entry = self._check_name(key, request)
        event = next((one for one in reversed(record.decisions) if one.decision == key), None)
        if entry is None or event is None:
            raise StoreError(f"The campaign {name} holds the decision {key!r}, and the store does not.")
        return DayDecided(record=record, event=event, entry=entry, made=made, conflicts=max(tries - 1, 0))

    def _check_name(self, key: str, request: bytes) -> Entry | None:
        """What stands under a name; None where nothing does.

        Raises:
            ProblemError: It answers another request.
        """
        found = self._store.find_all([("decision", key), ("withdrawal", key)])
        entry = found.get(("withdrawal", key)) or found.get(("decision", key))
        if entry is not None and request_of(entry.payload) != request:
            raise ProblemError(409, f"The id {key!r} stands for another request; give every decision its own.")
        return entry

    def _batch(self, record: CampaignRecord, asked: AskDecision, day: int, allocator: Allocator, arm: Arm) -> Batch:
        observation = self._mornings.at(record, day).observe()
        # What may be spent is what nobody was granted; the seller's model only knows what was spent.
        observation = replace(observation, remaining=record.ledger.remaining(day, day + 1))
        granted = record.ledger.committed_base[day]
        previous = record.ledger.counted_base[day - 1][None].tolist()[0] if day else None
        beside = allocator.reader.beside.nested(previous, None, asked.units)
        plan = PlannedDays.of(record.plan, day, day + 1)
        beside = replace(
            beside,
            held=self._held(record, day, allocator) if arm == "policy" else None,
            granted_base=granted[None] if granted.any() else None,
            incumbent=plan.decision(day) if arm == "incumbent" else None,
        )
        return observed_batch(allocator, observation, [asked.decision_id], beside)

    def _held(self, record: CampaignRecord, day: int, allocator: Allocator) -> IntArray | None:
        """What this bundle drew on an earlier day of the same decision period, and still holds; None for nothing."""
        schema = allocator.bundle.schema
        first = day - day % schema.decide_every_days
        if schema.shape == "direct" or first == day:
            return None
        keys = [one.decision for one in record.decisions if one.arm == "policy" and first <= one.days.first_day < day]
        places: list[Place] = [("decision", key) for key in keys]
        found = self._store.find_all(places) if places else {}
        held: IntArray | None = None
        for place in places:
            entry = decode_decision(found[place].payload)
            if entry.bundle != allocator.address:
                continue  # what another bundle drew means nothing to this one
            earlier = allocation_of(entry, schema)
            if earlier.levels is not None:
                held = earlier.levels if (earlier.levels >= 0).all() else held
            elif earlier.tactic is not None:
                active = earlier.tactic >= 0 if earlier.batch.active is None else earlier.batch.active
                before = np.full_like(earlier.tactic, -1) if held is None else held
                held = np.where(active, earlier.tactic, before)
        return None if held is None or (held < 0).all() else held


def check_served(record: CampaignRecord, allocator: Allocator) -> None:
    """Whether the bundle that is served may decide a campaign.

    Raises:
        CampaignError: The campaign has another scenario, or its plan decides it.
    """
    if record.opened.decides == "plan":
        raise CampaignError(
            f"{record.name} is decided by its plan, whose money is committed already. Propose and approve changes, or "
            "open a campaign that a policy decides."
        )
    check_bundle(record.name, record.scenario, allocator)


def check_bundle(name: str, scenario: Scenario, allocator: Allocator) -> None:
    """Whether a bundle is for the scenario of a campaign, and so for its days, cells and features.

    Raises:
        CampaignError: It is for another one.
    """
    manifest = allocator.bundle.manifest
    made_for = manifest.provenance
    if scenario.hash != made_for.scenario_hash:
        raise CampaignError(
            f"{name} is of the scenario {scenario.name} ({scenario.hash}), and the bundle {manifest.name} that is "
            f"served is for {made_for.scenario} ({made_for.scenario_hash}). Export a bundle for the campaign's "
            "scenario and swap it in, or open a campaign of the bundle's scenario."
        )


def arm_propensity(event: Decided) -> float:
    """Probability with which the arm of a decision was drawn."""
    return event.share if event.arm == "policy" else 1.0 - event.share


def _day_of(made: Allocation, day: int) -> PlannedDays:
    return PlannedDays(
        first_day=day,
        spend_base=made.spend_base,
        daypart_weights=made.daypart_weights[0],
        discount_frac=made.discount_frac,
        mechanic=made.mechanic,
    )
