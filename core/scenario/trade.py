"""Which rows of the trade tables hold for a scenario's regions and products."""

from collections.abc import Iterator
from datetime import date, timedelta

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.market import Market, Product, Region, Segment
from xbopt.core.tables.duties import DutyRule, duty_rule
from xbopt.core.tables.import_fees import ImportFee, import_fees
from xbopt.core.tables.tariff_lists import tariff_list


def origin_of(market: Market, product: Product) -> str:
    """Where a product comes from: its own origin, else the market's."""
    return product.origin or market.origin


def product_rates(document: ScenarioDocument, region: Region, product: Product, day: date) -> tuple[float, float]:
    """Duty outside the low-value scheme and surcharge of a product on a day, as fractions of the dutiable value.

    The duty is the product's own rate, else the table's, with that of its tariff list on top. A product's own rate is
    the one that it has where a rate is due: where the table's is 0, since the duty is abolished or the origin is
    preferred, nothing is due.

    Raises:
        TableError: The table has no row for the region's duty id and the day.
    """
    origin = origin_of(document.market, product)
    rule = duty_rule(region.duty, day, origin)
    listed = tariff_list(region.duty, origin, day, product.tariff_list)
    ordinary = rule.ad_valorem_frac
    if product.duty_frac is not None and ordinary > 0.0:
        ordinary = product.duty_frac
    return ordinary + (0.0 if listed is None else listed.ad_valorem_frac), rule.surcharge_frac


def origin_of_orders(document: ScenarioDocument, segment: Segment) -> str:
    """Whose limits an order of a segment meets: an order is one parcel, and the largest part of its value decides."""
    value = _value_by_origin(document, segment)
    return max(value, key=value.__getitem__)


def mixed_limits(document: ScenarioDocument) -> Iterator[tuple[Region, Segment]]:
    """Where one order mixes goods whose origins meet different limits or flat duties on a day of the horizon."""
    days = [document.horizon.start + timedelta(days=day) for day in range(document.horizon.days)]
    for segment in document.segments:
        origins = list(_value_by_origin(document, segment))
        if len(origins) == 1:
            continue
        for region in document.market.regions:
            by_day = ({_limits(duty_rule(region.duty, day, origin)) for origin in origins} for day in days)
            if any(len(limits) > 1 for limits in by_day):
                yield region, segment


def _value_by_origin(document: ScenarioDocument, segment: Segment) -> dict[str, float]:
    value: dict[str, float] = {}
    for product in document.products:
        if (share := segment.product_mix.get(product.id, 0.0)) > 0.0:
            origin = origin_of(document.market, product)
            value[origin] = value.get(origin, 0.0) + share * product.price_base
    return value


def _limits(rule: DutyRule) -> tuple[float | str, ...]:
    return rule.threshold, rule.flat_duty, rule.flat_duty_unit, rule.tax_threshold, rule.tax_below


def owed_fees(region: Region) -> tuple[ImportFee, ...]:
    """The import fees that a region owes on the days on which they hold: those of the table, switched as it says."""
    return tuple(
        fee for fee in import_fees(region.duty, region.country) if region.import_fees.get(fee.fee_id, fee.by_default)
    )


def fees_on(region: Region, first: date, days: int) -> Iterator[ImportFee]:
    """The owed fees that hold on one of the days from ``first`` on."""
    for fee in owed_fees(region):
        if any(fee.holds_on(first + timedelta(days=day)) for day in range(days)):
            yield fee
