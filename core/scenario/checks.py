"""What a strict edge model cannot say: that names exist, sums are right and limits can be met.

Every check yields the path of the value that is wrong and a sentence that says how to mend it.
"""

import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from xbopt.core.documents.document import Path
from xbopt.core.documents.problems import suggest
from xbopt.core.errors import TableError
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.market import Region
from xbopt.core.scenario.names import Finding, Names, keys, named, unknown
from xbopt.core.scenario.places import OWN_SHOP
from xbopt.core.scenario.plan_checks import PLAN_CHECKS
from xbopt.core.scenario.schedule import ChannelOutage, FxShock, RuleChange
from xbopt.core.scenario.trade import fees_on, origin_of
from xbopt.core.tables.duties import duty_ids, duty_rule
from xbopt.core.tables.events import event_ids
from xbopt.core.tables.import_fees import fee_ids, import_fees
from xbopt.core.tables.public_holidays import country_codes
from xbopt.core.tables.published_ranges import published_ranges
from xbopt.core.tables.tariff_lists import tariff_list_ids
from xbopt.core.tables.taxes import tax_ids, tax_rate

_LARGEST_MARKET = 20_000
_LARGEST_RUN = 4_000_000


def semantic_problems(document: ScenarioDocument) -> list[Finding]:
    """Everything wrong with a document that fits the edge model; empty when it can be built."""
    unique = list(_unique_names(document))
    if unique:  # with doubtful names the other messages would mislead
        return unique
    findings: list[Finding] = []
    for check in _CHECKS:
        findings.extend(check(document))
    return findings


def _unique_names(document: ScenarioDocument) -> Iterator[Finding]:
    lists: list[tuple[Path, Sequence[str]]] = [
        (("market", "regions"), [r.id for r in document.market.regions]),
        (("segments",), [s.id for s in document.segments]),
        (("products",), [p.id for p in document.products]),
        (("channels",), [c.id for c in document.channels]),
        (("places",), [place.id for place in document.places]),
        (("calendar", "dayparts"), [p.id for p in document.calendar.dayparts]),
        (("calendar", "custom_events"), [event.id for event in document.calendar.custom_events]),
        *(
            (("segments", s, "customer_types"), [kind.id for kind in segment.customer_types])
            for s, segment in enumerate(document.segments)
        ),
    ]
    for path, names in lists:
        for i, name in enumerate(names):
            if name in names[:i]:
                yield (*path, i, "id"), f"The id {name!r} is used twice; each needs its own."


def _size(document: ScenarioDocument) -> Iterator[Finding]:
    cells = len(document.market.regions) * len(document.segments)
    market = cells * len(document.channels)
    if market > _LARGEST_MARKET:
        yield (), f"regions x segments x channels is {market:,}; at most {_LARGEST_MARKET:,} are allowed."
    elif market * document.horizon.days > _LARGEST_RUN:
        yield (
            ("horizon", "days"),
            (
                f"regions x segments x channels x days is {market * document.horizon.days:,}; "
                f"at most {_LARGEST_RUN:,} are allowed."
            ),
        )


def _market(document: ScenarioDocument) -> Iterator[Finding]:
    market = document.market
    base = market.currencies.get(market.base_currency)
    if base is None:
        known = list(market.currencies)
        yield (
            ("market", "base_currency"),
            f"{market.base_currency} must stand under market.currencies, with rate 1. Known: {', '.join(known)}.",
        )
    elif base.rate != 1.0 or base.volatility or base.jumps_per_year:
        yield ("market", "currencies", market.base_currency), "The base currency has rate 1 and does not move."
    for r, region in enumerate(market.regions):
        yield from _region(document, ("market", "regions", r), region)


def _region(document: ScenarioDocument, path: Path, region: Region) -> Iterator[Finding]:
    names, first = Names(document), document.horizon.start
    last = first + timedelta(days=document.horizon.days - 1)
    currencies = document.market.currencies
    if region.currency not in currencies:
        yield (*path, "currency"), unknown("currency", region.currency, list(currencies))
    if region.country not in country_codes():
        hint = " Did you mean 'GB'?" if region.country == "UK" else ""
        sentence = f"{region.country!r} is no country with known public holidays (ISO code, as in DE).{hint}"
        yield (*path, "country"), sentence
    try:
        zoneinfo.ZoneInfo(region.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zones = zoneinfo.available_timezones()
        yield (*path, "timezone"), f"There is no time zone {region.timezone!r}.{suggest(region.timezone, zones)}"
    if region.tax not in tax_ids():
        yield (*path, "tax"), unknown("tax id", region.tax, tax_ids())
    elif (problem := _table_problem(lambda: (tax_rate(region.tax, first), tax_rate(region.tax, last)))) is not None:
        yield (*path, "tax"), problem
    if region.duty not in duty_ids():
        yield (*path, "duty"), unknown("duty id", region.duty, duty_ids())
    elif (problem := _table_problem(lambda: (duty_rule(region.duty, first), duty_rule(region.duty, last)))) is not None:
        yield (*path, "duty"), problem
    elif region.duty != "none" and (code := duty_rule(region.duty, first).currency) not in currencies:
        yield (*path, "duty"), f"This rule is written in {code}; add {code} to market.currencies with its rate."
    for fee in fees_on(region, first, document.horizon.days):
        if fee.currency not in currencies:
            sentence = (
                f"The fee {fee.fee_id} is written in {fee.currency}; add {fee.currency} to market.currencies with its "
                f"rate, or switch the fee off: import_fees: {{{fee.fee_id}: false}}."
            )
            yield (*path, "duty"), sentence
    known_fees = [fee.fee_id for fee in import_fees(region.duty, region.country)]
    for fee_id in region.import_fees:
        if fee_id not in fee_ids():
            yield (*path, "import_fees", fee_id), unknown("import fee", fee_id, fee_ids())
        elif fee_id not in known_fees:
            yield (*path, "import_fees", fee_id), f"{fee_id} is not owed in {region.country} with duty: {region.duty}."
    yield from keys((*path, "population"), "segment", region.population, names.segments)
    for segment in names.segments:
        if segment not in region.population:
            yield (*path, "population"), f"The segment {segment!r} is missing; write 0 where it has nobody."
    for segment, customers in region.customers.items():
        if segment not in names.segments:
            yield (*path, "customers", segment), unknown("segment", segment, names.segments)
        elif (have := sum(customers.model_dump().values())) > region.population.get(segment, 0.0):
            people = region.population.get(segment, 0.0)
            yield (*path, "customers", segment), f"{have:,g} customers, but only {people:,g} people live in this cell."


def _table_problem(look_up: Callable[[], object]) -> str | None:
    try:
        look_up()
    except TableError as error:
        return str(error)
    return None


def _people(document: ScenarioDocument) -> Iterator[Finding]:
    people = [number for region in document.market.regions for number in region.population.values()]
    if people and not any(people):
        yield ("market", "regions"), "Nobody lives in this market: every population is 0."


def _assortment(document: ScenarioDocument) -> Iterator[Finding]:
    names = Names(document)
    for s, segment in enumerate(document.segments):
        path: Path = ("segments", s, "product_mix")
        yield from keys(path, "product", segment.product_mix, names.products)
        total = sum(segment.product_mix.values())
        if abs(total - 1.0) > 1e-6:
            yield path, f"The shares sum to {total:g}; they must sum to 1."
    for p, product in enumerate(document.products):
        if product.tariff_list is None:
            continue
        path = ("products", p, "tariff_list")
        origin = origin_of(document.market, product)
        if product.tariff_list not in tariff_list_ids():
            yield path, unknown("tariff list", product.tariff_list, tariff_list_ids())
        elif product.tariff_list not in (of_origin := tariff_list_ids(origin)):
            known = (
                f"Known for {origin}: {', '.join(of_origin)}." if of_origin else "State the right origin, or no list."
            )
            yield path, f"{product.tariff_list} does not hold for goods of origin {origin}. {known}"


def _customer_types(document: ScenarioDocument) -> Iterator[Finding]:
    for s, segment in enumerate(document.segments):
        path: Path = ("segments", s, "customer_types")
        if abs((total := sum(kind.share for kind in segment.customer_types)) - 1.0) > 1e-6:
            yield path, f"The shares sum to {total:g}; they must sum to 1."
        stated = [kind.promotion_share for kind in segment.customer_types if kind.promotion_share is not None]
        if stated and len(stated) < len(segment.customer_types):
            yield path, "State promotion_share for every type of a segment, or for none."
        elif stated and abs(sum(stated) - 1.0) > 1e-6:
            yield path, f"The promotion shares sum to {sum(stated):g}; they must sum to 1."


def _channels(document: ScenarioDocument) -> Iterator[Finding]:
    names = Names(document)
    for c, channel in enumerate(document.channels):
        path: Path = ("channels", c)
        yield from keys((*path, "segment_response"), "segment", channel.segment_response, names.segments)
        yield from keys((*path, "region_response"), "region", channel.region_response, names.regions)
        yield from keys((*path, "daypart_response"), "daypart", channel.daypart_response, names.dayparts)
        yield from keys((*path, "daypart_price"), "daypart", channel.daypart_price, names.dayparts)
        yield from keys((*path, "price", "by_region"), "region", channel.price.by_region, names.regions)
        if not any(channel.reach.model_dump().values()):
            yield (*path, "reach"), "The channel reaches nobody."
    seen: list[set[str]] = []
    for i, synergy in enumerate(document.synergies):
        pair = set(synergy.channels)
        yield from named(("synergies", i, "channels"), "channel", synergy.channels, names.channels)
        if len(pair) == 1:
            yield ("synergies", i, "channels"), "A synergy needs two different channels."
        elif pair in seen:
            yield ("synergies", i, "channels"), "This pair already has a synergy."
        seen.append(pair)


def _places(document: ScenarioDocument) -> Iterator[Finding]:
    """Names that do not exist, and organic orders that are shared out more than once."""
    regions, ids = Names(document).regions, [place.id for place in document.places]
    for p, place in enumerate(document.places):
        if place.id == OWN_SHOP:
            yield ("places", p, "id"), f"{OWN_SHOP} is the seller's own shop, whose fees stand with each region."
        yield from keys(("places", p, "fees", "by_region"), "region", place.fees.by_region, regions)
    if (total := sum(place.organic_frac for place in document.places)) > 1.0 + 1e-9:
        yield ("places",), f"The places take {total:g} of the organic orders together; at most 1 can be shared out."
    for c, channel in enumerate(document.channels):
        if channel.place not in (None, *ids):
            where = ("channels", c, "place")
            if ids:
                yield where, unknown("place", channel.place or "", ids)
            else:
                yield where, f"The scenario names no places; add {channel.place!r} under places, or leave this out."


def _calendar(document: ScenarioDocument) -> Iterator[Finding]:
    names, calendar = Names(document), document.calendar
    hour = 0
    for i, part in enumerate(calendar.dayparts):
        if part.from_hour != hour or part.to_hour <= part.from_hour:
            yield (
                ("calendar", "dayparts", i),
                f"Dayparts follow each other from 0 to 24: this one must start at {hour} and end later.",
            )
            break
        hour = part.to_hour
    else:
        if hour != 24:
            yield ("calendar", "dayparts"), f"The dayparts end at {hour}; together they must cover 0 to 24."
    yield from _events(document)
    yield from keys(("calendar", "regions"), "region", calendar.regions, names.regions)
    for name, season in calendar.regions.items():
        yield from keys(("calendar", "regions", name, "activity"), "daypart", season.activity or {}, names.dayparts)
    seasons: list[tuple[Path, str, list[float]]] = [
        (("calendar", "month"), "month", calendar.month),
        (("calendar", "weekday"), "weekday", calendar.weekday),
    ]
    for name, season in calendar.regions.items():
        seasons += [
            (("calendar", "regions", name, what), what, row)
            for what, row in (("month", season.month), ("weekday", season.weekday))
            if row
        ]
    for path, what, row in seasons:
        if not any(row):
            yield path, f"At least one {what} must be above 0."
    for i, event in enumerate(calendar.custom_events):
        path = ("calendar", "custom_events", i)
        yield from named((*path, "regions"), "region", event.regions, names.regions)
        if event.end < event.start:
            yield (*path, "end"), f"The event ends on {event.end}, before it starts on {event.start}."
        if event.deal_seekers_frac > 0.0 and event.usual_deal_frac == 0.0:
            yield (*path, "deal_seekers_frac"), "Seekers of deals need a usual_deal_frac above 0, the deal they seek."


def _events(document: ScenarioDocument) -> Iterator[Finding]:
    events, path = document.calendar.events, ("calendar", "events")
    yield from named(path, "event", events, event_ids())
    countries = [region.country for region in document.market.regions if region.country in country_codes()]
    somewhere = {event for country in set(countries) for event in event_ids(country)}
    for i, event in enumerate(events):
        if event in events[:i]:
            yield (*path, i), f"The event {event!r} stands here twice; delete one."
        elif countries and event in event_ids() and event not in somewhere:
            yield (*path, i), f"The event {event!r} has no numbers for any country of this market; delete it."


def _shocks(document: ScenarioDocument) -> Iterator[Finding]:
    names, first = Names(document), document.horizon.start
    for i, shock in enumerate(document.shocks):
        path: Path = ("shocks", i)
        day = (shock.day - first).days
        if not 0 <= day < document.horizon.days:
            yield (*path, "day"), f"{shock.day} is outside the horizon, so the shock would do nothing."
        if isinstance(shock, FxShock):
            if shock.currency not in document.market.currencies:
                yield (*path, "currency"), unknown("currency", shock.currency, list(document.market.currencies))
            elif shock.currency == document.market.base_currency:
                yield (*path, "currency"), "The base currency does not move against itself."
            continue
        yield from named((*path, "regions"), "region", shock.regions, names.regions)
        if isinstance(shock, ChannelOutage) and shock.channel not in names.channels:
            yield (*path, "channel"), unknown("channel", shock.channel, names.channels)
        if isinstance(shock, RuleChange):
            yield from _rule_change(document, path, shock)


def _rule_change(document: ScenarioDocument, path: Path, shock: RuleChange) -> Iterator[Finding]:
    duties = (
        "threshold_base", "line_duty_base", "ad_valorem_frac", "ad_valorem_added_frac", "surcharge_frac",
        "surcharge_added_frac", "parcel_fee_base", "tax_threshold_base",
    )  # fmt: skip
    changed = [name for name in duties if getattr(shock, name) is not None]
    if not changed and shock.tax_frac is None:
        yield path, f"The rule change changes nothing; give one of {', '.join(duties)} or tax_frac."
    for region in document.market.regions:
        touched = region.id in shock.regions or not shock.regions
        if changed and touched and region.duty == "none":
            yield (
                (*path, changed[0]),
                f"{region.id} is behind no customs border (duty: none), so this would do nothing.",
            )


def _accepted_signs(document: ScenarioDocument) -> Iterator[Finding]:
    path, accepted = ("vital_signs", "accepted"), document.vital_signs.accepted
    yield from keys(path, "vital sign", accepted, list(published_ranges()))
    for sign, reason in accepted.items():
        if not reason.strip():
            yield (*path, sign), "Say why it is accepted."


_CHECKS: tuple[Callable[[ScenarioDocument], Iterator[Finding]], ...] = (
    _size,
    _market,
    _people,
    _assortment,
    _customer_types,
    _channels,
    _places,
    _calendar,
    _shocks,
    _accepted_signs,
    *PLAN_CHECKS,
)
