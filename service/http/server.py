"""Running the service: settings, the server, and a graceful end."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.bundle.graph_trial import end_trials
from xbopt.service.bundle.keys import TrustedKeys
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.http.app import build_app
from xbopt.service.http.engine import Engine
from xbopt.service.http.gateway import Gateway
from xbopt.service.http.metrics import Metrics
from xbopt.service.http.tokens import read_tokens
from xbopt.service.store.group_commit import GroupCommit
from xbopt.service.store.opening import open_store

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _not_told(_: str) -> None:
    """Leave a note unsaid."""


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
        accept_schema: Whether the bundle may have other axes and inputs than the one that decided last in the store.
        most_bytes: Largest body.
        body_seconds: How long a body may take to come.
        store_seconds: How long the store may take.
        stop_seconds: How long requests may take to end when the service stops.
        on_note: Called with what whoever serves the bundle should know.
    """

    bundle: Path
    store: str
    host: str = "127.0.0.1"
    port: int = 8080
    tokens: Path | None = None
    unproven: bool = False
    trusted_key: TrustedKeys = None
    shadow: Path | None = None
    accept_schema: bool = False
    most_bytes: int = 32 << 20
    body_seconds: float = 10.0
    store_seconds: float = 5.0
    stop_seconds: int = 20
    on_note: Callable[[str], None] = _not_told


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
        most_bytes=settings.most_bytes,
        body_seconds=settings.body_seconds,
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
    import uvicorn

    app = build_service(settings)
    listener = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=settings.stop_seconds,
        timeout_keep_alive=30,
        backlog=2048,
    )

    class Server(uvicorn.Server):
        """A server that is told to stop waits for no graph that is being tried."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            end_trials()
            await super().shutdown(sockets)

    server = Server(config)
    app.metrics.connections.set_function(lambda: len(server.server_state.connections))
    with listener:
        host, port = listener.getsockname()[:2]
        on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        try:
            server.run(sockets=[listener])
        except SystemExit as end:  # how uvicorn ends when the application does not start
            raise app.failure or end from None


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"{host}:{port} cannot be listened on: {error.strerror or error}.") from error
    listener.set_inheritable(True)
    return listener
