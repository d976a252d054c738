"""Campaigns over HTTP: money under concurrent requests on two replicas, and nothing lost under kill -9, on both stores.

python -m benchmarks.bench_campaigns [--campaigns 1000] [--kills 20]

python -m benchmarks.bench_campaigns --postgres postgresql://USER@HOST/EMPTY_DATABASE

Random campaigns of one scenario are opened, told, proposed, approved, rolled out and decided by two services on one
store at the same time. Then the store is read: the sums of what was granted are held against budget, caps and limits of
the day to the cent, every decision against its event, and every decision is worked out again. The second part kills a
service again and again with requests in flight, sends all of them again, and counts what is there.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.bench_kill import start
from benchmarks.serving.bundles import exploring, make_bundle, market
from tests.service.campaigns import (
    Json,
    ask_campaign_until_it_ends,
    asking,
    check_store,
    day,
    opening,
    replicas,
    scaled_plan,
)
from tests.service.conftest import Exported
from xbopt.core.randomness import named_generator

BARS = (
    Bar(name="answers other than 200 and 409", most=0.0),
    Bar(name="events lost, doubled or told otherwise after kills", most=0.0),
    Bar(name="decisions that are within every limit and worked out again", least=1.0),
)
AT_ONCE = 16
"""Campaigns that are worked on at the same time."""


def random_plan(exported: Exported, random: np.random.Generator) -> Json:
    """A plan of random size and shape; some of it lies beyond the limits, which cut it."""
    scenario = exported.market.scenario
    regions, segments, channels, dayparts = exported.market.shape
    shape = (scenario.days, regions, segments, channels)
    share = random.dirichlet(np.full(int(np.prod(shape)), 0.3)).reshape(shape)
    return {
        "spend_base": (share * scenario.limits.total_base * random.uniform(0.3, 1.5)).tolist(),
        "daypart_weights": random.dirichlet(np.ones(dayparts), (regions, channels)).tolist(),
        "discount_frac": random.uniform(0.0, 0.2, shape[:3]).tolist(),
        "mechanic": np.zeros(shape[:3], dtype=np.int64).tolist(),
    }


async def campaign(clients: list[httpx.AsyncClient], exported: Exported, number: int) -> dict[int, int]:
    """A campaign that two services are asked about at once; gives the number of answers by status."""
    random, name = named_generator(number, "benchmark/campaign"), f"c{number:04d}"
    scenario, statuses = exported.market.scenario, dict[int, int]()
    cells = [f"{region}/{segment}" for region in scenario.regions for segment in scenario.segments]

    async def post(path: str, body: Json) -> None:
        client = clients[int(random.integers(len(clients)))]
        status = (await client.post(f"/v1/campaigns{path}", json=body)).status_code
        statuses[status] = statuses.get(status, 0) + 1

    decides = "policy" if random.random() < 0.8 else "plan"
    await post("", opening(name, plan=random_plan(exported, random), decides=decides))
    if decides == "policy":
        await post(f"/{name}/rollout", {"share": float(random.choice([0.05, 0.5, 1.0]))})
    for morning in range(3):
        first = int(random.integers(morning * 5 + 1, morning * 5 + 5))
        asked: list[tuple[str, Json]] = []
        for n in range(int(random.integers(4, 12))):
            some = random.choice(cells, int(random.integers(1, len(cells) + 1)), replace=False).tolist()
            body = asking(f"{name}-{morning}-{n // 2 if random.random() < 0.3 else n}", day(exported, first + n % 4))
            asked.append((f"/{name}/allocate", body | {"units": some}))
        asked.append((f"/{name}/proposals", {"first": day(exported, first + 2)}))
        spent = random.uniform(0.0, 200.0, exported.market.shape[:3]).tolist()
        asked.append(
            (f"/{name}/actuals", {"days": [{"date": day(exported, min(morning, 1)), "figures": {"spend_base": spent}}]})
        )
        asked += [(f"/{name}/approvals", {"proposal": f"p{morning + 1}"})] * 2
        await asyncio.gather(*(post(path, body) for path, body in asked))
    return statuses


async def many(exported: Exported, store: str, campaigns: int) -> tuple[dict[int, int], float]:
    """All campaigns; gives the number of answers by status, and how long it took."""
    began, room = time.perf_counter(), asyncio.Semaphore(AT_ONCE)
    totals: dict[int, int] = {}

    async def one(clients: list[httpx.AsyncClient], number: int) -> None:
        async with room:
            for status, count in (await campaign(clients, exported, number)).items():
                totals[status] = totals.get(status, 0) + count

    async with replicas(
        exported, store, count=2, propose=scaled_plan, today=exported.market.scenario.date_of(2)
    ) as clients:
        await asyncio.gather(*(one(clients, number) for number in range(campaigns)))
    return totals, time.perf_counter() - began


def killed(exported: Exported, store: str, kills: int, name: str) -> int:
    """Kill a service again and again, send everything again; how many events are not there once as they were told."""
    sent: list[tuple[str, Json]] = []
    answered: list[tuple[str, Json, Json]] = []
    first = ("", opening("killed", request="r0"))
    rehearsed = ("--today", day(exported, 1))
    for life in range(kills):
        served = start(exported.path, store, *rehearsed)
        with served.client() as client:
            assert client.post("/v1/campaigns", json=first[1]).status_code == 200
        some, told = ask_campaign_until_it_ends(served, exported, "killed", name=f"life{life}", answers=24)
        sent, answered = sent + some, answered + told
    served = start(exported.path, store, *rehearsed)
    try:
        with served.client() as client:
            for path, body in sent:
                assert client.post(f"/v1/campaigns{path}", json=body).status_code == 200
            lost = sum(
                client.post(f"/v1/campaigns{path}", json=body).json().get(field) != told[field]
                for path, body, told in answered
                for field in ("receipt", "decision")
                if field in told
            )
    finally:
        served.process.terminate()
        served.process.wait(timeout=20)
    record = check_store(store, exported)["killed"]
    print(
        f"{name}: {kills} kills, {len(answered):,} of {len(sent):,} requests acknowledged; all sent again: {lost} told "
        f"otherwise, {record.number:,} events for {1 + len(sent):,} requests, chain whole"
    )
    return lost + abs(record.number - 1 - len(sent))


def run(exported: Exported, stores: tuple[str, str], campaigns: int, kills: int, name: str) -> dict[str, float]:
    totals, seconds = asyncio.run(many(exported, stores[0], campaigns))
    records = check_store(stores[0], exported)
    decisions = sum(len(record.decisions) for record in records.values())
    print(
        f"{name}: {len(records):,} campaigns on 2 replicas, {sum(totals.values()):,} requests in {seconds:.0f} s "
        f"({', '.join(f'{count:,} x {status}' for status, count in sorted(totals.items()))}); {decisions:,} decisions, "
        "none beyond budget, caps or a day's limits, every ledger equal to its events to the cent, all worked out again"
    )
    odd = sum(count for status, count in totals.items() if status not in {200, 409})
    lost = killed(exported, stores[1], kills, name)
    return {BARS[0].name: odd, BARS[1].name: lost, BARS[2].name: decisions}


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--postgres", help="URL of an empty database; another one is made beside it for the kills")
    given = parser.parse_args()
    campaigns, kills = (1, 1) if given.tiny else (given.campaigns, given.kills)
    with tempfile.TemporaryDirectory() as name:
        folder, where = Path(name), market()
        policy = exploring(where)
        exported = Exported(policy, where, {}, make_bundle(folder, policy, where))
        stores = f"sqlite:///{folder}/many.sqlite", f"sqlite:///{folder}/killed.sqlite"
        figures = run(exported, stores, campaigns, kills, "SQLite")
        if given.postgres:
            import psycopg

            base, _, database = given.postgres.rpartition("/")
            with psycopg.connect(given.postgres, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{database}_killed"')  # type: ignore[call-overload]
            stores = given.postgres, f"{base}/{database}_killed"
            found = run(exported, stores, campaigns, kills, "PostgreSQL")
            figures = {name: count + found[name] for name, count in figures.items()}
    return told(__file__, BARS, figures, tiny=given.tiny)


if __name__ == "__main__":
    sys.exit(main())
