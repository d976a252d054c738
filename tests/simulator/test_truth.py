"""The ground truth has a door of its own, and the door tells the truth."""

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.observation import RecentResults, observe
from xbopt.env.rollout import play_worlds
from xbopt.simulator.response import order_margin, steady_response
from xbopt.simulator.step import play_day
from xbopt.simulator.truth import GroundTruth
from xbopt.simulator.worlds import average_world, draw_worlds


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("quickstart")


@pytest.fixture(scope="module")
def truth(scenario):
    return GroundTruth.of(scenario, seed=5, worlds=np.arange(4))


def plan_decisions(truth, policy):
    state, recent, decisions = truth.start(), RecentResults.empty(truth.market, truth.worlds), []
    for day in range(truth.market.scenario.days):
        seen = observe(truth.market, state, recent)
        decisions.append(policy.decide(seen))
        assert seen.day == day
        _, state = truth.expected_day(state, decisions[-1])
    return decisions


def test_elasticities_are_those_the_worlds_are_played_with(scenario, truth):
    drawn = draw_worlds(scenario, seed=5, worlds=np.arange(4))
    assert truth.elasticity.shape == (4, 2, 2)
    assert truth.elasticity == pytest.approx(np.array([-2.2, -3.1]) * drawn.elasticity)
    assert len(np.unique(truth.elasticity)) == 16


def test_the_first_days_expected_margin_is_the_mean_of_many_draws(scenario, truth):
    """Day 0 starts from a known state, so the mean over noise is the expected mode but for Poisson noise."""
    from dataclasses import replace

    from xbopt.simulator.draws import MarketDraws
    from xbopt.simulator.history import initial_state
    from xbopt.simulator.worlds import select_worlds

    market, policy = truth.market, built_in_policy("baseline", truth.market)
    decision = plan_decisions(truth, policy)[0]
    expected, _ = truth.expected_day(truth.start(), decision)
    copies = 4000
    # One world's parameters under many different noises.
    world = select_worlds(truth.world, np.zeros(copies, dtype=np.int64))
    many = replace(
        decision,
        **{
            name: np.repeat(getattr(decision, name)[:1], copies, axis=0)
            for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic")
        },
    )
    draws = MarketDraws(scenario, seed=11, worlds=np.arange(copies)).day(0)
    outcome, _ = play_day(market, world, initial_state(market, copies), many, draws)
    sampled = outcome.money.contribution_margin.sum(axis=(1, 2))
    error = sampled.std(ddof=1) / np.sqrt(copies)
    # Four standard errors: a false alarm in 16,000 seeds.
    assert abs(sampled.mean() - expected.money.contribution_margin[0].sum()) < 4 * error


def test_expected_margin_of_a_plan_is_the_sum_of_its_days(truth):
    decisions = plan_decisions(truth, built_in_policy("uniform", truth.market))
    state, total = truth.start(), np.zeros(4)
    for decision in decisions:
        outcome, state = truth.expected_day(state, decision)
        total += outcome.money.contribution_margin.sum(axis=(1, 2))
    assert truth.expected_margin(decisions) == pytest.approx(total)
    assert total.std() > 0


def test_neither_observation_nor_choice_carries_ground_truth(truth):
    """Two sets of worlds that differ in their hidden parameters look the same on the first morning."""
    other = GroundTruth.of(truth.market.scenario, seed=6, worlds=np.arange(4))
    assert not np.array_equal(truth.elasticity, other.elasticity)
    seen = [observe(door.market, door.start(), RecentResults.empty(door.market, 4)) for door in (truth, other)]
    assert np.array_equal(seen[0].cells, seen[1].cells)
    assert np.array_equal(seen[0].regions, seen[1].regions)


def test_the_steady_response_is_where_a_long_constant_campaign_settles():
    """Orders by channel after a long constant campaign approach the steady response, season and growth aside."""
    changes = [
        "horizon.days=120",
        "calendar.month=[1,1,1,1,1,1,1,1,1,1,1,1]",
        "calendar.cpm_month=[1,1,1,1,1,1,1,1,1,1,1,1]",
        "calendar.weekday=[1,1,1,1,1,1,1]",
        "calendar.holiday_demand=1",
        "calendar.events=[]",
        "budget.total_base=120000",
        "plan.discounts=[]",
        "synergies=[]",
        "market.regions.UK.fx_pass_through=0",
    ]
    market = GroundTruth.of(load_scenario("quickstart", overrides=changes), seed=0, worlds=np.arange(1)).market
    plan = built_in_policy("baseline", market)
    visits = []

    class Notes:
        def record(self, day, outcome, choice):
            # Per person reached, because the number of customers moves over four months.
            visits.append(outcome.channel_visits[0])

        def finish(self, state, world):
            self.people = state.customers[0]

    notes = Notes()
    play_worlds(market, plan, worlds=np.arange(1), seed=0, expected=True, recorders=[notes])
    steady = steady_response(market, average_world(), plan.spend_base[:1])
    reached = np.einsum("rsl,cl->rsc", notes.people, market.media.reach)
    first = np.einsum("rsl,cl->rsc", market.scenario.customers, market.media.reach)
    prospecting = slice(0, 2)
    settled, expected = visits[-1] / reached, steady.visits[0] / first
    # Prospecting channels reach everybody; the audience hardly moves.
    assert settled[..., prospecting] == pytest.approx(expected[..., prospecting], rel=0.02)


def test_the_margin_of_an_order_by_hand(truth):
    # German families: 2 items of 0.45 lamps and 0.55 textiles at 46 and 32: 76.60 net, cost 36.30.
    price, cost = 2.0 * (0.45 * 46 + 0.55 * 32), 2.0 * (0.45 * 22 + 0.55 * 15)
    returned = (0.08 * 0.45 * 46 + 0.10 * 0.55 * 32) / (0.45 * 46 + 0.55 * 32)
    net = (price + 3.9) * (1 - returned)  # a German who withdraws gets the shipping back too
    paid = (price + 3.9) * 1.19
    margin = net - cost * (1 - returned * 0.85) - 4.6 - 0.024 * paid - 0.25 - 6.5 * returned
    assert order_margin(truth.market)[0, 0] == pytest.approx(margin)


@pytest.mark.parametrize("group", ["media_price", "half_saturation", "media_response"])
def test_uncertain_media_keep_the_first_impressions_effect_in_the_mean(group):
    """A small spend brings the scenario's visits in the mean over worlds, whatever about media is uncertain."""
    change = "uncertainty={" + group + ": {spread: 0.5}}"
    door = GroundTruth.of(load_scenario("quickstart", overrides=[change]), seed=2, worlds=np.arange(4000))
    spend = np.full((4000, 2, 2, 3), 1e-6)
    drawn = door.response(spend).visits
    stated = steady_response(door.market, average_world(), spend[:1]).visits
    error = drawn.std(axis=0, ddof=1) / np.sqrt(4000)
    # Four standard errors, and what curvature at a millionth of the spend can do.
    assert (np.abs(drawn.mean(axis=0) - stated[0]) < 4 * error + 1e-3 * stated[0]).all()


def test_a_list_price_above_the_usual_one_lowers_demand():
    usual, dear = (
        GroundTruth.of(load_scenario("quickstart", overrides=[f"products.lamps.price_base={price}"]), seed=0,
                       worlds=np.arange(1))
        for price in (46, 50)
    )  # fmt: skip
    orders = [
        door.expected_day(door.start(), plan_decisions(door, built_in_policy("uniform", door.market))[0])[
            0
        ].orders.sum()
        for door in (usual, dear)
    ]
    assert orders[1] < 0.95 * orders[0]
