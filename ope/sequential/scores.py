"""The estimators of a sequential value: one score an episode, or one ratio a step.

With cumulative weight c_t = w_0 ... w_t, marginal weight mu_t, reward r_t, Q_t of the logged action and V_t:

======  =====================================================================  ===================================
tis     mean(c_{T-1} sum_t r_t)                                                Precup, Sutton, Singh 2000
pdis    mean(sum_t c_t r_t)                                                    the same
snpdis  sum_t (sum_i c_t r_t / sum_i c_t)                                      the same, step by step
dr      mean(sum_t (c_t (r_t - Q_t) + c_{t-1} V_t))                            Jiang, Li 2016, equation 10, cross-fitted
drl     mean(sum_t (mu_t (r_t - Q_t) + mu_{t-1} V_t))                          Kallus, Uehara 2020
fqe     mean(V_0)                                                              Le, Voloshin, Yue 2019
======  =====================================================================  ===================================

Rewards of step t carry the discount to the power t.
"""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.ope.data.blocks import sums_by
from xbopt.ope.estimators.ratios import ProjectedFormula
from xbopt.ope.sequential.action_values import ActionValues
from xbopt.ope.sequential.episodes import LoggedEpisodes

SEQUENTIAL_ESTIMATORS = ("tis", "pdis", "snpdis", "dr", "drl", "fqe")


def cumulative_weights(step_weights: FloatArray) -> FloatArray:
    """Product of the weights up to each step ``(n, T)``."""
    return np.multiply.accumulate(step_weights, axis=1)


def sequential_formulas(
    episodes: LoggedEpisodes, *, cumulative: FloatArray, marginal: FloatArray, values: ActionValues, cluster: IntArray
) -> dict[str, ProjectedFormula]:
    """Every estimator, with its sums by cluster.

    Args:
        episodes: The episodes.
        cumulative: Weight product up to each step ``(n, T)``, going on unchanged beyond an episode's end.
        marginal: Marginal weights ``(n, T)``, 0 beyond an episode's end.
        values: Cross-fitted Q and V.
        cluster: Number of each episode's cluster, from 0 ``(n,)``.
    """
    count = len(episodes)
    alive = episodes.alive.astype(np.float64)
    gain: FloatArray = alive * np.power(np.float64(episodes.discount), np.arange(episodes.steps))
    reward = episodes.reward * gain
    error = (episodes.reward - values.taken) * gain
    value = values.state * gain
    ones = np.ones(count)
    scores = {
        "tis": cumulative[:, -1] * reward.sum(axis=1),
        "pdis": (cumulative * reward).sum(axis=1),
        "dr": (cumulative * error + _one_earlier(cumulative) * value).sum(axis=1),
        "drl": (marginal * error + _one_earlier(marginal) * value).sum(axis=1),
        "fqe": values.state[:, 0],
        "logging": reward.sum(axis=1),
    }
    found = {name: _formula(score[None], ones[None], cluster) for name, score in scores.items()}
    found["snpdis"] = _formula((cumulative * reward).T, cumulative.T, cluster)
    for name in SEQUENTIAL_ESTIMATORS:
        if name == "snpdis":
            tops = np.concatenate([(cumulative * reward).T, -scores["logging"][None]])
            found["snpdis - logging"] = _formula(tops, np.concatenate([cumulative.T, ones[None]]), cluster)
        else:
            found[f"{name} - logging"] = _formula((scores[name] - scores["logging"])[None], ones[None], cluster)
    return found


def _one_earlier(weights: FloatArray) -> FloatArray:
    return np.concatenate([np.ones((len(weights), 1)), weights[:, :-1]], axis=1)


def _formula(tops: FloatArray, bottoms: FloatArray, cluster: IntArray) -> ProjectedFormula:
    """Sums of ``(t, n)`` rows by cluster."""
    size = int(cluster.max()) + 1
    if size == tops.shape[1]:
        return ProjectedFormula(tops, bottoms)
    return ProjectedFormula(sums_by(cluster, size, tops), sums_by(cluster, size, bottoms))
