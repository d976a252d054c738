"""Mornings of campaigns that are kept: a campaign is followed from the last morning before anything that changed."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.books.record import CampaignRecord, carried_out
from xbopt.campaigns.tracking.tracker import Tracked
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

_MOST_CAMPAIGNS, _MOST_MARKETS = 64, 8
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class _Day:
    """A day that is over, by what it was followed with, and the morning after it."""

    told: ActualDay | None
    committed: Decision
    after: Tracked


class Mornings:
    """Follows campaigns; those that were asked for last are kept. Several threads may ask."""

    def __init__(self) -> None:
        self._markets: OrderedDict[str, MarketParameters] = OrderedDict()
        self._trails: OrderedDict[str, tuple[ActualDay | None, Tracked, list[_Day]]] = OrderedDict()

    def market(self, scenario: Scenario) -> MarketParameters:
        """The seller's own model by a scenario."""
        return _kept(self._markets, scenario.hash) or _put(
            self._markets, scenario.hash, build_market(scenario), _MOST_MARKETS
        )

    def at(self, record: CampaignRecord, day: int) -> Tracked:
        """Where a campaign stands on the morning of a day: the same as `track`.

        Args:
            record: The campaign.
            day: The day, from 0.
        """
        before, planned = record.days.get(-1), carried_out(record)
        kept = _kept(self._trails, record.name)
        if kept is None or kept[0] is not before or kept[1].market.scenario.hash != record.scenario.hash:
            kept = (before, Tracked.start(self.market(record.scenario), before), list[_Day]())
        _, start, trail = kept
        same = 0
        while same < min(day, len(trail)):
            over = trail[same]
            if over.told is not record.days.get(same) or not _alike(over.committed, planned.decision(same)):
                break
            same += 1
        # What was followed beyond the day stays, unless something before it is another now.
        followed = trail if same == day else trail[:same]
        tracked = start if same == 0 else trail[same - 1].after
        for n in range(same, day):
            told, committed = record.days.get(n), planned.decision(n)
            tracked = tracked.after(committed, told)
            followed.append(_Day(told, committed, tracked))
        _put(self._trails, record.name, (before, start, followed), _MOST_CAMPAIGNS)
        return tracked


def _alike(one: Decision, other: Decision) -> bool:
    names = ("spend_base", "daypart_weights", "discount_frac", "mechanic")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def _kept(things: "OrderedDict[str, Thing]", name: str) -> "Thing | None":
    with suppress(KeyError):  # another thread may drop it at any time
        things.move_to_end(name)
    return things.get(name)


def _put(things: "OrderedDict[str, Thing]", name: str, thing: "Thing", most: int) -> "Thing":
    things[name] = thing
    while len(things) > most:
        things.popitem(last=False)
    return thing
