"""What the rest of a campaign brings if it is carried on, in the worlds that it may still be in, with their noise."""

from dataclasses import dataclass

import numpy as np

from xbopt.campaigns.advice.gain import luck_ahead
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import FloatArray, add_up
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Morning
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.step import play_day
from xbopt.studies.kpis import WorldRange

_SHORT = 0.05
"""A region runs short on a day on which more than this share of its orders is lost for want of stock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockOutlook:
    """A region whose stock may not last.

    Attributes:
        region: Its id.
        chance: Share of the worlds in which it runs short before the end.
        day: Day from which on it is short in half of those worlds, from 0.
        lost_orders: Orders lost for want of stock, to the end.
        spend_base: Media money that is still to be spent in the region from that day on, base currency.
    """

    region: str
    chance: float
    day: int
    lost_orders: WorldRange
    spend_base: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """From this morning to the end; money in base currency.

    Attributes:
        margin_base: Contribution margin.
        orders: Orders.
        sales_base: Gross revenue.
        spend_base: Media spend.
        stock: Regions whose stock may not last, the soonest first.
    """

    margin_base: WorldRange
    orders: WorldRange
    sales_base: WorldRange
    spend_base: WorldRange
    stock: tuple[StockOutlook, ...]


def outlook_of(standing: Standing, plan: ScheduledPolicy) -> Outlook:
    """Play the days ahead.

    Args:
        standing: Where the campaign stands, before its last day is over.
        plan: What is done; only the days ahead count.
    """
    market, state, first = standing.market, standing.posterior.state, standing.today
    worlds, days = len(state.stock), standing.scenario.days
    draws = MarketDraws(standing.scenario, seed=luck_ahead(standing), worlds=np.arange(worlds))
    sums = np.zeros((4, worlds))
    wanted, lost, spent = list[FloatArray](), list[FloatArray](), list[FloatArray]()
    for day in range(first, days):
        morning = Morning(day=day, days=days, remaining=state.remaining)
        outcome, state = play_day(market, standing.posterior.worlds, state, plan.decide(morning), draws.day(day))
        money, orders = outcome.money, add_up(outcome.orders, 3)
        spend = outcome.decision.spend_base
        sums += [
            add_up(money.contribution_margin, 1, 2),
            add_up(orders, 1, 2),
            add_up(money.gross_revenue, 1, 2),
            add_up(spend, 1, 2, 3),
        ]
        lost.append(add_up(outcome.lost_orders, 2))
        wanted.append(lost[-1] + add_up(orders, 2))
        spent.append(add_up(spend, 2, 3).mean(axis=0))
    margin, orders, sales, spend = (WorldRange.of(row) for row in sums)
    return Outlook(
        margin_base=margin,
        orders=orders,
        sales_base=sales,
        spend_base=spend,
        stock=_stock(np.stack(lost), np.stack(wanted), np.stack(spent), first, standing.scenario.regions)
        if lost
        else (),
    )


def _stock(
    lost: FloatArray, wanted: FloatArray, spent: FloatArray, first_day: int, regions: tuple[str, ...]
) -> tuple[StockOutlook, ...]:
    """From lost and wanted orders ``(T', B, R)`` and spend ``(T', R)``."""
    short = lost > _SHORT * np.maximum(wanted, 1.0)
    found: list[StockOutlook] = []
    for r in np.flatnonzero(short.any(axis=(0, 1))).tolist():
        here = short[:, :, r]
        ever = here.any(axis=0)
        since = int(np.median(here.argmax(axis=0)[ever]))
        found.append(
            StockOutlook(
                region=regions[r],
                chance=float(ever.mean()),
                day=first_day + since,
                lost_orders=WorldRange.of(lost[:, :, r].sum(axis=0)),
                spend_base=float(spent[since:, r].sum()),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.day, one.region)))
