"""Told totals as logs of sums by stretch of days, beside those of a batch of worlds, and the noise of each.

Only what was told is compared, at the split in which it was told: a total over regions is one statistic and not six.
Clicks and impressions are summed over segments. Given the world, told figures differ from expected ones by the market's
daily shocks, which all figures of a cell share, and by counting; both follow from the scenario.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.tracking.tracker import TrackedDay
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.env.day_results import DayResults, expected_counts
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.step import DayOutcome

REVENUE: tuple[str, ...] = ("gross_revenue_base", "net_sales_base", "net_revenue_base")
"""Each tells of order values what the others tell: the first that was told is compared."""
ALL = -1
"""In a place: a sum over the whole axis."""
MOST_STRETCHES = 4
_SHORTEST_STRETCH = 7
# No model is nearer to a real market than this, in logs.
_FLOOR = 0.01
# Counts below this are hardly ever told; it keeps their noise a number.
_LEAST_COUNT = 0.1
_OVER_SEGMENTS = ("clicks", "impressions")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSums:
    """``M`` statistics of ``B`` worlds; logs are of 1 plus the sum.

    Attributes:
        told: Logs of what was told ``(M,)``.
        worlds: Logs of what each world expects ``(B, M)``.
        noise: Covariance of the told logs, given the world ``(M, M)``.
        places: Region, segment and channel of each ``(M, 3)``; ``ALL`` for a sum over the axis.
    """

    told: FloatArray
    worlds: FloatArray
    noise: FloatArray
    places: IntArray


@dataclass(slots=True)
class _Sums:
    """Sums of a figure over the days of a stretch that tell it at the same split; cells are the model's."""

    told: FloatArray
    worlds: FloatArray
    cells: dict[int, FloatArray] = field(default_factory=dict[int, FloatArray])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A statistic: what was told and expected, and what its chance depends on.

    Attributes:
        share: Derivative of its log by the log of each day's cell ``(D * R * S,)``.
        counting: Variance of the log by counting alone.
    """

    name: str
    told: float
    worlds: FloatArray
    place: tuple[int, int, int]
    share: FloatArray
    counting: float


class SumsOfDays:
    """Sums over the days, of what was told and of what a batch of worlds expects of the same entries."""

    def __init__(self, market: MarketParameters, days: Sequence[TrackedDay]) -> None:
        """Nothing is summed yet.

        Args:
            market: The market.
            days: The days that are over.
        """
        self._market, self._days = market, days
        count = max(1, min(MOST_STRETCHES, len(days) // _SHORTEST_STRETCH))
        self._stretch = [day * count // len(days) for day in range(len(days))]
        self._sums: dict[tuple[int, str, tuple[int, ...]], _Sums] = {}

    def add(self, day: int, outcome: DayOutcome) -> None:
        """Add a day as the worlds expect it; days come in order."""
        over = self._days[day]
        told_day = over.told or ActualDay(day=day, figures={})
        figures = {name: told for name, told in told_day.figures.items() if not np.isnan(told).all()}
        revenue = [name for name in REVENUE if name in figures][:1]
        money = outcome.money
        of_worlds = {
            **_figures(DayResults.of(outcome), expected_counts(outcome)),
            "net_sales_base": (money.gross_revenue + money.discount + money.tax + money.fx_effect)[..., None],
            "net_revenue_base": money.net_revenue[..., None],
        }
        of_model = _figures(over.modelled, over.modelled_visits)
        for name in ("clicks", "impressions", "visits", "orders", *revenue):
            if name not in figures:
                continue
            told = figures[name]
            told = told if told.ndim == 3 else told[..., None]
            known = ~np.isnan(told)
            totals = tuple(axis for axis in range(3) if told.shape[axis] == 1)
            expected = of_worlds[name]
            seen = np.where(known, told, 0.0)
            mine = np.where(known, expected.sum(axis=tuple(axis + 1 for axis in totals), keepdims=True), 0.0)
            if name in _OVER_SEGMENTS:
                seen, mine = seen.sum(axis=1, keepdims=True), mine.sum(axis=2, keepdims=True)
            key = (self._stretch[day], name, seen.shape)
            sums = self._sums.setdefault(key, _Sums(np.zeros_like(seen), np.zeros_like(mine)))
            sums.told, sums.worlds = sums.told + seen, sums.worlds + mine
            # How cells share in a sum of revenue is the same for every kind of it.
            sums.cells[day] = of_model["gross_revenue_base" if revenue == [name] else name][0] * known

    def result(self) -> ToldSums | None:
        """The statistics; None where nothing was told."""
        parts = [
            self._of_stretch({key: sums for key, sums in self._sums.items() if key[0] == stretch})
            for stretch in sorted({key[0] for key in self._sums})
        ]
        parts = [part for part in parts if len(part.told)]
        if not parts:
            return None
        ends = np.cumsum([0, *(len(part.told) for part in parts)])
        noise = np.zeros((ends[-1], ends[-1]))
        for part, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
            noise[start:end, start:end] = part.noise  # days of different stretches share no chance
        return ToldSums(
            told=np.concatenate([part.told for part in parts]),
            worlds=np.concatenate([part.worlds for part in parts], axis=1),
            noise=noise,
            places=np.concatenate([part.places for part in parts]),
        )

    def _of_stretch(self, groups: dict[tuple[int, str, tuple[int, ...]], _Sums]) -> ToldSums:
        days = sorted({day for sums in groups.values() for day in sums.cells})
        visits, orders = (
            np.maximum(np.stack([getattr(self._days[day].modelled, name)[0] for day in days]).ravel(), _LEAST_COUNT)
            for name in ("visits", "orders")
        )
        variance = self._market.demand.shock_cv**2
        basket = np.broadcast_to(self._market.orders.basket_cv**2, (len(days), *self._market.shape[:2])).ravel()
        rows = [row for (_, name, _), sums in groups.items() for row in self._rows(name, sums, days)]
        shares = np.array([row.share for row in rows]).reshape(len(rows), -1)
        of_visits, of_orders, of_revenue = (
            shares * np.array([row.name in names for row in rows])[:, None]
            for names in (("clicks", "visits"), ("orders", *REVENUE), REVENUE)
        )
        noise = variance * (of_visits + of_orders) @ (of_visits + of_orders).T
        noise += of_visits / visits @ of_visits.T + of_orders / orders @ of_orders.T
        own = np.array([row.counting for row in rows]) + (of_revenue**2 * (basket / orders)).sum(axis=1)
        return ToldSums(
            told=np.array([row.told for row in rows]),
            worlds=np.array([row.worlds for row in rows]).T,
            noise=noise + np.diag(own + _FLOOR**2),
            places=np.array([row.place for row in rows], dtype=np.int64).reshape(-1, 3),
        )

    def _rows(self, name: str, sums: _Sums, days: Sequence[int]) -> Iterator["_Row"]:
        """The statistics of a figure in a stretch; where the worlds expect nothing there is none."""
        regions, segments, channels, _ = self._market.shape
        full = (regions, segments, {"clicks": channels + 1, "impressions": channels}.get(name, 1))
        cells = np.stack([sums.cells.get(day, np.zeros(full)) for day in days])
        for index in np.ndindex(*sums.told.shape):
            expected = sums.worlds[:, *index]
            if not expected.any():
                continue
            region, segment, channel = (
                ALL if have == 1 and want > 1 else where
                for where, have, want in zip(index, sums.told.shape, full, strict=True)
            )
            rows, columns, sources = (
                slice(None) if where == ALL else slice(where, where + 1) for where in (region, segment, channel)
            )
            part = np.zeros(cells.shape[:3])
            part[:, rows, columns] = cells[:, rows, columns, sources].sum(axis=3)
            total = float(part.sum())
            yield _Row(
                name=name,
                told=float(np.log1p(sums.told[index])),
                worlds=np.log1p(expected),
                place=(region, segment, ALL if full[2] == 1 else channel),
                share=part.ravel() / (total + 1.0),
                counting=total / (total + 1.0) ** 2 if name == "clicks" else 0.0,
            )


def _figures(results: DayResults, visits_by_source: FloatArray) -> dict[str, FloatArray]:
    """A day by figure, each ``(B, R, S, X)``; ``X`` has one entry where a figure has no channels."""
    return {
        "clicks": visits_by_source,
        "impressions": results.impressions,
        "visits": results.visits[..., None],
        "orders": results.orders[..., None],
        "gross_revenue_base": results.gross_revenue_base[..., None],
    }
