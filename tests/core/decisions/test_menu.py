"""The tactic menu read by itself: what a tactic means in money."""

import numpy as np
import pytest

from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import Morning
from xbopt.core.errors import DecisionError

# One region, two segments, two channels, two dayparts. Every pair of tactics differs in at least one component.
MENU = TacticMenu(
    labels=("plain", "deep", "double", "other mix", "evening", "bundle"),
    discount_frac=np.array([0.0, 0.2, 0.0, 0.0, 0.0, 0.1]),
    intensity=np.array([1.0, 1.0, 2.0, 1.0, 1.0, 1.0]),
    mix=np.array([0, 0, 0, 1, 0, 0]),
    timing=np.array([0, 0, 0, 0, 1, 0]),
    mechanic=np.array([0, 0, 0, 0, 0, 2]),
    mixes=np.array([[[[0.5, 0.5], [0.25, 0.75]]], [[[1.0, 0.0], [1.0, 0.0]]]]),
    timings=np.array([[[0.5, 0.5]], [[0.1, 0.9]]]),
    mix_names=("plan", "search"),
    timing_names=("audience", "evening"),
    cell_share=np.array([[0.75, 0.25]]),
)
BUDGET = np.array([100.0])


def morning(budget: np.ndarray) -> Morning:
    """The last day, whose budget is all that is left."""
    worlds = len(budget)
    left = Remaining(budget_base=budget, region_base=np.zeros((worlds, 1)), channel_base=np.zeros((worlds, 2)))
    return Morning(day=9, days=10, remaining=left)


def cells(first: int, second: int) -> np.ndarray:
    return np.array([[[first, second]]])


def test_intensity_one_spends_the_cells_share_in_the_mix():
    decision = MENU.decode(cells(0, 0), morning(BUDGET))
    np.testing.assert_allclose(decision.spend_base, [[[[37.5, 37.5], [6.25, 18.75]]]])
    np.testing.assert_allclose(decision.daypart_weights, 0.5)
    np.testing.assert_array_equal(decision.discount_frac, 0.0)
    decision.check(regions=1, segments=2, channels=2, dayparts=2)


def test_intensity_is_a_multiple_of_the_share_and_a_mix_moves_it_between_channels():
    decision = MENU.decode(cells(2, 3), morning(BUDGET))
    np.testing.assert_allclose(decision.spend_base, [[[[75.0, 75.0], [25.0, 0.0]]]])


def test_discount_and_mechanic_are_the_cells_own():
    decision = MENU.decode(cells(1, 5), morning(BUDGET))
    np.testing.assert_array_equal(decision.discount_frac, [[[0.2, 0.1]]])
    np.testing.assert_array_equal(decision.mechanic, [[[0, 2]]])


def test_the_timing_of_a_channel_is_weighted_by_the_spend_of_its_segments():
    # Segment 0 in the evening, segment 1 as the audience. Channel 0: 37.5 and 6.25 of spend; channel 1: 37.5 and 18.75.
    decision = MENU.decode(cells(4, 0), morning(BUDGET))
    first = (37.5 * 0.1 + 6.25 * 0.5) / 43.75
    second = (37.5 * 0.1 + 18.75 * 0.5) / 56.25
    np.testing.assert_allclose(decision.daypart_weights, [[[[first, 1 - first], [second, 1 - second]]]])


def test_a_channel_without_spend_takes_the_mean_of_the_timings():
    decision = MENU.decode(cells(4, 3), morning(np.array([0.0])))
    np.testing.assert_allclose(decision.daypart_weights, [[[[0.3, 0.7], [0.3, 0.7]]]])


@pytest.mark.parametrize(
    ("tactic", "budget", "message"),
    [
        (np.array([[[0, 6]]]), BUDGET, r"tactic must hold positions 0\.\.5"),
        (np.array([[[0, -1]]]), BUDGET, r"tactic must hold positions 0\.\.5"),
        (np.array([[[0.0, 1.0]]]), BUDGET, r"tactic must hold positions 0\.\.5"),
        (np.array([[0, 1]]), BUDGET, "tactic has shape"),
        (np.array([[[0, 1]]]), np.array([1.0, 2.0]), "tactic has shape"),
    ],
)
def test_tactics_that_are_not_in_the_menu_are_refused(tactic, budget, message):
    with pytest.raises(DecisionError, match=message):
        MENU.decode(tactic, morning(budget))
