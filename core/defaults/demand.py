"""Segments and the product of a scenario without data: three kinds of buyers of one trade."""

from xbopt.core.defaults.ledger import Ledger, figures, held
from xbopt.core.tables.market_names import Trade
from xbopt.core.tables.tariff_lists import tariff_list

SEGMENTS = {"brand_buyers": "Brand buyers", "value_buyers": "Value buyers", "bargain_hunters": "Bargain hunters"}
"""Ids and names of the segments, as the table of general facts knows them."""
_MOST_CARTS = 0.85
PRODUCT = "goods"
"""Id of the one product line."""


def segment_shares(ledger: Ledger) -> dict[str, float]:
    """Share of each segment among the people; sums to 1."""
    return {segment: ledger.general("share", segment) for segment in SEGMENTS}


def product_fields(
    ledger: Ledger,
    trade: Trade,
    origin: str,
    *,
    order_value_base: float | None = None,
    gross_margin_frac: float | None = None,
    return_rate: float | None = None,
) -> dict[str, object]:
    """The one product line; what the seller stated goes before the trade's facts."""
    path = f"products.{PRODUCT}"
    items = ledger.look_up("trade", trade.id, "items_per_order").value
    if order_value_base is None:
        price = ledger.take(
            f"{path}.price_base",
            "trade",
            trade.id,
            "order_value_usd",
            scale=1 / items,
            note=f"{items:g} items an order",
        )
    else:
        price = figures(order_value_base / items, 6)
        ledger.state(
            f"{path}.price_base", "stated", f"Stated: an order of {order_value_base:g}", f"{items:g} items an order"
        )
    ledger.state(f"{path}.usual_price_base", "set", "By definition: the price of today, at which conversion holds")
    margin = ledger.look_up("trade", trade.id, "gross_margin_frac")
    stated = gross_margin_frac is not None
    frac = gross_margin_frac if gross_margin_frac is not None else margin.value
    ledger.state(
        f"{path}.unit_cost_base", "stated" if stated else margin.evidence, "Stated" if stated else margin.source,
        f"Gross margin {frac:.0%} of the price",
    )  # fmt: skip
    if return_rate is None:
        returns = ledger.take(f"{path}.return_rate", "trade", trade.id, "return_rate")
    else:
        returns = return_rate
        ledger.state(f"{path}.return_rate", "stated", "Stated")
    fields: dict[str, object] = {
        "id": PRODUCT,
        "name": trade.name,
        "price_base": price,
        "usual_price_base": price,
        "unit_cost_base": figures(price * (1.0 - frac), 6),
        "return_rate": returns,
        "return_days": ledger.take_general(f"{path}.return_days", "return_days"),
        "duty_frac": ledger.take(f"{path}.duty_frac", "trade", trade.id, "duty_frac"),
    }
    if tariff_list("us_import", origin, ledger.day, trade.us_tariff_list) is not None:
        fields["tariff_list"] = trade.us_tariff_list
    return fields


def segment_fields(ledger: Ledger, trade: str, *, conversion: float | None = None) -> list[dict[str, object]]:
    """The segments: what they buy, how they answer prices, and how often they come back.

    ``visits_per_1000`` of prospects and customers are a first guess that fits no amount of orders: whoever knows the
    orders sets them.
    """
    return [_segment(ledger, trade, segment, conversion) for segment in SEGMENTS]


def _segment(ledger: Ledger, trade: str, segment: str, conversion: float | None) -> dict[str, object]:
    path, take = f"segments.{segment}", ledger.take_general
    elasticity = ledger.take(
        f"{path}.elasticity", "trade", trade, "elasticity",
        scale=ledger.general("elasticity_factor", segment), note="Of a lasting price; by segment x 0.6, 1, 1.5",
    )  # fmt: skip
    checkout = take(f"{path}.checkout_rate", "checkout_rate")
    known = ledger.look_up("trade", trade, "conversion_rate")
    rate = (known.value if conversion is None else conversion) * ledger.general("conversion_factor", segment)
    carts = min(rate / checkout, _MOST_CARTS)
    over = f"Visits to orders over checkout_rate{held(rate / checkout, carts)}"
    if conversion is None:
        ledger.state(f"{path}.cart_rate", known.evidence, known.source, over)
    else:
        ledger.state(f"{path}.cart_rate", "stated", f"Stated: {conversion:.2%} of visits", over)
    ledger.state(f"{path}.product_mix.{PRODUCT}", "set", "By definition: one product line")
    ledger.state(f"{path}.visits_per_1000", "E", "Assumption: one of a thousand looks in a day")
    share = ledger.general("regular_share")
    promoted = ledger.general("regular_promotion_share")
    types = {"regular": (share, promoted), "occasional": (1.0 - share, 1.0 - promoted)}
    repeat = ledger.look_up("trade", trade, "repeat_frac")
    ratio = ledger.general("regular_visits_ratio")
    for kind in types:
        there = f"{path}.customer_types.{kind}"
        ledger.state(f"{there}.share", "E", ledger.look_up("general", "any", "regular_share").source)
        source = ledger.look_up("general", "any", "regular_promotion_share").source
        ledger.state(f"{there}.promotion_share", "E", source)
        ledger.state(
            f"{there}.visits_per_1000", repeat.evidence, repeat.source, f"Regulars come {ratio:g} times as often"
        )
    return {
        "id": segment,
        "name": SEGMENTS[segment],
        "product_mix": {PRODUCT: 1.0},
        "items_per_order": ledger.take(f"{path}.items_per_order", "trade", trade, "items_per_order"),
        "basket_cv": ledger.take(f"{path}.basket_cv", "trade", trade, "basket_cv"),
        "lines_per_order": ledger.take(f"{path}.lines_per_order", "trade", trade, "lines_per_order"),
        "elasticity": elasticity,
        "competitor_elasticity": take(f"{path}.competitor_elasticity", "competitor_share", scale=-elasticity),
        "visits_per_1000": 1.0,
        "cart_rate": figures(carts),
        "checkout_rate": checkout,
        "customer_conversion": take(f"{path}.customer_conversion", "customer_conversion"),
        "customer_types": [
            {
                "id": kind,
                "share": figures(plain),
                "promotion_share": figures(on_deal),
                "visits_per_1000": 30.0 * (ratio if kind == "regular" else 1.0),
                "daily_dropout": take(f"{path}.customer_types.{kind}.daily_dropout", f"{kind}_daily_dropout"),
            }
            for kind, (plain, on_deal) in types.items()
        ],
        "ageing": {
            name: take(f"{path}.ageing.{name}", name)
            for name in ("new_to_at_risk", "active_to_at_risk", "at_risk_to_lapsed")
        },
        "delay_sensitivity": take(f"{path}.delay_sensitivity", "delay_sensitivity"),
        "sentiment_sensitivity": take(f"{path}.sentiment_sensitivity", "sentiment_sensitivity"),
    }
