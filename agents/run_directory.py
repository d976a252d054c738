"""The folder that a training run leaves behind, as promised in the documentation of ``xbopt train``.

=================  ===========================================================================
``config.yaml``    what was asked for: agent, seed, limits, plan, hyperparameters
``scenario.yaml``  the scenario with every default and override written out
``draws.parquet``  joint draws of its uncertain parameters, where it names some
``policy/``        the best policy so far, by its reward on validation worlds
``progress.csv``   one row an evaluation
``tensorboard/``   the same figures for TensorBoard, where the agent writes them
``checkpoints/``   what ``--resume`` goes on from
``manifest.json``  versions, seeds, hashes, hardware, wall time, and the result
=================  ===========================================================================
"""

import csv
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

import yaml

from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.files import replace_file, sha256_of
from xbopt.core.json_text import json_text
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.version import __version__

Plain = str | int | float | bool | None
_DRAWS = "draws.parquet"
LATEST, STANDING, WHOLE = "latest.pt", "standing.json", "whole"
"""What checkpoints are read by: PPO's file, the bandits', and the folder in which theirs appear all at once."""
SEEDS_FILE = "seeds.yaml"
"""What was asked for of runs of several seeds, which lie in the folders below; see ``seeds.py``."""
_LIBRARIES = ("gymnasium", "numpy", "scipy", "stable-baselines3", "torch")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """A training run's folder.

    Attributes:
        path: Where it is.
    """

    path: Path

    @classmethod
    def empty(cls, path: Path) -> "RunDirectory":
        """A place for a new run: an empty or missing folder. Nothing is made yet.

        Raises:
            UsageError: Something is there already.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is not empty; name another folder, or go on with that run by --resume.")
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """An existing run; opening writes nothing.

        Raises:
            UsageError: There is none, or the folder holds something else.
            PolicyError: ``config.yaml`` is damaged.
        """
        run = cls(path)
        for name in ("config.yaml", "scenario.yaml"):
            if not (path / name).is_file():
                raise UsageError(f"{path} holds no training run: {name} is missing.")
        if "agent" not in run.config():
            raise UsageError(f"{path} holds no training run: its config.yaml names no agent.")
        return run

    def create(self) -> None:
        """Make the folders.

        Raises:
            UsageError: They cannot be made.
        """
        try:
            for folder in (self.policy, self.tensorboard, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"The folder {self.path} cannot be made ({error.strerror}).") from error

    @property
    def policy(self) -> Path:
        """Folder of the best policy."""
        return self.path / "policy"

    @property
    def checkpoints(self) -> Path:
        """Folder of what a run goes on from."""
        return self.path / "checkpoints"

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to go on from."""
        names = (LATEST, STANDING, f"{WHOLE}/{STANDING}")
        return any((self.checkpoints / name).is_file() for name in names)

    @property
    def tensorboard(self) -> Path:
        """Folder for TensorBoard."""
        return self.path / "tensorboard"

    def write_scenario(self, scenario: Scenario) -> None:
        """Write the scenario as it was resolved; loading it again gives the same scenario, by hash."""
        plain = scenario.document.model_dump(mode="json", exclude_none=True)
        if scenario.draws is not None:
            plain["uncertainty"]["draws"] = _DRAWS
            with replace_file(self.path / _DRAWS) as temporary:
                temporary.write_bytes(scenario.draws.content)
        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
        self._write("scenario.yaml", text)
        again = load_scenario(self.path / "scenario.yaml")
        assert again.hash == scenario.hash, "a written scenario must read back as itself"

    def scenario(self) -> Scenario:
        """The run's scenario.

        Raises:
            ScenarioError: The file is damaged.
        """
        return load_scenario(self.path / "scenario.yaml")

    def write_config(self, config: Mapping[str, object]) -> None:
        """Write what was asked for."""
        self._write("config.yaml", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))

    def config(self) -> dict[str, object]:
        """What was asked for.

        Raises:
            PolicyError: The file is damaged.
        """
        try:
            read: object = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise PolicyError(f"{self.path / 'config.yaml'} cannot be read: {error}") from error
        if not isinstance(read, dict):
            raise PolicyError(f"{self.path / 'config.yaml'} is damaged: a mapping is wanted.")
        return cast("dict[str, object]", read)

    def write_manifest(self, entries: Mapping[str, object]) -> None:
        """Write versions, hardware and what the run says of itself, with a hash of every other file."""
        hashes = {
            str(file.relative_to(self.path)): sha256_of(file)
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and file.name != "manifest.json" and "tensorboard" not in file.parts
        }
        document = {
            "xbopt": __version__,
            "python": platform.python_version(),
            "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
            "hardware": {
                "machine": platform.machine(),
                "system": platform.system(),
                "processor": platform.processor(),
                "cores": os.cpu_count(),
            },
            **entries,
            "sha256": hashes,
        }
        self._write("manifest.json", json_text(document))

    def add_progress(self, row: Mapping[str, Plain]) -> None:
        """Append a row to ``progress.csv``; the first row sets the columns."""
        path = self.path / "progress.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)

    def cut_progress(self, column: str, last: int) -> None:
        """Drop rows beyond a point: what was written after the checkpoint will be written again."""
        path = self.path / "progress.csv"
        if not path.exists():
            return
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        kept = [row for row in rows if int(row[column]) <= last]
        path.unlink()
        for row in kept:
            self.add_progress(row)

    def _write(self, name: str, text: str) -> None:
        with replace_file(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
