"""What is answered of campaigns over HTTP: the types of the JSON bodies."""

from typing import Any, Literal

import msgspec

from xbopt.campaigns.http.asked import Arm, PlanArrays
from xbopt.service.deciding.requests import AllocationAnswer, Receipt


class PlaceMoney(msgspec.Struct, frozen=True, kw_only=True):
    """The money of a region or channel, base currency.

    Attributes:
        name: Its name.
        cap_base: Most over the campaign; empty for no cap.
        granted_base: What its days count: really spent where that is known, else committed.
        left_base: What may still be granted; empty where nothing limits it but the budget.
    """

    name: str
    cap_base: float | None
    granted_base: float
    left_base: float | None


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """The money of a campaign, base currency.

    Attributes:
        currency: The base currency.
        budget_base: All of it.
        spent_base: Really spent, as far as it is known.
        granted_base: What the days count: really spent where that is known, else committed.
        reserved_base: What the open proposal would spend on its days.
        left_base: What may still be granted.
        overspent_base: By how much the days that are over count more than the budget: platforms spent beyond what was
            granted, and nothing can cut it any more.
        regions: By region.
        channels: By channel.
    """

    currency: str
    budget_base: float
    spent_base: float
    granted_base: float
    reserved_base: float
    left_base: float
    overspent_base: float
    regions: list[PlaceMoney]
    channels: list[PlaceMoney]


class ProposalStands(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal, and what became of it.

    Attributes:
        proposal: Its name.
        first: Its first day.
        until: Its last day.
        spend_base: What it spends in all, base currency.
        state: ``open`` until it is approved, or another one takes its place.
        by: Who proposed it.
        approved_by: Who approved it; empty for nobody.
        known_days: Number of days that were known when it was made.
        figures: What was said of it.
    """

    proposal: str
    first: str
    until: str
    spend_base: float
    state: Literal["open", "approved", "superseded"]
    by: str
    approved_by: str
    known_days: int
    figures: dict[str, Any]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal with all of its days.

    Attributes:
        campaign: Name of the campaign.
        stands: What it is.
        plan: Its days, ``T`` being their number.
        receipt: Where it stands in the store.
    """

    campaign: str
    stands: ProposalStands
    plan: PlanArrays
    receipt: Receipt


class ArmResults(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions of one arm brought.

    Attributes:
        arm: ``policy`` or ``incumbent``.
        decisions: Their number.
        told: How many have the outcomes of all their cells.
        mean: Mean reward of those; empty without any.
    """

    arm: Arm
    decisions: int
    told: int
    mean: float | None


class RollOutStands(msgspec.Struct, frozen=True, kw_only=True):
    """How the policy does against the plan, as far as decisions were shared between them.

    Attributes:
        share: Share of decisions that the policy takes now.
        arms: Results by arm.
        units: Decisions that the difference rests on.
        difference: Mean reward of the policy over the plan's, a decision; empty where too little is known.
        low: Lower end of its interval, which holds however often one looks.
        high: Upper end.
        confidence: Of the interval, over all looks together.
        advice: ``continue`` where the interval holds 0 or says nothing yet, ``raise`` the share, or ``stop``. Nothing
            happens by itself: a new share is asked for.
    """

    share: float
    arms: list[ArmResults]
    units: int
    difference: float | None
    low: float | None
    high: float | None
    confidence: float
    advice: Literal["continue", "raise", "stop"]


class CampaignStands(msgspec.Struct, frozen=True, kw_only=True):
    """Where a campaign stands.

    Attributes:
        campaign: Its name.
        events: Number of its events.
        scenario: Name of its scenario.
        scenario_hash: Hash of it.
        first: First day.
        until: Last day.
        axes: Names of regions, segments and channels, in the order of all arrays.
        decides: Whether its plan or a policy decides.
        policy: Name of what decides.
        four_eyes: Whether somebody else than who proposed has to approve.
        opened_by: Who opened it.
        closed: Why it ended; empty while it runs.
        known_days: Number of days up to the last one of which something is known.
        missing: Days before that of which nothing is known.
        money: Its money.
        proposals: Its proposals, in their order.
        decisions: Number of decisions of its policy.
        rollout: How the policy does against the plan; empty for a campaign that its plan decides.
    """

    campaign: str
    events: int
    scenario: str
    scenario_hash: str
    first: str
    until: str
    axes: dict[str, list[str]]
    decides: Literal["plan", "policy"]
    policy: str
    four_eyes: bool
    opened_by: str
    closed: str | None
    known_days: int
    missing: list[str]
    money: Money
    proposals: list[ProposalStands]
    decisions: int
    rollout: RollOutStands | None


class CampaignStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a campaign does, against the seller's own model: what ``xbopt campaign status --json`` prints.

    Attributes:
        campaign: Its name.
        scenario: Its scenario.
        date: The first day of which nothing is known.
        today: That day of the horizon, from 0.
        this_day: Today by the clock, UTC, as a day of the horizon.
        days: Length of the campaign.
        decides: Whether its plan or a policy decides.
        closed: Why it ended; empty while it runs.
        money: Budget, what was spent, is committed and left, and the pace by region and channel; base currency.
        results: What came beside what the model expects, with ranges.
        learnt: What was learnt of the market, as ratios to the scenario with ranges.
        drift: Changes against the model, the clearest first.
        unwatched: Of what too little was told for an alarm.
        outlook: What the days ahead bring if the campaign is carried on; empty where none are left.
        missing_days: Days that are over and of which nothing is known.
        waiting: Proposals that wait for approval.
        alarms: What needs somebody, the gravest first: code, figures, advice, what that is worth, and a sentence.
        worlds: Worlds of the seller's model that ranges are taken over.
        sentences: All of it in words.
    """

    campaign: str
    scenario: dict[str, Any]
    date: str
    today: int
    this_day: int | None
    days: int
    decides: Literal["plan", "policy"]
    closed: str | None
    money: dict[str, Any]
    results: list[dict[str, Any]]
    learnt: list[dict[str, Any]]
    drift: list[dict[str, Any]]
    unwatched: list[str]
    outlook: dict[str, Any] | None
    missing_days: list[int]
    waiting: list[str]
    alarms: list[dict[str, Any]]
    worlds: int
    sentences: list[str]


class CampaignListed(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign of the store: its name, when it was opened (ISO 8601, UTC) and by whom."""

    campaign: str
    opened: str
    opened_by: str


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was written down about a campaign.

    Attributes:
        campaign: Name of the campaign.
        event: Number of the event.
        receipt: Where it stands in the store.
        money: The campaign's money now.
        notes: What to know of it, in sentences.
    """

    campaign: str
    event: int
    receipt: Receipt
    money: Money
    notes: list[str] = []


class CampaignDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision of a day, with its money committed.

    Attributes:
        campaign: Name of the campaign.
        arm: Who decided: the ``policy``, or the ``incumbent``, the campaign's plan.
        share: Share of decisions that the policy took then.
        arm_propensity: Probability of the arm. That of a tactic or level, given the arm, stands with the decision; of
            both together it is the product.
        decision: What is to be done.
        left_base: What may still be granted in the campaign, base currency.
    """

    campaign: str
    arm: Arm
    share: float
    arm_propensity: float
    decision: AllocationAnswer
    left_base: float
