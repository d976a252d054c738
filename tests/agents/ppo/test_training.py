"""Training PPO: same seed same run, going on as if nothing had happened, saving, and clear words for bad input."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.agents.ppo.policy import load_policy
from xbopt.agents.ppo.settings import PRESETS, PpoSettings, preset_for, with_options
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import train
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign
from xbopt.env.market_run import MarketRun
from xbopt.env.policy_contract import check_policy
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=15", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
WORLDS, STEPS = 8, 3
UPDATE = WORLDS * STEPS
BRANCHED = 4 * STEPS * (3 + 2)
"""Decisions of a round of branches: 4 worlds, each morning played on without notches, with them, and, because this plan
takes all the money, with more in every channel; then with the plan's depth of discount held, and with another."""
LATER = 4 * STEPS * 3
"""The same of later rounds: four validation worlds show no gain of other depths, so they are tried no more."""
SMALL = {
    "worlds": WORLDS,
    "width": 4,
    "validation_worlds": 4,
    "test_worlds": 2,
    "branch_rounds": 1,
    "branch_worlds": 4,
    "branch_steps": 5,
    "evaluate_every": 2,
    "epochs": 2,
    "batch_size": 12,
    "learning_rate": 1e-2,
}


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def market(scenario):
    return build_market(scenario)


def ask(updates: int, **options: object) -> dict[str, Any]:
    """What to ask of ``train``, beside scenario and folder."""
    first = BRANCHED if options.get("encoding", "residual") == "residual" else 0
    return {
        "agent": "ppo", "seed": 3, "steps": first + updates * UPDATE, "plan": "greedy_roas",
        "options": {**SMALL, **options},
    }  # fmt: skip


@pytest.fixture(scope="module", params=["residual", "tactics", "continuous"])
def run(request, scenario, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / request.param
    train(scenario, out=folder, **ask(6, encoding=request.param))
    return folder


def progress_of(folder):
    rows = (folder / "progress.csv").read_text().splitlines()
    timed = rows[0].split(",").index("seconds")
    return [[cell for i, cell in enumerate(row.split(",")) if i != timed] for row in rows]


def test_a_run_leaves_everything_behind(run, scenario):
    names = {path.name for path in run.iterdir()}
    assert names == {
        "config.yaml", "scenario.yaml", "policy", "progress.csv", "tensorboard", "checkpoints", "manifest.json",
    }  # fmt: skip
    assert load_scenario(run / "scenario.yaml").hash == scenario.hash
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["scenario"]["hash"] == scenario.hash
    assert manifest["seed"] == 3
    assert manifest["libraries"]["torch"]
    assert manifest["sha256"]["policy/weights.npz"]
    residual = RunDirectory.open(run).config()["options"]["encoding"] == "residual"
    # A residual run also tells what was learnt from branches, before the first update.
    assert [row[0] for row in progress_of(run)[1:]] == ["0", *(["0"] if residual else []), "2", "4", "6"]
    assert manifest["result"]["test"]["worlds"] == 2
    assert any((run / "tensorboard").iterdir())


def test_the_same_seed_trains_the_same_policy(run, scenario, tmp_path):
    encoding = RunDirectory.open(run).config()["options"]["encoding"]
    train(scenario, out=tmp_path / "again", **ask(6, encoding=encoding))
    assert progress_of(run) == progress_of(tmp_path / "again")
    for name in ("policy/weights.npz", "policy/policy.json"):
        assert (run / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_resumed_run_goes_on_to_the_bit(run, scenario, tmp_path):
    encoding = RunDirectory.open(run).config()["options"]["encoding"]
    train(scenario, out=tmp_path / "broken", **ask(2, encoding=encoding))
    progress = tmp_path / "broken" / "progress.csv"
    last = progress.read_text().splitlines()[-1].split(",")
    with progress.open("a") as file:
        file.write(",".join(["4", "96", *last[2:-1], "99"]) + "\n")  # an evaluation after the checkpoint
    train(scenario, out=tmp_path / "broken", **ask(6, encoding=encoding), resume=True)
    assert progress_of(run) == progress_of(tmp_path / "broken")
    assert (run / "policy/weights.npz").read_bytes() == (tmp_path / "broken" / "policy/weights.npz").read_bytes()


def test_the_trained_policy_keeps_the_contract(run, market):
    policy = load_policy(run / "policy", market)
    check_policy(policy, market, batch_sizes=(1, 7, 100))
    if hasattr(policy, "exploring"):
        check_policy(policy.exploring(0.5), market, batch_sizes=(1, 7, 200))
        seen = MarketRun(market, worlds=np.arange(1), seed=0).observe()
        if hasattr(policy, "probabilities"):
            assert policy.exploring(0.3).probabilities(seen).min() > 0.0
        with pytest.raises(PolicyError, match="share"):
            policy.exploring(1.5)


def test_the_run_is_a_policy_by_its_folder(run, market):
    one, two = policy_from(str(run), market), load_policy(run / "policy", market)
    seen = MarketRun(market, worlds=np.arange(3), seed=0).observe()
    for name in ("decide", "probabilities", "factor_probabilities"):
        if hasattr(one, name):
            first, second = getattr(one, name)(seen), getattr(two, name)(seen)
            first, second = (x.spend_base if name == "decide" else x for x in (first, second))
            assert np.array_equal(first, second)


def test_logged_decisions_carry_the_labels_of_the_anchored_menu(scenario, market, tmp_path):
    import xbopt
    from xbopt.core.decision_log.reader import read_decision_log

    train(scenario, out=tmp_path / "run", **ask(2, encoding="tactics"))
    policy = policy_from(str(tmp_path / "run"), market)
    xbopt.simulate(scenario, policy, runs=2, exploration=0.4, log=tmp_path / "log.parquet")
    log = read_decision_log(tmp_path / "log.parquet")
    assert log.schema.action_labels == policy.menu.labels
    floor = 0.4 / len(scenario.menu)
    assert set(np.round(log.columns.propensity, 12)) <= {round(floor, 12), round(0.6 + floor, 12)}


@pytest.mark.parametrize("name", ["weights.npz", "plan.npz", "policy.json"])
def test_damaged_policies_are_refused(run, market, tmp_path, name):
    copy = tmp_path / "policy"
    copy.mkdir()
    for file in (run / "policy").iterdir():
        data = bytearray(file.read_bytes())
        if file.name == name:
            data[len(data) // 2] ^= 0xFF
        (copy / file.name).write_bytes(bytes(data))
    with pytest.raises(PolicyError):
        load_policy(copy, market)


def test_missing_and_foreign_policies_are_told(run, market, tmp_path):
    with pytest.raises(PolicyError, match="holds no policy"):
        load_policy(tmp_path, market)
    with pytest.raises(PolicyError, match="another market"):
        load_policy(run / "policy", build_market(load_scenario("us_eu_launch")))
    with pytest.raises(PolicyError, match="no training run"):
        policy_from(str(tmp_path), market)
    with pytest.raises(PolicyError, match="There is no policy 'nobody'"):
        policy_from("nobody", market)


def test_an_observation_that_is_no_number_is_told(run, market):
    policy = load_policy(run / "policy", market)
    seen = MarketRun(market, worlds=np.arange(2), seed=0).observe()
    cells = seen.cells.copy()
    cells[1, 0, 0, 4] = np.nan
    answers = ("decide", "probabilities", "factor_probabilities")
    answer = next(getattr(policy, name) for name in answers if hasattr(policy, name))
    with pytest.raises(PolicyError, match="world 1 holds no number for DE/families/satisfaction"):
        answer(replace(seen, cells=cells))


def test_resuming_something_else_is_refused(run, scenario, tmp_path):
    encoding = RunDirectory.open(run).config()["options"]["encoding"]
    same = ask(8, encoding=encoding)
    with pytest.raises(PolicyError, match="seed 3"):
        train(scenario, out=run, **{**same, "seed": 4}, resume=True)
    with pytest.raises(PolicyError, match="scenario_hash"):
        train("quickstart", out=run, **same, resume=True)
    with pytest.raises(UsageError, match="no training run"):
        train(scenario, out=tmp_path, **same, resume=True)
    with pytest.raises(UsageError, match="not empty"):
        train(scenario, out=run, **same)
    with pytest.raises(UsageError, match="when to stop"):
        train(scenario, out=tmp_path / "new", **{**same, "steps": None})


def test_branches_count_as_decisions_and_steps_end_their_rounds(scenario, tmp_path):
    """Two of three rounds reach the limit; who goes on later learns the third to the bit."""
    asked = {**ask(1, branch_rounds=3), "steps": BRANCHED + 1}
    summary = train(scenario, out=tmp_path / "parts", **asked)
    assert (summary.steps, summary.stopped) == (BRANCHED + LATER, "steps")
    assert [row[:2] for row in progress_of(tmp_path / "parts")[1:]] == [["0", "0"], ["0", "60"], ["0", "96"]]
    more = {**asked, "steps": BRANCHED + 2 * LATER + UPDATE}
    train(scenario, out=tmp_path / "parts", **more, resume=True)
    whole = train(scenario, out=tmp_path / "whole", **more)
    assert whole.steps == BRANCHED + 2 * LATER + UPDATE
    assert progress_of(tmp_path / "parts") == progress_of(tmp_path / "whole")
    first, second = (torch.load(tmp_path / name / "checkpoints/latest.pt") for name in ("parts", "whole"))
    for name, weights in first["policy"].items():
        assert torch.equal(weights, second["policy"][name]), name
    assert not list((tmp_path / "whole/checkpoints").glob("branches*"))


def test_damaged_branches_are_refused(scenario, tmp_path):
    asked = {**ask(1, branch_rounds=2), "steps": 1}
    train(scenario, out=tmp_path / "run", **asked)
    (tmp_path / "run/checkpoints/branches-0.npz").write_bytes(b"PK")
    with pytest.raises(PolicyError, match=r"branches-0.npz is missing or damaged"):
        train(scenario, out=tmp_path / "run", **{**asked, "steps": 1000}, resume=True)


def test_a_run_under_a_limit_that_planning_takes_gets_on_when_it_is_resumed(scenario, tmp_path):
    asked = {**ask(1, branch_rounds=3), "steps": None, "time_limit_seconds": 1e-6}
    steps = [train(scenario, out=tmp_path / "run", **asked).steps]
    steps += [train(scenario, out=tmp_path / "run", **asked, resume=True).steps for _ in range(3)]
    done = np.cumsum([BRANCHED, LATER, LATER, UPDATE])
    assert steps == done.tolist()


def test_a_damaged_checkpoint_is_refused(scenario, tmp_path):
    train(scenario, out=tmp_path / "run", **ask(1))
    file = tmp_path / "run" / "checkpoints" / "latest.pt"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(PolicyError, match="damaged"):
        train(scenario, out=tmp_path / "run", **ask(2), resume=True)
    file.unlink()
    with pytest.raises(PolicyError, match="nothing to go on from"):
        train(scenario, out=tmp_path / "run", **ask(2), resume=True)


def test_training_stops_when_nothing_gets_better(scenario, tmp_path):
    summary = train(scenario, out=tmp_path / "run", **ask(500, patience=1, learning_rate=1e-12))
    assert summary.stopped == "no improvement"
    assert summary.steps < 500 * UPDATE


def test_training_stops_at_the_time_limit(scenario, tmp_path):
    asked = {**ask(1), "steps": None, "time_limit_seconds": 0.2}
    assert train(scenario, out=tmp_path / "run", **asked).stopped == "time"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rat": 1}, "did you mean 'learning_rate'"),
        ({"width": "wide"}, "width is 'wide'"),
        ({"network": "deep"}, "shared, flat"),
        ({"epochs": 0}, "at least 1"),
        ({"validation_worlds": 1}, "at least 2"),
        ({"neutral_share": 1.0}, "between 0 and 1"),
        ({"clip_range": -1.0}, "above 0"),
        ({"exploration_spend": 0.0}, "exploration_spend is 0"),
        ({"exploration_pace": -0.1}, "exploration_pace is -0.1"),
        ({"discount": 1.5}, "up to 1"),
        ({"gae_lambda": 2.0}, "up to 1"),
        ({"batch_size": 1}, "at least 2"),
        ({"imitation_steps": -1}, "from 0 on"),
        ({"pacing_slack": float("nan")}, "from 0 on"),
        ({"learning_rate": 1e38}, "up to 1"),
        ({"test_worlds": 1}, "at least 2"),
        ({"expected_reward": "maybe"}, "expected_reward is 'maybe'"),
    ],
)
def test_settings_that_make_no_sense_are_told(options, message):
    with pytest.raises(UsageError, match=f"(?i){message}"):
        with_options(PpoSettings(), options)


def test_a_plan_of_ones_own_is_a_beginning(scenario, market, tmp_path):
    from xbopt.core.scenario.plan_table import read_plan, write_plan

    write_plan(built_in_policy("greedy_roas", market), scenario, tmp_path / "own.csv")
    summary = train(scenario, out=tmp_path / "run", **{**ask(1), "plan": str(tmp_path / "own.csv")})
    assert summary.anchor == summary.plan == read_plan(tmp_path / "own.csv", scenario).name


def test_the_re_planner_of_a_plan_of_ones_own_is_a_beginning(market, tmp_path):
    from xbopt.agents.planner.replanning import ReplanningPolicy
    from xbopt.agents.ppo.policy import anchor_entry
    from xbopt.agents.ppo.trainer import PpoTraining
    from xbopt.agents.training import TrainingSettings
    from xbopt.core.scenario.plan_table import write_plan

    write_plan(built_in_policy("greedy_roas", market), market.scenario, tmp_path / "own.csv")
    options = ask(1)["options"]
    plan = f"replan:{tmp_path / 'own.csv'}"
    parts = PpoTraining(market, TrainingSettings(agent="ppo", plan=plan, options=options))._parts
    assert isinstance(parts.anchor_policy, ReplanningPolicy)
    assert parts.plan.name == "own.csv"
    assert "budget_price" in anchor_entry(parts.anchor_policy)


def test_options_may_be_texts():
    assert with_options(PpoSettings(), {"width": "12", "learning_rate": "0.01"}).width == 12


def test_presets_go_by_size(scenario):
    for name, size in ((None, "small"), ("electronics_case", "medium"), ("us_eu_launch", "large")):
        sized = scenario if name is None else load_scenario(name)
        for encoding in ("residual", "tactics", "continuous"):
            assert preset_for(sized, encoding) == PRESETS[encoding, size]
            assert preset_for(sized, encoding).encoding == encoding
        assert preset_for(sized) == PRESETS["residual", size]
    with pytest.raises(UsageError, match="residual, tactics, continuous"):
        preset_for(scenario, "tactic")


def test_the_vec_env_of_stable_baselines_ends_all_worlds_together(market):
    campaign = Campaign(market, worlds=2)
    envs = CampaignVecEnv(campaign)
    first = envs.reset()
    assert first.shape == (2, len(campaign.features.names))
    for step in range(campaign.steps):
        features, rewards, done, infos = envs.step(np.tile(campaign.encoding.neutral, (2, 1)))
        assert done.all() == (step == campaign.steps - 1)
    assert [info["episode"]["l"] for info in infos] == [3, 3]
    assert infos[0]["terminal_observation"].shape == first[0].shape
    assert np.array_equal(features, first)
    assert envs.get_attr("episode") == [1, 1]
    assert envs.env_is_wrapped(object) == [False, False]
    assert rewards.dtype == np.float32


def test_one_decision_of_one_world_is_too_little_to_learn_from(tmp_path):
    short = load_scenario("quickstart", overrides=[*SHORT[1:], "horizon.days=9", "tactics.decide_every_days=9"])
    with pytest.raises(UsageError, match="raise worlds"):
        train(short, out=tmp_path / "run", **ask(1, worlds=1))


def test_rows_that_no_batch_divides_are_learnt_from(scenario, tmp_path):
    """7 worlds of 3 decisions are 21 rows; 5 does not divide them, and nothing from 3 to 5 does but 3."""
    summary = train(scenario, out=tmp_path / "run", **ask(1, worlds=7, batch_size=5))
    assert summary.steps == BRANCHED + 42  # two updates reach the 24 that were asked for


def test_a_market_shorter_than_a_decision_period_trains(tmp_path):
    """A run writes its scenario out with every default, and reads it again."""
    short = load_scenario("quickstart", overrides=[*SHORT[1:], "horizon.days=5", "tactics={}"])
    summary = train(short, out=tmp_path / "run", **ask(1))
    assert summary.steps == 4 * 5 + 8 * WORLDS  # one decision a world and branch; the eighth update reaches 60 + 24
    assert load_scenario(tmp_path / "run" / "scenario.yaml").days == 5
