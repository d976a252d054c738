"""Readable names of KPIs, money terms and table columns, and how each is written: one list for terminal and reports."""

from typing import Literal

Unit = Literal["money", "price", "count", "percent", "ratio", "score"]
"""``money``: whole base currency; ``price``: base currency with cents; ``percent``: a share written as per cent."""

KPI_LABELS: dict[str, tuple[str, Unit]] = {
    "net_revenue": ("Net revenue", "money"),
    "contribution_margin": ("Contribution margin", "money"),
    "media_spend": ("Media spend", "money"),
    "discount_cost": ("Discounts given", "money"),
    "visits": ("Visits", "count"),
    "orders": ("Orders", "count"),
    "conversion_rate": ("Conversion rate", "percent"),
    "repurchase_rate": ("Repurchase rate a day", "percent"),
    "average_order_value": ("Net revenue per order", "price"),
    "return_rate": ("Return rate", "percent"),
    "new_customers": ("New customers", "count"),
    "roas": ("Return on ad spend", "ratio"),
    "roi": ("Return on investment", "percent"),
    "satisfaction": ("Satisfaction", "score"),
    "budget_used": ("Budget used", "percent"),
    "spend_share": ("Share of spend", "percent"),
    "impressions": ("Impressions", "count"),
    "cost_per_visit": ("Cost per visit", "price"),
    "cost_per_order": ("Cost per order", "price"),
    "lost_orders": ("Orders lost to stock-outs", "count"),
}

TERM_LABELS: dict[str, str] = {
    "gross_revenue": "Gross revenue",
    "discount": "Discounts",
    "tax": "Consumption tax",
    "returns": "Expected returns",
    "fx_effect": "Currency moves",
    "goods": "Cost of goods",
    "shipping": "Shipping",
    "duty": "Duty",
    "payment_fees": "Payment fees",
    "platform_fees": "Platform fees",
    "return_handling": "Return handling",
    "media": "Media",
}
