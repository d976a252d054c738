"""The price elasticity of demand from a seller's own orders, with how far they tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from xbopt.calibration.count_regression import CountFit, RegressionError, absorb, clustered_covariance, fit_counts
from xbopt.calibration.intervals import PRIOR_ONLY, student_widening, with_prior
from xbopt.calibration.price_cells import PriceCells, price_cells
from xbopt.calibration.price_instruments import InstrumentCheck, check_instruments, instruments_of_cells
from xbopt.calibration.price_lines import (
    QuantityBreaks,
    naive_elasticity,
    price_lines,
    quantity_breaks,
    without_breaks,
)
from xbopt.calibration.price_pooling import GroupElasticity, pooled_groups
from xbopt.calibration.time_controls import Control, control_terms, numbered, rows_with_sales, time_control
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.studies.frames import Frame, frame_of

if TYPE_CHECKING:
    import polars as pl

_FEW_CLUSTERS = 20
_BLOCK_WEEKS = 8
_LEAST_MOVE = 1e-3
_MANY_EMPTY = 0.15
ELASTICITY_RANGE = (-12.0, -0.05)
"""What a scenario's format holds; the estimates published (Bijmolt et al. 2005) lie within but for few."""

Reason = Literal[
    "",
    "prices_never_moved",
    "prices_moved_together",
    "too_little_data",
    "no_convergence",
    "wide",
    "wrong_sign",
    "out_of_range",
]
PriceCode = Literal[
    "quantity_breaks",
    "other_currency",
    "mostly_promotions",
    "smooth_season",
    "no_instrument",
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
    each region and ``w`` for each week (in each region); weeks without a sale count. Where larger quantities cost less
    on one and the same day, the price is the list price over time: what a quantity takes off is taken out first, since
    a large order is cheap because it is large. The result is pooled with the prior.

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
    fit = _fit(cells, table)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _PriceFit:
    """What the cells say, without the prior."""

    reason: Reason = ""
    value: float = np.nan
    se: float = np.nan
    wide_se: float = np.nan
    of_orders: float = np.nan
    control: Control | None = None
    clusters: int = 0
    instruments: InstrumentCheck | None = None
    fit: CountFit | None = None
    kept: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def usable(self) -> bool:
        return bool(np.isfinite(self.value) and np.isfinite(self.wide_se))


def _fit(cells: PriceCells, instruments: FloatArray | None) -> _PriceFit:
    if len(cells) < 2 * _BLOCK_WEEKS:
        return _PriceFit(reason="too_little_data")
    places = cells.series, cells.region, cells.week
    control = time_control(cells.log_price if instruments is None else instruments, *places)
    if control is None:
        return _PriceFit(reason="prices_moved_together" if cells.price_changes else "prices_never_moved")
    kept = rows_with_sales(cells.units, control, *places)
    if len(kept) < 2 * _BLOCK_WEEKS:
        return _PriceFit(reason="too_little_data")
    smooth, groups = control_terms(control, *(place[kept] for place in places))
    regressors = np.column_stack([cells.log_price[kept], smooth])
    exposure = cells.days[kept] / 7.0
    try:
        fit = fit_counts(cells.units[kept], regressors, groups, exposure=exposure)
        orders = np.nan
        if not cells.one_line_a_day:
            orders = float(fit_counts(cells.orders[kept], regressors, groups, exposure=exposure).coefficients[0])
        check = None
        if instruments is not None:
            z = np.column_stack([instruments[kept], regressors[:, 1:]])
            check = check_instruments(cells.units[kept], regressors, z, groups, exposure, _blocks(cells)[kept], fit)
    except (RegressionError, np.linalg.LinAlgError):
        return _PriceFit(reason="no_convergence", control=control)
    covariance, clusters = clustered_covariance(fit, _clusters(cells, control)[kept])
    by_cell, _ = clustered_covariance(fit, np.arange(len(kept)))
    # Few clusters may agree by chance: the larger of two standard errors covers (Angrist, Pischke 2009, section 8.1).
    variance = max(covariance[0, 0], by_cell[0, 0])
    value, se, degrees = float(fit.coefficients[0]), float(np.sqrt(variance)), clusters - 1
    if check is not None and not check.is_weak:
        value, se, degrees = check.elasticity, check.se, check.clusters - 1
    return _PriceFit(
        value=value,
        se=se,
        # The normal posterior takes a standard error as wide as Student's t makes the interval.
        wide_se=se * student_widening(degrees),
        of_orders=orders,
        control=control,
        clusters=clusters,
        instruments=check,
        fit=fit,
        kept=kept,
    )


def _implausible(value: float) -> Reason:
    """Why an estimate is none of demand: buyers do not buy more because it costs more."""
    low, high = ELASTICITY_RANGE
    if value > high:
        return "wrong_sign"
    return "out_of_range" if value < low else ""


def _clusters(cells: PriceCells, control: Control) -> IntArray:
    """What may hang together: all of a product, else a product in a region, else eight weeks of it.

    Where no effects of weeks are taken out, all that happens in four weeks hangs together.
    """
    if control == "smooth":
        return cells.week // (_BLOCK_WEEKS // 2)
    for clusters in (cells.product, cells.series):
        if len(np.unique(clusters)) >= _FEW_CLUSTERS:
            return clusters
    return cells.series * 10_000 + cells.week // _BLOCK_WEEKS


def _blocks(cells: PriceCells) -> IntArray:
    """What may hang together where instruments move all products of a region alike: four weeks of the region."""
    return cells.region * 10_000 + cells.week // (_BLOCK_WEEKS // 2)


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
    cells: PriceCells, breaks: QuantityBreaks, dropped: Mapping[str, int], fit: _PriceFit, *, stock_known: bool
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
    if fit.control == "smooth":
        found.append(PriceFinding(code="smooth_season"))
    if fit.usable and (fit.instruments is None or fit.instruments.is_weak):
        found.append(PriceFinding(code="no_instrument"))
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
    if fit.usable and np.isfinite(fit.of_orders) and abs(fit.value - fit.of_orders) > 2.0 * fit.wide_se + 0.2:
        found.append(PriceFinding(code="orders_differ", figures={"units": fit.value, "orders": fit.of_orders}))
    return found
