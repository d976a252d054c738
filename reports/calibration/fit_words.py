"""What a fit told and what it did not, in sentences, each with what would tell more."""

from collections.abc import Callable, Mapping

import numpy as np

from xbopt.calibration.fit.findings import Finding, FindingCode
from xbopt.calibration.fit.identification import Identified, Verdict
from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.reports.kit.numbers import NumberFormat

VERDICT_WORDS: Mapping[Verdict, str] = {
    "measured": "measured",
    "partly": "partly told",
    "prior_only": "prior only",
}
_SENTENCES: Mapping[FindingCode, Callable[[Finding, NumberFormat], str]] = {
    "not_converged": lambda _f, _n: (
        "The fit did not settle: its best values may not be the best. Calibrate with another --seed, and compare."
    ),
    "cold_start": lambda f, n: (
        f"The first day's customers in {f.place or 'the market'} do not fit the weeks after it "
        f"({n.decimal(f.figure)}). Give orders of an earlier start, so that old customers are known."
    ),
    "longer_warm_up": lambda f, n: (
        f"The first weeks still showed what went before, so {n.count(f.figure)} days were played and not compared."
    ),
    "more_scatter": lambda f, n: (
        f"Weeks of {f.place} scatter {n.decimal(f.figure)} times as much as the market's noise says; intervals are "
        "widened for it."
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
        f"Spend on {f.place} hardly changed, so only a lift test tells what it brings, and nothing how its response "
        "bends and lasts: that is prior only. Halve and double it in turns, by region."
    ),
    "visits_alone": lambda f, _n: (
        f"Orders do not tell what visits of {f.place} are worth: its return rests on what the prior says of that. A "
        "test that stops the channel in some regions for four weeks would tell it."
    ),
    "spend_follows_demand": lambda f, n: (
        f"Organic visits in {f.place or 'all regions together'} move with the spend of the same week (elasticity "
        f"{n.decimal(f.figure)}): {'more' if f.figure > 0.0 else 'less'} is spent when more would be sold anyway, and "
        f"media look {'better' if f.figure > 0.0 else 'worse'} than they are; intervals do not hold that. Spend set by "
        "a plan made long before, or a test in some regions, would tell them apart."
    ),
    "demand_unchecked": lambda f, n: (
        f"Whether spend follows demand is hardly checked: only an elasticity above {n.decimal(f.figure)} would show."
        if np.isfinite(f.figure)
        else "Whether spend follows demand cannot be checked, since organic visits are not known; if it does, media "
        "look better than they are. Import sessions, and the clicks of every channel that is paid."
    ),
    "season_differs": lambda f, n: (
        f"Demand in {f.place} moves over the year otherwise than the scenario's season and trend say, by about "
        f"{n.share(f.figure)}. Spend that moves with it looks better or worse than it is. State the season "
        "(calendar.month, calendar.regions), or calibrate from orders, which tell it."
    ),
    "in_doubt": lambda _f, _n: (
        "Because of what is said above, nothing here is called measured but by a test of its own, and the panel counts "
        "a tenth: its intervals are up to three times as wide as the model alone would make them."
    ),
    "test_disagrees": lambda f, n: (
        f"The test of {f.place} and the panel disagree by {n.decimal(abs(f.figure))} standard errors. One of the two "
        "is about something else: look at dates, regions, what was counted, and the sign, which is below 0 where less "
        "was spent."
    ),
}


def fit_sentences(fit: MarketFit, numbers: NumberFormat) -> tuple[str, ...]:
    """What channels are told of, then what a reader must know."""
    found = (_SENTENCES[finding.code](finding, numbers) for finding in fit.findings)
    return tuple(dict.fromkeys((*_returns(fit), *found)))  # two kinds of customers may miss a first day alike


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
