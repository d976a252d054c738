"""The decision store in one SQLite file: a write-ahead log that is synced before an answer leaves."""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from xbopt.core.errors import UsageError
from xbopt.service.store.entries import GENESIS, Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import StoreError, TamperedStoreError, chained

_MAGIC = b"SQLite format 3\0"
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
_COLUMNS = {"entries": ["seq", "kind", "key", "payload", "hash"], "head": ["one", "seq", "hash"]}
_CHUNK = 500
_CACHE_KB = 8192
_UNCHANGING, _NO_LOCKS = "&immutable=1", "&vfs=unix-none"


class SqliteStore:
    """A store in one file. One process writes; others may read.

    Args:
        path: The file. For writing it is made where there is none.
        busy_seconds: How long to wait for another writer.
        most_pages: Most pages of the file, 4 kB each; no limit where None.
        read_only: Open for reading alone: nothing is made, nothing is changed, and nothing is left beside the file.

    Raises:
        UsageError: There is no such file, or it belongs to another program.
        StoreError: The file cannot be opened, or is not a database.
    """

    def __init__(
        self, path: Path, *, busy_seconds: float = 2.0, most_pages: int | None = None, read_only: bool = False
    ) -> None:
        _check_file(path, read_only=read_only)
        self._path = path
        way = _way_to_read(path) if read_only else ""
        self._unchanged = _last_change(path) if way == _UNCHANGING else None
        address = f"{path.resolve().as_uri()}?mode=ro{way}" if read_only else path
        with self._said():
            # The service hands the connection to its one writing thread.
            self._connection = sqlite3.connect(
                address, timeout=busy_seconds, isolation_level=None, check_same_thread=False, uri=read_only
            )
            try:
                if way == _NO_LOCKS:
                    self._connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
                self._check_tables(read_only=read_only)
                if not read_only:
                    self._prepare(most_pages)
            except BaseException:
                self._connection.close()
                raise

    def _check_tables(self, *, read_only: bool) -> None:
        """Refuse the database of another program.

        Raises:
            UsageError: It lacks the tables of a store, and is to be read or holds other tables.
        """
        run = self._connection.execute
        names = {str(name) for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")}
        there = {
            table: [str(column) for (column,) in run("SELECT name FROM pragma_table_info(?)", (table,))]
            for table in _COLUMNS
        }
        if there == _COLUMNS:
            return
        others = names - {table for table in _COLUMNS if there[table] == _COLUMNS[table]}
        if read_only or others:
            holds = f"the tables {', '.join(sorted(names))}" if names else "no table"
            raise UsageError(
                f"{self._path} is a SQLite database, but not a decision store: it holds {holds}; a store holds "
                "entries and head, as xbopt serve makes them."
            )

    def _prepare(self, most_pages: int | None) -> None:
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
        with self._said():
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
        with self._said():
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
        with self._said():
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
    def _said(self) -> Generator[None]:
        """Turn errors of SQLite into errors of the store.

        Raises:
            TamperedStoreError: The file is damaged.
            StoreError: Anything else went wrong, or somebody wrote to a file that was read without locks.
        """
        failure: sqlite3.Error | None = None
        try:
            yield
        except sqlite3.Error as error:
            failure = error
        except UnicodeDecodeError as error:
            raise TamperedStoreError(f"{self._path} is damaged: a text in it cannot be read.") from error
        if self._unchanged is not None and self._unchanged != _last_change(self._path):
            raise StoreError(f"{self._path} was written to while it was read; try again.") from failure
        if failure is None:
            return
        # Python's own errors carry no code; the lowest byte is the kind of SQLite's.
        kind = getattr(failure, "sqlite_errorcode", 0) & 0xFF
        if kind == sqlite3.SQLITE_CORRUPT:
            raise TamperedStoreError(f"{self._path} is damaged: {failure}.") from failure
        hint = " A decision store is a SQLite file that xbopt serve makes."
        said = f"{self._path}: {failure}.{hint if kind == sqlite3.SQLITE_NOTADB else ''}"
        raise StoreError(said) from failure


def _check_file(path: Path, *, read_only: bool) -> None:
    """Refuse what cannot be a store before SQLite touches it.

    Raises:
        UsageError: It is a folder or a device; or it is to be read, and is missing or empty.
        StoreError: It holds something else than a database.
    """
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for the store {path.name}; create it first.")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "not an ordinary file"
        raise UsageError(f"{path} is {what}; a decision store is one SQLite file.")
    if read_only and not path.exists():
        raise UsageError(f"There is no store {path}.")
    if read_only and not path.stat().st_size:
        raise UsageError(f"{path} is an empty file, not a decision store.")
    if path.exists():
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        # SQLite itself takes a file of a few bytes for an empty database, and would write over it.
        if start and start != _MAGIC:
            raise StoreError(
                f"{path}: file is not a database. A decision store is a SQLite file that xbopt serve makes."
            )


def _way_to_read(path: Path) -> str:
    """How SQLite has to open a file so that reading makes no write-ahead log beside it.

    Log and index stand there while a service writes, or after it was killed: they are used as they are. A log without
    its index, as in a copy, is read into memory, for which SQLite wants a file system without locks. A file that stands
    alone is read as one that does not change; whether that was so is checked afterwards.
    """
    log, index = (path.resolve().with_name(path.resolve().name + ending) for ending in ("-wal", "-shm"))
    if log.exists() and index.exists():
        return ""
    return _NO_LOCKS if log.exists() and log.stat().st_size else _UNCHANGING


def _last_change(path: Path) -> tuple[int, int]:
    now = path.stat()
    return now.st_mtime_ns, now.st_size
