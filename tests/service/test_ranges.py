"""Numbers of the right type that cannot be: a planner's own file is a mistake of the call, a bundle's is broken."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.service.conftest import Command, Exported, export_to
from tests.service.test_bundle import resealed, saved
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.errors import BundleError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.formats import (
    GUARDRAILS,
    PLAN,
    SCHEMA,
    Guardrails,
    Plan,
    QuietHours,
    decode,
    encode,
    read_document,
)
from xbopt.service.bundle.ranges import check_guardrails
from xbopt.service.bundle.schema import Schema, read_schema
from xbopt.service.bundle.tensors import from_tensor, to_tensor
from xbopt.service.exporting.description import build_guardrails
from xbopt.simulator.build import build_market


def quiet(**changes: object) -> list[QuietHours]:
    rule = QuietHours(regions=["DE"], channels=["email"], from_hour=22, to_hour=7)
    return [msgspec.structs.replace(rule, **changes)]


WRONG_GUARDRAILS: list[tuple[dict[str, object], str]] = [
    ({"guardrails_version": 99}, "version 99"),
    ({"drift_deviations": -5.0}, "drift_deviations is -5"),
    ({"drift_deviations": 0.0}, "drift_deviations is 0"),
    ({"day_ceiling_base": -1.0}, "day_ceiling_base is -1"),
    ({"day_ceiling_base": float("inf")}, "day_ceiling_base is inf"),
    ({"day_ceiling_base": float("nan")}, "day_ceiling_base is nan"),
    ({"cell_ceiling_base": -0.01}, "cell_ceiling_base is -0.01"),
    ({"day_on_day_frac": 1.5}, "day_on_day_frac is 1.5; 0 to 1"),
    ({"day_on_day_frac": -0.1}, "day_on_day_frac"),
    ({"margin_floor_frac": 1.1}, "margin_floor_frac"),
    ({"most_missing_frac": 2.0}, "most_missing_frac is 2"),
    ({"region_ceiling_base": {"DE": -1.0}}, "region_ceiling_base of DE is -1"),
    ({"region_ceiling_base": {"FR": 1.0}}, "'FR'"),
    ({"channel_ceiling_base": {"tv": 1.0}}, "'tv'"),
    ({"discount_ceiling_frac": {"DE/families": 1.5}}, "0 to 1"),
    ({"discount_ceiling_frac": {"DE": 0.5}}, "'DE'"),
    ({"cost_frac": {"DE/families": -0.2}}, "cost_frac of DE/families"),
    ({"cost_frac": {}, "margin_floor_frac": 0.2}, "needs the cost_frac of every cell"),
    ({"quiet_hours": quiet(from_hour=25)}, "from_hour of quiet_hours is 25"),
    ({"quiet_hours": quiet(to_hour=-1)}, "to_hour of quiet_hours is -1"),
    ({"quiet_hours": quiet(regions=["DE", "DE"])}, "twice"),
    ({"quiet_hours": quiet(channels=["fax"])}, "'fax'"),
    ({"quiet_hours": quiet(channels=[])}, "no channels"),
    ({"quiet_hours": quiet(from_hour=0, to_hour=0)}, "no hour"),
    ({"quiet_hours": [*quiet(from_hour=0, to_hour=12), *quiet(from_hour=12, to_hour=24)]}, "no hour"),
]


@pytest.fixture(scope="module")
def schema(tactic: Exported) -> Schema:
    return read_schema(tactic.files[SCHEMA])


@pytest.mark.parametrize(("changes", "message"), WRONG_GUARDRAILS, ids=str)
def test_guardrails_that_cannot_be_are_refused(
    tactic: Exported, schema: Schema, changes: dict[str, object], message: str
) -> None:
    rules = msgspec.structs.replace(build_guardrails(tactic.market.scenario), **changes)
    with pytest.raises(BundleError, match=message):
        check_guardrails(rules, schema)


def test_a_ceiling_that_forbids_every_tactic_is_seen_at_export(tmp_path: Path) -> None:
    """A menu whose least discount is 5 %, and a ceiling of 4 %; around a plan it holds the plan itself besides."""
    pytest.importorskip("torch")
    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    market = build_market(load_scenario("quickstart", overrides=["tactics.discount_frac=[0.05, 0.1]"]))
    plan = BUILT_IN["calendar"](market)
    policy = as_policy(build_parts(market, plan, replace(PpoSettings(), encoding="tactics")))
    rules = msgspec.structs.replace(build_guardrails(market.scenario), discount_ceiling_frac={"DE/families": 0.04})
    with pytest.raises(UsageError, match="forbids every tactic"):
        export_to(tmp_path, policy, market, guardrails=rules)
    around = ExploringPolicy(plan=plan, scenario=market.scenario, exploration=0.2)
    assert len(around.menu) == len(market.scenario.menu) + 1
    made = export_to(tmp_path, around, market, guardrails=rules).allocator()
    assert (made.bundle.plan.tactic == around.menu.neutral).all()


def test_a_file_of_one_s_own_is_a_mistake_of_the_call_and_a_bundle_s_is_broken(
    command: Command, tactic: Exported, tmp_path: Path
) -> None:
    """2 at export, 5 at verify: also for a bundle whose hashes somebody made anew."""
    rules = msgspec.structs.replace(build_guardrails(tactic.market.scenario), day_ceiling_base=-1.0)
    own = tmp_path / "own.json"
    own.write_bytes(encode(rules))
    export = ("export", "calendar", "--scenario", "quickstart", "--unproven", "-o", tmp_path / "b.xbopt")
    code, _, err = command(*export, "--guardrails", own)
    assert (code, "day_ceiling_base is -1" in err) == (2, True)
    path = saved(resealed(tactic.files, **{GUARDRAILS: encode(rules)}), tmp_path, "forged.xbopt")
    code, _, err = command("verify", path)
    assert (code, "day_ceiling_base is -1" in err) == (5, True)


def test_a_name_that_stands_twice_in_a_file_is_refused(tactic: Exported) -> None:
    """The last of the two would count without a word."""
    text = encode(build_guardrails(tactic.market.scenario)).decode()
    twice = text.replace('"region_ceiling_base": {}', '"region_ceiling_base": {"DE": 1.0, "DE": 900.0}')
    assert twice != text
    with pytest.raises(UsageError, match="'DE' stands in one mapping twice"):
        read_document(twice.encode(), Guardrails, GUARDRAILS)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("spend_base", -1.0, "spend_base holds -1"),
        ("spend_base", np.nan, "spend_base holds nan"),
        ("spend_base", np.inf, "spend_base holds inf"),
        ("discount_frac", 1.01, "discount_frac holds 1.01; 0 to 1"),
        ("mechanic", 5, "mechanic holds 5; 0 to 4"),
        ("daypart_weights", 0.9, "daypart_weights of a row sum"),
        ("audience", np.nan, "audience holds nan"),
        ("minimum_base", -1.0, "minimum_base holds -1"),
        ("maximum_base", np.nan, "maximum_base holds nan"),
        ("region_cap_base", -1.0, "region_cap_base holds -1"),
        ("lock_base", np.inf, "lock_base holds inf"),
        ("locked", 2, "locked holds 2; 0 to 1"),
        ("discount_ceiling", -0.1, "discount_ceiling holds -0.1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    tactic: Exported, tmp_path: Path, name: str, value: float, message: str
) -> None:
    plan = decode(tactic.files[PLAN], Plan, PLAN)
    array = from_tensor(plan.arrays[name], name)
    array.reshape(-1)[0] = value
    changed = msgspec.structs.replace(plan, arrays={**plan.arrays, name: to_tensor(array)})
    with pytest.raises(BundleError, match=message):
        load_bundle(saved(resealed(tactic.files, **{PLAN: encode(changed)}), tmp_path))


@pytest.mark.parametrize(
    ("field", "value"), [("daily_base", -1.0), ("total_base", -1.0), ("plan_version", 7), ("extra", None)]
)
def test_limits_that_cannot_be_are_refused(tactic: Exported, tmp_path: Path, field: str, value: float) -> None:
    plan = decode(tactic.files[PLAN], Plan, PLAN)
    if field == "extra":
        changed = msgspec.structs.replace(plan, arrays={**plan.arrays, "extra": plan.arrays["locked"]})
    else:
        changed = msgspec.structs.replace(plan, **{field: value})
    with pytest.raises(BundleError, match=field.removesuffix("_version")):
        load_bundle(saved(resealed(tactic.files, **{PLAN: encode(changed)}), tmp_path))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("features", "G", 0, "low"), 1e9, "that cannot be"),
        (("features", "G", 0, "deviation"), -1.0, "that cannot be"),
        (("features", "F", 0, "mean"), 1e12, "that cannot be"),
        (("inputs", 3, "low"), 1e9, r"budget_base runs from 1e\+09"),
        (("daypart_hours", 0), [0, 25], "a daypart runs from 0 to 25"),
        (("daypart_hours", 0), [7, 7], "a daypart runs from 7 to 7"),
        (("decide_every_days",), 0, "decide_every_days is 0"),
        (("window_days",), -1, "window_days is -1"),
        (("late_effects", 0, "days"), -1.0, "days of the late effect deals is -1"),
        (("discount_frac", 0), -0.1, "discount_frac is -0.1"),
        (("start",), "yesterday", "no date"),
        (("currency",), "euro", "three capital letters"),
        (("axes", "R"), ["DE", "DE"], "twice"),
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_is_refused(
    direct: Exported, tactic: Exported, tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = json.loads(tactic.files[SCHEMA])
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    data = encode(msgspec.json.decode(json.dumps(document), type=Schema))
    with pytest.raises(BundleError, match=message):
        load_bundle(saved(resealed(tactic.files, **{SCHEMA: data}), tmp_path))
