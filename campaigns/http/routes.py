"""The routes of campaigns."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

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
from xbopt.campaigns.http.bodies import (
    CampaignDecision,
    CampaignListed,
    CampaignStands,
    CampaignStatus,
    Proposal,
    Written,
)
from xbopt.campaigns.http.operations import CampaignOperations
from xbopt.service.http.engine import Engine
from xbopt.service.http.routes import JSON, Answer, Call, Route
from xbopt.service.http.tokens import Right

if TYPE_CHECKING:
    from xbopt.campaigns.http.proposing import Proposer
    from xbopt.campaigns.http.work import Clock, StatusTeller

_ONE = "/v1/campaigns/{campaign}"
_TAG = "campaigns"


def campaign_routes(
    engine: Engine,
    *,
    tell_status: "StatusTeller",
    propose: "Proposer | None" = None,
    today: "Clock | None" = None,
) -> Sequence[Route]:
    """The routes of campaigns for a service.

    Args:
        engine: The service.
        tell_status: Puts a status into words.
        propose: Proposes days; as on the command line where None.
        today: The day of asking; by the clock where None.
    """
    do = CampaignOperations(engine, tell_status=tell_status, propose=propose, today=today)

    def post(
        path: str,
        right: Right,
        handle: Callable[[Call], Awaitable[Answer]],
        name: str,
        bodies: tuple[object, object],
        summary: str,
        about: str = "",
    ) -> Route:
        takes, gives = bodies
        return Route(
            method="POST", path=path, tag=_TAG, handle=handle, right=right, named=True, operation_id=name,
            summary=summary, description=about, takes={JSON: takes}, gives={JSON: gives},
            timed=path.endswith("/allocate"),
        )  # fmt: skip

    return (
        Route(
            path="/v1/campaigns", tag=_TAG, handle=do.names, operation_id="list_campaigns", named=True,
            summary="The campaigns of the store", gives={JSON: list[CampaignListed]}, problems=(503,),
        ),
        Route(
            path=_ONE, tag=_TAG, handle=do.stands, operation_id="campaign", named=True,
            summary="Where a campaign stands: money, days, proposals, roll-out", gives={JSON: CampaignStands},
            problems=(409, 503),
        ),
        Route(
            path=f"{_ONE}/status", tag=_TAG, handle=do.status, operation_id="campaign_status", named=True,
            summary="How a campaign does: results against the model, what was learnt, drift, the days ahead, alarms",
            description="As `xbopt campaign status --json`. It takes seconds where something happened since it was "
            "last asked.",
            gives={JSON: CampaignStatus}, problems=(409, 503),
        ),
        post(
            "/v1/campaigns", "plan", do.open, "open_campaign", (OpenCampaign, Written), "Begin a campaign",
            "A scenario, and the plan that decides or that stands in where the bundle that is served does not decide.",
        ),
        post(
            f"{_ONE}/actuals", "outcomes", do.tell, "tell_actuals", (TellActuals, Written),
            "What was really spent and what really came",
            "A day that was told before is corrected, by the source that told it; nothing counts twice.",
        ),
        post(
            f"{_ONE}/withdrawals", "outcomes", do.withdraw, "withdraw_actuals", (Withdraw, Written),
            "Take back what an event told", "What others told of the same days stays.",
        ),
        post(
            f"{_ONE}/proposals", "plan", do.propose, "propose", (AskProposal, Proposal), "Propose what to do",
            "The days are planned again from where the campaign stands, or decided by the bundle that is served where "
            "that decides the campaign. Their money is reserved until the proposal is approved, or another one takes "
            "its place.",
        ),
        post(
            f"{_ONE}/approvals", "approve", do.approve, "approve", (Approve, Written),
            "Make a proposal the plan of its days, and commit its money",
            "A campaign with four eyes takes the approval of another token than the one that proposed.",
        ),
        post(
            f"{_ONE}/rollout", "approve", do.roll_out, "roll_out", (RollOut, Written),
            "Let the policy take a share of the decisions, and the plan the others",
            "GET /v1/campaigns/{campaign} tells how the arms do, and advises; nothing happens by itself.",
        ),
        post(
            f"{_ONE}/close", "approve", do.close, "close_campaign", (Close, Written), "End a campaign",
            "Nothing is granted any more. Actuals are still taken.",
        ),
        post(
            f"{_ONE}/allocate", "allocate", do.allocate, "allocate_campaign", (AskDecision, CampaignDecision),
            "Spend, timing and discounts of a day, with features from the campaign and its money committed",
            "The decision and its money are on disk together before the answer leaves. The same decision_id gives the "
            "same answer again. Where the store fails, nothing is granted.",
        ),
    )  # fmt: skip
