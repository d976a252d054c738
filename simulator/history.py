"""The first morning: what the days before have left behind, by ``history.before`` of the scenario."""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray, add_up, worlds_innermost
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.past import PastArrays
from xbopt.simulator.edges import average_day, average_decision, market_before
from xbopt.simulator.media import play_media
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.pricing import price_day, seen_discount
from xbopt.simulator.state import MarketState, blank_state, repeat_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import WorldParameters, average_world

_USUAL_DAYS = 28
MEMORIES: tuple[str, ...] = (
    "carried",
    "window",
    "frequency",
    "reference_log",
    "remembered_deal",
    "borrowed",
    "usual_demand",
    "in_transit",
    "returning",
)
"""What the days before leave behind. Customers, satisfaction and stock of the first morning are the scenario's own."""


def initial_state(market: MarketParameters, worlds: int, world: WorldParameters | None = None) -> MarketState:
    """The state on the first morning.

    Args:
        market: The market.
        worlds: Number of worlds ``B``.
        world: What differs by world, ``B`` or 1 worlds; the average world where left out. The same past spend has
            bought another exposure where media prices differ.
    """
    if world is None or world is average_world():
        return repeat_state(_average_morning(market), worlds)
    return _morning(market, worlds, world)


@once_a_market
def _average_morning(market: MarketParameters) -> MarketState:
    """One world's first morning in the average market."""
    return _morning(market, 1, average_world())


def _morning(market: MarketParameters, worlds: int, own: WorldParameters) -> MarketState:
    blank, origin = blank_state(market, worlds), market.before or market
    if origin.scenario.past is not None:
        return _with_memories(market, blank, _played(origin, own, worlds, origin.scenario.past))
    if origin.scenario.document.history.before == "none":
        return blank
    return _with_memories(market, blank, _steady(origin, own, worlds))


def _steady(market: MarketParameters, world: WorldParameters, worlds: int) -> MarketState:
    """A running business at the plan's average level, at the mean season of the four weeks before, in closed form.

    Carry-over weights sum to 1, so a steady exposure ``x`` is carried as ``x``. The memory of a steady share reached
    ``y`` is ``y / (1 - rho)``. Queues that empty at a constant rate hold a day's inflow times their mean delay.
    """
    usual, decision = _usual_day(market), average_decision(market, worlds)
    start = replace(blank_state(usual, worlds), stock=np.full((worlds, market.shape[0]), np.inf))
    morning = replace(
        with_steady_media(usual, world, start, decision),
        reference_log=steady_reference(usual, world, start, decision),
        # Who always offers the same gives no deal: nothing is borrowed, and nothing owed.
        remembered_deal=_every_stage(seen_discount(usual, decision.discount_frac, decision.mechanic), start),
    )
    outcome, _ = play_day(usual, world, morning, decision, None)
    orders = add_up(outcome.orders, 3)
    delay = np.maximum(outcome.delivery_days, 1.0)[..., None]
    return replace(
        morning,
        usual_demand=np.where(np.array(market.fulfilment.limited), add_up(orders, 2), 0.0),
        in_transit=worlds_innermost(orders * delay),
        returning=worlds_innermost(orders * market.orders.return_rate * np.maximum(market.orders.return_days, 1.0)),
    )


@once_a_market
def _usual_day(market: MarketParameters) -> MarketParameters:
    """The mean day of the four weeks before."""
    return average_day(market_before(market, _USUAL_DAYS))


def _every_stage(seen_frac: FloatArray, state: MarketState) -> FloatArray:
    return worlds_innermost(np.broadcast_to(seen_frac[..., None], state.remembered_deal.shape))


def with_steady_media(
    market: MarketParameters, world: WorldParameters, state: MarketState, decision: Decision
) -> MarketState:
    """A state whose media memories are those of the same decision on every day before, at the price of its day."""
    media = market.media
    exposure = _exposure(market, world, state, decision)
    reached = media.saturation.reached(exposure / (media.saturation.half * world.half_saturation))
    window = np.broadcast_to(exposure[..., list(media.adstock.windowed)], state.window.shape)
    return replace(
        state,
        carried=exposure,
        window=np.ascontiguousarray(window.transpose(0, 4, 3, 2, 1)).transpose(0, 4, 3, 2, 1),
        frequency=worlds_innermost(reached / (1.0 - media.fatigue.retention)),
    )


def _exposure(market: MarketParameters, world: WorldParameters, start: MarketState, decision: Decision) -> FloatArray:
    """Exposure a head of a day ``(B, R, S, C)``, read off a day of media that nothing went before."""
    adstock, day = market.media.adstock, play_media(market, world, start, decision)
    exposure = day.carried / (1.0 - adstock.retention)
    for position, channel in enumerate(adstock.windowed):
        exposure[..., channel] = day.window[0, ..., position] if len(day.window) else day.carried[..., channel]
    return exposure


def steady_reference(
    market: MarketParameters, world: WorldParameters, state: MarketState, decision: Decision
) -> FloatArray:
    """The price that people remember where the same is offered every day ``(B, R, S)``: that offer."""
    offer = price_day(market, world, state, decision.discount_frac, decision.mechanic)
    return worlds_innermost(offer.landed_log)


def _played(market: MarketParameters, world: WorldParameters, worlds: int, past: PastArrays) -> MarketState:
    """The past days, played one by one in expected mode with the first morning's customers and plenty of stock."""
    before, plan = market_before(market, past.days), market.scenario.plan
    start = replace(blank_state(before, worlds), stock=np.full((worlds, market.shape[0]), np.inf))
    state = start
    weights = np.repeat(plan.daypart_weights[None], worlds, axis=0)
    for day in range(past.days):
        decision = Decision(
            spend_base=np.repeat(past.spend_base[day][None], worlds, axis=0),
            daypart_weights=weights,
            discount_frac=np.repeat(past.discount_frac[day][None], worlds, axis=0),
            mechanic=np.repeat(past.mechanic[day][None], worlds, axis=0),
        )
        _, evening = play_day(before, world, state, decision, None)
        state = replace(start, day=day + 1, **{name: getattr(evening, name) for name in MEMORIES})
    return state


def _with_memories(market: MarketParameters, blank: MarketState, past: MarketState) -> MarketState:
    """The first morning with what a past state remembers, and with the stock that was ordered to meet its demand."""
    p = market.fulfilment
    on_order = np.zeros_like(blank.on_order)
    for region, (lead, limited) in enumerate(zip(p.lead_days, p.limited, strict=True)):
        if limited:
            # The daily order went out on each of the days that it takes to arrive, unless stock passed the target.
            target = past.usual_demand[:, region] * (lead + p.cover_days[region])
            missing = np.clip(target - blank.stock[:, region], 0.0, past.usual_demand[:, region] * lead)
            on_order[:, region, :lead] = (missing / lead)[:, None]
    return replace(blank, on_order=on_order, **{name: getattr(past, name) for name in MEMORIES})
