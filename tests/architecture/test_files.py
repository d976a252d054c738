"""Habits of the source files that a look at their text can check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_LINES = 400
DRAWERS = {
    "util",
    "utils",
    "common",
    "helper",
    "helpers",
    "misc",
    "manager",
    "managers",
    "handler",
    "handlers",
}
# The patterns are written so that this file does not match them.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X{3}|NotImplemented[E]rror)\b")
MACHINE_PATH = re.compile(r"(?<![\w.)}])(/(work|farm|root|home|Users|opt)/\w|/tmp/[b]ash|[A-Z]:\\Users)")
GENERATOR_TYPES = {"Generator", "SeedSequence", "Philox", "BitGenerator"}


def _offences(path: Path, pattern: re.Pattern[str], repository: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:  # an image or an archive
        return []
    place = path.relative_to(repository)
    return [f"{place}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if pattern.search(line)]


def test_no_python_file_is_long(python_files: list[Path]) -> None:
    """A file above 400 lines is about more than one thing."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files}
    assert {str(path): n for path, n in lengths.items() if n > MOST_LINES} == {}


def test_no_file_or_folder_is_a_drawer(python_files: list[Path], repository: Path) -> None:
    """A file is named after what it holds."""
    offences: list[str] = []
    for path in python_files:
        place = path.relative_to(repository)
        stems = [*place.parts[:-1], path.stem]
        if any(stem in DRAWERS or stem.rpartition("_")[2] in DRAWERS for stem in stems):
            offences.append(str(place))
    assert offences == []


def test_nothing_is_left_unfinished(python_files: list[Path], repository: Path) -> None:
    """Open work stands in the tracker, not in the code."""
    offences = [line for path in python_files for line in _offences(path, UNFINISHED, repository)]
    assert offences == []


def test_no_file_names_a_place_on_one_machine(project_files: list[Path], repository: Path) -> None:
    """The project runs anywhere, so no file of it knows an absolute path of somebody's machine."""
    offences = [line for path in project_files for line in _offences(path, MACHINE_PATH, repository)]
    assert offences == []


def _random_uses(path: Path) -> list[tuple[str, bool]]:
    """Every use of a random library in a file, and whether it is a call that names its seed."""
    uses: list[tuple[str, bool]] = []
    seeded: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            seeded.add(id(node.func))
        if isinstance(node, ast.Import):
            uses += [(alias.name, False) for alias in node.names if alias.name in {"random", "numpy.random"}]
        elif isinstance(node, ast.ImportFrom) and node.module in {"random", "numpy.random"}:
            uses += [(f"{node.module}.{alias.name}", False) for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            uses.append((f"numpy.random.{node.attr}", id(node) in seeded))
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.manual_seed":
            uses.append(("torch.manual_seed", False))
    return uses


def _is_fine(name: str, *, with_seed: bool, place: str) -> bool:
    if name.removeprefix("numpy.random.") in GENERATOR_TYPES:
        return True
    if name == "torch.manual_seed":
        return place.startswith(("agents/ppo", "tests/agents/ppo", "tests/agents/test_ppo"))
    in_package = not place.startswith(("tests/", "benchmarks/", "examples/"))
    return name == "numpy.random.default_rng" and with_seed and not in_package


def test_randomness_comes_from_named_streams(python_files: list[Path], repository: Path) -> None:
    """Only core/randomness.py makes generators; tests, benchmarks and examples may make one from a written seed."""
    offences: list[str] = []
    for path in python_files:
        place = path.relative_to(repository).as_posix()
        if place == "core/randomness.py":
            continue
        wrong = [name for name, seed in _random_uses(path) if not _is_fine(name, with_seed=seed, place=place)]
        offences += [f"{place}: {name}" for name in wrong]
    assert offences == []


def test_the_look_for_random_uses_can_fail(tmp_path: Path) -> None:
    """The finder of random uses sees the ways in which a global generator can slip in."""
    sample = tmp_path / "sample.py"
    sample.write_text(
        "import random\nimport numpy as np\nfrom numpy.random import rand\n"
        "np.random.seed(1)\na = np.random.default_rng()\nb = np.random.default_rng(7)\n",
        encoding="utf-8",
    )
    uses = _random_uses(sample)
    refused = {name for name, seed in uses if not _is_fine(name, with_seed=seed, place="tests/sample.py")}
    assert refused == {"random", "numpy.random.rand", "numpy.random.seed", "numpy.random.default_rng"}
    assert ("numpy.random.default_rng", True) in uses
    assert ("numpy.random.default_rng", False) in uses


def _benchmark_uses(code: str) -> Iterator[str]:
    """Imports from ``benchmarks``, and texts that lead to one of its scripts to load it by its path."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "benchmarks")
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module.partition(".")[0] == "benchmarks":
                yield node.module
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and "'benchmarks'" in ast.unparse(node.right):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "code",
    ["import benchmarks.step", "from benchmarks.worlds import World", "path = ROOT / 'benchmarks' / 'worlds.py'"],
)
def test_the_look_for_benchmarks_can_fail(code: str) -> None:
    assert list(_benchmark_uses(code)) != []
    assert list(_benchmark_uses(code.replace("benchmarks", "tests"))) == []
