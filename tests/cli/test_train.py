"""``xbopt train`` from end to end, as a user runs it."""

import json

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
]
STEPS = 8 * 4


def test_train_resume_and_play(xbopt_command, tmp_path):
    first = xbopt_command("train", "quickstart", "--agent", "ppo", "--steps", STEPS, "--out", "run", "--json", *SMALL)
    assert first.code == 0, first.err
    document = json.loads(first.out)
    assert document["steps"] == STEPS
    assert document["plan"] == "greedy_roas"
    assert document["scenario"]["name"] == "quickstart"
    for name in ("config.yaml", "scenario.yaml", "manifest.json", "progress.csv"):
        assert (tmp_path / "run" / name).is_file()
    again = xbopt_command(
        "train", "quickstart", "--agent", "ppo", "--steps", 2 * STEPS, "--out", "run", "--resume", *SMALL
    )
    assert again.code == 0, again.err
    assert "worlds that training never played" in again.out
    assert "xbopt simulate quickstart --policy run" in again.err
    played = xbopt_command("simulate", "quickstart", "--policy", "run", "--runs", "2", "--json")
    assert played.code == 0, played.err
    assert json.loads(played.out)["policy"] == {"name": "ppo", "kind": "ppo"}


def test_bad_calls_are_told(xbopt_command, tmp_path):
    for arguments, message in (
        (["--agent", "pp"], "Did you mean 'ppo'?"),
        (["--agent", "ppo", "--time-limit", "soon"], "90s, 10m or 2h"),
        (["--agent", "ppo", "--option", "width"], "NAME=VALUE"),
        (["--agent", "ppo", "--steps", "10", "--option", "widt=3"], "Did you mean 'width'?"),
    ):
        answer = xbopt_command("train", "quickstart", "--out", "run", *arguments)
        assert answer.code == 2, answer.err
        assert message in answer.err


def test_help_names_every_agent(xbopt_command) -> None:
    from xbopt.agents.registry import AGENTS

    shown = " ".join(xbopt_command("train", "--help").out.replace("│", " ").split())
    assert f"Who learns: {', '.join(AGENTS)}." in shown
