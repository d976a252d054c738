"""Action encodings: neutral actions carry the plan on, every action is feasible, bad actions are told."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.errors import DecisionError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import CampaignSettings, make_encoding
from xbopt.env.components import MenuComponents
from xbopt.env.continuous_actions import LARGEST_PACE_MULTIPLE
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market

ALL = [(encoding, form) for encoding in ("tactics", "continuous") for form in ("factored", "full")]


def encoding_of(market, plan, encoding, form="factored"):
    anchor = Anchor.of(plan, market.scenario.limits)
    return make_encoding(market, anchor, CampaignSettings(encoding=encoding, form=form), plan)


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_the_neutral_action_carries_the_plan_on(quickstart, plan, encoding, form):
    codec = encoding_of(quickstart, plan, encoding, form)
    run = MarketRun(quickstart, worlds=np.arange(2), seed=0)
    actions = codec.check(np.tile(codec.neutral, (2, 1)))
    for _ in range(quickstart.scenario.days):
        decision, planned = codec.decode(actions, run.morning()), plan.decide(run.morning())
        assert decision.spend_base == pytest.approx(planned.spend_base, rel=1e-9)
        assert decision.daypart_weights == pytest.approx(planned.daypart_weights, abs=1e-12)
        assert np.array_equal(decision.discount_frac, planned.discount_frac)
        assert np.array_equal(decision.mechanic, planned.mechanic)
        outcome = run.play(decision)
        assert outcome.adjustments.cut_base == pytest.approx(np.zeros(2), abs=1e-6)


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_names_are_unique_and_one_an_entry(quickstart, plan, encoding, form):
    codec = encoding_of(quickstart, plan, encoding, form)
    assert len(set(codec.names)) == len(codec.names) == len(codec.neutral)


@given(data=st.data())
def test_any_continuous_action_is_a_feasible_decision(quickstart, plan, data):
    form = data.draw(st.sampled_from(["factored", "full"]))
    codec = encoding_of(quickstart, plan, "continuous", form)
    numbers = st.floats(-1.0, 1.0, allow_nan=False)
    row = data.draw(st.lists(numbers, min_size=len(codec.names), max_size=len(codec.names)))
    run = MarketRun(quickstart, worlds=np.arange(1), seed=0)
    morning = run.morning()
    decision = codec.decode(codec.check(np.array([row])), morning)
    money = codec.anchor.day_money_base(morning)
    assert decision.spend_base.min() >= 0.0
    assert decision.spend_base.sum() == pytest.approx(money[0] * LARGEST_PACE_MULTIPLE ** row[0])
    assert decision.daypart_weights.sum(axis=3) == pytest.approx(np.ones(decision.daypart_weights.shape[:3]))
    assert (decision.discount_frac <= quickstart.scenario.limits.discount_ceiling).all()
    outcome = run.play(decision)
    assert outcome.adjustments.discounts_cut.sum() == 0.0
    assert outcome.adjustments.dayparts_mended.sum() == 0.0


def test_money_left_over_is_made_up_for(quickstart, plan):
    """Half the pace in the first week leaves money, which the plan's own course then spends."""
    codec = encoding_of(quickstart, plan, "continuous")
    run = MarketRun(quickstart, worlds=np.arange(1), seed=0)
    slow = codec.neutral[None].copy()
    slow[0, 0] = -1.0
    for _ in range(7):
        run.play(codec.decode(slow, run.morning()))
    assert run.state.remaining.budget_base[0] > quickstart.scenario.limits.total_base - plan.spend_base[:7].sum()
    for _ in range(21):
        run.play(codec.decode(codec.neutral[None], run.morning()))
    reserve = codec.anchor.reserve_base
    assert run.state.remaining.budget_base[0] == pytest.approx(reserve, abs=1e-6)


def test_components_of_a_grid_and_of_a_list():
    menu = load_scenario("quickstart").menu
    parts = MenuComponents.of(menu)
    assert parts.names == ("discount", "mix", "intensity", "timing")
    assert parts.sizes == (3, 3, 3, 2)
    for k in range(len(menu)):
        assert parts.tactic[tuple(parts.choice[k])] == k
    ragged = replace(
        menu,
        labels=menu.labels[:5],
        discount_frac=menu.discount_frac[:5],
        intensity=menu.intensity[:5],
        mix=menu.mix[:5],
        timing=menu.timing[:5],
        mechanic=menu.mechanic[:5],
    )
    assert MenuComponents.of(ragged).names == ("tactic",)
    assert MenuComponents.of(ragged).sizes == (5,)


def test_several_mechanics_belong_to_the_discount():
    scenario = load_scenario("quickstart", overrides=["tactics.mechanics=[percent_off,bundle]"])
    parts = MenuComponents.of(scenario.menu)
    # No discount, and two depths with two mechanics each.
    assert parts.names[0] == "discount"
    assert parts.sizes[0] == 5


def test_joint_probabilities_are_products_of_the_components():
    parts = MenuComponents.of(load_scenario("quickstart").menu)
    rng = np.random.default_rng(0)
    marginals = [rng.dirichlet(np.ones(size), size=4) for size in parts.sizes]
    joint = parts.joint(marginals)
    assert joint.sum(axis=1) == pytest.approx(np.ones(4))
    k = 17
    expected = np.prod([marginal[:, parts.choice[k, d]] for d, marginal in enumerate(marginals)], axis=0)
    assert joint[:, k] == pytest.approx(expected)


def test_labels_of_an_anchored_menu_say_what_is_relative(quickstart, plan):
    menu = AnchoredMenu(base=quickstart.scenario.menu, anchor=Anchor.of(plan, quickstart.scenario.limits))
    assert menu.labels[menu.neutral] == "discount as in calendar / its channels x1 / its dayparts"
    assert len(set(menu.labels)) == len(menu)


@pytest.mark.parametrize(
    ("encoding", "spoil", "message"),
    [
        ("continuous", lambda a: np.full_like(a, np.nan), "nan for pace; a number from -1 to 1"),
        ("continuous", lambda a: a + 1.5, "1.5 for pace"),
        ("continuous", lambda a: a[:, 1:], "shape"),
        ("tactics", lambda a: a.astype(float) * np.nan, "whole numbers"),
        ("tactics", lambda a: a + 0.5, "whole numbers"),
        ("tactics", lambda a: a + 9, "DE/families/discount"),
        ("tactics", lambda a: a[0], "shape"),
    ],
)
def test_bad_actions_are_told(quickstart, plan, encoding, spoil, message):
    codec = encoding_of(quickstart, plan, encoding)
    with pytest.raises(DecisionError, match=message):
        codec.check(spoil(np.tile(codec.neutral, (2, 1))))


def test_a_menu_without_the_plans_own_mix_still_has_a_neutral_tactic(plan):
    market = build_market(
        load_scenario("quickstart", overrides=["tactics.mixes={search_first: {search: 0.7, social: 0.3}}"])
    )
    codec = encoding_of(market, plan, "tactics")
    run = MarketRun(market, worlds=np.arange(1), seed=0)
    decision = codec.decode(codec.neutral[None], run.morning())
    assert decision.spend_base == pytest.approx(plan.decide(run.morning()).spend_base)
