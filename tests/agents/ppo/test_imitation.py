"""Imitation: actions that come nearest to wanted spend, and a policy that learns to do as it was shown."""

from pathlib import Path

import numpy as np
import pytest
import torch

from xbopt.agents.policies import PolicyShelf
from xbopt.agents.ppo.imitation import demonstrations, entry_weights, imitate
from xbopt.agents.ppo.settings import PpoSettings, with_options
from xbopt.agents.ppo.trainer import PpoTraining
from xbopt.agents.training import TrainingSettings, train
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.simulator.build import build_market

ALL = [(encoding, form) for encoding in ("tactics", "continuous") for form in ("factored", "full")]
SHORT = ["horizon.days=22", "plan.discounts[0].start=2026-10-06", "plan.discounts[0].end=2026-10-08"]
SMALL = {
    "worlds": 8,
    "width": 8,
    "validation_worlds": 4,
    "batch_size": 8,
    "epochs": 1,
    "imitation_steps": 20,
    "test_worlds": 0,
    "branch_rounds": 0,
}


def shelf_of(*overrides):
    return PolicyShelf(build_market(load_scenario("quickstart", overrides=[*SHORT, *overrides])))


@pytest.fixture(scope="module")
def shelf():
    return shelf_of()


def campaign_of(shelf, encoding, form, worlds=3):
    settings = CampaignSettings(encoding=encoding, form=form)
    return Campaign(shelf.market, worlds=worlds, settings=settings, plan=shelf.plan("planner"))


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_nearest_to_what_an_action_spends_is_that_action(shelf, encoding, form):
    """Spend decoded from actions comes back: exactly what was spent, whatever entries say it."""
    campaign = campaign_of(shelf, encoding, form)
    rng = np.random.default_rng(0)
    observation = campaign.reset(0)
    codec = campaign.encoding
    if encoding == "continuous":
        actions = np.zeros((3, len(codec.names)))
        spend = [i for i, name in enumerate(codec.names) if name.startswith("spend")]
        actions[:, spend] = rng.uniform(-0.4, 0.4, size=(3, len(spend)))
    else:
        actions = np.tile(codec.neutral, (3, 1))
        for entry, name in enumerate(codec.names):
            if name.endswith(("intensity", "mix")):
                actions[:, entry] = rng.integers(0, codec.choices[entry], size=3)
    wanted = codec.decode(codec.check(actions), observation).spend_base
    found = codec.decode(codec.check(codec.nearest(wanted, observation)), observation).spend_base
    assert found == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("total", ["", "budget.total_base=900"])
def test_the_plans_own_spend_is_the_neutral_action(total):
    """With a reserve and where the budget binds."""
    shelf = shelf_of(*([total] if total else []))
    for encoding, form in ALL:
        campaign = campaign_of(shelf, encoding, form)
        observation = campaign.reset(0)
        spend = campaign.plan.decide(observation).spend_base
        nearest = campaign.encoding.nearest(spend, observation)
        assert nearest == pytest.approx(np.tile(campaign.encoding.neutral, (3, 1)), abs=1e-9)


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_weights_are_shares_of_the_plans_money(shelf, encoding, form):
    campaign = campaign_of(shelf, encoding, form)
    weights = entry_weights(campaign)
    assert len(weights) == len(campaign.encoding.names)
    assert weights.mean() == pytest.approx(1.0)
    if encoding == "continuous":
        assert weights[0] == weights.max()  # the pace is about all of it


@pytest.mark.parametrize("encoding", ["tactics", "continuous"])
def test_a_policy_learns_to_do_as_it_was_shown(shelf: PolicyShelf, encoding: str) -> None:
    settings = with_options(PpoSettings(encoding=encoding, form="full"), SMALL)
    policy = PpoTraining(shelf.market, TrainingSettings(agent="ppo", steps=1), ppo=settings, shelf=shelf)._model.policy
    campaign = campaign_of(shelf, encoding, "full", worlds=32)
    teacher = shelf.policy("replan")
    rows, shown = demonstrations(
        campaign, lambda seen: campaign.encoding.nearest(teacher.decide(seen).spend_base, seen)
    )
    assert rows.shape == (32 * campaign.steps, len(campaign.features.names))

    def loss():
        with torch.no_grad():
            given = torch.from_numpy(np.asarray(shown, dtype=np.float32))
            weight = torch.from_numpy(entry_weights(campaign).astype(np.float32))
            return float((policy.imitation_loss(torch.from_numpy(rows), given) * weight).mean())

    before = loss()
    imitate(policy, campaign, rows, shown, steps=150, seed=0)
    assert loss() < 0.6 * before


def test_a_run_stopped_before_its_first_checkpoint_imitates_no_second_time(tmp_path: Path) -> None:
    scenario = load_scenario("quickstart", overrides=SHORT)
    options = {**SMALL, "evaluate_every": 2}

    def go(name: str, steps: int, *, resume: bool = False) -> None:
        train(scenario, "ppo", tmp_path / name, steps=steps, seed=3, plan="greedy_roas", options=options, resume=resume)

    updates = 2 * 8 * 4
    go("whole", updates)
    # One step is less than half an update: stopped right after imitation.
    go("broken", 1)
    go("broken", updates, resume=True)
    whole, broken = ((tmp_path / name / "policy/weights.npz").read_bytes() for name in ("whole", "broken"))
    assert whole == broken


def test_imitation_steps_below_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="imitation_steps"):
        PpoSettings(imitation_steps=-1)


def test_the_older_name_of_a_setting_is_refused_with_the_new_one() -> None:
    with pytest.raises(UsageError, match=r"no setting 'lessons'\. Did you mean 'imitation_steps'"):
        with_options(PpoSettings(), {"lessons": 20})


@pytest.mark.parametrize("text", ["yes", "True", "ON", "1"])
def test_flags_are_read_as_people_write_them(text: str) -> None:
    assert with_options(PpoSettings(expected_reward=False), {"expected_reward": text}).expected_reward
    off = {"yes": "no", "True": "False", "ON": "OFF", "1": "0"}[text]
    assert not with_options(PpoSettings(), {"expected_reward": off}).expected_reward
