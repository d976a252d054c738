"""Answers are told in the words of the bundle that decided, and nobody is taken for somebody else."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import yaml

from tests.service.conftest import Command, Exported, export_to
from tests.service.test_http import batch_bytes, body
from tests.service.test_inference import INFER, rows_of
from tests.service.test_inference import asked as inference
from tests.service.test_store import decided
from tests.service.test_trouble import TroubledStore
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.http.app import build_app
from xbopt.service.http.batches import CONTENT_TYPE, read_answer
from xbopt.service.http.engine import Engine
from xbopt.service.http.metrics import Metrics
from xbopt.service.store.contents import Contents
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import administration_entry, bundle_entry
from xbopt.service.store.verification import verify_chain
from xbopt.simulator.build import build_market


class Restart:
    """One service after another on the same store."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def serve(self, exported: Exported, work: Any, *, accept: bool = False) -> Any:
        commit = GroupCommit(TroubledStore(self.path))
        engine = Engine(exported.allocator(), commit, Metrics(), accept_schema=accept)
        app = build_app(engine, bundles=exported.path.parent)
        try:
            await engine.start()
            transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await work(client)
        finally:
            await engine.stop()


@pytest.fixture(scope="module")
def reordered(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A bundle of the same market, whose scenario lists its regions the other way round."""
    folder = tmp_path_factory.mktemp("reordered")
    document = yaml.safe_load((repository / "scenarios" / "quickstart.yaml").read_text(encoding="utf-8"))
    document["market"]["regions"].reverse()
    (folder / "reordered.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    market = build_market(load_scenario(folder / "reordered.yaml"))
    policy = ExploringPolicy(plan=BUILT_IN["calendar"](market), scenario=market.scenario, exploration=0.3)
    return export_to(folder, policy, market, name="reordered")


async def allocated(client: httpx.AsyncClient, request: object) -> dict[str, Any]:
    answer = await client.post("/v1/allocate", json=request)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sent(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/v1/allocate", content=content, headers={"content-type": CONTENT_TYPE})


def test_a_known_id_is_told_in_the_words_of_its_own_bundle(
    tactic: Exported, reordered: Exported, tmp_path: Path
) -> None:
    """After a restart with regions in another order, Germany's money is still Germany's."""
    shop = Restart(tmp_path / "s.sqlite")
    request, batch = body(tactic, decision_id="d1"), batch_bytes(tactic, 2, "b1")

    async def first(client: httpx.AsyncClient) -> tuple[dict[str, Any], bytes]:
        return await allocated(client, request), (await sent(client, batch)).content

    before, raw = asyncio.run(shop.serve(tactic, first))
    assert before["units"][0] == "DE/families"
    assert "axes" not in before

    async def again(client: httpx.AsyncClient) -> None:
        after = await allocated(client, request)
        axes = after.pop("axes")
        assert after == before
        assert axes["R"] == ["DE", "UK"]
        header, numbers = read_answer((await sent(client, batch)).content)
        known, same = read_answer(raw)
        assert np.array_equal(numbers, same)
        assert (header.bundle, header.receipt) == (known.bundle, known.receipt)
        assert header.axes is not None
        assert header.axes["R"] == ["DE", "UK"]
        new = await allocated(client, body(reordered, decision_id="d2"))
        assert new["units"][0] == "UK/families"
        assert "axes" not in new
        # A cell of the old bundle is a cell of the old decision.
        for name in ("d1", "d2", "b1/1"):
            outcome = {"decision_id": name, "unit": "DE/families", "reward": 1.0}
            assert (await client.post("/v1/outcomes", json=outcome)).status_code == 200

    asyncio.run(shop.serve(reordered, again, accept=True))


def test_a_known_inference_is_told_with_the_outputs_of_its_own_bundle(
    tactic: Exported, direct: Exported, tmp_path: Path
) -> None:
    """A bundle of tactics gives what a direct one does not; wishes for it are answered where it decided."""
    shop = Restart(tmp_path / "s.sqlite")

    def wishing(name: str, *outputs: str) -> dict[str, object]:
        return inference(rows_of(tactic, 2), name, outputs=[{"name": one} for one in outputs])

    async def ask(client: httpx.AsyncClient, name: str, *outputs: str) -> httpx.Response:
        return await client.post(INFER, json=wishing(name, *outputs))

    async def first(client: httpx.AsyncClient) -> Any:
        answer = await ask(client, "t", "tactic", "spend_base")
        parameters = answer.json()["parameters"]
        assert (parameters["source"], parameters["guardrails"]) == ("policy=2", "")
        assert (await client.post("/v1/admin/kill-switch", json={"on": True})).status_code == 200
        parameters = (await ask(client, "k", "spend_base")).json()["parameters"]
        assert (parameters["source"], parameters["guardrails"]) == ("plan=2", "kill_switch=2")
        assert (await client.post("/v1/admin/kill-switch", json={"on": False})).status_code == 200
        return answer.json()

    async def then(client: httpx.AsyncClient) -> None:
        again = await ask(client, "t", "tactic", "spend_base")
        assert again.status_code == 200, again.text
        assert again.json()["outputs"] == before["outputs"]
        new = await ask(client, "new", "tactic")
        assert (new.status_code, "There is no output 'tactic'" in new.text) == (422, True)
        assert (await ask(client, "t", "nothing")).status_code == 422
        assert (await ask(client, "new", "spend_base")).status_code == 200

    async def last(client: httpx.AsyncClient) -> None:
        """The direct bundle gave no tactic."""
        assert (await ask(client, "new", "tactic")).status_code == 409
        assert (await ask(client, "new", "spend_base")).status_code == 200

    before = asyncio.run(shop.serve(tactic, first))
    asyncio.run(shop.serve(direct, then, accept=True))
    asyncio.run(shop.serve(tactic, last, accept=True))


def test_a_known_id_whose_bundle_cannot_be_read_is_not_told(tactic: Exported, direct: Exported, tmp_path: Path) -> None:
    """Never in the words of another one."""
    from tests.service.tamperings import chained_anew, read_chain, write_chain

    shop, url = Restart(tmp_path / "s.sqlite"), f"sqlite:///{tmp_path}/s.sqlite"
    request = body(tactic, decision_id="d1")
    asyncio.run(shop.serve(tactic, lambda client: allocated(client, request)))
    asyncio.run(shop.serve(direct, lambda client: allocated(client, body(tactic, decision_id="d2"))))
    rows, _ = read_chain(url)
    lost = [row for row in rows if row.key != tactic.allocator().address]
    assert len(lost) == len(rows) - 1
    write_chain(url, chained_anew(lost))

    async def again(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/allocate", json=request)
        assert answer.status_code == 503
        assert "its log says why" in answer.json()["detail"]

    asyncio.run(shop.serve(direct, again))


def test_a_start_on_a_store_of_another_schema_is_refused(
    command: Command, tactic: Exported, direct: Exported, reordered: Exported, tmp_path: Path
) -> None:
    """It says what differs; --accept-new-schema stands in the chain."""
    path = tmp_path / "s.sqlite"
    shop = Restart(path)
    asyncio.run(shop.serve(tactic, lambda client: allocated(client, body(tactic))))
    # A direct policy of the same market asks for the same.
    asyncio.run(shop.serve(direct, lambda client: allocated(client, body(tactic, decision_id="a-2"))))
    code, _, err = command("serve", reordered.path, "--store", path, "--port", 0)
    assert code == 2
    assert "regions (axis R): DE, UK before, UK, DE now" in err
    assert "--accept-new-schema" in err
    with pytest.raises(UsageError, match="axis R"):
        asyncio.run(shop.serve(reordered, lambda client: allocated(client, body(reordered))))
    asyncio.run(
        shop.serve(reordered, lambda client: allocated(client, body(reordered, decision_id="a-3")), accept=True)
    )
    # From then on this is the schema of the store.
    asyncio.run(shop.serve(reordered, lambda client: allocated(client, body(reordered, decision_id="a-4"))))
    with pytest.raises(UsageError, match="axis R"):
        asyncio.run(shop.serve(tactic, lambda client: allocated(client, body(tactic))))
    with closing(open_store(str(path), read_only=True)) as store:
        contents = Contents()
        verify_chain(store, look=contents.look)
    assert [act.action for act in contents.acts if "accepted another schema: regions" in act.detail] == ["start"]


def test_outcomes_are_about_cells_that_were_decided(tactic: Exported, tmp_path: Path) -> None:
    outcome = {"decision_id": "one", "unit": "DE/families", "reward": 1.0, "cost": 2.0}

    async def work(client: httpx.AsyncClient) -> None:
        await allocated(client, body(tactic, decision_id="one", units=["DE/families"]))
        assert (await sent(client, batch_bytes(tactic, 3, "many"))).status_code == 200

        async def status(**changes: object) -> int:
            return (await client.post("/v1/outcomes", json=outcome | changes)).status_code

        assert await status() == 200
        assert await status(decision_id="many/2") == 200
        assert await status(decision_id="nobody") == 404
        wrong: list[dict[str, object]] = [
            {"unit": "DE/students"}, {"unit": "FR/families"}, {"unit": "DE/families\n"}, {"decision_id": "one/0"},
            {"decision_id": "one/7"}, {"decision_id": "many"}, {"decision_id": "many/3"}, {"decision_id": "many/02"},
            {"decision_id": "many/999999999/../x"}, {"decision_id": "one\n"}, {"decision_id": "one/\u0000"},
            {"decision_id": "one\u0000"}, {"cost": -1e12}, {"cost": -0.01}, {"reward": 1.7e308}, {"reward": -1e16},
            {"ready_at": "9999-01-01T00:00:00Z"}, {"ready_at": "1999-12-31T23:59:59Z"}, {"reward": None},
        ]  # fmt: skip
        for changes in wrong:
            assert await status(**changes) == 422, changes
        # One that is wrong keeps the others of its call out, so that the call can be sent again.
        many = [outcome | {"decision_id": "many/0"}, outcome | {"decision_id": "many/9"}]
        assert (await client.post("/v1/outcomes", json=many)).status_code == 422
        told = await client.post("/v1/outcomes", json=many[0])
        assert told.json()["new"] == 1

    asyncio.run(Restart(tmp_path / "s.sqlite").serve(tactic, work))
    # The same after a restart, when nothing is remembered.
    asyncio.run(Restart(tmp_path / "s.sqlite").serve(tactic, lambda client: _strays(client, outcome)))


async def _strays(client: httpx.AsyncClient, outcome: dict[str, object]) -> None:
    for changes in ({"unit": "DE/students"}, {"decision_id": "one/0"}, {"decision_id": "many/3"}):
        answer = await client.post("/v1/outcomes", json=outcome | changes)
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("decision_id", "a\n"), ("decision_id", "a\u0000"), ("episode_id", "e\n"), ("episode_id", "e\u0000"),
     ("units", ["DE/families\n"])],
)  # fmt: skip
def test_names_are_matched_to_their_end(tactic: Exported, field: str, value: object) -> None:
    decoder = tactic.allocator().reader.decoder
    with pytest.raises(msgspec.ValidationError, match="regex"):
        decoder.decode(msgspec.json.encode(body(tactic) | {field: value}))


def test_a_name_that_no_text_can_hold_is_refused(tactic: Exported) -> None:
    """Half of a pair of UTF-16."""
    decoder = tactic.allocator().reader.decoder
    text = msgspec.json.encode(body(tactic, episode_id="HERE")).replace(b"HERE", b"\\ud800")
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decoder.decode(text)


def test_receipts_are_in_every_answer(tactic: Exported, tmp_path: Path, command: Command) -> None:
    """Single, list, batch and inference; for ids that are known, too. Each is found in the chain."""
    path = tmp_path / "s.sqlite"
    one = tactic.allocator().reader.one(tactic.request(), "x").inputs
    inputs = [
        {"name": name, "shape": list(array.shape), "datatype": "INT64" if name == "day" else "FP64",
         "data": array.ravel().tolist()}
        for name, array in one.items() if np.isfinite(array).all()
    ]  # fmt: skip

    async def work(client: httpx.AsyncClient) -> list[object]:
        single = await allocated(client, body(tactic, decision_id="r1"))
        many = await allocated(client, [body(tactic, decision_id=name) for name in ("r1", "r2")])
        assert many[0] == single  # type: ignore[index]
        header, _ = read_answer((await sent(client, batch_bytes(tactic, 2, "b1"))).content)
        assert header.receipt is not None
        inferred = (await client.post("/v2/models/demo/infer", json={"id": "i1", "inputs": inputs})).json()
        return [single, *many, {"receipt": msgspec.to_builtins(header.receipt)}, inferred]

    answers = asyncio.run(Restart(path).serve(tactic, work))
    kept = tmp_path / "answers.jsonl"
    kept.write_bytes(b"\n".join(map(msgspec.json.encode, answers)))
    code, out, _ = command("decisions", "verify", "--store", path, "--receipt", kept, "--json")
    told = msgspec.json.decode(out)
    assert (code, told["receipts"], told["entries"]) == (0, 4, 6)
    last = answers[-1]["parameters"]["receipt"]  # type: ignore[index]
    assert last == f"6:{told['head']}"
    assert command("decisions", "verify", "--store", path, "--receipt", last)[0] == 0
    assert command("decisions", "verify", "--store", path, "--receipt", f"5:{told['head']}")[0] == 5
    assert command("decisions", "verify", "--store", path, "--receipt", f"7:{told['head']}")[0] == 5
    for wrong in ("5:abc", told["head"], tmp_path / "none.json", path):
        assert command("decisions", "verify", "--store", path, "--receipt", wrong)[0] == 2, wrong


def test_who_acted_is_told(tactic: Exported, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "s.sqlite"
    with closing(open_store(str(path))) as store:
        address = tactic.allocator().address
        acts = [administration_entry("start", actor="", bundle=address) for _ in range(11)]
        acts.append(administration_entry("kill_switch", actor="boss", bundle=address, detail="on, zero"))
        store.append([bundle_entry(tactic.allocator()), *acts])
    code, out, err = command("decisions", "verify", "--store", path)
    assert code == 0
    assert "kill_switch by boss" in out.replace("\n", "")
    assert "2 earlier acts" in err
    _, out, _ = command("decisions", "verify", "--store", path, "--json")
    told = msgspec.json.decode(out)
    assert told["administration"] == len(told["acts"]) == 12
    assert told["acts"][-1] | {"at": ""} == {
        "at": "", "actor": "boss", "action": "kill_switch", "bundle": address, "detail": "on, zero"
    }  # fmt: skip


def test_a_bundle_that_decided_nothing_fails_the_replay(
    tactic: Exported, direct: Exported, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "s.sqlite"
    with closing(open_store(str(path))) as store:
        store.append(decided(tactic, 3))
    code, _, err = command("decisions", "verify", "--store", path, "--bundle", direct.path)
    assert code == 5
    assert tactic.allocator().address in err.replace("\n", "").replace(" ", "")
    with closing(open_store(str(path))) as store:
        store.append(decided(direct, 5))
    code, _, err = command("decisions", "verify", "--store", path, "--bundle", tactic.path)
    assert code == 0
    assert "2 decisions" in err
    both = ("--bundle", tactic.path, "--bundle", direct.path)
    code, out, err = command("decisions", "verify", "--store", path, *both)
    assert (code, err) == (0, "")
    assert "5 decisions came out the same" in out
