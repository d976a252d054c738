"""The decision store in one SQLite file: a write-ahead log that is synced before an answer leaves."""

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import cast

from xbopt.service.store.entries import GENESIS, Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import (
    ChangedStoreError,
    Place,
    RefusedEntryError,
    StoreError,
    TamperedStoreError,
    Wanted,
    chained,
    required,
    sought,
)
from xbopt.service.store.sqlite_files import (
    NO_LOCKS,
    FileMark,
    check_file,
    connected,
    is_unmade,
    last_change,
    log_state,
    opening_alone,
)
from xbopt.service.store.sqlite_form import OBJECTS, add_guards, check_objects, holds_store

_ENTRY = "seq, kind, key, payload, hash"
_CHUNK = 500
_CACHE_KB = 8192
_CLOSING_MS = 100
_CLOSING_SECONDS = 2.0
_ROOM_BYTES = 1 << 20
"""Room on the disk below which the store counts as full: the next group of decisions may not fit."""


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
        TamperedStoreError: It is damaged, or is to be written to and is not as the service left it.
    """

    def __init__(
        self, path: Path, *, busy_seconds: float = 2.0, most_pages: int | None = None, read_only: bool = False
    ) -> None:
        check_file(path, read_only=read_only)
        self._path, self._read_only = path, read_only
        self._mark: FileMark | None = None
        self._doubt, self._clears = "", True
        self._unchanged: tuple[int, ...] | None = None
        with opening_alone(path, busy_seconds):
            self._open(busy_seconds, most_pages)

    def _open(self, busy_seconds: float, most_pages: int | None) -> None:
        path, read_only = self._path, self._read_only
        # Before SQLite opens the file: it gives up its locks when somebody else in the process closes it.
        log = log_state(path)
        self._doubt, self._unchanged = log.doubt, log.seen if log.way else None
        is_new = is_unmade(path)
        if is_new and self._doubt:
            raise TamperedStoreError(f"{path} is not made anew: {self._doubt}. Put the file back, or its log away.")
        with self._said(), ExitStack() as opened:
            if not is_new:
                self._connection = opened.enter_context(closing(connected(path, f"ro{log.way}", busy_seconds)))
                if log.way == NO_LOCKS:
                    self._connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
                is_new = not holds_store(self._connection, path, read_only=read_only)
                if not read_only:
                    self._judge(is_new=is_new)
                    self._connection.close()
            if not read_only:
                self._unchanged, self._mark = None, FileMark(path)
                opened.callback(self._mark.close)
                self._connection = opened.enter_context(closing(connected(path, "rwc", busy_seconds)))
                self._prepare(most_pages, is_new=is_new)
            opened.pop_all()

    def _judge(self, *, is_new: bool) -> None:
        """Whether the store may be written to. SQLite changes files when it opens them for that, so this comes before.

        Raises:
            TamperedStoreError: It is not as the service left it.
        """
        if self._doubt:
            raise TamperedStoreError(
                f"{self._path} is not written to: {self._doubt}. Put the log back. If it is lost for good, with "
                f'the entries in it, sqlite3 {self._path.name} "PRAGMA user_version = 0" says so.'
            )
        if not is_new:
            check_objects(self._connection, self._path)
            self._end()

    def _prepare(self, most_pages: int | None, *, is_new: bool) -> None:
        run = self._connection.execute
        run("PRAGMA synchronous=FULL").fetchall()
        if is_new:
            # Before there is a log: the main file alone shows what it is.
            run("BEGIN IMMEDIATE")
            if not holds_store(self._connection, self._path, read_only=False):
                for statement in OBJECTS.values():
                    run(statement)
                run("INSERT INTO head VALUES (1, 0, ?)", (GENESIS,))
            run("COMMIT")
        # In WAL mode FULL syncs the log at every commit: what was acknowledged survives a loss of power.
        for setting in ("journal_mode=WAL", f"cache_size=-{_CACHE_KB}"):
            run(f"PRAGMA {setting}").fetchall()
        if most_pages is not None:
            run(f"PRAGMA max_page_count={most_pages:d}").fetchall()
        # The first transaction makes the log, and then marks the file: a marked file always had a log beside it.
        with self._writing():
            self._end()
            add_guards(self._connection)

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        """As ``Store.append``."""
        with self._said(), self._writing():
            end = self._end()
            known = self._found(sought(entries))
            rows, results, end = chained(entries, end, known, self._decided(required(entries)), wanted)
            if rows:
                self._connection.executemany(
                    "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
                    [(row.seq, row.kind, row.key, row.payload, row.hash) for row in rows],
                )
                self._connection.execute("UPDATE head SET seq = ?, hash = ?", (end.seq, end.hash))
        return results

    def find(self, kind: EntryKind, key: str) -> Entry | None:
        """As ``Store.find``."""
        return self.find_all([(kind, key)]).get((kind, key))

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """As ``Store.find_all``."""
        with self._said():
            return self._found(places)

    def latest(self, kind: EntryKind) -> Entry | None:
        """As ``Store.latest``."""
        with self._said():
            row = self._connection.execute(
                # The plus keeps SQLite from walking back through all entries; those of a kind stand in an index.
                f"SELECT {_ENTRY} FROM entries WHERE seq = (SELECT max(+seq) FROM entries WHERE kind = ?)",  # noqa: S608 - one text
                (kind,),
            ).fetchone()
            return None if row is None else Entry(*row)

    def probe(self) -> None:
        """As ``Store.probe``. A synced write, and a look at the room that is left: a group takes more than a page."""
        with self._said(), self._writing():
            self._end()
            # SQLite writes no page whose bytes stay as they are, so there and back.
            self._connection.execute("UPDATE head SET seq = seq + 1")
            self._connection.execute("UPDATE head SET seq = seq - 1")
        disk = os.statvfs(self._path)
        if disk.f_bavail * disk.f_frsize < _ROOM_BYTES:
            raise StoreError(f"{self._path}: the disk is full, but for less than {_ROOM_BYTES >> 10} kB.")

    def entries(self, kind: str | None = None, *, after: int = 0) -> Iterator[Entry]:
        """As ``Store.entries``."""
        # What is new of a kind is found by walking on from there; all of it stands in an index.
        of_kind = "kind = ?" if not after else "+kind = ?"
        where = "WHERE seq > ?" if kind is None else f"WHERE seq > ? AND {of_kind}"
        with self._said():
            cursor = self._connection.execute(
                f"SELECT {_ENTRY} FROM entries {where} ORDER BY seq",  # noqa: S608 - two texts
                (after,) if kind is None else (after, kind),
            )
            while rows := cast("list[tuple[int, EntryKind, str, bytes, bytes]]", cursor.fetchmany(_CHUNK)):
                yield from (Entry(*row) for row in rows)

    def head(self) -> Head:
        """As ``Store.head``."""
        with self._said():
            return self._head()

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """As ``Store.snapshot``."""
        with self._said():
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("COMMIT")

    def check_form(self) -> None:
        """As ``Store.check_form``."""
        with self._said():
            check_objects(self._connection, self._path)
            found = [str(line) for (line,) in self._connection.execute("PRAGMA integrity_check(1)")]
            if found != ["ok"]:
                raise TamperedStoreError(f"{self._path} is damaged: {' '.join(found[0].split())}.")

    def doubt(self) -> str:
        """As ``Store.doubt``."""
        return self._doubt

    def interrupt(self) -> None:
        """As ``Store.interrupt``. SQLite waits for locks only as long as it was told to."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the file; the last who does takes the log into it, and the mark away."""
        if self._mark is None:
            self._connection.close()
            return
        with ExitStack() as held:
            with suppress(StoreError):
                held.enter_context(opening_alone(self._path, _CLOSING_SECONDS))
            with suppress(sqlite3.Error):
                for setting in (f"busy_timeout={_CLOSING_MS}", "user_version=0", "journal_mode=DELETE"):
                    # Nobody but the last may leave the log; others are refused.
                    self._connection.execute(f"PRAGMA {setting}").fetchall()
            self._connection.close()
            self._mark.close()
            self._mark = None

    def _found(self, places: Sequence[Place]) -> dict[Place, Entry]:
        found: dict[Place, Entry] = {}
        by_kind: dict[str, list[str]] = {}
        for kind, key in places:
            by_kind.setdefault(kind, []).append(key)
        for kind, keys in by_kind.items():
            for part, marks in _parts(keys):
                rows = self._connection.execute(
                    f"SELECT {_ENTRY} FROM entries WHERE kind = ? AND key IN ({marks})",  # noqa: S608 - marks only
                    (kind, *part),
                )
                for row in cast("list[tuple[int, EntryKind, str, bytes, bytes]]", rows.fetchall()):
                    found[row[1], row[2]] = Entry(*row)
        return found

    def _decided(self, names: list[str]) -> set[str]:
        """Which decisions are there, or were withdrawn; their content, which may be large, is not read."""
        found: set[str] = set()
        for part, marks in _parts(names):
            rows = self._connection.execute(
                f"SELECT key FROM entries WHERE kind IN ('decision', 'withdrawal') AND key IN ({marks})",  # noqa: S608 - marks only
                part,
            )
            found |= {str(key) for (key,) in rows}
        return found

    def _head(self) -> Head:
        rows = cast("list[tuple[int, bytes]]", self._connection.execute("SELECT seq, hash FROM head").fetchall())
        if len(rows) != 1:
            raise TamperedStoreError(f"{self._path}: the end of the chain is written down {len(rows)} times, not once.")
        return Head(*rows[0])

    def _end(self) -> Head:
        """The end of the chain, which has to be that of the last entry.

        Raises:
            TamperedStoreError: It is not.
        """
        end = self._head()
        last = cast(
            "tuple[int, bytes] | None",
            self._connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone(),
        )
        if end != (Head(0, GENESIS) if last is None else Head(*last)):
            raise TamperedStoreError(
                f"{self._path} is not written to: its chain ends at entry {end.seq}, its last entry is "
                f"{0 if last is None else last[0]}. See xbopt decisions verify."
            )
        return end

    @contextmanager
    def _writing(self) -> Generator[None]:
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            if self._clears:
                run("PRAGMA user_version=0")
            yield
            run("COMMIT")
            # When SQLite has taken the log into the file, the mark is gone; the next transaction begins another log.
            self._clears = self._mark is not None and self._mark.renew()
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    @contextmanager
    def _said(self) -> Generator[None]:
        """Turn errors of SQLite into errors of the store.

        Raises:
            TamperedStoreError: The file is damaged.
            RefusedEntryError: An entry is too large.
            ChangedStoreError: Somebody wrote to a file that was read without locks.
            StoreError: Anything else went wrong.
        """
        failure: Exception | None = None
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError, TamperedStoreError) as error:
            failure = error
        if self._unchanged is not None and self._unchanged != last_change(self._path):
            raise ChangedStoreError(f"{self._path} was written to while it was read; try again.") from failure
        if failure is None:
            return
        if isinstance(failure, TamperedStoreError):
            raise failure
        raise self._meaning(failure) from failure

    def _meaning(self, failure: Exception) -> StoreError | TamperedStoreError:
        # Python's own errors carry no code; the lowest byte is the kind of SQLite's.
        kind = getattr(failure, "sqlite_errorcode", 0) & 0xFF
        damaged = kind in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}
        if damaged or isinstance(failure, UnicodeDecodeError) or "decode" in str(failure):
            return TamperedStoreError(f"{self._path} is damaged: {failure}.")
        if isinstance(failure, sqlite3.DataError):
            return RefusedEntryError(f"{self._path} cannot hold this entry: {failure}.")
        return StoreError(f"{self._path}: {failure}.")


def _parts(keys: list[str]) -> Iterator[tuple[list[str], str]]:
    """Names in parts that one statement can ask for, and a mark for each."""
    for first in range(0, len(keys), _CHUNK):
        part = keys[first : first + _CHUNK]
        yield part, ",".join("?" * len(part))
