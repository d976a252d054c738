"""Graphs of plans that are known from the first day on, alone and with logged exploration."""

import numpy as np

from xbopt.agents.exploration import ExploringPolicy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.menu import TIE
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.decoding import Decoded
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.tail import finish_direct, finish_tactics

_NO_MONEY = 1e-9


def schedule_graph(graph: Graph, scenario: Scenario, inputs: Inputs, policy: ScheduledPolicy) -> None:
    """The plan of the day, by looking it up."""
    days = [policy.decide(blank_observation(scenario, day)) for day in range(scenario.days)]
    # What the projection would do to the daypart weights on any day of the service is done here once.
    start = Remaining.at_start(scenario.limits, 1)
    dayparts = np.concatenate([project(day, scenario.limits, start)[0].daypart_weights for day in days])
    spend = np.concatenate([day.spend_base for day in days])
    discount = np.concatenate([day.discount_frac for day in days])
    mechanic = np.concatenate([day.mechanic for day in days])
    finish_direct(
        graph,
        scenario,
        inputs,
        spend=graph.rows_of(as_float(spend), inputs.day),
        dayparts=graph.rows_of(as_float(dayparts), inputs.day),
        discount=graph.rows_of(as_float(discount), inputs.day),
        mechanic=graph.rows_of(mechanic.astype(np.int64), inputs.day),
        dayparts_fine=True,
    )


def schedule_decision(graph: Graph, scenario: Scenario, inputs: Inputs, policy: ScheduledPolicy) -> Decoded:
    """The plan of the day as the plan names it, for notches around it."""
    days = [policy.decide(blank_observation(scenario, day)) for day in range(scenario.days)]

    def of_day(name: str) -> str:
        table = np.concatenate([getattr(day, name) for day in days])
        return graph.rows_of(table.astype(np.int64) if name == "mechanic" else as_float(table), inputs.day)

    return Decoded(
        spend=of_day("spend_base"),
        dayparts=of_day("daypart_weights"),
        discount=of_day("discount_frac"),
        mechanic=of_day("mechanic"),
    )


def exploring_graph(graph: Graph, scenario: Scenario, inputs: Inputs, policy: ExploringPolicy) -> None:
    """The tactic nearest to a plan, with a share of uniform exploration.

    All of ``TacticMenu.nearest`` but the distance in intensity depends on the day alone. Ties go to the earlier tactic,
    within the same tolerance.
    """
    if not isinstance(policy.plan, ScheduledPolicy):
        raise PolicyError(f"{policy.plan.name} reacts to what it sees; only plans known from the first day export so.")
    menu = scenario.menu
    periods = [policy.period(blank_observation(scenario, day)) for day in range(scenario.days)]
    spend = np.concatenate([period.spend_base for period in periods])  # (T, R, S, C)
    cell_spend = spend.sum(axis=3)
    discount = np.concatenate([period.discount_frac for period in periods])
    mechanic = np.concatenate([period.mechanic for period in periods])
    weights = np.concatenate([period.daypart_weights for period in periods])
    mix, timing = menu.mix_distance(spend), menu.timing_distance(spend, weights)

    even = graph.add("Mul", graph.unsqueeze(inputs.day_budget, 1, 2), graph.constant(menu.cell_share))
    planned = graph.rows_of(as_float(cell_spend), inputs.day)
    ratio = graph.add("Div", planned, graph.at_least(even, _NO_MONEY))
    ratio = graph.add("Where", graph.add("Greater", even, graph.constant(_NO_MONEY)), ratio, graph.constant(1.0))
    log_ratio = graph.unsqueeze(graph.add("Log", graph.at_most(graph.at_least(ratio, 0.01), 100.0)), 3)
    by_intensity = graph.add(
        "Div",
        graph.add("Sub", log_ratio, graph.constant(np.log(menu.intensity))),
        graph.constant(menu.INTENSITY_STEP),
    )
    distance = graph.rows_of(
        as_float(((discount[..., None] - menu.discount_frac) / menu.DISCOUNT_STEP) ** 2), inputs.day
    )
    distance = graph.add("Add", distance, graph.add("Mul", by_intensity, by_intensity))
    other: FloatArray = (mechanic[..., None] != menu.mechanic).astype(np.float64)
    for part in ((mix / menu.SHARE_STEP) ** 2, (timing / menu.SHARE_STEP) ** 2, other):
        distance = graph.add("Add", distance, graph.rows_of(as_float(part), inputs.day))
    nearest = _earliest_nearest(graph, distance)
    chosen = graph.add("Equal", nearest, graph.constant(np.arange(len(menu), dtype=np.int64)))
    rest = policy.exploration / len(menu)
    probabilities = graph.add("Where", chosen, graph.constant((1.0 - policy.exploration) + rest), graph.constant(rest))
    finish_tactics(graph, scenario, inputs, probabilities, menu)


def _earliest_nearest(graph: Graph, distance: str) -> str:
    """``core.decisions.menu.earliest_nearest`` over ``(B, R, S, K)``, with the last axis kept at length 1."""
    least = graph.add("ReduceMin", distance, graph.constant([3]), keepdims=1)
    room = graph.add("Mul", graph.add("Add", least, graph.constant(1.0)), graph.constant(TIE))
    near = graph.add("LessOrEqual", distance, graph.add("Add", least, room))
    # ArgMax takes the first of equals.
    return graph.add("ArgMax", graph.add("Cast", near, to=7), axis=3, keepdims=1)


def blank_observation(scenario: Scenario, day: int) -> Observation:
    """An observation that holds the day and nothing else, for plans that look at nothing else."""
    regions, segments, channels, _ = scenario.shape
    return Observation(
        day=day,
        days=scenario.days,
        date=scenario.date_of(day),
        remaining=Remaining.at_start(scenario.limits, 1),
        regions=np.zeros((1, regions, 0)),
        cells=np.zeros((1, regions, segments, 0)),
        channels=np.zeros((1, regions, segments, channels, 0)),
        region_names=(),
        cell_names=(),
        channel_names=(),
    )
