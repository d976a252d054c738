"""Actions over the tactic menu: for every cell one choice a component, or one choice over the whole menu."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, Form, check_choices
from xbopt.env.components import MenuComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class TacticActions:
    """A MultiDiscrete over cells and components, in the order regions, segments, components.

    The choice of a component keeps its meaning whatever the others are, so that the probability of a tactic is the
    product of its components' probabilities.

    Attributes:
        menu: The menu, relative to a plan.
        components: The menu taken apart.
        names: ``(A,)``.
        choices: ``(A,)``.
    """

    menu: AnchoredMenu
    components: MenuComponents
    names: tuple[str, ...]
    choices: IntArray

    @classmethod
    def of(cls, scenario: Scenario, menu: AnchoredMenu, form: Form) -> "TacticActions":
        """The encoding of a scenario's menu.

        Args:
            scenario: Names the cells.
            menu: The menu, relative to a plan.
            form: ``factored``: one choice a component; ``full``: one choice over the whole menu.
        """
        parts = MenuComponents.in_form(menu.base, form)
        cells = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]
        return cls(
            menu=menu,
            components=parts,
            names=tuple(f"{cell}/{name}" for cell in cells for name in parts.names),
            choices=np.tile(np.array(parts.sizes, dtype=np.int64), len(cells)),
        )

    @property
    def neutral(self) -> IntArray:
        """Every cell carries the plan on ``(A,)``."""
        cells = len(self.choices) // len(self.components.sizes)
        return np.tile(self.components.choice[self.menu.neutral], cells)

    def check(self, actions: Actions) -> IntArray:
        """Whole numbers that name choices ``(B, A)``.

        Raises:
            DecisionError: They are not.
        """
        return check_choices(actions, self.choices, self.names)

    def tactics(self, actions: Actions) -> IntArray:
        """Positions in the menu ``(B, R, S)``."""
        regions, segments = self.menu.base.cell_share.shape
        chosen = np.asarray(actions, dtype=np.int64).reshape(len(actions), regions, segments, -1)
        return self.components.tactic[tuple(np.moveaxis(chosen, 3, 0))]

    def decode(self, actions: Actions, morning: Morning) -> Decision:
        """The day's decision, before projection."""
        return self.menu.decode(self.tactics(actions), morning)

    def nearest(self, spend_base: FloatArray, morning: Morning) -> IntArray:
        """The actions ``(B, A)`` whose spend is nearest to ``spend_base`` ``(B, R, S, C)``; all else as in the plan.

        Nearest by squared differences of square roots: what spend brings grows about as its root.
        """
        menu = self.menu.base
        neutral, worlds = self.menu.neutral, len(spend_base)
        alike = (menu.discount_frac == menu.discount_frac[neutral]) & (menu.timing == menu.timing[neutral])
        positions = np.flatnonzero(alike & (menu.mechanic == menu.mechanic[neutral]))
        wanted = np.sqrt(np.maximum(spend_base, 0.0))
        far: list[FloatArray] = []
        for position in positions:
            everywhere = np.full((worlds, *menu.cell_share.shape), position, dtype=np.int64)
            spend = self.menu.decode(everywhere, morning).spend_base
            far.append(((np.sqrt(spend) - wanted) ** 2).sum(axis=3))
        best = positions[np.argmin(np.stack(far), axis=0)]
        return self.components.choice[best].reshape(worlds, -1)
