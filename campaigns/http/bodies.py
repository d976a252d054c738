"""What is asked of campaigns over HTTP, and what is answered: the types of the JSON bodies."""

from typing import Annotated, Any, Literal

import msgspec

from xbopt.service.deciding.requests import PRINTABLE, AllocationAnswer, BatchId, DecisionId, Receipt, Text

Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$(?!\n)")]
Date = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", description="such as 2026-11-24")]
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=PRINTABLE)]
Source = Annotated[
    str,
    msgspec.Meta(max_length=128, pattern=r"^([a-z][a-z0-9_:.\-]*/[^\u0000-\u001f\u007f-\u009f]*)?$(?!\n)"),
]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Known = float | None
Figure = list[Known | list[Known | list[Known]]]
Arm = Literal["policy", "incumbent"]


class PlanArrays(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A plan as arrays, in the order of the scenario.

    Attributes:
        spend_base: Spend by day ``(T, R, S, C)``, base currency.
        daypart_weights: How a channel's spend is spread over the day ``(R, C, H)``.
        discount_frac: Discount ``(T, R, S)``.
        mechanic: Promotion mechanic ``(T, R, S)``: 0 percent off, 1 threshold, 2 bundle, 3 member only, 4 limited time.
    """

    spend_base: list[list[list[list[float]]]]
    daypart_weights: list[list[list[float]]]
    discount_frac: list[list[list[float]]]
    mechanic: list[list[list[int]]]


class OpenCampaign(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How a campaign begins.

    Attributes:
        name: Its name: letters, digits, dots, dashes and underscores.
        scenario: The scenario as the text of its file, or the name of a shipped one.
        plan: What is done where nobody decides otherwise: the name of a built-in plan, or arrays.
        decides: ``policy``: the bundle that is served decides each day, and its money is committed then. ``plan``: the
            plan's money is committed at once.
        four_eyes: Whether somebody else than who proposed has to approve.
        request: Name of this request; the same one again begins nothing, and tells the same.
    """

    name: Name
    scenario: Annotated[str, msgspec.Meta(min_length=1)]
    plan: str | PlanArrays = "baseline"
    decides: Literal["plan", "policy"] = "policy"
    four_eyes: bool = False
    request: DecisionId = ""


class DayTold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is known of one day.

    Attributes:
        date: The day.
        figures: Arrays by name. An axis of length 1 tells the total over it, and ``null`` is not known.
            ``spend_base``, ``impressions`` (R, S, C); ``clicks`` (R, S, C + 1), the last is organic; ``visits``,
            ``orders``, ``first_orders``, ``gross_revenue_base``, ``net_revenue_base``, ``discount_frac``, ``mechanic``
            (R, S); ``daypart_weights`` (R, C, H). What stood the next morning: ``stock`` (R) and the further state.
        source: Whose part of the day it is, as ``google_ads/123-456``, with nothing behind the slash where the account
            has no name: sources add up, and each corrects itself alone. Left out, the figures are of the whole day.
    """

    date: Date
    figures: dict[str, Figure]
    source: Source = ""


class FileTold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file that the figures came from: its name, SHA-256 and format, and rows read."""

    name: Text
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    profile: Text = ""
    rows: Annotated[int, msgspec.Meta(ge=0)] = 0


class TellActuals(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What really came. A day that was told before is corrected, figure by figure.

    Attributes:
        days: The days.
        files: Where they came from.
        notes: What a reader has to know, in sentences.
        request: Name of this request; the same one again changes nothing.
    """

    days: Annotated[list[DayTold], msgspec.Meta(min_length=1, max_length=1000)]
    files: Annotated[list[FileTold], msgspec.Meta(max_length=1000)] = []
    notes: Annotated[list[Reason], msgspec.Meta(max_length=100)] = []
    request: DecisionId = ""


class Withdraw(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Actuals that do not count any more: they were of another account or campaign.

    Attributes:
        event: Number of the event that told them.
        reason: Why, in words.
        request: Name of this request; the same one again changes nothing.
    """

    event: Annotated[int, msgspec.Meta(ge=1)]
    reason: Reason = ""
    request: DecisionId = ""


class AskProposal(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """For which days something is to be proposed.

    Attributes:
        first: The first of them; the first day that is not known where left out.
        until: The last of them; the last day of the campaign where left out.
        request: Name of this request; the same one again tells the same proposal.
    """

    first: Date | None = None
    until: Date | None = None
    request: DecisionId = ""


class Approve(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A proposal that becomes the plan of its days.

    Attributes:
        proposal: Its name, such as ``p1``.
        request: Name of this request; the same one again changes nothing.
    """

    proposal: BatchId
    request: DecisionId = ""


class RollOut(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which share of decisions the policy takes from now on; the plan takes the others.

    Attributes:
        share: From 0 to 1.
        reason: Why, in words.
        request: Name of this request; the same one again changes nothing.
    """

    share: Share
    reason: Reason = ""
    request: DecisionId = ""


class Close(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The end of a campaign: nothing is granted any more; actuals are still taken.

    Attributes:
        reason: Why, in words.
        early: Whether it ends although days are to come.
        request: Name of this request; the same one again changes nothing.
    """

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=PRINTABLE)]
    early: bool = False
    request: DecisionId = ""


class AskDecision(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A day that is to be decided; what is known and what may be spent stands in the campaign.

    Attributes:
        decision_id: Name of the decision. The same one again gives the same answer, and grants nothing more.
        date: The day.
        units: Cells that are decided, as ``region/segment``; all where empty. The others get no money.
    """

    decision_id: BatchId
    date: Date
    units: Annotated[list[Text], msgspec.Meta(min_length=1, max_length=10_000)] | None = None


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
        overspent_base: By how much the days count more than the budget: platforms spent beyond what was granted.
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
