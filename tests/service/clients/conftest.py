"""Clients that others wrote: installed once into a folder of the checkout, and run as programs of their own.

They stay out of the development environment, whose versions they must not change. Where they cannot be installed, their
tests skip and say why.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[2] / ".venv" / "clients"
MOST_SECONDS = 240


class NotInstalledError(Exception):
    """Raised where clients cannot be installed."""


def install(name: str, listed: Path, *commands: list[str]) -> Path:
    """Fill a folder of the cache, unless that was done before for the same list.

    Raises:
        NotInstalledError: A command failed, or took too long.
    """
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(listed.read_bytes() + repr(sys.version_info).encode()).hexdigest()
    stamp = folder / ".made"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for command in commands:
            try:
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise NotInstalledError(f"{command[0]}: {error}") from error
            if done.returncode:
                raise NotInstalledError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-400:]}")
        stamp.write_text(wanted, encoding="utf-8")
    return folder


def install_python_clients() -> Path:
    """The interpreter of an environment with the clients for Python."""
    listed = HERE / "requirements.txt"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", "bin/python"]
    folder = install(
        "python",
        listed,
        [sys.executable, "-m", "venv", "--without-pip", "."],
        [*pip, "install", "--quiet", "--no-deps", "--no-compile", "--requirement", str(listed)],
    )
    return folder / "bin" / "python"


def install_node_clients() -> Path:
    """A folder with the clients for JavaScript in its ``node_modules``."""
    listed = HERE / "package-lock.json"
    return install(
        "node",
        listed,
        ["cp", str(HERE / "package.json"), str(listed), "."],
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    )


def _or_skip(install: Callable[[], Path]) -> Path:
    try:
        return install()
    except NotInstalledError as error:
        pytest.skip(f"the clients cannot be installed here: {error}")


@pytest.fixture(scope="session")
def python_clients() -> Path:
    return _or_skip(install_python_clients)


@pytest.fixture(scope="session")
def node_clients() -> Path:
    return _or_skip(install_node_clients)


def run(command: "Sequence[str | Path]", given: str = "", *, folder: Path | None = None) -> str:
    """What a program prints; its errors fail the test."""
    done = subprocess.run(
        [str(word) for word in command], input=given, capture_output=True, text=True, timeout=120, cwd=folder,
        env=_environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def run_json(command: "Sequence[str | Path]", given: object = None, *, folder: Path | None = None) -> Any:
    """The JSON that a program prints last."""
    return json.loads(run(command, json.dumps(given), folder=folder).splitlines()[-1])


def _environment() -> dict[str, str]:
    """Ours without what would lead another interpreter to our packages."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
