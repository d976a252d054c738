"""Seeds, infos, options, specifications, copies and pictures: what Gymnasium's conventions promise for every face."""

import copy
import importlib.util
import pickle
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.wrappers import RecordEpisodeStatistics, RecordVideo
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics

import xbopt
from xbopt.agents import CampaignVecEnv
from xbopt.agents.training import TRAINING_WORLDS, VALIDATION_WORLDS
from xbopt.core.errors import UsageError
from xbopt.core.randomness import folded_seed
from xbopt.core.scenario.loading import scenario_text
from xbopt.core.scenario.plan_table import write_plan
from xbopt.env.gym_env import CampaignEnv
from xbopt.env.settings import FIRST_WORLDS, CampaignSettings
from xbopt.env.vector_env import CampaignVectorEnv

ID = "xbopt:xbopt/Campaign-v0"
SHORT = {"plan": "baseline", "days_per_step": 14}


def a_return(env, **reset):
    """What the neutral action earns in the first step."""
    env.reset(**reset)
    return float(env.step(env.unwrapped.campaign.encoding.neutral)[1])


def first_rewards(envs, neutral, **reset):
    envs.reset(**reset)
    return np.asarray(envs.step(np.tile(neutral, (envs.num_envs, 1)))[1]).tolist()


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_unseeded_environments_differ_and_seeded_ones_come_again(mode):
    neutral = CampaignEnv(**SHORT).campaign.encoding.neutral
    made = [gymnasium.make_vec(ID, num_envs=3, vectorization_mode=mode, **SHORT) for _ in range(2)]
    free = [first_rewards(envs, neutral) for envs in made]
    assert len({*free[0], *free[1]}) == 6
    seeded = [first_rewards(envs, neutral, seed=5) for envs in made]
    assert seeded[0] == seeded[1]
    assert len(set(seeded[0])) == 3


def test_unseeded_environments_in_processes_of_their_own_differ():
    envs = gymnasium.make_vec(ID, num_envs=2, vectorization_mode="async", **SHORT)
    try:
        envs.reset()
        rewards = envs.step(np.zeros((2, envs.single_action_space.shape[0]), dtype=np.int64) + 1)[1]
        assert envs.get_attr("feature_names")[0][0] == "budget_left"
    finally:
        envs.close()
    assert rewards[0] != rewards[1]


def test_an_unseeded_episode_can_be_played_again_by_the_seed_that_gymnasium_tells():
    env = CampaignEnv(**SHORT)
    first = a_return(env)
    assert a_return(CampaignEnv(**SHORT), seed=env.np_random_seed) == first
    assert a_return(env) != first  # the next world under the same seed
    assert a_return(env, seed=env.np_random_seed) == first


def test_a_seed_of_the_constructor_is_that_of_the_first_reset():
    assert a_return(CampaignEnv(seed=3, **SHORT)) == a_return(CampaignEnv(**SHORT), seed=3)
    assert a_return(CampaignEnv(seed=3, **SHORT), seed=4) == a_return(CampaignEnv(**SHORT), seed=4)
    assert a_return(CampaignEnv(seed=np.int64(3), **SHORT)) == a_return(CampaignEnv(seed=3, **SHORT))


def test_seeds_of_any_size_are_taken_and_negative_ones_refused_as_gymnasium_does():
    env = CampaignEnv(**SHORT)
    wide = [a_return(env, seed=seed) for seed in (2**63, 2**64 - 1, 2**200)]
    assert len(set(wide)) == 3
    assert a_return(env, seed=2**64 - 1) == wide[1]
    with pytest.raises(gymnasium.error.Error, match="greater or equal to zero"):
        env.reset(seed=-1)


def test_a_seed_that_streams_take_is_folded_to_itself():
    assert [folded_seed(seed) for seed in (0, 7, 2**63 - 1)] == [0, 7, 2**63 - 1]
    folded = [folded_seed(2**63 + k) for k in range(200)]
    assert len(set(folded)) == 200
    assert all(0 <= seed < 2**63 for seed in folded)


def test_splits_share_no_world_with_each_other_or_with_comparisons():
    assert (FIRST_WORLDS["train"], FIRST_WORLDS["validation"]) == (TRAINING_WORLDS, VALIDATION_WORLDS)
    firsts = sorted(FIRST_WORLDS.values())
    assert firsts[0] >= 2**40
    assert min(np.diff(firsts)) >= 2**40
    for split, first in FIRST_WORLDS.items():
        for env in (CampaignEnv(split=split, **SHORT), CampaignVectorEnv(2, split=split, **SHORT)):
            assert np.ravel(env.reset()[1]["world"])[0] == first
        assert CampaignVecEnv.of("quickstart", 2, plan="baseline", split=split).campaign.numbers(0)[0] == first
    assert CampaignSettings().first_world == TRAINING_WORLDS


def test_actions_are_relative_to_what_users_name(tmp_path):
    env = CampaignEnv()
    assert env.campaign.settings.encoding == "residual"
    assert env.campaign.anchor_policy.name == "replan"
    assert env.campaign.plan.name == "planner"
    assert CampaignEnv().campaign.anchor_policy is env.campaign.anchor_policy  # made once a process
    market = env.campaign.market
    write_plan(xbopt.policy_from("baseline", market), market.scenario, tmp_path / "plan.csv")
    wanted = a_return(CampaignEnv(plan="baseline"), seed=1)
    assert a_return(CampaignEnv(plan=tmp_path / "plan.csv"), seed=1) == pytest.approx(wanted)
    assert a_return(CampaignEnv(plan=str(tmp_path / "plan.csv")), seed=1) == pytest.approx(wanted)
    own = replace(env.campaign.anchor_policy, name="ours")
    assert a_return(CampaignEnv(plan=own), seed=1) == a_return(env, seed=1)
    assert CampaignEnv(plan=own).campaign.plan is own.plan


def structure(info):
    """Keys, types and shapes of an info."""
    if isinstance(info, dict):
        return {key: structure(value) for key, value in info.items()}
    return type(info), np.shape(info), np.asarray(info).dtype


@pytest.mark.parametrize("relative", [False, True])
def test_infos_of_reset_and_step_have_one_structure(relative):
    options = {**SHORT, "relative_to_anchor": relative}
    for env in (CampaignEnv(**options), CampaignVectorEnv(3, **options)):
        first = env.reset()[1]
        after = env.step(env.action_space.sample())[4]
        assert structure(first) == structure(after)
        assert ("anchor_reward" in first["reward_terms"]) is relative
    settings = CampaignSettings(relative_to_anchor=relative, days_per_step=14)
    envs = CampaignVecEnv.of("quickstart", 2, plan="baseline", settings=settings)
    envs.reset()
    infos = envs.step(np.tile(envs.campaign.encoding.neutral, (2, 1)))[3]
    assert [structure(info) for info in envs.reset_infos] == [structure(info) for info in infos]


def test_reward_terms_sum_to_the_reward_on_every_face():
    env, envs = CampaignEnv(**SHORT), CampaignVecEnv.of("quickstart", 2, plan="baseline", seed=4)
    env.reset(seed=4)
    _, reward, _, _, info = env.step(env.action_space.sample())
    assert sum(info["reward_terms"].values()) == pytest.approx(reward * env.reward_unit_base)
    envs.reset()
    _, rewards, _, infos = envs.step(np.tile(envs.campaign.encoding.neutral, (2, 1)))
    total = [sum(one["reward_terms"].values()) / envs.campaign.reward_unit_base for one in infos]
    assert total == pytest.approx(rewards, rel=1e-6)  # the library keeps rewards as float32


def test_the_option_world_says_which_world_comes_next():
    env = CampaignEnv(**SHORT)
    assert env.reset(seed=1, options={"world": 7})[1]["world"] == 7
    assert env.reset()[1]["world"] == 8
    assert env.reset(seed=1)[1]["world"] == 2**40
    envs = CampaignVectorEnv(2, **SHORT)
    assert envs.reset(options={"world": np.int64(7)})[1]["world"].tolist() == [7, 8]
    batch = CampaignVecEnv.of("quickstart", 2, plan="baseline")
    batch.set_options({"world": 7})
    batch.reset()
    assert [info["world"] for info in batch.reset_infos] == [7, 8]
    batch.set_options([{"world": 7}, {"world": 9}])
    with pytest.raises(UsageError, match="one mapping"):
        batch.reset()


def test_options_of_others_are_passed_over_and_slips_are_told():
    env = CampaignEnv(**SHORT)
    env.reset(options={})
    env.reset(options={"minari_autoseed": True})
    with pytest.warns(UserWarning, match="'worlds'. Did you mean 'world'"):
        env.reset(options={"worlds": 3})


def test_a_world_plays_what_the_command_line_plays():
    """World 0 under seed 0 is the first world of ``simulate``: they are shared where one asks for it."""
    env = CampaignEnv(plan="baseline", objective="margin", days_per_step=28)
    env.reset(seed=0, options={"world": 0})
    reward = env.step(env.campaign.encoding.neutral)[1]
    played = xbopt.simulate("quickstart", policy="baseline", runs=1, seed=0)
    assert reward * env.reward_unit_base == pytest.approx(played.kpis["contribution_margin"].mean)


def scenarios(folder):
    loaded = xbopt.load_scenario("quickstart", overrides=["horizon.days=14"])
    (folder / "own.yaml").write_text(scenario_text(loaded), encoding="utf-8")
    return ["quickstart", folder / "own.yaml", loaded]


@pytest.mark.parametrize("which", range(3), ids=["name", "path", "loaded"])
def test_a_specification_goes_through_json_and_makes_the_same_environment(which, tmp_path: Path):
    env = gymnasium.make(ID, scenario=scenarios(tmp_path)[which], plan="baseline", days_per_step=np.int64(7))
    spec = EnvSpec.from_json(env.spec.to_json())
    again = gymnasium.make(spec)
    assert again.unwrapped.campaign.market.scenario.hash == env.unwrapped.campaign.market.scenario.hash
    assert a_return(again, seed=1) == a_return(env, seed=1)


def through_pickle(env):
    return pickle.loads(pickle.dumps(env))  # noqa: S301 - our own bytes


def test_a_specification_of_many_goes_through_json_too():
    envs = gymnasium.make_vec(
        ID, 2, "vector_entry_point", autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP, **SHORT
    )
    again = gymnasium.make_vec(EnvSpec.from_json(envs.spec.to_json()))
    assert again.num_envs == 2
    assert again.unwrapped.autoreset_mode is gymnasium.vector.AutoresetMode.SAME_STEP


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
@pytest.mark.parametrize(
    "made",
    [
        lambda: CampaignEnv(encoding="residual", days_per_step=14),
        lambda: gymnasium.make(ID, render_mode="ansi", **SHORT),
        lambda: CampaignVectorEnv(2, relative_to_anchor=True, **SHORT),
        lambda: CampaignVecEnv.of("quickstart", 2, plan="baseline"),
    ],
    ids=["residual", "made", "vector", "stable-baselines3"],
)
def test_a_copy_in_mid_episode_goes_on_alike(made, copied):
    env = made()
    env.reset()
    actions = env.action_space.sample()
    if isinstance(env, CampaignVecEnv):
        actions = np.stack([actions] * env.num_envs)
    env.step(actions)
    other = copied(env)
    ours, theirs = env.step(actions), other.step(actions)
    assert np.array_equal(ours[0], theirs[0])
    assert np.array_equal(ours[1], theirs[1])


def test_pictures_and_tables_show_what_was_spent_and_earned():
    env = gymnasium.make(ID, render_mode="rgb_array", **SHORT)
    env.reset(seed=1)
    before = env.render()
    _, _, _, _, info = env.step(env.unwrapped.campaign.encoding.neutral)
    after = env.render()
    assert before.shape == after.shape == (240, 320, 3)
    assert after.dtype == np.uint8
    assert not np.array_equal(before, after)
    half = after.shape[1] // 2
    assert np.array_equal(after[:, half + 4 :], before[:, half + 4 :])  # the days to come are blank
    text = gymnasium.make(ID, render_mode="ansi", **SHORT)
    text.reset(seed=1)
    text.step(text.unwrapped.campaign.encoding.neutral)
    table = text.render()
    assert f"{-info['reward_terms']['media']:,.0f}" in table
    assert "DE" in table
    assert "day 14 of 28" in table
    frames = CampaignVectorEnv(2, render_mode="rgb_array", **SHORT)
    frames.reset(seed=1)
    assert [frame.shape for frame in frames.render()] == [(240, 320, 3)] * 2


def test_rendering_without_a_mode_warns_as_gymnasium_does():
    env = CampaignEnv(**SHORT)
    env.reset()
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


def test_videos_fail_only_where_the_library_that_writes_them_is_missing(tmp_path):
    env = gymnasium.make(ID, render_mode="rgb_array", **SHORT)
    if importlib.util.find_spec("moviepy") is None:
        with pytest.raises(gymnasium.error.DependencyNotInstalled, match="moviepy"):
            RecordVideo(env, str(tmp_path), disable_logger=True)
        return
    recorded = RecordVideo(env, str(tmp_path), disable_logger=True)
    recorded.reset()
    while not recorded.step(recorded.action_space.sample())[2]:
        pass
    recorded.close()
    assert list(tmp_path.glob("*.mp4"))


def test_episode_statistics_count_whole_campaigns():
    env = RecordEpisodeStatistics(gymnasium.make(ID, **SHORT))
    env.reset(seed=1)
    rewards = [env.step(env.action_space.sample()) for _ in range(2)]
    assert rewards[-1][4]["episode"]["r"] == pytest.approx(rewards[0][1] + rewards[1][1])
    envs = RecordVectorStatistics(CampaignVectorEnv(3, autoreset_mode="SameStep", **SHORT))
    envs.reset(seed=1)
    first = envs.step(envs.action_space.sample())[1]
    _, last, _, _, info = envs.step(envs.action_space.sample())
    assert info["episode"]["r"] == pytest.approx(first + last)


def test_actions_may_be_lists_and_any_whole_numbers():
    env = CampaignEnv(**SHORT)
    neutral = env.campaign.encoding.neutral
    seen = []
    for action in (neutral, neutral.tolist(), neutral.astype(np.uint8), neutral.astype(np.float32)):
        env.reset(seed=1)
        seen.append(env.step(action)[1])
    assert len(set(seen)) == 1
    box = CampaignEnv(encoding="continuous", **SHORT)
    box.reset(seed=1)
    box.step(np.nextafter(np.ones(17, dtype=np.float32), np.float32(2.0)))  # the next float32 above 1


def test_worlds_that_judge_begin_again_and_an_evaluation_always_meets_the_same():
    """A batch that is reset begins with the first world; validation and test end after 256 worlds."""
    for split in ("validation", "test"):
        assert CampaignEnv(split=split, **SHORT).campaign.settings.cycle == 256
    assert CampaignEnv(**SHORT).campaign.settings.cycle is None
    settings = CampaignSettings(days_per_step=14)
    judged = CampaignVecEnv.of("quickstart", 2, plan="baseline", settings=settings, split="validation")
    first = FIRST_WORLDS["validation"]

    def evaluated(episodes):
        """The worlds of so many episodes, as ``evaluate_policy`` plays them."""
        judged.reset()
        worlds = [[info["world"] - first for info in judged.reset_infos]]
        while len(worlds) < episodes:
            step = judged.step(np.tile(judged.campaign.encoding.neutral, (2, 1)))
            if step[2].all():
                worlds.append([info["world"] - first for info in judged.reset_infos])
        return worlds

    assert evaluated(3) == evaluated(3) == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(UsageError, match="cycle"):
        CampaignEnv(cycle=0, **SHORT)
