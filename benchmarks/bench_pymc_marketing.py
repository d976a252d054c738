"""Our market fit and pymc-marketing side by side: returns, intervals, forecasts and processor time.

Panels of our market: a market drawn from the prior, 56 weeks of records to learn from (the first four warm up) and
eight to forecast, spend and discounts of those known. What is true is net revenue of the 52 scored weeks with a channel
and without it, in expected mode, per unit of spend. Three fits of each, with their default priors:

- ``ours``: the whole panel, clicks and visits too.
- ``ours, sales only``: spend, discounts, orders and net revenue by day.
- ``pymc-marketing``: spend, mean discount and net revenue by week and region, with two yearly Fourier modes.

It is our ground: the fits know the market's structure, and the prior that truths are drawn from. The other ground are
public demo tables by week, which hold neither orders nor visits of a day: there our import refuses, with its message
shown, and pymc-marketing is compared with forecasts that need no model.

pymc-marketing runs in an environment of its own, one thread, nutpie sampling; its rows are left out without it.

    python -m benchmarks.bench_pymc_marketing [--python PATH] [--panels 4] [--first 0] [--robyn CSV] [--meridian CSV]
        [--chains 2] [--draws 500] [--tune 500] [--tiny]
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.bars import Bar, told, words_of
from benchmarks.bench_recovery import START
from xbopt.calibration.backtest.forecast_scores import RECENT_WEEKS, YEAR_WEEKS
from xbopt.calibration.backtest.records import days_of
from xbopt.calibration.fit.market_fit import NOISE_WORLDS, WARM_UP_DAYS, MarketFit, fit_market
from xbopt.calibration.fit.noise import WEEK, weekly
from xbopt.calibration.fit.recovery import (
    deal_weeks,
    known_market,
    planned_panel,
    true_returns,
    truth_of,
    varied_spend,
)
from xbopt.calibration.fit.replay import replay_of
from xbopt.calibration.panel import CalibrationPanel
from xbopt.core.arrays import FloatArray
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario

METHODS, PEER = ("ours", "ours, sales only", "pymc-marketing"), "pymc-marketing"
BARS = (
    *(Bar(name=f"{name}: median error of a return, factor") for name in METHODS),
    *(Bar(name=f"{name}: 95 % intervals of returns cover") for name in METHODS),
    *(Bar(name=f"{name}: wMAPE over that of the last four weeks") for name in METHODS),
    Bar(name="processor time, pymc-marketing over ours"),
)
SCRIPT = Path(__file__).with_name("pymc_marketing_fit.py")
HOLD_OUT_WEEKS = 8
_SCORED_WEEKS = 52
_FORECAST_DRAWS = 128
_FIRST_WORLD = 7_000_000
_WIDE = 1.96
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How pymc-marketing is run."""

    python: Path
    chains: int
    draws: int
    tune: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one fit says.

    Attributes:
        returns: By channel, the lower end of the 95 % interval, median and upper end ``(D, 3)``.
        forecast: Expected net revenue of the held-out weeks by region ``(W, R)``.
        low, high: Its 90 % band ``(W, R)``.
        seconds: Processor time of the fit.
    """

    returns: FloatArray
    forecast: FloatArray
    low: FloatArray
    high: FloatArray
    seconds: float


@dataclass(kw_only=True)
class Scores:
    """What is collected of one method over panels."""

    errors: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    wmape: list[float] = field(default_factory=list)
    in_band: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, found: Found, true: FloatArray | None, actual: FloatArray) -> None:
        """Take note of a fit; ``true`` are the channels' returns, ``actual`` what came ``(W, R)``."""
        if true is not None:
            low, middle, high = found.returns.T
            self.errors += np.abs(np.log(np.maximum(middle, 1e-9) / true)).tolist()
            self.widths += np.log(np.maximum(high, 1e-9) / np.maximum(low, 1e-9)).tolist()
            self.covered += ((low <= true) & (true <= high)).tolist()
        self.wmape.append(wmape(found.forecast, actual))
        self.in_band.append(float(((found.low <= actual) & (actual <= found.high)).mean()))
        self.seconds.append(found.seconds)


def wmape(forecast: FloatArray, actual: FloatArray) -> float:
    """Sum of absolute errors over the sum of what came."""
    return float(np.abs(forecast - actual).sum() / actual.sum())


def recent_mean(known: FloatArray) -> FloatArray:
    """The mean of the last four known weeks, for each held-out one ``(W, R)``."""
    return np.repeat(known[-RECENT_WEEKS:].mean(axis=0, keepdims=True), HOLD_OUT_WEEKS, axis=0)


def ours(scenario: Scenario, panel: CalibrationPanel, worlds: int) -> tuple[MarketFit, Found]:
    """Fit all but the held-out weeks of a panel, and forecast those."""
    started = time.process_time()
    known = panel.days - HOLD_OUT_WEEKS * WEEK
    fit = fit_market(scenario, days_of(panel, 0, known), seed=1, worlds=worlds)
    seconds = time.process_time() - started
    sd = fit.returns.sd(fit.covariance)
    theta = fit.theta_draws(_FORECAST_DRAWS)
    replay = replay_of(scenario, panel)
    ahead = _FIRST_WORLD + np.arange(_FORECAST_DRAWS)
    counts = replay.play(fit.space.sampled(theta), seed=1, worlds=ahead)[..., [replay.kinds.index("revenue")]]
    played = weekly(counts, known)[..., 0]
    return fit, Found(
        returns=np.exp(fit.returns.log[:, None] + sd[:, None] * np.array([-_WIDE, 0.0, _WIDE])),
        forecast=played.mean(axis=0),
        low=np.quantile(played, 0.05, axis=0),
        high=np.quantile(played, 0.95, axis=0),
        seconds=seconds,
    )


def pymc_marketing(
    table: pl.DataFrame, channels: Sequence[str], controls: Sequence[str], scored_from: str, sampling: Sampling
) -> Found:
    """Fit a weekly table (``date``, ``region`` where there are some, ``y``) in the other environment."""
    with TemporaryDirectory() as folder:
        paths = {"table": f"{folder}/table.csv", "answer": f"{folder}/answer.json"}
        table.write_csv(paths["table"])
        job = {
            **paths,
            "channels": list(channels),
            "controls": list(controls),
            "hold_out": HOLD_OUT_WEEKS,
            "scored_from": scored_from,
            "seed": 1,
            "chains": sampling.chains,
            "draws": sampling.draws,
            "tune": sampling.tune,
        }
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | ONE_THREAD
        command = [str(sampling.python), "-W", "ignore", str(SCRIPT)]
        ran = subprocess.run(
            command, input=json.dumps(job), env=environment, capture_output=True, text=True, check=False
        )
        if ran.returncode != 0:
            sys.exit(f"pymc-marketing ended with {ran.returncode}:\n{ran.stderr[-2000:]}")
        answer = json.loads(Path(paths["answer"]).read_text())
    if answer["divergences"]:
        print(f"  pymc-marketing: {answer['divergences']} divergent draws", flush=True)
    order = np.argsort(answer["regions"]) if answer["regions"] else np.array([0])
    names = sorted(set(table["region"])) if answer["regions"] else [""]
    assert len(order) == len(names), "a forecast of each region"
    forecast, low, high = (np.array(answer[key])[:, order] for key in ("forecast", "low", "high"))
    returns = np.array([answer["returns"][channel] for channel in channels])
    return Found(returns=returns, forecast=forecast, low=low, high=high, seconds=answer["seconds"])


def weekly_table(scenario: Scenario, panel: CalibrationPanel) -> pl.DataFrame:
    """A panel by week and region: spend by channel, the standardised mean discount, net revenue as ``y``."""
    spend = weekly(panel.spend.sum(axis=2), 0)
    discount = weekly(panel.discount_frac.mean(axis=2)[..., None], 0)[..., 0] / WEEK
    control = (discount - discount.mean()) / max(float(discount.std()), 1e-9)
    revenue = weekly(panel.net_revenue[..., None], 0)[..., 0]
    rows: list[dict[str, object]] = []
    for w in range(len(revenue)):
        for r, region in enumerate(scenario.regions):
            paid = dict(zip(scenario.channels, spend[w, r].tolist(), strict=True))
            day = panel.start + timedelta(days=w * WEEK)
            rows.append({"date": day, "region": region, **paid, "discount": control[w, r], "y": revenue[w, r]})
    return pl.DataFrame(rows)


def compare(scenario: Scenario, panels: range, weeks: int, worlds: int, sampling: Sampling | None) -> dict[str, Scores]:
    """Scores by method on panels of markets that are drawn from the prior."""
    days = WARM_UP_DAYS + (weeks + HOLD_OUT_WEEKS) * WEEK
    scored_from = (START + timedelta(days=WARM_UP_DAYS)).isoformat()
    scores: dict[str, Scores] = {}
    for seed in panels:
        planned = planned_panel(START, varied_spend(scenario, days, seed=seed), deal_weeks(scenario, days))
        market = known_market(scenario, planned, seed=seed)
        panel = market.panel
        revenue = weekly(panel.net_revenue[..., None], 0)[..., 0]
        known, actual = revenue[:-HOLD_OUT_WEEKS], revenue[-HOLD_OUT_WEEKS:]
        fit, found = ours(scenario, panel, worlds)
        true = np.exp(true_returns(fit, truth_of(fit, market)))
        scores.setdefault("ours", Scores()).add(found, true, actual)
        sales = replace(panel, clicks=np.full_like(panel.clicks, np.nan), visits=np.full_like(panel.visits, np.nan))
        fit, found = ours(scenario, sales, worlds)
        true_of_sales = np.exp(true_returns(fit, truth_of(fit, market)))
        scores.setdefault("ours, sales only", Scores()).add(found, true_of_sales, actual)
        if sampling:
            names = sorted(range(len(scenario.regions)), key=lambda r: scenario.regions[r])
            found = pymc_marketing(
                weekly_table(scenario, panel), scenario.channels, ["discount"], scored_from, sampling
            )
            scores.setdefault("pymc-marketing", Scores()).add(found, true, actual[:, names])
        scores.setdefault("last four weeks", Scores()).wmape.append(wmape(recent_mean(known), actual))
        print(f"  panel {seed}: true returns {np.round(true, 2).tolist()}", flush=True)
    return scores


def print_scores(title: str, scores: Mapping[str, Scores]) -> None:
    print(f"\n{title}")
    print(f"{'':18s} {'error':>7s} {'width':>7s} {'95 % covers':>14s} {'wMAPE':>7s} {'90 % band':>10s} {'seconds':>8s}")
    for name, one in scores.items():
        error = f"x{np.exp(np.median(one.errors)):.2f}" if one.errors else ""
        width = f"x{np.exp(np.median(one.widths)):.1f}" if one.widths else ""
        cover = f"{sum(one.covered)} of {len(one.covered)}" if one.covered else ""
        band = f"{np.mean(one.in_band):.0%}" if one.in_band else ""
        seconds = f"{np.median(one.seconds):.0f}" if one.seconds else ""
        print(f"{name:18s} {error:>7s} {width:>7s} {cover:>14s} {np.mean(one.wmape):7.1%} {band:>10s} {seconds:>8s}")


def robyn_table(path: Path) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Robyn's weekly demo table: revenue, spend of five channels, sales of a competitor."""
    read = pl.read_csv(path, null_values="na")
    channels = ["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]
    rival = pl.col("competitor_sales_B")
    return (
        read.select(
            pl.col("DATE").str.to_date().alias("date"),
            *channels,
            ((rival - rival.mean()) / rival.std()).alias("competitor"),
            pl.col("revenue").alias("y"),
        ),
        channels,
        ["competitor"],
    )


def meridian_table(path: Path) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Meridian's weekly demo table, its areas summed: revenue, spend of its channels, mean controls."""
    read = pl.read_csv(path)
    channels = sorted(name for name in read.columns if name.endswith("_spend"))
    controls = sorted(name for name in read.columns if name.endswith("_control"))
    summed = (
        read.group_by(pl.col("time").str.to_date().alias("date"))
        .agg(
            pl.col(channels).sum(),
            pl.col(controls).mean(),
            (pl.col("conversions") * pl.col("revenue_per_conversion")).sum().alias("y"),
        )
        .sort("date")
    )
    standardised = [((pl.col(name) - pl.col(name).mean()) / pl.col(name).std()).alias(name) for name in controls]
    return summed.with_columns(standardised), channels, controls


def demo(
    title: str, path: Path, read: tuple[pl.DataFrame, list[str], list[str]], columns: str, sampling: Sampling | None
) -> None:
    """Forecasts of a demo table's last eight weeks, and what our import says to it."""
    table, channels, controls = read
    known, actual = (part.to_numpy()[:, None] for part in (table["y"][:-HOLD_OUT_WEEKS], table["y"][-HOLD_OUT_WEEKS:]))
    scores = {"last four weeks": Scores(wmape=[wmape(recent_mean(known), actual)])}
    before = known[len(known) - YEAR_WEEKS :][:HOLD_OUT_WEEKS]
    scores["a year before"] = Scores(wmape=[wmape(before, actual)])
    if sampling:
        found = pymc_marketing(table, channels, controls, table["date"][0].isoformat(), sampling)
        scores["pymc-marketing"] = Scores()
        scores["pymc-marketing"].add(found, None, actual)
    print_scores(f"{title}: {len(table)} weeks, {len(channels)} channels, the last eight weeks forecast", scores)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "xbopt.cli.main", "import", str(path), "-o", f"{folder}/data"]
        command += ["--columns", columns, "--currency", "EUR", "--zone", "UTC"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    said = " ".join((ran.stdout + ran.stderr).split())
    print(f"ours: `xbopt import --columns {columns}` exits with {ran.returncode}: {said[:700]}")


def figures_of(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Figures of the panels of our market by name of a bar."""
    naive = float(np.mean(scores["last four weeks"].wmape))
    found = dict[str, float]()
    for name in scores.keys() & set(METHODS):
        one = scores[name]
        found[f"{name}: median error of a return, factor"] = float(np.exp(np.median(one.errors)))
        found[f"{name}: 95 % intervals of returns cover"] = float(np.mean(one.covered))
        found[f"{name}: wMAPE over that of the last four weeks"] = float(np.mean(one.wmape)) / naive
    if PEER in scores:
        both = [float(np.median(scores[name].seconds)) for name in (PEER, "ours")]
        found["processor time, pymc-marketing over ours"] = both[0] / both[1]
    return found


def main() -> int:
    parser = words_of(__doc__)
    here = Path(sys.executable) if find_spec("pymc_marketing") else None
    parser.add_argument("--python", type=Path, default=here, help="interpreter of the environment with pymc-marketing")
    parser.add_argument("--panels", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="seed of the first panel")
    parser.add_argument("--robyn", type=Path, help="robyn_dt_simulated_weekly.csv")
    parser.add_argument("--meridian", type=Path, help="a geo table of Meridian, CSV or CSV.gz")
    parser.add_argument("--chains", type=int, default=2)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--tune", type=int, default=500)
    options = parser.parse_args()
    sampling = None
    if options.python:
        chains, draws, tune = (1, 20, 20) if options.tiny else (options.chains, options.draws, options.tune)
        sampling = Sampling(python=options.python, chains=chains, draws=draws, tune=tune)
    weeks, worlds, panels = _SCORED_WEEKS, NOISE_WORLDS, options.panels
    if options.tiny:
        weeks, worlds, panels = 8, 32, 1
    figures = dict[str, float]()
    if panels:
        seeds = range(options.first, options.first + panels)
        scores = compare(load_scenario("quickstart"), seeds, weeks, worlds, sampling)
        print_scores(f"{panels} panels of our market, {weeks} scored weeks, 2 regions x 3 channels", scores)
        figures = figures_of(scores)
    if options.robyn:
        columns = "date=DATE,net_revenue=revenue"
        demo("Robyn's demo table", options.robyn, robyn_table(options.robyn), columns, sampling)
    if options.meridian:
        columns = "date=time,country=geo,orders=conversions"
        demo("Meridian's demo table", options.meridian, meridian_table(options.meridian), columns, sampling)
    return told(__file__, BARS, figures, tiny=options.tiny)


if __name__ == "__main__":
    sys.exit(main())
