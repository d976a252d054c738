"""Shops whose prices may follow demand in ways that sellers know, as canonical transactions with a known elasticity."""

import numpy as np
import polars as pl

from tests.calibration.price_shops import shop_lines
from xbopt.core.arrays import FloatArray
from xbopt.core.randomness import named_generator

_PEAKS = 6


def following_shop(
    *,
    seed: int,
    elasticity: float = -2.0,
    products: int = 12,
    countries: tuple[str, ...] = ("DE", "FR"),
    weeks: int = 52,
    pace: float = 5.0,
    own_moves: float = 0.15,
    shock_sd: float = 0.3,
    persistence: float = 0.0,
    follows_demand: float = 0.0,
    follows_sales: float = 0.0,
    markdown: float = 0.0,
    peak_deals: float = 0.0,
    peak_groups: int = 1,
    own_season: float = 0.0,
    season_price: float = 0.2,
    ageing: float = 0.0,
    week_deals: float = 0.0,
    deal_gain: float = 0.0,
    stock_outs: float = 0.0,
) -> pl.DataFrame:
    """Lines of a shop whose list prices have moves of their own, a new level every four weeks on average, and others.

    Args:
        seed: Seed.
        elasticity: Of orders to the list price.
        products: Number of products.
        countries: Countries.
        weeks: Number of weeks.
        pace: Orders a week at the usual price.
        own_moves: Standard deviation of the log list prices that nothing of demand moves; 0 for none.
        shock_sd: Standard deviation of the log shock of a product, country and week.
        persistence: Correlation of the shocks of neighbouring weeks.
        follows_demand: Log price a unit of log shock of the same week.
        follows_sales: Log price a unit of log sales of the week before, beside the usual.
        markdown: Taken off for four weeks once three weeks sold under three quarters of the usual, as a fraction.
        peak_deals: Taken off, as a fraction, in six weeks in which demand is e^.6 times as high anyway.
        peak_groups: Groups of products that have such weeks apart from each other; 1 for the whole shop.
        own_season: Log amplitude of a yearly wave of each product's demand.
        season_price: Log price a unit of that wave.
        ageing: Log demand that a product loses in ten weeks; its price falls by as much as half of that, in steps.
        week_deals: Chance of a deal of 20 % for a week, whatever demand is.
        deal_gain: What such a deal adds to the response, as an elasticity.
        stock_outs: Chance that a product is not on sale in a week.
    """
    rng = named_generator(seed, "tests/following_shop")
    size = (products, len(countries))
    usual, popular = np.exp(rng.normal(2.0, 0.5, products)), np.exp(rng.normal(0.0, 0.6, size))
    time = np.arange(weeks)[:, None]
    own = _steps(rng, weeks, products, own_moves)
    shock = rng.normal(0.0, shock_sd, (weeks, *size))
    for week in range(1, weeks):
        shock[week] = persistence * shock[week - 1] + np.sqrt(1.0 - persistence**2) * shock[week]
    wave = np.sin(2.0 * np.pi * (time / 52.0 + rng.random(products)))
    age = np.maximum(time - rng.integers(-20, 20, products), 0)
    peak, group = np.zeros((weeks, products)), rng.integers(0, peak_groups, products)
    for each in range(peak_groups if peak_deals else 0):
        peak[np.ix_(rng.choice(weeks, _PEAKS, replace=False), np.flatnonzero(group == each))] = 1.0
    deal = np.where(rng.random((weeks, products)) < week_deals, np.log(0.8), 0.0)
    planned = (
        own
        + peak * np.log1p(-peak_deals)
        + season_price * own_season * wave
        - ageing / 2.0 * np.floor(age / 10.0)
        + deal
    )
    season = 0.4 * np.sin(2.0 * np.pi * time / 52.0) + rng.normal(0.0, 0.1, (weeks, 1))
    base = season + 0.6 * peak + own_season * wave - ageing * age / 10.0 - deal_gain * deal
    price, orders = np.zeros((weeks, *size)), np.zeros((weeks, *size), dtype=np.int64)
    beside, left = np.zeros((weeks, *size)), np.zeros(size)
    for week in range(weeks):
        price[week] = planned[week][:, None] + follows_demand * shock[week]
        if follows_sales and week:
            price[week] += follows_sales * beside[week - 1]
        if markdown and week >= 3:
            slow = (beside[week - 3 : week].mean(axis=0) < np.log(0.75)) & (left == 0)
            left = np.where(slow, 4, left)
            price[week] += np.where(left > 0, np.log1p(-markdown), 0.0)
            left = np.maximum(left - 1, 0)
        mean = pace * popular * np.exp(base[week][:, None] + shock[week] - shock_sd**2 / 2 + elasticity * price[week])
        orders[week] = rng.poisson(mean) * (rng.random(size) >= stock_outs)
        beside[week] = np.log(orders[week] + 0.5) - np.log(pace * popular) - season[week]
    return shop_lines(orders, usual[:, None] * np.exp(price), countries, rng)


def _steps(rng: np.random.Generator, weeks: int, products: int, sd: float) -> FloatArray:
    """Levels ``(weeks, products)`` that stay for four weeks on average."""
    change, level = rng.random((weeks, products)) < 0.25, rng.normal(0.0, sd, (weeks, products))
    change[0] = True
    kept = np.maximum.accumulate(np.where(change, np.arange(weeks)[:, None], 0), axis=0)
    return np.take_along_axis(level, kept, axis=0)
