"""Daily orders: what weekday, season, holidays and retail events make of them, and how well that forecasts.

Three forecasters, each seen only what was known on the morning it forecasts from: a Poisson regression on the calendar
with a trend; the level of the last weeks times the regression's calendar; gradient boosted trees on last weeks and
calendar. Their mean is the ensemble, their spread its disagreement. All are held against the seasonal naive forecast:
the same weekday of the week before.
"""

# scikit-learn and scipy ship without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Iterable, Mapping, Sequence
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
ForecastName = Forecaster | Literal["ensemble", "naive"]
Stands = Literal["models", "last_week", "regions"]
FORECASTERS: tuple[Forecaster, ...] = ("calendar", "level", "trees")
HORIZON_DAYS, ORIGINS = 28, 3
LEAST_DAYS = 112
"""Four weeks to forecast need at least twice as many weeks before, and trees a few more."""
LEVEL_HALF_LIFE_DAYS = 7.0
_WEEK = 7
_SEASON = 0.1
"""How far the calendar moves demand, in logs, before last week is no forecast of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """How well daily orders were forecast over the days held out.

    Attributes:
        name: A forecaster, ``ensemble`` or ``naive``.
        wmape: Sum of absolute errors over the sum of orders; infinite where there were none.
        bias: Forecast over actual, less 1.
    """

    name: ForecastName
    wmape: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandForecast:
    """Orders to come, of one group of markets or of several together.

    Attributes:
        first_day: Of the series.
        orders: ``(T,)``, every day from the first order to the last.
        forecast: Orders of the coming `HORIZON_DAYS`.
        stands: What the forecast is: the ensemble of the models, last week repeated, or the sum of regions.
        held: Forecasts of the days held out, `HORIZON_DAYS` from each of up to `ORIGINS` origins, by forecaster,
            ``ensemble`` and ``naive``.
        stood: Of these, what stands ``(N,)``.
        came: Orders of these days ``(N,)``.
    """

    first_day: date
    orders: FloatArray
    forecast: FloatArray
    stands: Stands
    held: Mapping[ForecastName, FloatArray]
    stood: FloatArray
    came: FloatArray

    @property
    def scores(self) -> tuple[ForecastScore, ...]:
        """How well each forecaster, the ensemble and the naive forecast did."""
        return tuple(_score(name, forecast, self.came) for name, forecast in self.held.items())

    def score(self, name: ForecastName) -> ForecastScore:
        """The score of a forecaster, of ``ensemble`` or ``naive``."""
        return _score(name, self.held[name], self.came)

    @property
    def error(self) -> float:
        """Sum of absolute daily errors over orders of what stands here, on the days held out."""
        return _wmape(self.stood, self.came)

    @property
    def beats_naive(self) -> bool:
        """Whether the ensemble was nearer than the same weekday of the week before."""
        return self.score("ensemble").wmape < self.score("naive").wmape

    @property
    def weeks(self) -> tuple[Interval, ...]:
        """Orders of each coming week; 95 % by how far what stands here was off in the weeks held out."""
        return _with_errors(self.forecast, self.stood, self.came, _WEEK)

    @property
    def total(self) -> Interval:
        """Orders of all these weeks; 95 % by how far it was off from each origin, which are few: so it is wide."""
        return _with_errors(self.forecast, self.stood, self.came, HORIZON_DAYS)[0]

    def to_frame(self) -> pl.DataFrame:
        """One row a forecaster."""
        return pl.DataFrame([{"forecaster": s.name, "wmape": s.wmape, "bias": s.bias} for s in self.scores])


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandModel(DemandForecast):
    """Orders of one group of markets.

    Attributes:
        calendar: The regression on all days.
        disagreement: Mean standard deviation between the forecasters over their mean, on the days held out.
        ahead: What the calendar makes of the coming days against the last week, a ratio.
    """

    calendar: CalendarFit
    disagreement: float
    ahead: float


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
    held: dict[ForecastName, FloatArray] = {name: np.concatenate([one[name] for one in made]) for name in made[0]}
    came = np.concatenate([orders[origin : origin + HORIZON_DAYS] for origin in origins])
    ours, naive = (_wmape(held[name], came) for name in ("ensemble", "naive"))
    calendar = fit_calendar(orders, {name: term[:days] for name, term in terms.items()})
    index = calendar.index(terms)
    moves = [float(index[at : at + HORIZON_DAYS].mean() / index[at - _WEEK : at].mean()) for at in (*origins, days)]
    # No week held out says how well last week forecasts a season that none of them had.
    *seen, coming = np.abs(np.log(moves)).tolist()
    stands: Literal["ensemble", "naive"] = "ensemble" if ours < naive or coming > max(_SEASON, *seen) else "naive"
    members = np.stack([held[name] for name in FORECASTERS])
    return DemandModel(
        first_day=first_day,
        orders=orders,
        forecast=_forecasts(orders, terms, seed)[stands],
        stands="models" if stands == "ensemble" else "last_week",
        held=held,
        stood=held[stands],
        came=came,
        calendar=calendar,
        disagreement=float((members.std(axis=0) / np.maximum(members.mean(axis=0), 1e-9)).mean()),
        ahead=moves[-1],
    )


def summed(parts: Sequence[DemandForecast]) -> DemandForecast:
    """Several groups of the same days together: what stands for each, added up, with the errors of that very sum."""
    one = parts[0]
    return DemandForecast(
        first_day=one.first_day,
        orders=_added(part.orders for part in parts),
        forecast=_added(part.forecast for part in parts),
        stands="regions",
        held={name: _added(part.held[name] for part in parts) for name in one.held},
        stood=_added(part.stood for part in parts),
        came=_added(part.came for part in parts),
    )


def _added(series: Iterable[FloatArray]) -> FloatArray:
    return np.asarray(np.sum(list(series), axis=0), dtype=np.float64)


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


def _forecasts(known: FloatArray, terms: Mapping[str, FloatArray], seed: int) -> dict[ForecastName, FloatArray]:
    """Forecasts of the days after those that are known ``(HORIZON_DAYS,)``."""
    origin = len(known)
    ahead = slice(origin, origin + HORIZON_DAYS)
    fit = fit_calendar(known, {name: term[:origin] for name, term in terms.items()})
    future = fit.index({name: term[ahead] for name, term in terms.items()})
    index = fit.index({name: term[:origin] for name, term in terms.items()})
    weight = 0.5 ** (np.arange(origin, 0, -1) / LEVEL_HALF_LIFE_DAYS)
    level = (weight @ known) / max(float(weight @ index), 1e-9)
    members: dict[ForecastName, FloatArray] = {
        "calendar": future * fit.level(np.arange(origin, origin + HORIZON_DAYS)),
        "level": level * future,
        "trees": _trees(known, terms, seed),
    }
    ensemble = np.stack(list(members.values())).mean(axis=0)
    return {"ensemble": ensemble, **members, "naive": np.tile(known[-_WEEK:], HORIZON_DAYS // _WEEK)}


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


def _score(name: ForecastName, forecast: FloatArray, actual: FloatArray) -> ForecastScore:
    total = float(actual.sum())
    return ForecastScore(
        name=name,
        wmape=_wmape(forecast, actual),
        bias=float(forecast.sum()) / total - 1.0 if total > 0.0 else float("inf"),
    )


def _wmape(forecast: FloatArray, actual: FloatArray) -> float:
    total = float(actual.sum())
    return float(np.abs(forecast - actual).sum()) / total if total > 0.0 else float("inf")
