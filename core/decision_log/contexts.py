"""The context of a cell, as every decision log holds it: features of its region, its own, and which cell it is."""

from collections.abc import Sequence

import numpy as np

from xbopt.core.arrays import FloatArray


def context_names(
    region_features: Sequence[str], cell_features: Sequence[str], *, regions: Sequence[str], segments: Sequence[str]
) -> tuple[str, ...]:
    """Names of a cell's context ``(d,)``."""
    which = [f"region_{name}" for name in regions] + [f"segment_{name}" for name in segments]
    return (*region_features, *cell_features, *which)


def cell_contexts(regions: FloatArray, cells: FloatArray) -> FloatArray:
    """What each cell sees ``(B, R, S, d)``.

    Args:
        regions: Features of regions ``(B, R, F)``.
        cells: Features of cells ``(B, R, S, G)``.
    """
    rows, count, segments, _ = cells.shape
    shape = (rows, count, segments)
    by_region = np.broadcast_to(regions[:, :, None, :], (*shape, regions.shape[2]))
    region = np.broadcast_to(np.eye(count)[:, None, :], (*shape, count))
    segment = np.broadcast_to(np.eye(segments), (*shape, segments))
    return np.concatenate([by_region, cells, region, segment], axis=3)
