"""A built-in plan asked about the decisions of a log answers as it did when it wrote them."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.agents.policies import BUILT_IN, built_in_policy
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market
from xbopt.studies.logged_policies import PlanFromContext
from xbopt.studies.simulate import simulate


@pytest.fixture(scope="module")
def scenario():
    fewer_days = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
    return load_scenario("quickstart", overrides=fewer_days)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_answer_is_what_the_log_says(name, scenario, tmp_path):
    simulate(scenario, name, runs=5, seed=3, exploration=0.3, log=tmp_path / "log.parquet")
    log = read_decision_log(tmp_path / "log.parquet")
    policy = PlanFromContext(plan=built_in_policy(name, build_market(scenario)), scenario=scenario, exploration=0.3)
    answer = policy.probabilities_from_context(log.columns.context, log.schema.context_names)
    np.testing.assert_allclose(answer, log.columns.action_probabilities, atol=1e-12)


@pytest.fixture(scope="module")
def log(scenario, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    simulate(scenario, runs=2, log=path)
    return read_decision_log(path)


def test_without_exploration_it_bears_the_plan_s_name_and_decides(scenario, log):
    plan = built_in_policy("greedy_roas", build_market(scenario))
    policy = PlanFromContext(plan=plan, scenario=scenario, exploration=0.0)
    assert (policy.name, policy.kind) == ("greedy_roas", "baseline")
    answer = policy.probabilities_from_context(log.columns.context, log.schema.context_names)
    assert set(np.unique(answer)) == {0.0, 1.0}
    np.testing.assert_array_equal(answer.sum(axis=1), 1.0)


def test_a_context_of_another_kind_is_refused(scenario, log):
    plan = built_in_policy("baseline", build_market(scenario))
    policy = PlanFromContext(plan=plan, scenario=scenario, exploration=0.1)
    names, context = log.schema.context_names, log.columns.context
    with pytest.raises(PolicyError, match="no field 'time_left'"):
        policy.probabilities_from_context(context, tuple("x" if n == "time_left" else n for n in names))
    with pytest.raises(PolicyError, match="does not fit the 14 days"):
        policy.probabilities_from_context(np.where(np.array(names) == "time_left", 0.123, context), names)
    with pytest.raises(PolicyError, match="exactly one cell"):
        policy.probabilities_from_context(np.where(np.array(names) == "region_DE", 1.0, context), names)
    other = replace(policy, scenario=load_scenario("us_eu_launch"))
    with pytest.raises(PolicyError, match="no field 'region_"):
        other.probabilities_from_context(context, names)


def test_a_saved_bandit_is_judged_by_the_rows_that_it_has_not_seen(tmp_path):
    from xbopt.agents import LinUcb, learn_from_log
    from xbopt.studies.evaluate import evaluate

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
