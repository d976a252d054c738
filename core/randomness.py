"""Named random streams: every draw has a name, and most draws have a fixed position.

A stream is derived from one seed and its own NAME, so adding a stream moves no other. Draws of the market come
from a ``WorldStream``: the value at ``(world, day, slot)`` depends on that position alone, never on the batch, on
the order of access or on the number of workers. Two policies that play the same world then meet the same luck
(common random numbers).

The generator is Philox 4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11), whose
output is a function of a 128-bit key and a 256-bit counter:

============  =========================================================
counter word  meaning
============  =========================================================
0             ``day * stride / 4`` for the first block of a day, then runs
1             carry of word 0; no day reaches it
2             global world number
3             0
============  =========================================================
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError

_DRAWS_PER_BLOCK = 4  # one Philox 4x64 block holds four 64-bit words
_DAY_LIMIT = 2**31
_SLOT_LIMIT = 2**31  # with _DAY_LIMIT this keeps counter word 0 below 2**60: it never carries
_SHIFT = np.uint64(12)  # 64 random bits, of which 52 are kept
_ONE_TO_TWO = np.uint64(0x3FF0_0000_0000_0000)  # sign and exponent of a float64 in [1, 2)
_TO_OPEN_UNIT = 1.0 - 2.0**-53


def _seed_sequence(seed: int, name: str) -> np.random.SeedSequence:
    """Entropy of a stream: the seed in two 32-bit words, the name's length in bytes, then its UTF-8 bytes.

    The widths are fixed, so two different pairs of seed and name never spell the same words.

    Raises:
        UsageError: The seed is outside 0..2**63-1, or the name is empty.
    """
    if not 0 <= seed < 2**63:
        raise UsageError(f"The seed is {seed}; a whole number from 0 to 2**63-1 is wanted.")
    if not name:
        raise UsageError("A random stream needs a name.")
    letters = name.encode()
    return np.random.SeedSequence((seed & 0xFFFF_FFFF, seed >> 32, len(letters), *letters))


def folded_seed(seed: int) -> int:
    """A seed of any size as one that streams take: small ones are themselves, larger ones the first bits of a hash.

    Args:
        seed: A whole number, 0 or more.
    """
    if seed < 2**63:
        return seed
    digest = sha256(seed.to_bytes(-(-seed.bit_length() // 8))).digest()
    return int.from_bytes(digest[:8]) >> 1


def stream_key(seed: int, name: str) -> tuple[int, int]:
    """Philox key of the stream ``name`` under ``seed``: two unsigned 64-bit words.

    Raises:
        UsageError: The seed is outside 0..2**63-1, or the name is empty.
    """
    low, high = _seed_sequence(seed, name).generate_state(2, np.uint64)
    return int(low), int(high)


def named_generator(seed: int, name: str) -> np.random.Generator:
    """Generator for draws that belong to no world: a bootstrap, the order of training rows.

    It is a PCG64, so it shares no number with the ``WorldStream`` of the same name.

    Raises:
        UsageError: The seed is outside 0..2**63-1, or the name is empty.
    """
    return np.random.Generator(np.random.PCG64(_seed_sequence(seed, name)))


class WorldStream:
    """Uniforms at fixed positions: ``u[world, day, slot]`` is a function of seed, name, slots and position.

    The number of slots is part of the stream's identity, because it sets where a day begins. ``days_ahead`` is not:
    it only says how many days are drawn at once. Days may be asked for in any order; a day outside the days at hand
    draws its block of days anew.

    Memory: ``days_ahead * B * slots * 8`` bytes for the block at hand (0.8 MB for 8 days of 64 worlds with 192
    slots). A block lives on for as long as somebody holds an array of it.

    Args:
        seed: 0..2**63-1.
        name: The stream's name, such as ``demand``.
        worlds: ``(B,)`` global world numbers, each 0 or more; repeats are allowed.
        slots: Uniforms a world needs each day, at least 1.
        days_ahead: Days drawn at once, at least 1.

    Raises:
        UsageError: One of the arguments is outside its range.
    """

    __slots__ = ("_block", "_block_number", "_days_ahead", "_key", "_philox", "_slots", "_stride", "_worlds")

    def __init__(self, *, seed: int, name: str, worlds: IntArray, slots: int, days_ahead: int = 8) -> None:
        if not 1 <= slots < _SLOT_LIMIT:
            raise UsageError(f"slots is {slots}; 1 to 2**31-1 is wanted.")
        if days_ahead < 1:
            raise UsageError(f"days_ahead is {days_ahead}; at least 1 is wanted.")
        self._key = stream_key(seed, name)
        self._worlds = _checked_worlds(worlds)
        self._slots = slots
        self._stride = -(-slots // _DRAWS_PER_BLOCK) * _DRAWS_PER_BLOCK
        self._days_ahead = days_ahead
        self._philox = np.random.Philox(key=np.array(self._key, dtype=np.uint64))
        self._block: FloatArray | None = None
        self._block_number = -1

    @property
    def worlds(self) -> IntArray:
        """Global world number of each row, ``(B,)``; a copy."""
        return self._worlds.copy()

    def uniforms(self, day: int) -> FloatArray:
        """Uniforms of one day for every world.

        Each value is an odd multiple of 2**-53, the midpoint of one of 2**52 equal cells: never 0 nor 1, and
        ``1 - u`` is exact and just as likely. (53 bits would not do: above 1/2 their midpoints are no float64, and
        the last one rounds to 1.)

        Args:
            day: Day from 0, below 2**31.

        Returns:
            ``(B, slots)``, read-only, inside the open interval (0, 1). Later calls do not change it.

        Raises:
            UsageError: The day is outside its range.
        """
        if not 0 <= day < _DAY_LIMIT:
            raise UsageError(f"day is {day}; 0 to 2**31-1 is wanted.")
        block_number, offset = divmod(day, self._days_ahead)
        if self._block is None or block_number != self._block_number:
            self._block = self._draw(first_day=block_number * self._days_ahead)
            self._block_number = block_number
        return self._block[offset]

    def replace(self, rows: Sequence[int] | IntArray, worlds: Sequence[int] | IntArray) -> None:
        """Put other worlds into some rows; the other rows keep theirs. The days at hand are drawn anew when needed.

        Args:
            rows: Row numbers, 0..B-1.
            worlds: As many global world numbers, each 0 or more.

        Raises:
            UsageError: The lengths differ, or a row or a world number is outside its range.
        """
        places = np.asarray(rows, dtype=np.int64)
        numbers = _checked_worlds(np.asarray(worlds, dtype=np.int64))
        if places.shape != numbers.shape:
            raise UsageError(f"rows has shape {places.shape} and worlds {numbers.shape}; equal lengths are wanted.")
        if places.size and not (places.min() >= 0 and places.max() < self._worlds.size):
            raise UsageError(f"rows must lie between 0 and {self._worlds.size - 1}.")
        self._worlds[places] = numbers
        self._block = None

    def _draw(self, *, first_day: int) -> FloatArray:
        """Draw ``days_ahead`` days of every world, ``(days_ahead, B, slots)``, read-only."""
        days, slots, stride = self._days_ahead, self._slots, self._stride
        # A new block each time: arrays of the last one may still be in use.
        block = np.empty((days, self._worlds.size, slots))
        first_counter = first_day * stride // _DRAWS_PER_BLOCK
        state = self._philox.state
        state["buffer_pos"] = _DRAWS_PER_BLOCK  # the buffer counts as used up: the next draw starts a block
        state["has_uint32"] = 0
        counter = state["state"]["counter"]
        for row, world in enumerate(self._worlds.tolist()):
            counter[:] = (first_counter, 0, world, 0)
            self._philox.state = state
            bits = self._philox.random_raw(days * stride)
            # 52 random bits behind the exponent of [1, 2); the subtraction moves 1 + j/2**52 to (j + 1/2)/2**52
            # without rounding.
            np.right_shift(bits, _SHIFT, out=bits)
            np.bitwise_or(bits, _ONE_TO_TWO, out=bits)
            wide = bits.view(np.float64).reshape(days, stride)
            np.subtract(wide[:, :slots], _TO_OPEN_UNIT, out=block[:, row, :])
        block.flags.writeable = False
        return block


def _checked_worlds(worlds: IntArray) -> IntArray:
    """A private copy of the world numbers.

    Raises:
        UsageError: They are not one axis of whole numbers, each 0 or more.
    """
    if worlds.ndim != 1 or worlds.dtype.kind not in "iu":
        raise UsageError(f"worlds is {worlds.dtype} of shape {worlds.shape}; whole numbers of shape (B,) are wanted.")
    if worlds.size and worlds.min() < 0:
        raise UsageError(f"worlds holds {int(worlds.min())}; world numbers are 0 or more.")
    return worlds.astype(np.int64, copy=True)
