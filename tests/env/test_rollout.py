"""Rolling a policy out: tactics are drawn from their stream and held for the decision period."""

import numpy as np
import pytest

from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.market_run import MarketRun
from xbopt.env.rollout import Chooser, play_worlds
from xbopt.simulator.build import build_market
from xbopt.studies.totals import CELL_COUNTS, TotalsRecorder


class Diary:
    def __init__(self):
        self.choices, self.outcomes, self.last = [], [], None

    def record(self, day, outcome, choice):
        self.outcomes.append(outcome)
        if choice is not None:
            self.choices.append(choice)

    def finish(self, state, world):
        self.last = state


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart"))


@pytest.fixture(scope="module")
def exploring(market):
    return ExploringPolicy(plan=built_in_policy("baseline", market), scenario=market.scenario, exploration=0.5)


def test_tactics_are_drawn_weekly_and_held(market, exploring):
    diary = Diary()
    play_worlds(market, exploring, worlds=np.arange(3), seed=1, recorders=[diary])
    assert [choice.day for choice in diary.choices] == [0, 7, 14, 21]
    menu, planned = market.scenario.menu, exploring.plan.discount_frac
    assert planned.any()
    for day, outcome in enumerate(diary.outcomes):
        held = menu.discount_frac[diary.choices[day // 7].tactic]
        # A tier is held; a tactic without one leaves the day's own discount to the plan.
        assert np.array_equal(outcome.decision.discount_frac, np.where(held == 0.0, planned[day], held))


@pytest.mark.parametrize(
    ("name", "days"), [("baseline", []), ("explored", [0, 7, 14, 21]), ("replan", list(range(28)))]
)
def test_a_morning_is_looked_at_where_something_is_chosen_by_it(market, exploring, name, days):
    policy = exploring if name == "explored" else policy_from(name, market)
    run, chooser = MarketRun(market, worlds=np.arange(2), seed=1), Chooser(market, policy, seed=1, worlds=np.arange(2))
    looked = []
    for day in range(28):
        looked += [day] if chooser.looks(day) else []
        run.play(chooser.decide(run.observe())[0])
    assert looked == days


def test_the_propensity_is_that_of_the_drawn_tactic(market, exploring):
    diary = Diary()
    play_worlds(market, exploring, worlds=np.arange(3), seed=1, recorders=[diary])
    for choice in diary.choices:
        for index in np.ndindex(choice.tactic.shape):
            assert choice.propensity[index] == choice.probabilities[index][choice.tactic[index]]


def test_expected_mode_is_the_same_for_every_seed(market):
    plan = built_in_policy("baseline", market)
    diaries = [Diary(), Diary()]
    for seed, diary in enumerate(diaries):
        play_worlds(market, plan, worlds=np.arange(1), seed=seed, expected=True, recorders=[diary])
    first, second = (sum(outcome.orders.sum() for outcome in diary.outcomes) for diary in diaries)
    assert first == second
    assert first != round(first)


def test_sampled_counts_are_whole_numbers(market):
    diary = Diary()
    play_worlds(market, built_in_policy("uniform", market), worlds=np.arange(2), seed=0, recorders=[diary])
    for outcome in diary.outcomes:
        for array in (outcome.visits, outcome.carts, outcome.orders, outcome.returns):
            assert np.array_equal(array, np.round(array))
        assert (outcome.visits >= outcome.carts).all()
        assert (outcome.carts >= outcome.orders.sum(axis=3)).all()


def test_totals_add_up_what_the_days_brought(market):
    diary, adder = Diary(), TotalsRecorder(market, 2)
    play_worlds(market, built_in_policy("calendar", market), worlds=np.arange(2), seed=0, recorders=[diary, adder])
    totals = adder.totals()
    orders = sum(outcome.orders.sum(axis=3) for outcome in diary.outcomes)
    assert totals.cells[..., CELL_COUNTS.index("orders")] == pytest.approx(orders)
    margin = sum(outcome.money.contribution_margin for outcome in diary.outcomes)
    assert totals.money.sum(axis=3) == pytest.approx(margin)
    spend = sum(outcome.decision.spend_base for outcome in diary.outcomes)
    assert totals.channels[..., 0] == pytest.approx(spend)
    assert totals.spend_by_day.sum() == pytest.approx(spend.sum())
    assert totals.spend_by_daypart.sum() == pytest.approx(spend.sum())
    owed = totals.cells[..., CELL_COUNTS.index("debt")]
    borrowed, repaid = (totals.cells[..., CELL_COUNTS.index(name)] for name in ("borrowed", "repaid"))
    assert borrowed == pytest.approx(repaid + owed)
    assert np.array_equal(owed, diary.last.borrowed)


def test_discount_cost_is_the_discount_net_of_tax(market):
    diary, adder = Diary(), TotalsRecorder(market, 1)
    play_worlds(market, built_in_policy("baseline", market), worlds=np.arange(1), seed=0, recorders=[diary, adder])
    given = sum(-outcome.money.discount / np.array([[1.19], [1.20]]) for outcome in diary.outcomes)
    assert adder.totals().cells[..., CELL_COUNTS.index("discount_cost")] == pytest.approx(given)
    assert given.sum() > 0
