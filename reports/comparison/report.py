"""The comparison report as plain values: everything that its page shows."""

import math
from dataclasses import dataclass

from xbopt.reports.comparison.words import comparison_sentences
from xbopt.reports.kit.figures import Column, Fact, HeatMap, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.assumptions import AssumptionSheet, build_assumptions
from xbopt.reports.simulation.report import facts_of
from xbopt.reports.simulation.tables import known
from xbopt.reports.simulation.tiles import Tile, build_tiles
from xbopt.studies.against_baseline import against_baseline
from xbopt.studies.compare import MEASURES, ComparedPolicy, ComparisonResult
from xbopt.studies.labels import KPI_LABELS
from xbopt.studies.rules_in_force import rules_in_force

_KPIS = (
    "contribution_margin",
    "net_revenue",
    "media_spend",
    "discount_cost",
    "roas",
    "orders",
    "conversion_rate",
    "new_customers",
    "repurchase_rate",
    "satisfaction",
)
_BESIDE = ("customer_value", "carried_beyond")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonReport:
    """What a planner reads about a comparison.

    Attributes:
        title: Title of the page.
        description: The scenario's own words.
        facts: Policies, worlds, seed, currency.
        verdict: Which policy earns most, and whether that is more than luck.
        below_verdict: How it stands against the next one, with customers counted, and against the best possible.
        tiles: KPIs of the best policy against the first.
        result: The comparison.
        order: The policies, the best first.
        beats: Share of worlds in which the policy of a row is ahead of that of a column.
        differences: Differences with tests, one table a measure.
        kpis: KPIs of every policy.
        spreads: Quantiles over worlds.
        assumptions: Every number of the scenario.
        notes: How to read all this.
        numbers: How numbers are written.
    """

    title: str
    description: str
    facts: tuple[Fact, ...]
    verdict: str
    below_verdict: tuple[str, ...]
    tiles: tuple[Tile, ...]
    result: ComparisonResult
    order: tuple[ComparedPolicy, ...]
    beats: HeatMap
    differences: dict[str, Table]
    kpis: Table
    spreads: dict[str, Table]
    assumptions: AssumptionSheet
    notes: tuple[str, ...]
    numbers: NumberFormat


def build_comparison_report(result: ComparisonResult, *, title: str = "", locale: str = "en") -> ComparisonReport:
    """Gather everything that the report shows.

    Args:
        result: The comparison.
        title: Title of the page; the scenario's where left out.
        locale: How numbers and dates are written.
    """
    scenario = result.scenario
    numbers = NumberFormat(locale=locale, currency=scenario.base_currency)
    order = result.ranked
    best, first = order[0], result.first
    against = None if best.name == first.name else against_baseline(best.result, first.result)
    verdict, *below = comparison_sentences(result, numbers)
    return ComparisonReport(
        title=title or scenario.title,
        description=scenario.document.description.strip(),
        facts=facts_of(
            scenario,
            numbers,
            [("Compared with", first.name), ("Policies", numbers.count(len(order)))],
            runs=result.runs,
            seed=result.seed,
        ),
        verdict=verdict,
        below_verdict=tuple(below),
        tiles=build_tiles(best.result.kpis, against),
        result=result,
        order=order,
        beats=_beats(result, order),
        differences={measure: difference_table(result, measure) for measure in MEASURES},
        kpis=_kpi_table(order),
        spreads={measure: _spread_table(order, measure) for measure in MEASURES},
        assumptions=build_assumptions(scenario.document, scenario.changes, rules_in_force(scenario)),
        notes=(*result.notes, *_method_notes(result, numbers)),
        numbers=numbers,
    )


def _beats(result: ComparisonResult, order: tuple[ComparedPolicy, ...]) -> HeatMap:
    share = result.beats("contribution_margin")
    place = {policy.name: i for i, policy in enumerate(result.policies)}
    names = tuple(policy.name for policy in order)
    rows = tuple(tuple(math.nan if a == b else float(share[place[a], place[b]]) for b in names) for a in names)
    return HeatMap(
        key="beats",
        title="Who is ahead of whom",
        description="Share of worlds in which the policy of the row earns more contribution margin than that of the "
        "column; ties count half.",
        row_title="Policy",
        column_title="Ahead of",
        rows=names,
        columns=names,
        values=rows,
        unit="share",
        top=1.0,
    )


def difference_table(result: ComparisonResult, measure: str) -> Table:
    """Each policy against the first: difference, interval, test, and how much of the gap to the oracle it closes."""

    def row(policy: ComparedPolicy) -> tuple[float | str | None, ...]:
        own, gap = policy.difference[measure], policy.gap_closed
        less = (own.mean, own.low, own.high, own.bootstrap_low, own.bootstrap_high, own.beats)
        tested = (f"{own.holm_p_value:.2g}", own.verdict)
        closed = (math.nan,) * 3 if gap is None else (gap[measure].value, gap[measure].low, gap[measure].high)
        compared = (*less, *tested) if policy.name != result.first.name else (None,) * 8
        return (policy.name, policy.figures[measure].mean, *compared, *map(known, closed))

    def money(key: str, name: str, meaning: str) -> Column:
        return Column(key, name, "money", meaning)

    def share(key: str, name: str, meaning: str) -> Column:
        return Column(key, name, "share", meaning)

    return Table(
        key=f"difference_{measure}",
        title=f"Differences to {result.first.name}",
        columns=(
            Column("policy", "Policy", "text"),
            money("mean", "Mean", "Mean over worlds"),
            money("difference", "Difference", "Mean over worlds of the difference to the first policy"),
            money("low", "Low", "Lower end of the confidence interval of the mean difference, Student's t"),
            money("high", "High", "Upper end"),
            money("bootstrap_low", "Low, bootstrap", "The same by resampling worlds"),
            money("bootstrap_high", "High, bootstrap", "The same by resampling worlds"),
            share("beats", "Ahead in", "Share of worlds; ties count half"),
            Column("p", "p, Holm", "text", "Corrected for the number of policies"),
            Column("verdict", "Verdict", "text"),
            share("gap", "Gap closed", "Of the way from the uniform plan to the planner that knows each world"),
            share("gap_low", "Gap, low", "Lower end of its confidence interval"),
            share("gap_high", "Gap, high", "Upper end"),
        ),
        rows=tuple(row(policy) for policy in result.ranked),
    )


def _kpi_table(order: tuple[ComparedPolicy, ...]) -> Table:
    return Table(
        key="kpis",
        title="KPIs of every policy",
        columns=(
            Column("policy", "Policy", "text"),
            *(
                Column(key, name, unit, "Mean and range over worlds")
                for key in _KPIS
                for name, unit in [KPI_LABELS[key]]
            ),
            *(Column(key, KPI_LABELS[key][0], "money", "Beside the margin") for key in _BESIDE),
        ),
        rows=tuple(
            (
                policy.name,
                *(policy.result.kpis[key] for key in _KPIS),
                *(getattr(policy.result, key) for key in _BESIDE),
            )
            for policy in order
        ),
        note="Mean over worlds; below it, in small type, the range that holds nine of ten worlds.",
    )


def _spread_table(order: tuple[ComparedPolicy, ...], measure: str) -> Table:
    quantiles = {"p05": "5%", "p25": "25%", "p50": "Median", "p75": "75%", "p95": "95%"}
    return Table(
        key=f"spread_{measure}",
        title="Spread over worlds",
        columns=(
            Column("policy", "Policy", "text"),
            *(Column(key, name, "money", "Quantile over worlds") for key, name in quantiles.items()),
            Column("loss", "Loss in", "share", "Share of worlds below 0"),
        ),
        rows=tuple(
            (policy.name, *(spread[key] for key in quantiles), spread["loss_share"])
            for policy in order
            for spread in [policy.spread[measure]]
        ),
    )


def _method_notes(result: ComparisonResult, numbers: NumberFormat) -> tuple[str, ...]:
    share = numbers.level(result.confidence)
    return (
        (
            f"Every policy played the same {numbers.count(result.runs)} worlds with the same luck, so differences are "
            "taken world by world. A difference of means without that pairing would be far less certain."
        ),
        (
            f"The {share} interval is that of the mean difference, by Student's t over worlds. The bootstrap resamples "
            "worlds and needs no normal distribution; where both disagree, a note says so."
        ),
        (
            "Verdicts are corrected for the number of policies after Holm, for each measure by itself: the chance that "
            f"any verdict on that measure is wrong is at most {numbers.level(round(1.0 - result.confidence, 12))}."
        ),
        (
            "The gap closed is (policy - uniform) / (oracle - uniform), a ratio of means over the oracle's worlds. The "
            "oracle is the planner that knows each world's own parameters, though not its luck; nobody can know them "
            "beforehand. A policy that reacts to what happens can pass 100%."
        ),
        (
            "The planner plans once, for the average market. All policies are brought within the scenario's limits day "
            "by day."
        ),
    )
