"""What a market is taken to be where a seller's data say nothing: parts of a scenario, with the source of each number.

``market_defaults`` is the one door: a scenario without any data is made of it, and a calibrated one takes what its data
cannot tell.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from xbopt.core.defaults.calendar import (
    calendar_fields,
    discount_fields,
    noise_fields,
    tactic_fields,
    uncertainty_fields,
)
from xbopt.core.defaults.channels import (
    DEFAULT_CHANNELS,
    channel_fields,
    plan_shares,
    spend_per_1000,
    synergy_fields,
)
from xbopt.core.defaults.demand import product_fields, segment_fields, segment_shares
from xbopt.core.defaults.ledger import Ledger, Source
from xbopt.core.defaults.regions import buyers, currency_fields, duty_of, region_fields, rule_currencies
from xbopt.core.tables.market_names import Trade, channel_kinds, named, trades
from xbopt.core.tables.market_names import countries as known_countries

Fields = dict[str, object]
"""Part of a scenario as its file has it: plain values by field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDefaults:
    """Parts of a scenario by id, ready to be written into one; money in the base currency.

    Attributes:
        trade: What is sold.
        market: ``base_currency``, ``origin``, ``currencies`` and ``discount_rate``.
        regions: Region by country, without ``population`` and ``customers``.
        audience: People by country who buy goods of this trade online within a season.
        online_buyers: People by country who buy anything online within a year.
        segments: Segments by id. ``visits_per_1000``, of prospects and customers, fit no amount of orders yet.
        segment_share: Share of each segment among the people.
        product: The one product line.
        channels: Channels by id.
        plan_share: Share of each channel in an ordinary plan.
        spend_per_1000_base: Spend a day per 1,000 people that the channels are made for.
        synergies: Pairs of the channels.
        calendar, noise, discounts, tactics, uncertainty: The sections of these names.
        unknown_duties: Countries whose duty no table knows: none is counted there.
        sources: Where every number above comes from; paths have ids.
        ledger: The facts themselves, for whoever needs more of them.
    """

    trade: Trade
    market: Fields
    regions: dict[str, Fields]
    audience: dict[str, float]
    online_buyers: dict[str, float]
    segments: dict[str, Fields]
    segment_share: dict[str, float]
    product: Fields
    channels: dict[str, Fields]
    plan_share: dict[str, float]
    spend_per_1000_base: float
    synergies: list[Fields]
    calendar: Fields
    noise: dict[str, float]
    discounts: Fields
    tactics: Fields
    uncertainty: Fields
    unknown_duties: tuple[str, ...]
    sources: tuple[Source, ...] = field(repr=False)
    ledger: Ledger = field(repr=False)


def market_defaults(
    *,
    trade: str,
    countries: Sequence[str],
    base_currency: str,
    start: date,
    days: int = 90,
    origin: str = "any",
    channels: Sequence[str] = DEFAULT_CHANNELS,
    order_value_base: float | None = None,
    gross_margin_frac: float | None = None,
    return_rate: float | None = None,
    conversion: float | None = None,
    known: Collection[str] = (),
) -> MarketDefaults:
    """The market of a trade in some countries, from the tables of facts.

    Args:
        trade: What is sold: an id, a name or another word for it of ``core/tables/trades.csv``.
        countries: Countries by ISO code or name.
        base_currency: ISO code of the currency of all money.
        start: First day; facts are those known then.
        days: Number of days, for the events.
        origin: Where the goods come from: an ISO code, ``EU``, or ``any``.
        channels: Kinds of channels by id or name.
        order_value_base: Value of an order net of tax where the seller knows it, base currency.
        gross_margin_frac: Gross margin where he knows it, a share of the price.
        return_rate: Share of orders that come back where he knows it.
        conversion: Orders a visit where he knows it.
        known: Parameter groups that are sure, and get no spread.

    Raises:
        TableError: A trade, country, channel or currency is not known; the message has the nearest ones.
    """
    ledger = Ledger(start, base_currency)
    kind = named(trade, trades(), what="trade")
    places = [named(country, known_countries(), what="country") for country in countries]
    media = [named(channel, channel_kinds(), what="channel") for channel in channels]
    codes, ids = [place.id for place in places], [one.id for one in media]
    shares = plan_shares(ledger, ids)
    spend = spend_per_1000(ledger, shares)
    market: Fields = {
        "base_currency": base_currency,
        "origin": origin,
        "currencies": currency_fields(
            ledger,
            [
                code
                for place in places
                for code in (place.currency, *rule_currencies(ledger, duty_of(origin, place.id) or "none", place.id))
            ],
        ),
        "discount_rate": ledger.take_general("market.discount_rate", "discount_rate"),
    }
    regions = {place.id: region_fields(ledger, kind.id, origin, place) for place in places}
    segments = {str(one["id"]): one for one in segment_fields(ledger, kind.id, conversion=conversion)}
    product = product_fields(
        ledger,
        kind,
        origin,
        order_value_base=order_value_base,
        gross_margin_frac=gross_margin_frac,
        return_rate=return_rate,
    )
    return MarketDefaults(
        trade=kind,
        market=market,
        regions=regions,
        audience={code: buyers(ledger, code) * ledger.general("trade_buyers_frac") for code in codes},
        online_buyers={code: buyers(ledger, code) for code in codes},
        segments=segments,
        segment_share=segment_shares(ledger),
        product=product,
        channels={one.id: channel_fields(ledger, one, spend_per_1000_base=spend * shares[one.id]) for one in media},
        plan_share=shares,
        spend_per_1000_base=spend,
        synergies=synergy_fields(ledger, ids),
        calendar=calendar_fields(ledger, codes, days),
        noise=noise_fields(ledger),
        discounts=discount_fields(ledger),
        tactics=tactic_fields(ledger),
        uncertainty=uncertainty_fields(ledger, kind.id, ids, known=known),
        unknown_duties=tuple(code for code in codes if duty_of(origin, code) is None),
        sources=ledger.sources,
        ledger=ledger,
    )
