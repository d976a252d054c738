"""Running the service: settings, the server, and a graceful end."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from xbopt.core.errors import UsageError
from xbopt.service.bundle.graph_trial import end_trials
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.app import build_app
from xbopt.service.http.connections import ConnectionLimits, TimedProtocol, timed_protocol
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.hosts import HostRule, allowed_hosts
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.routes import Route
from xbopt.service.http.tokens import read_tokens
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.opening import open_store

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SWEEP_SECONDS = 0.25
SWITCH_SECONDS = 0.001
"""How long one thread may hold Python's lock while another wants it: so long the loop waits for a large body."""


def _not_told(_: str) -> None:
    """Leave a note unsaid."""


def _nothing_further(_: Engine) -> Sequence[Route]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the service runs.

    Attributes:
        bundle: The bundle that decides at first; its folder holds the ones that may be swapped in.
        store: URL of the decision store.
        host: Address to listen on.
        port: Port; 0 for any free one.
        tokens: Token file; None for no check, which is possible on the machine's own address only.
        unproven: Serve a bundle without a certificate.
        trusted_key: Public keys in hex, one of which must have signed every bundle.
        shadow: A bundle that decides beside.
        allowed_hosts: Names beyond the machine's own that requests may be for.
        limits: What one client may take.
        accept_schema: Whether the bundle may have other axes and inputs than the one that decided last in the store.
        store_seconds: How long the store may take.
        stop_seconds: How long the service may take to stop; half of it is for requests under way.
        on_note: Called with what whoever serves the bundle should know.
        further: Makes routes of what stands above the service.
    """

    bundle: Path
    store: str
    host: str = "127.0.0.1"
    port: int = 8080
    tokens: Path | None = None
    unproven: bool = False
    trusted_key: TrustedKeys = None
    shadow: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    accept_schema: bool = False
    store_seconds: float = 5.0
    stop_seconds: int = 4
    on_note: Callable[[str], None] = _not_told
    further: Callable[[Engine], Sequence[Route]] = _nothing_further


def build_service(settings: ServiceSettings) -> Gateway:
    """The service as an ASGI application, with its bundle loaded and its store open.

    Raises:
        BundleError: The bundle does not pass the checks.
        StoreError: The store cannot be opened.
        UsageError: The settings make no sense.
    """
    if settings.tokens is None and settings.host not in _LOOPBACK:
        raise UsageError(
            f"{settings.host} can be reached from outside; name a token file with --tokens, or listen on 127.0.0.1."
        )
    tokens = None if settings.tokens is None else read_tokens(settings.tokens)
    hosts = HostRule(allowed_hosts(settings.host, settings.allowed_hosts, open_to_all=tokens is None))

    def loaded(path: Path) -> Allocator:
        return Allocator.load(path, unproven=settings.unproven, trusted_key=settings.trusted_key)

    allocator = loaded(settings.bundle)
    for note in allocator.bundle.notes:
        settings.on_note(note)
    shadow = None if settings.shadow is None else loaded(settings.shadow)
    metrics = Metrics()
    store = open_store(settings.store, wait_seconds=settings.store_seconds)
    commit = GroupCommit(store, wait_seconds=settings.store_seconds, on_commit=metrics.committed)
    engine = Engine(
        allocator,
        commit,
        metrics,
        unproven=settings.unproven,
        trusted_key=settings.trusted_key,
        shadow=shadow,
        accept_schema=settings.accept_schema,
    )
    return build_app(
        engine,
        bundles=settings.bundle.resolve().parent,
        tokens=tokens,
        most_bytes=settings.limits.most_bytes,
        body_seconds=settings.limits.body_seconds,
        stop_seconds=0.4 * settings.stop_seconds,
        hosts=hosts,
        further=settings.further(engine),
    )


def run_service(settings: ServiceSettings, on_listening: Callable[[str], None]) -> None:
    """Serve until the process is told to stop; requests under way are answered first.

    Args:
        settings: How.
        on_listening: Called with the address once the port is open.

    Raises:
        BundleError: The bundle does not pass the checks.
        StoreError: The store cannot be opened, or does not take the bundle.
        UsageError: The settings make no sense, or the port is taken.
    """
    app = build_service(settings)
    listener = _listen(settings.host, settings.port)
    limits, metrics = settings.limits, app.engine.metrics
    config = uvicorn.Config(
        app,
        http=timed_protocol(limits, lambda status: metrics.answered("other", status)),
        log_level="error",
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(settings.stop_seconds // 2, 1),
        backlog=2048,
    )
    logging.basicConfig(format="%(asctime)s %(message)s")
    sys.setswitchinterval(SWITCH_SECONDS)
    _allow_files(limits.most_connections)
    server = TimedServer(config, app, settings)
    metrics.connections.set_function(lambda: len(server.server_state.connections))
    with listener:
        host, port = listener.getsockname()[:2]
        on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        try:
            server.run(sockets=[listener])
        except SystemExit as end:  # how uvicorn ends when the application does not start
            raise app.failure or end from None
        finally:
            server.release()


class TimedServer(uvicorn.Server):
    """A server that closes connections whose time is up, reads tokens anew on SIGHUP, and ends in time.

    Args:
        config: uvicorn's settings.
        app: The service.
        settings: Ours.
    """

    def __init__(self, config: uvicorn.Config, app: Gateway, settings: ServiceSettings) -> None:
        super().__init__(config)
        self._app, self._settings = app, settings
        # Threads that hang in the store or in a graph would keep the process; what was acknowledged is on disk.
        self._end = threading.Timer(settings.stop_seconds + 0.5, os._exit, (0,))
        self._end.daemon = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and to look after connections."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        self._sweep(loop)
        # What was loaded stays; the garbage collector need not look at it again while requests wait.
        gc.collect()
        gc.freeze()
        if threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGHUP, self._reload)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way, and end."""
        self._end.start()
        # Nobody waits any more for a graph that is being tried.
        end_trials()
        await super().shutdown(sockets)

    def release(self) -> None:
        """Let the process live on, after a service that has ended by itself."""
        if self._app.has_stopped:
            self._end.cancel()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, TimedProtocol):
                connection.close_if_overdue(now)
        loop.call_later(_SWEEP_SECONDS, self._sweep, loop)

    def _reload(self) -> None:
        if self._settings.tokens is None:
            return
        task = asyncio.get_running_loop().create_task(self._app.reload_tokens(self._settings.tokens))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)


def _allow_files(connections: int) -> None:
    """Raise the number of files that the process may hold open, so that connections are refused by us."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = max(soft, 2 * connections + 256)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror or error}.") from error
    listener.set_inheritable(True)
    return listener
