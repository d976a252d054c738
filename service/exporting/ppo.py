"""Graphs of policies that PPO trained: a flat network, or one that reads every cell alike; weights in float64."""

from collections.abc import Mapping

import numpy as np

from xbopt.agents.ppo.networks import FlatNetwork
from xbopt.agents.ppo.policy import PpoDirectPolicy, PpoResidualPolicy, PpoTacticPolicy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.policy import Observation
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.continuous_actions import (
    LARGEST_DAYPART_MULTIPLE,
    LARGEST_PACE_MULTIPLE,
    LARGEST_SPEND_MULTIPLE,
    ContinuousActions,
)
from xbopt.service.exporting.components import joint_choice
from xbopt.service.exporting.decoding import day_money
from xbopt.service.exporting.features import FeatureTensors, feature_tensors
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.tail import finish_direct, finish_tactics

_NORM_LARGEST, _NORM_SMALLEST_SD = 5.0, 0.05
Weights = Mapping[str, FloatArray]
Trained = PpoDirectPolicy | PpoTacticPolicy | PpoResidualPolicy


def ppo_graph(
    graph: Graph, scenario: Scenario, inputs: Inputs, policy: PpoDirectPolicy | PpoTacticPolicy, sample: Observation
) -> None:
    """The graph of a trained policy that names its decision or draws tactics."""
    parameters = network_parameters(graph, inputs, policy, sample)
    if isinstance(policy, PpoTacticPolicy):
        _tactics(graph, scenario, inputs, policy, parameters)
    else:
        _continuous(graph, scenario, inputs, policy.encoding, parameters)


def network_parameters(graph: Graph, inputs: Inputs, policy: Trained, sample: Observation) -> str:
    """What a trained network says ``(B, P)``: parameters of its action distribution, or locations of levels."""
    features = feature_tensors(graph, inputs, policy.features, sample)
    state = policy.network.state_dict()
    weights: Weights = {name: as_float(tensor.detach().cpu().numpy()) for name, tensor in state.items()}
    flat = "actor.0.weight" in weights
    return _flat(graph, features, weights) if flat else _shared(graph, features, weights, policy)


def _linear(graph: Graph, tensor: str, weights: Weights, name: str) -> str:
    return graph.dense(tensor, as_float(weights[f"{name}.weight"].T), weights[f"{name}.bias"])


def _norm(graph: Graph, tensor: str, weights: Weights, name: str) -> str:
    sd = np.maximum(np.sqrt(weights[f"{name}.variance"]), _NORM_SMALLEST_SD)
    centred = graph.add("Sub", tensor, graph.constant(weights[f"{name}.mean"]))
    scaled = graph.add("Div", centred, graph.constant(as_float(sd)))
    return graph.at_most(graph.at_least(scaled, -_NORM_LARGEST), _NORM_LARGEST)


def _flat(graph: Graph, features: FeatureTensors, weights: Weights) -> str:
    """Parameters of the action distribution ``(B, P)`` of one perceptron over the whole row."""
    rows = [graph.add("Flatten", block, axis=1) for block in features.blocks]
    row = _norm(graph, graph.add("Concat", *rows, axis=1), weights, "norm")
    hidden = graph.add("Tanh", _linear(graph, row, weights, "actor.0"))
    hidden = graph.add("Tanh", _linear(graph, hidden, weights, "actor.2"))
    return _placed(graph, _linear(graph, hidden, weights, "head"), weights)


def _shared(
    graph: Graph,
    features: FeatureTensors,
    weights: Weights,
    policy: Trained,
) -> str:
    """Parameters of the action distribution ``(B, P)`` of the network that reads every cell alike."""
    whole, regions, cells, channels = (
        _norm(graph, block, weights, f"norms.{i}") for i, block in enumerate(features.blocks)
    )

    def mean(tensor: str, axis: int) -> str:
        return graph.add("ReduceMean", tensor, graph.constant([axis]), keepdims=0)

    def joined(base: str, name: str, pooled: str) -> str:
        return graph.add("Tanh", graph.add("Add", base, _linear(graph, pooled, weights, name)))

    w = _linear(graph, whole, weights, "whole")
    r = graph.add("Add", _linear(graph, regions, weights, "region"), graph.unsqueeze(w, 1))
    c = graph.add("Add", _linear(graph, cells, weights, "cell"), graph.unsqueeze(r, 2))
    x = graph.add("Add", _linear(graph, channels, weights, "channel"), graph.unsqueeze(c, 3))
    x = graph.add("Tanh", _linear(graph, graph.add("Tanh", x), weights, "deeper"))
    by_cell = joined(c, "to_cell", mean(x, 3))
    by_pair = joined(graph.unsqueeze(r, 2), "to_pair", mean(x, 2))
    by_region = joined(r, "to_region", mean(by_cell, 2))
    by_whole = joined(w, "to_whole", mean(by_region, 1))
    around = graph.add("Expand", graph.unsqueeze(cells, 3), graph.constant([1, 1, 1, policy.features.shape[2], 1]))
    states = (
        graph.add("Concat", by_whole, whole, axis=1),
        graph.add("Concat", by_region, regions, axis=2),
        graph.add("Concat", by_pair, mean(channels, 2), axis=3),
        graph.add("Concat", by_cell, cells, axis=3),
        graph.add("Concat", x, channels, around, axis=4),
    )
    outputs: list[str] = []
    assert not isinstance(policy.network, FlatNetwork), "the other kind has no heads"
    for state, width in zip(states, policy.network.widths, strict=True):
        if width:
            head = _linear(graph, state, weights, f"heads.{len(outputs)}")
            outputs.append(graph.add("Flatten", head, axis=1))
    together = outputs[0] if len(outputs) == 1 else graph.add("Concat", *outputs, axis=1)
    order: IntArray = weights["order"].astype(np.int64)
    ordered = graph.add("Gather", together, graph.constant(order), axis=1)
    if "mixes" in weights:  # each choice of a mix by the scores of its channels
        mixes = weights["mixes"]
        scores = graph.unsqueeze(graph.reshape(_linear(graph, states[4], weights, "score"), -1, *mixes.shape[1:]), 3)
        by_mix = graph.total(graph.add("Mul", scores, graph.constant(as_float(np.moveaxis(mixes, 0, 2)))), 4)
        ordered = graph.add("Add", ordered, graph.add("Flatten", by_mix, axis=1))
    return _placed(graph, ordered, weights)


def _placed(graph: Graph, outputs: str, weights: Weights) -> str:
    """Parameters of the distribution from the outputs of the heads: scaled, around those of the plan."""
    scaled = graph.add("Mul", outputs, graph.constant(weights["scale"]))
    return graph.add("Add", scaled, graph.constant(weights["bias"]))


def _tactics(graph: Graph, scenario: Scenario, inputs: Inputs, policy: PpoTacticPolicy, logits: str) -> None:
    """The likeliest choice of every component, with a share of uniform exploration."""
    regions, segments, _, _ = scenario.shape
    components = policy.encoding.components
    by_cell = graph.reshape(logits, -1, regions, segments, sum(components.sizes))
    best: list[str] = []
    start = 0
    for size in components.sizes:
        part = graph.add("Gather", by_cell, graph.constant(list(range(start, start + size))), axis=3)
        best.append(graph.add("ArgMax", part, axis=3, keepdims=1))
        start += size
    probabilities = joint_choice(graph, components, best, policy.exploration)
    finish_tactics(graph, scenario, inputs, probabilities, policy.menu)


def _continuous(graph: Graph, scenario: Scenario, inputs: Inputs, encoding: ContinuousActions, parameters: str) -> None:
    """The mean action, held within -1 to 1, read relative to the plan; as ``ContinuousActions.decode``."""
    anchor = encoding.anchor
    actions = graph.at_most(graph.at_least(parameters, -1.0), 1.0)
    pace, spend, dayparts, discount = _blocks(graph, actions, encoding)

    def factor(tensor: str, largest: float) -> str:
        return graph.add("Exp", graph.add("Mul", tensor, graph.constant(float(np.log(largest)))))

    share = graph.add("Mul", graph.rows_of(as_float(anchor.split), inputs.day), factor(spend, LARGEST_SPEND_MULTIPLE))
    if not anchor.has_reserve:
        total = graph.total(share, 1, 2, 3, keep=True)
        some = graph.add("Greater", total, graph.constant(0.0))
        share = graph.add("Div", share, graph.add("Where", some, total, graph.constant(1.0)))
    money = graph.add("Mul", day_money(graph, inputs, anchor), factor(pace, LARGEST_PACE_MULTIPLE))
    weights = graph.add(
        "Mul", graph.constant(as_float(anchor.daypart_weights)), factor(dayparts, LARGEST_DAYPART_MULTIPLE)
    )
    planned = np.minimum(anchor.discount_frac, encoding.ceiling)  # (T, R, S)
    own = graph.rows_of(as_float(planned), inputs.day)
    up = graph.rows_of(as_float(encoding.ceiling - planned), inputs.day)
    deeper = graph.add("Greater", discount, graph.constant(0.0))
    room = graph.add("Where", deeper, up, own)
    finish_direct(
        graph,
        scenario,
        inputs,
        spend=graph.add("Mul", share, graph.unsqueeze(money, 1, 2, 3)),
        dayparts=graph.add("Div", weights, graph.total(weights, 3, keep=True)),
        discount=graph.add("Add", own, graph.add("Mul", discount, room)),
        mechanic=graph.rows_of(anchor.mechanic.astype(np.int64), inputs.day),
    )


def _blocks(graph: Graph, actions: str, encoding: ContinuousActions) -> tuple[str, str, str, str]:
    """Pace ``(B,)``, spend ``(B, R, S, C)``, dayparts ``(B, R, C, H)`` and discount ``(B, R, S)``."""
    regions, segments, channels, hours = encoding.shape
    cells, pairs = regions * segments, regions * channels

    def part(start: int, count: int, *shape: int) -> str:
        taken = graph.add("Gather", actions, graph.constant(list(range(start, start + count))), axis=1)
        return graph.reshape(taken, -1, *shape)

    end = len(encoding.names)
    pace = part(0, 1)
    discount = part(end - cells, cells, regions, segments)
    if encoding.form == "full":
        spend = part(1, cells * channels, regions, segments, channels)
        return pace, spend, part(1 + cells * channels, pairs * hours, regions, channels, hours), discount
    by_channel = part(1, pairs, regions, 1, channels)
    by_cell = part(1 + pairs, cells, regions, segments, 1)
    spend = graph.at_most(graph.at_least(graph.add("Add", by_channel, by_cell), -1.0), 1.0)
    tilts = part(1 + pairs + cells, regions, regions, 1, 1)
    return pace, spend, graph.add("Mul", tilts, graph.constant(as_float(encoding.tilt))), discount
