"""What nobody observed is counted and told, wherever a decision goes; too many gaps bring the plan."""

import asyncio
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np

from tests.service.conftest import Exported
from tests.service.test_money import beside_bytes, guarded
from tests.service.test_trouble import TroubledStore, service
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.store.log_export import export_log
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions


def with_gaps(exported: Exported, gaps: int, **changes: object) -> AllocationRequest:
    request = exported.request(**changes)
    places = [(r, s, g) for r in range(2) for s in range(2) for g in range(len(request.cells[0][0]))]
    for r, s, g in places[:gaps]:
        request.cells[r][s][g] = None
    return request


def test_missing_inputs_are_counted_and_told(tactic: Exported, tmp_path: Path) -> None:
    """In answers, metrics, store and log; above a tenth of the features the plan answers."""
    schema = tactic.allocator().bundle.schema
    names = schema.axes["G"]
    numbers = 2 * len(schema.axes["F"]) + 4 * len(names)
    most = numbers // 10

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            for gaps, source, fired in ((0, "policy", []), (most, "policy", []), (most + 1, "plan", ["missing"])):
                request = with_gaps(tactic, gaps, decision_id=f"g{gaps}")
                answer = (await client.post("/v1/allocate", json=msgspec.to_builtins(request))).json()
                assert (answer["filled"], answer["source"], answer["guardrails"]) == (gaps, source, fired)
            one = tactic.allocator().reader.one(tactic.request(), "x").inputs
            cells = one["cells"].copy()
            cells[0, 0, 0, 0] = np.nan
            content = beside_bytes(tactic, 2, "b", one | {"cells": cells})
            header, _ = read_answer(
                (await client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})).content
            )
            assert header.filled == {0: 1, 1: 1}
            metrics = (await client.get("/metrics")).text
            assert f'xbopt_inputs_missing_total{{feature="{names[0]}"}} 4.0' in metrics

    asyncio.run(run())
    with closing(SqliteStore(tmp_path / "s.sqlite", read_only=True)) as store:
        assert replay_decisions(store, tactic.path).same == 5
        report = export_log(store, tmp_path / "log.parquet")
    assert (report.rows, report.filled) == (20, 16)
    log = read_decision_log(tmp_path / "log.parquet")
    assert log.columns.filled is not None
    assert log.columns.missing is not None
    assert log.columns.filled.tolist() == [0] * 4 + [most] * 4 + [most + 1] * 4 + [1] * 8
    first = len(schema.axes["F"])
    # The first cell of the second decision: its first features are gaps, and nothing else is.
    assert np.flatnonzero(log.columns.missing[4]).tolist() == list(range(first, first + most))
    assert not log.columns.missing[5].any()
    mean = schema.features["G"][0].missing.value
    assert log.columns.context[4, first] == mean  # what the policy saw, which nobody observed


def test_how_much_may_be_missing_is_the_planner_s(tactic: Exported, tmp_path: Path) -> None:
    all_gaps = 4 * len(tactic.allocator().bundle.schema.axes["G"])
    never = guarded(tactic, tmp_path, most_missing_frac=1.0).allocator()
    assert never.allocate(with_gaps(tactic, all_gaps)).source == ["policy"]
    at_once = guarded(tactic, tmp_path, most_missing_frac=0.0).allocator()
    assert at_once.allocate(with_gaps(tactic, 1)).guardrails == [["missing"]]
    assert at_once.allocate(tactic.request()).source == ["policy"]


def test_drift_is_counted_by_the_name_of_the_feature(tactic: Exported, tmp_path: Path) -> None:
    request = tactic.request()
    request.regions[0][2] = request.regions[1][2] = 1e9

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            await client.post("/v1/allocate", json=msgspec.to_builtins(request))
            assert 'xbopt_inputs_drifted_total{feature="demand_index"} 1.0' in (await client.get("/metrics")).text

    asyncio.run(run())
