"""Small tables of orders, and simulated customers who buy as the BG/NBD model says."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from xbopt.calibration.customers.purchases import RepeatSummary

FIRST = date(2025, 1, 1)


def line(order: str, customer: str | None, day: int, sku: str = "lamp", quantity: float = 1.0, **other: object) -> dict:
    """One line of an order, sold for 10 a piece."""
    when = FIRST + timedelta(days=day)
    row = {
        "date": when,
        "order_id": order,
        "customer": customer,
        "status": "sold",
        "country": "DE",
        "sku": sku,
        "product": sku,
        "quantity": quantity,
        "unit_price": 10.0,
        "discount": None,
        "promotion": None,
        "currency": "EUR",
    }
    return row | other


def table(*lines: dict) -> pl.DataFrame:
    """Orders of lines."""
    return pl.DataFrame(list(lines), infer_schema_length=None)


def simulated_summary(
    people: int, parameters: tuple[float, float, float, float], days: float, seed: int
) -> RepeatSummary:
    """Customers won evenly over the first third of the days, who buy as the model says."""
    r, alpha, a, b = parameters
    generator = np.random.default_rng(seed)
    age = days - generator.uniform(0.0, days / 3.0, people)
    rate = generator.gamma(r, 1.0 / alpha, people)
    leave = generator.beta(a, b, people)
    again, last, second = np.zeros(people, dtype=np.int64), np.zeros(people), np.zeros(people)
    now, there = np.zeros(people), np.ones(people, dtype=np.bool_)
    while there.any():
        now = now + generator.exponential(1.0 / np.maximum(rate, 1e-12))
        bought = there & (now <= age)
        again[bought] += 1
        last[bought] = now[bought]
        second = np.where(bought & (again == 1), now, second)
        there = bought & (generator.uniform(size=people) >= leave)
    return RepeatSummary(
        again=again,
        last=last,
        age=age,
        mean_value=np.where(again > 0, 20.0, 0.0),
        offer=np.zeros(people, dtype=np.bool_),
        cohort=np.zeros(people, dtype=np.int64),
        second=second,
        burn_in_days=0,
    )


def simulated_orders(people: int, days: int, seed: int) -> pl.DataFrame:
    """Orders of a shop with two kinds of customers: small baskets, and large ones of dear goods."""
    generator = np.random.default_rng(seed)
    rows = []
    for who in range(people):
        is_large = who % 2 == 0
        start = int(generator.integers(0, days - 1))
        gaps = generator.geometric(0.02 if is_large else 0.01, size=12)
        for number, day in enumerate((start + np.concatenate([[0], np.cumsum(gaps)])).tolist()):
            if day < days:
                price = generator.lognormal(np.log(80.0 if is_large else 8.0), 0.2)
                units = float(generator.integers(3, 6) if is_large else 1)
                rows.append(line(f"{who}-{number}", f"c{who}", day, unit_price=float(price), quantity=units))
    return table(*rows)
