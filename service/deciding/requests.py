"""What is asked of the service and what it answers: the types of the JSON bodies."""

from typing import Annotated, Literal, cast

import msgspec

from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle.formats import SCHEMA
from xbopt.service.bundle.schema import FEATURE_AXES, INPUTS, Schema

Number = float | None
# In Python the dollar also matches before a line break at the end; what follows it keeps that out, in JavaScript too.
_END = r"$(?!\n)"
PRINTABLE = rf"^[^\u0000-\u001f\u007f-\u009f]*{_END}"
Text = Annotated[str, msgspec.Meta(max_length=128, pattern=PRINTABLE)]
DecisionId = Annotated[str, msgspec.Meta(max_length=128, pattern=rf"^[A-Za-z0-9._:\-]*{_END}")]
BatchId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=rf"^[A-Za-z0-9._:\-]+{_END}")]
Money = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]

Source = Literal["policy", "held", "plan", "stopped", "incumbent"]
KillMode = Literal["off", "plan", "zero"]
"""What the kill switch does: nothing, the plan answers everything, or nothing is spent at all."""

BESIDE = {
    "held": ("<i8", "BRS"), "previous_base": ("<f8", "BRSC"), "active": ("?", "BRS"), "drifted": ("?", "B"),
    "granted_base": ("<f8", "BRSC"), "incumbent_base": ("<f8", "BRSC"), "incumbent_weights": ("<f8", "BRCH"),
    "incumbent_discount": ("<f8", "BRS"), "incumbent_mechanic": ("<i8", "BRS"),
}  # fmt: skip
"""Type and axes of the arrays of a batch that the graph does not read; levels that are held have the axes B and A."""


class RequestError(UsageError):
    """Raised when a request does not fit the schema of the bundle."""


class AllocationRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One market on one day: what is known, and what may still be spent. ``null`` stands for a missing value.

    Attributes:
        day: Day of the horizon, from 0.
        budget_base: Money left, base currency.
        regions: Features of regions ``(R, F)``, in the order of the schema.
        cells: Features of cells ``(R, S, G)``.
        channels: Features of channels in cells ``(R, S, C, E)``, where the schema names any.
        region_base: Money left by region ``(R,)``; no cap where empty.
        channel_base: Money left by channel ``(C,)``; no cap where empty.
        decision_id: Letters, digits and ``. _ : -``; the service makes one where it is empty. The same id gives the
            same answer again.
        episode_id: The campaign or customer that the decision belongs to.
        step: Number of the decision in its episode; the day where left out.
        units: Cells that are decided, as ``region/segment``; all where empty. The others get no money.
        held: Tactics that were drawn before and still hold ``(R, S)``, or levels ``(A,)``.
        previous_spend_base: Spend of the day before ``(R, S, C)``, for the guardrail of daily change; a cell with a
            ``null`` is free of it.
        schema_sha256: Hash of the schema that the request was written for; a request for another one is refused.
    """

    day: int
    budget_base: float
    regions: list[list[Number]]
    cells: list[list[list[Number]]]
    channels: list[list[list[list[Number]]]] | None = None
    region_base: list[Number] | None = None
    channel_base: list[Number] | None = None
    decision_id: DecisionId = ""
    episode_id: Text = ""
    step: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    units: list[Text] | None = None
    held: list[list[int] | int] | None = None
    previous_spend_base: list[list[list[Number]]] | None = None
    schema_sha256: str | None = None


_NESTED: tuple[object, ...] = (
    Number, list[Number] | None, list[list[Number]] | None, list[list[list[Number]]] | None,
    list[list[list[list[Number]]]] | None,
)  # fmt: skip
"""Types of JSON numbers by how deep they are nested."""


def request_type(schema: Schema) -> type[AllocationRequest]:
    """The type of the requests for a bundle: ``AllocationRequest``, and a field for each further input of its schema.

    Raises:
        BundleError: An input has the name of something else in a request, or more axes than a request can hold.
    """
    taken = {
        *AllocationRequest.__struct_fields__,
        *BESIDE,
        *(name for axis in FEATURE_AXES for name in schema.axes[axis]),
    }
    further = [field for field in schema.asked if field.name not in INPUTS]
    for field in further:
        if field.name in taken or not field.name.isidentifier() or len(field.axes) > len(_NESTED):
            raise BundleError(f"{SCHEMA}: no input of a request can be called {field.name!r} or have so many axes.")
    if not further:
        return AllocationRequest
    fields = [(field.name, _NESTED[len(field.axes) - 1], None) for field in further]
    made = msgspec.defstruct(
        "AllocationRequest", fields, bases=(AllocationRequest,), forbid_unknown_fields=True, kw_only=True,
        omit_defaults=True,
    )  # fmt: skip
    return cast("type[AllocationRequest]", made)


class Receipt(msgspec.Struct, frozen=True):
    """Where an entry stands in the chain of the store, to be kept by whoever was answered.

    Attributes:
        seq: Its place, from 1.
        hash: The hash of the chain up to it, in hex. ``xbopt decisions verify --receipt SEQ:HASH`` looks for it.
    """

    seq: int
    hash: str


class AllocationAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be done.

    Attributes:
        decision_id: Name of the decision; outcomes refer to it.
        bundle: Content address of the bundle that decided.
        policy: Name of the policy, or of the plan that stood in for it.
        source: ``policy``, ``held`` (drawn before), ``plan`` (the fallback), ``incumbent`` (the plan of a campaign,
            where its roll-out drew that), or ``stopped`` (no spend).
        guardrails: Guardrails that changed something.
        off: Guardrails that could not work, because the request does not say what they need.
        filled: Number of inputs that were missing and were filled in by the rule of the schema.
        stored: Whether the decision is on disk.
        currency: The base currency.
        day: Day of the horizon.
        units: Cells that were decided.
        spend_base: Spend of the day ``(R, S, C)``, base currency.
        daypart_weights: How a channel's spend is spread over the day ``(R, C, H)``.
        discount_frac: Discount ``(R, S)``.
        mechanic: Promotion mechanic ``(R, S)``: 0 percent off, 1 threshold, 2 bundle, 3 member only, 4 limited time.
        tactic: Drawn tactic ``(R, S)``, -1 where all is stopped or an incumbent answers; empty for a policy without a
            menu.
        levels: Drawn level of each factor ``(A,)``, -1 where a plan answers or all is stopped; empty for a policy
            without factors.
        propensity: Probability of the tactic after guardrails ``(R, S)``, or of each level ``(A,)``; 0 where it is -1.
            Empty for a direct policy.
        receipt: Where the decision stands in the store; empty where it is not stored.
        axes: Names along the axes of the arrays, where the bundle that decided has others than the one that is served.
    """

    decision_id: str
    bundle: str
    policy: str
    source: Source
    guardrails: list[str]
    off: list[str]
    filled: int
    stored: bool
    currency: str
    day: int
    units: list[str]
    spend_base: list[list[list[float]]]
    daypart_weights: list[list[list[float]]]
    discount_frac: list[list[float]]
    mechanic: list[list[int]]
    tactic: list[list[int]] | None = None
    levels: list[int] | None = None
    propensity: list[list[float] | float] | None = None
    receipt: Receipt | None = None
    axes: dict[str, list[str]] | None = None


class Outcome(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a decision brought in one cell.

    Attributes:
        decision_id: The decision.
        unit: The cell, as ``region/segment``.
        reward: What it brought, base currency; at most 1e15 either way.
        cost: What it cost, base currency, from 0 to 1e15.
        ready_at: When the reward was complete, ISO 8601 with a zone, from 2000 to 2100; now where left out.
        revision: 0 at first; a correction has a higher number, and the highest counts.
    """

    decision_id: Annotated[
        str, msgspec.Meta(min_length=1, max_length=160, pattern=rf"^[A-Za-z0-9._:\-]+(/[0-9]{{1,5}})?{_END}")
    ]
    unit: Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=PRINTABLE)]
    reward: Money
    cost: Annotated[float, msgspec.Meta(ge=0.0, le=1e15)] = 0.0
    ready_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    revision: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
