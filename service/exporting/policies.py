"""Which graph belongs to which kind of policy."""

from collections.abc import Callable

from xbopt.agents.bandits.market_policy import MarketBanditPolicy
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import ReplanningPolicy
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import DirectPolicy, Observation, Policy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.residual_actions import ResidualActions
from xbopt.service.bundle.schema import Schema
from xbopt.service.exporting.decoding import Decoded
from xbopt.service.exporting.graph import Graph
from xbopt.service.exporting.inputs import Inputs, declare_inputs
from xbopt.service.exporting.market_bandit import market_bandit_graph
from xbopt.service.exporting.replan import replan_decision, replan_graph
from xbopt.service.exporting.residual import decode_levels, nearest_levels, neutral_levels, one_notch
from xbopt.service.exporting.residual_bandit import bandit_levels
from xbopt.service.exporting.schedule import exploring_graph, schedule_decision, schedule_graph
from xbopt.service.exporting.tail import finish_factors

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
    if isinstance(policy, FactoredDirect):
        return reads_channels(policy.anchor)
    return not isinstance(policy, ScheduledPolicy | ExploringPolicy)


def _builder(policy: Policy, sample: Observation) -> Builder:
    if isinstance(policy, ScheduledPolicy):
        return lambda graph, scenario, inputs: schedule_graph(graph, scenario, inputs, policy)
    if isinstance(policy, ExploringPolicy):
        return lambda graph, scenario, inputs: exploring_graph(graph, scenario, inputs, policy)
    if isinstance(policy, ReplanningPolicy):
        return lambda graph, scenario, inputs: replan_graph(graph, scenario, inputs, policy, sample)
    if isinstance(policy, FactoredDirect):
        return lambda graph, scenario, inputs: _notches_graph(graph, scenario, inputs, policy, sample)
    if isinstance(policy, MarketBanditPolicy):
        return lambda graph, scenario, inputs: market_bandit_graph(graph, scenario, inputs, policy, sample)
    if isinstance(policy, ResidualBanditPolicy):
        return lambda graph, scenario, inputs: _residual_bandit_graph(graph, scenario, inputs, policy, sample)
    if policy.kind == "ppo":
        # Its module loads PyTorch, which other policies do without.
        from xbopt.agents.ppo.policy import PpoDirectPolicy, PpoResidualPolicy, PpoTacticPolicy
        from xbopt.service.exporting.ppo import network_parameters, ppo_graph

        if isinstance(policy, PpoDirectPolicy | PpoTacticPolicy):
            return lambda graph, scenario, inputs: ppo_graph(graph, scenario, inputs, policy, sample)
        if isinstance(policy, PpoResidualPolicy):

            def residual_graph(graph: Graph, scenario: Scenario, inputs: Inputs) -> None:
                own = nearest_levels(graph, policy.factors, network_parameters(graph, inputs, policy, sample))
                anchor = _anchor_decision(graph, scenario, inputs, policy.anchor, sample)
                _finish_residual(graph, scenario, inputs, policy.encoding, anchor, own, policy.exploration)

            return residual_graph
    raise _no_graph(policy)


def _notches_graph(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: FactoredDirect, sample: Observation
) -> None:
    """A policy that names its decisions, with a share of each factor one notch aside."""
    own = neutral_levels(graph, inputs, policy.factors)
    anchor = _anchor_decision(graph, scenario, inputs, policy.anchor, sample)
    _finish_residual(graph, scenario, inputs, policy.actions, anchor, own, policy.exploration)


def _residual_bandit_graph(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: ResidualBanditPolicy, sample: Observation
) -> None:
    """A bandit's levels around the re-planner, whose wish is one of the things that it reads."""
    anchor = _anchor_decision(graph, scenario, inputs, policy.anchor, sample)
    own = bandit_levels(graph, inputs, policy, anchor.spend, sample)
    _finish_residual(graph, scenario, inputs, policy.actions, anchor, own, policy.exploration)


def _finish_residual(
    graph: Graph,
    scenario: Scenario,
    inputs: Inputs,
    actions: ResidualActions,
    anchor: Decoded,
    own: str,
    exploration: float,
) -> None:
    """From an anchor's decision and the policy's own levels ``(B, A)`` around it to the drawn decision."""
    finish_factors(
        graph,
        scenario,
        inputs,
        one_notch(graph, actions.factors, own, exploration),
        actions.factors,
        lambda levels: decode_levels(graph, actions, anchor, levels),
    )


def _anchor_decision(
    graph: Graph, scenario: Scenario, inputs: Inputs, anchor: DirectPolicy, sample: Observation
) -> Decoded:
    if isinstance(anchor, ScheduledPolicy):
        return schedule_decision(graph, scenario, inputs, anchor)
    if isinstance(anchor, ReplanningPolicy):
        return replan_decision(graph, scenario, inputs, anchor, sample)
    raise _no_graph(anchor)


def _no_graph(policy: Policy) -> PolicyError:
    return PolicyError(f"{policy.name} ({type(policy).__name__}) has no graph yet, so it cannot be exported.")
