"""The command line says today what it said yesterday; a wanted change is written with XBOPT_GOLDEN=write."""

import os
import re
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
MAILING = ["--columns", "action=mail,propensity=p,reward=bought,context=age,segment=age", "--confidence", "0.9"]
COMMANDS = {
    "help": ["--help"],
    "simulate_help": ["simulate", "--help"],
    "evaluate_help": ["evaluate", "--help"],
    "plan_help": ["plan", "--help"],
    "compare_help": ["compare", "--help"],
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
    "evaluate": ["evaluate", "mailing.csv", *MAILING, "--policy", "always:short"],
    "evaluate_json": ["evaluate", "mailing.csv", *MAILING, "--probabilities", "by_age.csv", "--json"],
    "evaluate_refused": ["evaluate", "thin.csv", "--policy", "always:b"],
    "evaluate_no_propensity": [
        "evaluate",
        "mailing.csv",
        "--columns",
        "action=mail,reward=bought",
        "--policy",
        "uniform",
    ],
    "evaluate_bad_propensity": ["evaluate", "bad.csv", "--policy", "uniform"],
    "evaluate_ragged": ["evaluate", "ragged.csv", "--policy", "uniform"],
    "evaluate_empty": ["evaluate", "empty.csv", "--policy", "uniform"],
    "plan_bad_target": ["plan", "quickstart", "--target", "order=5"],
    "compare_misspelt_policy": ["compare", "quickstart", "--policies", "baseline,plannner"],
    "bad_value": ["simulate", "quickstart", "--set", "budget.total_base=-5"],
}


def without_speed(text: str) -> str:
    """The JSON's speed figures differ from run to run, and the engine behind them from machine to machine."""
    own = ('"seconds"', '"env_days_per_second"', '"engine"', '"engine_reason"')
    return "".join(line for line in text.splitlines(keepends=True) if not line.strip().startswith(own))


def write_logs(folder):
    """Small logs made by arithmetic: no generator's version can change them."""
    rows = []
    for i in range(600):
        age, mail = ("young", "middle", "old")[i % 3], ("short", "long")[(i // 3) % 2]
        rows.append(f"{mail},0.5,{int((i * 7919) % 100 < (30 if mail == 'short' else 20) + 5 * (i % 3))},{age}\n")
    files = {
        "mailing.csv": "mail,p,bought,age\n" + "".join(rows),
        "by_age.csv": "age,action,probability\n"
        + "".join(f"{age},{mail},{float((age == 'old') == (mail == 'long'))}\n"
                  for age in ("young", "middle", "old") for mail in ("short", "long")),
        "thin.csv": "action,propensity,reward\n" + "a,0.99995,0\n" * 9_998 + "b,0.00005,1\nb,0.5,1\n",
        "bad.csv": "action,propensity,reward\na,0.5,1\nb,1.5,0\n",
        "ragged.csv": "action,propensity,reward\na,0.5,1\nb,0.5\n",
        "empty.csv": "action,propensity,reward\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def rounded(text: str) -> str:
    """Numbers of JSON to nine digits: the last ones differ between processors, engines and linear algebra libraries."""
    return re.sub(r"-?(?=[\d.]{11})\d+\.\d+(e-?\d+)?", lambda found: f"{float(found[0]):.9g}", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_output_is_as_recorded(name, xbopt_command, tmp_path):
    write_logs(tmp_path)
    answer = xbopt_command(*COMMANDS[name])
    out = without_speed(answer.out)
    out = rounded(out) if name.endswith("_json") else out
    text = f"exit {answer.code}\n--- stdout\n{out}--- stderr\n{answer.err}"
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("XBOPT_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_recorded_file_has_a_command():
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(COMMANDS)
