"""A day's random numbers, drawn by the native kernel from the same stream positions as a ``WorldStream``."""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.core.randomness import stream_key
from xbopt.simulator.kernel.blocks import room
from xbopt.simulator.kernel.engine import Engine, native, threads


class NativeRows:
    """Rows of uniforms, bit for bit those of the stream; the first ones as standard normals."""

    def __init__(
        self, engine: Engine, *, seed: int, name: str, worlds: IntArray, order: IntArray, normals: int
    ) -> None:
        """Open the stream.

        Args:
            engine: The native engine; its instruction level changes no bit.
            seed: 0..2**63-1.
            name: The stream's name.
            worlds: Global world numbers ``(B,)``, each 0 or more.
            order: The stream's slot behind each row ``(slots,)``.
            normals: The number of rows that are normals.

        Raises:
            UsageError: The seed or a world number is outside its range.
        """
        if worlds.size and worlds.min() < 0:
            raise UsageError(f"worlds holds {int(worlds.min())}; world numbers are 0 or more.")
        self._level, self._key, self._normals = engine.level, stream_key(seed, name), normals
        self._worlds, self._place = worlds.astype(np.int64), np.argsort(order).astype(np.int64)

    def day(self, day: int) -> FloatArray:
        """The random numbers of a day ``(slots, B)``."""
        module = native()
        assert module is not None, "chosen only where it is there"
        rows = room(self._place.size, self._worlds.size)
        module.draw(self._level, self.stream(day), rows, threads())
        return rows

    def stream(self, day: int) -> tuple[int, int, IntArray, IntArray, int, int]:
        """The stream of a day, as the kernel draws from it."""
        return (*self._key, self._worlds, self._place, self._normals, day)
