"""Taxes, duties, fees and refund law as arrays over the days of the horizon."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import RuleChange
from xbopt.core.scenario.trade import origin_of_orders, owed_fees, product_rates
from xbopt.core.tables.duties import duty_rule
from xbopt.core.tables.refunds import refund_rule
from xbopt.core.tables.taxes import tax_rate
from xbopt.simulator.shocks import shock_window


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeArrays:
    """One import fee by day and cell.

    Attributes:
        amount_base: Fee of an order ``(T, R, S)``, base currency at first-day rates; 0 where it is not owed.
        low_value_only: Whether it is owed inside the low-value scheme only.
        currency: Position of the currency it moves with ``(R,)``.
    """

    amount_base: FloatArray
    low_value_only: bool
    currency: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKind:
    """One product among the items of a segment's orders ``(S,)``.

    Attributes:
        price_ratio: Its price over the mean price of the items.
        share: Its share in the items.
    """

    price_ratio: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRules:
    """Rules by day and cell ``(T, R, S)`` unless said; amounts in base currency at first-day rates.

    All thresholds are values of an order: those that the law states for an item are multiplied by an order's items,
    and an order's items are counted each for itself.

    Attributes:
        tax_frac: Consumption tax on goods and charged shipping ``(T, R)``.
        tax_free_base: Order value up to which nobody owes consumption tax; 0 for none.
        tax_on_duty: Whether consumption tax is levied on duty, 0 or 1 ``(T, R)``.
        untaxed_duty_base: Order value up to which it is not, since the tax is not due or lies in the price of a
            seller who pays the duty himself; 0 for none.
        threshold_base: Order value up to which the low-value scheme holds; 0 for none.
        shipping_counts: Whether thresholds are values of goods and charged shipping, 0 or 1 ``(T, R)``; else of goods.
        by_item: Whether thresholds hold for each item, by the product's own price ``(T, R)``.
        items: The products that items may be.
        flat_duty_base: Flat duty of an order inside the scheme.
        ad_valorem_frac: Duty on the dutiable value outside the scheme: the mean over the segment's products by value.
        surcharge_frac: Surcharge on any dutiable value, the same mean.
        shipping_dutiable: Whether charged shipping is part of the dutiable value, 0 or 1 ``(T, R)``.
        fees: Fees on parcels; empty where no region has one.
        refunds_shipping: Whether a return refunds the charged shipping too, 0 or 1 ``(T, R)``.
        currency: Position of the currency the amounts move with ``(R,)``.
        dutiable: Regions behind a customs border ``(R,)``.
    """

    tax_frac: FloatArray
    tax_free_base: FloatArray
    tax_on_duty: FloatArray
    untaxed_duty_base: FloatArray
    threshold_base: FloatArray
    shipping_counts: FloatArray
    by_item: BoolArray
    items: tuple[ItemKind, ...]
    flat_duty_base: FloatArray
    ad_valorem_frac: FloatArray
    surcharge_frac: FloatArray
    shipping_dutiable: FloatArray
    fees: tuple[FeeArrays, ...]
    refunds_shipping: FloatArray
    currency: tuple[int, ...]
    dutiable: BoolArray

    def has_limits(self, day: int) -> bool:
        """Whether what is owed has steps on a day, in any cell."""
        limits = (self.threshold_base, self.tax_free_base, self.untaxed_duty_base)
        return any(bool(limit[day].any()) for limit in limits)


def build_trade_rules(scenario: Scenario) -> TradeRules:
    """Look up taxes and duties for every day and region, then lay the scenario's rule changes over them.

    Raises:
        TableError: A table has no row for a region's id and day.
    """
    rules = _table_rules(scenario, scenario.days)
    lines = np.array([segment.lines_per_order for segment in scenario.document.segments])
    stated: list[FeeArrays] = []
    for shock in scenario.document.shocks:
        if not isinstance(shock, RuleChange):
            continue
        window = shock_window(scenario, shock.day, None, shock.regions)
        for array, value in (
            (rules.threshold_base, shock.threshold_base),
            (rules.flat_duty_base, None if shock.line_duty_base is None else shock.line_duty_base * lines),
            (rules.ad_valorem_frac, shock.ad_valorem_frac),
            (rules.surcharge_frac, shock.surcharge_frac),
            (rules.tax_frac, shock.tax_frac),
        ):
            if value is not None:
                array[window] = value
        for array, points in (
            (rules.ad_valorem_frac, shock.ad_valorem_added_frac),
            (rules.surcharge_frac, shock.surcharge_added_frac),
        ):
            if points is not None:
                array[window] = np.maximum(array[window] + points, 0.0)
        if shock.threshold_base is not None or shock.tax_threshold_base is not None:
            rules.by_item[window] = False  # a stated limit is an order's
        untaxed, tax_free = rules.untaxed_duty_base, rules.tax_free_base
        if shock.threshold_base is not None:  # where the tax is collected at the sale, it goes with the scheme
            untaxed[window] = np.where(untaxed[window] > tax_free[window], shock.threshold_base, untaxed[window])
        if shock.tax_threshold_base is not None:
            untaxed[window] = np.maximum(untaxed[window], shock.tax_threshold_base)
            tax_free[window] = shock.tax_threshold_base
        if shock.parcel_fee_base is not None:
            for fee in (*rules.fees, *stated):
                fee.amount_base[window] = 0.0
            amount = np.zeros(rules.threshold_base.shape)
            amount[window] = shock.parcel_fee_base
            stated.append(FeeArrays(amount_base=amount, low_value_only=False, currency=rules.currency))
    return replace(rules, fees=(*rules.fees, *stated)) if stated else rules


def build_usual_rules(scenario: Scenario) -> TradeRules:
    """The table's rules of the first day ``(1, R)``, no rule change among them: shoppers are used to these."""
    return _table_rules(scenario, 1)


def _table_rules(scenario: Scenario, length: int) -> TradeRules:
    document, days = scenario.document, [scenario.date_of(day) for day in range(length)]
    regions, currencies = document.market.regions, document.market.currencies
    by_region, by_cell = (length, len(regions)), (length, len(regions), len(document.segments))
    tax, on_duty, shipping, counts, refunds = (np.zeros(by_region) for _ in range(5))
    by_item = np.zeros(by_region, dtype=np.bool_)
    tax_free, untaxed, threshold, flat, rate, surcharge = (np.zeros(by_cell) for _ in range(6))
    mix = _value_shares(scenario)
    origins = [origin_of_orders(document, segment) for segment in document.segments]
    rates: dict[tuple[str, str | None, str | None, float | None], FloatArray] = {}
    currency: list[int] = []
    for r, region in enumerate(regions):
        tax[:, r] = [tax_rate(region.tax, day) for day in days]
        law = [refund_rule(region.country, day) for day in days]
        refunds[:, r] = [rule is not None and rule.outbound_shipping for rule in law]
        rules = [duty_rule(region.duty, day, document.market.origin) for day in days]
        # The rule's amounts are in its own currency, which the scenario must know; "none" has no amounts.
        code = region.currency if region.duty == "none" else rules[0].currency
        currency.append(list(currencies).index(code))
        if region.duty == "none":
            continue
        per_unit = currencies[code].rate
        at_sale = region.duty_paid_by == "seller" and region.low_value_tax == "at_sale"
        in_price = {"nobody", "seller"} if at_sale else {"nobody"}
        for t, rule in enumerate(rules):
            on_duty[t, r], shipping[t, r] = rule.tax_on_duty, rule.duty_base == "CIF"
            counts[t, r], by_item[t, r] = rule.threshold_basis == "CIF", rule.threshold_unit == "item"
        for origin in set(origins):
            cells = np.array([own == origin for own in origins])
            for t, day in enumerate(days):
                rule = duty_rule(region.duty, day, origin)
                per_order = per_unit * _units(scenario, rule.threshold_unit)[cells]
                threshold[t, r, cells] = rule.threshold * per_order
                tax_free[t, r, cells] = rule.tax_threshold * per_order if rule.tax_below == "nobody" else 0.0
                untaxed[t, r, cells] = rule.tax_threshold * per_order if rule.tax_below in in_price else 0.0
                flat[t, r, cells] = rule.flat_duty * per_unit * _units(scenario, rule.flat_duty_unit)[cells]
        for p, product in enumerate(document.products):
            alike = region.duty, product.origin, product.tariff_list, product.duty_frac
            if alike not in rates:
                rates[alike] = np.array([product_rates(document, region, product, day) for day in days])
            rate[:, r] += np.outer(rates[alike][:, 0], mix[p])
            surcharge[:, r] += np.outer(rates[alike][:, 1], mix[p])
    return TradeRules(
        tax_frac=tax,
        tax_free_base=tax_free,
        tax_on_duty=on_duty,
        untaxed_duty_base=untaxed,
        threshold_base=threshold,
        shipping_counts=counts,
        by_item=by_item,
        items=_items(scenario),
        flat_duty_base=flat,
        ad_valorem_frac=rate,
        surcharge_frac=surcharge,
        shipping_dutiable=shipping,
        fees=_fees(scenario, days),
        refunds_shipping=refunds,
        currency=tuple(currency),
        dutiable=np.array([region.duty != "none" for region in regions]),
    )


def _units(scenario: Scenario, unit: str) -> FloatArray:
    """Mean number of a charge's units in an order ``(S,)``; an order travels as one parcel."""
    segments = scenario.document.segments
    if unit == "item":
        return np.array([segment.items_per_order for segment in segments])
    if unit == "line":
        return np.array([segment.lines_per_order for segment in segments])
    return np.ones(len(segments))


def _value_shares(scenario: Scenario) -> FloatArray:
    """Share of each product in the value of a segment's orders ``(P, S)``."""
    document = scenario.document
    value = np.array(
        [
            [product.price_base * s.product_mix.get(product.id, 0.0) for s in document.segments]
            for product in document.products
        ]
    )
    return value / value.sum(axis=0)


def _items(scenario: Scenario) -> tuple[ItemKind, ...]:
    document = scenario.document
    shares = np.array(
        [[s.product_mix.get(product.id, 0.0) for s in document.segments] for product in document.products]
    )
    prices = np.array([product.price_base for product in document.products])[:, None]
    ratios = prices / (prices * shares).sum(axis=0)
    return tuple(
        ItemKind(price_ratio=ratio, share=share) for ratio, share in zip(ratios, shares, strict=True) if share.any()
    )


def _fees(scenario: Scenario, days: list[date]) -> tuple[FeeArrays, ...]:
    """Every fee that some region owes on one of the days."""
    currencies, regions = scenario.document.market.currencies, scenario.document.market.regions
    found: dict[str, FeeArrays] = {}
    for r, region in enumerate(regions):
        for fee in owed_fees(region):
            if not any(fee.holds_on(day) for day in days):
                continue
            shape = (len(days), len(regions), len(scenario.segments))
            position = list(currencies).index(fee.currency)
            arrays = found.setdefault(
                fee.fee_id,
                FeeArrays(
                    amount_base=np.zeros(shape),
                    low_value_only=fee.low_value_only,
                    currency=(position,) * len(regions),
                ),
            )
            amount = fee.amount * currencies[fee.currency].rate * _units(scenario, fee.unit)
            for t, day in enumerate(days):
                arrays.amount_base[t, r] = amount if fee.holds_on(day) else 0.0
    return tuple(found.values())
