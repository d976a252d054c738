"""The tables and guards of a store in SQLite: made, added to, and compared with what was made."""

import sqlite3
from pathlib import Path

from xbopt.core.errors import UsageError
from xbopt.service.store.interface import TamperedStoreError

OBJECTS = {
    "entries": """CREATE TABLE entries (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL,
  UNIQUE (kind, key)
) STRICT""",
    "head": """CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT""",
    "entries_stay": """CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END""",
    "entries_remain": """CREATE TRIGGER entries_remain BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END""",
    "head_remains": """CREATE TRIGGER head_remains BEFORE DELETE ON head
  BEGIN SELECT RAISE(ABORT, 'the end of the chain is never removed'); END""",
}
_COLUMNS = {"entries": ["seq", "kind", "key", "payload", "hash"], "head": ["one", "seq", "hash"]}


def holds_store(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> bool:
    """Whether the tables of a store are there; False for an empty file that is to become one.

    Args:
        connection: The file.
        path: Its path, for messages.
        read_only: Whether it is only to be read.

    Raises:
        UsageError: It lacks the tables of a store, and is to be read or holds other tables.
        TamperedStoreError: It holds only one of them as it was made.
    """
    run = connection.execute
    names = {str(name) for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")}
    there = {
        table: [str(column) for (column,) in run("SELECT name FROM pragma_table_info(?)", (table,))]
        for table in _COLUMNS
    }
    if there == _COLUMNS:
        return True
    kept = [table for table in _COLUMNS if there[table] == _COLUMNS[table]]
    if kept:
        raise TamperedStoreError(f"{path} holds {kept[0]} as xbopt serve made it, but not the other table of a store.")
    if read_only or names:
        holds = f"the tables {', '.join(sorted(names))}" if names else "no table"
        raise UsageError(
            f"{path} is a SQLite database, but not a decision store: it holds {holds}; a store holds entries and "
            "head, as xbopt serve makes them."
        )
    return False


def check_objects(connection: sqlite3.Connection, path: Path) -> None:
    """Whether tables and guards are those of a store, and no others.

    Args:
        connection: The file.
        path: Its path, for messages.

    Raises:
        TamperedStoreError: They are not.
    """
    differing = _objects(connection) ^ {(name, _plain(sql)) for name, sql in OBJECTS.items()}
    if differing == _SINCE_THEN:
        # Whoever writes to such a store adds the guard first, and writes down that the service began.
        began = connection.execute("SELECT 1 FROM entries WHERE kind = 'administration' LIMIT 1").fetchone()
        if not began:
            return
    if differing:
        names = ", ".join(sorted({name for name, _ in differing}))
        raise TamperedStoreError(f"{path}: the tables and their guards are not as xbopt serve made them: {names}.")


def add_guards(connection: sqlite3.Connection) -> None:
    """Give a store of an earlier version the guard that it lacks."""
    if _objects(connection).isdisjoint(_SINCE_THEN):
        connection.execute(OBJECTS["head_remains"])


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Name and text of everything that is defined in the file."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(str(name), _plain(str(sql))) for name, sql in rows}


def _plain(sql: str) -> str:
    return " ".join(sql.replace("IF NOT EXISTS ", "").split())


_SINCE_THEN = {("head_remains", _plain(OBJECTS["head_remains"]))}
"""The guard that stores of earlier versions lack."""
