"""Links, map, package list and type checker's folders tell the same story, and git holds all of it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

DATA_SUFFIXES = {".py", ".csv", ".yaml"}
LEFTOVERS = {".pyc", ".pyo", ".so"}


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")


@pytest.fixture(scope="module")
def tracked(repository: Path) -> set[str]:
    """Names of the files that git holds."""
    if _git(repository, "rev-parse", "--is-inside-work-tree").returncode != 0:
        pytest.skip("not a git checkout")
    return set(_git(repository, "ls-files", "-z").stdout.split("\0")) - {""}


def _links(repository: Path) -> dict[str, Path]:
    return {path.name: path for path in (repository / "xbopt").iterdir() if path.is_symlink()}


def test_every_link_is_relative_and_points_beside_the_package(repository: Path) -> None:
    """An absolute link would break in every other checkout."""
    targets = {name: str(link.readlink()) for name, link in _links(repository).items()}
    assert targets == {name: f"../{name}" for name in targets}
    assert targets


def test_packages_are_the_folders_behind_the_links(package_folders: dict[str, Path], pyproject: dict[str, Any]) -> None:
    """A folder that the list forgets works in an editable install and is missing in the wheel."""
    listed = pyproject["tool"]["setuptools"]["packages"]
    assert set(listed) == set(package_folders)
    assert len(listed) == len(set(listed))


def test_the_map_leads_to_the_same_folders(
    package_folders: dict[str, Path], pyproject: dict[str, Any], repository: Path
) -> None:
    """Every package is built from the folder that the editable install reads."""
    mapped = pyproject["tool"]["setuptools"]["package-dir"]
    assert {name: repository / folder for name, folder in mapped.items()} == package_folders


def test_the_type_checker_is_told_every_link(pyproject: dict[str, Any], repository: Path) -> None:
    """The type checker does not walk into links by itself."""
    assert set(pyproject["tool"]["pyright"]["include"]) == {
        "xbopt",
        *(f"xbopt/{n}" for n in _links(repository)),
    }


def test_every_folder_may_only_be_imported_below_xbopt(pyproject: dict[str, Any], repository: Path) -> None:
    """The linter refuses the bare names, which collide with other distributions."""
    banned = pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(_links(repository))


def test_folders_with_code_or_data_are_packages(package_folders: dict[str, Path], repository: Path) -> None:
    """A file in a folder that is no package would not be installed."""
    folders = set(package_folders.values())
    strays = [
        str(path.relative_to(repository))
        for top in {link.resolve() for link in _links(repository).values()}
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.parent not in folders
    ]
    assert strays == []


def test_every_glob_of_package_data_matches_a_file(package_folders: dict[str, Path], pyproject: dict[str, Any]) -> None:
    """A glob that matches nothing is a spelling mistake, or a file that went missing."""
    data = pyproject["tool"]["setuptools"]["package-data"]
    empty = [f"{name}: {g}" for name, globs in data.items() for g in globs if not any(package_folders[name].glob(g))]
    assert empty == []


def test_every_data_file_matches_a_glob(package_folders: dict[str, Path], pyproject: dict[str, Any]) -> None:
    """A data file that no glob names would be missing in the wheel."""
    data = pyproject["tool"]["setuptools"]["package-data"]
    forgotten = [
        f"{name}: {path.name}"
        for name, folder in package_folders.items()
        for path in folder.iterdir()
        if path.is_file()
        and path.suffix not in {".py", *LEFTOVERS}
        and not any(path.match(glob) for glob in data.get(name, []))
    ]
    assert forgotten == []


def test_git_holds_every_package_and_its_data(
    package_folders: dict[str, Path], repository: Path, tracked: set[str]
) -> None:
    """What is not added to git is missing for everybody else."""
    files = {
        path.relative_to(repository).as_posix()
        for folder in package_folders.values()
        for path in folder.iterdir()
        if path.is_file() and path.suffix in DATA_SUFFIXES
    }
    assert sorted(files - tracked) == []


def test_git_holds_the_links_as_links(repository: Path, tracked: set[str]) -> None:
    """A checkout that copied the folders instead would hold everything twice."""
    listed = _git(repository, "ls-files", "--stage", "xbopt").stdout.splitlines()
    links = {line.split("\t")[1] for line in listed if line.startswith("120000 ")}
    assert links == {f"xbopt/{name}" for name in _links(repository)}
    assert links <= tracked


@pytest.mark.usefixtures("tracked")
def test_git_ignores_no_package_folder(package_folders: dict[str, Path], repository: Path) -> None:
    """Stock ignore lists for Python drop ``env/``; ours must not."""
    probes = [str(folder.relative_to(repository) / "new_module.py") for folder in package_folders.values()]
    assert _git(repository, "check-ignore", "--no-index", *probes).stdout.split() == []
