"""The study's experiments in the market of ``electronics_case``: two price cuts, two media together, a year's rates."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.state import MarketState, blank_state
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world, draw_worlds
from xbopt.studies.simulate import CHUNK_WORLDS

PRICE_CUT_FRAC, PRICE_DAY, PRICE_DAYS = 0.10, date(2026, 4, 13), 7
HOLIDAY_CUT_FRAC, HOLIDAY_DAY, HOLIDAY_DAYS = 0.05, date(2026, 9, 17), 14
SYNERGY_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """Relative gain of one arm over another, with the standard error over worlds (0 in expected mode)."""

    gain: float
    se: float

    @classmethod
    def of(cls, treated: FloatArray, control: FloatArray) -> "Lift":
        """Ratio of sums over worlds ``(B,)`` less 1; the error by the delta method, on common random numbers."""
        ratio = float(treated.sum() / control.sum())
        rest = treated - ratio * control
        se = float(rest.std(ddof=1) / (math.sqrt(len(rest)) * control.mean())) if len(rest) > 1 else 0.0
        return cls(gain=ratio - 1.0, se=se)


class Shop:
    """The case under its own plan, in some worlds, with arms that branch off from it on the same random numbers."""

    def __init__(self, scenario: Scenario, *, seed: int | None = None, worlds: range = range(1)) -> None:
        """Open the shop; without a seed in expected mode."""
        numbers = np.array(worlds)
        self.market = build_market(scenario)
        self.worlds = len(numbers)
        self.plan = scenario_plan(self.market)
        self._world = average_world() if seed is None else draw_worlds(scenario, seed=seed, worlds=numbers)
        self._draws = None if seed is None else MarketDraws(scenario, seed=seed, worlds=numbers)

    def first_morning(self) -> MarketState:
        """The state before the first day."""
        return initial_state(self.market, self.worlds, self._world)

    def day(
        self, state: MarketState, *, discount_frac: float | None = None, spend_base: FloatArray | None = None
    ) -> tuple[DayOutcome, MarketState]:
        """Play the plan's day; with another discount in every cell, or another spend ``(R, S, C)``, where given."""
        plan, day = self.plan, state.day
        discount = (
            plan.discount_frac[day] if discount_frac is None else np.full_like(plan.discount_frac[day], discount_frac)
        )
        spend = plan.spend_base[day] if spend_base is None else spend_base
        arrays = (spend, plan.daypart_weights, discount, plan.mechanic[day])
        wide = [np.broadcast_to(array, (self.worlds, *array.shape)) for array in arrays]
        decision = Decision(spend_base=wide[0], daypart_weights=wide[1], discount_frac=wide[2], mechanic=wide[3])
        draws = None if self._draws is None else self._draws.day(day)
        return play_day(self.market, self._world, state, decision, draws)

    def orders(
        self, state: MarketState, days: int, *, discount_frac: float | None = None, spend_base: FloatArray | None = None
    ) -> FloatArray:
        """Orders of all cells over the coming days ``(B,)``; the given state stays as it is."""
        total = np.zeros(self.worlds)
        for _ in range(days):
            outcome, state = self.day(state, discount_frac=discount_frac, spend_base=spend_base)
            total += outcome.orders.sum(axis=(1, 2, 3))
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class YearFigures:
    """A year under the plan in expected mode.

    Attributes:
        conversion_rate: Orders a visit.
        repurchase_rate: Repeat orders of a day over known customers, averaged over days.
        sales_per_day: Net revenue.
        customers: Mean over days of people by bucket ``(R, S, L)``.
    """

    conversion_rate: float
    repurchase_rate: float
    sales_per_day: float
    customers: FloatArray


def expected_year(scenario: Scenario) -> YearFigures:
    """Play the plan's year once, in expected mode."""
    shop = Shop(scenario)
    state = shop.first_morning()
    people = np.zeros_like(scenario.customers)
    orders = visits = sales = repurchase = 0.0
    for _ in range(scenario.days):
        people += state.customers[0]
        outcome, state = shop.day(state)
        orders += outcome.orders.sum()
        visits += outcome.visits.sum()
        sales += outcome.money.net_revenue.sum()
        repurchase += outcome.orders[..., 1:4].sum() / outcome.known_customers.sum()
    return YearFigures(
        conversion_rate=float(orders / visits),
        repurchase_rate=float(repurchase / scenario.days),
        sales_per_day=float(sales / scenario.days),
        customers=people / scenario.days,
    )


def price_lifts(scenario: Scenario, *, seed: int | None = None, worlds: int = 1) -> tuple[Lift, Lift]:
    """The two price experiments: ``PRICE_CUT_FRAC`` in an ordinary week, ``HOLIDAY_CUT_FRAC`` before the holiday.

    Both arms of each branch off from the same morning under the plan and meet the same random numbers. The cut is
    percent off in every cell; orders are those of the whole shop.
    """
    cuts = {
        (PRICE_DAY - scenario.start).days: (PRICE_CUT_FRAC, PRICE_DAYS),
        (HOLIDAY_DAY - scenario.start).days: (HOLIDAY_CUT_FRAC, HOLIDAY_DAYS),
    }
    found: dict[int, list[tuple[FloatArray, FloatArray]]] = {day: [] for day in cuts}
    for first in range(0, worlds, CHUNK_WORLDS):
        shop = Shop(scenario, seed=seed, worlds=range(first, min(first + CHUNK_WORLDS, worlds)))
        state = shop.first_morning()
        while state.day <= max(cuts):
            if state.day in cuts:
                depth, days = cuts[state.day]
                arms = shop.orders(state, days, discount_frac=depth), shop.orders(state, days, discount_frac=0.0)
                found[state.day].append(arms)
            _, state = shop.day(state)
    lifts = [Lift.of(*(np.concatenate(arm) for arm in zip(*parts, strict=True))) for parts in found.values()]
    return lifts[0], lifts[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaOrders:
    """Orders that media brought over ``SYNERGY_DAYS``: with the spend, less with no media at all.

    Attributes:
        social: All of the money in social media.
        email: All of it in e-mail.
        both: Half in each.
        spend_per_day_base: The money, the same in each arm.
    """

    social: float
    email: float
    both: float
    spend_per_day_base: float

    @property
    def gain(self) -> float:
        """How much more both bring than the better of the two alone."""
        return self.both / max(self.social, self.email) - 1.0


def synergy_experiment(scenario: Scenario) -> MediaOrders:
    """Social alone, e-mail alone, half in each: each time what the plan spends on e-mail, from the first day on.

    Expected mode; the same people on the first morning in each arm, and no media before it: an arm must not bring what
    an earlier plan has left. The money is spread over cells as the plan spreads it; all other channels are off.
    """
    shop = Shop(scenario)
    channels = [scenario.channels.index(name) for name in ("social", "email")]
    daily = shop.plan.spend_base[0]
    total = daily[..., channels[1]].sum()
    by_cell = daily.sum(axis=2) / daily.sum() * total

    def orders(social: float, email: float) -> float:
        spend = np.zeros_like(daily)
        for channel, share in zip(channels, (social, email), strict=True):
            spend[..., channel] = by_cell * share
        return float(shop.orders(blank_state(shop.market, 1), SYNERGY_DAYS, spend_base=spend)[0])

    without = orders(0.0, 0.0)
    return MediaOrders(
        social=orders(1.0, 0.0) - without,
        email=orders(0.0, 1.0) - without,
        both=orders(0.5, 0.5) - without,
        spend_per_day_base=float(total),
    )
