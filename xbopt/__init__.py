"""xbopt: plan, simulate and learn cross-border e-commerce campaigns.

The names below load on first use, so that ``import xbopt`` and ``xbopt --help`` stay instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from xbopt.env.registration import register_once_gymnasium_is_there

if TYPE_CHECKING:
    from xbopt.agents.simulation import SimulationResult, simulate
    from xbopt.core.errors import XboptError
    from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
    from xbopt.core.scenario.scenario import Scenario

__version__ = "0.1.0"

__all__ = [
    "Scenario",
    "SimulationResult",
    "XboptError",
    "__version__",
    "load_scenario",
    "shipped_scenarios",
    "simulate",
]

_HOMES = {
    "Scenario": "xbopt.core.scenario.scenario",
    "SimulationResult": "xbopt.agents.simulation",
    "XboptError": "xbopt.core.errors",
    "load_scenario": "xbopt.core.scenario.loading",
    "shipped_scenarios": "xbopt.core.scenario.loading",
    "simulate": "xbopt.agents.simulation",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xbopt' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


register_once_gymnasium_is_there()
