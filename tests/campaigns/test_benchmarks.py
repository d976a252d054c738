"""The measurements of advice run: small, so that none rots."""

import sys

import pytest

from benchmarks import bench_campaign_alarms, bench_campaign_proposals


@pytest.mark.parametrize(
    ("benchmark", "says"),
    [(bench_campaign_alarms, "false alarms of drift or pace"), (bench_campaign_proposals, "of what carrying on earns")],
)
def test_it_runs(benchmark, says, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--tiny", "--scenario", "quickstart"])
    benchmark.main()
    assert says in capsys.readouterr().out
