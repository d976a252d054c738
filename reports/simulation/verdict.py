"""The verdict: what the simulation says, in one sentence."""

from xbopt.reports.kit.numbers import NumberFormat, has_range
from xbopt.studies.against_baseline import BaselineComparison
from xbopt.studies.kpis import WorldRange
from xbopt.studies.plan_cut import PlanCut
from xbopt.studies.simulate import SimulationResult


def policy_words(policy: str) -> str:
    """How a sentence names the policy."""
    return {"baseline": "this plan", "planner": "the planner's plan"}.get(policy, f"the policy {policy}")


def verdict_sentence(result: SimulationResult, numbers: NumberFormat, *, media_effect: WorldRange | None = None) -> str:
    """What the campaign earns, how far that varies between worlds, how often it loses money, and what media add.

    Args:
        result: The simulation.
        numbers: How numbers are written.
        media_effect: Margin with media less the margin of the same worlds without. Left out, the sentence says that
            the margin includes organic orders.
    """
    margin, spend = result.kpis["contribution_margin"], result.kpis["media_spend"].mean
    losses = result.losing_worlds
    money = numbers.money
    with_media = f"with {money(spend)} of media spend" if spend > 0.0 else "without any media spend"
    if media_effect is None and spend > 0.0:
        with_media = f", organic orders included, {with_media}"
    else:
        with_media = f" {with_media}"
    under = f"Under {policy_words(result.policy)} the campaign"
    amount, worlds = money(abs(margin.mean)), result.runs
    more = "" if media_effect is None or spend <= 0.0 else f" {media_sentence(margin.mean, media_effect, numbers)}"
    if worlds == 1:
        verb = "loses" if losses else "earns"
        return (
            f"{under} {verb} {amount} contribution margin{with_media} in the one world that was played; "
            f"a single world says nothing about the risk.{more}"
        )
    spread = _spread(margin, numbers)
    if margin.low < 0.0 < margin.high:
        verb = "earns" if margin.mean >= 0.0 else "loses"
        return (
            f"{under} may earn or lose money: on average it {verb} {amount} contribution margin{with_media}{spread}, "
            f"and it loses money in {of_worlds(losses, worlds)}.{more}"
        )
    if margin.mean >= 0.0:
        tail = f"it loses money in {of_worlds(losses, worlds)}."
        return f"{under} earns {amount} contribution margin{with_media}{spread}; {tail}{more}"
    tail = f"it makes money in {of_worlds(worlds - losses, worlds)}."
    return f"{under} loses {amount}{with_media}{spread}; {tail}{more}"


def plan_cut_sentence(cut: PlanCut, numbers: NumberFormat) -> str:
    """How much of a fixed plan is not spent, from which day on, in which channels, and what to do."""
    money = numbers.money
    lost = ", ".join(f"{name} {money(amount)}" for name, amount in cut.by_channel.items())
    taken = f"{money(cut.cut_base)} of it is not spent, from {numbers.day(cut.first_day)} on: {lost}"
    if cut.beyond_budget_base > 0.0:
        return (
            f"{cut.plan} asks for {money(cut.planned_base)}, {money(cut.beyond_budget_base)} beyond the budget of "
            f"{money(cut.budget_base)}. {taken}. What follows is of the plan as it was cut: raise the budget "
            f"(--set budget.total_base={cut.planned_base:.0f}), or lower the plan."
        )
    return (
        f"{cut.plan} asks for {money(cut.planned_base)}, and the limits of a day, a region or a channel do not allow "
        f"all of it. {taken}. What follows is of the plan as it was cut."
    )


def media_sentence(margin: float, effect: WorldRange, numbers: NumberFormat) -> str:
    """What media add to the margin, and what the same worlds earn without them.

    Args:
        margin: Mean contribution margin with media, base currency.
        effect: Margin with media less the margin of the same worlds without.
        numbers: How numbers are written.
    """
    money, without = numbers.money, margin - effect.mean
    verb, size = ("earn" if without >= 0.0 else "lose"), money(abs(without))
    if effect.mean < 0.0:
        cost = _negative(effect)
        word = "more" if without >= 0.0 else "less"
        return (
            f"Media cost more than they bring: without them the same worlds {verb} {size}, {money(cost.mean)} {word}"
            f"{_spread(cost, numbers)}."
        )
    # "Of that" would be wrong where media turn a loss into a profit: they add more than there is in the end.
    start = "Of that, media add" if without >= 0.0 else "Media improve the margin by"
    return f"{start} {money(effect.mean)}{_spread(effect, numbers)}; without media the same worlds {verb} {size}."


def customer_value_sentence(change: WorldRange, numbers: NumberFormat) -> str:
    """What the customer base is worth more, or less, at the end than at the start."""
    if change.mean == 0.0 and not has_range(change):
        return "Beyond the margin, the customer base is worth as much on the last evening as on the first."
    word, size = ("more", change) if change.mean >= 0.0 else ("less", _negative(change))
    return (
        f"Beyond the margin, the customer base is worth {numbers.money(size.mean)} {word}"
        f"{_spread(size, numbers)} on the last evening than on the first."
    )


def carried_beyond_sentence(worth: WorldRange, numbers: NumberFormat) -> str:
    """What the days after the last one earn more, or less, by what it leaves behind."""
    if worth.mean == 0.0 and not has_range(worth):
        return "Nothing that the last day leaves behind is worth anything later."
    word, size = ("more", worth) if worth.mean >= 0.0 else ("less", _negative(worth))
    return (
        f"What is carried beyond the last day, media still at work and prices remembered less orders owed to "
        f"promotions, earns {numbers.money(size.mean)} {word}{_spread(size, numbers)} on later days."
    )


def comparison_sentence(comparison: BaselineComparison, numbers: NumberFormat) -> str:
    """How the contribution margin compares with the baseline's."""
    difference = comparison.differences["contribution_margin"]
    change = difference.figure
    rival = "the scenario's own plan" if comparison.baseline == "baseline" else comparison.baseline
    if change.mean == 0.0 and not has_range(change):
        return f"That is the same as {rival} earns."
    word = "more" if change.mean >= 0.0 else "less"
    sentence = f"That is {numbers.money(abs(change.mean))} {word} than {rival}"
    if not comparison.paired:
        return f"{sentence}; the two were not played in the same worlds, so the range of the difference is not known."
    spread = numbers.range(change, "money")
    if spread:
        sentence += f" (5\N{EN DASH}95% of the difference: {spread})"
    if difference.ahead is not None:
        sentence += f"; it is ahead in {of_worlds(round(difference.ahead * comparison.worlds), comparison.worlds)}"
    return f"{sentence}."


def of_worlds(count: int, worlds: int) -> str:
    """So many of the worlds, in words."""
    if count == worlds:
        return f"all {worlds} worlds"
    return f"{'none' if count == 0 else count} of {worlds} worlds"


def _spread(figure: WorldRange, numbers: NumberFormat) -> str:
    return f" (5\N{EN DASH}95%: {numbers.range(figure, 'money')})" if has_range(figure) else ""


def _negative(figure: WorldRange) -> WorldRange:
    return WorldRange(mean=-figure.mean, se=figure.se, low=-figure.high, high=-figure.low)
