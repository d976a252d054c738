"""Calendar, noise, promotions and spreads of a scenario without data."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from xbopt.core.defaults.ledger import Ledger, figures, held
from xbopt.core.tables.events import MAX_REACH_DAYS, events_between

_HOURS = {"night": (0, 7), "morning": (7, 12), "afternoon": (12, 18), "evening": (18, 24)}
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = tuple(f"month_{month:02d}" for month in range(1, 13))
_MOST_SPREAD = 1.0
_AMERICA = ("US", "CA")
_CELL, _MEDIA = ["region", "segment"], ["region", "channel"]
# Groups whose spread follows from the range of a trade's fact, with the axes along which worlds differ.
_OF_TRADE = {
    "elasticity": ("elasticity", _CELL),
    "conversion": ("conversion_rate", _CELL),
    "order_value": ("order_value_usd", ["segment"]),
    "return_rate": ("return_rate", ["region"]),
    "dropout": ("repeat_frac", ["segment"]),
}
_OF_MARKETS: Mapping[str, list[str]] = {
    "organic_traffic": _CELL,
    "media_response": _MEDIA,
    "bid_up": ["channel"],
    "visit_quality": ["channel"],
    "synergy": [],
    "event_lift": ["region"],
    "deal_gain": ["segment"],
    "pull_forward": [],
}


def calendar_fields(ledger: Ledger, countries: Sequence[str], days: int) -> dict[str, object]:
    """Dayparts, weekdays, months and the retail events that are felt on some day of the horizon."""
    take = ledger.take_general
    first, last = ledger.day, ledger.day + timedelta(days=days - 1)
    reach = timedelta(days=MAX_REACH_DAYS)
    felt = {
        event.event_id
        for country in countries
        for event in events_between(first - reach, last + reach, country)
        if event.start - timedelta(days=event.lead_in_days) <= last
        and event.end + timedelta(days=event.dip_days) >= first
    }
    dayparts: list[dict[str, object]] = []
    for n, (name, (start, end)) in enumerate(_HOURS.items()):
        ledger.state(f"calendar.dayparts.{n}.from_hour", "set", "By choice: four parts of the day")
        ledger.state(f"calendar.dayparts.{n}.to_hour", "set", "By choice: four parts of the day")
        activity = take(f"calendar.dayparts.{name}.activity", name, "daypart")
        dayparts.append({"id": name, "from_hour": start, "to_hour": end, "activity": activity})
    fields: dict[str, object] = {
        "dayparts": dayparts,
        "weekday": [take(f"calendar.weekday.{n}", day, "weekday") for n, day in enumerate(_WEEK)],
        "month": [take(f"calendar.month.{n}", month, "demand") for n, month in enumerate(_MONTHS)],
        "cpm_month": [take(f"calendar.cpm_month.{n}", month, "media_price") for n, month in enumerate(_MONTHS)],
        "holiday_demand": take("calendar.holiday_demand", "holiday_demand"),
        "events": sorted(felt),
    }
    if american := [country for country in countries if country in _AMERICA]:
        fields["regions"] = {
            country: {
                "weekday": [
                    take(f"calendar.regions.{country}.weekday.{n}", day, "weekday_us") for n, day in enumerate(_WEEK)
                ]
            }
            for country in american
        }
    return fields


def noise_fields(ledger: Ledger) -> dict[str, float]:
    """Day-to-day randomness."""
    return {name: ledger.take_general(f"noise.{name}", name) for name in ("demand_cv", "media_price_cv")}


def discount_fields(ledger: Ledger) -> dict[str, object]:
    """The discounts that may be given."""
    for n in range(5):
        ledger.state(f"discounts.levels.{n}", "E", "Assumption: the steps shops use")
    return {
        "levels": [0.0, 0.05, 0.1, 0.15, 0.2],
        "ceiling_frac": ledger.take_general("discounts.ceiling_frac", "discount_ceiling_frac"),
        "margin_floor_frac": ledger.take_general("discounts.margin_floor_frac", "margin_floor_frac"),
    }


def tactic_fields(ledger: Ledger) -> dict[str, object]:
    """The menu that logged exploration chooses from."""
    ledger.state("tactics.**", "E", "Assumption: the menu a planner would consider")
    return {
        "decide_every_days": 7,
        "window_days": 7,
        "exploration": 0.2,
        "discount_frac": [0.0, 0.1],
        "intensity": [0.5, 1.0, 1.5],
    }


def uncertainty_fields(
    ledger: Ledger, trade: str, channels: Sequence[str], *, known: Collection[str] = ()
) -> dict[str, object]:
    """How unsure a seller without data is of each parameter group.

    Args:
        ledger: Where the facts come from.
        trade: What is sold.
        channels: The channels; the least sure of them speaks for all.
        known: Groups that the seller stated himself.
    """
    spreads: dict[str, tuple[float, list[str], str, str]] = {}
    for group, (name, axes) in _OF_TRADE.items():
        fact = ledger.look_up("trade", trade, name)
        spreads[group] = (fact.spread, axes, fact.evidence, f"{name} of {fact.low:g} to {fact.high:g}: {fact.source}")
    margin = ledger.look_up("trade", trade, "gross_margin_frac")
    cost = margin.spread * margin.value / (1.0 - margin.value)  # a margin m leaves costs of 1 - m
    spreads["unit_cost"] = (
        cost,
        ["segment"],
        margin.evidence,
        f"Margins of {margin.low:g} to {margin.high:g}: {margin.source}",
    )
    half = ledger.look_up("general", "any", "half_saturation_ratio")
    spreads["half_saturation"] = (half.spread, _MEDIA, half.evidence, half.source)
    for group, name in (
        ("media_price", "price_usd"),
        ("carry_over", "half_life_days"),
        ("fatigue", "weekly_frequency"),
    ):
        fact = max((ledger.look_up("channel", channel, name) for channel in channels), key=lambda one: one.spread)
        spreads[group] = (fact.spread, _MEDIA if group == "media_price" else ["channel"], fact.evidence, fact.source)
    for group, axes in _OF_MARKETS.items():
        fact = ledger.look_up("general", "spread", group)
        spreads[group] = (fact.value, axes, fact.evidence, fact.source)
    parcel = ledger.look_up("route", "any", "parcel_usd")
    spreads["shipping_cost"] = (parcel.spread, ["region"], parcel.evidence, parcel.source)
    days = ledger.look_up("general", "any", "congestion_volatility")
    spreads["delivery_days"] = (days.value, ["region"], days.evidence, days.source)
    fields: dict[str, object] = {}
    for group, (spread, axes, evidence, source) in spreads.items():
        if group not in known and spread > 0.0:
            taken = min(spread, _MOST_SPREAD)
            ledger.state(f"uncertainty.{group}.spread", evidence, source, held(spread, taken).removeprefix(", "))
            fields[group] = {"spread": figures(taken, 2), "by": axes}
    return fields
