"""What is asked of campaigns over HTTP: the types of the JSON bodies."""

from typing import Annotated, Literal

import msgspec

from xbopt.service.deciding.requests import PRINTABLE, BatchId, DecisionId, Text

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
        days: The days, each of them over.
        zone: Time zone in which they begin and end, as ``Europe/Berlin``.
        files: Where they came from.
        notes: What a reader has to know, in sentences.
        request: Name of this request; the same one again changes nothing.
    """

    days: Annotated[list[DayTold], msgspec.Meta(min_length=1, max_length=1000)]
    zone: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+/\-]*$(?!\n)")] = "UTC"
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
