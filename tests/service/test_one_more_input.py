"""An input more is one entry in one list: everything that carries arrays follows the schema."""

import asyncio
import struct
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, export_to
from tests.service.test_http import body
from tests.service.test_trouble import TroubledStore, service
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import BundleError
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.schema import Field, Missing, Schema
from xbopt.service.deciding.reading import RequestError
from xbopt.service.deciding.requests import AllocationRequest, request_type
from xbopt.service.exporting import inputs
from xbopt.service.exporting.inputs import Observed, describe
from xbopt.service.http.batches import CONTENT_TYPE
from xbopt.service.store.log_export import export_log
from xbopt.service.store.recording import decode_decision
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions

COVER = [[12.0, 20.0], [3.5, 7.0]]
BATCH = {"content-type": CONTENT_TYPE}


@pytest.fixture
def larger(tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Exported:
    """The bundle of a policy whose requests also tell how long the stock lasts, and which sale is on."""
    known = inputs.request_inputs

    def with_stock(scenario: Scenario, *, channels: bool) -> list[tuple[Field, Observed]]:
        cover = describe("supplier_cover", "days", "how long the stock lasts", axes="BRS", low=0.0)
        sale = describe(
            "sale",
            "",
            "number of the sale",
            axes="B",
            low=0,
            high=9,
            whole=True,
            missing=Missing(rule="value", value=4.0),
        )
        return [
            *known(scenario, channels=channels),
            (cover, lambda seen: np.full(seen.cells.shape[:3], 30.0)),
            (sale, lambda seen: np.full(seen.worlds, 1, dtype=np.int64)),
        ]

    monkeypatch.setattr(inputs, "request_inputs", with_stock)
    return export_to(tmp_path, tactic.policy, tactic.market)


def asked(exported: Exported, name: str, **changes: object) -> dict[str, object]:
    return {**body(exported, decision_id=name), "supplier_cover": COVER, **changes}


def test_one_more_input_travels_everywhere(larger: Exported, tactic: Exported, tmp_path: Path) -> None:
    """Through JSON, bytes and inferences into the store, and from there into replay and log."""
    url = tmp_path / "s.sqlite"

    async def run() -> None:
        store = TroubledStore(url)
        async with service(larger, store) as (client, _):
            answer = await client.post("/v1/allocate", json=asked(larger, "json", sale=7))
            assert answer.status_code == 200, answer.text
            assert (await client.post("/v1/allocate", json=asked(larger, "left-out"))).status_code == 200
            for wrong, message in (
                ({"supplier_cover": None}, "'supplier_cover' is missing"),
                ({"supplier_cover": [[1.0]]}, "supplier_cover needs 2 x 2 numbers"),
                ({"supplier_cover": [[1.0, 1.0], [1.0, -1.0]]}, "0 or more"),
                ({"supplier_cover": [[1.0, 1.0], [1.0, None]]}, "0 or more"),
                ({"sale": 10}, "sale is 10; 0 to 9"),
                ({"sale": 1.5}, "whole numbers"),
                ({"surprise": 1}, "surprise"),
            ):
                refused = await client.post("/v1/allocate", json=asked(larger, "wrong", **wrong))
                assert (refused.status_code, message in refused.json()["detail"]) == (422, True), refused.text

            one = tactic.allocator().reader.one(tactic.request(), "x")
            arrays = [*one.inputs.values(), np.array([COVER]), np.array([7])]
            header = msgspec.json.encode({"batch_id": "bytes", "rows": 1})
            header += b" " * (-len(header) % 8)
            content = struct.pack("<4sI", b"XBB1", len(header)) + header + b"".join(a.tobytes() for a in arrays)
            assert (await client.post("/v1/allocate", content=content, headers=BATCH)).status_code == 200

            model = (await client.get("/v2/models/demo")).json()
            assert {"name": "supplier_cover", "datatype": "FP64", "shape": [-1, 2, 2]} in model["inputs"]
            tensors = [
                {"name": name, "shape": list(array.shape), "datatype": "FP64", "data": array.ravel().tolist()}
                for name, array in one.inputs.items()
                if np.isfinite(array).all()
            ]
            tensors.append({"name": "supplier_cover", "shape": [1, 2, 2], "datatype": "FP64", "data": [COVER]})
            inferred = await client.post("/v2/models/demo/infer", json={"id": "infer", "inputs": tensors})
            assert inferred.status_code == 200, inferred.text

            document = (await client.get("/openapi.json")).json()
            described = document["components"]["schemas"]["AllocationRequest"]["properties"]
            assert {"supplier_cover", "sale"} <= described.keys()

    asyncio.run(run())
    with closing(SqliteStore(url, read_only=True)) as store:
        decisions = {entry.key: decode_decision(entry.payload) for entry in store.entries("decision")}
        assert set(decisions) == {"json", "left-out", "bytes", "infer"}
        for name, decision in decisions.items():
            assert np.frombuffer(decision.inputs["supplier_cover"]).tolist() == np.ravel(COVER).tolist()
            expected = 7 if name in {"json", "bytes"} else 4
            assert np.frombuffer(decision.inputs["sale"], dtype=np.int64).tolist() == [expected]
        assert replay_decisions(store, larger.path).same == 4
        assert export_log(store, tmp_path / "log.parquet").rows == 16
    log = read_decision_log(tmp_path / "log.parquet")
    assert log.schema.context_names[-2:] == ("supplier_cover", "sale")
    assert log.schema.context_units[-2:] == ("days", "")
    assert log.columns.context[:4, -2].tolist() == np.ravel(COVER).tolist()
    assert set(log.columns.context[:4, -1].tolist()) == {7.0}


def test_the_type_of_a_request_follows_the_schema(larger: Exported) -> None:
    reader = larger.allocator().reader
    assert reader.request_type is not AllocationRequest
    assert issubclass(reader.request_type, AllocationRequest)
    request = msgspec.convert(asked(larger, "x"), reader.request_type)
    assert reader.one(request, "x").inputs["supplier_cover"].tolist() == [COVER]
    with pytest.raises(RequestError, match="'supplier_cover' is missing"):
        reader.one(larger.request(), "x")


@pytest.mark.parametrize(
    ("name", "axes"), [("units", "BRS"), ("pace", "B"), ("drifted", "B"), ("a b", "B"), ("deep", "BRSCHF")]
)
def test_an_input_that_no_request_can_hold_is_refused(larger: Exported, name: str, axes: str) -> None:
    schema = larger.allocator().bundle.schema

    def renamed(field: Field) -> Field:
        return msgspec.structs.replace(field, name=name, axes=list(axes)) if field.name == "supplier_cover" else field

    other: Schema = msgspec.structs.replace(schema, inputs=[renamed(field) for field in schema.inputs])
    with pytest.raises(BundleError, match=name):
        request_type(other)


def test_the_features_of_a_bundle_without_more_inputs_are_the_known_ones(tactic: Exported) -> None:
    assert tactic.allocator().reader.request_type is AllocationRequest
