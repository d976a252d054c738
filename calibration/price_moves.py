"""Moves of prices: which last, whether they follow demand, and what lasting swings of demand may do unseen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xbopt.calibration.absorbed_effects import Effects, OwnSlopes, absorb
from xbopt.calibration.count_regression import CountFit, fit_counts
from xbopt.calibration.demand_swings import following_error, swing_covariance
from xbopt.calibration.price_cells import PriceCells
from xbopt.core.arrays import FloatArray, IntArray

_FAR_WEEKS = (2, 3, 4)
WEEKS_BESIDE = (-4, -3, -2, -1, 1, 2, 3, 4)
"""Weeks whose prices the test of following looks at."""
_LEAST_MOVE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitMoves:
    """Log prices less the effects ``(N,)``, in two parts.

    Attributes:
        lasting: What the prices of the weeks before and after say of a week's price.
        fleeting: The rest: what was there for a week only.
        share: Of the movement, how much lasts.
    """

    lasting: FloatArray = field(repr=False)
    fleeting: FloatArray = field(repr=False)
    share: float


def log_price_at(cells: PriceCells, weeks: int) -> FloatArray:
    """Log price of each cell's product so many weeks later ``(N,)``; NaN where it is not known."""
    span = int(cells.week.max(initial=0)) + 1
    known = np.full((int(cells.series.max(initial=0)) + 1, span), np.nan)
    known[cells.series, cells.week] = cells.log_price
    at = cells.week + weeks
    return np.where((at >= 0) & (at < span), known[cells.series, np.clip(at, 0, span - 1)], np.nan)


def split_moves(cells: PriceCells, rows: IntArray, groups: Sequence[Effects]) -> SplitMoves | None:
    """The parts of the prices of some rows; None where nothing is left of them.

    A swing of demand that lasts a week moves the price of that week and not those beside it, so that the part that
    these predict is free of it (the price's own past and future as instruments: Hausman, Taylor 1981, section 2).
    Demand regressed on both parts tells each its own response, which is two-stage residual inclusion (Terza, Basu,
    Rathouz 2008).
    """
    columns = np.column_stack([cells.log_price, log_price_at(cells, -1), log_price_at(cells, 1)])[rows]
    left = absorb(columns, groups, np.ones(len(rows)))
    own, beside = left[:, 0], left[:, 1:]
    size = float(own @ own)
    if not size > _LEAST_MOVE**2 * len(rows):
        return None
    lasting: FloatArray = beside @ np.linalg.lstsq(beside, own, rcond=None)[0]
    return SplitMoves(lasting=lasting, fleeting=own - lasting, share=float(lasting @ lasting) / size)


def later_against_earlier(cells: PriceCells, rows: IntArray, groups: Sequence[Effects]) -> CountFit:
    """Sales on prices of their own week and beside it, and, last, on later prices less earlier ones: two regressors.

    Sales do not know later prices better than earlier ones, unless sellers set prices by the sales that they saw (the
    test of strict exogeneity of Wooldridge 2010, section 10.7.1, against the mirror of each lead, so that prices read
    with an error, or raised in a busy week only, do not fail it: `split_moves` deals with both).

    Args:
        cells: Cells.
        rows: Rows of which the prices of `WEEKS_BESIDE` are known.
        groups: Effects.

    Raises:
        RegressionError: It does not converge.
    """
    price = {weeks: log_price_at(cells, weeks)[rows] for weeks in (0, *WEEKS_BESIDE)}
    far = [np.mean([price[side * weeks] for weeks in _FAR_WEEKS], axis=0) for side in (1, -1)]
    columns = [price[0], price[1] + price[-1], far[0] + far[1], price[1] - price[-1], far[0] - far[1]]
    return fit_counts(cells.units[rows], np.column_stack(columns), groups, exposure=cells.days[rows] / 7.0)


def rows_beside(cells: PriceCells, *weeks: int) -> IntArray:
    """Rows whose price is known so many weeks later, for all of these."""
    return np.flatnonzero(np.isfinite(sum(log_price_at(cells, each) for each in weeks)))


def swing_error(fit: CountFit, own: OwnSlopes, week: IntArray) -> float:
    """Standard error that lasting swings of demand add to the response to lasting moves of prices.

    Args:
        fit: A fit of orders, or of pieces where these are all there is, whose first regressor is the price.
        own: The effects of series in it; rows sorted by series, weeks in order.
        week: Number of the week ``(N,)``.
    """
    demand, pair, weight = swing_covariance(fit, own, week)
    if not len(weight):
        return float("inf")
    price = float((np.sqrt(weight) * fit.regressors[pair, 0].prod(axis=0)).sum() / np.sqrt(weight).sum())
    return following_error(demand, price)
