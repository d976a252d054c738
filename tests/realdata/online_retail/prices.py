"""Unit prices, and the slope of quantity on price within products."""

import numpy as np

from tests.realdata.online_retail.transactions import FloatArray, IntArray, Lines

BAND_EDGES_GBP: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0, 10.0)


def price_figures(lines: Lines) -> dict[str, object]:
    """Unit prices by line and by unit sold, and the share of revenue by price band (lower edge included)."""
    value = lines.value_gbp
    band = np.digitize(lines.price_gbp, BAND_EDGES_GBP)
    share = np.bincount(band, value, minlength=len(BAND_EDGES_GBP) + 1) / value.sum()
    edges = ["0", *(f"{edge:g}" for edge in BAND_EDGES_GBP)]
    names = [f"{low}-{high}" for low, high in zip(edges, [*edges[1:], ""], strict=True)]
    return {
        "median_gbp": float(np.median(lines.price_gbp)),
        "mean_gbp": float(lines.price_gbp.mean()),
        "mean_per_unit_gbp": float(value.sum() / lines.quantity.sum()),
        "revenue_share_by_band_gbp": dict(zip(names, share.tolist(), strict=True)),
        "products": len(np.unique(lines.product)),
    }


def _within(values: FloatArray, group: IntArray) -> FloatArray:
    """Subtract group means; ``values`` is ``(N,)`` or ``(N, K)``."""
    counts = np.bincount(group)
    columns = values.reshape(len(group), -1)
    means = np.stack([np.bincount(group, column) for column in columns.T], axis=1) / counts[:, None]
    return (columns - means[group]).reshape(values.shape)


def within_slope(y: FloatArray, x: FloatArray, product: IntArray, period: IntArray) -> dict[str, float]:
    """Slope of ``y`` on ``x`` with product and period fixed effects, standard error clustered by product.

    Frisch-Waugh-Lovell: product means and period dummies are taken out of both sides, then one regression
    is left. The error is the sandwich of Liang and Zeger (Biometrika 1986) with the factor G/(G-1). All
    arrays are ``(N,)``.

    Raises:
        ValueError: The price never moves within a product and period.
    """
    product = np.unique(product, return_inverse=True)[1].astype(np.int64)
    period = np.unique(period, return_inverse=True)[1].astype(np.int64)
    sides = _within(np.stack([y, x], axis=1), product)
    if period.max() > 0:
        dummies = _within(np.eye(int(period.max()) + 1)[period][:, 1:], product)
        sides = sides - dummies @ np.linalg.lstsq(dummies, sides, rcond=None)[0]
    y_left, x_left = sides[:, 0], sides[:, 1]
    power = float(x_left @ x_left)
    if power <= 1e-12 * len(x):
        raise ValueError("the regressor does not move within a product and period")
    slope = float(x_left @ y_left) / power
    scores = np.bincount(product, x_left * (y_left - slope * x_left))
    groups = len(scores)
    error = float(np.sqrt(groups / (groups - 1) * (scores @ scores))) / power
    return {"slope": slope, "standard_error": error, "observations": len(y), "products": groups}


def elasticity_figures(lines: Lines) -> dict[str, object]:
    """Within-product slopes at product-week level, product and calendar-month effects.

    ``units_on_unit_value``: log units on log (revenue / units). ``units_on_median_price``: the same on the log
    of the week's median line price. ``lines_on_median_price``: log number of order lines, which a large order
    does not inflate. ``line_price_on_line_quantity`` turns it round, line by line: the discount tiers.
    None is causal: the price falls with the quantity on a line, so quantity sets price too.
    """
    week = lines.day // 7
    cells, index = np.unique(np.stack([lines.product, week], axis=1), axis=0, return_inverse=True)
    rank = np.lexsort((lines.price_gbp, index))
    count = np.bincount(index)
    start = np.cumsum(count) - count
    ordered = lines.price_gbp[rank]
    median = 0.5 * (ordered[start + (count - 1) // 2] + ordered[start + count // 2])
    units = np.bincount(index, lines.quantity)
    unit_value = np.bincount(index, lines.value_gbp) / units
    product = cells[:, 0]
    # Year and month together: December 2010 and December 2011 are two periods.
    first = cells[:, 1] * 7
    period = first.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    tier = within_slope(np.log(lines.price_gbp), np.log(lines.quantity), lines.product, _year_month(lines.day))
    return {
        "units_on_unit_value": within_slope(np.log(units), np.log(unit_value), product, period),
        "units_on_median_price": within_slope(np.log(units), np.log(median), product, period),
        "lines_on_median_price": within_slope(np.log(count), np.log(median), product, period),
        "line_price_on_line_quantity": tier,
        "causal": False,
        "why_not": "Unit prices fall with the quantity on a line (discount tiers), and retail and wholesale "
        "price lists mix within a product-week, so quantity sets price as well as price sets quantity. "
        "Report these slopes; do not use them as elasticities.",
    }


def _year_month(day: IntArray) -> IntArray:
    """Months since 1970-01; ``day`` counts from 1970-01-01."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
