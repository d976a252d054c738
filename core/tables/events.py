"""Retail events: when they come, and what they do to demand, media prices and price sensitivity.

One id may have several rows. Rows with the same id and the same name must have disjoint countries: the event has
another strength there. Rows with the same id and different names are phases of one event, such as Ramadan and its
third week; all of them hold.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from xbopt.core.errors import TableError
from xbopt.core.tables.event_dates import dated_events
from xbopt.core.tables.event_rules import EventRule, HijriDay, parse_rule
from xbopt.core.tables.rows import TABLE_FOLDER, Row, read_rows, unknown_id

COLUMNS = (
    "event_id",
    "name",
    "rule",
    "length_days",
    "countries",
    "lead_in_days",
    "lead_in_demand",
    "peak_demand",
    "dip_days",
    "dip_demand",
    "cpm",
    "price_sensitivity",
    "night_share",
    "usual_deal_frac",
    "deal_seekers_frac",
    "evidence",
    "source",
)
MAX_REACH_DAYS = 60
"""The longest lead-in and the longest dip that the table may hold."""
_MAX_LENGTH_DAYS = 60
_EVERYWHERE = "*"
_ISO_COUNTRY_LENGTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedEvent:
    """One occurrence of an event, with its days.

    Attributes:
        event_id: Id of the event, such as ``black_friday``.
        name: Name for reports.
        start: First day of the event.
        end: Last day of the event, itself included.
        lead_in_days: Days before ``start`` on which demand moves already.
        lead_in_demand: Multiplier on demand on the last day before ``start``; it ramps linearly from 1.
        peak_demand: Multiplier on demand on each day of the event: orders of a seller who gives the usual deal, against
            an ordinary day at list price. Sales in money are lower, by the usual deal.
        dip_days: Days after ``end`` on which demand is still off.
        dip_demand: Multiplier on demand on the first day after ``end``; it recovers linearly to 1.
        cpm: Multiplier on the price of reach on event days; half of its excess over 1 holds in the lead-in.
        price_sensitivity: Multiplier on price elasticity in the lead-in and the event, at least 1; on what a deal is
            beyond the usual one.
        night_share: Multiplier on the weight of the night dayparts on event days.
        usual_deal_frac: Discount that sellers usually give on event days, to which the lift holds the response; half of
            it in the lead-in.
        deal_seekers_frac: Share of the event's lift in visits that goes to sellers who give that discount only.
        evidence: One of `xbopt.core.tables.rows.EVIDENCE_MARKS`; empty for an event of one's own.
        source: Where the numbers were found; empty for an event of one's own.
    """

    event_id: str
    name: str
    start: date
    end: date
    lead_in_days: int = 0
    lead_in_demand: float = 1.0
    peak_demand: float = 1.0
    dip_days: int = 0
    dip_demand: float = 1.0
    cpm: float = 1.0
    price_sensitivity: float = 1.0
    night_share: float = 1.0
    usual_deal_frac: float = 0.0
    deal_seekers_frac: float = 0.0
    evidence: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Check days and multipliers.

        Raises:
            TableError: The event ends before it starts, or a number is out of range.
        """
        if self.end < self.start:
            raise TableError(f"Event {self.event_id!r} ends on {self.end}, before it starts on {self.start}.")
        if self.lead_in_days < 0 or self.dip_days < 0:
            raise TableError(f"Event {self.event_id!r} has a negative number of days.")
        multipliers = (self.lead_in_demand, self.peak_demand, self.dip_demand, self.cpm, self.night_share)
        if not all(0.0 <= value < float("inf") for value in (*multipliers, self.price_sensitivity)):
            raise TableError(f"Event {self.event_id!r} has a multiplier that is negative or not finite.")
        if self.price_sensitivity < 1.0:
            raise TableError(f"Event {self.event_id!r} has a price_sensitivity below 1.")
        if not (0.0 <= self.usual_deal_frac < 1.0 and 0.0 <= self.deal_seekers_frac <= 1.0):
            raise TableError(f"Event {self.event_id!r} has a usual_deal_frac or deal_seekers_frac that is no share.")
        if self.deal_seekers_frac > 0.0 and self.usual_deal_frac == 0.0:
            raise TableError(f"Event {self.event_id!r} has seekers of deals, but no usual_deal_frac.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDefinition:
    """One row of the table of events; the multipliers are those of `DatedEvent`.

    Attributes:
        rule: How the start is found.
        length_days: Days of the event; None for "to the end of the Islamic month".
        countries: ISO 3166 codes; empty for every country that no other row of this id and name names.
    """

    event_id: str
    name: str
    rule: EventRule
    length_days: int | None
    countries: frozenset[str]
    lead_in_days: int
    lead_in_demand: float
    peak_demand: float
    dip_days: int
    dip_demand: float
    cpm: float
    price_sensitivity: float
    night_share: float
    usual_deal_frac: float
    deal_seekers_frac: float
    evidence: str
    source: str

    def occurrences(self, first: date, last: date) -> tuple[DatedEvent, ...]:
        """Every occurrence with an event day between ``first`` and ``last``, both included."""
        earlier = first - timedelta(days=_MAX_LENGTH_DAYS)
        known = dated_events()
        # A year whose days are known takes them, and the rule is silent about it.
        by_rule = [
            self._on(start) for start in self.rule.starts(earlier, last) if (self.event_id, start.year) not in known
        ]
        by_year = [known.get((self.event_id, year)) for year in range(earlier.year, last.year + 1)]
        dated = by_rule + [
            replace(self._on(day.start), end=day.end, name=day.name, source=f"{self.source}; days: {day.source}")
            for day in by_year
            if day is not None
        ]
        return tuple(event for event in dated if event.start <= last and event.end >= first)

    def _on(self, start: date) -> DatedEvent:
        length = self.length_days
        if length is None:
            assert isinstance(self.rule, HijriDay), "the reader allows a month's length for Islamic dates only"
            length = self.rule.month_length(start)
        return DatedEvent(
            event_id=self.event_id,
            name=self.name,
            start=start,
            end=start + timedelta(days=length - 1),
            lead_in_days=self.lead_in_days,
            lead_in_demand=self.lead_in_demand,
            peak_demand=self.peak_demand,
            dip_days=self.dip_days,
            dip_demand=self.dip_demand,
            cpm=self.cpm,
            price_sensitivity=self.price_sensitivity,
            night_share=self.night_share,
            usual_deal_frac=self.usual_deal_frac,
            deal_seekers_frac=self.deal_seekers_frac,
            evidence=self.evidence,
            source=self.source,
        )


def load_events(path: Path) -> tuple[EventDefinition, ...]:
    """Read a table of events.

    Raises:
        TableError: A row is broken, or names a country that another row of the same id and name has already.
            The message names file, row and column.
    """
    definitions: list[EventDefinition] = []
    taken: dict[tuple[str, str], set[str]] = {}
    for row in read_rows(path, COLUMNS):
        definition = _read(row)
        seen = taken.setdefault((definition.event_id, definition.name), set())
        twice = seen & (definition.countries or {_EVERYWHERE})
        if twice:
            raise row.error("countries", f"{', '.join(sorted(twice))} stands in an earlier row of this event.")
        seen.update(definition.countries or {_EVERYWHERE})
        definitions.append(definition)
    return tuple(definitions)


def _read(row: Row) -> EventDefinition:
    try:
        rule = parse_rule(row.text("rule"))
    except ValueError as problem:
        raise row.error("rule", f"{row.text('rule')!r} is no rule: {problem}.") from None
    length_days = None
    if row.text("length_days") != "month":
        length_days = row.integer("length_days", low=1, high=_MAX_LENGTH_DAYS)
    elif not isinstance(rule, HijriDay):
        raise row.error("length_days", "'month' goes with a hijri rule only.")
    usual_deal_frac = row.number("usual_deal_frac", low=0.0, high=0.9)
    deal_seekers_frac = row.number("deal_seekers_frac", low=0.0, high=1.0)
    if deal_seekers_frac > 0.0 and usual_deal_frac == 0.0:
        raise row.error("deal_seekers_frac", "Somebody seeks a deal that nobody gives: usual_deal_frac is 0.")
    return EventDefinition(
        event_id=row.text("event_id"),
        name=row.text("name"),
        rule=rule,
        length_days=length_days,
        countries=_countries(row),
        lead_in_days=row.integer("lead_in_days", low=0, high=MAX_REACH_DAYS),
        lead_in_demand=row.number("lead_in_demand", low=0.0, high=20.0),
        peak_demand=row.number("peak_demand", low=0.0, high=20.0),
        dip_days=row.integer("dip_days", low=0, high=MAX_REACH_DAYS),
        dip_demand=row.number("dip_demand", low=0.0, high=20.0),
        cpm=row.number("cpm", low=0.1, high=10.0),
        price_sensitivity=row.number("price_sensitivity", low=1.0, high=5.0),
        night_share=row.number("night_share", low=0.1, high=10.0),
        usual_deal_frac=usual_deal_frac,
        deal_seekers_frac=deal_seekers_frac,
        evidence=row.evidence(),
        source=row.text("source"),
    )


def _countries(row: Row) -> frozenset[str]:
    text = row.text("countries")
    if text == _EVERYWHERE:
        return frozenset()
    codes = text.split(";")
    for code in codes:
        if not _is_country_code(code):
            raise row.error("countries", f"{code!r} is not an ISO 3166 code such as DE; separate codes by ';'.")
    if len(set(codes)) < len(codes):
        raise row.error("countries", "names a country twice.")
    return frozenset(codes)


def _is_country_code(code: str) -> bool:
    return len(code) == _ISO_COUNTRY_LENGTH and code.isascii() and code.isalpha() and code.isupper()


@cache
def _table() -> tuple[EventDefinition, ...]:
    return load_events(TABLE_FOLDER / "retail_events.csv")


@cache
def _definitions_for(country: str) -> tuple[EventDefinition, ...]:
    if not _is_country_code(country):
        raise TableError(f"{country!r} is not an ISO 3166 country code such as DE.")
    named = {(row.event_id, row.name) for row in _table() if country in row.countries}
    return tuple(
        row
        for row in _table()
        if country in row.countries or (not row.countries and (row.event_id, row.name) not in named)
    )


def event_ids(country: str | None = None) -> tuple[str, ...]:
    """Every known event id, sorted; with a country, the ids that have numbers for it.

    Raises:
        TableError: ``country`` is no country code.
    """
    rows = _table() if country is None else _definitions_for(country)
    return tuple(sorted({row.event_id for row in rows}))


def events_between(start: date, end: date, country: str) -> tuple[DatedEvent, ...]:
    """Every event in a country with an event day between ``start`` and ``end``, both included, by start and id.

    Lead-in and dip do not count: ask for `MAX_REACH_DAYS` more on either side to find every event that is felt.

    Raises:
        TableError: ``country`` is no country code, ``end`` lies before ``start``, or a calendar is not known
            for these years.
    """
    if end < start:
        raise TableError(f"Events were asked for from {start} to {end}, which ends before it starts.")
    found = (event for row in _definitions_for(country) for event in row.occurrences(start, end))
    return tuple(sorted(found, key=lambda event: (event.start, event.event_id, event.name)))


def check_event_ids(ids: tuple[str, ...], country: str) -> None:
    """Check that every id is known and has numbers for ``country``.

    Raises:
        TableError: The message names the id, and what is known.
    """
    here = event_ids(country)
    for event_id in ids:
        if event_id not in event_ids():
            raise TableError(unknown_id(event_id, event_ids(), what="event"))
        if event_id not in here:
            raise TableError(f"event {event_id!r} has no numbers for {country}. Known there: {', '.join(here)}.")
