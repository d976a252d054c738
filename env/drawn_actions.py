"""The choices that a policy draws from, as the actions of an environment: what logged episodes of it hold."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import IntArray
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import FactoredPolicy, Observation, TacticPolicy
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.actions import Actions, check_choices


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnActions:
    """A MultiDiscrete: one level a factor of a factored policy, or one tactic a cell of a tactic policy.

    Attributes:
        policy: The policy; it says what its choices mean.
        cells: ``(R, S)``.
        names: ``(A,)``.
        choices: ``(A,)``.
        neutral: What carries the policy's anchor on ``(A,)``; the first tactic of a menu that has no anchor.
    """

    policy: FactoredPolicy | TacticPolicy
    cells: tuple[int, int]
    names: tuple[str, ...]
    choices: IntArray
    neutral: IntArray

    @classmethod
    def of(cls, policy: FactoredPolicy | TacticPolicy, scenario: Scenario) -> "DrawnActions":
        """The actions of a policy."""
        cells = (len(scenario.regions), len(scenario.segments))
        if isinstance(policy, FactoredPolicy):
            own = policy.factors
            return cls(policy=policy, cells=cells, names=own.names, choices=own.levels, neutral=own.neutral)
        menu, count = policy.menu, cells[0] * cells[1]
        neutral = menu.neutral if isinstance(menu, AnchoredMenu) else 0
        return cls(
            policy=policy,
            cells=cells,
            names=tuple(f"{region}/{segment}/tactic" for region in scenario.regions for segment in scenario.segments),
            choices=np.full(count, len(menu), dtype=np.int64),
            neutral=np.full(count, neutral, dtype=np.int64),
        )

    def check(self, actions: Actions) -> IntArray:
        """Whole numbers that name choices ``(B, A)``.

        Raises:
            DecisionError: They are not.
        """
        return check_choices(actions, self.choices, self.names)

    def decode(self, actions: Actions, morning: Observation) -> Decision:
        """The day's decision, before projection."""
        chosen = np.asarray(actions, dtype=np.int64)
        if isinstance(self.policy, FactoredPolicy):
            return self.policy.decode(chosen, morning)
        return self.policy.menu.decode(chosen.reshape(-1, *self.cells), morning)
