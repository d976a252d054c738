"""Whether two reports of a day are about the same money."""

import numpy as np

from xbopt.campaigns.actuals.actual_day import ActualDay
from xbopt.campaigns.actuals.tellings import ADDED, laid_out, only_shared
from xbopt.core.arrays import BoolArray, FloatArray

_COUNTED = ("spend_base", "orders", "visits")
_MEDIA = ("spend_base", "impressions", "clicks")
_RESTATED = 0.1
"""Platforms restate the days of the last weeks by some percent."""
_EXACT = 1e-9
"""Sums of the same rows in another order differ by less."""


def is_near(one: float, other: float) -> bool:
    """Whether two sums are the same but for what platforms restate."""
    return abs(one - other) <= _RESTATED * max(one, other)


def same_figures(one: ActualDay, other: ActualDay) -> bool:
    """Whether all that both tell is equal in all, and something is counted."""
    both = ADDED & set(one.figures) & set(other.figures)
    sums = {name: (float(np.nansum(one.figures[name])), float(np.nansum(other.figures[name]))) for name in both}
    counted = any(name in sums and sums[name][0] > 0.0 for name in _COUNTED)
    return counted and all(np.isclose(*pair, rtol=_EXACT, atol=0.0) for pair in sums.values())


def says_the_same(was: ActualDay, now: ActualDay) -> bool:
    """Whether a report says nothing new: sums may differ in the last digit, and shares by plan as the plan moves on."""
    return was.figures.keys() == now.figures.keys() and all(
        array.shape == now.figures[name].shape
        and bool(_is_equal(array.sum(axis=0), now.figures[name].sum(axis=0)).all())
        and bool(np.all(only_shared(was, array.shape) | _is_equal(array, now.figures[name])))
        for name, array in was.figures.items()
    )


def has_moved(was: ActualDay, now: ActualDay) -> bool | None:
    """Whether what a source told of some cells is told of others now, and would be kept in the first ones as well.

    A channel that is not named any more while another one grows as much, restated or not, is the same money under
    another name. Of countries only equal spend, impressions and clicks say so: two budgets often are equal.

    Returns:
        None where nothing of before would be kept.
    """
    before, after = was.figures.get("spend_base"), now.figures.get("spend_base")
    if before is None or after is None or before.shape != after.shape:
        return None
    untold, silent = np.isnan(after), now.figures.get("media_silent")
    quiet = np.zeros(after.shape, dtype=np.bool_) if silent is None else laid_out(silent, after.shape)
    told = ~untold & ~quiet
    # A share by plan is taken back where its channel is told by country; a channel of which nothing is told keeps it.
    kept = (np.nan_to_num(before) > 0.0) & (untold | (quiet & ~only_shared(was, after.shape)))
    if not kept.any():
        return None
    gone_channel: BoolArray = kept & ~told.any(axis=(0, 1))
    if gone_channel.any() and is_near(_sum(before, gone_channel), _grown(before, after, told)):
        return True
    pairs: list[tuple[float, float]] = []
    for name in _MEDIA:
        first, second = was.figures.get(name), now.figures.get(name)
        if first is not None and second is not None and first.shape == second.shape:
            channels = before.shape[-1]
            first, second = first[..., :channels], second[..., :channels]
            pairs.append((_sum(first, kept), _grown(first, second, told)))
    return all(np.isclose(*pair, rtol=_EXACT, atol=_EXACT) for pair in pairs)


def _is_equal(one: FloatArray, other: FloatArray) -> BoolArray:
    return np.isclose(one, other, rtol=_EXACT, atol=_EXACT, equal_nan=True)


def _sum(figure: FloatArray, where: BoolArray) -> float:
    return float(np.nan_to_num(figure)[where].sum())


def _grown(before: FloatArray, after: FloatArray, told: BoolArray) -> float:
    """By how much the cells that are told now have grown."""
    return float(np.maximum(np.nan_to_num(after) - np.nan_to_num(before), 0.0)[told].sum())
