"""A draft's market on average days: no season, event or deal, with the plan's mean spend."""

from dataclasses import dataclass, replace

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.axes import Bucket
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.schedule import Calendar
from xbopt.simulator.build import build_market
from xbopt.simulator.customer_types import order_chances
from xbopt.simulator.customers import aged
from xbopt.simulator.edges import average_decision, without_limits
from xbopt.simulator.history import initial_state
from xbopt.simulator.media import per_channel_sum
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import steady_visits_per_head
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import WorldParameters, average_world

SETTLING_DAYS, COUNTED_DAYS = 28, 7
"""Days that let the market settle, and the week after them that is counted: average days are all alike."""
_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Sums over the counted days, by arm ``(A, ...)``.

    Attributes:
        orders: Shipped orders ``(A, R)``.
        visits: Visits ``(A,)``.
        revenue: Net revenue ``(A, R)``.
        margin: Contribution margin before media ``(A, R)``.
        spend: Media spend ``(A,)``.
        duty: Duty that the seller pays ``(A,)``.
    """

    orders: FloatArray
    visits: FloatArray
    revenue: FloatArray
    margin: FloatArray
    spend: FloatArray
    duty: FloatArray


def average_market(document: ScenarioDocument, days: int = SETTLING_DAYS + COUNTED_DAYS) -> MarketParameters:
    """The market of a scenario without seasons, events, deals and limits on spend, for some days."""
    calendar = Calendar(dayparts=document.calendar.dayparts)
    horizon = document.horizon.model_copy(update={"days": days})
    plan = document.plan.model_copy(update={"discounts": []})
    calm = document.model_copy(update={"calendar": calendar, "horizon": horizon, "plan": plan, "shocks": []})
    return without_limits(build_market(build_scenario(calm)))


def count(market: MarketParameters, factors: FloatArray, world: WorldParameters | None = None) -> Counts:
    """Play the plan's mean spend times factors, arm by arm in one batch.

    Args:
        market: A market of `average_market`, of ``SETTLING_DAYS + COUNTED_DAYS``.
        factors: Multiples of spend ``(A, R, 1, C)``.
        world: Parameters of each arm; the average world where left out.
    """
    arms = len(factors)
    own = average_decision(market, arms)
    decision = replace(own, spend_base=own.spend_base * factors)
    state = initial_state(market, arms, world)
    regions = market.shape[0]
    orders, revenue, margin = np.zeros((3, arms, regions))
    visits, spend, duty = np.zeros((3, arms))
    for day in range(market.scenario.days):
        outcome, state = play_day(market, average_world() if world is None else world, state, decision, None)
        if day >= SETTLING_DAYS:
            money = outcome.money
            orders += outcome.orders.sum(axis=(2, 3))
            revenue += money.net_revenue.sum(axis=2)
            margin += (money.contribution_margin - money.media).sum(axis=2)
            visits += outcome.visits.sum(axis=(1, 2))
            duty -= money.duty.sum(axis=(1, 2))
            spend += outcome.decision.spend_base.sum(axis=(1, 2, 3))
    return Counts(orders=orders, visits=visits, revenue=revenue, margin=margin, spend=spend, duty=duty)


def customers_after_a_year(document: ScenarioDocument) -> FloatArray:
    """Customers by bucket ``(R, S, 4)`` whom a year of the plan's mean spend leaves, from none, in expectation.

    The daily chances are those of an average day with the customers that the scenario states by now: who wants the
    year's own customers asks again with these.
    """
    market = average_market(document, 1)
    kinds, channels = market.customers, market.media
    spend = average_decision(market, 1).spend_base[0]
    visits = steady_visits_per_head(market, average_world(), spend)[0]
    stranger, customer = order_chances(market, per_channel_sum(visits * channels.quality, channels.reach))
    people = market.scenario.population
    living, gone = np.zeros(customer.shape), np.zeros((*people.shape, 4))
    for _ in range(_YEAR):
        buyers, back = living * customer, gone * stranger[..., 1:]
        first = np.maximum(people - living.sum(axis=(2, 3)) - gone.sum(axis=2), 0.0) * stranger[..., 0]
        living, _ = aged(living - buyers, kinds.ageing[:, None])
        gone, _ = aged(gone - back, kinds.ageing)
        living[..., Bucket.ACTIVE - 1] += buyers.sum(axis=3) + back.sum(axis=2)[..., None] * kinds.type_share
        living[..., Bucket.NEW - 1] += first[..., None] * kinds.type_share
        out = living * kinds.dropout[..., None]
        living, gone = living - out, gone + out.sum(axis=2)
    return living.sum(axis=2) + gone


def arms_of(channels: int, step: float) -> FloatArray:
    """Spend factors: the plan, no media, each channel off, then less and more of all ``(C + 4, 1, 1, C)``."""
    whole = np.ones((1, channels))
    rows = (whole, 0.0 * whole, 1.0 - np.eye(channels), (1.0 - step) * whole, (1.0 + step) * whole)
    return np.concatenate(rows)[:, None, None, :]
