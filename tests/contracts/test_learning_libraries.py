"""The libraries that people learn with take every face as it is: stable-baselines3, sb3-contrib, Minari and skrl."""

import warnings

import gymnasium
import numpy as np
import pytest
from sb3_contrib import TQC, MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.callbacks import CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor, VecNormalize

from xbopt.agents import CampaignVecEnv
from xbopt.env.settings import CampaignSettings

ID = "xbopt:xbopt/Campaign-v0"
SHORT = {"plan": "baseline", "days_per_step": 14}


def small(algorithm):
    """As little work as shows that an algorithm learns; anew each time, since libraries write into it."""
    options = {"device": "cpu", "policy_kwargs": {"net_arch": [4]}}
    if algorithm in (SAC, TD3, TQC):
        return options | {"learning_starts": 2, "buffer_size": 8, "batch_size": 2}
    return options | {"n_steps": 2} | ({} if algorithm is A2C else {"batch_size": 2})


def worlds_of(envs, seed=None):
    """The neutral first reward of each world: it tells worlds apart."""
    if seed is not None:
        envs.seed(seed)
    envs.reset()
    neutral = np.array([level // 2 for level in envs.action_space.nvec])
    return envs.step(np.tile(neutral, (envs.num_envs, 1)))[1].tolist()


def test_one_line_makes_environments_and_one_line_an_agent():
    envs = make_vec_env(ID, n_envs=2)
    assert envs.get_attr("render_mode") == ["rgb_array"] * 2
    envs.reset()
    assert envs.render().shape[-1] == 3
    model = PPO("MlpPolicy", ID, seed=1, **small(PPO))
    assert model.learn(2).num_timesteps == 2


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_environments_in_processes_play_worlds_of_their_own(start_method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside the threads of other tests
        envs = make_vec_env(
            ID, 2, env_kwargs=SHORT, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": start_method}
        )
    try:
        free = worlds_of(envs)
        assert len(set(free)) == 2
        assert worlds_of(envs, seed=3) == worlds_of(envs, seed=3)
        assert envs.get_attr("action_names")[0][0] == "pace"
    finally:
        envs.close()


def test_seeds_reach_the_worlds_of_every_face():
    native = CampaignVecEnv.of("quickstart", 2, plan="baseline")
    single = make_vec_env(ID, 2, env_kwargs={"plan": "baseline"})
    for envs in (native, single):
        seen = [worlds_of(envs, seed=seed) for seed in (0, 7, 0)]
        assert seen[0] == seen[2]
        assert set(seen[0]).isdisjoint(seen[1])
    assert worlds_of(CampaignVecEnv.of("quickstart", 2, plan="baseline")) != worlds_of(
        CampaignVecEnv.of("quickstart", 2, plan="baseline")
    )


def test_the_seed_of_an_algorithm_reaches_the_worlds():
    rewards = []
    for seed in (0, 7, 0):
        envs = CampaignVecEnv.of("quickstart", 2, plan="baseline")
        model = PPO("MlpPolicy", envs, seed=seed, **small(PPO))
        model.learn(4)
        rewards.append(model.rollout_buffer.rewards.copy())
    assert np.array_equal(rewards[0], rewards[2])
    assert not np.array_equal(rewards[0], rewards[1])


@pytest.mark.parametrize("algorithm", [PPO, A2C, RecurrentPPO])
def test_on_policy_algorithms_learn_on_the_batch(algorithm):
    envs = VecNormalize(VecMonitor(CampaignVecEnv.of("quickstart", 2, plan="baseline")))
    policy = "MlpLstmPolicy" if algorithm is RecurrentPPO else "MlpPolicy"
    model = algorithm(policy, envs, **small(algorithm))
    assert model.learn(8).num_timesteps == 8
    assert len(model.ep_info_buffer) == 2


@pytest.mark.parametrize("algorithm", [SAC, TD3, TQC])
def test_off_policy_algorithms_learn_from_numbers(algorithm):
    settings = CampaignSettings(encoding="continuous")
    envs = CampaignVecEnv.of("quickstart", 2, plan="baseline", settings=settings)
    assert algorithm("MlpPolicy", envs, **small(algorithm)).learn(8).num_timesteps == 8


def test_callbacks_evaluate_on_worlds_of_their_own_and_keep_the_model(tmp_path):
    train = VecMonitor(CampaignVecEnv.of("quickstart", 2, plan="baseline"))
    held_out = VecMonitor(CampaignVecEnv.of("quickstart", 2, plan="baseline", split="validation"))
    judge = EvalCallback(held_out, n_eval_episodes=2, eval_freq=2, best_model_save_path=str(tmp_path), verbose=0)
    keep = CheckpointCallback(2, str(tmp_path))
    model = PPO("MlpPolicy", train, **small(PPO)).learn(4, callback=[judge, keep])
    assert np.isfinite(judge.best_mean_reward)
    loaded = PPO.load(tmp_path / "best_model.zip", env=train)
    assert loaded.observation_space == model.observation_space
    assert list(tmp_path.glob("rl_model_*.zip"))


def test_masks_are_told_as_maskable_ppo_wants_them():
    batch = CampaignVecEnv.of("quickstart", 2, plan="baseline")
    single = make_vec_env(ID, 2, env_kwargs=SHORT)
    for envs in (batch, single):
        envs.reset()
        assert is_masking_supported(envs)
        masks = get_action_masks(envs)
        assert masks.shape == (2, envs.action_space.nvec.sum())
        model = MaskablePPO("MlpPolicy", envs, **small(PPO))
        assert model.learn(4).num_timesteps == 4
    env = gymnasium.make(ID, **SHORT).unwrapped
    env.reset()
    mask = env.action_masks()
    cuts = np.cumsum(env.action_space.nvec)[:-1]
    drawn = env.action_space.sample(mask=tuple(np.split(mask.astype(np.int8), cuts)))
    places = np.concatenate([[0], cuts]) + drawn
    assert mask[places].all()


@pytest.mark.filterwarnings("ignore")  # the collector leaves its temporary folders to the garbage collector
def test_minari_records_infos_and_gives_the_environment_back(tmp_path, monkeypatch):
    pytest.importorskip("jax", reason="Minari's collector needs its extra [create]")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari = pytest.importorskip("minari")
        env = minari.DataCollector(gymnasium.make(ID, **SHORT), record_infos=True)
        rewards = []
        for _ in range(3):  # every reset draws a seed of 64 bits
            env.reset()
            over = False
            while not over:
                _, reward, over, _, _ = env.step(env.action_space.sample())
                rewards.append(reward)
        dataset = env.create_dataset("xbopt/short-v0", ref_min_score=0.0, ref_max_score=1.0)
        episodes = list(dataset.iterate_episodes())
        seed = int(next(iter(dataset.storage.get_episode_metadata([1])))["seed"])
        again = dataset.recover_environment()
    assert [len(episode.rewards) for episode in episodes] == [2, 2, 2]
    assert np.concatenate([episode.rewards for episode in episodes]) == pytest.approx(rewards)
    assert episodes[0].infos["reward_terms"]["media"].shape == (3,)
    assert episodes[0].infos["world"].tolist() == [2**40] * 3
    again.reset(seed=seed)
    assert again.step(episodes[1].actions[0])[1] == pytest.approx(episodes[1].rewards[0])


@pytest.mark.filterwarnings("ignore")
def test_skrl_wraps_both_faces_and_its_agent_learns():
    wrap_env = pytest.importorskip("skrl.envs.wrappers.torch").wrap_env
    from skrl.agents.torch import ppo
    from skrl.memories.torch import RandomMemory
    from skrl.trainers.torch import SequentialTrainer
    from skrl.utils.model_instantiators.torch import deterministic_model, gaussian_model

    single = gymnasium.make(ID, encoding="continuous", **SHORT)
    many = gymnasium.make_vec(ID, 2, "vector_entry_point", encoding="continuous", **SHORT)
    for made, worlds in ((single, 1), (many, 2)):
        env = wrap_env(made, verbose=False)
        spaces = {"observation_space": env.observation_space, "action_space": env.action_space, "device": env.device}
        network = [{"name": "net", "input": "OBSERVATIONS", "layers": [4], "activations": "elu"}]
        models = {
            "policy": gaussian_model(**spaces, network=network, clip_actions=True, output="ACTIONS"),
            "value": deterministic_model(**spaces, network=network, output="ONE"),
        }
        settings = ppo.PPO_CFG(rollouts=2, learning_epochs=1, mini_batches=1)
        settings.experiment.write_interval = settings.experiment.checkpoint_interval = 0
        memory = RandomMemory(memory_size=2, num_envs=worlds, device=env.device)
        agent = ppo.PPO(models=models, memory=memory, cfg=settings, **spaces)
        options = {"timesteps": 4, "headless": True, "disable_progressbar": True, "close_environment_at_exit": False}
        SequentialTrainer(cfg=options, env=env, agents=agent).train()
        before = [weights.clone() for weights in models["policy"].parameters()]  # they are made by the first step
        SequentialTrainer(cfg=options, env=env, agents=agent).train()
        after = list(models["policy"].parameters())
        assert any(not old.equal(new) for old, new in zip(before, after, strict=True))
