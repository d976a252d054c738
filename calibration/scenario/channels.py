"""The ``channels`` section: which media the shop buys, and what reach costs it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.calibration.scenario.like import by_kind
from xbopt.core.errors import CalibrationError
from xbopt.imports.coverage import Hole

_BEFORE_SATURATION = 2.0
_LEVELS = (0.01, 100.0)
_MONEY = (1e-9, 1e13)
_HALF_SATURATION = (1e-4, 100.0)
_VISITS_PER_1000 = (1e-4, 900.0)
_LEAST_DAYS = 14
"""Days of spend that a channel needs; one that is bought more rarely is a test and not part of the mix."""
_KINDS = (
    ("retarget", "retargeting"), ("remarket", "retargeting"), ("criteo", "retargeting"), ("email", "email"),
    ("e-mail", "email"), ("klaviyo", "email"), ("mailchimp", "email"), ("newsletter", "email"), ("youtube", "video"),
    ("tiktok", "short_video"), ("reels", "short_video"), ("short_video", "short_video"), ("video", "video"),
    ("tv", "video"), ("influencer", "influencer"), ("creator", "influencer"), ("affiliate", "affiliate"),
    ("compar", "shopping"), ("shopping", "shopping"), ("search", "search"), ("google", "search"),
    ("microsoft", "search"), ("bing", "search"), ("amazon", "search"), ("apple", "search"), ("meta", "social"),
    ("facebook", "social"), ("instagram", "social"), ("pinterest", "social"), ("snapchat", "social"),
    ("reddit", "social"), ("linkedin", "social"), ("twitter", "social"), ("social", "social"), ("display", "display"),
)  # fmt: skip
"""Words in names of platforms and channels, and the kind of media that they tell; the first that fits counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """What a channel brought for its money, summed over the panel.

    Attributes:
        channel: Its name in the files.
        id: Its id in the scenario.
        days: Days with spend.
        spend: In the base currency.
        impressions, clicks: None where no row tells them.
        by_region: Spend by region.
        cost_by_region: Price of a unit of reach by region, for regions with spend; empty where it is not told.
        by_click: Whether clicks are what is paid for here: impressions are not told.
    """

    channel: str
    id: str
    days: int
    spend: float
    impressions: float | None
    clicks: float | None
    by_region: dict[str, float]
    cost_by_region: dict[str, float]
    by_click: bool


def kinds_of(names: Sequence[str]) -> tuple[str, ...]:
    """Kinds of media that some names tell, each once; names that tell none are left out."""
    found = (next((kind for word, kind in _KINDS if word in name.lower()), "") for name in sorted(names))
    return tuple(dict.fromkeys(kind for kind in found if kind))


def identifier(name: str, taken: Sequence[str] = ()) -> str:
    """A name as an id of a scenario: letters, digits and _, from a letter on, 40 at most, and not taken."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "channel"
    plain = plain if plain[0].isalpha() else f"c_{plain}"
    found, n = plain[:40], 2
    while found in taken:
        found, n = f"{plain[:36]}_{n}", n + 1
    return found


def bought_media(panel: pl.DataFrame, regions: Sequence[str]) -> tuple[tuple[Bought, ...], tuple[str, ...]]:
    """Channels of a panel that are bought in the regions, the dearest first, and names of those left out."""
    rows = panel.filter(pl.col("channel").is_not_null() & pl.col("region").is_in(list(regions)))
    found: list[Bought] = []
    left: list[str] = []
    for (name,), own in sorted(rows.group_by("channel"), key=lambda group: -float(group[1]["spend"].sum())):
        days = own.filter(pl.col("spend") > 0.0)["date"].n_unique()
        if days < _LEAST_DAYS:
            left.append(str(name))
            continue
        seen = float(own["impressions"].sum()) if own["impressions"].is_not_null().any() else None
        clicks = float(own["clicks"].sum()) if own["clicks"].is_not_null().any() else None
        by_click = not seen and bool(clicks)
        unit = "clicks" if by_click else "impressions"
        per_region = own.group_by("region").agg(pl.col("spend").sum(), pl.col(unit).sum()).sort("region")
        found.append(
            Bought(
                channel=str(name),
                id=identifier(str(name), [one.id for one in found]),
                days=days,
                spend=float(own["spend"].sum()),
                impressions=seen,
                clicks=clicks,
                by_region=dict(per_region.select("region", "spend").iter_rows()),
                cost_by_region={r: s / n for r, s, n in per_region.iter_rows() if n and s > 0.0},
                by_click=by_click,
            )
        )
    return tuple(found), tuple(left)


def put_channels(
    draft: Draft, bought: Sequence[Bought], panel: pl.DataFrame, period: str, holes: Sequence[Hole] = ()
) -> None:
    """Write the ``channels`` section: response from the market started from, prices and click rates measured.

    The reference spend of a price is the mean spend that was paid at it, so that the price holds there.
    """
    model = cast("list[Plain]", draft.data["channels"])
    start = by_kind(model, [one.id for one in bought], _KINDS)
    people = _people(draft)
    channels: list[Plain] = []
    for one in bought:
        inherited = {key: value for key, value in start[one.id].items() if key not in ("id", "name", "place")}
        for key in ("segment_response", "region_response"):
            inherited.pop(key, None)
        channels.append({"id": one.id, "name": one.channel, **inherited})
    draft.data["channels"] = channels
    for c, one in enumerate(bought):
        unknown = [hole for hole in holes if one.channel in hole.channels]
        days = max(sum(not any(h.first <= d <= h.last for h in unknown) for d in panel["date"].unique()), 1)
        price = cast("Plain", channels[c]["price"])
        price.pop("by_region", None)
        _put_price(draft, c, one, period)
        reach = cast("Plain", channels[c].get("reach", {}))
        reachable = people[0] * cast("float", reach.get("prospect", 1.0)) + people[1]
        if reachable < 1.0:  # a channel that reaches customers alone, where none is known
            draft.hold(("channels", c, "reach"), reachable, sum(people))
            reachable = sum(people)
        per_1000 = 1000.0 * one.spend / days / reachable
        note = "Mean spend a day over the people assumed: the price paid holds there"
        source = Source(evidence="E", source=f"Spend {period}", note=note)
        draft.put_within(("channels", c, "price", "reference_per_1000"), per_1000, _MONEY, source)
        _put_response(draft, c, one, days * reachable, period)


def _put_price(draft: Draft, c: int, one: Bought, period: str) -> None:
    source = Source(evidence="M", source=f"Spend and delivery of {one.channel}, {period}", note=f"{one.days} days")
    units = one.clicks if one.by_click else one.impressions
    if not units:
        return  # nobody told what the money bought: price and click rate stay those taken over
    scale = 1.0 if one.by_click else 1000.0
    mean = scale * one.spend / units
    draft.put(("channels", c, "price", "model"), "cpc" if one.by_click else "cpm", source)
    draft.put(("channels", c, "price", "amount_base"), rounded(mean), source)
    levels = {region: rounded(cost * scale / mean, 3) for region, cost in one.cost_by_region.items()}
    if strange := [region for region, level in levels.items() if not _LEVELS[0] <= level <= _LEVELS[1]]:
        raise CalibrationError(
            f"{one.channel}: reach in {strange[0]} costs {levels[strange[0]]:.3g} times its mean. Spend and "
            "delivery of that country do not belong together: look for another currency or missing delivery."
        )
    if len(levels) > 1:
        draft.put(("channels", c, "price", "by_region"), levels, source)


def _put_response(draft: Draft, c: int, one: Bought, head_days: float, period: str) -> None:
    """Put the half-saturation at the mean exposure, where the click rate seen is half of that of the first exposures.

    A prior: only spend that varies tells how response bends.
    """
    channel = cast("list[Plain]", draft.data["channels"])[c]
    stated = cast("float", channel["visits_per_1000_impressions"])
    seen = one.impressions or (1000.0 * one.clicks / stated if one.clicks else 0.0)
    if not seen:
        return
    draft.put_within(
        ("channels", c, "saturation", "half_saturation"),
        seen / head_days,
        _HALF_SATURATION,
        Source(
            evidence="src",
            source="Half saturation near the usual exposure: 0.5 to 1.5 times median spend in public media-mix models",
            note=f"Mean impressions a head and day, {period}",
        ),
    )
    if one.clicks and one.impressions:
        rate = _BEFORE_SATURATION * 1000.0 * one.clicks / one.impressions
        note = "Twice the click rate seen, since that is at half saturation"
        source = Source(evidence="E", source=f"Clicks and impressions of {one.channel}, {period}", note=note)
        draft.put_within(("channels", c, "visits_per_1000_impressions"), rate, _VISITS_PER_1000, source)


def _people(draft: Draft) -> tuple[float, float]:
    """Prospects and customers of the market."""
    regions = cast("list[Plain]", cast("Plain", draft.data["market"])["regions"])
    everybody = sum(sum(cast("dict[str, float]", region["population"]).values()) for region in regions)
    customers = sum(
        sum(buckets.values())
        for region in regions
        for buckets in cast("dict[str, dict[str, float]]", region.get("customers", {})).values()
    )
    return everybody - customers, customers
