"""Logged episodes as files that offline reinforcement learning libraries read: Minari and d3rlpy, both HDF5."""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from xbopt.agents.policies import mark_of
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import UsageError
from xbopt.core.extras import need_extra
from xbopt.core.version import __version__
from xbopt.studies.dataset import LoggedEpisodes
from xbopt.studies.tasks import scaled_of

DatasetFormat = Literal["minari", "d3rlpy"]
FORMATS: tuple[DatasetFormat, ...] = get_args(DatasetFormat)
LICENSE = "CC-BY-4.0"
D3RLPY_FILE = "dataset.h5"
_D3RLPY_VERSION = "2.1"  # of the file format that d3rlpy 2 reads


def dataset_id(logged: LoggedEpisodes) -> str:
    """Name by which ``minari.load_dataset`` finds it: ``xbopt/SCENARIO/POLICY_HASH-v0``.

    The hash is of all that makes the data what it is: the scenario by its own hash with what was changed, the truth
    that the seller does not know, policy, objective, seed, worlds and episodes. Other data has another name.
    """
    task = logged.task
    what = {
        **task.as_json(),
        "scenario": logged.scenario_hash,  # wherever its file lies
        "plan": [Path(task.plan).name, mark_of(task.plan)],
        "anchor": [Path(task.anchor).name, mark_of(task.anchor)],
        "policy": logged.policy,
        "seed": logged.seed,
        "first_world": int(logged.world[0]),
        "episodes": logged.episodes,
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    plain = [re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") for name in (Path(task.scenario).stem, logged.policy)]
    return f"xbopt/{plain[0]}/{plain[1]}_{digest}-v0"


def about(logged: LoggedEpisodes, *, author: str) -> dict[str, Any]:
    """What a reader of the data must know, ready for JSON."""
    truth = logged.task.truth
    hidden = f", in worlds where this holds, and the seller does not know it: {'; '.join(truth)}" if truth else ""
    return {
        "author": [author],
        "license": LICENSE,
        "code_version": f"xbopt {__version__}",
        "algorithm_name": logged.policy,
        "scenario": logged.task.scenario,
        "scenario_hash": logged.scenario_hash,
        "truth_hash": logged.task.truth_hash,
        "task": logged.task.as_json(),
        "seed": logged.seed,
        "first_world": int(logged.world[0]),
        "episodes": logged.episodes,
        "reward_unit_base": logged.reward_unit_base,
        "feature_names": list(logged.feature_names),
        "action_names": list(logged.action_names),
        "choices": logged.choices.tolist(),
        "description": (
            f"Simulated campaigns of {logged.task.scenario} under {logged.policy}{hidden}. Entries of an action are "
            "drawn independently; infos hold the probability of each (propensity), the world, the day and the reward's "
            "terms in base currency. Simulated data: no person or shop stands behind them."
        ),
    }


def write_minari(logged: LoggedEpisodes, root: Path, *, author: str = "xbopt") -> Path:
    """Write a Minari data set below a folder of data sets.

    With ``MINARI_DATASETS_PATH`` set to the folder, ``minari.load_dataset(dataset_id(logged))`` reads it; so does
    ``minari.MinariDataset`` of the path that is given back. ``recover_environment`` builds the environment again: the
    same seed then meets the same worlds.

    Args:
        logged: The episodes. The info of a step stands with what is observed after it; the first has no choice yet, so
            its propensities are NaN.
        root: The folder of data sets.
        author: Who publishes it.

    Raises:
        UsageError: Minari is missing, there is such a data set already, or the folder cannot be written.
    """
    need_extra("datasets", "minari", "h5py", "gymnasium")
    from gymnasium.spaces import Box, MultiDiscrete
    from minari import __version__ as minari_version
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    from xbopt.env.features import LARGEST_FEATURE

    name = dataset_id(logged)
    target = root / name
    observed = Box(-LARGEST_FEATURE, LARGEST_FEATURE, shape=(len(logged.feature_names),), dtype=np.float32)
    steps = logged.actions.shape[1]

    def after(values: FloatArray, first: FloatArray | float) -> list[FloatArray | float]:
        return [first, *values]

    buffers = [
        EpisodeBuffer(
            id=e,
            seed=logged.seed,
            observations=list(logged.observations[e]),
            actions=list(logged.actions[e]),
            rewards=logged.rewards[e].tolist(),
            terminations=[False] * (steps - 1) + [True],
            truncations=[False] * steps,
            infos={
                "world": [int(logged.world[e])] * (steps + 1),
                "day": logged.day.tolist(),
                "propensity": after(logged.propensity[e], np.full(len(logged.choices), np.nan)),
                "reward_terms": {term: after(values[e], 0.0) for term, values in logged.reward_terms.items()},
            },
        )
        for e in range(logged.episodes)
    ]
    with _new_folder(target) as folder:
        storage = MinariStorage.new(
            folder / "data",
            observation_space=observed,
            action_space=MultiDiscrete(logged.choices),
            env_spec=logged.task.spec(first_world=int(logged.world[0]), seed=logged.seed),
        )
        storage.update_metadata(
            {"dataset_id": name, "minari_version": minari_version, **about(logged, author=author), "author": {author}}
        )
        storage.update_episodes(buffers)
    return target / "data"


def write_d3rlpy(logged: LoggedEpisodes, folder: Path, *, author: str = "xbopt") -> Path:
    """Write a file that ``d3rlpy.dataset.ReplayBuffer.load`` reads, and what must be known of it as JSON.

    The library's algorithms know no MultiDiscrete actions, so choices are written as numbers from -1 to 1, evenly
    spaced (``scaled_of``). Nothing of the data is lost; of what an algorithm answers, what lies between two choices is.
    The library keeps no probabilities and no last observation; both stand in the file under names that it does not
    read: ``propensity_E``, ``levels_E``, ``last_observation_E``, ``world_E`` of episode ``E``.

    Raises:
        UsageError: h5py is missing, there is such a file already, or the folder cannot be written.
    """
    need_extra("datasets", "h5py")
    import h5py

    with _new_folder(folder) as temporary:
        scaled = scaled_of(logged.actions, logged.choices)
        with h5py.File(temporary / D3RLPY_FILE, "w") as file:
            file.create_dataset("columns", data=["observations", "actions", "rewards", "terminated"])
            file.create_dataset("num_episodes", data=logged.episodes)
            for e in range(logged.episodes):
                file.create_dataset(f"observations_{e}", data=logged.observations[e, :-1])
                file.create_dataset(f"actions_{e}", data=scaled[e])
                file.create_dataset(f"rewards_{e}", data=logged.rewards[e, :, None].astype(np.float32))
                file.create_dataset(f"terminated_{e}", data=True)
                file.create_dataset(f"levels_{e}", data=logged.actions[e])
                file.create_dataset(f"propensity_{e}", data=logged.propensity[e])
                file.create_dataset(f"last_observation_{e}", data=logged.observations[e, -1])
                file.create_dataset(f"world_{e}", data=int(logged.world[e]))
            file.create_dataset("version", data=_D3RLPY_VERSION)
        text = json.dumps(about(logged, author=author), indent=1, ensure_ascii=False)
        (temporary / "about.json").write_text(text + "\n", encoding="utf-8")
    return folder / D3RLPY_FILE


WRITERS: dict[DatasetFormat, Callable[..., Path]] = {"minari": write_minari, "d3rlpy": write_d3rlpy}


def check_folder(path: Path) -> None:
    """Check early that a folder can be made there, before long work is done for it.

    Raises:
        UsageError: A file stands there.
    """
    standing = next((one for one in (path, *path.parents) if one.exists()), path)
    if standing.exists() and not standing.is_dir():
        raise UsageError(f"{standing} is a file; name a folder.")


@contextmanager
def _new_folder(target: Path) -> Generator[Path]:
    """A folder that appears only when the block ends without an exception.

    Raises:
        UsageError: Something stands there, or it cannot be written.
    """
    target = target.resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists already; name another folder, or remove it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".xbopt.", dir=target.parent))
    except OSError as error:
        raise UsageError(f"The folder {target.parent} cannot be written to ({error.strerror}).") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.is_dir():
            target.rmdir()
        temporary.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
