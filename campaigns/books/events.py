"""What happens to a campaign, as it stands in the decision store.

Arrays are stored as their shape and their little-endian bytes, compressed; the same event has the same bytes.
"""

import time
import zlib
from typing import Literal, TypeAlias, get_args

import msgspec
import numpy as np

from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import CampaignRecordError
from xbopt.service.store.entries import CampaignEntry, EntryKind, Happened, NewEntry, campaign_key

Decides = Literal["plan", "policy"]


class PlanBytes(msgspec.Struct, array_like=True, frozen=True):
    """Planned days as bytes.

    Attributes:
        first_day: From 0.
        shape: N, R, S, C and H.
        packed: Spend, dayparts, discounts, mechanics, one after the other, compressed.
    """

    first_day: int
    shape: tuple[int, int, int, int, int]
    packed: bytes

    @classmethod
    def of(cls, days: PlannedDays) -> "PlanBytes":
        """Pack."""
        parts = (days.spend_base, days.daypart_weights, days.discount_frac, days.mechanic.astype(np.float64))
        raw = b"".join(np.ascontiguousarray(part, dtype="<f8").tobytes() for part in parts)
        shape = (*days.spend_base.shape, days.daypart_weights.shape[-1])
        return cls(days.first_day, shape, zlib.compress(raw, 6))

    def days(self) -> PlannedDays:
        """Unpack.

        Raises:
            CampaignRecordError: The bytes do not fit the shape.
        """
        n, r, s, c, h = self.shape
        shapes = ((n, r, s, c), (r, c, h), (n, r, s), (n, r, s))
        try:
            flat = np.frombuffer(zlib.decompress(self.packed), dtype="<f8").astype(np.float64)
            ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        except (ValueError, zlib.error) as error:
            raise CampaignRecordError(f"A plan of {n} days in the store cannot be read: {error}.") from error
        if len(flat) != ends[-1] or not np.isfinite(flat).all():
            raise CampaignRecordError(f"A plan of {n} days in the store has {len(flat)} numbers, not {ends[-1]}.")
        spend, weights, discount, mechanic = (
            part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
        )
        return PlannedDays(
            first_day=self.first_day,
            spend_base=spend,
            daypart_weights=weights,
            discount_frac=discount,
            mechanic=mechanic.astype(np.int64),
        )


class Opened(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A campaign began.

    Attributes:
        scenario: Text of the scenario, compressed: what the seller believed on that day.
        scenario_hash: Its hash.
        draws: The file of joint draws, where the scenario has one.
        plan: What is done where nobody decides otherwise, all days.
        decides: ``plan``: its money is committed at once. ``policy``: each day's is when it is decided.
        policy: Name of the policy.
        policy_source: Where the policy was loaded from: a bundle or a run; empty for a plan.
        policy_address: Content address of it; empty for a plan.
        four_eyes: Whether somebody else than who proposed has to approve.
        cut_base: What the limits of the scenario took off the plan, base currency.
        cut_discounts: Discounts that the ceiling of the scenario took off, number of cells' days.
    """

    scenario: bytes
    scenario_hash: str
    draws: bytes
    plan: PlanBytes
    decides: Decides
    policy: str
    policy_source: str = ""
    policy_address: str = ""
    four_eyes: bool = False
    cut_base: float = 0.0
    cut_discounts: int = 0


class ToldFile(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A file that actuals came from: its name, SHA-256 and format, and rows read."""

    name: str
    sha256: str
    profile: str
    rows: int


class ToldActuals(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Days became known, or were corrected: for each figure of a day the last that was told counts.

    Attributes:
        days: Each as ``ActualDay.to_bytes`` writes it.
        files: Where they came from.
        notes: What whoever read the files has to know, in sentences.
    """

    days: list[bytes]
    files: list[ToldFile]
    notes: list[str] = []


class Withdrawn(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What an event told does not count any more: it was of another account or campaign, or of days to come.

    Attributes:
        event: Number of the event.
        reason: Why.
    """

    event: int
    reason: str = ""


class BesideEntry(msgspec.Struct, array_like=True, frozen=True):
    """An entry of the store that waits for a proposal to be approved; as `NewEntry`."""

    kind: EntryKind
    key: str
    payload: bytes
    identity: bytes = b""


class Proposed(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Somebody asked what to do; its money is reserved until it is approved or another proposal takes its days.

    Attributes:
        proposal: Its name, ``p1`` and so on.
        days: What is proposed.
        knows_until: Number of days that were known.
        figures: What was said of it, as JSON: gain with interval, moves, reasons.
        beside: The decision that a policy drew, and the policy's own entry: stored when the proposal is approved, so
            that the decision log holds what was carried out.
        around: The plan that it was found from where that is a new one; None where it is the campaign's.
    """

    proposal: str
    days: PlanBytes
    knows_until: int
    figures: bytes
    beside: list[BesideEntry] = []
    around: PlanBytes | None = None


class Approved(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A proposal became the plan of its days, and its money is committed.

    Attributes:
        proposal: Its name.
        digest: SHA-256 of what was proposed, so that no other proposal of that name is approved by it; empty in stores
            from before.
    """

    proposal: str
    digest: bytes = b""


class BookedFile(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """An upload sheet: its name and SHA-256."""

    name: str
    sha256: str


class BookedLine(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A line of an export whose budget was written.

    Attributes:
        id: Its identifier; empty where the format has none.
        name: Its name.
        account: Its account, where the export tells several apart.
        cells: Cells whose spend goes through it, as positions in R x S x C.
        share: Part of each of them.
    """

    id: str
    name: str
    account: str
    cells: list[int]
    share: list[float]


class Booked(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """Upload sheets were written.

    Attributes:
        proposal: The proposal whose days they hold; empty for the plan that the campaign began with.
        platform: For which platform.
        days: What the platform will do: rounded, clipped, and without what it cannot hold.
        channels: Positions of the channels that the sheets are about.
        files: The sheets.
        share: Part of each cell's spend that goes through them, R x S x C in order; empty where nobody said, all of it.
        again: Whether they take the place of all other sheets for the same cells and days.
        lines: Whose budgets they hold; empty where nobody said.
    """

    proposal: str
    platform: str
    days: PlanBytes
    channels: list[int]
    files: list[BookedFile]
    share: list[float] = []
    again: bool = False
    lines: list[BookedLine] = []


class Decided(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A policy decided a day; its money is committed in the transaction that stores the decision.

    Attributes:
        decision: Name of the decision in the store.
        days: The day; cells that were not asked for have no money.
        arm: ``policy``, or ``incumbent`` where the roll-out drew the plan.
        share: Share of decisions that the policy takes.
        units: Cells that were asked for, as ``region/segment``; empty for all.
    """

    decision: str
    days: PlanBytes
    arm: Literal["policy", "incumbent"]
    share: float
    units: list[str] = []


class RolledOut(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """From then on the policy takes another share of the decisions, and the plan the rest."""

    share: float
    reason: str


class Closed(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """The campaign ended; nothing is granted any more."""

    reason: str


Event: TypeAlias = Opened | ToldActuals | Proposed | Approved | Booked | Decided | RolledOut | Closed | Withdrawn
_KINDS: dict[Happened, type[Event]] = dict(zip(get_args(Happened), get_args(Event), strict=True))
_NAMES: dict[type[Event], Happened] = {kind: name for name, kind in _KINDS.items()}


def new_entry(
    campaign: str,
    number: int,
    event: Event,
    *,
    actor: str = "",
    request: str = "",
    digest: bytes = b"",
    at_us: int | None = None,
) -> NewEntry:
    """An event as an entry of the store.

    Args:
        campaign: Name of the campaign.
        number: Its number, from 1.
        event: What happened.
        actor: Who did it.
        request: Name of the request, so that asking again tells the same.
        digest: SHA-256 of what was asked under that name.
        at_us: When, microseconds since 1970, UTC; now where left out.
    """
    entry = CampaignEntry(
        at_us=time.time_ns() // 1000 if at_us is None else at_us,
        actor=actor,
        request=request,
        happened=_NAMES[type(event)],
        content=msgspec.msgpack.encode(event),
        digest=digest if request else b"",
    )
    return NewEntry("campaign", campaign_key(campaign, number), msgspec.msgpack.encode(entry))


def read_event(entry: CampaignEntry) -> Event:
    """The event of an entry.

    Raises:
        CampaignRecordError: It cannot be read.
    """
    try:
        return msgspec.msgpack.decode(entry.content, type=_KINDS[entry.happened])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CampaignRecordError(
            f"The store holds an event {entry.happened!r} that cannot be read: {error}."
        ) from error
