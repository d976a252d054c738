"""How a branch is played: the wishes of one morning carried on, and what they bring by cell."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Observation, PolicyKind
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import CustomerValue, cell_customer_value


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldWish:
    """The anchor's wish of a morning, carried on along the plan: nobody observes a branch, so nobody reacts in it."""

    plan: ScheduledPolicy
    multiple: FloatArray
    daypart_weights: FloatArray
    name: str = "held wish"
    kind: PolicyKind = "planner"

    @classmethod
    def of(cls, plan: ScheduledPolicy, anchor: DirectPolicy, observation: Observation) -> "HeldWish":
        """The wish of a morning."""
        planned, wish = plan.decide(observation).spend_base, anchor.decide(observation)
        has = planned > 0.0
        multiple = np.where(has, wish.spend_base / np.where(has, planned, 1.0), 1.0)
        return cls(plan=plan, multiple=multiple, daypart_weights=wish.daypart_weights)

    def decide(self, observation: Observation) -> Decision:
        """The plan of the day, moved as the morning's wish was."""
        planned = self.plan.decide(observation)
        return replace(planned, spend_base=planned.spend_base * self.multiple, daypart_weights=self.daypart_weights)


class Branch:
    """A run from a morning on: margin, spend and gross revenue that it brings by cell ``(B, R, S)``, base currency."""

    def __init__(self, run: MarketRun) -> None:
        self._run = run.branch()
        shape = (len(run.worlds), *run.market.shape[:2])
        self._margin_base, self.media_base, self.revenue_base = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def play(self, encoding: ResidualActions, levels: IntArray, days: int) -> None:
        """Play some days with the same levels ``(B, A)`` around a wish that is held, which looks at the day alone."""
        for _ in range(days):
            money = self._run.play(encoding.decode(levels, cast("Observation", self._run.morning()))).money
            self._margin_base = self._margin_base + money.contribution_margin
            self.media_base = self.media_base - money.media
            self.revenue_base = self.revenue_base + money.gross_revenue

    def worth_base(self, value: CustomerValue) -> FloatArray:
        """Margin, customers and what is carried beyond ``(B, R, S)``."""
        run = self._run
        beyond = carried_beyond(run.market).by_cell(run.state, run.world)
        return self._margin_base + cell_customer_value(run.market, run.state, value) + beyond
