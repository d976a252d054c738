"""A training run whose process is killed once. Its own file, since workers load it: they need no pytest."""

import os
import signal
from pathlib import Path
from unittest.mock import patch

from xbopt.agents import seeds
from xbopt.agents.bandits.market_training import BanditTraining
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.seeds import Asked, SeedRun
from xbopt.core.scenario.scenario import Scenario

train_one = seeds._train_one
KILLED_SEED, DIED = 1, "died"


def killed_once(scenario: Scenario, agent: str, folder: Path, asked: Asked, judge_seed: int, seed: int) -> SeedRun:
    """Train as ever, but the first worker on one of the seeds is killed after its first checkpoint."""
    if seed != KILLED_SEED or (folder / DIED).exists():
        return train_one(scenario, agent, folder, asked, judge_seed, seed)
    write = BanditTraining._checkpoint

    def last_one(training: BanditTraining, run: RunDirectory) -> None:
        write(training, run)
        (folder / DIED).touch()
        os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(BanditTraining, "_checkpoint", last_one):
        return train_one(scenario, agent, folder, asked, judge_seed, seed)
