"""Price elasticities: shops whose truth is known, and shops that cannot tell."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.calibration.price_shops import FIRST, price_shop
from xbopt.calibration.prices import PricePrior, estimate_elasticity
from xbopt.core.errors import SupportError, UsageError


@pytest.mark.statistical
def test_the_interval_covers_the_true_elasticity() -> None:
    covered, measured = 0, 0
    for seed in range(20):
        estimate = estimate_elasticity(price_shop(seed=seed)[0])
        measured += estimate.status == "measured"
        covered += estimate.status == "measured" and estimate.low <= -2.0 <= estimate.high
    # One shop in 50 is held for one whose prices follow demand: more than 3 of 20 in 1 of 1,000 sets of seeds.
    assert measured >= 17
    # Intervals that each cover with chance .95: 4 of 20 miss in 3 of 1,000 sets of seeds.
    assert covered >= measured - 3


@pytest.mark.statistical
def test_a_quantity_break_is_detected_and_spoils_only_the_naive_figure() -> None:
    naive, covered = [], 0
    for seed in range(10):
        estimate = estimate_elasticity(price_shop(seed=seed, breaks=0.2)[0])
        assert estimate.breaks.found
        assert [f.code for f in estimate.findings if f.code == "quantity_breaks"]
        naive.append(estimate.naive)
        covered += estimate.low <= -2.0 <= estimate.high
    assert np.mean(naive) < -2.8
    assert covered >= 7  # .95 each: fewer in 1 of 1,000 sets of seeds


def test_equal_prices_for_all_quantities_are_no_break() -> None:
    assert not estimate_elasticity(price_shop(seed=1)[0]).breaks.found


@pytest.mark.statistical
def test_costs_as_instruments_undo_prices_that_follow_demand() -> None:
    lines, costs = price_shop(seed=5, follows_demand=0.3, products=20)
    instrumented = estimate_elasticity(lines, instruments=costs)
    assert instrumented.instruments is not None
    assert not instrumented.instruments.is_weak
    assert abs(instrumented.from_data + 2.0) < 3.5 * instrumented.from_data_se
    assert "instruments_differ" in {finding.code for finding in instrumented.findings}


def test_an_instrument_that_moves_no_price_is_weak_and_not_used() -> None:
    lines, costs = price_shop(seed=5)
    order = np.random.default_rng(0).permutation(costs.height)
    noise = costs.with_columns(pl.Series("cost", costs["cost"].to_numpy()[order]))
    estimate = estimate_elasticity(lines, instruments=noise)
    assert estimate.instruments is not None
    assert estimate.instruments.is_weak
    assert "weak_instruments" in {finding.code for finding in estimate.findings}
    assert estimate.from_data == pytest.approx(estimate_elasticity(lines).from_data)


def test_instruments_must_speak_of_every_week() -> None:
    lines, costs = price_shop(seed=5)
    with pytest.raises(UsageError, match="say nothing about"):
        estimate_elasticity(lines, instruments=costs.filter(pl.col("date") > FIRST + timedelta(70)))


@pytest.mark.parametrize("seed", range(100, 104))
def test_prices_that_only_follow_demand_are_not_measured(seed: int) -> None:
    estimate = estimate_elasticity(price_shop(seed=seed, elasticity=-1.8, follows_demand=0.3, price_moves=0.0)[0])
    assert (estimate.status, estimate.reason) == ("prior only", "wrong_sign")
    assert (estimate.elasticity, estimate.sd) == (-2.6, 1.0)
    assert estimate.from_data > 0.0


def test_an_estimate_without_instrument_always_says_so() -> None:
    lines, costs = price_shop(seed=5, products=20)
    plain, instrumented = estimate_elasticity(lines), estimate_elasticity(lines, instruments=costs)
    assert "no_instrument" in {finding.code for finding in plain.findings}
    assert "no_instrument" not in {finding.code for finding in instrumented.findings}


def test_prices_that_never_moved_leave_the_prior() -> None:
    estimate = estimate_elasticity(price_shop(seed=1, price_moves=0.0)[0])
    assert (estimate.status, estimate.reason) == ("prior only", "prices_never_moved")
    assert (estimate.elasticity, estimate.sd, estimate.ratio) == (-2.6, 1.0, 1.0)
    assert np.isnan(estimate.from_data)


def test_a_price_that_only_rises_with_time_cannot_be_told_from_a_trend() -> None:
    lines, _ = price_shop(seed=1, products=1, countries=("DE",), price_moves=0.0, weeks=30)
    week = (pl.col("date") - pl.lit(FIRST)).dt.total_days() // 7
    rising = lines.with_columns(pl.col("unit_price") * (0.01 * week.cast(pl.Float64)).exp())
    estimate = estimate_elasticity(rising)
    assert (estimate.status, estimate.reason) == ("prior only", "prices_moved_together")


def test_one_shop_wide_price_is_measured_by_its_costs_only() -> None:
    lines, costs = price_shop(seed=2, together=True)
    alone, with_costs = estimate_elasticity(lines), estimate_elasticity(lines, instruments=costs)
    assert (alone.status, alone.reason) == ("prior only", "common_moves")
    assert (with_costs.status, with_costs.control) == ("measured", "smooth")
    assert "smooth_season" in {finding.code for finding in with_costs.findings}


def test_a_single_day_leaves_the_prior() -> None:
    lines, _ = price_shop(seed=1, weeks=2)
    estimate = estimate_elasticity(lines.filter(pl.col("date") == FIRST))
    assert (estimate.status, estimate.reason) == ("prior only", "too_little_data")


def test_order_of_rows_and_unit_of_money_do_not_matter() -> None:
    lines, _ = price_shop(seed=4, breaks=0.2)
    first = estimate_elasticity(lines)
    shuffled = lines.sample(fraction=1.0, shuffle=True, seed=7).with_columns(pl.col("unit_price") * 100.0)
    again = estimate_elasticity(shuffled)
    assert again.elasticity == pytest.approx(first.elasticity, abs=1e-6)
    assert again.sd == pytest.approx(first.sd, abs=1e-6)
    assert [group.name for group in again.by_product] == [group.name for group in first.by_product]


def test_rows_are_accounted_for_by_rule() -> None:
    lines, _ = price_shop(seed=1)
    spoiled = lines.with_row_index().with_columns(
        pl.when(pl.col("index") == 0).then(0.0).otherwise("unit_price").alias("unit_price"),
        pl.when(pl.col("index") == 1).then(-1.0).otherwise("quantity").alias("quantity"),
        pl.when(pl.col("index") == 2).then(pl.lit("USD")).otherwise("currency").alias("currency"),
        pl.when(pl.col("index") == 3).then(pl.lit("cancelled")).otherwise(pl.lit("sold")).alias("status"),
        pl.when(pl.col("index") == 4).then(None).otherwise("sku").alias("sku"),
    )
    left_out = estimate_elasticity(spoiled).left_out
    rules = ("no_positive_price", "no_positive_quantity", "other_currency", "not_sold", "no_product")
    assert [left_out[rule] for rule in rules] == [1, 1, 1, 1, 1]


def test_slow_products_come_with_a_warning_and_fast_ones_do_not() -> None:
    slow, fast = (estimate_elasticity(price_shop(seed=1, pace=pace)[0]) for pace in (0.7, 20.0))
    assert "empty_weeks" in {finding.code for finding in slow.findings}
    assert "empty_weeks" not in {finding.code for finding in fast.findings}


def test_a_strong_prior_holds_the_estimate() -> None:
    lines, _ = price_shop(seed=1)
    estimate = estimate_elasticity(lines, prior=PricePrior(mean=-5.0, sd=0.01))
    assert estimate.elasticity == pytest.approx(-5.0, abs=0.05)
    assert estimate.status == "prior only"


def test_lines_that_are_daily_sums_are_counted_in_pieces() -> None:
    lines, _ = price_shop(seed=3, pace=20.0)
    daily = lines.group_by("date", "sku", "country").agg(pl.col("quantity").sum(), pl.col("unit_price").mean())
    estimate = estimate_elasticity(daily)
    assert np.isnan(estimate.of_orders)
    assert abs(estimate.from_data + 2.0) < 3.5 * estimate.from_data_se


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(UsageError, match="unit_price"):
        estimate_elasticity(pl.DataFrame({"date": [FIRST], "quantity": [1.0]}))
    nothing = pl.DataFrame({"date": [FIRST], "quantity": [1.0], "unit_price": [0.0], "sku": ["a"]})
    with pytest.raises(SupportError, match="No line"):
        estimate_elasticity(nothing)


def test_the_frame_has_a_row_for_all_each_region_and_each_product() -> None:
    estimate = estimate_elasticity(price_shop(seed=1)[0])
    rows = estimate.to_frame().to_pylist()
    assert [row["level"] for row in rows] == ["all"] + ["region"] * 2 + ["product"] * 12
    assert rows[0]["elasticity"] == estimate.elasticity
