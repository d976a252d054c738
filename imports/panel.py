"""From canonical tables to the panel: media and orders by day, country and channel, in one currency.

A region is a country here. Media that name no country are shared over the countries by their orders of the whole
period, a share that does not follow the day's orders: else spend would seem to bring what it was computed from.
"""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import cast

import polars as pl

from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.core.panel import PANEL_COLUMNS, panel_schema
from xbopt.imports.coverage import ORDERS, Hole, Span, media_holes, order_holes
from xbopt.imports.media_cells import media_cells
from xbopt.imports.net_refunds import with_net_amount
from xbopt.imports.panel_notes import PanelNote, hole_note, off_with_rows, shared_spend, without_country
from xbopt.imports.rates import converted
from xbopt.imports.tables import REFUND_MONEY

_MONEY = ("net_revenue", "unit_price", "discount", "tax", "shipping", "duty")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPanel:
    """A panel of real files: ``frame`` has the columns of ``core/panel.py``; segment and world are null.

    ``holes`` are days that a platform, or the file of orders, tells nothing about; ``shared`` is, by channel, the share
    of its spend that no row places in a country, so that it was shared over them by assumption.
    """

    frame: pl.DataFrame
    currency: str
    notes: tuple[PanelNote, ...]
    holes: tuple[Hole, ...] = ()
    shared: Mapping[str, float] = field(default_factory=dict[str, float])


def build_panel(
    tables: Mapping[str, pl.DataFrame], *, currency: str | None = None, off: Sequence[Span] = ()
) -> ImportedPanel:
    """Media rows, then order rows, of each day and country; days without any stand there with 0, but for holes.

    Orders are those sold; ``new_customers`` counts first orders in the data, and is null where no order names a
    customer. ``price_index`` is the mean price asked for a product against its own median, ``discount_frac`` the part
    of the price asked that was not paid.

    Args:
        tables: Canonical tables by name; ``transactions`` is needed.
        currency: Currency of all money; that of the orders where left out.
        off: Spans in which a platform was off or the shop closed: these are no holes.

    Raises:
        UsageError: There are no orders, they are in several currencies and none was chosen, a rate is not known, or
            ``off`` names a platform that the media do not.
    """
    orders = tables.get("transactions")
    sold = None if orders is None else sold_lines(orders)
    if sold is None or sold.is_empty():
        raise UsageError("There are no sold orders with a day and a country, so no panel can be made of these files.")
    chosen = currency or only_currency(sold)
    rates, notes = tables.get("rates"), list[PanelNote]()
    lines = converted(sold, _MONEY, to=chosen, rates=rates)
    shares = _order_shares(lines.frame)
    days = lines.frame.select(pl.date_range(pl.col("date").min(), pl.col("date").max(), interval="1d"))
    own = _order_rows(lines.frame, tables, days, shares, chosen, notes)
    by_year = set(lines.by_year)
    parts = [own]
    media = tables.get("media")
    shared: dict[str, float] = {}
    holes = order_holes(lines.frame.group_by("order_id").agg(pl.col("date").min())["date"], off)
    if media is not None and not media.is_empty():
        paid = converted(media, ("spend",), to=chosen, rates=rates)
        by_year |= set(paid.by_year)
        cells = media_cells(paid.frame)
        notes += [PanelNote(code=code, what=what, count=count) for code, what, count in cells.notes]
        first, last = (cast("date", edge) for edge in (lines.frame["date"].min(), lines.frame["date"].max()))
        holes = (*media_holes(media, first, last, off), *holes)
        parts.insert(0, _media_rows(cells.frame, shares, holes))
        if shares.height > 1:
            shared = shared_spend(cells.frame)
            notes[:0] = without_country(paid.frame, cells.frame, shares)
        zones = {str(z) for frame in (orders, media) if frame is not None for z in frame["zone"].drop_nulls().unique()}
        if len(zones) > 1:
            notes.append(PanelNote(code="zones_differ", what=", ".join(sorted(zones))))
    elif any(span.source != ORDERS for span in off):
        raise UsageError("--off names a platform, but there are no media in these data.")
    notes += off_with_rows(off, lines.frame["date"], media)
    notes += [hole_note(hole) for hole in holes]
    if by_year:
        notes.append(PanelNote(code="yearly_rates", what=", ".join(sorted(by_year))))
    told = pl.concat(parts, how="diagonal").with_columns(pl.lit(chosen).alias("currency"))
    kinds = {"segment": pl.String, "channel": pl.String, "world": pl.Int64}
    unknown = [name for name in PANEL_COLUMNS if name not in told.columns]
    whole = told.with_columns(pl.lit(None, dtype=kinds.get(name, pl.Float64)).alias(name) for name in unknown)
    return ImportedPanel(
        frame=whole.select(list(PANEL_COLUMNS)).sort("date", "region", "channel", nulls_last=True),
        currency=chosen,
        notes=tuple(notes),
        holes=holes,
        shared=shared,
    )


def write_panel(frame: pl.DataFrame, path: Path) -> None:
    """Write a panel as Parquet, as ``simulate --panel`` does.

    Raises:
        UsageError: The file cannot be written there.
    """
    from pyarrow import parquet

    with replace_file(path) as temporary:
        parquet.write_table(frame.to_arrow().cast(panel_schema()), temporary, compression="zstd")


def sold_lines(transactions: pl.DataFrame) -> pl.DataFrame:
    """Lines of orders that were sold, with a day and a country, and at least one piece; in an order of their own."""
    return transactions.sort("date", "order_id", "line", "sku", "quantity", "unit_price", nulls_last=True).filter(
        (pl.col("status").fill_null("sold") == "sold")
        & pl.col("date").is_not_null()
        & pl.col("country").is_not_null()
        & (pl.col("quantity").fill_null(1.0) > 0.0)
    )


def only_currency(frame: pl.DataFrame) -> str:
    """The currency of all rows.

    Raises:
        UsageError: There is none, or more than one.
    """
    found = sorted(str(code) for code in frame["currency"].drop_nulls().unique())
    if len(found) != 1:
        what = f"Orders are in {', '.join(found)}" if found else "No order names its currency"
        raise UsageError(f"{what}; say with --currency which one to count in.")
    return found[0]


def _order_shares(lines: pl.DataFrame) -> pl.DataFrame:
    """Each country's share of all orders: columns region, share."""
    counts = lines.group_by("country").agg(pl.col("order_id").n_unique().alias("n")).sort("country")
    return counts.select(pl.col("country").alias("region"), (pl.col("n") / pl.col("n").sum()).alias("share"))


def _order_rows(
    lines: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    days: pl.DataFrame,
    shares: pl.DataFrame,
    currency: str,
    notes: list[PanelNote],
) -> pl.DataFrame:
    value = pl.col("unit_price") * pl.col("quantity")
    rows = lines.group_by("date", pl.col("country").alias("region")).agg(
        pl.col("order_id").n_unique().cast(pl.Float64).alias("orders"),
        pl.col("quantity").sum().alias("units"),
        pl.col("net_revenue").sum().alias("net_revenue"),
        (pl.col("discount").sum() / value.filter(pl.col("discount").is_not_null()).sum())
        .clip(0.0, 1.0)
        .fill_nan(None)
        .alias("discount_frac"),
    )
    grid = days.join(shares.select("region"), how="cross")
    rows = grid.join(rows, on=["date", "region"], how="left")
    for extra in (
        first_orders(lines),
        _price_index(lines),
        _refunds(tables.get("refunds"), tables.get("rates"), currency, lines, shares, notes),
        _visits(tables.get("sessions"), shares, notes),
        _stock_out(lines, tables.get("stock")),
    ):
        if extra is not None:
            rows = rows.join(extra, on=["date", "region"], how="left")
    zero = [name for name in ("orders", "units", "net_revenue", "new_customers", "refunds") if name in rows.columns]
    return rows.with_columns(pl.col(name).fill_null(0.0) for name in zero)


def first_orders(lines: pl.DataFrame) -> pl.DataFrame | None:
    """First orders of customers by day and country; None where no line names a customer or says whether it is new."""
    named = lines.filter(pl.col("customer").is_not_null())
    if not named.is_empty():
        firsts = named.sort("date", "time", "order_id", nulls_last=True).unique("customer", keep="first")
    elif lines["is_new"].any():
        firsts = lines.filter(pl.col("is_new")).unique("order_id")
    else:
        return None
    return firsts.group_by("date", pl.col("country").alias("region")).agg(
        pl.len().cast(pl.Float64).alias("new_customers")
    )


def _price_index(lines: pl.DataFrame) -> pl.DataFrame | None:
    """Geometric mean of product prices against their own medians, by revenue (a fixed-basket index)."""
    priced = lines.filter((pl.col("unit_price") > 0.0) & pl.col("sku").is_not_null())
    if priced.is_empty():
        return None
    ratio = (pl.col("unit_price") / pl.col("unit_price").median().over("sku", "country")).log()
    weight = pl.col("unit_price") * pl.col("quantity")
    return (
        priced.with_columns(ratio.alias("_log"), weight.alias("_weight"))
        .group_by("date", pl.col("country").alias("region"))
        .agg(((pl.col("_log") * pl.col("_weight")).sum() / pl.col("_weight").sum()).exp().alias("price_index"))
    )


def _refunds(
    refunds: pl.DataFrame | None,
    rates: pl.DataFrame | None,
    currency: str,
    lines: pl.DataFrame,
    shares: pl.DataFrame,
    notes: list[PanelNote],
) -> pl.DataFrame | None:
    """Net revenue paid back by day and country: the refund's own, else that of its order, else shared as media are."""
    if refunds is None:
        return None
    paid = converted(refunds.filter(pl.col("date").is_not_null()), REFUND_MONEY, to=currency, rates=rates).frame
    paid = with_net_amount(paid, lines)  # what cleaning has told stays
    homes = lines.drop_nulls("order_id").unique("order_id", keep="first", maintain_order=True)
    paid = paid.join(homes.select("order_id", pl.col("country").alias("home")), on="order_id", how="left")
    paid = paid.select(
        "date", pl.coalesce("country", "home").alias("region"), pl.col("net_amount").fill_null(0.0).alias("refunds")
    )
    lost = paid["region"].null_count()
    if lost and shares.height > 1:
        notes.append(PanelNote(code="refunds_shared", count=lost))
    return _shared(paid, shares, ("refunds",), keys=("date",))


def _visits(sessions: pl.DataFrame | None, shares: pl.DataFrame, notes: list[PanelNote]) -> pl.DataFrame | None:
    # A shop's totals by day are rows without sessions: not known is not 0.
    sessions = None if sessions is None else sessions.drop_nulls("sessions")
    if sessions is None or sessions.is_empty():
        return None
    counted = sessions.group_by("date", pl.col("country").alias("region")).agg(
        pl.col("sessions").sum().cast(pl.Float64).alias("visits")
    )
    lost = sessions["country"].null_count()
    if lost and shares.height > 1:
        notes.append(PanelNote(code="visits_shared", count=lost))
    return _shared(counted, shares, ("visits",), keys=("date",))


def _stock_out(lines: pl.DataFrame, stock: pl.DataFrame | None) -> pl.DataFrame | None:
    """Share of usual revenue whose product is out of stock on a day."""
    if stock is None or stock.is_empty():
        return None
    usual = lines.group_by(pl.col("country").alias("region"), "sku").agg(pl.col("net_revenue").sum().alias("_usual"))
    whole = usual.group_by("region").agg(pl.col("_usual").sum().alias("_whole"))
    held = stock.group_by("date", pl.col("country").alias("_held"), "sku").agg(pl.col("on_hand").sum())
    out = held.filter(pl.col("on_hand") <= 0.0).join(usual, on="sku", how="inner")
    out = out.filter(pl.col("_held").is_null() | (pl.col("_held") == pl.col("region")))
    counted = held.select("date").unique().join(usual.select("region").unique(), how="cross")
    lacking = out.group_by("date", "region").agg(pl.col("_usual").sum())
    return (
        counted.join(lacking, on=["date", "region"], how="left")
        .join(whole, on="region")
        .select(
            "date", "region", (pl.col("_usual").fill_null(0.0) / pl.col("_whole")).clip(0.0, 1.0).alias("stock_out")
        )
    )


def _media_rows(cells: pl.DataFrame, shares: pl.DataFrame, holes: Sequence[Hole]) -> pl.DataFrame:
    """Media by day, region and channel; a channel has a row, if with 0, on every day from its first to its last.

    Days of a hole have none: what was spent on them is not known.
    """
    shared = _shared(cells, shares, ("spend", "impressions", "clicks"), keys=("date", "channel"))
    spans = shared.group_by("region", "channel").agg(
        pl.date_range(pl.col("date").min(), pl.col("date").max(), interval="1d").alias("date")
    )
    whole = spans.explode("date").join(shared, on=["date", "region", "channel"], how="left")
    for hole in holes:
        unknown = pl.col("date").is_between(hole.first, hole.last) & pl.col("channel").is_in(list(hole.channels))
        whole = whole.filter(~(unknown & pl.col("spend").is_null()))
    return whole.with_columns(
        pl.when(pl.col("spend").is_null()).then(0.0).otherwise(pl.col(name)).alias(name)
        for name in ("impressions", "clicks", "spend")
    )


def _shared(
    frame: pl.DataFrame, shares: pl.DataFrame, names: tuple[str, ...], *, keys: tuple[str, ...]
) -> pl.DataFrame:
    """Rows without a region shared over the regions; sums of the same cell added up."""
    lost = frame.filter(pl.col("region").is_null()).drop("region").join(shares, how="cross")
    lost = lost.with_columns(pl.col(name) * pl.col("share") for name in names).drop("share")
    both = pl.concat([frame.filter(pl.col("region").is_not_null()), lost], how="diagonal")
    known = [pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name) for name in names]
    return both.group_by(*keys, "region").agg(known)
