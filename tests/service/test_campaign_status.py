"""What is told of a campaign over HTTP beyond its books: how it does, and what the bundle that is served would do."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.service.campaigns import Json, asking, check_store, day, first_day, opening, post, replicas, run
from tests.service.conftest import Command, Exported, export_to
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import BUILT_IN

JUMPED = {"spend_base": [[[3000.0]]], "orders": [[12.0]]}
SPENT = {"spend_base": [[[90.0]]], "orders": [[12.0]]}


def test_the_status_is_that_of_the_command_line(tactic: Exported, tmp_path: Path, command: Command) -> None:
    url, found = f"sqlite:///{tmp_path}/s.sqlite", list[Json]()

    async def work() -> None:
        async with replicas(tactic, url, today=tactic.market.scenario.date_of(2)) as (client,):
            assert (await client.get("/v1/campaigns/spring/status")).status_code == 404
            await post(client, "", opening("spring", decides="plan"))
            await post(client, "/spring/actuals", {"days": [{"date": first_day(tactic), "figures": SPENT}]})
            for _ in range(2):
                found.append((await client.get("/v1/campaigns/spring/status")).json())
            await post(client, "/spring/actuals", {"days": [{"date": day(tactic, 1), "figures": JUMPED}]})
            found.append((await client.get("/v1/campaigns/spring/status")).json())

    run(work)
    code, out, _ = command("campaign", "status", "spring", "--store", url, "--today", day(tactic, 2), "--json")
    assert code == 0
    assert found[0] == found[1]
    assert (found[0]["today"], found[1]["money"]["spent_base"]) == (1, pytest.approx(90.0))
    assert found[2] == json.loads(out)
    assert found[2]["alarms"]
    assert all(alarm["sentence"] for alarm in found[2]["alarms"])


@pytest.mark.parametrize("shape", ["tactic", "direct", "factored"])
def test_what_a_bundle_decides_it_proposes(shape: str, tactic: Exported, direct: Exported, tmp_path: Path) -> None:
    exported = tactic if shape == "tactic" else direct
    if shape == "factored":
        policy = replanning_around(direct.market, BUILT_IN["calendar"](direct.market))
        exported = export_to(tmp_path, FactoredDirect.of(policy, direct.market, 0.3), direct.market)
    found: list[Json] = []

    async def work(url: str) -> None:
        async with replicas(exported, url) as (client,):
            await post(client, "", opening("spring"))
            found.append(await post(client, "/spring/proposals", {"until": day(exported, 5)}))
            if shape == "direct":  # nothing is drawn, so that the same is decided whoever asks
                found.append(await post(client, "/spring/allocate", asking("d", first_day(exported))))
            await post(client, "/spring/approvals", {"proposal": "p1"})

    for n in range(2):
        url = f"sqlite:///{tmp_path}/{n}.sqlite"
        run(partial(work, url))
        record = check_store(url, exported)["spring"]
        assert record.ledger.committed_base[1:6].sum() > 0.0
    proposed = [one for one in found if "plan" in one]
    assert proposed[0]["plan"] == proposed[1]["plan"]
    figures = proposed[0]["stands"]["figures"]
    assert figures["policy"] == exported.allocator().bundle.manifest.name
    assert figures["kind"] == "decided" or (shape == "direct" and figures["kind"] == "carry_on")
    if shape == "direct" and figures["kind"] == "decided":
        np.testing.assert_allclose(proposed[0]["plan"]["spend_base"][0], found[1]["decision"]["spend_base"], atol=1e-6)
