"""Small tables of orders, and simulated customers who buy as the BG/NBD model says."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from xbopt.calibration.customers.customer_types import CustomerTypes
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


def summary_of(again: ArrayLike, last: ArrayLike, age: ArrayLike, value: ArrayLike | None = None) -> RepeatSummary:
    """A summary of so many purchases after the first, the last at, watched up to, worth on average."""
    people = len(np.asarray(again))
    return RepeatSummary(
        again=np.asarray(again, dtype=np.int64),
        last=np.asarray(last, dtype=np.float64),
        age=np.asarray(age, dtype=np.float64),
        mean_value=np.zeros(people) if value is None else np.asarray(value, dtype=np.float64),
        offer=np.zeros(people, dtype=np.bool_),
        cohort=np.zeros(people, dtype=np.int64),
        second=np.zeros(people),
        burn_in_days=0,
    )


def cdnow_summary(data: Path) -> RepeatSummary:
    """The 2,357 customers of CDNOW's sample, in weeks."""
    rows = pl.read_csv(data / "cdnow" / "cdnow_customers_summary_with_transactions.csv")
    return summary_of(*(rows[name].to_numpy() for name in ("x", "t_x", "T", "zbar")))


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


def simulated_types(types: CustomerTypes, people: int, days: int, seed: int) -> RepeatSummary:
    """Customers won evenly over three quarters of the days, of types that order and leave by the day."""
    generator = np.random.default_rng(seed)
    kind = generator.choice(len(types.share), size=people, p=types.share)
    rate, leave = -np.log1p(-types.order_rate)[kind], -np.log1p(-types.dropout)[kind]
    age = days - generator.uniform(0.0, 0.75 * days, people)
    stay = np.minimum(generator.exponential(1.0 / leave), age)
    again = generator.poisson(rate * stay)
    # The last of x purchases, even over the stay, lies at its x-th root.
    last = np.where(again > 0, stay * generator.uniform(size=people) ** (1.0 / np.maximum(again, 1)), 0.0)
    return RepeatSummary(
        again=again.astype(np.int64),
        last=last,
        age=age,
        mean_value=np.where(again > 0, 20.0, 0.0),
        offer=np.zeros(people, dtype=np.bool_),
        cohort=np.zeros(people, dtype=np.int64),
        second=np.where(again == 1, last, 0.0),
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
