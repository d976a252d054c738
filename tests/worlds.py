"""Small markets for the tests: one document that tests change, and short ways to play it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import yaml

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.checks import semantic_problems
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.simulator.draws import MarketDraws
from xbopt.simulator.history import initial_state
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import MarketState
from xbopt.simulator.step import DayOutcome, play_day
from xbopt.simulator.worlds import average_world, draw_worlds

Doc = dict[str, Any]

# The base currency is nobody's own, so that every price, rule and rate can be scaled against it.
BASE = """
version: 1
name: small
horizon: {start: 2026-09-07, days: 10, after: {days: 0}}
market:
  base_currency: CHF
  currencies:
    CHF: {rate: 1.0}
    EUR: {rate: 0.95, volatility: 0.06}
    GBP: {rate: 1.1, volatility: 0.08, jumps_per_year: 6, jump_size: 0.04}
  regions:
    - id: north
      country: DE
      currency: EUR
      tax: DE
      population: {adults: 40000, youth: 20000}
      customers:
        adults: {new: 300, active: 700, at_risk: 400, lapsed: 600}
        youth: {new: 150, active: 200, at_risk: 200, lapsed: 300}
      shipping: {days: 3, expected_days: 4, charged_base: 4, cost_base: 5, volatility: 0.1}
      competitor: {volatility: 0.04}
      sentiment: {volatility: 0.1}
      fees: {payment_frac: 0.02, payment_fixed_base: 0.3, platform_frac: 0.05, return_handling_base: 6}
    - id: island
      country: GB
      currency: GBP
      tax: GB
      duty: gb_import
      fx_pass_through: 0.4
      price_level: 1.1
      population: {adults: 30000, youth: 12000}
      customers:
        adults: {new: 200, active: 350, at_risk: 250, lapsed: 400}
        youth: {new: 80, active: 100, at_risk: 90, lapsed: 150}
      shipping: {days: 6, expected_days: 5, charged_base: 6, cost_base: 9, volatility: 0.15}
      sentiment: {volatility: 0.1, start: 0.2}
      stock: {initial_orders: 900, lead_time_days: 3, cover_days: 7}
segments:
  - id: adults
    product_mix: {lamps: 0.4, rugs: 0.6}
    items_per_order: 1.5
    basket_cv: 0.6
    lines_per_order: 1.4
    elasticity: -2.2
    visits_per_1000: 2
    customer_types:
      - {id: regular, share: 0.3, promotion_share: 0.1, visits_per_1000: 60, daily_dropout: 0.002}
      - {id: occasional, share: 0.7, promotion_share: 0.9, visits_per_1000: 12, daily_dropout: 0.006}
    cart_rate: 0.08
    checkout_rate: 0.4
  - id: youth
    product_mix: {lamps: 0.7, rugs: 0.3}
    basket_cv: 0.4
    elasticity: -3.0
    visits_per_1000: 3
    customer_types: [{id: any, share: 1, visits_per_1000: 25, daily_dropout: 0.005}]
    cart_rate: 0.07
    checkout_rate: 0.3
products:
  - {id: lamps, price_base: 50, unit_cost_base: 24, return_rate: 0.1, duty_frac: 0.03}
  - {id: rugs, price_base: 90, unit_cost_base: 40, return_rate: 0.05}
channels:
  - id: search
    price: {model: cpc, amount_base: 0.6, bid_up: 0.25, reference_per_1000: 2}
    visits_per_1000_impressions: 30
    visit_quality: 1.5
    adstock: {curve: geometric, half_life_days: 1.5}
    saturation: {curve: hill, half_saturation: 0.2}
    daypart_response: {evening: 1.2}
  - id: social
    price: {model: cpm, amount_base: 8, bid_up: 0.1, reference_per_1000: 2}
    visits_per_1000_impressions: 12
    visit_quality: 0.8
    adstock: {curve: delayed, half_life_days: 2, peak_days: 1, window_days: 6}
    saturation: {curve: hill, half_saturation: 0.4, slope: 1.4}
    segment_response: {youth: 1.3}
    daypart_price: {evening: 1.3}
  - id: email
    price: {model: cpm, amount_base: 1.5, bid_up: 0.0, reference_per_1000: 0.5}
    visits_per_1000_impressions: 18
    visit_quality: 2
    adstock: {curve: weibull, shape: 1.5, scale_days: 2, window_days: 5}
    saturation: {curve: exponential, half_saturation: 0.5}
    fatigue: {weekly_frequency: 2, exponent: 0.7, half_life_days: 8}
    reach: {prospect: 0.0, new: 0.9, active: 0.95, at_risk: 0.8, lapsed: 0.5}
    keeps_contact: 0.6
synergies:
  - {channels: [social, email], strength: 0.15}
calendar:
  dayparts:
    - {id: night, from_hour: 0, to_hour: 8, activity: 0.2}
    - {id: day, from_hour: 8, to_hour: 18, activity: 0.5}
    - {id: evening, from_hour: 18, to_hour: 24, activity: 0.3}
  weekday: [1.1, 1.0, 1.0, 1.0, 0.95, 0.9, 1.05]
budget: {total_base: 20000, max_daily_multiple: 5}
discounts: {ceiling_frac: 0.5}
noise: {demand_cv: 0.3, media_price_cv: 0.1}
uncertainty:
  media_response: {spread: 0.3}
  elasticity: {spread: 0.15, by: [region, segment]}
  synergy: {spread: 0.2}
tactics: {decide_every_days: 5}
history: {before: none}
"""

# One region, one segment, one channel: no season, tax, duty, fee, synergy, carry-over or fatigue that matters, and
# round numbers, so that a day can be worked by hand.
PLAIN = """
version: 1
name: plain
horizon: {start: 2026-09-07, days: 20, after: {days: 0}}
market:
  base_currency: EUR
  currencies: {EUR: {rate: 1.0}}
  regions:
    - id: home
      country: SJ
      currency: EUR
      tax: none
      population: {people: 10000}
      shipping: {days: 2, expected_days: 6, cost_base: 0, volatility: 0}
      fees: {payment_frac: 0}
segments:
  - id: people
    product_mix: {thing: 1.0}
    basket_cv: 0
    elasticity: -2.0
    visits_per_1000: 10
    customer_conversion: 1
    customer_types: [{id: all, share: 1, visits_per_1000: 10, daily_dropout: 0}]
    cart_rate: 0.2
    checkout_rate: 0.5
    price_memory: {deal_gain: 0}
products:
  - {id: thing, price_base: 100, unit_cost_base: 55}
channels:
  - id: ads
    price: {model: cpm, amount_base: 10, bid_up: 0, reference_per_1000: 10}
    visits_per_1000_impressions: 20
    adstock: {curve: none}
    saturation: {curve: hill, half_saturation: 1}
    fatigue: {weekly_frequency: 100}
calendar:
  dayparts: [{id: all, from_hour: 0, to_hour: 24, activity: 1}]
budget: {total_base: 1000000, max_daily_multiple: 20}
discounts:
  pull_forward: {borrowed_frac: 0, switched_frac: 0}
noise: {demand_cv: 0, media_price_cv: 0}
history: {before: none}
"""


@cache
def _parsed(text: str) -> Doc:
    return yaml.safe_load(text.replace("start: 2026-09-07", "start: '2026-09-07'"))


def document(changes: Mapping[str, object] | None = None, *, text: str = BASE) -> Doc:
    """A fresh document with some values replaced: ``{"market.regions.0.tax": "none"}``; None takes a key away."""
    doc = copy.deepcopy(_parsed(text))
    for path, value in (changes or {}).items():
        *steps, last = path.split(".")
        place: Any = doc
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if value is None:
            place.pop(last, None)
        elif isinstance(place, list):
            place[int(last)] = copy.deepcopy(value)
        else:
            place[last] = copy.deepcopy(value)
    return doc


def scenario_of(doc: Doc) -> Scenario:
    """Through the strict model and all checks; writing the document out and parsing it again would cost most time."""
    model = ScenarioDocument.model_validate(doc)
    assert semantic_problems(model) == []
    return build_scenario(model)


def market_of(changes: Mapping[str, object] | None = None, *, text: str = BASE) -> MarketParameters:
    return build_market(scenario_of(document(changes, text=text)))


def plain_market(changes: Mapping[str, object] | None = None) -> MarketParameters:
    return market_of(changes, text=PLAIN)


Policy = Callable[[int], Decision]


def decision(
    scenario: Scenario,
    worlds: int,
    *,
    spend: FloatArray | float = 0.0,
    discount: FloatArray | float = 0.0,
    mechanic: IntArray | int = 0,
    dayparts: FloatArray | None = None,
) -> Decision:
    """A decision from numbers or arrays that broadcast."""
    regions, segments, channels, parts = scenario.shape
    weights = scenario.audience[:, None, :] if dayparts is None else dayparts
    return Decision(
        spend_base=np.broadcast_to(np.asarray(spend, dtype=np.float64), (worlds, regions, segments, channels)).copy(),
        daypart_weights=np.broadcast_to(weights, (worlds, regions, channels, parts)).copy(),
        discount_frac=np.broadcast_to(np.asarray(discount, dtype=np.float64), (worlds, regions, segments)).copy(),
        mechanic=np.broadcast_to(np.asarray(mechanic, dtype=np.int64), (worlds, regions, segments)).copy(),
    )


def steady(scenario: Scenario, worlds: int, **choice: Any) -> Policy:
    """The same decision every day."""
    same = decision(scenario, worlds, **choice)
    return lambda _day: same


def play(
    market: MarketParameters,
    policy: Policy,
    *,
    worlds: Sequence[int] | None = None,
    seed: int = 1,
    world_seed: int = 2,
    days: int | None = None,
) -> tuple[list[DayOutcome], MarketState]:
    """Play some worlds; the expected mode of the average world where no worlds are named."""
    scenario = market.scenario
    if worlds is None:
        world, draws, state = average_world(), None, initial_state(market, 1)
    else:
        numbers = np.array(worlds, dtype=np.int64)
        world = draw_worlds(scenario, seed=world_seed, worlds=numbers)
        draws, state = MarketDraws(scenario, seed=seed, worlds=numbers), initial_state(market, len(numbers), world)
    outcomes: list[DayOutcome] = []
    for day in range(scenario.days if days is None else days):
        outcome, state = play_day(market, world, state, policy(day), None if draws is None else draws.day(day))
        outcomes.append(outcome)
    return outcomes, state


def total(outcomes: Sequence[DayOutcome], take: Callable[[DayOutcome], FloatArray]) -> FloatArray:
    """Sum over days of something by day."""
    return np.sum([take(outcome) for outcome in outcomes], axis=0)


def rescaled(doc: Doc, factor: float) -> Doc:
    """The same market told in another base currency, of which ``factor`` units make one old unit.

    All amounts of base money are multiplied, and the rates of all other currencies. The base currency's own rate
    stays 1, so no region may trade in it and no duty rule may be written in it.
    """

    def scaled(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            # Caps by region or channel are amounts under free names.
            if key.endswith("_base"):
                return {name: amount * factor for name, amount in value.items()}
            return {name: scaled(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [scaled(item, key) for item in value]
        if (key.endswith("_base") or key == "reference_per_1000") and value is not None:
            return value * factor
        return value

    result = scaled(doc, "")
    base = doc["market"]["base_currency"]
    assert all(region["currency"] != base for region in doc["market"]["regions"])
    for code, currency in result["market"]["currencies"].items():
        if code != base:
            currency["rate"] *= factor
    return result
