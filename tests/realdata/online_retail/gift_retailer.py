"""The measured numbers of ``scenarios/gift_retailer.yaml``; ``benchmarks/build_gift_retailer.py`` puts them there.

Order rates, season and levels of known customers are fitted in ``order_rates.py``. Organic visits and the
regions' conversion levels follow last: what the measured order rates need beyond what the plan's media bring.
"""

from pathlib import Path
from typing import cast

import numpy as np

from tests.realdata.online_retail.customer_types import Cohort, TypeFit, fit_types
from tests.realdata.online_retail.lifecycle import bucket_counts, bucket_rates
from tests.realdata.online_retail.order_rates import (
    END_DAY,
    FIRST_DATE,
    FIRST_DAY,
    FIRST_PLAYED_DAY,
    LAST_DATE,
    REGIONS,
    START,
    Shop,
    day_index,
    fit_rates,
    played_days,
)
from tests.realdata.online_retail.orders import SEGMENTS, Orders, coefficient_of_variation
from tests.realdata.online_retail.rates import rate_figures
from tests.realdata.online_retail.transactions import FloatArray, IntArray
from xbopt.agents.policies import built_in_policy
from xbopt.core.documents.document import Document, put_value, value_at
from xbopt.core.documents.document import Path as ValuePath
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.loading import check_document
from xbopt.env.observation import RecentResults, observe
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world

SCENARIO = Path(__file__).resolve().parents[3] / "scenarios" / "gift_retailer.yaml"
BAND_EDGES_GBP: tuple[float, ...] = (2.0, 5.0)
PRODUCTS: tuple[str, ...] = ("trinkets", "gifts", "homeware")
FIRST_ORDERS_PER_1000_PROSPECTS = 0.03
"""Assumed: it alone turns measured first orders into a number of prospects."""
GROSS_MARGIN, MEDIA_SHARE = 0.45, 0.05
"""Assumed: margin on goods, and media money as a share of what was sold in the scenario's days."""
TYPES = 3
FIT_PLAYS = 12


def measured_numbers(shop: Shop, data: Path) -> dict[ValuePath, object]:
    """Every measured number of the scenario by its path, rounded as it stands there."""
    fit, window = fit_rates(shop), played_days(shop)
    start, first, end = FIRST_PLAYED_DAY, FIRST_DAY, END_DAY
    orders, numbers = shop.orders, dict[ValuePath, object]()
    region, segment = shop.region[orders.customer], shop.segment[orders.customer]
    in_regions = region >= 0
    rates = rate_figures(data / "ecb_fx")
    for code in ("EUR", "CHF"):
        figures = cast("dict[str, dict[str, float]]", rates[code])
        numbers["market", "currencies", code, "rate"] = round(figures["gbp_per_unit"][START], 4)
        volatility = figures["annual_log_volatility"][f"{FIRST_DATE}..{LAST_DATE}"]
        numbers["market", "currencies", code, "volatility"] = round(volatility, 3)
    mean_value = np.array([orders.value_gbp[in_regions & (segment == s)].mean() for s in range(len(SEGMENTS))])
    news = shop.spells.rank == 0
    news_segment, news_region = shop.segment[shop.spells.customer], shop.region[shop.spells.customer]
    ripe = news & (shop.spells.start >= first)
    fresh = news & (shop.spells.start >= start)
    for r in range(len(REGIONS)):
        path: ValuePath = ("market", "regions", r)
        mine = region == r
        expected = mean_value[segment[mine]].sum()
        numbers[*path, "price_level"] = round(float(orders.value_gbp[mine].sum() / expected), 3)
        for s, label in enumerate(SEGMENTS):
            counts = bucket_counts(shop.cell(r, s), start)
            numbers[*path, "customers", label] = counts
            cell_share = (ripe & (news_region == r) & (news_segment == s)).sum() / (ripe & (news_segment == s)).sum()
            a_day = (fresh & (news_segment == s)).sum() / (end - start) * cell_share
            prospects = a_day / (FIRST_ORDERS_PER_1000_PROSPECTS / 1000.0) / fit.level[r]
            known = sum(counts.values())
            # A cell that nobody joined since March keeps a handful of prospects, if it has customers at all.
            numbers[*path, "population", label] = max(round(prospects, -2), 100.0) + known if known else 0
    lines, band = shop.sales, np.digitize(shop.sales.price_gbp, BAND_EDGES_GBP)
    here = shop.line_segment >= 0
    price = np.bincount(band[here], lines.value_gbp[here]) / np.bincount(band[here], lines.quantity[here])
    price = price.round(2)
    for b in range(len(PRODUCTS)):
        chosen = here & (band == b)
        returned = shop.matching.value_gbp[chosen].sum() / lines.value_gbp[chosen].sum()
        numbers["products", b, "price_base"] = float(price[b])
        numbers["products", b, "unit_cost_base"] = round(float(price[b]) * (1.0 - GROSS_MARGIN), 3)
        numbers["products", b, "return_rate"] = round(float(returned), 4)
        numbers["products", b, "return_days"] = round(float(shop.matching.delay_days.mean()), 1)
    for s in range(len(SEGMENTS)):
        path = ("segments", s)
        chosen = shop.line_segment == s
        units = np.array([lines.quantity[chosen & (band == b)].sum() for b in range(3)], dtype=np.float64)
        shares = (units / units.sum()).round(3)
        shares[-1] = round(1.0 - shares[:-1].sum(), 3)
        numbers[*path, "product_mix"] = dict(zip(PRODUCTS, shares.tolist(), strict=True))
        numbers[*path, "items_per_order"] = round(float(mean_value[s] / (shares @ price)), 1)
        values = orders.value_gbp[in_regions & (segment == s)]
        numbers[*path, "basket_cv"] = round(coefficient_of_variation(values), 2)
        rates = bucket_rates(shop.spells.of(shop.segment == s), first, end)
        numbers[*path, "ageing"] = {
            f"{bucket}_to_{after}": round(rates[bucket]["hazard"] / (1.0 - rates[bucket]["order_rate"]), 5)
            for bucket, after in (("new", "at_risk"), ("active", "at_risk"), ("at_risk", "lapsed"))
        } | {"lapsed_to_prospect": 0.0}
        types = types_of(shop, s)
        shares = types.share.round(3)
        shares[-1] = round(1.0 - shares[:-1].sum(), 3)
        for kind in range(TYPES):
            numbers[*path, "customer_types", kind, "share"] = float(shares[kind])
            numbers[*path, "customer_types", kind, "daily_dropout"] = round(float(types.dropout[kind]), 5)
    numbers["calendar", "weekday"] = fit.weekday.round(3).tolist()
    numbers["calendar", "month"] = fit.month.round(3).tolist()
    numbers["noise", "demand_cv"] = round(fit.demand_cv, 2)
    revenue = float(str(window["revenue_gbp"]))
    numbers["budget", "total_base"] = float(round(MEDIA_SHARE * revenue, -3))
    numbers["history", "revenue_by_region"] = _shares(orders, region, tuple(REGIONS))
    numbers["history", "revenue_by_segment"] = _shares(orders, np.where(in_regions, segment, -1), SEGMENTS)
    return numbers


def types_of(shop: Shop, segment: int) -> TypeFit:
    """Types of a segment's customers, from those of all regions who were first seen after the burn-in."""
    cohort = Cohort.of(shop.spells.of(shop.segment == segment), FIRST_DAY)
    return fit_types(cohort, day_index(shop, fit_rates(shop)), TYPES)


def _shares(orders: Orders, place: IntArray, names: tuple[str, ...]) -> dict[str, float]:
    values = np.array([orders.value_gbp[place == i].sum() for i in range(len(names))])
    return dict(zip(names, (values / values.sum()).round(4).tolist(), strict=True))


def fitted_numbers(document: Document, shop: Shop) -> dict[ValuePath, object]:
    """Organic visits and conversion levels with which the baseline's expected orders meet what was measured.

    Visits a day per 1,000 people: those of prospects meet the first orders of the scenario's days, those of a
    segment's types, whose ratios are the fitted ones, its repeat orders of these days.
    Conversion levels, by region: orders of known customers meet the fitted levels. They also make up for the price
    level, to which demand responds, and which here stands for the size of orders.
    """
    fit, start, end = fit_rates(shop), FIRST_PLAYED_DAY, END_DAY
    fresh = (shop.spells.rank == 0) & (shop.spells.start >= start)
    firsts = np.bincount(shop.segment[shop.spells.customer[fresh]], minlength=len(SEGMENTS))
    again = (shop.spells.following >= start) & (shop.spells.following < end)
    who = shop.segment[shop.spells.customer[again]]
    repeats = np.bincount(who, weights=shop.spells.next_invoices[again], minlength=len(SEGMENTS))
    rates = np.stack([types_of(shop, s).rate for s in range(len(SEGMENTS))])
    prospect, known, level = np.full(len(SEGMENTS), 0.05), np.full(len(SEGMENTS), 1000.0), np.ones(len(REGIONS))
    numbers = dict[ValuePath, object]()
    for _ in range(FIT_PLAYS):
        for s in range(len(SEGMENTS)):
            numbers["segments", s, "visits_per_1000"] = float(f"{prospect[s]:.4g}")
            for kind, rate in enumerate(rates[s]):
                numbers["segments", s, "customer_types", kind, "visits_per_1000"] = float(f"{known[s] * rate:.4g}")
        for r in range(len(REGIONS)):
            numbers["market", "regions", r, "conversion_level"] = round(float(level[r]), 3)
        got, exposure, per_visit = _play(with_numbers(document, numbers), end - start)
        wanted = exposure[..., 1:] * fit.rate * fit.level[:, None, None]
        missing = firsts - got[..., 0].sum(axis=0)
        prospect = np.maximum(prospect + 1000.0 * missing / (exposure[..., 0] * per_visit).sum(axis=0), 0.0)
        known = known * repeats / got[..., 1:].sum(axis=(0, 2))
        ratio = wanted.sum(axis=(1, 2)) / got[..., 1:].sum(axis=(1, 2))
        level = level * ratio / ratio[0]
    return numbers


def with_numbers(document: Document, numbers: dict[ValuePath, object]) -> Document:
    """The document with numbers put in, without places."""
    data = document.data
    for path, value in numbers.items():
        data = put_value(data, path, value)
    return Document(data=data)


def _play(document: Document, days: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Play the baseline without chance.

    Returns:
        Orders ``(R, S, L)``, customer-days times the calendar's index ``(R, S, L)``, and orders of a prospect for
        each visit that the segment states, traffic level included, ``(R, S)``.
    """
    market = build_market(build_scenario(check_document(document)))
    policy = built_in_policy("baseline", market)
    state, recent = initial_state(market, 1), RecentResults.empty(market, 1)
    orders, exposure = np.zeros(state.customers.shape[1:]), np.zeros(state.customers.shape[1:])
    for day in range(days):
        exposure += state.customers[0] * market.calendar.demand[day][:, None, None]
        outcome, state = play_day(market, average_world(), state, policy.decide(observe(market, state, recent)), None)
        recent = recent.after(outcome)
        orders += outcome.orders[0]
    traffic = np.array([region.traffic_level for region in market.scenario.document.market.regions])
    per_visit = traffic[:, None] * market.demand.cart_rate * market.demand.checkout_rate
    return orders, exposure, per_visit


def written(value: object) -> str:
    """A number, list or mapping as it stands on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(item) for item in value) + "]"
    return f"{value:.10g}"


def replaced(text: str, document: Document, numbers: dict[ValuePath, object]) -> str:
    """The text with the numbers put in; each must stand on one line there.

    Raises:
        KeyError: A path does not exist in the document.
    """
    lines = text.splitlines()
    spots = []
    for path, value in numbers.items():
        if not isinstance(value_at(document.data, path), (int, float, list, dict)):
            raise KeyError(path)
        place = document.position(path)
        spots.append((place.line - 1, place.column - 1, value))
    for line, column, value in sorted(spots, key=lambda spot: spot[:2], reverse=True):
        old = lines[line]
        close = {"{": "}", "[": "]"}.get(old[column])
        if close:
            stop = old.index(close, column) + 1
        else:
            stop = column
            while stop < len(old) and old[stop] not in ",} ":
                stop += 1
        lines[line] = old[:column] + written(value) + old[stop:]
    return "\n".join(lines) + "\n"
