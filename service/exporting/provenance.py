"""Where a bundle comes from: versions, hashes and seeds."""

import importlib.metadata

from msgspec import UNSET, UnsetType

from xbopt.core.decisions.policy import FactoredPolicy, KnowsExploration, Policy
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.version import __version__
from xbopt.service.bundle.formats import Provenance, lock_of

_LIBRARIES = ("numpy", "scipy", "onnx", "onnxruntime", "torch", "stable-baselines3", "gymnasium")


def share_told(policy: Policy) -> float | UnsetType:
    """The share of exploration of a policy that is a mixture with a known share; nothing where it is not."""
    if isinstance(policy, KnowsExploration):
        return policy.exploration
    share: object = getattr(policy, "exploration", None) if isinstance(policy, FactoredPolicy) else None
    return share if isinstance(share, float) else UNSET


def build_provenance(
    policy: Policy, scenario: Scenario, *, policy_sha256: str, seeds: dict[str, int], data_sha256: dict[str, str]
) -> Provenance:
    """The provenance of a policy that is exported here and now; ``policy_sha256`` as ``exporting/evidence`` says."""
    libraries: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed took no part
    return Provenance(
        xbopt_version=__version__,
        lock_sha256=lock_of(libraries),
        scenario=scenario.name,
        scenario_hash=scenario.hash,
        policy=policy.name,
        policy_kind=policy.kind,
        seeds=dict(sorted(seeds.items())),
        data_sha256=dict(sorted(data_sha256.items())),
        libraries=libraries,
        exploration=share_told(policy),
        policy_sha256=policy_sha256,
    )
