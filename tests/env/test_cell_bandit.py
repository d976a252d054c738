"""The bandit face: contexts, tactics, and rewards once their window is over."""

import numpy as np
import pytest

from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.errors import DecisionError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.cell_bandit import CellBandit
from xbopt.env.contexts import window_reward
from xbopt.simulator.build import build_market


def test_window_reward_by_hand():
    # 1 + 0.5 * 2 + 0.25 * 4 = 3 from day 0; from day 2 the window of 3 passes the horizon of 4.
    margin = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1, 1)
    assert window_reward(margin, 0, 3, 0.5) == pytest.approx(np.array([[[3.0]]]))
    assert np.isnan(window_reward(margin, 2, 3, 0.5)).all()


def test_a_decision_has_a_context_and_later_a_reward(quickstart):
    bandit = CellBandit(quickstart, worlds=2, seed=1)
    assert bandit.contexts().shape == (8, len(bandit.context_names))
    assert len(bandit.action_labels) == bandit.n_actions
    seen, steps = bandit.contexts(), 0
    while not bandit.done:
        results = bandit.play(np.full(8, steps, dtype=np.int64))
        (result,) = results
        assert result.step == steps
        assert np.array_equal(result.context, seen)
        assert (result.tactic == steps).all()
        assert np.isfinite(result.reward_base).all()
        assert (result.cost_base >= 0.0).all()
        seen, steps = bandit.contexts(), steps + 1
    assert steps == 4
    with pytest.raises(UsageError, match="over"):
        bandit.play(np.zeros(8, dtype=np.int64))


def test_results_wait_for_windows_that_are_longer_than_a_decision():
    market = build_market(load_scenario("quickstart", overrides=["tactics.window_days=14"]))
    bandit = CellBandit(market, worlds=1)
    ready = [[result.step for result in bandit.play(np.zeros(4, dtype=np.int64))] for _ in range(4)]
    assert ready == [[], [0], [1], [2]]


def test_an_anchored_menu_brings_its_own_labels(quickstart, plan):
    menu = AnchoredMenu(base=quickstart.scenario.menu, anchor=Anchor.of(plan, quickstart.scenario.limits))
    bandit = CellBandit(quickstart, worlds=1, menu=menu)
    assert bandit.action_labels == menu.labels
    (result,) = bandit.play(np.full(4, menu.neutral))
    assert result.cost_base.sum() == pytest.approx(plan.spend_base[:7].sum())


def test_left_out_the_menu_is_around_the_scenario_s_own_plan(quickstart):
    bandit, own = CellBandit(quickstart, worlds=1), scenario_plan(quickstart)
    neutral = bandit.action_labels.index("baseline itself / its channels x1 / its dayparts")
    (result,) = bandit.play(np.full(4, neutral))
    np.testing.assert_allclose(result.cost_base, own.spend_base[:7].sum(axis=(0, 3)).ravel())


def test_wrong_tactics_are_told(quickstart):
    bandit = CellBandit(quickstart, worlds=1)
    with pytest.raises(DecisionError, match="one a cell"):
        bandit.play(np.zeros(3, dtype=np.int64))
    with pytest.raises(DecisionError, match="positions"):
        bandit.play(np.full(4, 999))
