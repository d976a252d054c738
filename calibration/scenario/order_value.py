"""Whether the money of orders can be in the currency that they name.

What an order is worth is held against its trade, and what a country pays for an article against what others do.
"""

import math
from collections.abc import Sequence
from typing import cast

import polars as pl

from xbopt.calibration.scenario.draft import Draft, Plain
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.shop import Shop
from xbopt.core.defaults.ledger import figures
from xbopt.core.defaults.order_values import FAR, TOO_FAR, times_outside, usual_order_values
from xbopt.core.errors import CalibrationError
from xbopt.core.tables.market_names import countries
from xbopt.core.tables.reference_rates import reference_rate

_LEAST_RATE = 1.8
"""Rates nearer to 1 are not told from prices that differ between countries."""
_NEAR = 0.25
"""How far the log of a ratio of prices may lie from that of the rate, as a share of it."""
_LEAST_ARTICLES, _LEAST_LINES = 3, 20


def check_order_value(shop: Shop, trade: str | None, like: Draft | None) -> tuple[Finding, ...]:
    """Tell an order value that is unusual, and refuse one that nobody has.

    Args:
        shop: Its median order is judged.
        trade: What is sold; orders of any trade are usual where it is not known.
        like: The market started from, whose own orders are usual too.

    Raises:
        CalibrationError: The median order is worth more than twenty times what is usual, or less than a twentieth.
    """
    usual = usual_order_values(trade, shop.currency, shop.last)
    median = shop.orders.filter(pl.col("value") > 0.0)["value"].median()
    if usual is None or median is None:
        return ()
    value, own = cast("float", median), () if like is None else _order_values(like)
    low, high = min((usual[0], *own)), max((usual[1], *own))
    times = times_outside(value, (low, high))
    if times < FAR:
        return ()
    if times >= TOO_FAR:
        of_trade = "any trade" if trade is None else trade
        way_out = "name a scenario like this market with --like" if trade is None else "leave out --trade"
        found, least, most = (f"{figures(amount):,.10g}" for amount in (value, low, high))
        raise CalibrationError(
            f"The median order is worth {found} {shop.currency}, and orders of {of_trade} are usually worth {least} to "
            f"{most} {shop.currency}. The money is most likely in another currency or in cents: import the orders "
            f"again with the right --currency. If it is right, {way_out}."
        )
    return (
        Finding(
            code="order_value_unusual",
            subjects=(shop.currency,),
            figures={"value": value, "low": low, "high": high},
            is_loud=True,
        ),
    )


def check_local_amounts(shop: Shop) -> tuple[Finding, ...]:
    """Tell the countries whose prices are an exchange rate away from those of the same articles at home.

    Amounts in a country's own currency that are marked with the shop's are as many times too large as the rate says;
    amounts in the shop's that are marked with the country's own were converted, and are as many times too small.

    Args:
        shop: Its lines. Home are the countries whose own currency is the shop's.
    """
    own = {code: known.currency for code, known in countries().items()}
    home = [code for code in shop.regions if own.get(code) == shop.currency]
    found: list[Finding] = []
    for code in shop.regions:
        local = own.get(code, shop.currency)
        rate = None if local == shop.currency else reference_rate(shop.currency, local, shop.last.year)
        if rate is None or not (distance := abs(math.log(rate))) >= math.log(_LEAST_RATE):
            continue
        times, articles = _times_elsewhere(shop.lines, code, home)
        if articles < _LEAST_ARTICLES:
            continue
        for marked, likely, factor in ((shop.currency, local, rate), (local, shop.currency, 1.0 / rate)):
            if abs(math.log(times / factor)) <= _NEAR * distance:
                told = {"times": times, "rate": rate, "articles": float(articles)}
                subjects = (code, marked, likely, shop.currency, local)
                found.append(Finding(code="amounts_in_other_money", subjects=subjects, figures=told, is_loud=True))
    return tuple(found)


def _times_elsewhere(lines: pl.DataFrame, code: str, home: Sequence[str]) -> tuple[float, int]:
    """Median over articles of their price in a country over that at home, and the number of articles in both."""
    price = (pl.col("list_value") / pl.col("quantity")).median()
    priced = lines.filter((pl.col("list_value") > 0.0) & (pl.col("quantity") > 0.0) & pl.col("sku").is_not_null())
    there = priced.filter(pl.col("country") == code)
    if there.height < _LEAST_LINES:
        return 1.0, 0
    at_home = priced.filter(pl.col("country").is_in(home)).group_by("sku").agg(price.alias("home"))
    both = there.group_by("sku").agg(price.alias("there")).join(at_home, on="sku")
    median = both.select((pl.col("there") / pl.col("home")).median()).item()
    return (1.0, 0) if median is None else (cast("float", median), both.height)


def _order_values(draft: Draft) -> tuple[float, ...]:
    """What an order of each segment is worth before discounts."""
    products, segments = (cast("list[Plain]", draft.data[part]) for part in ("products", "segments"))
    price = {str(product["id"]): cast("float", product["price_base"]) for product in products}
    return tuple(
        cast("float", segment["items_per_order"])
        * sum(share * price[name] for name, share in cast("dict[str, float]", segment["product_mix"]).items())
        for segment in segments
    )
