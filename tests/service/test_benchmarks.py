"""Benchmarks of the service run, in a size that measures nothing: none of them rots. They are run, not imported."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TINY = {
    "bench_allocator": ("--tiny",),
    "bench_campaigns": ("--campaigns", "3", "--kills", "1"),
    "bench_fuzz_service": ("--bodies", "20", "--minutes", "0.002"),
    "bench_http": ("--tiny",),
    "bench_kill": ("--kills", "1"),
    "bench_money": ("--rows", "4000", "--json", "240"),
    "bench_parity": ("--rows", "50", "--limits", "500"),
}


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_of_the_service_runs(name: str, repository: Path) -> None:
    if name == "bench_allocator":
        pytest.importorskip("stable_baselines3")
    if name == "bench_http" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed (Debian package wrk)")
    command = [sys.executable, "-m", f"benchmarks.{name}", *TINY[name]]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_every_benchmark_of_the_service_is_run(repository: Path) -> None:
    found = {
        path.stem
        for path in (repository / "benchmarks").glob("bench_*.py")
        if "xbopt.service" in path.read_text(encoding="utf-8")
        or "benchmarks.serving" in path.read_text(encoding="utf-8")
    }
    # Two are run by tests of their own: test_edge_live.py and test_tampering.py.
    assert found == {*TINY, "bench_live", "bench_tampering"}
