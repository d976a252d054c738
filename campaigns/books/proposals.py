"""A proposal of a campaign: what was proposed, by whom, and what became of it."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import msgspec

from xbopt.campaigns.books.events import BesideEntry, PlanBytes
from xbopt.core.decisions.planned_days import PlannedDays

ProposalState = Literal["open", "approved", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What was proposed, and what became of it.

    Attributes:
        id: Its name.
        days: The decisions of its days.
        by: Who proposed it.
        at_us: When.
        knows_until: Number of days that were known.
        figures: What was said of it, as JSON.
        beside: Entries that are stored when it is approved.
        around: The plan that it was found from where that is a new one.
        state: ``open`` until it is approved, or another proposal takes its place.
        approved_by: Who approved it; empty for nobody.
    """

    id: str
    days: PlannedDays
    by: str
    at_us: int
    knows_until: int
    figures: bytes = field(repr=False)
    beside: tuple[BesideEntry, ...] = field(default=(), repr=False)
    around: PlanBytes | None = field(default=None, repr=False)
    state: ProposalState = "open"
    approved_by: str = ""

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is proposed."""
        return sha256(msgspec.msgpack.encode((self.id, PlanBytes.of(self.days), self.figures))).digest()
