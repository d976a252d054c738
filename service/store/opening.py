"""A store by its URL."""

from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import Store
from xbopt.service.store.postgres import PostgresStore
from xbopt.service.store.sqlite import SqliteStore

_SQLITE = "sqlite:///"


def open_store(url: str, *, wait_seconds: float = 2.0, read_only: bool = False) -> Store:
    """Open a store.

    Args:
        url: ``sqlite:///FILE`` (four slashes for an absolute path), the plain path of a file, or ``postgresql://...``.
        wait_seconds: How long to wait for it.
        read_only: Only read: the store has to be there, and opening it changes nothing.

    Raises:
        UsageError: The URL names no kind of store that there is, or what it names belongs to another program.
        StoreError: The store cannot be opened.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, wait_seconds=wait_seconds, read_only=read_only)
    if "://" in url and not url.startswith(_SQLITE):
        raise UsageError(
            f"{url.split('://', maxsplit=1)[0]}:// is no store; give sqlite:///FILE or postgresql://USER@HOST/NAME."
        )
    return SqliteStore(Path(url.removeprefix(_SQLITE)), busy_seconds=wait_seconds, read_only=read_only)
