"""The examples and notebooks run as they stand, and what they import is public."""

import ast
import runpy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("notebooks/*.ipynb"))


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 6
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs_and_says_something(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert len(capsys.readouterr().out) > 40


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_says_how_it_is_run_and_fits_a_screen(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert f"python examples/{script.name}" in (ast.get_docstring(ast.parse(text)) or "")
    assert len(text.splitlines()) <= 45


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    pages = nbformat.read(notebook, as_version=4)
    assert all(not cell.get("outputs") for cell in pages.cells), "clear the outputs before you commit a notebook"
    NotebookClient(pages, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
