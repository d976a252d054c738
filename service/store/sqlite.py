"""The decision store in one SQLite file: a write-ahead log that is synced before an answer leaves."""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from xbopt.core.errors import UsageError
from xbopt.service.store.entries import GENESIS, Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import StoreError, chained

_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL,
  UNIQUE (kind, key)
) STRICT;
CREATE TABLE IF NOT EXISTS head (
  one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER IF NOT EXISTS entries_remain BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
"""
_CHUNK = 500
_CACHE_KB = 8192


class SqliteStore:
    """A store in one file. One process writes; others may read.

    Args:
        path: The file; it is made where there is none.
        busy_seconds: How long to wait for another writer.
        most_pages: Most pages of the file, 4 kB each; no limit where None.

    Raises:
        StoreError: The file cannot be opened or is no store.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 2.0, most_pages: int | None = None) -> None:
        if not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent} for the store {path.name}; create it first.")
        self._path = path
        with _said(path):
            # The service hands the connection to its one writing thread.
            self._connection = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
            # In WAL mode FULL syncs the log at every commit: what was acknowledged survives a loss of power.
            for setting in ("journal_mode=WAL", "synchronous=FULL", f"cache_size=-{_CACHE_KB}"):
                self._connection.execute(f"PRAGMA {setting}").fetchall()
            if most_pages is not None:
                self._connection.execute(f"PRAGMA max_page_count={most_pages:d}").fetchall()
            self._connection.executescript(_TABLES)
            self._connection.execute("INSERT OR IGNORE INTO head VALUES (1, 0, ?)", (GENESIS,))

    def append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        """Store entries in one transaction; when this returns, they are on disk.

        Raises:
            StoreError: Nothing was stored.
        """
        run = self._connection.execute
        with _said(self._path):
            run("BEGIN IMMEDIATE")
            try:
                known, decisions = self._known(entries)
                rows, results, end = chained(entries, self._head(), known, decisions)
                if rows:
                    self._connection.executemany(
                        "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
                        [(row.seq, row.kind, row.key, row.payload, row.hash) for row in rows],
                    )
                    run("UPDATE head SET seq = ?, hash = ?", (end.seq, end.hash))
                run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise
        return results

    def _known(self, entries: Sequence[NewEntry]) -> tuple[dict[tuple[str, str], bytes], set[str]]:
        known: dict[tuple[str, str], bytes] = {}
        decisions: set[str] = set()
        by_kind: dict[str, list[str]] = {}
        for entry in entries:
            by_kind.setdefault(entry.kind, []).append(entry.key)
        for kind, keys in by_kind.items():
            for rows in self._lookup("key, payload", kind, keys):
                known |= {(kind, str(key)): payload for key, payload in rows}
        required = sorted({entry.requires for entry in entries if entry.requires})
        for rows in self._lookup("key, NULL", "decision", required):
            decisions |= {str(key) for key, _ in rows}
        return known, decisions

    def _lookup(self, columns: str, kind: str, keys: list[str]) -> Iterator[list[tuple[str, bytes]]]:
        for first in range(0, len(keys), _CHUNK):
            part = keys[first : first + _CHUNK]
            marks = ",".join("?" * len(part))
            found = self._connection.execute(
                f"SELECT {columns} FROM entries WHERE kind = ? AND key IN ({marks})",  # noqa: S608 - marks only
                (kind, *part),
            )
            yield cast("list[tuple[str, bytes]]", found.fetchall())

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """The entries in the order of the chain.

        Raises:
            StoreError: The file cannot be read.
        """
        where = "" if kind is None else "WHERE kind = ?"
        with _said(self._path):
            cursor = self._connection.execute(
                f"SELECT seq, kind, key, payload, hash FROM entries {where} ORDER BY seq",  # noqa: S608 - two texts
                () if kind is None else (kind,),
            )
            while rows := cast("list[tuple[int, EntryKind, str, bytes, bytes]]", cursor.fetchmany(_CHUNK)):
                yield from (Entry(*row) for row in rows)

    def head(self) -> Head:
        """The end of the chain.

        Raises:
            StoreError: The file cannot be read.
        """
        with _said(self._path):
            return self._head()

    def _head(self) -> Head:
        row = cast("tuple[int, bytes] | None", self._connection.execute("SELECT seq, hash FROM head").fetchone())
        if row is None:
            raise StoreError(f"{self._path}: the store has lost the end of its chain.")
        return Head(*row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


@contextmanager
def _said(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}.") from error
