"""What reviews, returns and service contacts say of a shop, as a monthly index by region.

The index is in standard deviations of single scores around the shop's own mean, so that 0 is the shop as usual, as in
``market.regions.sentiment`` of a scenario. Months of few scores are drawn to 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import log

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import first_and_last_day
from xbopt.core.arrays import FloatArray

PRIOR_SCORES = 20.0
"""A month's mean is drawn to the usual one as if so many usual scores had been seen besides."""
PRIOR_EVENTS = 10.0
"""The same for rates of returns and contacts."""
LEAST_MONTHS = 12
LARGEST = 2.0
_DAYS_A_MONTH = 30.4


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentIndex:
    """Index of one region.

    Attributes:
        region: Country.
        months: First days of the months ``(M,)``.
        index: ``(M,)``, 0 for the shop as usual, within -2 and 2.
        scores: Scored reviews of each month ``(M,)``.
        start: The last month's index: ``sentiment.start`` of a scenario.
        volatility: Standard deviation of the index over the months; None below `LEAST_MONTHS`.
        half_life_days: By its correlation from month to month; None below `LEAST_MONTHS` or where there is none.
    """

    region: str
    months: tuple[date, ...]
    index: FloatArray
    scores: FloatArray
    start: float
    volatility: float | None
    half_life_days: float | None


def sentiment_index(
    feedback: pl.DataFrame, orders: pl.DataFrame | None = None, returns: pl.DataFrame | None = None
) -> tuple[SentimentIndex, ...]:
    """Monthly index of each region that has feedback or returns.

    Args:
        feedback: Columns of `FEEDBACK`; a row without ``number`` is one review or one event.
        orders: Clean sales, against which returns and contacts are counted; without them only reviews count.
        returns: Refunds; they count where a region's feedback has no returns.
    """
    feedback = feedback.filter(pl.col("date").is_not_null())
    reviews = feedback.filter((pl.col("kind") == "review") & pl.col("score").is_not_null())
    usual, spread = _usual(reviews)
    regions = sorted({str(c) for c in feedback["country"].drop_nulls().to_list()})
    sold = None if orders is None else orders.unique("order_id")
    found: list[SentimentIndex] = []
    for region in regions:
        own = feedback.filter(pl.col("country") == region)
        months = _months(own)
        at = {month: number for number, month in enumerate(months)}
        stars = _by_month(own.filter((pl.col("kind") == "review") & pl.col("score").is_not_null()), at)
        index = np.array([((s - n * usual) / spread) / (n + PRIOR_SCORES) for n, s in stars])
        if sold is not None:
            base = np.array([n for n, _ in _by_month(sold.filter(pl.col("country") == region), at)])
            events = [own.filter(pl.col("kind") == "contact"), own.filter(pl.col("kind") == "return")]
            if returns is not None and events[1].is_empty():
                events[1] = returns.filter(pl.col("country") == region)
            for rows in events:
                count = np.array([n for n, _ in _by_month(rows, at)])
                if count.sum() > 0.0 and base.sum() > 0.0:
                    expected = base * count.sum() / base.sum()
                    index = index - np.log((count + PRIOR_EVENTS) / (expected + PRIOR_EVENTS))
        index = np.clip(index, -LARGEST, LARGEST)
        volatility, half_life = _moves(index)
        found.append(
            SentimentIndex(
                region=region,
                months=months,
                index=index,
                scores=np.array([n for n, _ in stars], dtype=np.float64),
                start=float(index[-1]),
                volatility=volatility,
                half_life_days=half_life,
            )
        )
    return tuple(found)


def _usual(reviews: pl.DataFrame) -> tuple[float, float]:
    """Mean of all scores, and standard deviation of single ones, of which a row may hold the mean of several.

    A mean of n scores varies by s^2 / n, so that s^2 is the mean of n (mean - usual)^2 over rows, or less where the
    means move by themselves; scores from -1 to 1 vary by 1 - usual^2 at most (Bhatia and Davis, American Mathematical
    Monthly 107, 2000).
    """
    if reviews.is_empty():
        return 0.0, 1.0
    score = reviews["score"].to_numpy().astype(np.float64)
    number = reviews.select(_number(reviews)).to_series().to_numpy().astype(np.float64)
    usual = float(number @ score / number.sum())
    variance = min(float(number @ (score - usual) ** 2) / len(score), 1.0 - usual**2)
    return usual, max(variance**0.5, 0.1)


def _number(rows: pl.DataFrame) -> pl.Expr:
    """How many each row stands for."""
    return pl.col("number").fill_null(1) if "number" in rows.columns else pl.col("date").is_not_null().cast(pl.Int64)


def _moves(index: FloatArray) -> tuple[float | None, float | None]:
    if len(index) < LEAST_MONTHS:
        return None, None
    spread = float(index.std(ddof=1))
    if spread < 1e-9:
        return 0.0, None
    away = index - index.mean()
    keep = float(away[1:] @ away[:-1] / (away @ away))
    return spread, _DAYS_A_MONTH * log(0.5) / log(keep) if 0.0 < keep < 1.0 else None


def _months(rows: pl.DataFrame) -> tuple[date, ...]:
    """Every month from the first of the rows to the last."""
    first, last = first_and_last_day(rows)
    return tuple(pl.date_range(first.replace(day=1), last, "1mo", eager=True).to_list())


def _by_month(rows: pl.DataFrame, at: Mapping[date, int]) -> list[tuple[float, float]]:
    """How many there were in each month, and the sum of their scores where they have one."""
    number = _number(rows)
    score = (pl.col("score") * number).sum() if "score" in rows.columns else pl.lit(0.0)
    found = [(0.0, 0.0)] * len(at)
    for month, many, total in (
        rows.group_by(pl.col("date").dt.month_start().alias("month"))
        .agg(number.sum().alias("len"), score.alias("total"))
        .iter_rows()
    ):
        if month in at:
            found[at[month]] = (float(many), float(total or 0.0))
    return found
