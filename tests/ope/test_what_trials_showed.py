"""Small things that must not come back: each was an internal error, or a number from nothing."""

import numpy as np
import pytest

import xbopt
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, LoggedEpisodes, evaluate_policy


def bandit(**changes):
    random = np.random.default_rng(3)
    columns = {
        "context": random.normal(size=(400, 1)),
        "action": random.integers(0, 2, 400),
        "reward": random.normal(size=400),
        "propensity": np.full(400, 0.5),
        "n_actions": 2,
    }
    return LoggedBanditData(**(columns | changes))


def test_a_policy_of_certain_actions_can_be_asked_where_propensities_are_estimated():
    result = evaluate_policy(bandit(propensity=None), np.ones(400, dtype=np.int64))
    assert result.verdict == "CAUTION"
    assert result.hidden_confounding is not None


def test_a_thinned_log_gets_no_interval_for_every_look():
    with pytest.raises(UsageError, match="needs a log that kept every row"):
        evaluate_policy(bandit(sampling=np.full(400, 0.5)), np.tile([0.0, 1.0], (400, 1)), sequence=True)


@pytest.mark.parametrize("name", ["state", "reward"])
def test_numbers_whose_squares_are_infinite_are_refused_in_episodes(name):
    arrays = {"state": np.zeros((30, 2, 1)), "reward": np.zeros((30, 2))}
    arrays[name][3, 1] = 1e180
    with pytest.raises(DecisionLogError, match=f"{name}.*1e100"):
        LoggedEpisodes(action=np.zeros((30, 2), int), propensity=np.full((30, 2), 0.5), n_actions=2, **arrays)


def test_where_nothing_happened_a_difference_may_lie_on_either_side():
    nothing = bandit(reward=np.zeros(400), reward_bounds=(0.0, 1.0))
    result = evaluate_policy(nothing, np.tile([0.0, 1.0], (400, 1)))
    assert result.difference.low < 0.0 < result.difference.high


def test_a_cluster_can_be_named_without_naming_everything_else():
    random = np.random.default_rng(4)
    unit = np.repeat(np.arange(100), 4)
    log = {"unit": unit, "shop": unit // 2, "action": random.integers(0, 2, 400), "reward": random.normal(size=400)}
    log["propensity"] = np.full(400, 0.5)
    found = xbopt.evaluate(log, "always:1", columns=["cluster=shop"])
    assert found.result.support.clusters == 50


def test_a_folder_of_two_kinds_of_files_is_refused(tmp_path):
    lines = "action,reward,propensity\n" + "a,1,0.5\nb,0,0.5\n" * 20
    (tmp_path / "a.csv").write_text(lines)
    (tmp_path / "b.ndjson").write_text('{"action": "a", "reward": 1, "propensity": 0.5}\n')
    with pytest.raises(DecisionLogError, match=r"b\.ndjson holds JSON lines, and a\.csv does not"):
        xbopt.evaluate(tmp_path, "always:a")


def test_a_rare_action_that_was_not_drawn_where_it_is_wanted_is_no_wrong_propensity():
    """54 actions drawn evenly, the wanted one by cell: in a cell of 100 rows it is missing in one log of six."""
    codes = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        cell, action = random.integers(0, 24, 2400), random.integers(0, 54, 2400)
        wanted = np.full((2400, 54), 0.5 / 54)
        wanted[np.arange(2400), random.integers(0, 54, 24)[cell]] += 0.5
        data = LoggedBanditData(
            context=np.eye(24)[cell],
            action=action,
            reward=random.normal(size=2400),
            propensity=np.full(2400, 1 / 54),
            n_actions=54,
        )
        codes += [finding.code for finding in evaluate_policy(data, wanted).findings if finding.level == "refuse"]
    assert codes == []
