"""What may still be spent."""

import numpy as np

from xbopt.core.decisions.limits import Limits, Remaining

LIMITS = Limits(
    total_base=100.0,
    daily_base=40.0,
    region_cap_base=np.array([60.0, np.inf]),
    channel_cap_base=np.array([np.inf, 50.0]),
    minimum_base=np.zeros((2, 1, 2)),
    maximum_base=np.full((2, 2), np.inf),
    locked=np.zeros((2, 1, 2), dtype=bool),
    lock_base=np.zeros((2, 1, 2)),
    discount_ceiling=np.full((2, 1), 0.3),
    audience=np.array([[0.4, 0.6], [0.5, 0.5]]),
)


def test_at_the_start_everything_is_there():
    start = Remaining.at_start(LIMITS, 3)
    np.testing.assert_array_equal(start.budget_base, [100.0, 100.0, 100.0])
    np.testing.assert_array_equal(start.region_base, [[60.0, np.inf]] * 3)
    np.testing.assert_array_equal(start.channel_base, [[np.inf, 50.0]] * 3)


def test_a_day_is_taken_from_budget_region_and_channel():
    # World 0 spends 1 + 2 in region 0 and 3 + 4 in region 1; world 1 nothing.
    spend = np.zeros((2, 2, 1, 2))
    spend[0, :, 0, :] = [[1.0, 2.0], [3.0, 4.0]]
    left = Remaining.at_start(LIMITS, 2).after(spend)
    np.testing.assert_array_equal(left.budget_base, [90.0, 100.0])
    np.testing.assert_array_equal(left.region_base, [[57.0, np.inf], [60.0, np.inf]])
    np.testing.assert_array_equal(left.channel_base, [[np.inf, 44.0], [np.inf, 50.0]])


def test_what_is_left_never_falls_below_zero():
    left = Remaining.at_start(LIMITS, 1).after(np.full((1, 2, 1, 2), 100.0))
    assert left.budget_base.min() == left.region_base.min() == left.channel_base.min() == 0.0
