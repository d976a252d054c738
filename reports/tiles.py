"""The tiles at the head of a simulation report: one KPI each, with its range and its change."""

from dataclasses import dataclass

from xbopt.env.kpis import Estimate
from xbopt.reports.comparison import Comparison, Difference
from xbopt.reports.figures import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One KPI.

    Attributes:
        key: Name of the KPI.
        name: Readable name.
        unit: What it is measured in.
        estimate: Mean, standard error and range over worlds.
        meaning: What it is, in a few words.
        change: Change against the baseline, where there is one.
        baseline: Name of the baseline.
        good_if_higher: Whether more of it is better; None where neither is.
    """

    key: str
    name: str
    unit: Unit
    estimate: Estimate
    meaning: str
    change: Difference | None = None
    baseline: str = ""
    good_if_higher: bool | None = True


# KPI, name, unit, meaning, whether more is better.
_TILES: tuple[tuple[str, str, Unit, str, bool | None], ...] = (
    ("contribution_margin", "Contribution margin", "money", "net revenue less all variable costs and media", True),
    ("net_revenue", "Net revenue", "money", "after discounts, tax, expected returns and currency moves", True),
    ("media_spend", "Media spend", "money", "over the whole horizon", None),
    ("roas", "ROAS", "ratio", "net revenue per unit of media spend, organic orders included", True),
    ("orders", "Orders", "count", "shipped", True),
    ("conversion_rate", "Conversion", "share", "orders per visit", True),
    ("new_customers", "New customers", "count", "first orders", True),
    ("repurchase_rate", "Repurchase a day", "share", "orders per known customer and day", True),
    ("satisfaction", "Satisfaction", "decimal", "0 to 1, mean over days and people", True),
)

_MORE: tuple[tuple[str, str, Unit, str, bool | None], ...] = (
    ("discount_cost", "Discount cost", "money", "discounts given, net of tax", None),
    ("visits", "Visits", "count", "paid and organic", True),
    ("average_order_value", "Average order value", "unit_money", "net revenue per order", True),
    ("return_rate", "Return rate", "share", "expected returns per order", False),
    ("roi", "ROI", "ratio", "contribution margin per unit of media spend", True),
    ("budget_used", "Budget used", "share", "media spend of the budget", None),
)


def build_tiles(kpis: dict[str, Estimate], comparison: Comparison | None) -> tuple[Tile, ...]:
    """The tiles, in reading order: the KPIs that a planner asks for first."""
    return _built(_TILES, kpis, comparison)


def build_other_kpis(kpis: dict[str, Estimate], comparison: Comparison | None) -> tuple[Tile, ...]:
    """The KPIs that no tile shows."""
    return _built(_MORE, kpis, comparison)


def _built(
    chosen: tuple[tuple[str, str, Unit, str, bool | None], ...],
    kpis: dict[str, Estimate],
    comparison: Comparison | None,
) -> tuple[Tile, ...]:
    return tuple(
        Tile(
            key=key,
            name=name,
            unit=unit,
            estimate=kpis[key],
            meaning=meaning,
            change=comparison.differences[key] if comparison else None,
            baseline=comparison.baseline if comparison else "",
            good_if_higher=good,
        )
        for key, name, unit, meaning, good in chosen
    )
