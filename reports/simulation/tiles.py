"""The tiles at the head of a report: one KPI each, with its range and its change."""

import math
from dataclasses import dataclass

from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import TileText
from xbopt.studies.against_baseline import BaselineComparison, Difference
from xbopt.studies.kpis import WorldRange
from xbopt.studies.labels import KPI_LABELS, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One KPI.

    Attributes:
        key: Name of the KPI.
        name: Readable name.
        unit: What it is measured in.
        figure: Mean, standard error and range over worlds.
        meaning: What it is, in a few words.
        change: Change against the baseline, where there is one.
        baseline: Name of the baseline.
        good_if_higher: Whether more of it is better; None where neither is.
    """

    key: str
    name: str
    unit: Unit
    figure: WorldRange
    meaning: str
    change: Difference | None = None
    baseline: str = ""
    good_if_higher: bool | None = True


# KPI, meaning, whether more is better.
_TILES: tuple[tuple[str, str, bool | None], ...] = (
    ("contribution_margin", "net revenue less all variable costs and media", True),
    ("net_revenue", "after discounts, tax, expected returns and currency moves", True),
    ("media_spend", "over the whole horizon", None),
    ("roas", "net revenue per unit of media spend", True),
    ("orders", "shipped", True),
    ("conversion_rate", "orders per visit", True),
    ("new_customers", "first orders", True),
    ("repurchase_rate", "orders per known customer and day", True),
    ("satisfaction", "mean over days and people", True),
)

_MORE: tuple[tuple[str, str, bool | None], ...] = (
    ("discount_cost", "discounts given, net of tax", None),
    ("visits", "paid and organic", True),
    ("average_order_value", "net revenue per order", True),
    ("return_rate", "expected returns per order", False),
    ("roi", "contribution margin per unit of media spend", True),
    ("budget_used", "media spend of the budget", None),
    ("media_effect", "margin less that of the same worlds without media", True),
    ("customer_value", "last evening less first", True),
    ("carried_beyond", "what later days earn by media and prices so far, less orders owed to promotions", True),
)


def build_tiles(kpis: dict[str, WorldRange], comparison: BaselineComparison | None) -> tuple[Tile, ...]:
    """The tiles, in reading order: the KPIs that a planner asks for first."""
    return _built(_TILES, kpis, comparison)


def build_other_kpis(
    kpis: dict[str, WorldRange],
    comparison: BaselineComparison | None,
    *,
    customer_value: WorldRange,
    carried_beyond: WorldRange,
    media_effect: WorldRange | None = None,
) -> tuple[Tile, ...]:
    """The KPIs that no tile shows, and what stands beside the margin; media's part only where it is known."""
    figures = {**kpis, "customer_value": customer_value, "carried_beyond": carried_beyond}
    if media_effect is not None:
        figures["media_effect"] = media_effect
    return _built(_MORE, figures, comparison)


def _built(
    chosen: tuple[tuple[str, str, bool | None], ...],
    figures: dict[str, WorldRange],
    comparison: BaselineComparison | None,
) -> tuple[Tile, ...]:
    return tuple(
        Tile(
            key=key,
            name=name,
            unit=unit,
            figure=figures[key],
            meaning=meaning,
            change=comparison.differences.get(key) if comparison else None,
            baseline=comparison.baseline if comparison else "",
            good_if_higher=good,
        )
        for key, meaning, good in chosen
        if key in figures
        for name, unit in [KPI_LABELS[key]]
    )


def tile_text(tile: Tile, numbers: NumberFormat) -> TileText:
    """Format a tile: the figure, its range and its change, in words."""
    change, tone = "", "even"
    if tile.change is not None and math.isfinite(mean := tile.change.figure.mean):
        text = numbers.signed(mean, tile.unit)
        if tile.unit == "share":
            text = f"{numbers.signed(mean * 100.0, 'ratio')} points"
        if numbers.number(mean, tile.unit) == numbers.number(0.0, tile.unit):
            change = f"as {tile.baseline}"
        else:
            change = f"{text} against {tile.baseline}"
            if tile.good_if_higher is not None:
                tone = "good" if (mean > 0.0) == tile.good_if_higher else "bad"
    return TileText(
        name=tile.name,
        figure=numbers.number(tile.figure.mean, tile.unit),
        range=numbers.range(tile.figure, tile.unit),
        change=change,
        tone=tone,
        meaning=tile.meaning,
    )
