"""Built-in plans asked about logged decisions: the one part of an observation that they need stands in the log."""

from dataclasses import dataclass

import numpy as np

from xbopt.agents.exploration import ExploringPolicy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES, REGION_FEATURES


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFromContext:
    """A plan that is fixed from the first day on, translated to the tactic menu, as a policy of the context.

    Which tactic is nearest to the plan depends on the day, on the money that is left, and on the cell. A decision log
    of the simulator holds all three: ``time_left``, ``budget_left``, and the cell's region and segment.

    Attributes:
        plan: The plan.
        scenario: The scenario that wrote the log.
        exploration: Share of uniform exploration, 0..1.
    """

    plan: ScheduledPolicy
    scenario: Scenario
    exploration: float

    @property
    def name(self) -> str:
        """Name in reports: the plan's, and its exploration if it has any."""
        return self._exploring.name if self.exploration else self.plan.name

    @property
    def kind(self) -> PolicyKind:
        """The plan's kind."""
        return self.plan.kind

    @property
    def _exploring(self) -> ExploringPolicy:
        return ExploringPolicy(plan=self.plan, scenario=self.scenario, exploration=self.exploration)

    def probabilities_from_context(self, context: FloatArray, names: tuple[str, ...]) -> FloatArray:
        """Probability of each tactic ``(n, K)`` given contexts ``(n, d)``.

        Raises:
            PolicyError: The context is not that of a decision log of this scenario.
        """
        scenario = self.scenario
        region = self._cell(context, names, [f"region_{name}" for name in scenario.regions])
        segment = self._cell(context, names, [f"segment_{name}" for name in scenario.segments])
        day_float = scenario.days * (1.0 - self._column(context, names, "time_left"))
        day = np.rint(day_float).astype(np.int64)
        if not (np.abs(day_float - day) < 1e-6).all() or day.min(initial=0) < 0 or day.max(initial=0) >= scenario.days:
            raise PolicyError(f"time_left does not fit the {scenario.days} days of scenario {scenario.name}.")
        budget_left = self._column(context, names, "budget_left")
        answer = np.empty((len(context), len(scenario.menu)))
        for one in np.unique(day).tolist():
            rows = np.flatnonzero(day == one)
            levels, world = np.unique(budget_left[rows], return_inverse=True)
            table = self._exploring.probabilities(self._observation(one, levels * scenario.limits.total_base))
            answer[rows] = table[world, region[rows], segment[rows]]
        return answer

    def _observation(self, day: int, budget_base: FloatArray) -> Observation:
        """A morning of which the day and the money left are known, and nothing else: a fixed plan asks for no more."""
        scenario, worlds = self.scenario, len(budget_base)
        regions, segments, channels, _ = scenario.shape
        return Observation(
            day=day,
            days=scenario.days,
            date=scenario.date_of(day),
            remaining=Remaining(
                budget_base=budget_base,
                region_base=np.full((worlds, regions), np.nan),
                channel_base=np.full((worlds, channels), np.nan),
            ),
            regions=np.full((worlds, regions, len(REGION_FEATURES)), np.nan),
            cells=np.full((worlds, regions, segments, len(CELL_FEATURES)), np.nan),
            channels=np.full((worlds, regions, segments, channels, len(CHANNEL_FEATURES)), np.nan),
            region_names=REGION_FEATURES,
            cell_names=CELL_FEATURES,
            channel_names=CHANNEL_FEATURES,
        )

    def _column(self, context: FloatArray, names: tuple[str, ...], name: str) -> FloatArray:
        if name not in names:
            raise PolicyError(
                f"The log's context has no field {name!r}, so the plan {self.plan.name} cannot be placed in it; it is "
                f"no log of the scenario {self.scenario.name}."
            )
        return context[:, names.index(name)]

    def _cell(self, context: FloatArray, names: tuple[str, ...], columns: list[str]) -> IntArray:
        marks = np.stack([self._column(context, names, column) for column in columns], axis=1)
        if not bool(((marks == 1.0).sum(axis=1) == 1).all()):
            raise PolicyError(f"The columns {', '.join(columns)} should mark exactly one cell in each row.")
        return np.argmax(marks, axis=1)
