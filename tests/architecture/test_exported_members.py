"""The public faces are whole: what their lists name is there, and what it takes and gives is public too."""

import ast
import importlib
import inspect
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

FACES = ("xbopt", "xbopt.agents", "xbopt.ope", "xbopt.service")


def _listed(face: ModuleType) -> list[str]:
    """The names that ``__init__.pyi`` beside a face lists, in its order."""
    assert face.__file__ is not None
    tree = ast.parse(Path(face.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    return [
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]


@pytest.mark.parametrize("name", FACES)
def test_a_face_has_what_its_list_names_and_nothing_else(name: str) -> None:
    face = importlib.import_module(name)
    listed = _listed(face)
    assert len(listed) == len(set(listed))
    assert list(face.__all__) == sorted(listed)
    assert sorted(dir(face)) == sorted(listed)
    assert [entry for entry in listed if not hasattr(face, entry)] == []


@pytest.mark.parametrize("name", FACES)
def test_a_star_import_brings_the_listed_names(name: str) -> None:
    """In a process of its own: here other tests have loaded submodules already."""
    code = f"before = set(dir()); from {name} import *; print(*sorted(set(dir()) - before - {{'before'}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(_listed(importlib.import_module(name)))


def _for_types_only(module: ModuleType) -> dict[str, object]:
    """What a module imports under ``if TYPE_CHECKING``, so that its annotations can be read."""
    names: dict[str, object] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module.__name__, "exec"), names)  # noqa: S102 - our own source
    return names


def _classes(annotation: object) -> Iterator[type]:
    """Our own classes within an annotation."""
    arguments = typing.get_args(annotation)
    if isinstance(annotation, type) and annotation.__module__.startswith("xbopt."):
        yield annotation
    for argument in arguments:
        # The arguments of a Callable stand in a list.
        for part in argument if isinstance(argument, list) else [argument]:
            yield from _classes(part)


def _spoken(function: Callable[..., object]) -> set[type]:
    """Our own classes that a function takes or returns."""
    hints = typing.get_type_hints(function, localns=_for_types_only(sys.modules[function.__module__]))
    return {found for hint in hints.values() for found in _classes(hint)}


def test_the_reading_of_annotations_sees_every_class() -> None:
    from xbopt.core.errors import ScenarioError, XboptError

    def function(first: list[XboptError] | None, done: Callable[[ScenarioError], None]) -> int:
        return len([first, done])

    assert _spoken(function) == {XboptError, ScenarioError}
