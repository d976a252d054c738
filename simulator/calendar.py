"""The calendar of the horizon: weekday, season, public holidays and retail events as arrays.

``demand`` is the product of four things: the weekday's index, the season's index, the holiday's multiplier and the
events' multiplier. Where events overlap, the greatest lift counts and not the product: Black Friday and the lead-in
to Cyber Monday are one wish to buy, and the measured lifts of each already hold the other. Multipliers below 1
(dips, closed warehouses) multiply, since each of them keeps a share of buyers away.

``demand`` is what a seller meets who takes part in the day's deals. On an event, part of the lift are people who seek
the usual deal; without it they go to the competitors, whose own deals are in this share and nowhere else. In the
lead-in the usual deal is half as deep, as discounts of early November are beside those of Black Friday (Adobe 2025).

Lifts are measured on sellers who give the usual deal, so they hold the response to it. ``deal_in_lift`` is the depth
that is answered so: what people would do for a deal alone turns into the lift as the lead-in ramps up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, check_shape
from xbopt.core.errors import UsageError
from xbopt.core.tables.events import MAX_REACH_DAYS, DatedEvent, check_event_ids, events_between
from xbopt.core.tables.public_holidays import public_holidays

DAYS_TO_EVENT_CAP = 60.0
"""``days_to_event`` when no event starts within this many days."""
_MONTHS = 12
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarArrays:
    """What the calendar says about each day of the horizon, for each region.

    Attributes:
        dates: The days, ``(T,)``.
        demand: Multiplier on visits ``(T, R)``: weekday x season x holiday x events.
        cpm: Multiplier on the price of reach ``(T, R)``: season x events.
        price_sensitivity: Multiplier on own-price elasticity ``(T, R)``; 1 away from events, else at least 1.
        event_strength: The events' multiplier on demand, minus 1, ``(T, R)``; below 0 in a dip.
        days_to_event: Days until the next start of an event ``(T, R)``; 0 on days of an event, at most
            `DAYS_TO_EVENT_CAP`.
        holiday: Whether the day is a public holiday ``(T, R)``.
        usual_deal: Discount that sellers usually give on the day ``(T, R)``, as a fraction.
        deal_share: Share of the day's demand that comes for such a discount only ``(T, R)``.
        deal_in_lift: Depth of discount to which ``demand`` holds the response already ``(T, R)``, as a fraction: the
            usual deal on event days, and in the lead-in the share of it that the lift has of its height.
        daypart_activity: Share of the audience's day in each daypart ``(T, R, H)``; sums to 1 over ``H``.
    """

    dates: tuple[date, ...]
    demand: FloatArray
    cpm: FloatArray
    price_sensitivity: FloatArray
    event_strength: FloatArray
    days_to_event: FloatArray
    holiday: BoolArray
    usual_deal: FloatArray
    deal_share: FloatArray
    deal_in_lift: FloatArray
    daypart_activity: FloatArray

    @property
    def demand_at_list_price(self) -> FloatArray:
        """Multiplier on visits of a seller who never gives a discount ``(T, R)``."""
        return self.demand * (1.0 - self.deal_share)

    def turnout(self, day: int, seen_frac: FloatArray) -> FloatArray:
        """Share of the day's demand that comes at an offer ``(B, R, S)``: all of it at the usual deal or deeper."""
        usual = self.usual_deal[day][:, None]
        reached = np.minimum(seen_frac / np.where(usual > 0.0, usual, 1.0), 1.0)
        return 1.0 - self.deal_share[day][:, None] * (1.0 - reached)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomEvent:
    """An event of the scenario's own.

    Attributes:
        event: What happens and when.
        regions: Positions of the regions where it happens, along the ``R`` axis.
    """

    event: DatedEvent
    regions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _RegionEvents:
    """The events of one region over the horizon; every array is ``(T,)``."""

    demand: FloatArray
    cpm: FloatArray
    price_sensitivity: FloatArray
    night_share: FloatArray
    days_to_event: FloatArray
    usual_deal: FloatArray
    deal_share: FloatArray
    deal_in_lift: FloatArray


def build_calendar(
    *,
    start: date,
    days: int,
    countries: Sequence[str],
    weekday: FloatArray,
    month: FloatArray,
    cpm_month: FloatArray,
    daypart_activity: FloatArray,
    night_dayparts: BoolArray,
    holiday_demand: float,
    event_ids: Sequence[Sequence[str]],
    custom_events: Sequence[CustomEvent] = (),
    event_lift: float = 1.0,
) -> CalendarArrays:
    """Build the calendar of a horizon.

    Args:
        start: First day.
        days: Number of days ``T``, at least 1.
        countries: ISO 3166 code of each region's country, ``(R,)``.
        weekday: Index of demand by weekday ``(R, 7)``, Monday first; 0 for a closed day. It is used as given, so
            that the mean over a week is the mean of the seven numbers.
        month: Index of demand by month ``(R, 12)``, January first, not negative and not all 0.
        cpm_month: Index of the price of reach by month ``(R, 12)``, above 0.
        daypart_activity: Weight of each daypart in an ordinary day ``(R, H)``, not negative and not all 0.
        night_dayparts: Which dayparts are night and late evening ``(H,)``.
        holiday_demand: Multiplier on demand on public holidays.
        event_ids: For each region, the ids of the events that count there.
        custom_events: Events of the scenario's own, added to those of the table.
        event_lift: Multiplier on what events add to demand, or take from it.

    Returns:
        The arrays, which cannot be written to. Events that start after the horizon cast their lead-in into it,
        and those that ended before it their dip.

    Raises:
        DecisionError: An array has the wrong shape.
        UsageError: A number is out of range.
        TableError: A country or an event is unknown, or an event has no numbers for the country.
    """
    regions = len(countries)
    _check(regions, days, weekday, month, cpm_month, daypart_activity, night_dayparts, holiday_demand)
    if len(event_ids) != regions:
        raise UsageError(f"event_ids has {len(event_ids)} lists for {regions} regions.")
    dates = tuple(start + timedelta(days=day) for day in range(days))
    end = dates[-1]

    holiday = np.zeros((days, regions), dtype=np.bool_)
    for region, country in enumerate(countries):
        for day in public_holidays(country, start, end):
            holiday[(day - start).days, region] = True

    found = _find_events(start, end, countries, event_ids, custom_events)
    felt = [_combine(events, start, days) for events in found]
    event_demand = np.stack([one.demand for one in felt], axis=1)
    if event_lift != 1.0:
        event_demand = np.maximum(1.0 + event_lift * (event_demand - 1.0), 0.0)
    weekday_index = weekday[:, [day.weekday() for day in dates]].T
    season = np.stack([seasonal_index(month[region], dates) for region in range(regions)], axis=1)
    cpm_season = np.stack([seasonal_index(cpm_month[region], dates) for region in range(regions)], axis=1)
    on_holiday = np.where(holiday, holiday_demand, 1.0)

    night_share = np.stack([one.night_share for one in felt], axis=1)[:, :, None]
    activity = daypart_activity[None, :, :] * np.where(night_dayparts, night_share, 1.0)
    total = activity.sum(axis=2, keepdims=True)
    if not (total > 0.0).all():
        raise UsageError("An event leaves no activity at all: its night_share of 0 meets a day that is all night.")

    arrays = CalendarArrays(
        dates=dates,
        demand=weekday_index * season * on_holiday * event_demand,
        cpm=cpm_season * np.stack([one.cpm for one in felt], axis=1),
        price_sensitivity=np.stack([one.price_sensitivity for one in felt], axis=1),
        event_strength=event_demand - 1.0,
        days_to_event=np.stack([one.days_to_event for one in felt], axis=1),
        holiday=holiday,
        usual_deal=np.stack([one.usual_deal for one in felt], axis=1),
        deal_share=np.stack([one.deal_share for one in felt], axis=1),
        deal_in_lift=np.stack([one.deal_in_lift for one in felt], axis=1),
        daypart_activity=activity / total,
    )
    for array in (
        arrays.demand,
        arrays.cpm,
        arrays.price_sensitivity,
        arrays.event_strength,
        arrays.days_to_event,
        arrays.holiday,
        arrays.usual_deal,
        arrays.deal_share,
        arrays.deal_in_lift,
        arrays.daypart_activity,
    ):
        array.flags.writeable = False
    return arrays


def seasonal_index(month: FloatArray, dates: Sequence[date]) -> FloatArray:
    """The index of each day, by linear interpolation between the middles of the months.

    A step at the end of a month would be an event that nobody planned. Interpolation alone shifts the year's mean
    a little; each civil year is therefore scaled so that the mean over its days is the mean of the twelve numbers.

    Args:
        month: Index by month ``(12,)``, January first, not negative and not all 0.
        dates: Days, in any order.

    Returns:
        The index of each day, ``(T,)``.
    """
    by_year = {year: _year_curve(month, year) for year in {day.year for day in dates}}
    return np.array([by_year[day.year][day.timetuple().tm_yday - 1] for day in dates], dtype=np.float64)


def _year_curve(month: FloatArray, year: int) -> FloatArray:
    # December of the year before and January of the year after stand at the two ends.
    firsts = [date(year - 1, 12, 1), *(date(year, m, 1) for m in range(1, 13)), date(year + 1, 1, 1)]
    lasts = [*(first - timedelta(days=1) for first in firsts[1:]), date(year + 1, 1, 31)]
    middles = [(first.toordinal() + last.toordinal()) / 2.0 for first, last in zip(firsts, lasts, strict=True)]
    heights = np.concatenate([month[-1:], month, month[:1]])
    ordinals = np.arange(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal(), dtype=np.float64)
    curve = np.interp(ordinals, middles, heights)
    return curve * (month.mean() / curve.mean())


def _find_events(
    start: date,
    end: date,
    countries: Sequence[str],
    event_ids: Sequence[Sequence[str]],
    custom_events: Sequence[CustomEvent],
) -> list[list[DatedEvent]]:
    """The events of each region that can be felt in the horizon, or start soon after it."""
    reach = timedelta(days=max(MAX_REACH_DAYS, int(DAYS_TO_EVENT_CAP)))
    found: list[list[DatedEvent]] = []
    for country, ids in zip(countries, event_ids, strict=True):
        check_event_ids(tuple(ids), country)
        known = events_between(start - reach, end + reach, country) if ids else ()
        found.append([event for event in known if event.event_id in ids])
    for custom in custom_events:
        for region in custom.regions:
            if not 0 <= region < len(countries):
                raise UsageError(
                    f"Event {custom.event.event_id!r} names region {region}, but there are {len(countries)}."
                )
            found[region].append(custom.event)
    return found


def event_demand(event: DatedEvent, first: date, days: int) -> FloatArray:
    """One event's multiplier on demand over ``days`` days from ``first``, ``(T,)``.

    With a lead-in of n days to a height h, the i-th of them has ``1 + (h - 1) * i / n``. With a dip of n days from a
    depth d, the i-th has ``1 + (d - 1) * (n + 1 - i) / n``: d on the first day, 1 on the day after the last.
    """
    before, after = _days_before_and_after(event, first, days)
    demand = np.ones(days, dtype=np.float64)
    demand[(before <= 0) & (after <= 0)] = event.peak_demand
    leading = (before >= 1) & (before <= event.lead_in_days)
    demand[leading] = 1.0 + (event.lead_in_demand - 1.0) * _lead_in_ramp(event, before[leading])
    dipping = (after >= 1) & (after <= event.dip_days)
    ramp = (event.dip_days + 1 - after[dipping]) / max(event.dip_days, 1)
    demand[dipping] = 1.0 + (event.dip_demand - 1.0) * ramp
    return demand


def _lead_in_ramp(event: DatedEvent, before: FloatArray) -> FloatArray:
    """How far the lead-in is up so many days before the start; 1 on its last day."""
    return (event.lead_in_days + 1 - before) / max(event.lead_in_days, 1)


def _days_before_and_after(event: DatedEvent, first: date, days: int) -> tuple[FloatArray, FloatArray]:
    """Days until the event's start, and days since its end; not above 0 both at once only on its own days."""
    step = np.arange(days, dtype=np.float64)
    return (event.start - first).days - step, step - (event.end - first).days


def _combine(events: Sequence[DatedEvent], first: date, days: int) -> _RegionEvents:
    """All events of one region together: the greatest lift, times every dip; the deal is that of the greatest lift.

    Price of reach and night share take the greatest rise and the greatest fall, since neither adds up either.
    """
    lift, dip, cpm, sensitivity, night_share = (np.ones(days, dtype=np.float64) for _ in range(5))
    cheaper = np.ones(days, dtype=np.float64)
    quieter = np.ones(days, dtype=np.float64)
    usual_deal, deal_share, deal_in_lift = np.zeros(days), np.zeros(days), np.zeros(days)
    to_event = np.full(days, DAYS_TO_EVENT_CAP)
    for event in events:
        before, after = _days_before_and_after(event, first, days)
        during = (before <= 0) & (after <= 0)
        leading = (before >= 1) & (before <= event.lead_in_days)
        demand = event_demand(event, first, days)
        greatest = demand > lift
        usual = np.where(during, event.usual_deal_frac, event.usual_deal_frac / 2.0)
        usual_deal = np.where(greatest, usual, usual_deal)
        ramp = np.where(during, 1.0, np.where(leading, _lead_in_ramp(event, before), 0.0))
        deal_in_lift = np.where(greatest, usual * ramp, deal_in_lift)
        deal_share = np.where(greatest, event.deal_seekers_frac * (1.0 - 1.0 / np.maximum(demand, 1.0)), deal_share)
        lift = np.maximum(lift, demand)
        dip = dip * np.minimum(demand, 1.0)
        price = np.where(during, event.cpm, np.where(leading, 1.0 + (event.cpm - 1.0) / 2.0, 1.0))
        cpm = np.maximum(cpm, price)
        cheaper = np.minimum(cheaper, price)
        sensitivity = np.maximum(sensitivity, np.where(during | leading, event.price_sensitivity, 1.0))
        night = np.where(during, event.night_share, 1.0)
        night_share = np.maximum(night_share, night)
        quieter = np.minimum(quieter, night)
        to_event = np.minimum(to_event, np.where(during, 0.0, np.where(before >= 1, before, to_event)))
    return _RegionEvents(
        demand=lift * dip,
        cpm=cpm * cheaper,
        price_sensitivity=sensitivity,
        night_share=night_share * quieter,
        days_to_event=to_event,
        usual_deal=usual_deal,
        deal_share=deal_share,
        deal_in_lift=deal_in_lift,
    )


def _check(
    regions: int,
    days: int,
    weekday: FloatArray,
    month: FloatArray,
    cpm_month: FloatArray,
    daypart_activity: FloatArray,
    night_dayparts: BoolArray,
    holiday_demand: float,
) -> None:
    if regions < 1 or days < 1:
        raise UsageError(f"A calendar needs at least one region and one day, not {regions} and {days}.")
    check_shape("weekday", weekday, (regions, _WEEK), "R, weekday")
    check_shape("month", month, (regions, _MONTHS), "R, month")
    check_shape("cpm_month", cpm_month, (regions, _MONTHS), "R, month")
    check_shape("daypart_activity", daypart_activity, (regions, None), "R, H")
    dayparts = daypart_activity.shape[1]
    if night_dayparts.shape != (dayparts,) or night_dayparts.dtype != np.bool_:
        raise UsageError(f"night_dayparts must be {dayparts} truth values, one for each daypart.")
    for name, array in (
        ("weekday", weekday),
        ("month", month),
        ("cpm_month", cpm_month),
        ("daypart_activity", daypart_activity),
    ):
        if not (np.isfinite(array).all() and (array >= 0.0).all()):
            raise UsageError(f"{name} holds a number that is negative or not finite.")
        if not (array.sum(axis=1) > 0.0).all():
            raise UsageError(f"{name} is 0 throughout for a region.")
    if not (cpm_month > 0.0).all():
        raise UsageError("cpm_month holds a 0: reach that costs nothing would be bought without end.")
    if not 0.0 <= holiday_demand < float("inf"):
        raise UsageError(f"holiday_demand must be a number of at least 0, not {holiday_demand}.")
