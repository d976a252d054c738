"""Runs of several seeds: the same bytes whatever trains them, judged alike, the best one read like any run."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest

import xbopt
from tests.agents import killed_training
from xbopt.agents import seeds as module
from xbopt.agents.bandits.batches import read_standing, write_checkpoint
from xbopt.agents.policies import run_notes
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.seeds import SeedRun, SeedsSummary, Spread, decisions_made, train_seeds
from xbopt.agents.training import TrainingSummary, train
from xbopt.core.errors import PolicyError, UsageError

SHORT = ["horizon.days=15", "plan.discounts=[]"]
OPTIONS = {"encoding": "tactics", "worlds": 4, "validation_worlds": 4, "test_worlds": 3, "evaluate_every": 1}
STEPS = 60
RAY = pytest.param(
    "ray", None, marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")
)


@pytest.fixture(scope="module")
def scenario():
    return xbopt.load_scenario("quickstart", overrides=SHORT)


def trained(scenario, folder, **asked):
    asked = {"seeds": 3, "steps": STEPS, "seed": 1, "plan": "baseline", "options": OPTIONS, **asked}
    return train_seeds(scenario, "lin_ts", folder, **asked)


@pytest.fixture(scope="module")
def done(scenario, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds") / "run"
    return folder, trained(scenario, folder)


def figures(summary):
    return [(run.seed, run.summary) for run in summary.runs]


def content(folder: Path) -> dict[str, bytes]:
    """All that a run is played and told by; times differ, and stand in no other file."""
    files = [*folder.rglob("policy/*"), *folder.rglob("checkpoints/bandit*"), *folder.rglob("*.yaml")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(("engine", "workers"), [("local", 2), RAY])
def test_runs_are_the_same_bytes_whatever_trains_them(engine, workers, scenario, done, tmp_path):
    folder, first = done
    again = trained(scenario, tmp_path / "run", engine=engine, workers=workers)
    assert figures(again) == figures(first)
    assert content(tmp_path / "run") == content(folder)


@pytest.mark.parametrize(("engine", "workers"), [("local", 2), RAY])
def test_a_worker_that_is_killed_over_a_run_changes_nothing(engine, workers, scenario, done, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_train_one", killed_training.killed_once)
    again = trained(scenario, tmp_path / "run", engine=engine, workers=workers)
    assert (tmp_path / "run" / killed_training.DIED).exists()
    manifest = json.loads((tmp_path / "run/seeds/1/manifest.json").read_text())
    assert manifest["resumed"], "the run went on from its checkpoint"
    folder, first = done
    assert figures(again) == figures(first)
    assert content(tmp_path / "run") == content(folder)


def test_an_interrupted_command_goes_on_with_what_is_not_finished(scenario, done, tmp_path):
    def interrupt(_run, done, _total):
        assert done == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(scenario, tmp_path / "run", workers=2, on_run=interrupt)
    assert not (tmp_path / "run/policy").exists()
    with pytest.raises(UsageError, match="not empty"):
        trained(scenario, tmp_path / "run")
    again = trained(scenario, tmp_path / "run", resume=True)
    assert 1 <= sum(run.before for run in again.runs) <= 2
    folder, first = done
    assert figures(again) == figures(first)
    assert content(tmp_path / "run") == content(folder)
    whole = trained(scenario, tmp_path / "run", resume=True)
    assert all(run.before for run in whole.runs)
    assert figures(whole) == figures(first)
    assert decisions_made(tmp_path / "run") == sum(run.summary.steps for run in first.runs)


def test_all_are_judged_in_the_same_worlds_and_learn_in_their_own(done):
    """The plan earns the same to the bit in all validation and test worlds; what is learnt differs."""
    _, summary = done
    assert [run.seed for run in summary.runs] == [1, 2, 3]
    assert len({run.summary.plan_reward_base for run in summary.runs}) == 1
    tests = [run.summary.test for run in summary.runs]
    assert len({test.reward_base["baseline"] for test in tests}) == 1
    learnt = {next(iter((run.folder / "checkpoints").glob("bandit_0.npz"))).read_bytes() for run in summary.runs}
    assert len(learnt) == 3


def test_the_first_seed_is_the_run_of_that_seed_alone(scenario, done, tmp_path):
    folder, summary = done
    alone = train(scenario, "lin_ts", tmp_path / "one", steps=STEPS, seed=1, plan="baseline", options=OPTIONS)
    assert alone == summary.runs[0].summary
    for file in (tmp_path / "one/policy").iterdir():
        assert file.read_bytes() == (folder / "seeds/1/policy" / file.name).read_bytes()


def test_the_folder_is_read_as_the_run_of_the_best_seed(scenario, done):
    folder, summary = done
    best = summary.best
    assert RunDirectory.open(folder).config() == RunDirectory.open(best.folder).config()
    one, other = (xbopt.simulate(scenario, str(path), runs=3) for path in (folder, best.folder))
    np.testing.assert_array_equal(one.totals.reward, other.totals.reward)
    assert run_notes(str(folder), xbopt.build_market(scenario)) == ()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seed"] == best.seed
    assert [row["gain_base"] for row in manifest["seeds"]] == [run.summary.gain_base for run in summary.runs]


def test_what_began_otherwise_is_refused(scenario, done, tmp_path):
    folder, _ = done
    for other, message in (
        ({"options": {**OPTIONS, "worlds": 5}}, "options"),
        ({"seed": 2}, "seed"),
        ({"plan": "greedy_roas"}, "plan"),
    ):
        with pytest.raises(PolicyError, match=message):
            trained(scenario, folder, resume=True, **other)
    with pytest.raises(UsageError, match="runs of several seeds: go on with them by --seeds"):
        train(scenario, "lin_ts", folder, steps=STEPS, plan="baseline", options=OPTIONS, resume=True)
    with pytest.raises(UsageError, match=r"holds no runs of several seeds: seeds\.yaml is missing"):
        trained(scenario, folder / "seeds/1", resume=True)
    with pytest.raises(UsageError, match="from 2 to 1000"):
        trained(scenario, tmp_path / "run", seeds=1)
    for workers in (1, 2):
        with pytest.raises(UsageError, match="Did you mean 'worlds'"):
            trained(scenario, tmp_path / "run", options={"world": 3}, workers=workers)
    assert list(tmp_path.iterdir()) == []


def test_more_seeds_and_more_steps_go_on_with_what_is_there(scenario, done, tmp_path):
    folder = tmp_path / "run"
    copytree(done[0], folder)
    more = trained(scenario, folder, seeds=4, resume=True)
    assert [run.before for run in more.runs] == [True, True, True, False]
    longer = trained(scenario, folder, seeds=2, steps=2 * STEPS, resume=True)
    assert not any(run.before for run in longer.runs)
    assert all(now.summary.steps > then.summary.steps for now, then in zip(longer.runs, done[1].runs, strict=False))


def test_a_run_that_ended_and_lost_its_checkpoint_is_not_begun_anew(scenario, done, tmp_path):
    folder = tmp_path / "run"
    copytree(done[0], folder)
    rmtree(folder / "seeds/2/checkpoints")
    before = (folder / "seeds/2/policy/policy.json").read_bytes()
    assert all(run.before for run in trained(scenario, folder, resume=True).runs)
    with pytest.raises(PolicyError, match="missing"):
        trained(scenario, folder, steps=2 * STEPS, resume=True)
    assert (folder / "seeds/2/policy/policy.json").read_bytes() == before
    assert (folder / "seeds.yaml").is_file()


def of_seed(seed: int, gain: float, missed: float = 0.0) -> SeedRun:
    summary = TrainingSummary(
        steps=1, stopped="steps", plan="baseline", validation_worlds=4, gain_base=gain, gain_se_base=1.0,
        plan_reward_base=9.0, missed=missed,
    )  # fmt: skip
    return SeedRun(seed=seed, folder=Path(str(seed)), summary=summary, seconds=1.0, before=False)


def test_the_best_run_meets_constraints_then_earns_most_then_comes_first():
    runs = (of_seed(4, 9.0, missed=0.1), of_seed(5, 3.0), of_seed(6, 3.0), of_seed(7, 2.0))
    assert SeedsSummary(runs=runs).best.seed == 5
    assert SeedsSummary(runs=runs[:1] + runs[3:]).best.seed == 7
    assert SeedsSummary(runs=runs).test is None


def test_a_spread_by_hand():
    """1, 3 and 8: mean 4, variance (9 + 1 + 16) / 2 = 13; t of two degrees 4.3027, so 4 -+ 4.3027 sqrt(13 / 3)."""
    spread = Spread.of([1.0, 8.0, 3.0])
    assert (spread.mean, spread.smallest, spread.largest) == (4.0, 1.0, 8.0)
    assert spread.sd == pytest.approx(np.sqrt(13.0))
    assert (spread.low, spread.high) == pytest.approx((4.0 - 8.9567, 4.0 + 8.9567), abs=1e-3)
    assert replace(spread, low=4.0) != spread


def test_a_checkpoint_appears_whole_or_not_at_all(tmp_path):
    def save(text: str):
        def write(folder: Path) -> None:
            (folder / "bandit_0.npz").write_text(text)
            (folder / "bandit_1.npz").write_text(text)

        return write

    def breaks(folder: Path) -> None:
        (folder / "bandit_0.npz").write_text("second")
        raise MemoryError

    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    assert not run.has_checkpoint
    write_checkpoint(run.checkpoints, save("first"), {"batch": 1})
    with pytest.raises(MemoryError):
        write_checkpoint(run.checkpoints, breaks, {"batch": 2})
    assert run.has_checkpoint
    assert read_standing(run.checkpoints) == {"batch": 1}
    write_checkpoint(run.checkpoints, save("third"), {"batch": 3})
    assert read_standing(run.checkpoints) == {"batch": 3}
    # Killed while the files of a whole one were put in place: the others follow.
    whole = run.checkpoints / "whole"
    whole.mkdir()
    for name in ("bandit_1.npz", "standing.json"):
        (run.checkpoints / name).rename(whole / name)
    assert run.has_checkpoint
    assert read_standing(run.checkpoints) == {"batch": 3}
    assert not whole.exists()
