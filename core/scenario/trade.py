"""Which rows of the trade tables hold for a scenario's regions and products."""

from collections.abc import Iterator
from datetime import date, timedelta

from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.market import Market, Product, Region
from xbopt.core.tables.duties import duty_rule
from xbopt.core.tables.import_fees import ImportFee, import_fees
from xbopt.core.tables.tariff_lists import tariff_list


def origin_of(market: Market, product: Product) -> str:
    """Where a product comes from: its own origin, else the market's."""
    return product.origin or market.origin


def product_rates(document: ScenarioDocument, region: Region, product: Product, day: date) -> tuple[float, float]:
    """Duty outside the low-value scheme and surcharge of a product on a day, as fractions of the dutiable value.

    The duty is the product's own rate, else the table's, with that of its tariff list on top.

    Raises:
        TableError: The table has no row for the region's duty id and the day.
    """
    origin = origin_of(document.market, product)
    rule = duty_rule(region.duty, day, origin)
    listed = tariff_list(region.duty, origin, day, product.tariff_list)
    ordinary = rule.ad_valorem_frac if product.duty_frac is None else product.duty_frac
    return ordinary + (0.0 if listed is None else listed.ad_valorem_frac), rule.surcharge_frac


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
