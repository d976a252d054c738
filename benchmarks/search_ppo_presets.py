"""Search PPO's presets: what the figures in ``agents/ppo/settings.py`` come from.

    python benchmarks/search_ppo_presets.py SCENARIO [--trials 40] [--minutes 2] [--encoding continuous]

Optuna proposes settings; each trial trains for the same CPU time from the planner's plan; what counts is the best
reward on the held-out worlds above the plan's. Trials run on another seed than benchmarks do. The best settings are
printed as they stand in the presets.
"""

import argparse
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import optuna

from xbopt.agents.ppo.settings import PpoSettings, preset_for, with_options
from xbopt.agents.ppo.trainer import PpoTraining
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import TrainingProgress, TrainingSettings
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market

SEED = 7


class OutOfTimeError(Exception):
    """The trial's CPU time is used up."""


def proposed(trial: optuna.Trial, base: PpoSettings) -> dict[str, object]:
    """Settings that Optuna proposes."""
    options: dict[str, object] = {
        "worlds": trial.suggest_categorical("worlds", [32, 64, 128, 256]),
        "width": trial.suggest_categorical("width", [16, 32, 64]),
        "batch_size": trial.suggest_categorical("batch_size", [256, 512, 1024]),
        "epochs": trial.suggest_int("epochs", 3, 12),
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-3, log=True),
        "clip_range": trial.suggest_float("clip_range", 0.1, 0.4),
        "target_kl": trial.suggest_float("target_kl", 0.02, 0.2, log=True),
        "discount": trial.suggest_categorical("discount", [0.95, 0.98, 1.0]),
        "gae_lambda": trial.suggest_categorical("gae_lambda", [0.6, 0.8, 0.9, 0.95]),
    }
    if base.encoding == "continuous":
        options |= {
            "form": trial.suggest_categorical("form", ["factored", "full"]),
            "exploration_pace": trial.suggest_float("exploration_pace", 0.02, 0.3, log=True),
            "exploration_spend": trial.suggest_float("exploration_spend", 0.05, 0.4, log=True),
            "exploration_dayparts": trial.suggest_float("exploration_dayparts", 0.005, 0.2, log=True),
            "exploration_discount": trial.suggest_float("exploration_discount", 0.002, 0.1, log=True),
        }
    else:
        options["neutral_share"] = trial.suggest_float("neutral_share", 0.4, 0.95)
    return options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--encoding", default="continuous")
    parser.add_argument("--plan", default=None)
    arguments = parser.parse_args()
    scenario = load_scenario(arguments.scenario)
    market = build_market(scenario)
    base = with_options(preset_for(scenario, arguments.encoding), {"patience": 10_000})

    def objective(trial: optuna.Trial) -> float:
        options = proposed(trial, base)
        best, end = 0.0, time.process_time() + 60.0 * arguments.minutes

        def watch(progress: TrainingProgress) -> None:
            nonlocal best
            best = max(best, progress.gain_base)
            trial.report(best, progress.steps)
            if time.process_time() >= end:
                raise OutOfTimeError

        settings = TrainingSettings(agent="ppo", seed=SEED, steps=2**50, plan=arguments.plan)
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.create(Path(folder) / "run")
            with suppress(OutOfTimeError):
                PpoTraining(market, with_options(base, options), settings, run, watch).learn()
        print(f"{trial.number}: {best:,.0f} {options}", flush=True)
        return best

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
    study.optimize(objective, n_trials=arguments.trials)
    print(f"best: {study.best_value:,.0f} {scenario.base_currency} above the plan")
    for name, value in study.best_params.items():
        print(f"    {name}={value!r},")


if __name__ == "__main__":
    main()
