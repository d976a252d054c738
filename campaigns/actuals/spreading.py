"""Totals in the proportions of something whole: what was told without its split."""

from math import prod

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray


def spread(told: FloatArray | None, model: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Told totals in the proportions of the model, and where they are known.

    Args:
        told: Same axes as the model; length 1 where only the total over an axis is known, NaN where nothing is.
        model: What the model expects, 0 or above.

    Returns:
        The amounts, shaped like the model, and whether each rests on something that was told.
    """
    if told is None:
        return model, np.zeros(model.shape, dtype=np.bool_)
    over = tuple(axis for axis, have in enumerate(told.shape) if have < model.shape[axis])
    known = np.broadcast_to(~np.isnan(told), model.shape)
    if not over:
        return np.where(known, told, model), known
    total = model.sum(axis=over, keepdims=True)
    evenly = 1.0 / prod(model.shape[axis] for axis in over)
    share = np.where(total > 0.0, model / np.where(total > 0.0, total, 1.0), evenly)
    return np.where(known, told * share, model), known
