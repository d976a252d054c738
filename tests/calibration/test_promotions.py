"""Bump, dip and what is left of promotions: shops with a known profile, and shops that cannot tell."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.calibration.price_shops import price_shop
from tests.calibration.promotion_shops import promotion_shop, true_pull_forward
from xbopt.calibration.promotion_weeks import PromotionWeeks, weeks_of_lines, weeks_of_panel
from xbopt.calibration.promotions import LAGS, promotion_profile
from xbopt.core.errors import SupportError, UsageError


@pytest.mark.statistical
def test_intervals_cover_bump_net_and_borrowed_share() -> None:
    true_bump = (1.0 - 0.2) ** -3.0 - 1.0
    true_share = true_pull_forward()
    covered = np.zeros(4)
    for seed in range(12):
        profile = promotion_profile(weeks_of_panel(promotion_shop(seed=seed)))
        assert profile.status == "measured"
        assert profile.bump
        assert profile.net
        assert profile.from_data
        assert profile.deal_elasticity
        pairs = (
            (profile.bump, true_bump),
            (profile.net, true_bump * (1.0 - true_share)),
            (profile.from_data, true_share),
            (profile.deal_elasticity, -3.0),
        )
        covered += [figure.low <= truth <= figure.high for figure, truth in pairs]
    # Of 12 intervals that each cover with chance .95 at least 9 do, but for 2 of 1,000 seeds.
    assert covered.min() >= 9


def test_a_promotion_every_fourth_week_cannot_tell_its_lags_apart() -> None:
    profile = promotion_profile(weeks_of_panel(promotion_shop(seed=1, every=4)))
    assert (profile.status, profile.reason) == ("prior only", "collinear")
    assert profile.bump is None
    assert profile.ratio == 1.0


@pytest.mark.parametrize("peaks", [0.0, 0.6])
def test_promotions_of_all_regions_at_once_cannot_be_told_from_their_weeks(peaks: float) -> None:
    profile = promotion_profile(weeks_of_panel(promotion_shop(seed=1, together=True, peaks=peaks)))
    assert (profile.status, profile.reason, profile.bump) == ("prior only", "common_dates", None)


def test_promotions_that_follow_lasting_demand_are_found_out() -> None:
    found = [
        promotion_profile(
            weeks_of_panel(promotion_shop(seed=seed, follows_demand=1.0, persistence=0.7, shock_sd=0.3))
        ).reason
        for seed in range(6)
    ]
    assert found.count("deals_follow_demand") >= 4


@pytest.mark.statistical
def test_the_bump_allows_for_promotions_on_weeks_with_more_demand_anyway() -> None:
    """A fifth of the promotions' dates follow demand of the week, which nothing in the data tells."""
    true_bump, covered = 0.8**-3.0 - 1.0, 0
    for seed in range(10):
        profile = promotion_profile(weeks_of_panel(promotion_shop(seed=seed, follows_demand=0.5)))
        assert profile.bump is not None
        covered += profile.bump.low <= true_bump <= profile.bump.high
    assert covered >= 7  # .95 each: fewer in 1 of 1,000 sets of seeds


@pytest.mark.parametrize(("chance", "reason"), [(0.0, "no_promotions"), (1.0, "always_on"), (0.012, "too_few")])
def test_too_little_movement_leaves_the_prior(chance: float, reason: str) -> None:
    profile = promotion_profile(weeks_of_panel(promotion_shop(seed=3, regions=2, chance=chance)))
    assert (profile.status, profile.reason) == ("prior only", reason)
    assert profile.pull_forward == pytest.approx(1.0 / 3.0)


@pytest.mark.statistical
def test_a_promotion_that_does_nothing_has_no_bump() -> None:
    profile = promotion_profile(weeks_of_panel(promotion_shop(seed=2, bump=0.0, dip=0.0)))
    assert profile.reason == "no_bump"
    assert profile.bump is not None
    assert profile.bump.low < 0.0 < profile.bump.high  # true at 95 of 100 seeds


def test_a_profile_is_read_off_exact_sales() -> None:
    """Sales of 100 e^(2 x) in a promotion's week and 100 e^(-x / 2) a week later, without any noise."""
    series, week = (part.ravel() for part in np.indices((6, 60)))
    starts = {(0, 12), (1, 17), (2, 23), (3, 31), (4, 38), (5, 44), (0, 30), (3, 14), (5, 20)}
    depth = np.array([0.25 if (s, w) in starts else 0.0 for s, w in zip(series, week, strict=True)])
    x = -np.log1p(-depth)
    sales = 100.0 * np.exp(2.0 * x - 0.5 * np.concatenate([[0.0], x[:-1]]))
    profile = promotion_profile(PromotionWeeks(sales=sales, depth=depth, week=week, series=series))
    expected = {0: (1 / 0.75) ** 2 - 1.0, 1: 0.75**0.5 - 1.0}
    np.testing.assert_allclose([week.value for week in profile.lags], [expected.get(k, 0.0) for k in LAGS], atol=1e-5)
    assert profile.from_data is not None
    assert profile.from_data.value == pytest.approx((1.0 - 0.75**0.5) / ((1 / 0.75) ** 2 - 1.0), abs=1e-5)
    assert profile.depth == 0.25


def test_a_start_follows_a_known_week_without_a_promotion() -> None:
    weeks = PromotionWeeks(
        sales=np.ones(7),
        depth=np.array([0.1, 0.1, 0.0, 0.2, 0.2, 0.3, 0.0]),
        week=np.array([0, 1, 2, 3, 4, 0, 1]),
        series=np.array([0, 0, 0, 0, 0, 1, 1]),
    )
    assert weeks.starts.tolist() == [3]


def test_the_same_seed_gives_the_same_profile_whatever_the_order_of_rows() -> None:
    panel = promotion_shop(seed=4)
    first = promotion_profile(weeks_of_panel(panel))
    again = promotion_profile(weeks_of_panel(panel.sample(fraction=1.0, shuffle=True, seed=1)))
    assert first == again


def test_weeks_of_lines_hold_what_was_paid_off_the_price() -> None:
    lines, _ = price_shop(seed=1, products=1, countries=("DE",), price_moves=0.0, pace=20.0)
    monday = lines["date"].min() + timedelta(weeks=10)  # pyright: ignore[reportOptionalOperand]
    inside = (pl.col("date") >= monday) & (pl.col("date") < monday + timedelta(7))
    off = pl.when(inside).then(0.1 * pl.col("unit_price") * pl.col("quantity")).otherwise(0.0)
    weeks = weeks_of_lines(lines.with_columns(off.alias("discount")))
    assert weeks.depth[10] == pytest.approx(0.1)
    assert weeks.depth.sum() == pytest.approx(0.1)


def test_panels_that_cannot_be_used_are_refused() -> None:
    panel = promotion_shop(seed=1, regions=1, weeks=2)
    with pytest.raises(UsageError, match="discount_frac"):
        weeks_of_panel(panel.drop("discount_frac"))
    with pytest.raises(SupportError, match="no row of orders"):
        weeks_of_panel(panel.with_columns(pl.lit(None, dtype=pl.Float64).alias("orders")))
    two = pl.concat([panel.with_columns(pl.lit(w).alias("world")) for w in (0, 1)])
    with pytest.raises(UsageError, match="several worlds"):
        weeks_of_panel(two)
