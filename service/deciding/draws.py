"""The name of a decision, and the uniform numbers behind it: a function of the name alone, so anybody can draw again.

Block ``i`` of a decision is ``SHA-256(SHA-256("xbopt-draw-1" 0x00 id) i)`` with ``i`` in four bytes, little-endian. A
block holds four 64-bit words, little-endian; word ``w`` becomes ``(floor(w / 2**12) + 1/2) / 2**52``, which is never
0 nor 1. Cells take the words in order, regions first, segments within a region.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence

import numpy as np

from xbopt.core.arrays import FloatArray

_NAME = b"xbopt-draw-1\0"
_ARM = b"xbopt-arm-1\0"
_WORDS = 4
_SHIFT = np.uint64(12)
_UNIT = 2.0**-52
_ID_BYTES = 16
_IDS_AT_ONCE = 256  # asking the system for random bytes costs more than the bytes


def uniforms(decision_ids: Sequence[str], cells: int) -> FloatArray:
    """Uniform numbers ``(B, cells)`` inside the open interval (0, 1)."""
    blocks = -(-cells // _WORDS)
    numbers = [number.to_bytes(4, "little") for number in range(blocks)]
    sha = hashlib.sha256
    parts: list[bytes] = []
    for decision_id in decision_ids:
        key = sha(_NAME + decision_id.encode()).digest()
        parts += [sha(key + number).digest() for number in numbers]
    words = np.frombuffer(b"".join(parts), dtype="<u8").reshape(len(decision_ids), blocks * _WORDS)[:, :cells]
    shares = (words >> _SHIFT).astype(np.float64)
    shares += 0.5
    shares *= _UNIT
    return shares


def arm_uniform(decision_id: str) -> float:
    """The uniform number that says who decides where a policy shares decisions with an incumbent; a stream of its own.

    It is the first word of ``SHA-256("xbopt-arm-1" 0x00 id)``, made a number as above.
    """
    word = int.from_bytes(hashlib.sha256(_ARM + decision_id.encode()).digest()[:8], "little")
    return ((word >> int(_SHIFT)) + 0.5) * _UNIT


def _decision_ids() -> Iterator[str]:
    while True:
        block = secrets.token_bytes(_ID_BYTES * _IDS_AT_ONCE)
        yield from (block[start : start + _ID_BYTES].hex() for start in range(0, len(block), _ID_BYTES))


_stream = _decision_ids()


def new_decision_id() -> str:
    """A name of 128 random bits, for a decision that comes without one: whoever foresaw it could foresee the draw."""
    return next(_stream)
