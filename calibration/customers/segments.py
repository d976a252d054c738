"""Segments learnt from the customer table.

Two questions, two sets of features. ``traits`` are what a customer is from the first order on: size of orders, price of
pieces, deals, returns. Segments of a market are cut on them alone, as `table_by_first_order` has them, so that repeat
rates are not made by the definition. ``behaviour`` adds recency and frequency, for a planner's view of who is worth
what today.

Features go through logarithms, are standardised, cut at four standard deviations, and rotated by PCA; K-means is run
for several numbers of clusters. The number kept has stable clusters and, among these, the widest silhouette.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned, first_and_last_day
from xbopt.calibration.customers.profiles import TRAITS, month_starts, table_by_first_order
from xbopt.calibration.customers.segment_names import StudyGroup, segment_names, study_groups
from xbopt.calibration.customers.stability import Clustering, cluster, nearest
from xbopt.core.arrays import FloatArray, IntArray

Features = Literal["traits", "behaviour"]
FEATURES: Mapping[Features, tuple[str, ...]] = {
    "traits": TRAITS,
    "behaviour": ("recency_days", "frequency", "order_value", "tenure_days", "discount_share", "return_share"),
}
_SHARES = ("discount_share", "return_share")
LEAST_CUSTOMERS = 200
"""Fewer make one segment: clusters of them come and go with the sample."""
LEAST_SHARE, LEAST_IN_SEGMENT = 0.05, 50
STABLE_RAND, STABLE_JACCARD = 0.8, 0.6
"""Hennig's bounds: below .6 a cluster is not to be trusted; the whole has to come back nearly unchanged."""
WEAK_SILHOUETTE = 0.25
"""Below it the clusters are cuts through one cloud (Kaufman and Rousseeuw 1990): useful, no natural groups."""
VARIANCE_KEPT = 0.95
_FARTHEST = 4.0

Reason = Literal["chosen", "too_few_customers", "no_stable_clusters", "no_differences"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment.

    Attributes:
        id: What tells its customers from the others, as ``large_orders_frequent``.
        study_group: Which of the source study's four groups it is like; None where none fits.
        customers: How many.
        share: Of all customers.
        revenue_share: Of all net revenue.
        medians: Medians of the features.
        stability: Mean Jaccard similarity over bootstrap samples.
    """

    id: str
    study_group: StudyGroup | None
    customers: int
    share: float
    revenue_share: float
    medians: Mapping[str, float]
    stability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Segments, and the rule that puts a customer into one.

    Attributes:
        features: Names of the features used.
        segments: The segments ``(K,)``.
        reason: Why there are so many.
        tried: Every number of clusters tried.
        chosen: The one kept; None for a single segment.
        centre: Means of the features after the logarithm ``(P,)``.
        scale: Their standard deviations ``(P,)``.
        rotation: Principal components ``(P, Q)``.
        variance_share: Share of the variance by component ``(Q,)``.
    """

    features: tuple[str, ...]
    segments: tuple[Segment, ...]
    reason: Reason
    tried: tuple[Clustering, ...]
    chosen: Clustering | None
    centre: FloatArray
    scale: FloatArray
    rotation: FloatArray
    variance_share: FloatArray

    @property
    def is_weak(self) -> bool:
        """Whether the segments are cuts through one cloud rather than groups."""
        return self.chosen is not None and self.chosen.silhouette < WEAK_SILHOUETTE

    def of(self, customers: pl.DataFrame) -> IntArray:
        """Number of the segment of each row of a customer table ``(N,)``."""
        if self.chosen is None:
            return np.zeros(customers.height, dtype=np.int64)
        return nearest(self._points(customers), self.chosen.centres)

    def to_frame(self) -> pl.DataFrame:
        """One row a segment."""
        rows = [
            {
                "segment": s.id,
                "study_group": s.study_group,
                "customers": s.customers,
                "share": s.share,
                "revenue_share": s.revenue_share,
                "stability": s.stability,
                **s.medians,
            }
            for s in self.segments
        ]
        return pl.DataFrame(rows)

    def _points(self, customers: pl.DataFrame) -> FloatArray:
        raw = feature_matrix(customers, self.features)
        return _standardised(raw, self.centre, self.scale) @ self.rotation


def learn_segments(customers: pl.DataFrame, *, features: Features = "traits", most: int = 5, seed: int = 0) -> Segments:
    """Learn segments. Row order and pseudonyms do not matter; multiplying all money changes no segment.

    Args:
        customers: A customer table.
        features: Which question is asked.
        most: Largest number of segments tried.
        seed: Of the named streams.
    """
    raw = feature_matrix(customers, FEATURES[features])
    differs = raw.std(axis=0) > 1e-9 if len(raw) else np.zeros(raw.shape[1], dtype=np.bool_)
    names = tuple(name for name, keep in zip(FEATURES[features], differs, strict=True) if keep)
    raw = raw[:, differs]
    if customers.height < LEAST_CUSTOMERS:
        return _one(customers, names, "too_few_customers")
    if not names:
        return _one(customers, names, "no_differences")
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    points = _standardised(raw, centre, scale)
    _, spread, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    variance = spread**2 / (spread**2).sum()
    kept = int(np.searchsorted(np.cumsum(variance), VARIANCE_KEPT - 1e-12)) + 1
    # The sign of a component is arbitrary; its largest entry is made positive.
    axes = axes[:kept] * np.sign(axes[np.arange(kept), np.abs(axes[:kept]).argmax(axis=1)])[:, None]
    rotation = np.asarray(axes.T, dtype=np.float64)
    turned = points @ rotation
    turned = turned[np.lexsort(turned.T)]
    tried = tuple(cluster(turned, number, seed) for number in range(2, most + 1))
    fit = [one for one in tried if _is_stable(one, turned)]
    rule = Segments(
        features=names,
        segments=(),
        reason="chosen",
        tried=tried,
        chosen=max(fit, key=lambda one: one.silhouette) if fit else None,
        centre=centre,
        scale=scale,
        rotation=rotation,
        variance_share=variance[:kept],
    )
    if rule.chosen is None:
        return _one(customers, names, "no_stable_clusters", tried)
    return _described(rule, customers)


CHANGED = 0.25
"""Population stability index beyond which a population counts as another (the usual bound in credit scoring)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDrift:
    """Shares of the segments on the mornings of months, all customers so far.

    Attributes:
        mornings: ``(M,)``.
        shares: ``(M, K)``.
        population_stability: Population stability index of each morning against the first ``(M,)``; beyond `CHANGED`
            the customers are others than they were.
    """

    mornings: tuple[date, ...]
    shares: FloatArray
    population_stability: FloatArray


def segment_drift(cleaned: Cleaned, segments: Segments, *, skip_months: int = 3) -> SegmentDrift:
    """How the segments' shares move over the months.

    Args:
        cleaned: Clean sales.
        segments: The rule.
        skip_months: First months that are left out: most customers are new then.
    """
    mornings = month_starts(*first_and_last_day(cleaned.transactions))[skip_months:]
    counts = np.array(
        [
            np.bincount(segments.of(table_by_first_order(cleaned, day)), minlength=max(len(segments.segments), 1))
            for day in mornings
        ],
        dtype=np.float64,
    ).reshape(len(mornings), max(len(segments.segments), 1))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    safe = np.maximum(shares, 1e-4)
    index = ((safe - safe[:1]) * np.log(safe / safe[:1])).sum(axis=1)
    return SegmentDrift(mornings=mornings, shares=shares, population_stability=index)


def feature_matrix(customers: pl.DataFrame, features: Sequence[str]) -> FloatArray:
    """Features of customers ``(N, P)``: logarithms, but for shares. Unknown values are those of the middle customer."""
    columns: list[pl.Expr] = []
    for name in features:
        value = pl.col(name).cast(pl.Float64)
        # Days and counts from 0; money has no natural smallest unit, so that it is floored, not shifted.
        floor = pl.col(name).filter(pl.col(name) > 0).median() * 1e-3
        shown = value if name in _SHARES else pl.max_horizontal(value, floor).log()
        columns.append(shown.fill_nan(None).fill_null(shown.median()).fill_null(0.0).alias(name))
    if not columns:
        return np.zeros((customers.height, 0))
    return customers.select(columns).to_numpy().astype(np.float64)


def _standardised(raw: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    return np.clip((raw - centre) / scale, -_FARTHEST, _FARTHEST)


def _is_stable(one: Clustering, points: FloatArray) -> bool:
    sizes = np.bincount(one.of(points), minlength=one.clusters)
    large = sizes.min() >= max(LEAST_SHARE * len(points), LEAST_IN_SEGMENT)
    return bool(large and one.rand >= STABLE_RAND and one.jaccard.min() >= STABLE_JACCARD)


def _one(
    customers: pl.DataFrame, names: tuple[str, ...], reason: Reason, tried: tuple[Clustering, ...] = ()
) -> Segments:
    size = len(names)
    rule = Segments(
        features=names,
        segments=(),
        reason=reason,
        tried=tried,
        chosen=None,
        centre=np.zeros(size),
        scale=np.ones(size),
        rotation=np.eye(size),
        variance_share=np.zeros(size),
    )
    return _described(rule, customers)


def _described(rule: Segments, customers: pl.DataFrame) -> Segments:
    label = rule.of(customers)
    number = 1 if rule.chosen is None else rule.chosen.clusters
    raw = feature_matrix(customers, rule.features)
    z = (raw - raw.mean(axis=0)) / np.maximum(raw.std(axis=0), 1e-12) if len(raw) else raw
    means = np.array(
        [z[label == k].mean(axis=0) if (label == k).any() else np.zeros(z.shape[1]) for k in range(number)]
    )
    money = customers["monetary"].to_numpy().astype(np.float64)
    revenue = np.bincount(label, money, minlength=number)
    count = np.bincount(label, minlength=number)
    groups = study_groups(customers, label, number)
    segments = tuple(
        Segment(
            id=name,
            study_group=groups[k],
            customers=int(count[k]),
            share=float(count[k] / max(len(label), 1)),
            revenue_share=float(revenue[k] / revenue.sum()) if revenue.sum() > 0.0 else 0.0,
            medians={
                feature: float(np.median(customers[feature].to_numpy()[label == k])) if count[k] else float("nan")
                for feature in rule.features
            },
            stability=1.0 if rule.chosen is None else float(rule.chosen.jaccard[k]),
        )
        for k, name in enumerate(segment_names(rule.features, means))
    )
    return replace(rule, segments=segments)
