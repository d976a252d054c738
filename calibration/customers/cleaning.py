"""From canonical orders and refunds to clean sales, with every row accounted for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from xbopt.calibration.customers.cleaning_rules import SAME, CleaningRules, Rule, marked_rows
from xbopt.core.errors import CalibrationError
from xbopt.imports.engine.canonical import KINDS
from xbopt.imports.net_refunds import with_net_amount
from xbopt.imports.tables import REFUNDS, TRANSACTIONS, ColumnKind

SAMPLE_COLUMNS = ("date", "country", "sku", "status", "quantity", "unit_price", "currency")
"""What a sample of a rule shows: nothing about a person, nor an order's number."""
SAMPLES = 3
ON_OFFER = (pl.col("discount").fill_null(0.0) > 0.0) | pl.col("promotion").is_not_null()
"""Whether a line was sold on a promotion or discount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """What one rule took.

    Attributes:
        rule: Its name.
        rows: Rows taken.
        value: Quantity times unit price of these rows, or their net revenue; negative for reversals.
        samples: Up to `SAMPLES` of the rows by `SAMPLE_COLUMNS`.
        codes: Rows by article code for ``not_goods``, the most frequent first; at most 20.
    """

    rule: Rule
    rows: int
    value: float
    samples: tuple[Mapping[str, object], ...] = ()
    codes: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """Clean sales, and what was left out.

    Attributes:
        transactions: Sales of goods to known customers: canonical columns, ``net_revenue`` always filled.
        anonymous: Sales without a customer: they count for demand and prices, not for customers.
        refunds: Refunds, those included that stood among the orders as reversals; ``net_amount`` is what they take from
            net revenue.
        rows_in: Rows of orders given.
        counts: Rows by rule, in the order of the rules; ``rows_in`` is their sum and the rows of ``transactions``.
        voiding_refunds: Refund rows that undid a sale on its own day; both are gone.
        refunds_in: Rows of refunds given.
        refunds_dropped: Of these, the ones that repeat one of another source, or have no amount or day.
        alike_sales: Sales that are alike another line of their order but for its number; each counts.
        computed_revenue: Sales whose ``net_revenue`` was not given and is quantity times price less discount.
    """

    transactions: pl.DataFrame
    anonymous: pl.DataFrame
    refunds: pl.DataFrame
    rows_in: int
    counts: tuple[RuleCount, ...]
    voiding_refunds: int
    refunds_in: int
    refunds_dropped: int
    alike_sales: int
    computed_revenue: int

    @property
    def sales(self) -> pl.DataFrame:
        """All sales, of known customers and others."""
        return pl.concat([self.transactions, self.anonymous])

    def rows_of(self, rule: Rule) -> int:
        """Rows that a rule took; 0 for one that was not applied."""
        return sum(count.rows for count in self.counts if count.rule == rule)

    def to_frame(self) -> pl.DataFrame:
        """One row a rule, and one for what was kept."""
        kept = ("kept", self.transactions.height, float(self.transactions["net_revenue"].sum()))
        rows = [*((count.rule, count.rows, count.value) for count in self.counts), kept]
        return pl.DataFrame(rows, schema=["rule", "rows", "value"], orient="row")


def clean(
    transactions: pl.DataFrame, refunds: pl.DataFrame | None = None, rules: CleaningRules | None = None
) -> Cleaned:
    """Apply the rules one after the other; the order of the rows does not matter.

    Args:
        transactions: Columns of `TRANSACTIONS`; those that are left out count as unknown.
        refunds: Columns of `REFUNDS`; none where left out.
        rules: The rules; the usual ones where left out.

    Raises:
        CalibrationError: The sales that remain are in several currencies, which cannot be added up.
    """
    rules = rules or CleaningRules()
    rows = in_canonical_columns(transactions, TRANSACTIONS).with_row_index("row")
    money = [name for name, kind in TRANSACTIONS.items() if kind in ("money", "number")]
    rows = rows.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in money)
    stated = in_canonical_columns(pl.DataFrame() if refunds is None else refunds, REFUNDS)
    # Two of one source that are alike are two pieces sent back; two sources overlap.
    number = pl.int_range(pl.len()).over(list(REFUNDS)).alias("number")
    usable = stated.filter(
        pl.struct(*(name for name in REFUNDS if name != "source"), number).is_first_distinct()
        & pl.col("date").is_not_null()
        & (pl.col("amount") > 0.0).fill_null(value=False)
    )
    given, back, marked = rows.height, _refunds_of(usable, rows.clear()), marked_rows(rules)
    taken: dict[Rule, pl.DataFrame] = {}
    voiding = 0
    for rule in rules.applied():
        if rule == "voided_same_day":
            undone, undoing = voided_pairs(rows, back)
            mask, voiding = rows["row"].is_in(undone.implode()), len(undoing)
            back = back.filter(~pl.col("back").is_in(undoing.implode()))
        else:
            mask = rows.select(marked[rule].fill_null(value=False)).to_series()
        taken[rule], rows = rows.filter(mask), rows.filter(~mask)
        if rule == "reversal":
            back = _refunds_of(usable, taken[rule])
    sold, anonymous = rows, taken.get("missing_customer", rows.clear())
    given_sales = pl.concat([sold, anonymous])
    back = with_net_amount(back, given_sales)
    currencies = given_sales["currency"].drop_nulls().unique().sort().to_list()
    if len(currencies) > 1:
        raise CalibrationError(
            f"The orders are in {', '.join(currencies)}. Amounts in several currencies cannot be added up: turn them "
            "into one currency first (the table of rates), or give the files of one currency."
        )
    return Cleaned(
        transactions=_with_revenue(sold),
        anonymous=_with_revenue(anonymous),
        refunds=back.select(*REFUNDS),
        rows_in=given,
        counts=tuple(_count(rule, gone) for rule, gone in taken.items()),
        voiding_refunds=voiding,
        refunds_in=stated.height,
        refunds_dropped=stated.height - usable.height,
        alike_sales=given_sales.height - given_sales.n_unique(subset=[name for name in SAME if name != "line"]),
        computed_revenue=given_sales["net_revenue"].null_count(),
    )


def in_canonical_columns(table: pl.DataFrame, columns: Mapping[str, ColumnKind]) -> pl.DataFrame:
    """The table with exactly these columns, in order and typed; columns that it lacks are null.

    Raises:
        CalibrationError: A column holds what its kind cannot be.
    """
    found: list[pl.Expr] = []
    for name, kind in columns.items():
        if kind == "time" and isinstance(table.schema.get(name), pl.Datetime):
            found.append(pl.col(name).dt.replace_time_zone(None).cast(KINDS[kind]))
        elif kind != "time" and name in table.columns:
            found.append(pl.col(name).cast(KINDS[kind]))
        else:
            found.append(pl.lit(None, dtype=KINDS[kind]).alias(name))
    try:
        return table.select(found) if table.width else pl.DataFrame().select(found).clear()
    except pl.exceptions.InvalidOperationError as error:
        raise CalibrationError(f"A table is not in canonical form: {error}") from error


def voided_pairs(sales: pl.DataFrame, back: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Sales that were undone in full on the day they were made, and what undid them: typing errors, no demand.

    A pair has the same customer, product, number of pieces and day, and the sale is not the later one. Rows without a
    customer cannot be paired. Each row serves in one pair at most, in the order of time.

    Returns:
        ``row`` of the sales and ``back`` of the refunds.
    """
    key = ["customer", "sku", "quantity", "date"]
    known = pl.all_horizontal(pl.col(key).is_not_null())
    named = pl.col("sku").str.to_uppercase()
    midnight = pl.col("date").cast(pl.Datetime("us"))
    first = sales.filter(known).select(
        *key[:1], named, *key[2:], "row", pl.col("time").fill_null(midnight).alias("moment")
    )
    then = back.filter(known & (pl.col("dated_by") == "refund")).select(
        *key[:1], named, *key[2:], "back", pl.col("time").fill_null(midnight.dt.offset_by("1d")).alias("moment")
    )
    first = first.join(then.select(key).unique(), on=key, how="semi").sort("moment", "row")
    then = then.sort("moment", "back")
    found: list[pl.DataFrame] = []
    while True:
        # A refund takes the latest sale before it; of several that want one sale, the first has it.
        pairs = then.join_asof(first, on="moment", by=key, strategy="backward", check_sortedness=False)
        pairs = pairs.drop_nulls("row").unique("row", keep="first", maintain_order=True)
        if pairs.is_empty():
            break
        found.append(pairs.select("row", "back"))
        first = first.join(pairs, on="row", how="anti")
        then = then.join(pairs, on="back", how="anti")
    paired = pl.concat(found) if found else pl.DataFrame(schema={"row": pl.UInt32, "back": pl.UInt32})
    return paired["row"], paired["back"]


def first_and_last_day(rows: pl.DataFrame) -> tuple[date, date]:
    """The first and the last day of rows that have some."""
    days = rows["date"].drop_nulls().unique().sort().to_list()
    return days[0], days[-1]


def _refunds_of(stated: pl.DataFrame, reversals: pl.DataFrame) -> pl.DataFrame:
    """Refunds as stated and those that stood among the orders, with ``time`` where known and a number ``back``.

    The amount of those among the orders is net of tax, as the lines are.
    """
    value = pl.coalesce(-pl.col("net_revenue").abs(), pl.col("quantity") * pl.col("unit_price")).abs()
    turned = reversals.with_columns(
        value.alias("amount"),
        value.alias("net_amount"),
        pl.lit("refund").alias("dated_by"),
        -pl.col("quantity").alias("quantity"),
    ).filter(pl.col("amount") > 0.0)
    time = pl.lit(None, dtype=reversals.schema["time"]).alias("time")
    turned = turned.select(*REFUNDS, "time")
    return pl.concat([stated.with_columns(time), turned]).with_row_index("back")


def _with_revenue(rows: pl.DataFrame) -> pl.DataFrame:
    asked = pl.col("quantity") * pl.col("unit_price") - pl.col("discount").fill_null(0.0)
    return rows.select(*TRANSACTIONS).with_columns(pl.col("net_revenue").fill_null(asked))


def _count(rule: Rule, gone: pl.DataFrame) -> RuleCount:
    sample = gone.select(SAMPLE_COLUMNS).sort(SAMPLE_COLUMNS).head(SAMPLES)
    codes = None
    if rule == "not_goods":
        by_code = gone.group_by(pl.col("sku").str.to_uppercase()).len().sort(["len", "sku"], descending=[True, False])
        codes = {str(sku): int(rows) for sku, rows in by_code.head(20).iter_rows()}
    value = gone.select(pl.coalesce(pl.col("quantity") * pl.col("unit_price"), "net_revenue").sum()).item()
    return RuleCount(rule=rule, rows=gone.height, value=float(value), samples=tuple(sample.to_dicts()), codes=codes)
