"""Clients that others' programs make from the OpenAPI document, in Python and TypeScript."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.service.clients.conftest import HERE, run, run_json
from tests.service.conftest import Exported, Serve, Served, export_to
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario
from xbopt.simulator.build import build_market


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


@pytest.fixture(scope="module")
def document(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_bytes(httpx.get(f"{served.url}/openapi.json").content)
    return path


@pytest.fixture(scope="module")
def example(document: Path) -> dict[str, object]:
    """The request that the document has as its example."""
    content = json.loads(document.read_text())["paths"]["/v1/allocate"]["post"]["requestBody"]["content"]
    return content["application/json"]["example"]


@pytest.fixture(scope="module")
def typed(document: Path, example: dict[str, object], served: Served, python_clients: Path) -> Any:
    """What a program says that uses a generated package; generating it may warn of nothing."""
    folder = document.parent
    (folder / "settings.yaml").write_text("post_hooks: []\n")
    said = run(
        [python_clients, "-m", "openapi_python_client", "generate", "--path", document, "--meta", "none",
         "--config", folder / "settings.yaml", "--output-path", folder / "shop", "--fail-on-warning"],
    )  # fmt: skip
    assert "warning" not in said.lower()
    (folder / "program.py").write_text((HERE / "generated_program.py").read_text())
    return run_json(
        [python_clients, "program.py"], {"url": served.url, "model": "demo", "request": example}, folder=folder
    )


def spend(tactic: Exported, example: dict[str, Any], key: str) -> list[object]:
    asked = tactic.request(**example, decision_id=key)
    return tactic.allocator().allocate(asked).spend_base[0].tolist()


def test_a_generated_client_in_python_knows_the_type_of_every_answer(typed: Any) -> None:
    assert typed["kinds"] == {
        "allocate": "AllocationAnswer",
        "allocate, wrong": "Problem",
        "outcomes": "OutcomeCounts",
        "bundle": "BundleDescription",
        "bundle.manifest": "Manifest",
        "bundle.schema": "Schema",
        "bundle.guardrails": "Guardrails",
        "live": "Live",
        "ready": "Ready",
        "kill_switch": "KillSwitchState",
        "roll_back, none": "Problem",
        "server_metadata": "ServerMetadata",
        "model_metadata": "ModelMetadata",
        "model_config": "ModelConfig",
        "repository_index": "list",
        "statistics": "StatisticsAnswer",
        "infer": "InferenceAnswer",
        "infer, nobody": "Problem",
    }


def test_a_generated_client_in_python_gets_the_bundle_s_decisions(
    typed: Any, tactic: Exported, example: dict[str, Any]
) -> None:
    part = {**example, "units": ["DE/families"]}
    assert typed["spend"] == [
        spend(tactic, example, "generated-1"),
        spend(tactic, example, "generated-2"),
        spend(tactic, part, "generated-3"),
    ]
    allocator = tactic.allocator()
    inputs = allocator.reader.one(tactic.request(**example), "x").inputs
    made = allocator.decide(allocator.reader.batch(["generated-5/0"], inputs))
    assert {name: np.ravel(array).tolist() for name, array in made.outputs.items()} == typed["inferred"]
    assert (typed["source"], typed["new"]) == ("policy", 1)
    assert typed["inputs"] == ["regions", "cells", "day", "budget_base", "region_base", "channel_base"]
    assert typed["error"][:2] == [422, True]
    assert "regions has the shape" in typed["error"][2]


def test_a_program_in_typescript_is_typed_and_decides(
    document: Path, example: dict[str, Any], served: Served, tactic: Exported, node_clients: Path, tmp_path: Path
) -> None:
    """``tsc`` is strict; the two lines that it has to refuse are marked in the program."""
    (tmp_path / "node_modules").symlink_to(node_clients / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.ts").write_text((HERE / "typed_program.ts").read_text())
    tools = node_clients / "node_modules" / ".bin"
    run([tools / "openapi-typescript", document, "--output", tmp_path / "schema.ts"], folder=tmp_path)
    run(
        [tools / "tsc", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "nodenext",
         "--lib", "es2022,dom", "program.ts"],
        folder=tmp_path,
    )  # fmt: skip
    said = run_json(["node", "program.js", served.url, "demo", json.dumps(example)], folder=tmp_path)
    assert said["spend"] == spend(tactic, example, "typed-1")
    assert (said["source"], said["counted"], said["channels"]) == ("policy", 1, ["search", "social", "email"])
    assert said["refused"][0] == 422
    assert "regions" in said["refused"][1]
    assert "cells" in said["inputs"]
    assert said["lost"] == "There is no model 'nobody'; this service has 'demo'."


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The bundle of a seller whose budget is 28 thousand million, as in Indonesia or Vietnam."""
    market = build_market(load_scenario("quickstart", overrides=["budget.total_base=2.8e10"]))
    return export_to(tmp_path_factory.mktemp("large"), BUILT_IN["greedy_roas"](market), market)


@pytest.mark.parametrize("shape", ["tactic", "direct", "large"])
def test_the_example_in_javascript_decides_as_the_policy_did(
    shape: str, request: pytest.FixtureRequest, repository: Path, node_clients: Path, tmp_path: Path
) -> None:
    """``examples/allocate.mjs`` with onnxruntime-node, on a bundle's golden vectors."""
    exported: Exported = request.getfixturevalue(shape)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for name, content in exported.files.items():
        (bundle / name).write_bytes(content)
    (tmp_path / "node_modules").symlink_to(node_clients / "node_modules")
    (tmp_path / "allocate.mjs").write_text((repository / "examples" / "allocate.mjs").read_text())
    said = run_json(["node", "allocate.mjs", bundle], folder=tmp_path)
    assert said["golden_rows"] == 128
    assert said["within_tolerance"]
    assert said["bundle"] == json.loads(exported.files["manifest.json"])["content_address"]
