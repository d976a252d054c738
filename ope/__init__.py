"""Off-policy evaluation: what a new policy would have earned, from logged decisions alone.

The names below load on first use; neither importing this package nor reading a result loads a heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xbopt.ope.data import LoggedBanditData
    from xbopt.ope.evaluate import evaluate_policy
    from xbopt.ope.results import Estimate, Estimates, PolicyEvaluation, SupportDiagnostics
    from xbopt.ope.sequential.episodes import LoggedEpisodes
    from xbopt.ope.sequential.evaluate import evaluate_sequential
    from xbopt.ope.streaming import StreamingEvaluator
    from xbopt.ope.verdict import SupportRules

__all__ = [
    "Estimate",
    "Estimates",
    "LoggedBanditData",
    "LoggedEpisodes",
    "PolicyEvaluation",
    "StreamingEvaluator",
    "SupportDiagnostics",
    "SupportRules",
    "evaluate_policy",
    "evaluate_sequential",
]

_HOMES = {
    "Estimate": "xbopt.ope.results",
    "Estimates": "xbopt.ope.results",
    "LoggedBanditData": "xbopt.ope.data",
    "LoggedEpisodes": "xbopt.ope.sequential.episodes",
    "PolicyEvaluation": "xbopt.ope.results",
    "StreamingEvaluator": "xbopt.ope.streaming",
    "SupportDiagnostics": "xbopt.ope.results",
    "SupportRules": "xbopt.ope.verdict",
    "evaluate_policy": "xbopt.ope.evaluate",
    "evaluate_sequential": "xbopt.ope.sequential.evaluate",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xbopt.ope' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
