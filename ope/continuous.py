"""Continuous actions, such as bids or budgets: weights are ratios of densities.

A stochastic evaluation policy with a known density has the weight ``pi_e(a | x) / pi_b(a | x)``. A policy that names
one action t(x) has no density; a kernel of bandwidth h gives the weight ``K((a - t) / h) / h / pi_b(a | x)`` (Kallus,
Zhou 2018, "Policy evaluation and optimization with continuous treatments"), at the price of a bias that shrinks with h.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import UsageError
from xbopt.ope.data.array_checks import check_between, codes_of, finite_array
from xbopt.ope.diagnostics.support import SupportSums
from xbopt.ope.diagnostics.verdict import SupportRules, judge_support, name_what_is_lacking
from xbopt.ope.diagnostics.weights import WeightedRows
from xbopt.ope.estimators.ratios import weighted_mean
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import Judgement
from xbopt.ope.results.findings import Findings, note

_BANDWIDTHS = 12
_OVERLAP = 2.0 * 1.96  # intervals of two bandwidths have to meet within this many standard errors


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedContinuousData:
    """Decisions with real-valued actions, one a row.

    Attributes:
        action: The action ``(n,)`` or ``(n, m)``.
        reward: What it brought ``(n,)``.
        density: Density of the logged action under the logging policy ``(n,)``, above 0.
        cluster: Rows of one cluster depend on each other ``(n,)``; None where rows are independent.
    """

    action: FloatArray
    reward: FloatArray
    density: FloatArray
    cluster: IntArray | None = None

    def __post_init__(self) -> None:
        """Check every array.

        Raises:
            DecisionLogError: The message names column and row.
        """
        reward = finite_array("reward", self.reward, axes=("n",), lengths=(None,))
        rows = len(reward)
        one = np.ndim(self.action) == 1
        action = finite_array(
            "action", self.action, axes=("n", "m")[: 1 if one else 2], lengths=(rows, None)[: 1 if one else 2]
        )
        density = finite_array("density", self.density, axes=("n",), lengths=(rows,))
        check_between("density", density, 0.0, np.inf, "a density above 0 is wanted", open_low=True)
        for name, value in (("reward", reward), ("action", action.reshape(rows, -1)), ("density", density)):
            object.__setattr__(self, name, value)
        if self.cluster is not None:
            object.__setattr__(self, "cluster", codes_of("cluster", self.cluster, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuousEvaluation(Judgement):
    """The answer for a policy over continuous actions: ``ips`` and ``snips``.

    Attributes:
        bandwidth: Bandwidth of the kernel; None for a density ratio.
    """

    bandwidth: float | None


def evaluate_density(
    data: LoggedContinuousData,
    evaluation_density: ArrayLike,
    *,
    confidence: float = 0.95,
    rules: SupportRules | None = None,
    force: bool = False,
) -> ContinuousEvaluation:
    """Value of a policy whose density at the logged actions is known ``(n,)``.

    Raises:
        DecisionLogError: A density is negative or no number.
    """
    density = finite_array("evaluation_density", evaluation_density, axes=("n",), lengths=(len(data.reward),))
    check_between("evaluation_density", density, 0.0, np.inf, "a density from 0 is wanted")
    return _evaluate(data, density, None, confidence=confidence, rules=rules, force=force)


def evaluate_target(
    data: LoggedContinuousData,
    target: ArrayLike,
    *,
    bandwidth: float | None = None,
    confidence: float = 0.95,
    rules: SupportRules | None = None,
    force: bool = False,
) -> ContinuousEvaluation:
    """Value of a policy that names one action a row ``(n,)`` or ``(n, m)``; CAUTION at best, for the kernel's bias.

    Without a bandwidth the widest is taken whose interval meets those of all narrower ones (Lepski's principle, as in
    Su, Srinath, Krishnamurthy 2020, "Adaptive estimator selection for off-policy evaluation").

    Raises:
        DecisionLogError: The target has another shape than the actions, or holds no numbers.
        UsageError: The bandwidth is not above 0.
    """
    aims = np.asarray(target)
    aims = aims[:, None] if aims.ndim == 1 else aims
    shape = (len(data.action), len(data.action.T))
    distance = data.action - finite_array("target", aims, axes=("n", "m"), lengths=shape)
    scale = data.action.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    if bandwidth is None:
        bandwidth = _widest_bandwidth(data, distance / scale)
    elif bandwidth <= 0.0:
        raise UsageError(f"bandwidth is {bandwidth}; a number above 0 is wanted, in standard deviations of the action.")
    density = _kernel(distance / scale, bandwidth) / float(np.prod(scale))
    return _evaluate(data, density, bandwidth, confidence=confidence, rules=rules, force=force)


def _evaluate(
    data: LoggedContinuousData,
    density: FloatArray,
    bandwidth: float | None,
    *,
    confidence: float,
    rules: SupportRules | None,
    force: bool,
) -> ContinuousEvaluation:
    rows = len(data.reward)
    weight = density / data.density
    ones = np.ones((rows, 1))
    sums = SupportSums(1)
    sums.add(
        WeightedRows(weight=weight, propensity=data.density, evaluation=ones, taken=ones[:, 0]),
        np.zeros(rows, dtype=np.int64),
        first_row=0,
        logging=None,
        segment=None,
    )
    clusters = 0 if data.cluster is None else len(np.unique(data.cluster))
    support = sums.diagnostics(clusters)
    findings = Findings(unit="logged actions")
    if bandwidth is not None:
        findings.add("caution", "kernel", bandwidth=bandwidth)
    judge_support(support, rows, rules or SupportRules(), findings)
    name_what_is_lacking(support, rows, findings)
    withheld = findings.refuses and not force
    estimates: dict[str, Estimate] = {}
    if not withheld:
        notes = () if bandwidth is None else (note("kernel_bias"),)
        for name, formula in (
            ("ips", weighted_mean(weight * data.reward, np.ones(rows), data.cluster)),
            ("snips", weighted_mean(data.reward, weight, data.cluster)),
        ):
            estimate = with_interval(formula, confidence=confidence)
            estimates[name] = replace(estimate, covers=bandwidth is None, notes=notes)
    return ContinuousEvaluation(
        findings=tuple(findings.items),
        support=support,
        values=estimates,
        withheld=withheld,
        bandwidth=bandwidth,
    )


def _kernel(distance: FloatArray, bandwidth: float) -> FloatArray:
    """Product of Epanechnikov kernels of distances ``(n, m)``: ``(n,)``."""
    shape: FloatArray = np.maximum(0.75 * (1.0 - (distance / bandwidth) ** 2), 0.0) / bandwidth
    return np.multiply.reduce(shape, axis=1)


def _widest_bandwidth(data: LoggedContinuousData, distance: FloatArray) -> float:
    widths = np.geomspace(0.05, 2.0, _BANDWIDTHS)
    low, high, chosen = -np.inf, np.inf, float(widths[-1])
    for width in widths.tolist():
        weight = _kernel(distance, width) / data.density
        if float(weight.sum()) == 0.0:
            continue
        formula = weighted_mean(data.reward, weight, data.cluster)
        value, half = formula.value(), _OVERLAP / 2.0 * formula.standard_error()
        if value - half > high or value + half < low:
            break
        low, high, chosen = max(low, value - half), min(high, value + half), width
    return chosen
