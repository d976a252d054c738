"""Off-policy evaluation: what a new policy would have earned, from logged decisions alone.

The names below load on first use; neither importing this package nor reading a result loads a heavy library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xbopt.ope.audit import propensity_calibration, propensity_drift
    from xbopt.ope.budget import budget_outlook
    from xbopt.ope.compare import compare_policies
    from xbopt.ope.continuous import LoggedContinuousData, evaluate_density, evaluate_target
    from xbopt.ope.data import LoggedBanditData
    from xbopt.ope.evaluate import evaluate_policy
    from xbopt.ope.grouping import evaluate_groups
    from xbopt.ope.guaranteed import guaranteed_value
    from xbopt.ope.intervals.anytime import ConfidenceSequence
    from xbopt.ope.planning import plan_exploration
    from xbopt.ope.results import Estimate, Estimates, PolicyEvaluation, SupportDiagnostics
    from xbopt.ope.reward_models.fitting import fit_reward_model
    from xbopt.ope.reward_models.linear import fit_linear
    from xbopt.ope.reward_models.moments import RewardMoments
    from xbopt.ope.risk import risk_profile
    from xbopt.ope.sequential.episodes import LoggedEpisodes
    from xbopt.ope.sequential.evaluate import evaluate_sequential
    from xbopt.ope.simulated_coverage import self_test
    from xbopt.ope.streaming import StreamingEvaluator
    from xbopt.ope.verdict import SupportRules

__all__ = [
    "ConfidenceSequence",
    "Estimate",
    "Estimates",
    "LoggedBanditData",
    "LoggedContinuousData",
    "LoggedEpisodes",
    "PolicyEvaluation",
    "RewardMoments",
    "StreamingEvaluator",
    "SupportDiagnostics",
    "SupportRules",
    "budget_outlook",
    "compare_policies",
    "evaluate_density",
    "evaluate_groups",
    "evaluate_policy",
    "evaluate_sequential",
    "evaluate_target",
    "fit_linear",
    "fit_reward_model",
    "guaranteed_value",
    "plan_exploration",
    "propensity_calibration",
    "propensity_drift",
    "risk_profile",
    "self_test",
]

_HOMES = {
    "ConfidenceSequence": "xbopt.ope.intervals.anytime",
    "Estimate": "xbopt.ope.results",
    "Estimates": "xbopt.ope.results",
    "LoggedBanditData": "xbopt.ope.data",
    "LoggedContinuousData": "xbopt.ope.continuous",
    "LoggedEpisodes": "xbopt.ope.sequential.episodes",
    "PolicyEvaluation": "xbopt.ope.results",
    "RewardMoments": "xbopt.ope.reward_models.moments",
    "StreamingEvaluator": "xbopt.ope.streaming",
    "SupportDiagnostics": "xbopt.ope.results",
    "SupportRules": "xbopt.ope.verdict",
    "budget_outlook": "xbopt.ope.budget",
    "compare_policies": "xbopt.ope.compare",
    "evaluate_density": "xbopt.ope.continuous",
    "evaluate_groups": "xbopt.ope.grouping",
    "evaluate_policy": "xbopt.ope.evaluate",
    "evaluate_sequential": "xbopt.ope.sequential.evaluate",
    "evaluate_target": "xbopt.ope.continuous",
    "fit_linear": "xbopt.ope.reward_models.linear",
    "fit_reward_model": "xbopt.ope.reward_models.fitting",
    "guaranteed_value": "xbopt.ope.guaranteed",
    "plan_exploration": "xbopt.ope.planning",
    "propensity_calibration": "xbopt.ope.audit",
    "propensity_drift": "xbopt.ope.audit",
    "risk_profile": "xbopt.ope.risk",
    "self_test": "xbopt.ope.simulated_coverage",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'xbopt.ope' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
