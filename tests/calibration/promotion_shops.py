"""Weekly panels of shops whose promotions have a known bump and dip."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from xbopt.core.randomness import named_generator


def promotion_shop(
    *,
    seed: int,
    regions: int = 8,
    weeks: int = 78,
    chance: float = 0.12,
    depth: float = 0.2,
    bump: float = 3.0,
    dip: float = -0.3,
    pace: float = 40.0,
    together: bool = False,
    every: int | None = None,
    shock_sd: float = 0.1,
    persistence: float = 0.0,
    follows_demand: float = 0.0,
    peaks: float = 0.0,
) -> pl.DataFrame:
    """A daily panel: log orders rise by ``bump`` x in a promotion's week, x = -log(1 - depth), and by ``dip`` x in each
    of the four weeks after it.

    Args:
        seed: Seed.
        regions: Number of regions.
        weeks: Number of weeks.
        chance: Of a promotion in a week.
        depth: Discount.
        bump: Response in its own week.
        dip: Response in each of the four weeks after.
        pace: Orders a week.
        together: Whether all regions have their promotions at once.
        every: A promotion every so many weeks instead, a week earlier in each region than in the one before.
        shock_sd: Standard deviation of the log shock of a week in a region.
        persistence: Correlation of the shocks of neighbouring weeks.
        follows_demand: Promotions lie where ``follows_demand`` standardised shocks and a standard normal are largest.
        peaks: Log demand that weeks with a promotion anywhere have in all regions, promotion or not.
    """
    rng = named_generator(seed, "tests/promotion_shop")
    on = rng.random((regions, weeks)) < chance
    if every is not None:
        on = (np.arange(weeks) + np.arange(regions)[:, None]) % every == 0
    shock = rng.normal(0.0, 1.0, (regions, weeks))
    for week in range(1, weeks):
        shock[:, week] = persistence * shock[:, week - 1] + np.sqrt(1.0 - persistence**2) * shock[:, week]
    if follows_demand:
        wish = follows_demand * shock + rng.normal(0.0, 1.0, shock.shape)
        on = wish > np.quantile(wish, 1.0 - chance)
    on = np.broadcast_to(on[:1] if together else on, (regions, weeks))
    x = np.where(on, -np.log1p(-depth), 0.0)
    effect = bump * x
    for lag in range(1, 5):
        effect[:, lag:] += dip * x[:, :-lag]
    season = 0.3 * np.sin(2.0 * np.pi * np.arange(weeks) / 52.0)
    season = season + peaks * on.any(axis=0)
    orders = rng.poisson(pace * np.exp(season + shock_sd * shock + effect))
    rows = [
        (
            date(2023, 1, 2) + timedelta(days=7 * w + d),
            f"r{r}",
            float(orders[r, w]) if d == 0 else 0.0,
            depth * on[r, w],
        )
        for r in range(regions)
        for w in range(weeks)
        for d in range(7)
    ]
    return pl.DataFrame(rows, schema=["date", "region", "orders", "discount_frac"], orient="row")


def true_pull_forward(depth: float = 0.2, bump: float = 3.0, dip: float = -0.3) -> float:
    """Share of the bump that the four weeks after lose."""
    x = -np.log1p(-depth)
    return float(-4.0 * np.expm1(dip * x) / np.expm1(bump * x))
