"""``xbopt simulate``: one JSON document, files that are whole or not there, errors with exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command_line import Command, start
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.worker_pools import Processes
from xbopt.simulator.money import TERMS
from xbopt.studies.kpis import KPI_NAMES


def test_json_is_one_document_that_keeps_the_contract(xbopt_command: Command) -> None:
    answer = xbopt_command("simulate", "quickstart", "--runs", "4", "--seed", "5", "--json")
    assert answer.code == 0
    assert answer.err == ""
    document = json.loads(answer.out)
    assert set(document) == {
        "scenario", "policy", "runs", "seed", "kpis", "bridge", "beside_margin", "by_region", "by_segment",
        "by_channel", "notes", "performance", "marginals", "vital_signs", "exploration_cost", "plan_cut",
    }  # fmt: skip
    assert set(document["scenario"]) == {
        "name", "hash", "base_currency", "days", "regions", "segments", "channels",
    }  # fmt: skip
    assert document["policy"] == {"name": "baseline", "kind": "baseline"}
    assert (document["runs"], document["seed"]) == (4, 5)
    assert tuple(document["kpis"]) == KPI_NAMES
    assert all(set(figure) == {"mean", "se", "low", "high"} for figure in document["kpis"].values())
    assert tuple(document["bridge"]) == TERMS
    assert sum(document["bridge"].values()) == pytest.approx(document["kpis"]["contribution_margin"]["mean"], rel=1e-9)
    speed = {"env_days", "seconds", "env_days_per_second"}
    assert set(document["performance"]) == speed | {"engine", "engine_reason"}
    assert document["performance"]["env_days"] == 4 * 28


def test_what_one_per_cent_brings_is_shown_where_a_planner_looks(xbopt_command: Command) -> None:
    """By channel, region, week, and region with channel: 3 + 2 + 2 + 6 rows of two weeks."""
    words = ("simulate", "quickstart", "--runs", "2", "--set", "horizon.days=14", "--set", "plan.discounts=[]")
    rows = json.loads(xbopt_command(*words, "--json").out)["marginals"]
    assert [row["part"] for row in rows] == ["channel"] * 3 + ["region"] * 2 + ["week"] * 2 + ["region_channel"] * 6
    assert set(rows[0]) == {"part", "place", "first_day", "spend", "more", "less", "return_of_more", "return_of_last"}
    shown = xbopt_command(*words).out.partition("What 1% more or less brings")[2].splitlines()
    first = next(line for line in shown if line.startswith(" Paid search"))
    assert first.split()[2:5] == [f"{rows[0][name]:.2f}" for name in ("more", "less", "return_of_more")]
    exploring = xbopt_command(*words, "--exploration", "0.1", "--json")
    assert json.loads(exploring.out)["marginals"] is None


def test_a_figure_without_meaning_is_null(xbopt_command: Command) -> None:
    answer = xbopt_command("simulate", "quickstart", "--runs", "2", "--set", "plan.spend_frac=0", "--json")
    assert json.loads(answer.out)["kpis"]["roas"]["mean"] is None


def test_the_same_seed_prints_the_same_bytes(xbopt_command: Command, xbopt_process: Command) -> None:
    """In another process too, where sets and texts have other hashes."""
    first = xbopt_command("simulate", "quickstart", "--runs", "3", "--seed", "9")
    second = xbopt_process("simulate", "quickstart", "--runs", "3", "--seed", "9", PYTHONHASHSEED="7")
    assert first.out == second.out
    assert xbopt_command("simulate", "quickstart", "--runs", "3", "--seed", "10").out != first.out


def test_all_files_are_written_and_named(xbopt_command: Command, tmp_path: Path) -> None:
    answer = xbopt_command(
        "simulate", "quickstart", "--runs", "2", "--log", "a.parquet", "--report", "b.html", "--xlsx", "c.xlsx"
    )
    assert answer.code == 0, answer.err
    assert {path.name for path in tmp_path.iterdir()} == {"a.parquet", "b.html", "c.xlsx"}
    assert len(read_decision_log(tmp_path / "a.parquet").columns) == 2 * 4 * 4
    assert "20% exploration" in answer.err
    for name in ("a.parquet", "b.html", "c.xlsx"):
        assert name in answer.err
    assert (tmp_path / "b.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_what_exploration_costs_is_told_and_bounded(xbopt_command: Command, tmp_path: Path) -> None:
    words = ("simulate", "quickstart", "--runs", "2", "--set", "horizon.days=14")
    told = xbopt_command(*words, "--log", "a.parquet", "--json")
    cost = json.loads(told.out)["exploration_cost"]
    assert (cost["share"], cost["worlds"]) == (0.2, 2)
    assert cost["sentence"] in told.err
    assert cost["frac_of_margin"] == pytest.approx(cost["mean"] / (cost["mean"] + _margin(told.out)), rel=1e-9)
    refused = xbopt_command(*words, "--policy", "replan", "--exploration", "1", "--exploration-cost", "0.1%")
    assert refused.code == 3
    assert "A share of 1 costs about" in refused.err
    for bad in ("0", "-1%", "200%", "one", "nan"):
        answer = xbopt_command(*words, "--exploration-cost", bad)
        assert answer.code == 2
        assert "as in 1% or 0.01" in answer.err


def _margin(document: str) -> float:
    return json.loads(document)["kpis"]["contribution_margin"]["mean"]


def test_set_changes_the_market(xbopt_command: Command) -> None:
    plain = json.loads(xbopt_command("simulate", "quickstart", "--runs", "2", "--json").out)
    rich = json.loads(
        xbopt_command("simulate", "quickstart", "--runs", "2", "--set", "budget.total_base=22400", "--json").out
    )
    assert rich["kpis"]["media_spend"]["mean"] == pytest.approx(2 * plain["kpis"]["media_spend"]["mean"])
    assert rich["scenario"]["hash"] != plain["scenario"]["hash"]


BAD_CALLS = {
    "no such file": (["simulate", "nowhere.yaml"], "no such file"),
    "a folder": (["simulate", "./"], "folder"),
    "no such policy": (["simulate", "quickstart", "--policy", "best"], "no policy 'best'"),
    "a missing folder for the log": (["simulate", "quickstart", "--log", "no/where.parquet"], "no folder"),
    "a folder as report": (["simulate", "quickstart", "--report", "."], "is a folder"),
    "no runs": (["simulate", "quickstart", "--runs", "0"], "--runs"),
    "too many runs": (["simulate", "quickstart", "--runs", "1000000"], "--runs"),
    "a negative seed": (["simulate", "quickstart", "--seed", "-1"], "--seed"),
    "a huge seed": (["simulate", "quickstart", "--seed", "99999999999999999999"], "seed"),
    "exploration above one": (["simulate", "quickstart", "--exploration", "20"], "--exploration"),
    "a set without value": (["simulate", "quickstart", "--set", "budget.total_base"], "path=value"),
    "two scenarios": (["simulate", "quickstart", "singles_day"], "unexpected extra argument"),
    "no command": (["simulat", "quickstart"], "No such command"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_bad_call_exits_2_with_words(
    arguments: list[str], words: str, xbopt_command: Command, tmp_path: Path
) -> None:
    answer = xbopt_command(*arguments)
    assert answer.code == 2
    assert words in answer.err
    assert answer.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_bad_scenario_names_file_line_and_column(xbopt_command: Command, tmp_path: Path) -> None:
    xbopt_command("scenario", "new", "mine")
    file = tmp_path / "mine.yaml"
    text = file.read_text(encoding="utf-8").replace("total_base: 11200", "total_base: lots")
    file.write_text(text, encoding="utf-8")
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "total_base: lots" in row)
    answer = xbopt_command("simulate", "mine.yaml")
    assert answer.code == 2
    assert f"mine.yaml:{line}:15: budget.total_base:" in answer.err


def test_an_interrupted_run_leaves_nothing_half_written(tmp_path: Path) -> None:
    keep = tmp_path / "log.parquet"
    keep.write_bytes(b"precious")
    arguments = ["simulate", "us_eu_launch", "--runs", "20000", "--log", "log.parquet", "--report", "report.html"]
    with start(*arguments, folder=tmp_path) as started:
        # The log's temporary file appears as the first worlds are played; a busy machine may need long for the imports.
        while len(list(tmp_path.iterdir())) < 2:
            assert started.poll() is None, "the command ended before it was interrupted"
            time.sleep(0.02)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=120)
    assert started.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "Interrupted" in err
    assert keep.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [keep]


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'from xbopt.cli.main import main; main()' scenario schema | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "{\n"
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
def test_a_full_disk_is_an_error_in_words(xbopt_process: Command) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        answer = xbopt_process("scenario", "schema", stdout=full)
    assert answer.code != 0
    assert answer.err


def test_an_internal_error_says_so_and_exits_1(xbopt_process: Command, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import xbopt.core.scenario.loading as loading\n"
        "def broken(*a, **k):\n    raise RuntimeError('boom')\n"
        "loading.load_scenario = broken\n"
    )
    answer = xbopt_process(
        "simulate", "quickstart", PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    )
    assert answer.code == 1
    assert "Internal error: RuntimeError: boom" in answer.err


def test_the_terminal_lists_the_rules(xbopt_command: Command) -> None:
    short = ("--set", "horizon.days=3", "--set", "plan.discounts=[]")
    for arguments in (("scenario", "show", "us_eu_launch"), ("simulate", "us_eu_launch", "--runs", "1", *short)):
        answer = xbopt_command(*arguments)
        assert answer.code == 0
        words = " ".join(answer.out.split())
        assert "duty us_import since Jul 24, 2026, goods from CN: 6% of goods" in words
        assert "US: duty on top by tariff list us_301_list_4a, 7.50% (high)" in words
        assert "10% would cost the seller" in words


@pytest.mark.parametrize("command", [("simulate", "quickstart", "--policy", "planner"), ("compare", "quickstart")])
def test_a_missing_engine_is_told_before_anything_is_planned(command, xbopt_command, monkeypatch):
    monkeypatch.setattr("xbopt.core.workers.find_spec", lambda _: None)
    monkeypatch.setattr("xbopt.agents.policies.PolicyShelf.policy", None)  # whoever plans first fails
    answer = xbopt_command(*command, "--engine", "ray")
    assert answer.code == 2
    assert "pip install 'xbopt[scale]'" in answer.err


@pytest.mark.parametrize("options", [["--workers", "2"], ["--engine", "local", "--workers", "3"]])
def test_workers_print_the_same_json(options, xbopt_command, monkeypatch):
    monkeypatch.setattr("xbopt.studies.simulate.CHUNK_WORLDS", 2)
    pools = []
    real = Processes.__init__
    monkeypatch.setattr(
        Processes, "__init__", lambda self, work, count: (pools.append(count), real(self, work, count))[1]
    )
    words = ("simulate", "quickstart", "--runs", "6", "--set", "horizon.days=7", "--set", "plan.discounts=[]", "--json")
    here, away = (json.loads(xbopt_command(*words, *more).out) for more in ([], options))
    assert {**here, "performance": None} == {**away, "performance": None}
    assert pools == [int(options[-1])]


def test_the_benchmark_of_commands_runs(repository: Path) -> None:
    """In a size that measures nothing, so that it does not rot."""
    command = [sys.executable, "-m", "benchmarks.bench_commands", "--tiny"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "simulate" in done.stdout
