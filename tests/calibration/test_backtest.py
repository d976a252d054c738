"""Scenarios against records of simulated markets: right ones, wrong ones, and records that say nothing."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import xbopt
from xbopt.calibration.backtest.backtest import backtest
from xbopt.calibration.backtest.held_out_days import MEASURES
from xbopt.core.errors import PanelError, SupportError, UsageError

START, DAYS, BUDGET = "horizon.start=2026-05-25", "horizon.days=161", "budget.total_base=350000"


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year's half of quickstart: 19 weeks before its first day, and its own four weeks."""
    path = tmp_path_factory.mktemp("records") / "panel.parquet"
    xbopt.simulate(xbopt.load_scenario("quickstart", overrides=[START, DAYS, BUDGET]), runs=1, seed=5, panel=path)
    return path


def test_the_right_model_lies_inside_its_bands_and_explains_all_steps(panel: Path) -> None:
    result = backtest("quickstart", panel, runs=64, windows=0)
    held = result.held_out
    assert held is not None
    assert (held.start.isoformat(), held.days) == ("2026-10-05", 28)
    # Luck alone leaves 1 of 10 outside; more than 4 of 8 are so once in 2,000 times.
    assert np.abs(held.weekly["orders"].outside).sum() <= 4
    for measure in ("orders", "net_revenue"):
        explained = sum(getattr(cause, measure) for cause in held.causes)
        np.testing.assert_allclose(held.planned[measure] + explained, held.total[measure].actual, rtol=1e-9)


def test_spend_other_than_planned_is_named_as_a_cause(panel: Path) -> None:
    # The records spent about 2,174 a day; a plan of a tenth of that expects far fewer orders.
    poor = xbopt.load_scenario("quickstart", overrides=["plan.spend_frac=0.1"])
    held = backtest(poor, panel, runs=16, windows=0).held_out
    assert held is not None
    spend = next(cause for cause in held.causes if cause.code == "spend")
    gap = held.total["orders"].actual - held.planned["orders"]
    assert (spend.orders > 0.5 * gap).all()
    assert held.spend_actual.sum() > 5.0 * held.spend_planned.sum()


def test_a_conversion_that_is_too_low_shows_as_more_orders_a_visit(panel: Path) -> None:
    half = [f"market.regions[{i}].conversion_level=0.5" for i in (0, 1)]
    held = backtest(xbopt.load_scenario("quickstart", overrides=half), panel, runs=32, windows=0).held_out
    assert held is not None
    largest = max(held.causes, key=lambda cause: abs(float(cause.orders.sum())))
    assert largest.code == "conversion"
    assert (largest.orders > 0.3 * held.total["orders"].actual).all()


def test_columns_are_recognised_by_measure_and_unknown_ones_stay_unknown(panel: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.parquet"
    pl.read_parquet(panel).with_columns(
        pl.lit(None, dtype=pl.Float64).alias(name) for name in ("visits", "new_customers", "impressions", "price_index")
    ).write_parquet(bare)
    held = backtest("quickstart", bare, runs=8, windows=0).held_out
    assert held is not None
    assert np.isfinite(held.total["orders"].actual).all()
    assert np.isnan(held.total["visits"].actual).all()
    by_code = {cause.code: cause for cause in held.causes}
    assert np.isnan(by_code["visits"].orders).all()
    assert np.isfinite(by_code["conversion"].orders).all()


def test_records_without_media_take_the_plan_as_carried_out(panel: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders.parquet"
    pl.read_parquet(panel).filter(pl.col("channel").is_null()).write_parquet(orders)
    result = backtest("quickstart", orders, runs=8, windows=1)
    assert "media_unknown" in {finding.code for finding in result.findings}
    assert result.held_out is not None
    np.testing.assert_allclose(result.held_out.spend_actual, result.held_out.spend_planned)
    assert next(cause for cause in result.held_out.causes if cause.code == "spend").orders.tolist() == [0.0, 0.0]


def test_a_lift_test_is_predicted_from_the_scenario_and_held_against_its_result(panel: Path, tmp_path: Path) -> None:
    """Search was switched off in Germany for two weeks; one result lies near the model's, the other far away."""
    rows = pl.read_parquet(panel)
    off = pl.col("date").is_between(pl.date(2026, 8, 3), pl.date(2026, 8, 16)) & (pl.col("region") == "DE")
    tried = tmp_path / "tried.parquet"
    rows.with_columns(
        pl.when(off & (pl.col("channel") == "search")).then(0.0).otherwise(pl.col("spend")).alias("spend")
    ).write_parquet(tried)
    lines = [
        "channel,regions,start,end,days_after,change,metric,lift,se",
        "search,DE,2026-08-03,2026-08-16,7,off,orders",
    ]
    predicted = {}
    for lift in (-60, 2000):
        tests = tmp_path / f"tests{lift}.csv"
        tests.write_text("\n".join([lines[0], f"{lines[1]},{lift},30"]) + "\n", encoding="utf-8")
        result = backtest("quickstart", tried, runs=8, windows=0, tests=tests)
        (predicted[lift],) = result.tests
    assert predicted[-60].predicted < 0.0
    assert predicted[-60].predicted == predicted[2000].predicted
    # The test's own error of 30 alone makes a band of 1.645 times 30 on both sides.
    assert predicted[-60].high - predicted[-60].low > 2.0 * 1.645 * 30.0
    assert not predicted[2000].is_inside
    assert result.verdict == "fails"
    assert "tests_outside" in {finding.code for finding in result.findings}


def test_rolling_levels_never_pass_because_the_model_may_know_these_days(panel: Path) -> None:
    result = backtest("quickstart", panel, runs=8)
    assert result.rolling is not None
    assert result.rolling.refit == "level"
    assert [len(window.actual) for window in result.rolling.windows] == [8]
    assert result.verdict != "passes"
    assert {"level_only", "knew_these_days", "no_year_before"} <= {finding.code for finding in result.findings}


def test_a_model_that_is_far_off_fails_and_says_what_is_better(panel: Path) -> None:
    wrong = xbopt.load_scenario("quickstart", overrides=["market.regions[0].traffic_level=5"])
    result = backtest(wrong, panel, runs=32, windows=0)
    assert result.verdict == "fails"
    assert "worse_than_naive" in {finding.code for finding in result.findings}


def test_rows_about_something_else_are_left_out_and_counted(panel: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(panel)
    strange = rows.filter(pl.col("region") == "DE").with_columns(pl.lit("PL").alias("region"))
    both = tmp_path / "panel.parquet"
    pl.concat([rows, strange]).write_parquet(both)
    result = backtest("quickstart", tmp_path, runs=8, windows=0)
    assert {finding.text: finding.figures for finding in result.findings if finding.code == "rows_left_out"} == {
        "region PL": {"rows": float(strange.height)}
    }
    strange.write_parquet(both)
    with pytest.raises(PanelError, match="region PL"):
        backtest("quickstart", tmp_path, runs=8)


def test_what_cannot_be_compared_is_refused(panel: Path, tmp_path: Path) -> None:
    with pytest.raises(PanelError, match="no panel"):
        backtest("quickstart", tmp_path)
    later = xbopt.load_scenario("quickstart", overrides=["horizon.start=2026-05-11"])
    with pytest.raises(SupportError, match="begin on 2026-05-25"):
        backtest(later, panel)
    short = tmp_path / "short.parquet"
    pl.read_parquet(panel).filter(pl.col("date") < pl.date(2026, 6, 1)).write_parquet(short)
    with pytest.raises(SupportError, match="Nothing can be compared"):
        backtest("quickstart", short)
    with pytest.raises(UsageError, match="runs"):
        backtest("quickstart", panel, runs=1)
    with pytest.raises(UsageError, match="fixed beforehand"):
        backtest("quickstart", panel, plan="replan:baseline", runs=2)


def test_the_same_seed_gives_the_same_result_whatever_the_order_of_rows(panel: Path, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.parquet"
    pl.read_parquet(panel).sample(fraction=1.0, shuffle=True, seed=3).write_parquet(mixed)
    first, again = (backtest("quickstart", path, runs=8, windows=1).to_frame().to_pylist() for path in (panel, mixed))
    assert first == again


def test_the_frame_has_one_row_a_week_region_and_measure(panel: Path) -> None:
    rows = backtest("quickstart", panel, runs=8, windows=1).to_frame().to_pylist()
    assert len(rows) == 4 * 2 * len(MEASURES) + 8 * 2
    assert {row["part"] for row in rows} == {"held_out", "rolling"}
