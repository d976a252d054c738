"""A trained bandit as a policy of the market: exact probabilities over the tactic menu in every cell."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from xbopt.agents.bandits.factored import FactoredBandit
from xbopt.agents.bandits.market_context import MarketContext
from xbopt.agents.exploration import checked_exploration
from xbopt.agents.saved_policy import SavedPolicy
from xbopt.agents.saved_policy import save_policy as save_common_parts
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.env.actions import Form
from xbopt.env.components import MenuComponents
from xbopt.simulator.parameters import MarketParameters

ENTRIES = ("agent", "form", "price", "pacing", "caution", "exploration")
"""Entries of ``policy.json`` that are the bandit's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketBanditPolicy:
    """In every cell the best tactic by what was learned, less the price of its money; with a share, any tactic.

    What was learned is frozen: an answer depends on the observation alone. What a world shows of itself is in the
    observation, as results against the scenario's own model.

    Attributes:
        bandit: Predicts rewards, in the cells' units.
        context: What it reads.
        price: What a unit of money is worth beyond what it costs, as the rewards were made with.
        caution: Standard deviations by which a choice has to beat the plan's, one a component of the menu.
        pacing: How strongly that price follows the course of a world's budget; 0 for not at all.
        exploration: Share of decisions drawn uniformly from the menu.
        name: Name in reports and logs.
        kind: What sort of policy it is.
    """

    bandit: FactoredBandit
    context: MarketContext
    price: float
    caution: tuple[float, ...]
    pacing: float = 0.0
    exploration: float = 0.0
    name: str = "bandit"
    kind: PolicyKind = "bandit"

    @property
    def menu(self) -> AnchoredMenu:
        """The menu that its probabilities are over, relative to a plan."""
        return self.context.menu

    @property
    def reads_own_cell_only(self) -> bool:
        """One model serves all cells, and reads them one by one."""
        return True

    def exploring(self, share: float) -> "MarketBanditPolicy":
        """The same policy with a share of uniform exploration.

        Raises:
            PolicyError: The share is not within 0..1.
        """
        return replace(self, exploration=checked_exploration(share), name=f"{self.name}+explore{share:g}")

    def _behind(self, observation: Observation) -> FloatArray:
        """How much dearer money is in each world ``(B,)``: log of the plan's money to come over what is left."""
        anchor = self.context.layout.anchor
        planned = float(anchor.spend_base[observation.day :].sum())
        if anchor.has_reserve or planned <= 0.0:
            return np.zeros(observation.worlds)
        left = np.maximum(observation.remaining.budget_base, 1e-3 * planned)
        return np.log(planned / left)

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``.

        Raises:
            PolicyError: The observation holds a value that is no finite number.
        """
        rows = self.context.rows(observation)
        shift = self.price * self.pacing * self._behind(observation)
        extra = None
        if shift.any():
            # In every world at once: a world's answer must not depend on whether another one is behind.
            extra = (shift[:, None, None, None] * self.context.extra_cost(observation.day)).reshape(len(rows), -1)
        best = self.bandit.best(rows, neutral=self.context.menu.neutral, caution=self.caution, extra=extra)
        tactics = len(self.context.menu)
        greedy = (best[:, None] == np.arange(tactics)).astype(np.float64)
        mixed = (1.0 - self.exploration) * greedy + self.exploration / tactics
        regions, segments, _ = self.context.layout.shape
        return mixed.reshape(observation.worlds, regions, segments, tactics)


def save_policy(
    folder: Path, policy: MarketBanditPolicy, plan: ScheduledPolicy, *, form: Form, scenario_hash: str
) -> None:
    """Write a policy; each file appears whole or not at all, ``policy.json`` last.

    Raises:
        UsageError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_common_parts(
        folder,
        agent=policy.name,
        scenario_hash=scenario_hash,
        plan=plan,
        features=policy.context.names,
        actions=policy.context.menu.base.labels,
        files=policy.bandit.save(folder),
        entries={
            "form": form,
            "price": policy.price,
            "pacing": policy.pacing,
            "caution": list(policy.caution),
            "exploration": policy.exploration,
        },
    )


def read_tactics(folder: Path, saved: SavedPolicy, market: MarketParameters) -> MarketBanditPolicy:
    """Make a policy of what was read.

    Raises:
        PolicyError: A file is missing, damaged or of another format, or the policy was trained for another market.
    """
    scenario = market.scenario
    context = MarketContext.of(market, Anchor.of(saved.plan, scenario.limits))
    saved.check_names(scenario, features=context.names, actions=scenario.menu.labels)
    components = MenuComponents.in_form(scenario.menu, cast("Form", saved.entries["form"]))
    return MarketBanditPolicy(
        bandit=FactoredBandit.load(folder, components, n_features=len(context.names)),
        context=context,
        price=float(cast("float", saved.entries["price"])),
        pacing=float(cast("float", saved.entries["pacing"])),
        caution=tuple(float(one) for one in cast("list[float]", saved.entries["caution"])),
        exploration=float(cast("float", saved.entries["exploration"])),
        name=str(saved.entries["agent"]),
    )
