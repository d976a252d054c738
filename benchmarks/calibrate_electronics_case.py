"""Solve the free numbers of ``scenarios/electronics_case.yaml`` and print them as YAML values.

Usage: ``python benchmarks/calibrate_electronics_case.py``. It takes about two minutes.

The study gives six figures, and the scenario has six free factors, one for each:

=====================  ====================================================================
figure                 factor that is solved
=====================  ====================================================================
sales of a day         organic visits: ``market.regions.*.traffic_level``
conversion rate        carts per visit: ``segments.*.cart_rate``
repurchase rate        conversion of new, active and at-risk customers: ``segments.*.conversion``
10 % price cut         ``segments.*.elasticity``
5 % cut, holiday       ``calendar.custom_events.national_day.price_sensitivity``
social plus e-mail     ``synergies.*.strength``
=====================  ====================================================================

Ratios between regions, segments and buckets stay as the file has them. The customers of the first day are not free:
they are the base that the shop holds under its own plan, the fixed point of "first day = mean of the year".

All six are solved in expected mode by a root finder. Sampled worlds differ a little from their expectation, since
counts and uncertain parameters meet curved responses; the three rates are therefore aimed at their target divided by
the ratio of 512 sampled worlds to the expectation. Those worlds have another seed than the check.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy.optimize import root

from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.state import MarketState, initial_state
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world, draw_worlds
from xbopt.studies.simulate import CHUNK_WORLDS, simulate

CASE = "electronics_case"
KNOWN = ("new", "active", "at_risk")

CONVERSION_RATE, REPURCHASE_RATE, SALES_PER_DAY = 0.012, 0.008, 5000.0
PRICE_CUT_FRAC, PRICE_LIFT, PRICE_DAY, PRICE_DAYS = 0.10, 0.15, date(2026, 4, 13), 7
HOLIDAY_CUT_FRAC, HOLIDAY_LIFT, HOLIDAY_DAY, HOLIDAY_DAYS = 0.05, 0.10, date(2026, 9, 17), 14
SYNERGY_GAIN, SYNERGY_DAYS = 0.15, 28

CORRECTION_SEED, CORRECTION_WORLDS, ROUNDS = 1, 512, 3


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
        return initial_state(self.market, self.worlds)

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

    Expected mode; the same people on the first morning in each arm; the money is spread over cells as the plan
    spreads it; all other channels are off.
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
        return float(shop.orders(shop.first_morning(), SYNERGY_DAYS, spend_base=spend)[0])

    without = orders(0.0, 0.0)
    return MediaOrders(
        social=orders(1.0, 0.0) - without,
        email=orders(0.0, 1.0) - without,
        both=orders(0.5, 0.5) - without,
        spend_per_day_base=float(total),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Factors on the numbers of the file; 1 leaves them as they are."""

    traffic: float = 1.0
    cart: float = 1.0
    known: float = 1.0
    elasticity: float = 1.0
    holiday: float = 1.0
    synergy: float = 1.0

    @classmethod
    def of(cls, logs: FloatArray) -> "Factors":
        """From their logarithms, in the order of the fields."""
        return cls(**dict(zip(cls.__dataclass_fields__, np.exp(logs).tolist(), strict=True)))


def changed(document: ScenarioDocument, factors: Factors, customers: FloatArray | None = None) -> ScenarioDocument:
    """The document with factors on its free numbers, and with other known customers ``(R, S, L)`` where given."""
    data: dict[str, Any] = document.model_dump()
    for r, region in enumerate(data["market"]["regions"]):
        region["traffic_level"] *= factors.traffic
        if customers is not None:
            for s, segment in enumerate(data["segments"]):
                region["customers"][segment["id"]].update(zip(KNOWN, customers[r, s, 1:4].tolist(), strict=True))
    for segment in data["segments"]:
        segment["cart_rate"] *= factors.cart
        segment["elasticity"] *= factors.elasticity
        for bucket in KNOWN:
            segment["conversion"][bucket] *= factors.known
    for event in data["calendar"]["custom_events"]:
        event["price_sensitivity"] = max(1.0, event["price_sensitivity"] * factors.holiday)
    for synergy in data["synergies"]:
        synergy["strength"] *= factors.synergy
    return ScenarioDocument.model_validate(data)


def solve(document: ScenarioDocument, correction: FloatArray) -> Factors:
    """Find the factors at which expected mode gives the study's figures, the three rates divided by ``correction``."""
    rates = np.array([CONVERSION_RATE, REPURCHASE_RATE, SALES_PER_DAY]) / correction

    def misses(logs: FloatArray) -> FloatArray:
        scenario = build_scenario(changed(document, Factors.of(logs)))
        year = expected_year(scenario)
        price, holiday = price_lifts(scenario)
        have = np.array([year.conversion_rate, year.repurchase_rate, year.sales_per_day])
        gains = [price.gain / PRICE_LIFT, holiday.gain / HOLIDAY_LIFT]
        gains.append((1.0 + synergy_experiment(scenario).gain) / (1.0 + SYNERGY_GAIN))
        return np.concatenate([have / rates, gains]) - 1.0

    found = root(misses, np.zeros(6), method="hybr", options={"xtol": 1e-6, "eps": 1e-4, "factor": 0.3})
    miss = float(np.abs(found.fun).max())
    if miss > 1e-4:
        raise SystemExit(f"No solution: the worst figure misses its target by {miss:.2%}. {found.message}")
    return Factors.of(found.x)


def sampled_rates(scenario: Scenario, *, seed: int, worlds: int) -> FloatArray:
    """Conversion rate, repurchase rate and sales of a day over sampled worlds."""
    kpis = simulate(scenario, "baseline", runs=worlds, seed=seed).kpis
    sales = kpis["net_revenue"].mean / scenario.days
    return np.array([kpis["conversion_rate"].mean, kpis["repurchase_rate"].mean, sales])


def calibrate() -> ScenarioDocument:
    """Solve, let the customer base settle, correct for sampling, and solve again until nothing moves."""
    document, correction = load_scenario(CASE).document, np.ones(3)
    for step in range(ROUNDS):
        document = changed(document, solve(document, correction))
        year = expected_year(build_scenario(document))
        for _ in range(4):
            document = changed(document, Factors(), year.customers)
            year = expected_year(build_scenario(document))
        sampled = sampled_rates(build_scenario(document), seed=CORRECTION_SEED, worlds=CORRECTION_WORLDS)
        correction = sampled / np.array([year.conversion_rate, year.repurchase_rate, year.sales_per_day])
        print(f"# round {step + 1}: sampled over expected, conversion, repurchase, sales: {np.round(correction, 4)}")
    return changed(document, solve(document, correction))


def four_digits(value: float) -> float:
    """Rounded to four significant digits."""
    return float(f"{value:.4g}")


def yaml_values(document: ScenarioDocument) -> dict[str, float]:
    """The solved numbers, rounded as the file holds them: four digits, customers to whole people."""
    values: dict[str, float] = {}
    for region in document.market.regions:
        values[f"market.regions.{region.id}.traffic_level"] = four_digits(region.traffic_level)
        for name, customers in region.customers.items():
            for bucket in KNOWN:
                values[f"market.regions.{region.id}.customers.{name}.{bucket}"] = float(
                    round(getattr(customers, bucket))
                )
    for segment in document.segments:
        path = f"segments.{segment.id}"
        values[f"{path}.elasticity"] = four_digits(segment.elasticity)
        values[f"{path}.cart_rate"] = four_digits(segment.cart_rate)
        for bucket in KNOWN:
            values[f"{path}.conversion.{bucket}"] = four_digits(getattr(segment.conversion, bucket))
    for event in document.calendar.custom_events:
        values[f"calendar.custom_events.{event.id}.price_sensitivity"] = four_digits(event.price_sensitivity)
    for i, synergy in enumerate(document.synergies):
        values[f"synergies[{i}].strength"] = four_digits(synergy.strength)
    return values


def main() -> None:
    for path, value in yaml_values(calibrate()).items():
        print(f"{path}={value:g}")


if __name__ == "__main__":
    main()
