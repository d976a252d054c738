"""Prices that follow demand: the interval holds the truth, or nothing is called measured."""

from collections import Counter
from typing import Any

import polars as pl
import pytest

from tests.calibration.following_shops import following_shop
from tests.calibration.price_shops import price_shop
from xbopt.calibration.prices import PriceEstimate, estimate_elasticity

SHOPS = 6


def estimates(**options: Any) -> list[PriceEstimate]:
    return [estimate_elasticity(following_shop(seed=seed, **options)) for seed in range(SHOPS)]


def missed(shops: list[PriceEstimate], truth: float = -2.0) -> int:
    return sum(one.status == "measured" and not one.low <= truth <= one.high for one in shops)


@pytest.mark.parametrize("truth", [-0.5, -2.0])
def test_sales_of_the_whole_shop_at_peaks_of_demand_are_common_moves(truth: float) -> None:
    shops = estimates(elasticity=truth, own_moves=0.0, peak_deals=0.2)
    assert Counter((one.status, one.reason) for one in shops) == {("prior only", "common_moves"): SHOPS}


def test_prices_that_moved_together_up_to_rounding_are_common_moves() -> None:
    # Prices near 7 in whole units: rounding alone leaves each product a course of its own.
    whole = pl.col("unit_price").round(0).clip(1.0) - 0.01
    shops = [price_shop(seed=seed, together=True)[0].with_columns(whole) for seed in range(SHOPS)]
    told = [estimate_elasticity(lines) for lines in shops]
    assert Counter((one.status, one.reason) for one in told) == {("prior only", "common_moves"): SHOPS}


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_moves_of_single_products_count_though_their_prices_are_rounded(step: float) -> None:
    rounded = (pl.col("unit_price") / step).round(0).clip(1.0) * step
    told = [estimate_elasticity(price_shop(seed=seed)[0].with_columns(rounded)) for seed in range(SHOPS)]
    assert {one.control for one in told} == {"region_week"}
    assert sum(one.status == "measured" for one in told) >= SHOPS - 1


def test_prices_set_by_the_sales_of_the_week_before_are_found_out() -> None:
    for strength in (0.1, 0.3):
        assert {one.reason for one in estimates(follows_sales=strength)} == {"prices_follow_demand"}


def test_markdowns_of_what_sells_slowly_are_found_out() -> None:
    shops = estimates(own_moves=0.0, markdown=0.2, persistence=0.8)
    assert {one.reason for one in shops} == {"prices_follow_demand"}


@pytest.mark.statistical
@pytest.mark.parametrize(
    "options",
    [
        {"follows_demand": 0.1},
        {"follows_demand": 0.3},
        {"follows_demand": 0.1, "persistence": 0.8},
        {"follows_demand": 0.3, "persistence": 0.5},
        {"peak_deals": 0.2, "peak_groups": 3},
        {"own_season": 0.5, "season_price": -0.2},
        {"ageing": 0.2},
        {"week_deals": 0.15, "deal_gain": 2.0},
        {"stock_outs": 0.1},
    ],
)
def test_measured_intervals_hold_the_truth_whatever_prices_follow(options: dict[str, float]) -> None:
    # Intervals of .95: more than 2 of 6 miss in 2 of 1,000 sets of seeds.
    assert missed(estimates(**options)) <= 2


def test_deals_of_a_week_do_not_count_and_are_told() -> None:
    shops = estimates(week_deals=0.15, deal_gain=2.0)
    told = [dict(f.figures) for one in shops for f in one.findings if f.code == "short_moves_differ"]
    assert len(told) >= SHOPS // 2
    assert all(figures["fleeting"] < figures["lasting"] for figures in told)


def test_lasting_swings_of_demand_widen_the_interval_and_are_told() -> None:
    steady, swinging = (estimates(persistence=persistence) for persistence in (0.0, 0.8))
    assert sum(one.sd for one in swinging) > 1.3 * sum(one.sd for one in steady)
    told = [one for one in swinging if "demand_swings" in {finding.code for finding in one.findings}]
    assert len(told) >= SHOPS // 2


def test_prices_of_a_week_each_tell_of_no_lasting_price() -> None:
    shops = estimates(own_moves=0.0, week_deals=0.3)
    assert {one.reason for one in shops if one.status == "prior only"} <= {"wide", "wrong_sign", "out_of_range"}
    assert sum(one.status == "measured" for one in shops) <= 1
