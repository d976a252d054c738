"""Tables of a campaign: what its pages, documents and the terminal show."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from xbopt.campaigns.advice.proposal import ProposalFigures
from xbopt.campaigns.advice.status import Status
from xbopt.campaigns.closing import PlanAgainstActual
from xbopt.campaigns.tracking.posterior import Learnt, WorldPosterior
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.figures import Column, Table, Value
from xbopt.studies.labels import Unit

_MEASURES = {"visits": "Visits", "orders": "Orders", "sales_base": "Sales"}
_ALL = "all"


def money_table(status: Status, scenario: Scenario) -> Table:
    """Money by channel and region: granted and spent so far, and what is committed ahead."""
    ahead = status.money.ahead_by_place_base
    rows: list[tuple[Value, ...]] = []
    for pace in status.money.paces:
        r = slice(None) if pace.region is None else scenario.regions.index(pace.region)
        c = slice(None) if pace.channel is None else scenario.channels.index(pace.channel)
        share = pace.to_date
        rows.append(
            (
                pace.channel or _ALL,
                pace.region or _ALL,
                pace.planned_base,
                pace.spent_base,
                None if share is None else share,
                float(ahead[r, c].sum()),
            )
        )
    return Table(
        key="money",
        title="Money",
        columns=(
            Column("channel", "Channel", "text"),
            Column("region", "Region", "text"),
            Column("planned", "Granted to date", "money"),
            Column("spent", "Spent", "money"),
            Column("share", "Spent of granted", "share"),
            Column("ahead", "Committed ahead", "money"),
        ),
        rows=tuple(rows),
        note="Granted to date: of days whose spend was told.",
    )


def result_table(status: Status) -> Table:
    """What came, beside what the model expects of what was done."""
    rows: list[tuple[Value, ...]] = []
    units: list[Unit] = []
    for one in status.results:
        place = "above" if one.told > one.high else "below" if one.told < one.low else "inside"
        source = one.source or _ALL
        rows.append(
            (_MEASURES[one.measure], source, one.region or _ALL, one.told, one.expected, one.low, one.high, place)
        )
        units.append("money" if one.measure == "sales_base" else "count")
    return Table(
        key="results",
        title="Results to date",
        columns=(
            Column("measure", "Figure", "text"),
            Column("source", "Source", "text"),
            Column("region", "Region", "text"),
            Column("told", "Came", "number"),
            Column("expected", "Model", "number"),
            Column("low", "Low", "number"),
            Column("high", "High", "number"),
            Column("place", "In the range", "text"),
        ),
        rows=tuple(rows),
        note="Model: what the scenario expects of what was done. Low and high: nine of ten worlds of the scenario, "
        "luck and all.",
        row_units=tuple(units),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearntRow:
    """A ratio to what the scenario says.

    Attributes:
        what: Of what.
        channel, region: Where.
        mean, low, high: After the data, in nine of ten worlds.
        prior_low, prior_high: Before.
        learnt: Share of the uncertainty that is gone.
    """

    what: str
    channel: str
    region: str
    mean: float
    low: float
    high: float
    prior_low: float
    prior_high: float
    learnt: float

    @property
    def is_off(self) -> bool:
        """Whether the range leaves out 1."""
        return self.low > 1.0 or self.high < 1.0


RETURN = "Return on spend"


def learnt_rows(posterior: WorldPosterior, scenario: Scenario) -> list[LearntRow]:
    """What was learnt of each channel, of conversion and of order values; what nothing can be said of is left out."""
    rows: list[LearntRow] = []

    def add(what: str, channel: str, region: str, learnt: Learnt, at: tuple[int, ...]) -> None:
        if not math.isfinite(float(learnt.mean[at])):
            return
        rows.append(
            LearntRow(
                what=what,
                channel=channel,
                region=region,
                mean=float(learnt.mean[at]),
                low=float(learnt.low[at]),
                high=float(learnt.high[at]),
                prior_low=float(learnt.prior_low[at]),
                prior_high=float(learnt.prior_high[at]),
                learnt=max(1.0 - float(learnt.left[at]), 0.0) if bool(learnt.told[at]) else 0.0,
            )
        )

    for c, channel in enumerate(scenario.channels):
        for r, region in enumerate(scenario.regions):
            add(RETURN, channel, region, posterior.returns, (r, c))
            add("Visits from spend", channel, region, posterior.visits, (r, c))
    for r, region in enumerate(scenario.regions):
        add("Orders a visit", _ALL, region, posterior.conversion, (r,))
        add("Sales an order", _ALL, region, posterior.order_value, (r,))
    return rows


def learnt_table(rows: Sequence[LearntRow]) -> Table:
    """What was learnt, against the scenario."""
    return Table(
        key="learnt",
        title="Learnt of this market",
        columns=(
            Column("what", "Ratio to the scenario", "text"),
            Column("channel", "Channel", "text"),
            Column("region", "Region", "text"),
            Column("mean", "Now", "ratio"),
            Column("low", "Low", "ratio"),
            Column("high", "High", "ratio"),
            Column("prior_low", "Low before", "ratio"),
            Column("prior_high", "High before", "ratio"),
            Column("learnt", "Learnt", "share"),
        ),
        rows=tuple(astuple(row) for row in rows),
        note="1 is what the scenario says. Low and high: nine of ten worlds after the data, and before. Learnt: how "
        "much of the uncertainty is gone.",
    )


def move_table(figures: ProposalFigures, words: CampaignWords) -> Table:
    """What a proposal moves."""
    return Table(
        key="moves",
        title="What moves",
        columns=(
            Column("channel", "Channel", "text"),
            Column("region", "Region", "text"),
            Column("planned", "As planned", "money"),
            Column("proposed", "Proposed", "money"),
            Column("difference", "Difference", "money"),
            Column("why", "Why", "text"),
        ),
        rows=tuple(
            (
                move.channel,
                move.region,
                move.planned_base,
                move.proposed_base,
                move.difference_base,
                ", ".join(words.reason(reason) for reason in move.reasons),
            )
            for move in figures.moves
        ),
    )


def plan_table(found: PlanAgainstActual, scenario: Scenario) -> Table:
    """Plan against actual: money by channel and region, orders and net revenue by region."""
    rows: list[tuple[Value, ...]] = []
    units: list[Unit] = []

    def add(what: str, names: tuple[str, ...], planned: FloatArray, came: FloatArray, unit: Unit) -> None:
        for n, name in enumerate((*names, _ALL)):
            plan = float(planned.sum() if n == len(names) else planned[n])
            actual = float(came.sum() if n == len(names) else came[n])
            rows.append((what, name, plan, actual, actual - plan))
            units.append(unit)

    add("Spend", scenario.channels, found.planned_spend_by_channel, found.spend_by_channel, "money")
    add("Spend", scenario.regions, found.planned_spend_by_region, found.spend_by_region, "money")
    if found.orders_known:
        add("Orders", scenario.regions, found.planned_orders, found.orders, "count")
    if found.sales_known:
        add("Net revenue", scenario.regions, found.planned_sales, found.sales, "money")
    return Table(
        key="plan_against_actual",
        title="Plan against actual",
        columns=(
            Column("what", "Figure", "text"),
            Column("place", "Of", "text"),
            Column("planned", "Plan", "number"),
            Column("came", "Actual", "number"),
            Column("difference", "Difference", "number"),
        ),
        rows=tuple(rows),
        note="Plan: as it was when the campaign began, with what the model expected of it. Net revenue is less refunds "
        "to be expected.",
        row_units=tuple(units),
    )
