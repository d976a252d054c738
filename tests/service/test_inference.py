"""Details of the inference protocol: types, shapes, missing values, limits, and bytes behind the JSON."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, Served
from tests.service.test_http import columns
from xbopt.service.deciding.allocator import Allocation

INFER = "/v2/models/demo/infer"
LENGTH = "inference-header-content-length"
TYPES = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "i1",
    "UINT64": "<u8", "UINT32": "<u4", "UINT16": "<u2", "UINT8": "u1", "BOOL": "?",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(serve: Serve, tactic: Exported) -> Served:
    return serve(tactic.path)


def rows_of(tactic: Exported, rows: int) -> dict[str, np.ndarray]:
    """All inputs but the caps."""
    return {name: np.repeat(array, rows, axis=0) for name, array in columns(tactic).items() if np.isfinite(array).all()}


def tensor(name: str, array: np.ndarray, **changes: object) -> dict[str, object]:
    kind = "INT64" if array.dtype.kind == "i" else "FP64"
    return {"name": name, "shape": list(array.shape), "datatype": kind, "data": array.ravel().tolist(), **changes}


def asked(arrays: dict[str, np.ndarray], request_id: str, **changes: object) -> dict[str, object]:
    return {"id": request_id, "inputs": [tensor(name, array) for name, array in arrays.items()], **changes}


def in_bytes(arrays: dict[str, np.ndarray], request_id: str, kinds: dict[str, str], **changes: Any) -> httpx.Request:
    """A request with every tensor behind the JSON, in a type of its own where one is named."""
    parts, inputs = [], []
    for name, array in arrays.items():
        kind = kinds.get(name, "INT64" if name == "day" else "FP64")
        parts.append(array.astype(TYPES[kind]).tobytes())
        inputs.append(
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": kind,
                "parameters": {"binary_data_size": len(parts[-1])},
            }
        )
    text = json.dumps({"id": request_id, "inputs": inputs, **changes}).encode()
    return httpx.Request("POST", f"http://x{INFER}", content=text + b"".join(parts), headers={LENGTH: str(len(text))})


def send(served: Served, request: httpx.Request, **headers: str) -> httpx.Response:
    with served.client() as client:
        return client.post(INFER, content=request.content, headers={LENGTH: request.headers[LENGTH], **headers})


def made(tactic: Exported, arrays: dict[str, np.ndarray], key: str) -> Allocation:
    allocator = tactic.allocator()
    return allocator.decide(allocator.reader.batch([f"{key}/{row}" for row in range(len(arrays["day"]))], arrays))


def outputs(answer: httpx.Response) -> dict[str, np.ndarray]:
    """Outputs by name, from the JSON or from behind it."""
    length = int(answer.headers.get(LENGTH, len(answer.content)))
    told, behind, used, found = json.loads(answer.content[:length]), answer.content[length:], 0, {}
    for one in told["outputs"]:
        kind = TYPES[one["datatype"]]
        if "data" in one:
            flat = np.array(one["data"], dtype=kind)
        else:
            size = one["parameters"]["binary_data_size"]
            flat = np.frombuffer(behind[used : used + size], dtype=kind)
            used += size
        found[one["name"]] = flat.reshape(one["shape"])
    assert used == len(behind)
    return found


def assert_same(answer: httpx.Response, wanted: Allocation) -> None:
    assert answer.status_code == 200, answer.text
    found = outputs(answer)
    assert found.keys() == wanted.outputs.keys()
    assert all(np.array_equal(found[name], array) for name, array in wanted.outputs.items())


@pytest.mark.parametrize("rows", [1, 3, 300])
@pytest.mark.parametrize("how", ["json", "nested", "bytes"])
def test_many_rows_are_decided_as_the_bundle_decides_them(
    served: Served, tactic: Exported, rows: int, how: str
) -> None:
    arrays, key = rows_of(tactic, rows), f"{how}-{rows}"
    if how == "bytes":
        answer = send(served, in_bytes(arrays, key, {}, parameters={"binary_data_output": True}))
        assert answer.headers["content-type"] == "application/octet-stream"
    else:
        request = asked(arrays, key)
        if how == "nested":
            request["inputs"] = [tensor(name, array, data=array.tolist()) for name, array in arrays.items()]
        with served.client() as client:
            answer = client.post(INFER, json=request)
        assert answer.json()["id"] == key
        assert LENGTH not in answer.headers
    assert_same(answer, made(tactic, arrays, key))


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "BOOL"])
def test_numbers_of_every_type_are_read(served: Served, tactic: Exported, kind: str) -> None:
    """The budget is small enough to be exact in most; 64 fits them all."""
    arrays = rows_of(tactic, 2) | {"budget_base": np.full(2, 64.0), "day": np.array([0, 1])}
    answer = send(served, in_bytes(arrays, f"kind-{kind}", {"budget_base": kind, "day": kind}))
    assert_same(answer, made(tactic, arrays, f"kind-{kind}"))


def test_bytes_that_begin_at_an_odd_place_are_read(served: Served, tactic: Exported) -> None:
    arrays = rows_of(tactic, 2)
    for shift in range(8):
        request = in_bytes(arrays, f"odd-{shift}", {}, filler="x" * shift)
        assert_same(send(served, request), made(tactic, arrays, f"odd-{shift}"))


def test_a_missing_feature_is_null_in_json_and_nan_in_bytes(served: Served, tactic: Exported) -> None:
    """Python's clients write NaN into JSON, too."""
    arrays = rows_of(tactic, 1)
    arrays["cells"] = arrays["cells"].copy()
    arrays["cells"][0, 0, 0, 0] = np.nan
    wanted = made(tactic, arrays, "missing")
    text = json.dumps(asked(arrays, "missing"))
    assert "NaN" in text
    with served.client() as client:
        assert_same(client.post(INFER, content=text), wanted)
        again = client.post(INFER, content=text.replace("NaN", "null"))
    assert again.status_code == 200
    assert np.array_equal(outputs(again)["spend_base"], wanted.spend_base)
    assert np.array_equal(
        outputs(send(served, in_bytes(arrays, "missing-b", {})))["spend_base"],
        made(tactic, arrays, "missing-b").spend_base,
    )


@pytest.mark.parametrize("cap", ["null", "Infinity", "1e300"])
def test_no_cap_is_null_or_infinite(served: Served, tactic: Exported, cap: str) -> None:
    arrays = rows_of(tactic, 1)
    request = asked(arrays, f"cap-{cap}")
    request["inputs"].append(tensor("region_base", np.array([[7.0, 7.0]])))  # type: ignore[attr-defined]
    text = json.dumps(request).replace("[7.0, 7.0]", f"[{cap}, {cap}]")
    with served.client() as client:
        answer = client.post(INFER, content=text)
    assert np.array_equal(outputs(answer)["spend_base"], made(tactic, arrays, f"cap-{cap}").spend_base)


@pytest.mark.parametrize("how", ["NaN", "-Infinity", "-1.0", "bytes"])
def test_a_cap_that_says_nothing_is_refused(served: Served, tactic: Exported, how: str) -> None:
    """NaN comes from a sum that went wrong: no cap would be the dearest way to read it."""
    arrays = rows_of(tactic, 1)
    if how == "bytes":
        answer = send(served, in_bytes({**arrays, "region_base": np.array([[np.nan, 7.0]])}, "cap-wrong", {}))
    else:
        request = asked(arrays, "cap-wrong")
        request["inputs"].append(tensor("region_base", np.array([[7.0, 7.5]])))  # type: ignore[attr-defined]
        with served.client() as client:
            answer = client.post(INFER, content=json.dumps(request).replace("7.5", how))
    assert answer.status_code == 422
    assert "region_base" in answer.json()["error"]


def changed(request: dict[str, Any], name: str, changes: dict[str, object]) -> dict[str, Any]:
    inputs = [one | changes if one["name"] == name else one for one in request["inputs"]]
    return request | {"inputs": [{key: x for key, x in one.items() if x is not None} for one in inputs]}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("day", {"shape": [0], "data": []}, "1 to 65536 rows"),
        ("day", {"shape": [-1]}, "`int` >= 0"),
        ("day", {"shape": [2**31]}, "`int` <= 65536"),
        ("day", {"shape": [1.5]}, "Expected `int`"),
        ("day", {"shape": [1] * 7}, "length <= 6"),
        ("day", {"shape": []}, "1 to 65536 rows"),
        ("cells", {"shape": [65536] * 6, "data": []}, "hold 0 numbers"),
        ("cells", {"shape": [65536] * 4, "data": []}, "hold 0 numbers"),
        ("cells", {"shape": [0], "data": []}, "is wanted"),
        ("cells", {"datatype": "BYTES"}, "has the type BYTES"),
        ("cells", {"datatype": "BF16"}, "has the type BF16"),
        ("cells", {"data": None}, "has no data"),
        ("cells", {"data": ["1.0"]}, "Expected"),
        ("cells", {"data": [[1.0], [1.0, 2.0]]}, "unequal length"),
        ("channel_base", {"shape": [1, 3], "data": [[7.0], [7.0], [7.0]]}, "nested as [3, 1]; the shape says [1, 3]"),
        ("budget_base", {"data": [[700.0]]}, "nested as [1, 1]; the shape says [1]"),
        ("cells", {"parameters": {"binary_data_size": 8}}, "both in the JSON and behind it"),
        ("cells", {"parameters": {"shared_memory_region": "a"}}, "shared memory"),
        ("day", {"data": [0.5]}, "whole numbers"),
        ("day", {"data": [None]}, "whole numbers"),
        ("day", {"data": [1e300]}, "whole numbers"),
        ("budget_base", {"data": [-1.0]}, "budget_base is -1"),
        ("budget_base", {"name": "day"}, "comes twice"),
        ("budget_base", {"name": "surprise"}, "There is no input 'surprise'"),
    ],
)  # fmt: skip
def test_a_tensor_that_makes_no_sense_is_refused(
    served: Served, tactic: Exported, name: str, changes: dict[str, object], words: str
) -> None:
    arrays = rows_of(tactic, 1) | {"channel_base": np.full((1, 3), 7.0)}
    with served.client() as client:
        answer = client.post(INFER, json=changed(asked(arrays, "wrong"), name, changes))
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["error"]
    assert answer.json()["error"] == answer.json()["detail"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body, length: (body, b"-1"), "has to be the number of bytes of JSON"),
        (lambda body, length: (body, b"99999999"), "has to be the number of bytes of JSON"),
        (lambda body, length: (body, b"9" * 40), "has to be the number of bytes of JSON"),
        (lambda body, length: (body, b"x"), "has to be the number of bytes of JSON"),
        (lambda body, length: (body + b"x", length), "The last 1 bytes of the body belong to no input"),
        (lambda body, length: (body[:-1], length), "behind the JSON; "),
        (lambda body, length: (body[: int(length)], length), "behind the JSON; 0 are left"),
        (lambda body, length: (body.replace(b'size": 8', b'size": 7', 1), length), "its shape needs 8 bytes"),
        (lambda body, length: (body.replace(b'size": 8', b'size":-8', 1), length), "its shape needs 8 bytes"),
    ],
)  # fmt: skip
def test_bytes_that_do_not_fit_their_json_are_refused(
    served: Served, tactic: Exported, change: Any, words: str
) -> None:
    request = in_bytes(rows_of(tactic, 1), "bytes", {})
    content, length = change(request.content, request.headers[LENGTH].encode())
    with served.client() as client:
        answer = client.post(INFER, content=content, headers={LENGTH: length.decode()})
    assert answer.status_code in {400, 422}
    assert words in answer.json()["error"]


def test_a_request_for_another_schema_is_refused(served: Served, tactic: Exported) -> None:
    arrays = rows_of(tactic, 1)
    right = tactic.allocator().schema_sha256
    with served.client() as client:
        asked_for = [
            client.post(INFER, json=asked(arrays, f"schema-{i}", parameters={"schema_sha256": one})).status_code
            for i, one in enumerate((right, "0" * 64, 1))
        ]
    assert asked_for == [200, 422, 422]


def test_an_output_that_is_not_there_is_refused_before_anything_is_decided(served: Served, tactic: Exported) -> None:
    arrays = rows_of(tactic, 1)
    with served.client() as client:
        for name in ("nothing", "allowed_mass"):
            refused = client.post(INFER, json=asked(arrays, "output-1", outputs=[{"name": name}]))
            assert refused.status_code == 422
        other = client.post(INFER, json=asked(arrays | {"budget_base": np.array([5.0])}, "output-1"))
    assert other.status_code == 200, "the id is still free"


def test_the_same_body_gives_the_same_answer_whatever_is_wished_for(served: Served, tactic: Exported) -> None:
    arrays = rows_of(tactic, 2)
    first = send(served, in_bytes(arrays, "twice", {}))
    wished = send(
        served, in_bytes(arrays, "twice", {}, outputs=[{"name": "spend_base", "parameters": {"binary_data": True}}])
    )
    assert outputs(wished).keys() == {"spend_base"}
    assert np.array_equal(outputs(first)["spend_base"], outputs(wished)["spend_base"])
    other = send(served, in_bytes(arrays | {"budget_base": np.array([5.0, 6.0])}, "twice", {}))
    assert other.status_code == 409


def test_a_body_above_the_limit_is_refused_on_this_route_too(serve: Serve, tactic: Exported) -> None:
    served = serve(tactic.path, "--max-body-mb", "1")
    answer = send(served, in_bytes(rows_of(tactic, 4000), "large", {}))
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/v2/models/demo/versions/2.0.0", "/v2/models/x", "/v2/models/demo/versions/1.0.0/x"])
def test_what_is_not_there_is_said_in_the_field_that_clients_read(served: Served, path: str) -> None:
    with served.client() as client:
        answers = [client.get(f"{path}{end}") for end in ("", "/ready", "/config", "/stats")]
        answers.append(client.post(f"{path}/infer", json={"inputs": []}))
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["error"].startswith("There is no ")
        assert answer.headers["content-type"] == "application/json"
