"""``xbopt train`` from end to end, as a user runs it."""

import json
from dataclasses import replace

import numpy as np
import pytest

SMALL = [
    "--plan",
    "greedy_roas",
    "--option",
    "worlds=8",
    "--option",
    "validation_worlds=4",
    "--option",
    "width=4",
    "--option",
    "test_worlds=2",
    "--option",
    "branch_worlds=4",
    "--option",
    "branch_rounds=1",
]
UPDATE = 8 * 4
STEPS = 4 * 4 * 3 + UPDATE  # 4 worlds, 4 mornings and 3 branches come first: this plan takes all the money


def test_train_resume_and_play(xbopt_command, tmp_path):
    first = xbopt_command("train", "quickstart", "--agent", "ppo", "--steps", STEPS, "--out", "run", "--json", *SMALL)
    assert first.code == 0, first.err
    document = json.loads(first.out)
    assert document["steps"] == STEPS
    assert document["plan"] == document["anchor"] == "greedy_roas"
    assert document["test"]["worlds"] == 2
    assert document["test"]["ahead"]["greedy_roas"]["verdict"] in ("better", "worse", "not shown")
    assert document["scenario"]["name"] == "quickstart"
    for name in ("config.yaml", "scenario.yaml", "manifest.json", "progress.csv"):
        assert (tmp_path / "run" / name).is_file()
    again = xbopt_command(
        "train", "quickstart", "--agent", "ppo", "--steps", STEPS + UPDATE, "--out", "run", "--resume", *SMALL
    )
    assert again.code == 0, again.err
    assert "Validation, 4 worlds" in again.out
    assert "Test, 2 worlds that chose nothing" in again.out
    assert "quickstart, ppo: " in again.err  # a line an evaluation where nobody watches a bar
    assert "xbopt simulate quickstart --policy run" in again.err
    played = xbopt_command("simulate", "quickstart", "--policy", "run", "--runs", "2", "--json")
    assert played.code == 0, played.err
    assert json.loads(played.out)["policy"] == {"name": "ppo", "kind": "ppo"}


def test_a_bandit_tells_all_it_knows_as_json(xbopt_command, tmp_path):
    small = [f"--option={text}" for text in ("worlds=4", "validation_worlds=4", "test_worlds=2")]
    asked = ["train", "quickstart", "--agent", "lin_ts", "--plan", "greedy_roas", "--out", "run", *small]
    first = xbopt_command(*asked, "--steps", "1", "--json")
    assert first.code == 0, first.err
    document = json.loads(first.out)
    assert document["steps"] == 4 * 4 * 2  # worlds, mornings, and with notches and without
    assert document["anchor"] == "replan"
    assert document["over_plan_se_base"] > 0.0
    assert "lin_ts: 0 decisions" in first.err  # planning is over
    manifest = json.loads((tmp_path / "run/manifest.json").read_text(), parse_constant=lambda text: f"no JSON: {text}")
    assert manifest["result"] == {name: document[name] for name in manifest["result"]}
    again = xbopt_command(*asked, "--steps", "64", "--resume")
    assert again.code == 0, again.err
    rows = (tmp_path / "run/progress.csv").read_text().splitlines()
    at = rows[0].split(",").index("seconds")
    seconds = [float(row.split(",")[at]) for row in rows[1:]]
    assert len(seconds) == 2
    assert seconds[0] < seconds[1] < manifest["wall_seconds"] + seconds[1]


def test_several_seeds_are_trained_and_the_best_is_played(xbopt_command, tmp_path):
    options = ("encoding=tactics", "worlds=4", "validation_worlds=4", "test_worlds=2", "evaluate_every=1")
    asked = ["train", "quickstart", "--agent", "lin_ts", "--plan", "baseline", "--steps", "30", "--out", "run"]
    asked += ["--set", "horizon.days=15", "--set", "plan.discounts=[]", "--seeds", "2", "--seed", "3"]
    asked += [f"--option={text}" for text in options]
    first = xbopt_command(*asked, "--json")
    assert first.code == 0, first.err
    assert "seeds 3 to 4, 30 decisions each" in first.err
    assert "(2 of 2)" in first.err
    assert "of training in all" in first.err
    document = json.loads(first.out)
    runs = document["seeds"]["runs"]
    gains = [run["gain_base"] for run in runs]
    assert gains[0] != gains[1]
    assert [run["seed"] for run in runs] == [3, 4]
    assert document["seed"] == document["seeds"]["best"] == 3 + gains.index(max(gains))
    assert document["gain_base"] == document["seeds"]["validation"]["largest"] == max(gains)
    assert document["seeds"]["test"]["mean"] == pytest.approx(sum(run["test_gain_base"] for run in runs) / 2)
    again = xbopt_command(*asked, "--resume")
    assert again.code == 0, again.err
    assert again.err.count("done before") == 2
    for shown in ("Gain over baseline by seed", "(the best)", "95 % of the mean", "Test, 2 worlds that chose nothing"):
        assert shown in again.out
    played = xbopt_command(
        "simulate", "quickstart", "--set", "horizon.days=15", "--set", "plan.discounts=[]", "--policy", "run",
        "--runs", "2", "--json",
    )  # fmt: skip
    assert played.code == 0, played.err
    assert json.loads(played.out)["policy"]["name"] == "lin_ts"


def test_a_run_without_test_worlds_says_so(capsys):
    from xbopt.agents.training import TrainingSummary
    from xbopt.cli.train import _print_summary
    from xbopt.core.scenario.loading import load_scenario

    summary = TrainingSummary(
        steps=1, stopped="steps", plan="baseline", validation_worlds=4, gain_base=2.0, gain_se_base=1.0,
        plan_reward_base=5.0,
    )  # fmt: skip
    _print_summary(load_scenario("quickstart"), "ppo", summary)
    assert "No test worlds were played: test_worlds is 0, or the objective is margin alone." in capsys.readouterr().err


def test_a_run_that_kept_the_re_planner_says_so_first_and_claims_nothing(capsys):
    from xbopt.agents.final_figures import FinalFigures
    from xbopt.agents.training import TrainingSummary
    from xbopt.cli.train import _print_summary
    from xbopt.core.paired import paired_differences
    from xbopt.core.scenario.loading import load_scenario

    rewards = np.arange(8.0)
    ahead = paired_differences([rewards - 3.0, rewards], seed=0, confidence=0.95)[1]
    same = paired_differences([rewards, rewards], seed=0, confidence=0.95)[1]
    summary = TrainingSummary(
        steps=9, stopped="steps", plan="planner", validation_worlds=4, gain_base=0.0, gain_se_base=0.0,
        plan_reward_base=5.0, anchor="replan", over_plan_base=3.0, over_plan_se_base=1.0, anchor_reward_base=8.0,
        test=FinalFigures(
            worlds=8, reward_base={"lin_ts": 3.5, "planner": 0.5, "replan": 3.5},
            ahead={"planner": ahead, "replan": same},
        ),
    )  # fmt: skip
    assert summary.keeps_anchor
    _print_summary(load_scenario("quickstart"), "lin_ts", summary)
    shown = capsys.readouterr().out
    assert shown.startswith("The policy of this run is replan itself")
    assert "Gain of replan over planner" in shown
    assert "replan ahead by" in shown
    assert "lin_ts over planner" not in shown
    assert "Reward of lin_ts" not in shown
    better = replace(summary, gain_base=2.0)
    assert not better.keeps_anchor
    _print_summary(load_scenario("quickstart"), "lin_ts", better)
    assert "Gain of lin_ts over planner" in capsys.readouterr().out


def test_a_card_is_trained_on_within_its_budget(xbopt_command, tmp_path):
    small = [f"--option={text}" for text in ("worlds=4", "validation_worlds=4", "test_worlds=0")]
    asked = ["train", "quickstart-v0", "--agent", "lin_ts", "--plan", "greedy_roas", "--out", "run", *small]
    first = xbopt_command(*asked, "--steps", "1")
    assert first.code == 0, first.err
    assert "xbopt simulate quickstart --policy run" in first.err
    assert 'evaluate_agent("run", "quickstart-v0")' in first.err
    for arguments, message in (
        (["--steps", "100000001"], "more than the budget of quickstart-v0"),
        (["--set", "horizon.days=7"], "frozen"),
        (["--seeds", "3", "--steps", "50000000"], "for each of 3 seeds is more than the budget of quickstart-v0"),
    ):
        answer = xbopt_command(*asked, *arguments)
        assert answer.code == 2
        assert message in answer.err


@pytest.mark.parametrize(
    ("left", "message"),
    [
        ((), "Interrupted while planning: nothing was begun, and nothing written to"),
        (("config.yaml",), "Interrupted before the first evaluation: nothing was learnt"),
        (("config.yaml", "checkpoints/1"), "Go on from the last evaluation by the same command with --resume"),
    ],
)
def test_an_interrupted_run_says_what_is_left_of_it(left, message, tmp_path, monkeypatch, capsys):
    from xbopt.cli.train import train_command

    def interrupted(_scenario, _agent, out, **_):
        for name in left:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("xbopt.agents.training.train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_command("quickstart", "lin_ts", tmp_path / "run")
    assert message in " ".join(capsys.readouterr().err.split())


def test_bad_calls_are_told(xbopt_command, tmp_path):
    for arguments, message in (
        (["--agent", "pp"], "Did you mean 'ppo'?"),
        (["--agent", "ppo", "--time-limit", "soon"], "90s, 10m or 2h"),
        (["--agent", "ppo", "--option", "width"], "NAME=VALUE"),
        (["--agent", "ppo", "--workers", "2"], "add --seeds N"),
        (["--agent", "ppo", "--steps", "10", "--option", "widt=3"], "Did you mean 'width'?"),
    ):
        answer = xbopt_command("train", "quickstart", "--out", "run", *arguments)
        assert answer.code == 2, answer.err
        assert message in answer.err


def test_help_names_every_agent(xbopt_command) -> None:
    from xbopt.agents.registry import AGENTS

    shown = " ".join(xbopt_command("train", "--help").out.replace("│", " ").split())
    assert f"Who learns: {', '.join(AGENTS)}." in shown
