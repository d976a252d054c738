"""The menu around a policy: the neutral tactic is the policy's own decision, others move away from it."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.decisions.test_menu import MENU
from xbopt.core.decisions.anchored_menu import PolicyMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.menu import TacticMenu
from xbopt.core.decisions.policy import Observation
from xbopt.core.errors import DecisionError

# One region, two segments, two channels, two dayparts, one world.
WISH = Decision(
    spend_base=np.array([[[[30.0, 10.0], [0.0, 7.0]]]]),
    daypart_weights=np.array([[[[0.2, 0.8], [0.7, 0.3]]]]),
    discount_frac=np.array([[[0.05, 0.3]]]),
    mechanic=np.array([[[3, 1]]]),
)


class Wishes:
    """Wishes the same every day."""

    name, kind = "mine", "baseline"

    def __init__(self, wish=WISH):
        self.wish = wish

    def decide(self, observation):
        return self.wish


def seen(worlds=1):
    left = Remaining(budget_base=np.ones(worlds), region_base=np.ones((worlds, 1)), channel_base=np.ones((worlds, 2)))
    empty = {"region_names": (), "cell_names": (), "channel_names": ()}
    return Observation(
        day=0,
        days=9,
        date=date(2026, 1, 1),
        remaining=left,
        regions=np.zeros((worlds, 1, 0)),
        cells=np.zeros((worlds, 1, 2, 0)),
        channels=np.zeros((worlds, 1, 2, 2, 0)),
        **empty,
    )


def around(first, second, menu=MENU):
    return PolicyMenu.of(menu, Wishes()).decode(np.array([[[first, second]]]), seen())


def assert_same(found: Decision, wanted: Decision):
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name)), name


def test_all_neutral_is_what_the_policy_decides():
    assert_same(around(0, 0), WISH)


def test_a_multiple_keeps_the_split_and_another_mix_keeps_the_money():
    # Segment 0 doubles; segment 1 puts its 7 into the first channel.
    np.testing.assert_array_equal(around(2, 3).spend_base, [[[[60.0, 20.0], [7.0, 0.0]]]])


def test_another_tier_is_absolute_and_the_smallest_is_the_policy_s_own():
    found = around(1, 0)
    np.testing.assert_array_equal(found.discount_frac, [[[0.2, 0.3]]])
    np.testing.assert_array_equal(found.mechanic, [[[0, 1]]])


def test_another_timing_counts_by_the_spend_of_its_segment():
    # Segment 0 in the evening: all of channel 0 (30 of 30), and 10 of 17 of channel 1.
    second = (10 * 0.1 + 7 * 0.7) / 17
    np.testing.assert_allclose(around(4, 0).daypart_weights, [[[[0.1, 0.9], [second, 1 - second]]]])


def test_labels_tell_whose_menu_it_is():
    menu = PolicyMenu.of(MENU, Wishes(), "3fa8c1d2")
    assert menu.labels[menu.neutral] == "mine 3fa8c1d2 itself / its channels x1 / its dayparts"
    assert menu.labels != PolicyMenu.of(MENU, Wishes()).labels


SHORT = TacticMenu(
    labels=("10% / search x0.5 / evening", "20% / search x2 / evening"),
    discount_frac=np.array([0.1, 0.2]),
    intensity=np.array([0.5, 2.0]),
    mix=np.array([0, 0]),
    timing=np.array([0, 0]),
    mechanic=np.array([0, 0]),
    mixes=np.array([[[[1.0, 0.0], [1.0, 0.0]]]]),
    timings=np.array([[[0.1, 0.9]]]),
    mix_names=("search",),
    timing_names=("evening",),
    cell_share=np.array([[0.75, 0.25]]),
)


def test_a_menu_without_a_neutral_tactic_gets_one_and_keeps_what_its_own_say():
    """No mix, timing or discount of such a menu stands for the policy's own: what is written by hand is meant."""
    menu = PolicyMenu.of(SHORT, Wishes())
    assert (len(menu), menu.neutral) == (3, 2)
    assert_same(around(2, 2, SHORT), WISH)
    found = around(0, 1, SHORT)
    np.testing.assert_array_equal(found.spend_base, [[[[20.0, 0.0], [14.0, 0.0]]]])
    np.testing.assert_array_equal(found.discount_frac, [[[0.1, 0.2]]])
    # The second channel gets no money, so that its hours stay the policy's.
    np.testing.assert_allclose(found.daypart_weights, [[[[0.1, 0.9], [0.7, 0.3]]]])


def test_a_decision_of_the_wrong_shape_is_told():
    menu = PolicyMenu.of(MENU, Wishes(replace(WISH, spend_base=np.ones((1, 1, 2, 3)))))
    with pytest.raises(DecisionError, match="spend_base has shape"):
        menu.decode(np.zeros((1, 1, 2), dtype=np.int64), seen())


@settings(max_examples=50)
@given(
    spend=st.lists(st.floats(0.0, 1e12), min_size=4, max_size=4),
    weights=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    depth=st.floats(0.0, 1.0),
)
def test_neutral_is_exact_for_any_wish(spend, weights, depth):
    """Also for one that the projection still has to mend: weights that sum to something else, or to nothing."""
    wish = Decision(
        spend_base=np.array(spend).reshape(1, 1, 2, 2),
        daypart_weights=np.array(weights).reshape(1, 1, 2, 2),
        discount_frac=np.full((1, 1, 2), depth),
        mechanic=np.array([[[4, 2]]]),
    )
    for menu in (MENU, SHORT):
        found = PolicyMenu.of(menu, Wishes(wish))
        assert_same(found.decode(np.full((1, 1, 2), found.neutral), seen()), wish)
