"""Pages of a campaign: its status, and a proposal."""

from xbopt.campaigns.advice.proposal import ProposalFigures
from xbopt.campaigns.advice.status import Status
from xbopt.campaigns.standing import Standing
from xbopt.core.scenario.scenario import Scenario
from xbopt.reports.campaign.tables import (
    learnt_table,
    money_table,
    move_table,
    result_table,
)
from xbopt.reports.campaign.words import CampaignWords
from xbopt.reports.kit.chart_intervals import IntervalRow, interval_chart
from xbopt.reports.kit.figures import Fact
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, TileText, table_text
from xbopt.reports.simulation.report import facts_of

_TONES = {"critical": "bad", "warning": "bad", "info": "even"}
_RATIO_AXIS = "format(datum.value, '.2f')"


def status_content(standing: Standing, status: Status, *, locale: str = "en") -> PageContent:
    """The page of a status.

    Args:
        standing: The campaign.
        status: Its status.
        locale: How numbers and dates are written.
    """
    scenario = standing.scenario
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    words = CampaignWords(scenario, numbers)
    verdict, *below = words.status(status)
    money, results = money_table(status), result_table(status)
    tone = next((_TONES[alarm.severity] for alarm in status.alarms), "even" if status.unwatched else "good")
    sections = [
        Section(
            key="alarms",
            title="What needs somebody",
            takeaway=_of_nobody(status),
            lines=tuple(words.alarm(alarm) for alarm in status.alarms),
        ),
        Section(key="money", title="Money", tables=(table_text(money, numbers),)),
    ]
    if results.rows:
        sections.append(Section(key="results", title="Results", tables=(table_text(results, numbers),)))
    if status.learnt:
        sections.append(_learnt(status, numbers))
    if status.drift:
        clear = [drift for drift in status.drift if drift.is_clear]
        sections.append(
            Section(
                key="drift",
                title="Changes of the last days",
                takeaway="Nothing changed beyond chance." if not clear else "Changed beyond chance:",
                lines=tuple(words.drift(drift) for drift in clear),
            )
        )
    return PageContent(
        kind="Campaign status",
        title=status.campaign,
        description=scenario.title,
        facts=_facts(scenario, numbers, standing),
        verdict=verdict,
        tone=tone,
        below_verdict=tuple(below[: -max(len(status.alarms), 1)]),
        tiles=_tiles(status, numbers),
        sections=tuple(sections),
        notes=(
            (
                "The seller's own model is played with what was really spent. Figures that nobody told are the "
                "model's, and are compared with nothing."
            ),
            "A range holds nine of ten worlds.",
        ),
        numbers=numbers,
    )


def _of_nobody(status: Status) -> str:
    """What is said where there is no alarm; nothing where there is one."""
    if status.alarms:
        return ""
    if status.unwatched:
        return "No alarm so far, but too little was told to watch everything."
    return "Nothing: money, results and files are as they should be."


def proposal_content(standing: Standing, name: str, figures: ProposalFigures, *, locale: str = "en") -> PageContent:
    """The page of a proposal.

    Args:
        standing: The campaign when it was proposed.
        name: Name of the proposal.
        figures: What there is to say of it.
        locale: How numbers and dates are written.
    """
    scenario = standing.scenario
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    words = CampaignWords(scenario, numbers)
    verdict, *below = words.proposal(name, figures)
    gain = figures.gains.reward
    moves = move_table(figures, words)
    tone = "even" if figures.kind == "carry_on" or not gain.is_clear else "good"
    sections: list[Section] = []
    if moves.rows:
        sections.append(
            Section(
                key="moves",
                title="What moves, and why",
                takeaway=f"{words.move(figures.moves[0])}.",
                tables=(table_text(moves, numbers),),
            )
        )
    return PageContent(
        kind="Campaign proposal",
        title=f"{standing.record.name}: {name}",
        description=scenario.title,
        facts=_facts(scenario, numbers, standing),
        verdict=verdict,
        tone=tone,
        below_verdict=tuple(below),
        sections=tuple(sections),
        notes=(
            (
                "Proposal and plan are played from this morning to the end in the same worlds with the same luck: "
                "worlds that fit what is known so far. What is gained counts what customers are worth and what is "
                "carried beyond the last day."
            ),
            "Nothing is spent by this: xbopt campaign approve commits the money, xbopt campaign book writes sheets.",
        ),
        numbers=numbers,
    )


def _facts(scenario: Scenario, numbers: NumberFormat, standing: Standing) -> tuple[Fact, ...]:
    decides = standing.record.opened
    how = decides.policy if decides.decides == "policy" else f"plan {decides.policy}"
    return facts_of(scenario, numbers, [("Decides", how)], runs=standing.worlds, seed=standing.seed)


def _tiles(status: Status, numbers: NumberFormat) -> tuple[TileText, ...]:
    money = status.money
    tiles = [
        TileText(
            name="Spent",
            figure=numbers.money(money.spent_base),
            meaning=f"of {numbers.money(money.budget_base)}",
        ),
        TileText(name="Committed ahead", figure=numbers.money(money.ahead_base)),
        TileText(name="Free", figure=numbers.money(money.free_base)),
    ]
    if status.closed is not None:
        tiles[1:] = [TileText(name="Left over", figure=numbers.money(money.free_base))]
    if status.outlook is not None:
        margin = status.outlook.margin_base
        tiles.append(
            TileText(
                name="Margin ahead",
                figure=numbers.money(margin.mean),
                range=numbers.range(margin, "money"),
                meaning="carried on as planned",
            )
        )
    return tuple(tiles)


def _learnt(status: Status, numbers: NumberFormat) -> Section:
    table = table_text(learnt_table(status), numbers)
    description = "Return on spend of each channel in each region, over what the scenario says."
    lines = [
        IntervalRow(
            name=f"{row.channel} in {row.region}",
            value=row.mean,
            low=row.low,
            high=row.high,
            label=f"{numbers.decimal(row.mean)} ({numbers.decimal(row.low)} to {numbers.decimal(row.high)})",
            is_strong=row.low > 1.0 or row.high < 1.0,
        )
        for row in status.learnt
        if row.measure == "returns"
    ]
    charts: tuple[ChartPart, ...] = ()
    if lines:
        spec = interval_chart(
            lines, reference=1.0, reference_name="the scenario", description=description, axis_labels=_RATIO_AXIS
        )
        charts = (
            ChartPart(
                key="returns",
                title="Return on spend against the scenario",
                description=description,
                spec=spec,
                table=table,
                height=30 * len(lines),
            ),
        )
    return Section(
        key="learnt",
        title="What was learnt of this market",
        charts=charts,
        legend="Dot: mean of the worlds that fit the data. Line: nine of ten of them. Blue: the range leaves out 1.",
        tables=() if charts else (table,),
    )
