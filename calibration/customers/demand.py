"""Daily orders: what weekday, season, holidays and retail events make of them, and how well that forecasts.

Three forecasters, each seen only what was known on the morning it forecasts from: a Poisson regression on the calendar
with a trend; the level of the last weeks times the regression's calendar; gradient boosted trees on last weeks and
calendar. Their mean is the ensemble, their spread its disagreement. All are held against the seasonal naive forecast:
the same weekday of the week before.
"""

# scikit-learn and scipy ship without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from xbopt.calibration.customers.calendar_terms import CalendarFit, calendar_terms, fit_calendar
from xbopt.calibration.customers.cleaning import first_and_last_day
from xbopt.calibration.intervals import Interval
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError
from xbopt.core.randomness import named_generator

Forecaster = Literal["calendar", "level", "trees"]
FORECASTERS: tuple[Forecaster, ...] = ("calendar", "level", "trees")
HORIZON_DAYS, ORIGINS = 28, 3
LEAST_DAYS = 112
"""Four weeks to forecast need at least twice as many weeks before, and trees a few more."""
LEVEL_HALF_LIFE_DAYS = 7.0
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """How well daily orders were forecast over the days held out.

    Attributes:
        name: A forecaster, ``ensemble`` or ``naive``.
        wmape: Sum of absolute errors over the sum of orders; infinite where there were none.
        bias: Forecast over actual, less 1.
    """

    name: Forecaster | Literal["ensemble", "naive"]
    wmape: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandModel:
    """Orders of one group of markets.

    Attributes:
        first_day: Of the series.
        orders: ``(T,)``, every day from the first order to the last.
        calendar: The regression on all days.
        scores: Ensemble, forecasters and the naive forecast, over `ORIGINS` origins and `HORIZON_DAYS` each.
        disagreement: Mean standard deviation between the forecasters over their mean, on the days held out.
        forecast: Orders of the coming `HORIZON_DAYS`, by the ensemble or, where that is no better, by the naive one.
        weeks: Orders of each coming week; 95 % by how far the same forecaster was off in the weeks held out.
        total: Orders of all these weeks; 95 % by how far it was off from each origin, which are few: so it is wide.
    """

    first_day: date
    orders: FloatArray
    calendar: CalendarFit
    scores: tuple[ForecastScore, ...]
    disagreement: float
    forecast: FloatArray
    weeks: tuple[Interval, ...]
    total: Interval

    def score(self, name: str) -> ForecastScore:
        """The score of a forecaster, of ``ensemble`` or ``naive``."""
        return next(one for one in self.scores if one.name == name)

    @property
    def beats_naive(self) -> bool:
        """Whether the ensemble was nearer than the same weekday of the week before."""
        return self.score("ensemble").wmape < self.score("naive").wmape

    def to_frame(self) -> pl.DataFrame:
        """One row a forecaster."""
        return pl.DataFrame([{"forecaster": s.name, "wmape": s.wmape, "bias": s.bias} for s in self.scores])


def daily_orders(sales: pl.DataFrame, span: tuple[date, date] | None = None) -> tuple[date, FloatArray]:
    """Orders of every day of a span, and its first day; an order counts on its first day.

    Args:
        sales: Lines of orders: ``order_id`` and ``date``.
        span: First and last day; those of the orders where left out.
    """
    orders = sales.group_by("order_id").agg(pl.col("date").min())
    first, last = span or first_and_last_day(orders)
    day = (orders.filter(pl.col("date").is_between(first, last))["date"] - first).dt.total_days().to_numpy()
    return first, np.bincount(day, minlength=(last - first).days + 1).astype(np.float64)


def demand_model(first_day: date, orders: FloatArray, countries: Mapping[str, float], *, seed: int = 0) -> DemandModel:
    """Fit and score.

    Args:
        first_day: Of the series.
        orders: Orders by day ``(T,)``.
        countries: Weight of each country, as its share of orders: whose holidays and events count how much.
        seed: Of the named streams.

    Raises:
        CalibrationError: Fewer than `LEAST_DAYS` days, or no order.
    """
    days = len(orders)
    if days < LEAST_DAYS or orders.sum() <= 0.0:
        raise CalibrationError(
            f"{days} days with {orders.sum():g} orders: a forecast of demand needs at least {LEAST_DAYS} days. Give a "
            "longer period of orders."
        )
    dates = [first_day + timedelta(days=n) for n in range(days + HORIZON_DAYS)]
    terms = calendar_terms(dates, countries)
    origins = [days - HORIZON_DAYS * n for n in range(ORIGINS, 0, -1) if days - HORIZON_DAYS * n >= LEAST_DAYS // 2]
    made = [_forecasts(orders[:origin], terms, seed) for origin in origins]
    actual = np.concatenate([orders[origin : origin + HORIZON_DAYS] for origin in origins])
    by_name = {name: np.concatenate([forecasts[name] for forecasts in made]) for name in (*FORECASTERS, "naive")}
    members = np.stack([by_name[name] for name in FORECASTERS])
    by_name["ensemble"] = members.mean(axis=0)
    scores = tuple(_score(name, by_name[name], actual) for name in ("ensemble", *FORECASTERS, "naive"))
    ahead = _forecasts(orders, terms, seed)
    ensemble = np.stack([ahead[name] for name in FORECASTERS]).mean(axis=0)
    better = scores[0].wmape < scores[-1].wmape
    forecast = ensemble if better else ahead["naive"]
    used = by_name["ensemble" if better else "naive"]
    return DemandModel(
        first_day=first_day,
        orders=orders,
        calendar=fit_calendar(orders, {name: term[:days] for name, term in terms.items()}),
        scores=scores,
        disagreement=float((members.std(axis=0) / np.maximum(members.mean(axis=0), 1e-9)).mean()),
        forecast=forecast,
        weeks=_with_errors(forecast, used, actual, _WEEK),
        total=_with_errors(forecast, used, actual, HORIZON_DAYS)[0],
    )


def _with_errors(forecast: FloatArray, used: FloatArray, actual: FloatArray, days: int) -> tuple[Interval, ...]:
    """Sums of so many days of a forecast, with Student's t of the errors of such sums on the days held out.

    Errors are around 0 by assumption, so that none of the degrees of freedom goes to a mean. They grow with what is
    forecast, and never shrink: a quiet month ahead is no reason to be surer than one has shown to be.
    """
    ahead, told, came = (series.reshape(-1, days).sum(axis=1) for series in (forecast, used, actual))
    error = float(np.sqrt(((came - told) ** 2).mean())) * float(stats.t.ppf(0.975, len(told)))
    growth = np.maximum(ahead / max(float(told.mean()), 1e-9), 1.0) if told.any() else np.ones(len(ahead))
    return tuple(
        Interval(value=float(sum_), low=max(float(sum_ - half), 0.0), high=float(sum_ + half))
        for sum_, half in zip(ahead, error * growth, strict=True)
    )


def _forecasts(known: FloatArray, terms: Mapping[str, FloatArray], seed: int) -> dict[str, FloatArray]:
    """Forecasts of the days after those that are known ``(HORIZON_DAYS,)``, by forecaster and naive."""
    origin = len(known)
    ahead = slice(origin, origin + HORIZON_DAYS)
    fit = fit_calendar(known, {name: term[:origin] for name, term in terms.items()})
    future = {name: term[ahead] for name, term in terms.items()}
    index = fit.index({name: term[:origin] for name, term in terms.items()})
    weight = 0.5 ** (np.arange(origin, 0, -1) / LEVEL_HALF_LIFE_DAYS)
    level = (weight @ known) / max(float(weight @ index), 1e-9)
    return {
        "calendar": fit.index(future) * fit.level(np.arange(origin, origin + HORIZON_DAYS)),
        "level": level * fit.index(future),
        "trees": _trees(known, terms, seed),
        "naive": np.tile(known[-_WEEK:], HORIZON_DAYS // _WEEK),
    }


def _trees(known: FloatArray, terms: Mapping[str, FloatArray], seed: int) -> FloatArray:
    from sklearn.ensemble import HistGradientBoostingRegressor

    origin = len(known)
    calendar = np.column_stack([terms[name] for name in sorted(terms)])
    # Rows are pairs of a past origin, by weeks, and a day after it, as the forecast itself will be.
    origins = range(origin - HORIZON_DAYS, 4 * _WEEK - 1, -_WEEK)
    rows = [_lagged(known[:at], calendar[at : at + HORIZON_DAYS]) for at in origins]
    target = np.concatenate([known[at : at + HORIZON_DAYS] for at in origins])
    model = HistGradientBoostingRegressor(
        loss="poisson",
        max_iter=80,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        random_state=int(named_generator(seed, "demand trees").integers(2**31)),
    )
    if target.sum() <= 0.0:
        return np.zeros(HORIZON_DAYS)
    model.fit(np.concatenate(rows), target)
    ahead = model.predict(_lagged(known, calendar[origin : origin + HORIZON_DAYS]))
    return np.asarray(ahead, dtype=np.float64)


def _lagged(known: FloatArray, calendar: FloatArray) -> FloatArray:
    """What is known of each coming day: means of the last weeks, of its weekday, and the calendar ``(H, P)``."""
    days = np.arange(len(calendar))
    by_weekday = known[-4 * _WEEK :].reshape(-1, _WEEK).mean(axis=0)[days % _WEEK]
    last, month = known[-_WEEK:].mean(), known[-4 * _WEEK :].mean()
    same = np.column_stack([np.full(len(days), last), np.full(len(days), month), by_weekday, days])
    return np.asarray(np.column_stack([same, calendar]), dtype=np.float64)


def _score(name: str, forecast: FloatArray, actual: FloatArray) -> ForecastScore:
    total = float(actual.sum())
    error = float(np.abs(forecast - actual).sum())
    return ForecastScore(
        name=name,  # pyright: ignore[reportArgumentType]
        wmape=error / total if total > 0.0 else float("inf"),
        bias=float(forecast.sum()) / total - 1.0 if total > 0.0 else float("inf"),
    )


def order_shares(sales: pl.DataFrame, known: Sequence[str]) -> Mapping[str, float]:
    """Share of each country in the orders, of the countries that are known by code."""
    counts = sales.filter(pl.col("country").is_in(list(known))).group_by("country").agg(pl.col("order_id").n_unique())
    total = max(int(counts["order_id"].sum()), 1)
    return {country: number / total for country, number in counts.sort("country").iter_rows()}
