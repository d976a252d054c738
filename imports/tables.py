"""Canonical tables: what a seller's files are turned into, whatever platform wrote them.

A data folder holds ``NAME.parquet`` for each table that was imported, ``provenance.json``, and ``panel.parquet`` where
orders and media allow one. Money is in the row's ``currency`` and major units; dates and hours are those of ``zone``.
Customers are keyed hashes; nothing else about persons is kept.
"""

from collections.abc import Mapping
from typing import Literal

TableName = Literal["transactions", "refunds", "media", "sessions", "sends", "stock", "rates", "feedback", "decisions"]
ColumnKind = Literal["date", "time", "hour", "text", "money", "number", "count", "flag", "share"]

TRANSACTIONS: Mapping[str, ColumnKind] = {
    "date": "date",
    "time": "time",
    "zone": "text",
    "order_id": "text",
    "line": "count",
    "customer": "text",
    "status": "text",
    "country": "text",
    "region": "text",
    "place": "text",
    "sku": "text",
    "product": "text",
    "quantity": "number",
    "list_price": "money",
    "unit_price": "money",
    "discount": "money",
    "net_revenue": "money",
    "tax": "money",
    "shipping": "money",
    "duty": "money",
    "platform_discount": "money",
    "promotion": "text",
    "is_new": "flag",
    "currency": "text",
    "source": "text",
}
"""One row a line of an order. ``status`` is ``sold``, ``cancelled`` or ``pending``; ``unit_price`` is the price asked
for one piece before ``discount``, which is of the whole line and borne by the seller; ``net_revenue`` is what the line
brings net of tax and discount. ``country`` is ISO 3166-1 alpha-2, ``region`` a part of it; ``promotion`` is a keyed
hash of the code. Unknown is null, never 0."""

REFUNDS: Mapping[str, ColumnKind] = {
    "date": "date",
    "zone": "text",
    "order_id": "text",
    "customer": "text",
    "country": "text",
    "place": "text",
    "sku": "text",
    "quantity": "number",
    "amount": "money",
    "net_amount": "money",
    "dated_by": "text",
    "currency": "text",
    "source": "text",
}
"""One row a refund; ``amount``, what the buyer got back, is positive. ``net_amount`` is what of it was net revenue,
without tax and shipping, where the source says so. ``dated_by`` is ``refund`` or, where no other day is known,
``order``."""

REFUND_MONEY = ("amount", "net_amount")

MEDIA: Mapping[str, ColumnKind] = {
    "date": "date",
    "hour": "hour",
    "zone": "text",
    "platform": "text",
    "account": "text",
    "campaign_id": "text",
    "campaign": "text",
    "channel": "text",
    "country": "text",
    "region": "text",
    "segment": "text",
    "spend": "money",
    "currency": "text",
    "impressions": "count",
    "clicks": "count",
    "conversions": "number",
    "conversions_value": "money",
    "attribution": "text",
    "reach": "count",
    "margin": "text",
    "source": "text",
}
"""One row a day (or hour), campaign and country, modelled on dbt_ad_reporting. ``channel`` is the seller's own name
where he maps campaigns, else the platform's. ``margin`` tells tables of one money apart that must not be added up:
``campaign``, ``hour`` or ``country``, since no platform reports hours by country. ``attribution`` is the window of
``conversions``, which are the platform's claim and no orders."""

SESSIONS: Mapping[str, ColumnKind] = {
    "date": "date",
    "zone": "text",
    "country": "text",
    "channel": "text",
    "sessions": "count",
    "engaged": "count",
    "carts": "count",
    "orders": "count",
    "revenue": "money",
    "currency": "text",
    "source": "text",
}

SENDS: Mapping[str, ColumnKind] = {
    "date": "date",
    "time": "time",
    "zone": "text",
    "platform": "text",
    "campaign_id": "text",
    "campaign": "text",
    "recipients": "count",
    "delivered": "count",
    "opens": "count",
    "clicks": "count",
    "unsubscribes": "count",
    "orders": "count",
    "revenue": "money",
    "currency": "text",
    "source": "text",
}
"""One row a mailing."""

STOCK: Mapping[str, ColumnKind] = {
    "date": "date",
    "country": "text",
    "place": "text",
    "sku": "text",
    "on_hand": "number",
    "source": "text",
}

RATES: Mapping[str, ColumnKind] = {"date": "date", "currency": "text", "per_euro": "number", "source": "text"}
"""Exchange rates, units of ``currency`` for one euro."""

FEEDBACK: Mapping[str, ColumnKind] = {
    "date": "date",
    "country": "text",
    "kind": "text",
    "score": "number",
    "number": "count",
    "source": "text",
}
"""One row a day, country and kind: ``review`` with the mean ``score`` of ``number`` reviews, -1 to 1; ``return`` and
``contact`` with how many there were. There are no texts in it."""

TABLES: Mapping[TableName, Mapping[str, ColumnKind]] = {
    "transactions": TRANSACTIONS,
    "refunds": REFUNDS,
    "media": MEDIA,
    "sessions": SESSIONS,
    "sends": SENDS,
    "stock": STOCK,
    "rates": RATES,
    "feedback": FEEDBACK,
}
"""Columns of each table in their order, with the kind of each. Decision logs have their own schema."""
