"""Taxes, duties and shocks as arrays over the days of the horizon."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import (
    ChannelOutage,
    FxShock,
    PriceWar,
    RuleChange,
    StockDelay,
    ViralSentiment,
)
from xbopt.core.tables.duties import DutyRule, duty_rule
from xbopt.core.tables.taxes import tax_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRules:
    """Rules by day and region ``(T, R)``; amounts in base currency at first-day rates.

    Attributes:
        tax_frac: Consumption tax on goods, shipping and duty.
        threshold_base: Consignment value up to which the low-value scheme holds; 0 for none.
        line_duty_base: Flat duty per tariff line below the threshold.
        ad_valorem_frac: Duty on the value above the threshold.
        surcharge_frac: Surcharge on any value.
        parcel_fee_base: Fee per parcel.
        currency: Position of the currency the amounts move with ``(R,)``.
        dutiable: Regions behind a customs border ``(R,)``.
        rate_for_all: Days on which a rule change has set the duty rate of all goods, their own rates included.
    """

    tax_frac: FloatArray
    threshold_base: FloatArray
    line_duty_base: FloatArray
    ad_valorem_frac: FloatArray
    surcharge_frac: FloatArray
    parcel_fee_base: FloatArray
    currency: tuple[int, ...]
    dutiable: BoolArray
    rate_for_all: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ShockArrays:
    """Dated shocks by day.

    Attributes:
        fx_log: Sudden move of the log rate ``(T, K)``.
        available: 1 where a channel can be bought, else 0 ``(T, R, C)``.
        competitor_log: Shift of the competitors' log price index ``(T, R)``.
        sentiment: Sudden move of sentiment ``(T, R)``.
        delay_days: Extra delivery days ``(T, R)``.
    """

    fx_log: FloatArray
    available: FloatArray
    competitor_log: FloatArray
    sentiment: FloatArray
    delay_days: FloatArray


def build_trade_rules(scenario: Scenario) -> TradeRules:
    """Look up taxes and duties for every day and region, then lay the scenario's rule changes over them.

    Raises:
        TableError: A table has no row for a region's id and day.
    """
    rules = _table_rules(scenario, scenario.days)
    for shock in scenario.document.shocks:
        if isinstance(shock, RuleChange):
            window = _window(scenario, shock.day, None, shock.regions)
            for array, value in (
                (rules.threshold_base, shock.threshold_base),
                (rules.line_duty_base, shock.line_duty_base),
                (rules.ad_valorem_frac, shock.ad_valorem_frac),
                (rules.surcharge_frac, shock.surcharge_frac),
                (rules.tax_frac, shock.tax_frac),
            ):
                if value is not None:
                    array[window] = value
            if shock.ad_valorem_frac is not None:
                rules.rate_for_all[window] = True
    return rules


def build_usual_rules(scenario: Scenario) -> TradeRules:
    """The table's rules of the first day ``(1, R)``, no rule change among them: shoppers are used to these."""
    return _table_rules(scenario, 1)


def _table_rules(scenario: Scenario, length: int) -> TradeRules:
    document, days = scenario.document, [scenario.date_of(day) for day in range(length)]
    regions, currencies = document.market.regions, list(document.market.currencies)
    shape = (len(days), len(regions))
    tax, threshold, line, rate, surcharge, fee = (np.zeros(shape) for _ in range(6))
    currency: list[int] = []
    for r, region in enumerate(regions):
        tax[:, r] = [tax_rate(region.tax, day) for day in days]
        # The rule's amounts are in its own currency, which the scenario must know; "none" has no amounts.
        code = region.currency if region.duty == "none" else duty_rule(region.duty, days[0]).currency
        currency.append(currencies.index(code))
        per_unit = document.market.currencies[code].rate
        rules: list[DutyRule] = [duty_rule(region.duty, day) for day in days]
        threshold[:, r] = [rule.threshold * per_unit for rule in rules]
        line[:, r] = [rule.line_duty * per_unit for rule in rules]
        rate[:, r] = [rule.ad_valorem_frac for rule in rules]
        surcharge[:, r] = [rule.surcharge_frac for rule in rules]
        fee[:, r] = [rule.parcel_fee * per_unit for rule in rules]
    return TradeRules(
        tax_frac=tax,
        threshold_base=threshold,
        line_duty_base=line,
        ad_valorem_frac=rate,
        surcharge_frac=surcharge,
        parcel_fee_base=fee,
        currency=tuple(currency),
        dutiable=np.array([region.duty != "none" for region in regions]),
        rate_for_all=np.zeros(shape, dtype=np.bool_),
    )


def build_shocks(scenario: Scenario) -> ShockArrays:
    """Lay the dated shocks out over the days of the horizon; overlapping shocks of a kind add up."""
    document = scenario.document
    regions, _, channels, _ = scenario.shape
    currencies = list(document.market.currencies)
    fx = np.zeros((scenario.days, len(currencies)))
    available = np.ones((scenario.days, regions, channels))
    competitor, sentiment, delay = (np.zeros((scenario.days, regions)) for _ in range(3))
    for shock in document.shocks:
        if isinstance(shock, FxShock):
            fx[(shock.day - scenario.start).days, currencies.index(shock.currency)] += shock.log_size
        elif isinstance(shock, ChannelOutage):
            rows, columns = _window(scenario, shock.day, shock.days, shock.regions)
            available[rows, columns, scenario.channels.index(shock.channel)] = 0.0
        elif isinstance(shock, PriceWar):
            competitor[_window(scenario, shock.day, shock.days, shock.regions)] += shock.log_size
        elif isinstance(shock, ViralSentiment):
            sentiment[_window(scenario, shock.day, 1, shock.regions)] += shock.size
        elif isinstance(shock, StockDelay):
            delay[_window(scenario, shock.day, shock.days, shock.regions)] += shock.extra_days
    return ShockArrays(fx_log=fx, available=available, competitor_log=competitor, sentiment=sentiment, delay_days=delay)


def _window(scenario: Scenario, first: date, length: int | None, regions: list[str]) -> tuple[IntArray, ...]:
    """Index of the days and regions that a shock touches; days outside the horizon fall away."""
    start = max(0, (first - scenario.start).days)
    end = scenario.days if length is None else min(scenario.days, (first - scenario.start).days + length)
    columns = [scenario.regions.index(name) for name in regions] or list(range(len(scenario.regions)))
    return np.ix_(np.arange(start, max(start, end), dtype=np.int64), np.array(columns, dtype=np.int64))
