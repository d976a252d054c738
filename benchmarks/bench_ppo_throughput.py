"""PPO's frames per second: one batch of 256 worlds against DummyVecEnv and SubprocVecEnv of 8, in one run.

    python -m benchmarks.bench_ppo_throughput [--scenario quickstart] [--seconds 30]

The same model (stable-baselines3's MlpPolicy), rows an update, batch size and epochs for all three; a frame is one
decision in one world. Each gets the same wall time. What it has learnt by then is judged on worlds that none of them
played, as reward above the plan's, in shares of the budget. The machine may be shared: only ratios mean anything.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.policies import built_in_policy
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.env.campaign import Campaign, CampaignSettings
from xbopt.env.gym_env import CampaignEnv
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

WIDE, NARROW = 256, 8
BARS = (
    Bar(name="frames, native over DummyVecEnv", least=6.0),
    Bar(name="frames, native over SubprocVecEnv", least=6.0),
)
HELD_OUT, HELD_OUT_WORLDS = 2**41, 256
SETTINGS = CampaignSettings(encoding="continuous", relative_to_anchor=True)


class Clock(BaseCallback):
    """Stops when the time is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.perf_counter() + seconds

    def _on_step(self) -> bool:
        return time.perf_counter() < self._end


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--scenario", default="quickstart")
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # The library advises against short last batches; rows are chosen so that there are none.
    warnings.filterwarnings("ignore", category=UserWarning, module="stable_baselines3")

    market = build_market(load_scenario(arguments.scenario))
    plan = built_in_policy("greedy_roas", market)
    wide, narrow, seconds = (4, 2, 0.01) if arguments.tiny else (WIDE, NARROW, arguments.seconds)
    held_out_worlds = 4 if arguments.tiny else HELD_OUT_WORLDS
    native = Campaign(market, worlds=wide, settings=replace(SETTINGS, first_world=2**40), plan=plan)
    rows = native.steps * wide

    def single(index: int) -> Callable[[], CampaignEnv]:
        def make() -> CampaignEnv:
            return CampaignEnv(
                market.scenario,
                plan=plan,
                encoding="continuous",
                relative_to_anchor=True,
                first_world=2**40 + index * 2**20,
            )

        return make

    makers: dict[str, Callable[[], VecEnv]] = {
        f"native {wide}": lambda: CampaignVecEnv(native),
        f"DummyVecEnv {narrow}": lambda: DummyVecEnv([single(i) for i in range(narrow)]),
        f"SubprocVecEnv {narrow}": lambda: SubprocVecEnv([single(i) for i in range(narrow)]),
    }
    print(f"{arguments.scenario}: {rows} rows an update, {seconds:g} s each")
    rates: dict[str, float] = {}
    for name, make in makers.items():
        envs = make()
        model = PPO(
            "MlpPolicy",
            envs,
            n_steps=rows // envs.num_envs,
            batch_size=rows // 4,
            n_epochs=4,
            gamma=1.0,
            gae_lambda=0.9,
            learning_rate=1e-3,
            target_kl=0.05,
            policy_kwargs={"log_std_init": -1.6},
            seed=0,
            device="cpu",
        )
        started = time.perf_counter()
        model.learn(2**40, callback=Clock(seconds))
        rates[name] = model.num_timesteps / (time.perf_counter() - started)
        envs.close()
        gain, se = held_out(market, plan, model, held_out_worlds)
        print(f"{name:18s} {rates[name]:9,.0f} frames/s   held-out gain {gain:+.4f} +- {se:.4f} of the budget")
    first, *others = rates
    figures = {bar.name: rates[first] / rates[other] for bar, other in zip(BARS, others, strict=True)}
    return told(__file__, BARS, figures, tiny=arguments.tiny)


def held_out(market: MarketParameters, plan: ScheduledPolicy, model: PPO, worlds: int) -> tuple[float, float]:
    """Mean reward above the plan's on held-out worlds, and its standard error."""
    settings = replace(SETTINGS, first_world=HELD_OUT)
    campaign = Campaign(market, worlds=worlds, settings=settings, plan=plan)
    observation, gain = campaign.reset(0), np.zeros(worlds)
    for _ in range(campaign.steps):
        actions, _ = model.predict(campaign.features.flat(observation), deterministic=True)
        step = campaign.step(actions)
        gain, observation = gain + step.reward, step.observation
    return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(worlds))


if __name__ == "__main__":
    sys.exit(main())
