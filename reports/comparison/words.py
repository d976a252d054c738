"""What a comparison says, in sentences: for the terminal and for the page."""

import math

from xbopt.core.paired import PairedDifference
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.verdict import of_worlds, plan_cut_sentence
from xbopt.studies.compare import ComparisonResult

MEASURE_WORDS = {
    "contribution_margin": "contribution margin",
    "reward": "contribution margin with customer value and what is carried beyond the last day",
}


def comparison_sentences(result: ComparisonResult, numbers: NumberFormat) -> tuple[str, ...]:
    """The verdict, then how the best policy stands against the next one, with customers counted, and to the oracle.

    Plans that limits cut are told first after the verdict: they are compared as they were cut.
    """
    sentences = (runner_up_sentence, reward_sentence, gap_sentence)
    cuts = [one.result.plan_cut for one in result.policies]
    return (
        comparison_verdict(result, numbers),
        *(plan_cut_sentence(cut, numbers) for cut in cuts if cut is not None),
        *filter(None, (sentence(result, numbers) for sentence in sentences)),
    )


def comparison_verdict(result: ComparisonResult, numbers: NumberFormat) -> str:
    """Which policy earns most, and whether that is more than luck."""
    best = result.contenders[0]
    earned = best.figures["contribution_margin"].mean
    verb = "earns most" if earned >= 0.0 else "loses least"
    amount, worlds = numbers.money(abs(earned)), numbers.count(result.runs)
    start = (
        f"Of {len(result.policies)} policies {best.name} {verb}: {amount} contribution margin on average over "
        f"{worlds} worlds"
    )
    first = result.first
    if best.name == first.name:
        return f"{start}. No other policy is above it."
    difference = best.difference["contribution_margin"]
    size = numbers.money(abs(difference.mean))
    tail = (
        f"it is ahead in {of_worlds(round(difference.beats * result.runs), result.runs)}"
        if difference.verdict == "better"
        else "that is no more than luck may bring"
    )
    return f"{start}, {size} more than {first.name} ({interval_text(difference, result, numbers)}); {tail}."


def reward_sentence(result: ComparisonResult, numbers: NumberFormat) -> str:
    """Which policy is ahead once the customer base and what the last day leaves behind are counted as well."""
    best = max(result.contenders, key=lambda policy: policy.figures["reward"].mean)
    amount = numbers.money(best.figures["reward"].mean)
    start = f"With customer value and what is carried beyond the last day, {best.name} is ahead with {amount}"
    if best.name == result.first.name:
        return f"{start}."
    difference = best.difference["reward"]
    size = numbers.money(abs(difference.mean))
    return f"{start}, {size} more than {result.first.name} ({interval_text(difference, result, numbers)})."


def runner_up_sentence(result: ComparisonResult, numbers: NumberFormat) -> str:
    """How the best policy stands against the next one."""
    best, second = result.contenders[:2]
    difference = result.runner_up
    if difference.mean == 0.0 and difference.se == 0.0:
        return f"{best.name} and {second.name} earn the same in every world."
    size = numbers.money(difference.mean)
    shown = "" if difference.low > 0.0 else "; which of the two is better is not shown"
    return f"The next is {second.name}, {size} behind ({interval_text(difference, result, numbers)}){shown}."


def gap_sentence(result: ComparisonResult, numbers: NumberFormat) -> str:
    """How much of the way to the planner that knows each world the best policy goes; empty where that is unknown."""
    best = result.contenders[0]
    if result.oracle is None or best.gap_closed is None:
        return ""
    gap = best.gap_closed["contribution_margin"]
    if math.isnan(gap.value):
        return "The planner that knows each world's own parameters earns no more than the uniform plan here."
    low, high = numbers.share(gap.low), numbers.share(gap.high)
    return (
        f"{best.name} goes {numbers.share(gap.value)} of the way from the uniform plan to the planner that "
        f"knows each world's own parameters ({numbers.level(result.confidence)} interval {low} to {high}, "
        f"{result.oracle.worlds} worlds)."
    )


def interval_text(difference: PairedDifference, result: ComparisonResult, numbers: NumberFormat) -> str:
    """The confidence interval of a difference, in words."""
    low, high = (numbers.money(end) for end in (difference.low, difference.high))
    return f"{numbers.level(result.confidence)} interval {low} to {high}"
