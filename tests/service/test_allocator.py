"""Decisions: replayable, within every guardrail, with the propensity of what is done in the end."""

import hashlib
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import chi2

from tests.service.conftest import Exported, export_to
from xbopt.core.errors import UsageError
from xbopt.service.bundle.formats import QuietHours
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.draws import uniforms
from xbopt.service.deciding.reading import RequestError
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.store.log_export import export_log
from xbopt.service.store.recording import bundle_entry, decision_entry, decode_decision, differing_outputs
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions


@pytest.fixture(scope="module")
def allocator(tactic: Exported) -> Allocator:
    return tactic.allocator()


def guarded(exported: Exported, folder: Path, **changes: object) -> Exported:
    """The same policy with other guardrails."""
    rules = msgspec.structs.replace(build_guardrails(exported.market.scenario), **changes)
    return export_to(folder, exported.policy, exported.market, guardrails=rules)


def test_the_draw_is_the_documented_one() -> None:
    """Worked out here with the standard library alone, as another language would."""
    key = hashlib.sha256(b"xbopt-draw-1\0order-17").digest()
    words = b"".join(hashlib.sha256(key + block.to_bytes(4, "little")).digest() for block in range(2))
    wanted = [((int.from_bytes(words[i : i + 8], "little") >> 12) + 0.5) / 2**52 for i in range(0, 48, 8)]
    assert uniforms(["order-17"], 6)[0].tolist() == wanted


def test_the_same_id_draws_the_same(allocator: Allocator, tactic: Exported) -> None:
    one, again = (allocator.allocate(tactic.request(decision_id="x")) for _ in range(2))
    assert one.tactic is not None
    for name in ("spend_base", "daypart_weights", "discount_frac", "tactic", "propensity", "probabilities"):
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes()
    others = {allocator.allocate(tactic.request(decision_id=f"x{i}")).tactic.tobytes() for i in range(20)}  # type: ignore[union-attr]
    assert len(others) > 5


@pytest.mark.statistical
def test_draws_agree_with_their_propensities(allocator: Allocator, tactic: Exported) -> None:
    """4,000 decisions of one request: a chi-square test per cell that fails by chance once in a million."""
    request = tactic.request()
    one = allocator.reader.one(request, "x")
    rows = 4000
    batch = allocator.reader.batch(
        [f"d{i}" for i in range(rows)], {name: np.repeat(array, rows, axis=0) for name, array in one.inputs.items()}
    )
    made = allocator.decide(batch)
    assert made.tactic is not None
    assert made.probabilities is not None
    assert made.propensity is not None
    taken = np.take_along_axis(made.probabilities, made.tactic[..., None], axis=3)[..., 0]
    assert np.array_equal(taken, made.propensity)
    kinds = made.probabilities.shape[3]
    for cell in np.ndindex(made.tactic.shape[1:]):
        drawn = np.bincount(made.tactic[(slice(None), *cell)], minlength=kinds)
        expected = rows * made.probabilities[(0, *cell)]
        statistic = ((drawn - expected) ** 2 / expected).sum()
        assert statistic < chi2.isf(1e-6, kinds - 1)


def test_a_stored_decision_comes_out_the_same_again(allocator: Allocator, tactic: Exported) -> None:
    held = [[3, -1], [-1, 5]]
    for changes in ({}, {"held": held}, {"units": ["UK/students"]}):
        made = allocator.allocate(tactic.request(**changes))
        entry = decision_entry(made, allocator, request=b"", key="k", episode_ids=[""], steps=[0], killed=False)
        decision = decode_decision(entry.payload)
        assert differing_outputs(decision, allocator) == []
        forged = bytearray(decision.outputs["propensity"])
        forged[3] ^= 1
        decision.outputs["propensity"] = bytes(forged)
        assert differing_outputs(decision, allocator) == ["propensity"]


def test_units_that_are_not_asked_for_get_no_money(allocator: Allocator, tactic: Exported) -> None:
    made = allocator.allocate(tactic.request(units=["DE/students"]))
    spent = made.spend_base[0].sum(axis=2)
    assert spent[0, 1] > 0.0
    assert spent[0, 0] == spent[1, 0] == spent[1, 1] == 0.0


def test_a_held_tactic_is_carried_on_for_sure(allocator: Allocator, tactic: Exported) -> None:
    made = allocator.allocate(tactic.request(held=[[7, 7], [7, 7]]))
    assert made.source == ["held"]
    assert (made.tactic == 7).all()
    assert (made.propensity == 1.0).all()


def test_the_kill_switch_gives_the_plan(allocator: Allocator, tactic: Exported) -> None:
    made = allocator.allocate(tactic.request(), kill="plan")
    assert made.source == ["plan"]
    assert made.policy == ["calendar"]  # the plan that the bundle explores around
    assert made.guardrails == [["kill_switch"]]
    assert np.array_equal(made.tactic[0], allocator.bundle.plan.tactic[0])  # type: ignore[index]
    assert (made.propensity == 1.0).all()


@pytest.mark.parametrize("policy", ["tactic", "direct"])
def test_stopping_everything_spends_nothing(policy: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """No money and no discount, no draw, and no row in the log; worked out again to the bit."""
    exported: Exported = request.getfixturevalue(policy)
    allocator = exported.allocator()
    asked = exported.request(previous_spend_base=[[[1000.0] * 3] * 2] * 2, units=["DE/families"])
    for made in (
        allocator.allocate(asked, kill="zero"),
        allocator.by_plan(allocator.reader.one(asked, "a-1"), "store_failure", kill="zero"),
    ):
        assert made.source == ["stopped"]
        assert made.guardrails[0][-1] == "kill_switch"
        assert not made.spend_base.any()
        assert not made.discount_frac.any()
        assert made.daypart_weights.sum(axis=3) == pytest.approx(np.ones((1, 2, 3)))
        if policy == "tactic":
            assert made.tactic is not None
            assert made.propensity is not None
            assert (made.tactic == -1).all()
            assert (made.propensity == 0.0).all()
    with closing(SqliteStore(tmp_path / "s.sqlite")) as store:
        entries = [bundle_entry(allocator)]
        for key, kill in (("a", "zero"), ("b", "plan"), ("c", "off")):
            made = allocator.allocate(exported.request(decision_id=key), kill=kill)  # type: ignore[arg-type]
            entries.append(
                decision_entry(
                    made, allocator, key=key, request=b"", episode_ids=[key], steps=[0], killed=kill != "off"
                )
            )
        store.append(entries)
        assert [decode_decision(entry.payload).kill for entry in store.entries("decision")] == ["zero", "plan", ""]
        assert replay_decisions(store, exported.path).same == 3
        if policy == "tactic":
            report = export_log(store, tmp_path / "log.parquet")
            assert (report.rows, report.stopped) == (8, 4)


def strange(exported: Exported) -> AllocationRequest:
    request = exported.request()
    request.regions[0][2] = 1e9
    return request


@pytest.mark.parametrize("policy", ["tactic", "direct"])
def test_strange_inputs_bring_the_plan(policy: str, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(policy)
    allocator = exported.allocator()
    made = allocator.allocate(strange(exported))
    planned = allocator.allocate(exported.request(), kill="plan")
    assert made.source == ["plan"]
    assert made.guardrails == [["drift"]]
    assert np.array_equal(made.spend_base, planned.spend_base)
    assert allocator.reader.drifted_features(allocator.reader.one(strange(exported), "x")) == ["demand_index"]


def test_strange_inputs_can_be_refused_or_answered(tactic: Exported, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="demand_index"):
        guarded(tactic, tmp_path, on_drift="refuse").allocator().allocate(strange(tactic))
    made = guarded(tactic, tmp_path, on_drift="answer").allocator().allocate(strange(tactic))
    assert made.source == ["policy"]
    assert made.guardrails == [["drift"]]


def test_a_missing_value_takes_the_mean_that_was_seen(allocator: Allocator, tactic: Exported) -> None:
    request = tactic.request()
    request.cells[1][0][4] = None
    batch = allocator.reader.one(request, "x")
    assert batch.inputs["cells"][0, 1, 0, 4] == allocator.bundle.schema.features["G"][4].mean
    assert batch.drifted is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"day": 28}, "day is 28"),
        ({"day": -1}, "day is -1"),
        ({"budget_base": -1.0}, "budget_base is -1"),
        ({"budget_base": 1e9}, "budget_base is 1e"),
        ({"budget_base": float("nan")}, "budget_base is nan"),
        ({"regions": [[1.0]]}, "regions has the shape"),
        ({"regions": [[1.0], [1.0, 2.0]]}, "unequal length"),
        ({"cells": []}, "cells has the shape"),
        ({"channels": [[[[1.0]]]]}, "no features of channels"),
        ({"region_base": [1.0]}, "region_base needs 2"),
        ({"channel_base": [1.0, -1.0, 2.0]}, "channel_base needs 3"),
        ({"units": ["DE/nobody"]}, "no unit"),
        ({"units": []}, "units is empty"),
        ({"held": [[1, 2], [3, 99]]}, "held needs"),
        ({"previous_spend_base": [[[1.0]]]}, "previous_spend_base needs"),
        ({"schema_sha256": "0" * 64}, "another schema"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(
    allocator: Allocator, tactic: Exported, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        allocator.allocate(tactic.request(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"region_base": [float("nan"), None]}, "region_base holds NaN"),
        ({"channel_base": np.array([np.nan, 1.0, 1.0])}, "channel_base holds NaN"),
        ({"channel_base": [np.float64("nan"), 1.0, 1.0]}, "channel_base holds NaN"),
        ({"region_base": ["nan", "nan"]}, "got `str`"),
        ({"region_base": np.array(["5", "5"])}, "got `str`"),
        ({"budget_base": "5"}, "got `str`"),
        ({"budget_base": True}, "got `bool`"),
        ({"budget_base": np.True_}, "got `bool`"),
        ({"budget_base": 5 + 1j}, "got `complex`"),
        ({"day": True}, "got `bool`"),
        ({"day": 1.5}, "got `float`"),
        ({"held": [[0.5, 1], [1, 1]]}, "got `float`"),
        ({"previous_spend_base": [[["1"] * 3] * 2] * 2}, "got `str`"),
        ({"decision_id": 5}, "decision_id is 5"),
    ],
)
def test_in_python_as_in_json_texts_truth_values_and_nan_are_no_amounts(
    allocator: Allocator, tactic: Exported, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        allocator.allocate(tactic.request(**changes))


def test_arrays_and_numbers_of_numpy_are_read_as_lists_and_numbers_are(allocator: Allocator, tactic: Exported) -> None:
    plain = tactic.request(region_base=[300.0, None], held=[[3, -1], [-1, 5]])
    told = tactic.request(
        day=np.int64(plain.day),
        budget_base=np.float64(plain.budget_base),
        regions=np.array(plain.regions),
        cells=tuple(np.array(plain.cells)),
        region_base=[np.float32(300.0), None],
        held=np.array([[3, -1], [-1, 5]]),
    )
    one, other = allocator.allocate(plain), allocator.allocate(told)
    assert one.spend_base[0, 0].sum() <= 300.0
    assert all(one.outputs[name].tobytes() == other.outputs[name].tobytes() for name in one.outputs)


@pytest.mark.parametrize("deviations", [6.0, 1e308])
def test_ranges_at_the_end_of_numbers_overflow_nowhere(tactic: Exported, tmp_path: Path, deviations: float) -> None:
    allocator = guarded(tactic, tmp_path, drift_deviations=deviations, cost_frac={"DE/families": 1e308}).allocator()
    request = tactic.request()
    request.cells[0][0][0] = 1e308
    assert allocator.allocate(request).spend_base.sum() > 0.0
    request.cells[0][0][0] = float("inf")
    with pytest.raises(RequestError, match="infinite"):
        allocator.allocate(request)


def test_an_infinite_feature_is_refused(allocator: Allocator, tactic: Exported) -> None:
    request = tactic.request()
    request.cells[0][0][0] = float("inf")
    with pytest.raises(RequestError, match="infinite"):
        allocator.allocate(request)


def test_a_discount_ceiling_masks_the_menu(tactic: Exported, tmp_path: Path) -> None:
    """The policy draws among what is left, with probabilities that say so; nothing too deep is ever drawn."""
    ceiling = {"DE/families": 0.0, "DE/students": 0.05, "UK/families": 0.3, "UK/students": 0.3}
    exported = guarded(tactic, tmp_path, discount_ceiling_frac=ceiling)
    allocator = exported.allocator()
    free = tactic.allocator()
    depths = np.array(allocator.bundle.schema.discount_frac)
    for i in range(50):
        made = allocator.allocate(exported.request(decision_id=f"d{i}"))
        assert made.probabilities is not None
        assert made.guardrails[0] == ["discount_ceiling"]
        assert (made.discount_frac[0] <= [[0.0, 0.05], [0.3, 0.3]]).all()
        assert made.probabilities[0, 0, 0, depths > 0.0].sum() == 0.0
        assert made.probabilities.sum(axis=3) == pytest.approx(np.ones((1, 2, 2)), abs=1e-12)
        own = free.allocate(exported.request(decision_id=f"d{i}")).probabilities
        assert own is not None
        kept = own[0, 0, 0] * (depths <= 0.0)
        assert made.probabilities[0, 0, 0] == pytest.approx(kept / kept.sum(), abs=1e-12)


def test_a_held_tactic_that_is_forbidden_gives_way_to_an_allowed_one(tactic: Exported, tmp_path: Path) -> None:
    """The answer names what is done: the same with less discount, as another tactic of the menu."""
    ceiling = {"DE/families": 0.0, "DE/students": 0.05, "UK/families": 0.3, "UK/students": 0.3}
    exported = guarded(tactic, tmp_path, discount_ceiling_frac=ceiling)
    allocator = exported.allocator()
    depths = np.array(allocator.bundle.schema.discount_frac)
    deep = len(depths) - 1
    assert depths[deep] == 0.1
    made = allocator.allocate(exported.request(held=[[deep, deep], [deep, -1]]))
    assert made.source == ["held"]
    assert made.guardrails == [["discount_ceiling"]]
    assert made.tactic is not None
    assert made.propensity is not None
    # The deepest allowed tier stands in: 0 and 0.05; where 0.1 is allowed it holds.
    np.testing.assert_array_equal(depths[made.tactic[0]][0], [0.0, 0.05])
    assert made.tactic[0, 1, 0] == deep
    labels = [label.partition(" / ")[2] for label in allocator.bundle.schema.axes["K"]]
    assert [labels[k] for k in made.tactic[0, 0]] == [labels[deep]] * 2
    np.testing.assert_array_equal(made.discount_frac, depths[made.tactic])
    np.testing.assert_array_equal(made.propensity[0, 0], 1.0)


def test_the_margin_floor_limits_discounts(tactic: Exported, tmp_path: Path) -> None:
    """With cost 0.72 of the price and a floor of 0.25, (1 - d) - 0.72 >= 0.25 (1 - d) allows d up to 0.04."""
    cells = ["DE/families", "DE/students", "UK/families", "UK/students"]
    exported = guarded(tactic, tmp_path, margin_floor_frac=0.25, cost_frac=dict.fromkeys(cells, 0.72))
    made = exported.allocator().allocate(exported.request())
    assert made.discount_frac.max() == 0.0


def test_ceilings_of_spend_scale_it_down(direct: Exported, tmp_path: Path) -> None:
    exported = guarded(
        direct, tmp_path, day_ceiling_base=300.0, region_ceiling_base={"DE": 200.0}, channel_ceiling_base={"email": 1.0}
    )
    made = exported.allocator().allocate(exported.request())
    assert made.guardrails[0] == ["region_ceiling", "channel_ceiling", "day_ceiling"]
    assert made.spend_base.sum() <= 300.0
    assert made.spend_base[0, 0].sum() <= 200.0
    assert made.spend_base[0, :, :, 2].sum() <= 1.0
    assert made.spend_base.sum() == pytest.approx(300.0)


def test_no_cell_changes_faster_than_allowed(direct: Exported, tmp_path: Path) -> None:
    exported = guarded(direct, tmp_path, day_on_day_frac=0.1)
    allocator = exported.allocator()
    free = allocator.allocate(exported.request()).spend_base[0]
    before = (free * np.array([0.5, 1.0])[None, :, None]).tolist()
    made = allocator.allocate(exported.request(previous_spend_base=before))
    assert made.guardrails[0] == ["day_on_day_change"]
    # Families doubled their spend, so they get a tenth more than yesterday; students stay as they are.
    assert made.spend_base[0, :, 0] == pytest.approx(free[:, 0] * 0.55)
    assert np.array_equal(made.spend_base[0, :, 1], free[:, 1])
    assert allocator.allocate(exported.request()).guardrails == [[]]


def test_quiet_hours_move_money_to_other_hours(direct: Exported, tmp_path: Path) -> None:
    """From 22 to 7 h email is silent in DE: the night (0-7 h) and the evening (18-24 h) are touched."""
    quiet = [QuietHours(regions=["DE"], channels=["email"], from_hour=22, to_hour=7)]
    exported = guarded(direct, tmp_path, quiet_hours=quiet)
    made = exported.allocator().allocate(exported.request())
    free = direct.allocator().allocate(direct.request()).daypart_weights[0]
    assert made.guardrails[0] == ["quiet_hours"]
    night, morning, afternoon, evening = made.daypart_weights[0, 0, 2]
    assert (night, evening) == (0.0, 0.0)
    assert morning + afternoon == pytest.approx(1.0)
    assert morning / afternoon == pytest.approx(free[0, 2, 1] / free[0, 2, 2])
    assert np.array_equal(made.daypart_weights[0, 1], free[1])
    forever = [QuietHours(regions=["DE"], channels=["email"], from_hour=0, to_hour=24)]
    with pytest.raises(UsageError, match="no hour"):
        guarded(direct, tmp_path, quiet_hours=forever).allocator()


def test_guardrails_that_name_strangers_are_refused(direct: Exported, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'FR'"):
        guarded(direct, tmp_path, region_ceiling_base={"FR": 1.0}).allocator()


def test_the_serving_path_is_light(repository: Path) -> None:
    """Importing and loading brings in no learning, web, data-frame or validation library."""
    code = (
        "import sys; from xbopt.service import Allocator; import xbopt.service.deciding.allocator, onnxruntime; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    heavy = {"torch", "stable_baselines3", "gymnasium", "sklearn", "scipy", "pyarrow", "pydantic", "fastapi", "onnx"}
    assert heavy & set(done.stdout.split()) == set()
