"""Offline baselines for the leaderboard: BC, IQL and CQL of d3rlpy, on a file that the leaderboard wrote.

It needs d3rlpy, h5py and PyTorch, and nothing of this project, so that it runs in an environment of its own:

    python benchmarks/offline_baselines.py runs/data/dataset.h5 -o runs/offline --steps 5000

Each policy is written as TorchScript, which the leaderboard plays.
"""

import argparse
from pathlib import Path

import d3rlpy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=5000, help="gradient steps of each algorithm")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with asked.data.open("rb") as file:
        dataset = d3rlpy.dataset.ReplayBuffer.load(file, d3rlpy.dataset.InfiniteBuffer())
    scalers = {
        "observation_scaler": d3rlpy.preprocessing.StandardObservationScaler(),
        "gamma": 1.0,
    }
    rewards = d3rlpy.preprocessing.StandardRewardScaler()
    configs = {
        "bc": d3rlpy.algos.BCConfig(**scalers),
        "iql": d3rlpy.algos.IQLConfig(**scalers, reward_scaler=rewards),
        "cql": d3rlpy.algos.CQLConfig(**scalers, reward_scaler=rewards),
    }
    for name, config in configs.items():
        d3rlpy.seed(asked.seed)
        algorithm = config.create(device="cpu:0")
        algorithm.fit(
            dataset,
            n_steps=asked.steps,
            n_steps_per_epoch=asked.steps,
            logger_adapter=d3rlpy.logging.NoopAdapterFactory(),
            show_progress=False,
        )
        algorithm.save_policy(str(asked.out / f"{name}.pt"))
        print(f"{name}: {asked.out / f'{name}.pt'}")


if __name__ == "__main__":
    main()
