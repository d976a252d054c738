"""The decision log of a simulation: exact propensities, rewards of the window, no ground truth."""

import numpy as np
import pytest

import xbopt
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import built_in_policy
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import UsageError
from xbopt.env.decision_book import log_schema
from xbopt.env.rollout import play_worlds
from xbopt.simulator.build import build_market


@pytest.fixture(scope="module")
def scenario():
    # 25 days: the last weekly decision's window runs beyond the horizon.
    return xbopt.load_scenario("quickstart", overrides=["horizon.days=25"])


@pytest.fixture(scope="module")
def log(scenario, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "decisions.parquet"
    xbopt.simulate(scenario, runs=3, seed=2, exploration=0.4, log=path)
    return read_decision_log(path)


def test_there_is_one_row_a_cell_and_decision(log):
    assert len(log.columns) == 3 * 4 * 4
    assert set(log.columns.unit) == {"DE/families", "DE/students", "UK/families", "UK/students"}
    assert set(log.columns.step) == {0, 1, 2, 3}
    assert len(set(log.columns.decision_id)) == 48


def test_propensities_are_those_of_the_stated_exploration(log, scenario):
    floor = 0.4 / len(scenario.menu)
    assert set(np.round(log.columns.propensity, 12)) <= {round(floor, 12), round(0.6 + floor, 12)}
    chosen = log.columns.action_probabilities[np.arange(48), log.columns.action]
    assert np.array_equal(chosen, log.columns.propensity)


def test_rewards_are_discounted_margins_of_the_window_and_open_windows_are_empty(log, scenario):
    market = build_market(scenario)
    policy = ExploringPolicy(plan=built_in_policy("baseline", market), scenario=scenario, exploration=0.4)
    margins, spends = [], []

    class Notes:
        def record(self, day, outcome, choice):
            margins.append(outcome.money.contribution_margin)
            spends.append(outcome.decision.spend_base.sum(axis=3))

        def finish(self, state, world):
            pass

    play_worlds(market, policy, worlds=np.arange(3), seed=2, recorders=[Notes()])
    margin, spend = np.stack(margins), np.stack(spends)  # (T, B, R, S)
    keep = 1.1 ** (-1 / 365)
    for step in range(4):
        rows = log.columns.step == step
        cost = spend[7 * step : min(7 * step + 7, 25)].sum(axis=0)
        assert log.columns.cost[rows].reshape(3, 2, 2) == pytest.approx(cost)
        reward = log.columns.reward[rows].reshape(3, 2, 2)
        if step == 3:
            assert np.isnan(reward).all()
        else:
            window = sum(keep**k * margin[7 * step + k] for k in range(7))
            assert reward == pytest.approx(window)


def test_times_are_midnight_in_the_regions_own_time(log):
    first = log.columns.timestamp[(log.columns.step == 0) & (log.columns.unit == "DE/families")]
    # 5 October 2026, 00:00 in Berlin (CEST) and in London (BST).
    assert set(first) == {np.datetime64("2026-10-04T22:00")}
    first = log.columns.timestamp[(log.columns.step == 0) & (log.columns.unit == "UK/families")]
    assert set(first) == {np.datetime64("2026-10-04T23:00")}
    # The fourth decision is made on 26 October, when winter time holds.
    fourth = log.columns.timestamp[(log.columns.step == 3) & (log.columns.unit == "DE/families")]
    assert set(fourth) == {np.datetime64("2026-10-25T23:00")}


def test_context_says_which_cell_it_is(log):
    names = log.schema.context_names
    berlin = log.columns.unit == "DE/families"
    assert (log.columns.context[berlin, names.index("region_DE")] == 1.0).all()
    assert (log.columns.context[berlin, names.index("region_UK")] == 0.0).all()
    assert (log.columns.context[~berlin, names.index("segment_families")][:1] == 0.0).all()


def test_the_log_holds_only_what_is_on_the_list(log, scenario):
    policy = ExploringPolicy(plan=built_in_policy("baseline", build_market(scenario)), scenario=scenario, exploration=0)
    assert log.schema == log_schema(scenario, policy.menu.labels)
    hidden = ("elasticity", "reference", "borrowed", "carried", "frequency", "truth")
    assert not [name for name in log.schema.context_names if any(word in name for word in hidden)]


def test_the_same_seed_writes_the_same_decisions(scenario, tmp_path):
    for name in ("a", "b"):
        xbopt.simulate(scenario, runs=2, seed=9, log=tmp_path / name)
    first, second = (read_decision_log(tmp_path / name).columns for name in ("a", "b"))
    for field in first.__slots__:
        assert np.array_equal(getattr(first, field), getattr(second, field), equal_nan=field == "reward"), field


def test_logging_explores_by_the_scenarios_share_unless_told_otherwise(scenario, tmp_path):
    assert xbopt.simulate(scenario, runs=1, log=tmp_path / "a").policy == "baseline+explore0.2"
    assert xbopt.simulate(scenario, runs=1, exploration=0.0, log=tmp_path / "b").policy == "baseline+explore0"
    assert (read_decision_log(tmp_path / "b").columns.propensity == 1.0).all()


def test_a_broken_run_leaves_no_log_and_keeps_the_old_one(scenario, tmp_path, monkeypatch):
    path = tmp_path / "log.parquet"
    path.write_bytes(b"precious")

    def interrupt(_stage: str, done: int, _total: int) -> None:
        if done:  # some worlds are played, the log is not yet closed
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        xbopt.simulate(scenario, runs=2, log=path, on_progress=interrupt)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_said_before_anything_is_played(scenario, tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        xbopt.simulate(scenario, runs=1, log=tmp_path / "nowhere" / "log.parquet")
