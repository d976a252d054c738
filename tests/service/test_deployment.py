"""The files of ``deploy/`` keep their word: another user, one folder to write to, nothing left to a shell."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Generator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.service.conftest import Exported, Served, free_port, next_version, wait_until_ready
from xbopt.cli.main import app
from xbopt.service.bundle.archive import write_files
from xbopt.service.http.tokens import add_token

ROOT = Path(__file__).parents[2]
CONTAINERFILE, UNIT = ROOT / "deploy" / "Containerfile", ROOT / "deploy" / "xbopt.service"
STRANGER = 61_234
"""A user who owns nothing on this machine."""


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Containerfile with its arguments; lines that go on are joined, comments left out."""
    lines = [line for line in CONTAINERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def exec_form(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])


def test_an_image_is_made_of_pinned_bytes_and_leaves_nothing_to_a_shell() -> None:
    known = {"ARG", "FROM", "COPY", "WORKDIR", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    assert {word for word, _ in instructions()} == known
    assert re.fullmatch(r"BASE=docker\.io/library/python:3\.11\.\d+-slim-\w+", last("ARG"))
    assert [rest for word, rest in instructions() if word == "FROM"] == ["${BASE} AS build", "${BASE}"]
    for word, rest in instructions():
        if word in {"RUN", "CMD", "ENTRYPOINT", "VOLUME"}:
            assert exec_form(rest), (word, rest)
        if word == "COPY":
            for source in (part for part in rest.split()[:-1] if not part.startswith(("--", "/"))):
                assert (ROOT / source).exists(), source
    install = next(exec_form(rest) for word, rest in instructions() if word == "RUN" and "install" in rest)
    assert install[-3:] == ["--constraint", "constraints.txt", ".[serve]"]
    assert not re.search(r"(?i)password|secret|token=", last("ENV"))


def test_an_image_runs_as_nobody_and_is_asked_whether_it_lives(tactic: Exported) -> None:
    words = [word for word, _ in instructions()]
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", last("USER"))
    assert len(words) - words[::-1].index("USER") < words.index("ENTRYPOINT")
    assert exec_form(last("VOLUME")) == [last("WORKDIR")] == ["/store"]
    owner = next(rest for word, rest in instructions() if word == "COPY" and "/store" in rest)
    assert f"--chown={last('USER')}" in owner
    command = exec_form(last("ENTRYPOINT"))[1:] + exec_form(last("CMD"))
    assert command[0] == "serve"
    check_options(command)
    assert command[command.index("--port") + 1] == last("EXPOSE")
    asked = exec_form(last("HEALTHCHECK").partition("CMD ")[2])
    assert last("EXPOSE") in asked[-1]
    assert "/health/live" in asked[-1]
    compile(asked[-1], "HEALTHCHECK", "exec")


def check_options(command: list[str]) -> None:
    """The options of a command are options that ``xbopt`` has."""
    from typer.main import get_command

    known = {name for option in get_command(app).get_command(None, command[0]).params for name in option.opts}  # type: ignore[attr-defined]
    assert {word for word in command if word.startswith("--")} <= known


def unit() -> dict[str, list[str]]:
    lines = [line.partition("=") for line in UNIT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    made: dict[str, list[str]] = {}
    for name, _, value in lines:
        made.setdefault(name, []).append(value)
    return made


def test_the_unit_calls_what_there_is_and_may_write_to_its_state_alone() -> None:
    settings = unit()
    (command,) = settings["ExecStart"]
    check_options(command.split()[1:])
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["StateDirectory"] == ["xbopt"]
    assert settings["WorkingDirectory"] == ["%S/xbopt"]
    assert "ReadWritePaths" not in settings
    assert settings["NoNewPrivileges"] == settings["PrivateTmp"] == ["yes"]
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert settings["EnvironmentFile"] == ["-/etc/xbopt/store.env"]
    assert settings["User"] != ["root"]
    name, _, _ = settings["LoadCredential"][0].partition(":")
    assert f"%d/{name}" in command


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Users and programs that this machine has stand in for those of a server."""
    text = UNIT.read_text(encoding="utf-8").replace("/usr/local/lib/xbopt/bin/xbopt", "/bin/true")
    copy = tmp_path / "xbopt.service"
    copy.write_text(text.replace("User=xbopt", "User=daemon").replace("Group=xbopt", "Group=daemon"))
    found = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    # In tenths: 10 is a service that may do what root may do, 1.4 was measured.
    secure = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", copy]
    found = subprocess.run(secure, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[-300:]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing_wrong_with_the_image() -> None:
    found = subprocess.run(["hadolint", CONTAINERFILE], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def builder() -> str | None:
    """A program that can build images here; one whose service does not answer cannot."""
    for name in ("podman", "buildah", "docker"):
        path = shutil.which(name)
        if path and subprocess.run([path, "info"], capture_output=True, check=False, timeout=20).returncode == 0:
            return path
    return None


def test_the_image_builds(tmp_path: Path) -> None:
    program = builder()
    if program is None:
        pytest.skip("no program that builds images works here")
    name = f"xbopt-test-{os.getpid()}"
    built = subprocess.run([program, "build", "-f", CONTAINERFILE, "-t", name, ROOT], capture_output=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    subprocess.run([program, "rmi", name], check=False, capture_output=True)


LAUNCH = f"""
import ctypes, os, subprocess, sys
state, *command = sys.argv[1:]
def mount(*words):
    subprocess.run(["mount", *words], check=True)
mount("--bind", state, state)
points = [line.split()[1] for line in open("/proc/self/mounts")]
for point in dict.fromkeys(points):
    if point != state and not point.startswith(("/proc", "/sys")):
        subprocess.run(["mount", "-o", "remount,bind,ro", point], check=point == "/", stderr=subprocess.DEVNULL)
os.setgroups([])
os.setgid({STRANGER})
os.setuid({STRANGER})
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)  # no new privileges
libc.prctl(65, 1, 0, 0, 0)  # no memory that is written to and run
for folder in ("/tmp", "/dev/shm", os.environ["XBOPT_REPOSITORY"]):
    try:
        open(os.path.join(folder, "x"), "w")
    except OSError:
        continue
    sys.exit(f"{{folder}} can be written to")
os.chdir(state)
os.execv(command[0], command)
"""


def interpreter() -> str:
    """A Python of this version that a stranger may run.

    The libraries are named by path, so that it needs not be the one of the tests.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/python{here}", f"/usr/local/bin/python{here}"):
        try:
            subprocess.run(
                [path, "-c", "import sys"], check=True, capture_output=True, user=STRANGER, group=STRANGER, cwd="/"
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return path
    pytest.skip(f"no Python {here} here that another user may run")


@pytest.fixture
def stranger_state() -> Generator[Path]:
    """A folder of the stranger's; its parent can be entered by all."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("mounts of one's own are not allowed here")
    with tempfile.TemporaryDirectory(prefix="xbopt-state-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir(mode=0o700)
        os.chown(folder / "state", STRANGER, STRANGER)
        yield folder / "state"


def test_the_service_runs_as_a_stranger_who_may_write_to_its_state_alone(
    tactic: Exported, stranger_state: Path
) -> None:
    """It tries its graph in another process, answers, swaps and stops; all that it wrote lies in its folder."""
    program, port = interpreter(), free_port()
    given = stranger_state.parent
    shutil.copy(tactic.path, given / "policy.xbopt")
    write_files(next_version(tactic), given / "next.xbopt")
    token = add_token(given / "tokens.json", "all", ["allocate", "outcomes", "read", "admin"])
    for path in given.iterdir():
        path.chmod(path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH)
    stranger_state.chmod(0o700)
    libraries = [str(ROOT), *dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))]
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(libraries), "PYTHONDONTWRITEBYTECODE": "1",
        "XBOPT_REPOSITORY": str(ROOT), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [
        "unshare", "--mount", "--propagation", "private", sys.executable, "-c", LAUNCH, str(stranger_state),
        program, "-m", "xbopt", "serve", str(given / "policy.xbopt"), "--port", str(port),
        "--tokens", str(given / "tokens.json"),
    ]  # fmt: skip
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    served = Served(process, f"http://127.0.0.1:{port}", "")
    try:
        wait_until_ready(served)
        with served.client(headers={"authorization": f"Bearer {token}"}) as client:
            request = msgspec.to_builtins(tactic.request())
            assert client.post("/v1/allocate", json=request).json()["stored"] is True
            assert client.post("/v1/admin/bundle", json={"file": "next.xbopt"}).status_code == 200
            assert httpx.get(f"{served.url}/health/ready").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stderr is not None
        process.stderr.close()
    written = {path.name for path in stranger_state.iterdir()}
    assert "decisions.sqlite" in written
    assert all(path.stat().st_uid == STRANGER for path in stranger_state.iterdir())
    # The folders that anybody may write to, outside the one of the test.
    open_to_all = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - looked at, not written to
    search = ["find", *open_to_all, "-xdev", "-uid", str(STRANGER), "-not", "-path", f"{stranger_state}*"]
    assert subprocess.run(search, capture_output=True, text=True, check=False).stdout == ""
