"""Tables of a campaign: what its pages, documents and the terminal show."""

from collections.abc import Mapping

from xbopt.campaigns.advice.proposal import ProposalFigures
from xbopt.campaigns.advice.status import LearntMeasure, Status
from xbopt.campaigns.closing import Compared, PlanAgainstActual
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.figures import Column, Table, Value
from xbopt.studies.labels import Unit

_MEASURES = {"visits": "Visits", "orders": "Orders", "sales_base": "Sales"}
_ALL = "all"


def money_table(status: Status) -> Table:
    """Money by channel and region: granted and spent so far, and what is committed ahead."""
    rows: list[tuple[Value, ...]] = [
        (pace.channel or _ALL, pace.region or _ALL, pace.planned_base, pace.spent_base, pace.to_date, pace.ahead_base)
        for pace in status.money.paces
    ]
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


LEARNT_WORDS: Mapping[LearntMeasure, str] = {
    "returns": "Return on spend",
    "visits": "Visits from spend",
    "conversion": "Orders a visit",
    "order_value": "Sales an order",
}


def learnt_table(status: Status) -> Table:
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
        rows=tuple(
            (
                LEARNT_WORDS[one.measure],
                one.channel or _ALL,
                one.region,
                one.mean,
                one.low,
                one.high,
                one.prior_low,
                one.prior_high,
                max(1.0 - one.left, 0.0) if one.told else 0.0,
            )
            for one in status.learnt
        ),
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

    def add(what: str, names: tuple[str, ...], of: Compared, unit: Unit) -> None:
        places = [*zip(names, of.planned.tolist(), of.came.tolist(), strict=True), (_ALL, of.all_planned, of.all_came)]
        for name, plan, actual in places:
            rows.append((what, name, plan, actual, actual - plan))
            units.append(unit)

    add("Spend by channel", scenario.channels, found.spend_by_channel, "money")
    add("Spend by region", scenario.regions, found.spend_by_region, "money")
    if found.orders.days:
        add("Orders", scenario.regions, found.orders, "count")
    if found.sales_base.days:
        add("Net revenue", scenario.regions, found.sales_base, "money")
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
        note="Plan: as it was when the campaign began, with what the model expected of it, over the days and places of "
        "which the figure was told. Net revenue is less refunds to be expected.",
        row_units=tuple(units),
    )
