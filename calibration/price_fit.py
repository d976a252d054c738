"""The regression behind a price elasticity: which rows, which effects, which moves of prices, which errors."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xbopt.calibration.absorbed_effects import OwnSlopes, RegressionError
from xbopt.calibration.count_regression import CountFit, chance_of_zero, clustered_covariance, fit_counts
from xbopt.calibration.demand_swings import FOLLOWS_CHANCE
from xbopt.calibration.intervals import student_widening
from xbopt.calibration.price_cells import PriceCells
from xbopt.calibration.price_instruments import InstrumentCheck, check_instruments
from xbopt.calibration.price_moves import (
    WEEKS_BESIDE,
    later_against_earlier,
    rows_beside,
    split_moves,
    swing_error,
)
from xbopt.calibration.time_controls import (
    Control,
    control_terms,
    numbered,
    own_courses,
    rows_with_sales,
    time_control,
)
from xbopt.core.arrays import FloatArray, IntArray

Reason = Literal[
    "",
    "prices_never_moved",
    "prices_moved_together",
    "common_moves",
    "prices_follow_demand",
    "too_little_data",
    "no_convergence",
    "wide",
    "wrong_sign",
    "out_of_range",
]
_FEW_CLUSTERS = 20
_BLOCK_WEEKS = 8
_LEAST_ROWS = 2 * _BLOCK_WEEKS


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFit:
    """What the cells say, without the prior.

    Attributes:
        reason: Why nothing is measured; empty where something may be.
        value: Elasticity of pieces to prices that last, or to what instruments move.
        se: Its standard error.
        wide_se: The same, wide enough for a normal posterior, and with what swings of demand may do.
        swing_se: What of it lasting swings of demand may do.
        of_orders: The same elasticity of orders; NaN where orders are unknown.
        fleeting: Response to prices that were there for a week only; NaN where instruments tell.
        fleeting_differs: Whether it differs from `value` beyond chance.
        lasting_share: Share of the prices' movement that lasts.
        follows_chance: Chance of what later prices say of sales if prices did not follow demand.
        control: Which movements over time are taken out.
        clusters: Number of clusters behind the standard error.
        instruments: What the instruments say; None without any.
        fit: The regression; its first regressor is what `value` belongs to.
        kept: Rows of the cells in it.
    """

    reason: Reason = ""
    value: float = np.nan
    se: float = np.nan
    wide_se: float = np.nan
    swing_se: float = 0.0
    of_orders: float = np.nan
    fleeting: float = np.nan
    fleeting_differs: bool = False
    lasting_share: float = np.nan
    follows_chance: float = np.nan
    control: Control | None = None
    clusters: int = 0
    instruments: InstrumentCheck | None = None
    fit: CountFit | None = field(default=None, repr=False)
    kept: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False)

    @property
    def usable(self) -> bool:
        """Whether there is a figure with an error."""
        return bool(np.isfinite(self.value) and np.isfinite(self.wide_se))


def fit_prices(cells: PriceCells, instruments: FloatArray | None) -> PriceFit:
    """Fit cells, with instruments ``(N, Z)`` where they are strong enough."""
    if len(cells) < _LEAST_ROWS:
        return PriceFit(reason="too_little_data")
    places = cells.series, cells.region, cells.week
    weak = None
    try:
        if instruments is not None:
            told = _with_instruments(cells, instruments)
            if told.instruments is None or not told.instruments.is_weak:
                return told
            weak = told.instruments
        control = time_control(cells.log_price, *places, cells.tick)
        if control is None:
            return PriceFit(
                reason="prices_moved_together" if cells.price_changes else "prices_never_moved", instruments=weak
            )
        if control == "smooth":
            return PriceFit(reason="common_moves", control=control, instruments=weak)
        return _of_lasting_moves(cells, control, weak)
    except (RegressionError, np.linalg.LinAlgError):
        return PriceFit(reason="no_convergence", instruments=weak)


def _of_lasting_moves(cells: PriceCells, control: Control, weak: InstrumentCheck | None) -> PriceFit:
    """Fit with the lasting and the fleeting part of prices beside each other, and look for following."""
    kept = _usable_rows(cells, control, rows_beside(cells, -1, 1))
    if len(kept) < _LEAST_ROWS:
        return PriceFit(reason="too_little_data", control=control, instruments=weak)
    groups = _effects(cells, control, kept)
    moves = split_moves(cells, kept, groups)
    if moves is None:
        return PriceFit(reason="prices_moved_together", control=control, instruments=weak)
    parts, exposure = np.column_stack([moves.lasting, moves.fleeting]), cells.days[kept] / 7.0
    fit = fit_counts(cells.units[kept], parts, groups, exposure=exposure)
    orders = None if cells.one_line_a_day else fit_counts(cells.orders[kept], parts, groups, exposure=exposure)
    contrast = np.array([1.0, -1.0])
    covariance, clusters = _widest_covariance(cells, control, fit, kept)
    gap_error = float(np.sqrt(contrast @ covariance @ contrast)) * student_widening(clusters - 1)
    se = float(np.sqrt(covariance[0, 0]))
    counts = cells.units if cells.one_line_a_day else cells.orders
    whole = fit_counts(counts[kept], cells.log_price[kept, None], groups, exposure=exposure)
    swing = swing_error(whole, groups[0], cells.week[kept])
    chance = _following(cells, control)
    value, fleeting = (float(each) for each in fit.coefficients)
    return PriceFit(
        reason="prices_follow_demand" if chance < FOLLOWS_CHANCE else "",
        value=value,
        se=se,
        # The normal posterior takes a standard error as wide as Student's t makes the interval.
        wide_se=float(np.hypot(se * student_widening(clusters - 1), swing)),
        swing_se=swing,
        of_orders=np.nan if orders is None else float(orders.coefficients[0]),
        fleeting=fleeting,
        fleeting_differs=abs(fleeting - value) > 1.96 * gap_error,
        lasting_share=moves.share,
        follows_chance=chance,
        control=control,
        clusters=clusters,
        instruments=weak,
        fit=fit,
        kept=kept,
    )


def _with_instruments(cells: PriceCells, instruments: FloatArray) -> PriceFit:
    """Fit with instruments, whose moves demand has not set whenever they came."""
    places = cells.series, cells.region, cells.week
    control = time_control(instruments, *places)
    if control is None:
        return PriceFit(reason="prices_moved_together" if cells.price_changes else "prices_never_moved")
    kept = rows_with_sales(cells.units, control, *places)
    if len(kept) < _LEAST_ROWS:
        return PriceFit(reason="too_little_data", control=control)
    smooth, groups = control_terms(control, *(place[kept] for place in places))
    regressors, exposure = np.column_stack([cells.log_price[kept], smooth]), cells.days[kept] / 7.0
    fit = fit_counts(cells.units[kept], regressors, groups, exposure=exposure)
    z = np.column_stack([instruments[kept], regressors[:, 1:]])
    check = check_instruments(cells.units[kept], regressors, z, groups, exposure, _blocks(cells)[kept], fit)
    orders = np.nan
    if not cells.one_line_a_day:
        orders = float(fit_counts(cells.orders[kept], regressors, groups, exposure=exposure).coefficients[0])
    return PriceFit(
        value=check.elasticity,
        se=check.se,
        wide_se=check.se * student_widening(check.clusters - 1),
        of_orders=orders,
        control=control,
        clusters=check.clusters,
        instruments=check,
        fit=fit,
        kept=kept,
    )


def _following(cells: PriceCells, control: Control) -> float:
    """Chance of no following, by the most careful clusters; NaN where later prices are known of too few rows."""
    rows = _usable_rows(cells, control, rows_beside(cells, *WEEKS_BESIDE))
    if len(rows) < _LEAST_ROWS:
        return np.nan
    fit = later_against_earlier(cells, rows, _effects(cells, control, rows))
    return max(chance_of_zero(fit, slice(-2, None), clusters[rows]) for clusters in _all_clusters(cells, control))


def _usable_rows(cells: PriceCells, control: Control, rows: IntArray) -> IntArray:
    return rows[rows_with_sales(cells.units[rows], control, cells.series[rows], cells.region[rows], cells.week[rows])]


def _effects(cells: PriceCells, control: Control, rows: IntArray) -> tuple[OwnSlopes, IntArray]:
    """Each product's own course in a region, and each week in a region or everywhere."""
    _, (_, period) = control_terms(control, cells.series[rows], cells.region[rows], cells.week[rows])
    courses = own_courses(cells.series, cells.week)
    return OwnSlopes(group=numbered(courses.group[rows]), columns=courses.columns[rows]), period


def _widest_covariance(cells: PriceCells, control: Control, fit: CountFit, kept: IntArray) -> tuple[FloatArray, int]:
    """The covariance that makes the elasticity's error largest, and its number of clusters.

    Few clusters may agree by chance: the larger of several errors covers (Angrist, Pischke 2009, section 8.1).
    """
    told = [clustered_covariance(fit, clusters[kept]) for clusters in _all_clusters(cells, control)]
    return max(told, key=lambda one: float(one[0][0, 0]) * student_widening(one[1] - 1) ** 2)


def _all_clusters(cells: PriceCells, control: Control) -> list[IntArray]:
    """What may hang together: a product; all products for four weeks; a week of a product only.

    Where prices differ between regions only, four weeks of a region are what moves, whatever the number of products.
    """
    single = np.arange(len(cells))
    if control == "region_week":
        return [_clusters(cells), cells.week // (_BLOCK_WEEKS // 2), single]
    return [_blocks(cells), single]


def _clusters(cells: PriceCells) -> IntArray:
    """What may hang together: all of a product, else a product in a region, else eight weeks of it."""
    for clusters in (cells.product, cells.series):
        if len(np.unique(clusters)) >= _FEW_CLUSTERS:
            return clusters
    return cells.series * 10_000 + cells.week // _BLOCK_WEEKS


def _blocks(cells: PriceCells) -> IntArray:
    """What may hang together where something moves all products of a region alike: four weeks of the region."""
    return cells.region * 10_000 + cells.week // (_BLOCK_WEEKS // 2)
