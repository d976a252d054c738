"""Numbers taken from the tables of facts, with the provenance that a scenario states for them."""

from dataclasses import dataclass
from datetime import date
from math import floor, log10

from xbopt.core.errors import TableError
from xbopt.core.tables.market_facts import EVERY_MARKET, Fact, FactKind, fact
from xbopt.core.tables.reference_rates import reference_rate

_FIGURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a number of a scenario comes from, as its ``provenance`` says it.

    Attributes:
        path: Dotted path with ids, as in ``channels.search.price.amount_base``.
        evidence: One of `xbopt.core.scenario.fields.Evidence`.
        source: Where it comes from.
        note: What else to know; may be empty.
    """

    path: str
    evidence: str
    source: str
    note: str = ""

    def entry(self) -> dict[str, object]:
        """The entry of a scenario's ``provenance``."""
        entry: dict[str, object] = {"path": self.path, "evidence": self.evidence, "source": self.source}
        return {**entry, "note": self.note} if self.note else entry


class Ledger:
    """Takes facts as they were on a day, in a currency, and writes down the source of each number taken."""

    def __init__(self, day: date, base_currency: str) -> None:
        """Start an empty ledger.

        Raises:
            TableError: No rate of the currency is known.
        """
        usd = reference_rate("USD", base_currency, day.year)
        if usd is None:
            raise TableError(f"No rate of the currency {base_currency!r} is known, so no fact can be told in it.")
        self.day = day
        self.base_currency = base_currency
        self._usd = usd
        self._sources: dict[str, Source] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was written down, in order; a path has its last source."""
        return tuple(self._sources.values())

    def look_up(self, kind: FactKind, name: str, fact_name: str) -> Fact:
        """A fact, without writing it down."""
        return fact(kind, name, fact_name, self.day)

    def general(self, fact_name: str, name: str = EVERY_MARKET) -> float:
        """The value of a fact of every market, without writing it down."""
        return self.look_up("general", name, fact_name).value

    def take(
        self, path: str, kind: FactKind, name: str, fact_name: str, *, scale: float = 1.0, note: str = ""
    ) -> float:
        """A fact's value times ``scale``, to three figures; facts named ``..._usd`` come in the base currency."""
        known = self.look_up(kind, name, fact_name)
        if fact_name.endswith(("_usd", "_usd_per_kg")):
            scale *= self._usd
        self.state(path, known.evidence, known.source, note)
        return figures(known.value * scale)

    def take_general(
        self, path: str, fact_name: str, name: str = EVERY_MARKET, *, scale: float = 1.0, note: str = ""
    ) -> float:
        """A fact of every market, as `take` gives it."""
        return self.take(path, "general", name, fact_name, scale=scale, note=note)

    def state(self, path: str, evidence: str, source: str, note: str = "") -> None:
        """Write down where the number at a path comes from."""
        self._sources[path] = Source(path=path, evidence=evidence, source=source, note=note)

    def usd(self, amount: float) -> float:
        """US dollars in the base currency."""
        return amount * self._usd


def figures(number: float, count: int = _FIGURES) -> float:
    """A number to so many significant figures."""
    if number == 0.0:
        return 0.0
    return round(number, count - 1 - floor(log10(abs(number))))


def held(wanted: float, taken: float) -> str:
    """The end of a note on a number that was bounded: both numbers; empty where nothing was."""
    return "" if wanted == taken else f", which is {wanted:.3g} and is held at {taken:.3g}"
