"""Graphs of contextual bandits: what every action is expected to bring in a context, and how sure that is."""

import numpy as np

from xbopt.agents.bandits.bandit import Bandit
from xbopt.agents.bandits.gap_weighting import FastCb
from xbopt.agents.bandits.linear import LinearBandit
from xbopt.agents.bandits.linear_models import LinearModels
from xbopt.agents.bandits.neural import NeuralLinear
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import PolicyError
from xbopt.service.exporting.graph import Graph, as_float

_LARGEST_LOGIT = 30.0


def bandit_predictions(graph: Graph, bandit: Bandit, context: str, *, doubted: bool) -> tuple[str, str]:
    """Expected reward of every action and its standard deviation, ``(n, K)`` each, for contexts ``(n, d)``.

    Args:
        graph: The graph.
        bandit: The bandit.
        context: The contexts.
        doubted: Whether the deviations are wanted; they are an empty text where not.

    Raises:
        PolicyError: There is no graph for this kind of bandit.
    """
    if isinstance(bandit, FastCb):
        rates = _rates(graph, bandit, context)
        if not doubted:
            return rates, ""
        slope = graph.add("Mul", rates, graph.add("Sub", graph.constant(1.0), rates))
        return rates, graph.add("Mul", slope, _deviations(graph, bandit.models, context))
    if isinstance(bandit, NeuralLinear):
        features = _learned_features(graph, bandit, context)
    elif isinstance(bandit, LinearBandit):
        features = context
    else:
        raise PolicyError(f"There is no graph for a {type(bandit).__name__} yet, so it cannot be exported.")
    means = _means(graph, bandit.models, features)
    return means, _deviations(graph, bandit.models, features) if doubted else ""


def _means(graph: Graph, models: LinearModels, context: str) -> str:
    return graph.add("MatMul", context, graph.constant(as_float(models.theta[:, 0].T)))


def _deviations(graph: Graph, models: LinearModels, context: str) -> str:
    """``sqrt(x'A_k^-1 x)`` of every action ``(n, K)``.

    Action by action: all products of two features at once would take ``n d^2`` numbers, gigabytes in a large market.
    """
    width = models.theta.shape[2]
    first, second = np.triu_indices(width)
    forms: list[str] = []
    for packed in models.inverse:
        inverse = np.zeros((width, width))
        inverse[first, second] = inverse[second, first] = packed
        product = graph.add("Mul", graph.add("MatMul", context, graph.constant(inverse)), context)
        forms.append(graph.total(product, 1, keep=True))
    return graph.add("Sqrt", graph.at_least(graph.add("Concat", *forms, axis=1), 0.0))


def _rates(graph: Graph, bandit: FastCb, context: str) -> str:
    """Predicted rates ``(n, K)``."""
    rate = bandit.initial_rate
    logit = graph.add("Add", _means(graph, bandit.models, context), graph.constant(float(np.log(rate / (1.0 - rate)))))
    logit = graph.at_most(graph.at_least(logit, -_LARGEST_LOGIT), _LARGEST_LOGIT)
    # Written out, because a library's own sigmoid may round otherwise.
    odds = graph.add("Add", graph.add("Exp", graph.add("Neg", logit)), graph.constant(1.0))
    return graph.add("Div", graph.constant(1.0), odds)


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
