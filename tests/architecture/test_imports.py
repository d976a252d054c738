"""Who may import whom, and what stays out of the start of a program."""

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest

from xbopt.cli.verbs import VERBS

HEAVY = (
    "scipy",
    "sklearn",
    "polars",
    "gymnasium",
    "torch",
    "numba",
    "clarabel",
    "altair",
    "pyarrow",
    "vl_convert",
    "holidays",
)
LIST_MODULES = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder)


def _imported(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from xbopt import env` names a layer too.
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_import_contract_is_kept(repository: Path) -> None:
    """The contracts in pyproject.toml hold."""
    code = "from importlinter.cli import lint_imports_command as run; run(['--no-cache', '--no-logo'])"
    result = _run(code, repository)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_contracts_see_every_module(package_folders: dict[str, Path]) -> None:
    """The contracts look through the links: a module that they do not see could break them unnoticed."""
    expected = set(package_folders)
    for package, folder in package_folders.items():
        expected |= {f"{package}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}
    seen = grimp.build_graph("xbopt", cache_dir=None).modules
    assert seen == expected


def _levels(pyproject: dict[str, Any]) -> list[list[str]]:
    """The layers, highest first; packages of one level do not know each other."""
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in level.split("|")] for level in layers]


def test_no_module_imports_upward(package_folders: dict[str, Path], pyproject: dict[str, Any]) -> None:
    """A second look at the layers, without the tool that checks the contracts."""
    levels = _levels(pyproject)
    offences: list[str] = []
    for package, folder in package_folders.items():
        layer = ".".join(package.split(".")[:2])
        at = next((i for i, level in enumerate(levels) if layer in level), None)
        if at is None:
            continue
        above = [name for level in levels[: at + 1] for name in level if name != layer]
        for path in folder.glob("*.py"):
            wrong = {n for n in _imported(path) if any(n == up or n.startswith(up + ".") for up in above)}
            offences += [f"{path.name} in {package} imports {name}" for name in sorted(wrong)]
    assert offences == []


def _imports_between(names: Callable[[str], str]) -> dict[str, set[str]]:
    """Who imports whom, types included, with modules taken together under the name that ``names`` gives them."""
    graph = grimp.build_graph("xbopt", cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        imported = {names(one) for one in graph.find_modules_directly_imported_by(module)}
        found.setdefault(names(module), set()).update(imported - {names(module)})
    return found


def _circle(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """A circle among those who import each other, its start named twice; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_look_for_circles_can_fail() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(_circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    assert _circle(_imports_between(lambda module: module)) == []


def test_no_two_folders_import_each_other_in_a_circle(package_folders: dict[str, Path]) -> None:
    """A file that stands directly in a folder belongs to that folder, and not to those beside it."""
    assert (
        _circle(_imports_between(lambda module: module if module in package_folders else module.rpartition(".")[0]))
        == []
    )


def test_what_benchmarks_examples_and_documents_import_is_there(repository: Path) -> None:
    """No test runs them all, so a name that moved would be missed."""
    missing: list[str] = []
    for path in [file for folder in ("benchmarks", "examples", "docs") for file in (repository / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xbopt"):
                module = importlib.import_module(str(node.module))
                gone = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                missing += [f"{path.name}: {node.module}.{name}" for name in gone if not _is_module(node.module, name)]
    assert missing == []


def _is_module(package: str | None, name: str) -> bool:
    return importlib.util.find_spec(f"{package}.{name}") is not None


def test_every_package_has_a_layer(package_folders: dict[str, Path], pyproject: dict[str, Any]) -> None:
    """A new top-level package has to take its place among the layers; ``scenarios`` and ``cards`` hold data."""
    layers = {name for level in _levels(pyproject) for name in level}
    tops = {name for name in package_folders if name.count(".") == 1}
    assert tops == {*layers, "xbopt.scenarios", "xbopt.cards"}


def test_torch_stays_in_the_ppo_modules(package_folders: dict[str, Path]) -> None:
    """Only ``agents/ppo*`` may import torch or stable-baselines3."""
    offences = [
        f"{package}.{path.stem}"
        for package, folder in package_folders.items()
        for path in folder.glob("*.py")
        if not f"{package}.{path.stem}".startswith("xbopt.agents.ppo")
        and {name.split(".")[0] for name in _imported(path)} & {"torch", "stable_baselines3"}
    ]
    assert offences == []


def _loaded(words: Sequence[str], folder: Path) -> set[str]:
    """Names of the modules that a command has loaded when it ends well; those of an editable install left out."""
    run = f"from xbopt.cli.main import main; sys.argv = ['xbopt', *{list(words)!r}]; sys.exit(main())"
    result = _run(LIST_MODULES + run, folder)
    assert result.returncode == 0, result.stderr
    modules = json.loads(result.stderr.splitlines()[-1])
    return {name for name in modules if not name.startswith(("__editable__", "__main__", "_sysconfig", "_distutils"))}


def test_help_loads_typer_and_little_else(tmp_path: Path) -> None:
    """What ``xbopt --help`` may load; ``benchmarks/bench_cli.py`` says what that costs beside typer alone."""
    loaded = _loaded(["--help"], tmp_path)
    libraries = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert libraries <= {"annotated_doc", "lazy_loader", "shellingham", "typer", "xbopt"}
    assert {name for name in loaded if name.startswith("xbopt.")} == {
        "xbopt.cli", "xbopt.cli.main", "xbopt.cli.verbs", "xbopt.core", "xbopt.core.errors", "xbopt.core.lazy_names",
        "xbopt.core.version", "xbopt.env", "xbopt.env.registration",
    }  # fmt: skip


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "what-if"])
def test_help_of_a_command_loads_no_market(verb: str, tmp_path: Path) -> None:
    """Names in help come without what they name. Those of ``what-if`` are the forms that it understands, as code."""
    loaded = _loaded([verb, "--help"], tmp_path)
    assert sorted({name.partition(".")[0] for name in loaded} & {*HEAVY, "numpy"}) == []
    ours = {name for name in loaded if name.startswith(("xbopt.simulator", "xbopt.studies", "xbopt.agents."))}
    assert ours <= {"xbopt.agents.registry"}


@pytest.mark.parametrize("module", ["xbopt", "xbopt.core.errors", "xbopt.core.axes"])
def test_the_first_imports_are_light(module: str, tmp_path: Path) -> None:
    """A program that only asks for the shared words does not pay for the heavy libraries."""
    result = _run(LIST_MODULES + f"import {module}", tmp_path)
    assert result.returncode == 0, result.stderr
    loaded = {name.split(".")[0] for name in json.loads(result.stderr.splitlines()[-1])}
    assert sorted(loaded & set(HEAVY)) == []
