"""Build the source archive and the wheel, look inside, and run the wheel far away from the repository.

``make wheel-test`` runs this file. It is no test because it builds and installs for a minute.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD_FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in")
COMPILED = "xbopt/simulator/kernel/_native.abi3.so"
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def fail(message: str) -> None:
    """End the script with a message."""
    sys.exit(f"wheel-test: {message}")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder outside the repository, and give back what it printed."""
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    environment["XBOPT_BUILD_KERNEL"] = "required"  # a wheel without the native module would pass for one with it
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        fail(f"{' '.join(map(str, command))} ended with {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def package_map() -> dict[str, str]:
    """The folder of every package, by import name, from pyproject.toml."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["setuptools"]["package-dir"]


def wanted_files() -> dict[str, str]:
    """Where each file of the packages belongs: its place in the wheel, by its place in the repository."""
    wanted: dict[str, str] = {}
    for package, folder in package_map().items():
        for path in (REPOSITORY / folder).iterdir():
            if path.is_file() and not path.is_symlink() and path.suffix not in {".pyc", ".pyo", ".so"}:
                wanted[f"{folder}/{path.name}"] = f"{package.replace('.', '/')}/{path.name}"
    return wanted


def copy_sources(target: Path) -> None:
    """Copy what a build needs, links as links: the build then leaves nothing behind in the repository."""
    target.mkdir()
    for name in BUILD_FILES:
        if (REPOSITORY / name).exists():
            shutil.copy2(REPOSITORY / name, target / name)
    for top in {folder.split("/")[0] for folder in package_map().values()}:
        shutil.copytree(
            REPOSITORY / top, target / top, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.so")
        )


def check_source_archive(archive: Path) -> None:
    """The source archive holds every file of the packages, no other code, and no links."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    links = [member.name for member in members if member.issym() or member.islnk()]
    if links:
        fail(f"the source archive holds links: {links}")
    inside = {member.name.split("/", 1)[1] for member in members if member.isfile()}
    beside = {name for name in inside if "/" not in name or name.startswith("xbopt.egg-info/")}
    compare("source archive", inside - beside, set(wanted_files()))


def check_wheel(wheel: Path) -> None:
    """The wheel holds every file of the packages and the native module, and nothing else but its own description."""
    if "-cp311-abi3-" not in wheel.name:
        fail(
            f"a wheel with the native module is for one kind of machine and every Python from 3.11; it is {wheel.name}"
        )
    with zipfile.ZipFile(wheel) as archive:
        # The upper 16 bits are the Unix file mode; 0o120000 marks a link.
        links = [item.filename for item in archive.infolist() if (item.external_attr >> 16) & 0o170000 == 0o120000]
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    if links:
        fail(f"the wheel holds links: {links}")
    compare("wheel", inside, {COMPILED, *wanted_files().values()})


def compare(what: str, inside: set[str], wanted: set[str]) -> None:
    """Fail with the names of files that are missing or that do not belong."""
    if inside != wanted:
        fail(f"{what}: missing {sorted(wanted - inside)}; not ours {sorted(inside - wanted)}")
    print(f"{what}: {len(inside)} files, all as listed")


def check_installed(python: Path, folder: Path) -> None:
    """The installed package is the one that answers, and its command does the main job."""
    place = Path(run(python, "-c", "import xbopt; print(xbopt.__file__)", folder=folder).strip()).resolve()
    if place.is_relative_to(REPOSITORY):
        fail(f"import xbopt found the repository: {place}")
    # One process for all: no module imports another in a circle, so none minds which comes first.
    run(python, "-c", f"import {', '.join(package_map())}", folder=folder)
    program = python.with_name("xbopt")
    print(run(program, "--version", folder=folder).strip())
    if "quickstart" not in run(program, "scenario", "list", folder=folder):
        fail("`xbopt scenario list` does not name quickstart")
    answer = json.loads(run(program, "simulate", "quickstart", "--runs", "4", "--json", folder=folder))
    if answer["runs"] != 4:
        fail(f"`xbopt simulate quickstart --runs 4 --json` says {answer['runs']} runs")
    print("the installed wheel simulates quickstart")
    print(run(python, REPOSITORY / "tests" / "packaging" / "native_smoke.py", folder=folder).strip())


def main() -> None:
    """Build, look inside, install in an empty environment, run."""
    with tempfile.TemporaryDirectory(prefix="xbopt-wheel-") as name:
        place = Path(name).resolve()
        if place.is_relative_to(REPOSITORY):
            fail("the temporary folder lies inside the repository; set TMPDIR to another place")
        copy_sources(place / "source")
        # The wheel is built from the unpacked source archive: so the archive is known to be complete.
        run(sys.executable, "-m", "build", "--outdir", place / "dist", place / "source", folder=place)
        wheel = next((place / "dist").glob("*.whl"))
        check_source_archive(next((place / "dist").glob("*.tar.gz")))
        check_wheel(wheel)
        run(sys.executable, "-m", "venv", place / "venv", folder=place)
        python = place / "venv" / "bin" / "python"
        constraints = REPOSITORY / "constraints.txt"
        run(python, *PIP, "install", "--no-compile", "--constraint", constraints, wheel, folder=place)
        check_installed(python, place)


if __name__ == "__main__":
    main()
