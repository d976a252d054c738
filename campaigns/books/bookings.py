"""What of a plan stands in upload sheets that are in force: no part of a cell's day is booked twice.

A budget stands at its platform until the same line of an export is written again. So the next sheets of a platform take
the place of what stands in the lines that they hold, and of nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.books.events import Booked, BookedLine
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CampaignError

_WHOLE = 1.0 + 1e-6
"""Shares of several mappings are typed with a few digits; what is over 1 by less is a whole."""

_STALE = 0.01
"""Days of a sheet with the mean day differ from those of the plan; what is over by less is no other plan."""

_CENT = 0.005
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Sheets whose budgets still stand at their platform, as far as nothing later took their place.

    Attributes:
        booking: The sheets.
        share: Part of each cell's spend that goes through each of their lines ``(K, R, S, C)``; where the lines are not
            known, one stands for all.
        stands: Days on which each line says what they wrote ``(K, T)``.
        cells: Where they spend, and nothing was put in their place ``(T, R, S, C)``.
    """

    booking: Booked
    share: FloatArray
    stands: BoolArray
    cells: BoolArray

    @classmethod
    def of(cls, booking: Booked, record: CampaignRecord) -> "InForce":
        """Sheets as they were written."""
        shape = record.plan.spend_base.shape
        days, cells = booking.days.days(), np.zeros(shape, dtype=np.bool_)
        spends = days.spend_base > 0.0
        cells[days.first_day : days.end_day] = spends
        if booking.lines:
            share = np.zeros((len(booking.lines), *shape[1:]))
            for k, line in enumerate(booking.lines):
                share[k].flat[line.cells] = line.share
        elif booking.share:
            share = np.array(booking.share).reshape(1, *shape[1:])
        else:
            share = np.any(spends, axis=0).astype(np.float64)[None]
        return cls(booking=booking, share=share, stands=np.ones((len(share), shape[0]), dtype=np.bool_), cells=cells)

    @property
    def part(self) -> FloatArray:
        """Part of each cell's spend of a day that goes through them ``(T, R, S, C)``."""
        return np.where(self.cells, np.einsum("kt,krsc->trsc", self.stands.astype(np.float64), self.share), 0.0)

    def lines_on(self, cells: BoolArray) -> tuple[str, ...]:
        """Names of the lines through which spend of some cells and days goes ``(T, R, S, C)``."""
        on = np.argwhere(cells & self.cells)
        return tuple(
            line.name or line.id
            for line, share, stands in zip(self.booking.lines, self.share, self.stands, strict=False)
            if np.any(stands[on[:, 0]] & (share[on[:, 1], on[:, 2], on[:, 3]] > 0.0))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Earlier sheets that others take the place of.

    Attributes:
        booking: The earlier ones.
        not_written: Their lines on the same cells and days that the later ones of the same platform do not hold: what
            they wrote there stands until somebody stops it.
    """

    booking: Booked
    not_written: tuple[str, ...] = ()


def in_force(record: CampaignRecord) -> list[InForce]:
    """The bookings of a campaign, in order, without what later ones took the place of."""
    kept: list[InForce] = []
    for booking in record.bookings:
        kept, _ = _without(kept, booking, record)
        kept.append(InForce.of(booking, record))
    return kept


def check_booking(record: CampaignRecord, booking: Booked) -> tuple[Replaced, ...]:
    """Whether sheets may be handed out beside those that are in force; gives those that they take the place of.

    Sheets take the place of what earlier ones of the same platform say in the lines that they write again, and where
    the booking says so (``again``) of all earlier ones for the same cells and days.

    Raises:
        CampaignError: Together they would spend a part of some cell's day twice; the message names the earlier sheets.
    """
    others, replaced = _without(in_force(record), booking, record)
    mine = InForce.of(booking, record).part
    total = mine + sum((one.part for one in others), np.zeros(mine.shape))
    twice = (mine > 0.0) & (total > _WHOLE)
    if twice.any():
        day, r, s, c = np.argwhere(twice)[0].tolist()
        earlier = max(others, key=lambda one: float(one.part[day, r, s, c]))
        scenario, sheets = record.scenario, earlier.booking
        raise CampaignError(
            f"{scenario.channels[c]} in {scenario.regions[r]} on {scenario.date_of(day)} is booked already, with "
            f"{sheets.platform} ({sheets.files[0].name if sheets.files else 'no sheet'}): with these sheets beside "
            f"those, {total[day, r, s, c]:.0%} of what is granted would be spent. {_ways_out(earlier, booking, twice)}"
        )
    return tuple(replaced)


def _ways_out(earlier: InForce, booking: Booked, twice: BoolArray) -> str:
    """What to do where a part of a cell's day would be booked twice."""
    if earlier.booking.platform != booking.platform:
        return (
            "Leave out of --mapping what is booked there, or give each its share; or stop it there, and book with "
            "--again to put these in its place."
        )
    names = earlier.lines_on(twice)
    shown = "; ".join(names[:_MOST_TOLD]) + ("; ..." if len(names) > _MOST_TOLD else "")
    return (
        f"These sheets do not write {shown} again, so that the old budget stands there. Export all of them together, "
        "or give each its share with --mapping; or stop it there, and book with --again to put these in its place."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondGrant:
    """Sheets in force that say more than may go out.

    Attributes:
        booking: The sheets.
        said_base: What they say for the days ahead, base currency.
        more_base: By how much that is more.
    """

    booking: Booked
    said_base: float
    more_base: float


def beyond_grant(
    record: CampaignRecord, may_base: FloatArray, first_day: int, booking: Booked | None = None
) -> list[BeyondGrant]:
    """Sheets in force that say more than may go out by now.

    A new plan grants other money, and what was overspent is cut off the days ahead; sheets of before spend theirs
    until they are made anew, or somebody stops them.

    Args:
        record: The campaign.
        may_base: What may still go out ``(T, R, S, C)``; days before the first do not count.
        first_day: The first of the days ahead.
        booking: Sheets that take the place of others, and are right themselves; None for none.
    """
    kept = in_force(record)
    found: list[BeyondGrant] = []
    for one in kept if booking is None else _without(kept, booking, record)[0]:
        days, said, part = one.booking.days.days(), np.zeros(may_base.shape), one.part
        said[days.first_day : days.end_day] = days.spend_base
        whole = one.share.sum(axis=0)
        said = (said * np.where(part > 0.0, part / np.where(whole > 0.0, whole, 1.0), 0.0))[first_day:]
        more = float(said.sum() - (part * may_base)[first_day:].sum())
        if more > max(_STALE * float(said.sum()), _CENT):
            found.append(BeyondGrant(booking=one.booking, said_base=float(said.sum()), more_base=more))
    return found


def _without(kept: Sequence[InForce], booking: Booked, record: CampaignRecord) -> tuple[list[InForce], list[Replaced]]:
    """Bookings without what one takes the place of, and those that it takes anything of."""
    left, replaced = list[InForce](), list[Replaced]()
    days = booking.days.days()
    reach = np.zeros(record.plan.spend_base.shape, dtype=np.bool_)
    reach[days.first_day : days.end_day] = InForce.of(booking, record).share.sum(axis=0) > 0.0
    for one in kept:
        is_own, by_line = one.booking.platform == booking.platform, bool(one.booking.lines and booking.lines)
        stands, cells = one.stands.copy(), one.cells
        if is_own and by_line:
            again = [any(_is_same(line, other) for other in booking.lines) for line in one.booking.lines]
            stands[again, days.first_day : days.end_day] = False
        by_cell = booking.again or (is_own and not by_line)
        rest = replace(one, stands=stands)
        not_written = rest.lines_on(reach) if booking.again and is_own and by_line else ()
        rest = replace(rest, cells=cells & ~reach) if by_cell else rest
        if (one.part > rest.part).any():
            replaced.append(Replaced(booking=one.booking, not_written=not_written))
        left.append(rest)
    return left, replaced


def _is_same(one: BookedLine, other: BookedLine) -> bool:
    """Whether two exports mean the same line: by identifier, and by name where either has none."""
    if one.id and other.id:
        return one.id == other.id
    return one.name == other.name and (not one.account or not other.account or one.account == other.account)
