"""The tables of a store in PostgreSQL, their guards, and whether they are still as they were made."""

from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    from psycopg import Connection

HEAD_REMAINS: LiteralString = """CREATE TRIGGER xbopt_head_remains BEFORE DELETE OR TRUNCATE ON xbopt_head
  FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay()"""
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
    HEAD_REMAINS,
)

_COLUMNS: LiteralString = """
  SELECT c.relname::text || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || a.attcollation::regcollation ELSE '' END
    || CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' THEN ' generated' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.oid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head'))"""
_KINDS: LiteralString = """
  SELECT relname::text || CASE relpersistence WHEN 'p' THEN ' is no plain table, or hides rows'
    ELSE ' is unlogged: a crash empties it' END
  FROM pg_class WHERE oid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head'))
    AND (relkind <> 'r' OR relpersistence <> 'p' OR relrowsecurity OR relforcerowsecurity OR relhassubclass)"""
_RULES: LiteralString = """
  SELECT 'rule ' || pg_get_ruledef(oid, true) FROM pg_rewrite
  WHERE ev_class IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head')) AND rulename <> '_RETURN'"""
_CONSTRAINTS: LiteralString = """
  SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE conrelid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head')) AND contype <> 'n'"""
_TRIGGERS: LiteralString = """
  SELECT pg_get_triggerdef(t.oid, true)
    || CASE WHEN tgenabled IN ('O', 'A') THEN '' ELSE ' (off)' END
    || ' ' || l.lanname || ' ' || btrim(p.prosrc)
    || CASE WHEN p.proconfig IS NULL AND NOT p.prosecdef THEN '' ELSE ' (with other settings)' END
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
  WHERE tgrelid IN (to_regclass('xbopt_entries'), to_regclass('xbopt_head')) AND NOT tgisinternal"""
_SESSION: LiteralString = """
  SELECT 'session_replication_role is replica: no trigger works' WHERE current_setting('session_replication_role')
    = 'replica'"""
_IS_NEWER: LiteralString = "SELECT EXISTS (SELECT FROM xbopt_entries WHERE kind = 'administration')"
_STAY = (
    "FOR EACH STATEMENT EXECUTE FUNCTION xbopt_entries_stay() plpgsql "
    "BEGIN RAISE EXCEPTION 'entries are never changed or removed'; END"
)
_ENTRIES_STAY = f"CREATE TRIGGER xbopt_entries_stay BEFORE DELETE OR UPDATE OR TRUNCATE ON xbopt_entries {_STAY}"
_HEAD_REMAINS = f"CREATE TRIGGER xbopt_head_remains BEFORE DELETE OR TRUNCATE ON xbopt_head {_STAY}"
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
    _ENTRIES_STAY,
    _HEAD_REMAINS,
}


def differing_objects(connection: "Connection[tuple[object, ...]]") -> list[str]:
    """What of the tables and their guards is missing, new or changed.

    Stores of earlier versions lack the guard of the end. Whoever writes to one adds it first, and writes down that the
    service began; so it may be missing only where no entry says so.
    """
    found: set[str] = set()
    for question in (_COLUMNS, _KINDS, _RULES, _CONSTRAINTS, _TRIGGERS, _SESSION):
        found |= {str(text) for (text,) in connection.execute(question)}
    differing = found ^ _FORM
    if _HEAD_REMAINS in differing and connection.execute(_IS_NEWER).fetchone() == (False,):
        differing.remove(_HEAD_REMAINS)
    return sorted(differing)


def lacks_guard(connection: "Connection[tuple[object, ...]]") -> bool:
    """Whether the end of the chain has no guard, as in a store of an earlier version."""
    return all(text != _HEAD_REMAINS for (text,) in connection.execute(_TRIGGERS))
