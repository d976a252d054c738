"""Graphs of plans that are known from the first day on, alone and with logged exploration."""

import numpy as np

from xbopt.agents.exploration import ExploringPolicy
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.exporting.decoding import Decoded
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.tail import finish_direct, finish_tactics


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
    """A plan with a share of uniform exploration around it: the same probabilities on every day and in every cell."""
    if not isinstance(policy.plan, ScheduledPolicy):
        raise PolicyError(
            f"{policy.plan.name} reacts to what it sees; only plans known from the first day export with exploration."
        )
    menu = policy.menu
    shares = graph.expand(graph.constant(policy.shares), inputs.day, *menu.base.cell_share.shape, len(menu))
    finish_tactics(graph, scenario, inputs, shares, menu)


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
