"""Every script in ``benchmarks`` runs in a size that measures nothing, and says its figures: none of them rots."""

import importlib
import math
import sys
from pathlib import Path

import pytest

from benchmarks import bars
from benchmarks.__main__ import scripts

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
    if reasons := [line.says for line in lines if line.says.startswith("left out")]:
        pytest.skip(reasons[0])
    assert lines
    for line in lines:
        assert line.script == name
        assert line.value is not None
        assert math.isfinite(line.value), line
