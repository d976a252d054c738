"""A graph that no exporter wrote is refused, and one that takes too much ends its own process and no other."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.service.conftest import Command, Exported, Serve, next_version
from tests.service.test_bundle import resealed, saved
from xbopt.core.errors import BundleError
from xbopt.service.bundle import graph_trial
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.formats import GOLDEN, POLICY, SCHEMA, Golden, decode, encode
from xbopt.service.bundle.graph_inspection import OPERATORS, inspect_graph
from xbopt.service.bundle.graph_trial import Trial, try_graph
from xbopt.service.bundle.tensors import from_tensor, to_tensor

Change = Callable[[onnx.ModelProto], None]
ROWS = "budget_base"


def changed(files: dict[str, bytes], change: Change) -> bytes:
    """The graph of a bundle with something more in it."""
    model = onnx.load_from_string(files[POLICY])
    change(model)
    return model.SerializeToString()


def nodes(*made: onnx.NodeProto) -> Change:
    return lambda model: model.graph.node.extend(made)


def constant(array: np.ndarray, name: str) -> Change:
    return lambda model: model.graph.initializer.append(numpy_helper.from_array(array, name))


def both(*changes: Change) -> Change:
    def change(model: onnx.ModelProto) -> None:
        for one in changes:
            one(model)

    return change


def endless() -> onnx.NodeProto:
    """A loop of 1e12 rounds."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on_"]), helper.make_node("Identity", ["x"], ["x_"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["B"]),
        ],
        [
            helper.make_tensor_value_info("on_", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_", TensorProto.DOUBLE, ["B"]),
        ],
    )
    return helper.make_node("Loop", ["rounds", "", ROWS], ["looped"], body=body)


def elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def short_of_its_shape(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [10**12]


def with_function(model: onnx.ModelProto) -> None:
    model.functions.append(helper.make_function("own", "f", ["x"], ["y"], [], []))


REFUSED: dict[str, tuple[Change, str]] = {
    "a loop": (both(constant(np.array(10**12), "rounds"), nodes(endless())), "operator 'Loop'"),
    "ones without end": (
        both(constant(np.array([10**12]), "n"), nodes(helper.make_node("ConstantOfShape", ["n"], ["big"]))),
        "operator 'ConstantOfShape'",
    ),
    "noise": (nodes(helper.make_node("RandomNormal", [], ["noise"], shape=[2])), "operator 'RandomNormal'"),
    "tiles": (nodes(helper.make_node("Tile", [ROWS, "day"], ["tiled"])), "operator 'Tile'"),
    "a range": (nodes(helper.make_node("Range", ["a", "b", "c"], ["run"])), "operator 'Range'"),
    "an operator of somebody's own": (
        nodes(helper.make_node("Add", [ROWS, ROWS], ["twice"], domain="evil")), "operator 'Add'",
    ),
    "another operator set": (lambda model: model.opset_import.append(helper.make_opsetid("evil", 1)), "field 8"),
    "a shape from values": (nodes(helper.make_node("Expand", [ROWS, "day"], ["wide"])), "depends on values"),
    "a name twice": (nodes(helper.make_node("Identity", [ROWS], ["day"])), "two tensors"),
    "data in another file": (elsewhere, "data in another file"),
    "a constant short of its shape": (short_of_its_shape, "does not hold what its shape says"),
    "texts": (constant(np.array(["x"], dtype=object), "text"), "texts"),
    "functions": (with_function, "functions"),
    "ten thousand nodes": (
        lambda model: model.graph.node.extend(
            helper.make_node("Identity", [ROWS], [f"i{i}"]) for i in range(10_000)
        ),
        "more than 8192 times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_exporter_writes_is_refused_before_it_is_parsed(direct: Exported, name: str) -> None:
    change, words = REFUSED[name]
    with pytest.raises(BundleError, match=re.escape(words)):
        inspect_graph(changed(direct.files, change))


def test_bytes_that_are_no_graph_are_refused(direct: Exported) -> None:
    model = direct.files[POLICY]
    graph = onnx.load_from_string(model).graph.SerializeToString()
    twice = model + b"\x3a" + _varint(len(graph)) + graph  # protobuf would merge both
    for data in (b"", b"\xff" * 20, model[:-3], twice, model + b"\x0b", b"\x08" + b"\x80" * 11):
        with pytest.raises(BundleError):
            inspect_graph(data)
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(model)
        for position in rng.integers(0, len(model), 3):
            broken[position] = rng.integers(256)
        try:
            inspect_graph(bytes(broken))
        except BundleError:
            continue


def _varint(number: int) -> bytes:
    data = bytearray()
    while number >= 128:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def test_the_operators_that_are_allowed_are_those_that_exporters_use(repository: Path) -> None:
    """One more is put on the list; one that only earlier versions wrote stays, because their bundles load."""
    source = "".join(path.read_text() for path in (repository / "service" / "exporting").glob("*.py"))
    used = set(re.findall(r"""(?:add|make_node)\(\s*"([A-Z]\w+)\"""", source))
    assert used | {"ArgMin", "Transpose"} == OPERATORS


def outgrown(model: onnx.ModelProto) -> None:
    """Allowed operators alone, that ask for 16 GB."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([2_000_000_000, 1]), "huge"))
    model.graph.node.insert(0, helper.make_node("Unsqueeze", [ROWS, "_one"], ["column"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "_one"))
    model.graph.node.insert(1, helper.make_node("Expand", ["column", "huge"], ["wide"]))
    model.graph.node.insert(2, helper.make_node("ReduceSum", ["wide", "_one"], ["sum"], keepdims=0))
    _into_spend(model, "sum")


def slow(model: onnx.ModelProto) -> None:
    """Allowed operators alone, that multiply large matrices for hours."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([3000, 3000]), "_shape"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "_zero"))
    model.graph.node.append(helper.make_node("Gather", [ROWS, "_zero"], ["m_one"], axis=0))
    model.graph.node.append(helper.make_node("Expand", ["m_one", "_shape"], ["m0"]))
    for i in range(1000):
        model.graph.node.append(helper.make_node("MatMul", [f"m{i}", f"m{i}"], [f"m{i + 1}"]))
    model.graph.node.append(helper.make_node("ReduceSum", ["m1000"], ["sum"], keepdims=0))
    _into_spend(model, "sum")


def _into_spend(model: onnx.ModelProto, tensor: str) -> None:
    """Let the spend depend on a tensor, so that no optimiser leaves it out."""
    last = next(node for node in model.graph.node if list(node.output) == ["spend_base"])
    place = list(model.graph.node).index(last)
    del model.graph.node[place]
    model.graph.node.append(helper.make_node("Add", [last.input[0], tensor], ["spend_base"]))


def trial_of(files: dict[str, bytes], model: bytes) -> Trial:
    return Trial(model=model, schema=files[SCHEMA], golden=files[GOLDEN], daily_base=1000.0, cpu_seconds=2)


@pytest.mark.parametrize(("bomb", "words"), [(outgrown, r"policy\.onnx"), (slow, "more than 2 s of processor time")])
def test_a_bomb_of_allowed_operators_ends_in_its_own_process(direct: Exported, bomb: Change, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(BundleError, match=words):
        try_graph(trial_of(direct.files, changed(direct.files, bomb)))
    assert time.monotonic() - started < 25.0
    assert not graph_trial.running()


def test_a_trial_ends_with_whoever_waits_for_it(direct: Exported) -> None:
    with pytest.raises(BundleError, match=r"within 0\.5 s"):
        try_graph(trial_of(direct.files, changed(direct.files, slow)), wall_seconds=0.5)
    assert not graph_trial.running()


def test_a_bomb_ends_verify_with_5_and_leaves_the_service_as_it_was(
    direct: Exported, serve: Serve, command: Command, tmp_path: Path
) -> None:
    """While the bomb is tried, rolling back does not wait for it; SIGTERM ends it."""
    import threading

    good = saved(direct.files, tmp_path, "good.xbopt")
    saved(next_version(direct), tmp_path, "next.xbopt")
    saved(resealed(direct.files, **{POLICY: changed(direct.files, slow)}), tmp_path, "bomb.xbopt")
    large = saved(resealed(direct.files, **{POLICY: changed(direct.files, outgrown)}), tmp_path, "large.xbopt")
    saved(resealed(direct.files, **{POLICY: b"\x08\x0a" + b"x" * 9}), tmp_path, "junk.xbopt")
    served = serve(good)
    with served.client() as client:
        assert client.post("/v1/admin/bundle", json={"file": "next.xbopt"}).status_code == 200
        junk = client.post("/v1/admin/bundle", json={"file": "junk.xbopt"})
        assert junk.status_code == 422
        assert "policy.onnx" in junk.json()["detail"]
        told: list[int] = []

        def swap() -> None:
            with served.client() as other:
                try:
                    answer = other.post("/v1/admin/bundle", json={"file": "bomb.xbopt"}, timeout=60.0)
                    told.append(answer.status_code)
                except Exception:  # noqa: BLE001 - the service ends while it waits
                    told.append(0)

        waiting = threading.Thread(target=swap)
        waiting.start()
        time.sleep(1.0)
        started = time.monotonic()
        assert client.post("/v1/admin/bundle", json={"file": "next.xbopt"}).status_code == 409
        assert client.post("/v1/admin/rollback", json={}).status_code == 200
        assert time.monotonic() - started < 1.0
        waiting.join(timeout=60.0)
        assert told == [422]
        assert client.post("/v1/admin/bundle", json={"file": "next.xbopt"}).status_code == 200
        again = threading.Thread(target=swap)
        again.start()
        time.sleep(1.0)
        started = time.monotonic()
        served.process.terminate()
        served.process.wait(timeout=30.0)
        again.join()
    assert time.monotonic() - started < 5.0
    assert served.process.stderr is not None
    assert b"The log of this bundle will judge no policy" in served.process.stderr.read()
    starting = serve(tmp_path / "bomb.xbopt", wait=False)
    # The child that tries the bomb is there: imports are over, and it is tried for many seconds more.
    children, late = Path(f"/proc/{starting.process.pid}/task/{starting.process.pid}/children"), time.monotonic() + 60.0
    while not children.read_text() and time.monotonic() < late:
        time.sleep(0.1)
    starting.process.terminate()
    assert starting.process.wait(timeout=5.0) == 0
    started = time.monotonic()
    code, _, err = command("verify", large)
    assert (code, "Traceback" in err) == (5, False)
    assert time.monotonic() - started < 30.0


def tampered(exported: Exported, **outputs: np.ndarray | None) -> dict[str, bytes]:
    golden = decode(exported.files[GOLDEN], Golden, GOLDEN)
    kept = dict(golden.outputs)
    for name, array in outputs.items():
        if array is None:
            del kept[name]
        else:
            kept[name] = to_tensor(array)
    return resealed(exported.files, **{GOLDEN: encode(msgspec.structs.replace(golden, outputs=kept))})


@pytest.mark.parametrize("name", ["tactic", "propensity", "probabilities", "allowed_mass", "mechanic"])
def test_golden_vectors_hold_every_output(tactic: Exported, tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="other inputs or outputs"):
        load_bundle(saved(tampered(tactic, **{name: None}), tmp_path))
    golden = decode(tactic.files[GOLDEN], Golden, GOLDEN)
    other = from_tensor(golden.outputs[name], name)
    other.flat[5] += 1
    with pytest.raises(BundleError, match=f"another {name}"):
        load_bundle(saved(tampered(tactic, **{name: other}), tmp_path, "c.xbopt"))


def test_golden_vectors_are_numbers(tactic: Exported, tmp_path: Path) -> None:
    spend = np.asarray(from_tensor(decode(tactic.files[GOLDEN], Golden, GOLDEN).outputs["spend_base"], "s"))
    spend.flat[0] = np.nan
    with pytest.raises(BundleError, match="no numbers"):
        load_bundle(saved(tampered(tactic, spend_base=spend), tmp_path))


def instead(operator: str, old: str, new: str) -> Change:
    """Every node of one kind reads another tensor in the place of one."""

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            if node.op_type == operator:
                node.input[:] = [new if name == old else name for name in node.input]

    return change


def alone_otherwise(model: onnx.ModelProto) -> None:
    """More money where one decision is asked for alone: spend times 2 - min(rows - 1, 1)."""
    add = [numpy_helper.from_array(np.array([1]), "k_one"), numpy_helper.from_array(np.array([2]), "k_two")]
    model.graph.initializer.extend(add)
    made = [
        helper.make_node("Shape", [ROWS], ["k_rows"], start=0, end=1),
        helper.make_node("Sub", ["k_rows", "k_one"], ["k_more"]),
        helper.make_node("Min", ["k_more", "k_one"], ["k_many"]),
        helper.make_node("Sub", ["k_two", "k_many"], ["k_times"]),
        helper.make_node("Cast", ["k_times"], ["k_factor"], to=TensorProto.DOUBLE),
    ]
    last = next(node for node in model.graph.node if list(node.output) == ["spend_base"])
    model.graph.node.remove(last)
    model.graph.node.extend([*made, helper.make_node("Mul", [last.input[0], "k_factor"], ["spend_base"])])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (alone_otherwise, "another spend_base"),
        (instead("Mul", "allowed", "_ones"), "policy.onnx"),
        (instead("Where", "default", "_ones"), "policy.onnx"),
    ],
    ids=["other answers to one request", "no mask", "no default"],
)
def test_a_graph_that_keeps_its_golden_rows_but_not_its_word_is_refused(
    tactic: Exported, change: Change, words: str
) -> None:
    shape = from_tensor(decode(tactic.files[GOLDEN], Golden, GOLDEN).inputs["allowed"], "allowed").shape
    model = changed(tactic.files, both(constant(np.ones(shape), "_ones"), change))
    with pytest.raises(BundleError, match=words):
        try_graph(trial_of(tactic.files, model))
