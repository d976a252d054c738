"""Keys are made, shown and trusted by name; what is wrong with one is said."""

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.service.conftest import Command, Exported
from tests.service.test_bundle import KEY, OTHER, PEM, PUBLIC, saved
from xbopt.core.errors import BundleError, UsageError
from xbopt.service.bundle.bundle import load_bundle
from xbopt.service.bundle.keys import fingerprint, read_trusted_keys
from xbopt.service.exporting.export import ExportSettings, export_policy

OPENSSL = shutil.which("openssl")


@pytest.fixture(scope="module")
def signed(direct: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = export_policy(direct.policy, direct.market, ExportSettings(name="demo", private_key_pem=PEM))
    return saved(files, tmp_path_factory.mktemp("signed"))


def test_a_key_is_made_once_and_read_by_its_owner_alone(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    code, out, err = command("keys", "new", "-o", path)
    assert code == 0
    public = out.splitlines()[0]
    assert len(public) == 64
    assert str(path) in err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert b"BEGIN PRIVATE KEY" in before
    code, _, err = command("keys", "new", "-o", path)
    assert (code, path.read_bytes() == before) == (2, True)
    assert "not written over" in err
    assert command("keys", "new", "-o", tmp_path / "none" / "key.pem")[0] == 2
    told = json.loads(command("keys", "show", path, "--json")[1])
    assert (told["public_key"], told["fingerprint"]) == (public, f"sha256:{fingerprint(public)}")


def test_what_a_made_key_signs_its_public_key_trusts(command: Command, direct: Exported, tmp_path: Path) -> None:
    path, bundle = tmp_path / "key.pem", tmp_path / "b.xbopt"
    public = command("keys", "new", "-o", path)[1].splitlines()[0]
    export = ("export", "calendar", "--scenario", "quickstart", "-o", bundle, "--unproven", "--sign", path)
    assert command(*export)[0] == 0
    assert command("keys", "show", bundle)[1].splitlines()[0] == public
    assert command("verify", bundle, "--trusted-key", OTHER, "--trusted-key", public.upper())[0] == 0
    code, _, err = command("verify", bundle, "--trusted-key", OTHER)
    assert code == 5
    assert f"by {public}" in err
    code, out, err = command("verify", bundle)
    assert f"signed by {public}" in out
    assert "no key was named" in err
    code, _, err = command("keys", "show", direct.path)
    assert code == 2
    assert "not signed" in err


def test_a_file_names_the_keys_that_are_trusted(signed: Path, tmp_path: Path, command: Command) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"# who may release\n\n{OTHER}  # the other one\n{PUBLIC.upper()}\n")
    assert read_trusted_keys([str(file), PUBLIC]) == (OTHER, PUBLIC)
    assert load_bundle(signed, unproven=True, trusted_key=read_trusted_keys([str(file)])).signer == PUBLIC
    assert command("verify", signed, "--trusted-key", file)[0] == 0
    assert read_trusted_keys([]) is None
    with pytest.raises(BundleError, match="another key"):
        load_bundle(signed, unproven=True, trusted_key=())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no key"),
        ("# nothing yet\n", "holds no key"),
        (f"{PUBLIC}\n{PUBLIC[:-1]}\n", "keys.txt:2: "),
        (f"{PUBLIC}g", "is no public key of 64"),
        (PEM.decode(), "private key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither a key in PEM"),
        ("x" * 70_000, "holds no keys"),
    ],
)
def test_a_file_without_keys_trusts_nobody_and_says_so(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_trusted_keys([str(file)])


@pytest.mark.parametrize("given", ["", PUBLIC[:-1], f"0x{PUBLIC[2:]}", f"{PUBLIC}0", "nowhere.pem"])
def test_what_is_no_key_is_told_so(given: str, command: Command, signed: Path) -> None:
    code, _, err = command("verify", signed, "--trusted-key", given)
    assert (code, "Traceback" in err) == (2, False)
    assert "64 hexadecimal digits" in err


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_keys_of_openssl_are_keys(command: Command, tmp_path: Path) -> None:
    """The commands of the documents: make a key, write its public key down, take its fingerprint."""
    key, public, other = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "rsa.pem"

    def openssl(*words: object) -> bytes:
        return subprocess.run([str(OPENSSL), *map(str, words)], check=True, capture_output=True).stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    code, out, _ = command("keys", "show", key)
    assert code == 0
    assert command("keys", "show", public)[1] == out
    der = tmp_path / "key.der"
    openssl("pkey", "-in", key, "-pubout", "-outform", "DER", "-out", der)
    digest = openssl("dgst", "-sha256", der).decode().split()[-1]
    assert out.splitlines() == [out.split()[0], f"fingerprint sha256:{digest}"]
    assert read_trusted_keys([str(public)]) == (out.split()[0],)
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", other)
    code, _, err = command("keys", "show", other)
    assert code == 2
    assert "no ed25519 key" in err
    own = tmp_path / "own.pem"
    command("keys", "new", "-o", own)
    assert b"ED25519" in openssl("pkey", "-in", own, "-noout", "-text").upper()


@pytest.mark.parametrize("data", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_cannot_be_shown(command: Command, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(data)
    code, _, err = command("keys", "show", path)
    assert (code, "Traceback" in err) == (2, False)
    assert command("keys", "show", tmp_path / "none")[0] == 2


def test_a_signature_is_of_the_key_that_it_names(signed: Path) -> None:
    assert load_bundle(signed, unproven=True).signer == PUBLIC == KEY.public_key().public_bytes_raw().hex()
