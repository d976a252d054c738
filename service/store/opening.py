"""A store by its URL."""

import re
import time
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import ChangedStoreError, Store
from xbopt.service.store.postgres import PostgresStore
from xbopt.service.store.sqlite import SqliteStore

AGAIN_SECONDS = 0.05
"""Between two looks at a file to which somebody writes."""
_SQLITE = "sqlite:///"
_ELSEWHERE = re.compile(r"\s*(?:(?P<scheme>[A-Za-z][\w+.-]*)://|\w[\w+.-]*\s*[=:]|.*:.*@)", re.DOTALL)
"""What is meant for another program, or mistyped: a file by its plain path does not begin so."""


def open_store(url: str, *, wait_seconds: float = 2.0, read_only: bool = False) -> Store:
    """Open a store.

    Args:
        url: ``sqlite:///FILE`` (four slashes for an absolute path), the plain path of a file, or ``postgresql://...``.
        wait_seconds: How long to wait for it, and to look again where somebody writes to a file while it is opened.
        read_only: Only read: the store has to be there, and opening it changes nothing.

    Raises:
        UsageError: The URL names no kind of store that there is, or what it names belongs to another program.
        StoreError: The store cannot be opened.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresStore(url, wait_seconds=wait_seconds, read_only=read_only)
    if not url.startswith(_SQLITE) and (found := _ELSEWHERE.match(url)):
        # Nothing else of it is told: it may be a password.
        what = f"{found['scheme']}://" if found["scheme"] else "What was given as a URL, or as a list of NAME=VALUE,"
        raise UsageError(
            f"{what} is no store; give sqlite:///FILE or postgresql://USER@HOST/NAME. A file whose name looks so is "
            "given as sqlite:///FILE."
        )
    path, until = Path(url.removeprefix(_SQLITE)), time.monotonic() + wait_seconds
    while True:
        try:
            return SqliteStore(path, busy_seconds=wait_seconds, read_only=read_only)
        except ChangedStoreError:
            if time.monotonic() >= until:
                raise
            time.sleep(AGAIN_SECONDS)
