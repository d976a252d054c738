"""What a fit told and what it did not, in sentences, each with what would tell more."""

from collections.abc import Callable, Mapping

import numpy as np

from xbopt.calibration.fit.findings import Finding, FindingCode
from xbopt.calibration.fit.identification import Identified, Verdict
from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.reports.kit.numbers import NumberFormat

_WITHIN = 1.0
"""Standard errors by which numbers may be off and still be used: intervals of a fit in doubt hold three."""
VERDICT_WORDS: Mapping[Verdict, str] = {
    "measured": "measured",
    "partly": "partly told",
    "prior_only": "prior only",
}


def _spend_on(finding: Finding) -> str:
    return f"spend on {finding.channel}" if finding.channel else "spend"


def _unsettled(finding: Finding, numbers: NumberFormat) -> str:
    """What may be used of a fit that did not settle, and which of its numbers still move."""
    off = (
        "The fit did not settle: its numbers (what media bring, levels of regions, reactions to prices and events) may "
        f"lie about {numbers.decimal(finding.figure)} standard errors from the best ones, most of all {finding.place}."
    )
    others = "Customers, costs, order values and the forecast of the coming weeks do not come from the fit, and hold."
    if finding.figure <= _WITHIN:
        return f"{off} That is within their intervals, which are widened: they may be used. {others}"
    return (
        f"{off} Do not decide on media by them. {others} Calibrate with another --seed; where that does not settle "
        "either, --no-fit takes media from public facts."
    )


_SENTENCES: Mapping[FindingCode, Callable[[Finding, NumberFormat], str]] = {
    "not_converged": _unsettled,
    "cold_start": lambda f, n: (
        f"The first day's customers in {f.place or 'the market'} do not fit the weeks after it "
        f"({n.decimal(f.figure)}). Give orders of an earlier start, so that old customers are known."
    ),
    "longer_warm_up": lambda f, n: (
        f"The first weeks still showed what went before, so {n.count(f.figure)} days were played and not compared."
    ),
    "more_scatter": lambda f, n: (
        f"Weeks of {f.place} scatter {n.decimal(f.figure)} times as much as the market's noise says, and count for "
        "that much less."
    ),
    "much_scatter": lambda f, n: (
        f"Weeks of {f.place} scatter {n.decimal(f.figure)} times as much as the market's noise says, more than chance "
        "does. They count for that much less; but what moves them is not known, and where it moves with spend, no "
        "interval here holds it. Look at fitted against actual: which weeks stand out, and what happened then?"
    ),
    "poor_fit": lambda f, n: (
        f"What the model does not explain is {n.decimal(f.figure)} times its noise: something of this market is not in "
        "it. Look at fitted against actual before you rely on any number."
    ),
    "short_panel": lambda f, n: (
        f"The fit played {n.count(f.figure)} weeks; under 52 a season cannot be told from what media bring. Where the "
        "orders cover more, import an earlier start: their first part tells old customers from new ones."
    ),
    "few_regions": lambda f, n: (
        f"{n.count(f.figure)} regions: under eight, what all do at once cannot be told from the season. A lift test in "
        "one region would."
    ),
    "no_tests": lambda _f, _n: (
        "No lift test was given. The table of tests says which would tell most; its result goes into xbopt calibrate "
        "--tests TESTS.csv."
    ),
    "contrast_unknown": lambda f, _n: (
        f"The data do not tell {f.place} apart: which of the two brings it is prior only. Stop one of them in some "
        "regions for four weeks."
    ),
    "steady_spend": lambda f, _n: (
        f"Spend on {f.place} hardly changed from week to week, so only a lift test tells what it brings, and nothing "
        "how its response bends and lasts: that is prior only. Halve and double it in turns, by region."
    ),
    "one_level": lambda f, _n: (
        f"Spend on {f.place} had about one level in most weeks: how its response bends is prior only. Spend half and "
        "double of it in turns, by region."
    ),
    "nothing_possible": lambda f, n: (
        f"{f.place} brings at most {n.decimal(f.figure)} in net revenue per unit of spend, and nothing is possible: "
        "the records pull it far below what was believed, and only that belief keeps it above 0. That it does harm "
        "cannot be expressed."
    ),
    "one_event": lambda f, n: (
        f"What events add to demand rests on the days around {f.place} ({n.share(f.figure)} of what the records tell "
        "of it): it is known of this one event, and one event says nothing of the next. Give the years before."
    ),
    "visits_alone": lambda f, _n: (
        f"Orders do not tell what visits of {f.place} are worth: its return rests on what the prior says of that. A "
        "test that stops the channel in some regions for four weeks would tell it."
    ),
    "spend_follows_demand": lambda f, n: (
        f"Organic visits in {f.place or 'all regions together'} move with the {_spend_on(f)} of the same week "
        f"(elasticity {n.decimal(f.figure)}): {'more' if f.figure > 0.0 else 'less'} is spent when more would be sold "
        f"anyway, and media look {'better' if f.figure > 0.0 else 'worse'} than they are; intervals do not hold that. "
        "Spend set by a plan made long before, or a test in some regions, would tell them apart."
    ),
    "orders_follow_spend": lambda f, n: (
        f"Orders in {f.place or 'all regions together'} move with the {_spend_on(f)} of the same week in a way that "
        f"visits do not (elasticity {n.decimal(f.figure)} beyond what the fit gives to media): "
        f"{'more' if f.figure > 0.0 else 'less'} is spent when more visitors buy anyway, or media work otherwise than "
        f"the model lets them. Media may look {'better' if f.figure > 0.0 else 'worse'} than they are by more than "
        "their intervals hold. A test that stops a channel in some regions would tell."
    ),
    "demand_unchecked": lambda f, n: (
        f"Whether spend follows demand is hardly checked: only an elasticity above {n.decimal(f.figure)} would show."
        if np.isfinite(f.figure)
        else "Whether spend follows demand cannot be checked, since organic visits are not known; if it does, media "
        "look better than they are. Import sessions, and the clicks of every channel that is paid."
    ),
    "slow_demand": lambda f, n: (
        f"Demand in {f.place} moves slowly in a way that the model lacks, by about {n.share(f.figure)}: a season, a "
        "trend, a competitor, or media that work otherwise. Spend that moves with it looks better or worse than it is. "
        "Only what comes back in the same months of other years is a season, to be stated (calendar.month)."
    ),
    "in_doubt": lambda _f, _n: (
        "Because of what is said above, nothing here is called measured but by a test of its own, and the panel counts "
        "a tenth: its intervals are up to three times as wide as the model alone would make them. What a wrong model "
        "gets wrong can be more than that."
    ),
    "test_disagrees": lambda f, n: (
        f"The test of {f.place} and the panel disagree by {n.decimal(abs(f.figure))} standard errors. One of the two "
        "is about something else: look at dates, regions, what was counted, and the sign, which is below 0 where less "
        "was spent."
    ),
}


def fit_sentences(fit: MarketFit, numbers: NumberFormat) -> tuple[str, ...]:
    """What channels are told of, then what a reader must know."""
    found = (finding_words(finding, numbers) for finding in fit.findings)
    return tuple(dict.fromkeys((*_returns(fit), *found)))  # two kinds of customers may miss a first day alike


def finding_words(finding: Finding, numbers: NumberFormat) -> str:
    """What one of them says, and what would tell more."""
    return _SENTENCES[finding.code](finding, numbers)


def _returns(fit: MarketFit) -> tuple[str, ...]:
    """One sentence for the returns that are measured and those that are not."""
    told = _names(fit.identification.returns, "measured")
    partly = _names(fit.identification.returns, "partly")
    prior = _names(fit.identification.returns, "prior_only")
    start = "The incremental return of"
    of_partly, of_prior = "That of" if told else start, "That of" if told or partly else start
    lines = (
        f"{start} {told} is measured." if told else "",
        f"{of_partly} {partly} is told in part: its interval leans on what was believed before." if partly else "",
        f"{of_prior} {prior} is prior only: a test that stops the channel in some regions for four weeks would tell it."
        if prior
        else "",
    )
    return tuple(line for line in lines if line)


def _names(listed: tuple[Identified, ...], verdict: Verdict) -> str:
    return ", ".join(one.name for one in listed if one.verdict == verdict)
