"""A policy asked from what a log says was seen answers as it did on the day, to the last digit."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from tests.command_line import call
from tests.core.decision_log.test_choices_and_shadows import as_version_1
from xbopt.agents.exploration import over_the_menu
from xbopt.agents.policies import policy_from
from xbopt.agents.training import train
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.schema import LoggedShadow
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.files import sha256_of_content
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.rollout import play_worlds
from xbopt.ope.logs.open_log import open_log
from xbopt.simulator.build import build_market
from xbopt.studies.evaluate import evaluate
from xbopt.studies.logged_policies import from_name, from_object
from xbopt.studies.simulate import simulate


def answers(policy, log):
    answer = policy.answers()
    batches = [answer(r) for part in log.parts() for r in log.rows(part, keys=policy.keys, reads=policy.reads)]
    return np.concatenate(batches)


@pytest.fixture(scope="module")
def scenario():
    fewer_days = ["horizon.days=14", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
    return load_scenario("quickstart", overrides=fewer_days)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scenario):
    """Two runs, a log of the baseline, and a log of the first run with shadows."""
    where = tmp_path_factory.mktemp("logs")
    options: dict[str, object] = {"encoding": "tactics", "test_worlds": 0}
    train(scenario, "lin_ucb", where / "first", steps=200, seed=5, plan="baseline", options=options)
    options |= {"width": 8}
    train(scenario, "ppo", where / "net", steps=64, seed=5, plan="baseline", options=options)
    simulate(scenario, runs=6, seed=3, exploration=0.4, log=where / "base.parquet")
    runs = [str(where / "net"), str(where / "first")]
    simulate(scenario, runs[1], runs=12, seed=3, exploration=0.4, log=where / "run.parquet", shadows=runs)
    return where


@pytest.fixture(scope="module")
def file(folder):
    """The scenario's file, as a run keeps it."""
    return str(folder / "first" / "scenario.yaml")


@pytest.mark.parametrize("name", ["net", "first"])
def test_a_policy_asked_from_the_log_answers_as_its_shadow_did(name, folder):
    opened = open_log(folder / "run.parquet")
    asked = from_name(str(folder / name), opened, scenario=None, exploration=None)
    beside = from_name(f"shadow:{name}", opened, scenario=None, exploration=None)
    table = answers(beside, opened)
    np.testing.assert_array_equal(answers(asked, opened), table)
    np.testing.assert_array_equal(table.sum(axis=1), 1.0)


def test_a_shadow_is_the_policy_asked_on_the_same_morning(folder, scenario):
    """The observations of the roll-out itself, in worlds that the log was played in."""
    market = build_market(scenario)
    first, net = (policy_from(str(folder / name), market) for name in ("first", "net"))
    seen = []

    class Notes:
        def record(self, day, outcome, choice):
            if choice is not None:
                seen.append(net.probabilities(choice.observation).reshape(-1, len(scenario.menu)))

        def finish(self, state, world):
            pass

    play_worlds(market, first.exploring(0.4), worlds=np.arange(12), seed=3, recorders=[Notes()])
    log = read_decision_log(folder / "run.parquet")
    assert [shadow.name for shadow in log.schema.shadows] == ["net", "first"]
    np.testing.assert_array_equal(log.columns.shadows[:, 0], np.concatenate(seen))


def test_a_run_asked_about_its_own_log_is_the_logging_policy(folder):
    """With the log's share it is the policy that wrote it, without exploration its own choice: to the last digit."""
    log = open_log(folder / "run.parquet")
    for share, found in ((0.4, None), (0.0, 0.0), (0.1, 0.1)):
        asked = from_name(str(folder / "first"), log, scenario=None, exploration=share)
        logging = from_name("logging", log, scenario=None, exploration=found)
        np.testing.assert_allclose(answers(asked, log), answers(logging, log), rtol=0.0, atol=1e-16)
    same = evaluate(log, str(folder / "first"), exploration=0.4, force=True).result
    assert same.estimates["dr"] == evaluate(log, "logging", force=True).result.estimates["dr"]


def test_the_identity_is_the_hash_of_where_the_policy_came_from(folder, file):
    log, base = open_log(folder / "run.parquet"), open_log(folder / "base.parquet")
    digest = sha256_of_content(folder / "first" / "policy")
    run = evaluate(log, str(folder / "first"), force=True).identity
    assert (run.kind, run.sha256) == ("run directory", digest)
    shadow = evaluate(log, "shadow:first", force=True).identity
    assert (shadow.name, shadow.kind, shadow.sha256) == ("shadow:first", "shadow, run directory", digest)
    named = evaluate(base, "baseline", scenario=file, force=True).identity
    wanted = sha256(f"baseline|{load_scenario(file).hash}".encode()).hexdigest()
    assert (named.name, named.kind, named.sha256) == ("baseline", "built in", wanted)
    assert read_decision_log(folder / "run.parquet").schema.shadows[1] == LoggedShadow(
        name="first", kind="run directory", sha256=digest
    )


def test_a_policy_with_another_menu_is_refused_with_the_way_out(folder, scenario):
    with pytest.raises(PolicyError, match=r"lin_ucb chooses among other actions.*--policy RUN_DIR --exploration"):
        evaluate(folder / "base.parquet", str(folder / "first"))
    with pytest.raises(PolicyError, match=r"The shadow first chooses among other actions than baseline"):
        simulate(scenario, runs=1, log=folder / "no.parquet", shadows=[str(folder / "first")])
    with pytest.raises(PolicyError, match=r"The shadow replan chooses among other actions.*xbopt compare"):
        simulate(scenario, runs=1, log=folder / "no.parquet", shadows=["replan"])
    assert not (folder / "no.parquet").exists()


def test_a_log_without_observation_says_what_to_do(folder, tmp_path):
    """A log of version 1, and one of another program."""
    log = read_decision_log(folder / "run.parquet")
    old = replace(log.columns, exploration=None, observation=None, shadows=None)
    with DecisionLogWriter(tmp_path / "old.parquet", replace(log.schema, observation_names=(), shadows=())) as writer:
        writer.append(old)
    as_version_1(tmp_path / "old.parquet")
    with pytest.raises(PolicyError, match=r"does not hold what was seen.*shadow:NAME"):
        evaluate(tmp_path / "old.parquet", str(folder / "first"))
    told = " ".join(evaluate(tmp_path / "old.parquet", "uniform", force=True).rules)
    assert "format version 1: it does not say how much was explored" in told
    (tmp_path / "foreign.csv").write_text("action,reward,propensity\na,1,0.5\nb,0,0.5\n")
    with pytest.raises(PolicyError, match="does not hold what was seen"):
        evaluate(tmp_path / "foreign.csv", str(folder / "first"))
    with pytest.raises(PolicyError, match="written in another market"):
        evaluate(tmp_path / "foreign.csv", "replan", scenario="quickstart")


def test_a_log_of_part_of_the_cells_answers_cell_by_cell_or_is_refused(folder, tmp_path):
    """A bandit reads the cells one by one; a network reads all of them, and cannot be asked where some are missing."""
    log = read_decision_log(folder / "run.parquet")
    kept = log.columns.unit == "UK/students"
    names = [name for name in log.columns.__slots__ if getattr(log.columns, name) is not None]
    part = replace(log.columns, **{name: getattr(log.columns, name)[kept] for name in names})
    with DecisionLogWriter(tmp_path / "part.parquet", log.schema, with_exploration=True) as writer:
        writer.append(part)
    opened = open_log(tmp_path / "part.parquet")
    bandit = from_name(str(folder / "first"), opened, scenario=None, exploration=None)
    np.testing.assert_array_equal(answers(bandit, opened), log.columns.shadows[kept, 1])
    with pytest.raises(PolicyError, match="about a part of the market's cells"):
        from_name(str(folder / "net"), opened, scenario=None, exploration=None)


def test_decisions_about_a_part_of_the_cells_are_left_out_and_counted(folder, tmp_path):
    """A service may be asked for some units only: one such request leaves the other decisions as good as they were."""
    log = read_decision_log(folder / "run.parquet")
    kept = np.ones(len(log.columns.unit), dtype=bool)
    kept[np.flatnonzero(log.columns.unit == "UK/students")[0]] = False
    names = [name for name in log.columns.__slots__ if getattr(log.columns, name) is not None]
    part = replace(log.columns, **{name: getattr(log.columns, name)[kept] for name in names})
    with DecisionLogWriter(tmp_path / "part.parquet", log.schema, with_exploration=True) as writer:
        writer.append(part)
    opened = open_log(tmp_path / "part.parquet")
    network = from_name(str(folder / "net"), opened, scenario=None, exploration=None)
    whole = open_log(folder / "run.parquet")
    expected = answers(from_name(str(folder / "net"), whole, scenario=None, exploration=None), whole)[kept]
    found = answers(network, opened)
    missed = np.isnan(found[:, 0])
    assert missed.sum() == 3
    assert [(one.code, one.figures["missed"]) for one in network.findings] == [("partial_decisions", 3)]
    np.testing.assert_array_equal(found[~missed], expected[~missed])


def test_policies_that_do_not_fit_are_refused_by_name(folder, file, scenario):
    base = folder / "base.parquet"
    with pytest.raises(UsageError, match=r"replan is a policy for a scenario\. Say which one wrote the log"):
        evaluate(base, "replan")
    with pytest.raises(PolicyError, match="The log was written in a scenario with the hash"):
        evaluate(base, "replan", scenario="us_eu_launch")
    with pytest.raises(UsageError, match="knows its own"):
        evaluate(base, str(folder / "first"), scenario=file)
    with pytest.raises(PolicyError, match=r"no shadow 'nett'. Did you mean 'net'"):
        evaluate(folder / "run.parquet", "shadow:nett")
    with pytest.raises(UsageError, match="Two shadows are called calendar"):
        simulate(scenario, runs=1, log=folder / "no.parquet", shadows=["calendar", "calendar"])
    with pytest.raises(UsageError, match="Shadows are for the log"):
        simulate("quickstart", runs=1, shadows=["calendar"])
    tactic = over_the_menu(policy_from("baseline", build_market(scenario)), scenario, 0.4)
    found = from_object(tactic, open_log(base), scenario=file, exploration=None)
    np.testing.assert_array_equal(answers(found, open_log(base)), read_decision_log(base).columns.action_probabilities)


def test_the_commands_take_shadows_and_runs(folder, file, tmp_path):
    log, run = tmp_path / "log.parquet", folder / "run.parquet"
    for command in (
        ["simulate", file, "--policy", folder / "first", "--runs", "4", "--log", log, "--shadow", folder / "net"],
        ["evaluate", log, "--policy", "shadow:net", "--force", "--json"],
        ["evaluate", run, "--policy", folder / "first", "--force", "--json"],
    ):
        answer = call(*command, folder=tmp_path)
        assert answer.code in {0, 3}, answer.err
        assert command[-1] != "--json" or json.loads(answer.out)
