"""Attributes that are made when somebody reads them: a day leaves eighty arrays behind, and most are never read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

Made = TypeVar("Made", bound="MadeLater")


class MadeLater:
    """Base of frozen dataclasses with slots that ``made_later`` makes; it changes nothing of instances built whole."""

    __slots__ = ("_maker",)

    if not TYPE_CHECKING:  # a type checker would take every name for an attribute

        def __getattr__(self, name: str) -> object:
            maker = None if name == "_maker" else maker_of(self)
            if maker is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = maker(name)
            object.__setattr__(self, name, value)
            return value


def made_later(kind: type[Made], maker: Callable[[str], object], **known: object) -> Made:
    """An instance whose attributes are made by name on first reading, but for those that are known.

    Args:
        kind: A dataclass with slots.
        maker: Gives an attribute's value; raises AttributeError for names that are none.
        known: Attributes by name.
    """
    made = object.__new__(kind)
    object.__setattr__(made, "_maker", maker)
    for name, value in known.items():
        object.__setattr__(made, name, value)
    return made


def maker_of(made: MadeLater) -> Callable[[str], object] | None:
    """What makes the attributes of an instance; None where it was built whole."""
    return getattr(made, "_maker", None)
