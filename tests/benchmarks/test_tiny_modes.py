"""Every script in ``benchmarks`` runs in a size that measures nothing, and says its figures: none of them rots."""

import importlib
import math
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks import bars
from benchmarks.__main__ import scripts, table

RUN_BY = {"offline_baselines": "leaderboard", "pymc_marketing_fit": "bench_pymc_marketing"}
"""Scripts for environments without this project, and those that run them where their library is installed."""


@pytest.mark.parametrize("name", [name for name in scripts() if name not in RUN_BY])
def test_its_tiny_mode_runs_and_tells_figures(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data_folder: Path
) -> None:
    figures = tmp_path / "figures.jsonl"
    monkeypatch.setenv(bars.FIGURES_VARIABLE, str(figures))
    monkeypatch.setenv("XBOPT_DATA", str(data_folder))
    monkeypatch.setattr(sys, "argv", [name, "--tiny"])
    try:
        script = importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library in {"benchmarks", "tests", "xbopt"}:
            raise
        pytest.skip(f"{library} is not installed (pip install -e '.[bench]')")
    try:
        code = script.main()
    except SystemExit as error:
        code = error.code
    assert code == 0
    lines = bars.lines_in(figures)
    if reasons := [line.name for line in lines if line.says == "left out"]:
        pytest.skip(reasons[0])
    assert lines
    for line in lines:
        assert line.script == name
        assert line.value is not None
        assert math.isfinite(line.value), line


def test_a_bar_holds_at_its_ends_and_not_beyond() -> None:
    most, least, band = (
        bars.Bar(name="a", most=2.0),
        bars.Bar(name="b", least=2.0),
        bars.Bar(name="c", least=1.0, most=2.0),
    )
    assert [most.holds(2.0), least.holds(2.0), band.holds(1.0)] == [True, True, True]
    assert [most.holds(2.1), least.holds(1.9), band.holds(0.9), band.holds(math.nan)] == [False, False, False, False]
    assert str(band) == "at least 1, at most 2"


def test_a_script_says_which_bar_it_misses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(bars.FIGURES_VARIABLE, str(tmp_path / "figures.jsonl"))
    known = [bars.Bar(name="speed", least=2.0), bars.Bar(name="memory", most=1.0), bars.Bar(name="peer")]
    found = {"speed": 3.0, "memory": 1.5, "peer": 7.0}
    assert bars.told("bench_x.py", known, found, tiny=False) == 1
    assert bars.told("bench_x.py", known, found, tiny=True) == 0
    lines = bars.lines_in(tmp_path / "figures.jsonl")
    assert [line.says for line in lines] == ["holds", "DOES NOT HOLD", "", *["tiny"] * 3]
    markdown = table(lines[:2], ["--tiny"], markdown=True).splitlines()
    assert (
        markdown[3] == "| 1.5 | bench_x: memory | at most 1 | DOES NOT HOLD | `python -m benchmarks.bench_x --tiny` |"
    )


def test_a_script_that_fails_is_a_line_and_a_missing_peer_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "bench_broken.py").write_text("raise ValueError('why not')", encoding="utf-8")
    (folder / "bench_alone.py").write_text("import no_such_peer", encoding="utf-8")
    monkeypatch.setattr(runner, "FOLDER", folder)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines = [runner.run(name, [], tmp_path / "figures.jsonl") for name in ("bench_broken", "bench_alone")]
    assert [(line.says, line.name) for (line,) in lines] == [
        ("FAILED", "ValueError: why not"),
        ("left out", "ModuleNotFoundError: No module named 'no_such_peer'"),
    ]
