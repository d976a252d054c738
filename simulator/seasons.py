"""The calendar of a scenario: its seasons, its events and the tables' events, region by region."""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import CustomEvent as CustomEventSection
from xbopt.core.scenario.schedule import RegionSeason
from xbopt.core.tables.events import DatedEvent, event_ids
from xbopt.simulator.calendar import CalendarArrays, CustomEvent, build_calendar

_EVENING_HOUR = 20
_MORNING_HOUR = 6


def scenario_calendar(scenario: Scenario) -> CalendarArrays:
    """Build the calendar arrays of a scenario.

    An event of the table counts in the regions for whose country the table has numbers.
    """
    calendar, regions = scenario.document.calendar, scenario.document.market.regions
    own = [calendar.regions.get(region.id, RegionSeason()) for region in regions]

    def rows(chosen: list[list[float] | None], default: list[float]) -> FloatArray:
        return np.array([default if row is None else row for row in chosen], dtype=np.float64)

    return build_calendar(
        start=scenario.start,
        days=scenario.days,
        countries=[region.country for region in regions],
        weekday=rows([season.weekday for season in own], calendar.weekday),
        month=rows([season.month for season in own], calendar.month),
        cpm_month=rows([season.cpm_month for season in own], calendar.cpm_month),
        daypart_activity=scenario.audience,
        night_dayparts=np.array(
            [part.from_hour >= _EVENING_HOUR or part.to_hour <= _MORNING_HOUR for part in calendar.dayparts]
        ),
        holiday_demand=calendar.holiday_demand,
        event_lift=1.0 if calendar.event_lift is None else calendar.event_lift,
        event_ids=[[name for name in calendar.events if name in event_ids(region.country)] for region in regions],
        custom_events=[_custom_event(scenario, event) for event in calendar.custom_events],
    )


def _custom_event(scenario: Scenario, event: CustomEventSection) -> CustomEvent:
    return CustomEvent(
        event=DatedEvent(
            event_id=event.id,
            name=event.name or event.id,
            start=event.start,
            end=event.end,
            lead_in_days=event.lead_in_days,
            lead_in_demand=event.lead_in_demand,
            peak_demand=event.demand,
            dip_days=event.dip_days,
            dip_demand=event.dip_demand,
            cpm=event.cpm,
            price_sensitivity=event.price_sensitivity,
            usual_deal_frac=event.usual_deal_frac,
            deal_seekers_frac=event.deal_seekers_frac,
        ),
        regions=tuple(scenario.regions.index(name) for name in event.regions or scenario.regions),
    )
