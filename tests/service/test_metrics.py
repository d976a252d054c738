"""What Prometheus reads: as its own parsers see it, from the start on, and equal to what was answered."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import batch_bytes, body, columns
from xbopt.service.deciding import guardrails
from xbopt.service.http.collectors import Distribution
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.entries import Head

Sample = tuple[str, frozenset[tuple[str, str]]]


def families(url: str) -> list[Metric]:
    answer = httpx.get(f"{url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return list(plain_text(answer.text))


def samples(url: str) -> dict[Sample, float]:
    """Every series and its value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(url)
        for sample in family.samples
    }


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture(scope="module")
def untouched(serve: Serve, tactic: Exported) -> Served:
    """A service that nobody has asked for a decision."""
    return serve(tactic.path)


@pytest.fixture(scope="module")
def at_first(untouched: Served) -> dict[Sample, float]:
    return samples(untouched.url)


def series_of_alerts(repository: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Alert, metric, and what its labels have to match, as a regular expression."""
    rules = yaml.safe_load((repository / "examples" / "alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
        for name, matchers in re.findall(r"\b((?:xbopt|process)_\w+)(?:\{([^}]*)\})?", rule["expr"]):
            wanted = {}
            for label, sign, pattern in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
                wanted[label] = pattern if sign == "=~" else re.escape(pattern)
            yield rule["alert"], name, wanted


def test_every_series_that_an_alert_names_is_there_from_the_start(
    at_first: dict[Sample, float], repository: Path
) -> None:
    """A series that begins with the first failure hides it from ``increase``. All counters begin at 0."""
    alerts = list(series_of_alerts(repository))
    assert len({alert for alert, _, _ in alerts}) >= 12
    for alert, name, wanted in alerts:
        matching = [
            labels
            for found, labels in at_first
            if found == name and all(re.fullmatch(wanted[key], dict(labels).get(key, "")) for key in wanted)
        ]
        assert matching, f"{alert}: {name}{wanted} has no series"
    counters = {sample: number for sample, number in at_first.items() if sample[0].startswith("xbopt_")}
    answered = ("xbopt_http_responses_total", "xbopt_store_entries_total")  # the start itself counts in these
    grown = [name for (name, _), number in counters.items() if name.endswith("_total") and number]
    assert set(grown) <= set(answered)


def test_the_alerts_pass_promtool(repository: Path) -> None:
    import shutil
    import subprocess

    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run(
        [promtool, "check", "rules", "examples/alerts.yml"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_guardrail_has_its_series(at_first: dict[Sample, float]) -> None:
    fired = {dict(labels)["guardrail"] for name, labels in at_first if name == "xbopt_guardrails_fired_total"}
    assert fired == {*guardrails.NAMES, "store_failure"}
    constants = {text for name, text in vars(guardrails).items() if name.isupper() and isinstance(text, str)}
    assert constants - {guardrails.GUARDRAILS} == set(guardrails.NAMES)


def test_names_and_words_follow_prometheus_s_rules(untouched: Served) -> None:
    for family in families(untouched.url):
        assert re.fullmatch(r"(xbopt|process)_[a-z0-9_]+", family.name)
        assert len(family.documentation) > 10, family.name
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_entries"))


def test_openmetrics_is_told_to_those_who_accept_it(untouched: Served) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    answer = httpx.get(f"{untouched.url}/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in open_metrics(answer.text)}
    assert {"xbopt_decisions", "xbopt_allocate_seconds", "process_resident_memory_bytes"} <= names


@pytest.fixture(scope="module")
def asked(serve: Serve, tactic: Exported) -> tuple[Served, list[dict[str, Any]]]:
    """A service after three decisions, one of them twice; a batch of bytes, an inference, and a refused request."""
    served = serve(tactic.path)
    one = columns(tactic)
    inputs = [
        {"name": name, "shape": list(array.shape), "datatype": "INT64" if name == "day" else "FP64",
         "data": array.ravel().tolist()}
        for name, array in one.items()
        if np.isfinite(array).all()
    ]  # fmt: skip
    strange = body(tactic, decision_id="m-drift")
    strange["cells"][0][0][0] = 1e9  # type: ignore[index]
    with served.client() as client:
        answers = [client.post("/v1/allocate", json=body(tactic, decision_id=name)).json() for name in ("m-1", "m-2")]
        answers.append(client.post("/v1/allocate", json=strange).json())
        client.post("/v1/allocate", json=body(tactic, decision_id="m-1"))
        batch, kind = batch_bytes(tactic, 4, "m-b"), {"content-type": "application/octet-stream"}
        assert client.post("/v1/batches", content=batch, headers=kind).status_code == 200
        assert client.post("/v2/models/demo/infer", json={"id": "m-i", "inputs": inputs}).status_code == 200
        assert client.post("/v1/allocate", json={}).status_code == 422
        assert client.get("/health/ready").status_code == 200
    return served, answers


def test_money_is_counted_once_and_to_the_cent(asked: tuple[Served, list[dict[str, Any]]], tactic: Exported) -> None:
    """An answer that is told again is counted as such, and grants nothing."""
    served, answers = asked
    found = samples(served.url)
    allocator = tactic.allocator()
    batch = allocator.decide(allocator.reader.batch([f"m-b/{row}" for row in range(4)], _repeated(tactic, 4)))
    inferred = allocator.decide(allocator.reader.batch(["m-i/0"], columns(tactic)))
    spend = np.concatenate(
        [np.array([answer["spend_base"] for answer in answers]), batch.spend_base, inferred.spend_base]
    )
    by_place = spend.sum(axis=(0, 2))
    for i, region in enumerate(("DE", "UK")):
        for j, channel in enumerate(("search", "social", "email")):
            told = value(found, "xbopt_spend_granted_base_total", currency="EUR", region=region, channel=channel)
            assert told == pytest.approx(by_place[i, j], rel=1e-12)
    budget = tactic.request().budget_base
    assert value(found, "xbopt_budget_asked_base_total", currency="EUR") == pytest.approx(8 * budget, rel=1e-12)
    assert value(found, "xbopt_decisions_repeated_total") == 1.0
    assert sum(number for (name, _), number in found.items() if name == "xbopt_decisions_total") == 8.0
    assert value(found, "xbopt_decisions_total", source="plan") == 1.0


def _repeated(tactic: Exported, rows: int) -> dict[str, np.ndarray]:
    return {name: np.repeat(array, rows, axis=0) for name, array in columns(tactic).items()}


def test_a_feature_that_drifts_is_named(asked: tuple[Served, list[dict[str, Any]]], tactic: Exported) -> None:
    found = samples(asked[0].url)
    drifted = {
        dict(labels)["feature"]: number
        for (name, labels), number in found.items()
        if name == "xbopt_inputs_drifted_total"
    }
    schema = tactic.allocator().bundle.schema
    assert drifted.keys() == {name for axis in "FGE" for name in schema.axes[axis]}
    assert {name for name, number in drifted.items() if number} == {schema.axes["G"][0]}
    assert value(found, "xbopt_guardrails_fired_total", guardrail="drift") == 1.0


def test_every_way_to_ask_is_timed_by_itself(asked: tuple[Served, list[dict[str, Any]]]) -> None:
    found = samples(asked[0].url)

    def count(route: str, answer: str) -> float:
        return value(found, "xbopt_allocate_seconds_count", route=route, answer=answer)

    assert count("/v1/allocate", "json") == 4.0
    assert count("/v1/allocate", "problem") == 1.0
    assert count("/v1/batches", "bytes") == 1.0
    assert count("/v2/models/{name}/infer", "json") == 1.0
    assert value(found, "xbopt_http_responses_total", route="/v1/allocate", status="422") == 1.0


def test_the_process_and_its_connections_are_told(asked: tuple[Served, list[dict[str, Any]]]) -> None:
    found = samples(asked[0].url)
    assert value(found, "xbopt_http_requests_in_flight") == 1.0
    assert value(found, "xbopt_http_connections") >= 1.0
    assert 5e7 < value(found, "process_resident_memory_bytes") < 2e9
    assert value(found, "process_cpu_seconds_total") > 0.0
    entries = value(found, "xbopt_store_commit_entries_sum")
    assert entries == value(found, "xbopt_store_entries_total")


def test_the_head_of_the_chain_is_a_number_without_a_label(asked: tuple[Served, list[dict[str, Any]]]) -> None:
    """Three decisions, a batch, an inference and the bundle. The number is the hash's beginning, read as hex digits."""
    from xbopt.service.store.opening import open_store

    served, _ = asked
    store = open_store(served.store, read_only=True)
    head = store.head()
    store.close()
    found = samples(served.url)
    assert value(found, "xbopt_chain_entries") == head.seq >= 6.0
    assert value(found, "xbopt_chain_head_prefix") == int(head.hash.hex()[:12], 16)


def test_a_head_that_is_not_known_is_no_number() -> None:
    metrics = Metrics()
    metrics.tell_chain(None)
    metrics.tell_chain(Head(7, bytes(range(32))))
    assert b"xbopt_chain_entries 7.0" in metrics.page()[1]
    assert metrics.registry.get_sample_value("xbopt_chain_head_prefix") == 0x000102030405


def test_a_distribution_counts_into_buckets() -> None:
    """0.5 and 1 lie within 1, 3 within 4, 9 beyond: 2, 3 and 4 in all."""
    shown = Distribution("some_entries", "entries of something", (1, 4))
    for one in (0.5, 1, 3, 9):
        shown.observe(one)
    (family,) = shown.collect()
    assert [(sample.labels.get("le"), sample.value) for sample in family.samples] == [
        ("1.0", 2.0), ("4.0", 3.0), ("+Inf", 4.0), (None, 4.0), (None, 13.5),
    ]  # fmt: skip
