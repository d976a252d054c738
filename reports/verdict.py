"""The verdict: what the simulation says, in one sentence."""

import numpy as np

from xbopt.agents.simulation import SimulationResult
from xbopt.core.axes import FloatArray
from xbopt.reports.comparison import Comparison
from xbopt.reports.numbers import NumberFormat, has_range


def policy_words(policy: str) -> str:
    """How a sentence names the policy."""
    return "this plan" if policy == "baseline" else f"the policy {policy}"


def verdict_sentence(result: SimulationResult, numbers: NumberFormat) -> str:
    """What the campaign earns, how far that varies between worlds, and how often it loses money."""
    margins: FloatArray = result.totals.money.sum(axis=(1, 2, 3))
    margin, spend = result.kpis["contribution_margin"], result.kpis["media_spend"].mean
    losses = int(np.count_nonzero(margins < 0.0))
    money = numbers.short_money
    on_media = f"on {money(spend)} media" if spend > 0.0 else "without any media spend"
    under = f"Under {policy_words(result.policy)} the campaign"
    amount, worlds = money(abs(margin.mean)), len(margins)
    if worlds == 1:
        verb = "loses" if losses else "earns"
        return (
            f"{under} {verb} {amount} contribution margin {on_media} in the one world that was played; "
            "a single world says nothing about the risk."
        )
    spread = f" (5\N{EN DASH}95%: {numbers.range(margin, 'money', short=True)})" if has_range(margin) else ""
    if margin.low < 0.0 < margin.high:
        verb = "earns" if margin.mean >= 0.0 else "loses"
        return (
            f"{under} may earn or lose money: on average it {verb} {amount} contribution margin {on_media}{spread}, "
            f"and it loses money in {_of_worlds(losses, worlds)}."
        )
    if margin.mean >= 0.0:
        tail = f"it loses money in {_of_worlds(losses, worlds)}."
        return f"{under} earns {amount} contribution margin {on_media}{spread}; {tail}"
    return f"{under} loses {amount} {on_media}{spread}; it makes money in {_of_worlds(worlds - losses, worlds)}."


def comparison_sentence(comparison: Comparison, numbers: NumberFormat) -> str:
    """How the contribution margin compares with the baseline's."""
    difference = comparison.differences["contribution_margin"]
    change = difference.estimate
    rival = "the scenario's own plan" if comparison.baseline == "baseline" else comparison.baseline
    if change.mean == 0.0 and not has_range(change):
        return f"That is the same as {rival} earns."
    word = "more" if change.mean >= 0.0 else "less"
    sentence = f"That is {numbers.short_money(abs(change.mean))} {word} than {rival}"
    if not comparison.paired:
        return f"{sentence}; the two were not played in the same worlds, so the range of the difference is not known."
    spread = numbers.range(change, "money", short=True)
    if spread:
        sentence += f" (5\N{EN DASH}95% of the difference: {spread})"
    if difference.ahead is not None:
        sentence += f"; it is ahead in {_of_worlds(round(difference.ahead * comparison.worlds), comparison.worlds)}"
    return f"{sentence}."


def _of_worlds(count: int, worlds: int) -> str:
    if count == worlds:
        return f"all {worlds} worlds"
    return f"{'none' if count == 0 else count} of {worlds} worlds"
