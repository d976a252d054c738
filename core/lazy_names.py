"""Public names of a package that load on first use; ``__init__.pyi`` beside its ``__init__`` lists them."""

from collections.abc import Callable
from typing import cast

from lazy_loader import attach_stub as _attach


def names_of(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        package: ``__name__`` of the package.
        file: ``__file__`` of its ``__init__``.
    """
    attach = cast("Callable[[str, str], tuple[Callable[[str], object], Callable[[], list[str]], list[str]]]", _attach)
    return attach(package, file)
