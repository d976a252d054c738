"""Names for decisions that come without one: 128 random bits each, asked from the system many at a time."""

import secrets
from collections.abc import Iterator

_BYTES = 16
_AT_ONCE = 256


def _names() -> Iterator[str]:
    while True:
        block = secrets.token_bytes(_BYTES * _AT_ONCE)
        for start in range(0, len(block), _BYTES):
            yield block[start : start + _BYTES].hex()


_stream = _names()


def new_decision_id() -> str:
    """A name that nobody could foresee: whoever knew it could foresee the draw."""
    return next(_stream)
