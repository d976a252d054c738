"""A log around a plan's file, or its re-planner, is found by the file's path and refuses a file of another plan."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import parquet

from xbopt.agents.policies import built_in_policy
from xbopt.core.decision_log.schema import METADATA_KEY
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.core.scenario.scenario import Scenario
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.reports.evaluation.document import certificate
from xbopt.simulator.build import build_market
from xbopt.studies.compare import compare
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

PREFIXES = ["", "replan:"]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("quickstart", overrides=["horizon.days=14", "plan.discounts=[]"])


@pytest.fixture(scope="module")
def folder(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plans of one name, and one of them again."""
    top = tmp_path_factory.mktemp("plans")
    for name, plan in (("a", "calendar"), ("b", "uniform"), ("c", "calendar")):
        (top / name).mkdir()
        write_plan(built_in_policy(plan, build_market(scenario)), scenario, top / name / "pl.csv")
    return top


def named(folder: Path, name: str, prefix: str) -> str:
    return f"{prefix}{folder / name / 'pl.csv'}"


@pytest.fixture(scope="module")
def written(scenario: Scenario, folder: Path) -> Callable[[str, str, str], Path]:
    """The log by factors, or over the menu, around a plan."""

    def log(name: str, prefix: str, by: str) -> Path:
        path = folder / f"{name}-{prefix.rstrip(':')}-{by}.parquet"
        if not path.exists():
            around = named(folder, name, prefix)
            made = "factors" if by == "factors" else "menu"
            simulate(scenario, around, runs=3, seed=1, exploration=0.5, by=made, log=path)
        return path

    return log


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("by", ["menu", "factors"])
def test_a_path_finds_its_log_whatever_the_folder_and_no_other_plan_does(
    prefix: str, by: str, written: Callable[[str, str, str], Path], scenario: Scenario, folder: Path
) -> None:
    log = written("a", prefix, by)
    for own in ("a", "c"):
        assert evaluate(log, named(folder, own, prefix), scenario=scenario).policy == f"{prefix}pl.csv"
    with pytest.raises(PolicyError, match="another"):
        evaluate(log, named(folder, "b", prefix), scenario=scenario)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_notches_need_no_scenario_to_tell_two_files_apart(
    prefix: str, written: Callable[[str, str, str], Path], folder: Path
) -> None:
    log = written("a", prefix, "factors")
    found = evaluate(log, named(folder, "a", prefix))
    assert not any("is the log's word" in note for note in found.rules)
    assert any("is the log's word" in note for note in evaluate(log, f"{prefix}pl.csv").rules)  # no file of that name
    with pytest.raises(PolicyError, match="another plan lies under it"):
        evaluate(log, named(folder, "b", prefix))
    with pytest.raises(PolicyError, match="there is no such file"):
        evaluate(log, named(folder, "d", prefix))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_log_without_a_mark_is_held_against_the_first_morning(
    prefix: str, written: Callable[[str, str, str], Path], scenario: Scenario, folder: Path
) -> None:
    table = parquet.read_table(written("a", prefix, "factors"))
    about = json.loads(table.schema.metadata[METADATA_KEY])
    del about["anchor_mark"]
    older = folder / f"older-{prefix.rstrip(':')}.parquet"
    parquet.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(about).encode()}), older)
    found = evaluate(older, named(folder, "c", prefix), scenario=scenario)
    assert not any("is the log's word" in note for note in found.rules)
    with pytest.raises(PolicyError, match="another plan lies under it"):
        evaluate(older, named(folder, "b", prefix), scenario=scenario)


def test_plans_of_one_name_are_two_policies_in_a_certificate(
    written: Callable[[str, str, str], Path], folder: Path
) -> None:
    def identity(found: LogEvaluation) -> object:
        return certificate(found)["policy"]

    logs = {name: evaluate(written(name, "", "factors"), named(folder, name, "")) for name in "abc"}
    assert identity(logs["a"]) == identity(logs["c"]) != identity(logs["b"])


def test_a_comparison_tells_files_of_one_name_by_their_folders(scenario: Scenario, folder: Path) -> None:
    texts = [named(folder, name, "") for name in "ab"]
    found = compare(scenario, texts, runs=2, oracle_worlds=0)
    assert {one.name for one in found.policies if one.asked_for} == set(texts)
    alone = compare(scenario, texts[:1], runs=2, oracle_worlds=0)
    assert {one.name for one in alone.policies if one.asked_for} == {"pl.csv"}
