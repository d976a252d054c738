"""Which choices mean something this morning: what limits, outages and money allow, and what would change anything.

A choice is masked where it cannot be carried out (a discount beyond the ceiling, spend in a channel that is out, in a
locked cell, or without money) and where it would therefore do what the neutral choice does. The neutral choice is never
masked. The days until the next choice count together: a channel that comes back within them can be chosen.
"""

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import UsageError
from xbopt.env.actions import Encoding
from xbopt.env.residual_actions import DISCOUNT_STEP, ResidualActions
from xbopt.env.tactic_actions import TacticActions
from xbopt.simulator.parameters import MarketParameters

_ROUNDING = 1e-9


def action_masks(
    encoding: Encoding, market: MarketParameters, plan: ScheduledPolicy, seen: Observation, hold_days: int
) -> BoolArray:
    """Whether each choice of each entry is open, one entry after the other ``(B, sum(choices))``.

    Args:
        encoding: What the choices mean.
        market: The market.
        plan: The plan; what a day after today is to spend.
        seen: The morning.
        hold_days: Days for which a choice is held.

    Raises:
        UsageError: Actions are numbers.
    """
    days = slice(seen.day, min(seen.day + hold_days, seen.days))
    if isinstance(encoding, ResidualActions):
        wished = encoding.anchor.decide(seen)
        today = np.maximum(wished.spend_base, 0.0) > 0.0
        later = plan.spend_base[days][1:] > 0.0
        spends = _on_some_day(market, days, np.concatenate([today[None], np.stack([later] * len(today), axis=1)]))
        coming = np.broadcast_to(plan.discount_frac[days][1:, None], (len(later), *wished.discount_frac.shape))
        discounts = np.concatenate([wished.discount_frac[None], coming])
        return _residual(encoding, market, seen, spends, discounts)
    if isinstance(encoding, TacticActions):
        return _tactics(encoding, market, plan, seen, days)
    raise UsageError("Actions of this encoding are numbers: any of them may be chosen, so there is no mask.")


def _on_some_day(market: MarketParameters, days: slice, wanted: BoolArray) -> BoolArray:
    """Where spend ``(D, B, R, S, C)`` meets a channel that can be bought on that day ``(B, R, S, C)``."""
    available = market.shocks.available[days] > 0.0
    return _any(wanted & available[:, None, :, None, :], 0)


def _free(market: MarketParameters, seen: Observation) -> BoolArray:
    """Where money is left and nothing fixes the spend ``(B, R, S, C)``."""
    limits, left = market.scenario.limits, seen.remaining
    least = _ROUNDING * limits.total_base
    money = (left.budget_base[:, None, None] > least) & (left.region_base[:, :, None] > least)
    money = money & (left.channel_base[:, None, :] > least) & (limits.maximum_base > 0.0)
    return money[:, :, None, :] & ~limits.locked


def _residual(
    encoding: ResidualActions, market: MarketParameters, seen: Observation, spends: BoolArray, discount: FloatArray
) -> BoolArray:
    factors = encoding.factors
    moves = spends & _free(market, seen)
    timed = spends | ((market.scenario.limits.lock_base > 0.0) & market.scenario.limits.locked)
    least, most = -_ROUNDING, encoding.ceiling + _ROUNDING
    columns: list[BoolArray] = []
    for kind, levels, neutral, (r, s, c) in zip(
        factors.kinds, factors.levels.tolist(), factors.neutral.tolist(), factors.places.tolist(), strict=True
    ):
        notch = np.arange(levels, dtype=np.int64) - neutral
        if kind == "discount":
            moved = discount[:, :, r, s, None] + DISCOUNT_STEP * notch
            changes = _any((moved >= least) & (moved <= most[r, s]), 0)
        elif kind == "spend":
            changes = np.broadcast_to(moves[:, r, s, c, None], (len(moves), levels))
        elif kind == "timing":
            tilts = bool(np.abs(encoding.tilt[r]).max(initial=0.0) > 0.0)
            changes = np.broadcast_to(_any(timed[:, r], 1, 2)[:, None] & tilts, (len(moves), levels))
        else:
            changes = np.broadcast_to(_any(moves, 1, 2, 3)[:, None], (len(moves), levels))
        columns.append(changes | (notch == 0))
    return np.concatenate(columns, axis=1)


def _tactics(
    encoding: TacticActions, market: MarketParameters, plan: ScheduledPolicy, seen: Observation, days: slice
) -> BoolArray:
    menu, parts = encoding.menu.base, encoding.components
    neutral, worlds = encoding.menu.neutral, seen.worlds
    spend = np.maximum(plan.spend_base[days], 0.0)
    funded = _any(spend > 0.0, 3)  # (D, R, S)
    mixes = np.repeat(menu.mixes[None] > 0.0, len(spend), axis=0)  # (D, M, R, S, C)
    mixes[:, encoding.menu.own_mix] = spend > 0.0
    shape = (len(spend), worlds, *menu.cell_share.shape, spend.shape[3])
    free = _free(market, seen)
    by_mix = [
        _any(_on_some_day(market, days, np.broadcast_to((rows & funded[..., None])[:, None], shape)) & free, 3)
        for rows in np.moveaxis(mixes, 1, 0)
    ]
    buyable = np.stack(by_mix, axis=3)[..., menu.mix]  # (B, R, S, K)
    locked = _any(market.scenario.limits.lock_base > 0.0, 2)[..., None]
    alike = (menu.mix == menu.mix[neutral]) & (menu.intensity == menu.intensity[neutral])
    # Money that is locked can still be moved between dayparts.
    timed = (menu.timing == menu.timing[neutral]) | buyable | locked
    shallow = menu.discount_frac <= market.scenario.limits.discount_ceiling[..., None] + _ROUNDING
    shallow = shallow | (menu.discount_frac == encoding.menu.smallest_discount)
    ok = (buyable | alike) & timed & shallow
    ok[..., neutral] = True
    columns: list[BoolArray] = []
    for component, size in enumerate(parts.sizes):
        # A component's choice is judged with all others neutral.
        choice = np.tile(parts.choice[neutral], (size, 1))
        choice[:, component] = np.arange(size)
        columns.append(ok[..., parts.tactic[tuple(choice.T)]])
    return np.concatenate(columns, axis=3).reshape(worlds, -1)


def _any(values: BoolArray, *axes: int) -> BoolArray:
    return np.asarray(np.any(values, axis=axes), dtype=np.bool_)
