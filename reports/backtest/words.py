"""What a back-test says, in sentences: for the terminal, the page and the document."""

from collections.abc import Callable, Mapping

import numpy as np

from xbopt.calibration.backtest.backtest import Backtest
from xbopt.calibration.backtest.findings import WORSE, BacktestCode, BacktestFinding, BacktestVerdict
from xbopt.calibration.backtest.held_out_days import CauseCode, HeldOutDays, Measure
from xbopt.calibration.backtest.rolling_origin import WINDOW_WEEKS, Refit
from xbopt.reports.kit.numbers import NumberFormat

MEASURE_WORDS: Mapping[Measure, str] = {
    "orders": "Orders",
    "net_revenue": "Net revenue",
    "visits": "Visits",
    "new_customers": "New customers",
}
CAUSE_WORDS: Mapping[CauseCode, str] = {
    "spend": "Spend other than planned",
    "media_price": "Price of reach",
    "discount": "Discounts other than planned",
    "price": "List prices and exchange rates",
    "stock_out": "Out of stock",
    "visits": "Visits, unexplained",
    "conversion": "Orders a visit, unexplained",
    "order_value": "Revenue an order, unexplained",
}
REFIT_WORDS: Mapping[Refit, str] = {
    "market": "the whole market was fitted anew before each window",
    "level": "only the level of orders by region was fitted anew before each window",
}
_VERDICTS: Mapping[BacktestVerdict, str] = {
    "passes": "The model passes: it forecasts weeks that it has not seen better than any forecast without a model.",
    "undecided": "Undecided: these records do not show that the model forecasts better than a forecast without one.",
    "fails": "The model fails:",
}
_PARTS = {"held_out": "In the days of the horizon", "rolling": "From rolling origins", "": ""}


def backtest_sentences(result: Backtest, numbers: NumberFormat) -> tuple[str, ...]:
    """The verdict, where the days of the horizon lie, and what the verdict rests on."""
    failures = dict.fromkeys(_FAILURES[one.code] for one in result.findings if one.is_failure)
    small = dict.fromkeys(_FAILURES[one.code] for one in result.findings if one.code in WORSE and not one.is_failure)
    verdict = f"{_VERDICTS[result.verdict]} {'; '.join(failures)}." if failures else _VERDICTS[result.verdict]
    verdict = f"{verdict}{_bands(result, numbers)}"
    if small:
        verdict = f"{verdict} Over a few weeks, too few for a verdict: {'; '.join(small)}."
    held = [] if result.held_out is None else [held_out_sentence(result.held_out, numbers)]
    rest = [finding_sentence(finding, numbers) for finding in result.findings if finding.code != "rows_left_out"]
    return (verdict, *held, *rest, *_left_out(result))


def _bands(result: Backtest, numbers: NumberFormat) -> str:
    """Cover and width of the bands, of the days of the horizon before those of rolling origins."""
    scores = result.held_out_scores or result.rolling_scores
    if scores is None or not scores.weeks or not np.isfinite(scores.width):
        return ""
    return (
        f" Its 90% bands hold {numbers.share(scores.covered)} of the weeks and are {numbers.share(scores.width)} of "
        f"orders wide{_needed(scores.naive_width, numbers)}."
    )


def _needed(width: float, numbers: NumberFormat) -> str:
    return f"; around {_RECENT} {numbers.share(width)} would have held as many" if np.isfinite(width) else ""


def held_out_sentence(held: HeldOutDays, numbers: NumberFormat) -> str:
    """How many orders came, how many were expected, and what explains most of the difference."""
    orders, planned = held.total["orders"], float(held.planned["orders"].sum())
    actual, expected = float(orders.actual.sum()), float(orders.expected.sum())
    start = (
        f"{numbers.count(actual)} orders came in {numbers.count(held.days)} days; the plan {held.plan} expected "
        f"{numbers.count(planned)}, and {numbers.count(expected)} given what was spent and asked."
    )
    cause = max(held.causes, key=lambda one: abs(float(np.nansum(one.orders))))
    part = float(np.nansum(cause.orders))
    name = cause_name(cause.code, held).lower()
    most = f" The largest part of the difference: {name}, {numbers.signed(part, 'count')}." if part else ""
    weekly = held.weekly["orders"]
    weeks, outside = weekly.actual.size, int(np.abs(weekly.outside).sum())
    inside = f" {outside} of {weeks} weeks and regions lie outside their 90% band." if weeks else ""
    return f"{start}{most}{inside}"


def cause_name(code: CauseCode, held: HeldOutDays) -> str:
    """A cause in words; where visits are not known, nothing tells them from orders a visit."""
    if code == "conversion" and not np.isfinite(held.total["visits"].actual).any():
        return "Visits or orders a visit, unexplained"
    return CAUSE_WORDS[code]


def finding_sentence(finding: BacktestFinding, numbers: NumberFormat) -> str:
    """A finding in words."""
    return _SENTENCES[finding.code](finding, numbers)


def _left_out(result: Backtest) -> tuple[str, ...]:
    names = [finding.text for finding in result.findings if finding.code == "rows_left_out"]
    if not names:
        return ()
    rows = sum(finding.figures["rows"] for finding in result.findings if finding.code == "rows_left_out")
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (f"{rows:,.0f} rows of the records are about what the scenario does not have: {shown}. They were left out.",)


def _errors(finding: BacktestFinding, numbers: NumberFormat, relation: str, other: str) -> str:
    own, others = (numbers.share(finding.figures[name]) for name in ("model", "other"))
    weeks = numbers.count(finding.figures["weeks"])
    return (
        f"{_PARTS[finding.about]} the model's error is {own} of orders, {relation} {others} of {other}, over {weeks} "
        "weeks of regions."
    )


_RECENT, _YEAR = "the mean of the last four weeks", "the same weeks of the year before"
_FAILURES: Mapping[BacktestCode, str] = {
    "worse_than_naive": f"{_RECENT} forecasts better",
    "worse_than_seasonal_naive": f"{_YEAR} forecast better",
    "bands_too_narrow": "its bands are too narrow",
    "tests_outside": "it does not predict lift tests",
}


def _covered(finding: BacktestFinding, numbers: NumberFormat) -> str:
    figures = finding.figures
    return (
        f"{_PARTS[finding.about]} the bands hold {numbers.share(figures['covered'])} of the weeks, where "
        f"{numbers.share(figures['wanted'])} are promised, and are {numbers.share(figures['width'])} of orders wide"
        f"{_needed(figures['naive_width'], numbers)}{_BANDS[finding.code]}."
    )


_BANDS: Mapping[BacktestCode, str] = {
    "bands_hold": "",
    "bands_too_narrow": ": they are too narrow, results will surprise more often than they say",
    "bands_too_wide": ": they are too wide",
    "bands_no_sharper": ": they hold by being wide, and that is no success",
}


def _tests(finding: BacktestFinding, numbers: NumberFormat) -> str:
    outside, tests = (numbers.count(finding.figures[name]) for name in ("outside", "tests"))
    return f"Of {tests} lift tests, each predicted without itself, {outside} lie outside their 90% band."


_SENTENCES: Mapping[BacktestCode, Callable[[BacktestFinding, NumberFormat], str]] = {
    "no_days_of_the_horizon": lambda _finding, _numbers: (
        "The records hold no day of the scenario's horizon, so that nothing says how its own days went. Import them, "
        "and run this again."
    ),
    "records_too_short": lambda _finding, _numbers: (
        f"There are no rolling forecasts: they need twelve weeks and {WINDOW_WEEKS} more to forecast."
    ),
    "no_weeks_before": lambda finding, _numbers: (
        f"{_PARTS[finding.about]} nothing can be held against the model: the records hold no weeks before."
    ),
    "no_year_before": lambda finding, _numbers: (
        f"{_PARTS[finding.about]} no week of the year before is known, so that the mean of the last four weeks is the "
        "only forecast without a model."
    ),
    "better_than_naive": lambda finding, numbers: _errors(finding, numbers, "below the", _RECENT),
    "not_told_from_naive": lambda finding, numbers: _errors(
        finding, numbers, "too near to tell apart from the", _RECENT
    ),
    "worse_than_naive": lambda finding, numbers: _errors(finding, numbers, "above the", _RECENT),
    "better_than_seasonal_naive": lambda finding, numbers: _errors(finding, numbers, "below the", _YEAR),
    "not_told_from_seasonal_naive": lambda finding, numbers: _errors(
        finding, numbers, "too near to tell apart from the", _YEAR
    ),
    "worse_than_seasonal_naive": lambda finding, numbers: _errors(finding, numbers, "above the", _YEAR),
    "bands_too_narrow": _covered,
    "bands_too_wide": _covered,
    "bands_no_sharper": _covered,
    "bands_hold": _covered,
    "biased": lambda finding, numbers: (
        f"{_PARTS[finding.about]} it expects {numbers.share(abs(finding.figures['bias']))} too "
        f"{'many' if finding.figures['bias'] > 0.0 else 'few'} orders."
    ),
    "level_only": lambda finding, _numbers: (
        f"From rolling origins {REFIT_WORDS['level']}." + (f" {finding.text}" if finding.text else "")
    ),
    "knew_these_days": lambda _finding, _numbers: (
        "The scenario's other numbers may have been calibrated on these very weeks, so that its forecasts of them "
        "prove nothing; --refit market fits all of it anew from what was known."
    ),
    "rows_left_out": lambda finding, numbers: (
        f"{numbers.count(finding.figures['rows'])} rows of the {finding.text} were left out: the scenario does not "
        "have it."
    ),
    "tests_outside": _tests,
    "tests_inside": _tests,
    "media_unknown": lambda _finding, _numbers: (
        "The records do not tell what was spent on media: the plan is taken as carried out."
    ),
    "few_weeks": lambda finding, numbers: (
        f"{_PARTS[finding.about]} {numbers.count(finding.figures['weeks'])} weeks of regions are too few for a verdict "
        "on the bands."
    ),
}
