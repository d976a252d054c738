"""Policies on disk: weights as plain arrays, everything else as JSON, and a hash of each. Nothing is unpickled.

A folder holds ``policy.json`` (what the policy is, and the hashes), ``weights.npz`` (the network) and ``plan.npz`` (the
plan that its actions are relative to).
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from xbopt.agents.ppo.credit import credit_by
from xbopt.agents.ppo.layout import action_layout
from xbopt.agents.ppo.networks import FlatNetwork, SharedNetwork
from xbopt.agents.ppo.settings import PpoSettings, as_plain, with_options
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file
from xbopt.env.actions import Encoding
from xbopt.env.campaign import make_encoding
from xbopt.env.features import FeatureLayout
from xbopt.simulator.parameters import MarketParameters

FORMAT = 1
_PLAN_ARRAYS = ("spend_base", "daypart_weights", "discount_frac", "mechanic")
Network = FlatNetwork | SharedNetwork
Arrays = dict[str, NDArray[np.float64 | np.float32 | np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParts:
    """What a policy is put together from.

    Attributes:
        network: The network.
        encoding: What its outputs mean.
        features: What it reads.
        plan: The plan that it starts from.
        settings: How it was trained.
    """

    network: Network
    encoding: Encoding
    features: FeatureLayout
    plan: ScheduledPolicy
    settings: PpoSettings


def build_parts(market: MarketParameters, plan: ScheduledPolicy, settings: PpoSettings) -> PolicyParts:
    """An untrained policy for a market: it carries the plan on."""
    scenario = market.scenario
    anchor = Anchor.of(plan, scenario.limits)
    encoding = make_encoding(market, anchor, settings.campaign())
    features = FeatureLayout.of(scenario, anchor, scenario.document.tactics.decide_every_days)
    return PolicyParts(
        network=make_network(features, encoding, settings),
        encoding=encoding,
        features=features,
        plan=plan,
        settings=settings,
    )


def make_network(features: FeatureLayout, encoding: Encoding, settings: PpoSettings) -> Network:
    """The network that the settings name."""
    layout = action_layout(encoding, features, neutral_share=settings.neutral_share, exploration=settings.exploration)
    kind = {"flat": FlatNetwork, "shared": SharedNetwork}[settings.network]
    return kind(features, layout, settings.width, credit_by(settings.credit, encoding))


def save_policy(folder: Path, parts: PolicyParts, weights: Mapping[str, torch.Tensor], scenario_hash: str) -> None:
    """Write a policy; each file appears whole or not at all, ``policy.json`` last.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = parts.plan
    arrays: dict[str, Arrays] = {
        "weights.npz": {name: tensor.detach().cpu().numpy().copy() for name, tensor in weights.items()},
        "plan.npz": {name: np.ascontiguousarray(getattr(plan, name)) for name in _PLAN_ARRAYS},
    }
    hashes: dict[str, str] = {}
    for name, content in arrays.items():
        data = _packed(content)
        hashes[name] = hashlib.sha256(data).hexdigest()
        with replace_file(folder / name) as temporary:
            temporary.write_bytes(data)
    document = {
        "format": FORMAT,
        "agent": "ppo",
        "scenario_hash": scenario_hash,
        "plan": {"name": plan.name, "kind": plan.kind},
        "settings": as_plain(parts.settings),
        "features": list(parts.features.names),
        "actions": list(parts.encoding.names),
        "sha256": hashes,
    }
    with replace_file(folder / "policy.json") as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load_parts(folder: Path, market: MarketParameters) -> PolicyParts:
    """Read a policy for a market.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for a market of
            another shape.
    """
    document = _document(folder)
    if document.get("format") != FORMAT:
        raise PolicyError(f"{folder} holds a policy of format {document.get('format')}; {FORMAT} can be read.")
    hashes = cast("dict[str, str]", document["sha256"])
    plan_arrays = _unpacked(folder / "plan.npz", hashes.get("plan.npz"))
    weights = _unpacked(folder / "weights.npz", hashes.get("weights.npz"))
    # Policies from before there was a choice were judged by everything.
    settings = with_options(PpoSettings(credit="whole"), cast("dict[str, object]", document["settings"]))
    about = cast("dict[str, str]", document["plan"])
    plan = ScheduledPolicy(
        name=about["name"],
        spend_base=np.asarray(plan_arrays["spend_base"], dtype=np.float64),
        daypart_weights=np.asarray(plan_arrays["daypart_weights"], dtype=np.float64),
        discount_frac=np.asarray(plan_arrays["discount_frac"], dtype=np.float64),
        mechanic=np.asarray(plan_arrays["mechanic"], dtype=np.int64),
        kind=cast("PolicyKind", about["kind"]),
    )
    scenario = market.scenario
    regions, segments, channels, _ = scenario.shape
    if plan.spend_base.shape != (scenario.days, regions, segments, channels):
        raise PolicyError(
            f"The policy in {folder} was trained for another market: its plan has shape {plan.spend_base.shape}; "
            f"{(scenario.days, regions, segments, channels)} is wanted, axes (T, R, S, C). Train one on "
            f"{scenario.name}, or load it with the scenario.yaml of its run."
        )
    parts = build_parts(market, plan, settings)
    for what, names in (("features", parts.features.names), ("actions", parts.encoding.names)):
        if tuple(cast("list[str]", document[what])) != names:
            raise PolicyError(
                f"The policy in {folder} knows other {what} than {scenario.name} has: other names or another version "
                "of xbopt. Train one on this scenario."
            )
    try:
        parts.network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    except RuntimeError as error:
        raise PolicyError(f"The weights in {folder} do not fit the network that policy.json names.") from error
    return parts


def _document(folder: Path) -> dict[str, object]:
    path = folder / "policy.json"
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(f"{folder} holds no policy: policy.json is missing.") from None
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path} is damaged: {error}") from error
    wanted = {"format", "settings", "features", "actions", "plan", "sha256"}
    if not isinstance(document, dict) or not wanted <= set(cast("dict[str, object]", document)):
        raise PolicyError(f"{path} is damaged: {', '.join(sorted(wanted))} are wanted.")
    return cast("dict[str, object]", document)


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpacked(path: Path, wanted_hash: str | None) -> Arrays:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path} cannot be read ({error.strerror}).") from error
    if hashlib.sha256(data).hexdigest() != wanted_hash:
        raise PolicyError(f"{path} is damaged: its hash is not the one in policy.json. Restore it, or train again.")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile) as error:
        raise PolicyError(f"{path} is damaged: {error}") from error
