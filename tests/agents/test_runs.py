"""Folders of training runs: what is refused before anything is written, and runs that were trained before."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

import xbopt
from xbopt.agents.policies import policy_from, run_notes
from xbopt.agents.registry import AGENTS
from xbopt.agents.run_directory import RunDirectory
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.market_run import MarketRun
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

SHORT = ["horizon.days=15", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
OPTIONS = {
    "ppo": {
        "encoding": "tactics",
        "worlds": 4,
        "width": 4,
        "validation_worlds": 2,
        "test_worlds": 0,
        "imitation_steps": 0,
        "batch_size": 4,
    },
    "lin_ts": {"encoding": "tactics", "test_worlds": 0, "worlds": 4, "validation_worlds": 2},
}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return xbopt.load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def market(scenario: Scenario) -> MarketParameters:
    return build_market(scenario)


@pytest.fixture(scope="module", params=OPTIONS)
def run(request: pytest.FixtureRequest, scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    agent: str = request.param
    folder = tmp_path_factory.mktemp("runs") / agent
    xbopt.train(scenario, agent, folder, steps=1, plan="baseline", options=OPTIONS[agent])
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a folder, with the moment it was written."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_run_of_python_goes_on_from_the_command_line(run: Path, scenario: Scenario, tmp_path: Path) -> None:
    """Options are compared as they are read: 4 and the text "4" are one value."""
    copytree(run, tmp_path / "run")
    agent = run.name
    texts = {name: str(value) for name, value in OPTIONS[agent].items()}
    xbopt.train(scenario, agent, tmp_path / "run", steps=1, plan="baseline", options=texts, resume=True)
    other = {**texts, "worlds": "5"}
    with pytest.raises(PolicyError, match="options"):
        xbopt.train(scenario, agent, tmp_path / "run", steps=1, plan="baseline", options=other, resume=True)


def test_loading_a_run_writes_nothing(run: Path, market: MarketParameters) -> None:
    before, folders = contents(run), sorted(run.rglob("*"))
    policy_from(str(run), market)
    assert contents(run) == before
    assert sorted(run.rglob("*")) == folders


@pytest.mark.parametrize("agent", OPTIONS)
def test_going_on_where_there_is_no_run_makes_none(agent: str, scenario: Scenario, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no training run"):
        xbopt.train(scenario, agent, tmp_path / "nothing", steps=1, options=OPTIONS[agent], resume=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"), [("database: {user: me}\n", "names no agent"), ("[1, 2]\n", "a mapping is wanted")]
)
def test_a_folder_of_something_else_is_refused_and_left_alone(
    config: str, message: str, scenario: Scenario, market: MarketParameters, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "scenario.yaml").write_text("name: other\n")
    before = contents(tmp_path)
    with pytest.raises((UsageError, PolicyError), match=message):
        xbopt.train(scenario, "ppo", tmp_path, steps=1, resume=True)
    with pytest.raises((UsageError, PolicyError), match=message):
        policy_from(str(tmp_path), market)
    with pytest.raises(UsageError, match="not empty"):
        xbopt.train(scenario, "ppo", tmp_path, steps=1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("agent", OPTIONS)
def test_a_mistyped_option_leaves_no_folder_behind(agent: str, scenario: Scenario, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'worlds'"):
        xbopt.train(scenario, agent, tmp_path / "run", steps=1, plan="baseline", options={"world": 4})
    assert not (tmp_path / "run").exists()


def test_a_run_of_an_agent_that_is_not_known_here_is_refused(market: MarketParameters, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("agent: dreamer\n")
    (tmp_path / "scenario.yaml").write_text("name: other\n")
    with pytest.raises(PolicyError, match="'dreamer'"):
        policy_from(str(tmp_path), market)
    assert "dreamer" not in AGENTS


def as_written_before(folder: Path) -> None:
    """Rewrite a policy as older versions wrote it: other order and names of entries, arrays in the same files."""
    path = folder / "policy.json"
    document = json.loads(path.read_text())
    if "settings" in document:
        settings = document["settings"]
        settings["lessons"] = settings.pop("imitation_steps")
        settings["held_out_worlds"] = settings.pop("validation_worlds")
    order = ("sha256", "actions", "features", "plan", "scenario_hash")
    path.write_text(json.dumps({**{name: document.pop(name) for name in order}, **document}))


def test_runs_that_were_trained_before_still_answer_the_same(run: Path, market: MarketParameters) -> None:
    observation = MarketRun(market, worlds=np.arange(3), seed=0).observe()
    now = policy_from(str(run), market)
    as_written_before(RunDirectory.open(run).policy)
    then = policy_from(str(run), market)
    np.testing.assert_array_equal(then.probabilities(observation), now.probabilities(observation))
    assert (then.name, then.kind) == (now.name, now.kind)


def test_a_plan_saved_by_hand_is_read(run: Path, market: MarketParameters) -> None:
    """The names of its arrays are part of the format: ``np.savez`` with these four makes a plan."""
    from hashlib import sha256

    from xbopt.agents.saved_policy import read_policy

    folder = RunDirectory.open(run).policy
    with np.load(folder / "plan.npz") as arrays:
        assert set(arrays.files) == {"spend_base", "daypart_weights", "discount_frac", "mechanic"}
        kept = {name: arrays[name] for name in arrays.files}
    np.savez(folder / "plan.npz", **{**kept, "spend_base": 2.0 * kept["spend_base"]})
    document = json.loads((folder / "policy.json").read_text())
    document["sha256"]["plan.npz"] = sha256((folder / "plan.npz").read_bytes()).hexdigest()
    (folder / "policy.json").write_text(json.dumps(document))
    saved = read_policy(folder, market.scenario, ())
    np.testing.assert_array_equal(saved.plan.spend_base, 2.0 * kept["spend_base"])
    assert saved.plan.name == "baseline"


def test_a_run_that_is_played_with_another_budget_is_told_of(run: Path, market: MarketParameters) -> None:
    assert run_notes(str(run), market) == run_notes("planner", market) == ()
    richer = build_market(xbopt.load_scenario("quickstart", overrides=[*SHORT, "budget.total_base=13000"]))
    (note,) = run_notes(str(run), richer)
    assert note.startswith(f"{run} was trained for a budget of 11,200 EUR and is played with 13,000 EUR.")
    assert note in xbopt.simulate(richer.scenario, str(run), runs=1).notes


def test_compared_runs_are_told_apart_by_their_folders(run: Path, market: MarketParameters, tmp_path: Path) -> None:
    twin = tmp_path / "again"
    copytree(run, twin)
    result = xbopt.compare(market.scenario, [f"{run}/", str(twin), str(twin)], runs=2, oracle_worlds=0)
    assert [policy.name for policy in result.policies[:3]] == [str(run), str(twin), f"{twin} (2)"]
