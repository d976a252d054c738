"""How a scenario stands against what really came: what ``xbopt backtest`` does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xbopt.agents.policies import policy_from
from xbopt.calibration.backtest.findings import (
    BacktestFinding,
    BacktestVerdict,
    about_forecasts,
    about_records,
    about_tests,
    verdict_of,
)
from xbopt.calibration.backtest.forecast_scores import ForecastScores, score, window_of
from xbopt.calibration.backtest.held_out_days import MEASURES, WEEK, HeldOutDays, compare_days, horizon_days
from xbopt.calibration.backtest.left_out_tests import LeftOutTest, left_out_tests
from xbopt.calibration.backtest.records import days_of, read_records
from xbopt.calibration.backtest.rolling_origin import WINDOW_WEEKS, Refit, RollingForecasts, rolling_forecasts
from xbopt.calibration.fit.lift_tests import read_lift_tests
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import SupportError, UsageError
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.simulate import Progress

MAX_RUNS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A scenario against records.

    Attributes:
        scenario: The scenario.
        start: First day of the records.
        days: Number of days of the records.
        held_out: The days of the horizon, expected against actual, with reasons; None where the records hold none.
        held_out_scores: Scores of their whole weeks; None where there is no whole week.
        rolling: Forecasts from rolling origins over all records; None where they are too short.
        rolling_scores: Their scores.
        tests: Lift tests and what was predicted of each without it.
        verdict: ``passes`` where a forecast of unseen weeks beats every forecast without a model beyond chance and its
            bands hold; ``fails`` where one is worse or its bands do not hold; else ``undecided``. A good fit of days
            that were seen never passes.
        findings: What the verdict rests on.
        runs: Worlds that were played.
        seed: Their seed.
    """

    scenario: Scenario = field(repr=False)
    start: str
    days: int
    held_out: HeldOutDays | None = field(repr=False)
    held_out_scores: ForecastScores | None
    rolling: RollingForecasts | None = field(repr=False)
    rolling_scores: ForecastScores | None
    tests: tuple[LeftOutTest, ...]
    verdict: BacktestVerdict
    findings: tuple[BacktestFinding, ...]
    runs: int
    seed: int

    def to_frame(self) -> Frame:
        """One row a part, window, week, region and measure, with ``actual``, ``expected``, ``low`` and ``high``."""
        rows: list[dict[str, object]] = []
        for name in MEASURES if self.held_out else ():
            assert self.held_out is not None, "looped over only where it is there"
            one = self.held_out.weekly[name]
            figures = {"actual": one.actual, "expected": one.expected, "low": one.low, "high": one.high}
            rows += self._rows(figures, part="held_out", window=0, measure=name)
        for number, window in enumerate(self.rolling.windows if self.rolling else ()):
            figures = {
                "actual": window.actual,
                "expected": window.forecast,
                "low": window.low,
                "high": window.high,
            }
            rows += self._rows(figures, part="rolling", window=number, measure="orders")
        return frame_of(rows)

    def _rows(
        self, figures: Mapping[str, FloatArray], *, part: str, window: int, measure: str
    ) -> list[dict[str, object]]:
        weeks = len(next(iter(figures.values())))
        return [
            {
                "part": part,
                "window": window,
                "week": week,
                "region": region,
                "measure": measure,
                **{name: float(values[week, r]) for name, values in figures.items()},
            }
            for week in range(weeks)
            for r, region in enumerate(self.scenario.regions)
        ]


def backtest(
    scenario: Scenario | str | Path,
    data: str | Path,
    *,
    plan: str = "baseline",
    refit: Refit = "level",
    windows: int = 4,
    tests: Path | str | None = None,
    runs: int = 128,
    seed: int = 0,
    world: int | None = None,
    on_progress: Progress | None = None,
) -> Backtest:
    """Hold a scenario against a seller's records.

    Days of the scenario's horizon are compared with what it expected of them, with bands from its draws and its noise,
    and the difference is told by its reasons. Over all records, weekly orders by region are forecast from rolling
    origins, eight weeks ahead, and scored beside the same weeks of the year before and the last four weeks.

    Args:
        scenario: A loaded scenario, a path, or the name of a shipped one.
        data: A folder that ``xbopt import`` made, or a panel's file.
        plan: What was planned: ``baseline``, a planner's name, or a plan's file.
        refit: What is fitted before each window: the level takes seconds, the market minutes; only the market can prove
            anything about days that the scenario was calibrated on.
        windows: Most windows; 0 leaves the rolling forecasts out.
        tests: File of lift tests, each of which is predicted without it; with ``refit="market"`` from a fit to all
            else, otherwise from the scenario as it is.
        runs: Worlds that are played for the days of the horizon.
        seed: Seed of worlds, noise and fits.
        world: Which world of a simulated panel is taken.
        on_progress: Called with the stage, how much of it is done, and how much there is.

    Raises:
        ScenarioError: The scenario cannot be used.
        PanelError: The records cannot be used.
        TableError: The file of tests cannot be used.
        CalibrationError: A test is not about the records.
        PolicyError: There is no such plan, or it does not fit.
        UsageError: A number makes no sense, or the plan is none that is fixed beforehand.
        SupportError: The records hold nothing that can be compared.
    """
    if not 2 <= runs <= MAX_RUNS:
        raise UsageError(f"runs is {runs}; a number from 2 to {MAX_RUNS:,} is wanted.")
    if windows < 0:
        raise UsageError(f"windows is {windows}; 0 or more is wanted.")
    loaded = scenario_of(scenario)
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    records = read_records(data, loaded, world=world)
    market = build_market(loaded)
    chosen = policy_from(plan, market)
    if not isinstance(chosen, ScheduledPolicy):
        raise UsageError(f"{plan} decides as it goes; a back-test compares with a plan that was fixed beforehand.")
    panel = records.with_media(chosen, loaded.start)
    inside = horizon_days(loaded, panel)
    listed = () if tests is None else read_lift_tests(tests)
    held, held_scores = None, None
    if inside is not None:
        first, stop = inside
        held = compare_days(
            loaded,
            market,
            days_of(panel, first, stop),
            chosen,
            runs=runs,
            seed=seed,
            on_step=lambda done, total: report("days of the horizon", done, total),
        )
        held_scores = _score_held_out(held, panel.orders[:first], seed)
    rolling = None
    if windows:
        rolling = rolling_forecasts(
            loaded,
            panel,
            refit=refit,
            windows=windows,
            seed=seed,
            on_window=lambda done, total: report("rolling origins", done, total),
        )
    predicted = left_out_tests(
        loaded,
        panel,
        listed,
        refit=refit,
        seed=seed,
        on_test=lambda done, total: report("lift tests", done, total),
    )
    if held is None and rolling is None and not predicted:
        raise SupportError(
            f"Nothing can be compared: the records ({panel.start}, {panel.days} days) hold no day of the scenario's "
            f"horizon ({loaded.start}, {loaded.days} days), and are too short for a forecast of {WINDOW_WEEKS} weeks "
            "from twelve weeks before. Import later files, or more of them."
        )
    rolling_scores = score(rolling.windows, seed=seed) if rolling else None
    findings = (
        *about_records(records),
        *about_forecasts(held, held_scores, rolling, rolling_scores),
        *about_tests(predicted),
    )
    return Backtest(
        scenario=loaded,
        start=panel.start.isoformat(),
        days=panel.days,
        held_out=held,
        held_out_scores=held_scores,
        rolling=rolling,
        rolling_scores=rolling_scores,
        tests=predicted,
        verdict=verdict_of(held_scores, rolling, rolling_scores, findings),
        findings=findings,
        runs=runs,
        seed=seed,
    )


def _score_held_out(held: HeldOutDays, before: FloatArray, seed: int) -> ForecastScores | None:
    """Scores of the whole weeks of the horizon; the weeks before end with the day before its first."""
    orders = held.weekly["orders"]
    if not len(orders.actual):
        return None
    known = before[len(before) % WEEK :]
    history = known.reshape(-1, WEEK, known.shape[1]).sum(axis=1)
    return score([window_of(history, orders.actual, orders.expected, orders.low, orders.high)], seed=seed)
