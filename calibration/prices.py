"""The price elasticity of demand from a seller's own orders, with how far they tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from xbopt.calibration.absorbed_effects import absorb
from xbopt.calibration.intervals import PRIOR_ONLY, with_prior
from xbopt.calibration.price_cells import PriceCells, price_cells
from xbopt.calibration.price_fit import PriceFit, Reason, fit_prices
from xbopt.calibration.price_instruments import InstrumentCheck, instruments_of_cells
from xbopt.calibration.price_lines import (
    QuantityBreaks,
    naive_elasticity,
    price_lines,
    quantity_breaks,
    without_breaks,
)
from xbopt.calibration.price_pooling import GroupElasticity, pooled_groups
from xbopt.calibration.time_controls import Control, numbered
from xbopt.studies.frames import Frame, frame_of

if TYPE_CHECKING:
    import polars as pl

_LEAST_MOVE = 1e-3
_MANY_EMPTY = 0.15
_LARGE_SWING = 0.3
ELASTICITY_RANGE = (-12.0, -0.05)
"""What a scenario's format holds; the estimates published (Bijmolt et al. 2005) lie within but for few."""

PriceCode = Literal[
    "quantity_breaks",
    "other_currency",
    "mostly_promotions",
    "smooth_season",
    "no_instrument",
    "short_moves_differ",
    "demand_swings",
    "weak_instruments",
    "instruments_differ",
    "stock_unknown",
    "empty_weeks",
    "orders_differ",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePrior:
    """What is known before the data: 1,851 estimates of 81 studies (Bijmolt, van Heerde, Pieters 2005)."""

    mean: float = -2.6
    sd: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFinding:
    """Something that a reader of the estimate must know."""

    code: PriceCode
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEstimate:
    """An own-price elasticity of units and how it was come by.

    Attributes:
        elasticity: Posterior mean; the prior's where the data say nothing.
        sd: Posterior standard deviation.
        low: Lower end of the 95 % interval.
        high: Upper end.
        status: Whether the orders say something, or all is prior.
        reason: Why all is prior; empty otherwise.
        from_data: The estimate without the prior; NaN where there is none.
        from_data_se: Its standard error, clustered.
        prior: The prior.
        of_orders: The same elasticity of orders instead of pieces, without the prior; NaN where orders are unknown.
        naive: Of weekly pieces on revenue a piece, without regard to quantity breaks.
        naive_lines: Of the quantity of a line on its price.
        breaks: Quantity breaks.
        lasting_share: Share of the prices' movement that outlasts a week: what the estimate rests on; NaN where
            instruments tell.
        control: Which movements of demand over time are taken out.
        clusters: Number of clusters behind the standard error.
        instruments: What the instruments say; None without any.
        by_region: Elasticities by region, drawn towards the overall one.
        by_product: The same by product.
        products: Number of products.
        regions: Number of regions.
        weeks: Number of weeks.
        cells: Number of cells of product, region and week.
        price_changes: Weekly changes of a product's price.
        rows: Rows that came in.
        left_out: Rows, series and cells left out, by rule.
        findings: What a reader must know.
    """

    elasticity: float
    sd: float
    low: float
    high: float
    status: Literal["measured", "prior only"]
    reason: Reason
    from_data: float
    from_data_se: float
    prior: PricePrior
    of_orders: float
    naive: float
    naive_lines: float
    breaks: QuantityBreaks
    lasting_share: float
    control: Control | None
    clusters: int
    instruments: InstrumentCheck | None
    by_region: tuple[GroupElasticity, ...] = field(repr=False)
    by_product: tuple[GroupElasticity, ...] = field(repr=False)
    products: int
    regions: int
    weeks: int
    cells: int
    price_changes: int
    rows: int
    left_out: Mapping[str, int]
    findings: tuple[PriceFinding, ...]

    @property
    def ratio(self) -> float:
        """Posterior over prior standard deviation: 1 where the data say nothing."""
        return self.sd / self.prior.sd

    def to_frame(self) -> Frame:
        """One row for all, each region and each product: ``level``, ``name``, ``elasticity``, ``sd``, ``from_data``."""
        overall = GroupElasticity(
            name="", elasticity=self.elasticity, sd=self.sd, from_data=self.from_data, from_data_se=self.from_data_se
        )
        rows = [
            {
                "level": level,
                "name": group.name,
                "elasticity": group.elasticity,
                "sd": group.sd,
                "from_data": group.from_data,
                "from_data_se": group.from_data_se,
            }
            for level, groups in (("all", (overall,)), ("region", self.by_region), ("product", self.by_product))
            for group in groups
        ]
        return frame_of(rows)


def estimate_elasticity(
    transactions: "pl.DataFrame",
    *,
    stock: "pl.DataFrame | None" = None,
    instruments: "pl.DataFrame | None" = None,
    prior: PricePrior | None = None,
) -> PriceEstimate:
    """Estimate the own-price elasticity.

    Weekly pieces of a product in a region follow ``exp(a + w + e log price)`` with an effect ``a`` for each product in
    each region, with a trend and a yearly wave of its own, and ``w`` for each week (in each region); weeks without a
    sale count. Where larger quantities cost less on one and the same day, the price is the list price over time: what a
    quantity takes off is taken out first, since a large order is cheap because it is large. Only moves of prices that
    outlast a week count, and where later prices tell of earlier sales nothing is measured. The result is pooled with
    the prior.

    Args:
        transactions: Canonical lines: ``date``, ``sku``, ``country``, ``quantity``, ``unit_price``, and as far as known
            ``order_id``, ``discount``, ``status``, ``currency``.
        stock: Canonical stock; days with nothing on hand are left out.
        instruments: What moves prices and not demand: ``date``, perhaps ``country`` and ``sku``, and a column of
            numbers each (an exchange rate, a duty, a unit cost).
        prior: What is known beforehand.

    Raises:
        UsageError: A column is missing.
        SupportError: No line can be used.
    """
    import polars as pl

    known = prior or PricePrior()
    usable = price_lines(transactions)
    asked = usable.lines.with_columns(pl.col("date").dt.truncate("1w").alias("week"))
    breaks = quantity_breaks(asked)
    cells = price_cells(without_breaks(asked) if breaks.found else asked, asked, stock)
    table = None if instruments is None else instruments_of_cells(cells, instruments, asked["week"].min())
    fit = fit_prices(cells, table)
    findings = [*_findings(cells, breaks, usable.dropped, fit, stock_known=stock is not None)]
    posterior, sd = known.mean, known.sd
    reason = fit.reason or _implausible(fit.value)
    if fit.usable and not reason:
        posterior, sd = with_prior(fit.value, fit.wide_se, known.mean, known.sd)
    is_measured = fit.usable and not reason and sd <= PRIOR_ONLY * known.sd
    by_region: tuple[GroupElasticity, ...] = ()
    by_product: tuple[GroupElasticity, ...] = ()
    if is_measured and fit.fit is not None:
        drawn = {"overall": posterior, "overall_sd": sd, "clustered_se": fit.wide_se}
        by_region = pooled_groups(fit.fit, cells.region[fit.kept], cells.regions, **drawn)
        by_product = pooled_groups(fit.fit, cells.product[fit.kept], cells.products, **drawn)
    return PriceEstimate(
        elasticity=posterior,
        sd=sd,
        low=posterior - 1.96 * sd,
        high=posterior + 1.96 * sd,
        status="measured" if is_measured else "prior only",
        reason=reason or ("" if is_measured else "wide"),
        from_data=fit.value,
        from_data_se=fit.se,
        prior=known,
        of_orders=fit.of_orders,
        naive=_naive(cells),
        naive_lines=naive_elasticity(asked),
        breaks=breaks,
        lasting_share=fit.lasting_share,
        control=fit.control,
        clusters=fit.clusters,
        instruments=fit.instruments,
        by_region=by_region,
        by_product=by_product,
        products=len(cells.products),
        regions=len(cells.regions),
        weeks=len(np.unique(cells.week)),
        cells=len(cells),
        price_changes=cells.price_changes,
        rows=usable.rows,
        left_out={**usable.dropped, **cells.left_out},
        findings=tuple(findings),
    )


def _implausible(value: float) -> Reason:
    """Why an estimate is none of demand: buyers do not buy more because it costs more."""
    low, high = ELASTICITY_RANGE
    if value > high:
        return "wrong_sign"
    return "out_of_range" if value < low else ""


def _naive(cells: PriceCells) -> float:
    """Elasticity of pieces on revenue a piece over weeks with a sale, by least squares in logs."""
    sold = np.flatnonzero((cells.units > 0.0) & np.isfinite(cells.log_average))
    if not len(sold):
        return np.nan
    groups = [numbered(cells.series[sold]), numbered(cells.region[sold] * 100_000 + cells.week[sold])]
    within = absorb(np.column_stack([np.log(cells.units[sold]), cells.log_average[sold]]), groups, np.ones(len(sold)))
    below = float(within[:, 1] @ within[:, 1])
    return float(within[:, 0] @ within[:, 1]) / below if below > _LEAST_MOVE**2 * len(sold) else np.nan


def _findings(
    cells: PriceCells, breaks: QuantityBreaks, dropped: Mapping[str, int], fit: PriceFit, *, stock_known: bool
) -> list[PriceFinding]:
    found: list[PriceFinding] = []
    if breaks.found:
        figures = {"slope": breaks.slope, "at_two_prices": breaks.at_two_prices, "naive": _naive(cells)}
        found.append(PriceFinding(code="quantity_breaks", figures=figures))
    if "other_currency" in dropped:
        found.append(PriceFinding(code="other_currency", figures={"rows": float(dropped["other_currency"])}))
    if len(cells) and fit.control is not None:
        off, price = (
            float(np.mean(absorb(column[:, None], [cells.series], np.ones(len(cells))) ** 2))
            for column in (cells.log_off, cells.log_price)
        )
        if off > 0.5 * price > 0.0:
            found.append(PriceFinding(code="mostly_promotions", figures={"share": min(off / price, 1.0)}))
    if fit.usable and fit.control == "smooth":
        found.append(PriceFinding(code="smooth_season"))
    if fit.usable and not fit.reason and (fit.instruments is None or fit.instruments.is_weak):
        found.append(PriceFinding(code="no_instrument"))
    if fit.usable and not fit.reason and fit.fleeting_differs:
        figures = {"lasting": fit.value, "fleeting": fit.fleeting}
        found.append(PriceFinding(code="short_moves_differ", figures=figures))
    if fit.usable and not fit.reason and fit.swing_se > _LARGE_SWING:
        found.append(PriceFinding(code="demand_swings", figures={"error": fit.swing_se}))
    if fit.instruments is not None:
        check = fit.instruments
        if check.is_weak:
            found.append(PriceFinding(code="weak_instruments", figures={"f": check.first_stage_f}))
        elif check.endogeneity_p < 0.05 and fit.fit is not None:
            plain = float(fit.fit.coefficients[0])
            found.append(
                PriceFinding(code="instruments_differ", figures={"plain": plain, "with_instruments": check.elasticity})
            )
    if not stock_known and (gaps := cells.left_out.get("suspected_out_of_stock_weeks", 0)):
        found.append(PriceFinding(code="stock_unknown", figures={"weeks": float(gaps)}))
    empty = float((cells.units == 0.0).mean()) if len(cells) else 0.0
    if fit.usable and empty > _MANY_EMPTY:
        found.append(PriceFinding(code="empty_weeks", figures={"share": empty}))
    if fit.usable and np.isfinite(fit.of_orders) and abs(fit.value - fit.of_orders) > 2.0 * fit.se + 0.2:
        found.append(PriceFinding(code="orders_differ", figures={"units": fit.value, "orders": fit.of_orders}))
    return found
