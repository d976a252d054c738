"""Days that share shocks are pointed out; days that do not are left alone."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from xbopt.ope.logs import files
from xbopt.ope.logs.evaluation import evaluate_log
from xbopt.ope.logs.open_log import open_log
from xbopt.ope.logs.policies import named_policy

DAYS, A_DAY = 60, 50


@pytest.fixture
def found(tmp_path):
    """The evaluation of a log with shocks of that size by day."""

    def evaluate(shock, **options):
        random = np.random.default_rng(4)
        day = np.repeat(np.arange(DAYS), A_DAY)
        action = random.integers(0, 2, len(day))
        reward = action + random.normal(size=len(day)) + shock * random.normal(size=DAYS)[day]
        moment = np.datetime64("2026-01-01T08:00", "us") + day * np.timedelta64(1, "D")
        columns = {"action": action, "reward": reward, "propensity": np.full(len(day), 0.5), "timestamp": moment}
        parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
        log = open_log(tmp_path / "log.parquet", **options)
        return evaluate_log(log, named_policy("always:1", log)).result

    return evaluate


def test_days_that_share_shocks_are_pointed_out_and_are_no_reason_for_caution(found):
    result = found(0.7)
    assert result.verdict == "ANSWER"
    (advice,) = [finding for finding in result.findings if finding.code == "days_vary"]
    assert advice.figures["days"] == DAYS
    # By day 0.49 / 60, and 1.74 / 3000 of the rows themselves; by row 1.74 / 3000 with the shocks' variance in it.
    assert advice.figures["times"] == pytest.approx(np.sqrt((0.49 / 60 + 1.25 / 3000) / (1.74 / 3000)), rel=0.25)
    assert any("--cluster-days 7" in step for step in result.next_steps)


def test_days_of_the_same_luck_and_days_that_are_clusters_already_are_left_alone(found):
    assert not found(0.0).findings
    by_days = found(0.7, cluster_days=1)
    assert not any(finding.code == "days_vary" for finding in by_days.findings)
    assert by_days.estimates["dr"].se > 3 * found(0.7).estimates["dr"].se


def test_days_do_not_depend_on_batches(found, monkeypatch):
    whole = found(0.7)
    monkeypatch.setattr(files, "BATCH_ROWS", 77)
    cut = found(0.7)
    assert [finding.figures for finding in cut.findings] == [
        pytest.approx(finding.figures) for finding in whole.findings
    ]
