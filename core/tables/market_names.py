"""Trades, media channels and countries for which there are facts, and the words that people have for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

from xbopt.core.errors import TableError
from xbopt.core.tables.rows import TABLE_FOLDER, Row, read_rows, unknown_id
from xbopt.core.tables.tariff_lists import tariff_list_ids

_TRADE_COLUMNS = ("trade_id", "name", "aliases", "us_tariff_list")
_CHANNEL_COLUMNS = ("channel_id", "name", "aliases", "price_model", "carry_over")
_COUNTRY_COLUMNS = ("country", "name", "aliases", "currency", "timezone", "language", "zone")


class Named(Protocol):
    """Anything with an id, a name and other words for it."""

    @property
    def id(self) -> str:
        """Short name."""
        ...

    @property
    def name(self) -> str:
        """Name for people."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other words, in lower case."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What is sold.

    Attributes:
        id: Short name.
        name: Name for people.
        aliases: Other words for it, in lower case.
        us_tariff_list: The list of duties of the United States on which most of its goods of Chinese origin stand.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    us_tariff_list: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """A kind of media channel.

    Attributes:
        id: Short name.
        name: Name for people.
        aliases: Other words for it, in lower case.
        price_model: ``cpm`` or ``cpc``.
        carry_over: ``geometric`` or ``delayed``.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    price_model: str
    carry_over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country.

    Attributes:
        id: ISO 3166 code.
        name: Name for people.
        aliases: Other words for it, in lower case.
        currency: ISO 4217 code.
        timezone: IANA name of the zone of most of its people.
        language: ISO 639 code of its most spoken language.
        zone: Part of the world between which parcels travel, as in ``EU`` or ``EA``.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    currency: str
    timezone: str
    language: str
    zone: str


@cache
def trades() -> Mapping[str, Trade]:
    """Trades by id."""
    return _by_id(
        Trade(
            id=row.text("trade_id"),
            name=row.text("name"),
            aliases=_aliases(row),
            us_tariff_list=row.choice("us_tariff_list", tariff_list_ids()),
        )
        for row in read_rows(TABLE_FOLDER / "trades.csv", _TRADE_COLUMNS)
    )


@cache
def channel_kinds() -> Mapping[str, ChannelKind]:
    """Kinds of channels by id."""
    return _by_id(
        ChannelKind(
            id=row.text("channel_id"),
            name=row.text("name"),
            aliases=_aliases(row),
            price_model=row.choice("price_model", ("cpm", "cpc")),
            carry_over=row.choice("carry_over", ("geometric", "delayed")),
        )
        for row in read_rows(TABLE_FOLDER / "channels.csv", _CHANNEL_COLUMNS)
    )


@cache
def countries() -> Mapping[str, Country]:
    """Countries by ISO code."""
    return _by_id(
        Country(
            id=row.text("country"),
            name=row.text("name"),
            aliases=_aliases(row),
            currency=row.currency("currency"),
            timezone=row.text("timezone"),
            language=row.text("language"),
            zone=row.text("zone"),
        )
        for row in read_rows(TABLE_FOLDER / "countries.csv", _COUNTRY_COLUMNS)
    )


NamedT = TypeVar("NamedT", bound=Named)


def named(text: str, known: Mapping[str, NamedT], *, what: str) -> NamedT:
    """The one that a person means: by id, name or another word for it, in any case.

    Raises:
        TableError: Nobody has such a name; the message has the nearest ones.
    """
    words = words_for(known)
    found = words.get(" ".join(text.lower().split()))
    if found is None:
        raise TableError(unknown_id(text, [*known, *(one.name for one in known.values())], what=what))
    return found


def words_for(known: Mapping[str, NamedT]) -> dict[str, NamedT]:
    """Every word for each of them, in lower case."""
    return {word: one for one in known.values() for word in (one.id.lower(), one.name.lower(), *one.aliases)}


def _aliases(row: Row) -> tuple[str, ...]:
    return tuple(word for word in row.optional_text("aliases").split(";") if word)


def _by_id(entries: Iterable[NamedT]) -> dict[str, NamedT]:
    found: dict[str, NamedT] = {}
    for entry in entries:
        if entry.id in found:
            raise TableError(f"{entry.id!r} stands twice in its table.")
        found[entry.id] = entry
    return found
