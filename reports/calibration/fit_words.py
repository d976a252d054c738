"""What a fit told and what it did not, in sentences, each with what would tell more."""

from collections.abc import Callable, Mapping

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
        f"Spend on {f.place} hardly changed, so nothing tells how its response bends and lasts: curvature and "
        "carry-over are prior only. Halve and double it in turns, by region."
    ),
    "visits_alone": lambda f, _n: (
        f"Orders do not tell what visits of {f.place} are worth: its return rests on what the prior says of that. A "
        "test that stops the channel in some regions for four weeks would tell it."
    ),
    "in_doubt": lambda _f, _n: (
        "Because of what is said above, nothing here is called measured: the data tell it in part at best."
    ),
    "test_disagrees": lambda f, n: (
        f"The test of {f.place} and the panel disagree by {n.decimal(abs(f.figure))} standard errors. One of the two "
        "is about something else: look at dates, regions and what was counted."
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
        f"{of_partly} {partly} is partly told: about half of its interval is prior." if partly else "",
        f"{of_prior} {prior} is prior only: a test that stops the channel in some regions for four weeks would tell it."
        if prior
        else "",
    )
    return tuple(line for line in lines if line)


def _names(listed: tuple[Identified, ...], verdict: Verdict) -> str:
    return ", ".join(one.name for one in listed if one.verdict == verdict)
