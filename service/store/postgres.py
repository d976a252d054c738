"""The decision store in PostgreSQL, for several replicas of the service.

All replicas append to one chain. The row with its end is locked for the length of one short transaction, which stores
everything that waits in the replica; so replicas take turns, and no two entries follow the same one.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString, cast

from xbopt.core.errors import UsageError
from xbopt.service.store.entries import GENESIS, Entry, EntryKind, Head, NewEntry, Stored
from xbopt.service.store.interface import StoreError, chained

if TYPE_CHECKING:
    from psycopg import Connection

_TABLES: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS xbopt_entries (
      seq BIGINT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, payload BYTEA NOT NULL, hash BYTEA NOT NULL,
      UNIQUE (kind, key))""",
    """CREATE TABLE IF NOT EXISTS xbopt_head (
      one INTEGER PRIMARY KEY CHECK (one = 1), seq BIGINT NOT NULL, hash BYTEA NOT NULL)""",
    """CREATE OR REPLACE FUNCTION xbopt_entries_stay() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'entries are never changed or removed'; END $$""",
    """CREATE OR REPLACE TRIGGER xbopt_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON xbopt_entries
      FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()""",
)
# Two replicas that start at once would make the tables twice; the number names the lock.
_SETUP_LOCK = 0x78626F70
_FETCH = 500


class PostgresStore:
    """A store in a PostgreSQL database; it connects again by itself.

    Args:
        url: ``postgresql://user:password@host/database``.
        wait_seconds: How long to wait for the server, for the chain, and for one statement.
        read_only: Open for reading alone: every transaction is read-only, and no table is made.

    Raises:
        UsageError: The database is to be read and holds no store.
        StoreError: The server cannot be reached or refuses.
    """

    def __init__(self, url: str, *, wait_seconds: float = 2.0, read_only: bool = False) -> None:
        self._url, self._wait, self._read_only = url, wait_seconds, read_only
        self._link: Connection[tuple[object, ...]] | None = None
        with self._said():
            connection = self._connected()
            if read_only:
                if not _holds_store(connection):
                    self.close()
                    raise UsageError(
                        "The PostgreSQL database holds no decision store: it lacks the tables xbopt_entries and "
                        "xbopt_head, which xbopt serve makes."
                    )
                return
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
                if not _holds_store(connection):
                    for statement in _TABLES:
                        connection.execute(statement)
                    connection.execute("INSERT INTO xbopt_head VALUES (1, 0, %s) ON CONFLICT DO NOTHING", (GENESIS,))

    def _connected(self) -> "Connection[tuple[object, ...]]":
        if self._link is not None and not self._link.closed and not self._link.broken:
            return self._link
        import psycopg

        milliseconds = max(int(self._wait * 1000), 1)
        self._link = psycopg.connect(
            self._url,
            connect_timeout=max(int(self._wait), 1),
            autocommit=True,
            application_name="xbopt",
            # A replica that stops in the middle of a transaction must not hold up the others.
            options=(
                f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds} "
                f"-c idle_in_transaction_session_timeout={milliseconds} -c synchronous_commit=on"
                f"{' -c default_transaction_read_only=on' if self._read_only else ''}"
            ),
        )
        return self._link

    def append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        """Store entries in one transaction; when this returns, they are on disk.

        Raises:
            StoreError: Nothing can be said to be stored. Asking again with the same names is safe.
        """
        fresh = self._link is None or self._link.closed or self._link.broken
        try:
            with self._said():
                return self._append(entries)
        except StoreError:
            if fresh or not self._lost():
                raise
        # The server may have closed an idle connection. Names are stored once, so a second try does no harm.
        with self._said():
            return self._append(entries)

    def _append(self, entries: Sequence[NewEntry]) -> list[Stored]:
        connection = self._connected()
        with connection.transaction(), connection.cursor(binary=True) as cursor:
            row = cursor.execute("SELECT seq, hash FROM xbopt_head FOR UPDATE").fetchone()
            if row is None:
                raise StoreError("The store has lost the end of its chain.")
            head = Head(*cast("tuple[int, bytes]", row))
            found = cursor.execute(
                "SELECT kind, key, payload FROM xbopt_entries JOIN unnest(%s::text[], %s::text[]) AS new(k, n) "
                "ON kind = k AND key = n",
                ([entry.kind for entry in entries], [entry.key for entry in entries]),
            ).fetchall()
            known = {(kind, key): payload for kind, key, payload in cast("list[tuple[str, str, bytes]]", found)}
            required = sorted({entry.requires for entry in entries if entry.requires})
            decisions: set[str] = set()
            if required:
                there = cursor.execute(
                    "SELECT key FROM xbopt_entries WHERE kind = 'decision' AND key = ANY(%s)", (required,)
                ).fetchall()
                decisions = {str(key) for (key,) in there}
            rows, results, end = chained(entries, head, known, decisions)
            if rows:
                cursor.execute(
                    "INSERT INTO xbopt_entries SELECT * FROM "
                    "unnest(%s::bigint[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])",
                    (
                        [row.seq for row in rows],
                        [row.kind for row in rows],
                        [row.key for row in rows],
                        [row.payload for row in rows],
                        [row.hash for row in rows],
                    ),
                )
                cursor.execute("UPDATE xbopt_head SET seq = %s, hash = %s", (end.seq, end.hash))
        return results

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """The entries in the order of the chain.

        Raises:
            StoreError: The server cannot be read.
        """
        with self._said():
            connection = self._connected()
            with connection.transaction(), connection.cursor("xbopt_reading", binary=True) as cursor:
                if kind is None:
                    cursor.execute("SELECT seq, kind, key, payload, hash FROM xbopt_entries ORDER BY seq")
                else:
                    cursor.execute(
                        "SELECT seq, kind, key, payload, hash FROM xbopt_entries WHERE kind = %s ORDER BY seq", (kind,)
                    )
                while rows := cast("list[tuple[int, EntryKind, str, bytes, bytes]]", cursor.fetchmany(_FETCH)):
                    yield from (Entry(*row) for row in rows)

    def head(self) -> Head:
        """The end of the chain.

        Raises:
            StoreError: The server cannot be read.
        """
        with self._said():
            row = self._connected().execute("SELECT seq, hash FROM xbopt_head").fetchone()
            if row is None:
                raise StoreError("The store has lost the end of its chain.")
            return Head(*cast("tuple[int, bytes]", row))

    def close(self) -> None:
        """Close the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _lost(self) -> bool:
        return self._link is None or self._link.closed or self._link.broken

    @contextmanager
    def _said(self) -> Generator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            text = " ".join(str(error).split())
            raise StoreError(f"PostgreSQL: {text or type(error).__name__}.") from error


def _holds_store(connection: "Connection[tuple[object, ...]]") -> bool:
    tables = connection.execute("SELECT to_regclass('xbopt_entries'), to_regclass('xbopt_head')").fetchone()
    return tables is not None and None not in tables
