"""The decision store in PostgreSQL, for several replicas of the service.

All replicas append to one chain. The row with its end is locked for the length of one short transaction, which stores
everything that waits in the replica; so replicas take turns, and no two entries follow the same one.

Nothing is kept in a session: settings hold for one transaction, and no statement is prepared. So the store also works
through PgBouncer, in its session and its transaction mode.
"""

import os
import re
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, LiteralString, TypeVar, cast

from xbopt.core.errors import UsageError
from xbopt.service.store.entries import GENESIS, Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import (
    Place,
    RefusedEntryError,
    StoreError,
    TamperedStoreError,
    Wanted,
    chained,
    required,
    sought,
)
from xbopt.service.store.postgres_form import HEAD_REMAINS, TABLES, differing_objects, lacks_guard

if TYPE_CHECKING:
    from psycopg import Connection

Answer = TypeVar("Answer")
# Two replicas that start at once would make the tables twice; the number names the lock.
_SETUP_LOCK = 0x78626F70
_FETCH = 500
_LOOKUP: LiteralString = """
  SELECT seq, kind, key, payload, hash, false FROM xbopt_entries
  JOIN unnest(%s::text[], %s::text[]) AS new(k, n) ON kind = k AND key = n"""
_LAST: LiteralString = """
  SELECT seq, kind, key, ''::bytea, hash, true FROM xbopt_entries ORDER BY seq DESC LIMIT 1"""
# Adding 0 keeps the planner from walking back through all entries; those of a kind stand in an index.
_LATEST: LiteralString = """
  SELECT seq, kind, key, payload, hash, true FROM xbopt_entries
  WHERE seq = (SELECT max(seq + 0) FROM xbopt_entries WHERE kind = %s)"""
_DECIDED: LiteralString = """
  SELECT key FROM xbopt_entries WHERE kind IN ('decision', 'withdrawal') AND key = ANY(%s)"""
_IN_ORDER: LiteralString = "SELECT seq, kind, key, payload, hash, true FROM xbopt_entries "


class PostgresStore:
    """A store in a PostgreSQL database; it connects again by itself.

    Args:
        url: ``postgresql://user:password@host/database``.
        wait_seconds: How long to wait for the server, for the chain, and for one statement.
        read_only: Open for reading alone: every transaction is read-only, and no table is made.

    Raises:
        UsageError: The database is to be read and holds no store.
        StoreError: The URL cannot be read, or the server cannot be reached or refuses.
        TamperedStoreError: It is to be written to, and is not as the service left it.
    """

    def __init__(self, url: str, *, wait_seconds: float = 2.0, read_only: bool = False) -> None:
        _check_url(url)
        self._url, self._wait, self._read_only = url, wait_seconds, read_only
        milliseconds = max(int(wait_seconds * 1000), 1)
        # A replica that stops in the middle of a transaction must not hold up the others.
        self._settings = (
            f"; SET LOCAL lock_timeout = {milliseconds}; SET LOCAL statement_timeout = {milliseconds}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}; SET LOCAL synchronous_commit = on"
        )
        self._link: Connection[tuple[object, ...]] | None = None
        self._looking = False
        try:
            with self._said(), self._transaction(writing=not read_only) as connection:
                self._open(connection)
        except BaseException:
            self.close()
            raise

    def _open(self, connection: "Connection[tuple[object, ...]]") -> None:
        if self._read_only:
            if not _holds_store(connection):
                raise UsageError(
                    "The PostgreSQL database holds no decision store: it lacks the tables xbopt_entries and "
                    "xbopt_head, which xbopt serve makes."
                )
            return
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
        if not _holds_store(connection):
            for statement in TABLES:
                connection.execute(statement)
            connection.execute("INSERT INTO xbopt_head VALUES (1, 0, %s)", (GENESIS,))
        _check_objects(connection)
        _check_end(_head(connection, " FOR UPDATE"), _last(connection))
        if lacks_guard(connection):
            _add_guard(connection)

    def append(self, entries: Sequence[NewEntry], wanted: Wanted | None = None) -> list[Stored]:
        """As ``Store.append``. Names are stored once, so a second try does no harm."""
        return self._again(lambda: self._append(entries, wanted))

    def _append(self, entries: Sequence[NewEntry], wanted: Wanted | None) -> list[Stored]:
        with self._said(), self._transaction(writing=True) as connection, connection.cursor(binary=True) as cursor:
            end = _head(connection, " FOR UPDATE")
            asked = sought(entries)
            # One question for what is known, and for the last entry.
            rows = cursor.execute(
                f"{_LOOKUP} UNION ALL ({_LAST})",
                ([kind for kind, _ in asked], [key for _, key in asked]),
            ).fetchall()
            found = {place: entry for place, entry, is_last in map(_row, rows) if not is_last}
            last = [entry for _, entry, is_last in map(_row, rows) if is_last]
            _check_end(end, Head(last[0].seq, last[0].hash) if last else None)
            names, decisions = required(entries), set[str]()
            if names:
                there = cursor.execute(_DECIDED, (names,)).fetchall()
                decisions = {str(key) for (key,) in there}
            new, results, end = chained(entries, end, found, decisions, wanted)
            if new:
                cursor.execute(
                    "INSERT INTO xbopt_entries SELECT * FROM "
                    "unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])",
                    (
                        [row.seq for row in new],
                        [row.kind for row in new],
                        [row.key for row in new],
                        [row.payload for row in new],
                        [row.hash for row in new],
                    ),
                )
                cursor.execute("UPDATE xbopt_head SET seq = %s, hash = %s", (end.seq, end.hash))
        return results

    def find(self, kind: EntryKind, key: str) -> Entry | None:
        """As ``Store.find``."""
        return self.find_all([(kind, key)]).get((kind, key))

    def find_all(self, places: Sequence[Place]) -> dict[Place, Entry]:
        """As ``Store.find_all``."""
        return self._again(lambda: self._found(places))

    def _found(self, places: Sequence[Place]) -> dict[Place, Entry]:
        with self._said(), self._transaction() as connection, connection.cursor(binary=True) as cursor:
            asked = ([kind for kind, _ in places], [key for _, key in places])
            rows = cursor.execute(_LOOKUP, asked).fetchall()
            return {place: entry for place, entry, _ in map(_row, rows)}

    def latest(self, kind: EntryKind) -> Entry | None:
        """As ``Store.latest``."""
        return self._again(lambda: self._latest(kind))

    def _latest(self, kind: EntryKind) -> Entry | None:
        with self._said(), self._transaction() as connection, connection.cursor(binary=True) as cursor:
            row = cursor.execute(_LATEST, (kind,)).fetchone()
            return None if row is None else _row(row)[1]

    def probe(self) -> None:
        """As ``Store.probe``."""
        self._again(self._probe)

    def _probe(self) -> None:
        with self._said(), self._transaction(writing=True) as connection:
            _check_end(_head(connection, " FOR UPDATE"), _last(connection))
            connection.execute("UPDATE xbopt_head SET seq = seq")

    def entries(self, kind: str | None = None, *, after: int = 0) -> Iterator[Entry]:
        """As ``Store.entries``."""
        with self._said(), self._transaction() as connection, connection.cursor("xbopt_reading", binary=True) as cursor:
            if kind is None:
                cursor.execute(_IN_ORDER + "WHERE seq > %s ORDER BY seq", (after,))
            else:
                cursor.execute(_IN_ORDER + "WHERE seq > %s AND kind = %s ORDER BY seq", (after, kind))
            while rows := cursor.fetchmany(_FETCH):
                yield from (entry for _, entry, _ in map(_row, rows))

    def head(self) -> Head:
        """As ``Store.head``."""
        return self._again(self._end)

    def _end(self) -> Head:
        with self._said(), self._transaction() as connection:
            return _head(connection)

    @contextmanager
    def snapshot(self) -> Generator[None]:
        """As ``Store.snapshot``."""
        with self._said(), self._transaction():
            within, self._looking = self._looking, True
            try:
                yield
            finally:
                self._looking = within

    def check_form(self) -> None:
        """As ``Store.check_form``."""
        with self._said(), self._transaction() as connection:
            _check_objects(connection)

    def doubt(self) -> str:
        """As ``Store.doubt``; the server keeps its own log."""
        return ""

    def interrupt(self) -> None:
        """As ``Store.interrupt``: the connection is cut, since a server that stands still cancels nothing."""
        link = self._link
        if link is None or link.closed:
            return
        with suppress(Exception), socket.socket(fileno=os.dup(link.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _again(self, call: Callable[[], Answer]) -> Answer:
        """Make a call, and once more where the connection was lost meanwhile; not within a snapshot."""
        fresh = self._lost()
        try:
            return call()
        except StoreError:
            if fresh or self._looking or not self._lost():
                raise
        return call()

    def _lost(self) -> bool:
        return self._link is None or self._link.closed or self._link.broken

    def _connected(self) -> "Connection[tuple[object, ...]]":
        if self._link is not None and not self._lost():
            return self._link
        if self._looking:
            raise StoreError("PostgreSQL: the connection was lost while the store was read; try again.")
        import psycopg

        self._link = psycopg.connect(
            self._url,
            connect_timeout=max(int(self._wait), 1),
            autocommit=True,
            application_name="xbopt",
            prepare_threshold=None,
        )
        return self._link

    @contextmanager
    def _transaction(self, *, writing: bool = False) -> "Generator[Connection[tuple[object, ...]]]":
        """A transaction of its own, or a part of the one that is under way.

        One that only reads sees the store at one moment.
        """
        fresh = self._lost()
        connection = self._connected()
        status = connection.info.transaction_status
        if status != status.IDLE:
            yield connection
            return
        kind = "READ COMMITTED" if writing else "REPEATABLE READ"
        kind += " READ WRITE" if writing and not self._read_only else " READ ONLY"
        # One message for all of it: it has no parameters.
        begin = cast("LiteralString", f"BEGIN ISOLATION LEVEL {kind}{self._settings}")
        try:
            try:
                connection.execute(begin)
            except Exception:
                if fresh or not self._lost():
                    raise
                # The server closed an idle connection.
                connection = self._connected()
                connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if not connection.closed and connection.info.transaction_status != status.IDLE:
                with suppress(Exception):
                    connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _said(self) -> Generator[None]:
        """Turn errors of PostgreSQL into errors of the store; no message tells the password.

        Raises:
            TamperedStoreError: An entry stands where the chain has none.
            RefusedEntryError: The server cannot hold an entry.
            StoreError: Anything else went wrong.
        """
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            text = self._without_password(" ".join(str(error).split()) or type(error).__name__)
            if isinstance(error, psycopg.IntegrityError):
                raise TamperedStoreError(f"PostgreSQL: {text}.") from error
            if isinstance(error, psycopg.DataError | psycopg.errors.ProgramLimitExceeded):
                raise RefusedEntryError(f"PostgreSQL cannot hold this entry: {text}.") from error
            raise StoreError(f"PostgreSQL: {text}.") from None if self._link is None else error

    def _without_password(self, text: str) -> str:
        from psycopg.conninfo import conninfo_to_dict

        found = re.match(r"\w+://[^:/@]*:(.*)@", self._url)
        for password in (found and found[1], conninfo_to_dict(self._url).get("password")):
            text = text.replace(str(password), "***") if password else text
        return text


def _check_url(url: str) -> None:
    """Refuse a URL that the server's library would take apart elsewhere: it quotes the pieces, as a host or a port.

    Raises:
        StoreError: It cannot be read; the message quotes nothing of it.
    """
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    rest = url.partition("://")[2]
    signs, before = rest.count("@"), rest.partition("/")[0].count("@")
    try:
        ports = str(conninfo_to_dict(url).get("port") or "").split(",")
    except Error:
        ports = ["none"]
    if signs != before or signs > 1 or not all(re.fullmatch(r"[0-9]{0,5}", port) for port in ports):
        raise StoreError(
            "The URL of the store cannot be read. It is postgresql://USER:PASSWORD@HOST:PORT/NAME, with %XX for signs "
            "such as : / ? # @ % in the password."
        )


def _head(connection: "Connection[tuple[object, ...]]", lock: LiteralString = "") -> Head:
    question: LiteralString = "SELECT seq, hash FROM xbopt_head"
    rows = connection.execute(question + lock).fetchall()
    if len(rows) != 1:
        raise TamperedStoreError(f"The end of the chain is written down {len(rows)} times, not once.")
    return Head(*cast("tuple[int, bytes]", rows[0]))


def _check_end(end: Head, last: Head | None) -> None:
    """The end of the chain has to be that of the last entry.

    Raises:
        TamperedStoreError: It is not.
    """
    if end != (last or Head(0, GENESIS)):
        raise TamperedStoreError(
            f"The store is not written to: its chain ends at entry {end.seq}, its last entry is "
            f"{0 if last is None else last.seq}. See xbopt decisions verify."
        )


def _check_objects(connection: "Connection[tuple[object, ...]]") -> None:
    differing = differing_objects(connection)
    if differing:
        raise TamperedStoreError(f"The tables of the store are not as xbopt serve made them: {', '.join(differing)}.")


def _add_guard(connection: "Connection[tuple[object, ...]]") -> None:
    """Give a store of an earlier version the guard of its end.

    Raises:
        StoreError: Only the owner of the tables may.
    """
    import psycopg

    try:
        connection.execute(HEAD_REMAINS)
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreError(
            "The store was made by an earlier version and lacks a guard. Its owner has to run once: "
            f"{' '.join(HEAD_REMAINS.split())};"
        ) from error


def _row(row: tuple[object, ...]) -> tuple[Place, Entry, bool]:
    seq, kind, key, payload, chain, is_last = cast("tuple[int, EntryKind, str, bytes, bytes, bool]", row)
    return (kind, key), Entry(seq, kind, key, payload, chain), is_last


def _last(connection: "Connection[tuple[object, ...]]") -> Head | None:
    row = connection.execute("SELECT seq, hash FROM xbopt_entries ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else Head(*cast("tuple[int, bytes]", row))


def _holds_store(connection: "Connection[tuple[object, ...]]") -> bool:
    tables = connection.execute("SELECT to_regclass('xbopt_entries'), to_regclass('xbopt_head')").fetchone()
    return tables is not None and None not in tables
