"""The leaderboard's script: every row is run or says that it was not."""

import importlib.util
import sys
from pathlib import Path

import pytest

from xbopt.studies.cards import load_card

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "leaderboard.py"


@pytest.fixture(scope="module")
def board():
    spec = importlib.util.spec_from_file_location("leaderboard", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["leaderboard"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["leaderboard"]


def small(name):
    return load_card(name).model_copy(update={"plan": "greedy_roas", "anchor": "greedy_roas"})


def test_every_row_is_run_or_says_that_it_was_not(board, tmp_path, monkeypatch):
    monkeypatch.setattr(board, "WORLDS", 2)
    lines, figures = board.leaderboard(
        small("quickstart_misspecified-v0"),
        rows=["random", "sb3_ppo", "sac", "ppo"],
        runs=2,
        oracle_worlds=0,
        budget=board.Budget(steps=16, seconds=1.0, seed=0),
        folder=tmp_path,
    )
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    assert set(rows) == {"policy", *board.BUILT_IN, *board.ONLINE, *board.OFFLINE}
    assert {name for name, line in rows.items() if "not run" in line} == {"tqc", "lin_ts", "ppo", *board.OFFLINE}
    assert "one scenario" in rows["ppo"]
    assert figures["replan: mean over the re-planner's"] == 1.0
    assert rows["replan"].split("|")[3].strip().startswith("+0 ")


def test_offline_data_is_half_random_and_half_explored(board, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(board.write_data(small("quickstart-v0"), tmp_path / "data", 4), "r") as file:
        worlds = [int(file[f"world_{e}"][()]) for e in range(4)]
        assert worlds == [2**40 + e for e in range(4)]
        assert file["propensity_0"][()].max() < 0.5 < file["propensity_3"][()].max()
