"""What orders tell beside the scenario, in sentences: coming weeks, who buys again, what an order brings."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from xbopt.calibration.customers.demand import HORIZON_DAYS, DemandForecast, DemandModel
from xbopt.calibration.customers.segments import CHANGED
from xbopt.calibration.intervals import Interval
from xbopt.calibration.scenario.insights import Buyers, Insights, RegionDemand, SegmentValue, Told, WhyNot
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.price_words import promotion_sentences

_WHY_NOT: Mapping[WhyNot, str] = {
    "": "",
    "refused": "",
    "no_customers": "Too few orders name a customer. Export orders with an e-mail or customer number; both become "
    "pseudonyms.",
    "group_too_small": "So few customers are in this group that a figure would be somebody's.",
    "no_finite_mean": "A few purchases are so large that a mean says nothing. Look at the largest orders: are they of "
    "another trade?",
}
ALL_REGIONS = "All regions"
ON_OFFER = "On an offer"
T = TypeVar("T")


def why_not(told: Told[T]) -> str:
    """Why a figure is not told, and what would tell it; empty where it is."""
    return told.said or _WHY_NOT[told.why_not]


def deal_lines(insights: Insights, numbers: NumberFormat) -> tuple[str, ...]:
    """What promotions bring, or why nobody can tell."""
    if insights.deals.value is None:
        return (f"What promotions bring is not told: {why_not(insights.deals)}",)
    return promotion_sentences(insights.deals.value, numbers)


def demand_lines(demand: Sequence[RegionDemand], numbers: NumberFormat) -> tuple[str, ...]:
    """The coming weeks: of all first, then the regions whose models are no better than last week, or not made."""
    lines = [_coming(one.region, one.model, numbers) for one in demand[:1]]
    for one in demand[1:]:
        if (model := one.model.value) is None:
            lines += [f"{one.region}: {why_not(one.model)}"] if demand[0].model.value is not None else []
        elif not model.beats_naive:
            lines.append(f"{one.region}: {_no_better(model, numbers)}")
    return tuple(lines)


def _coming(region: str | None, told: Told[DemandForecast], numbers: NumberFormat) -> str:
    model = told.value
    if model is None:
        return f"The coming weeks are not forecast: {why_not(told)}"
    total = model.total
    text = (
        f"{region or ALL_REGIONS}: {numbers.count(total.value)} orders in the {HORIZON_DAYS // 7} weeks after the data "
        f"({numbers.count(total.low)} to {numbers.count(total.high)}), if media and deals go on as they were."
    )
    if model.stands != "regions" and not model.beats_naive:
        return f"{text} {_no_better(model, numbers)}"
    ours, naive = numbers.share(model.error), numbers.share(model.score("naive").wmape)
    return f"{text} On weeks held out its daily error was {ours} of orders; the same weekday of last week: {naive}."


def _no_better(model: DemandForecast, numbers: NumberFormat) -> str:
    """Why last week stands for a forecast whose models were no better; or why, all the same, it does not."""
    ours, naive = (numbers.share(model.score(name).wmape) for name in ("ensemble", "naive"))
    text = (
        f"The models do not beat the same weekday of last week (daily error {ours} of orders against {naive} on weeks "
        "held out), "
    )
    if model.stands == "last_week" or not isinstance(model, DemandModel):
        return f"{text}so that is what stands here: last week, repeated."
    moved = f"{numbers.share(abs(model.ahead - 1.0))} {'above' if model.ahead > 1.0 else 'below'}"
    return (
        f"{text}but season and events put the coming weeks {moved} last week, more than in any of those: so the models "
        "stand here, and their interval is that of weeks that were more alike."
    )


def buyer_lines(told: Told[Buyers], numbers: NumberFormat) -> tuple[str, ...]:
    """Who buys within the horizon, and whether a model tells it better than recency alone."""
    if told.value is None:
        return (f"Who buys again is not told: {why_not(told)}",)
    chance = told.value.chance
    ours, naive = chance.score("ensemble"), chance.score("naive")
    expected = float(chance.now.mean())
    text = (
        f"{numbers.share(expected)} of the customers known today are expected to buy in the {chance.horizon_days} days "
        f"after the data; the other {numbers.share(1.0 - expected)} are not (churn)."
    )
    scores = (
        f"Brier score {numbers.decimal(ours.brier, digits=3)} against {numbers.decimal(naive.brier, digits=3)}, AUC "
        f"{numbers.decimal(ours.auc)} against {numbers.decimal(naive.auc)}"
    )
    held = (
        f"On {numbers.count(chance.customers)} customers held out as of {numbers.day(chance.judged_on)}, "
        f"{numbers.share(chance.bought)} bought"
    )
    if chance.beats_naive:
        return text, f"{held}, {numbers.share(ours.expected)} were expected. The models beat recency alone: {scores}."
    return text, (
        f"{held}. The models do not beat what recency alone says ({scores}), so the chances here are those of recency: "
        f"{numbers.share(naive.expected)} were expected by it."
    )


def value_lines(values: Sequence[SegmentValue], names: Sequence[str], numbers: NumberFormat) -> tuple[str, ...]:
    """Which order values are not told, not to be believed, or no better than each customer's own mean."""
    lines: list[str] = []
    for one in values:
        name = names[one.segment]
        if one.fit.value is None:
            lines.append(f"{name}: what a purchase brings is not told. {why_not(one.fit)}")
        elif not one.fit.value.is_independent:
            more = "more" if one.fit.value.frequency_correlation > 0.0 else "less"
            lines.append(
                f"{name}: who buys often spends {more} a purchase (correlation "
                f"{numbers.decimal(one.fit.value.frequency_correlation)}). The model takes the two for independent: do "
                "not multiply its value by a number of orders."
            )
    worse = [names[one.segment] for one in values if one.score is not None and not one.score.beats_naive]
    if worse:
        lines.append(f"Held out, no better than each customer's own mean so far: {', '.join(worse)}.")
    return tuple(lines)


def cohort_lines(insights: Insights, names: Sequence[str], numbers: NumberFormat) -> tuple[str, ...]:
    """Whether customers won later came again as those before, and whether the segments moved."""
    lines: list[str] = []
    if (change := insights.cohort_change) is not None:
        said = "differently from" if change.is_apart else "no differently, as far as can be told, from"
        lines.append(
            f"Customers won from {change.last_month} on came again {said} those won from {change.first_month} on: "
            f"{_share(change.last, numbers)} against {_share(change.first, numbers)} ordered a second time within "
            f"{change.days} days, for which half of either were followed at least."
        )
    if insights.drift is not None:
        index, at = max(
            zip(insights.drift.population_stability.tolist(), insights.drift.mornings, strict=True),
            key=lambda pair: pair[0],
        )
        moved = "moved" if index > CHANGED else "stayed much as they were"
        shares = ", ".join(
            f"{name} {numbers.share(before)} then {numbers.share(now)}"
            for name, before, now in zip(names, insights.drift.shares[0], insights.drift.shares[-1], strict=False)
        )
        lines.append(
            f"The shares of the segments {moved} (index {numbers.decimal(index)} at most, on {numbers.day(at)}): "
            f"{shares}."
        )
    return tuple(lines)


def _share(one: Interval, numbers: NumberFormat) -> str:
    return f"{numbers.share(one.value)} ({numbers.share(one.low)} to {numbers.share(one.high)})"
