"""Instruments of the price: what moves it and not demand, and whether that is strong enough to be used."""

# polars declares many results as unions that no checker narrows.
# pyright: reportUnknownMemberType=false

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from xbopt.calibration.absorbed_effects import absorb
from xbopt.calibration.count_regression import CountFit, clustered_covariance, fit_counts
from xbopt.calibration.price_cells import PriceCells
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

WEAK_F = 10.0
"""First-stage F below which instruments are weak (Staiger, Stock 1997)."""
_KEYS = ("date", "country", "sku")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentCheck:
    """What the instruments say.

    Attributes:
        elasticity: The elasticity by two-stage least squares; NaN where they are too weak to be used.
        se: Its clustered standard error.
        clusters: Number of clusters.
        first_stage_f: F of the instruments in the first stage, robust to clustering.
        endogeneity_p: Chance of so large a difference to the plain estimate if prices did not follow demand.
    """

    elasticity: float
    se: float
    clusters: int
    first_stage_f: float
    endogeneity_p: float

    @property
    def is_weak(self) -> bool:
        """Whether they move the price too little to be relied on."""
        return not self.first_stage_f >= WEAK_F


def instruments_of_cells(cells: PriceCells, instruments: "pl.DataFrame", first_week: object) -> FloatArray:
    """Weekly means of the instruments for each cell ``(N, Z)``, in logs where all are above 0.

    Raises:
        UsageError: The table has no date, no number, or lacks a week.
    """
    import polars as pl

    columns = [name for name, kind in instruments.schema.items() if name not in _KEYS and kind.is_numeric()]
    if "date" not in instruments.columns or not columns:
        raise UsageError("The instruments need a date and a column of numbers each.")
    keys = [name for name in _KEYS[1:] if name in instruments.columns]
    names = {"country": "region", "sku": "product"}
    weekly = (
        instruments.with_columns(
            pl.col("date").cast(pl.Date).dt.truncate("1w"),
            *(pl.col(key).cast(pl.String) for key in keys),
        )
        .group_by("date", *keys)
        .agg(pl.col(name).cast(pl.Float64).mean() for name in columns)
        .rename({key: names[key] for key in keys})
    )
    places = pl.DataFrame(
        {
            "at": np.arange(len(cells)),
            "product": np.array(cells.products, dtype=object)[cells.product].tolist(),
            "region": np.array(cells.regions, dtype=object)[cells.region].tolist(),
            "week": cells.week,
        }
    ).with_columns((pl.lit(first_week) + pl.duration(weeks=pl.col("week"))).cast(pl.Date).alias("date"))
    joined = places.join(weekly, on=["date", *(names[key] for key in keys)], how="left").sort("at")
    lacking = joined.filter(pl.any_horizontal(pl.col(name).is_null() for name in columns))
    if lacking.height:
        where = f"{lacking['region'][0]} in the week of {lacking['date'][0]}"
        raise UsageError(f"The instruments say nothing about {where}; give a value for every week and region.")
    values = joined.select(columns).to_numpy().astype(np.float64)
    return np.where((values > 0.0).all(axis=0), np.log(np.maximum(values, 1e-300)), values)


def check_instruments(
    counts: FloatArray,
    regressors: FloatArray,
    instruments: FloatArray,
    groups: list[IntArray],
    exposure: FloatArray,
    clusters: IntArray,
    plain: CountFit,
) -> InstrumentCheck:
    """Estimate with instruments, and say how strong they are.

    Args:
        counts: ``(N,)``.
        regressors: ``(N, K)``; the first is the price, the others are their own instruments.
        instruments: ``(N, Z + K - 1)``, those others included.
        groups: Groups whose effects are absorbed.
        exposure: ``(N,)``.
        clusters: What may hang together.
        plain: The fit without instruments.

    Raises:
        RegressionError: The estimate does not converge.
    """
    ones = np.ones(len(counts))
    others = regressors.shape[1] - 1
    own = instruments.shape[1] - others
    within = absorb(np.column_stack([regressors[:, :1], instruments]), groups, ones)
    price, z = within[:, 0], within[:, 1:]
    beta = np.linalg.lstsq(z, price, rcond=None)[0]
    bread = np.linalg.pinv(z.T @ z)
    names, place = np.unique(clusters, return_inverse=True)
    scores = z * (price - z @ beta)[:, None]
    sums = np.column_stack([np.bincount(place, scores[:, k], len(names)) for k in range(z.shape[1])])
    small = len(names) / max(len(names) - 1, 1)
    covariance = small * (bread @ (sums.T @ sums) @ bread)[:own, :own]
    strength = float(beta[:own] @ np.linalg.pinv(covariance) @ beta[:own]) / own
    if not strength >= WEAK_F:
        unknown = float("nan")
        return InstrumentCheck(
            elasticity=unknown, se=unknown, clusters=len(names), first_stage_f=strength, endogeneity_p=unknown
        )
    fit = fit_counts(counts, regressors, groups, exposure=exposure, instruments=instruments)
    own_covariance, count = clustered_covariance(fit, clusters)
    plain_covariance, _ = clustered_covariance(plain, clusters)
    value, se = float(fit.coefficients[0]), float(np.sqrt(own_covariance[0, 0]))
    # Hausman (1978): under exogeneity the plain estimate is the efficient one.
    excess = own_covariance[0, 0] - plain_covariance[0, 0]
    gap = (value - float(plain.coefficients[0])) ** 2
    chance = float(stats.chi2.sf(gap / excess, 1)) if excess > 0.0 else 1.0
    return InstrumentCheck(elasticity=value, se=se, clusters=count, first_stage_f=strength, endogeneity_p=chance)
