"""Which findings a calibration has."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import cast

import polars as pl

from xbopt.calibration.customers.market_customers import SECOND_ORDER_DAYS
from xbopt.calibration.customers.segments import Segments
from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.calibration import Options
from xbopt.calibration.scenario.draft import Draft
from xbopt.calibration.scenario.findings import Finding, FindingCode
from xbopt.calibration.scenario.people import CustomerBase
from xbopt.calibration.scenario.plan import LATE_WEEKS
from xbopt.calibration.scenario.shop import Shop
from xbopt.calibration.scenario.skeleton import Skeleton
from xbopt.imports.panel import ImportedPanel

GENERAL = "general"
"""The trade whose facts hold where nobody says what is sold."""
_YEAR_WEEKS = 52
_A_DEAL = 0.02
"""Share of a day's list prices given away from which on the day had a deal, and not a few vouchers."""


_MOST_SHARED = 0.1
"""Share of a channel's spend that may name no country; beyond it, nothing of one country is measured."""


def shared_channels(panel: ImportedPanel, skeleton: Skeleton) -> tuple[str, ...]:
    """Ids of the channels whose spend by country was shared by orders, since no file tells it."""
    return tuple(one.id for one in skeleton.bought if panel.shared.get(one.channel, 0.0) > _MOST_SHARED)


_READ: frozenset[str] = frozenset({"transactions", "refunds", "media", "sessions", "stock", "rates", "feedback"})
"""Tables that a calibration uses. Whatever else lies in a data folder is said to be of no use to it."""


def unread_tables(tables: Mapping[str, pl.DataFrame], draft: Draft) -> tuple[Finding, ...]:
    """Tables with rows that no step uses, by name; the scenario's description says so too."""
    rows = {name: table.height for name, table in tables.items() if name not in _READ and not table.is_empty()}
    if not rows:
        return ()
    named = ", ".join(f"{name} ({count:,} rows)" for name, count in rows.items())
    draft.data["description"] = f"{draft.data['description']} Read and not used: {named}."
    return tuple(
        Finding(code="table_unread", subjects=(name,), figures={"rows": float(count)}) for name, count in rows.items()
    )


def findings_of(
    chosen: Options,
    shop: Shop,
    base: CustomerBase | None,
    segments: Segments | None,
    price: PriceEstimate | None,
    skeleton: Skeleton,
    panel: ImportedPanel,
    unfitted: str,
    played: tuple[date, date] | None,
) -> list[Finding]:
    """What a reader of a calibration has to know; ``played``: first and last day that the fit played, if any."""
    found: list[Finding] = []

    def add(
        code: FindingCode, *subjects: str, is_loud: bool = False, figures: Mapping[str, float] | None = None
    ) -> None:
        found.append(Finding(code=code, subjects=subjects, figures=figures or {}, is_loud=is_loud))

    if not skeleton.bought:
        add("no_media", is_loud=True)
    if chosen.like is None and chosen.trade is None:
        add("trade_assumed", GENERAL)
    if unfitted:
        add("not_fitted", unfitted, is_loud=True)
    if base is None:
        add("no_customers", is_loud=True)
    elif base.market is None:
        add("no_repeat_model", is_loud=True, figures={"customers": len(base.purchases.names)})
    if price is None:
        add("no_prices")
    if shop.days < 7 * _YEAR_WEEKS:
        add("few_weeks", figures={"weeks": shop.days / 7.0})
    if segments is not None and segments.reason != "chosen":
        add("segments_few", segments.reason)
    left = [country for country in shop.countries if country.reason is not None]
    if left:
        whole = sum(country.revenue for country in shop.countries)
        share = sum(country.revenue for country in left) / whole if whole > 0.0 else 0.0
        add("countries_left_out", *(f"{country.code}:{country.reason}" for country in left), figures={"share": share})
    if shop.without_country:
        add("without_country", is_loud=True, figures={"share": shop.without_country})
    if skeleton.foreign:
        add("foreign_region", *skeleton.foreign, is_loud=True)
    if skeleton.rare_channels:
        add("rare_channels", *skeleton.rare_channels)
    if skeleton.levels.media_only:
        add("media_exceed_orders", *skeleton.levels.media_only)
    scaled = {
        name: float(scale)
        for name, scale in zip(skeleton.segments, skeleton.levels.repeat_scale, strict=True)
        if abs(scale - 1.0) > 0.1
    }
    if scaled and base is not None and base.market is not None:
        add("levels_differ", *scaled, figures={f"scale_{n}": value for n, value in enumerate(scaled.values())})
    if base is not None and base.market is not None:
        apart = [one for one in base.market.segments if one.is_apart]
        if apart:
            figures = {f"seen_{n}": one.second_order_seen[SECOND_ORDER_DAYS] for n, one in enumerate(apart)}
            figures |= {f"types_{n}": one.repeat.second_order(SECOND_ORDER_DAYS).value for n, one in enumerate(apart)}
            add("second_orders_differ", *(one.segment for one in apart), figures=figures)
    if chosen.costs.gross_margin is None and not chosen.costs.by_sku:
        add("costs_assumed")
    for hole in skeleton.holes:
        code: FindingCode = "media_hole" if hole.channels else "orders_hole"
        add(code, hole.source, f"{hole.first}", f"{hole.last}", is_loud=True)
    weeks = 0 if played is None else ((played[1] - played[0]).days + 1) // 7
    if played is not None and skeleton.holes:
        add("covered_days", *(f"{day}" for day in played))
    elif 0 < weeks < shop.days // 7:
        add("burn_in", figures={"given": float(shop.days // 7), "played": float(weeks)})
    since = shop.last - timedelta(weeks=LATE_WEEKS)
    deals = panel.frame.filter((pl.col("date") > since) & (pl.col("discount_frac") > _A_DEAL))
    if not deals.is_empty():
        depth = deals["discount_frac"].mean()
        add("own_plan_without_deals", figures={"days": deals["date"].n_unique(), "depth": cast("float", depth)})
    if not panel.frame["visits"].is_not_null().any():
        add("visits_assumed")
    # Cells that nobody joined lately are kept alive by a few prospects; that moves no money.
    for is_loud in (True, False):
        held = {path: one for path, one in skeleton.draft.held.items() if is_loud == (".population." not in path)}
        if held:
            figures = {
                f"{name}_{n}": value
                for n, one in enumerate(held.values())
                for name, value in (("found", one.found), ("taken", one.taken))
            }
            add("held", *held, is_loud=is_loud, figures=figures)
    if shared := shared_channels(panel, skeleton):
        option = [note.what for note in panel.notes if note.code == "countries_in_names"]
        add("spend_shared", *(option or [""]), *shared, is_loud=True)
    told = {"media_hole", "orders_hole", *(("without_country", "countries_in_names") if shared else ())}
    for note in (note for note in panel.notes if note.code not in told):
        add("panel_note", note.sentence)
    return found
