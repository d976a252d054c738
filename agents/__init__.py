"""Policies: the built-in baselines, learning agents, and running any policy over many worlds.

The names below load on first use, so that importing a part stays light.
"""

from xbopt.core.lazy_names import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
