"""No route and no guardrail grants money that is not there; what cannot work, or was not observed, is told."""

import asyncio
import json
import struct
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from math import fsum
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.conftest import TIGHT, Exported, export_to
from tests.service.test_http import body
from tests.service.test_trouble import TroubledStore, service
from tests.worlds import market_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.limits import Remaining
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.bundle.formats import Guardrails
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.beside import Beside
from xbopt.service.deciding.caps import SpendCaps
from xbopt.service.deciding.guardrails import ArmedGuardrails, arm
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.store.recording import decision_entry, decode_decision, differing_outputs
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions
from xbopt.simulator.build import build_market

YESTERDAY = [[[1000.0] * 3] * 2] * 2
"""Far more than what is left, everywhere."""


def guarded(exported: Exported, folder: Path, **changes: object) -> Exported:
    rules = msgspec.structs.replace(build_guardrails(exported.market.scenario), **changes)
    return export_to(folder, exported.policy, exported.market, guardrails=rules)


@pytest.fixture(scope="module")
def steady(tactic: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A bundle whose spend may move by a tenth a day."""
    return guarded(tactic, tmp_path_factory.mktemp("steady"), day_on_day_frac=0.1)


def keeps(spend: FloatArray, cap: float) -> bool:
    """Whether the sum keeps a cap as clients may work it out: in either order, exactly, by row, in decimal digits."""
    flat = spend.ravel().tolist()
    floats = [sum(flat), sum(reversed(flat)), fsum(flat), float(spend.sum()), float(spend.T.copy().sum())]
    floats.append(fsum(float(row.sum()) for row in spend.reshape(len(spend), -1)))
    exact = sum(map(Decimal, flat), Decimal(0)) <= Decimal(float(cap))
    as_written = sum((Decimal(repr(amount)) for amount in flat), Decimal(0)) <= Decimal(repr(float(cap)))
    return max(floats) <= cap and exact and as_written


def beside_bytes(
    exported: Exported, rows: int, name: str, inputs: dict[str, np.ndarray], **beside: np.ndarray
) -> bytes:
    header = json.dumps({"batch_id": name, "rows": rows, "beside": list(beside)}).encode()
    header += b" " * (-len(header) % 8)
    arrays = [np.repeat(array, rows, axis=0) for array in (*inputs.values(), *beside.values())]
    return struct.pack("<4sI", b"XBB1", len(header)) + header + b"".join(array.tobytes() for array in arrays)


@pytest.mark.parametrize(
    "caps", [{"budget_base": 10.0}, {"region_base": [10.0, None]}, {"channel_base": [5.0, None, None]}]
)
def test_a_guardrail_lifts_nothing_above_a_cap_on_any_route(
    steady: Exported, tmp_path: Path, caps: dict[str, object]
) -> None:
    """Yesterday spent 1,000 everywhere; a tenth less of it would be 10,800 where 10 are left."""
    allocator = steady.allocator()
    one = allocator.reader.one(steady.request(**caps), "x").inputs
    yesterday = np.array([YESTERDAY])
    tensors = [
        {"name": name, "shape": list(array.shape), "datatype": "FP64",
         "data": [None if np.isinf(number) else number for number in array.ravel().tolist()]}
        for name, array in (*one.items(), ("previous_spend_base", yesterday))
    ]  # fmt: skip

    async def run() -> list[FloatArray]:
        async with service(steady, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            asked = body(steady, decision_id="", previous_spend_base=YESTERDAY, **caps)
            single = await client.post("/v1/allocate", json=asked)
            assert single.json()["guardrails"] == ["day_on_day_change", "day_ceiling", "caps"]
            assert (single.json()["off"], single.json()["filled"]) == ([], 0)
            several = await client.post("/v1/allocate", json=[asked, asked])
            content = beside_bytes(steady, 3, "b", one, previous_spend_base=yesterday)
            batch = await client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})
            header, words = read_answer(batch.content)
            assert header.guardrails[2] == ["day_on_day_change", "day_ceiling", "caps"]
            asking = {"inputs": tensors, "outputs": [{"name": "spend_base"}]}
            inferred = await client.post("/v2/models/demo/infer", json=asking)
            assert inferred.status_code == 200, inferred.text
            return [
                *(np.array(answer["spend_base"]) for answer in (single.json(), *several.json())),
                *words[: 3 * 12].reshape(3, 2, 2, 3),
                np.array(inferred.json()["outputs"][0]["data"]).reshape(2, 2, 3),
            ]

    for spend in asyncio.run(run()):
        assert keeps(spend, float(caps.get("budget_base", 20_000.0)))  # type: ignore[arg-type]
        if "region_base" in caps:
            assert keeps(spend[0], 10.0)
        if "channel_base" in caps:
            assert keeps(spend[:, :, 0], 5.0)
        assert spend.sum() > 9.9  # what may be spent is spent


def test_what_the_last_projection_did_comes_out_again(steady: Exported) -> None:
    allocator = steady.allocator()
    made = allocator.allocate(steady.request(budget_base=10.0, previous_spend_base=YESTERDAY))
    entry = decision_entry(made, allocator, request=b"", key="k", episode_ids=[""], steps=[0], killed=False)
    assert differing_outputs(decode_decision(entry.payload), allocator) == []


def test_a_row_keeps_its_caps_to_the_bit_whoever_its_neighbours_are(steady: Exported) -> None:
    allocator = steady.allocator()
    one = allocator.reader.one(steady.request(), "x").inputs
    rows = 40
    inputs = {name: np.repeat(array, rows, axis=0) for name, array in one.items()}
    inputs["budget_base"] = 10.0 ** np.linspace(-2.0, 4.0, rows)
    previous = np.repeat(np.array([YESTERDAY]), rows, axis=0)
    together = allocator.decide(
        allocator.reader.batch([f"d{i}" for i in range(rows)], inputs, Beside(previous_base=previous))
    )
    for row in (0, 13, 39):
        own = {name: array[row : row + 1] for name, array in inputs.items()}
        alone = allocator.decide(
            allocator.reader.batch([f"d{row}"], own, Beside(previous_base=previous[row : row + 1]))
        )
        assert np.array_equal(alone.spend_base[0], together.spend_base[row])
        assert alone.guardrails[0] == together.guardrails[row]


amounts = st.floats(0.0, 1e12) | st.sampled_from([0.0, 1e-300, 1e-9, 0.01, 1.0, 1e11])
caps_of = st.floats(0.0, 1e11) | st.sampled_from([0.0, 1e-300, 5e-324, 0.01, 1.0, 1e11, float("inf")])
wild = st.sampled_from([float("nan"), float("inf"), float("-inf"), -1.0, 1e308, -1e-9])


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_a_graph_gives_and_whatever_fires_every_cap_is_kept(data: st.DataObject) -> None:
    """Spend of any size and sort, guardrails of any sort: sums in any order stay within request and bundle."""
    regions, segments, channels = 2, 3, 2
    shape = (regions, segments, channels)
    caps = SpendCaps(
        day=data.draw(st.floats(0.0, 1e11)),
        region=np.array(data.draw(st.lists(caps_of, min_size=2, max_size=2))),
        channel=np.array(data.draw(st.lists(caps_of, min_size=2, max_size=2))),
        maximum=np.array(data.draw(st.lists(caps_of, min_size=4, max_size=4))).reshape(2, 2),
        least=0.0,
    )
    least = min(caps.day, *caps.region, *caps.channel, *caps.maximum.ravel())
    cell = data.draw(st.floats(0.0, 1e10) | st.just(float("inf")))
    armed = ArmedGuardrails(
        cell=cell, day=caps.day, least_ceiling=min(cell, least), region=caps.region, channel=caps.channel,
        change=data.draw(st.none() | st.floats(0.0, 1.0)), discount=np.ones(shape[:2]), quiet=None,
        caps=replace(caps, least=least),
    )  # fmt: skip
    size = regions * segments * channels
    spend = np.array(data.draw(st.lists(amounts | wild, min_size=size, max_size=size))).reshape(1, *shape)
    previous = data.draw(st.none() | st.lists(amounts | st.just(float("nan")), min_size=size, max_size=size))
    active = data.draw(st.none() | st.lists(st.booleans(), min_size=6, max_size=6))
    budget, region, channel = (
        np.array([data.draw(st.lists(caps_of, min_size=count, max_size=count))]) for count in (1, regions, channels)
    )
    batch = Batch(
        decision_ids=["x"],
        inputs={"budget_base": budget[0], "region_base": region, "channel_base": channel},
        previous_base=None if previous is None else np.array(previous).reshape(1, *shape),
        active=None if active is None else np.array(active).reshape(1, *shape[:2]),
    )
    with np.errstate(all="ignore"):  # sums of numbers that are no spend
        made, _, _, _ = armed.apply(batch, spend, np.ones((1, 2, 2, 4)) / 4.0, np.zeros((1, *shape[:2])))
    money = made[0]
    assert (money >= 0.0).all()
    assert (money <= cell).all()
    assert keeps(money, min(budget[0, 0], caps.day))
    assert all(keeps(money[r], min(region[0, r], caps.region[r])) for r in range(regions))
    assert all(keeps(money[:, :, c], min(channel[0, c], caps.channel[c])) for c in range(channels))
    assert all(keeps(money[r, :, c], caps.maximum[r, c]) for r in range(regions) for c in range(channels))
    if batch.active is not None:
        assert (money[~batch.active[0]] == 0.0).all()


def test_what_keeps_every_cap_is_left_as_it_is() -> None:
    free = np.full(2, np.inf)
    caps = SpendCaps(day=100.0, region=free, channel=free, maximum=np.full((2, 2), np.inf), least=100.0)
    spend = np.full((1, 2, 1, 2), 25.0 * (1.0 - 1e-11))
    left = Remaining(budget_base=np.array([100.0]), region_base=np.array([free]), channel_base=np.array([free]))
    kept, taken = caps.project(spend, left)
    assert kept is spend
    assert taken is None
    # A sum of exactly the cap may come out above it in another order: a thousandth of a cent in a million goes.
    kept, taken = caps.project(np.full((1, 2, 1, 2), 25.0), left)
    assert kept.sum() == pytest.approx(100.0 * (1.0 - 1e-11), rel=1e-15)
    assert taken is None


def armed_of(exported: Exported, **changes: object) -> ArmedGuardrails:
    bundle = exported.allocator().bundle
    rules: Guardrails = msgspec.structs.replace(bundle.guardrails, **changes)
    return arm(rules, bundle.schema, bundle.plan.limits)


def test_a_cell_that_would_fall_to_nothing_falls_by_the_share(steady: Exported) -> None:
    """From 60 + 40 to nothing at a tenth a day: 54 + 36, the split of the day before, since 0 has none."""
    armed = armed_of(steady)
    left = {
        "budget_base": np.array([500.0]),
        "region_base": np.full((1, 2), np.inf),
        "channel_base": np.full((1, 3), np.inf),
    }
    previous = np.zeros((1, 2, 2, 3))
    previous[0, 0, 0] = [60.0, 40.0, 0.0]
    previous[0, 1, 1] = [60.0, 40.0, 0.0]
    active = np.ones((1, 2, 2), dtype=np.bool_)
    active[0, 1, 1] = False
    batch = Batch(decision_ids=["x"], inputs=left, previous_base=previous, active=active)
    made, _, _, fired = armed.apply(batch, np.zeros((1, 2, 2, 3)), np.ones((1, 2, 3, 4)) / 4.0, np.zeros((1, 2, 2)))
    assert made[0, 0, 0].tolist() == pytest.approx([54.0, 36.0, 0.0])
    assert made.sum() == pytest.approx(90.0)  # a cell that is not asked for gets nothing, whatever it had
    assert fired == [["day_on_day_change"]]
    # Where nothing is left, nothing is lifted, and nobody says that something was.
    broke = msgspec.structs.replace(batch, inputs=left | {"budget_base": np.array([0.0])})
    made, _, _, fired = armed.apply(broke, np.zeros((1, 2, 2, 3)), np.ones((1, 2, 3, 4)) / 4.0, np.zeros((1, 2, 2)))
    assert made.sum() == 0.0
    assert fired == [[]]


def test_caps_win_over_locks_and_minimums(tmp_path: Path) -> None:
    """A lock of 150 and a minimum of 120 of which only 40 are left: caps go first, guardrails too."""
    market = market_of(TIGHT)
    rules = msgspec.structs.replace(build_guardrails(market.scenario), day_ceiling_base=50.0)
    exported = export_to(tmp_path, BUILT_IN["calendar"](market), market, guardrails=rules)
    for request, most in ((exported.request(budget_base=40.0), 40.0), (exported.request(), 50.0)):
        for kill in ("off", "plan"):
            made = exported.allocator().allocate(request, kill=kill)
            assert keeps(made.spend_base[0], most)
            assert made.spend_base.sum() > 0.99 * most


def test_a_guardrail_that_cannot_work_says_so(steady: Exported, tactic: Exported, tmp_path: Path) -> None:
    """In the answer, in the store, and in a metric; a cell whose spend is not known is enough."""
    unknown = [[[None, 1.0, 1.0], [1.0] * 3], [[1.0] * 3] * 2]

    async def run() -> None:
        async with service(steady, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            for name, previous, wanted in (
                ("nothing", None, ["day_on_day_change"]),
                ("in part", unknown, ["day_on_day_change"]),
                ("all", YESTERDAY, []),
            ):
                answer = await client.post(
                    "/v1/allocate", json=body(steady, decision_id="", previous_spend_base=previous)
                )
                assert answer.json()["off"] == wanted, name
            elsewhere = body(steady, decision_id="", previous_spend_base=unknown, units=["UK/students"])
            assert (await client.post("/v1/allocate", json=elsewhere)).json()["off"] == []
            one = steady.allocator().reader.one(steady.request(), "x").inputs
            content = beside_bytes(steady, 5, "b", one)
            header, _ = read_answer(
                (await client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})).content
            )
            assert header.off == {"day_on_day_change": 5}
            metrics = (await client.get("/metrics")).text
            assert 'xbopt_guardrails_off_total{guardrail="day_on_day_change"} 7.0' in metrics

    asyncio.run(run())
    with closing(SqliteStore(tmp_path / "s.sqlite", read_only=True)) as store:
        stored = [decode_decision(entry.payload).off for entry in store.entries("decision")]
        assert stored == [[["day_on_day_change"]], [["day_on_day_change"]], [], [], [["day_on_day_change"]] * 5]
        assert replay_decisions(store, steady.path).same == 9
    assert tactic.allocator().allocate(tactic.request()).off == [[]]


def test_bytes_and_inferences_carry_what_json_carries(tactic: Exported, tmp_path: Path) -> None:
    """Held tactics and cells beside the inputs give what a JSON request with the same id gives."""
    held = np.array([[[3, -1], [-1, 5]]])
    units = np.array([[[1, 0], [0, 1]]])
    asked = {"held": held[0].tolist(), "units": ["DE/families", "UK/students"]}
    one = tactic.allocator().reader.one(tactic.request(), "x").inputs

    async def run() -> None:
        async with service(tactic, TroubledStore(tmp_path / "s.sqlite")) as (client, _):

            async def post(name: str, **beside: np.ndarray) -> httpx.Response:
                content = beside_bytes(tactic, 1, name, one, **beside)
                return await client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})

            answer = await post("b", held=held, units=units)
            header, words = read_answer(answer.content)
            assert header.source == {"held": 1}
            alone = tactic.allocator().allocate(tactic.request(decision_id="b/0", **asked))
            assert words[:12].tolist() == alone.spend_base.ravel().tolist()
            free = await post("free", held=np.full((1, 2, 2), -1))
            assert read_answer(free.content)[0].source == {"policy": 1}
            for wrong in (
                {"held": held + 100},
                {"units": units * 2},
                {"units": units * 0},
                {"previous_spend_base": -np.ones((1, 2, 2, 3))},
            ):
                assert (await post("wrong", **wrong)).status_code == 422
            tensors = [
                {"name": name, "shape": list(array.shape), "datatype": "FP64", "data": array.ravel().tolist()}
                for name, array in (*one.items(), ("held", held), ("units", units))
                if np.isfinite(array).all()
            ]
            inferred = await client.post("/v2/models/demo/infer", json={"id": "v", "inputs": tensors})
            alone = tactic.allocator().allocate(tactic.request(decision_id="v/0", **asked))
            assert inferred.json()["outputs"][0]["data"] == alone.spend_base.ravel().tolist()
            assert inferred.json()["parameters"]["off"] == ""

    asyncio.run(run())
    with closing(SqliteStore(tmp_path / "s.sqlite", read_only=True)) as store:
        assert replay_decisions(store, tactic.path).same == 3


@pytest.mark.parametrize("total", [1.0, 2.8e7, 2.8e10, 1e11])
def test_budgets_of_every_currency_export_verify_serve_and_replay(total: float, tmp_path: Path) -> None:
    """One euro, and what a seller in yen, won, rupiah or dong has."""
    market = build_market(load_scenario("quickstart", overrides=[f"budget.total_base={total!r}"]))
    plan = BUILT_IN["greedy_roas"](market)
    policy = ExploringPolicy(plan=plan, scenario=market.scenario, exploration=0.2)
    for one in (plan, policy):
        exported = export_to(tmp_path, one, market)
        allocator = Allocator.load(exported.path)
        for day in (0, 13, 27):
            made = allocator.allocate(exported.request(step=day))
            assert keeps(
                made.spend_base[0],
                min(float(made.batch.inputs["budget_base"][0]), allocator.bundle.plan.limits.daily_base),
            )
            assert made.spend_base.sum() > 0.0
            entry = decision_entry(made, allocator, request=b"", key="k", episode_ids=[""], steps=[0], killed=False)
            assert differing_outputs(decode_decision(entry.payload), allocator) == []
            assert made.guardrails == [[]]

    async def run() -> None:
        async with service(exported, TroubledStore(tmp_path / "s.sqlite")) as (client, _):
            assert (await client.post("/v1/allocate", json=body(exported))).json()["stored"] is True

    asyncio.run(run())
    with closing(SqliteStore(tmp_path / "s.sqlite", read_only=True)) as store:
        assert replay_decisions(store, exported.path).same == 1
