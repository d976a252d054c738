"""Campaigns over HTTP: what is granted is written down, once, by whichever replica, and never more than there is."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

import xbopt
from tests.service.campaigns import (
    asking,
    check_store,
    day,
    first_day,
    opening,
    post,
    replicas,
    run,
    scaled_plan,
)
from tests.service.conftest import Exported, export_to, rng
from tests.service.test_trouble import TroubledStore
from xbopt.agents.policies import BUILT_IN
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.deciding.draws import arm_uniform
from xbopt.service.store.log_export import export_log
from xbopt.service.store.opening import open_store
from xbopt.simulator.build import build_market


def test_a_campaign_from_its_opening_to_its_end(tactic: Exported, store_url: str) -> None:
    async def work() -> None:
        async with replicas(tactic, store_url, today=tactic.market.scenario.date_of(1)) as (client,):
            opened = await post(client, "", opening("spring", request="r0"))
            assert (opened["event"], opened["money"]["granted_base"]) == (1, 0.0)
            assert (await post(client, "", opening("spring", request="r0")))["receipt"] == opened["receipt"]
            await post(client, "", opening("spring"), 409)
            made = await post(client, "/spring/allocate", asking("d-1", first_day(tactic)))
            granted = float(np.sum(made["decision"]["spend_base"]))
            assert made["arm"] == "policy"
            assert made["arm_propensity"] == 1.0
            assert made["decision"]["stored"] is True
            assert granted > 0.0
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
            assert proposed["stands"]["state"] == "open"
            assert proposed["stands"]["first"] == day(tactic, 1)
            assert len(proposed["plan"]["spend_base"]) == 4
            assert (await post(client, "/spring/proposals", {"until": day(tactic, 4), "request": "r2"})) == proposed
            # The name of a request stands for its body.
            await post(client, "/spring/proposals", {"request": "r2"}, 409)
            await post(client, "", opening("spring", request="r0", four_eyes=True), 409)
            await post(client, "/spring/actuals", {"days": [{**spent, "date": day(tactic, 1)}], "request": "r1"}, 409)
            await post(client, "/spring/approvals", {"proposal": "p9"}, 409)
            approved = await post(client, "/spring/approvals", {"proposal": "p1"})
            assert approved["money"]["granted_base"] == pytest.approx(0.5 * granted + proposed["stands"]["spend_base"])
            await post(client, "/spring/rollout", {"share": 0.5, "reason": "half"})
            stands = (await client.get("/v1/campaigns/spring")).json()
            assert stands["known_days"] == 1
            assert stands["rollout"]["share"] == 0.5
            assert stands["proposals"][0]["state"] == "approved"
            early = await post(client, "/spring/close", {"reason": "done"}, 409)
            assert "days to come" in early["detail"]
            await post(client, "/spring/close", {"reason": "done", "early": True})
            await post(client, "/spring/allocate", asking("d-3", day(tactic, 9)), 409)
            await post(client, "/spring/proposals", {}, 409)
            late = {"date": first_day(tactic), "figures": {"orders": [[3.0]]}}
            await post(client, "/spring/actuals", {"days": [late]})
            listed = (await client.get("/v1/campaigns")).json()
            assert [one["campaign"] for one in listed] == ["spring"]

    run(work)
    records = check_store(store_url, tactic)
    assert records["spring"].closed == "done"
    event = records["spring"].decisions[0].days.days()
    np.testing.assert_array_equal(records["spring"].discount_frac[0], event.discount_frac[0])


def test_two_replicas_never_grant_the_same_money(tactic: Exported, store_url: str) -> None:
    """Random campaigns, asked by two services at once for the same days and cells, with proposals in between."""
    random = rng(7)
    names = [f"c{n}" for n in range(4)]

    async def campaign(clients: list[httpx.AsyncClient], name: str) -> None:
        units = ["DE/families", "DE/students", "UK/families", "UK/students"]

        async def ask(number: int) -> httpx.Response:
            pair = number // 2
            some = {} if pair % 3 else {"units": [units[pair % 4], units[(pair + 1) % 4]]}
            body = asking(f"{name}-{pair}", day(tactic, pair % 4), **some)
            return await clients[number % 2].post(f"/v1/campaigns/{name}/allocate", json=body)

        answers = await asyncio.gather(
            *(ask(number) for number in range(16)),
            clients[0].post(f"/v1/campaigns/{name}/proposals", json={"first": day(tactic, 6)}),
            clients[1].post(f"/v1/campaigns/{name}/proposals", json={"first": day(tactic, 8)}),
        )
        assert {answer.status_code for answer in answers[:16]} == {200}
        # A proposal may lose its money to decisions again and again while it is worked out; then it says so.
        assert {answer.status_code for answer in answers[16:]} <= {200, 409}
        for one, other in zip(answers[:16:2], answers[1:16:2], strict=True):
            assert one.json()["decision"] == other.json()["decision"]  # both replicas were asked for it

    async def work() -> None:
        async with replicas(tactic, store_url, count=2, propose=scaled_plan) as clients:
            for name in names:
                share = {"share": float(random.choice([0.05, 0.5, 1.0]))}
                await post(clients[0], "", opening(name))
                await post(clients[1], f"/{name}/rollout", share)
            await asyncio.gather(*(campaign(clients, name) for name in names))
            metrics = [(await client.get("/metrics")).text for client in clients]
        assert any("xbopt_campaign_conflicts_total" in page for page in metrics)

    run(work)
    records = check_store(store_url, tactic)
    assert set(records) == set(names)
    assert all(len(record.decisions) == 8 for record in records.values())


def test_a_day_is_shared_by_its_customers(tactic: Exported, tmp_path: Path) -> None:
    """Many customers of one cell on one day: together they keep the day's limit, and the last get nothing."""
    url, most = f"sqlite:///{tmp_path}/s.sqlite", tactic.market.scenario.limits.daily_base

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
            granted = [
                float(np.sum(made["decision"]["spend_base"]))
                for n in range(14)
                if (made := await post(client, "/spring/allocate", asking(f"d-{n}", first_day(tactic))))
            ]
        assert sum(granted) <= most
        assert sum(granted) == pytest.approx(most)
        assert granted[-1] < 1e-6 < granted[0]

    run(work)
    check_store(url, tactic)


def test_a_roll_out_shares_decisions_by_their_names(tactic: Exported, tmp_path: Path) -> None:
    """Arms are drawn by name; the plan's decisions are the campaign's plan, and leave the log."""
    url, count = f"sqlite:///{tmp_path}/s.sqlite", 40
    scenario = tactic.market.scenario

    async def work() -> None:
        async with replicas(tactic, url, shadow=tactic) as (client,):
            await post(client, "", opening("spring", plan="baseline"))
            await post(client, "/spring/rollout", {"share": 0.3})
            plan = BUILT_IN["baseline"](build_market(load_scenario("quickstart"))).spend_base
            arms = []
            for n in range(count):
                asked = asking(f"d-{n}", day(tactic, n % scenario.days), units=["DE/families"])
                made = await post(client, "/spring/allocate", asked)
                arms.append(made["arm"])
                assert made["arm"] == ("policy" if arm_uniform(f"d-{n}") < 0.3 else "incumbent")
                assert made["arm_propensity"] == pytest.approx(0.3 if made["arm"] == "policy" else 0.7)
                told = made["decision"]
                if made["arm"] == "incumbent":
                    assert (told["source"], told["policy"]) == ("incumbent", "incumbent")
                    assert np.all(np.array(told["tactic"]) == -1)
                    assert not np.any(told["propensity"])
                    if n < scenario.days:
                        np.testing.assert_allclose(told["spend_base"][0][0], plan[n, 0, 0])
            assert 0.05 * count < arms.count("policy") < 0.6 * count
            # Rewards come for all of them; the policy earns more.
            outcomes = [
                {"decision_id": f"d-{n}", "unit": "DE/families", "reward": 10.0 * (arm == "policy") + n % 3}
                for n, arm in enumerate(arms)
            ]
            assert (await client.post("/v1/outcomes", json=outcomes)).status_code == 200
            stands = (await client.get("/v1/campaigns/spring")).json()["rollout"]
            by_arm = {one["arm"]: one for one in stands["arms"]}
            assert by_arm["policy"]["told"] == arms.count("policy")
            assert by_arm["policy"]["mean"] - by_arm["incumbent"]["mean"] == pytest.approx(10.0, abs=1.0)
            assert stands["advice"] == "continue"
            assert stands["low"] is None
            correction = {**outcomes[0], "reward": 1000.0, "revision": 7}
            assert (await client.post("/v1/outcomes", json=correction)).status_code == 200
            again = (await client.get("/v1/campaigns/spring")).json()["rollout"]
            assert again["arms"] != stands["arms"]

    run(work)
    check_store(url, tactic)
    with closing(open_store(url)) as store:
        report = export_log(store, tmp_path / "log.parquet")
    assert report.incumbent > 0
    assert report.rows + report.held == count - report.incumbent // 4
    # The log of a campaign is read as any other: what the policy earned stands beside what another would have.
    judged = xbopt.evaluate(tmp_path / "log.parquet", policy="uniform")
    assert judged.result.rows > 0
    assert np.isfinite(judged.result.logging_policy.value)


def test_what_still_holds_is_carried_on(tactic: Exported, tmp_path: Path) -> None:
    """A bundle that decides every seven days draws on the first of them, and carries on until the next."""
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
            told = [
                (await post(client, "/spring/allocate", asking(f"d-{n}", day(tactic, n))))["decision"] for n in range(9)
            ]
        every = tactic.allocator().bundle.schema.decide_every_days
        assert every > 1
        for n, one in enumerate(told):
            assert one["tactic"] == told[n - n % every]["tactic"]
            assert one["source"] == ("held" if n % every else "policy")

    run(work)
    check_store(url, tactic)


def test_two_approvals_at_once_are_one(tactic: Exported, store_url: str) -> None:
    async def work() -> None:
        async with replicas(tactic, store_url, count=2) as clients:
            await post(clients[0], "", opening("spring", decides="plan"))
            await post(clients[0], "/spring/proposals", {"until": day(tactic, 20)})
            answers = await asyncio.gather(
                *(client.post("/v1/campaigns/spring/approvals", json={"proposal": "p1"}) for client in clients)
            )
        assert sorted(answer.status_code for answer in answers) == [200, 409]

    run(work)
    assert check_store(store_url, tactic)["spring"].number == 3


def test_no_money_is_granted_that_nobody_wrote_down(tactic: Exported, tmp_path: Path) -> None:
    """Where the store fails there is no answer of a plan, whatever the guardrails say of other decisions."""
    rules = {"on_store_failure": "fallback"}
    falling = export_to(tmp_path, tactic.policy, tactic.market, **_guardrails(tactic, rules))
    store = TroubledStore(tmp_path / "s.sqlite")

    async def work() -> None:
        async with replicas(falling, store) as (client,):
            await post(client, "", opening("spring"))
            store.trouble = "database or disk is full."
            told = await post(client, "/spring/allocate", asking("d", first_day(tactic)), 503)
            assert "its disk is full" in told["detail"]
            store.trouble = ""
            stands = (await client.get("/v1/campaigns/spring")).json()
            assert stands["money"]["granted_base"] == 0.0
            assert stands["decisions"] == 0
            made = await post(client, "/spring/allocate", asking("d", first_day(tactic)))
            assert made["decision"]["stored"] is True

    run(work)


def _guardrails(exported: Exported, changes: dict[str, object]) -> dict[str, object]:
    import msgspec

    from xbopt.service.exporting.description import build_guardrails

    return {"guardrails": msgspec.structs.replace(build_guardrails(exported.market.scenario), **changes)}


def test_the_kill_switch_stops_campaigns_too(tactic: Exported, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("spring"))
            await post(client, "/spring/rollout", {"share": 0.0})
            assert (await client.post("/v1/admin/kill-switch", json={"on": True, "mode": "zero"})).status_code == 200
            made = await post(client, "/spring/allocate", asking("d", first_day(tactic)))
            assert made["decision"]["source"] == "stopped"
            assert not np.any(made["decision"]["spend_base"])

    run(work)
    check_store(url, tactic)


def test_features_and_money_are_those_of_the_campaign(tactic: Exported, tmp_path: Path) -> None:
    """What the bundle is asked is what the simulated seller sees, once all that really came was told."""
    from tests.campaigns.campaigns_played import play_campaign
    from xbopt.service.store.recording import allocation_of, decode_decision

    url = f"sqlite:///{tmp_path}/s.sqlite"
    told, _, seen, _ = play_campaign(tactic.market, 6, policy=BUILT_IN["calendar"](tactic.market))

    async def work() -> None:
        async with replicas(tactic, url, today=tactic.market.scenario.date_of(6)) as (client,):
            await post(client, "", opening("spring"))
            days = [
                {
                    "date": day(tactic, one.day),
                    "figures": {name: _known(array) for name, array in one.figures.items()},
                }
                for one in told
                if one.day >= 0
            ]
            text = json.dumps({"days": days}).replace("NaN", "null")
            answer = await client.post(
                "/v1/campaigns/spring/actuals", content=text, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 200, answer.text
            await post(client, "/spring/allocate", asking("d", day(tactic, 6)))

    run(work)
    with closing(open_store(url)) as store:
        entry = store.find("decision", "d")
        assert entry is not None
        batch = allocation_of(decode_decision(entry.payload), tactic.allocator().bundle.schema).batch
    np.testing.assert_allclose(batch.inputs["regions"], seen[-1].regions, atol=1e-9)
    np.testing.assert_allclose(batch.inputs["cells"], seen[-1].cells, atol=1e-9)
    np.testing.assert_allclose(batch.remaining.budget_base, seen[-1].remaining.budget_base)
    assert batch.previous_base is not None
    np.testing.assert_allclose(batch.previous_base[0], told[-1].figures["spend_base"])


def _known(array: np.ndarray) -> object:
    return np.where(np.isfinite(array), array, np.nan).tolist()


def test_a_planned_campaign_keeps_its_money_in_its_days(tactic: Exported, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            plan = BUILT_IN["uniform"](tactic.market)
            arrays = {
                "spend_base": plan.spend_base.tolist(),
                "daypart_weights": plan.daypart_weights.tolist(),
                "discount_frac": plan.discount_frac.tolist(),
                "mechanic": plan.mechanic.tolist(),
            }
            opened = await post(client, "", opening("fixed", decides="plan", plan=arrays))
            assert opened["money"]["granted_base"] == pytest.approx(plan.spend_base.sum())
            wrong = {**arrays, "spend_base": arrays["spend_base"][:-1]}
            await post(client, "", opening("wrong", decides="plan", plan=wrong), 422)
            stands = (await client.get("/v1/campaigns/fixed")).json()
            assert stands["rollout"] is None
            assert stands["decides"] == "plan"

    run(work)
    check_store(url, tactic)
