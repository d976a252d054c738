"""The examples and notebooks run as they stand, and what they import is public."""

import ast
import runpy
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import xbopt

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
NOTEBOOKS = sorted(EXAMPLES.glob("notebooks/*.ipynb"))
FOUR_DAYS = """
import xbopt

whole = xbopt.load_scenario
xbopt.load_scenario = lambda source, overrides=(): whole(
    source, overrides=[*overrides, "horizon.days=4", "plan.discounts=[]"]
)
"""


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 6
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs_and_says_something(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it stands, but in two weeks of the market: enough for what it does after the first decision."""
    monkeypatch.chdir(tmp_path)
    whole = xbopt.load_scenario

    def two_weeks(source: str, overrides: Sequence[str] = ()) -> xbopt.Scenario:
        return whole(source, overrides=[*overrides, "horizon.days=14", "plan.discounts=[]"])

    monkeypatch.setattr(xbopt, "load_scenario", two_weeks)
    runpy.run_path(str(script), run_name="__main__")
    assert len(capsys.readouterr().out) > 40


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_says_how_it_is_run_and_fits_a_screen(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert f"python examples/{script.name}" in (ast.get_docstring(ast.parse(text)) or "")
    assert len(text.splitlines()) <= 45


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    """Its cells as they stand, after one that leaves four days of the market."""
    pages = nbformat.read(notebook, as_version=4)
    assert all(not cell.get("outputs") for cell in pages.cells), "clear the outputs before you commit a notebook"
    pages.cells.insert(0, nbformat.v4.new_code_cell(FOUR_DAYS))
    NotebookClient(pages, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
