"""Campaigns over HTTP: what is granted is written down, once, by whichever replica, and never more than there is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.service.campaigns import check_store, opening, replicas
from tests.service.conftest import Exported
from xbopt.service.http.problems import CONTENT_TYPE as PROBLEM

Json = dict[str, object]


async def post(client: httpx.AsyncClient, path: str, body: object, status: int = 200) -> dict:
    answer = await client.post(f"/v1/campaigns{path}", json=body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["status"] == status
    return answer.json()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())


def asking(decision: str, date: str, **more: object) -> Json:
    return {"decision_id": decision, "date": date, **more}


def first_day(exported: Exported) -> str:
    return str(exported.market.scenario.start)


def day(exported: Exported, number: int) -> str:
    return str(exported.market.scenario.date_of(number))


def test_a_campaign_from_its_opening_to_its_end(tactic: Exported, store_url: str) -> None:
    async def work() -> None:
        async with replicas(tactic, store_url) as (client,):
            opened = await post(client, "", opening("spring", request="r0"))
            assert (opened["event"], opened["money"]["granted_base"]) == (1, 0.0)
            assert (await post(client, "", opening("spring", request="r0")))["receipt"] == opened["receipt"]
            await post(client, "", opening("spring"), 409)
            made = await post(client, "/spring/allocate", asking("d-1", first_day(tactic)))
            granted = float(np.sum(made["decision"]["spend_base"]))
            assert made["arm"] == "policy" and made["arm_propensity"] == 1.0
            assert made["decision"]["stored"] is True and granted > 0.0
            assert made["left_base"] == pytest.approx(tactic.market.scenario.limits.total_base - granted)
            assert await post(client, "/spring/allocate", asking("d-1", first_day(tactic))) == made
            await post(client, "/spring/allocate", asking("d-1", day(tactic, 1)), 409)
            spent = {"date": first_day(tactic), "figures": {"spend_base": [[[0.5 * granted]]], "orders": [[12.0]]}}
            told = await post(client, "/spring/actuals", {"days": [spent], "request": "r1"})
            assert told["money"]["spent_base"] == pytest.approx(0.5 * granted)
            assert (await post(client, "/spring/actuals", {"days": [spent], "request": "r1"}))["event"] == told["event"]
            over = await post(client, "/spring/allocate", asking("d-2", first_day(tactic)), 409)
            assert "over" in over["detail"]
            proposed = await post(client, "/spring/proposals", {"until": day(tactic, 4), "request": "r2"})
            assert proposed["stands"]["state"] == "open" and proposed["stands"]["first"] == day(tactic, 1)
            assert len(proposed["plan"]["spend_base"]) == 4
            assert (await post(client, "/spring/proposals", {"request": "r2"})) == proposed
            await post(client, "/spring/approvals", {"proposal": "p9"}, 409)
            approved = await post(client, "/spring/approvals", {"proposal": "p1"})
            assert approved["money"]["granted_base"] == pytest.approx(
                0.5 * granted + proposed["stands"]["spend_base"]
            )
            await post(client, "/spring/rollout", {"share": 0.5, "reason": "half"})
            stands = (await client.get("/v1/campaigns/spring")).json()
            assert stands["known_days"] == 1 and stands["rollout"]["share"] == 0.5
            assert stands["proposals"][0]["state"] == "approved"
            await post(client, "/spring/close", {"reason": "done"})
            await post(client, "/spring/allocate", asking("d-3", day(tactic, 9)), 409)
            await post(client, "/spring/proposals", {}, 409)
            late = {"date": day(tactic, 1), "figures": {"orders": [[3.0]]}}
            await post(client, "/spring/actuals", {"days": [late]})
            listed = (await client.get("/v1/campaigns")).json()
            assert [one["campaign"] for one in listed] == ["spring"]

    run(work)
    records = check_store(store_url, tactic)
    assert records["spring"].closed == "done"
