"""Who told what of a campaign's days: a source corrects itself alone, and what a day brought is the sum of its sources.

A source is an account of a platform, or a shop. Exports of two of them tell different money even where both are of one
channel of the campaign, so neither may take the place of the other. A day that was told without a source was told
whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from xbopt.campaigns.actuals.actual_day import FIGURES, SILENT, ActualDay, merged
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.errors import CampaignError

ADDED = frozenset(
    {"spend_base", "impressions", "clicks", "visits", "orders", "first_orders"}
    | {"gross_revenue_base", "net_sales_base", "net_revenue_base"}
)
"""Figures of which sources hold parts; of the others the last that was told holds."""
WHOLE = ""
"""The source of a day that was told whole."""
OFF = "off:"
"""Begins the source of what was said to be off: it adds nothing, and takes nothing from what files tell."""


def told_channels(told: ActualDay) -> frozenset[int]:
    """Positions of the channels whose spend of a day is told."""
    spend = told.figures.get("spend_base")
    return frozenset() if spend is None else frozenset(np.flatnonzero(~np.isnan(spend).all(axis=(0, 1))).tolist())


@dataclass(frozen=True, slots=True)
class Tellings:
    """What was told of days, by source.

    Attributes:
        by_day: By day, then by source, in the order in which the sources first told something.
    """

    by_day: Mapping[int, Mapping[str, ActualDay]] = field(default_factory=dict[int, Mapping[str, ActualDay]])

    @property
    def sources(self) -> frozenset[str]:
        """All that told something."""
        return frozenset(source for told in self.by_day.values() for source in told)

    def is_off(self, day: int, channel: int) -> bool:
        """Whether all that was told of a channel's spend on a day is that it was off."""
        telling = [source for source, told in self.by_day.get(day, {}).items() if channel in told_channels(told)]
        return bool(telling) and all(source.startswith(OFF) for source in telling)

    def off_days(self, days: int, channels: int) -> BoolArray:
        """`is_off` of every day and channel ``(T, C)``."""
        off = np.zeros((days, channels), dtype=np.bool_)
        for day, told in self.by_day.items():
            if 0 <= day < days and any(source.startswith(OFF) for source in told):
                off[day] = [self.is_off(day, channel) for channel in range(channels)]
        return off

    def of(self, day: int, source: str) -> ActualDay | None:
        """What a source told of a day; None for nothing."""
        return self.by_day.get(day, {}).get(source)

    def after(self, new: ActualDay) -> "Tellings":
        """With one more telling.

        Raises:
            CampaignError: The day was told whole before and is told by source now, or the other way round; or part of a
                figure is told in another split.
        """
        told = self.by_day.get(new.day, {})
        for source, other in told.items():
            both = sorted(set(other.figures) & set(new.figures) - set(SILENT))
            if (source == WHOLE) != (new.source == WHOLE) and both:
                raise CampaignError(
                    f"{both[0]} was told {_by(source)} before, and is told {_by(new.source)} now: adding them up may "
                    "count the same twice. Tell it as before, or withdraw what was told first."
                )
        before = told.get(new.source)
        for name, array in new.figures.items():
            was = None if before is None else before.figures.get(name)
            if was is not None and was.shape != array.shape and np.isnan(array).any() and not np.isnan(array).all():
                raise CampaignError(
                    f"{name} was told in another split before, and is told in part now: the rest would be lost. Tell "
                    "it in the same split, or whole."
                )
        now = new if before is None else _corrected(before, new)
        return Tellings({**self.by_day, new.day: {**told, new.source: now}})

    def day(self, day: int) -> ActualDay | None:
        """All that is known of a day; None where nothing was told."""
        told = list(self.by_day.get(day, {}).values())
        if len(told) < 2 and all(one.source == WHOLE for one in told):
            return told[0] if told else None
        return _summed(day, told)


def tellings_of(days: Iterable[ActualDay]) -> Tellings:
    """Tellings one after the other.

    Raises:
        CampaignError: As of `Tellings.after`.
    """
    return reduce(Tellings.after, days, Tellings())


def _by(source: str) -> str:
    return "whole" if source == WHOLE else f"by {source}"


def _corrected(old: ActualDay, new: ActualDay) -> ActualDay:
    """Two reports of one source; what the later one is silent about stays as it was told."""
    figures = dict(new.figures)
    for name, of_figures in SILENT.items():
        silent = new.figures.get(name)
        if silent is None:
            continue
        kept = np.zeros(silent.shape, dtype=np.bool_)
        for figure in of_figures:
            was, now = old.figures.get(figure), new.figures.get(figure)
            if was is None or now is None or was.shape != now.shape:
                continue
            keeps = laid_out(silent, now.shape) & ~np.isnan(was) & ~only_shared(old, now.shape)
            figures[figure] = np.where(keeps, was, now)
            kept |= keeps[..., : silent.shape[-1]]
        figures[name] = np.where(kept, np.nan, silent)
    return merged(old, replace(new, figures=figures))


def only_shared(old: ActualDay, shape: tuple[int, ...]) -> BoolArray:
    """Where a figure was no more than a share of media that named no country: nobody told it of any region."""
    found = np.zeros(shape, dtype=np.bool_)
    assumed = old.figures.get("regions_assumed")
    if assumed is not None and len(shape) > 2:
        found[..., : len(assumed)] = assumed > 0.0
    return found


def laid_out(silent: FloatArray, shape: tuple[int, ...]) -> BoolArray:
    """Where a figure is silent; clicks have one source more, organic, of which a platform says nothing."""
    found = np.zeros(shape, dtype=np.bool_)
    found[..., : silent.shape[-1]] = silent > 0.0
    return found


def _summed(day: int, told: list[ActualDay]) -> ActualDay:
    names = [name for name in FIGURES if name not in SILENT and any(name in one.figures for one in told)]
    figures: dict[str, FloatArray] = {}
    for name in names:
        parts = [one.figures[name] for one in told if name in one.figures]
        if name in ADDED:
            figures[name] = reduce(_added, parts)
        elif name == "regions_assumed":
            figures[name] = reduce(np.fmax, parts)
        elif name == "discount_frac":
            figures[name] = _weighed(told)
        else:
            figures[name] = reduce(_last, parts)
    return ActualDay(day=day, figures=figures)


def _added(one: FloatArray, other: FloatArray) -> FloatArray:
    """Parts of one figure; what only one source tells is its, and where one tells no split, the sum has none."""
    for axis, (first, second) in enumerate(zip(one.shape, other.shape, strict=True)):
        if first < second:
            other = _total(other, axis)
        elif second < first:
            one = _total(one, axis)
    known = ~np.isnan(one) | ~np.isnan(other)
    return np.where(known, np.nan_to_num(one) + np.nan_to_num(other), np.nan)


def _total(part: FloatArray, axis: int) -> FloatArray:
    """The total of what is known; money of which a part is not known was still spent."""
    known: BoolArray = np.any(~np.isnan(part), axis=axis, keepdims=True)
    return np.where(known, np.nan_to_num(part).sum(axis=axis, keepdims=True), np.nan)


def _last(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.where(np.isnan(other), one, other) if one.shape == other.shape else other


def _weighed(told: list[ActualDay]) -> FloatArray:
    """Discounts, weighed by the net sales of who told them; the last where one of them told no sales."""
    telling = [one.figures for one in told if "discount_frac" in one.figures]
    shares = [figures["discount_frac"] for figures in telling]
    sales = [figures["net_sales_base"] for figures in telling if "net_sales_base" in figures]
    if len(sales) < len(shares) or len({one.shape for one in (*shares, *sales)}) > 1:
        return reduce(_last, shares)
    mean, total = np.zeros(shares[0].shape), np.zeros(shares[0].shape)
    for share, sold in zip(shares, sales, strict=True):
        weight = np.where(np.isnan(share), 0.0, np.maximum(np.nan_to_num(sold), 0.0))
        mean, total = mean + weight * np.nan_to_num(share), total + weight
    return np.where(total > 0.0, mean / np.where(total > 0.0, total, 1.0), reduce(_last, shares))
