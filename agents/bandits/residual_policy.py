"""A trained bandit around the anchor policy: the best notch of every factor, the middle where nothing is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from xbopt.agents.bandits.residual_bandits import ResidualBandits
from xbopt.agents.bandits.residual_context import LEARNT_KINDS, ResidualContext
from xbopt.agents.exploration import checked_exploration
from xbopt.agents.planner.replanning import ReplanningPolicy, replanning_around
from xbopt.agents.saved_policy import SavedPolicy
from xbopt.agents.saved_policy import save_policy as save_common_parts
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.factors import FactorKind, Factors, one_notch_exploration
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.parameters import MarketParameters

ENTRIES = ("agent", "encoding", "caution", "exploration", "anchor")
"""Entries of ``policy.json`` that are the bandit's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualBanditPolicy:
    """The best level of every factor by what was learned; with a share, one notch to either side.

    What was learned is frozen: an answer depends on the observation alone. Without exploration and with every kind
    closed it is the anchor itself, to the last bit.

    Attributes:
        bandits: Predict what levels bring.
        context: What they read.
        actions: Notches around the anchor.
        caution: Standard deviations by which a level has to beat the anchor's own, one a kind.
        exploration: Share of decisions that go one notch to either side, each factor for itself.
        name: Name in reports and logs.
        kind: What sort of policy it is.
    """

    bandits: ResidualBandits
    context: ResidualContext
    actions: ResidualActions
    caution: Mapping[FactorKind, float]
    exploration: float = 0.0
    name: str = "bandit"
    kind: PolicyKind = "bandit"

    @property
    def factors(self) -> Factors:
        """What its probabilities are over."""
        return self.actions.factors

    @property
    def anchor(self) -> DirectPolicy:
        """The policy that all neutral levels are."""
        return self.actions.anchor

    def own_levels(self, observation: Observation) -> IntArray:
        """The levels that it takes without exploring ``(B, A)``.

        Raises:
            PolicyError: The observation holds a value that is no finite number.
        """
        return self.bandits.best(self.context.rows(observation, self.actions.anchor.decide(observation)), self.caution)

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``.

        Raises:
            PolicyError: The observation holds a value that is no finite number.
        """
        return one_notch_exploration(self.factors, self.own_levels(observation), self.exploration)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, before projection.

        Raises:
            DecisionError: A wrong shape, or a number that names no level.
        """
        self.factors.check(levels, observation.worlds)
        return self.actions.decode(levels, observation)

    def exploring(self, share: float) -> "ResidualBanditPolicy":
        """The same policy, each factor of which goes one notch to either side with a share; 0 is the policy itself.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, exploration=checked_exploration(share), name=f"{self.name}+explore{share:g}")


def save_policy(folder: Path, policy: ResidualBanditPolicy, anchor: ReplanningPolicy, *, scenario_hash: str) -> None:
    """Write a policy; each file appears whole or not at all, ``policy.json`` last.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_common_parts(
        folder,
        agent=policy.name,
        scenario_hash=scenario_hash,
        plan=anchor.plan,
        features=[f"{kind}: {name}" for kind, names in policy.context.names.items() for name in names],
        actions=policy.factors.names,
        files=policy.bandits.save(folder),
        entries={
            "encoding": "residual",
            "caution": {kind: policy.caution[kind] for kind in LEARNT_KINDS},
            "exploration": policy.exploration,
            "anchor": {"name": anchor.name, "budget_price": anchor.budget_price},
        },
    )


def read_residual(folder: Path, saved: SavedPolicy, market: MarketParameters) -> ResidualBanditPolicy:
    """Make a policy of what was read; the anchor is made anew from its plan and the market.

    Raises:
        PolicyError: A file is missing or damaged, or the policy was trained for another market.
    """
    about = cast("dict[str, float]", saved.entries["anchor"])
    anchor = replanning_around(market, saved.plan, budget_price=float(about["budget_price"]))
    context, actions = ResidualContext.of(market, saved.plan), ResidualActions.of(market, anchor)
    names = context.names
    saved.check_names(
        market.scenario,
        features=[f"{kind}: {name}" for kind, own in names.items() for name in own],
        actions=actions.factors.names,
    )
    caution = cast("dict[str, float]", saved.entries["caution"])
    return ResidualBanditPolicy(
        bandits=ResidualBandits.load(folder, actions.factors, names=names),
        context=context,
        actions=actions,
        caution={kind: float(caution[kind]) for kind in LEARNT_KINDS},
        exploration=float(cast("float", saved.entries["exploration"])),
        name=str(saved.entries["agent"]),
    )
