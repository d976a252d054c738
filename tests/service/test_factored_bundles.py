"""Bundles of factored policies: levels are drawn, held, told, stored and logged, each with its propensity."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Exported, Serve, export_to
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.planner.replanning import replanning_around
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.errors import BundleError, PolicyError
from xbopt.env.policy_contract import check_policy
from xbopt.service.bundle.schema import read_schema
from xbopt.service.bundle_policy import BundlePolicy, FactoredBundlePolicy, bundle_policy
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.draws import uniforms
from xbopt.service.deciding.reading import RequestError
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.description import build_guardrails
from xbopt.service.http.schema_change import schema_differences
from xbopt.service.store.entries import DecisionEntry, NewEntry
from xbopt.service.store.log_export import ExportReport, export_log
from xbopt.service.store.ranges import decision_complaint
from xbopt.service.store.recording import (
    bundle_entry,
    decision_entry,
    decode_decision,
    differing_outputs,
    shadow_entry,
)
from xbopt.service.store.sqlite import SqliteStore
from xbopt.service.store.verification import replay_decisions
from xbopt.simulator.parameters import MarketParameters

SHARE = 0.4


def with_channels(exported: Exported, *, step: int = 0, **changes: object) -> AllocationRequest:
    """A request that the simulator could have sent, to a bundle that reads channels too."""
    seen = exported.observations[step]
    return exported.request(step=step, channels=seen.channels[0].tolist(), **changes)


@pytest.fixture(scope="module")
def notched(tmp_path_factory: pytest.TempPathFactory, quickstart: MarketParameters) -> Exported:
    """Notches around a re-planner."""
    policy = replanning_around(quickstart, BUILT_IN["calendar"](quickstart))
    folder = tmp_path_factory.mktemp("notched")
    return export_to(folder, FactoredDirect.of(policy, quickstart, SHARE), quickstart)


@pytest.fixture(scope="module")
def allocator(notched: Exported) -> Allocator:
    return notched.allocator()


def test_without_exploration_a_bundle_decides_as_its_anchor_to_the_last_bit(
    tmp_path: Path, quickstart: MarketParameters
) -> None:
    anchor = replanning_around(quickstart, BUILT_IN["calendar"](quickstart))
    alone = export_to(tmp_path, anchor, quickstart, name="alone")
    path = tmp_path / "other"
    path.mkdir()
    around = export_to(path, FactoredDirect.of(anchor, quickstart), quickstart)
    assert (alone.allocator().bundle.schema.shape, around.allocator().bundle.schema.shape) == ("direct", "factored")
    for step in (0, 9, 27):
        request = with_channels(alone, step=step)
        one, other = alone.allocator().allocate(request), around.allocator().allocate(request)
        for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
            assert one.outputs[name].tobytes() == other.outputs[name].tobytes(), name
        assert other.propensity is not None
        assert (other.propensity == 1.0).all()


def test_levels_follow_from_the_decision_s_id_and_their_probabilities(allocator: Allocator, notched: Exported) -> None:
    """The first uniform number draws the pace: below 0.2 a notch down, then the middle, and a notch up from 0.8."""
    for key in ("a", "b", "c", "d", "e", "f"):
        made = allocator.allocate(with_channels(notched, decision_id=key))
        assert made.levels is not None
        assert made.propensity is not None
        pace, number = int(made.levels[0, 0]), float(uniforms([key], 19)[0, 0])
        assert pace == (1 if number <= 0.2 else 2 if number <= 0.8 else 3)
        assert made.propensity[0, 0] == pytest.approx(0.6 if pace == 2 else 0.2, abs=1e-15)


def test_levels_that_are_held_stay_and_are_told_as_held(allocator: Allocator, notched: Exported) -> None:
    first = allocator.allocate(with_channels(notched, decision_id="first"))
    assert first.levels is not None
    later = allocator.allocate(with_channels(notched, step=1, decision_id="later", held=first.levels[0]))
    assert later.source == ["held"]
    np.testing.assert_array_equal(later.levels, first.levels)
    np.testing.assert_array_equal(later.propensity, 1.0)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([2] * 18, "held needs one level"),
        ([5] + [2] * 18, "held is 5 for the factor pace; a level from 0 to 4 is possible"),  # spend has nine
        ([2] * 18 + [-2], "held is -2 for the factor spend/"),
        ([-1] + [2] * 18, "held draws the factor pace and holds others"),
        ([[2, 2], [2, 2]], "held needs one level"),
        ([[2], 3], "rows of unequal length"),
    ],
)
def test_what_is_held_has_to_be_levels_of_the_factors(
    allocator: Allocator, notched: Exported, held: list[object], words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        allocator.allocate(with_channels(notched, held=held))


def test_where_the_plan_answers_no_level_is_drawn(allocator: Allocator, notched: Exported) -> None:
    strange = np.full(notched.observations[0].cells[0].shape, 1e9).tolist()
    for made, source in (
        (allocator.allocate(with_channels(notched, cells=strange)), "plan"),
        (allocator.allocate(with_channels(notched), kill="plan"), "plan"),
        (allocator.allocate(with_channels(notched), kill="zero"), "stopped"),
    ):
        assert made.source == [source]
        np.testing.assert_array_equal(made.levels, -1)
        np.testing.assert_array_equal(made.propensity, 0.0)
        np.testing.assert_array_equal(made.probabilities, 0.0)
    planned = allocator.allocate(with_channels(notched), kill="plan").spend_base
    np.testing.assert_allclose(planned[0], BUILT_IN["calendar"](notched.market).spend_base[0])


def test_the_plan_s_rows_of_a_batch_change_no_other_row(allocator: Allocator, notched: Exported) -> None:
    good, strange = with_channels(notched), np.full(notched.observations[0].cells[0].shape, 1e9)
    one = allocator.reader.one(good, "x").inputs
    inputs = {name: np.repeat(array, 2, axis=0) for name, array in one.items()}
    inputs["cells"][1] = strange
    both = allocator.decide(allocator.reader.batch(["x", "y"], inputs))
    assert both.source == ["policy", "plan"]
    alone = allocator.decide(allocator.reader.one(good, "x"))
    for name, array in both.outputs.items():
        # The runtime's exponentials may round otherwise in another place of an array.
        np.testing.assert_allclose(array[0], alone.outputs[name][0], rtol=1e-12, err_msg=name)


def test_a_discount_ceiling_cuts_the_decision_and_leaves_the_propensity(tmp_path: Path, notched: Exported) -> None:
    rules = build_guardrails(notched.market.scenario)
    rules = msgspec.structs.replace(rules, discount_ceiling_frac=dict.fromkeys(rules.discount_ceiling_frac, 0.01))
    low = export_to(tmp_path, notched.policy, notched.market, guardrails=rules).allocator()
    high = notched.allocator()
    made = [[one.allocate(with_channels(notched, decision_id=f"d{i}")) for i in range(20)] for one in (low, high)]
    cut = [i for i in range(20) if "discount_ceiling" in made[0][i].guardrails[0]]
    assert cut
    for i in range(20):
        np.testing.assert_array_equal(made[0][i].levels, made[1][i].levels)
        np.testing.assert_array_equal(made[0][i].propensity, made[1][i].propensity)
        np.testing.assert_array_equal(made[0][i].discount_frac, np.minimum(made[1][i].discount_frac, 0.01))


def entry_of(allocator: Allocator, allocation: Allocation, key: str) -> NewEntry:
    return decision_entry(
        allocation, allocator, key=key, request=b"", episode_ids=[key], steps=[0], killed=allocation.kill != "off"
    )


def filled_store(folder: Path, allocator: Allocator, notched: Exported, shadow: Allocator | None = None) -> SqliteStore:
    store = SqliteStore(folder / "store.sqlite")
    entries = [bundle_entry(allocator)]
    held = allocator.allocate(with_channels(notched, decision_id="d0")).levels
    assert held is not None
    for key, changes, kill in (
        ("d0", {}, "off"),
        ("d1", {"step": 7}, "off"),
        ("held", {"step": 1, "held": held[0]}, "off"),
        ("planned", {}, "plan"),
        ("stopped", {}, "zero"),
        ("some", {"units": ["DE/students"]}, "off"),
    ):
        request = with_channels(notched, decision_id=key, **changes)  # type: ignore[arg-type]
        allocation = allocator.allocate(request, kill=kill)  # type: ignore[arg-type]
        entries.append(entry_of(allocator, allocation, key))
        if shadow is not None and key == "d0":
            entries.append(shadow_entry(shadow.allocate(request), shadow, key=key))
    store.append(entries)
    return store


def exported_log(store: SqliteStore, folder: Path) -> ExportReport:
    return export_log(store, folder / "log.parquet")


def test_the_log_has_a_row_a_cell_with_the_levels_that_its_result_depends_on(
    tmp_path: Path, allocator: Allocator, notched: Exported
) -> None:
    """d0 and d1 have four cells each, and one decision asked for one; held, planned and stopped are left out."""
    with closing(filled_store(tmp_path, allocator, notched, shadow=allocator)) as store:
        report = exported_log(store, tmp_path)
        replay_decisions(store, notched.path)
    assert (report.rows, report.held, report.planned, report.stopped, report.idle) == (9, 4, 4, 4, 3)
    log = read_decision_log(tmp_path / "log.parquet")
    assert log.schema.anchor == "replan"
    assert log.schema.reward_reach is not None
    assert [effect.cause for effect in log.schema.reward_reach.effects] == ["deals"]
    assert [factor.name for factor in log.schema.factors] == [
        "pace", "timing", "discount", "spend/search", "spend/social", "spend/email",
    ]  # fmt: skip
    made = allocator.allocate(with_channels(notched, decision_id="d0"))
    assert made.levels is not None
    assert made.propensity is not None
    # The second cell of the second region: pace, its region's timing, its own discount, and its three channels.
    places, row = [0, 2, 3 + 3, 7 + 9, 7 + 10, 7 + 11], 3
    np.testing.assert_array_equal(log.columns.action[row], made.levels[0, places])
    # Half the digits: a rounding of each of six probabilities, and one of the sum that is brought back to 1.
    assert log.columns.propensity[row] == pytest.approx(float(made.propensity[0, places].prod()), rel=12 * 2.0**-24)
    assert log.columns.shadows is not None
    assert log.columns.action_probabilities is not None
    np.testing.assert_allclose(log.columns.shadows[:4, 0], log.columns.action_probabilities[:4], atol=1e-6)
    assert np.isnan(log.columns.shadows[4:]).all()
    assert report.shadow_missed == {"demo": 5}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("levels", lambda a: a + 20, "levels holds"),
        ("propensity", lambda a: a * 0.5, "a propensity is not the probability of its level"),
        ("probabilities", lambda a: a * 0.5, "the probabilities of a factor do not sum to 1"),
    ],
)
def test_what_no_service_wrote_is_found(
    allocator: Allocator, notched: Exported, name: str, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    made = allocator.allocate(with_channels(notched, decision_id="d0"))
    entry = decode_decision(entry_of(allocator, made, "d0").payload)
    kind = {"levels": "<i8", "propensity": "<f8", "probabilities": "<f4"}[name]
    forged = change(np.frombuffer(entry.outputs[name], dtype=kind)).astype(kind).tobytes()
    other = msgspec.structs.replace(entry, outputs={**entry.outputs, name: forged})
    schema = allocator.bundle.schema
    assert decision_complaint("d0", entry, schema) == ""
    assert words in decision_complaint("d0", other, schema)
    assert differing_outputs(other, allocator) == [name]
    short: DecisionEntry = msgspec.structs.replace(entry, shape=entry.shape[:8])
    with pytest.raises(BundleError, match="other axes"):
        decision_complaint("d0", short, schema)


def test_a_bundle_of_factors_is_a_policy_that_can_be_asked_and_played(notched: Exported) -> None:
    policy = bundle_policy(notched.path)
    assert isinstance(policy, FactoredBundlePolicy)
    rebuild, arguments = policy.__reduce__()
    policy, own = rebuild(*arguments), notched.policy
    assert isinstance(own, FactoredDirect)
    seen = notched.observations[7]
    np.testing.assert_allclose(policy.factor_probabilities(seen), own.factor_probabilities(seen), atol=1e-12)
    levels = np.tile(own.factors.neutral + 1, (seen.worlds, 1))
    np.testing.assert_allclose(
        policy.decode(levels, seen).discount_frac, own.decode(levels, seen).discount_frac, atol=1e-12
    )
    assert policy.anchor.name == "replan"
    assert policy.exploring(SHARE) is policy
    with pytest.raises(PolicyError, match="explores as it was exported"):
        policy.exploring(0.1)
    with pytest.raises(PolicyError, match="FactoredBundlePolicy"):
        BundlePolicy.load(notched.path)
    check_policy(policy, notched.market)


def test_a_bundle_of_other_factors_or_of_tactics_does_not_take_over(
    allocator: Allocator, tactic: Exported, direct: Exported
) -> None:
    schema = allocator.bundle.schema
    assert isinstance(schema.factors, list)
    other = msgspec.structs.replace(
        schema,
        factors=[msgspec.structs.replace(schema.factors[0], labels=["a", "b", "c"], neutral=1), *schema.factors[1:]],
    )
    assert any("factors (axis A): pace" in words for words in schema_differences(schema, other))
    with_menu = msgspec.structs.replace(schema, shape="tactic", factors=msgspec.UNSET)
    assert "what is drawn and held: levels of factors before, tactics of cells now" in schema_differences(
        schema, with_menu
    )
    without = msgspec.structs.replace(schema, shape="direct", factors=msgspec.UNSET)
    assert schema_differences(schema, without) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"factors": msgspec.UNSET}, "lists factors for a factored policy"),
        ({"factors": []}, "other factors than it names along A"),
    ],
)
def test_a_schema_whose_factors_do_not_fit_is_refused(
    allocator: Allocator, change: dict[str, object], words: str
) -> None:
    from xbopt.service.bundle.formats import encode

    broken = msgspec.structs.replace(allocator.bundle.schema, **change)  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=words):
        read_schema(encode(broken))


def test_the_service_tells_levels_and_their_propensities(serve: Serve, notched: Exported) -> None:
    """One decision as JSON, the document that says its form, and the same decision again by its id."""
    seen = notched.observations[0]
    asked = {
        "decision_id": "over-http", "day": 0, "budget_base": float(seen.remaining.budget_base[0]),
        "regions": seen.regions[0].tolist(), "cells": seen.cells[0].tolist(), "channels": seen.channels[0].tolist(),
    }  # fmt: skip
    with serve(notched.path).client() as client:
        told = client.post("/v1/allocate", json=asked).json()
        assert told == client.post("/v1/allocate", json=asked).json()
        document = client.get("/openapi.json").json()["components"]["schemas"]
        held = client.post("/v1/allocate", json={**asked, "decision_id": "next", "held": told["levels"]}).json()
    assert len(told["levels"]) == len(told["propensity"]) == 19
    assert "tactic" not in told
    assert (held["source"], held["levels"]) == ("held", told["levels"])
    number = document["AllocationAnswer"]["properties"]["propensity"]["anyOf"][0]["items"]
    assert number == {"type": "number"}
    assert document["AllocationRequest"]["properties"]["held"]["anyOf"][0]["minItems"] == 19


def test_exploring_with_another_share_is_another_policy(notched: Exported) -> None:
    """The share stands in the manifest, and golden vectors have to show it."""
    from xbopt.service.bundle.claims import check_exploration
    from xbopt.service.bundle.formats import GOLDEN, Golden, decode

    manifest = notched.allocator().bundle.manifest
    assert manifest.provenance.exploration == SHARE
    golden = decode(notched.files[GOLDEN], Golden, GOLDEN)
    schema = notched.allocator().bundle.schema
    check_exploration(golden, schema, manifest.provenance)
    with pytest.raises(BundleError, match=r"says exploration 0\.1"):
        check_exploration(golden, schema, msgspec.structs.replace(manifest.provenance, exploration=0.1))


def test_a_policy_whose_graph_does_otherwise_is_not_exported(tmp_path: Path, notched: Exported) -> None:
    """Levels that decode to other spend than the graph's tables say."""
    own = notched.policy
    assert isinstance(own, FactoredDirect)

    class Bolder(FactoredDirect):
        def decode(self, levels: np.ndarray, observation: object) -> object:
            found = own.decode(levels, observation)  # type: ignore[arg-type]
            return replace(found, spend_base=found.spend_base * 1.001)

    with pytest.raises(BundleError, match="gives another spend_base"):
        export_to(tmp_path, Bolder(actions=own.actions, exploration=SHARE), notched.market)  # type: ignore[arg-type]
