"""A small run of the scenario fuzzer; ``benchmarks/bench_fuzz_scenarios.py`` makes the long one."""

from pathlib import Path

import numpy as np
import pytest

from tests.core.scenario import fuzz


def test_mutants_are_refused_with_a_place_or_played_without_a_wrong_number(tmp_path: Path) -> None:
    verdicts, failures = fuzz.run(160, 7, folder=tmp_path)
    assert failures == []
    assert verdicts["accepted"] >= 50, "too few mutants reach the simulator"
    assert verdicts["refused"] >= 50, "too few mutants are refused"


def test_the_same_seed_makes_the_same_mutants() -> None:
    assert list(fuzz.mutants(12, 3)) == list(fuzz.mutants(12, 3))
    assert list(fuzz.mutants(12, 3)) != list(fuzz.mutants(12, 4))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("visits", np.nan, "visits is not finite"), ("visits", -1.0, "visits is -1"), ("stock", np.nan, "stock is not")],
)
def test_the_fuzzer_sees_a_wrong_number(monkeypatch: pytest.MonkeyPatch, name: str, value: float, message: str) -> None:
    monkeypatch.setattr(fuzz, "arrays", lambda _value: iter([(name, np.array([1.0, value]))]))
    with pytest.raises(AssertionError, match=message):
        fuzz.check_numbers(None, 0)


def test_the_fuzzer_reports_a_crash_and_keeps_the_mutant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def crash(_scenario: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(fuzz, "play", crash)
    verdicts, failures = fuzz.run(8, 0, folder=tmp_path)
    assert verdicts["failed"] == len(failures) > 0
    assert "by design" in failures[0]
    assert list(tmp_path.glob("failed_*.yaml"))
