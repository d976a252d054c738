"""Names of segments that a planner understands, and the source study's four groups."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl

from xbopt.core.arrays import BoolArray, FloatArray, IntArray

StudyGroup = Literal["high_end", "loyal", "mid_range", "entry"]
_WORDS: Mapping[str, tuple[str, str]] = {
    "order_value": ("small_orders", "large_orders"),
    "unit_value": ("cheap_goods", "dear_goods"),
    "frequency": ("rare", "frequent"),
    "recency_days": ("recent", "long_silent"),
    "tenure_days": ("short_known", "long_known"),
    "discount_share": ("full_price", "deal_buyers"),
    "return_share": ("keepers", "returners"),
}
"""Words for less and more of a feature than customers have on average."""
_PLAIN = 0.25
"""Standard deviations from the mean below which a feature says nothing of a segment."""
_HIGH, _LOW, _MORE_DEALS = 1.5, 0.7, 0.1


def segment_names(features: Sequence[str], means: FloatArray) -> tuple[str, ...]:
    """A name for each segment from where it differs most from all customers.

    Args:
        features: ``(P,)``.
        means: Mean of the standardised features by segment ``(K, P)``.
    """
    if len(means) == 1:
        return ("all",)
    names: list[str] = []
    for row in means:
        order = [int(p) for p in np.argsort(-np.abs(row), kind="stable") if abs(row[p]) >= _PLAIN] or [
            int(np.abs(row).argmax())
        ]
        words = [_WORDS[features[p]][int(row[p] > 0.0)] for p in order]
        for length in range(1, len(words) + 1):
            name = "_".join(words[:length])
            if name not in names:
                break
        else:
            name = f"{words[0]}_{len(names) + 1}"
        names.append(name)
    return tuple(names)


def study_groups(customers: pl.DataFrame, label: IntArray, segments: int) -> tuple[StudyGroup | None, ...]:
    """Which of the study's groups each segment is like: each group once at most, None where none fits.

    High-end buys expensive goods; loyal buys often; mid-range looks for value and reads promotions, at middling order
    values; entry buys little and seldom. All against the shop's other customers.
    """
    if segments == 1:
        return (None,)
    value, often, deals = (
        _means(customers[column].to_numpy().astype(np.float64), label, segments)
        for column in ("order_value", "frequency", "discount_share")
    )
    found: list[StudyGroup | None] = [None] * segments
    asked: tuple[tuple[StudyGroup, FloatArray, BoolArray], ...] = (
        ("high_end", value, value >= _HIGH),
        ("loyal", often, often >= _HIGH),
        ("mid_range", deals, (deals >= 1.0 + _MORE_DEALS) & (value > _LOW) & (value < _HIGH)),
        ("entry", -value, (value <= _LOW) & (often <= 1.0 + 1e-9)),
    )
    for group, score, fits in asked:
        open_ones = [k for k in range(segments) if fits[k] and found[k] is None]
        if open_ones:
            found[max(open_ones, key=lambda k: float(score[k]))] = group
    return tuple(found)


def _means(values: FloatArray, label: IntArray, segments: int) -> FloatArray:
    """Mean of each segment over that of all; 1 where nothing differs ``(K,)``."""
    count = np.maximum(np.bincount(label, minlength=segments), 1)
    mean = float(values.mean())
    return np.bincount(label, values, minlength=segments) / count / mean if mean > 0.0 else np.ones(segments)
