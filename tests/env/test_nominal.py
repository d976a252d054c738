"""What the scenario's model says against what was counted: zero at the start, revealing later, and no ground truth."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.env.attribution_counts import ClickCounts, visit_shares
from xbopt.env.day_results import DayResults
from xbopt.env.market_run import MarketRun
from xbopt.env.nominal import LARGEST_LOG_RATIO, NominalRun, log_ratio
from xbopt.env.observation import CELL_FEATURES, CHANNEL_FEATURES
from xbopt.simulator.kernel.engine import native, playing_with

COMPARED_CELL = CELL_FEATURES[-5:]
COMPARED_CHANNEL = tuple(name for name in CHANNEL_FEATURES if name.endswith("_log") and name != "modelled_return_log")


def channel(observation, name):
    return observation.channels[..., CHANNEL_FEATURES.index(name)]


def cell(observation, name):
    return observation.cells[..., CELL_FEATURES.index(name)]


def played(market, days, *, worlds=64, seed=3, expected=False):
    run, plan = (
        MarketRun(market, worlds=np.arange(worlds), seed=seed, expected=expected),
        built_in_policy("baseline", market),
    )
    for _ in range(days):
        run.play(plan.decide(run.morning()))
    return run


def test_log_ratio_by_hand():
    # ln((20 + 10)/(5 + 10)) = ln 2; nothing against nothing is 0; the bound holds.
    got = log_ratio(np.array([20.0, 0.0, 1e9]), np.array([5.0, 0.0, 0.0]), 10.0)
    assert got == pytest.approx([np.log(2.0), 0.0, LARGEST_LOG_RATIO])


def test_nothing_is_known_on_the_first_morning(quickstart):
    seen = MarketRun(quickstart, worlds=np.arange(2), seed=0).observe()
    assert not seen.channels.any()
    for name in COMPARED_CELL:
        assert not cell(seen, name).any()


def test_an_average_world_without_chance_shows_nothing(quickstart):
    """In expected mode the market does what the model says: every log ratio stays 0."""
    seen = played(quickstart, 9, worlds=1, expected=True).observe()
    for name in COMPARED_CELL:
        assert cell(seen, name) == pytest.approx(np.zeros((1, 2, 2)), abs=1e-9), name
    for name in set(COMPARED_CHANNEL) - {"counted_log"}:
        assert channel(seen, name) == pytest.approx(np.zeros((1, 2, 2, 3)), abs=1e-9), name
    assert channel(seen, "counted_log").min() > 0.0


@pytest.mark.statistical
def test_the_features_tell_in_which_way_a_world_is_not_average(quickstart):
    """After two weeks the log ratio of visits follows the world's own log response.

    256 worlds, 12 cells and channels each: a correlation of 0.8 or more would be chance with a probability of nil; a
    standard error of 256 independent pairs at 0.8 is 0.02.
    """
    run = played(quickstart, 14, worlds=256)
    truth = np.broadcast_to(np.log(run.world.media_response), (256, 2, 2, 3))
    found = channel(run.observe(), "visits_in_region_log")
    assert np.corrcoef(truth.ravel(), found.ravel())[0, 1] > 0.85
    traffic = np.broadcast_to(np.log(run.world.organic_traffic), (256, 2, 2))
    assert np.corrcoef(traffic.ravel(), cell(run.observe(), "organic_visits_log").ravel())[0, 1] > 0.5


def test_hidden_parameters_and_states_alone_change_no_feature(quickstart):
    """Same counts, other truth behind them: another response, other memories in people's heads. Nothing may move."""
    run = played(quickstart, 5, worlds=3)
    morning, plan = run.state, built_in_policy("baseline", quickstart)
    outcome = run.play(plan.decide(run.morning()))
    counted = ClickCounts(quickstart.scenario, seed=3, worlds=np.arange(3)).day(5, outcome)
    other_world = replace(
        run.world, media_response=run.world.media_response * 3.0, conversion=run.world.conversion * 2.0
    )
    other = MarketRun(quickstart, worlds=np.arange(3), seed=3)
    other.world, other.state = other_world, morning
    foreign = replace(outcome, attribution=other.play(plan.decide(run.morning())).attribution, ledger=None, capped=None)
    memories = replace(
        morning,
        carried=morning.carried + 1.0,
        frequency=morning.frequency + 2.0,
        window=morning.window + 1.0,
        reference_log=morning.reference_log - 0.3,
        borrowed=morning.borrowed + 40.0,
        in_transit=morning.in_transit + 9.0,
        returning=morning.returning + 9.0,
    )
    start = NominalRun.start(quickstart, 3)

    def after(seen, day):
        expected = start.expect(quickstart, seen, day.decision)
        return start.after(quickstart, DayResults.of(day), counted, expected)

    first, second = after(morning, outcome), after(memories, foreign)
    for one, two in ((first.observed, second.observed), (first.modelled, second.modelled)):
        for name in one.__slots__:
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
    for name in (
        "expected_orders",
        "expected_revenue_base",
        "reached",
        "order_rate",
        "recent_spend_base",
        "recent_expected_visits",
    ):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_counted_clicks_are_whole_numbers_with_the_shares_as_mean(quickstart):
    run, plan = MarketRun(quickstart, worlds=np.arange(400), seed=1), built_in_policy("baseline", quickstart)
    outcome = run.play(plan.decide(run.morning()))
    counted = ClickCounts(quickstart.scenario, seed=1, worlds=np.arange(400)).day(0, outcome)
    means = visit_shares(outcome) * outcome.visits[..., None]
    assert np.array_equal(counted, np.rint(counted))
    # Poisson: the sum over worlds has its mean as variance; five standard errors.
    total, expected = counted.sum(axis=0), means.sum(axis=0)
    assert (np.abs(total - expected) <= 5.0 * np.sqrt(expected) + 1e-9).all()


def test_both_engines_count_the_same_clicks(quickstart):
    if native() is None:
        pytest.skip("the native kernel is not compiled: make kernel")
    run, plan = MarketRun(quickstart, worlds=np.arange(70), seed=1), built_in_policy("baseline", quickstart)
    outcome = run.play(plan.decide(run.morning()))
    counts = []
    for engine in ("native", "numpy"):
        with playing_with(engine):
            counts.append(ClickCounts(quickstart.scenario, seed=4, worlds=np.arange(70)).day(3, outcome))
    assert np.array_equal(*counts)


def test_shares_of_visits_sum_to_one(quickstart):
    run, plan = MarketRun(quickstart, worlds=np.arange(4), seed=1), built_in_policy("baseline", quickstart)
    shares = visit_shares(run.play(plan.decide(run.morning())))
    assert shares.sum(axis=3) == pytest.approx(np.ones((4, 2, 2)))
    assert shares.min() >= 0.0


def test_a_worlds_features_do_not_depend_on_the_batch(quickstart):
    alone = played(quickstart, 8, worlds=1).observe()
    together = played(quickstart, 8, worlds=9).observe()
    assert np.array_equal(alone.channels[0], together.channels[0])
    assert np.array_equal(alone.cells[0], together.cells[0])
