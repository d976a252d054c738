"""Secrets and limits on the command line: token files, SIGHUP, and where the store's password stands."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.service.conftest import Command, Exported, Serve, Served
from tests.service.test_edge_ready import wait_for
from tests.service.test_http import body
from xbopt.core.errors import UsageError
from xbopt.service.http.tokens import add_token, list_tokens, readable_by_others, remove_token
from xbopt.service.store.opening import open_store
from xbopt.service.store.recording import decode_decision


def allowed(served: Served, token: str) -> int:
    with served.client(headers={"authorization": f"Bearer {token}"}) as client:
        return client.get("/v1/bundle").status_code


def test_sighup_reads_the_tokens_anew_and_never_ends_the_service(
    serve: Serve, tactic: Exported, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.json"
    old = add_token(file, "old", ["read", "allocate"])
    served = serve(tactic.path, "--tokens", str(file))
    hang_up = served.process.send_signal
    assert allowed(served, old) == 200
    with served.client(headers={"authorization": f"Bearer {old}"}) as client:
        assert client.post("/v1/allocate", json=body(tactic, decision_id="by-old")).status_code == 200
    new = add_token(file, "new", ["read"])
    remove_token(file, "old")
    assert (allowed(served, old), allowed(served, new)) == (200, 401)
    hang_up(signal.SIGHUP)
    assert wait_for(lambda: (allowed(served, old), allowed(served, new)) == (401, 200), 3.0)
    for broken in ("[]", "{", '[{"name": "x", "sha256": "zz", "rights": []}]'):
        file.write_text(broken)
        hang_up(signal.SIGHUP)
        time.sleep(0.1)
    assert allowed(served, new) == 200
    with served.client(headers={"authorization": f"Bearer {new}"}) as client:
        page = client.get("/metrics").text
    assert 'xbopt_token_reloads_total{result="loaded"} 1.0' in page
    assert 'xbopt_token_reloads_total{result="refused"} 3.0' in page
    served.process.terminate()
    assert served.process.wait(timeout=10) == 0
    assert served.process.stderr is not None
    assert "The tokens stay as they were" in served.process.stderr.read().decode()
    store = open_store(served.store, read_only=True)
    (decision,) = [decode_decision(entry.payload) for entry in store.entries("decision")]
    assert decision.actor == "old"
    assert b"1 tokens" in [entry.payload for entry in store.entries("administration")][-1]
    store.close()


def test_sighup_ends_no_service_without_tokens(serve: Serve, tactic: Exported) -> None:
    served = serve(tactic.path)
    served.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    with served.client() as client:
        assert client.get("/health/live").status_code == 200


def test_a_token_file_is_its_owner_s_alone(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    for name in ("shop", "boss"):
        assert command("tokens", "add", name, "--file", file, "--right", "read")[0] == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    assert command("tokens", "remove", "boss", "--file", file)[0] == 0
    # What its group may read stays: that is how a service's own user reads a file of root's.
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o660, True), (0o604, True)])
def test_a_group_that_reads_is_meant_to(tmp_path: Path, mode: int, warned: bool) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "shop", ["read"])
    file.chmod(mode)
    assert readable_by_others(file) is warned


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_a_token_file_keeps_its_owner_and_group(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "shop", ["read"])
    os.chown(file, 4321, 8765)
    file.chmod(0o640)
    add_token(file, "boss", ["admin"])
    remove_token(file, "shop")
    told = file.stat()
    assert (told.st_uid, told.st_gid, stat.S_IMODE(told.st_mode)) == (4321, 8765, 0o640)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([("a", "0" * 64, ["read"]), ("a", "1" * 64, ["read"])], "two tokens have the name"),
        ([("a", "0" * 64, ["read"]), ("b", "0" * 64, ["admin"])], "two tokens have the sha256"),
        ([("a", "0" * 64, [])], "has no right"),
    ],
)
def test_a_token_file_that_says_two_things_is_refused(
    tmp_path: Path, entries: list[tuple[str, str, list[str]]], told: str
) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps([{"name": n, "sha256": s, "rights": r} for n, s, r in entries]))
    with pytest.raises(UsageError, match=told):
        list_tokens(file)


def test_a_pipe_is_no_token_file(tmp_path: Path) -> None:
    """Reading one would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no ordinary file"):
        list_tokens(tmp_path / "pipe")


def test_sighup_ends_no_service_that_still_loads() -> None:
    """It is ignored before anything is loaded that takes a while."""
    look = "import sys, signal; sys.argv = ['xbopt', 'serve']; import xbopt.cli; "
    look += "print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, 'typer' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "True False\n"


def test_tokens_are_listed_without_their_hashes(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    command("tokens", "add", "shop", "--file", file, "--right", "allocate", "--right", "read")
    digest = json.loads(file.read_text())[0]["sha256"]
    code, out, _ = command("tokens", "list", "--file", file)
    assert (code, out) == (0, "shop: allocate, read\n")
    code, out, _ = command("tokens", "list", "--file", file, "--json")
    assert json.loads(out) == [{"name": "shop", "rights": ["allocate", "read"]}]
    assert digest not in out
    assert command("tokens", "list", "--file", tmp_path / "none.json")[0] == 2


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31mb", "a\u202eb", "x" * 65, "a\x00"])
def test_names_of_tokens_print(command: Command, tmp_path: Path, name: str) -> None:
    """They stand in the store, in messages and in lists."""
    file = tmp_path / "tokens.json"
    assert command("tokens", "add", "--file", file, "--", name)[0] == 2
    file.write_text(json.dumps([{"name": name, "sha256": "0" * 64, "rights": []}]))
    assert command("tokens", "list", "--file", file)[0] == 2


def serve_once(command: Command, tactic: Exported, *options: object) -> str:
    """What ``xbopt serve`` says before it refuses to listen on a port that is none of this machine's."""
    code, _, err = command("serve", tactic.path, "--host", "192.0.2.1", "--tokens", *options)
    assert code == 2
    return err


def test_a_password_on_the_command_line_is_warned_of(
    command: Command, tactic: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "shop", ["read"])
    url = "postgresql://shop:hunter2@192.0.2.1/shop?connect_timeout=1"
    settings: tuple[object, ...] = (file, "--store-timeout", "0.2")
    monkeypatch.setattr("xbopt.service.http.server.open_store", refuse)
    warned = serve_once(command, tactic, *settings, "--store", url)
    assert "Warning" in warned
    assert "XBOPT_STORE" in warned
    assert "hunter2" not in warned
    secret = tmp_path / "store.url"
    secret.write_text(f"{url}\n")
    assert "Warning" not in serve_once(command, tactic, *settings, "--store-file", secret)
    assert "Both" in serve_once(command, tactic, *settings, "--store-file", secret, "--store", "x.sqlite")
    monkeypatch.setenv("XBOPT_STORE", url)
    assert "Warning" not in serve_once(command, tactic, *settings)
    secret.write_text("")
    assert "one line" in serve_once(command, tactic, *settings, "--store-file", secret)
    assert "cannot be read" in serve_once(command, tactic, *settings, "--store-file", tmp_path / "none")
    assert "is no host" in serve_once(command, tactic, *settings, "--allowed-host", "http://x")
    file.chmod(0o644)
    assert "chmod 600" in serve_once(command, tactic, *settings)


def refuse(url: str, **_settings: object) -> object:
    """A store that cannot be opened, so that no service starts."""
    from xbopt.service.store.interface import StoreError

    assert "hunter2" in url
    raise StoreError("The store cannot be opened.")
