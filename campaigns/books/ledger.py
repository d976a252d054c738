"""The money of a campaign: reserved by proposals, committed by approvals and decisions, reconciled with what was spent.

A cell of a day counts once: what was really spent where that is known, else what is committed for it. A reservation is
another way the days may go: until it is decided, money is granted only where both ways keep budget and caps, and each
day its own limits. Two writers cannot both add the next event of a campaign, so what is granted never exceeds them,
whoever asks at the same time.
"""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.spreading import spread
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.limits import Limits, Remaining
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.errors import OverspendError

ROUNDING = 1e-9
"""Sums of the same amounts in another order differ by so much of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Money by day and cell, base currency.

    Attributes:
        limits: What may be spent.
        committed_base: ``(T, R, S, C)``.
        reserved: Days that an open proposal would spend otherwise; None without one.
        spent_base: What was really spent ``(T, R, S, C)``; where only totals are known, in the proportions of what was
            committed.
        is_spent: Cells whose spend was told ``(T, R, S, C)``; the others of such a day count what is committed.
        by_region: Where the split over regions was told as well ``(T, C)``, so that a region's figure may rest on it.
        by_channel: Where the split over channels was ``(T,)``.
    """

    limits: Limits
    committed_base: FloatArray
    reserved: PlannedDays | None = None
    spent_base: FloatArray
    is_spent: BoolArray
    by_region: BoolArray
    by_channel: BoolArray

    @classmethod
    def empty(cls, limits: Limits, days: int) -> "Ledger":
        """Nothing is granted yet."""
        nothing = np.zeros((days, *limits.locked.shape))
        told = np.zeros(nothing.shape, dtype=np.bool_)
        return cls(
            limits=limits,
            committed_base=nothing,
            spent_base=nothing,
            is_spent=told,
            by_region=told[:, 0, 0],
            by_channel=told[:, 0, 0, 0],
        )

    @property
    def counted_base(self) -> FloatArray:
        """What each day counts, whatever is reserved ``(T, R, S, C)``."""
        return self._counted(self.committed_base)

    @property
    def has_spent(self) -> BoolArray:
        """Days of whose spend something was told, so that they are over ``(T,)``."""
        told: BoolArray = np.any(self.is_spent, axis=(1, 2, 3))
        return told

    @property
    def known_spend_base(self) -> float:
        """What was really spent, as far as it is known."""
        return float(self.spent_base[self.is_spent].sum())

    @property
    def wanted_base(self) -> float:
        """By how much more than what is committed the reserved days would count."""
        committed, *reserved = (float(way.sum()) for way in self.ways())
        return max(reserved[0] - committed, 0.0) if reserved else 0.0

    def overspent_base(self, until: int) -> float:
        """By how much more than the budget the days before one count: what is over cannot be cut any more."""
        return max(float(self.counted_base[:until].sum()) - self.limits.total_base, 0.0)

    def remaining(self, first_day: int, end_day: int) -> Remaining:
        """What days from one up to another may spend together, whatever is granted for them so far; one world.

        Never below zero.
        """
        found: list[Remaining] = []
        for way in self.ways():
            others = np.concatenate([way[:first_day], way[end_day:]])
            found.append(Remaining.at_start(self.limits, 1).after(others.sum(axis=0)[None]))
        return Remaining(
            budget_base=np.minimum.reduce([one.budget_base for one in found]),
            region_base=np.minimum.reduce([one.region_base for one in found]),
            channel_base=np.minimum.reduce([one.channel_base for one in found]),
        )

    def before(self, day: int) -> Remaining:
        """What was left on the morning of a day, as a simulated campaign counts it: less all that went before."""
        return Remaining.at_start(self.limits, 1).after(self.counted_base[:day].sum(axis=0)[None])

    def with_reserved(self, days: PlannedDays) -> "Ledger":
        """With money reserved for days, in place of what was reserved before.

        Raises:
            OverspendError: They ask for more than there is.
        """
        made = replace(self, reserved=days)
        made.check(days, self)
        return made

    def without_reserved(self) -> "Ledger":
        """With nothing reserved."""
        return replace(self, reserved=None)

    def with_committed(self, days: PlannedDays) -> "Ledger":
        """With money committed for days, in place of what was committed for them.

        Raises:
            OverspendError: They ask for more than there is.
        """
        made = replace(self, committed_base=_with(self.committed_base, days))
        made.check(days, self)
        return made

    def with_added(self, days: PlannedDays) -> "Ledger":
        """With money committed for days beside what is committed already: cells share their day.

        Raises:
            OverspendError: Together they ask for more than there is.
        """
        there = self.committed_base[days.first_day : days.end_day]
        return self.with_committed(replace(days, spend_base=there + days.spend_base))

    def with_spent(
        self,
        day: int,
        spent_base: FloatArray,
        *,
        told: BoolArray | None = None,
        by_region: BoolArray | None = None,
        by_channel: bool = True,
    ) -> "Ledger":
        """With what a day really cost ``(R, S, C)``; what was committed beyond it is free again.

        A reservation that this leaves no money for ends: nobody could approve it, and it would keep decisions waiting.

        Args:
            day: The day.
            spent_base: What was spent; what stands in cells that were not told does not matter.
            told: Which cells were told ``(R, S, C)``; all where left out.
            by_region: Channels whose split over regions was told ``(C,)``; all where left out.
            by_channel: Whether the split over channels was.
        """
        spent, known = self.spent_base.copy(), self.is_spent.copy()
        regional, own = self.by_region.copy(), self.by_channel.copy()
        known[day] = True if told is None else told
        spent[day] = np.where(known[day], spent_base, 0.0)
        regional[day], own[day] = True if by_region is None else by_region, by_channel
        return self._reconciled(
            replace(self, spent_base=spent, is_spent=known, by_region=regional, by_channel=own, reserved=None)
        )

    def with_reserved_if_it_fits(self, days: PlannedDays) -> "Ledger":
        """With money reserved for days as long as there is money for it; else with nothing reserved.

        What nobody could approve would only keep decisions waiting.
        """
        try:
            return self.with_reserved(days)
        except OverspendError:
            return self.without_reserved()

    def _reconciled(self, made: "Ledger") -> "Ledger":
        """A ledger of other spend with what is reserved here, as long as there is money for it."""
        return made if self.reserved is None else made.with_reserved_if_it_fits(self.reserved)

    def with_known(self, known: ActualDay) -> "Ledger":
        """With what is known of a day's spend; totals are spread as the money was committed."""
        told, regions = known.figures["spend_base"], self.committed_base.shape[1]
        spend, cells = spread(told, self.committed_base[known.day])
        assumed = known.figures.get("regions_assumed", np.zeros(1))
        split = (told.shape[0] == regions) & ~(assumed > 0.0)
        return self.with_spent(
            known.day,
            spend,
            told=cells,
            by_region=np.broadcast_to(split, self.by_region[known.day].shape),
            by_channel=told.shape[2] == self.committed_base.shape[3],
        )

    def until(self, day: int) -> "Ledger":
        """With nothing committed or reserved for a day and those after it."""
        committed = self.committed_base.copy()
        committed[day:] = 0.0
        return replace(self, committed_base=committed, reserved=None)

    def without_spent(self, day: int) -> "Ledger":
        """As if nothing of a day's spend had been told: what is committed for it counts again."""
        spent, known = self.spent_base.copy(), self.is_spent.copy()
        regional, own = self.by_region.copy(), self.by_channel.copy()
        spent[day], known[day], regional[day], own[day] = 0.0, False, False, False
        return self._reconciled(
            replace(self, spent_base=spent, is_spent=known, by_region=regional, by_channel=own, reserved=None)
        )

    def check(self, days: PlannedDays, before: "Ledger") -> None:
        """Whether money granted for days keeps every limit.

        Where platforms spent more than there was, a grant that asks for no more than before is none of the trouble.

        Args:
            days: The days.
            before: The ledger without the grant.

        Raises:
            OverspendError: It does not; the message names the limit and by how much.
        """
        limits, earlier = self.limits, before.ways()
        for n, way in enumerate(self.ways()):
            was = earlier[min(n, len(earlier) - 1)]
            _keep("the budget", float(way.sum()), limits.total_base, float(was.sum()))
            for what, axes, caps in (
                ("region", (0, 2, 3), limits.region_cap_base),
                ("channel", (0, 1, 2), limits.channel_cap_base),
            ):
                sums = way.sum(axis=axes).tolist(), caps.tolist(), was.sum(axis=axes).tolist()
                for place, (total, cap, before_it) in enumerate(zip(*sums, strict=True)):
                    _keep(f"the cap of {what} {place + 1}", total, cap, before_it)
        for n, spend in enumerate(_of(days, self.committed_base, self.reserved)):
            day = days.first_day + n
            _keep(f"the most that day {day} may cost", float(spend.sum()), limits.daily_base)
            by_place = spend.sum(axis=1)
            for r, c in np.argwhere(by_place > limits.maximum_base).tolist():
                what = f"the most that channel {c + 1} in region {r + 1} may cost on day {day}"
                _keep(what, float(by_place[r, c]), float(limits.maximum_base[r, c]))

    def ways(self) -> list[FloatArray]:
        """What each day counts, by each way the days may go: as committed, and as reserved ``(T, R, S, C)``."""
        ways = [self.counted_base]
        if self.reserved is not None:
            ways.append(self._counted(_with(self.committed_base, self.reserved)))
        return ways

    def _counted(self, granted: FloatArray) -> FloatArray:
        return np.where(self.is_spent, self.spent_base, granted)


def _of(days: PlannedDays, committed: FloatArray, reserved: PlannedDays | None) -> FloatArray:
    """Spend of days as they were just granted ``(N, R, S, C)``."""
    return days.spend_base if reserved is days else committed[days.first_day : days.end_day]


def _keep(what: str, asked: float, limit: float, was: float = 0.0) -> None:
    """Whether a sum keeps its limit, or at least what it was before where that is beyond the limit already."""
    most = max(limit, was)
    if asked > most * (1.0 + ROUNDING):
        spent = f", and {was:,.2f} is spent and committed already" if was > limit * (1.0 + ROUNDING) else ""
        raise OverspendError(
            f"{what[0].upper()}{what[1:]} is {limit:,.2f}{spent}; with this it would be {asked:,.2f}, "
            f"{asked - most:,.2f} too much. Propose again: a proposal takes what is left as it stands now."
        )


def _with(whole: FloatArray, days: PlannedDays) -> FloatArray:
    made = whole.copy()
    made[days.first_day : days.end_day] = days.spend_base
    return made
