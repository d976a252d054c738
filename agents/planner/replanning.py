"""``replan``: solve again every morning from what the worlds at hand have shown so far. It does not learn.

The plan for the average market is the best that is known before the first day. Then results come in, and the seller's
own model tells by how much each channel and cell does better or worse than the scenario says (``env/nominal.py``). The
re-planner scales the response model of the plan by these ratios and solves for spend again, over all days that are
left and within the money that is left. Locks stay; caps and pacing are left to the projection, and a return floor is
not asked about again.

Near the plan, a cell's marginal value falls with its level ``y`` as that of the touching hyperbola,

    ``D(y) = V a b A w y^(w-1) / (b + A y^w)^2``,  ``w = 1 - g``,

so with ``y = r y0``, ``zeta = A y0^w / b`` and the ratio ``m`` of observed to modelled value, the optimum solves

    ``log m + (w - 1) log r - 2 log((1 + zeta r^w) / (1 + zeta)) = log(price)``,

where the price is 1, or what the money left asks for. The left side falls in ``r``, so the root is unique; at ``m = 1``
and price 1 it is the plan itself. Days are separate: carry-over stands in ``A``.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xbopt.agents.planner.blocks import Blocks, split_horizon
from xbopt.agents.planner.envelope import touching_cones
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.policy import average_plan, usual_resolution
from xbopt.agents.planner.response_model import model_at
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin

if TYPE_CHECKING:
    from xbopt.agents.planner.campaign import CampaignPlan

_RESPONSE = ("media_response", "half_saturation", "media_price")
_NEWTON_STEPS = 12
_PRICE_STEPS, _WARM_STEPS = 24, 4
_LARGEST_LOG_PRICE = 4.0
_FLATTEST = 1e-9
_LARGEST_LOG_MULTIPLE = 2.0
_SCARCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanningPolicy:
    """The re-planner of one market.

    Attributes:
        plan: The plan for the average market.
        blocks: Its cells.
        power: ``w`` by channel ``(C,)``.
        saturation: ``zeta`` ``(K, R, S, C)``.
        worth_of_value: How much more a cell's margin grows than its order value ``(R, S)``.
        response_feature: Name of the channel feature that pools what shares one response.
        locked: Cells and channels whose spend is fixed ``(R, S, C)``.
        budget_binds: Whether the plan uses the whole budget.
        budget_price: What the last unit of the plan's budget brings beyond its cost.
    """

    plan: ScheduledPolicy
    blocks: Blocks
    power: FloatArray
    saturation: FloatArray
    worth_of_value: FloatArray
    response_feature: str
    locked: BoolArray
    budget_binds: bool
    budget_price: float
    name: str = "replan"
    kind: PolicyKind = "planner"

    def decide(self, observation: Observation) -> Decision:
        """The plan of the day, moved to where results say it should be."""
        day = observation.day
        ahead = self.plan.spend_base[day:]
        log_ratio = self._log_ratio(observation)
        first = int(self.blocks.of_day[day])
        count = self.blocks.count - first
        days = self.blocks.of_day[day:] - first
        by_block = np.stack([ahead[days == k].sum(axis=0) for k in range(count)])
        left = observation.remaining.budget_base
        even = np.zeros(observation.worlds)
        log_multiple = self._log_multiple(log_ratio, even, first)
        wanted = (by_block * np.exp(log_multiple)).sum(axis=(1, 2, 3, 4))
        # A plan that uses the whole budget goes on to use what is left; others may pass their plan while money lasts.
        binds = (wanted > left) | self.budget_binds
        if bool(binds.any()) and by_block.any():
            money = np.where(binds, left, wanted)
            log_multiple = self._at_price(log_ratio, by_block, first, money, binds, log_multiple)
        worlds = observation.worlds
        return Decision(
            spend_base=ahead[0] * np.exp(log_multiple[:, 0]),
            daypart_weights=np.broadcast_to(self.plan.daypart_weights, (worlds, *self.plan.daypart_weights.shape)),
            discount_frac=np.broadcast_to(self.plan.discount_frac[day], (worlds, *self.plan.discount_frac[day].shape)),
            mechanic=np.broadcast_to(self.plan.mechanic[day], (worlds, *self.plan.mechanic[day].shape)),
        )

    def _log_ratio(self, observation: Observation) -> FloatArray:
        """Log of observed over modelled value of spend ``(B, R, S, C)``: reach, conversion and margin of an order."""
        names, cells = observation.channel_names, observation.cell_names
        response = observation.channels[..., names.index(self.response_feature)]
        conversion = observation.cells[..., cells.index("conversion_log")]
        value = observation.cells[..., cells.index("order_value_log")] * self.worth_of_value
        return response + (conversion + value)[..., None]

    def _log_multiple(
        self,
        log_ratio: FloatArray,
        log_price: FloatArray,
        first: int,
        start: FloatArray | None = None,
        steps: int = _NEWTON_STEPS,
    ) -> FloatArray:
        """``log r`` of the blocks from ``first`` on ``(B, K', R, S, C)``: Newton steps, held within bounds.

        Locked cells stay where they are, and so do those without a curve to climb.
        """
        wanted = log_ratio[:, None] - log_price[:, None, None, None, None]
        zeta, w = self.saturation[first:], self.power
        moves = (zeta > 0.0) & ~self.locked
        log_r = np.zeros((len(log_ratio), *zeta.shape)) if start is None else start
        for _ in range(steps):
            grown = zeta * np.exp(w * log_r)
            value = wanted + (w - 1.0) * log_r - 2.0 * np.log((1.0 + grown) / (1.0 + zeta))
            slope = np.minimum((w - 1.0) - 2.0 * w * grown / (1.0 + grown), -_FLATTEST)
            log_r = np.clip(log_r - value / slope, -_LARGEST_LOG_MULTIPLE, _LARGEST_LOG_MULTIPLE)
        return np.where(moves, log_r, 0.0)

    def _at_price(
        self,
        log_ratio: FloatArray,
        by_block: FloatArray,
        first: int,
        money: FloatArray,
        binds: BoolArray,
        start: FloatArray,
    ) -> FloatArray:
        """``log r`` at the price at which the days ahead spend ``money`` ``(B,)``, found by bisection.

        Money is never so cheap that spend brings in less than it costs: below that price it stays in the budget.
        """
        low = np.where(binds, -np.log1p(self.budget_price), 0.0)
        high = np.where(binds, _LARGEST_LOG_PRICE, 0.0)
        log_multiple = start
        for _ in range(_PRICE_STEPS):
            middle = 0.5 * (low + high)
            log_multiple = self._log_multiple(log_ratio, middle, first, log_multiple, _WARM_STEPS)
            dear = (by_block * np.exp(log_multiple)).sum(axis=(1, 2, 3, 4)) > money
            low, high = np.where(dear, middle, low), np.where(dear, high, middle)
        return self._log_multiple(log_ratio, high, first, log_multiple, _WARM_STEPS)


def replanning_policy(market: MarketParameters, found: "CampaignPlan | None" = None) -> ReplanningPolicy:
    """The re-planner that starts from the plan for the average market.

    Args:
        market: The market.
        found: The plan for the average market by ``usual_resolution``, for callers that have it already.
    """
    if found is None:
        found = average_plan(market)
    plan = found.schedule
    blocks = split_horizon(market, usual_resolution(market))
    expected = ExpectedMarket(market, goal_named("reward"))
    level = blocks.level(plan.spend_base)
    model = model_at(expected, blocks, expected.play(plan), level)
    half = touching_cones(model, level).half.reshape(level.shape)
    budget = market.scenario.limits.total_base
    return ReplanningPolicy(
        plan=plan,
        blocks=blocks,
        power=model.power,
        saturation=model.exposure(level) / half,
        worth_of_value=_worth_of_value(market),
        response_feature=_pooled(market),
        locked=market.scenario.limits.locked,
        budget_price=found.budget_price,
        budget_binds=float(plan.spend_base.sum()) >= budget * (1.0 - _SCARCE),
    )


def _worth_of_value(market: MarketParameters) -> FloatArray:
    """Elasticity of an order's margin to the value of its goods ``(R, S)``: fixed costs make it larger than 1."""
    step = 1e-4
    orders = market.orders
    dearer = replace(orders, price_base=orders.price_base * (1.0 + step), cost_base=orders.cost_base * (1.0 + step))
    margin = np.maximum(order_margin(market), 1e-9)
    return np.clip((order_margin(replace(market, orders=dearer)) / margin - 1.0) / step, 0.0, 5.0)


def _pooled(market: MarketParameters) -> str:
    """The channel feature whose visits share one response, by the axes of the scenario's uncertainty."""
    unsure = market.scenario.document.uncertainty.spreads
    axes = {axis for group, spec in unsure.items() if group in _RESPONSE for axis in spec.by}
    if {"region", "segment"} <= axes:
        return "visits_log"
    if "region" in axes:
        return "visits_in_region_log"
    return "visits_in_segment_log" if "segment" in axes else "visits_in_channel_log"
