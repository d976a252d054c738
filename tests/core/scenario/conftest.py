"""A small valid scenario whose arrays can be worked out by hand."""

import pytest

from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.loading import check_document

TEXT = """\
version: 1
name: small
horizon: {start: 2026-10-05, days: 10}
market:
  base_currency: EUR
  currencies: {EUR: {rate: 1.0}}
  regions:
    - id: NO1
      country: NO
      currency: EUR
      tax: none
      price_level: 2.0
      population: {a: 600, b: 200}
      customers: {a: {new: 10, active: 20, at_risk: 30, lapsed: 40}}
      shipping: {days: 3, cost_base: 4}
    - {id: DE1, country: DE, currency: EUR, tax: DE, population: {a: 100, b: 0}, shipping: {days: 3, cost_base: 4}}
segments:
  - id: a
    product_mix: {lamp: 0.25, rug: 0.75}
    items_per_order: 2.0
    elasticity: -2.0
    visits_per_1000: 1
    customer_types: [{id: any, share: 1, visits_per_1000: 15, daily_dropout: 0.004}]
    cart_rate: 0.1
    checkout_rate: 0.4
  - id: b
    product_mix: {lamp: 1.0}
    elasticity: -2.0
    visits_per_1000: 1
    customer_types: [{id: any, share: 1, visits_per_1000: 15, daily_dropout: 0.004}]
    cart_rate: 0.1
    checkout_rate: 0.4
products:
  - {id: lamp, price_base: 40, unit_cost_base: 20, return_rate: 0.1, return_days: 10}
  - {id: rug, price_base: 80, unit_cost_base: 20, return_rate: 0.2, return_days: 20, duty_frac: 0.08}
channels:
  - id: search
    price: {model: cpc, amount_base: 0.5, reference_per_1000: 1}
    visits_per_1000_impressions: 20
    adstock: {curve: none}
    saturation: {curve: hill, half_saturation: 0.1}
  - id: social
    price: {model: cpm, amount_base: 5, reference_per_1000: 1}
    visits_per_1000_impressions: 10
    adstock: {curve: none}
    saturation: {curve: exponential, half_saturation: 0.1}
calendar:
  dayparts: [{id: day, from_hour: 0, to_hour: 18, activity: 3}, {id: evening, from_hour: 18, to_hour: 24, activity: 1}]
  regions: {DE1: {activity: {evening: 3}}}
budget:
  total_base: 1000
  max_daily_multiple: 2
  region_caps_base: {DE1: 300}
  minimums: [{region: NO1, channel: search, spend_per_day_base: 8}]
  locks: [{region: NO1, segment: b, channel: social, spend_per_day_base: 5}]
discounts: {ceiling_frac: 0.5, margin_floor_frac: 0.2}
"""


@pytest.fixture(scope="session")
def text():
    """The scenario as it stands in a file."""
    return TEXT


@pytest.fixture(scope="session")
def build():
    """Builds the small scenario with more sections at its end, or other words in it."""
    return lambda more="", old="", new="": build_scenario(
        check_document(parse_yaml(TEXT.replace(old, new) + more, file="small.yaml"))
    )
