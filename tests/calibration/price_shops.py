"""Shops with a known price elasticity, as canonical transactions."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import named_generator

FIRST = date(2024, 1, 1)


def price_shop(
    *,
    seed: int,
    elasticity: float = -2.0,
    products: int = 12,
    countries: tuple[str, ...] = ("DE", "FR"),
    weeks: int = 40,
    pace: float = 5.0,
    price_moves: float = 0.15,
    together: bool = False,
    breaks: float = 0.0,
    shock_sd: float = 0.3,
    follows_demand: float = 0.0,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines of a shop, and its unit costs.

    Orders of a product, country and week are Poisson with mean ``pace exp(season + shock) (price / usual)^elasticity``;
    quantities are 1, 2, 6 or 12 whatever the price.

    Args:
        seed: Seed.
        elasticity: Of orders to the list price.
        products: Number of products.
        countries: Countries.
        weeks: Number of weeks.
        pace: Orders a week at the usual price.
        price_moves: Standard deviation of log list prices, a new one every four weeks on average.
        together: Whether all products change their prices alike.
        breaks: What a dozen costs less a piece, as a fraction; a half dozen costs half of that less.
        shock_sd: Standard deviation of the log shock of a product, country and week.
        follows_demand: Log price a unit of log shock: a seller who asks more when demand is high.
    """
    rng = named_generator(seed, "tests/price_shop")
    usual = np.exp(rng.normal(2.0, 0.5, products))
    popular = np.exp(rng.normal(0.0, 0.6, (products, len(countries))))
    season = 0.4 * np.sin(2.0 * np.pi * np.arange(weeks) / 52.0) + rng.normal(0.0, 0.1, weeks)
    change = rng.random((weeks, products)) < 0.25
    level = rng.normal(0.0, price_moves, (weeks, products))
    if together:
        change, level = np.tile(change[:, :1], products), np.tile(level[:, :1], products)
    change[0] = True
    kept = np.maximum.accumulate(np.where(change, np.arange(weeks)[:, None], 0), axis=0)
    cost = np.take_along_axis(level, kept, axis=0)
    shock = rng.normal(0.0, shock_sd, (weeks, products, len(countries)))
    log_price = cost[:, :, None] + follows_demand * shock
    mean = pace * popular * np.exp(season[:, None, None] + shock - shock_sd**2 / 2 + elasticity * log_price)
    orders = rng.poisson(mean)
    lines = shop_lines(orders, usual[:, None] * np.exp(log_price), countries, rng, breaks)
    costs = pl.DataFrame(
        {
            "date": [FIRST + timedelta(weeks=w) for w in range(weeks) for _ in range(products)],
            "sku": [f"p{p:02d}" for _ in range(weeks) for p in range(products)],
            "cost": (usual * np.exp(cost)).ravel(),
        }
    )
    return lines, costs


def shop_lines(
    orders: IntArray, price: FloatArray, countries: tuple[str, ...], rng: np.random.Generator, breaks: float = 0.0
) -> pl.DataFrame:
    """Lines of orders and prices, both ``(weeks, products, countries)``; quantities are 1, 2, 6 or 12."""
    week, product, place = (np.repeat(part.ravel(), orders.ravel()) for part in np.indices(orders.shape))
    quantity = rng.choice([1, 2, 6, 12], size=len(week), p=[0.4, 0.3, 0.2, 0.1])
    off = np.select([quantity == 12, quantity == 6], [breaks, breaks / 2.0], 0.0)
    day = [FIRST + timedelta(days=int(7 * w + d)) for w, d in zip(week, rng.integers(0, 7, len(week)), strict=True)]
    return pl.DataFrame(
        {
            "date": day,
            "order_id": [f"o{i}" for i in range(len(day))],
            "sku": [f"p{p:02d}" for p in product],
            "country": [countries[c] for c in place],
            "quantity": quantity.astype(float),
            "unit_price": price[week, product, place] * (1.0 - off),
            "currency": ["EUR"] * len(day),
        }
    )
