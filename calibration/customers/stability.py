"""How many clusters a cloud of points has: silhouette, and whether the same clusters come from other samples.

Stability by bootstrap: Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics and Data
Analysis 52 (2007), for the Jaccard similarity by cluster; the adjusted Rand index of Hubert and Arabie (1985) for the
whole.
"""

# scikit-learn ships without complete type information.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.randomness import named_generator

BOOTSTRAPS = 20
SILHOUETTE_SAMPLE, WARD_SAMPLE = 2000, 1500
STARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """K-means with one number of clusters.

    Attributes:
        clusters: How many.
        centres: In the space of the points ``(K, P)``, sorted.
        silhouette: Mean silhouette width of a sample of the points.
        rand: Mean adjusted Rand index of clusterings of bootstrap samples against this one.
        jaccard: Mean over bootstrap samples of the best Jaccard similarity, by cluster ``(K,)``.
        ward: Adjusted Rand index against hierarchical clustering (Ward) of a sample.
    """

    clusters: int
    centres: FloatArray
    silhouette: float
    rand: float
    jaccard: FloatArray
    ward: float

    def of(self, points: FloatArray) -> IntArray:
        """Nearest cluster of each point ``(N,)``."""
        return nearest(points, self.centres)


def nearest(points: FloatArray, centres: FloatArray) -> IntArray:
    """Number of the nearest centre of each point ``(N,)``."""
    square = (centres**2).sum(axis=1)[None, :] - 2.0 * points @ centres.T
    return np.argmin(square, axis=1).astype(np.int64)


def cluster(points: FloatArray, clusters: int, seed: int) -> Clustering:
    """Cluster points ``(N, P)`` and say how stable that is. Points have to be sorted by themselves, not by file order.

    Args:
        points: Standardised and rotated.
        clusters: How many, at least 2.
        seed: Of the named streams.
    """
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    generator = named_generator(seed, f"customer segments: {clusters}")
    centres = _k_means(points, clusters, generator)
    label = nearest(points, centres)
    rand, jaccard = [], []
    for _ in range(BOOTSTRAPS):
        chosen = generator.integers(len(points), size=len(points))
        other = nearest(points, _k_means(points[chosen], clusters, generator))
        rand.append(float(adjusted_rand_score(label, other)))
        jaccard.append(_jaccard(label, other, clusters))
    sample = _sample(len(points), SILHOUETTE_SAMPLE, generator)
    few = _sample(len(points), WARD_SAMPLE, generator)
    tree = AgglomerativeClustering(n_clusters=clusters).fit_predict(points[few])
    whole = len(np.unique(label[sample])) > 1
    return Clustering(
        clusters=clusters,
        centres=centres,
        silhouette=float(silhouette_score(points[sample], label[sample])) if whole else 0.0,
        rand=float(np.mean(rand)),
        jaccard=np.mean(jaccard, axis=0),
        ward=float(adjusted_rand_score(label[few], tree)),
    )


def _k_means(points: FloatArray, clusters: int, generator: np.random.Generator) -> FloatArray:
    """Centres ``(K, P)``, sorted by their first coordinate, then the next."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # The library's own hint about n_init knows text only.
    starts: Any = STARTS
    model = KMeans(clusters, n_init=starts, random_state=int(generator.integers(2**31)), algorithm="lloyd")
    with warnings.catch_warnings():
        # Fewer different points than clusters: empty clusters are too small to be kept.
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres = np.asarray(model.fit(points).cluster_centers_, dtype=np.float64)
    return centres[np.lexsort(centres.T[::-1])]


def _jaccard(label: IntArray, other: IntArray, clusters: int) -> FloatArray:
    """Best Jaccard similarity of each cluster with one of another clustering ``(K,)``."""
    both = np.zeros((clusters, clusters))
    np.add.at(both, (label, other), 1.0)
    union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0.0).max(axis=1)


def _sample(size: int, most: int, generator: np.random.Generator) -> IntArray:
    if size <= most:
        return np.arange(size)
    return np.sort(generator.choice(size, most, replace=False))
