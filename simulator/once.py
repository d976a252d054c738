"""What follows from a market alone is worked out once, and not again for a market that was built again.

Arrays are slow to compare. So a market is known by its objects first, and by the bytes of what it holds where these are
new: that takes a millisecond or two.
"""

import pickle
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache, wraps
from hashlib import sha256
from typing import TypeVar

from xbopt.simulator.parameters import MarketParameters

Result = TypeVar("Result")
_KEPT = 8


class _Same:
    """A market as a key: equal to another that is made of the same objects."""

    def __init__(self, market: MarketParameters, parts: tuple[object, ...]) -> None:
        self.market, self.parts = market, parts  # kept, so that no other object can take a part's place in memory
        self._ids = tuple(map(id, parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._ids == self._ids

    def __hash__(self) -> int:
        return hash(self._ids)


class _Alike:
    """A market as a key: equal to another whose parts are the same byte for byte."""

    def __init__(self, same: _Same) -> None:
        self.market, self._bytes = same.market, _digest(same)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Alike) and other._bytes == self._bytes

    def __hash__(self) -> int:
        return hash(self._bytes)


@lru_cache(maxsize=_KEPT)
def _digest(same: _Same) -> bytes:
    return sha256(pickle.dumps(same.parts, pickle.HIGHEST_PROTOCOL)).digest()


def once_a_market(function: Callable[[MarketParameters], Result]) -> Callable[[MarketParameters], Result]:
    """Work a function out once for the same market."""
    return _once(function, lambda market: (market,))


def once_whatever_the_limits(function: Callable[[MarketParameters], Result]) -> Callable[[MarketParameters], Result]:
    """Work a function out once for markets that differ in their limits only."""

    def parts(market: MarketParameters) -> tuple[object, ...]:
        rest = (getattr(market, field.name) for field in fields(market) if field.name != "scenario")
        return (market.scenario.document, *rest)

    return _once(function, parts)


def once_whatever_the_price(function: Callable[[MarketParameters], Result]) -> Callable[[MarketParameters], Result]:
    """Work a function out once for markets that differ in their list prices only; the usual ones are no list prices."""

    def parts(market: MarketParameters) -> tuple[object, ...]:
        rest = (getattr(market, field.name) for field in fields(market) if field.name != "orders")
        orders = market.orders
        kept = (getattr(orders, field.name) for field in fields(orders) if field.name != "price_base")
        return (*rest, *kept)

    return _once(function, parts)


def _once(
    function: Callable[[MarketParameters], Result], parts: Callable[[MarketParameters], tuple[object, ...]]
) -> Callable[[MarketParameters], Result]:
    @lru_cache(maxsize=_KEPT)
    def by_content(key: _Alike) -> Result:
        return function(key.market)

    @lru_cache(maxsize=_KEPT)
    def by_objects(key: _Same) -> Result:
        return by_content(_Alike(key))

    @wraps(function)
    def found(market: MarketParameters) -> Result:
        return by_objects(_Same(market, parts(market)))

    return found
