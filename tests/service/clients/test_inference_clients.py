"""The inference protocol as tritonclient and KServe's client speak it, with their defaults."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.service.clients.conftest import HERE, run_json
from tests.service.conftest import Exported, Serve, Served
from xbopt.service.deciding.allocator import Allocation

ROWS = 2


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


@pytest.fixture(scope="module")
def inputs(tactic: Exported) -> dict[str, np.ndarray]:
    """Two different days, without the caps, which may be left out."""
    days = [tactic.allocator().reader.one(tactic.request(step=step), "x").inputs for step in range(ROWS)]
    return {name: np.concatenate([day[name] for day in days]) for name in days[0] if np.isfinite(days[0][name]).all()}


def decided(tactic: Exported, inputs: dict[str, np.ndarray], key: str) -> Allocation:
    """What the bundle itself decides."""
    allocator = tactic.allocator()
    return allocator.decide(allocator.reader.batch([f"{key}/{row}" for row in range(ROWS)], inputs))


def given(served: Served, inputs: dict[str, np.ndarray], **more: object) -> dict[str, object]:
    return {"url": served.url, "model": "demo", "inputs": {name: one.tolist() for name, one in inputs.items()}, **more}


@pytest.fixture(scope="module")
def triton(served: Served, python_clients: Path, inputs: dict[str, np.ndarray]) -> Any:
    host = served.url.removeprefix("http://")
    asked = given(served, inputs, version="1.0.0", regions=2) | {"url": host}
    return run_json([python_clients, HERE / "triton_program.py"], asked)


@pytest.fixture(scope="module")
def kserve(served: Served, python_clients: Path, inputs: dict[str, np.ndarray]) -> Any:
    return run_json([python_clients, HERE / "kserve_program.py"], given(served, inputs))


def assert_same(told: Any, made: Allocation, names: set[str] | None = None) -> None:
    """Every output is the bundle's own, to the last bit."""
    wanted = {name: array for name, array in made.outputs.items() if names is None or name in names}
    assert told["outputs"].keys() == wanted.keys()
    for name, array in wanted.items():
        assert np.array_equal(np.array(told["outputs"][name]), array), name


def test_tritonclient_sends_and_gets_bytes_by_default(
    triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]
) -> None:
    told = triton["defaults"]
    made = decided(tactic, inputs, "triton-1")
    assert_same(told, made)
    assert set(told["as_bytes"]) == made.outputs.keys()
    assert told["id"] == "triton-1"
    assert told["parameters"]["bundle"] == tactic.allocator().address
    assert told["parameters"]["stored"] is True


def test_tritonclient_meets_a_decision_again(triton: Any) -> None:
    first, again = (dict(triton[case]["outputs"]) for case in ("defaults", "again"))
    # Probabilities are stored as float32, each off by at most 2^-25 of itself, and their sum of 1 likewise.
    assert np.allclose(first.pop("probabilities"), again.pop("probabilities"), rtol=2.0**-23, atol=0.0)
    assert again == first
    status, text = triton["errors"]["other"]
    assert status == "409"
    assert "triton-1" in text


def test_tritonclient_may_mix_bytes_and_json(triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    assert_same(triton["json"], decided(tactic, inputs, "triton-2"), {"spend_base"})
    assert triton["json"]["as_bytes"] == []
    assert_same(triton["mixed"], decided(tactic, inputs, "triton-3"), {"spend_base", "tactic"})
    assert triton["mixed"]["as_bytes"] == ["tactic"]


def test_tritonclient_may_name_the_version(triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    assert_same(triton["versioned"], decided(tactic, inputs, "triton-4"))
    assert triton["model_ready"] == [True, True, False]


def test_tritonclient_may_send_narrower_numbers(triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    narrow = {name: array if name == "day" else np.float64(np.float32(array)) for name, array in inputs.items()}
    assert_same(triton["narrow"], decided(tactic, narrow, "triton-5"))


def test_tritonclient_may_send_infinite_caps(triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    """As bytes, and as the ``Infinity`` that it writes into JSON."""
    for told, key in zip(triton["caps"], ("triton-6", "triton-7"), strict=True):
        assert_same({"outputs": told}, decided(tactic, inputs, key))


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        ("model", "404", "There is no model 'nobody'; this service has 'demo'."),
        ("version", "404", "There is no version '99' of 'demo'; this service has '1.0.0'."),
        ("metadata", "404", "There is no model 'nobody'; this service has 'demo'."),
        ("few", "422", "1 to 65536 rows"),
        ("gzip", "415", "Send the body as it is, without content-encoding."),
        ("deflate", "415", "Send the body as it is, without content-encoding."),
        ("output", "422", "There is no output 'nothing'"),
        ("classes", "422", "'tactic' is no classification"),
        ("sequence", "422", "There are no sequences here"),
        ("memory", "404", "There is no /v2/systemsharedmemory/region/a/register"),
        ("load", "404", "There is no /v2/repository/models/demo/load"),
    ],
)  # fmt: skip
def test_tritonclient_raises_its_own_exception_with_our_words(triton: Any, case: str, status: str, words: str) -> None:
    found = triton["errors"][case]
    assert found[0] == status
    assert words in found[1]


def test_tritonclient_learns_about_the_model(triton: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    metadata, config = triton["metadata"], triton["config"]
    shapes = {one["name"]: (one["datatype"], one["shape"]) for one in metadata["inputs"]}
    assert shapes["cells"] == ("FP64", [-1, *inputs["cells"].shape[1:]])
    assert shapes["day"] == ("INT64", [-1])
    assert [one["name"] for one in metadata["outputs"]] == list(decided(tactic, inputs, "x").outputs)
    assert {one["name"]: one["dims"] for one in config["input"]}["cells"] == list(inputs["cells"].shape[1:])
    assert config["max_batch_size"] == 65_536
    assert config["parameters"]["bundle"]["string_value"] == tactic.allocator().address
    assert triton["index"] == [{"name": "demo", "version": "1.0.0", "state": "READY", "reason": ""}]
    assert triton["server"]["extensions"] == ["binary_tensor_data", "model_configuration", "statistics"]
    assert triton["live"]
    assert triton["ready"]


def test_tritonclient_learns_how_the_model_was_used(triton: Any) -> None:
    """Ten answers of two decisions each, the last of them compressed by nobody; and seven refusals of the model."""
    (model,) = triton["statistics"]["model_stats"]
    assert (model["name"], model["version"]) == ("demo", "1.0.0")
    assert model["inference_stats"]["success"]["count"] == model["execution_count"] == 9
    assert model["inference_count"] == 9 * ROWS
    # few, other, output, classes and sequence; the other errors never reach the model.
    assert model["inference_stats"]["fail"]["count"] == 5
    assert model["inference_stats"]["success"]["ns"] > 0
    assert triton["all_statistics"]["model_stats"] == [model]
    assert triton["compressed_answer"] == triton["defaults"]["outputs"]["spend_base"]


def test_kserve_s_client_sends_bytes_by_default(kserve: Any, tactic: Exported, inputs: dict[str, np.ndarray]) -> None:
    assert_same(kserve["defaults"], decided(tactic, inputs, "kserve-1"))
    assert kserve["defaults"]["id"] == "kserve-1"
    assert kserve["defaults"]["parameters"]["stored"] is True


def test_kserve_s_client_may_send_json_and_ask_for_bytes(
    kserve: Any, tactic: Exported, inputs: dict[str, np.ndarray]
) -> None:
    assert_same(kserve["json"], decided(tactic, inputs, "kserve-2"))
    assert_same(kserve["bytes"], decided(tactic, inputs, "kserve-3"), {"spend_base", "tactic"})
    assert_same(kserve["all_bytes"], decided(tactic, inputs, "kserve-4"))


def test_kserve_s_client_sees_health_and_reads_our_errors(kserve: Any) -> None:
    assert (kserve["live"], kserve["ready"], kserve["model_ready"]) == (True, True, [True, False])
    assert "There is no model 'nobody'; this service has 'demo'., '404 Not Found'" in kserve["errors"]["model"]
    assert "1 to 65536 rows" in kserve["errors"]["few"]
