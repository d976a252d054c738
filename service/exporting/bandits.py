"""Graphs of contextual bandits: probabilities over the menu from the context of each cell."""

from collections.abc import Callable, Mapping

import numpy as np

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.gap_weighting import FastCb, SquareCb
from xbopt.agents.bandits.linear import TIE, EpsilonGreedy, LinearBandit, LinUcb
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.neural import NeuralLinear
from xbopt.agents.bandits.thompson import LinThompson
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import PolicyError
from xbopt.service.exporting.graph import Graph, as_float
from xbopt.service.exporting.inputs import Inputs
from xbopt.service.exporting.thompson import thompson_probabilities

_LARGEST_LOGIT = 30.0


def cell_context(graph: Graph, inputs: Inputs, *, regions: int, segments: int) -> str:
    """The context of every cell ``(B * R * S, d)``: its region's features, its own, and which cell it is."""
    wide = graph.add("Expand", graph.unsqueeze(inputs.regions, 2), graph.constant([1, 1, segments, 1]))
    eye = np.concatenate(
        [
            np.broadcast_to(np.eye(regions)[:, None, :], (regions, segments, regions)),
            np.broadcast_to(np.eye(segments), (regions, segments, segments)),
        ],
        axis=2,
    )
    which = graph.expand(graph.constant(as_float(eye)), inputs.cells, *eye.shape)
    context = graph.add("Concat", wide, inputs.cells, which, axis=3)
    width = graph.add("Shape", context, start=3, end=4)
    return graph.add("Reshape", context, graph.add("Concat", graph.constant([-1]), width, axis=0))


def bandit_probabilities(graph: Graph, bandit: Bandit, context: str) -> str:
    """Probability of every action ``(n, K)`` for contexts ``(n, d)``.

    Raises:
        PolicyError: There is no graph for this kind of bandit.
    """
    for kind, build in _BUILDERS.items():
        if type(bandit) is kind:
            return build(graph, bandit, context)
    raise PolicyError(f"There is no graph for a {type(bandit).__name__} yet, so it cannot be exported.")


def bandit_predictions(graph: Graph, bandit: Bandit, context: str) -> tuple[str, str]:
    """Expected reward of every action and its standard deviation, ``(n, K)`` each, for contexts ``(n, d)``.

    Raises:
        PolicyError: There is no graph for this kind of bandit.
    """
    if isinstance(bandit, LinearBandit):
        return _means(graph, bandit.models, context), _deviations(graph, bandit.models, context)
    if isinstance(bandit, NeuralLinear):
        features = _learned_features(graph, bandit, context)
        return _means(graph, bandit.models, features), _deviations(graph, bandit.models, features)
    if isinstance(bandit, FastCb):
        rates = _rates(graph, bandit, context)
        slope = graph.add("Mul", rates, graph.add("Sub", graph.constant(1.0), rates))
        return rates, graph.add("Mul", slope, _deviations(graph, bandit.models, context))
    raise PolicyError(f"There is no graph for a {type(bandit).__name__} yet, so it cannot be exported.")


def _means(graph: Graph, models: LinearModels, context: str) -> str:
    return graph.add("MatMul", context, graph.constant(as_float(models.theta[:, 0].T)))


def _deviations(graph: Graph, models: LinearModels, context: str) -> str:
    """``sqrt(x'A_k^-1 x)`` of every action ``(n, K)``, from packed upper triangles."""
    first, second = np.triu_indices(models.theta.shape[2])
    left = graph.add("Gather", context, graph.constant(first.astype(np.int64)), axis=1)
    right = graph.add("Gather", context, graph.constant(second.astype(np.int64)), axis=1)
    products = graph.add("Mul", graph.add("Mul", left, right), graph.constant(np.where(first == second, 1.0, 2.0)))
    forms = graph.add("MatMul", products, graph.constant(as_float(models.inverse.T)))
    return graph.add("Sqrt", graph.at_least(forms, 0.0))


def _greedy_mix(graph: Graph, scores: str, epsilon: float, actions: int) -> str:
    """``1 - epsilon`` shared by the best scores, ``epsilon`` by all."""
    best = graph.add("ReduceMax", scores, graph.constant([1]), keepdims=1)
    width = graph.add("Mul", graph.add("Add", graph.add("Abs", best), graph.constant(1.0)), graph.constant(TIE))
    among = graph.add("Cast", graph.add("GreaterOrEqual", scores, graph.add("Sub", best, width)), to=11)
    shared = graph.add("Div", among, graph.total(among, 1, keep=True))
    return _with_floor(graph, shared, epsilon, actions)


def _with_floor(graph: Graph, probabilities: str, epsilon: float, actions: int) -> str:
    if epsilon == 0.0:
        return probabilities
    kept = graph.add("Mul", probabilities, graph.constant(1.0 - epsilon))
    return graph.add("Add", kept, graph.constant(epsilon / actions))


def _gap_weights(graph: Graph, scores: str, gamma: float, actions: int, *, relative: bool) -> str:
    """``1 / (K + gamma gap)`` each, the rest to the best."""
    best = graph.add("ArgMax", scores, axis=1, keepdims=1)
    top = graph.add("GatherElements", scores, best, axis=1)
    factor = graph.add("Div", graph.constant(gamma), top) if relative else graph.constant(gamma)
    gap = graph.add("Mul", graph.add("Sub", top, scores), factor)
    weights = graph.add("Div", graph.constant(1.0), graph.add("Add", gap, graph.constant(float(actions))))
    is_best = graph.add("Equal", best, graph.constant(np.arange(actions, dtype=np.int64)))
    others = graph.add("Where", is_best, graph.constant(0.0), weights)
    rest = graph.add("Sub", graph.constant(1.0), graph.total(others, 1, keep=True))
    return graph.add("Where", is_best, rest, others)


def _epsilon_greedy(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, EpsilonGreedy), "the table says so"
    return _greedy_mix(graph, _means(graph, bandit.models, context), bandit.epsilon_now, bandit.n_actions)


def _lin_ucb(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, LinUcb), "the table says so"
    bonus = graph.add("Mul", _deviations(graph, bandit.models, context), graph.constant(bandit.alpha))
    scores = graph.add("Add", _means(graph, bandit.models, context), bonus)
    return _greedy_mix(graph, scores, bandit.epsilon, bandit.n_actions)


def _square_cb(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, SquareCb), "the table says so"
    means = _means(graph, bandit.models, context)
    return _gap_weights(graph, means, bandit.gamma_now, bandit.n_actions, relative=False)


def _fast_cb(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, FastCb), "the table says so"
    return _gap_weights(graph, _rates(graph, bandit, context), bandit.gamma_now, bandit.n_actions, relative=True)


def _rates(graph: Graph, bandit: FastCb, context: str) -> str:
    """Predicted rates ``(n, K)``."""
    rate = bandit.initial_rate
    logit = graph.add("Add", _means(graph, bandit.models, context), graph.constant(float(np.log(rate / (1.0 - rate)))))
    logit = graph.at_most(graph.at_least(logit, -_LARGEST_LOGIT), _LARGEST_LOGIT)
    # Written out, because a library's own sigmoid may round otherwise.
    odds = graph.add("Add", graph.add("Exp", graph.add("Neg", logit)), graph.constant(1.0))
    return graph.add("Div", graph.constant(1.0), odds)


def _sampled(graph: Graph, bandit: LinThompson | NeuralLinear, features: str) -> str:
    spread = graph.add("Mul", _deviations(graph, bandit.models, features), graph.constant(bandit.spread))
    exact = thompson_probabilities(graph, _means(graph, bandit.models, features), spread, bandit.n_actions)
    return _with_floor(graph, exact, bandit.epsilon, bandit.n_actions)


def _lin_thompson(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, LinThompson), "the table says so"
    return _sampled(graph, bandit, context)


def _neural_linear(graph: Graph, bandit: Bandit, context: str) -> str:
    assert isinstance(bandit, NeuralLinear), "the table says so"
    return _sampled(graph, bandit, _learned_features(graph, bandit, context))


def _learned_features(graph: Graph, bandit: NeuralLinear, context: str) -> str:
    """The network's features and a constant ``(n, m + 1)``."""
    state = bandit.arrays()
    scale = state["scale"].astype(np.float64)
    layer = graph.add("Div", graph.add("Sub", context, graph.constant(state["centre"].astype(np.float64))),
                      graph.constant(scale))  # fmt: skip
    number = 0
    # The last pair of weights is the output layer of the training; the features end before it.
    while f"network_{number + 2}" in state:
        weight, bias = (as_float(state[f"network_{number + i}"]) for i in (0, 1))
        layer = graph.add("Tanh", graph.dense(layer, weight, bias))
        number += 2
    one: FloatArray = np.ones((1, 1))
    ones = graph.expand(graph.constant(one), layer, 1)
    return graph.add("Concat", layer, ones, axis=1)


_BUILDERS: Mapping[type[Bandit], Callable[[Graph, Bandit, str], str]] = {
    EpsilonGreedy: _epsilon_greedy,
    FastCb: _fast_cb,
    LinThompson: _lin_thompson,
    LinUcb: _lin_ucb,
    NeuralLinear: _neural_linear,
    SquareCb: _square_cb,
}
