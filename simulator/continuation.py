"""How the days after the last one go on, and what they bring: the ground on which what is left behind is valued."""

from dataclasses import replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.simulator.edges import average_decision
from xbopt.simulator.history import steady_reference, with_steady_media
from xbopt.simulator.lifetime import cell_customer_value, customer_value
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin
from xbopt.simulator.state import MarketState, blank_state, repeat_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

# Shares of the own plan's level among which the one that pays best is chosen, channel by channel and cell by cell.
_SHARES = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)


def nothing_left(later: MarketParameters, market: MarketParameters, days: int) -> MarketState:
    """The last evening of the plan's average level in expected mode, one world, with all memories taken away.

    Args:
        later: The market over its horizon and the days after.
        market: The market.
        days: Number of days after; where there are none, the first day's people stand in for the last one's.
    """
    state = blank_state(later, 1)
    blank = replace(state, day=market.scenario.days, stock=np.full_like(state.stock, np.inf))
    if days == 0:
        return blank
    decision = average_decision(market, 1)
    for _ in range(market.scenario.days):
        _, state = play_day(later, average_world(), state, decision, None)
    blank = replace(
        blank, outside=state.outside, customers=state.customers, living=state.living, satisfaction=state.satisfaction
    )
    return replace(blank, reference_log=steady_reference(later, average_world(), blank, _without_deals(decision)))


def going_on(later: MarketParameters, market: MarketParameters, clean: MarketState, days: int) -> Decision:
    """A day after the last one, one world: no deals, and media by ``horizon.after``.

    ``same`` is the own plan's average level, lowered in cells and channels where its last unit does not pay: what is
    left behind must not be valued beside spend that nobody would go on with. A plan of a longer horizon would not.
    """
    own = _without_deals(average_decision(market, 1))
    if market.scenario.document.horizon.after.media == "stop" or days == 0:
        return replace(own, spend_base=np.zeros_like(own.spend_base))
    channels = market.shape[2]
    alone = [
        np.where(np.arange(channels) == channel, share * own.spend_base, 0.0)
        for channel in range(channels)
        for share in _SHARES
    ]
    spend = np.concatenate(alone)
    tried = replace(own.repeated(len(spend)), spend_base=spend)
    state = with_steady_media(later, average_world(), repeat_state(clean, len(spend)), tried)
    worth = margin_after(later, market, state, tried, days).reshape(channels, len(_SHARES), *market.shape[:2])
    share = np.array(_SHARES)[worth.argmax(axis=1)]  # (C, R, S)
    return replace(own, spend_base=own.spend_base * share.transpose(1, 2, 0))


def margin_after(
    later: MarketParameters, market: MarketParameters, state: MarketState, decision: Decision, days: int
) -> FloatArray:
    """Margin of the days after by world and cell ``(B, R, S)``, with what customers are worth and owe at their end.

    All of it is discounted daily to the last evening, like customer value.

    Args:
        later: The market over its horizon and the days after.
        market: The market.
        state: The last evening.
        decision: What is done on each day, ``B`` or 1 worlds.
        days: Number of days.
    """
    worlds, discount = len(state.stock), market.customers.daily_discount
    held = decision if decision.worlds == worlds else decision.repeated(worlds)
    total = np.zeros((worlds, *market.shape[:2]))
    for day in range(days):
        outcome, state = play_day(later, average_world(), state, held, None)
        total = total + discount**day * outcome.money.contribution_margin
    owed = state.borrowed * np.maximum(order_margin(market), 0.0)
    return total + discount**days * (cell_customer_value(market, state, customer_value(market)) - owed)


def _without_deals(decision: Decision) -> Decision:
    return replace(decision, discount_frac=np.zeros_like(decision.discount_frac))
