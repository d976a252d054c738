"""``replan``: solve again every morning from what the worlds at hand have shown so far. It does not learn.

The plan for the average market is the best that is known before the first day. Then results come in, and the seller's
own model tells by how much each channel and cell does better or worse than the scenario says (``env/nominal.py``). The
re-planner scales the response model of the plan by these ratios and solves for spend again, over all days that are
left and within all that is left of budget, caps and pacing; ``reallocation.py`` says how. Days are separate:
carry-over stands in the model. Its answer is a function of the observation alone, so it can take over a campaign on any
day, whatever was done before: observe, ``decide``, and ``spend_ahead`` for what comes after.

Discounts and dayparts stay as planned. No daypart's response differs between worlds, and nothing observed is told by
daypart, so results cannot say that another timing is better; what discounts were found to bring stands in decision
0094.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xbopt.agents.planner.blocks import Blocks, split_horizon
from xbopt.agents.planner.envelope import touching_cones
from xbopt.agents.planner.expected import ExpectedMarket
from xbopt.agents.planner.feasible_plan import feasible_plan, promised_base
from xbopt.agents.planner.floor_ahead import FloorAhead
from xbopt.agents.planner.goals import goal_named
from xbopt.agents.planner.policy import average_plan, usual_resolution
from xbopt.agents.planner.reallocation import CellsAhead, keeps_floor, reallocate
from xbopt.agents.planner.response_model import ResponseModel, model_at
from xbopt.agents.planner.revealed_prices import BINDING, money_worth
from xbopt.core.arrays import BoolArray, FloatArray, IntArray, add_up
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, PolicyKind
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.response import order_margin

if TYPE_CHECKING:
    from xbopt.agents.planner.campaign import CampaignPlan

_AT_FLOOR = 1e-3
_RESPONSE = ("media_response", "half_saturation", "media_price")
LARGEST_LOG_RATIO = 50.0
"""Beyond this, what is observed is no ratio of values; every level stands at a bound long before."""
LARGEST_LOG_MULTIPLE = 2.0
"""Held within a seventh and seven times the plan: the hyperbolas touch the response near the plan only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanningPolicy:
    """The re-planner of one market.

    Attributes:
        plan: The plan that is moved, within the limits.
        blocks: Its cells.
        power: ``w`` by channel ``(C,)``.
        saturation: ``zeta`` ``(K, R, S, C)``.
        log_worth: Log of what a unit of the plan's money brings at the margin ``(K, R, S, C)``.
        worth_of_value: How much more a cell's margin grows than its order value ``(R, S)``.
        response_feature: Name of the channel feature that pools what shares one response.
        limits: The scenario's limits.
        budget_price: What the last unit of the plan's budget brings beyond its cost; 0 where the plan does not use all
            of it.
        roi_floor: The scenario's return floor; 0 where it has none, or one that asks nothing.
        value_base: Margin before media that the plan's spend of a day brings ``(T, R, S, C)``; 0 without a floor.
    """

    plan: ScheduledPolicy
    blocks: Blocks
    power: FloatArray
    saturation: FloatArray
    log_worth: FloatArray
    worth_of_value: FloatArray
    response_feature: str
    limits: Limits
    budget_price: float
    roi_floor: float
    value_base: FloatArray
    name: str = "replan"
    kind: PolicyKind = "planner"

    def decide(self, observation: Observation) -> Decision:
        """The plan of the day, moved to where results say it should be."""
        day = observation.day
        multiple = np.exp(self.log_multiple(observation)[:, 0])
        worlds = observation.worlds
        return Decision(
            spend_base=self.plan.spend_base[day] * multiple,
            daypart_weights=np.broadcast_to(self.plan.daypart_weights, (worlds, *self.plan.daypart_weights.shape)),
            discount_frac=np.broadcast_to(self.plan.discount_frac[day], (worlds, *self.plan.discount_frac[day].shape)),
            mechanic=np.broadcast_to(self.plan.mechanic[day], (worlds, *self.plan.mechanic[day].shape)),
        )

    def log_multiple(self, observation: Observation) -> FloatArray:
        """Log of the multiple of the plan's spend in each block that is left, today's first ``(B, K, R, S, C)``."""
        cells, log_ratio = self.cells_ahead(observation.day), self.log_ratio(observation)
        floor = self._floor_ahead(observation, log_ratio)
        return reallocate(cells, log_ratio, self.limits, observation.remaining, self.budget_price, floor)

    def keeps_return_floor(self, observation: Observation) -> BoolArray:
        """Whether what it would do keeps the scenario's return floor, by its own model ``(B,)``; true without a floor.

        Where it does not, no spend of the days ahead would: the last unit of every cell brings what the floor wants.
        """
        log_ratio = self.log_ratio(observation)
        floor = self._floor_ahead(observation, log_ratio)
        if floor is None:
            return np.ones(observation.worlds, dtype=np.bool_)
        return keeps_floor(self.cells_ahead(observation.day), log_ratio, self.log_multiple(observation), floor)

    def _floor_ahead(self, observation: Observation, log_ratio: FloatArray) -> FloorAhead | None:
        if self.roi_floor <= 0.0:
            return None  # money that brings less than it costs is never spent
        day = observation.day
        first = int(self.blocks.of_day[day])
        starts = np.maximum(self.blocks.starts[first:] - day, 0)
        spent = self.limits.total_base - observation.remaining.budget_base
        planned = float(self.plan.spend_base[:day].sum())
        # The world spent so much more or less than the plan; its value went with it as that of the days ahead does.
        went = np.log(np.maximum(spent / planned, 1e-12)) if planned > 0.0 else np.zeros_like(spent)
        x = np.clip(went, -LARGEST_LOG_MULTIPLE, LARGEST_LOG_MULTIPLE)[:, None, None, None]
        zeta, w = self.saturation[first], self.power
        grown = np.exp(w * x) * (1.0 + zeta) / (1.0 + zeta * np.exp(w * x))
        past = add_up(self.value_base[:day].sum(axis=0) * np.exp(log_ratio) * grown, 1, 2, 3)
        return FloorAhead(
            rate=self.roi_floor,
            value_base=np.add.reduceat(self.value_base[day:], starts, axis=0),
            past_value_base=past,
            past_spend_base=np.maximum(spent, 0.0),
        )

    def spend_ahead(self, observation: Observation) -> FloatArray:
        """What it would spend on each day that is left if nothing new were seen ``(B, T', R, S, C)``, base currency.

        The first of the days is ``decide``'s; all of them together keep what is left of budget and caps. A running
        campaign books its next days from this.
        """
        day = observation.day
        block = self.blocks.of_day[day:] - self.blocks.of_day[day]
        return self.plan.spend_base[day:] * np.exp(self.log_multiple(observation)[:, block])

    def cells_ahead(self, day: int) -> CellsAhead:
        """The plan's cells of the days from ``day`` on."""
        first = int(self.blocks.of_day[day])
        starts = np.maximum(self.blocks.starts[first:] - day, 0)
        ahead = self.plan.spend_base[day:]
        spend = np.add.reduceat(ahead, starts, axis=0)
        moves = (self.saturation[first:] > 0.0) & ~self.limits.locked & (spend > 0.0)
        bound = np.where(moves, LARGEST_LOG_MULTIPLE, 0.0)
        # A minimum is a day's amount: one multiple has to keep it on every day of a block.
        owed = promised_base(self.limits, ahead > 0.0) / np.where(ahead > 0.0, ahead, 1.0)
        share = np.minimum(np.maximum.reduceat(owed, starts, axis=0), 1.0)
        least = np.where(moves, np.log(np.maximum(share, np.exp(-LARGEST_LOG_MULTIPLE))), 0.0)
        return CellsAhead(
            spend_base=spend,
            dearest_base=_dearest(ahead, starts, ahead.sum(axis=(1, 2, 3), keepdims=True)),
            place_base=_dearest(ahead, starts, ahead.sum(axis=2, keepdims=True)),
            log_zeta=np.log(np.where(moves, self.saturation[first:], 1.0)),
            log_value=self.log_worth[first:],
            least=least,
            most=np.maximum(bound, least),
            promised=share,
            power=self.power,
        )

    def log_ratio(self, observation: Observation) -> FloatArray:
        """Log of observed over modelled value of spend ``(B, R, S, C)``: reach, conversion and margin of an order."""
        names, cells = observation.channel_names, observation.cell_names
        response = observation.channels[..., names.index(self.response_feature)]
        conversion = observation.cells[..., cells.index("conversion_log")]
        value = observation.cells[..., cells.index("order_value_log")] * self.worth_of_value
        return np.clip(response + (conversion + value)[..., None], -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)


def _dearest(ahead: FloatArray, starts: IntArray, asked: FloatArray) -> FloatArray:
    """Spend of the day of each block on which most is asked for ``(K, R, S, C)``."""
    parts = np.split(np.arange(len(ahead)), starts[1:])
    rows = [np.take_along_axis(ahead[days], asked[days].argmax(axis=0)[None], axis=0) for days in parts]
    return np.concatenate(rows)


def replanning_policy(market: MarketParameters, found: "CampaignPlan | None" = None) -> ReplanningPolicy:
    """The re-planner that starts from the plan for the average market.

    Args:
        market: The market.
        found: The plan for the average market by ``usual_resolution``, for callers that have it already.
    """
    if found is None:
        found = average_plan(market)
    return replanning_around(market, found.schedule, budget_price=found.budget_price)


def replanning_around(
    market: MarketParameters, plan: ScheduledPolicy, *, budget_price: float | None = None
) -> ReplanningPolicy:
    """The re-planner that starts from any plan: one that was saved, or one's own.

    Args:
        market: The market.
        plan: What is done where all is as expected. Where it is not within the limits, it is first brought there
            (``feasible_plan``), and what they refuse of it is money to spend elsewhere.
        budget_price: What the last unit of the plan's budget brings beyond its cost, as ``CampaignPlan.budget_price``
            and ``ReplanningPolicy.budget_price`` say it. Where left out, it is read off the model; a plan that leaves
            money unspent of its own accord then has a price of 0.
    """
    limits = market.scenario.limits
    asked = float(plan.spend_base.sum())
    plan = feasible_plan(plan, limits, market.shocks.available)
    blocks = split_horizon(market, usual_resolution(market))
    expected = ExpectedMarket(market, goal_named("reward"))
    level = blocks.level(plan.spend_base)
    course = expected.play(plan)
    model = model_at(expected, blocks, course, level)
    half = touching_cones(model, level).half.reshape(level.shape)
    saturation = model.exposure(level) / half
    free = (saturation > 0.0) & (level > 0.0) & ~limits.locked
    marginal = model.slope(level) / np.where(model.cost > 0.0, model.cost, 1.0)
    roi_floor = max(market.scenario.document.budget.roi_floor or 0.0, 0.0)
    spent = float(plan.spend_base.sum())
    worth, price = money_worth(
        blocks,
        plan.spend_base,
        marginal,
        limits,
        free=free,
        budget_price=budget_price,
        uses_budget=max(asked, spent) >= limits.total_base * (1.0 - BINDING),
        floor_binds=roi_floor > 0.0 and course.by_days <= (roi_floor + _AT_FLOOR) * spent,
    )
    return ReplanningPolicy(
        plan=plan,
        blocks=blocks,
        power=model.power,
        saturation=saturation,
        log_worth=np.log(worth),
        worth_of_value=_worth_of_value(market),
        response_feature=_pooled(market),
        limits=limits,
        budget_price=price,
        roi_floor=roi_floor,
        value_base=_value_of_media(model, level, plan, (course.by_days + spent) * (roi_floor > 0.0)),
    )


def _value_of_media(model: ResponseModel, level: FloatArray, plan: ScheduledPolicy, total_base: float) -> FloatArray:
    """What each day's spend brings ``(T, R, S, C)``: the model's share of a total, spread as the money is."""
    blocks = model.blocks
    value = np.maximum(model.ceiling * model.saturation.reached(model.exposure(level)) + model.linear * level, 0.0)
    spend = np.add.reduceat(plan.spend_base, blocks.starts, axis=0)
    per_money = value / np.where(spend > 0.0, spend, 1.0) * (total_base / max(float(value.sum()), 1e-300))
    return per_money[blocks.of_day] * plan.spend_base


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
