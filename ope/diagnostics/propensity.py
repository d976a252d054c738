"""Propensities for a log that has none: cross-fitted multinomial logistic regression, calibrated.

An estimated propensity rests on the assumption that the context holds everything that moved the choice. No log can show
that it does, so the verdict is CAUTION at best.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Protocol

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import DecisionLogError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.data.row_keys import folds_of, row_keys
from xbopt.ope.results.findings import Finding
from xbopt.ope.reward_models.protocol import FOLDS

_RIDGE = 1.0
_CALIBRATION_STEPS = 30


class _Minimum(Protocol):
    """What a minimiser of scipy returns."""

    fun: float
    x: FloatArray
    status: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedPropensities:
    """Estimated logging policy.

    Attributes:
        probabilities: Probability of every action ``(n, K)``; the fit of a row did not see the row's fold.
        temperature: Divisor of the log odds that calibrates them; 1 for none needed.
        log_loss: Mean negative log probability of the logged action, after calibration.
    """

    probabilities: FloatArray
    temperature: float
    log_loss: float


def estimate_propensities(data: LoggedBanditData, *, seed: int) -> EstimatedPropensities:
    """Estimate the probability of every action in every context.

    One temperature over all folds makes the held-out probabilities calibrated (Guo, Pleiss, Sun, Weinberger 2017, "On
    calibration of modern neural networks", section 4.2).

    Args:
        data: Decisions; propensities in it are not looked at.
        seed: Of the folds.

    Raises:
        DecisionLogError: There are fewer rows than folds need.
    """
    rows = len(data)
    if rows < 2 * FOLDS:
        raise DecisionLogError(f"The log has {rows} rows; {2 * FOLDS} or more are wanted to estimate propensities.")
    data.refuse_sampling("estimating propensities")
    spread = data.context.std(axis=0)
    scaled = (data.context - data.context.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    design = np.concatenate([np.ones((rows, 1)), scaled], axis=1)
    fold = folds_of(row_keys(rows, first_row=0, cluster=data.cluster, seed=seed), FOLDS)
    if len(np.unique(fold)) < 2:
        raise DecisionLogError(
            "All rows fall into one fold, because they belong to one cluster or very few; propensities can only be "
            "estimated from other clusters than a row's own. Name smaller clusters, or state propensities."
        )
    scores = np.empty((rows, data.n_actions))
    for number in range(FOLDS):
        out = fold == number
        if out.any():
            scores[out] = design[out] @ _fit(design[~out], data.action[~out], data.n_actions)
    temperature = _temperature(scores, data.action)
    log_probabilities = _log_softmax(scores / temperature)
    loss = -float(log_probabilities[np.arange(rows), data.action].mean())
    return EstimatedPropensities(probabilities=np.exp(log_probabilities), temperature=temperature, log_loss=loss)


def with_estimated_propensities(data: LoggedBanditData, *, seed: int) -> tuple[LoggedBanditData, Finding]:
    """The data with estimated propensities, and the reason for CAUTION that goes with them."""
    estimated = estimate_propensities(data, seed=seed)
    figures = {"log_loss": estimated.log_loss}
    chosen = estimated.probabilities[np.arange(len(data)), data.action]
    caution = Finding(code="estimated_propensities", level="caution", figures=figures)
    return replace(data, propensity=chosen, checked=True), caution


def _log_softmax(scores: FloatArray) -> FloatArray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    result: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _fit(design: FloatArray, action: IntArray, n_actions: int) -> FloatArray:
    """Coefficients ``(p, K)`` of ridge-penalised multinomial logistic regression; the intercepts go unpenalised.

    Raises:
        DecisionLogError: The fit did not converge.
    """
    minimise: Callable[..., _Minimum] = import_module("scipy.optimize").minimize  # scipy ships no types
    rows, p = design.shape
    hits = np.zeros((rows, n_actions))
    hits[np.arange(rows), action] = 1.0
    penalty = np.full((p, 1), _RIDGE / rows)
    penalty[0] = 1e-6

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(p, n_actions)
        log_probabilities = _log_softmax(design @ weights)
        value = -float((hits * log_probabilities).sum()) / rows + 0.5 * float((penalty * weights**2).sum())
        slope: FloatArray = design.T @ (np.exp(log_probabilities) - hits) / rows + penalty * weights
        return value, slope.ravel()

    options = {"maxiter": 500, "gtol": 1e-6}
    found = minimise(loss, np.zeros(p * n_actions), jac=True, method="L-BFGS-B", options=options)
    if not np.isfinite(found.fun) or found.status == 1:
        raise DecisionLogError(f"The estimation of propensities did not converge: {found.message}.")
    return found.x.reshape(p, n_actions)


def _temperature(scores: FloatArray, action: IntArray) -> float:
    """The temperature of least log loss, by golden section on its logarithm in [log 0.2, log 5]."""
    rows = np.arange(len(action))

    def loss(log_temperature: float) -> float:
        return -float(_log_softmax(scores / np.exp(log_temperature))[rows, action].mean())

    shrink = (5.0**0.5 - 1.0) / 2.0
    low, high = -np.log(5.0), np.log(5.0)
    left, right = high - shrink * (high - low), low + shrink * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(_CALIBRATION_STEPS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - shrink * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + shrink * (high - low)
            at_right = loss(right)
    return float(np.exp((low + high) / 2.0))
