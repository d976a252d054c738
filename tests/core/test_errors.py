"""The tree of errors in ``core/errors.py`` is that of the classes."""

import ast
import importlib
import re
from pathlib import Path

from xbopt.core import errors

LINE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>\w+Error)\s+(?P<code>\d)  (?P<meaning>\S.*)$", re.MULTILINE)


def drawn_tree() -> dict[str, tuple[str, int]]:
    """By class of the docstring: the name of its parent, and its exit code."""
    tree: dict[str, tuple[str, int]] = {}
    path: list[str] = []
    for match in LINE.finditer(errors.__doc__ or ""):
        depth = len(match["indent"]) // 4
        path[depth:] = [match["name"]]
        tree[match["name"]] = (path[depth - 1] if depth else "Exception", int(match["code"]))
    return tree


def error_classes(package_folders: dict[str, Path]) -> dict[str, type[Exception]]:
    """Every class of the package that comes from ``XboptError``, found in the text of all its modules."""
    bases: dict[str, list[str]] = {}
    module_of: dict[str, str] = {}
    for package, folder in package_folders.items():
        for path in folder.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                    module_of[node.name] = f"{package}.{path.stem}"
    found = {"XboptError"}
    while new := {name for name, above in bases.items() if found & set(above)} - found:
        found |= new
    return {name: getattr(importlib.import_module(module_of[name]), name) for name in found}


def test_the_tree_in_the_docstring_is_that_of_the_classes(package_folders: dict[str, Path]) -> None:
    """Names, nesting and exit codes: whoever adds an error draws it there."""
    classes = error_classes(package_folders)
    real = {name: (kind.__mro__[1].__name__, kind.exit_code) for name, kind in classes.items()}
    assert drawn_tree() == real
