"""The vital signs that can be read off a scenario's file, without playing it."""

from collections.abc import Iterator
from math import log10, nan

from xbopt.core.scenario.provenance import numeric_paths, uncovered
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.reference_rates import reference_rate
from xbopt.studies.rules_in_force import duty_days
from xbopt.studies.sign_values import Hint, Sign, sign_of


def stated_signs(scenario: Scenario) -> Iterator[Sign]:
    """What the file says outright."""
    document = scenario.document
    unsure = sum(group.spread > 0.0 for group in document.uncertainty.spreads.values())
    unsure += document.uncertainty.draws is not None
    yield sign_of(scenario, "uncertainty", unsure)
    numbers = len(numeric_paths(document))
    yield sign_of(scenario, "sources", 1.0 - len(uncovered(document)) / numbers)
    for code, currency in document.market.currencies.items():
        if code != scenario.base_currency:
            yield _rate_sign(scenario, code, currency.rate)
    yield _duty_sign(scenario, "duty_unknown", "unknown")
    yield _duty_sign(scenario, "duty_uncertain", "low")
    cheapest = min(region.price_level for region in document.market.regions)
    for product in document.products:
        margin = 1.0 - product.unit_cost_base / (product.price_base * cheapest)
        yield sign_of(scenario, "gross_margin", margin, product.id, hint="cost_above_price" if margin <= 0.0 else "")
    value = scenario.assortment.price_base.mean(axis=1)  # (R,)
    for region, order_value in zip(document.market.regions, value, strict=True):
        shipping, fees = region.shipping, region.fees
        charges = (shipping.cost_base, shipping.charged_base, fees.payment_fixed_base, fees.return_handling_base)
        yield sign_of(scenario, "order_charges", max(charges) / order_value, region.id)
    for channel in document.channels:
        price, visits = channel.price, channel.visits_per_1000_impressions
        visit = price.amount_base if price.model == "cpc" else price.amount_base / visits
        yield sign_of(scenario, "visit_price", visit / value.mean(), channel.id)


def _rate_sign(scenario: Scenario, currency: str, rate: float) -> Sign:
    known = reference_rate(currency, scenario.base_currency, scenario.start.year)
    if known is None:
        return sign_of(scenario, "currency_rate", nan, currency)
    plain = sign_of(scenario, "currency_rate", rate, currency, scale=known)
    if plain.verdict == "inside":
        return plain
    width = log10(plain.published.high)
    powers = log10(rate / known)
    hint: Hint = ""
    if abs(log10(rate * known)) <= width:
        hint = "inverted_rate"
    elif abs(powers - round(powers)) <= width:
        hint = "power_of_ten"
    return sign_of(scenario, "currency_rate", rate, currency, scale=known, hint=hint)


def _duty_sign(scenario: Scenario, code: str, certainty: str) -> Sign:
    """Share of the days on which the duty is of such certainty, in the region that has most of them."""
    days = duty_days(scenario, certainty)  # (R, T)
    where = ", ".join(region for r, region in enumerate(scenario.regions) if days[r].any())
    has_border = any(region.duty != "none" for region in scenario.document.market.regions)
    return sign_of(scenario, code, float(days.mean(axis=1).max()) if has_border else nan, where)
