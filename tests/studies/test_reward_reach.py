"""A log whose rewards end before deals are paid back gives no one-step ANSWER, whoever opens it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from pyarrow import parquet

from xbopt.agents.run_directory import RunDirectory
from xbopt.core.decision_log.schema import METADATA_KEY
from xbopt.core.scenario.loading import load_scenario
from xbopt.ope.logs.evaluation import LogEvaluation
from xbopt.ope.results.evaluation import CarryOver
from xbopt.reports.evaluation.reward_numbers import RewardNumbers
from xbopt.reports.evaluation.words import carry_over_sentence
from xbopt.studies.evaluate import evaluate
from xbopt.studies.simulate import simulate

QUIET = CarryOver(rows=900, statistic=0.5, p_value=0.7, effect=0.0, relative_effect=0.0)
SHORT = ("horizon.days=21", "plan.discounts=[]")


def written(folder: Path, *changes: str, by: Literal["menu", "factors"] = "menu") -> tuple[Path, str]:
    """A log around the scenario's plan, and the file of the scenario."""
    scenario = load_scenario("quickstart", overrides=[*SHORT, *changes])
    RunDirectory(folder).write_scenario(scenario)
    simulate(scenario, "baseline", runs=24, seed=1, exploration=0.5, log=folder / "log.parquet", by=by)
    return folder / "log.parquet", str(folder / "scenario.yaml")


def codes(evaluation: LogEvaluation) -> dict[str, str]:
    return {finding.code: finding.level for finding in evaluation.result.findings}


def forgetful(log: Path) -> Path:
    """The same log as an earlier version wrote it."""
    table = parquet.read_table(log)
    about = json.loads(table.schema.metadata[METADATA_KEY])
    del about["reward_reach"]
    older = log.with_name("older.parquet")
    parquet.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(about).encode()}), older)
    return older


@pytest.mark.parametrize("by", ["menu", "factors"])
def test_the_log_itself_warns_and_a_scenario_speaks_for_an_older_one(
    by: Literal["menu", "factors"], tmp_path: Path
) -> None:
    log, scenario = written(tmp_path, by=by)
    found = evaluate(log, "logging")
    assert codes(found)["late_effect"] == "caution"
    assert found.verdict != "ANSWER"
    assert "Rewards cover 7 days, and what deals borrow" in " ".join(found.result.reasons)
    assert "longer_rewards" in codes(found)
    quiet = replace(found, result=replace(found.result, carry_over=QUIET))
    assert "it cannot see" in carry_over_sentence(quiet, RewardNumbers.fitting([1.0], unit="EUR", locale="en"))
    assert ("ask_sequential" in codes(found)) == (by == "menu")  # no rule for factors
    older = forgetful(log)
    assert "late_effect" not in codes(evaluate(older, "logging"))  # nobody says
    assert codes(evaluate(older, "baseline", scenario=scenario))["late_effect"] == "caution"


def test_longer_rewards_or_the_sequential_question_need_no_warning(tmp_path: Path) -> None:
    log, _ = written(tmp_path)
    assert "late_effect" not in codes(evaluate(log, "logging", estimand="sequential"))
    for place, change in enumerate(("tactics.window_days=20", "discounts.pull_forward.borrowed_frac=0")):
        folder = tmp_path / str(place)
        folder.mkdir()
        assert "late_effect" not in codes(evaluate(written(folder, change)[0], "logging"))


def test_what_overlapping_rewards_are_advised_has_a_rule_for_them(tmp_path: Path) -> None:
    found = codes(evaluate(written(tmp_path, "tactics.window_days=10")[0], "logging"))
    assert "longer_rewards" in found
    assert "ask_sequential" not in found
