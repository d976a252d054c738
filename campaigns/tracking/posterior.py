"""What was learnt of the world of a campaign: worlds that fit the told totals, and what they say of each channel."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.campaigns.actuals.actual_day import OUTSIDE, ActualDay
from xbopt.campaigns.tracking.smoother import LogMultipliers, effective_share, smoothed
from xbopt.campaigns.tracking.told_sums import REVENUE, SumsOfDays
from xbopt.campaigns.tracking.tracker import Tracked
from xbopt.core.arrays import BoolArray, FloatArray, add_up
from xbopt.core.decisions.limits import Remaining
from xbopt.core.randomness import named_generator
from xbopt.env.nominal import HiddenParts
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.outside import next_outside
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState, OutsideState, repeat_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import WorldParameters, average_world, draw_worlds

WORLDS = 256
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A ratio to what the scenario says, as far as it is known; all of one shape.

    A ratio of something of which the scenario expects nothing, such as the visits of a channel without spend, is NaN.

    Attributes:
        mean: Mean over the worlds after the data.
        low: Their 5th percentile.
        high: Their 95th percentile.
        prior_low: The 5th percentile of the worlds before the data.
        prior_high: The 95th percentile.
        left: Standard deviation of the log after the data over that before: 1 where nothing was learnt.
        told: Whether anything was told that bears on it.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    prior_low: FloatArray
    prior_high: FloatArray
    left: FloatArray
    told: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPosterior:
    """Worlds after the data.

    Attributes:
        tracked: The campaign that they were learnt from.
        worlds: Their parameters, ``B`` worlds.
        state: Where each of them stands this morning.
        visits: What each channel's spend has brought in visits ``(R, C)``, against the scenario at the same spend.
        returns: The same in revenue: visits, conversion and order value together ``(R, C)``.
        conversion: Orders a visit ``(R,)``.
        order_value: Gross revenue an order ``(R,)``.
        weighed_share: Effective share of worlds that plain weights would leave, 0..1; 1 where nothing was told.
    """

    tracked: Tracked
    worlds: WorldParameters
    state: MarketState
    visits: Learnt
    returns: Learnt
    conversion: Learnt
    order_value: Learnt
    weighed_share: float


def learn(tracked: Tracked, *, seed: int, worlds: int = WORLDS) -> WorldPosterior:
    """What the days so far say of the world.

    Args:
        tracked: The campaign up to this morning.
        seed: Names the luck: of the worlds, and of what nobody told of the world outside.
        worlds: Number of worlds ``B``.
    """
    market = tracked.market
    numbers = np.arange(worlds, dtype=np.int64)
    prior = draw_worlds(market.scenario, seed=seed, worlds=numbers)
    draws, sums = MarketDraws(market.scenario, seed=seed, worlds=numbers), SumsOfDays(market, tracked.days)
    stated, before = played_along(tracked, average_world(), 1), played_along(tracked, prior, worlds, draws, sums)
    after, own, share = before, prior, 1.0
    uncertain = LogMultipliers.of(market.scenario, prior)
    told_sums = sums.result()
    if told_sums is not None and uncertain.logs.shape[1]:
        chance = named_generator(seed, "posterior").standard_normal((worlds, len(told_sums.told)))
        logs = smoothed(uncertain, told_sums, chance, linked=_linked(market))
        own, share = uncertain.put_into(prior, logs), effective_share(told_sums)
        after = played_along(tracked, own, worlds, draws)
    told = _told(tracked)
    ratios = {
        name: _learnt(getattr(stated, name), getattr(before, name), getattr(after, name), told[name]) for name in told
    }
    return WorldPosterior(tracked=tracked, worlds=own, state=after.state, weighed_share=share, **ratios)


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """Some worlds played along a campaign: where they stand, and what they expect of all days together."""

    state: MarketState
    visits: FloatArray
    returns: FloatArray
    conversion: FloatArray
    order_value: FloatArray


def played_along(
    tracked: Tracked,
    world: WorldParameters,
    count: int,
    draws: MarketDraws | None = None,
    sums: SumsOfDays | None = None,
) -> Along:
    """Play worlds in expected mode, each day from the morning that was seen and with what was done.

    What nobody told of the world outside goes its own way in each world, by ``draws``; as expected without.
    """
    market, free = tracked.market, tracked.open_market
    unlimited = Remaining.at_start(free.scenario.limits, count)
    state = initial_state(market, count, world)
    regions, _, channels, _ = market.shape
    visits, returns = np.zeros((count, regions, channels)), np.zeros((count, regions, channels))
    all_visits, orders, revenue = (np.zeros((count, regions)) for _ in range(3))
    outside = repeat_state(tracked.days[0].morning if tracked.days else tracked.seen, count).outside
    for day, over in enumerate(tracked.days):
        seen = replace(repeat_state(over.morning, count), outside=outside, remaining=unlimited)
        morning = HiddenParts.of(state).put_into(seen)
        outcome, state = play_day(free, world, morning, over.filled.results.decision.repeated(count), None)
        if sums is not None:
            sums.add(day, outcome)
        day_orders = add_up(outcome.orders, 3)
        value = outcome.money.gross_revenue / np.where(day_orders > 0.0, day_orders, 1.0)
        visits += add_up(outcome.channel_visits, 2)
        returns += add_up(outcome.channel_orders * value[..., None], 2)
        all_visits += add_up(outcome.visits, 2)
        orders += add_up(day_orders, 2)
        revenue += add_up(outcome.money.gross_revenue, 2)
        tomorrow = tracked.days[day + 1].morning if day + 1 < len(tracked.days) else tracked.seen
        outside = _outside_of_worlds(tracked, day, tomorrow, morning, draws)
    seen = replace(repeat_state(tracked.seen, count), outside=outside)
    return Along(
        state=HiddenParts.of(state).put_into(seen),
        visits=visits,
        returns=returns,
        conversion=ratio(orders, all_visits),
        order_value=ratio(revenue, orders),
    )


def _outside_of_worlds(
    tracked: Tracked, day: int, tomorrow: MarketState, morning: MarketState, draws: MarketDraws | None
) -> OutsideState:
    """The world outside on the next morning: as told, and each world's own where nobody told."""
    told = tracked.days[day].told
    seen = repeat_state(tomorrow, len(morning.stock)).outside
    all_told = told is not None and all(
        name in told.figures and not np.isnan(told.figures[name]).any() for name in OUTSIDE
    )
    if draws is None or all_told:
        return seen
    start = tracked.market.customers.satisfaction_start
    mood = add_up(morning.satisfaction - start, 2) / tracked.market.shape[1]
    own = next_outside(tracked.market, morning.outside, draws.day(day), mood, day)
    return outside_as_told(told, own, seen)


def outside_as_told(told: ActualDay | None, own: OutsideState, seen: OutsideState) -> OutsideState:
    """The world outside of some worlds: as seen where it was told with the day before, their own elsewhere."""
    mixed: dict[str, FloatArray] = {}
    for name in OUTSIDE:
        figure = None if told is None else told.figures.get(name)
        theirs = getattr(own, name)
        mixed[name] = theirs if figure is None else np.where(np.isnan(figure), theirs, getattr(seen, name))
    return OutsideState(**mixed)


def _linked(market: MarketParameters) -> BoolArray:
    """Channels that work on each other's visits ``(C + 1, C + 1)``; organic visits only on themselves."""
    linked = np.eye(market.shape[2] + 1, dtype=np.bool_)
    for i, j in market.media.synergies:
        linked[i, j] = linked[j, i] = True
    return linked


def _told(tracked: Tracked) -> dict[str, BoolArray]:
    """What was told that bears on each ratio: by region and channel, or by region."""
    regions, _, channels, _ = tracked.market.shape
    visits, orders, revenue = np.zeros((regions, channels), dtype=np.bool_), *np.zeros((2, regions), dtype=np.bool_)
    for over in tracked.days:
        known = over.filled.results.known
        assert known is not None, "a tracked day says what is known"
        visits = visits | known.visits[0, ..., :-1].any(axis=1)
        if over.told is not None:
            figures = over.told.figures
            orders = orders | _any_told(figures.get("orders"))
            for name in REVENUE:
                revenue = revenue | _any_told(figures.get(name))
    return {
        "visits": visits,
        "returns": visits | orders[:, None],
        "conversion": orders,
        "order_value": revenue,
    }


def _any_told(array: FloatArray | None) -> BoolArray:
    """Whether a figure ``(R, S)`` tells anything of a region ``(R,)``, or ``(1,)``."""
    return np.zeros(1, dtype=np.bool_) if array is None else np.logical_or.reduce(~np.isnan(array), axis=1)


def _learnt(stated: FloatArray, before: FloatArray, after: FloatArray, told: BoolArray) -> Learnt:
    """Ratios of worlds ``(B, ...)`` to the scenario's ``(1, ...)``."""
    prior, posterior = ratio(before, stated), ratio(after, stated)
    (prior_low, prior_high), (low, high) = (np.quantile(each, INTERVAL, axis=0) for each in (prior, posterior))
    with np.errstate(divide="ignore"):
        sd_before, sd_after = np.log(prior).std(axis=0), np.log(posterior).std(axis=0)
    return Learnt(
        mean=posterior.mean(axis=0),
        low=low,
        high=high,
        prior_low=prior_low,
        prior_high=prior_high,
        left=np.where(sd_before > 0.0, sd_after / np.where(sd_before > 0.0, sd_before, 1.0), 1.0),
        told=told,
    )


def ratio(amount: FloatArray, by: FloatArray) -> FloatArray:
    """``amount / by``, NaN where there is nothing to divide by."""
    return np.where(by > 0.0, amount / np.where(by > 0.0, by, 1.0), np.nan)
