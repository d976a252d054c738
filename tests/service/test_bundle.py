"""A bundle says what it is, and every change to it is refused before the graph is parsed."""

import io
import tarfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.service.conftest import Exported, certificate_for, export_to
from tests.worlds import market_of
from xbopt.agents.exploration import ExploringPolicy
from xbopt.agents.policies import BUILT_IN
from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle import bundle as loading
from xbopt.service.bundle.archive import pack, read_files, write_files
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.formats import (
    GOLDEN,
    GUARDRAILS,
    MANIFEST,
    POLICY,
    SCHEMA,
    SIGNATURE,
    Golden,
    Manifest,
    decode,
    encode,
)
from xbopt.service.bundle.golden import check_golden
from xbopt.service.bundle.integrity import check_integrity, entry_of, sealed
from xbopt.service.exporting.export import ExportSettings, export_policy

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes_raw().hex()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))).public_key().public_bytes_raw().hex()


@pytest.fixture
def no_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever parses the graph fails the test."""

    def parse(*_: object) -> None:
        pytest.fail("the graph was parsed")

    monkeypatch.setattr(loading, "try_graph", parse)
    monkeypatch.setattr(loading, "GraphSession", parse)


@pytest.fixture(scope="module")
def signed(direct: Exported) -> dict[str, bytes]:
    settings = ExportSettings(
        name="demo", certificate=certificate_for(direct.policy, direct.market), private_key_pem=PEM
    )
    return export_policy(direct.policy, direct.market, settings)


def resealed(files: dict[str, bytes], **changes: bytes) -> dict[str, bytes]:
    """What a careful attacker without the key would do: new hashes, new address."""
    made = {name: data for name, data in files.items() if name != SIGNATURE} | changes
    manifest = decode(made[MANIFEST], Manifest, MANIFEST)
    entries = {name: entry_of(data) for name, data in sorted(made.items()) if name != MANIFEST}
    made[MANIFEST] = encode(sealed(msgspec.structs.replace(manifest, files=entries)))
    return made


def saved(files: dict[str, bytes], folder: Path, name: str = "b.xbopt") -> Path:
    path = folder / name
    write_files(files, path)
    return path


def test_the_same_policy_gives_the_same_bytes(direct: Exported, signed: dict[str, bytes]) -> None:
    from datetime import UTC, datetime

    settings = ExportSettings(
        name="demo",
        certificate=certificate_for(direct.policy, direct.market),
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )
    once, again = (pack(export_policy(direct.policy, direct.market, settings)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("name", ["folder", "archive.xbopt"])
def test_folder_and_archive_hold_the_same_bundle(tactic: Exported, tmp_path: Path, name: str) -> None:
    path = saved(tactic.files, tmp_path, name)
    assert read_files(path) == tactic.files
    assert load_bundle(path).manifest.content_address == load_bundle(tactic.path).manifest.content_address


@pytest.mark.usefixtures("no_parsing")
def test_every_byte_of_every_file_counts(signed: dict[str, bytes], tmp_path: Path) -> None:
    """All bytes of the small files, a sample of the large ones; one bit each.

    Every flip goes to the check that loading begins with, and some through loading itself, where nobody may parse.
    """
    folder = saved(signed, tmp_path, "folder")
    rng = np.random.default_rng(0)
    flips = 0
    for name, data in signed.items():
        step = 1 if len(data) <= 2500 else 97 if len(data) < 50_000 else 1499
        for position in range(0, len(data), step):
            changed = bytearray(data)
            changed[position] ^= 1 << int(rng.integers(8))
            with pytest.raises(BundleError):
                check_integrity(signed | {name: bytes(changed)})
            flips += 1
            if position % (31 * step) == 0:
                (folder / name).write_bytes(changed)
                with pytest.raises(BundleError):
                    load_bundle(folder)
        (folder / name).write_bytes(data)
    assert flips > 3000


@pytest.mark.usefixtures("no_parsing")
def test_every_byte_of_the_archive_counts(signed: dict[str, bytes], tmp_path: Path) -> None:
    """Headers and padding of the archive too: they can hide nothing."""
    data = pack(signed)
    path = tmp_path / "b.xbopt"
    positions = [*range(0, 1600, 7), *range(1600, len(data), 2111), *range(len(data) - 1000, len(data), 13)]
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(BundleError):
            load_bundle(path)


@pytest.mark.usefixtures("no_parsing")
@pytest.mark.parametrize("name", sorted({MANIFEST, POLICY, SCHEMA, GUARDRAILS, GOLDEN, "plan.json", "CARD.md"}))
def test_a_missing_file_is_named(tactic: Exported, tmp_path: Path, name: str) -> None:
    files = {key: data for key, data in tactic.files.items() if key != name}
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(saved(files, tmp_path))


@pytest.mark.usefixtures("no_parsing")
def test_what_does_not_belong_is_refused(tactic: Exported, tmp_path: Path) -> None:
    folder = saved(tactic.files, tmp_path, "folder")
    (folder / "extra.pickle").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"extra\.pickle"):
        load_bundle(folder)
    (folder / "extra.pickle").unlink()
    (folder / "CARD.md").unlink()
    (folder / "CARD.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.usefixtures("no_parsing")
@pytest.mark.parametrize("member", ["../evil", "/abs", "policy.onnx/../x", "CARD.md"])
def test_an_archive_with_other_members_is_refused(tactic: Exported, tmp_path: Path, member: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name in (*tactic.files, member):
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))
    path = tmp_path / "b.xbopt"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(BundleError):
        load_bundle(path)


@pytest.mark.usefixtures("no_parsing")
def test_sizes_are_limited_before_anything_is_read(tactic: Exported, tmp_path: Path) -> None:
    folder = saved(tactic.files, tmp_path, "folder")
    with (folder / "CARD.md").open("wb") as file:
        file.truncate(2 << 20)
    with pytest.raises(BundleError, match="more than 1024 kB"):
        load_bundle(folder)


def test_a_signature_proves_who_exported(signed: dict[str, bytes], tactic: Exported, tmp_path: Path) -> None:
    path = saved(signed, tmp_path)
    assert load_bundle(path, trusted_key=PUBLIC).manifest.name == "demo"
    with pytest.raises(BundleError, match="another key"):
        load_bundle(path, trusted_key=OTHER)
    with pytest.raises(BundleError, match="not signed"):
        load_bundle(tactic.path, trusted_key=PUBLIC)


@pytest.mark.usefixtures("no_parsing")
def test_new_hashes_do_not_help_without_the_key(signed: dict[str, bytes], tmp_path: Path) -> None:
    forged = resealed(signed, **{GUARDRAILS: signed[GUARDRAILS].replace(b"false", b"true")})
    with pytest.raises(BundleError, match="not signed"):
        load_bundle(saved(forged, tmp_path), trusted_key=PUBLIC)
    with pytest.raises(BundleError, match="signature does not fit"):
        load_bundle(saved(forged | {SIGNATURE: signed[SIGNATURE]}, tmp_path, "c.xbopt"), trusted_key=PUBLIC)


def test_a_key_of_another_kind_is_refused(direct: Exported) -> None:
    with pytest.raises(UsageError, match="no private key"):
        export_policy(direct.policy, direct.market, ExportSettings(name="demo", private_key_pem=b"nonsense"))


def test_without_a_certificate_only_on_demand(direct: Exported, tmp_path: Path) -> None:
    files = export_policy(direct.policy, direct.market, ExportSettings(name="demo"))
    path = saved(files, tmp_path)
    with pytest.raises(BundleError, match="no certificate"):
        load_bundle(path)
    assert load_bundle(path, unproven=True).certificate is None
    assert b"Unproven" in files["CARD.md"]


def test_golden_vectors_catch_another_graph(direct: Exported, tactic: Exported, tmp_path: Path) -> None:
    """A graph with the right inputs and outputs that decides otherwise does not pass."""
    other = export_policy(BUILT_IN["uniform"](direct.market), direct.market, ExportSettings(name="demo"))
    with pytest.raises(BundleError, match="than the policy gave"):
        load_bundle(saved(resealed(direct.files, **{POLICY: other[POLICY]}), tmp_path))
    with pytest.raises(BundleError, match="other inputs"):
        load_bundle(saved(resealed(direct.files, **{POLICY: tactic.files[POLICY]}), tmp_path, "c.xbopt"))
    with pytest.raises(BundleError, match="cannot be loaded"):
        load_bundle(saved(resealed(direct.files, **{POLICY: b"no graph"}), tmp_path, "d.xbopt"))


@pytest.mark.usefixtures("no_parsing")
@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        (SCHEMA, (b'"schema_version": 1', b'"schema_version": 99'), "version 99"),
        (SCHEMA, (b'"shape": "tactic"', b'"shape": "direct"'), "has to name the entries"),
        (SCHEMA, (b'"days": 28', b'"days": 0'), "no days"),
        (SCHEMA, (b'"days": 28', b'"surprise": 1'), "surprise"),
        (GUARDRAILS, (b'"kill_switch"', b'"kill_swich"'), "kill_swich"),
        (GUARDRAILS, (b'"on_drift": "fallback"', b'"on_drift": "panic"'), "panic"),
        (GUARDRAILS, (b'"kill_switch": false', b'"kill_switch":  false'), "not spelt"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(
    tactic: Exported, tmp_path: Path, file: str, change: tuple[bytes, bytes], message: str
) -> None:
    assert change[0] in tactic.files[file]
    data = tactic.files[file].replace(*change)
    with pytest.raises(BundleError, match=message):
        load_bundle(saved(resealed(tactic.files, **{file: data}), tmp_path))


def test_too_few_golden_vectors_prove_nothing(tactic: Exported) -> None:
    golden = decode(tactic.files[GOLDEN], Golden, GOLDEN)
    assert golden.rows >= 100
    bundle = load_bundle(tactic.path)
    with pytest.raises(BundleError, match="at least 100"):
        check_golden(msgspec.structs.replace(golden, rows=99), bundle.session, bundle.schema, daily_base=1.0)


@pytest.mark.parametrize("exploration", [0.0, 0.3, 1.0])
def test_a_menu_of_one_tactic_exports_and_says_that_it_judges_nothing(tmp_path: Path, exploration: float) -> None:
    """One tactic is certain, whatever share of it is drawn: its probability is 1, not exploration / 1."""
    market = market_of({})
    assert len(market.scenario.menu) == 1
    policy = ExploringPolicy(plan=BUILT_IN["calendar"](market), scenario=market.scenario, exploration=exploration)
    bundle = load_bundle(export_to(tmp_path, policy, market).path)
    assert not bundle.log_can_judge
    assert any("its menu has one tactic" in note for note in bundle.notes)


def test_bundles_of_the_first_version_stay_loadable() -> None:
    """This file was written by the first version of the format; it has to load for as long as there is a service."""
    bundle = load_bundle(Path(__file__).parent / "bundles" / "format-1.xbopt", unproven=True)
    assert np.isinf(bundle.plan.limits.maximum_base).all()  # it is older than maximums
    assert bundle.manifest.format_version == 1
    assert bundle.schema.schema_version == 1


def test_no_pickle_anywhere(tactic: Exported) -> None:
    """The serving path never unpickles: the module is not even loaded by our own code."""
    folder = Path(loading.__file__).resolve().parent
    assert [path.name for path in folder.rglob("*.py") if "pickle" in path.read_text(encoding="utf-8")] == []
