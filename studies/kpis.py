"""KPIs with their ranges over worlds, as defined in docs/semantics.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.money import TERMS
from xbopt.studies.totals import CELL_COUNTS, CHANNEL_COUNTS, PLACE_COUNTS, Totals

KPI_NAMES: tuple[str, ...] = (
    "net_revenue",
    "contribution_margin",
    "media_spend",
    "discount_cost",
    "visits",
    "orders",
    "conversion_rate",
    "repurchase_rate",
    "average_order_value",
    "return_rate",
    "new_customers",
    "roas",
    "roi",
    "satisfaction",
    "budget_used",
)
LOW_PERCENTILE, HIGH_PERCENTILE = 5.0, 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRange:
    """A figure over many worlds: how far single worlds lie apart, and not a confidence interval of the mean.

    NaN where it has no meaning, as a return on spend without spend.

    Attributes:
        mean: Mean over worlds.
        se: Standard error of that mean.
        low: 5th percentile over worlds.
        high: 95th percentile over worlds.
    """

    mean: float
    se: float
    low: float
    high: float

    @classmethod
    def of(cls, values: FloatArray) -> "WorldRange":
        """From one value a world; worlds in which the figure has no meaning (NaN) are left out."""
        known = values[~np.isnan(values)]
        if known.size == 0:
            return cls(mean=float("nan"), se=float("nan"), low=float("nan"), high=float("nan"))
        low, high = np.percentile(known, [LOW_PERCENTILE, HIGH_PERCENTILE])
        se = known.std(ddof=1) / np.sqrt(known.size) if known.size > 1 else float("nan")
        return cls(mean=float(known.mean()), se=float(se), low=float(low), high=float(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table: a region, a segment or a channel.

    Attributes:
        id: Its id.
        name: Its readable name.
        figures: Figures by name.
    """

    id: str
    name: str
    figures: dict[str, WorldRange]


def ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Top over bottom, NaN where bottom is 0."""
    safe = np.where(bottom != 0.0, bottom, 1.0)
    return np.where(bottom != 0.0, top / safe, np.nan)


def kpi_values(totals: Totals, *, budget_base: float) -> dict[str, FloatArray]:
    """Each KPI world by world ``(B,)``, in the order of ``KPI_NAMES``."""
    values = _figures(totals.cells.sum(axis=(1, 2)), totals.money.sum(axis=(1, 2)))
    values["repurchase_rate"] = totals.repurchase_rate[:, 0]
    values["satisfaction"] = totals.satisfaction
    # From what is left, not from the sum of the days, whose rounding can pass the budget by one part in 10^15.
    values["media_spend"] = np.minimum(values["media_spend"], budget_base - totals.budget_left)
    values["budget_used"] = (budget_base - totals.budget_left) / budget_base
    return {name: values[name] for name in KPI_NAMES}


def bridge_means(totals: Totals) -> dict[str, float]:
    """Mean of each money term over worlds, summed over cells; together they are the mean contribution margin."""
    sums = totals.money.sum(axis=(1, 2)).mean(axis=0)
    return {term: float(sums[i]) for i, term in enumerate(TERMS)}


def region_rows(scenario: Scenario, totals: Totals) -> list[Row]:
    """One row a region."""
    names = [region.name or region.id for region in scenario.document.market.regions]
    rates = totals.repurchase_rate[:, 1 : 1 + len(names)]
    return _cell_rows(scenario.regions, names, totals.cells.sum(axis=2), totals.money.sum(axis=2), rates)


def segment_rows(scenario: Scenario, totals: Totals) -> list[Row]:
    """One row a segment."""
    names = [segment.name or segment.id for segment in scenario.document.segments]
    rates = totals.repurchase_rate[:, 1 + len(scenario.regions) :]
    return _cell_rows(scenario.segments, names, totals.cells.sum(axis=1), totals.money.sum(axis=1), rates)


def channel_rows(scenario: Scenario, totals: Totals) -> list[Row]:
    """One row a channel. Orders and revenue are attributed in proportion to expected orders."""
    by_channel = totals.channels.sum(axis=(1, 2))  # (B, C, len)
    spend, impressions, visits, orders = (by_channel[..., i] for i in range(len(CHANNEL_COUNTS)))
    taken, earned = (totals.places[..., PLACE_COUNTS.index(name)] for name in ("orders", "net_revenue"))
    ids = [place.id for place in scenario.document.places]
    place_of = [0 if c.place is None else 1 + ids.index(c.place) for c in scenario.document.channels]
    per_order = np.nan_to_num(ratio(earned, taken))[..., place_of]
    revenue = (totals.channels[..., CHANNEL_COUNTS.index("orders")] * per_order).sum(axis=(1, 2))
    total = spend.sum(axis=1)
    rows: list[Row] = []
    for c, channel in enumerate(scenario.document.channels):
        values = {
            "media_spend": spend[:, c],
            "spend_share": ratio(spend[:, c], total),
            "impressions": impressions[:, c],
            "visits": visits[:, c],
            "cost_per_visit": ratio(spend[:, c], visits[:, c]),
            "orders": orders[:, c],
            "cost_per_order": ratio(spend[:, c], orders[:, c]),
            "net_revenue": revenue[:, c],
            "roas": ratio(revenue[:, c], spend[:, c]),
        }
        rows.append(Row(id=channel.id, name=channel.name or channel.id, figures=_ranges(values)))
    return rows


def _cell_rows(
    ids: Sequence[str], names: Sequence[str], cells: FloatArray, money: FloatArray, repurchase_rate: FloatArray
) -> list[Row]:
    total = -money[..., TERMS.index("media")].sum(axis=1)
    rows: list[Row] = []
    for i, (key, name) in enumerate(zip(ids, names, strict=True)):
        values = _figures(cells[:, i], money[:, i])
        values["spend_share"] = ratio(values["media_spend"], total)
        values["repurchase_rate"] = repurchase_rate[:, i]
        rows.append(Row(id=key, name=name, figures=_ranges(values)))
    return rows


def _ranges(values: dict[str, FloatArray]) -> dict[str, WorldRange]:
    return {name: WorldRange.of(array) for name, array in values.items()}


def _net_revenue(money: FloatArray) -> FloatArray:
    revenue = ("gross_revenue", "discount", "tax", "returns", "fx_effect")
    return sum((money[..., TERMS.index(term)] for term in revenue), np.zeros(money.shape[:-1]))


def _figures(cells: FloatArray, money: FloatArray) -> dict[str, FloatArray]:
    """Figures of any group of cells from its sums ``(B, len)``."""
    count = {name: cells[:, i] for i, name in enumerate(CELL_COUNTS)}
    revenue, margin = _net_revenue(money), money.sum(axis=1)
    # Minus zero would print as -0.
    media = np.abs(money[:, TERMS.index("media")])
    return {
        "net_revenue": revenue,
        "contribution_margin": margin,
        "media_spend": media,
        "discount_cost": count["discount_cost"],
        "visits": count["visits"],
        "orders": count["orders"],
        "conversion_rate": ratio(count["orders"], count["visits"]),
        "average_order_value": ratio(revenue, count["orders"]),
        "return_rate": ratio(count["returns_expected"], count["orders"]),
        "new_customers": count["new_customers"],
        "lost_orders": count["lost_orders"],
        "roas": ratio(revenue, media),
        "roi": ratio(margin, media),
    }
