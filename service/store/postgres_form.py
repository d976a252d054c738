"""The tables of a store in PostgreSQL, their guards, and whether they are still as they were made."""

from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from psycopg import Connection

TABLES: tuple[LiteralString, ...] = (
    """CREATE TABLE IF NOT EXISTS xbopt_entries (
      seq BIGINT PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, payload BYTEA NOT NULL, hash BYTEA NOT NULL,
      UNIQUE (kind, key))""",
    """CREATE TABLE IF NOT EXISTS xbopt_head (
      one INTEGER PRIMARY KEY CHECK (one = 1), seq BIGINT NOT NULL, hash BYTEA NOT NULL)""",
    """CREATE OR REPLACE FUNCTION xbopt_entries_stay() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'entries are never changed or removed'; END $$""",
    """CREATE OR REPLACE TRIGGER xbopt_entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON xbopt_entries
      FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()""",
    """CREATE OR REPLACE TRIGGER xbopt_head_remains BEFORE DELETE OR TRUNCATE ON xbopt_head
      FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()""",
)

_COLUMNS: LiteralString = """
  SELECT c.relname::text || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.oid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head'))"""
_KINDS: LiteralString = """
  SELECT relname::text || ' is no plain table, or hides rows' FROM pg_class
  WHERE oid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head'))
    AND (relkind <> 'r' OR relrowsecurity OR relhasrules OR relhassubclass)"""
_CONSTRAINTS: LiteralString = """
  SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE conrelid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head')) AND contype <> 'n'"""
_TRIGGERS: LiteralString = """
  SELECT tgrelid::regclass::text || ' ' || tgname || ' ' || tgtype || ' ' || p.proname || ' ' || btrim(p.prosrc)
    || CASE WHEN tgenabled IN ('O', 'A') THEN '' ELSE ' (off)' END
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE tgrelid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head')) AND NOT tgisinternal"""
_STAY = "xbopt_entries_stay BEGIN RAISE EXCEPTION 'entries are never changed or removed'; END"
# Bits of tgtype: 2 before, 8 delete, 16 update, 32 truncate; a trigger for each row would have 1.
_FORM = {
    "xbopt_entries.seq bigint not null",
    "xbopt_entries.kind text not null",
    "xbopt_entries.key text not null",
    "xbopt_entries.payload bytea not null",
    "xbopt_entries.hash bytea not null",
    "xbopt_head.one integer not null",
    "xbopt_head.seq bigint not null",
    "xbopt_head.hash bytea not null",
    "xbopt_entries PRIMARY KEY (seq)",
    "xbopt_entries UNIQUE (kind, key)",
    "xbopt_head PRIMARY KEY (one)",
    "xbopt_head CHECK ((one = 1))",
    f"xbopt_entries xbopt_entries_stay 58 {_STAY}",
    f"xbopt_head xbopt_head_remains 42 {_STAY}",
}
_SINCE_THEN = {f"xbopt_head xbopt_head_remains 42 {_STAY}"}
"""Guards that stores of earlier versions lack."""


def differing_objects(connection: "Connection[tuple[object, ...]]") -> list[str]:
    """What of the tables and their guards is missing, new or changed."""
    found: set[str] = set()
    for question in (_COLUMNS, _KINDS, _CONSTRAINTS, _TRIGGERS):
        found |= {str(text) for (text,) in connection.execute(question)}
    return sorted(found ^ _FORM - (_SINCE_THEN - found))
