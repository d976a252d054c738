"""The window of earlier exposures, which a day changes by one: room before it saves copying the others.

A window is a stretch of days on a *shelf*, latest first. The next day is written before it, where that place is still
free, and tomorrow's window is the stretch one day further. What a window holds is never written again, so a state stays
what it was whoever goes on from it; whoever goes on from it a second time gets a shelf of his own.
"""

import numpy as np

from xbopt.core.arrays import FloatArray
from xbopt.simulator.kernel.blocks import room

_SPARE_DAYS = 24  # a copy every so many days


class _Shelf:
    """Exposures by day ``(days, W, S, R, B)``; those before ``front`` are free."""

    __slots__ = ("days", "front")

    def __init__(self, days: FloatArray) -> None:
        self.days, self.front = room(_SPARE_DAYS + len(days), *days.shape[1:]), _SPARE_DAYS
        self.days[_SPARE_DAYS:] = days


class _Stretch(np.ndarray[tuple[int, ...], np.dtype[np.float64]]):
    """A window, and where it lies. What is cut or copied from it lies on no shelf."""

    shelf: _Shelf | None = None
    front: int = 0


def opened(window: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Today's place, to be written, with the days of the window after it, and the window that tomorrow has of them.

    Args:
        window: Exposures of the last ``N - 1`` days, latest first ``(N-1, B, R, S, W)``.

    Returns:
        The days ``(N, W, S, R, B)``, and all but the oldest ``(N-1, B, R, S, W)``.
    """
    shelf = _free_shelf(window) or _Shelf(window.transpose(0, 4, 3, 2, 1))
    shelf.front -= 1
    today = shelf.days[shelf.front : shelf.front + len(window) + 1]
    tomorrow = today[:-1].transpose(0, 4, 3, 2, 1).view(_Stretch)
    tomorrow.shelf, tomorrow.front = shelf, shelf.front
    return today, tomorrow


def _free_shelf(window: FloatArray) -> _Shelf | None:
    """The shelf on which this window begins where the free part ends; None where there is none, or no place is left."""
    shelf = (
        window.shelf if isinstance(window, _Stretch) and window.shelf and window.front == window.shelf.front else None
    )
    return shelf if shelf is not None and shelf.front > 0 else None


def given_back(tomorrow: FloatArray) -> None:
    """Nothing was written for this window: its place is free again."""
    if isinstance(tomorrow, _Stretch) and tomorrow.shelf is not None and tomorrow.front == tomorrow.shelf.front:
        tomorrow.shelf.front += 1
