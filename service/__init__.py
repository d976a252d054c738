"""Bundles of policies, the allocator that decides with them, the decision store, and the HTTP service.

The names below load on first use, so that each part of the service pays only for what it needs.
"""

from xbopt.core.lazy_names import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
