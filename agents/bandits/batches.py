"""What both bandit trainings share: the loop over batches, what stands in a checkpoint, and the figures at the end."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from xbopt.agents.bandits.market_settings import MarketBanditSettings
from xbopt.agents.bandits.validation import file_hashes
from xbopt.agents.final_figures import FinalFigures, final_figures
from xbopt.agents.run_directory import STANDING, WHOLE, RunDirectory
from xbopt.agents.training import (
    TEST_WORLDS,
    Clock,
    OnProgress,
    TrainingProgress,
    TrainingSettings,
    trained_policy,
)
from xbopt.core.decisions.policy import Policy
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file
from xbopt.simulator.parameters import MarketParameters

_HASHES = "sha256"


class Standing(Protocol):
    """How far a run is."""

    batch: int
    decisions: int
    waited: int


def learn_by_batches(
    standing: Standing,
    settings: TrainingSettings,
    own: MarketBanditSettings,
    clock: Clock,
    on_progress: OnProgress,
    *,
    play: Callable[[], None],
    look: Callable[[bool], TrainingProgress],
) -> str:
    """Play batches until a limit is met, or nothing gets better.

    Args:
        standing: Where the run is; ``play`` and ``look`` move it on.
        settings: The limits.
        own: How often to look, and how long to wait for something better.
        clock: What the time limit counts.
        on_progress: Called after every look.
        play: Plays a batch and learns from it.
        look: Scores the policy; told whether the look is on schedule.

    Returns:
        Why it ended: ``steps``, ``time`` or ``no improvement``.
    """
    stopped = settings.reached(standing.decisions, 0.0)
    while not stopped:
        play()
        stopped = settings.reached(standing.decisions, clock.call_seconds)
        on_schedule = standing.batch % own.evaluate_every == 0
        if stopped or on_schedule:
            on_progress(look(on_schedule))
        if not stopped and standing.waited >= own.patience:
            stopped = "no improvement"
    return stopped


def figures_on_test_worlds(
    market: MarketParameters,
    settings: TrainingSettings,
    own: MarketBanditSettings,
    run: RunDirectory,
    others: Mapping[str, Policy],
) -> FinalFigures | None:
    """The kept policy and others, by name, on worlds that chose nothing; None where none are wanted."""
    if own.test_worlds == 0:
        return None
    return final_figures(
        market,
        {settings.agent: trained_policy(run, market), **others},
        worlds=own.test_worlds,
        first_world=TEST_WORLDS,
        seed=settings.judged_with,
        customer_weight=own.customer_weight,
    )


def write_checkpoint(folder: Path, save: Callable[[Path], object], content: Mapping[str, object]) -> None:
    """Write the bandits and where a run stands, all or nothing: a run whose worker is killed goes on from the last one.

    Args:
        folder: The run's checkpoints.
        save: Writes the bandits' files into a folder.
        content: Where the run stands.

    Raises:
        UsageError: The folder cannot be written to.
    """
    begun = folder / "begun"
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir()
    save(begun)
    with replace_file(begun / STANDING) as temporary:
        stored = {**content, _HASHES: file_hashes(begun)}
        temporary.write_text(json.dumps(stored) + "\n", encoding="utf-8")
    begun.rename(folder / WHOLE)  # from here on it is the checkpoint
    _put_in_place(folder)


def _put_in_place(folder: Path) -> None:
    """Move the files of a checkpoint that was written whole to where they are read."""
    whole = folder / WHOLE
    if whole.is_dir():
        for path in whole.iterdir():
            path.replace(folder / path.name)
        whole.rmdir()


def read_standing(folder: Path) -> dict[str, object]:
    """Where a run stands, if it and the bandits' files are of one moment.

    Raises:
        PolicyError: It is missing or damaged, or they are not.
    """
    try:
        _put_in_place(folder)
        stored = cast("dict[str, object]", json.loads((folder / STANDING).read_text(encoding="utf-8")))
        hashes = stored.pop(_HASHES)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged_standing(folder) from error
    if hashes != file_hashes(folder):
        raise PolicyError(
            f"The files in {folder} are not of one moment: writing them was interrupted, or one was changed. "
            "Restore them, or train anew."
        )
    return stored


def damaged_standing(folder: Path) -> PolicyError:
    """What is said where the file does not hold what it should."""
    return PolicyError(f"{folder / STANDING} is missing or damaged; train anew.")


def foreign_standing(folder: Path) -> PolicyError:
    """What is said where a run's checkpoint was written for a market of another shape."""
    return PolicyError(f"{folder / STANDING} is of another market; train anew.")
