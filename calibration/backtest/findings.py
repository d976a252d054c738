"""What a back-test shows, as codes with figures, and the verdict that rests on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy.stats import binom

from xbopt.calibration.backtest.forecast_scores import BAND, ErrorDifference, ForecastScores
from xbopt.calibration.backtest.held_out_days import HeldOutDays
from xbopt.calibration.backtest.left_out_tests import LeftOutTest
from xbopt.calibration.backtest.records import Records
from xbopt.calibration.backtest.rolling_origin import RollingForecasts

_NARROW, _WIDE = 0.8, 0.985
_LARGE_BIAS = 0.1
_FEWEST_JUDGED = 8
_CHANCE = 0.01
_MOST_TESTS_OUTSIDE = 0.25

BacktestVerdict = Literal["passes", "undecided", "fails"]
BacktestCode = Literal[
    "no_days_of_the_horizon",
    "records_too_short",
    "no_weeks_before",
    "no_year_before",
    "better_than_naive",
    "not_told_from_naive",
    "worse_than_naive",
    "better_than_seasonal_naive",
    "not_told_from_seasonal_naive",
    "worse_than_seasonal_naive",
    "bands_too_narrow",
    "bands_too_wide",
    "bands_no_sharper",
    "bands_hold",
    "biased",
    "level_only",
    "knew_these_days",
    "rows_left_out",
    "media_unknown",
    "few_weeks",
    "tests_outside",
    "tests_inside",
]
WIDE: tuple[BacktestCode, ...] = ("bands_too_wide", "bands_no_sharper")
WORSE: tuple[BacktestCode, ...] = ("worse_than_naive", "worse_than_seasonal_naive")


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestFinding:
    """Something to know about a back-test: a code, which of the two parts it is about, and its figures."""

    code: BacktestCode
    about: Literal["held_out", "rolling", ""] = ""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    text: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether it makes the model fail: it missed bands or lift tests, or others forecast enough weeks better."""
        if self.code in ("bands_too_narrow", "tests_outside"):
            return True
        return self.code in WORSE and self.figures["weeks"] >= _FEWEST_JUDGED


def about_records(records: Records) -> list[BacktestFinding]:
    """What the records do not tell, and rows about what the scenario does not have."""
    left_out = [
        BacktestFinding(code="rows_left_out", text=name, figures={"rows": float(count)})
        for name, count in records.left_out.items()
    ]
    return left_out if records.knows_media else [BacktestFinding(code="media_unknown"), *left_out]


def about_tests(tests: Sequence[LeftOutTest]) -> list[BacktestFinding]:
    """How many lift tests lie outside the band that was predicted without them."""
    if not tests:
        return []
    outside = float(sum(not one.is_inside for one in tests))
    code = "tests_outside" if outside > _MOST_TESTS_OUTSIDE * len(tests) else "tests_inside"
    return [BacktestFinding(code=code, figures={"outside": outside, "tests": float(len(tests))})]


def about_forecasts(
    held: HeldOutDays | None,
    held_scores: ForecastScores | None,
    rolling: RollingForecasts | None,
    rolling_scores: ForecastScores | None,
) -> list[BacktestFinding]:
    """What scores say, of the days of the horizon and of rolling forecasts."""
    found: list[BacktestFinding] = []
    if held is None:
        found.append(BacktestFinding(code="no_days_of_the_horizon", about="held_out"))
    if held_scores is not None:
        found += _about_scores("held_out", held_scores)
    if rolling is None:
        found.append(BacktestFinding(code="records_too_short", about="rolling"))
    elif rolling_scores is not None:
        if rolling.refit == "level":
            found.append(BacktestFinding(code="level_only", about="rolling", text=rolling.reason))
            found.append(BacktestFinding(code="knew_these_days", about="rolling"))
        found += _about_scores("rolling", rolling_scores)
    return found


def _about_scores(about: Literal["held_out", "rolling"], scores: ForecastScores) -> list[BacktestFinding]:
    found: list[BacktestFinding] = []

    def add(code: BacktestCode, **figures: float) -> None:
        found.append(BacktestFinding(code=code, about=about, figures=figures))

    def against(other: ErrorDifference, worse: BacktestCode, better: BacktestCode, even: BacktestCode) -> None:
        code = worse if other.is_worse else better if other.is_better else even
        add(code, model=other.model, other=other.other, weeks=float(other.weeks))

    if not np.isfinite(scores.naive.other):
        add("no_weeks_before")
    else:
        against(scores.naive, "worse_than_naive", "better_than_naive", "not_told_from_naive")
    if scores.seasonal_naive is None and np.isfinite(scores.naive.other):
        add("no_year_before")
    elif scores.seasonal_naive is not None:
        against(
            scores.seasonal_naive,
            "worse_than_seasonal_naive",
            "better_than_seasonal_naive",
            "not_told_from_seasonal_naive",
        )
    bands = {
        "covered": scores.covered,
        "wanted": BAND,
        "width": scores.width,
        "naive_width": scores.naive_width,
    }
    inside = round(scores.covered * scores.weeks) if scores.weeks else 0
    if scores.weeks < _FEWEST_JUDGED:
        add("few_weeks", weeks=float(scores.weeks))
    elif scores.covered < _NARROW and binom.cdf(inside, scores.weeks, BAND) < _CHANCE:
        add("bands_too_narrow", **bands)
    elif scores.covered > _WIDE and binom.sf(inside - 1, scores.weeks, BAND) < _CHANCE:
        add("bands_too_wide", **bands)
    elif scores.width > scores.naive_width:
        add("bands_no_sharper", **bands)
    else:
        add("bands_hold", **bands)
    if abs(scores.bias) > _LARGE_BIAS:
        add("biased", bias=scores.bias)
    return found


def verdict_of(
    held: ForecastScores | None,
    rolling: RollingForecasts | None,
    rolling_scores: ForecastScores | None,
    findings: Sequence[BacktestFinding],
) -> BacktestVerdict:
    """Whether the model passes: on weeks that it has not seen, against every forecast without a model.

    Forecasts of days that the scenario may have been calibrated on can fail it, and never pass it. Bands that hold
    their weeks by being wide pass nothing either.
    """
    if any(finding.is_failure for finding in findings):
        return "fails"
    wide = {finding.about for finding in findings if finding.code in WIDE}
    unseen = [held] if held is not None and "held_out" not in wide else []
    if rolling is not None and rolling.refit == "market" and rolling_scores is not None and "rolling" not in wide:
        unseen.append(rolling_scores)
    return "passes" if any(_passes(scores) for scores in unseen) else "undecided"


def _passes(scores: ForecastScores) -> bool:
    """Whether the model is better beyond chance than each forecast that knows enough of the weeks."""
    others = [scores.naive, *([scores.seasonal_naive] if scores.seasonal_naive is not None else [])]
    judged = [other for other in others if other.weeks >= _FEWEST_JUDGED]
    return bool(judged) and all(other.is_better for other in judged)
