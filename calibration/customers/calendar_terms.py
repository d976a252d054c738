"""The calendar as terms of a regression of daily orders: weekday, season, holidays and retail events."""

# scipy ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.optimize import minimize

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.tables.events import events_between
from xbopt.core.tables.public_holidays import public_holidays

WEEKDAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HARMONICS = 2
SEASON_DAYS, SURE_SEASON_DAYS = 300, 700
"""From so many days on the season of the year is fitted; below the second, it is not told apart from growth."""
_PRIOR_SD: Mapping[str, float] = {"season": 0.3, "holiday": 0.7, "events": 1.0, "weekday": 1.5, "trend": 0.5}
"""Prior standard deviations of the effects in logarithms; of the trend, a year."""
_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFit:
    """A Poisson regression with overdispersion.

    Attributes:
        effects: Effect of each term, in logarithms.
        sd: Their standard deviations, overdispersion in.
        intercept: Logarithm of the orders of a day without effects, in the middle of the data.
        middle: Number of that day.
        trend: Growth a year, in logarithms.
        weekday: Index ``(7,)``, Monday first, mean 1.
        month: Index ``(12,)``, mean 1; all 1 where the season was not fitted.
        demand_cv: Coefficient of variation of a day beyond counting noise.
        season: ``fitted``, ``not_told_from_growth`` below two years, ``too_short`` for one.
    """

    effects: Mapping[str, float]
    sd: Mapping[str, float]
    intercept: float
    middle: float
    trend: float
    weekday: FloatArray
    month: FloatArray
    demand_cv: float
    season: str

    def index(self, terms: Mapping[str, FloatArray]) -> FloatArray:
        """What the calendar alone makes of days ``(T,)``; 1 for a day without effects."""
        effect = sum((self.effects[name] * terms[name] for name in self.effects), np.zeros(len(terms["mon"])))
        return np.exp(effect)

    def level(self, days: IntArray) -> FloatArray:
        """Orders of days without effects of the calendar ``(T,)``, by their number from the first day."""
        # A trend is no promise: beyond the data it holds on for the length of a forecast only.
        return np.exp(self.intercept + self.trend * (days - self.middle) / _YEAR)


def calendar_terms(dates: Sequence[date], countries: Mapping[str, float]) -> dict[str, FloatArray]:
    """Terms by name ``(T,)``: seven weekdays, harmonics of the year, share of customers on holiday, event lifts.

    ``events`` is the logarithm of what the table of retail events says of the day, so that an effect of 1 is its lift.
    """
    weekday = np.array([day.weekday() for day in dates])
    terms = {name: (weekday == number).astype(np.float64) for number, name in enumerate(WEEKDAYS)}
    angle = np.array([2.0 * np.pi * (day.timetuple().tm_yday - 1) / _YEAR for day in dates])
    for harmonic in range(1, HARMONICS + 1):
        terms[f"sin{harmonic}"], terms[f"cos{harmonic}"] = np.sin(harmonic * angle), np.cos(harmonic * angle)
    place = {day: number for number, day in enumerate(dates)}
    holiday, lift = np.zeros(len(dates)), np.zeros(len(dates))
    for country, weight in sorted(countries.items()):
        for day in public_holidays(country, dates[0], dates[-1]):
            holiday[place[day]] += weight
        for event in events_between(dates[0], dates[-1], country):
            for day in range((event.end - event.start).days + 1):
                number = place.get(date.fromordinal(event.start.toordinal() + day))
                if number is not None:
                    lift[number] += weight * np.log(max(event.peak_demand, 1e-3))
    return {**terms, "holiday": holiday, "events": lift}


def fit_calendar(orders: FloatArray, terms: Mapping[str, FloatArray]) -> CalendarFit:
    """Fit the effects by penalised maximum likelihood; normal priors around 0 (the events' around 1) in logarithms."""
    days = len(orders)
    season = "too_short" if days < SEASON_DAYS else "fitted" if days >= SURE_SEASON_DAYS else "not_told_from_growth"
    names = [name for name in terms if season != "too_short" or name[:3] not in ("sin", "cos")]
    names = [name for name in names if np.ptp(terms[name]) > 0.0]
    middle = (days - 1) / 2.0
    design = np.column_stack([*(terms[name] for name in names), (np.arange(days) - middle) / _YEAR, np.ones(days)])
    sd = np.array([*(_PRIOR_SD[_kind(name)] for name in names), _PRIOR_SD["trend"], 100.0])
    centre = np.array([*(float(name == "events") for name in names), 0.0, np.log(max(orders.mean(), 1e-6))])

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        linear = np.clip(design @ at, -30.0, 30.0)
        mean, away = np.exp(linear), (at - centre) / sd
        return float(mean.sum() - orders @ linear + 0.5 * away @ away), design.T @ (mean - orders) + away / sd

    at = np.asarray(minimize(loss, centre, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x)
    mean = np.exp(np.clip(design @ at, -30.0, 30.0))
    excess = float(((orders - mean) ** 2 - mean).sum() / (mean**2).sum())
    inflation = max(float(((orders - mean) ** 2 / np.maximum(mean, 1e-9)).sum() / max(days - len(at), 1)), 1.0)
    covariance = np.linalg.inv((design.T * mean) @ design / inflation + np.diag(sd**-2.0))
    effects = {name: float(at[p]) for p, name in enumerate(names)}
    week = np.exp([effects.get(name, 0.0) for name in WEEKDAYS])
    year = np.arange(365) * 2.0 * np.pi / _YEAR
    curve = np.exp(
        sum(
            effects.get(f"sin{h}", 0.0) * np.sin(h * year) + effects.get(f"cos{h}", 0.0) * np.cos(h * year)
            for h in range(1, HARMONICS + 1)
        )
        + np.zeros(365)
    )
    month = np.array([part.mean() for part in np.split(curve, np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30]))])
    return CalendarFit(
        effects=effects,
        sd={name: float(np.sqrt(covariance[p, p])) for p, name in enumerate(names)},
        intercept=float(at[-1]),
        middle=middle,
        trend=float(at[-2]),
        weekday=week / week.mean(),
        month=month / month.mean(),
        demand_cv=float(np.sqrt(max(excess, 0.0))),
        season=season,
    )


def _kind(name: str) -> str:
    if name in WEEKDAYS:
        return "weekday"
    return "season" if name[:3] in ("sin", "cos") else name
