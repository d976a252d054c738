"""``xbopt dataset``: logged episodes for offline reinforcement learning."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from xbopt.cli.completion import policy_names
from xbopt.cli.options import JsonOption, SeedOption, SetOption
from xbopt.cli.terminal import print_json, result_console, say, stage_bar


def dataset_command(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A YAML file, the name of a shipped scenario, or that of a task card (quickstart-v0).",
        ),
    ],
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="{policies}; random: every notch around the re-planner alike; a plan's CSV file; or a run's folder.",
            autocompletion=policy_names,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to. For minari: a folder of data sets.")],
    episodes: Annotated[
        int, typer.Option("--episodes", min=1, max=100_000, help="Episodes, each in its own world.")
    ] = 256,
    exploration: Annotated[
        float | None,
        typer.Option(
            "--exploration", min=0.0, max=1.0, help="Share of choices drawn beside the policy's own; 0: none."
        ),
    ] = None,
    seed: SeedOption = 0,
    changes: SetOption = None,
    data_format: Annotated[
        Literal["minari", "d3rlpy"], typer.Option("--format", help="Library that is to read it.")
    ] = "minari",
    author: Annotated[str, typer.Option("--author", help="Who publishes the data.")] = "xbopt",
    as_json: JsonOption = False,
) -> None:
    """Log episodes with the probability of every choice, as a data set for Minari or d3rlpy."""
    from xbopt.core.errors import UsageError
    from xbopt.studies.cards import load_card, shipped_cards
    from xbopt.studies.dataset import record_episodes
    from xbopt.studies.dataset_files import WRITERS, check_folder, dataset_id
    from xbopt.studies.tasks import Task

    if scenario in shipped_cards():
        if changes:
            raise UsageError(f"{scenario} is frozen: a card takes no --set. Name its scenario instead.")
        card = load_card(scenario)
        task, first_world, seed = card.task, card.worlds.train.first, seed or card.seed
    else:
        task, first_world = Task(scenario=scenario, changes=tuple(changes or ())), 2**40
    check_folder(out)
    with stage_bar(quiet=as_json) as on_progress:
        on_progress(f"{policy}, made ready", 0, 0)
        logged = record_episodes(
            task,
            policy,
            episodes=episodes,
            exploration=exploration,
            seed=seed,
            first_world=first_world,
            on_progress=on_progress,
        )
        path = WRITERS[data_format](logged, out, author=author)
    if (logged.propensity == 1.0).all():
        say("Note: nothing was explored, so the data says nothing of other choices (--exploration 0.2).")
    returns = logged.rewards.sum(axis=1)
    if as_json:
        found = {
            "path": str(path),
            "format": data_format,
            "id": dataset_id(logged) if data_format == "minari" else None,
            "scenario_hash": logged.scenario_hash,
            "truth_hash": logged.task.truth_hash,
            "policy": logged.policy,
            "episodes": logged.episodes,
            "steps": int(logged.actions.shape[0] * logged.actions.shape[1]),
            "features": len(logged.feature_names),
            "entries": len(logged.action_names),
            "mean_return": float(returns.mean()),
            "reward_unit_base": logged.reward_unit_base,
            "first_world": int(logged.world[0]),
            "seed": logged.seed,
        }
        print_json(found)
        return
    console = result_console()
    console.print(
        f"{logged.episodes} episodes of {logged.actions.shape[1]} decisions under {logged.policy}; "
        f"{len(logged.feature_names)} features, {len(logged.action_names)} choices a decision; mean return "
        f"{float(returns.mean()):.4f} of the budget",
        markup=False,
    )
    if data_format == "minari":
        console.print(f'minari.MinariDataset("{path}")', markup=False)
        console.print(f'MINARI_DATASETS_PATH={out}: minari.load_dataset("{dataset_id(logged)}")', markup=False)
    else:
        console.print(
            f'd3rlpy.dataset.ReplayBuffer.load(open("{path}", "rb"), d3rlpy.dataset.InfiniteBuffer())', markup=False
        )
        say("Choices are numbers from -1 to 1 there; play what is learnt with evaluate_agent(..., scaled=True).")
