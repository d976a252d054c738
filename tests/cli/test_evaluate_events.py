"""``xbopt evaluate`` on the events of a decision service: dsjson, a line an event."""

import json

import numpy as np
import pytest


@pytest.fixture
def events(tmp_path):
    """5,000 events, of which those without a purchase were kept with 20 %: milk sells more than tea."""
    random = np.random.default_rng(4)
    lines = []
    for number in range(5_000):
        taken = int(random.random() < 0.5)
        bought = float(random.random() < (0.05, 0.15)[taken])
        if not bought and random.random() < 0.8:
            continue
        line = {
            "_label_cost": -bought, "_label_probability": 0.5, "_label_Action": taken + 1, "_labelIndex": taken,
            "Timestamp": f"2026-03-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.0000000Z",
            "EventId": f"e{number}", "a": [taken + 1, 2 - taken], "p": [0.5, 0.5], "pdrop": 0.0 if bought else 0.8,
            "c": {"User": {"age": int(random.integers(18, 70))}, "_multi": [{"_tag": "tea"}, {"_tag": "milk"}]},
        }  # fmt: skip
        lines.append(json.dumps(line))
    path = tmp_path / "events.json"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_events_are_evaluated_without_saying_which_column_is_what(events, xbopt_command, tmp_path):
    answer = xbopt_command(
        "evaluate", events, "--policy", "always:milk", "--json", "--certificate", tmp_path / "certificate.json"
    )
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    quoted = next(row for row in document["estimates"] if row["estimator"] == "dr")
    # Of the events that were kept a third were purchases; of all, 15 % with milk. The interval is of 95 %.
    assert abs(quoted["value"] - 0.15) < 4 * quoted["se"] < 0.06
    assert abs(document["logging_policy"]["value"] - 0.1) < 4 * document["logging_policy"]["se"]
    assert "Rows were kept with the probability in column kept" in answer.err
    assert json.loads((tmp_path / "certificate.json").read_text())["log"]["actions"] == ["milk", "tea"]


def test_a_line_that_is_cut_off_is_named(events, xbopt_command):
    lines = events.read_text().splitlines()
    events.write_text("\n".join([*lines[:3], lines[3][:100]]))
    answer = xbopt_command("evaluate", events, "--policy", "uniform")
    assert answer.code == 2
    assert "line 4 is no complete JSON object" in answer.err
