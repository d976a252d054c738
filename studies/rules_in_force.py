"""The dated rules and events that a campaign uses: what is looked up in tables, and not stated by the scenario."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.market import Product, Region
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import RuleChange
from xbopt.core.scenario.trade import origin_of, owed_fees
from xbopt.core.tables.duties import ANY_ORIGIN, DutyRule, duty_rule
from xbopt.core.tables.events import MAX_REACH_DAYS, DatedEvent, event_ids, events_between
from xbopt.core.tables.import_fees import ImportFee, import_fees
from xbopt.core.tables.refunds import RefundRule, refund_rule
from xbopt.core.tables.rows import certainty_of
from xbopt.core.tables.tariff_lists import TariffList, tariff_list
from xbopt.core.tables.taxes import ConsumptionTax, consumption_tax

Rule = ConsumptionTax | DutyRule | TariffList | ImportFee | RefundRule | DatedEvent | RuleChange
ASKED_SURCHARGE_FRAC = 0.1
"""The surcharge whose cost is told where the law's own is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInForce:
    """One row of a table, or a rule change of the scenario, with the days and regions that use it.

    Attributes:
        rule: The row.
        regions: Ids of the regions.
        first: First day of the campaign on which it holds; of an event, the first day on which it is felt.
        last: The last such day.
        products: Ids of the products that it holds for; empty for all.
        origin: Of a duty, where these products come from; ``any`` where the scenario states nothing.
        own_rates: Of a duty, the rates that these products state for themselves, which go before the rule's
            unless that is 0.
        is_assumed: Whether the scenario states no tariff list, so that the table's assumption is used.
        is_off: Whether it is a fee that is not counted: not in force for certain, and not switched on.
        is_throughout: Whether it holds on every day of the campaign.
    """

    rule: Rule
    regions: tuple[str, ...]
    first: date
    last: date
    products: tuple[str, ...] = ()
    origin: str = ANY_ORIGIN
    own_rates: tuple[float, ...] = ()
    is_assumed: bool = False
    is_off: bool = False
    is_throughout: bool = False

    @property
    def certainty(self) -> str:
        """One of `xbopt.core.tables.rows.CERTAINTIES`, or ``stated`` for a rule change of the scenario."""
        if isinstance(self.rule, RuleChange):
            return "stated"
        if isinstance(self.rule, ConsumptionTax | DatedEvent):
            return certainty_of(self.rule.evidence)
        return self.rule.certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDuty:
    """Days on which a region's duty is not known in full, and what a surcharge would cost on them.

    Attributes:
        region: Id of the region.
        origin: Origin of the goods; ``any`` where the scenario states none.
        first: First such day of the campaign.
        last: Last such day.
        paid_by: ``seller`` or ``customer``.
        per_order_base: Cost of a surcharge of `ASKED_SURCHARGE_FRAC` on an average order at list price, base currency.
        campaign_base: The same on all orders of these days, base currency; None where no campaign was played.
    """

    region: str
    origin: str
    first: date
    last: date
    paid_by: str
    per_order_base: float
    campaign_base: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """Every rule and event of a campaign's days, and the duties that are not known in full.

    Attributes:
        rules: By kind: taxes, duties, tariff lists, fees, refunds, rule changes of the scenario, events.
        open_duties: One a region and origin.
    """

    rules: tuple[RuleInForce, ...] = ()
    open_duties: tuple[OpenDuty, ...] = ()


_KINDS = (ConsumptionTax, DutyRule, TariffList, ImportFee, RefundRule, RuleChange, DatedEvent)
NO_RULES = RulesInForce()


def rules_in_force(scenario: Scenario, dutiable_by_day: FloatArray | None = None) -> RulesInForce:
    """Look up which rules and events a scenario's days use.

    Args:
        scenario: The scenario.
        dutiable_by_day: What duty is taken of by day and region ``(T, R)`` in the mean over worlds, base currency; with
            it the cost of a surcharge is told for the campaign too.
    """
    document = scenario.document
    found: list[RuleInForce] = []
    for region in document.market.regions:
        for rule in (*_of_border(document, region), *_events(document, region)):
            throughout = (rule.first, rule.last) == (scenario.start, scenario.date_of(scenario.days - 1))
            _add(found, replace(rule, is_throughout=throughout))
    found.extend(_stated(scenario))
    found.sort(key=lambda rule: _KINDS.index(type(rule.rule)))
    return RulesInForce(rules=tuple(found), open_duties=tuple(_open_duties(scenario, dutiable_by_day)))


def _add(found: list[RuleInForce], new: RuleInForce) -> None:
    """Add a rule, or only its region where another region has the same on the same days."""
    for i, old in enumerate(found):
        if replace(new, regions=old.regions) == old:
            found[i] = replace(old, regions=tuple(dict.fromkeys((*old.regions, *new.regions))))
            return
    found.append(new)


def _days(document: ScenarioDocument) -> list[date]:
    return [document.horizon.start + timedelta(days=day) for day in range(document.horizon.days)]


def _spans(days: list[date], look_up: Callable[[date], Rule | None]) -> Iterator[tuple[Rule, date, date]]:
    """Each row that holds on some days, with its first and last day."""
    current: Rule | None = None
    first = days[0]
    for day in days:
        row = look_up(day)
        if row is not current and row != current:
            if current is not None:
                yield current, first, day - timedelta(days=1)
            current, first = row, day
    if current is not None:
        yield current, first, days[-1]


def _of_border(document: ScenarioDocument, region: Region) -> Iterator[RuleInForce]:
    days, here, market = _days(document), (region.id,), document.market
    if region.tax != "none":
        for rule, first, last in _spans(days, lambda day: consumption_tax(region.tax, day)):
            yield RuleInForce(rule=rule, regions=here, first=first, last=last)
    if region.duty != "none":
        by_origin: dict[str, list[Product]] = {}
        for product in document.products:
            by_origin.setdefault(origin_of(market, product), []).append(product)
        for origin, products in by_origin.items():
            some = () if len(by_origin) == 1 else tuple(product.id for product in products)
            own = tuple(sorted({product.duty_frac for product in products if product.duty_frac is not None}))
            for rule, first, last in _spans(days, lambda day, o=origin: duty_rule(region.duty, day, o)):
                yield RuleInForce(
                    rule=rule,
                    regions=here,
                    first=first,
                    last=last,
                    products=some,
                    origin=origin,
                    own_rates=own if isinstance(rule, DutyRule) and rule.ad_valorem_frac > 0.0 else (),
                )
        yield from _tariff_lists(document, region)
        owed = owed_fees(region)
        for fee in import_fees(region.duty, region.country):
            held = [day for day in days if fee.holds_on(day)]
            if held:
                yield RuleInForce(rule=fee, regions=here, first=held[0], last=held[-1], is_off=fee not in owed)
    if region.shipping.charged_base > 0.0:
        for rule, first, last in _spans(days, lambda day: refund_rule(region.country, day)):
            yield RuleInForce(rule=rule, regions=here, first=first, last=last)


def _tariff_lists(document: ScenarioDocument, region: Region) -> Iterator[RuleInForce]:
    by_list: dict[tuple[str, str | None], list[str]] = {}
    for product in document.products:
        by_list.setdefault((origin_of(document.market, product), product.tariff_list), []).append(product.id)
    for (origin, name), products in by_list.items():
        for rule, first, last in _spans(
            _days(document), lambda day, o=origin, n=name: tariff_list(region.duty, o, day, n)
        ):
            yield RuleInForce(
                rule=rule,
                regions=(region.id,),
                first=first,
                last=last,
                products=tuple(products) if len(by_list) > 1 else (),
                is_assumed=name is None,
            )


def _events(document: ScenarioDocument, region: Region) -> Iterator[RuleInForce]:
    days = _days(document)
    wanted = set(document.calendar.events) & set(event_ids(region.country))
    if not wanted:
        return
    reach = timedelta(days=MAX_REACH_DAYS)
    for event in events_between(days[0] - reach, days[-1] + reach, region.country):
        first = max(event.start - timedelta(days=event.lead_in_days), days[0])
        last = min(event.end + timedelta(days=event.dip_days), days[-1])
        if event.event_id in wanted and first <= last:
            yield RuleInForce(rule=event, regions=(region.id,), first=first, last=last)


def _stated(scenario: Scenario) -> Iterator[RuleInForce]:
    last = scenario.date_of(scenario.days - 1)
    for shock in scenario.document.shocks:
        if isinstance(shock, RuleChange):
            regions = tuple(shock.regions) or scenario.regions
            yield RuleInForce(rule=shock, regions=regions, first=shock.day, last=last)


def _open_duties(scenario: Scenario, dutiable_by_day: FloatArray | None) -> Iterator[OpenDuty]:
    """Days with a duty of unknown certainty that no rule change of the scenario has replaced."""
    document, days = scenario.document, _days(scenario.document)
    people = np.maximum(scenario.population, 1e-9)
    for r, region in enumerate(document.market.regions):
        for origin in _origins(document):
            unknown = _unstated(document, region, origin, "unknown")
            if not unknown:
                continue
            is_cif = duty_rule(region.duty, days[unknown[0]], origin).duty_base == "CIF"
            value = float((scenario.assortment.price_base[r] * people[r]).sum() / people[r].sum())
            value += region.shipping.charged_base if is_cif else 0.0
            yield OpenDuty(
                region=region.id,
                origin=origin,
                first=days[unknown[0]],
                last=days[unknown[-1]],
                paid_by=region.duty_paid_by,
                per_order_base=ASKED_SURCHARGE_FRAC * value,
                campaign_base=None
                if dutiable_by_day is None
                else ASKED_SURCHARGE_FRAC * float(dutiable_by_day[unknown, r].sum()),
            )
            if origin == ANY_ORIGIN or dutiable_by_day is not None:
                break  # the campaign's cost counts all goods of the region, so it is told once


def duty_days(scenario: Scenario, certainty: str) -> BoolArray:
    """Days whose duty, of any of the goods, is of such certainty and not replaced by a rule change ``(R, T)``."""
    document = scenario.document
    days = np.zeros((len(scenario.regions), scenario.days), dtype=np.bool_)
    for r, region in enumerate(document.market.regions):
        for origin in _origins(document):
            days[r, _unstated(document, region, origin, certainty)] = True
    return days


def _origins(document: ScenarioDocument) -> list[str]:
    return list(dict.fromkeys(origin_of(document.market, product) for product in document.products))


def _unstated(document: ScenarioDocument, region: Region, origin: str, certainty: str) -> list[int]:
    """Positions of the days with a duty of such certainty, up to the first rule change that states one."""
    if region.duty == "none":
        return []
    stated = [
        shock.day
        for shock in document.shocks
        if isinstance(shock, RuleChange)
        and (region.id in shock.regions or not shock.regions)
        and not (shock.surcharge_frac is None and shock.ad_valorem_frac is None and shock.line_duty_base is None)
    ]
    known_from = min(stated, default=date.max)
    return [
        t
        for t, day in enumerate(_days(document))
        if day < known_from and duty_rule(region.duty, day, origin).certainty == certainty
    ]
