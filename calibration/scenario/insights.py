"""What orders tell a planner beside the scenario: quality, deals, coming weeks, who buys again, what an order brings.

Nothing here changes a number of the scenario. Each part stands with its accuracy on days held out, or with the reason
why the data do not tell it. Figures are those of groups: no customer is named, and no group is smaller than
`LEAST_SHOWN`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Generic, Literal, TypeVar

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.calibration.customers.cleaning_sessions import CleanedSessions
from xbopt.calibration.customers.demand import DemandForecast, daily_orders, demand_model, summed
from xbopt.calibration.customers.gamma_gamma import GammaGammaFit, ValueScore, fit_gamma_gamma, value_score
from xbopt.calibration.customers.market_customers import cohorts, is_enough
from xbopt.calibration.customers.purchase_chance import HORIZON_DAYS, PurchaseChance, purchase_chance
from xbopt.calibration.customers.purchases import RepeatSummary, repeat_summary
from xbopt.calibration.customers.quality import DataQuality, data_quality
from xbopt.calibration.customers.second_orders import followed_days, second_orders
from xbopt.calibration.customers.segments import SegmentDrift, Segments, segment_drift
from xbopt.calibration.intervals import Interval
from xbopt.calibration.promotion_weeks import weeks_of_lines, weeks_of_panel
from xbopt.calibration.promotions import PromotionProfile, promotion_profile
from xbopt.calibration.scenario.people import CustomerBase
from xbopt.calibration.scenario.shop import LEAST_SHOWN, Shop
from xbopt.core.errors import CalibrationError, SupportError
from xbopt.imports.coverage import Hole

T = TypeVar("T")
WhyNot = Literal["", "no_customers", "group_too_small", "no_finite_mean", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Generic[T]):
    """A figure that the data tell, or why they do not.

    Attributes:
        value: The figure; None where it is not told.
        why_not: The reason then; empty otherwise.
        said: What the model said when it refused, with what would help.
    """

    value: T | None = None
    why_not: WhyNot = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionDemand:
    """Daily orders of a region, or of all: their sum; ``region`` is None for all."""

    region: str | None
    model: Told[DemandForecast]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChance:
    """Share of a segment's customers who buy within the horizon.

    Attributes:
        segment: Position of the segment.
        customers: Customers of today.
        share: Expected share of them; 95 % by chance, and by how far segments were off on the judging morning.
        judged: Customers of the judging morning.
        expected: Share of these that was expected to buy; None where they are fewer than `LEAST_SHOWN`.
        bought: Share that did; None likewise.
    """

    segment: int
    customers: int
    share: Interval
    judged: int
    expected: float | None
    bought: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyers:
    """Who buys again: the models with their scores, and segments."""

    chance: PurchaseChance
    segments: tuple[SegmentChance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentValue:
    """What a purchase of a segment brings; ``score`` is None where too few can be judged."""

    segment: int
    fit: Told[GammaGammaFit]
    score: ValueScore | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRepeat:
    """How customers won in the same months came again.

    Attributes:
        first_month: The cohort's first month, as ``2011-04``; empty for those won on an offer, of all months.
        customers: Customers won.
        repeaters: Of these, the ones who were seen again.
        days: Days for which half of them were followed, `HORIZON_DAYS` at most.
        second_order: Share with a second order within so many days, as it was seen.
    """

    first_month: str
    customers: int
    repeaters: int
    days: int
    second_order: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortChange:
    """Customers won last against those won first, within the days for which half of either were followed.

    Attributes:
        first_month, last_month: First months of the two.
        days: These days.
        first, last: Shares with a second order within them, as they were seen.
        is_apart: Whether they differ beyond chance.
    """

    first_month: str
    last_month: str
    days: int
    first: Interval
    last: Interval
    is_apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """What orders tell beside the scenario.

    Attributes:
        quality: Of orders and refunds.
        sessions: Of sessions; None without any.
        deals: Promotions week by week.
        demand: The coming four weeks: of all regions together first, then of each.
        buyers: Who buys within 90 days.
        values: What a purchase brings, by segment; empty where customers are not known.
        cohorts: How customers won in the same quarter came again, and those won on an offer; without small ones.
        cohort_change: Those of the last quarter against those of the first; None where there are no two.
        drift: Shares of the segments month by month; None where customers are not known or the data are short.
    """

    quality: DataQuality
    sessions: CleanedSessions | None
    deals: Told[PromotionProfile]
    demand: tuple[RegionDemand, ...]
    buyers: Told[Buyers]
    values: tuple[SegmentValue, ...]
    cohorts: tuple[CohortRepeat, ...]
    cohort_change: CohortChange | None
    drift: SegmentDrift | None


def insights_of(
    cleaned: Cleaned,
    sessions: CleanedSessions | None,
    shop: Shop,
    base: CustomerBase | None,
    segments: Segments | None,
    panel: pl.DataFrame,
    *,
    stock: pl.DataFrame | None,
    holes: Sequence[Hole],
    seed: int,
) -> Insights:
    """Gather what the data tell, and why they do not tell the rest.

    Args:
        cleaned: Clean sales of the whole shop.
        sessions: Clean sessions.
        shop: Sales of the regions.
        base: Their known customers.
        segments: The rule that tells them apart.
        panel: Panel of the regions, for promotions where lines name no products.
        stock: Stock by day and product.
        holes: Days that orders, or a platform, tell nothing about.
        seed: Of the named streams.
    """
    summary = None if base is None else repeat_summary(base.purchases)
    return Insights(
        quality=data_quality(cleaned),
        sessions=sessions,
        deals=_told(lambda: _deals(cleaned, panel, stock, seed)),
        demand=_demand(shop, holes, seed),
        buyers=Told(why_not="no_customers") if base is None else _told(lambda: _buyers(cleaned, shop, base, seed)),
        values=() if base is None else tuple(_value(base, segment) for segment in range(len(base.ids))),
        cohorts=() if summary is None else _cohorts(summary),
        cohort_change=None if summary is None else _cohort_change(summary),
        drift=None if segments is None else _drift(cleaned, shop, segments),
    )


def _told(find: Callable[[], T]) -> Told[T]:
    try:
        return Told(value=find())
    except (CalibrationError, SupportError) as error:
        return Told(why_not="refused", said=str(error))


def _deals(cleaned: Cleaned, panel: pl.DataFrame, stock: pl.DataFrame | None, seed: int) -> PromotionProfile:
    try:
        weeks = weeks_of_lines(cleaned.sales, stock)
    except SupportError:  # exports of whole orders name no product, and their regions still have discounts
        weeks = weeks_of_panel(panel)
    return promotion_profile(weeks, seed=seed)


def _demand(shop: Shop, holes: Sequence[Hole], seed: int) -> tuple[RegionDemand, ...]:
    """Forecasts of the days after the last one. Days that are not known are no days without orders: they end before."""
    first = max([shop.first, *(hole.last + timedelta(days=1) for hole in holes if not hole.channels)])
    span = first, max(shop.last, first)
    regions = tuple(
        RegionDemand(
            region=code,
            model=_told(lambda code=code: _forecast(shop.lines.filter(pl.col("country") == code), span, code, seed)),
        )
        for code in shop.regions
    )
    if len(regions) == 1:
        return regions
    parts = [one.model.value for one in regions if one.model.value is not None]
    untold = next((one.model for one in regions if one.model.value is None), None)
    # Where one is not told, neither is a sum of all.
    return (RegionDemand(region=None, model=untold or Told(value=summed(parts))), *regions)


def _buyers(cleaned: Cleaned, shop: Shop, base: CustomerBase, seed: int) -> Buyers:
    chance = purchase_chance(shop.with_its_customers(cleaned), seed=seed)
    assert len(chance.now) == len(base.segment), "chances and segments are of the same customers"
    then = base.segment[chance.judged]
    names = range(len(base.ids))
    misses = [float(chance.told[then == s].mean() - chance.came[then == s].mean()) for s in names if (then == s).any()]
    miss = float(np.mean(np.square(misses)))
    segments: list[SegmentChance] = []
    for s in names:
        now, judged = chance.now[base.segment == s], int((then == s).sum())
        if len(now) < LEAST_SHOWN:
            continue
        mean = float(now.mean())
        half = 1.96 * float(np.sqrt((now * (1.0 - now)).sum() / len(now) ** 2 + miss))
        is_shown = judged >= LEAST_SHOWN
        segments.append(
            SegmentChance(
                segment=s,
                customers=len(now),
                share=Interval(value=mean, low=max(mean - half, 0.0), high=min(mean + half, 1.0)),
                judged=judged,
                expected=float(chance.told[then == s].mean()) if is_shown else None,
                bought=float(chance.came[then == s].mean()) if is_shown else None,
            )
        )
    return Buyers(chance=chance, segments=tuple(segments))


def _value(base: CustomerBase, segment: int) -> SegmentValue:
    own = base.segment == segment
    if own.sum() < LEAST_SHOWN:
        return SegmentValue(segment=segment, fit=Told(why_not="group_too_small"), score=None)
    purchases = base.purchases.of(own)
    # A mean value needs no first purchase that was seen, so that nobody is left out.
    fit = _told(lambda: fit_gamma_gamma(repeat_summary(purchases, burn_in_days=0)))
    if fit.value is not None and not np.isfinite(fit.value.mean_value.value):
        fit = replace(fit, value=None, why_not="no_finite_mean")
    score = None if fit.value is None else _told(lambda: value_score(purchases, HORIZON_DAYS)).value
    return SegmentValue(segment=segment, fit=fit, score=score)


def _cohorts(summary: RepeatSummary) -> tuple[CohortRepeat, ...]:
    """By quarter in which customers were won, then those won on an offer."""
    on_offer = summary.of(summary.offer)
    every = {**cohorts(summary), **({"": on_offer} if is_enough(on_offer) and not summary.offer.all() else {})}
    return tuple(
        CohortRepeat(
            first_month=month,
            customers=len(own.again),
            repeaters=int((own.again > 0).sum()),
            days=(days := min(followed_days(own), HORIZON_DAYS)),
            second_order=second_orders(own, days).interval,
        )
        for month, own in every.items()
    )


def _cohort_change(summary: RepeatSummary) -> CohortChange | None:
    every = cohorts(summary)
    if len(every) < 2:
        return None
    (first_month, earliest), *_, (last_month, latest) = every.items()
    days = min(HORIZON_DAYS, followed_days(earliest), followed_days(latest))
    first, last = second_orders(earliest, days), second_orders(latest, days)
    return CohortChange(
        first_month=first_month,
        last_month=last_month,
        days=days,
        first=first.interval,
        last=last.interval,
        is_apart=last.is_apart(first),
    )


def _drift(cleaned: Cleaned, shop: Shop, segments: Segments) -> SegmentDrift | None:
    drift = segment_drift(shop.with_its_customers(cleaned), segments)
    return drift if len(segments.segments) > 1 and len(drift.mornings) > 1 else None


def _forecast(lines: pl.DataFrame, span: tuple[date, date], country: str, seed: int) -> DemandForecast:
    first, orders = daily_orders(lines, span)
    return demand_model(first, orders, {country: 1.0}, seed=seed)
