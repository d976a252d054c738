"""Bundles of policies, the allocator that decides with them, the decision store, and the HTTP service.

The names below load on first use, so that each part of the service pays only for what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xbopt.service.allocator import Allocation, Allocator
    from xbopt.service.bundle import Bundle, load_bundle
    from xbopt.service.requests import AllocationRequest, Outcome

__all__ = ["Allocation", "AllocationRequest", "Allocator", "Bundle", "Outcome", "load_bundle"]

_HOMES = {
    "Allocation": "xbopt.service.allocator",
    "AllocationRequest": "xbopt.service.requests",
    "Allocator": "xbopt.service.allocator",
    "Bundle": "xbopt.service.bundle",
    "Outcome": "xbopt.service.requests",
    "load_bundle": "xbopt.service.bundle",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xbopt.service' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
