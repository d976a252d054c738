"""Deals that carry a plan to a target: those first that cost least for what they bring of it.

Deals come in steps, so between two plans on the hull there may be targets for which no weight has a plan. From the plan
that misses, marginal deals close that gap: each depth and mechanic is tried in each block, region and segment by
itself, and in all segments of a region at once; the cheapest are given together, and what is still missing is looked
for from there.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xbopt.agents.planner.aims import Yardstick
from xbopt.agents.planner.blocks import Blocks
from xbopt.agents.planner.expected import Branch, ExpectedMarket
from xbopt.agents.planner.promotions import Offer, offers
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy

# Share of what is missing that a round's deals are to bring: the first deals change what later ones are worth.
_MISSING = (0.5, 1.0, 1.0, 1.0)
# Numbers of deals that are tried, relative to the number that should be enough; then so many in between.
_COUNTS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, np.inf)
_BETWEEN = 12
_NOTHING = 1e-9


def raised(yardstick: Yardstick, blocks: Blocks, low: ScheduledPolicy) -> tuple[ScheduledPolicy, float] | None:
    """A plan with the spend of ``low`` and more deals that reaches the aim; None where none is found.

    Args:
        yardstick: Measures plans; the aim is not incremental.
        blocks: The plan's cells.
        low: A plan that misses the aim.

    Returns:
        The plan, and what the last of its deals cost per unit that it brings of the aim.
    """
    plan = low
    reached = float(yardstick.measure([plan])[1][0])
    for share in _MISSING:
        missing = yardstick.aim.least - reached
        deals = _Deals(yardstick, blocks, plan)
        if not deals.count:
            return None
        wanted = 1 + int(np.searchsorted(np.cumsum(deals.brings), share * missing))
        counts = np.unique(np.clip([np.ceil(wanted * each) for each in _COUNTS], 1, deals.count)).astype(np.int64)
        tried = [deals.given(int(count)) for count in counts]
        values, reaches = yardstick.measure(tried)
        enough = yardstick.reaches(reaches)
        if enough.any():
            first = int(np.argmax(enough))
            least, most = (0 if first == 0 else int(counts[first - 1])), int(counts[first])
            between = np.unique(np.linspace(least, most, _BETWEEN).astype(np.int64)[1:])
            counts = np.concatenate([counts, between])
            tried += [deals.given(int(count)) for count in between]
            values, reaches = yardstick.measure(tried)
            best = int(np.argmax(np.where(yardstick.reaches(reaches), values, -np.inf)))
            return tried[best], float(deals.price[counts[best] - 1])
        # As much as was asked for, no more, so that the rest is looked for where the plan stands then.
        within = np.flatnonzero(counts <= wanted)
        best = int(within[np.argmax(reaches[within])])
        if reaches[best] <= reached:
            return None
        plan, reached = tried[best], float(reaches[best])
    return None


class _Deals:
    """Deals that bring more of the aim, the cheapest first, none that overlaps with one before it.

    Attributes:
        brings: What each brings of the aim by itself ``(N,)``.
        price: What it costs per unit of that ``(N,)``, below 0 where it pays.
    """

    def __init__(self, yardstick: Yardstick, blocks: Blocks, plan: ScheduledPolicy) -> None:
        self._plan, self._blocks = plan, blocks
        self._ceiling = yardstick.market.scenario.limits.discount_ceiling
        menu = offers(yardstick.market.scenario)
        segments = yardstick.market.shape[1]
        groups = dict.fromkeys([*((s, s + 1) for s in range(segments)), (0, segments)])
        self._options = [(offer, slice(*group)) for offer in menu for group in groups]
        branches = list(self._branches())
        parts: list[FloatArray] = []
        for goal in (yardstick.value, yardstick.aim.goal):
            market = ExpectedMarket(yardstick.market, goal)
            parts.append(np.stack(market.gains(market.play(plan), branches)))  # (K, O, R)
        worth, brings = parts
        self._places: list[tuple[int, int, Offer, slice]] = []
        kept: list[tuple[float, float]] = []
        taken: BoolArray = np.zeros((blocks.count, *plan.discount_frac.shape[1:]), dtype=np.bool_)
        helpful = brings > _NOTHING * np.abs(brings).max(initial=0.0)
        price = np.where(helpful, -worth / np.where(helpful, brings, 1.0), np.inf)
        cheapest = np.argsort(price, axis=None, kind="stable")[: int(helpful.sum())]
        places: list[tuple[int, int, int]] = np.stack(np.unravel_index(cheapest, price.shape), axis=1).tolist()
        for k, o, r in places:
            offer, group = self._options[o]
            if not taken[k, r, group].any():
                taken[k, r, group] = True
                self._places.append((k, r, offer, group))
                kept.append((float(brings[k, o, r]), float(price[k, o, r])))
        self.brings, self.price = np.array(kept).reshape(-1, 2).T

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._places)

    def given(self, count: int) -> ScheduledPolicy:
        """The plan with the first ``count`` of them."""
        discount, mechanic = self._plan.discount_frac.copy(), self._plan.mechanic.copy()
        for k, r, offer, group in self._places[:count]:
            days = slice(int(self._blocks.starts[k]), int(self._blocks.ends[k]))
            discount[days, r, group] = np.minimum(offer.discount_frac, self._ceiling[r, group])
            mechanic[days, r, group] = offer.mechanic
        return replace(self._plan, discount_frac=discount, mechanic=mechanic)

    def _branches(self) -> Iterator[Branch]:
        def decide(day: int, own: Decision) -> Decision:
            del day
            discount = np.repeat(own.discount_frac, len(self._options), axis=0)
            mechanic = np.repeat(own.mechanic, len(self._options), axis=0)
            for row, (offer, group) in enumerate(self._options):
                discount[row, :, group] = np.minimum(offer.discount_frac, self._ceiling[:, group])
                mechanic[row, :, group] = offer.mechanic
            return replace(own, discount_frac=discount, mechanic=mechanic)

        for start, end in zip(self._blocks.starts, self._blocks.ends, strict=True):
            yield Branch(first_day=int(start), end_day=int(end), worlds=len(self._options), decide=decide)
