"""The uniform numbers behind a decision: a function of its id alone, so that anybody can draw again.

Block ``i`` of a decision is ``SHA-256(SHA-256("xbopt-draw-1" 0x00 id) i)`` with ``i`` in four bytes, little-endian. A
block holds four 64-bit words, little-endian; word ``w`` becomes ``(floor(w / 2**12) + 1/2) / 2**52``, which is never
0 nor 1. Cells take the words in order, regions first, segments within a region.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from xbopt.core.arrays import FloatArray

_NAME = b"xbopt-draw-1\0"
_WORDS = 4
_SHIFT = np.uint64(12)
_UNIT = 2.0**-52


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
    return ((words >> _SHIFT).astype(np.float64) + 0.5) * _UNIT
