"""Where a bundle comes from: versions, hashes and seeds."""

import hashlib
import importlib.metadata

from msgspec import UNSET

from xbopt.core.decisions.policy import KnowsExploration, Policy
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.version import __version__
from xbopt.service.bundle.formats import Provenance

_LIBRARIES = ("numpy", "scipy", "onnx", "onnxruntime", "torch", "stable-baselines3", "gymnasium")


def build_provenance(
    policy: Policy, scenario: Scenario, *, seeds: dict[str, int], data_sha256: dict[str, str]
) -> Provenance:
    """The provenance of a policy that is exported here and now."""
    libraries: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed took no part
    lock = "\n".join(f"{name}=={version}" for name, version in sorted(libraries.items()))
    return Provenance(
        xbopt_version=__version__,
        lock_sha256=hashlib.sha256(lock.encode()).hexdigest(),
        scenario=scenario.name,
        scenario_hash=scenario.hash,
        policy=policy.name,
        policy_kind=policy.kind,
        seeds=dict(sorted(seeds.items())),
        data_sha256=dict(sorted(data_sha256.items())),
        libraries=libraries,
        exploration=policy.exploration if isinstance(policy, KnowsExploration) else UNSET,
    )
