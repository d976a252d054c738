"""A scenario that has been checked: names, arrays and limits, ready for simulator and policies."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.draws import JointDraws
from xbopt.core.scenario.past import PastArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArrays:
    """The baseline plan as arrays.

    Attributes:
        share: Share of the plan's spend by cell and channel ``(R, S, C)``; sums to 1.
        spend_frac: Share of the budget that the plan spends.
        daypart_weights: ``(R, C, H)``; rows sum to 1.
        discount_frac: ``(T, R, S)``.
        mechanic: ``(T, R, S)``, positions in ``MECHANICS``.
    """

    share: FloatArray
    spend_frac: float
    daypart_weights: FloatArray
    discount_frac: FloatArray
    mechanic: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Assortment:
    """What an average order of a cell holds, at list price.

    Attributes:
        price_base: List price of the goods of an order ``(R, S)``, net of tax, at first-day rates.
        usual_price_base: Price of these goods at which the conversion rates hold, at price level 1 ``(R, S)``.
        cost_base: Cost of these goods ``(R, S)``.
        return_rate: Share of orders that come back ``(R, S)``, weighted by value.
        return_days: Mean days from delivery to return ``(R, S)``.
    """

    price_base: FloatArray
    usual_price_base: FloatArray
    cost_base: FloatArray
    return_rate: FloatArray
    return_days: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A checked scenario.

    Attributes:
        name: Short name.
        title: One line for people.
        hash: First 16 hex digits of the SHA-256 of the document and of the draws' content; two scenarios with one hash
            are the same.
        document: The strict edge model it was read from.
        start: First day.
        days: Length of the horizon, ``T``.
        base_currency: ISO code of the currency that all money is in.
        regions: Region ids ``(R,)``.
        segments: Segment ids ``(S,)``.
        channels: Channel ids ``(C,)``.
        dayparts: Daypart ids ``(H,)``.
        population: People ``(R, S)``.
        customers: People by lifecycle bucket on the first day ``(R, S, L)``; sums to ``population``.
        audience: The audience's day ``(R, H)``; rows sum to 1.
        assortment: What an order holds.
        limits: The hard limits of decisions.
        plan: The baseline plan.
        past: What was done before the first day, day by day; None where ``history.before`` is no table.
        menu: The tactic menu.
        draws: Joint draws of uncertain parameters, where the scenario names a file of them.
        changes: Values that were set on loading: path and assignment, as given.
    """

    name: str
    title: str
    hash: str
    document: ScenarioDocument = field(repr=False)
    start: date
    days: int
    base_currency: str
    regions: tuple[str, ...]
    segments: tuple[str, ...]
    channels: tuple[str, ...]
    dayparts: tuple[str, ...]
    population: FloatArray = field(repr=False)
    customers: FloatArray = field(repr=False)
    audience: FloatArray = field(repr=False)
    assortment: Assortment = field(repr=False)
    limits: Limits = field(repr=False)
    plan: PlanArrays = field(repr=False)
    menu: TacticMenu = field(repr=False)
    draws: JointDraws | None = field(default=None, repr=False)
    past: PastArrays | None = field(default=None, repr=False)
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(R, S, C, H)``."""
        return len(self.regions), len(self.segments), len(self.channels), len(self.dayparts)

    def date_of(self, day: int) -> date:
        """Calendar day of a day of the horizon."""
        return self.start + timedelta(days=day)
