"""Saved bandits: arrays and a JSON text in one ``.npz`` archive. Nothing in it can run code when it is read."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.errors import PolicyError
from xbopt.core.files import replace_file
from xbopt.core.learnt_rows import LearntRows

FORMAT_VERSION = 1
_TEXT, _LEARNT_ON = "description", "learnt_on"

Setting = str | int | float | bool | tuple[int, ...] | None
"""A saved argument of a bandit's constructor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that a bandit needs to continue.

    Attributes:
        kind: Name of its class.
        settings: Arguments of its constructor.
        rows: Rows that it has learned from.
        generator: State of its own random stream.
        arrays: What it learned, by name.
        learnt_on: The rows of logs that it learnt from.
    """

    kind: str
    settings: dict[str, Setting]
    rows: int
    generator: Mapping[str, object]
    arrays: dict[str, FloatArray | IntArray]
    learnt_on: LearntRows = field(default_factory=LearntRows)


def write_state(path: Path, state: State) -> None:
    """Write a state; the file appears complete or not at all.

    Raises:
        UsageError: The file cannot be written there.
    """
    text = json.dumps(
        {
            "format_version": FORMAT_VERSION,
            "kind": state.kind,
            "settings": state.settings,
            "rows": state.rows,
            "generator": state.generator,
        }
    )
    with replace_file(path) as temporary, temporary.open("wb") as file:
        members: dict[str, NDArray[np.generic]] = {_TEXT: np.frombuffer(text.encode(), dtype=np.uint8), **state.arrays}
        if len(state.learnt_on):
            members[_LEARNT_ON] = np.stack([state.learnt_on.ids, state.learnt_on.contents])
        np.savez(file, allow_pickle=False, **members)


def read_state(path: Path) -> State:
    """Read a state.

    Raises:
        PolicyError: There is no such file, it is damaged, or of another version.
    """
    if not path.is_file():
        raise PolicyError(f"{path}: there is no such file.")
    try:
        # The archive keeps a checksum of every member, which reading verifies. Read whole first: numpy forgets to close
        # a file that turns out to be damaged.
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        described = json.loads(bytes(arrays.pop(_TEXT)).decode())
        learnt = arrays.pop(_LEARNT_ON, np.zeros((2, 0))).astype(np.uint64, casting="unsafe")
        version = described["format_version"]
        if version != FORMAT_VERSION:
            raise PolicyError(f"{path}: it has format version {version}; version {FORMAT_VERSION} can be read.")
        settings = cast("dict[str, Setting | list[int]]", described["settings"])
        return State(
            kind=str(described["kind"]),
            # JSON knows no tuples.
            settings={name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()},
            rows=int(described["rows"]),
            generator=described["generator"],
            arrays=arrays,
            learnt_on=LearntRows(*learnt),
        )
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise PolicyError(
            f"{path}: this is no complete saved bandit ({type(error).__name__}). Copy or save it again."
        ) from error
