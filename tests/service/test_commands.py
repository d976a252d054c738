"""``xbopt export``, ``verify``, ``decisions`` and ``tokens``, as a planner types them."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.service.conftest import Command, Exported
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.reference import observe_policy
from xbopt.service.exporting.run_export import policy_of_run
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import bundle_entry, decision_entry


def test_a_plan_becomes_a_bundle(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "plan.xbopt"
    export = ("export", "calendar", "--scenario", "quickstart", "-o", path, "--exploration", "0.2", "--unproven")
    code, out, _ = command(*export, "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["name"], told["shape"], told["proven"]) == ("calendar-explore0.2", "tactic", False)
    assert load_bundle(path, unproven=True).manifest.content_address == told["content_address"]
    code, out, err = command("verify", path)
    assert code == 0
    assert told["content_address"] in out
    assert "no certificate" in err


def test_the_re_planner_becomes_a_bundle_whose_log_can_be_evaluated(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "replan.xbopt"
    options = ("--scenario", "quickstart", "-o", path, "--exploration", "0.2", "--unproven", "--json")
    code, out, err = command("export", "replan", *options)
    assert code == 0
    told = json.loads(out)
    assert (told["name"], told["shape"], told["exploration"]) == ("replan-explore0.2", "factored", 0.2)
    assert told["log_can_judge"] == ["policies over its factors"]
    assert "will judge no" not in err
    bundle = load_bundle(path, unproven=True)
    assert (bundle.schema.anchor, bundle.plan.name) == ("replan", "planner")


def test_a_plan_is_exported_from_python_as_by_the_command(tmp_path: Path) -> None:
    import xbopt

    path = tmp_path / "plan.xbopt"
    manifest = xbopt.export(
        "calendar", path, scenario=xbopt.load_scenario("quickstart"), unproven=True, version="2.1.0"
    )
    assert (manifest.name, manifest.version, manifest.shape) == ("calendar", "2.1.0", "direct")
    assert load_bundle(path, unproven=True).manifest == manifest
    with pytest.raises(xbopt.UsageError, match="one of them"):
        xbopt.export("calendar", path, scenario="quickstart")
    with pytest.raises(xbopt.UsageError, match="0 to 1"):
        xbopt.export("calendar", path, scenario="quickstart", unproven=True, exploration=1.5)


def test_a_policy_without_proof_is_not_exported(command: Command, tmp_path: Path) -> None:
    code, _, err = command("export", "calendar", "--scenario", "quickstart", "-o", tmp_path / "p.xbopt")
    assert code == 2
    assert "--unproven" in err


def test_verify_ends_with_5_on_a_changed_byte(command: Command, bundle_copy: Path) -> None:
    data = bytearray(bundle_copy.read_bytes())
    data[len(data) // 2] ^= 1
    bundle_copy.write_bytes(data)
    code, out, err = command("verify", bundle_copy)
    assert code == 5
    assert out == ""
    assert "Traceback" not in err
    assert command("verify", bundle_copy.with_name("none"))[0] == 2


def test_decisions_are_verified_and_exported(command: Command, tactic: Exported, tmp_path: Path) -> None:
    allocator = tactic.allocator()
    store = f"sqlite:///{tmp_path}/s.sqlite"
    with closing(open_store(store)) as opened:
        made = allocator.allocate(tactic.request())
        entry = decision_entry(made, allocator, request=b"", key="a-1", episode_ids=[""], steps=[0], killed=False)
        opened.append([bundle_entry(allocator), entry])
    code, out, _ = command("decisions", "verify", "--store", store, "--bundle", tactic.path, "--json")
    told = json.loads(out)
    assert (code, told["entries"], told["replayed"]) == (0, 2, 1)
    assert command("decisions", "verify", "--store", store, "--head", told["head"])[0] == 0
    assert command("decisions", "verify", "--store", store, "--head", "00" * 32)[0] == 5
    code, out, _ = command("decisions", "export", "--store", store, "-o", tmp_path / "log.parquet", "--json")
    assert (code, json.loads(out)["rows"], json.loads(out)["certain"]) == (0, 4, 0)
    assert command("decisions", "export", "--store", store, "-o", tmp_path / "log.csv")[0] == 2


@pytest.mark.parametrize("exploration", [None, 0, 0.2])
def test_a_bundle_whose_log_will_judge_nothing_says_so_from_export_to_log(
    command: Command, tmp_path: Path, exploration: float | None
) -> None:
    """At the export, when it is checked, and when the log is written: with the option that mends it."""
    path, store = tmp_path / "p.xbopt", f"sqlite:///{tmp_path}/s.sqlite"
    share = () if exploration is None else ("--exploration", exploration)
    made = command("export", "calendar", "--scenario", "quickstart", "-o", path, "--unproven", "--json", *share)
    told = json.loads(made[1])
    assert told["exploration"] == exploration
    assert told["log_can_judge"] == (["policies over its menu"] if exploration else [])
    for _, _, err in (made, command("verify", path)):
        assert ("--exploration 0.2" in err) == (not exploration)
    if exploration is None:
        return
    allocator = Allocator.load(path, unproven=True)
    seen = observe_policy(*policy_of_run("calendar", scenario="quickstart", exploration=0.0), worlds=1, seed=1)[0]
    request = AllocationRequest(
        decision_id="a", day=0, budget_base=1000.0, regions=seen.regions[0].tolist(), cells=seen.cells[0].tolist()
    )
    with closing(open_store(store)) as opened:
        allocation = allocator.allocate(request)
        entry = decision_entry(allocation, allocator, request=b"", key="a", episode_ids=[""], steps=[0], killed=False)
        opened.append([bundle_entry(allocator), entry])
    code, _, err = command("decisions", "export", "--store", store, "-o", tmp_path / "log.parquet")
    assert (code, "judges no other policy" in err) == (0, not exploration)


def test_tokens_are_made_and_taken_away(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    code, out, _ = command("tokens", "add", "shop", "--file", file)
    assert code == 0
    assert len(out.strip()) >= 40
    assert out.strip() not in file.read_text()
    assert command("tokens", "add", "shop", "--file", file)[0] == 2
    assert command("tokens", "add", "other", "--file", file, "--right", "everything")[0] == 2
    assert command("tokens", "remove", "shop", "--file", file)[0] == 0
    assert command("tokens", "remove", "shop", "--file", file)[0] == 2
