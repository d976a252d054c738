"""Which graph belongs to which kind of policy."""

from collections.abc import Callable

from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.agents.exploration import ExploringPolicy
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Observation, Policy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.schema import Schema
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.inputs import Inputs, declare_inputs
from xbopt.service.exporting.market_bandit import market_bandit_graph
from xbopt.service.exporting.schedule import exploring_graph, schedule_graph

Builder = Callable[[Graph, Scenario, Inputs], None]


def policy_graph(policy: Policy, scenario: Scenario, sample: Observation, schema: Schema) -> bytes:
    """The ONNX model of a policy.

    Args:
        policy: The policy.
        scenario: The scenario it decides for.
        sample: An observation, which names the features.
        schema: Its inputs and outputs.

    Raises:
        PolicyError: There is no graph for this kind of policy.
    """
    graph = Graph()
    inputs = declare_inputs(graph, schema)
    _builder(policy, sample)(graph, scenario, inputs)
    return graph.model(name=policy.name, metadata={"scenario": scenario.name, "scenario_hash": scenario.hash})


def reads_channels(policy: Policy) -> bool:
    """Whether a policy reads features of channels; others need not be told them."""
    return not isinstance(policy, ScheduledPolicy | ExploringPolicy)


def _builder(policy: Policy, sample: Observation) -> Builder:
    if isinstance(policy, ScheduledPolicy):
        return lambda graph, scenario, inputs: schedule_graph(graph, scenario, inputs, policy)
    if isinstance(policy, ExploringPolicy):
        return lambda graph, scenario, inputs: exploring_graph(graph, scenario, inputs, policy)
    if isinstance(policy, MarketBanditPolicy):
        return lambda graph, scenario, inputs: market_bandit_graph(graph, scenario, inputs, policy, sample)
    if policy.kind == "ppo":
        # Its module loads PyTorch, which other policies do without.
        from xbopt.agents.ppo.policy import PpoDirectPolicy, PpoTacticPolicy
        from xbopt.service.exporting.ppo import ppo_graph

        if isinstance(policy, PpoDirectPolicy | PpoTacticPolicy):
            return lambda graph, scenario, inputs: ppo_graph(graph, scenario, inputs, policy, sample)
    raise PolicyError(f"{policy.name} ({type(policy).__name__}) has no graph yet, so it cannot be exported.")
