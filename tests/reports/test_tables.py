"""The JSON document of a simulation keeps its contract."""

import json

import pytest

from xbopt.reports.simulation.document import simulation_json
from xbopt.studies.kpis import KPI_NAMES


def test_the_document_has_the_promised_names(played):
    document = simulation_json(played)
    assert list(document) == [
        "scenario",
        "policy",
        "runs",
        "seed",
        "kpis",
        "bridge",
        "beside_margin",
        "by_region",
        "by_segment",
        "by_channel",
        "notes",
        "plan_cut",
        "exploration_cost",
        "performance",
    ]
    wanted = {"name", "hash", "base_currency", "days", "regions", "segments", "channels"}
    assert set(document["scenario"]) == wanted
    assert document["policy"] == {"name": "baseline", "kind": "baseline"}
    assert tuple(document["kpis"]) == KPI_NAMES
    for figure in document["kpis"].values():
        assert set(figure) == {"mean", "se", "low", "high"}
    speed = {"env_days", "seconds", "env_days_per_second"}
    assert set(document["performance"]) == speed | {"engine", "engine_reason"}


def test_rows_have_an_id_a_name_and_figures(played):
    document = simulation_json(played)
    assert [row["id"] for row in document["by_region"]] == list(played.scenario.regions)
    assert [row["id"] for row in document["by_segment"]] == list(played.scenario.segments)
    assert [row["id"] for row in document["by_channel"]] == list(played.scenario.channels)
    first = document["by_region"][0]
    assert first["name"] == "Germany"
    assert first["contribution_margin"]["mean"] == played.by_region[0].figures["contribution_margin"].mean


def test_the_bridge_sums_to_the_margin(played):
    document = simulation_json(played)
    assert sum(document["bridge"].values()) == pytest.approx(document["kpis"]["contribution_margin"]["mean"])


def test_figures_without_meaning_are_null(make_result):
    """Without media there is no return on it, and one world has no standard error."""
    document = simulation_json(make_result([5.0], media=0.0))
    assert document["kpis"]["roas"] == {"mean": None, "se": None, "low": None, "high": None}
    assert document["kpis"]["contribution_margin"]["se"] is None
    json.loads(json.dumps(document, allow_nan=False))
