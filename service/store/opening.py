"""A store by its URL."""

from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import Store
from xbopt.service.store.postgres import PostgresStore
from xbopt.service.store.sqlite import SqliteStore

_SQLITE = "sqlite:///"


def open_store(url: str, *, wait_seconds: float = 2.0, must_exist: bool = False) -> Store:
    """Open a store.

    Args:
        url: ``sqlite:///FILE`` (four slashes for an absolute path), the plain path of a file, or ``postgresql://...``.
        wait_seconds: How long to wait for it.
        must_exist: Whether a file has to be there already.

    Raises:
        UsageError: The URL names no kind of store that there is.
        StoreError: The store cannot be opened.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, wait_seconds=wait_seconds)
    if "://" in url and not url.startswith(_SQLITE):
        raise UsageError(
            f"{url.split('://', maxsplit=1)[0]}:// is no store; give sqlite:///FILE or postgresql://USER@HOST/NAME."
        )
    path = Path(url.removeprefix(_SQLITE))
    if must_exist and not path.is_file():
        raise UsageError(f"There is no store {path}.")
    return SqliteStore(path, busy_seconds=wait_seconds)
