"""The window of earlier exposures, which a day changes by one: room before it saves copying the others.

A window is a stretch of days on a *shelf*, latest first. The next day is written before it, where that place is still
free, and tomorrow's window is the stretch one day further. What a window holds is never written again, so a state stays
what it was whoever goes on from it; whoever goes on from it a second time gets a shelf of his own.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.kernel.blocks import room

_SPARE_DAYS = 8


class _Shelf(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """Exposures by day ``(days, W, S, R, B)``; those before ``front`` are free."""

    front: int = 0


def opened(window: FloatArray) -> FloatArray:
    """Today's place, to be written, and then the days of the window ``(N, W, S, R, B)``.

    Args:
        window: Exposures of the last ``N - 1`` days, latest first ``(N-1, B, R, S, W)``.
    """
    days = window.transpose(0, 4, 3, 2, 1)
    shelf = _shelf_of(days)
    if shelf is None:
        shelf = room(_SPARE_DAYS + len(days), *days.shape[1:]).view(_Shelf)
        shelf[_SPARE_DAYS:] = days
        shelf.front = _SPARE_DAYS
    shelf.front -= 1
    return shelf[shelf.front : shelf.front + len(days) + 1].view(np.ndarray)


def passed_on(opened_window: FloatArray) -> FloatArray:
    """Tomorrow's window ``(N-1, B, R, S, W)``: all but the oldest day."""
    return opened_window[:-1].transpose(0, 4, 3, 2, 1)


def _shelf_of(days: FloatArray) -> _Shelf | None:
    """The shelf on which these days begin where the free part ends; None where there is none, or no place is left."""
    base: object = days.base
    while base is not None and not isinstance(base, _Shelf):
        base = getattr(base, "base", None)
    if base is None or base.front == 0 or not days.flags.c_contiguous or days.shape[1:] != base.shape[1:]:
        return None
    start = base.__array_interface__["data"][0] + base.front * base.strides[0]
    return base if days.__array_interface__["data"][0] == start and len(days) > 0 else None
