"""Services with campaigns while they run: others are answered meanwhile, and a kill loses and doubles nothing."""

import asyncio
import gc
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.service.campaigns import (
    Json,
    ask_campaign_until_it_ends,
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
from tests.service.conftest import Exported, Serve, export_to
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import BUILT_IN
from xbopt.campaigns.http.proposing import Proposing
from xbopt.campaigns.standing import Standing
from xbopt.core.decisions.policy import Policy
from xbopt.service.http.server import SWITCH_SECONDS


def test_others_are_answered_while_campaigns_are_worked_on(tactic: Exported, tmp_path: Path) -> None:
    """Opening, following many days, proposing and deciding hold the loop for no longer than others may wait.

    Other programs run on the machine of the tests: what counts is processor time of this process while the loop waits.
    """
    url = f"sqlite:///{tmp_path}/s.sqlite"
    waits: list[float] = []

    async def watch() -> None:
        while True:
            began, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            waits.append(min(time.perf_counter() - began, time.process_time() - used))

    async def work() -> None:
        async with replicas(tactic, url) as (client,):
            await post(client, "", opening("warm"))
            await post(client, "/warm/proposals", {})
            await post(client, "/warm/allocate", asking("warm", first_day(tactic)))
            watching = asyncio.create_task(watch())
            await post(client, "", opening("spring"))
            await asyncio.gather(
                post(client, "/spring/proposals", {"first": day(tactic, 20)}),
                *(post(client, "/spring/allocate", asking(f"d-{n}", day(tactic, 15 + n % 3))) for n in range(12)),
            )
            watching.cancel()

    # As the server does when it starts.
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    try:
        run(work)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)
    assert len(waits) > 50
    assert max(waits) < 0.05


def test_nothing_is_lost_or_doubled_when_a_service_is_killed(tactic: Exported, serve: Serve, store_url: str) -> None:
    """Killed with actuals, proposals and decisions in flight; then all of it is sent again, acknowledged or not."""
    acknowledged: list[tuple[str, Json, Json]] = []
    sent: list[tuple[str, Json]] = []
    for life in range(2):
        served = serve(tactic.path, "--today", day(tactic, 1), store=store_url)
        with served.client() as client:
            for path, body in [("", opening("spring", request="r0")), *sent]:
                told = client.post(f"/v1/campaigns{path}", json=body)
                assert told.status_code == 200, told.text
        some, told_before = ask_campaign_until_it_ends(served, tactic, "spring", name=f"life{life}")
        sent += some
        acknowledged += told_before
    assert len(acknowledged) > 5
    served = serve(tactic.path, "--today", day(tactic, 1), store=store_url)
    with served.client() as client:
        for path, body, told in acknowledged:
            again = client.post(f"/v1/campaigns{path}", json=body)
            assert again.status_code == 200, again.text
            for name in ("receipt", "event", "decision", "plan"):
                assert again.json().get(name) == told.get(name)
        numbers = [client.post(f"/v1/campaigns{path}", json=body).json() for path, body in sent]
        events = client.get("/v1/campaigns/spring").json()["events"]
    assert all("status" not in one for one in numbers)
    record = check_store(store_url, tactic)["spring"]
    assert record.number == events
    # Each request once, whether its answer came or not.
    assert events == len(set(record.requests)) == 1 + len(sent)


@pytest.mark.parametrize("shape", ["direct", "factored"])
def test_bundles_of_every_shape_decide_campaigns(shape: str, direct: Exported, tmp_path: Path) -> None:
    """One that names its decisions, and notches around the re-planner, whose levels hold for a decision period."""
    exported = direct
    if shape == "factored":
        policy = replanning_around(direct.market, BUILT_IN["calendar"](direct.market))
        exported = export_to(tmp_path, FactoredDirect.of(policy, direct.market, 0.3), direct.market)
    url = f"sqlite:///{tmp_path}/s.sqlite"

    async def work() -> None:
        async with replicas(exported, url) as (client,):
            await post(client, "", opening("spring"))
            await post(client, "/spring/rollout", {"share": 0.6})
            every = exported.allocator().bundle.schema.decide_every_days
            drawn: dict[int, list[int]] = {}
            for n in range(12):
                made = await post(client, "/spring/allocate", asking(f"d-{n}", day(exported, n)))
                told = made["decision"]
                if shape == "factored" and made["arm"] == "policy":
                    assert told["levels"] == drawn.setdefault(n // every, told["levels"])
                if made["arm"] == "incumbent":
                    assert told["source"] == "incumbent"
                    assert told.get("levels") is None or set(told["levels"]) == {-1}

    run(work)
    assert len({one.arm for one in check_store(url, exported)["spring"].decisions}) == 2


def test_a_service_ends_in_time_while_a_proposal_is_worked_out(direct: Exported, tmp_path: Path) -> None:
    """Nobody waits for it, and what was acknowledged is there."""
    url, under_way, go_on = f"sqlite:///{tmp_path}/s.sqlite", threading.Event(), threading.Event()

    def never(standing: Standing, first_day: int, end_day: int, policy: Policy | None) -> Proposing:
        under_way.set()
        go_on.wait(20.0)
        return scaled_plan(standing, first_day, end_day, policy)

    async def work() -> float:
        async with replicas(direct, url, propose=never) as (client,):
            await post(client, "", opening("spring"))
            asking_long = asyncio.create_task(client.post("/v1/campaigns/spring/proposals", json={}))
            while not under_way.is_set():
                await asyncio.sleep(0.01)
            await post(client, "/spring/allocate", asking("d", first_day(direct)))  # decided meanwhile
            ended = time.perf_counter()
        seconds = time.perf_counter() - ended
        go_on.set()
        answer = await asking_long
        assert answer.status_code == 503
        return seconds

    assert asyncio.run(work()) < 5.0
    assert check_store(url, direct)["spring"].number == 2
