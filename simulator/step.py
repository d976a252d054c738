"""One day of the market: state, decision and random numbers in; outcome and next state out."""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, every, some, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.feasibility import Adjustments, project
from xbopt.core.decisions.limits import Limits
from xbopt.simulator.attribution import Attribution, SharedLater
from xbopt.simulator.customers import next_customers, next_satisfaction
from xbopt.simulator.demand import DemandDay, expected_demand
from xbopt.simulator.draws import DayDraws
from xbopt.simulator.fulfilment import delivery_days, expected_returns, fill_orders, next_parcels, return_rate
from xbopt.simulator.kernel.engine import EngineName, chosen
from xbopt.simulator.media import play_media
from xbopt.simulator.money import basket_noise
from xbopt.simulator.native_day import play_natively
from xbopt.simulator.outcome import DayOutcome
from xbopt.simulator.outside import next_outside
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.places import book_places, share_orders
from xbopt.simulator.pricing import price_day
from xbopt.simulator.promotion import book_borrowing, next_reference, next_remembered_deal
from xbopt.simulator.sampling import MAX_MEAN, lognormal_from_normal, normal_from_uniform, poisson_from_uniform
from xbopt.simulator.state import MarketState
from xbopt.simulator.worlds import WorldParameters


def play_day(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    decision: Decision,
    draws: DayDraws | None,
    *,
    engine: EngineName | None = None,
) -> tuple[DayOutcome, MarketState]:
    """Play one day.

    Args:
        market: What the market is.
        world: What differs by world, ``B`` or 1 worlds.
        state: Where the market stands this morning, ``B`` worlds.
        decision: What is to be done; it is projected onto what is feasible. Its arrays are not copied, and must stay as
            they are while the outcome is read: who ordered, and by which channel, is worked out when somebody asks.
        draws: The day's random numbers; ``None`` plays the expected mode, in which every draw is replaced by its mean.
        engine: Who plays it; left out, what ``kernel/engine.py`` chooses.

    Returns:
        What the day brought, and the state of the next morning.

    Raises:
        DecisionError: The decision has a wrong shape or holds a value that is no number.
        UsageError: An engine is asked for that is not there.
    """
    who = chosen(engine)
    if who.name == "native":
        played = play_natively(who, market, world, state, decision, None, draws)
        if played is not None:
            return played
    feasible, adjustments = carried_out(market, state, decision)
    if who.name == "native":
        played = play_natively(who, market, world, state, feasible, adjustments, draws)
        assert played is not None, "a projected decision keeps all limits"
        return played
    return _play_with_numpy(market, world, state, feasible, adjustments, draws)


def _play_with_numpy(
    market: MarketParameters,
    world: WorldParameters,
    state: MarketState,
    feasible: Decision,
    adjustments: Adjustments,
    draws: DayDraws | None,
) -> tuple[DayOutcome, MarketState]:
    """The reference: the day array by array."""
    days = delivery_days(market, world, state)
    accepted = market.fulfilment.accepted_days
    cells = state.satisfaction.shape
    shock = np.ones(cells) if draws is None else lognormal_from_normal(draws.normals["shock"], market.demand.shock_cv)
    media = play_media(market, world, state, feasible)
    price = price_day(market, world, state, feasible.discount_frac, feasible.mechanic)
    late = np.maximum(days - accepted, 0.0)
    demand = expected_demand(market, world, state, media, price, late, shock)
    wanted, visits, carts, returned = _counts(market, state, demand, draws)
    filled = fill_orders(market, state, wanted, whole=draws is not None)
    shipped = add_up(filled.orders, 3)
    noise = 1.0 if draws is None else basket_noise(market, shipped, draws.normals["basket"])
    taken = share_orders(market, media, demand, filled.orders)
    money, places = book_places(market, world, state, price, taken, noise, add_up(feasible.spend_base, 3))

    asked = add_up(wanted, 3)
    served = np.where(asked > 0.0, shipped / np.where(asked > 0.0, asked, 1.0), 1.0)
    ledger = book_borrowing(demand.ledger, served)
    moves = next_customers(market, state, filled.orders, demand.split, media.contact, world.dropout)
    satisfaction = next_satisfaction(market, state, days, filled.lost_share)
    mood = add_up(state.satisfaction - market.customers.satisfaction_start, 2) / market.shape[1]
    rate = return_rate(market, world)
    in_transit, returning = next_parcels(market, state, shipped, returned, days, rate)
    outcome = DayOutcome(
        decision=feasible,
        adjustments=adjustments,
        visits=visits,
        carts=carts,
        orders=filled.orders,
        lost_orders=filled.lost,
        returns=returned,
        returns_due=shipped * rate,
        known_customers=add_up(state.customers[..., 1:4], 3),
        money=money,
        places=places,
        impressions=media.impressions,
        attribution=Attribution(
            visits=add_up(demand.visits, 3),
            quality=media.quality,
            sharing=SharedLater(
                channels=market.media, media=media, people=demand.people, split=demand.split, shipped=filled.orders
            ),
        ),
        ledger=ledger,
        satisfaction=state.satisfaction,
        delivery_days=days,
        capped=demand.capped,
        fx_log=state.outside.fx_log,
        engine="numpy",
    )
    tomorrow = replace(
        state,
        day=state.day + 1,
        outside=next_outside(market, state.outside, draws, mood, state.day),
        customers=moves.customers,
        living=moves.living,
        carried=media.carried,
        window=media.window,
        frequency=media.frequency,
        reference_log=next_reference(market, state, price.landed_log, world.price_memory),
        remembered_deal=next_remembered_deal(state, price.seen_frac),
        borrowed=ledger.debt,
        satisfaction=satisfaction,
        stock=filled.stock,
        on_order=filled.on_order,
        usual_demand=filled.usual_demand,
        in_transit=in_transit,
        returning=returning,
        remaining=state.remaining.after(feasible.spend_base),
    )
    return outcome, tomorrow


def carried_out(market: MarketParameters, state: MarketState, decision: Decision) -> tuple[Decision, Adjustments]:
    """What is done of a decision this morning: what is within the limits, and on channels that can be bought.

    Raises:
        DecisionError: The decision has a wrong shape or holds a value that is no number.
    """
    decision = replace(
        decision,
        spend_base=worlds_innermost(decision.spend_base),
        daypart_weights=worlds_innermost(decision.daypart_weights),
        discount_frac=worlds_innermost(decision.discount_frac),
        mechanic=np.asfortranarray(decision.mechanic),
    )
    decision, limits, barred = _without_outages(market, state.day, decision)
    feasible, adjustments = project(decision, limits, state.remaining)
    if barred is not None:
        adjustments = replace(adjustments, cut_base=adjustments.cut_base + barred)
    return feasible, adjustments


def _without_outages(
    market: MarketParameters, day: int, decision: Decision
) -> tuple[Decision, Limits, FloatArray | None]:
    """Take spend, locks and minimums off channels that cannot be bought today; the money stays in the budget.

    This comes before the projection, so that a promise that cannot be kept takes no room from other channels.

    Returns:
        The decision, the day's limits, and the spend that was asked for in vain ``(B,)``; None without an outage.
    """
    limits, available = market.scenario.limits, market.shocks.available[day][:, None, :]
    if every(available > 0.0):
        return decision, limits, None
    decision.check(**dict(zip(("regions", "segments", "channels", "dayparts"), market.shape, strict=True)))
    spend = decision.spend_base * available
    barred = add_up(np.maximum(decision.spend_base - spend, 0.0), 1, 2, 3)
    of_day = replace(limits, minimum_base=limits.minimum_base * available, lock_base=limits.lock_base * available)
    return replace(decision, spend_base=spend), of_day, barred


def _counts(
    market: MarketParameters, state: MarketState, demand: DemandDay, draws: DayDraws | None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Orders by bucket, visits, carts and returns: drawn, or their means in expected mode.

    Given the cell's shock, orders, abandoned carts and browsing visits are independent Poisson counts (a split Poisson
    stream), so visits and carts are their sums. Only what somebody observes or pays is drawn: visits and carts of a
    cell, but orders of a bucket, because they move customers.
    """
    orders, carts, visits = demand.orders, add_up(demand.carts, 3), add_up(demand.visits, 3)
    returns = expected_returns(market, state)
    if draws is not None:
        parts = (orders, np.maximum(carts - add_up(orders, 3), 0.0), np.maximum(visits - carts, 0.0), returns)
        orders, abandoned, browsing, arrived = _drawn(draws.counts, parts)
        drawn = add_up(orders, 3)
        carts, visits = drawn + abandoned, drawn + abandoned + browsing
        returns = np.minimum(arrived, np.floor(state.returning))
    # First orders are made by different people: there cannot be more of them than prospects.
    prospects = state.customers[..., 0]
    limit = prospects if draws is None else np.floor(prospects)
    if some(orders[..., 0] > limit):
        orders = orders.copy()
        orders[..., 0] = np.minimum(orders[..., 0], limit)
    return orders, visits, carts, returns


def _drawn(uniforms: FloatArray, means: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
    """Poisson counts for arrays of means ``(B, ...)``, in one go from uniforms ``(B, N)`` that stand in their order."""
    worlds = uniforms.shape[0]
    flat = np.concatenate([mean.reshape(worlds, -1, order="F").T for mean in means])
    counts = _poisson(uniforms.T, flat)
    ends = np.cumsum([mean[0].size for mean in means])
    return tuple(
        part.T.reshape(mean.shape, order="F") for part, mean in zip(np.split(counts, ends[:-1]), means, strict=True)
    )


def _poisson(uniforms: FloatArray, means: FloatArray) -> FloatArray:
    """Poisson counts; above the sampler's range the normal limit, whose relative error is below 1e-12 there."""
    if bool(means.max(initial=0.0) <= MAX_MEAN):
        return poisson_from_uniform(uniforms, means)
    limit = np.rint(means + np.sqrt(means) * normal_from_uniform(uniforms))
    return np.where(means > MAX_MEAN, limit, poisson_from_uniform(uniforms, np.minimum(means, MAX_MEAN)))
