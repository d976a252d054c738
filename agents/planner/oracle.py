"""The planner that knows each world's own parameters: the yardstick of ``gap_closed``, for comparisons only.

It opens the door to the ground truth, so nothing that is deployed or trained may use it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.ascent import begin
from xbopt.agents.planner.blocks import Resolution, split_horizon
from xbopt.agents.planner.campaign import never_below
from xbopt.agents.planner.conflicts import InfeasiblePlanError
from xbopt.agents.planner.constraints import scenario_constraints
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.return_floor import keep_return_floor, promises_alone
from xbopt.agents.planner.search import Effort, alternate
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.worlds import draw_worlds, select_worlds

# From a good plan for the average market, a world's own plan is two alternations away.
_EFFORT = Effort.local(alternations=2, rounds=2, tolerance=1e-3)


@dataclass(frozen=True, slots=True, kw_only=True)
class OraclePolicy:
    """Plays each world's own plan; row ``i`` of a batch is world ``worlds[i]``.

    Attributes:
        plans: One plan a world.
        worlds: Global numbers of the worlds ``(B,)``.
        expected: What each plan brings in its world in expected mode ``(B,)``.
        below_floor: In how many of the worlds no plan keeps the return floor.
    """

    plans: tuple[ScheduledPolicy, ...]
    worlds: IntArray
    expected: FloatArray
    below_floor: int = 0
    name: str = "oracle"
    kind: PolicyKind = "planner"

    def decide(self, observation: Observation) -> Decision:
        """Each world's plan of the day.

        Raises:
            PolicyError: The batch has another number of worlds than there are plans.
        """
        if observation.worlds != len(self.plans):
            raise PolicyError(f"The oracle has {len(self.plans)} plans, one a world, for {observation.worlds} worlds.")
        day = observation.day
        return Decision(
            spend_base=np.stack([plan.spend_base[day] for plan in self.plans]),
            daypart_weights=np.stack([plan.daypart_weights for plan in self.plans]),
            discount_frac=np.stack([plan.discount_frac[day] for plan in self.plans]),
            mechanic=np.stack([plan.mechanic[day] for plan in self.plans]),
        )


def plan_worlds(
    market: MarketParameters,
    worlds: IntArray,
    *,
    world_seed: int,
    resolution: Resolution,
    start: ScheduledPolicy,
    goal: str = "reward",
    on_progress: Callable[[int, int], None] | None = None,
) -> OraclePolicy:
    """Plan each world for itself, knowing its parameters but not its luck.

    Args:
        market: The market.
        worlds: Global numbers of the worlds ``(B,)``.
        world_seed: Seed of the uncertain parameters.
        resolution: Length of plan cells.
        start: Where each search begins: the plan for the average market. No world's plan is worse than it there.
        goal: What to make as large as possible.
        on_progress: Called with worlds done and worlds in all.
    """
    parameters = draw_worlds(market.scenario, seed=world_seed, worlds=worlds)
    blocks = split_horizon(market, resolution)
    constraints = scenario_constraints(market.scenario, blocks)
    plans: list[ScheduledPolicy] = []
    values: list[float] = []
    below = 0
    for row in range(len(worlds)):
        own = select_worlds(parameters, np.array([row]))
        expected = ExpectedMarket(market, goal_named(goal), own)
        found = alternate(expected, blocks, constraints, begin(expected, blocks, constraints, start), _EFFORT)
        try:
            found = keep_return_floor(expected, blocks, constraints, found, start)
        except InfeasiblePlanError:
            # The floor was set for the average market. Where a world cannot keep it, its plan comes as near as it can.
            found = promises_alone(expected, blocks, constraints, found)
            below += 1
        found = never_below(expected, blocks, market.scenario.limits, found, [start], constraints)
        plans.append(found.course.plan)
        values.append(found.course.total)
        if on_progress is not None:
            on_progress(row + 1, len(worlds))
    return OraclePolicy(plans=tuple(plans), worlds=worlds.copy(), expected=np.array(values), below_floor=below)
