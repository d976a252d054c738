"""Rules of cleaning: which rows of orders are no sale of goods to somebody, one expression a rule.

Each rule sees the rows that earlier rules left, so that every row is counted once, under the first rule that takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import polars as pl

from xbopt.imports.paper_lines import PAPER_CODES, PAPER_NAMES, plain
from xbopt.imports.tables import TRANSACTIONS

Rule = Literal[
    "missing_order_id",
    "missing_date",
    "future_date",
    "exact_duplicate",
    "not_goods",
    "pending",
    "cancelled",
    "reversal",
    "quantity_missing_or_not_positive",
    "price_missing_or_not_positive",
    "voided_same_day",
    "price_outlier",
    "quantity_outlier",
    "missing_customer",
]
RULES: tuple[Rule, ...] = get_args(Rule)
"""In the order in which they are applied. ``reversal`` and ``missing_customer`` set rows aside, the others drop."""
SAME: tuple[str, ...] = tuple(column for column in TRANSACTIONS if column != "source")
"""Lines that agree in all of these are one. Lines that differ in their number alone are lines of their own, as two
engravings are; whoever reads a file gives one number to copies. Where no line has a number, alike is the same."""
ALWAYS: frozenset[Rule] = frozenset({"missing_order_id", "missing_date", "pending", "cancelled", "reversal"})
"""Rules that cannot be switched off: such rows are no sale on a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningRules:
    """What is taken for a sale.

    Attributes:
        off: Rules that are not applied; those in `ALWAYS` are applied all the same.
        as_of: Last day that can have happened; later ones are ``future_date``. Without it nothing is in the future.
        goods_pattern: A regular expression for the article codes of goods, upper case; what does not match is
            ``not_goods``. Without it, codes and names of `PAPER_CODES` and `PAPER_NAMES` are.
        price_factor: A unit price beyond this many times the product's usual price, or below the same part of it, and
            beyond eight robust standard deviations, is an outlier: a decimal point lost.
        quantity_factor: The same of the pieces of a line. Large orders are the trade of some shops: only absurd ones.
        least_rows: Rows of a product from which its usual price and number are known.
    """

    off: frozenset[Rule] = frozenset()
    as_of: date | None = None
    goods_pattern: str | None = None
    price_factor: float = 20.0
    quantity_factor: float = 1000.0
    least_rows: int = 10

    def applied(self) -> tuple[Rule, ...]:
        """The rules that are applied, in order."""
        return tuple(rule for rule in RULES if rule not in self.off or rule in ALWAYS)


def marked_rows(rules: CleaningRules) -> Mapping[Rule, pl.Expr]:
    """Which rows each rule takes of those that are left; not ``voided_same_day``, which looks at pairs of rows."""
    sku, name = pl.col("sku"), pl.col("product")
    quantity, price, status = pl.col("quantity"), pl.col("unit_price"), pl.col("status").fill_null("sold")
    future = pl.lit(value=False) if rules.as_of is None else pl.col("date") > rules.as_of
    if rules.goods_pattern is None:
        paper = (
            plain(sku).is_in(list(PAPER_CODES))
            | plain(sku).str.contains(r"^gift_\d")
            | plain(name).is_in(list(PAPER_NAMES))
        )
    else:
        paper = ~sku.str.to_uppercase().str.contains(rules.goods_pattern)
    # Some exports hold what an order brought and neither pieces nor prices.
    unpaid = ~(pl.col("net_revenue") > 0).fill_null(value=False)
    reverses = (quantity < 0) & (status == "cancelled")
    return {
        "missing_order_id": pl.col("order_id").is_null() | (pl.col("order_id").str.strip_chars() == ""),
        "missing_date": pl.col("date").is_null(),
        "future_date": future,
        # The same line of the same order: written down twice, or in two data folders. The first one stays.
        "exact_duplicate": ~pl.struct(SAME).is_first_distinct(),
        "not_goods": paper,
        "pending": status == "pending",
        "cancelled": (status == "cancelled") & ~reverses.fill_null(value=False),
        "reversal": reverses,
        "quantity_missing_or_not_positive": (quantity <= 0) | (quantity.is_null() & unpaid),
        "price_missing_or_not_positive": (price <= 0) | (price.is_null() & unpaid),
        "price_outlier": _far_from_usual(price, rules.price_factor, rules.least_rows),
        "quantity_outlier": _far_from_usual(quantity, rules.quantity_factor, rules.least_rows),
        "missing_customer": pl.col("customer").is_null() | (pl.col("customer").str.strip_chars() == ""),
    }


def _far_from_usual(value: pl.Expr, factor: float, least: int) -> pl.Expr:
    """Further from the product's median, on the log scale, than a factor and eight robust standard deviations."""
    product = ["sku", "currency"]
    away = (value.log() - value.log().median().over(product)).abs()
    spread = 1.4826 * away.median().over(product)
    known = (pl.len().over(product) >= least) & pl.col("sku").is_not_null()
    return known & (away > pl.max_horizontal(8.0 * spread, pl.lit(factor).log()))
