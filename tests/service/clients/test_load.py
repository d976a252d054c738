"""A short load by wrk, which nobody here wrote either: every answer is a decision, and every decision is counted."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service.conftest import Exported, Serve
from tests.service.test_http import body


def test_wrk_meets_no_error(serve: Serve, tactic: Exported, tmp_path: Path) -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        pytest.skip("wrk is not installed (Debian package wrk)")
    served = serve(tactic.path)
    request = json.dumps(json.dumps(body(tactic, decision_id="")))
    script = tmp_path / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = {request}\nwrk.headers["content-type"] = "application/json"\n'
        'done = function(summary) io.write(string.format("[%d, %d]\\n", summary.requests, '
        "summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + "
        "summary.errors.timeout)) end\n"
    )
    command = [wrk, "-t1", "-c16", "-d1s", "-s", str(script), f"{served.url}/v1/allocate"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    requests, errors = json.loads(done.stdout.splitlines()[-1])
    assert requests > 20
    assert errors == 0
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(httpx.get(f"{served.url}/metrics").text)
        for sample in family.samples
        if sample.labels.get("source") == "policy" or not sample.labels
    }
    # Up to 16 requests were under way when wrk stopped to count.
    assert requests <= found["xbopt_decisions_total"] <= requests + 16
    assert found["xbopt_http_requests_in_flight"] == 1.0
