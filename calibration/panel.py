"""A panel as arrays by day, region, segment and channel, checked against the scenario that it is to be fitted with.

The panel's file is told of in ``core/panel.py``: simulated (``xbopt simulate --panel``) or made from a seller's files.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbopt.calibration.panel_rows import PanelRows, read_rows
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import PanelError
from xbopt.core.scenario.scenario import Scenario

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPanel:
    """What a market's records say, day by day. Unknown is NaN; money is in base currency.

    Attributes:
        start: First day.
        spend: Media spend ``(T, R, S, C)``. Where the records do not tell segments it is shared by the scenario's plan.
        impressions: ``(T, R, C)``.
        clicks: ``(T, R, C)``.
        visits: ``(T, R)``.
        orders: ``(T, R)``.
        new_customers: First orders ``(T, R)``.
        net_revenue: ``(T, R)``.
        discount_frac: ``(T, R, S)``.
        price_index: List price in the region's own money against the usual one at first-day rates ``(T, R)``.
        stock_out: Share of the wanted orders that was lost for want of stock ``(T, R)``.
        notes: What was taken for granted in reading, in sentences.
    """

    start: date
    spend: FloatArray = field(repr=False)
    impressions: FloatArray = field(repr=False)
    clicks: FloatArray = field(repr=False)
    visits: FloatArray = field(repr=False)
    orders: FloatArray = field(repr=False)
    new_customers: FloatArray = field(repr=False)
    net_revenue: FloatArray = field(repr=False)
    discount_frac: FloatArray = field(repr=False)
    price_index: FloatArray = field(repr=False)
    stock_out: FloatArray = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """Number of days ``T``."""
        return self.orders.shape[0]


def read_panel(source: "Path | str | pa.Table", scenario: Scenario, *, world: int | None = None) -> CalibrationPanel:
    """Read a panel and lay it out over the scenario's regions, segments and channels.

    Args:
        source: A Parquet file, or a table with the columns of `PANEL_COLUMNS` (some of them may be missing).
        scenario: Gives ids, base currency and, for records without segments, the shares of the own plan.
        world: Which simulated world to take; needed where the panel holds several.

    Raises:
        PanelError: The panel cannot be used; the message says where and what to do.
    """
    rows = read_rows(source, scenario, world=world)
    days = rows.days
    orders = rows.is_order
    regions, _, channels, _ = scenario.shape
    _no_gaps(rows, scenario, days)

    def of_orders(name: str) -> FloatArray:
        return rows.sums(name, orders, (days, regions), (rows.day, rows.region))

    def of_media(name: str) -> FloatArray:
        return rows.sums(name, ~orders, (days, regions, channels), (rows.day, rows.region, rows.channel), absent=0.0)

    notes: list[str] = []
    spend, shared = _spend(rows, scenario, days)
    if shared:
        notes.append("Spend is not told by segment: it is shared over segments as the own plan shares it.")
    impressions, clicks = of_media("impressions"), of_media("clicks")
    paid = spend.sum(axis=2) > 0.0
    # Records that hold no impressions or clicks of paid days do not tell them, whatever stands on the other days.
    impressions = np.where(paid & ~(impressions > 0.0), np.nan, impressions)
    blind = (paid & ~(clicks > 0.0)).any(axis=(0, 1)) & ~((clicks > 0.0).any(axis=(0, 1)))
    clicks[:, :, blind] = np.nan
    return CalibrationPanel(
        start=rows.start,
        spend=spend,
        impressions=impressions,
        clicks=clicks,
        visits=of_orders("visits"),
        orders=of_orders("orders"),
        new_customers=of_orders("new_customers"),
        net_revenue=of_orders("net_revenue"),
        discount_frac=_by_cell(rows, "discount_frac", scenario, days, absent=0.0),
        price_index=_mean_over_segments(rows, "price_index", scenario, days),
        stock_out=np.nan_to_num(_mean_over_segments(rows, "stock_out", scenario, days)),
        notes=(*rows.notes, *notes),
    )


def _no_gaps(rows: PanelRows, scenario: Scenario, days: int) -> None:
    """Refuse a panel in which a day of a region has no row of orders: nobody knows whether that was nothing sold."""
    seen = np.zeros((days, len(scenario.regions)), dtype=np.bool_)
    orders = rows.is_order
    seen[rows.day[orders], rows.region[orders]] = True
    missing = np.argwhere(~seen)
    if len(missing):
        shown = ", ".join(
            f"{rows.start + timedelta(days=int(day))} {scenario.regions[region]}" for day, region in missing[:_SHOWN]
        )
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise PanelError(
            f"{rows.name} has no row of orders on {shown}{more}. Write a row with 0 orders where nothing was sold, or "
            "cut the panel to days that are complete."
        )


def _spend(rows: PanelRows, scenario: Scenario, days: int) -> tuple[FloatArray, bool]:
    """Spend by day and cell ``(T, R, S, C)``, and whether it had to be shared over segments."""
    regions, segments, channels, _ = scenario.shape
    media = ~rows.is_order
    told = media & (rows.segment >= 0)
    spend = rows.sums(
        "spend", told, (days, regions, segments, channels), (rows.day, rows.region, rows.segment, rows.channel), 0.0
    )
    rest = media & (rows.segment < 0)
    if not rest.any():
        return spend, False
    whole = rows.sums("spend", rest, (days, regions, channels), (rows.day, rows.region, rows.channel), 0.0)
    planned = scenario.plan.share.sum(axis=1, keepdims=True)
    people = scenario.population / np.maximum(scenario.population.sum(axis=1, keepdims=True), 1.0)
    share = np.where(planned > 0.0, scenario.plan.share / np.where(planned > 0.0, planned, 1.0), people[..., None])
    return spend + whole[:, :, None, :] * share, True


def _by_cell(rows: PanelRows, name: str, scenario: Scenario, days: int, absent: float = np.nan) -> FloatArray:
    """A column of order rows by day and cell ``(T, R, S)``; rows without a segment hold for all of a region."""
    regions, segments, _, _ = scenario.shape
    orders, values = rows.is_order, np.nan_to_num(rows.values(name), nan=absent)
    array = np.full((days, regions, segments), absent)
    every = orders & (rows.segment < 0)
    array[rows.day[every], rows.region[every]] = values[every][:, None]
    one = orders & (rows.segment >= 0)
    array[rows.day[one], rows.region[one], rows.segment[one]] = values[one]
    return array


def _mean_over_segments(rows: PanelRows, name: str, scenario: Scenario, days: int) -> FloatArray:
    array = _by_cell(rows, name, scenario, days)
    known: BoolArray = np.isfinite(array)
    return np.where(known.any(axis=2), np.where(known, array, 0.0).sum(axis=2), np.nan) / np.maximum(
        known.sum(axis=2), 1
    )
