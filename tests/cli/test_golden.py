"""The command line says today what it said yesterday; a wanted change is written with XBOPT_GOLDEN=write."""

import os
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
COMMANDS = {
    "help": ["--help"],
    "simulate_help": ["simulate", "--help"],
    "scenario_help": ["scenario", "--help"],
    "scenario_new_help": ["scenario", "new", "--help"],
    "scenario_list": ["scenario", "list"],
    "scenario_show": ["scenario", "show", "quickstart"],
    "simulate": ["simulate", "quickstart", "--runs", "8"],
    "simulate_limits": ["simulate", "quickstart", "--runs", "2", "--set", "budget.region_caps_base={DE: 5000}"],
    "simulate_json": ["simulate", "quickstart", "--runs", "4", "--policy", "greedy_roas", "--json"],
    "misspelt_scenario": ["simulate", "quikstart"],
    "misspelt_policy": ["simulate", "quickstart", "--policy", "unifrom"],
    "misspelt_option": ["simulate", "quickstart", "--sed", "1"],
    "misspelt_path": ["simulate", "quickstart", "--set", "budget.totl_base=1"],
    "bad_value": ["simulate", "quickstart", "--set", "budget.total_base=-5"],
}


def without_speed(text: str) -> str:
    """The JSON's speed figures differ from run to run."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if '"seconds"' not in line and '"env_days_per_second"' not in line)


@pytest.mark.parametrize("name", COMMANDS)
def test_output_is_as_recorded(name, xbopt_command):
    answer = xbopt_command(*COMMANDS[name])
    text = f"exit {answer.code}\n--- stdout\n{without_speed(answer.out)}--- stderr\n{answer.err}"
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("XBOPT_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_recorded_file_has_a_command():
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(COMMANDS)
