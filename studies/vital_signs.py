"""Vital signs: what a scenario implies, beside what trade and research have measured elsewhere.

A scenario can be valid and absurd. Each sign is one figure with its published range; the ranges stand in
``core/tables/published_ranges.csv``. Calibration reads the same signs of a market as its prior predictive check.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.published_ranges import published_ranges
from xbopt.simulator.lifetime import repeat_probability
from xbopt.simulator.once import once_a_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.sign_values import Sign, VitalSigns, sign_of
from xbopt.studies.simulate import market_of
from xbopt.studies.stated_signs import stated_signs
from xbopt.studies.trials import SPEND_STEP, MediaTrial, Sums, try_media, try_prices

# A channel that hardly reaches prospects is a list of one's own customers: cheap, and to people who know the shop. Its
# returns are another matter.
_ROAS = {"paid": "incremental_roas", "owned": "owned_roas"}
_RETURN = {"paid": "average_return", "owned": "owned_return"}


def check(scenario: Scenario | str | Path) -> VitalSigns:
    """Vital signs of a scenario: what it implies, beside published ranges. A warning is advice, no error.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.

    Raises:
        ScenarioError: The scenario cannot be used.
    """
    return vital_signs(market_of(scenario))


@once_a_market
def vital_signs(market: MarketParameters) -> VitalSigns:
    """All vital signs of a market; it is played in expected mode some dozens of times."""
    scenario = market.scenario
    media = try_media(market)
    signs = [
        *stated_signs(scenario),
        *_of_cells(scenario, media.own),
        *_of_media(scenario, media),
        *_of_repeats(market, media.own),
        *_of_prices(market),
        *_of_stock(scenario, media.own),
        *_of_past(scenario, media.own),
    ]
    order = list(published_ranges())
    return VitalSigns(scenario=scenario, signs=tuple(sorted(signs, key=lambda sign: order.index(sign.code))))


def _of_cells(scenario: Scenario, own: Sums) -> Iterator[Sign]:
    """Margin of an order before media, in each cell that sells."""
    for r, region in enumerate(scenario.regions):
        for s, segment in enumerate(scenario.segments):
            if own.orders[r, s] > 0.0:
                margin = _over(own.margin[r, s], own.net_revenue[r, s])
                yield sign_of(scenario, "unit_margin", margin, f"{region}/{segment}")


def _of_media(scenario: Scenario, trial: MediaTrial) -> Iterator[Sign]:
    """What media bring: all of them, and each channel that the plan pays."""
    own, off = trial.own, trial.off
    spend, orders = own.spend.sum(), own.orders.sum()
    yield sign_of(scenario, "media_share", _over(orders - off.orders.sum(), orders) if spend > 0.0 else nan)
    yield sign_of(scenario, "advertising_elasticity", _elasticity(trial) if spend > 0.0 else nan)
    won = own.first_orders.sum() - off.first_orders.sum()
    cost = _over(spend, won) if won > 0.0 else inf
    order_value = _over(own.net_revenue.sum(), orders)
    kinds = ["owned" if c.reach.prospect <= 0.1 * c.reach.active else "paid" for c in scenario.document.channels]
    asks_prospects = any(kind == "paid" and paid > 0.0 for kind, paid in zip(kinds, own.spend, strict=True))
    yield sign_of(scenario, "cost_per_new_customer", cost if asks_prospects else nan, scale=max(order_value, 1e-9))
    for c, (channel, kind) in enumerate(zip(scenario.channels, kinds, strict=True)):
        paid = own.spend[c]
        if paid <= 0.0:
            continue
        without, less, more = trial.channel_off[c], trial.channel_less[c], trial.channel_more[c]
        step = more.spend[c] - less.spend[c]
        brought = own.net_revenue.sum() - without.net_revenue.sum()
        earned = own.margin.sum() - without.margin.sum()
        next_earned = more.margin.sum() - less.margin.sum()
        yield sign_of(scenario, _ROAS[kind], _over(brought, paid), channel)
        yield sign_of(scenario, _RETURN[kind], _over(earned, paid), channel)
        yield sign_of(scenario, "marginal_return", _over(next_earned, step), channel)


def _elasticity(trial: MediaTrial) -> float:
    """Relative change of orders over relative change of all spend, around the own plan."""
    less, more = trial.less.orders.sum(), trial.more.orders.sum()
    if less <= 0.0:
        return nan
    return float(np.log(more / less) / np.log((1.0 + SPEND_STEP) / (1.0 - SPEND_STEP)))


def _of_repeats(market: MarketParameters, own: Sums) -> Iterator[Sign]:
    """Second orders, in the mean over the plan's first buyers."""
    for days in (90, 365):
        again = _mean(repeat_probability(market, days).by_cell, own.first_orders)
        yield sign_of(market.scenario, f"second_order_{days}", again)


def _of_prices(market: MarketParameters) -> Iterator[Sign]:
    """How orders answer a lasting price and a week's deal, and where the deal's orders come from."""
    scenario, trial = market.scenario, try_prices(market)
    for segment, elasticity in zip(scenario.segments, trial.lasting, strict=True):
        yield sign_of(scenario, "price_elasticity", float(elasticity), segment)
    usual, deal = trial.usual, trial.deal
    bump = deal.orders.sum() - usual.orders.sum()
    given = trial.deal_frac > 0.0 and usual.orders.sum() > 0.0
    is_deal = given and bump > 0.0
    answer = np.log(deal.orders.sum() / usual.orders.sum()) / np.log1p(-trial.deal_frac) if given else nan
    later = trial.usual_later.orders.sum() - trial.deal_later.orders.sum()
    forward = later / bump if is_deal else nan
    switched = trial.switched_frac if is_deal else nan
    yield sign_of(scenario, "deal_elasticity", answer)
    yield sign_of(scenario, "deal_new", 1.0 - switched - forward)
    yield sign_of(scenario, "deal_switched", switched)
    yield sign_of(scenario, "deal_brought_forward", forward)
    stated = scenario.document.discounts.pull_forward.borrowed_frac
    yield sign_of(scenario, "deal_forward_stated", _over(forward, stated))
    yield sign_of(scenario, "deal_break_even", _break_even(usual, deal) if given else nan)


def _break_even(usual: Sums, deal: Sums) -> float:
    """Share of orders that a deal must add to earn what the weeks without it earn; infinite where none is enough."""
    before = _over(usual.margin.sum(), usual.orders.sum())
    after = _over(deal.margin.sum(), deal.orders.sum())
    if before <= 0.0:
        return nan  # where every order costs money, fewer of them are better
    return before / after - 1.0 if after > 0.0 else inf


def _of_stock(scenario: Scenario, own: Sums) -> Iterator[Sign]:
    """Days of the plan's mean demand that the first stock covers; at least the lead time is wanted."""
    for r, region in enumerate(scenario.document.market.regions):
        stock = region.stock
        demand = (own.orders[r].sum() + own.lost_orders[r].sum()) / scenario.days
        if stock is None or demand <= 0.0:
            continue
        plain = sign_of(scenario, "stock_cover", stock.initial_orders / demand, region.id)
        yield replace(plain, low=max(plain.low, float(stock.lead_time_days)))


def _of_past(scenario: Scenario, own: Sums) -> Iterator[Sign]:
    """Media of a day of the table of what went before, against a day's sales of the plan."""
    if scenario.past is None:
        return
    spent, sold = scenario.past.spend_base.sum() / scenario.past.days, own.net_revenue.sum() / scenario.days
    nothing_sold = inf if spent > 0.0 else nan
    yield sign_of(scenario, "past_spend", spent / sold if sold > 0.0 else nothing_sold)


def _over(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom > 0.0 else nan


def _mean(values: FloatArray, weights: FloatArray) -> float:
    total = weights.sum()
    return float((values * weights).sum() / total) if total > 0.0 else nan
