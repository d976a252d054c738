"""Orders of shops, and visits, by day and region."""

# polars' iterators have no known types here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Sequence

import numpy as np
import polars as pl

from xbopt.campaigns.actuals.notes import NoteCode
from xbopt.campaigns.actuals.reading import Reading
from xbopt.campaigns.actuals.tellings import OFF
from xbopt.imports.coverage import ORDERS, Span
from xbopt.imports.panel import sold_lines
from xbopt.imports.profile_files import load_profiles

SESSIONS = "sessions"
_NOWHERE = ""


def read_orders(reading: Reading, shop: str, off: Sequence[Span]) -> None:
    """Read orders, first orders where they are marked, and sales by region, on the days that files cover.

    A file covers the days from its first order to its last, whatever became of them: a day among them without an order
    has none. Between two files nothing is known. Where an order names no country, its day is known in total only, and
    not at all where some of the files' orders are of other countries.

    Args:
        reading: Takes the figures.
        shop: Which shop of its platform it is; empty where nobody said.
        off: Spans in which the shop was closed.
    """
    closed = {t for span in off if span.source == ORDERS for t in reading.days_off(span)}
    orders = reading.tables.get("transactions")
    figures = ["orders", "net_sales_base"]
    if orders is not None and not orders.is_empty():
        for source, own in _by_shop(orders, shop):
            figures = _Sold(reading, source).read(own) or figures
    sold = {
        t
        for (t, _), told in reading.figures.items()
        if t in closed and "orders" in told and np.nansum(told["orders"]) > 0.0
    }
    if sold:
        reading.note("off_with_orders", what=ORDERS, count=len(sold))
    for t in closed:
        for figure in figures:
            reading.figure(t, f"{OFF}{ORDERS}", figure, (len(reading.scenario.regions), 1))[:] = 0.0


def _by_shop(orders: pl.DataFrame, shop: str) -> list[tuple[str, pl.DataFrame]]:
    """Orders by the platform of the shop, as ``shopify/``."""
    profiles = load_profiles()
    parts: dict[str, list[pl.DataFrame]] = {}
    for (source,), rows in orders.partition_by("source", as_dict=True, maintain_order=True).items():
        profile = str(source).partition(":")[0]
        platform = profiles[profile].platform if profile in profiles else profile
        parts.setdefault(f"{ORDERS}:{platform}/{shop}", []).append(rows)
    return [(source, pl.concat(rows)) for source, rows in sorted(parts.items())]


class _Sold:
    """Reads what one shop sold."""

    def __init__(self, reading: Reading, source: str) -> None:
        self._reading, self._source = reading, source
        self._shape = (len(reading.scenario.regions), 1)

    def read(self, orders: pl.DataFrame) -> list[str]:
        """Read lines of orders; gives the figures that they tell, none where they are of other days or countries."""
        reading = self._reading
        sold = reading.converted(
            sold_lines(orders.with_columns(pl.col("country").fill_null(_NOWHERE))),
            ("net_revenue", "unit_price", "discount"),
        )
        lines = reading.on_days(sold.rename({"country": "region", "region": "_part"}))
        nowhere, named = (lines.filter(each) for each in (pl.col("region") == _NOWHERE, pl.col("region") != _NOWHERE))
        inside = reading.in_regions(named)
        if inside.is_empty() and nowhere.is_empty():
            return []
        marked = bool(lines["is_new"].is_not_null().any())
        priced = bool(lines["net_revenue"].is_not_null().any())
        figures = ["orders", *(["net_sales_base"] if priced else []), *(["first_orders"] if marked else [])]
        silent = reading.silent(sold.filter(pl.col("country").is_in(list(reading.region))), "country")
        for t in self._covered(orders):
            for figure in figures:
                reading.figure(t, self._source, figure, self._shape)[:] = 0.0
            if self._shape[0] > 1 and nowhere.is_empty():
                reading.figure(t, self._source, "orders_silent", self._shape)[:, 0] = silent
        self._in_regions(inside, figures)
        self._nowhere(nowhere, figures, lost=inside.height < named.height)
        return figures

    def _covered(self, orders: pl.DataFrame) -> set[int]:
        """Days of the campaign between the first and the last order of each file."""
        reading = self._reading
        spans = (
            orders.filter(pl.col("date").is_not_null())
            .group_by("source")
            .agg(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"), pl.col("zone").first())
        )
        covered: set[int] = set()
        for source, first, last, zone in spans.iter_rows():
            days = reading.days_of(Span(source=str(source), first=first, last=min(last, reading.last_day(zone))))
            for t in days:
                reading.files.setdefault((t, self._source), set()).add(str(source))
            covered |= set(days)
        return covered

    def _in_regions(self, lines: pl.DataFrame, figures: Sequence[str]) -> None:
        reading = self._reading
        for row in _by_day(lines).iter_rows(named=True):
            t, r = reading.day(row["date"]), reading.region[row["region"]]
            for figure in figures:
                self._of_day(t)[figure][r, 0] += row[figure] or 0.0
            if row["_listed"]:
                reading.figure(t, self._source, "discount_frac", self._shape)[r, 0] = min(
                    max(row["_given"] / row["_listed"], 0.0), 1.0
                )

    def _nowhere(self, lines: pl.DataFrame, figures: Sequence[str], *, lost: bool) -> None:
        if lines.is_empty():
            return
        code: NoteCode = "no_country_lost" if lost else "no_country"
        self._reading.note(code, count=lines["order_id"].n_unique())
        for row in _by_day(lines).iter_rows(named=True):
            of_day = self._of_day(self._reading.day(row["date"]))
            for figure in figures:
                of_regions = of_day.pop(figure)
                if not lost:
                    of_day[figure] = np.full((1, 1), of_regions.sum() + (row[figure] or 0.0))

    def _of_day(self, day: int) -> dict[str, np.ndarray]:
        return self._reading.figures[day, self._source]


def read_visits(reading: Reading, shop: str) -> None:
    """Read visits by region, of a shop or property; empty where nobody said which."""
    source = f"{SESSIONS}/{shop}"
    sessions: pl.DataFrame | None = reading.tables.get("sessions")
    told = None if sessions is None else sessions.drop_nulls("sessions")
    if told is None or told.is_empty():
        return
    rows = reading.on_days(told.rename({"country": "region"}))
    reading.told_in(source, rows)
    if rows["region"].null_count():
        of_all = rows.group_by("date").agg(pl.col("sessions").sum())
        for day, count in of_all.iter_rows():
            reading.figure(reading.day(day), source, "visits", (1, 1))[:] = float(count)
        return
    shape = (len(reading.scenario.regions), 1)
    counted = reading.in_regions(rows).group_by("date", "region").agg(pl.col("sessions").sum())
    for day, region, count in counted.iter_rows():
        into = reading.figure(reading.day(day), source, "visits", shape)
        into[reading.region[region], 0] = np.nan_to_num(into[reading.region[region], 0]) + float(count)


def _by_day(lines: pl.DataFrame) -> pl.DataFrame:
    """What was sold by day and region."""
    listed = pl.col("unit_price") * pl.col("quantity")
    return lines.group_by("date", "region").agg(
        pl.col("order_id").n_unique().cast(pl.Float64).alias("orders"),
        pl.col("net_revenue").sum().alias("net_sales_base"),
        pl.col("order_id").filter(pl.col("is_new")).n_unique().cast(pl.Float64).alias("first_orders"),
        pl.col("discount").sum().alias("_given"),
        listed.filter(pl.col("discount").is_not_null()).sum().alias("_listed"),
    )
