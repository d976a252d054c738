"""``xbopt dataset`` from end to end, as a user runs it."""

import json
import re

import pytest

SMALL = ["--set", "plan.discounts=[]", "--set", "horizon.days=7", "--episodes", "3"]


def test_data_for_minari(xbopt_command, tmp_path):
    minari = pytest.importorskip("minari")
    answer = xbopt_command(
        "dataset", "quickstart", "--policy", "greedy_roas", "--exploration", "0.3", "-o", "data", "--json", *SMALL
    )
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert re.fullmatch(r"xbopt/quickstart/greedy_roas_explore0_3_[0-9a-f]{8}-v0", told["id"])
    assert told["first_world"] == 2**40
    data = minari.MinariDataset(tmp_path / told["path"])
    assert data.total_episodes == told["episodes"] == 3
    again = xbopt_command(
        "dataset", "quickstart", "--policy", "greedy_roas", "--exploration", "0.3", "-o", "data", *SMALL
    )
    assert again.code == 2
    assert "exists already" in again.err


def test_data_for_d3rlpy_says_what_is_lost_and_that_nothing_was_explored(xbopt_command, tmp_path):
    answer = xbopt_command("dataset", "quickstart", "--policy", "baseline", "-o", "d", "--format", "d3rlpy", *SMALL)
    assert answer.code == 0, answer.err
    assert "nothing was explored" in answer.err
    assert "scaled=True" in answer.err
    assert (tmp_path / "d" / "dataset.h5").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quickstart", "--policy", "planer"], "Did you mean 'planner'?"),
        (["quickstar", "--policy", "planner"], "quickstart"),
        (["quickstart-v0", "--policy", "planner", "--set", "horizon.days=7"], "frozen"),
        (["quickstart", "--policy", "random", "--exploration", "0.2"], "leave exploration out"),
    ],
)
def test_bad_calls_are_told(xbopt_command, arguments, message):
    answer = xbopt_command("dataset", *arguments, "-o", "data", "--episodes", "1")
    assert answer.code == 2, answer.err
    assert message in answer.err
