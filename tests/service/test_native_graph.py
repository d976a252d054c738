"""The native kernel gives what the graph gives, or onnxruntime decides and the reason is told."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import BundleError
from xbopt.service.bundle import native_graph
from xbopt.service.bundle.graph_inspection import OPERATORS, Inspected, inspect_graph
from xbopt.service.bundle.layout import NotNativeError
from xbopt.service.bundle.lowering import Lowered, lower
from xbopt.service.bundle.native_graph import NativeGraph, random_inputs
from xbopt.service.bundle.schema import Field, Missing, Schema
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.reading import RequestError, RequestReader
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.graph import Graph
from xbopt.service.store.interface import TamperedStoreError
from xbopt.service.store.recording import bundle_entry, decision_entry, decode_decision, differing_outputs
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions
from xbopt.simulator.kernel import engine as engines


@pytest.fixture(scope="module")
def kernel() -> ModuleType:
    module = engines.native()
    if module is None:
        pytest.skip("the native kernel is not compiled: make kernel")
    return module


def field(name: str, axes: str, *, whole: bool = False) -> Field:
    return Field(
        name=name, dtype="int64" if whole else "float64", axes=list(axes), unit="", about="", low=-9.0, high=9.0,
        missing=Missing(rule="refuse"),
    )  # fmt: skip


def of_graph(graph: Graph, schema: Schema, outputs: dict[str, str]) -> tuple[bytes, Schema]:
    """A graph whose outputs have the shape of its first input, and the schema that goes with it."""
    for tensor, name in outputs.items():
        graph.output(tensor, name, "float64", ["B", 3, 4])
    fields = [field(name, "BRS") for name in outputs.values()]
    return graph.model(name="test", metadata={}), msgspec.structs.replace(schema, outputs=fields)


@pytest.fixture
def schema(direct: Exported) -> Schema:
    """A schema of tensors of three by four numbers and of whole numbers for three rows."""
    own = direct.allocator().bundle.schema
    axes = own.axes | {"R": ["a", "b", "c"], "S": ["a", "b", "c", "d"]}
    return msgspec.structs.replace(own, axes=axes, inputs=[field("day", "BRS"), field("place", "BR", whole=True)])


def every_operator(graph: Graph) -> dict[str, str]:
    """Tensors that take every operator there is, in the ways in which exported graphs use them, and some more."""
    x, place = graph.input("day", "float64", ["B", 3, 4]), graph.input("place", "int64", ["B", 3])
    add, constant = graph.add, graph.constant
    weight: FloatArray = np.linspace(-1.0, 1.0, 28).reshape(4, 7)
    back: FloatArray = np.cos(np.arange(28.0)).reshape(7, 4)
    hidden = add("Tanh", graph.dense(x, weight, np.linspace(0.0, 1.0, 7)))
    positive = add("Abs", x)
    best = add("ArgMax", x, axis=2, keepdims=1)
    worst = add("ArgMin", x, axis=1, keepdims=0)  # (B, 4)
    table: FloatArray = np.arange(9.0).reshape(3, 3)
    row = add("Clip", place, graph.whole(0), graph.whole(2))
    looked = add("Gather", constant(table), row, axis=0)  # (B, 3, 3)
    turned = add("Transpose", x, perm=[0, 2, 1])
    big = add("And", add("Greater", x, constant(0.0)), add("LessOrEqual", x, constant(1.0)))
    small = add("Or", add("Less", x, constant(-1.0)), add("GreaterOrEqual", x, constant(2.0)))
    column = graph.reshape(add("Gather", x, constant([1]), axis=2), -1, 3, 1)
    last = add("Gather", x, constant([-1, 0]), axis=2)  # counted from the end
    spread = graph.expand(constant(np.arange(12.0).reshape(1, 3, 4)), "day", 3, 4)
    single = add("Cast", add("Cast", x, to=1), to=11)
    along = add("GatherElements", x, best, axis=2)
    mean = add("ReduceMean", x, constant([1, 2]), keepdims=1)
    least = add("ReduceMin", add("Neg", x), constant([2]), keepdims=1)
    flags = add("Cast", big, to=11)
    return {
        add("MatMul", hidden, constant(back)): "network",
        add("Exp", x): "exp",
        add("Log", positive): "log",
        add("Sqrt", positive): "sqrt",
        add("Div", x, graph.total(positive, 2, keep=True)): "share",
        add("CumSum", x, graph.whole(2)): "running",
        add("CumSum", x, graph.whole(1)): "running_down",
        add("Sub", add("Max", x, column, constant(0.5)), mean): "most",
        add("Min", turned_back(graph, turned), least): "least",
        add("Where", add("Cast", add("Cast", flags, to=7), to=9), x, spread): "chosen",
        add("Mul", add("Cast", small, to=11), single): "single",
        add("Add", along, add("Cast", add("Unsqueeze", worst, constant([1])), to=11)): "placed",
        add("Concat", looked, graph.total(last, 2, keep=True), axis=2): "joined",
        graph.reshape(add("Flatten", add("Squeeze", graph.unsqueeze(x, 1), constant([1])), axis=1), 0, 3, 4): "same",
        add("Cast", add("Equal", add("Unsqueeze", row, constant([2])), constant([0, 1, 2, 3])), to=11): "equal",
        add("Identity", graph.at_most(graph.at_least(x, -2.0), 2.0)): "held",
    }


def turned_back(graph: Graph, tensor: str) -> str:
    return graph.add("Transpose", graph.add("Mul", tensor, graph.constant(2.0)), perm=[0, 2, 1])


def test_every_operator_does_as_in_onnxruntime_on_every_level(kernel: ModuleType, schema: Schema) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = Graph()
    model, own = of_graph(graph, schema, every_operator(graph))
    inspected = inspect_graph(model)
    assert {node.operator for node in inspected.nodes} == OPERATORS
    rng = np.random.default_rng(1)
    rows = 40
    x = rng.normal(size=(rows, 3, 4)) * 10.0 ** rng.uniform(-6.0, 2.5, size=(rows, 1, 1))
    x[0], x[1], x[2, 0] = 0.0, 1.0, (-0.0, 1e-310, 5e-324, -1.0)
    inputs = {"day": x, "place": rng.integers(-9, 9, size=(rows, 3), endpoint=True)}
    wanted = onnxruntime.InferenceSession(model).run([one.name for one in own.outputs], inputs)
    seen: set[bytes] = set()
    for level in kernel.LEVELS:
        found = NativeGraph(inspected, own, kernel, level=level).named(inputs)
        for one, array in zip(own.outputs, wanted, strict=True):
            np.testing.assert_allclose(found[one.name], array, rtol=2e-14, atol=2e-14, err_msg=one.name)
        seen.add(b"".join(array.tobytes() for array in found.values()))
    assert len(seen) == 1


def test_a_place_that_there_is_not_fails_as_in_onnxruntime(kernel: ModuleType, schema: Schema) -> None:
    graph = Graph()
    graph.input("day", "float64", ["B", 3, 4])
    graph.input("place", "int64", ["B", 3])
    looked = graph.rows_of(np.arange(12.0).reshape(3, 4), "place")
    model, own = of_graph(graph, schema, {looked: "looked"})
    found = NativeGraph(inspect_graph(model), own, kernel, level=kernel.LEVELS[0])
    day = np.zeros((1, 3, 4))
    np.testing.assert_array_equal(
        found.named({"day": day, "place": np.array([[0, 2, -3]])})["looked"][0, 1], [8, 9, 10, 11]
    )
    for place in (3, -4):
        with pytest.raises(BundleError, match="names a place that there is not"):
            found.named({"day": day, "place": np.array([[0, place, 0]])})


def test_what_the_kernel_has_no_steps_for_is_named(kernel: ModuleType, schema: Schema) -> None:
    graph = Graph()
    x = graph.input("day", "float64", ["B", 3, 4])
    graph.input("place", "int64", ["B", 3])
    single = graph.add("Cast", x, to=1)
    model, own = of_graph(graph, schema, {graph.add("Cast", graph.add("Exp", single), to=11): "single"})
    with pytest.raises(NotNativeError, match="Exp works in float32"):
        lower(inspect_graph(model), own, kernel.OPERATIONS)


def test_steps_outside_the_memory_are_refused(kernel: ModuleType, tactic: Exported) -> None:
    bundle = tactic.allocator().bundle
    good = lower(bundle.session.inspected, bundle.schema, kernel.OPERATIONS)

    def make(lowered: Lowered) -> object:
        inputs = len(bundle.schema.inputs)
        return kernel.program(
            kernel.LEVELS[0], lowered.steps, lowered.fixed, lowered.constants, lowered.tensors, inputs, lowered.total
        )

    make(good)
    for column, value in ((0, 99), (1, 0), (5, 0), (5, good.total), (10, -1), (10, good.total), (14, 2**40), (9, -1)):
        steps = good.steps.copy()
        steps[-1, column] = value
        with pytest.raises(ValueError, match="do not fit its memory"):
            make(replace(good, steps=steps))
    tensors = good.tensors.copy()
    tensors[0, 1] = good.total
    with pytest.raises(ValueError, match="do not fit its memory"):
        make(replace(good, tensors=tensors))


def test_a_changed_weight_is_found_and_onnxruntime_decides(
    kernel: ModuleType, tactic: Exported, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = tactic.allocator()
    assert own.bundle.decider.name == "native"

    def changed(graph: Inspected, schema: Schema, operations: tuple[str, ...]) -> Lowered:
        lowered = lower(graph, schema, operations)
        return replace(lowered, constants=lowered.constants * (1.0 + 1e-4))

    monkeypatch.setattr(native_graph, "lower", changed)
    with caplog.at_level(logging.WARNING, logger="xbopt"):
        other = tactic.allocator()
    assert other.bundle.decider.name == "graph"
    assert "did not pass the checks of the bundle" in other.bundle.decider.reason
    assert other.bundle.decider.reason in caplog.text
    one, two = own.allocate(tactic.request()), other.allocate(tactic.request())
    np.testing.assert_allclose(one.spend_base, two.spend_base, rtol=1e-9)


@pytest.mark.parametrize("how", ["asked", "absent"])
def test_without_the_kernel_onnxruntime_decides_and_the_reason_is_told(
    how: str, tactic: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "asked":
        monkeypatch.setenv(engines.ENGINE_VARIABLE, "numpy")
    else:
        monkeypatch.delenv(engines.ENGINE_VARIABLE, raising=False)
        monkeypatch.setattr(engines, "native", lambda: None)
        engines._fastest.cache_clear()
    allocator = tactic.allocator()
    engines._fastest.cache_clear()
    assert allocator.bundle.decider.name == "graph"
    assert ("asked for" if how == "asked" else "not compiled") in allocator.bundle.decider.reason
    assert allocator.bundle.decider.graph is allocator.bundle.session
    assert allocator.allocate(tactic.request()).source == ["policy"]


def test_threads_that_decide_at_once_do_not_meet(tactic: Exported) -> None:
    """The program has one memory: whoever runs it holds Python's lock."""
    allocator = tactic.allocator()
    requests = [
        tactic.request(step=step, world=world, decision_id=f"{step}-{world}") for step in range(6) for world in (0, 3)
    ]

    def decided(request: AllocationRequest) -> bytes:
        return b"".join(array.tobytes() for array in allocator.allocate(request).outputs.values())

    alone = [decided(request) for request in requests]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(decided, requests * 40)) == alone * 40


def test_a_decision_of_either_comes_out_the_same_in_a_replay(tactic: Exported) -> None:
    allocator = tactic.allocator()
    reference = allocator.by_reference
    assert reference.bundle.decider.name == "graph"
    for one in (allocator, reference):
        made = one.allocate(tactic.request())
        entry = decision_entry(
            made, one, key="a-1", request=b"", episode_ids=[""], steps=[0], killed=False
        )  # fmt: skip
        assert differing_outputs(decode_decision(entry.payload), allocator) == []


def test_a_replay_without_the_kernel_says_that_it_was_not_tried(
    tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever audits without the kernel must not take a decision of the kernel for a forged one."""
    allocator = tactic.allocator()
    made = allocator.allocate(tactic.request())
    spend = made.spend_base * (1.0 + 1e-15)  # as the kernel's last bits may differ
    other = msgspec.structs.replace(made, outputs=made.outputs | {"spend_base": spend})
    entry = decision_entry(
        other, allocator, key="a-1", request=b"r", episode_ids=[""], steps=[0], killed=False
    )  # fmt: skip
    with closing(SqliteStore(tmp_path / "d.sqlite")) as store:
        store.append([bundle_entry(allocator), entry])
        monkeypatch.setenv(engines.ENGINE_VARIABLE, "numpy")
        with pytest.raises(TamperedStoreError, match="kernel, whose last bits are its own, was not tried"):
            replay_decisions(store, tactic.path)


def test_a_row_has_the_same_bits_alone_and_in_a_batch(kernel: ModuleType, tactic: Exported) -> None:
    bundle = tactic.allocator().bundle
    inputs = random_inputs(bundle.schema, 100, seed=2)
    together = bundle.decider.graph.named(inputs)
    for row in (0, 31, 32, 99):
        part = {one.name: inputs[one.name][row : row + 1] if one.axes[0] == "B" else inputs[one.name]
                for one in bundle.schema.inputs}  # fmt: skip
        alone = bundle.decider.graph.named(part)
        assert all(alone[name][0].tobytes() == together[name][row].tobytes() for name in together)


def changes() -> list[dict[str, object]]:
    """What a request may say, in usual and unusual ways; mistakes among them."""
    inf, nan = float("inf"), float("nan")
    return [
        {}, {"day": 0}, {"day": 27}, {"day": 28}, {"day": -1}, {"day": True}, {"day": 2**70}, {"day": 1.5},
        {"budget_base": 0}, {"budget_base": -1.0}, {"budget_base": nan}, {"budget_base": "1"}, {"budget_base": None},
        {"budget_base": 1e9}, {"region_base": [1.0, None]}, {"region_base": [inf, 5]}, {"region_base": [1.0]},
        {"region_base": [nan, 1.0]}, {"region_base": [-1.0, 2.0]}, {"channel_base": [0, 1, None]},
        {"regions": []}, {"regions": [[1.0]]}, {"cells": None}, {"decision_id": ""}, {"decision_id": 3}, {"step": 4},
        {"episode_id": "e"}, {"schema_sha256": "ab"}, {"held": [[0, 0], [0, 0]]}, {"channels": [[[[1.0]]]]},
        {"channels": np.ones((1, 1, 1, 2))}, {"channels": 0}, {"episode_id": False}, {"episode_id": np.ones(2)},
        {"schema_sha256": np.ones(2)}, {"schema_sha256": ["ab"]}, {"budget_base": "\ud800"}, {"units": ["\ud800"]},
    ]  # fmt: skip


def features(request: AllocationRequest, value: object) -> list[list[object]]:
    """The features of regions, one of them changed."""
    given: list[list[object]] = [list(row) for row in request.regions]
    given[1][3] = value
    return given


@pytest.fixture(scope="module")
def readers(tactic: Exported) -> tuple[RequestReader, RequestReader]:
    """One that takes the short way where it can, and one that never does."""
    plain, long = tactic.allocator().reader, tactic.allocator().reader
    long.plain = lambda request: None  # type: ignore[method-assign]
    long._read_plainly = lambda request, decision_id: None  # type: ignore[method-assign]
    return plain, long


def read(reader: RequestReader, request: AllocationRequest) -> tuple[Batch | None, str]:
    """What a reader makes of a request, or what it complains of."""
    try:
        asked = reader.checked(request)
        return reader.one(asked, asked.decision_id or "made"), ""
    except RequestError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "change", [*changes(), *({"feature": value} for value in (None, 1e300, float("inf"), True, "x", [1.0], 10**400, 1))]
)
def test_a_request_reads_the_same_the_short_way_and_the_long_way(
    readers: tuple[RequestReader, RequestReader], tactic: Exported, change: dict[str, object]
) -> None:
    plain, long = readers
    request = tactic.request()
    if "feature" in change:
        change = {"regions": features(request, change["feature"])}
    request = tactic.request(**change)
    wanted, complaint = read(long, request)
    found, own_complaint = read(plain, request)
    assert own_complaint == complaint
    short = plain.plain(request)
    if wanted is None or found is None:
        assert short is None
        return
    for batch in (found, *([] if short is None else [short])):
        assert batch.inputs.keys() == wanted.inputs.keys()
        for name, array in wanted.inputs.items():
            assert batch.inputs[name].dtype == array.dtype
            np.testing.assert_array_equal(batch.inputs[name], array)
        assert (batch.drifted is None, batch.missing.keys()) == (wanted.drifted is None, wanted.missing.keys())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("budget_base", "int64"), ("budget_base", ">f8"), ("cells", "float32"), ("day", "float64"), ("day", "int32")],
)
def test_arrays_of_other_types_are_read_as_the_numbers_that_they_hold(tactic: Exported, name: str, kind: str) -> None:
    """The kernel takes eight bytes for what the schema says; a budget of whole numbers was read as next to nothing."""
    allocator = tactic.allocator()
    whole = tactic.request(budget_base=11200.0, cells=np.zeros_like(tactic.request().cells).tolist())
    batch = allocator.reader.one(whole, "a")
    wanted = allocator.decide(batch)
    other = {**batch.inputs, name: batch.inputs[name].astype(kind)}
    found = allocator.decide(allocator.reader.batch(["a"], other))
    assert found.spend_base.sum() > 0.0
    for output, array in wanted.outputs.items():
        assert found.outputs[output].tobytes() == array.tobytes()
    with pytest.raises(RequestError, match="day has to hold whole numbers"):
        allocator.reader.batch(["a"], {**batch.inputs, "day": np.array([0.5])})


def test_usual_requests_are_read_the_short_way(kernel: ModuleType, tactic: Exported) -> None:
    reader = tactic.allocator().reader
    for request in (tactic.request(), tactic.request(day=27, region_base=[5, None]), tactic.request(decision_id="")):
        assert reader.plain(request) is not None


def test_the_service_tells_who_decides(serve: Serve, tactic: Exported) -> None:
    served = serve(tactic.path)
    with served.client() as client:
        ready = client.get("/health/ready").json()
        name = tactic.allocator().bundle.decider.name
        assert (ready["decider"], bool(ready["decider_reason"])) == (name, True)
        metrics = client.get("/metrics").text
    assert f'xbopt_decider{{decider="{name}"}} 1.0' in metrics
    assert metrics.count("xbopt_decider{") == 2
