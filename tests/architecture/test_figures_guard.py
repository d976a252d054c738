"""``benchmarks/figures_guard.py``: it sees what changed, what is gone and what is new."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures_guard import steady


@pytest.fixture
def guard(repository: Path):
    """Run the script; gives exit code and the lines that it printed."""

    def run(*words: object) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "benchmarks.figures_guard", *map(str, words)]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def test_every_kind_of_difference_is_named_with_its_place(guard, tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text('{"plan": {"a": 1, "b": [1, 2], "c": [1], "d": 1, "same": null}, "serve": 0}')
    after.write_text('{"plan": {"a": 1.0, "b": [1, 3], "c": [1, 1], "e": "x", "same": null}, "train": 0}')
    code, lines = guard("compare", before, after)
    assert code == 1
    # An integer that became a float would print otherwise; a part that only one record has was not asked for.
    assert lines == [
        "changed: plan / a: 1 -> 1.0",
        "changed: plan / b[1]: 2 -> 3",
        "changed: plan / c: [1] -> [1, 1]",
        "gone: plan / d: 1",
        'new: plan / e: "x"',
        "plan: 4 values gone or changed, 1 new",
        "values gone or changed: 4 (at most 0: DOES NOT HOLD)",
    ]


def test_times_and_paths_are_no_figures() -> None:
    printed = {
        "kpis": {"margin": 1.5},
        "performance": {"seconds": 2.0},
        "policies": [{"name": "a", "run": "somewhere"}],
    }
    assert steady(printed) == {"kpis": {"margin": 1.5}, "policies": [{"name": "a"}]}
