"""Readable names of KPIs, money terms, regions, segments and channels, and what each figure is; for all faces."""

from typing import Literal

from xbopt.core.scenario.scenario import Scenario

Unit = Literal["money", "price", "count", "share", "ratio", "score", "number", "date", "text"]
"""What a figure is, which is how every face writes it.

``money``: an amount of base currency; ``price``: base currency per thing, with cents; ``count``: things or people;
``share``: a fraction, written as per cent; ``ratio``: one amount over another; ``score``: a point on a fixed scale;
``number``: any other number, with all digits that matter.
"""

KPI_LABELS: dict[str, tuple[str, Unit]] = {
    "net_revenue": ("Net revenue", "money"),
    "contribution_margin": ("Contribution margin", "money"),
    "media_spend": ("Media spend", "money"),
    "discount_cost": ("Discounts, net of tax", "money"),
    "visits": ("Visits", "count"),
    "orders": ("Orders", "count"),
    "conversion_rate": ("Conversion rate", "share"),
    "repurchase_rate": ("Repurchase rate a day", "share"),
    "average_order_value": ("Order value, net", "price"),
    "return_rate": ("Return rate", "share"),
    "new_customers": ("New customers", "count"),
    "roas": ("ROAS, organic orders included", "ratio"),
    "roi": ("ROI, organic orders included", "share"),
    "satisfaction": ("Satisfaction, 0 to 1", "score"),
    "budget_used": ("Budget used", "share"),
    "spend_share": ("Share of spend", "share"),
    "impressions": ("Impressions", "count"),
    "cost_per_visit": ("Cost per visit", "price"),
    "cost_per_order": ("Cost per order", "price"),
    "lost_orders": ("Orders lost to stock-outs", "count"),
    "media_effect": ("Margin added by media", "money"),
    "incremental_roas": ("ROAS of what media add", "ratio"),
    "reward": ("Reward", "money"),
    "customer_value": ("Change of customer value", "money"),
    "carried_beyond": ("Carried beyond the last day", "money"),
}

CHANNEL_LABELS: dict[str, str] = {
    "orders": "Orders, attributed",
    "cost_per_order": "Cost per attributed order",
    "net_revenue": "Net revenue, attributed",
    "roas": "ROAS, attributed orders",
}
"""Names of figures that mean less in a channel's row than in the results: organic orders are not in them."""

TERM_LABELS: dict[str, str] = {
    "gross_revenue": "Gross revenue",
    "discount": "Discounts, with tax",
    "tax": "VAT and sales tax",
    "returns": "Expected returns",
    "fx_effect": "Currency moves",
    "goods": "Cost of goods",
    "shipping": "Shipping",
    "duty": "Duty paid by seller",
    "payment_fees": "Payment fees",
    "platform_fees": "Platform fees",
    "return_handling": "Handling of returns",
    "media": "Media",
}

SUM_LABELS: dict[str, str] = {
    "net_revenue": KPI_LABELS["net_revenue"][0],
    "margin_before_media": "Margin before media",
    "contribution_margin": KPI_LABELS["contribution_margin"][0],
}
"""Running sums of the bridge."""


def axis_names(scenario: Scenario) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Readable names of regions, segments and channels; ids are added where two names are the same."""
    document = scenario.document
    lists = document.market.regions, document.segments, document.channels
    regions, segments, channels = ([(item.id, item.name or item.id) for item in items] for items in lists)
    return _distinct(regions), _distinct(segments), _distinct(channels)


def _distinct(items: list[tuple[str, str]]) -> tuple[str, ...]:
    names = [name for _, name in items]
    return tuple(name if names.count(name) == 1 else f"{name} ({key})" for key, name in items)
