"""What all tests share: one thread a process, fixed hypothesis examples, the project's files."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Numeric libraries read these when they are first imported, which nothing above does.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

pytest_plugins = ["tests.processor_time"]

REPOSITORY = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {"__pycache__", "build", "dist", "htmlcov", "runs"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# `fixed` gives every machine the same examples. HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "search", max_examples=2000, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def _data_folder() -> Path:
    return Path(os.environ.get("XBOPT_DATA", REPOSITORY.parent / "shared" / "data"))


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests whose marker asks for something that this machine lacks."""
    if item.get_closest_marker("realdata") and not _data_folder().is_dir():
        pytest.skip("the data sets are not beside the repository; XBOPT_DATA can name their folder")
    if item.get_closest_marker("browser") and _chromium() is None:
        pytest.skip(f"no browser on PATH; looked for {', '.join(CHROMIUM_NAMES)}")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The project's top folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; use it together with the ``realdata`` marker."""
    return _data_folder()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program; use it together with the ``browser`` marker."""
    program = _chromium()
    if program is None:
        pytest.skip("no browser on PATH")
    return program


@pytest.fixture(scope="session")
def pyproject() -> dict[str, Any]:
    """The project's ``pyproject.toml``."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def project_files() -> list[Path]:
    """Every file of the project once, links left out.

    In a git checkout these are the files that git knows or would take; elsewhere a walk finds them.
    """
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
        found = [REPOSITORY / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(REPOSITORY):
            folders[:] = [
                name
                for name in folders
                if name not in SKIPPED_FOLDERS
                and not name.endswith(".egg-info")
                and (not name.startswith(".") or name == ".ci")
            ]
            found += [Path(folder) / name for name in names]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


@pytest.fixture(scope="session")
def python_files(project_files: list[Path]) -> list[Path]:
    """Every Python file of the project."""
    return [path for path in project_files if path.suffix == ".py"]


@pytest.fixture(scope="session")
def package_folders(repository: Path) -> dict[str, Path]:
    """The folder of every package, by import name, found by walking the folders that ``xbopt/`` links."""
    links = [path for path in (repository / "xbopt").iterdir() if path.is_symlink()]
    folders = {"xbopt": repository / "xbopt"}
    for link in links:
        top = link.resolve()
        for marker in top.rglob("__init__.py"):
            name = ".".join(("xbopt", link.name, *marker.parent.relative_to(top).parts))
            folders[name] = marker.parent
    return folders
