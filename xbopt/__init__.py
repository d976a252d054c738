"""xbopt: plan, simulate and learn cross-border e-commerce campaigns.

One verb is one function: ``simulate``, ``plan``, ``compare``, ``train``, ``evaluate``. Names load on first use, so that
``import xbopt`` and ``xbopt --help`` stay instant. ``__init__.pyi`` lists them all and says where each one lives.
"""

import sys
from types import ModuleType

from xbopt.core.lazy_names import names_of
from xbopt.core.version import __version__ as __version__
from xbopt.env.registration import register_if_gymnasium_is_loaded

__getattr__, __dir__, __all__ = names_of(__name__, __file__)


class _Package(ModuleType):
    """This package; whoever looks at it finds its environment registered, if Gymnasium is loaded by then.

    ``gymnasium.make("xbopt:xbopt/Campaign-v0")`` imports ``xbopt`` once more, and an import looks at the module, so
    this id works whatever was imported first. The plain id does where Gymnasium had been imported before ``xbopt``.
    """

    def __getattribute__(self, name: str) -> object:
        register_if_gymnasium_is_loaded()
        return super().__getattribute__(name)


sys.modules[__name__].__class__ = _Package
register_if_gymnasium_is_loaded()
