"""What holds a plan back: its limits that leave no room, and what more room would bring."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from xbopt.agents.planner.prices import WithheldPrice
from xbopt.core.scenario.scenario import Scenario
from xbopt.studies.labels import axis_names
from xbopt.studies.plan import PlanningResult

LimitKind = Literal["budget", "day", "region", "channel", "maximum", "minimum", "lock", "roi_floor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPrice:
    """A limit that leaves no room, and what more room would be worth.

    Attributes:
        key: The planner's name of it.
        kind: What sort of limit it is; minimums and locks are promises, of which less may be worth something.
        place: Readable names of the region, segment and channel that it is about, as far as it is about any.
        day: The day that it is about; None where it holds on all.
        allowed_base: What it allows or promises over the horizon, of a day's limit a day; NaN where it is no amount of
            money.
        price: Goal per base currency unit of room; of a promise per unit less of it, and below 0 where one unit more
            brings something; of the return floor per unit of floor. 0 where room brings nothing, NaN where withheld.
        withheld: Why no price is shown; None where one is.
    """

    key: str
    kind: LimitKind
    place: tuple[str, ...]
    day: dt.date | None
    allowed_base: float
    price: float
    withheld: WithheldPrice | None = None

    @property
    def is_promise(self) -> bool:
        """Whether it asks for spend rather than forbidding it."""
        return self.kind in ("minimum", "lock")

    @property
    def worth(self) -> float:
        """What one unit more of it, or less of it, brings."""
        return abs(self.price) if self.is_promise else self.price

    @property
    def one_percent(self) -> float:
        """What a limit that is 1 % looser would bring; NaN where it is no amount of money."""
        return self.worth * self.allowed_base * 0.01


def limit_prices(result: PlanningResult) -> tuple[LimitPrice, ...]:
    """Every limit that binds or has a price, the dearest first."""
    plan = result.campaign
    withheld = {one.limit: one for one in plan.withheld}
    prices = [_limit_price(result, key, price) for key, price in plan.shadow_prices.items()]
    prices += [replace(_limit_price(result, key, np.nan), withheld=one) for key, one in withheld.items()]
    others = [key for key in plan.binding if key not in plan.shadow_prices and key not in withheld]
    prices += [_limit_price(result, key, 0.0) for key in others]
    return tuple(sorted(prices, key=lambda limit: -np.nan_to_num(limit.worth)))


def _limit_price(result: PlanningResult, key: str, price: float) -> LimitPrice:
    scenario, plan = result.scenario, result.campaign
    kind, _, of = key.partition(" ")
    day: dt.date | None = None
    place, allowed = (), np.nan
    match kind:
        case "budget":
            allowed = plan.budget_base
        case "day":
            day, allowed = dt.date.fromisoformat(of), scenario.limits.daily_base
        case "roi_floor":
            price *= plan.total_spend_base
        case _:
            place, allowed = _placed(scenario, kind, of)
    return LimitPrice(
        key=key, kind=cast("LimitKind", kind), place=place, day=day, allowed_base=float(allowed), price=price
    )


def _placed(scenario: Scenario, kind: str, of: str) -> tuple[tuple[str, ...], float]:
    """Where a cap, maximum, minimum or lock holds, in readable names, and what it allows or promises in all."""
    regions, segments, channels = axis_names(scenario)
    limits = scenario.limits
    if kind == "region":
        r = scenario.regions.index(of)
        return (regions[r],), float(limits.region_cap_base[r])
    if kind == "channel":
        c = scenario.channels.index(of)
        return (channels[c],), float(limits.channel_cap_base[c])
    ids = of.split("/")
    r, c = scenario.regions.index(ids[0]), scenario.channels.index(ids[-1])
    if kind == "lock":
        s = scenario.segments.index(ids[1])
        return (regions[r], segments[s], channels[c]), float(limits.lock_base[r, s, c]) * scenario.days
    if kind == "maximum":
        return (regions[r], channels[c]), float(limits.maximum_base[r, c]) * scenario.days
    free = ~limits.locked[r, :, c]
    return (regions[r], channels[c]), float(limits.minimum_base[r, free, c].sum()) * scenario.days
