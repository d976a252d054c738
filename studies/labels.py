"""Readable names of KPIs, money terms and table columns, and how each is written: one list for terminal and reports."""

from typing import Literal

Unit = Literal["money", "price", "count", "percent", "ratio", "score"]
"""``money``: whole base currency; ``price``: base currency with cents; ``percent``: a share written as per cent."""

KPI_LABELS: dict[str, tuple[str, Unit]] = {
    "net_revenue": ("Net revenue", "money"),
    "contribution_margin": ("Contribution margin", "money"),
    "media_spend": ("Media spend", "money"),
    "discount_cost": ("Discounts, net of tax", "money"),
    "visits": ("Visits", "count"),
    "orders": ("Orders", "count"),
    "conversion_rate": ("Conversion rate", "percent"),
    "repurchase_rate": ("Repurchase rate a day", "percent"),
    "average_order_value": ("Order value, net", "price"),
    "return_rate": ("Return rate", "percent"),
    "new_customers": ("New customers", "count"),
    "roas": ("ROAS, organic orders included", "ratio"),
    "roi": ("ROI, organic orders included", "percent"),
    "satisfaction": ("Satisfaction, 0 to 1", "score"),
    "budget_used": ("Budget used", "percent"),
    "spend_share": ("Share of spend", "percent"),
    "impressions": ("Impressions", "count"),
    "cost_per_visit": ("Cost per visit", "price"),
    "cost_per_order": ("Cost per order", "price"),
    "lost_orders": ("Orders lost to stock-outs", "count"),
    "media_effect": ("Margin added by media", "money"),
    "customer_value": ("Change of customer value", "money"),
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
