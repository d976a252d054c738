"""Trained policies: what they are put together from, on disk and as the rest of xbopt knows policies.

Beside what every saved policy holds, a folder has ``weights.npz`` with the network.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from xbopt.agents.exploration import checked_exploration
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.ppo.credit import Credit, credit_by
from xbopt.agents.ppo.layout import ActionLayout, action_layout
from xbopt.agents.ppo.networks import FlatNetwork, Network, SharedNetwork
from xbopt.agents.ppo.settings import RENAMED, PpoSettings, with_options
from xbopt.agents.saved_policy import read_policy, write_arrays
from xbopt.agents.saved_policy import save_policy as save_common_parts
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import Factors, one_notch_exploration
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.env.actions import Encoding
from xbopt.env.campaign import make_encoding
from xbopt.env.continuous_actions import ContinuousActions
from xbopt.env.features import FeatureLayout
from xbopt.env.residual_actions import ResidualActions
from xbopt.env.tactic_actions import TacticActions
from xbopt.simulator.parameters import MarketParameters

_WEIGHTS = "weights.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParts:
    """What a policy is put together from.

    Attributes:
        network: The network.
        encoding: What its outputs mean.
        layout: Where they stand.
        credit: Which rewards they are judged by in training.
        features: What it reads.
        plan: The plan that it starts from.
        anchor_policy: The policy that residual actions are relative to; the plan for other encodings.
        settings: How it is trained.
    """

    network: Network
    encoding: Encoding
    layout: ActionLayout
    credit: Credit
    features: FeatureLayout
    plan: ScheduledPolicy
    anchor_policy: DirectPolicy
    settings: PpoSettings


def build_parts(
    market: MarketParameters,
    plan: ScheduledPolicy,
    settings: PpoSettings,
    anchor_policy: DirectPolicy | None = None,
) -> PolicyParts:
    """An untrained policy for a market: the anchor policy for residual actions, the plan for others.

    The first weights are PyTorch's next draws.

    Args:
        market: The market.
        plan: The plan that it starts from.
        settings: How it is trained.
        anchor_policy: The policy that residual actions are relative to; the plan where left out.
    """
    scenario = market.scenario
    anchor = Anchor.of(plan, scenario.limits)
    around = anchor_policy or plan
    encoding = make_encoding(market, anchor, settings.campaign(), around)
    features = FeatureLayout.of(scenario, anchor, scenario.document.tactics.decide_every_days)
    layout = action_layout(encoding, features, neutral_share=settings.neutral_share, exploration=settings.exploration)
    credit = credit_by(settings.credit, encoding)
    kind = {"flat": FlatNetwork, "shared": SharedNetwork}[settings.network]
    return PolicyParts(
        network=kind(features, layout, settings.width, credit),
        encoding=encoding,
        layout=layout,
        credit=credit,
        features=features,
        plan=plan,
        anchor_policy=around,
        settings=settings,
    )


def save_policy(folder: Path, parts: PolicyParts, weights: Mapping[str, torch.Tensor], scenario_hash: str) -> None:
    """Write a policy; each file appears whole or not at all, ``policy.json`` last.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_arrays(folder / _WEIGHTS, {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()})
    save_common_parts(
        folder,
        agent="ppo",
        scenario_hash=scenario_hash,
        plan=parts.plan,
        features=parts.features.names,
        actions=parts.encoding.names,
        files=[_WEIGHTS],
        entries={
            "settings": asdict(parts.settings),
            "anchor": anchor_entry(parts.anchor_policy),
        },
    )


def anchor_entry(policy: DirectPolicy) -> dict[str, object]:
    """What makes an anchor policy anew, beside its plan and the market: an entry of ``policy.json``."""
    if isinstance(policy, ReplanningPolicy):
        return {"name": policy.name, "budget_price": policy.budget_price}
    return {"name": policy.name}


def _anchor_of(entry: Mapping[str, object], plan: ScheduledPolicy, market: MarketParameters) -> DirectPolicy:
    if "budget_price" not in entry:
        return plan
    return replanning_around(market, plan, budget_price=float(cast("float", entry["budget_price"])))


def load_policy(folder: Path, market: MarketParameters) -> "PpoDirectPolicy | PpoTacticPolicy | PpoResidualPolicy":
    """Read a policy for a market.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for another market.
    """
    saved = read_policy(folder, market.scenario, ("settings",))
    named = cast("dict[str, object]", saved.entries["settings"])
    # Policies from before there was a choice were judged by everything.
    settings = with_options(PpoSettings(credit="whole"), {RENAMED.get(name, name): named[name] for name in named})
    anchor = _anchor_of(cast("dict[str, object]", saved.entries.get("anchor", {})), saved.plan, market)
    parts = build_parts(market, saved.plan, settings, anchor)
    saved.check_names(market.scenario, features=parts.features.names, actions=parts.encoding.names)
    weights = {name: torch.from_numpy(array) for name, array in saved.arrays(_WEIGHTS).items()}
    try:
        parts.network.load_state_dict(weights)
    except RuntimeError as error:
        raise PolicyError(f"The weights in {folder} do not fit the network that policy.json names.") from error
    return as_policy(parts)


def as_policy(parts: PolicyParts) -> "PpoDirectPolicy | PpoTacticPolicy | PpoResidualPolicy":
    """The policy that a network is, once its encoding says what it answers."""
    # Double precision: an answer then depends on a world's own features alone, not on the batch it comes in.
    network = parts.network.double().eval()
    if isinstance(parts.encoding, TacticActions):
        return PpoTacticPolicy(network=network, encoding=parts.encoding, features=parts.features)
    if isinstance(parts.encoding, ResidualActions):
        return PpoResidualPolicy(network=network, encoding=parts.encoding, features=parts.features)
    assert isinstance(parts.encoding, ContinuousActions), "there are three encodings"
    return PpoDirectPolicy(network=network, encoding=parts.encoding, features=parts.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoDirectPolicy:
    """The mean action of a trained network, decided anew every day from that day's features.

    Attributes:
        network: The network.
        encoding: What its outputs mean.
        features: What it reads.
        name: Name in reports.
        kind: What sort of policy it is.
    """

    network: Network
    encoding: ContinuousActions
    features: FeatureLayout
    name: str = "ppo"
    kind: PolicyKind = "ppo"

    def decide(self, observation: Observation) -> Decision:
        """The day's decision, before projection.

        Raises:
            PolicyError: The observation holds a value that is no number.
        """
        actions = np.clip(_outputs(self.network, self.features, observation), -1.0, 1.0)
        return self.encoding.decode(actions, observation)


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoTacticPolicy:
    """A trained network's choices over the menu, with exact probabilities.

    Each component of a cell's tactic has a categorical distribution of its own, so a tactic's probability is their
    product. Without exploration the likeliest choice of every component is taken: what explored in training has done
    its work.

    Attributes:
        network: The network.
        encoding: What its outputs mean.
        features: What it reads.
        exploration: Share of decisions drawn uniformly from the menu; propensities are then at least this over ``K``.
        name: Name in reports and logs.
        kind: What sort of policy it is.
    """

    network: Network
    encoding: TacticActions
    features: FeatureLayout
    exploration: float = 0.0
    name: str = "ppo"
    kind: PolicyKind = "ppo"

    @property
    def menu(self) -> AnchoredMenu:
        """The menu that its probabilities are over, relative to a plan."""
        return self.encoding.menu

    def exploring(self, share: float) -> "PpoTacticPolicy":
        """The same policy with a share of uniform exploration.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, exploration=checked_exploration(share), name=f"{self.name}+explore{share:g}")

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``.

        Raises:
            PolicyError: The observation holds a value that is no number.
        """
        logits = _outputs(self.network, self.features, observation)
        regions, segments, _ = self.features.shape
        components = self.encoding.components
        by_cell = logits.reshape(observation.worlds, regions, segments, -1)
        marginals: list[FloatArray] = []
        start = 0
        for size in components.sizes:
            part = by_cell[..., start : start + size]
            best = np.argmax(part, axis=3)
            marginals.append((best[..., None] == np.arange(size)).astype(np.float64))
            start += size
        greedy = components.joint(marginals)
        return (1.0 - self.exploration) * greedy + self.exploration / greedy.shape[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoResidualPolicy:
    """A trained network's levels around the anchor policy, with exact probabilities.

    Its own level of a factor is the likeliest one. Exploration goes one notch to either side, each factor for itself.

    Attributes:
        network: The network.
        encoding: What its outputs mean.
        features: What it reads.
        exploration: Share of a factor's decisions that go one notch to either side.
        name: Name in reports and logs.
        kind: What sort of policy it is.
    """

    network: Network
    encoding: ResidualActions
    features: FeatureLayout
    exploration: float = 0.0
    name: str = "ppo"
    kind: PolicyKind = "ppo"

    @property
    def factors(self) -> Factors:
        """What its probabilities are over."""
        return self.encoding.factors

    @property
    def anchor(self) -> DirectPolicy:
        """The policy that all neutral levels are."""
        return self.encoding.anchor

    def exploring(self, share: float) -> "PpoResidualPolicy":
        """The same policy, each factor of which goes one notch to either side with a share; 0 is the policy itself.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, exploration=checked_exploration(share), name=f"{self.name}+explore{share:g}")

    def own_levels(self, observation: Observation) -> IntArray:
        """The likeliest level of each factor ``(B, A)``: that nearest to its location, the lower of two as near.

        Raises:
            PolicyError: The observation holds a value that is no number.
        """
        locations = _outputs(self.network, self.features, observation)
        return np.clip(np.ceil(locations - 0.5), 0, self.factors.levels - 1).astype(np.int64)

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``.

        Raises:
            PolicyError: The observation holds a value that is no number.
        """
        return one_notch_exploration(self.factors, self.own_levels(observation), self.exploration)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, before projection.

        Raises:
            DecisionError: A wrong shape, or a number that names no level.
        """
        return self.encoding.decode(self.encoding.check(levels), observation)


def _outputs(network: Network, features: FeatureLayout, observation: Observation) -> FloatArray:
    """Parameters of the action distribution ``(B, P)``."""
    row = features.flat(observation)
    if not np.isfinite(row).all():
        world, entry = (int(i) for i in np.argwhere(~np.isfinite(row))[0])
        raise PolicyError(
            f"The observation of world {world} holds no number for {features.names[entry]}; the policy cannot answer."
        )
    with torch.no_grad():
        parameters = network.parameters_of(torch.from_numpy(row.astype(np.float64)))
    return cast("FloatArray", parameters.numpy())
