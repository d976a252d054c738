"""Whether what stands in a chain makes sense: a right hash says that nobody changed it, not that a service wrote it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from xbopt.core.errors import BundleError
from xbopt.service.store.entries import (
    AdministrationEntry,
    BundleEntry,
    CampaignEntry,
    Entry,
    OutcomeEntry,
    ShadowEntry,
    campaign_key,
)
from xbopt.service.store.interface import StoreError, TamperedStoreError
from xbopt.service.store.ranges import (
    LAST_YEAR_US,
    act_complaint,
    bundle_complaint,
    decision_complaint,
    outcome_complaint,
    shadow_complaint,
)
from xbopt.service.store.recording import decode_decision, decode_entry
from xbopt.service.store.subjects import ROW_SIGN, Label, Subject, read_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that an operator did.

    Attributes:
        at: When, ISO 8601 in UTC.
        actor: Name of the token; empty where the service takes no tokens.
        action: What was done.
        bundle: Content address of the bundle that decides from then on.
        detail: More, in words.
    """

    at: str
    actor: str
    action: str
    bundle: str
    detail: str


@dataclass(slots=True)
class Contents:
    """Looks at one entry after the other, in the order of the chain.

    Attributes:
        acts: What operators did.
        stray_outcomes: Outcomes of rows or cells that were not decided; services before took them.
    """

    acts: list[Act] = field(default_factory=list[Act])
    stray_outcomes: int = 0
    _events: dict[str, int] = field(default_factory=dict[str, int])
    _labels: dict[str, Label] = field(default_factory=dict[str, Label])
    _subjects: dict[str, Subject] = field(default_factory=dict[str, Subject])

    def look(self, entry: Entry) -> None:
        """Look at an entry.

        Raises:
            TamperedStoreError: No service wrote it.
        """
        try:
            complaint = self._complaint(entry)
        except (BundleError, StoreError, KeyError, ValueError, OverflowError) as error:
            complaint = f"it cannot be read: {error}"
        if complaint:
            raise TamperedStoreError(
                f"Entry {entry.seq} ({entry.kind} {entry.key[:200]!r}) makes no sense: {complaint}"
            )

    def _complaint(self, entry: Entry) -> str:
        match entry.kind:
            case "bundle":
                bundle = decode_entry(entry.payload, BundleEntry)
                label = self._labels[entry.key] = read_label(entry.key, entry.payload)
                if bundle.address != entry.key:
                    return f"it holds the bundle {bundle.address}."
                return bundle_complaint(bundle, label.schema)
            case "decision" | "withdrawal":
                return self._decided(entry)
            case "outcome":
                outcome = decode_entry(entry.payload, OutcomeEntry)
                return outcome_complaint(entry.key, entry.payload, outcome) or self._outcome(outcome)
            case "shadow":
                shadow = decode_entry(entry.payload, ShadowEntry)
                subject = self._subjects.get(shadow.decision)
                if subject is None:
                    return f"there is no decision {shadow.decision!r}."
                return shadow_complaint(entry.key, shadow, subject.rows or 1, self._labels[subject.bundle].schema)
            case "administration":
                act = decode_entry(entry.payload, AdministrationEntry)
                complaint = act_complaint(entry.key, act)
                if not complaint:
                    self.acts.append(act_of(act))
                return complaint
            case "campaign":
                return self._event(entry)
        return f"there is no kind of entry {entry.kind!r}."

    def _decided(self, entry: Entry) -> str:
        decision = decode_decision(entry.payload)
        ids = decision.decision_ids
        label = self._labels.get(decision.bundle)
        if label is None:
            return f"no bundle {decision.bundle} stands before it."
        if ids != [entry.key] and ids != [f"{entry.key}{ROW_SIGN}{row}" for row in range(len(ids))]:
            return "its decisions have other names."
        if entry.kind == "withdrawal" and not decision.reason:
            return "it does not say why the decision was withdrawn."
        if entry.kind == "decision" and entry.key in self._subjects:
            return "it was withdrawn before it was stored."
        self._subjects[entry.key] = Subject.of(entry.key, decision)
        return decision_complaint(entry.key, decision, label.schema)

    def _event(self, entry: Entry) -> str:
        event = decode_entry(entry.payload, CampaignEntry)
        name = entry.key.rpartition("/")[0]
        number = self._events.get(name, 0) + 1
        if not name or entry.key != campaign_key(name, number):
            return f"event {number} of a campaign is due there."
        if (event.happened == "opened") != (number == 1):
            return "a campaign is opened first, and once."
        self._events[name] = number
        return "" if 0 <= event.at_us < LAST_YEAR_US else f"its time is {event.at_us}."

    def _outcome(self, outcome: OutcomeEntry) -> str:
        subject = self._subjects.get(outcome.decision_id.partition(ROW_SIGN)[0])
        if subject is None:
            return f"there is no decision {outcome.decision_id!r}."
        if subject.complaint(outcome.decision_id, outcome.unit, self._labels[subject.bundle]):
            self.stray_outcomes += 1
        return ""


def act_of(entry: AdministrationEntry) -> Act:
    """An entry of administration in words."""
    at = datetime.fromtimestamp(entry.at_us / 1e6, UTC).isoformat(timespec="seconds")
    return Act(at=at, actor=entry.actor, action=entry.action, bundle=entry.bundle, detail=entry.detail)
