"""The re-planner as a graph: its solve is a fixed number of plain steps, so all of it can be written out.

As ``agents/planner/reallocation.py``. Cells of the days ahead stand in one table a day, blocks that are over at the end
as cells without money: they count nowhere and do not move.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xbopt.agents.planner.reallocation import (
    ALWAYS,
    FIRST_STEPS,
    FLATTEST,
    LARGEST_LOG_PRICE,
    LARGEST_STEP,
    LEAST_ELASTICITY,
    LEAST_MONEY,
    SWEEPS,
    SWEEPS_WITH_CAPS,
    CellsAhead,
)
from xbopt.agents.planner.replanning import ReplanningPolicy
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
    return graph.unsqueeze(graph.add("Add", response, by_cell), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """A kind of limit: the money it counts, its axes of ``(B, K, R, S, C)``, the log of its bounds, and its prices."""

    counted: str
    axes: tuple[int, ...]
    log_bound: str


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
        worth: ``log(m v) + 2 log(1 + zeta)``.
        limits: The limits that the scenario has, the budget last.
    """

    graph: Graph
    budget_price: float
    power: FloatArray
    log_zeta: str
    least: str
    most: str
    worth: str
    limits: list[_Limit]

    @classmethod
    def of(cls, graph: Graph, inputs: Inputs, policy: ReplanningPolicy, log_ratio: str) -> "_Solve":
        """The solve of a policy's cells, given ``log m``."""
        blocks = policy.blocks.count
        days = [policy.cells_ahead(day) for day in range(inputs.days)]

        def by_day(table_of: Callable[[CellsAhead], FloatArray]) -> str:
            table = np.stack([_padded(table_of(day), blocks) for day in days])
            return graph.rows_of(as_float(table), inputs.day)

        return cls(
            graph=graph,
            budget_price=policy.budget_price,
            power=policy.power,
            log_zeta=by_day(lambda cells: cells.log_zeta),
            least=by_day(lambda cells: cells.least),
            most=by_day(lambda cells: cells.most),
            worth=graph.add(
                "Add", log_ratio, by_day(lambda cells: cells.log_value + 2.0 * np.log1p(np.exp(cells.log_zeta)))
            ),
            limits=_limits(graph, inputs, policy, by_day),
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
        for _ in range(SWEEPS if len(self.limits) == ALWAYS else SWEEPS_WITH_CAPS):
            for i, limit in enumerate(self.limits):
                price = self._price(limit, x, elasticity, cost, prices[i], dearest)
                dearer = graph.add("Add", cost, graph.add("Sub", price, prices[i]))
                risen = graph.add("Log", graph.add("Div", dearer, cost))
                x = self._within(graph.add("Sub", x, graph.add("Mul", elasticity, risen)))
                prices[i], cost = price, dearer
            x, elasticity = self._towards_roots(cost, x)
        return x

    def _price(self, limit: _Limit, x: str, elasticity: str, cost: str, price: str, dearest: float) -> str:
        """The price of a limit after one Newton step on the log of the money that it counts."""
        graph = self.graph

        def summed(tensor: str) -> str:
            return graph.total(tensor, *limit.axes, keep=True)

        money = graph.add("Mul", limit.counted, graph.add("Exp", x))
        counted = graph.at_least(summed(money), LEAST_MONEY)
        over = graph.add("Sub", graph.add("Log", counted), limit.log_bound)
        given = graph.add("Mul", money, elasticity)
        gives, by_price = summed(given), summed(graph.add("Div", given, cost))
        falls = graph.at_least(graph.add("Div", gives, counted), LEAST_ELASTICITY)
        step = graph.at_most(graph.at_least(graph.add("Div", over, falls), -LARGEST_STEP), LARGEST_STEP)
        some, one = graph.add("Greater", by_price, graph.constant(0.0)), graph.constant(1.0)
        shared = graph.add("Div", gives, graph.add("Where", some, by_price, one))
        mean = graph.add("Where", some, shared, graph.add("Add", price, one))
        moved = graph.add("Mul", mean, graph.add("Sub", graph.add("Exp", step), one))
        return graph.at_most(graph.at_least(graph.add("Add", price, moved), 0.0), dearest)

    def _towards_roots(self, cost: str, x: str) -> tuple[str, str]:
        """``x`` after a Newton step, and its elasticity; as ``reallocation``."""
        graph, power = self.graph, self.power
        wanted = graph.add("Sub", self.worth, graph.add("Log", cost))
        grown = graph.add("Exp", graph.add("Add", graph.add("Mul", graph.constant(power), x), self.log_zeta))
        whole = graph.add("Add", grown, graph.constant(1.0))
        slope = graph.add("Mul", graph.constant(1.0 + power), grown)
        slope = graph.at_least(graph.add("Add", slope, graph.constant(1.0 - power)), FLATTEST)
        elasticity = graph.add("Div", whole, slope)
        value = graph.add("Sub", wanted, graph.add("Mul", graph.constant(1.0 - power), x))
        value = graph.add("Sub", value, graph.add("Mul", graph.constant(2.0), graph.add("Log", whole)))
        target = graph.add("Add", x, graph.add("Mul", value, elasticity))
        x = self._within(target)
        return x, graph.add("Where", graph.add("Equal", x, target), elasticity, graph.constant(0.0))

    def _within(self, x: str) -> str:
        return self.graph.add("Min", self.graph.add("Max", x, self.least), self.most)


def _limits(
    graph: Graph, inputs: Inputs, policy: ReplanningPolicy, by_day: Callable[[Callable[[CellsAhead], FloatArray]], str]
) -> list[_Limit]:
    """The limits that the scenario has, the narrowest first and the budget last; as ``reallocation._limits``."""
    limits = policy.limits

    def limit(counted: str, axes: tuple[int, ...], bound: str) -> _Limit:
        return _Limit(counted=counted, axes=axes, log_bound=graph.add("Log", graph.at_least(bound, LEAST_MONEY)))

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


def _padded(cells: FloatArray, blocks: int) -> FloatArray:
    """Cells ``(K', ...)`` as those of all blocks ``(K, ...)``, the missing ones 0."""
    return np.concatenate([cells, np.zeros((blocks - len(cells), *cells.shape[1:]))])
