"""Lines of orders that are money and paperwork and no goods: carriage, fees, discounts, tests."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

PAPER_CODES: frozenset[str] = frozenset(
    "post postage dot carriage c2 shipping versand porto manual m discount d samples s test testartikel sample "
    "amazonfee cruk adjust adjust2 b fee tip giftcard gift_card bank_charges".split()
)
"""Article codes of money and paperwork, lower case, spaces as underscores: carriage, fees, discounts, tests."""
PAPER_NAMES: frozenset[str] = PAPER_CODES - {"m", "d", "s", "b", "c2", "dot"} | {
    "bank_charges",
    "dotcom_postage",
    "next_day_carriage",
    "gift_voucher",
    "gift_card",
    "shipping_fee",
    "shipping_cost",
    "versandkosten",
    "gutschein",
    "test_product",
    "test_order",
    "adjust_bad_debt",
    "route_package_protection",
    "\u8fd0\u8d39",
    "\u90ae\u8d39",
}
"""The same as names of products; a whole name only, since a postage stamp mug is goods."""


def plain(text: "pl.Expr") -> "pl.Expr":
    """A text as it stands in these lists."""
    return text.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s\-]+", "_")
