"""What of a plan stands in upload sheets that are in force: no part of a cell's day is booked twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.books.events import Booked
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CampaignError

_WHOLE = 1.0 + 1e-6
"""Shares of several mappings are typed with a few digits; what is over 1 by less is a whole."""

_STALE = 0.01
"""Days of a sheet with the mean day differ from those of the plan; what is over by less is no other plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """Sheets whose budgets still stand at their platform, as far as nothing later took their place.

    Attributes:
        booking: The sheets.
        part: Part of each cell's spend of a day that goes through them ``(T, R, S, C)``.
    """

    booking: Booked
    part: FloatArray


def in_force(record: CampaignRecord) -> list[InForce]:
    """The bookings of a campaign, in order, without what later ones took the place of."""
    kept: list[InForce] = []
    for booking in record.bookings:
        kept, _ = _without(kept, booking, record)
        kept.append(InForce(booking=booking, part=_part(booking, record)))
    return kept


def check_booking(record: CampaignRecord, booking: Booked) -> tuple[Booked, ...]:
    """Whether sheets may be handed out beside those that are in force; gives those that they take the place of.

    Sheets take the place of the earlier ones of the same platform for the same cells and days, and where the booking
    says so (``again``) of those of every platform.

    Raises:
        CampaignError: Together they would spend a part of some cell's day twice; the message names the earlier sheets.
    """
    others, replaced = _without(in_force(record), booking, record)
    mine = _part(booking, record)
    total = mine + sum((one.part for one in others), np.zeros(mine.shape))
    twice = np.argwhere((mine > 0.0) & (total > _WHOLE)).tolist()
    if twice:
        day, r, s, c = twice[0]
        earlier = max(others, key=lambda one: float(one.part[day, r, s, c])).booking
        scenario = record.scenario
        raise CampaignError(
            f"{scenario.channels[c]} in {scenario.regions[r]} on {scenario.date_of(day)} is booked already, with "
            f"{earlier.platform} ({earlier.files[0].name if earlier.files else 'no sheet'}): with these sheets beside "
            f"those, {total[day, r, s, c]:.0%} of what is granted would be spent. Leave out of --mapping what is "
            "booked there, or give each its share; or stop it there, and book with --again to put these in its place."
        )
    return tuple(replaced)


def beyond_grant(record: CampaignRecord, booking: Booked) -> list[tuple[Booked, float]]:
    """Sheets beside a booking that say more than is granted by now, from its first day on, and by how much.

    A new plan grants other money; sheets of an older one spend theirs until they are made anew.

    Returns:
        The sheets, and base currency.
    """
    first, committed = booking.days.first_day, record.ledger.committed_base
    found: list[tuple[Booked, float]] = []
    for one in _without(in_force(record), booking, record)[0]:
        days, said = one.booking.days.days(), np.zeros(committed.shape)
        said[days.first_day : days.end_day] = days.spend_base
        said = np.where(one.part > 0.0, said, 0.0)[first:]
        more = float(said.sum() - (one.part * committed)[first:].sum())
        if more > _STALE * float(said.sum()):
            found.append((one.booking, more))
    return found


def _without(kept: Sequence[InForce], booking: Booked, record: CampaignRecord) -> tuple[list[InForce], list[Booked]]:
    """Bookings without what one takes the place of, and those that it takes anything of."""
    left, replaced = list[InForce](), list[Booked]()
    reach = _reach(booking, record)
    for one in kept:
        gives_way = reach if booking.again or one.booking.platform == booking.platform else np.zeros_like(reach)
        if (one.part[gives_way] > 0.0).any():
            replaced.append(one.booking)
        left.append(replace(one, part=np.where(gives_way, 0.0, one.part)))
    return left, replaced


def _share(booking: Booked, record: CampaignRecord) -> FloatArray:
    """Part of each cell that goes through sheets ``(R, S, C)``; all where they do not say it."""
    shape = record.plan.spend_base.shape[1:]
    if booking.share:
        return np.array(booking.share).reshape(shape)
    return np.any(booking.days.days().spend_base > 0.0, axis=0).astype(np.float64)


def _reach(booking: Booked, record: CampaignRecord) -> BoolArray:
    """The cells and days that sheets are about ``(T, R, S, C)``."""
    days, reach = booking.days.days(), np.zeros(record.plan.spend_base.shape, dtype=np.bool_)
    reach[days.first_day : days.end_day] = _share(booking, record) > 0.0
    return reach


def _part(booking: Booked, record: CampaignRecord) -> FloatArray:
    """Part of each cell's day ``(T, R, S, C)``; none where the sheets spend nothing."""
    days, part = booking.days.days(), np.zeros(record.plan.spend_base.shape)
    part[days.first_day : days.end_day] = np.where(days.spend_base > 0.0, _share(booking, record), 0.0)
    return part
