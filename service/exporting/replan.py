"""The re-planner as a graph: its solve is a fixed number of plain steps, so all of it can be written out.

As ``agents/planner/reallocation.py``. Cells of the days ahead stand in one table a day, blocks that are over at the end
as cells without money: they count nowhere and do not move.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.floor_ahead import LEAST_FALL, LEAST_VALUE
from xbopt.agents.planner.reallocation import (
    ALWAYS,
    FIRST_STEPS,
    FLATTEST,
    LARGEST_LOG_PRICE,
    LARGEST_STEP,
    LEAST_ELASTICITY,
    LEAST_MONEY,
    LEAST_RISE,
    LEAST_SHARE,
    ROUNDING,
    SHORTER,
    SWEEPS,
    SWEEPS_WITH_CAPS,
    CellsAhead,
)
from xbopt.agents.planner.replanning import LARGEST_LOG_MULTIPLE, LARGEST_LOG_RATIO, ReplanningPolicy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.decoding import Decoded
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.schedule import schedule_decision
from xbopt.service.exporting.tail import finish_direct


def replan_graph(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: ReplanningPolicy, sample: Observation
) -> None:
    """The graph of the re-planner."""
    made = replan_decision(graph, scenario, inputs, policy, sample)
    finish_direct(
        graph,
        scenario,
        inputs,
        spend=made.spend,
        dayparts=made.dayparts,
        discount=made.discount,
        mechanic=made.mechanic,
    )


def replan_decision(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: ReplanningPolicy, sample: Observation
) -> Decoded:
    """The re-planner's decision as it names it: the plan of the day, its spend moved."""
    planned = schedule_decision(graph, scenario, inputs, policy.plan)
    solve = _Solve.of(graph, inputs, policy, _log_ratio(graph, inputs, policy, sample))
    today = graph.add("Gather", solve.levels(), graph.whole(0), axis=1)
    return Decoded(
        spend=graph.add("Mul", planned.spend, graph.add("Exp", today)),
        dayparts=planned.dayparts,
        discount=planned.discount,
        mechanic=planned.mechanic,
    )


def _log_ratio(graph: Graph, inputs: Inputs, policy: ReplanningPolicy, sample: Observation) -> str:
    """``log m`` of cells and channels ``(B, 1, R, S, C)``."""

    def feature(tensor: str, names: tuple[str, ...], name: str, axis: int) -> str:
        return graph.add("Gather", tensor, graph.whole(names.index(name)), axis=axis)

    response = feature(inputs.channels, sample.channel_names, policy.response_feature, 4)
    conversion = feature(inputs.cells, sample.cell_names, "conversion_log", 3)
    value = feature(inputs.cells, sample.cell_names, "order_value_log", 3)
    value = graph.add("Mul", value, graph.constant(policy.worth_of_value))
    by_cell = graph.unsqueeze(graph.add("Add", conversion, value), 3)
    ratio = graph.at_most(graph.at_least(graph.add("Add", response, by_cell), -LARGEST_LOG_RATIO), LARGEST_LOG_RATIO)
    return graph.unsqueeze(ratio, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """A kind of limit: the money it counts, its axes of ``(B, K, R, S, C)``, its bounds, and what is promised of them.

    Attributes:
        counted: The money it counts.
        axes: The axes over which it counts.
        bound: Its bounds.
        owed: What minimums and locks ask for.
        log_room: Log of the bounds less what is promised.
    """

    counted: str
    axes: tuple[int, ...]
    bound: str
    owed: str
    log_room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Floor:
    """The return floor ahead; as ``FloorAhead``.

    Attributes:
        rate: ``f``.
        value: Value of the plan's cells ahead, times ``m`` ``(B, K, R, S, C)``.
        past_value: What the days before brought ``(B, 1, 1, 1, 1)``.
        past_spend: What was spent ``(B, 1, 1, 1, 1)``.
    """

    rate: float
    value: str
    past_value: str
    past_spend: str


@dataclass(slots=True, kw_only=True)
class _Solve:
    """Tensors of the solve ``(B, K, R, S, C)``, all by the day of each row.

    Attributes:
        graph: The graph.
        budget_price: The plan's own price of money.
        power: ``w`` by channel ``(C,)``.
        log_zeta: ``log zeta``.
        least: Least ``x``.
        most: Largest ``x``.
        promised: Multiples that minimums and locks ask for.
        worth: ``log(m v) + 2 log(1 + zeta)``.
        whole: ``log(1 + zeta)``.
        floor: The return floor, where the scenario has one.
        limits: The limits that the scenario has, the budget last.
    """

    graph: Graph
    budget_price: float
    power: FloatArray
    log_zeta: str
    least: str
    most: str
    promised: str
    worth: str
    whole: str
    limits: list[_Limit]
    floor: _Floor | None

    @classmethod
    def of(cls, graph: Graph, inputs: Inputs, policy: ReplanningPolicy, log_ratio: str) -> "_Solve":
        """The solve of a policy's cells, given ``log m``."""
        blocks = policy.blocks.count
        days = [policy.cells_ahead(day) for day in range(inputs.days)]

        def by_day(table_of: Callable[[CellsAhead], FloatArray]) -> str:
            table = np.stack([_padded(table_of(day), blocks) for day in days])
            return graph.rows_of(as_float(table), inputs.day)

        promised = by_day(lambda cells: cells.promised)
        return cls(
            graph=graph,
            budget_price=policy.budget_price,
            power=policy.power,
            log_zeta=by_day(lambda cells: cells.log_zeta),
            least=by_day(lambda cells: cells.least),
            most=by_day(lambda cells: cells.most),
            promised=promised,
            worth=graph.add(
                "Add", log_ratio, by_day(lambda cells: cells.log_value + 2.0 * np.log1p(np.exp(cells.log_zeta)))
            ),
            whole=by_day(lambda cells: np.log1p(np.exp(cells.log_zeta))) if policy.roi_floor > 0.0 else "",
            floor=_floor(graph, inputs, policy, log_ratio) if policy.roi_floor > 0.0 else None,
            limits=_limits(graph, inputs, policy, by_day, promised),
        )

    def levels(self) -> str:
        """``x`` after all steps ``(B, K, R, S, C)``; as ``reallocate``."""
        graph = self.graph
        dearest = float(np.exp(LARGEST_LOG_PRICE) * (1.0 + self.budget_price))
        zero = graph.add("Mul", self.worth, graph.constant(0.0))
        nothing = graph.total(zero, 1, 2, 3, 4, keep=True)
        budget_price = graph.add("Add", nothing, graph.constant(self.budget_price))
        cost = graph.add("Add", nothing, graph.constant(1.0 + self.budget_price))
        prices = [graph.total(zero, *limit.axes, keep=True) for limit in self.limits[:-1]] + [budget_price]
        x, elasticity = zero, zero
        for _ in range(FIRST_STEPS):
            x, elasticity = self._towards_roots(cost, x)
        floor_price = nothing
        plain = len(self.limits) == ALWAYS and self.floor is None
        for sweep in range(SWEEPS if plain else SWEEPS_WITH_CAPS):
            longest = LARGEST_STEP * SHORTER**sweep
            for i, limit in enumerate(self.limits):
                price = self._price(limit, x, elasticity, cost, prices[i], dearest, longest)
                x, cost = self._dearer(x, elasticity, cost, price, prices[i])
                prices[i] = price
            if self.floor is not None:
                price = self._floor_price(self.floor, x, elasticity, floor_price, prices[-1], longest)
                x, cost = self._dearer(x, elasticity, cost, price, floor_price)
                floor_price = price
            x, elasticity = self._towards_roots(cost, x)
        growth = graph.add("Exp", x)
        share = graph.add("Div", self._scaled_to_limits(growth), growth)
        return graph.add("Add", x, graph.add("Log", graph.at_least(share, LEAST_SHARE)))

    def _scaled_to_limits(self, growth: str) -> str:
        """Multiples scaled down to each limit in turn; as ``scaled_to_limits``."""
        graph, one = self.graph, self.graph.constant(1.0)
        kept, above = self.promised, graph.at_least(graph.add("Sub", growth, self.promised), 0.0)
        cut = graph.add("Mul", growth, graph.constant(0.0))
        for limit in self.limits:
            owed = graph.total(graph.add("Mul", limit.counted, kept), *limit.axes, keep=True)
            more = graph.total(graph.add("Mul", limit.counted, above), *limit.axes, keep=True)
            bound = graph.add("Mul", limit.bound, graph.constant(1.0 + ROUNDING))
            over = graph.add("Greater", graph.add("Add", owed, more), bound)
            pays = graph.at_most(graph.add("Div", limit.bound, graph.at_least(owed, LEAST_MONEY)), 1.0)
            room = graph.at_least(graph.add("Sub", limit.bound, owed), 0.0)
            room = graph.at_most(graph.add("Div", room, graph.at_least(more, LEAST_MONEY)), 1.0)
            kept = graph.add("Mul", kept, graph.add("Where", over, pays, one))
            above = graph.add("Mul", above, graph.add("Where", over, room, one))
            cut = graph.add("Where", over, one, cut)
        return graph.add("Where", graph.add("Greater", cut, graph.constant(0.0)), graph.add("Add", kept, above), growth)

    def _dearer(self, x: str, elasticity: str, cost: str, price: str, before: str) -> tuple[str, str]:
        """Levels by the tangent and what money costs, where a price was another before."""
        graph = self.graph
        dearer = graph.add("Add", cost, graph.add("Sub", price, before))
        risen = graph.add("Log", graph.add("Div", dearer, cost))
        return self._within(graph.add("Sub", x, graph.add("Mul", elasticity, risen))), dearer

    def _floor_price(
        self, floor: _Floor, x: str, elasticity: str, price: str, budget_price: str, longest: float
    ) -> str:
        """The price of the return floor after one Newton step; as ``FloorAhead`` and ``reallocate``."""
        graph = self.graph
        power = graph.constant(self.power)

        def total(tensor: str) -> str:
            return graph.total(tensor, 1, 2, 3, 4, keep=True)

        moved = graph.add("Mul", power, x)
        whole = graph.add("Add", graph.add("Exp", graph.add("Add", moved, self.log_zeta)), graph.constant(1.0))
        bent = graph.add("Div", graph.add("Exp", graph.add("Add", moved, self.whole)), whole)
        value = graph.add("Mul", floor.value, bent)
        money = graph.add("Mul", self.limits[-1].counted, graph.add("Exp", x))
        brought = graph.add("Add", floor.past_value, total(value))
        spent = graph.add("Add", floor.past_spend, total(money))
        wanted = graph.at_least(graph.add("Mul", spent, graph.constant(1.0 + floor.rate)), LEAST_VALUE)
        brought, some_spent = graph.at_least(brought, LEAST_VALUE), graph.at_least(spent, LEAST_VALUE)
        missing = graph.add("Sub", graph.add("Log", wanted), graph.add("Log", brought))
        by_spend = graph.add("Div", total(graph.add("Mul", money, elasticity)), some_spent)
        grows = graph.add("Mul", value, graph.add("Div", power, whole))
        by_value = graph.add("Div", total(graph.add("Mul", grows, elasticity)), brought)
        falls = graph.at_least(graph.add("Sub", by_spend, by_value), LEAST_FALL)
        step = graph.at_most(graph.at_least(graph.add("Div", missing, falls), -longest), longest)
        step = graph.add("Sub", graph.add("Exp", step), graph.constant(1.0))
        own = graph.add("Add", graph.add("Add", price, graph.constant(1.0)), budget_price)
        found = graph.add("Add", price, graph.add("Mul", own, step))
        return graph.at_most(graph.at_least(found, 0.0), floor.rate)

    def _price(
        self, limit: _Limit, x: str, elasticity: str, cost: str, price: str, dearest: float, longest: float
    ) -> str:
        """The price of a limit after one Newton step on the log of the money that it counts."""
        graph = self.graph

        def summed(tensor: str) -> str:
            return graph.total(tensor, *limit.axes, keep=True)

        money = graph.add("Mul", limit.counted, graph.add("Exp", x))
        counted = graph.at_least(graph.add("Sub", summed(money), limit.owed), LEAST_MONEY)
        over = graph.add("Sub", graph.add("Log", counted), limit.log_room)
        given = graph.add("Mul", money, elasticity)
        gives, by_price = summed(given), summed(graph.add("Div", given, cost))
        falls = graph.at_least(graph.add("Div", gives, counted), LEAST_ELASTICITY)
        step = graph.at_most(graph.at_least(graph.add("Div", over, falls), -longest), longest)
        some, one = graph.add("Greater", by_price, graph.constant(0.0)), graph.constant(1.0)
        shared = graph.add("Div", gives, graph.add("Where", some, by_price, one))
        mean = graph.add("Where", some, shared, graph.add("Add", price, one))
        moved = graph.add("Mul", mean, graph.add("Sub", graph.add("Exp", step), one))
        return graph.at_most(graph.at_least(graph.add("Add", price, moved), 0.0), dearest)

    def _towards_roots(self, cost: str, x: str) -> tuple[str, str]:
        """``x`` after a Newton step, and its elasticity; as ``reallocation``."""
        graph, power, flat = self.graph, self.power, np.maximum(1.0 - self.power, LEAST_RISE)
        wanted = graph.add("Sub", self.worth, graph.add("Log", cost))
        grown = graph.add("Exp", graph.add("Add", graph.add("Mul", graph.constant(power), x), self.log_zeta))
        whole = graph.add("Add", grown, graph.constant(1.0))
        slope = graph.add("Mul", graph.constant(flat + 2.0 * power), grown)
        slope = graph.at_least(graph.add("Add", slope, graph.constant(flat)), FLATTEST)
        elasticity = graph.add("Div", whole, slope)
        value = graph.add("Sub", wanted, graph.add("Mul", graph.constant(flat), x))
        value = graph.add("Sub", value, graph.add("Mul", graph.constant(2.0), graph.add("Log", whole)))
        target = graph.add("Add", x, graph.add("Mul", value, elasticity))
        x = self._within(target)
        return x, graph.add("Where", graph.add("Equal", x, target), elasticity, graph.constant(0.0))

    def _within(self, x: str) -> str:
        return self.graph.add("Min", self.graph.add("Max", x, self.least), self.most)


def _limits(
    graph: Graph,
    inputs: Inputs,
    policy: ReplanningPolicy,
    by_day: Callable[[Callable[[CellsAhead], FloatArray]], str],
    promised: str,
) -> list[_Limit]:
    """The limits that the scenario has, the narrowest first and the budget last; as ``limits_ahead``."""
    limits = policy.limits

    def limit(counted: str, axes: tuple[int, ...], bound: str) -> _Limit:
        owed = graph.total(graph.add("Mul", counted, promised), *axes, keep=True)
        room = graph.at_least(graph.add("Sub", bound, owed), LEAST_MONEY)
        return _Limit(counted=counted, axes=axes, bound=bound, owed=owed, log_room=graph.add("Log", room))

    spend, rows = by_day(lambda cells: cells.spend_base), list[_Limit]()
    if np.isfinite(limits.maximum_base).any():
        rows.append(
            limit(
                by_day(lambda cells: cells.place_base),
                (3,),
                graph.constant(limits.maximum_base[None, None, :, None, :]),
            )
        )
    if np.isfinite(limits.region_cap_base).any():
        rows.append(limit(spend, (1, 3, 4), graph.unsqueeze(inputs.region, 1, 3, 4)))
    if np.isfinite(limits.channel_cap_base).any():
        rows.append(limit(spend, (1, 2, 3), graph.unsqueeze(inputs.channel, 1, 2, 3)))
    rows.append(limit(by_day(lambda cells: cells.dearest_base), (2, 3, 4), graph.constant(limits.daily_base)))
    rows.append(limit(spend, (1, 2, 3, 4), graph.unsqueeze(inputs.budget, 1, 2, 3, 4)))
    return rows


def _floor(graph: Graph, inputs: Inputs, policy: ReplanningPolicy, log_ratio: str) -> _Floor:
    """What the days before and the plan's cells ahead are worth; as ``ReplanningPolicy`` reckons the floor."""
    blocks, days = policy.blocks, range(inputs.days)
    first = [int(blocks.of_day[day]) for day in days]
    starts = [np.maximum(blocks.starts[first[day] :] - day, 0) for day in days]
    ahead = [np.add.reduceat(policy.value_base[day:], starts[day], axis=0) for day in days]
    ratio = graph.add("Exp", log_ratio)  # (B, 1, R, S, C)
    value = graph.rows_of(as_float(np.stack([_padded(one, blocks.count) for one in ahead])), inputs.day)

    planned = np.array([float(policy.plan.spend_base[:day].sum()) for day in days])
    began = planned > 0.0
    spent = graph.add("Sub", graph.constant(policy.limits.total_base), inputs.budget)
    share = graph.add("Div", spent, graph.rows_of(np.where(began, planned, 1.0), inputs.day))
    went = graph.add("Mul", graph.add("Log", graph.at_least(share, 1e-12)), graph.rows_of(as_float(began), inputs.day))
    went = graph.at_most(graph.at_least(went, -LARGEST_LOG_MULTIPLE), LARGEST_LOG_MULTIPLE)
    moved = graph.add("Exp", graph.add("Mul", graph.unsqueeze(went, 1, 2, 3), graph.constant(policy.power)))
    zeta = graph.rows_of(as_float(np.stack([policy.saturation[one] for one in first])), inputs.day)
    one = graph.constant(1.0)
    below = graph.add("Add", graph.add("Mul", zeta, moved), one)
    grown = graph.add("Div", graph.add("Mul", moved, graph.add("Add", zeta, one)), below)
    before = np.stack([policy.value_base[:day].sum(axis=0) for day in days])
    past = graph.add("Mul", graph.rows_of(as_float(before), inputs.day), grown)
    past = graph.add("Mul", graph.unsqueeze(past, 1), ratio)
    return _Floor(
        rate=policy.roi_floor,
        value=graph.add("Mul", value, ratio),
        past_value=graph.total(past, 1, 2, 3, 4, keep=True),
        past_spend=graph.unsqueeze(graph.at_least(spent, 0.0), 1, 2, 3, 4),
    )


def _padded(cells: FloatArray, blocks: int) -> FloatArray:
    """Cells ``(K', ...)`` as those of all blocks ``(K, ...)``, the missing ones 0."""
    return np.concatenate([cells, np.zeros((blocks - len(cells), *cells.shape[1:]))])
