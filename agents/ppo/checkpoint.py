"""Checkpoints: weights, optimiser and counters of a run, written whole and read without unpickling objects."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import torch
from stable_baselines3 import PPO

from xbopt.agents.ppo.branches import BranchRows
from xbopt.agents.ppo.deal_branches import DealRows
from xbopt.agents.ppo.soft_constraints import PidMultiplier
from xbopt.agents.ppo.validation import Score
from xbopt.agents.run_directory import LATEST
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file

_FORMAT = 4
_BRANCHES = "branches-*.npz"
_DEALS = "deals_"


@dataclass(slots=True, kw_only=True)
class Checkpoint:
    """Where a run stands between two updates.

    Attributes:
        update: Updates done.
        steps: Decisions learnt from.
        seconds: Wall time so far, over all calls.
        looks: Evaluations on the validation worlds.
        best: Score of the policy that is kept.
        highest_base: Highest mean gain so far, whether shown or not.
        waited: Evaluations since then.
        prepared: Whether what comes before the first update is over.
        rounds: Rounds of learning from branches that are done.
        curvatures: What was learnt from them beside the network; see ``BranchLearner``.
        multipliers: The price of missing each soft constraint, by its name.
    """

    update: int
    steps: int
    seconds: float
    looks: int
    best: Score
    highest_base: float
    waited: int
    prepared: bool
    rounds: int
    curvatures: dict[str, torch.Tensor]
    multipliers: dict[str, PidMultiplier]


def write_checkpoint(folder: Path, model: PPO, state: Checkpoint) -> None:
    """Write a checkpoint over the last one.

    Raises:
        UsageError: The folder cannot be written to.
    """
    content = {
        "format": _FORMAT,
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "state": {**asdict(replace(state, curvatures={})), "curvatures": state.curvatures},
    }
    with replace_file(folder / LATEST) as temporary:
        # The library writes a file in C++, whose errors name neither file nor reason.
        buffer = BytesIO()
        torch.save(content, buffer)
        temporary.write_bytes(buffer.getbuffer())


def read_checkpoint(folder: Path, model: PPO) -> Checkpoint:
    """Put the last checkpoint into a model.

    Raises:
        PolicyError: There is none, it is damaged, or it is of another network.
    """
    path = folder / LATEST
    if not path.is_file():
        raise PolicyError(f"{path} is missing: there is nothing to go on from. Begin a new run.")
    try:
        read: object = torch.load(path, weights_only=True)
        content = cast("dict[str, object]", read)
        if content["format"] != _FORMAT:
            raise PolicyError(f"{path} is of format {content['format']}; {_FORMAT} can be read.")
        model.policy.load_state_dict(cast("dict[str, torch.Tensor]", content["policy"]))
        model.policy.optimizer.load_state_dict(cast("dict[str, object]", content["optimizer"]))
        state = cast("dict[str, object]", content["state"])
        best = cast("dict[str, Any]", state["best"])
        multipliers = cast("dict[str, dict[str, float]]", state["multipliers"])
        return Checkpoint(
            update=cast("int", state["update"]),
            steps=cast("int", state["steps"]),
            seconds=cast("float", state["seconds"]),
            looks=cast("int", state["looks"]),
            best=Score(**best),
            highest_base=cast("float", state["highest_base"]),
            waited=cast("int", state["waited"]),
            prepared=cast("bool", state["prepared"]),
            rounds=cast("int", state["rounds"]),
            curvatures=cast("dict[str, torch.Tensor]", state["curvatures"]),
            multipliers={name: PidMultiplier(**one) for name, one in multipliers.items()},
        )
    except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError, OSError) as error:
        raise PolicyError(
            f"{path} is damaged or of another network ({type(error).__name__}). Begin a new run."
        ) from error


def write_branches(folder: Path, turn: int, rows: BranchRows) -> None:
    """Keep the rows of a round of branches, which later rounds learn from too.

    Raises:
        UsageError: The folder cannot be written to.
    """
    deals = {} if rows.deals is None else {_DEALS + one.name: getattr(rows.deals, one.name) for one in fields(DealRows)}
    with replace_file(folder / _BRANCHES.replace("*", str(turn))) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            features=rows.features,
            notches=rows.notches,
            gain_base=rows.gain_base,
            money_base=rows.money_base,
            played=np.array(rows.played),
            **deals,
        )


def read_branches(folder: Path, rounds: int) -> BranchRows:
    """The rows of all rounds so far, at least one.

    Raises:
        PolicyError: Some are missing or damaged.
    """
    found: list[BranchRows] = []
    for turn in range(rounds):
        path = folder / _BRANCHES.replace("*", str(turn))
        try:
            with np.load(path, allow_pickle=False) as arrays:
                rows = BranchRows(
                    features=arrays["features"],
                    notches=arrays["notches"],
                    gain_base=arrays["gain_base"],
                    money_base=arrays["money_base"],
                    played=int(arrays["played"]),
                    deals=_deals(arrays),
                )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise PolicyError(f"{path} is missing or damaged ({type(error).__name__}). Begin a new run.") from error
        found.append(rows)
    return reduce(BranchRows.and_also, found)


def _deals(arrays: Mapping[str, FloatArray]) -> DealRows | None:
    """Other depths that were tried in the round, if any were."""
    names = [one.name for one in fields(DealRows)]
    if _DEALS + names[0] not in arrays:
        return None
    return DealRows(**{name: arrays[_DEALS + name] for name in names})


def forget_branches(folder: Path) -> None:
    """Once all rounds are done, nothing goes on from their rows."""
    for path in folder.glob(_BRANCHES):
        path.unlink()
