"""The first run of a graph, in a process of its own that has little time and memory.

A graph that takes too long, takes too much memory, or brings the runtime down ends that process and no other.
"""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from xbopt.core.errors import BundleError
from xbopt.service.bundle.formats import GOLDEN, POLICY, Golden, decode
from xbopt.service.bundle.golden import check_graph
from xbopt.service.bundle.graph_session import GraphSession
from xbopt.service.bundle.schema import read_schema

CPU_SECONDS, WALL_SECONDS = 8, 20
_MEMORY = 1 << 30
"""Bytes that a trial may take beyond a few times the size of what it is given."""

_passed: set[bytes] = set()
_running: set["subprocess.Popen[bytes]"] = set()
_lock = threading.Lock()


class Trial(msgspec.Struct, frozen=True):
    """What a trial is given.

    Attributes:
        model: ``policy.onnx``.
        schema: ``schema.json``.
        golden: ``golden.json``.
        daily_base: Most that a day may spend.
        cpu_seconds: Most processor time.
    """

    model: bytes
    schema: bytes
    golden: bytes
    daily_base: float
    cpu_seconds: int = CPU_SECONDS


def try_graph(trial: Trial, *, wall_seconds: float = WALL_SECONDS) -> None:
    """Run a graph on its golden vectors in another process; what passed once in this process is not tried again.

    Raises:
        BundleError: The graph does not do what the policy did, or does not do it within time and memory.
    """
    given = msgspec.msgpack.encode(trial)
    key = hashlib.sha256(given).digest()
    if key in _passed:
        return
    # The environment may hold secrets: only where libraries lie is handed on.
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    ) as process:
        with _lock:
            _running.add(process)
        try:
            said, trouble = process.communicate(given, timeout=wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise BundleError(f"{POLICY} does not answer its golden inputs within {wall_seconds:g} s.") from error
        finally:
            _kill(process)
            with _lock:
                _running.discard(process)
    if process.returncode != 0:
        raise BundleError(_end_of(process.returncode, trial, trouble))
    if said:
        raise BundleError(said.decode("utf-8", "replace"))
    _passed.add(key)


def running() -> int:
    """Number of trials that run."""
    with _lock:
        return len(_running)


def end_trials() -> None:
    """End every trial that runs; the calls that wait for them raise."""
    with _lock:
        for process in _running:
            _kill(process)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _end_of(code: int, trial: Trial, trouble: bytes) -> str:
    if code == -signal.SIGXCPU:
        return f"{POLICY} needs more than {trial.cpu_seconds} s of processor time for its golden inputs."
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    last = trouble.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    return f"{POLICY} cannot be run: its trial {how}. {last}".rstrip()


def main() -> None:
    """The process of the trial: says what is wrong, or nothing."""
    given = sys.stdin.buffer.read()
    sys.stdin.close()
    trial = msgspec.msgpack.decode(given, type=Trial)
    most = _MEMORY + 8 * len(given)
    # Where the machine itself runs out of memory, it is this process that ends.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, trial.cpu_seconds),
        (resource.RLIMIT_AS, most),
    ):
        # One second between them, so that the signal says which limit it was.
        resource.setrlimit(what, (limit, limit + (what == resource.RLIMIT_CPU)))
    try:
        schema = read_schema(trial.schema)
        golden = decode(trial.golden, Golden, GOLDEN)
        check_graph(golden, GraphSession(trial.model, schema), schema, daily_base=trial.daily_base)
    except BundleError as error:
        sys.stdout.write(str(error))
    except MemoryError:
        sys.stdout.write(f"{POLICY} needs more than {most >> 20} MB for its golden inputs.")


if __name__ == "__main__":
    main()
