"""What a campaign of many decisions would spend, and how likely it would go over its budget."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from xbopt.core.errors import UsageError
from xbopt.ope.data.logged import LoggedBanditData
from xbopt.ope.diagnostics.weights import checked_probabilities, importance_weights
from xbopt.ope.estimators.ratios import weighted_mean
from xbopt.ope.intervals.skewed import with_interval
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetOutlook:
    """Spend of a campaign without pacing.

    Attributes:
        decisions: Decisions of the campaign.
        budget: Its budget, in the unit of the costs.
        spend: Expected total spend, with the uncertainty of its expectation.
        overspend_probability: Probability that the spend exceeds the budget, as a normal sum of independent costs; its
            interval comes from the interval of the mean cost.
    """

    decisions: int
    budget: float
    spend: Estimate
    overspend_probability: Estimate


def budget_outlook(
    data: LoggedBanditData,
    evaluation_probabilities: ArrayLike,
    evaluation: PolicyEvaluation,
    *,
    decisions: int,
    budget: float,
) -> BudgetOutlook | None:
    """Spend and P(overspend) of so many decisions; None where the evaluation withholds its values.

    Costs of one cluster add up together: their spread is measured between clusters where the data name any. Where
    pacing reacts to the budget, evaluate episodes instead, with the remaining budget in the state.

    Args:
        data: Logged decisions with costs ``(n,)``.
        evaluation_probabilities: Evaluation policy ``(n, K)``.
        evaluation: Evaluation of this policy on these data; its verdict counts here too.
        decisions: Decisions of the campaign, at least 1.
        budget: Budget of the campaign.

    Raises:
        UsageError: The log has no costs, or ``decisions`` is below 1.
        DecisionLogError: An array is not as it should be.
    """
    if data.cost is None:
        raise UsageError("The log has no costs; a budget needs them.")
    if decisions < 1:
        raise UsageError(f"decisions is {decisions}; at least 1 is wanted.")
    probabilities = checked_probabilities(evaluation_probabilities, rows=len(data), n_actions=data.n_actions)
    if evaluation.withheld:
        return None
    weight = importance_weights(data, probabilities).weight
    mean = with_interval(weighted_mean(data.cost, weight, data.cluster), confidence=evaluation.confidence)
    # Variance of one decision's cost under the evaluation policy, and what clusters add to the variance of a sum.
    spread = weighted_mean((data.cost - mean.value) ** 2, weight, None).value()
    if data.cluster is not None:
        alone = weighted_mean(data.cost, weight, None).standard_error()
        spread *= max((mean.se / alone) ** 2, 1.0) if alone > 0.0 else 1.0
    deviation = float(np.sqrt(decisions * spread))

    def exceeds(mean_cost: float) -> float:
        left = budget - decisions * mean_cost
        if deviation == 0.0:
            return float(left < 0.0)
        return NormalDist().cdf(-left / deviation)

    spend = Estimate(
        value=decisions * mean.value, se=decisions * mean.se, low=decisions * mean.low, high=decisions * mean.high
    )
    # The probability that a reader should plan with averages over what is not known about the mean.
    total = float(np.hypot(deviation, spend.se))
    value = NormalDist().cdf((spend.value - budget) / total) if total > 0.0 else exceeds(mean.value)
    chance = Estimate(value=value, se=float("nan"), low=exceeds(mean.low), high=exceeds(mean.high))
    return BudgetOutlook(decisions=decisions, budget=budget, spend=spend, overspend_probability=chance)
