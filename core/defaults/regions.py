"""The sales regions of a scenario without data: one a country, by ISO code."""

from collections.abc import Sequence
from math import sqrt

from xbopt.core.defaults.ledger import Ledger, figures, held
from xbopt.core.tables.duties import duty_ids, duty_rule
from xbopt.core.tables.import_fees import import_fees
from xbopt.core.tables.market_facts import has_fact
from xbopt.core.tables.market_names import Country, countries
from xbopt.core.tables.reference_rates import reference_rate
from xbopt.core.tables.rows import EU_MEMBERS
from xbopt.core.tables.taxes import tax_ids

_PEGGED = 0.005
_ELASTICITY_LEVELS = (0.85, 1.35)


def duty_of(origin: str, country: str) -> str | None:
    """The duty rule that goods of an origin meet in a country; ``none`` within a customs area; None where unknown."""
    if origin == country or ({origin, country} <= EU_MEMBERS | {"EU"}):
        return "none"
    if country in EU_MEMBERS:
        return "eu_import"
    known = f"{country.lower()}_import"
    if known in duty_ids():
        return known
    return "none" if country == "HK" else None  # Hong Kong is a free port


def rule_currencies(ledger: Ledger, duty: str, country: str) -> tuple[str, ...]:
    """Currencies in which a country's duty rule and import fees are written; their limits are turned into money."""
    if duty == "none":
        return ()
    fees = (fee.currency for fee in import_fees(duty, country) if fee.by_default)
    return (duty_rule(duty, ledger.day).currency, *fees)


def route_of(origin: str, country: str) -> str:
    """The route of parcels in the table: ``domestic``, between two parts of the world, or ``any``."""
    if origin == country:
        return "domestic"
    here = countries()[country].zone
    there = "EU" if origin == "EU" else countries()[origin].zone if origin in countries() else "any"
    known = next((name for name in (f"{there}-{here}", f"{here}-{there}") if has_fact("route", name, "parcel_usd")), "")
    return known or "any"


def region_fields(ledger: Ledger, trade: str, origin: str, country: Country) -> dict[str, object]:
    """The fields of a region, but for people and customers; money in the base currency."""
    path, code = f"market.regions.{country.id}", country.id
    take = ledger.take_general
    route, duty = route_of(origin, code), duty_of(origin, code)
    abroad = route != "domestic"
    kilos = ledger.look_up("trade", trade, "parcel_kg").value
    per_kg = ledger.look_up("route", route, "parcel_usd_per_kg").value
    fixed = ledger.look_up("route", route, "parcel_usd").value
    cost = figures(ledger.usd(fixed + per_kg * kilos))
    parcel_source = ledger.look_up("route", route, "parcel_usd").source
    weight = f"A parcel of {kilos:g} kg, route {route}: USD {fixed:g} and {per_kg:g} a kg"
    ledger.state(f"{path}.shipping.cost_base", "E", parcel_source, weight)
    charged = take(f"{path}.shipping.charged_base", "charged_shipping_frac", scale=cost)
    shipping = {
        "days": ledger.take(f"{path}.shipping.days", "route", route, "delivery_days", note=f"Route {route}"),
        "expected_days": take(f"{path}.shipping.expected_days", f"expected_days_{'abroad' if abroad else 'home'}"),
        "charged_base": charged,
        "cost_base": cost,
        "volatility": take(f"{path}.shipping.volatility", "congestion_volatility"),
    }
    fees = {
        "payment_frac": take(f"{path}.fees.payment_frac", "payment_frac"),
        "payment_fixed_base": take(f"{path}.fees.payment_fixed_base", "payment_fixed_usd"),
        "return_handling_base": take(f"{path}.fees.return_handling_base", "return_handling_usd"),
        "resale_frac": take(f"{path}.fees.resale_frac", "resale_frac"),
    }
    fields: dict[str, object] = {
        "id": code,
        "name": country.name,
        "country": code,
        "currency": country.currency,
        "timezone": country.timezone,
        "tax": code if code in tax_ids() else "none",
        "duty": duty or "none",
        "elasticity_level": _elasticity_level(ledger, f"{path}.elasticity_level", code),
        "conversion_level": ledger.take(f"{path}.conversion_level", "country", code, "conversion_level"),
        "media_price_level": ledger.take(f"{path}.media_price_level", "country", code, "media_price_level"),
        "shipping": shipping,
        "competitor": {"volatility": take(f"{path}.competitor.volatility", "competitor_volatility")},
        "sentiment": {"volatility": take(f"{path}.sentiment.volatility", "sentiment_volatility")},
        "fees": fees,
    }
    if country.currency != ledger.base_currency:
        fields["fx_pass_through"] = take(f"{path}.fx_pass_through", "fx_pass_through")
    return fields


def buyers(ledger: Ledger, country: str) -> float:
    """People of a country who buy anything online within a year."""
    people = ledger.look_up("country", country, "population").value
    online = ledger.look_up("country", country, "online_buyers_frac").value
    return people * online


def _elasticity_level(ledger: Ledger, path: str, country: str) -> float:
    known = ledger.look_up("general", "any", "elasticity_by_price_level")
    if not has_fact("country", country, "price_level"):
        ledger.state(path, "E", "No price level of the country is known: as elsewhere")
        return 1.0
    price = ledger.look_up("country", country, "price_level")
    low, high = _ELASTICITY_LEVELS
    wanted = price.value**known.value
    taken = min(max(wanted, low), high)
    note = f"Price level {price.value:g} to the power {known.value:g}{held(wanted, taken)}"
    ledger.state(path, "E", f"{known.source}. {price.source}", note)
    return figures(taken, 2)


def currency_fields(ledger: Ledger, codes: Sequence[str]) -> dict[str, dict[str, float]]:
    """The currencies of a market, the base currency first: rate, and volatility against the base currency."""
    base, fields = ledger.base_currency, dict[str, dict[str, float]]()
    for code in dict.fromkeys((base, *codes)):
        path = f"market.currencies.{code}"
        if code == base:
            ledger.state(f"{path}.rate", "set", "By definition: the base currency")
            fields[code] = {"rate": 1.0}
            continue
        rate = reference_rate(code, base, ledger.day.year)
        assert rate is not None, "every currency of the table of countries has a rate"
        ledger.state(f"{path}.rate", "S", "Reference rates of currencies: mean of the latest year known (ECB)")
        mine, other = (ledger.look_up("currency", one, "volatility").value for one in (base, code))
        ledger.state(
            f"{path}.volatility",
            "E",
            ledger.look_up("currency", code, "volatility").source,
            "Both currencies' moves against the euro are taken to correlate by a half",
        )
        # By that the variance of their cross rate is the sum of both less their product.
        cross = sqrt(max(mine**2 + other**2 - mine * other, _PEGGED**2))
        fields[code] = {"rate": figures(rate, 4), "volatility": figures(cross, 2)}
    return fields
