"""A built-in plan asked about the decisions of a log answers as it did when it wrote them."""

import numpy as np
import pytest

from xbopt.agents.policies import built_in_policy
from xbopt.agents.run_directory import RunDirectory
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.ope.logs.open_log import open_log
from xbopt.simulator.build import build_market
from xbopt.studies.evaluate import evaluate
from xbopt.studies.logged_policies import from_name
from xbopt.studies.simulate import simulate


@pytest.fixture(scope="module")
def scenario():
    fewer_days = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
    return load_scenario("quickstart", overrides=fewer_days)


def answers(policy, log):
    answer = policy.answers()
    return np.concatenate([answer(rows) for part in log.parts() for rows in log.rows(part)])


@pytest.fixture(scope="module")
def file(scenario, tmp_path_factory):
    """The scenario as a file, and a plan for it."""
    folder = tmp_path_factory.mktemp("plans")
    RunDirectory(folder).write_scenario(scenario)
    write_plan(built_in_policy("calendar", build_market(scenario)), scenario, folder / "mine.csv")
    return folder / "scenario.yaml"


@pytest.mark.parametrize("name", ["baseline", "calendar", "replan", "mine.csv"])
def test_the_answer_is_what_the_log_says(name, scenario, file, tmp_path):
    named = str(file.parent / name) if name.endswith(".csv") else name
    simulate(scenario, named, runs=2, seed=3, exploration=0.3, log=tmp_path / "log.parquet")
    log = open_log(tmp_path / "log.parquet")
    columns = read_decision_log(tmp_path / "log.parquet").columns
    with_share = from_name(named, log, scenario=str(file), exploration=0.3)
    np.testing.assert_array_equal(answers(with_share, log), columns.action_probabilities)
    without = from_name(named, log, scenario=str(file), exploration=None)
    table = answers(without, log)
    assert (without.name, with_share.name) == (name, f"{name}+explore0.3")
    assert set(np.unique(table)) == {0.0, 1.0}
    np.testing.assert_array_equal(table.argmax(axis=1), columns.action_probabilities.argmax(axis=1))


def test_a_log_answers_for_nobody_but_whom_it_was_made_around(scenario, file, tmp_path):
    """Not for another policy, and not for another plan under the same name."""
    path = tmp_path / "log.parquet"
    simulate(scenario, str(file.parent / "mine.csv"), runs=1, seed=3, log=path)
    with pytest.raises(PolicyError, match=r"none of this log's actions is 'greedy_roas itself.*Log greedy_roas itself"):
        evaluate(path, "greedy_roas", scenario=str(file))
    write_plan(built_in_policy("uniform", build_market(scenario)), scenario, tmp_path / "mine.csv")
    with pytest.raises(PolicyError, match=r"made around another policy"):
        evaluate(path, str(tmp_path / "mine.csv"), scenario=str(file))


def test_a_saved_bandit_is_judged_by_the_rows_that_it_has_not_seen(tmp_path):
    from xbopt.agents import LinUcb, learn_from_log

    path, saved = tmp_path / "log.parquet", tmp_path / "bandit.npz"
    simulate("quickstart", runs=40, exploration=1.0, log=path)
    schema = read_decision_log(path).schema
    bandit = LinUcb(n_actions=len(schema.action_labels), n_features=len(schema.context_names), alpha=0.0)
    learn_from_log(path, bandit, hold_out=0.5)
    bandit.save(saved)
    codes = [
        [finding.code for finding in evaluate(path, str(saved), hold_out=share).result.findings]
        for share in (None, 0.5)
    ]
    assert "learnt_on_these_rows" in codes[0]
    assert "learnt_on_these_rows" not in codes[1]
    found = evaluate(path, str(saved), hold_out=0.5, estimand="sequential")
    assert "learnt_on_these_rows" not in [finding.code for finding in found.result.findings]
    assert found.identity.kind == "saved bandit"
    LinUcb(n_actions=2, n_features=1).save(saved)
    with pytest.raises(PolicyError, match="wanted"):
        evaluate(path, str(saved))
