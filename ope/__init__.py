"""Off-policy evaluation: what a new policy would have earned, from logged decisions alone.

The names below load on first use; neither importing this package nor reading a result loads a heavy library.
"""

from xbopt.core.lazy_names import names_of

__getattr__, __dir__, __all__ = names_of(__name__, __file__)
