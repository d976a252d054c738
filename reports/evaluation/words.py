"""What an evaluation says, in sentences."""

import math

from xbopt.ope.intervals.anytime import FEWEST_UNITS
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.results.estimates import Estimate
from xbopt.ope.results.evaluation import PolicyEvaluation, SupportDiagnostics
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.kit.numbers import NumberFormat

TONES = {"ANSWER": "good", "CAUTION": "even", "REFUSE": "bad"}


def unit_of(result: PolicyEvaluation) -> str:
    """What one row of the evaluation is."""
    return "decision" if result.estimand == "one-step" else "episode"


def each_of(result: PolicyEvaluation) -> str:
    """One row with its article."""
    return "a decision" if result.estimand == "one-step" else "an episode"


def small_share(share: float, numbers: NumberFormat) -> str:
    """A share; one that is too small to be written is not written as 0."""
    return f"under {numbers.share(0.0001)}" if 0.0 < share < 0.0001 else numbers.share(share)


def verdict_sentence(evaluation: LogEvaluation) -> str:
    """The verdict, without any value: support comes before values."""
    result, policy = evaluation.result, evaluation.policy
    if result.verdict == "REFUSE":
        return f"REFUSE: this log cannot say what {policy} would have earned."
    if result.verdict == "CAUTION":
        return f"CAUTION: this log gives a value for {policy}; read the reasons before you bet on it."
    return f"ANSWER: this log can say what {policy} would have earned{_against(result.difference)}."


def _against(difference: Estimate | None) -> str:
    if difference is None:
        return ""
    if difference.low > 0.0:
        return ": more than what was done"
    if difference.high < 0.0:
        return ": less than what was done"
    if difference.low == difference.high == 0.0:
        return ": the same as what was done"
    return "; no difference to what was done can be told from chance"


def support_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """How much of the log speaks about the policy."""
    result, count = evaluation.result, numbers.numbers.count
    support, unit = result.support, unit_of(result)
    share = small_share(support.top_weight_share, numbers.numbers)
    return (
        f"For {evaluation.policy} the {count(result.rows)} {unit}s are worth {count(support.ess)} that the policy had "
        f"made itself; the {unit} with the largest weight holds {share} of all weight."
    )


def difference_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """What was done, and how the policy compares with it on the same decisions unless values are withheld."""
    result = evaluation.result
    difference, before = result.difference, result.logging_policy
    what = each_of(result)
    if difference is None:
        interval = f"{numbers.percent(result.confidence)} interval {numbers.range(before)}"
        return f"What was done earned {numbers.reward(before.value)} {what} ({interval})."
    size = numbers.reward(abs(difference.value))
    spread = (
        f"{numbers.percent(result.confidence)} interval of the difference: {numbers.range(difference, signed=True)}"
    )
    if difference.low <= 0.0 <= difference.high:
        return (
            f"What was done earned {numbers.reward(before.value)} {what}. The difference to {evaluation.policy} "
            f"cannot be told from chance ({spread})."
        )
    word = "more" if difference.value > 0.0 else "less"
    return (
        f"What was done earned {numbers.reward(before.value)} {what}; {evaluation.policy} would have earned {size} "
        f"{word} ({spread})."
    )


def carry_over_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """What the test for carry-over found; empty where the log names no earlier action."""
    found = evaluation.result.carry_over
    if found is None:
        return ""
    p_value = "p < 0.0001" if found.p_value < 1e-4 else f"p = {found.p_value:.4f}"
    if found.p_value > 0.99:  # of the clearest of several tests it is a bound
        p_value = "p > 0.99"
    if found.p_value < 0.01 and found.relative_effect >= 0.01:
        return (
            f"The action before moves the reward after it by about {numbers.numbers.share(found.relative_effect)} of "
            f"the mean reward ({p_value}): this log has carry-over."
        )
    reach = evaluation.log.reward_reach
    later = " What comes later than the next reward it cannot see." if reach is not None and reach.missed else ""
    return f"No carry-over of earlier actions can be told from chance ({p_value}, {found.rows:,} decisions).{later}"


def model_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """How good the reward model was; empty without one."""
    model = evaluation.result.model
    if model is None:
        return ""
    share = max(model.share_explained, 0.0)
    words = (
        f"Reward model: {model.name}, cross-fitted; it explains {numbers.numbers.share(share)} of the variance of "
        "rewards "
        "it did not see. The better it is, the narrower the doubly robust intervals; they hold with a bad one too."
    )
    if model.disagreement > 0.0:
        words += (
            f" Its members differ by {numbers.reward(model.disagreement)} in the policy's value (standard deviation)."
        )
    return words


def mean_weight_sentence(support: SupportDiagnostics, numbers: RewardNumbers) -> str:
    """What the mean weight says about the propensities."""
    mean = numbers.numbers.decimal(support.mean_weight, digits=3)
    if abs(support.mean_weight_z) <= 3.0 or abs(support.mean_weight - 1.0) <= 1e-3:
        return f"The mean weight is {mean}; it should be 1, and the difference is within chance."
    return (
        f"The mean weight is {mean}, {numbers.numbers.decimal(abs(support.mean_weight_z), digits=0)} standard errors "
        "from 1: propensities are not what is stated, or actions lack support in some situations."
    )


def anytime_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """The intervals that hold at every size of the log; empty where they were not asked for, or cannot be given."""
    result = evaluation.result
    if result.anytime is None or result.recommended is None:
        return ""
    value, difference = (found[result.recommended] for found in (result.anytime.values, result.anytime.differences))
    return (
        f"However often you look while the log grows, the value of the log so far lies in {numbers.range(value)}, and "
        f"the difference to what was done in {numbers.range(difference, signed=True)} "
        f"({numbers.percent(result.confidence)} each over all looks together, from {FEWEST_UNITS} independent units "
        f"on; there are {numbers.numbers.count(result.anytime.units)})."
    )


def coverage_sentence(evaluation: LogEvaluation, numbers: RewardNumbers) -> str:
    """What the self-test found about the estimator to quote; empty if it was not asked for."""
    found = evaluation.self_test
    if found is None:
        return ""
    share = numbers.numbers.share
    if not found.coverage:
        return f"Self-test: all {found.draws} logs simulated like this one were refused."
    name = evaluation.result.recommended or found.recommended
    reached, error = found.coverage.get(name, math.nan), found.coverage_error.get(name, math.nan)
    refused = f" {share(found.refused)} of them were refused." if found.refused else ""
    shared = (" Whole clusters were drawn, with the luck that their rows share." if found.clustered else "") + (
        " The log does not state the probabilities of all actions, so the logging policy was refitted."
        if found.logging_policy == "refitted"
        else ""
    )
    return (
        f"Self-test: in {found.draws} logs simulated like this one, with {found.rows:,} decisions each and a known "
        "truth, "
        f"the {numbers.percent(evaluation.result.confidence)} interval held in {share(reached)} (standard error "
        f"{share(error)}).{refused}{shared}"
    )


def estimand_words(evaluation: LogEvaluation) -> tuple[str, ...]:
    """What the value is the value of."""
    unit = f" ({evaluation.log.reward_unit})" if evaluation.log.reward_unit else ""
    if evaluation.result.estimand == "sequential":
        return (
            (
                f"The mean total reward{unit} of an episode if {evaluation.policy} made every decision of it, from the "
                "first to the last."
            ),
            "States move with the policy: what a decision does to later ones is part of the value.",
            *(
                [f"Each {evaluation.log.unit_name} by itself: the others of its run are decided for as in the log."]
                if evaluation.log.unit_name
                else []
            ),
        )
    if (period := evaluation.result.period) is not None:
        when = f"from {period.first} to {period.last}"
        words = f"The mean reward of one decision{unit} {when} if {evaluation.policy} chose the action"
        return (f"{words}, in the situations that the log visited on days like those of the period.",)
    if evaluation.log.factors:
        return (
            (
                f"The mean reward of one decision{unit} if {evaluation.policy} chose the levels of its factors, in the "
                "situations that the log visited."
            ),
            (
                f"A decision is that of one {evaluation.log.unit_name or 'unit'}; the others of its world are decided "
                "for as in the log, and what a decision does to later situations is not in it."
            ),
        )
    reach = evaluation.log.reward_reach
    later = "where spend carries over, customers tire or a budget is shared, ask the sequential question."
    if reach is not None and reach.overlaps:  # that question refuses such a log
        later = f"it is told by the {reach.reward_days} days that a reward covers, and by nothing after them."
    return (
        (
            f"The mean reward of one decision{unit} if {evaluation.policy} chose the action, in the situations that "
            "the log visited."
        ),
        f"What a decision does to later situations is not in it: {later}",
    )


def assumption_words(evaluation: LogEvaluation) -> tuple[str, ...]:
    """What has to be true for value and interval to be right."""
    log, result = evaluation.log, evaluation.result
    words = [
        "The stated propensities are those with which the actions were really drawn."
        if not log.estimates_propensities
        else "The context holds everything that moved the choice of the action: propensities were estimated from it.",
        "The policy was not made from the rewards of these rows: what a policy learnt from flatters it.",
        *(
            ["Rewards are sums over the factors: what one brings does not depend on the others."]
            if log.factors and result.recommended != "ips"
            else []
        ),
        "Whoever will be decided for resembles whoever stands in the log: same market, same time of year.",
    ]
    if log.cluster_name:
        words.append(
            f"Rows of one {log.cluster_name} may share luck; different ones ({result.support.clusters:,} in all) do "
            "not."
        )
    else:
        words.append("Rows do not share luck. If customers or days repeat, name them: --columns cluster=...")
    if result.estimand == "one-step" and result.carry_over is None:
        words.append(
            "No earlier action moves a later reward. The log does not say which rows belong together, so this could "
            "not be tested; --columns episode_id=...,step=... would let it be."
        )
    if result.rows_censored:
        words.append(
            f"{result.rows_censored:,} decisions whose reward was not ready were left out: whether it is ready must "
            "not depend on how large it is."
        )
    return tuple(words)
