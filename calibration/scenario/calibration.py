"""A calibrated scenario as a value, and what a seller chooses."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from xbopt.calibration.customers.cleaning import Cleaned
from xbopt.calibration.customers.segments import Segments
from xbopt.calibration.fit.draws import MarketDraws
from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import NOISE_WORLDS, MarketFit
from xbopt.calibration.fit.self_test import SelfTest
from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.channels import Bought
from xbopt.calibration.scenario.draft import Plain
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.insights import Insights
from xbopt.calibration.scenario.next_tests import NextTest
from xbopt.calibration.scenario.people import CustomerBase
from xbopt.calibration.scenario.shop import Shop
from xbopt.calibration.scenario.skeleton import Skeleton
from xbopt.core.documents.document import Document
from xbopt.core.scenario.provenance import numbers_with_entries
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.schedule import Provenance
from xbopt.imports.coverage import Span
from xbopt.simulator.build import build_market
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.sign_values import VitalSigns
from xbopt.studies.vital_signs import vital_signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a seller chooses.

    Attributes:
        name: Name of the scenario.
        title: Its title, for people; period and countries where None.
        currency: Currency to count in; that of the orders where None.
        like: Scenario to start from, for what the data do not tell; facts of trade and countries where None.
        trade: What is sold, for these facts; general merchandise where None.
        origin: Where the goods come from, for these facts: an ISO code, ``EU`` or ``any``.
        regions: Countries to take; those with enough orders where None.
        start: First day of the scenario; the day after the last of the data where None.
        days: Days of the scenario.
        until: Rows after this day are left out; none where None.
        world: Which simulated world of a panel to take; needed where it holds several.
        costs: What goods cost.
        tests: Lift tests on days of the data.
        off: Spans in which a platform without rows was off, or the shop without orders closed.
        fits_media: Whether the market is fitted to the panel where media are in the data.
        worlds: Sampled worlds that the noise of the fit is read off, 32 at least.
        seed: Same seed, same result.
    """

    name: str = "calibrated"
    title: str | None = None
    currency: str | None = None
    like: str | Path | None = None
    trade: str | None = None
    origin: str = "any"
    regions: tuple[str, ...] | None = None
    start: date | None = None
    days: int = 90
    until: date | None = None
    world: int | None = None
    costs: Costs = field(default_factory=lambda: Costs(by_sku={}, gross_margin=None))
    tests: tuple[LiftTest, ...] = ()
    off: tuple[Span, ...] = ()
    fits_media: bool = True
    worlds: int = NOISE_WORLDS
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibrated scenario, and what is known about it.

    Attributes:
        scenario: The scenario, played without joint draws here; `write` puts them beside the file.
        document: Its plain data.
        past: Rows of ``history.before``: a file of their own once written.
        first, last: First and last day of the data.
        bought: The media bought in its regions.
        cleaned: What cleaning kept and took; None where a panel was all there was, as all that is told by orders.
        shop: What was sold in its regions; None likewise.
        base: Known customers; None where orders name too few.
        segments: How segments were found; None likewise.
        price: What orders say of prices; None where they name no prices.
        insights: What orders tell beside the scenario: quality, deals, coming weeks, who buys again, what an order
            brings; None from a panel alone.
        skeleton: What was measured on the way; None from a panel alone.
        fit: The market fitted to the panel; None without media, or where the days are too few.
        draws: Joint draws of its numbers: a file of their own once written.
        next_tests: Lift tests that would tell most about the split of money, the best first; empty without a fit.
        signs: Vital signs of the scenario.
        findings: What a reader has to know, the loudest first.
        self_test: How the fit did on records of markets like itself; None where it was not asked.
    """

    scenario: Scenario
    document: Document = field(repr=False)
    past: tuple[Plain, ...] = field(repr=False)
    first: date
    last: date
    bought: tuple[Bought, ...] = field(repr=False)
    cleaned: Cleaned | None = field(repr=False, default=None)
    shop: Shop | None = field(repr=False, default=None)
    base: CustomerBase | None = field(repr=False, default=None)
    segments: Segments | None = field(repr=False, default=None)
    price: PriceEstimate | None = field(repr=False, default=None)
    insights: Insights | None = field(repr=False, default=None)
    skeleton: Skeleton | None = field(repr=False, default=None)
    fit: MarketFit | None = field(repr=False)
    draws: MarketDraws | None = field(repr=False)
    next_tests: tuple[NextTest, ...]
    signs: VitalSigns = field(repr=False)
    findings: tuple[Finding, ...]
    self_test: SelfTest | None = field(repr=False, default=None)

    @property
    def currency(self) -> str:
        """Currency of all money."""
        return self.scenario.base_currency

    @property
    def days(self) -> int:
        """Days of the data."""
        return (self.last - self.first).days + 1

    @property
    def period(self) -> str:
        """First and last day of the data."""
        return f"{self.first} to {self.last}"

    def sources(self) -> list[dict[str, object]]:
        """One row a number: path, value, evidence, source, note."""
        return [
            {
                "path": path,
                "value": value,
                "evidence": entry.evidence,
                "source": entry.source,
                "note": entry.note,
            }
            for path, value, entry in self._entries()
        ]

    def to_frame(self) -> Frame:
        """The same as a table for data-frame libraries."""
        return frame_of(self.sources())

    def by_evidence(self) -> Mapping[str, int]:
        """Numbers by evidence mark."""
        return Counter(str(entry.evidence) for *_, entry in self._entries())

    def _entries(self) -> Iterator[tuple[str, float, Provenance]]:
        """Path of each number, the number, and the entry that speaks for it."""
        for path, value, entry in numbers_with_entries(self.scenario.document):
            assert entry is not None, "every number has a source"
            yield path, value, entry


def signs_of(scenario: Scenario, draws: MarketDraws | None) -> VitalSigns:
    """Vital signs of a scenario whose joint draws, if any, are not played yet: these say what is uncertain."""
    signs = vital_signs(build_market(scenario))
    if draws is None:
        return signs
    return replace(signs, signs=tuple(sign for sign in signs.signs if sign.code != "uncertainty"))
