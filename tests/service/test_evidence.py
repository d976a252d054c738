"""A certificate is evidence for the policy, the exploration and the scenario it was made for, and for nothing else."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from tests.service.conftest import Command, Exported, certificate_for
from tests.service.test_bundle import resealed, saved
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.training import train
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.documents.seal import sealed
from xbopt.core.errors import BundleError, PolicyError, SupportError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.ope.logs.log_policy import PolicyIdentity
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.formats import CARD, CERTIFICATE, MANIFEST, Manifest, decode, encode
from xbopt.service.exporting.evidence import read_certificate, subject_of
from xbopt.service.exporting.export import ExportSettings, export_policy
from xbopt.service.exporting.run_export import policy_of_run

PLAN = "calendar"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from xbopt.studies.simulate import simulate

    path = tmp_path_factory.mktemp("evidence") / "log.parquet"
    simulate("quickstart", PLAN, runs=60, exploration=1.0, log=path)
    return path


def export(command: Command, tmp_path: Path, certificate: Path, *more: str) -> tuple[int, str, str]:
    bundle = tmp_path / "p.xbopt"
    return command("export", PLAN, "--scenario", "quickstart", "-o", bundle, "--evaluation", certificate, *more)


def evaluated(command: Command, log: Path, path: Path, *more: str) -> dict[str, object]:
    command("evaluate", log, "--policy", PLAN, "--scenario", "quickstart", "--certificate", path, *more)
    return cast("dict[str, object]", json.loads(path.read_text()))


def test_what_was_evaluated_is_what_may_be_exported(command: Command, tmp_path: Path, log: Path) -> None:
    path = tmp_path / "c.json"
    document = evaluated(command, log, path, "--exploration", "0.6")
    assert document["format_version"] == 2
    assert document["verdict"] in {"ANSWER", "CAUTION"}
    assert isinstance(document["value"], dict)
    code, _, err = export(command, tmp_path, path)
    assert code == 2
    assert f"for another policy: for {PLAN}+explore0.6 (built in" in err
    assert f"--policy {PLAN} --scenario SCENARIO --certificate" in err
    code, _, err = export(command, tmp_path, path, "--exploration", "0.3")
    assert code == 2
    assert "--exploration 0.3 --certificate" in err
    assert export(command, tmp_path, path, "--exploration", "0.6")[0] == 0
    assert load_bundle(tmp_path / "p.xbopt").certificate == path.read_bytes()


def certificate(tmp_path: Path, **changes: object) -> Path:
    """A certificate for the plan in quickstart that passes, with some entries changed."""
    own = load_scenario("quickstart").hash
    document: dict[str, object] = {
        "format": "xbopt.evaluation",
        "format_version": 2,
        "verdict": "ANSWER",
        "difference": {"low": 1.0, "high": 3.0},
        "policy": {"name": PLAN, "kind": "built in", "sha256": PolicyIdentity.of_name(f"{PLAN}|{own}").sha256},
        "scenario_hash": own,
    }
    path = tmp_path / "c.json"
    path.write_text(json.dumps(sealed(document | changes)))
    return path


def test_a_certificate_that_was_edited_is_refused(command: Command, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    path.write_text(path.read_text().replace('"high": 3.0', '"high": 300.0'))
    code, _, said = export(command, tmp_path, path)
    assert code == 2
    assert "was changed after it was written" in said


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({}, 0, ""),
        ({"verdict": "CAUTION", "difference": {"low": -1.0, "high": 1.0}}, 0, "CAUTION"),
        ({"difference": {"low": -1.0, "high": 1.0}}, 0, "does not show with confidence"),
        ({"difference": {"low": -8.8, "high": -8.5e-13}}, 0, "does not show with confidence"),
        ({"difference": {"low": 8.5e-13, "high": 8.8}}, 0, "does not show with confidence"),
        ({"log": {"logging_policies": [PLAN]}}, 0, "The policy itself wrote the log"),
        ({"verdict": "REFUSE"}, 3, "proves nothing"),
        ({"verdict": None}, 3, "proves nothing"),
        ({"difference": {"low": -3.0, "high": -1.0}}, 3, "earns less than what was done"),
        ({"difference": None}, 3, "does not say how the policy compares"),
        ({"difference": {"low": 1.0, "high": None}}, 3, "does not say how the policy compares"),
        ({"difference": {"low": 3.0, "high": 1.0}}, 3, "does not say how the policy compares"),
        ({"difference": {"low": True, "high": True}}, 3, "does not say how the policy compares"),
        ({"scenario_hash": "0000"}, 2, "a scenario with the hash 0000"),
        ({"scenario_hash": ""}, 2, "a scenario with the hash (none)"),
        ({"format_version": 1}, 2, "format version 1"),
        ({"format_version": 2.0}, 2, "format version 2.0"),
        ({"format": "something"}, 2, "is no certificate"),
        ({"policy": None}, 2, "for another policy"),
        ({"policy": {"name": PLAN, "kind": "built in", "sha256": "ab" * 32}}, 2, "for another policy"),
    ],
)
def test_a_certificate_of_something_else_proves_nothing(
    command: Command, tmp_path: Path, changes: dict[str, object], code: int, words: str
) -> None:
    found, _, err = export(command, tmp_path, certificate(tmp_path, **changes))
    assert found == code, err
    assert words in err
    assert (tmp_path / "p.xbopt").exists() == (code == 0)


def test_a_certificate_that_says_something_twice_is_refused(command: Command, tmp_path: Path) -> None:
    path = certificate(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"verdict"', b'"verdict": "REFUSE", "verdict"', 1))
    code, _, err = export(command, tmp_path, path)
    assert code == 2
    assert "'verdict' stands in one mapping twice" in err


@pytest.mark.parametrize("text", [b"", b"[1]", b"\xff\xfe", b"[" * 5000, b'"ANSWER"'])
def test_what_is_no_certificate_is_told_so(command: Command, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text)
    code, _, err = export(command, tmp_path, path)
    assert code == 2
    assert "is no certificate" in err
    assert export(command, tmp_path, tmp_path / "none.json")[0] == 2


def test_a_run_is_told_by_its_files_and_its_exploration(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train("quickstart", "lin_ucb", run, steps=64, seed=1, options={"encoding": "tactics", "test_worlds": 0})
    scenario = load_scenario("quickstart")
    plain, _ = policy_of_run(run, scenario=None, exploration=None)
    exploring, _ = policy_of_run(run, scenario=None, exploration=0.4)
    identity = PolicyIdentity.of_path(run / "policy", "run directory", name=exploring.name)

    def path(**changes: str) -> Path:
        one = replace(identity, **changes)
        return certificate(tmp_path, policy={"name": one.name, "kind": one.kind, "sha256": one.sha256})

    assert read_certificate(path(), subject_of(exploring, scenario, run)) == path().read_bytes()
    assert read_certificate(path(name=plain.name), subject_of(plain, scenario, run))
    # A share of 0 is no exploration, whichever of both was asked for.
    assert read_certificate(path(name=f"{plain.name}+explore0"), subject_of(plain, scenario, run))
    assert read_certificate(path(name="shadow:run", kind="shadow, run directory"), subject_of(plain, scenario, run))
    for policy, changes in ((plain, {}), (exploring, {"name": plain.name})):
        with pytest.raises(UsageError, match="another share of exploration"):
            read_certificate(path(**changes), subject_of(policy, scenario, run))
    with pytest.raises(UsageError, match="another share of exploration"):
        read_certificate(path(name="shadow:run", kind="shadow, run directory"), subject_of(exploring, scenario, run))
    with pytest.raises(UsageError, match=r"another policy.*probabilities file"):
        read_certificate(path(kind="probabilities file", sha256="0" * 64), subject_of(exploring, scenario, run))
    with pytest.raises(SupportError, match="proves nothing"):
        read_certificate(
            certificate(tmp_path, verdict="REFUSE", policy=vars_of(identity)), subject_of(exploring, scenario, run)
        )
    (run / "policy" / "policy.json").write_text((run / "policy" / "policy.json").read_text() + " ")
    with pytest.raises(UsageError, match="another policy"):
        read_certificate(path(), subject_of(exploring, scenario, run))


def test_a_certificate_from_a_menu_proves_no_notches_and_the_other_way_round(command: Command, tmp_path: Path) -> None:
    """The name and the share are the same; what is drawn is not."""
    from xbopt.studies.simulate import simulate

    scenario = load_scenario("quickstart")
    plan, market = policy_of_run(PLAN, scenario=scenario, exploration=None)
    assert isinstance(plan, DirectPolicy)
    exported = {
        "factors": FactoredDirect.of(plan, market, 0.3),
        "menu": policy_of_run(PLAN, scenario=scenario, exploration=0.3)[0],
    }
    for by in ("menu", "factors"):
        simulate("quickstart", PLAN, runs=16, exploration=1.0, by=by, log=tmp_path / f"{by}.parquet")
        path = tmp_path / f"{by}.json"
        code = command(
            "evaluate", tmp_path / f"{by}.parquet", "--policy", PLAN, "--scenario", "quickstart", "--exploration",
            0.3, "--certificate", path,
        )[0]  # fmt: skip
        assert code in {0, 3}
        given = json.loads(path.read_text())["policy"]
        assert given["name"] == f"{PLAN}+explore0.3"
        proof = certificate(tmp_path, policy=given)
        for kind, policy in exported.items():
            subject = subject_of(policy, scenario, None)
            if kind == by:
                assert read_certificate(proof, subject) == proof.read_bytes()
                continue
            with pytest.raises(UsageError, match=rf"another policy.*simulate --by {kind}"):
                read_certificate(proof, subject)


@pytest.mark.parametrize("name", ["plan.csv", "replan:plan.csv"])
def test_a_plan_s_file_is_refused_without_advice_to_name_one(name: str) -> None:
    with pytest.raises(UsageError, match="a plan's file cannot be exported; name a built-in policy"):
        policy_of_run(name, scenario="quickstart", exploration=None)


def test_for_export_only_what_can_be_exported_is_suggested() -> None:
    with pytest.raises(PolicyError, match=r"no policy 'replam' to export\. Did you mean 'replan'") as told:
        policy_of_run("replam", scenario="quickstart", exploration=None)
    assert "CSV" not in str(told.value)


def vars_of(identity: PolicyIdentity) -> dict[str, str]:
    return {"name": identity.name, "kind": identity.kind, "sha256": identity.sha256}


def test_a_plan_as_a_shadow_plays_without_exploration(tmp_path: Path) -> None:
    scenario = load_scenario("quickstart")
    own = PolicyIdentity.of_name(f"{PLAN}|{scenario.hash}")
    about = {"name": f"shadow:{PLAN}", "kind": "shadow, built in", "sha256": own.sha256}
    path = certificate(tmp_path, policy=about)
    for exploration in (None, 0.0):
        policy, _ = policy_of_run(PLAN, scenario=scenario, exploration=exploration)
        assert read_certificate(path, subject_of(policy, scenario, None))
    policy, _ = policy_of_run(PLAN, scenario=scenario, exploration=0.2)
    with pytest.raises(UsageError, match="another share of exploration"):
        read_certificate(path, subject_of(policy, scenario, None))


def resealed_with(exported: Exported, folder: Path, certificate: bytes) -> Path:
    return saved(resealed(exported.files, **{CERTIFICATE: certificate}), folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verdict": "REFUSE"}, "proves nothing"),
        ({"difference": {"low": -100.0, "high": -70.0}}, "earns less than what was done"),
        ({"difference": None}, "does not say how the policy compares"),
        ({"difference": {"low": -math.inf, "high": math.inf}}, "does not say how the policy compares"),
        ({"policy": {"name": "uniform", "kind": "built in", "sha256": "0" * 64}}, "for another policy"),
        ({"scenario_hash": "0" * 16}, "a scenario with the hash"),
        ({"scenario_hash": ["\x1b[2J" * 999]}, "a scenario with the hash"),
        ({"difference": {"low": 1, "high": 10**400}}, "does not say how the policy compares"),
        ({"format_version": 1}, "format version 1"),
        ({"sha256": "0" * 64}, ""),
    ],
)
def test_the_evidence_in_a_bundle_is_read_and_judged_wherever_it_is_loaded(
    tactic: Exported, tmp_path: Path, command: Command, changes: dict[str, object], words: str
) -> None:
    """New checksums do not help: the manifest names the policy that a certificate has to be about."""
    other = certificate_for(tactic.policy, tactic.market, **changes)
    if "sha256" in changes:
        other, words = other.replace(b'"high": 3.0', b'"high": 300.0'), "was changed after it was written"
    path = resealed_with(tactic, tmp_path, other)
    for unproven in (False, True):
        with pytest.raises(BundleError, match=words):
            load_bundle(path, unproven=unproven)
    code, _, err = command("verify", path)
    assert (code, words in err) == (5, True), err


@pytest.mark.parametrize("text", [b"nonsense", b'{"verdict": "ANSWER"}\n', b"", b"[1]", b"null"])
def test_what_is_no_certificate_is_no_evidence_in_a_bundle(tactic: Exported, tmp_path: Path, text: bytes) -> None:
    path = resealed_with(tactic, tmp_path, text)
    with pytest.raises(BundleError, match="is no certificate"):
        load_bundle(path, unproven=True)
    with pytest.raises(UsageError, match="is no certificate"):
        export_policy(tactic.policy, tactic.market, ExportSettings(name="demo", certificate=text))


def test_the_certificate_of_another_bundle_is_no_evidence(tactic: Exported, direct: Exported, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="for another policy"):
        load_bundle(resealed_with(tactic, tmp_path, direct.files[CERTIFICATE]))


def test_an_older_bundle_proves_nothing_and_says_so(tactic: Exported, tmp_path: Path, command: Command) -> None:
    """Its manifest does not say which policy the certificate has to be about."""
    manifest = decode(tactic.files[MANIFEST], Manifest, MANIFEST)
    about = msgspec.structs.replace(manifest.provenance, policy_sha256=msgspec.UNSET)
    older = tactic.files | {MANIFEST: encode(msgspec.structs.replace(manifest, provenance=about))}
    path = saved(resealed(older), tmp_path)
    with pytest.raises(BundleError, match=r"no certificate .* bound to its policy"):
        load_bundle(path)
    assert load_bundle(path, unproven=True).evidence is None
    code, out, err = command("verify", path, "--json")
    assert (code, json.loads(out)["proven"]) == (0, False)
    assert "counts for nothing" in err


def test_verify_tells_the_evidence_and_compares_it(tactic: Exported, tmp_path: Path, command: Command) -> None:
    code, out, _ = command("verify", tactic.path)
    assert code == 0
    assert "evidence: ANSWER, a decision brings 12.5, 1 to 3 more than what was done, from the log abababab" in out
    told = json.loads(command("verify", tactic.path, "--json")[1])["evidence"]
    figures = {"value": 12.5, "low": 1.0, "high": 3.0}
    assert told == {"verdict": "ANSWER", **figures, "log_sha256": "ab" * 32, "by_itself": False}
    same, other = tmp_path / "same.json", tmp_path / "other.json"
    same.write_bytes(tactic.files[CERTIFICATE])
    other.write_bytes(certificate_for(tactic.policy, tactic.market, verdict="CAUTION"))
    assert command("verify", tactic.path, "--evaluation", same)[0] == 0
    assert command("verify", tactic.path, "--evaluation", other)[0] == 5
    assert command("verify", tactic.path, "--evaluation", tmp_path / "none.json")[0] == 2


def test_what_manifest_and_card_say_is_said_of_this_bundle(tactic: Exported, direct: Exported, tmp_path: Path) -> None:
    manifest = decode(tactic.files[MANIFEST], Manifest, MANIFEST)
    about = manifest.provenance

    def claiming(**changes: object) -> Path:
        said = msgspec.structs.replace(manifest, provenance=msgspec.structs.replace(about, **changes))
        return saved(
            resealed(tactic.files | {MANIFEST: encode(said)}), tmp_path, f"{len(list(tmp_path.iterdir()))}.xbopt"
        )

    for path, words in (
        (claiming(lock_sha256="0" * 64), "lock_sha256"),
        (claiming(libraries={**about.libraries, "numpy": "1.0"}), "lock_sha256"),
        (claiming(exploration=0.9), "says exploration 0.9"),
        (claiming(exploration=0.0), "says exploration 0"),
        (claiming(scenario_hash="0" * 16), "a scenario with the hash"),
        (saved(resealed(tactic.files, **{CARD: direct.files[CARD]}), tmp_path, "card.xbopt"), "card of another"),
    ):
        with pytest.raises(BundleError, match=words):
            load_bundle(path)
    unproven = export_policy(tactic.policy, tactic.market, ExportSettings(name="demo"))
    with pytest.raises(BundleError, match="card of another"):
        load_bundle(saved(resealed(unproven, **{CARD: tactic.files[CARD]}), tmp_path, "c.xbopt"), unproven=True)
    other = decode(unproven[MANIFEST], Manifest, MANIFEST)
    moved = msgspec.structs.replace(other, provenance=msgspec.structs.replace(other.provenance, scenario_hash="0" * 16))
    card = unproven[CARD].replace(about.scenario_hash.encode(), b"0" * 16)
    with pytest.raises(BundleError, match="another scenario"):
        load_bundle(
            saved(resealed(unproven | {MANIFEST: encode(moved), CARD: card}), tmp_path, "d.xbopt"), unproven=True
        )
