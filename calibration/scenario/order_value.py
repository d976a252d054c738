"""Whether the money of orders can be in the currency that they name: what an order is worth against its trade."""

from typing import cast

import polars as pl

from xbopt.calibration.scenario.draft import Draft, Plain
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.shop import Shop
from xbopt.core.defaults.ledger import figures
from xbopt.core.defaults.order_values import FAR, TOO_FAR, times_outside, usual_order_values
from xbopt.core.errors import CalibrationError


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


def _order_values(draft: Draft) -> tuple[float, ...]:
    """What an order of each segment is worth before discounts."""
    products, segments = (cast("list[Plain]", draft.data[part]) for part in ("products", "segments"))
    price = {str(product["id"]): cast("float", product["price_base"]) for product in products}
    return tuple(
        cast("float", segment["items_per_order"])
        * sum(share * price[name] for name, share in cast("dict[str, float]", segment["product_mix"]).items())
        for segment in segments
    )
