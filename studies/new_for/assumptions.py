"""The numbers of a new scenario that a seller should look over: value, where it comes from, how sure it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from xbopt.core.scenario.provenance import provenance_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import ParameterGroup
from xbopt.studies.labels import Unit

AssumptionCode = Literal[
    "budget", "item_price", "item_cost", "items", "return_rate", "elasticity",
    "parcel_cost", "delivery_days", "people", "media_level", "conversion_level", "currency_rate",
    "channel_price", "visit_quality",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One number of a scenario.

    Attributes:
        code: What it is.
        place: Id of the country, segment, channel or currency that it belongs to; empty for none.
        path: Its path in the scenario.
        value: The number.
        unit: What it is measured in.
        evidence: Evidence mark of its provenance.
        source: Where it comes from.
        note: What else to know of it.
        spread: Relative standard deviation between worlds; None where the scenario states none for it.
    """

    code: AssumptionCode
    place: str
    path: str
    value: float
    unit: Unit
    evidence: str
    source: str
    note: str
    spread: float | None


def assumptions(scenario: Scenario) -> tuple[Assumption, ...]:
    """The numbers worth looking over, in the order in which a seller thinks of them."""
    return tuple(
        _assumption(scenario, code, place, path, value, unit, group)
        for code, place, path, value, unit, group in _numbers(scenario)
    )


_Number = tuple[AssumptionCode, str, str, float, Unit, ParameterGroup | None]


def _numbers(scenario: Scenario) -> Iterator[_Number]:
    document = scenario.document
    yield "budget", "", "budget.total_base", document.budget.total_base, "money", None
    for product in document.products:
        path = f"products.{product.id}"
        yield "item_price", "", f"{path}.price_base", product.price_base, "price", "order_value"
        yield "item_cost", "", f"{path}.unit_cost_base", product.unit_cost_base, "price", "unit_cost"
        yield "return_rate", "", f"{path}.return_rate", product.return_rate, "share", "return_rate"
    first = document.segments[0]
    yield "items", "", f"segments.{first.id}.items_per_order", first.items_per_order, "count", None
    for segment in document.segments:
        yield "elasticity", segment.id, f"segments.{segment.id}.elasticity", segment.elasticity, "ratio", "elasticity"
    for region in document.market.regions:
        path, place = f"market.regions.{region.id}", region.id
        people = sum(region.population.values())
        yield "people", place, f"{path}.population.{first.id}", people, "count", None
        yield "parcel_cost", place, f"{path}.shipping.cost_base", region.shipping.cost_base, "price", "shipping_cost"
        yield "delivery_days", place, f"{path}.shipping.days", region.shipping.days, "count", "delivery_days"
        yield "media_level", place, f"{path}.media_price_level", region.media_price_level, "ratio", "media_price"
        yield "conversion_level", place, f"{path}.conversion_level", region.conversion_level, "ratio", "conversion"
    for code, currency in document.market.currencies.items():
        if code != document.market.base_currency:
            yield "currency_rate", code, f"market.currencies.{code}.rate", currency.rate, "ratio", None
    for channel in document.channels:
        path = f"channels.{channel.id}"
        yield (
            "channel_price",
            channel.id,
            f"{path}.price.amount_base",
            channel.price.amount_base,
            "price",
            "media_price",
        )
        yield "visit_quality", channel.id, f"{path}.visit_quality", channel.visit_quality, "ratio", "visit_quality"


def _assumption(
    scenario: Scenario,
    code: AssumptionCode,
    place: str,
    path: str,
    value: float,
    unit: Unit,
    group: ParameterGroup | None,
) -> Assumption:
    entry = provenance_of(scenario.document, path)
    spread = None if group is None else scenario.document.uncertainty.spreads.get(group)
    return Assumption(
        code=code,
        place=place,
        path=path,
        value=value,
        unit=unit,
        evidence="" if entry is None else entry.evidence,
        source="" if entry is None else entry.source,
        note="" if entry is None else entry.note,
        spread=None if spread is None else spread.spread,
    )
