"""Workers that take parts of a piece of work: processes of this machine, or a Ray cluster. See ``workers.py``."""

import importlib
import logging
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from traceback import format_exc
from typing import Any, Protocol, cast

from xbopt.core.errors import UsageError, XboptError
from xbopt.core.version import __version__

RETRIES = 3
"""So often a part is given out again after its worker died; what still ends its worker then is no accident."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a part.

    Attributes:
        gathered: What the work gathered from it.
        error: What the work raised instead.
    """

    gathered: object = None
    error: Exception | None = None


class LostWorkerError(XboptError):
    """Raised when workers died over one part again and again, or a cluster could not do it."""

    exit_code = 2


class Pool(Protocol):
    """Workers that take parts; a handle stands for a part that was given out."""

    def slots(self) -> int:
        """How many parts to give out at once."""
        ...

    def give(self, part: object) -> object:
        """Give a part out."""
        ...

    def finished(self, handles: Collection[object]) -> Collection[object]:
        """Wait for some of the parts that were given out; those that are done or lost."""
        ...

    def answer(self, handle: object) -> Answer | None:
        """What came of a part; None where its worker died and it has to be given out again."""
        ...

    def end(self, handles: Collection[object]) -> None:
        """Let the workers go, or end them if they still have parts."""
        ...


class Processes(Pool):
    """Processes of this machine; who dies is replaced when the next part is given out.

    Each has a pipe of its own, which ends with it, also in the middle of an answer. In a pipe that all write to, as
    that of ``ProcessPoolExecutor``, the reader would wait for the rest for ever.
    """

    def __init__(self, work: Callable[[Any], object], count: int) -> None:
        self._blob, self._count = _packed(work, pickle.dumps), count
        # The server of forkserver loads once what all workers need. Plain fork would copy locks that threads hold.
        forks = "forkserver" in get_all_start_methods()
        self._context = cast("SpawnContext", get_context("forkserver" if forks else "spawn"))
        self._context.set_forkserver_preload([name for name in sys.modules if name.partition(".")[0] == "xbopt"])
        self._waiting = SimpleQueue[tuple[Future[bytes], bytes] | None]()
        self._processes: list[BaseProcess] = []

    def slots(self) -> int:
        """A part more than there are processes lies ready for whoever is done first."""
        return self._count + 1

    def give(self, part: object) -> Future[bytes]:
        """Lay a part ready for whoever is free, and start a process where there are too few."""
        future = Future[bytes]()
        self._waiting.put((future, pickle.dumps(part)))
        self._processes = [process for process in self._processes if process.is_alive()]
        if len(self._processes) < self._count:
            ours, theirs = cast("tuple[Connection, Connection]", self._context.Pipe())
            process = self._context.Process(target=_serve, args=(self._blob, theirs), daemon=True)
            # One thread each, unless the user says otherwise.
            with _told_to_children({name: os.environ.get(name, "1") for name in _THREADS}):
                process.start()
            theirs.close()
            self._processes.append(process)
            threading.Thread(target=self._ask, args=(process, ours), daemon=True).start()
        return future

    def _ask(self, process: BaseProcess, worker: Connection) -> None:
        """Ask a worker for one part after the other, until it ends or nobody wants more."""
        with worker:
            while (given := self._waiting.get()) is not None:
                future, part = given
                try:
                    worker.send_bytes(part)
                    told = worker.recv_bytes()
                except (EOFError, OSError):
                    process.join()  # whoever hears of it replaces those that are no longer alive
                    future.set_result(b"")
                    return
                future.set_result(told)

    def finished(self, handles: Collection[object]) -> Collection[object]:
        """Wait for a part."""
        return wait(cast("Collection[Future[bytes]]", handles), return_when=FIRST_COMPLETED).done

    def answer(self, handle: object) -> Answer | None:
        """What came of a part; None where it is lost."""
        told = cast("Future[bytes]", handle).result()
        return cast("Answer", pickle.loads(told)) if told else None  # noqa: S301 - packed by our own `_serve`

    def end(self, handles: Collection[object]) -> None:
        """End the processes, at once where they still have parts."""
        for _ in self._processes:
            self._waiting.put(None)
        for process in self._processes:
            if handles:
                process.kill()
            process.join()
        self._processes = []


def _serve(blob: bytes, asker: Connection) -> None:
    """Do one part after the other, in a process that ends with the one that asks, however that ends.

    Ctrl-C reaches all processes of a terminal; here it is left to the one that asks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            answer = _apply(blob, pickle.loads(asker.recv_bytes()))  # noqa: S301 - our own bytes
            try:
                told = pickle.dumps(answer)
            except Exception as error:  # noqa: BLE001 - pickling runs code of whatever is pickled
                told = pickle.dumps(Answer(error=RuntimeError(f"What came of a part cannot be sent back: {error}")))
            asker.send_bytes(told)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _told_to_children(variables: Mapping[str, str]) -> Generator[None]:
    """Processes that start meanwhile have these environment variables; ours are as they were afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Ray(Protocol):
    """What is used of Ray, which is optional and comes without complete types."""

    def is_initialized(self) -> bool: ...
    def init(self, *, log_to_driver: bool, include_dashboard: bool, logging_level: int) -> object: ...
    def put(self, value: object) -> object: ...
    def remote(self, *, max_retries: int) -> Callable[[object], "_RemoteFunction"]: ...
    def wait(
        self, references: Sequence[object], *, num_returns: int, timeout: float | None
    ) -> tuple[list[object], list[object]]: ...
    def get(self, reference: object) -> object: ...
    def cancel(self, reference: object, *, force: bool) -> None: ...
    def cluster_resources(self) -> dict[str, float]: ...


class _RemoteFunction(Protocol):
    def remote(self, blob: object, part: object) -> object: ...


class Cluster(Pool):
    """The workers of a Ray cluster, which does parts again by itself whose workers or nodes died."""

    def __init__(self, work: Callable[[Any], object], count: int | None) -> None:
        self._ray = cast("_Ray", importlib.import_module("ray"))
        self._error = cast("type[Exception]", importlib.import_module("ray.exceptions").RayError)
        pickler = importlib.import_module("ray.cloudpickle")  # takes functions of notebooks too
        blob = _packed(work, pickler.dumps)
        if not self._ray.is_initialized():
            try:
                _knock(os.environ.get("RAY_ADDRESS", ""))
                # They load modules where this process does, as processes of this machine do anyway.
                path = os.pathsep.join(one or str(Path.cwd()) for one in sys.path)
                with _told_to_children({"PYTHONPATH": path}):
                    self._ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
            except (OSError, RuntimeError, ValueError) as error:
                address = os.environ.get("RAY_ADDRESS", "of this machine")
                raise UsageError(f"The Ray cluster {address} was not reached: {error}") from error
        self._count, self._blob = count, self._ray.put(blob)
        self._apply = self._ray.remote(max_retries=RETRIES)(_apply)

    def slots(self) -> int:
        """As many as was said, or two for each processor: what waits makes a cluster grow that can."""
        return self._count or 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1.0)))

    def give(self, part: object) -> object:
        """Give a part to the cluster."""
        return self._apply.remote(self._blob, part)

    def finished(self, handles: Collection[object]) -> Collection[object]:
        """Wait for a part, and take all others that are done by then."""
        self._ray.wait(list(handles), num_returns=1, timeout=None)
        return self._ray.wait(list(handles), num_returns=len(handles), timeout=0.0)[0]

    def answer(self, handle: object) -> Answer | None:
        """What came of a part.

        Raises:
            LostWorkerError: The cluster gave it up.
        """
        try:
            return cast("Answer", self._ray.get(handle))
        except self._error as error:
            why = str(error).strip().splitlines()
            raise LostWorkerError(
                f"The Ray cluster could not do a part ({type(error).__name__}): {why[0] if why else 'it says no more'}"
            ) from error

    def end(self, handles: Collection[object]) -> None:
        """End the tasks that are still there."""
        for handle in handles:
            self._ray.cancel(handle, force=True)


def _knock(address: str) -> None:
    """Ask whether anybody listens at ``host:port``, before Ray asks for minutes.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10.0).close()


def _packed(work: Callable[[Any], object], dumps: Callable[[object], bytes]) -> bytes:
    """The work as bytes, with the version that it is for.

    Raises:
        UsageError: It cannot be pickled.
    """
    try:
        return dumps((__version__, dumps(work)))
    except Exception as error:  # pickling runs code of whatever is pickled
        raise UsageError(f"This cannot be sent to workers, so leave out engine and workers here: {error}") from error


@lru_cache(maxsize=1)
def _unpacked(blob: bytes) -> Callable[[Any], object]:
    """The work, unpacked once in a process: it may hold a whole market.

    Raises:
        UsageError: It is for another version, or made of what this process does not know.
    """
    version, work = cast("tuple[str, bytes]", pickle.loads(blob))  # noqa: S301 - packed by our own `_packed`
    if version != __version__:
        raise UsageError(f"A worker has xbopt {__version__}, and {version} asks it: install one version everywhere.")
    try:
        return cast("Callable[[Any], object]", pickle.loads(work))  # noqa: S301 - as above
    except (AttributeError, ImportError) as error:
        raise UsageError(
            f"Workers cannot load what the work is made of: {error}. Policies and functions of a notebook have to "
            "stand in a module that workers can import."
        ) from error


def _apply(blob: bytes, part: object) -> Answer:
    try:
        return Answer(_unpacked(blob)(part))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the work was asked for
        error.add_note(f"Raised in a worker:\n{format_exc()}")
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes; some errors cannot be made again
        except Exception:  # noqa: BLE001
            return Answer(error=RuntimeError(f"{type(error).__name__}: {error}"))
        return Answer(error=error)
