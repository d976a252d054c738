"""Budget, own plan and history: what the shop spent lately goes on, and the weeks before are a table."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import cast

import numpy as np
import polars as pl

from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded, shares
from xbopt.core.arrays import FloatArray
from xbopt.imports.coverage import Hole

LATE_WEEKS = 8
"""The own plan is what was done in so many last weeks."""
HISTORY_DAYS = 120
MEDIA_SHARE = 0.05
"""Media money as a share of revenue where no media are in the data: assumed."""
_ALONE = Source(evidence="set", source="By definition: there is no other")


def put_plan(
    draft: Draft,
    panel: pl.DataFrame,
    *,
    channels: Mapping[str, str],
    covered: Sequence[date],
    start: date,
    days: int,
    revenue_a_day: float,
    segments: Mapping[str, float],
) -> None:
    """Write ``budget`` and ``plan``.

    Args:
        draft: Has regions, segments and channels.
        panel: Media rows of the regions.
        channels: Ids by name in the panel; empty where no media are in the data.
        covered: Days before ``start`` that all platforms tell about, in their order.
        start: First day of the scenario.
        days: Its days.
        revenue_a_day: Mean net revenue of late days.
        segments: Share of revenue by segment: media are shared so over them.
    """
    regions = [str(region["id"]) for region in cast("list[Plain]", cast("Plain", draft.data["market"])["regions"])]
    media = panel.filter(pl.col("channel").is_in(list(channels)))
    ends = cast("date | None", media["date"].max())
    late = [] if ends is None else [day for day in covered if day <= ends][-7 * LATE_WEEKS :]
    rows = media.filter(pl.col("date").is_in(late))
    spent = float(rows["spend"].sum() or 0.0)
    told = Source(evidence="set", source="By choice: the shares of revenue", note="No table tells media by segment")
    if spent > 0.0:
        when = f"the {LATE_WEEKS} weeks before {start}"
        if late[0] < start - timedelta(weeks=LATE_WEEKS):
            when = f"the last {len(late)} days that all platforms tell about, {late[0]} to {late[-1]}"
        period = Source(evidence="set", source=f"By choice: media of {when}, carried on")
        seen = rows["date"].n_unique()
        draft.put(("budget", "total_base"), rounded(spent / seen * days), period)
        cells = rows.group_by("region", "channel").agg(pl.col("spend").sum())
        by_region, by_channel = (dict(rows.group_by(k).agg(pl.col("spend").sum()).iter_rows()) for k in _KEYS)
        draft.put(("plan", "regions"), shares({r: float(by_region.get(r, 0.0)) for r in regions}), period)
        mix = {id_: float(by_channel.get(name, 0.0)) for name, id_ in channels.items()}
        draft.put(("plan", "channels"), shares(mix), period)
        table = {(r, channels[c]): float(s) for r, c, s in cells.iter_rows()}
        overrides: list[Plain] = []
        for r in regions:
            own = {id_: table.get((r, id_), 0.0) for id_ in channels.values()}
            if sum(own.values()) > 0.0:
                overrides.append({"regions": [r], "channels": shares(own)})
        draft.put(("plan", "channel_overrides"), overrides, period)
        spent_on = Source(evidence="M", source=f"Media of {when}")
        draft.put(("history", "spend_by_channel"), shares(mix), spent_on if len(mix) > 1 else _ALONE)
    else:
        ids = [str(channel["id"]) for channel in cast("list[Plain]", draft.data["channels"])]
        note = "Nothing was spent in the last weeks of the data: set the budget"
        if not channels:
            note = "No advertising is in the data: give the spend of platforms, or set the budget"
        assumed = Source(evidence="E", source=f"Assumption: {MEDIA_SHARE:.0%} of late revenue", note=note)
        draft.put(("budget", "total_base"), rounded(MEDIA_SHARE * revenue_a_day * days, 3), assumed)
        mix = {name: draft.usual_mix.get(name, 0.0) for name in ids}
        draft.put(("plan", "channels"), shares(mix), Source(evidence="E", source="Taken over", note=note))
        past = cast("dict[str, float]", cast("Plain", draft.data["history"])["revenue_by_region"])
        draft.put(("plan", "regions"), dict(past), Source(evidence="E", source="Assumption: as revenue", note=note))
    draft.put(("plan", "segments"), dict(segments), told)


_KEYS = ("region", "channel")


def revenue_shares(draft: Draft, orders: pl.DataFrame, segment_of: pl.DataFrame, period: str) -> dict[str, float]:
    """Write past revenue by region and segment; gives the shares of segments."""
    regions = [str(region["id"]) for region in cast("list[Plain]", cast("Plain", draft.data["market"])["regions"])]
    segments = [str(segment["id"]) for segment in cast("list[Plain]", draft.data["segments"])]
    source = Source(evidence="M", source=f"{orders.height:,} orders, {period}", note="Paid goods before refunds")
    by_region = dict(orders.group_by("country").agg(pl.col("value").sum()).iter_rows())
    earned = {r: float(by_region.get(r, 0.0)) for r in regions}
    draft.put(("history", "revenue_by_region"), shares(earned), source if len(earned) > 1 else _ALONE)
    parts = {segments[0]: 1.0}
    if len(segments) > 1:
        known = orders.join(segment_of, on="customer", how="inner")
        by_segment = dict(known.group_by("segment").agg(pl.col("value").sum()).iter_rows())
        parts = shares({name: float(by_segment.get(s, 0.0)) for s, name in enumerate(segments)})
    draft.put(("history", "revenue_by_segment"), parts, source if len(parts) > 1 else _ALONE)
    return parts


def past_rows(
    panel: pl.DataFrame,
    *,
    channels: Mapping[str, str],
    segments: Mapping[str, float],
    start: date,
    holes: Sequence[Hole] = (),
) -> list[Plain]:
    """The rows of ``history.before``: spend and discount of the days before the first one, by cell.

    Spend is shared over segments as the plan shares it. On days of a hole, a platform is taken to have spent as on its
    last days before them and after. Empty where no media are in the data.
    """
    since = start - timedelta(days=HISTORY_DAYS)
    days = panel.filter((pl.col("date") >= since) & (pl.col("date") < start))
    media = days.filter(pl.col("channel").is_in(list(channels)))
    if media.is_empty():
        return []
    offers = days.filter(pl.col("channel").is_null()).select("date", "region", "discount_frac")
    depth = {(d, r): round(float(f), 3) for d, r, f in offers.iter_rows() if f is not None and f > 0.0}
    first = cast("date", media["date"].min())
    spans = (start - first).days
    rows: list[Plain] = []
    table = {(d, r, c): float(s) for d, r, c, s in media.select("date", "region", "channel", "spend").iter_rows()}
    regions = sorted({str(r) for r in media["region"].unique()})
    usual = _usual_spend(panel.filter(pl.col("channel").is_in(list(channels)) & (pl.col("date") < start)))
    unknown = {
        (hole.first + timedelta(days=n), name)
        for hole in holes
        for name in hole.channels
        for n in range((hole.last - hole.first).days + 1)
    }
    for n in range(spans):
        day = first + timedelta(days=n)
        for r in regions:
            for name, id_ in channels.items():
                for segment, part in segments.items():
                    row: Plain = {"date": day.isoformat(), "region": r, "segment": segment, "channel": id_}
                    spent = usual.get((r, name), 0.0) if (day, name) in unknown else 0.0
                    row["spend_base"] = round(table.get((day, r, name), spent) * part, 4)
                    if (day, r) in depth:
                        row["discount_frac"] = depth[day, r]
                    rows.append(row)
    return rows


def _usual_spend(media: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Mean spend a day by region and channel, over the last weeks of days on which the channel has a row."""
    days = media.select("channel", "date").unique().sort("channel", "date")
    late = days.group_by("channel").tail(7 * LATE_WEEKS)
    means = (
        media.join(late, on=["channel", "date"], how="semi")
        .group_by("region", "channel")
        .agg(pl.col("spend").sum().alias("spend"))
    )
    seen = dict(late.group_by("channel").len().iter_rows())
    return {(r, c): float(spend) / seen[c] for r, c, spend in means.iter_rows()}


def spend_of(panel: pl.DataFrame, regions: Sequence[str], channels: Mapping[str, str]) -> FloatArray:
    """Spend of a panel ``(R, C)``, in the order of regions and of the channels' ids."""
    media = panel.filter(pl.col("channel").is_in(list(channels)))
    sums = media.group_by("region", "channel").agg(pl.col("spend").sum())
    cells = {(region, channel): spend for region, channel, spend in sums.iter_rows()}
    return np.array([[float(cells.get((r, name), 0.0)) for name in channels] for r in regions]).reshape(
        len(regions), len(channels)
    )
